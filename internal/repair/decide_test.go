package repair

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

type (
	users   = map[string]*User[string]
	records = []Record[string]
	entries = []Entry[string]
)

const ada = "ada@example.com"

var doing = []string{"leave", "finish the sign-up of", "finish the deletion of", "put back", "delete the orphan", "delete", "let find", "delete the twin", "make the guard of", "delete the", "make the"}

// graphOf returns a graph whose users are named by their keys.
func graphOf(u users, r records, e entries) *Graph[string] {
	for id := range u {
		u[id].Name = id
	}
	return &Graph[string]{Users: u, Records: r, Entries: e, UserNoun: "user ", EntryNoun: "guard"}
}

// decided returns tasks in short.
func decided(g *Graph[string]) (all []string) {
	for _, t := range Decide(g) {
		text := doing[t.Do] + " " + t.Object
		if t.Stays != nil {
			text += " beside " + t.Stays.Name
		}
		if t.Keeps != nil {
			text += " beside " + t.Keeps.Place
		}
		all = append(all, text)
	}
	return all
}

// user returns one who is there, changed.
func user(change ...func(*User[string])) *User[string] {
	u := &User[string]{There: true}
	for _, c := range change {
		c(u)
	}
	return u
}

func has(email string) func(*User[string]) {
	return func(u *User[string]) { u.Email, u.Led = email, email != "" }
}
func hasUnled(email string) func(*User[string]) { return func(u *User[string]) { u.Email = email } }
func owns(u *User[string])                      { u.Owns++ }
func more(u *User[string])                      { u.More = true }
func verified(u *User[string])                  { u.Verified = true }
func blank(u *User[string])                     { u.Blank = true }
func ghost(u *User[string])                     { u.Blank, u.Ghost = true, true }
func unread(u *User[string])                    { u.Unread = true }
func misfiled(u *User[string])                  { u.Misfiled = true }
func gone(u *User[string])                      { u.There = false }
func removed(u *User[string])                   { u.There, u.Removed = false, true }
func cut(c Cut) func(*User[string])             { return func(u *User[string]) { u.Cut = c } }

// Users alone: without records and entries.
func TestDecideOnUsers(t *testing.T) {
	for name, c := range map[string]struct {
		users users
		want  []string
	}{
		"whole":              {users{"a": user(has(ada)), "b": user()}, nil},
		"gone, with nothing": {users{"a": user(gone)}, nil},

		"not in lower case":            {users{"a": user(has("Ada@example.com"))}, []string{"let find user a"}},
		"misfiled":                     {users{"a": user(has(ada), misfiled)}, []string{"let find user a"}},
		"not led to":                   {users{"a": user(hasUnled(ada))}, []string{"let find user a"}},
		"unreadable, with no address":  {users{"a": user(unread)}, nil},
		"another address in each case": {users{"a": user(has("A@example.com")), "b": user(has("b@example.com"))}, []string{"let find user a"}},

		"twins, unused: the first stays":               {users{"a": user(has(ada)), "b": user(has(ada))}, []string{"delete user b beside a"}},
		"twins, unused: the one who is led to stays":   {users{"a": user(hasUnled(ada)), "b": user(has(ada))}, []string{"delete user a beside b"}},
		"twins, none is led to":                        {users{"a": user(hasUnled(ada)), "b": user(hasUnled(ada))}, []string{"delete user b beside a", "let find user a"}},
		"twins: the one with belongings stays":         {users{"a": user(has(ada)), "b": user(hasUnled(ada), owns)}, []string{"delete user a beside b", "let find user b"}},
		"twins: the one with attributes stays":         {users{"a": user(has(ada)), "b": user(has(ada), more)}, []string{"delete user a beside b"}},
		"twins, both in use":                           {users{"a": user(has(ada), owns), "b": user(has(ada), more)}, []string{"leave user a", "leave user b"}},
		"twins: a link signs in one, one has the rest": {users{"a": user(has(ada), verified), "b": user(hasUnled(ada), owns)}, []string{"leave user a", "leave user b"}},
		"twins: verified, but no link leads there":     {users{"a": user(has(ada), owns), "b": user(hasUnled(ada), verified)}, []string{"delete user b beside a"}},
		"twins: a link may lead to either":             {users{"a": user(hasUnled(ada), verified), "b": user(hasUnled(ada), verified)}, []string{"leave user a", "leave user b"}},
		"twins in two cases, unused: the found stays":  {users{"a": user(has("Ada@example.com")), "b": user(has(ada))}, []string{"delete user a beside b"}},
		"twins in two cases: the used stays, is found": {users{"a": user(has("Ada@example.com"), owns), "b": user(has(ada))}, []string{"delete user b beside a", "let find user a"}},
		"twins in two cases, both in use":              {users{"a": user(has("Ada@example.com"), owns), "b": user(has(ada), owns)}, []string{"leave user a", "leave user b"}},
		"three, one in use":                            {users{"a": user(has(ada)), "b": user(has(ada), owns), "c": user(has(ada))}, []string{"delete user a beside b", "delete user c beside b"}},
		"three, two in use: the third stays too":       {users{"a": user(has(ada), owns), "b": user(has(ada), owns), "c": user(has(ada))}, []string{"leave user a", "leave user b", "leave user c"}},

		"blank": {users{"a": user(blank)}, []string{"delete user a"}},
		"blank, with belongings: it signed up so": {users{"a": user(blank, owns)}, nil},
		"ghost":                                     {users{"a": user(ghost)}, []string{"delete user a"}},
		"ghost, with belongings":                    {users{"a": user(ghost, owns)}, []string{"leave user a"}},
		"sign-up cut":                               {users{"a": user(cut(SignUp))}, []string{"finish the sign-up of user a"}},
		"deletion cut":                              {users{"a": user(gone, cut(Deletion), owns)}, []string{"finish the deletion of user a"}},
		"deletion cut, and brought back":            {users{"a": user(cut(Deletion), owns)}, []string{"leave user a"}},
		"deletion cut, and brought back blank":      {users{"a": user(cut(Deletion), blank)}, []string{"leave user a"}},
		"deletion cut of one whom Repair removed":   {users{"a": user(removed, cut(Deletion), owns)}, []string{"finish the deletion of user a"}},
		"removed":                                   {users{"a": user(removed)}, nil},
		"removed, and there again":                  {users{"a": user(func(u *User[string]) { u.Removed = true }, owns)}, nil},
		"removed, and something was made meanwhile": {users{"a": user(removed, owns)}, []string{"put back user a"}},
	} {
		t.Run(name, func(t *testing.T) { decides(t, graphOf(c.users, nil, nil), c.want) })
	}
}

// decides fails the test unless that is decided, twice, in texts that say what to do.
func decides(t *testing.T, g *Graph[string], want []string) {
	t.Helper()
	for range 2 {
		if got := decided(g); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, task := range Decide(g) {
		if (task.Do == Leave) != (task.Action == "") || task.Detail == "" || task.Object == "" || !task.Blocking || strings.Contains(task.Object+task.Detail, "@") {
			t.Errorf("got %+v, want texts that say what to do, without an address", task)
		}
	}
}

// Users a, b and c, of whom c is gone, with records and what leads to them.
func TestDecideOnRecordsAndEntries(t *testing.T) {
	a, b, c := user(hasUnled(ada), owns), user(owns), user(gone)
	d, e := user(removed), user(unread)
	record := func(k Kind, key, id string, owner *User[string]) Record[string] {
		return Record[string]{Kind: k, Key: key, ID: id, Place: "record " + id, Owner: owner}
	}
	guarded := func(id string, owner *User[string]) Record[string] {
		r := record(Account, "key", id, owner)
		r.Guarded = true
		return r
	}
	expiring := func(id string, owner *User[string], year int) Record[string] {
		r := record(Session, "key", id, owner)
		r.Expires = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		return r
	}
	entry := func(k Kind, key string, owner *User[string]) Entry[string] {
		return Entry[string]{Kind: k, Key: key, Owner: owner}
	}
	list := func(owner *User[string], stored, complete bool) Entry[string] {
		return Entry[string]{Kind: List, Key: "list", Owner: owner, Stored: stored, Complete: complete}
	}
	address := entry(Address, ada, a)
	for name, tt := range map[string]struct {
		records records
		entries entries
		want    []string
	}{
		"whole": {records{guarded("1", a), record(Session, "s", "2", b), record(Token, "t", "3", nil)}, entries{address, entry(Account, "key", a)}, nil},

		"an orphan":                {records{record(Session, "s", "1", c)}, entries{address}, []string{"delete the orphan record 1"}},
		"an orphan, come by twice": {records{record(Session, "s", "1", c), record(Session, "s", "1", c)}, entries{address}, []string{"delete the orphan record 1"}},
		"what leads to the last record of a gone user":     {records{record(Pointer, "", "1", c)}, entries{address}, []string{"delete the orphan record 1"}},
		"no orphan: Repair can put the user back":          {records{record(Session, "s", "1", d)}, entries{address}, nil},
		"nobody's, alone: what cannot be read says so":     {records{record(Account, "key", "1", nil)}, entries{address}, nil},
		"no key is no twin":                                {records{record(Account, "", "1", a), record(Account, "", "2", b)}, entries{address}, nil},
		"one key of two kinds is no twin":                  {records{record(Account, "key", "1", a), record(Session, "key", "2", b)}, entries{address}, nil},
		"twins of one user: the newest stays":              {records{record(Account, "key", "1", a), record(Account, "key", "2", a)}, entries{address}, []string{"delete the twin record 1 beside record 2"}},
		"twins of one user: what expires last stays":       {records{expiring("1", a, 2100), expiring("2", a, 2000)}, entries{address}, []string{"delete the twin record 2 beside record 1"}},
		"twins of two users":                               {records{record(Account, "key", "1", a), record(Account, "key", "2", b)}, entries{address}, []string{"leave record 1", "leave record 2"}},
		"twins of two users, and of nobody":                {records{record(Account, "key", "1", a), record(Account, "key", "2", b), record(Account, "key", "3", nil)}, entries{address}, []string{"leave record 1", "leave record 2"}},
		"twins of a user and one who is gone":              {records{record(Account, "key", "1", a), record(Account, "key", "2", c)}, entries{address}, []string{"delete the orphan record 2"}},
		"twins of a user and nobody":                       {records{record(Account, "key", "1", nil), record(Account, "key", "2", a), record(Account, "key", "3", nil)}, entries{address}, []string{"delete the twin record 1 beside record 2", "delete the twin record 3 beside record 2"}},
		"tokens: one stays":                                {records{record(Token, "key", "1", nil), record(Token, "key", "2", nil), record(Token, "key", "3", nil)}, entries{address}, []string{"delete the twin record 1 beside record 3", "delete the twin record 2 beside record 3"}},
		"without its guard":                                {records{guarded("1", a)}, entries{address}, []string{"make the guard of record 1"}},
		"the guard leads to somebody else":                 {records{guarded("1", a)}, entries{address, entry(Account, "key", b)}, []string{"make the guard of record 1"}},
		"the guard leads to one who is gone":               {records{guarded("1", a)}, entries{address, entry(Account, "key", c)}, []string{"make the guard of record 1"}},
		"the guard is that of another kind":                {records{guarded("1", a)}, entries{address, entry(Session, "key", a)}, []string{"make the guard of record 1", "delete the guard of the user a"}},
		"of two users, and guarded":                        {records{guarded("1", a), guarded("2", b)}, entries{address, entry(Account, "key", b)}, []string{"leave record 1", "leave record 2"}},
		"an orphan and its guard: one task":                {records{guarded("1", c)}, entries{address, entry(Account, "key", c)}, []string{"delete the orphan record 1"}},
		"an orphan, and the guard of another's":            {records{guarded("1", c)}, entries{address, entry(Account, "key", b)}, []string{"delete the orphan record 1", "delete the guard of the user b"}},
		"a guard of no record":                             {nil, entries{address, entry(Account, "key", a)}, []string{"delete the guard of the user a"}},
		"a guard of an address that nobody has":            {nil, entries{address, entry(Address, "old@example.com", a)}, []string{"delete the guard of the user a"}},
		"a guard that leads to one who is gone":            {nil, entries{address, entry(Address, "old@example.com", c)}, []string{"delete the guard of the user c"}},
		"the guard of somebody else's address":             {nil, entries{entry(Address, ada, b)}, []string{"let find user a"}},
		"no guard of an address":                           {nil, nil, []string{"let find user a"}},
		"a list":                                           {nil, entries{address, list(a, true, true)}, nil},
		"a list that lacks one":                            {nil, entries{address, list(a, true, false)}, []string{"make the list of authenticators of the user a"}},
		"a list that is missing":                           {nil, entries{address, list(a, false, false)}, []string{"make the list of authenticators of the user a"}},
		"a list of a user who is gone":                     {nil, entries{address, list(c, true, true)}, []string{"make the list of authenticators of the user c"}},
		"passkeys without a list of a user who is gone":    {nil, entries{address, list(c, false, false)}, nil},
		"a list of a user who was removed":                 {nil, entries{address, list(d, true, true)}, nil},
		"a guard of one who cannot be read":                {nil, entries{address, entry(Address, "old@example.com", e)}, nil},
		"a list that lacks one, of a user who was removed": {nil, entries{address, list(d, true, false)}, []string{"make the list of authenticators of the user d"}},
	} {
		t.Run(name, func(t *testing.T) {
			decides(t, graphOf(users{"a": a, "b": b, "c": c, "d": d, "e": e}, tt.records, tt.entries), tt.want)
		})
	}
}

// What cannot be read is named once, and nothing is done about it.
func TestDecideOnWhatCannotBeRead(t *testing.T) {
	g := graphOf(nil, nil, nil)
	for range 2 {
		g.Unread = append(g.Unread,
			Unread{"moved", errors.New("is elsewhere")}, Unread{"another", &adapter.RecordError{Place: "another", Field: "expires", Want: "a date", Got: "string"}},
			Unread{"a user's", &adapter.RecordError{Place: "a user's", UserID: "a", Field: "expires", Want: "a date", Got: "string"}})
	}
	decides(t, g, []string{"leave a user's", "leave another", "leave moved"})
	for i, another := range []bool{false, true, true} {
		if d := Decide(g)[i].Detail; strings.Contains(d, "another program") != another || strings.Contains(d, "elsewhere") {
			t.Errorf("got %q, want it to say that it may be another program's: %t", d, another)
		}
	}
}

// The texts of one address tell what is wrong with it.
func TestDecideSaysWhatIsWrongWithAnAddress(t *testing.T) {
	for text, u := range map[string]*User[string]{
		"lower case": user(has("Ada@example.com"), misfiled), "in the index": user(hasUnled(ada), misfiled), "has no guard": user(hasUnled(ada)),
	} {
		if got := Decide(graphOf(users{"a": u}, nil, nil)); len(got) != 1 || !strings.Contains(got[0].Detail, text) {
			t.Errorf("got %+v, want it to say %q", got, text)
		}
	}
}

// An entry of an address as its user has it is no stray, in whatever form: LetFind replaces it.
func TestDecideLeavesTheEntryOfAnAddressAsItIsWritten(t *testing.T) {
	a := user(has("Ada@example.com"))
	decides(t, graphOf(users{"a": a}, nil, entries{{Kind: Address, Key: "Ada@example.com", Owner: a}}), []string{"let find user a"})
}

// A store stands for one that does all that is decided, at once.
type store struct{ *Graph[string] }

// do does a task.
func (s store) do(t Task[string]) {
	drop := func(k Kind, key string) {
		s.Entries = slices.DeleteFunc(slices.Clone(s.Entries), func(e Entry[string]) bool { return e.Kind == k && e.Key == key })
	}
	switch t.Do {
	case FinishSignUp:
		t.User.Cut = NotCut
	case FinishDeletion:
		t.User.Cut = NotCut
	case PutBack:
		t.User.There, t.User.Removed = true, false
	case DeleteUser:
		t.User.There, t.User.Removed = false, true
	case LetFind:
		drop(Address, t.Email)
		t.User.Email, t.User.Misfiled, t.User.Led = t.Email, false, true
	case MakeEntry:
		drop(t.Record.Kind, t.Record.Key)
		s.Entries = append(s.Entries, Entry[string]{Kind: t.Record.Kind, Key: t.Record.Key, Owner: t.Record.Owner})
	case DeleteOrphan, DeleteTwin:
		id := t.Record.ID
		s.Records = slices.DeleteFunc(slices.Clone(s.Records), func(r Record[string]) bool { return r.ID == id })
	case DeleteEntry:
		drop(t.Entry.Kind, t.Entry.Key)
	}
}

// broken returns a store in which anything may be.
func broken(r *rand.Rand) *Graph[string] {
	all, half := users{}, func() bool { return r.IntN(2) == 0 }
	emails := []string{"", "", ada, "Ada@example.com", "b@example.com", "B@example.com"}
	var ids []string
	for i := range 1 + r.IntN(6) {
		u := &User[string]{There: r.IntN(4) > 0, Verified: half(), More: r.IntN(4) == 0, Removed: r.IntN(8) == 0}
		if u.There {
			u.Email, u.Led, u.Misfiled, u.Removed = emails[r.IntN(len(emails))], half(), r.IntN(4) == 0, false
			u.Blank = u.Email == "" && !u.More && half()
			u.Ghost = u.Blank && half()
		}
		if r.IntN(8) == 0 {
			u.Cut = Cut(r.IntN(3))
		}
		ids = append(ids, fmt.Sprint("u", i))
		all[ids[i]] = u
	}
	g := graphOf(all, nil, nil)
	keys := map[Kind][]string{Account: {"a1", "a2"}, Session: {"s1", "s2"}, Token: {"t1"}, Address: {ada, "b@example.com", "old@example.com"}}
	key := func(k Kind) string { return keys[k][r.IntN(len(keys[k]))] }
	for i := range r.IntN(8) {
		k := []Kind{Account, Session, Token}[r.IntN(3)]
		rec := Record[string]{Kind: k, Key: key(k), ID: fmt.Sprint(i), Place: fmt.Sprint("record ", i), Guarded: k == Account}
		if k != Token && r.IntN(8) > 0 {
			rec.Owner = all[ids[r.IntN(len(ids))]]
			rec.Owner.Owns++
		}
		g.Records = append(g.Records, rec)
	}
	for k := range keys {
		for _, key := range keys[k] {
			if k != Token && half() {
				g.Entries = append(g.Entries, Entry[string]{Kind: k, Key: key, Owner: all[ids[r.IntN(len(ids))]]})
			}
		}
	}
	return g
}

// Whatever is broken, in whatever order it is found: nothing is taken by which somebody
// signs in, the same is decided, and when it is done what is left is a person's.
func TestDecideOnAnything(t *testing.T) {
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 0))
		g := broken(r)
		want := decided(g)
		r.Shuffle(len(g.Records), func(i, j int) { g.Records[i], g.Records[j] = g.Records[j], g.Records[i] })
		r.Shuffle(len(g.Entries), func(i, j int) { g.Entries[i], g.Entries[j] = g.Entries[j], g.Entries[i] })
		if got := decided(g); !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %q and %q, want the same", seed, want, got)
		}
		for round := 0; ; round++ {
			tasks := slices.DeleteFunc(Decide(g), func(t Task[string]) bool { return t.Do == Leave })
			if len(tasks) == 0 {
				break
			}
			if round == 4 {
				t.Fatalf("seed %d: after %d rounds there is still to do: %+v", seed, round, tasks)
			}
			for _, task := range tasks {
				if why := takes(g, task); why != "" {
					t.Fatalf("seed %d: %s: %s", seed, task.Object, why)
				}
			}
			for _, task := range tasks {
				store{g}.do(task)
			}
		}
	}
}

// takes says what a task takes that it must not; "": nothing.
func takes(g *Graph[string], t Task[string]) string {
	switch t.Do {
	case DeleteUser:
		if t.User.Owns > 0 || t.User.More || t.User.Cut != NotCut || t.User.Verified && t.User.Led && t.User.Email == t.Email && t.Email != "" {
			return "a user who is in use"
		}
		if t.User.Email != "" && (t.Stays == nil || t.Stays == t.User || !t.Stays.There || adapter.NormalizeEmail(t.Stays.Email) != adapter.NormalizeEmail(t.User.Email)) {
			return "a user without another one who has the address"
		}
	case DeleteOrphan:
		if t.Record.Owner == nil || t.Record.Owner.There || t.Record.Owner.Removed {
			return "what is a user's"
		}
	case DeleteTwin:
		if t.Keeps == t.Record || t.Keeps.Key != t.Record.Key || t.Record.Owner != nil && t.Record.Owner != t.Keeps.Owner {
			return "what only one user has"
		}
	case DeleteEntry:
		for _, u := range g.Users {
			if t.Entry.Kind == Address && t.Entry.Owner == u && u.There && u.Email == t.Entry.Key {
				return "what leads to a user"
			}
		}
		for _, r := range g.Records {
			if t.Entry.Kind == r.Kind && t.Entry.Key == r.Key && t.Entry.Owner == r.Owner {
				return "what leads to a record"
			}
		}
	}
	return ""
}
