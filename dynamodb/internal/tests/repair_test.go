package dynamodb_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// meanwhile is a transport that lets somebody else do something just before or after a
// write, which it counts from 1.
type meanwhile struct {
	before, after func(write int) // nil: nothing
	writes, scans int
}

func (m *meanwhile) Do(req *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	if operation == "Scan" {
		m.scans++
	}
	if !strings.Contains(operation, "Write") {
		return sharedHTTP.Do(req)
	}
	m.writes++
	if m.before != nil {
		m.before(m.writes)
	}
	resp, err := sharedHTTP.Do(req)
	if m.after != nil {
		m.after(m.writes)
	}
	return resp, err
}

// through returns an adapter on the table whose client has a transport.
func (s shared) through(m *meanwhile, digests ...bool) adapter.Adapter {
	o := dynamodb.Options{Table: s.table}
	o.PlainSessionTokens = len(digests) == 0
	return open(s.t, newClient(s.t, func(o *awsdynamodb.Options) { o.HTTPClient = m }), o)
}

// repairer returns what repairs the table, through a transport.
func (s shared) repairer(m *meanwhile) adapter.Repairer {
	r, ok := adapter.As[adapter.Repairer](s.through(m))
	if !ok {
		s.t.Fatal("no adapter.Repairer")
	}
	return r
}

// left returns the objects of a dry run, and fails the test if Repair would do something.
func (s shared) left() (all []string) {
	s.t.Helper()
	found, err := s.repairer(&meanwhile{}).Repair(s.t.Context(), true)
	check(s.t, err)
	for _, f := range found {
		if f.Action != "" {
			s.t.Errorf("got %v, want what a person has to do only", f)
		}
		all = append(all, f.Object)
	}
	slices.Sort(all)
	return all
}

// itemText returns an item as text, "" if it is not there.
func (s shared) itemText(pk, sk string) string {
	s.t.Helper()
	out, err := s.client.GetItem(s.t.Context(), &awsdynamodb.GetItemInput{
		TableName: &s.table, Key: item{"pk": pk, "sk": sk}.attributes(), ConsistentRead: aws.Bool(true),
	})
	check(s.t, err)
	if out.Item == nil {
		return ""
	}
	return describe(&types.AttributeValueMemberM{Value: out.Item})
}

// stamped returns an item as this package has written it.
func stamped(i item, stamp string) item {
	i["authstoreStamp"] = stamp
	return i
}

// theirNobody is a user without an address, who needs no guard.
func theirNobody(id string) item {
	i := theirUser(id, "")
	for _, name := range []string{"email", "GSI1PK", "GSI1SK"} {
		delete(i, name)
	}
	return i
}

// theirGhost is what their adapter makes when it updates a user who is not there.
func theirGhost(id string) item {
	return item{"pk": "USER#" + id, "sk": "USER#" + id, "id": id, "emailVerified": "2026-01-02T03:04:05.000Z"}
}

const (
	ada      = "ada@example.com"
	adaGuard = "EMAIL#" + ada
	github   = "ACCOUNT#github#1"
)

// What the Auth.js adapter writes between a look of Repair's and its write is not lost,
// and the write is not made on what was true before.
func TestRepairLeavesWhatIsWrittenMeanwhile(t *testing.T) {
	ghost := theirGhost("u")
	renamed, another := theirUser("v", ada), theirAccount("u", "github", "1")
	renamed["name"], another["access_token"], another["id"] = "Grace", "gho_2", "8f8c8d1e-3b52-4cf4-9f0e-3a35b7c0f0a2"
	for _, tt := range []struct {
		name   string
		items  []item
		write  int // before which something is done
		do     func(shared)
		pk, sk string // where something must be
		want   string // that it holds
	}{
		{"a twin has an account by now", []item{theirUser("u", ada), theirSession("u", theirToken, 4102444800), theirUser("v", ada), stamped(guard(adaGuard, "v"), "1")}, 1,
			func(s shared) { s.put(theirAccount("v", "github", "1")) }, "USER#v", "USER#v", "email: " + ada},
		{"the guard of such a twin stays", []item{theirUser("u", ada), theirSession("u", theirToken, 4102444800), theirUser("v", ada), stamped(guard(adaGuard, "v"), "1")}, 1,
			func(s shared) { s.put(theirAccount("v", "github", "1")) }, adaGuard, "GUARD", "userId: v"},
		{"a twin has another name", []item{theirUser("u", ada), stamped(guard(adaGuard, "u"), "1"), theirUser("v", ada)}, 1,
			func(s shared) { s.put(renamed) }, "USER#v", "USER#v", "name: Grace"},
		{"the twin that stays is gone", []item{theirUser("u", ada), stamped(guard(adaGuard, "u"), "1"), theirUser("v", ada)}, 1,
			func(s shared) { s.remove("USER#u", "USER#u") }, "USER#v", "USER#v", "email: " + ada},
		{"the twin that stays has another address", []item{theirUser("u", ada), stamped(guard(adaGuard, "u"), "1"), theirUser("v", ada)}, 1,
			func(s shared) { s.put(theirUser("u", "new@example.com")) }, "USER#v", "USER#v", "email: " + ada},
		{"a ghost is a user", []item{ghost}, 1,
			func(s shared) { s.put(theirNobody("u")) }, "USER#u", "USER#u", "type: USER"},
		{"a ghost has a session", []item{ghost}, 1,
			func(s shared) { s.put(theirSession("u", theirToken, 4102444800)) }, "USER#u", "USER#u", "id: u"},
		{"an orphan session has a user", []item{theirSession("u", theirToken, 4102444800)}, 1,
			func(s shared) { s.put(theirNobody("u")) }, "USER#u", "SESSION#" + theirToken, theirToken},
		{"an orphan account has a user", []item{theirAccount("u", "github", "1")}, 1,
			func(s shared) { s.put(theirNobody("u")) }, "USER#u", github, "gho_1"},
		{"an orphan account is another", []item{stamped(theirAccount("u", "github", "1"), "1")}, 1,
			func(s shared) { s.put(another) }, "USER#u", github, "gho_2"},
		{"an account without a guard is another", []item{theirNobody("u"), theirAccount("u", "github", "1")}, 1,
			func(s shared) { s.put(another) }, "USER#u", github, "gho_2"},
		{"a guard leads to an account again", []item{theirNobody("u"), theirAccount("u", "github", "1"), theirNobody("v"), stamped(guard(github, "v"), "1")}, 2,
			func(s shared) { s.put(theirAccount("v", "github", "1")) }, github, "GUARD", "userId: v"},
		{"a guard leads to an address again", []item{theirUser("u", ada), theirNobody("v"), stamped(guard(adaGuard, "v"), "1")}, 2,
			func(s shared) { s.put(theirUser("v", ada)) }, adaGuard, "GUARD", "userId: v"},
		{"a stray guard leads to an account again", []item{theirNobody("u"), stamped(guard(github, "u"), "1")}, 1,
			func(s shared) { s.put(theirAccount("u", "github", "1")) }, github, "GUARD", "userId: u"},
		{"a stray guard leads to a session again", []item{theirNobody("u"), stamped(guard("SESSION#"+theirToken, "u"), "1")}, 1,
			func(s shared) { s.put(theirSession("u", theirToken, 4102444800)) }, "SESSION#" + theirToken, "GUARD", "userId: u"},
		{"a stray guard leads to an address again", []item{theirNobody("u"), stamped(guard(adaGuard, "u"), "1")}, 1,
			func(s shared) { s.put(theirUser("u", ada)) }, adaGuard, "GUARD", "userId: u"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShared(t)
			for _, i := range tt.items {
				s.put(i)
			}
			done := false
			m := &meanwhile{before: func(write int) {
				if write == tt.write {
					tt.do(s)
					done = true
				}
			}}
			_, err := s.repairer(m).Repair(t.Context(), false)
			check(t, err)
			if got := s.itemText(tt.pk, tt.sk); !strings.Contains(got, tt.want) || !done {
				t.Errorf("got %q at %s, %s, want that it holds %q", got, tt.pk, tt.sk, tt.want)
			}
		})
	}
}

// usedTwins is a table with the users u and v of one address, of whom Repair deletes v,
// since nothing belongs to it, until something does.
func usedTwins(t *testing.T) shared {
	s := newShared(t)
	for _, i := range []item{theirUser("u", ada), theirSession("u", theirToken, 4102444800), theirUser("v", ada)} {
		s.put(i)
	}
	return s
}

// A user who is put back is a twin again, and left to a person: whether its address was
// claimed meanwhile or not.
func TestAUserWhoIsPutBackIsATwin(t *testing.T) {
	for name, claimed := range map[string]bool{"the address is free": false, "the address is the other's": true} {
		t.Run(name, func(t *testing.T) {
			s := usedTwins(t)
			m := &meanwhile{before: func(write int) {
				switch {
				case write == 1:
					s.put(theirAccount("v", "github", "1"))
				case write == 2 && claimed:
					s.put(stamped(guard(adaGuard, "u"), "2"))
				}
			}}
			_, err := s.repairer(m).Repair(t.Context(), false)
			check(t, err)
			if got := s.itemText(adaGuard, "GUARD"); strings.Contains(got, "userId: u") != claimed || strings.Contains(got, "userId: v") {
				t.Errorf("got the guard %q, want u's if u claimed it (%t), else none", got, claimed)
			}
			_, err = s.repairer(&meanwhile{}).Repair(t.Context(), false) // the account's guard
			check(t, err)
			if got, want := s.left(), []string{"user u", "user v"}; !slices.Equal(got, want) {
				t.Errorf("got %q left to a person, want %q", got, want)
			}
			u, err := s.GetUserByAccount(t.Context(), accountKey)
			check(t, err)
			if u.ID != "v" {
				t.Errorf("got the user %q by the account, want v", u.ID)
			}
		})
	}
}

// A user is put back although the context has ended, and even if nobody knows whether it
// was deleted.
func TestAUserIsPutBackAfterTheContext(t *testing.T) {
	s := usedTwins(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := &meanwhile{
		before: func(write int) {
			if write == 1 {
				s.put(theirAccount("v", "github", "1"))
			}
		},
		after: func(int) { cancel() },
	}
	if _, err := s.repairer(m).Repair(ctx, false); err == nil {
		t.Error("got no error from a Repair whose context has ended")
	}
	if s.itemText("USER#v", "USER#v") == "" {
		t.Error("the user to whom the account belongs is gone")
	}
}

// A user whom DeleteUser deletes meanwhile is not put back: not if the ID was deleted once
// before either.
func TestADeletedUserIsNotPutBack(t *testing.T) {
	for _, before := range []bool{false, true} {
		t.Run(fmt.Sprintf("deleted before: %t", before), func(t *testing.T) {
			s := usedTwins(t)
			if before {
				check(t, s.DeleteUser(t.Context(), "v"))
				s.put(theirUser("v", ada))
			}
			m := &meanwhile{before: func(write int) {
				switch write {
				case 1:
					s.put(theirAccount("v", "github", "1"))
				case 2:
					check(t, s.DeleteUser(t.Context(), "v"))
				}
			}}
			_, err := s.repairer(m).Repair(t.Context(), false)
			check(t, err)
			if got := s.itemText("USER#v", "USER#v"); got != "" {
				t.Errorf("got the deleted user %s, want none", got)
			}
		})
	}
}

// A tombstone of before is no reason not to put a user back.
func TestAUserOfADeletedIDIsPutBack(t *testing.T) {
	s := usedTwins(t)
	check(t, s.DeleteUser(t.Context(), "v"))
	s.put(theirUser("v", ada))
	m := &meanwhile{before: func(write int) {
		if write == 1 {
			s.put(theirAccount("v", "github", "1"))
		}
	}}
	_, err := s.repairer(m).Repair(t.Context(), false)
	check(t, err)
	if s.itemText("USER#v", "USER#v") == "" {
		t.Error("the user to whom the account belongs is gone")
	}
}

// What others keep in the partition of a user belongs to the user.
func TestWhatIsNotOfTheLayoutBelongsToItsUser(t *testing.T) {
	s := newShared(t)
	for _, i := range []item{theirUser("u", ada), theirUser("v", ada), {"pk": "USER#v", "sk": "ORDER#1"}} {
		s.put(i)
	}
	_, err := s.repairer(&meanwhile{}).Repair(t.Context(), false)
	check(t, err)
	if s.itemText("USER#v", "USER#v") == "" || s.itemText("USER#u", "USER#u") != "" {
		t.Error("of two twins v has something, but did not stay alone")
	}
	if got := s.left(); len(got) != 0 {
		t.Errorf("got %q left, want nothing", got)
	}
}

// The guard of a ghost's address goes with the ghost.
func TestTheGuardOfAGhostGoes(t *testing.T) {
	s := newShared(t)
	for _, i := range []item{theirGhost("u"), stamped(guard(adaGuard, "u"), "1")} {
		s.put(i)
	}
	_, err := s.repairer(&meanwhile{}).Repair(t.Context(), false)
	check(t, err)
	if got := s.dump(); len(got) != 0 {
		t.Errorf("got %q left, want nothing", got)
	}
}

// Any number of processes may repair at once.
func TestRepairIsRaced(t *testing.T) {
	s := newShared(t)
	account := func(userID string, id int) item { return theirAccount(userID, "github", fmt.Sprint(userID, id)) }
	var want []string
	for n := range 4 {
		email := func(kind string) string { return fmt.Sprintf("%s%d@example.com", kind, n) }
		id := func(kind string) string { return fmt.Sprintf("%s%d", kind, n) }
		for _, i := range []item{
			theirUser(id("lone"), email("lone")), account(id("lone"), 1), account(id("lone"), 2), // without guards
			stamped(guard("ACCOUNT#github#"+id("lone")+"2", id("a")), "1"),                                                  // it leads to another, who has no such account
			theirUser(id("a"), email("a")), theirUser(id("b"), email("a")), theirUser(id("c"), strings.ToUpper(email("a"))), // unused twins
			theirUser(id("d"), email("d")), theirUser(id("e"), email("d")), account(id("e"), 1), stamped(guard("EMAIL#"+email("d"), id("d")), "1"), // one is used
			theirUser(id("f"), email("f")), account(id("f"), 1), theirUser(id("g"), email("f")), account(id("g"), 1), // both are
			account(id("gone"), 1), theirSession(id("gone"), id("token"), 4102444800), stamped(guard("ACCOUNT#github#"+id("gone")+"1", id("gone")), "1"), // orphans
			theirGhost(id("ghost")), stamped(guard("EMAIL#"+email("ghost"), id("ghost")), "1"),
			stamped(guard("EMAIL#"+email("stray"), id("lone")), "1"), stamped(guard("ACCOUNT#github#"+id("stray"), id("lone")), "1"),
		} {
			s.put(i)
		}
		want = append(want, "user "+id("f"), "user "+id("g"))
	}
	slices.Sort(want)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if _, err := s.repairer(&meanwhile{}).Repair(t.Context(), false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := s.left(); !slices.Equal(got, want) {
		t.Errorf("got %q left to a person, want %q", got, want)
	}
	for n := range 4 {
		for _, id := range []string{"lone", "e", "f", "g"} {
			id = fmt.Sprint(id, n)
			u, err := s.GetUserByAccount(t.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: id + "1"})
			check(t, err)
			if u.ID != id {
				t.Errorf("got the user %q by the account of %s", u.ID, id)
			}
		}
	}
}

// putAll writes items as they are, 25 by a call.
func (s shared) putAll(items []item) {
	s.t.Helper()
	for batch := range slices.Chunk(items, 25) {
		var requests []types.WriteRequest
		for _, i := range batch {
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: i.attributes()}})
		}
		out, err := s.client.BatchWriteItem(s.t.Context(), &awsdynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.table: requests}})
		check(s.t, err)
		if len(out.UnprocessedItems) > 0 {
			s.t.Fatal("a batch was not written whole")
		}
	}
}

// A table that takes several pages to read gets all guards.
func TestRepairOfALargerTable(t *testing.T) {
	t.Parallel()
	const users, accounts = 2000, 200
	s := newShared(t)
	var items []item
	for n := range users {
		id := fmt.Sprint("u", n)
		u := theirUser(id, id+"@example.com")
		u["bio"] = strings.Repeat("x", 1500)
		if items = append(items, u); n < accounts {
			items = append(items, theirAccount(id, "github", id))
		}
	}
	s.putAll(items)
	m := &meanwhile{}
	found, err := s.repairer(m).Repair(t.Context(), false)
	check(t, err)
	if len(found) != users+accounts || m.writes != users+accounts || m.scans < 3 {
		t.Errorf("got %d findings, %d writes and %d pages, want %d, as many, and several", len(found), m.writes, m.scans, users+accounts)
	}
	found, err = s.repairer(&meanwhile{}).Repair(t.Context(), true)
	check(t, err)
	if len(found) != 0 {
		t.Errorf("got %v and %d more, want nothing", found[0], len(found)-1)
	}
	guards := 0
	for _, it := range s.dump() {
		if strings.Contains(it, "sk: GUARD") {
			guards++
		}
	}
	if guards != users+accounts {
		t.Errorf("got %d guards, want %d", guards, users+accounts)
	}
}

// An account without a guard is updated although a guard that leads nowhere comes in
// between.
func TestAnUpdateTakesAStrayGuardOver(t *testing.T) {
	s := newShared(t)
	s.put(theirNobody("u"))
	s.put(theirAccount("u", "github", "1"))
	m := &meanwhile{before: func(write int) {
		if write == 1 {
			s.put(stamped(guard(github, "v"), "1"))
		}
	}}
	_, err := s.through(m).UpdateAccount(t.Context(), accountKey, adapter.AccountUpdate{Scope: new("all")})
	check(t, err)
	if got := s.itemText(github, "GUARD"); !strings.Contains(got, "userId: u") || m.writes != 2 {
		t.Errorf("got the guard %q after %d writes, want u's after 2", got, m.writes)
	}
}

// No finding shows a token or an address.
func TestFindingsShowNoToken(t *testing.T) {
	s := newShared(t)
	s.put(theirSession("gone", theirToken, 4102444800))
	s.put(theirSession("gone", theirToken+"2", "tomorrow"))
	s.put(item{"pk": "VT#" + ada, "sk": "VT#" + theirHash, "expires": true})
	s.put(theirAccount("gone", "email", ada))
	found, err := s.repairer(&meanwhile{}).Repair(t.Context(), true)
	check(t, err)
	for _, f := range found {
		if text := fmt.Sprint(f); strings.Contains(text, theirToken) || strings.Contains(text, theirHash) || strings.Contains(text, ada) {
			t.Errorf("got %s, want no token and no address", text)
		}
	}
	if len(found) < 4 {
		t.Errorf("got %d findings, want one for each record", len(found))
	}
}

// Repair takes only what leads nowhere, and what it cannot mend does not keep it from the
// rest.
func TestRepairTakesOnlyWhatLeadsNowhere(t *testing.T) {
	kept := map[string]item{
		"a name":              {"pk": "USER#1", "sk": "USER#1", "id": "1", "name": "Ada"},
		"an address":          {"pk": "USER#2", "sk": "USER#2", "id": "2", "email": "2@example.com"},
		"no type":             {"pk": "USER#3", "sk": "USER#3", "id": "3", "createdAt": "2026-01-01T00:00:00.000Z"},
		"another type":        {"pk": "USER#4", "sk": "USER#4", "id": "4", "type": "admin"},
		"a type of null":      {"pk": "USER#5", "sk": "USER#5", "id": "5", "type": nil, "name": "Ada"},
		"a number for a type": {"pk": "USER#6", "sk": "USER#6", "id": "6", "type": 1},
		"something else":      {"pk": "USER#7", "sk": "USER#7", "id": "7", "plan": "pro"},
		"their user":          theirNobody("8"),
		"an image":            {"pk": "USER#9", "sk": "USER#9", "id": "9", "image": "https://example.com/9.png"},
		// Other programs' items.
		"an order":               {"pk": "USER#nobody", "sk": "ORDER#1", "total": 1},
		"an account of theirs":   {"pk": "USER#nobody", "sk": "ACCOUNT#billing", "userId": "nobody", "plan": "pro"},
		"a session of theirs":    {"pk": "USER#nobody", "sk": "SESSION#2026-01-01", "minutes": 5},
		"a guard of theirs":      {"pk": "CASTLE#1", "sk": "GUARD", "userId": "nobody", "authstoreStamp": "1"},
		"a guard in their words": {"pk": "ACCOUNT#1", "sk": "GUARD", "name": "Bob"},
		"a profile":              {"pk": "USER#nobody", "sk": "PROFILE"},
		"an organization":        {"pk": "ORG#1", "sk": "ORG#1", "type": "ORG"},
		"a tombstone of theirs":  {"pk": "DELETED#1", "sk": "2026"},
	}
	s := newShared(t)
	for _, i := range kept {
		s.put(i)
	}
	s.put(theirGhost("ghost"))
	s.put(item{"pk": "USER#long", "sk": "USER#long", "email": strings.Repeat("x", 2100) + "@example.com"}) // no key of a guard
	s.put(stamped(guard("EMAIL#stray@example.com", "ghost"), "1"))
	found, err := s.repairer(&meanwhile{}).Repair(t.Context(), false)
	check(t, err)
	for name, i := range kept {
		if s.itemText(i["pk"].(string), i["sk"].(string)) == "" {
			t.Errorf("%s is gone", name)
		}
	}
	if s.itemText("USER#ghost", "USER#ghost") != "" || s.itemText("EMAIL#stray@example.com", "GUARD") != "" {
		t.Error("what leads nowhere is left")
	}
	for _, f := range found {
		if strings.Contains(f.Object, "long") && f.Action != "" {
			t.Errorf("got %v, want that a person has to", f)
		}
	}
	check(t, s.DeleteUser(t.Context(), "nobody"))
	for _, name := range []string{"an order", "an account of theirs", "a session of theirs", "a profile"} {
		if i := kept[name]; s.itemText(i["pk"].(string), i["sk"].(string)) == "" {
			t.Errorf("%s was deleted with a user", name)
		}
	}
}

// Who has nothing but an attribute with such a name was not made by an update of nobody.
func TestAUserWithSuchAnAttributeIsNoGhost(t *testing.T) {
	s := newShared(t)
	s.put(theirGhost("u"))
	check(t, errOf(s.UpdateUser(t.Context(), "u", adapter.UserUpdate{Attributes: adapter.Attributes{"type": "admin"}})))
	found, err := s.repairer(&meanwhile{}).Repair(t.Context(), false)
	check(t, err)
	if len(found) != 0 || s.itemText("USER#u", "USER#u") == "" {
		t.Errorf("got %v, want the user left alone", found)
	}
}

// A guard that Repair takes away leads nowhere still, and one that it makes leads somewhere.
func TestRepairLooksAtGuardsAgain(t *testing.T) {
	s := newStand(t)
	r, _ := adapter.As[adapter.Repairer](s.a)
	mend := func() error { return errOf(r.Repair(t.Context(), false)) }
	s.user("first")
	s.user("next")
	s.eachStep(func(name string, heldUp func(func() error, func()) error) {
		record, guard := primaryKey("USER#first", "ACCOUNT#github#"+name), primaryKey("ACCOUNT#github#"+name, "GUARD")
		check(t, s.link(s.b, "first", name))
		s.delete(record)
		taken := false
		check(t, heldUp(mend, func() { taken = s.link(s.b, "next", name) == nil }))
		if got := s.get(guard); taken != (len(got) > 0) || taken && describe(got["userId"]) != "next" {
			t.Errorf("the guard is %v, of an account that was taken: %t", got, taken)
		}

		name += "-unguarded"
		record, guard = primaryKey("USER#first", "ACCOUNT#github#"+name), primaryKey("ACCOUNT#github#"+name, "GUARD")
		check(t, s.link(s.b, "first", name))
		s.delete(guard)
		check(t, heldUp(mend, func() { s.delete(record) }))
		if left := len(s.get(guard)) > 0; left && len(s.get(record)) == 0 {
			t.Error("a guard was made that leads nowhere")
		}
	})
}

// A user with attributes may be let in by another program, by a password for instance, and
// one whose address is verified by a link, if that may lead there.
func TestRepairKeepsUsersWhoMaySignIn(t *testing.T) {
	for name, v := range map[string]any{"password": "$2b$10$x", "emailVerified": "2026-01-02T03:04:05.000Z"} {
		s := usedTwins(t)
		s.put(stamped(guard(adaGuard, "v"), "1"))
		twin := theirUser("v", ada)
		twin[name] = v
		s.put(twin)
		_, err := s.repairer(&meanwhile{}).Repair(t.Context(), false)
		check(t, err)
		if got, want := s.left(), []string{"user u", "user v"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q left to a person, want %q", name, got, want)
		}
	}
}
