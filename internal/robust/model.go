package robust

import (
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// How many keys of each kind a world has, counted from 1.
const (
	users       = 4
	emails      = 2
	accounts    = 2
	sessions    = 3
	tokens      = 2
	credentials = 2
)

// state is a world as the contract knows it.
type state struct {
	users       [users + 1]user
	accounts    [accounts + 1]owned
	sessions    [sessions + 1]owned
	tokens      [tokens + 1]bool
	credentials [credentials + 1]owned
}

type user struct {
	is                 status
	email, name, image int
}

type status string

const (
	absent status = ""
	there  status = "there"
	// half is a user whose deletion goes on or was cut: nothing leads to it, and its ID
	// may be taken until the deletion has ended (docs/mongo.md, Sign-ups and deletions).
	half status = "half deleted"
)

// owned belongs to a user, 0 for nobody. If that user is not there it is stray: it leads
// nowhere, gives way to whoever wants its key, and may be shown (R14, LinkAccount).
// Only credentials have a name.
type owned struct{ owner, value, name int }

// firstCount is the counter of a credential when it is made.
const firstCount = 1

// shown is the answer that has a record.
func (r owned) shown() Answer {
	return Answer{Kind: ok, User: r.owner, Value: r.value, Name: r.name}
}

// outcome is an answer that the contract gives, and the state after it.
type outcome struct {
	answer Answer
	next   state
}

// holder returns who has an address.
func (s state) holder(email int) int {
	for u := 1; u <= users && email != 0; u++ {
		if s.users[u].is == there && s.users[u].email == email {
			return u
		}
	}
	return 0
}

// isReal reports whether a record leads to its user.
func (s state) isReal(r owned) bool { return r.owner != 0 && s.users[r.owner].is == there }

// profile is the answer that has a user.
func (s state) profile(u int) Answer {
	return Answer{Kind: ok, User: u, Email: s.users[u].email, Name: s.users[u].name, Image: s.users[u].image}
}

// model is the contract. A call without an answer may take any of its outcomes, or none.
var model = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(before, input, output any) (after []any) {
		s, c, a := before.(state), input.(Call), output.(Answer)
		if a.Kind == unknown {
			after = append(after, s)
		}
		for _, o := range s.outcomes(c) {
			if a.Kind == unknown || o.answer == a {
				after = append(after, o.next)
			}
		}
		return after
	},
	Hash: func(s any) uint64 { return maphash.Comparable(hashSeed, s.(state)) },

	DescribeOperation: func(input, output any) string { return describe(input.(Call), output.(Answer)) },
	DescribeState:     func(s any) string { return fmt.Sprintf("%+v", s) },
}).ToModel()

var hashSeed = maphash.MakeSeed()

// outcomes returns all that the contract allows.
func (s state) outcomes(c Call) []outcome {
	switch c.Op {
	case createUser, signUp, signUpByPasskey:
		return s.creates(c)
	case getUser:
		return s.finds(c.User)
	case getUserByEmail:
		return s.finds(s.holder(c.Email))
	case getUserByAccount:
		return s.finds(s.accounts[c.Account].owner)
	case updateName, updateImage, updateEmail:
		return s.updates(c)
	case deleteUser:
		return s.deletes(c.User)
	case endDeletion:
		if s.users[c.User].is == half {
			s.users[c.User] = user{}
		}
		return []outcome{{Answer{Kind: ok}, s}}
	}
	return s.ofRecord(c)
}

// ofRecord is outcomes of what belongs to users, and of tokens.
func (s state) ofRecord(c Call) []outcome {
	account := func(s *state) *owned { return &s.accounts[c.Account] }
	session := func(s *state) *owned { return &s.sessions[c.Session] }
	credential := func(s *state) *owned { return &s.credentials[c.Credential] }
	switch c.Op {
	case linkAccount:
		return s.gives(account, c, adapter.FieldAccount)
	case createSession:
		return s.gives(session, c, adapter.FieldSessionToken)
	case createCredential:
		return s.gives(credential, c, adapter.FieldCredentialID)
	case getAccount:
		return s.shows(account)
	case getCredential:
		return s.shows(credential)
	case openSession:
		return s.opens(session)
	case updateAccount:
		return s.changes(account, c.Value)
	case updateSession:
		return s.changes(session, c.Value)
	case count:
		return s.counts(credential, c.Value)
	case rename:
		return s.renames(credential, c.Value)
	case listAccounts:
		return s.lists(c.User, s.accounts[:])
	case listSessions:
		return s.lists(c.User, s.sessions[:])
	case unlinkAccount, endAccount:
		return s.removes(account, c.User)
	case deleteSession, endSession:
		return s.removes(session, c.User)
	case deleteCredential, endCredential:
		return s.removes(credential, c.User)
	case strayAccount:
		return s.leaves(account, owned{owner: c.User})
	case strayCredential:
		return s.leaves(credential, owned{owner: c.User, value: firstCount})
	}
	return s.ofToken(c)
}

// record is the place of one in a state.
type record func(*state) *owned

// creates is a sign-up. Of several conflicts any may be said.
func (s state) creates(c Call) (all []outcome) {
	say := func(field string) { all = append(all, outcome{Answer{Kind: conflict, Field: field}, s}) }
	free := true
	if s.users[c.User].is != absent {
		say(adapter.FieldUserID)
		free = s.users[c.User].is == half
	}
	if s.holder(c.Email) != 0 {
		say(adapter.FieldUserEmail)
		free = false
	}
	if c.Account != 0 && s.isReal(s.accounts[c.Account]) {
		say(adapter.FieldAccount)
		free = false
	}
	if c.Credential != 0 && s.isReal(s.credentials[c.Credential]) {
		say(adapter.FieldCredentialID)
		free = false
	}
	if !free {
		return all
	}
	for _, next := range s.strays(c.User) {
		next.users[c.User] = user{is: there, email: c.Email, name: c.Value}
		if c.Account != 0 {
			next.accounts[c.Account] = owned{owner: c.User}
		}
		if c.Credential != 0 {
			next.credentials[c.Credential] = owned{owner: c.User, value: firstCount}
		}
		all = append(all, outcome{Answer{Kind: ok}, next})
	}
	return all
}

// strays returns the states in which what is stray of a user, who is about to be there,
// comes to that user or goes.
func (s state) strays(u int) []state {
	all := []state{s}
	s.each(u, func(r record) {
		for _, without := range all {
			*r(&without) = owned{}
			all = append(all, without)
		}
	})
	return all
}

// each calls f for each record that belongs to a user.
func (s state) each(u int, f func(record)) {
	for i := range s.accounts {
		if s.accounts[i].owner == u {
			f(func(s *state) *owned { return &s.accounts[i] })
		}
	}
	for i := range s.sessions {
		if s.sessions[i].owner == u {
			f(func(s *state) *owned { return &s.sessions[i] })
		}
	}
	for i := range s.credentials {
		if s.credentials[i].owner == u {
			f(func(s *state) *owned { return &s.credentials[i] })
		}
	}
}

func (s state) finds(u int) []outcome {
	if u == 0 || s.users[u].is != there {
		return []outcome{{Answer{Kind: notFound}, s}}
	}
	return []outcome{{s.profile(u), s}}
}

func (s state) updates(c Call) (all []outcome) {
	if c.Op == updateEmail && s.holder(c.Email) != 0 && s.holder(c.Email) != c.User {
		all = append(all, outcome{Answer{Kind: conflict, Field: adapter.FieldUserEmail}, s})
	}
	switch u := &s.users[c.User]; {
	case u.is != there:
		return append(all, outcome{Answer{Kind: notFound}, s})
	case len(all) > 0:
		return all
	case c.Op == updateName:
		u.name = c.Value
	case c.Op == updateImage:
		u.image = c.Value
	case c.Op == updateEmail:
		u.email = c.Email
	}
	return []outcome{{s.profile(c.User), s}}
}

// deletes is the user's own part of a deletion: see parts. Until it has ended, the ID may
// be taken, also that of a user who was not there.
func (s state) deletes(u int) []outcome {
	gone := s
	gone.users[u] = user{}
	s.users[u] = user{is: half}
	return []outcome{{Answer{Kind: ok}, gone}, {Answer{Kind: ok}, s}}
}

// gives makes a record. Where the user is not there it may be stored, and is stray.
func (s state) gives(r record, c Call, field string) (all []outcome) {
	if s.users[c.User].is != there {
		all = append(all, outcome{Answer{Kind: invalid}, s})
	}
	if s.isReal(*r(&s)) {
		return append(all, outcome{Answer{Kind: conflict, Field: field}, s})
	}
	*r(&s) = owned{owner: c.User, value: c.Value}
	return append(all, outcome{Answer{Kind: ok}, s})
}

// leaves makes a stray record, where there is neither the user nor another's record.
func (s state) leaves(of record, r owned) []outcome {
	if s.users[r.owner].is != there && !s.isReal(*of(&s)) {
		*of(&s) = r
	}
	return []outcome{{Answer{Kind: ok}, s}}
}

// shows is a look at a record, which may be stray.
func (s state) shows(of record) (all []outcome) {
	r := *of(&s)
	if r.owner != 0 {
		all = append(all, outcome{r.shown(), s})
	}
	if !s.isReal(r) {
		all = append(all, outcome{Answer{Kind: notFound}, s})
	}
	return all
}

// opens is a look at a session, which never opens for a user who is not there.
func (s state) opens(of record) []outcome {
	r := *of(&s)
	if !s.isReal(r) {
		return []outcome{{Answer{Kind: notFound}, s}}
	}
	return []outcome{{r.shown(), s}}
}

func (s state) changes(of record, value int) (all []outcome) {
	r := of(&s)
	if !s.isReal(*r) {
		all = append(all, outcome{Answer{Kind: notFound}, s})
	}
	if r.owner != 0 {
		r.value = value
		all = append(all, outcome{r.shown(), s})
	}
	return all
}

// renames is an update of a credential, which leaves its counter.
func (s state) renames(of record, name int) (all []outcome) {
	r := of(&s)
	if !s.isReal(*r) {
		all = append(all, outcome{Answer{Kind: notFound}, s})
	}
	if r.owner != 0 {
		r.name = name
		all = append(all, outcome{r.shown(), s})
	}
	return all
}

// counts is a sign-in with a passkey: R17.
func (s state) counts(of record, n int) (all []outcome) {
	r := of(&s)
	if !s.isReal(*r) {
		all = append(all, outcome{Answer{Kind: notFound}, s})
	}
	switch {
	case r.owner == 0:
	case driver.CounterGrows(uint32(r.value), uint32(n)):
		r.value = n
		all = append(all, outcome{r.shown(), s})
	default:
		all = append(all, outcome{Answer{Kind: conflict, Field: adapter.FieldCounter}, s})
	}
	return all
}

// lists is a list of what a user has. Of a user who is not there it may have what is
// stray.
func (s state) lists(u int, records []owned) (all []outcome) {
	set := 0
	for i, r := range records {
		if r.owner == u {
			set |= 1 << i
		}
	}
	if s.users[u].is == there {
		return []outcome{{Answer{Kind: ok, Set: set}, s}}
	}
	for part := set; ; part = (part - 1) & set {
		all = append(all, outcome{Answer{Kind: ok, Set: part}, s})
		if part == 0 {
			return all
		}
	}
}

// ofToken: a second token with the same name is refused or takes the first one's place.
func (s state) ofToken(c Call) (all []outcome) {
	live := s.tokens[c.Token]
	s.tokens[c.Token] = c.Op == createToken
	switch {
	case c.Op == useToken && !live:
		return []outcome{{Answer{Kind: notFound}, s}}
	case c.Op == createToken && live:
		all = append(all, outcome{Answer{Kind: conflict, Field: adapter.FieldVerificationToken}, s})
	}
	return append(all, outcome{Answer{Kind: ok}, s})
}

// removes takes a record away, whose ever it is, or if it is a user's.
func (s state) removes(of record, u int) []outcome {
	if r := of(&s); u == 0 || r.owner == u {
		*r = owned{}
	}
	return []outcome{{Answer{Kind: ok}, s}}
}

// parts returns the calls that a call consists of, each of which takes effect at a time of
// its own: the contract does not say that a deletion of many records is one step, only
// what holds while it goes on and when it has ended. What is made under a key again while
// it goes on may be deleted again.
func parts(c Call) (all []Call) {
	switch c.Op {
	case deleteUser:
		all = append(all, c)
		for i := 1; i <= sessions; i++ {
			all = append(all, Call{Op: endSession, User: c.User, Session: i})
		}
		for i := 1; i <= accounts; i++ {
			all = append(all, Call{Op: endAccount, User: c.User, Account: i})
		}
		for i := 1; i <= credentials; i++ {
			all = append(all, Call{Op: endCredential, User: c.User, Credential: i})
		}
	case deleteSessions:
		for i := 1; i <= sessions; i++ {
			end := Call{Op: endSession, User: c.User, Session: i}
			all = append(all, end, end)
		}
	case deleteTokens:
		for i := 1; i <= tokens; i++ {
			end := Call{Op: endToken, Token: i}
			all = append(all, end, end)
		}
	default:
		all = append(all, c)
	}
	return all
}

// stray returns what a sign-up of several writes may leave for a while, or for ever if it has no
// answer, where its user is deleted while it goes on: the account or passkey alone, which leads
// nowhere. Who deletes is DeleteUser, or a call that takes a slow sign-up for one whose process
// died.
func stray(o Operation, history []Operation) (c Call, may bool) {
	c = Call{User: o.Call.User, Account: o.Call.Account, Credential: o.Call.Credential}
	switch {
	case o.InSteps && o.Call.Op == signUp:
		c.Op = strayAccount
	case o.InSteps && o.Call.Op == signUpByPasskey:
		c.Op = strayCredential
	default:
		return c, false
	}
	return c, o.Answer.Kind == unknown || o.Ended-o.Begun > slow.Nanoseconds() || slices.ContainsFunc(history, func(other Operation) bool {
		overlap := other.Begun < o.Ended && (other.Answer.Kind == unknown || other.Ended > o.Begun)
		return other.Call.Op == deleteUser && other.Call.User == o.Call.User && overlap
	})
}

// slow is how long a sign-up takes at least before another call gives it up (docs/mongo.md).
const slow = 100 * time.Millisecond
