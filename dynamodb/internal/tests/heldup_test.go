package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/dynamodb"
)

// stand is a table with an adapter whose calls can be held up, and another adapter.
type stand struct {
	*testing.T
	faults    *fault.Injector
	a, b      adapter.Adapter
	client    *awsdynamodb.Client
	tableName string
}

func newStand(t *testing.T) stand {
	s := stand{T: t, faults: &fault.Injector{}, client: newClient(t), tableName: newTable()}
	o := dynamodb.Options{Table: s.tableName}
	s.a = withIndex.newStore(t, o, steps(s.faults))
	s.b = open(t, s.client, o)
	return s
}

// eachStep holds a call up at each of its steps, with new records named after the step.
func (s stand) eachStep(run func(name string, heldUp func(call func() error, meanwhile func()) error)) {
	s.Helper()
	hit := true
	for step := 1; hit; step++ {
		run(fmt.Sprint("n", step), func(call func() error, meanwhile func()) error {
			s.faults.Arm(fault.Plan{Step: step, Mode: fault.HoldUp, Meanwhile: meanwhile})
			err := call()
			hit = s.faults.Disarm()
			return err
		})
		if s.Failed() {
			s.Fatalf("the call was held up at step %d", step)
		}
	}
}

func (s stand) user(id string) { check(s.T, errOf(s.b.CreateUser(s.Context(), adapter.User{ID: id}))) }

func (s stand) link(a adapter.Adapter, id, account string) error {
	return errOf(a.LinkAccount(s.Context(), adapter.Account{UserID: id, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: account}))
}

// owner returns the ID of the user who has an account, "" for nobody.
func (s stand) owner(account string) string {
	u, err := s.b.GetUserByAccount(s.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: account})
	if !errors.Is(err, adapter.ErrNotFound) {
		check(s.T, err)
	}
	return u.ID
}

// primaryKey is the key of an item.
func primaryKey(partition, sort string) map[string]types.AttributeValue {
	return item{"pk": partition, "sk": sort}.attributes()
}

func (s stand) get(key map[string]types.AttributeValue) map[string]types.AttributeValue {
	out, err := s.client.GetItem(s.Context(), &awsdynamodb.GetItemInput{TableName: &s.tableName, Key: key, ConsistentRead: aws.Bool(true)})
	check(s.T, err)
	return out.Item
}

func (s stand) delete(key map[string]types.AttributeValue) {
	check(s.T, errOf(s.client.DeleteItem(s.Context(), &awsdynamodb.DeleteItemInput{TableName: &s.tableName, Key: key})))
}

func (s stand) put(it map[string]types.AttributeValue) {
	check(s.T, errOf(s.client.PutItem(s.Context(), &awsdynamodb.PutItemInput{TableName: &s.tableName, Item: it})))
}

// A guard of an account that leads nowhere is checked once more before it is replaced: it may
// have an owner again.
func TestWhatIsTakenIsLookedAtAgain(t *testing.T) {
	for name, rest := range map[string]func(s stand, account string) (meanwhile func()){
		"the user is made": func(s stand, account string) func() {
			check(s.T, s.link(s.b, "of-"+account, account))
			return func() { s.user("of-" + account) }
		},
		"the record comes back": func(s stand, account string) func() {
			s.user("of-" + account)
			check(s.T, s.link(s.b, "of-"+account, account))
			key := primaryKey("USER#of-"+account, "ACCOUNT#github#"+account)
			record := s.get(key)
			s.delete(key)
			return func() { s.put(record) }
		},
		"a third one takes it": func(s stand, account string) func() {
			s.user("of-" + account)
			s.user("third-" + account)
			check(s.T, s.link(s.b, "of-"+account, account))
			s.delete(primaryKey("USER#of-"+account, "ACCOUNT#github#"+account))
			return func() {
				if err := s.link(s.b, "third-"+account, account); !errors.Is(err, adapter.ErrConflict) {
					check(s.T, err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.eachStep(func(name string, heldUp func(func() error, func()) error) {
				meanwhile, first := rest(s, name), ""
				s.user("heir-" + name)
				err := heldUp(func() error { return s.link(s.a, "heir-"+name, name) }, func() {
					meanwhile()
					first = s.owner(name)
				})
				want := "heir-" + name
				if err != nil {
					want = first
				}
				if got := s.owner(name); got != want || first != "" && first != got || err != nil && !errors.Is(err, adapter.ErrConflict) {
					t.Errorf("the account is that of %q, and was meanwhile that of %q; the link: %v", got, first, err)
				}
			})
		})
	}
}

// An expired session that another program extends keeps its token.
func TestAnExtendedSessionKeepsItsToken(t *testing.T) {
	s := newStand(t)
	s.user("first")
	s.user("heir")
	s.eachStep(func(name string, heldUp func(func() error, func()) error) {
		sort := "SESSION#" + adapter.SessionID(name)
		check(t, errOf(s.b.CreateSession(t.Context(), adapter.Session{UserID: "first", SessionToken: name, Expires: time.Now().Add(-time.Hour)})))
		opened := false
		err := heldUp(func() error {
			return errOf(s.a.CreateSession(t.Context(), adapter.Session{UserID: "heir", SessionToken: name, Expires: time.Now().Add(time.Hour)}))
		}, func() {
			record := s.get(primaryKey("USER#first", sort))
			record["expires"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)}
			delete(record, "authstoreExpires")
			s.put(record)
			opened = true
		})
		_, u, opens := s.b.GetSessionAndUser(t.Context(), name)
		check(t, opens)
		if taken := err == nil; opened == taken || taken != (u.ID == "heir") {
			t.Errorf("the session is that of %q, extended: %t; the other sign-in: %v", u.ID, opened, err)
		}
	})
}

// An address that another program removed from a user is free, although its guard is there.
func TestAnAddressWhoseGuardWasLeftIsFree(t *testing.T) {
	s := newStand(t)
	check(t, errOf(s.a.CreateUser(t.Context(), adapter.User{ID: "a", Email: ada})))
	user := s.get(primaryKey("USER#a", "USER#a"))
	user["email"] = &types.AttributeValueMemberS{Value: "moved@example.com"}
	s.put(user)
	check(t, errOf(s.a.CreateUser(t.Context(), adapter.User{ID: "b", Email: ada})))
	got, err := s.b.GetUserByEmail(t.Context(), ada)
	check(t, err)
	if got.ID != "b" {
		t.Errorf("got the user %q, want b", got.ID)
	}
}

// A user whose address changes while it is deleted leaves neither address behind.
func TestADeletionTakesTheNewAddressAlong(t *testing.T) {
	s := newStand(t)
	s.eachStep(func(name string, heldUp func(func() error, func()) error) {
		check(t, errOf(s.b.CreateUser(t.Context(), adapter.User{ID: name, Email: "old@example.com"})))
		check(t, heldUp(func() error { return s.a.DeleteUser(t.Context(), name) }, func() {
			if err := errOf(s.b.UpdateUser(t.Context(), name, adapter.UserUpdate{Email: new("new@example.com")})); !errors.Is(err, adapter.ErrNotFound) {
				check(t, err)
			}
		}))
		all, err := dump(t.Context(), s.client, s.tableName)
		check(t, err)
		if text := strings.Join(all, "\n"); strings.Contains(text, "@example.com") {
			t.Errorf("an address is left:\n%s", text)
		}
	})
}

// What the next user of an ID has created stays, while the last user is deleted by several
// transactions.
func TestADeletionEndsWithItsTombstone(t *testing.T) {
	s := newStand(t)
	const many = 60
	s.eachStep(func(name string, heldUp func(func() error, func()) error) {
		s.user(name)
		for i := range many {
			check(t, s.link(s.b, name, fmt.Sprint(name, "-", i)))
		}
		made := false
		check(t, heldUp(func() error { return s.a.DeleteUser(t.Context(), name) }, func() {
			err := errOf(s.b.CreateUser(t.Context(), adapter.User{ID: name}))
			if made = err == nil; !made {
				return
			}
			for i := range many {
				check(t, s.link(s.b, name, fmt.Sprint(name, "-", i)))
			}
		}))
		if _, err := s.b.GetUser(t.Context(), name); !made || errors.Is(err, adapter.ErrNotFound) {
			return // as if it had been deleted after that
		}
		all, err := s.b.ListAccounts(t.Context(), name)
		check(t, err)
		if len(all) != many {
			t.Errorf("got %d accounts of the next user, want %d", len(all), many)
		}
		check(t, s.b.DeleteUser(t.Context(), name))
	})
}

// The guard of a session that was made elsewhere lives as long as the session.
func TestAGuardLivesAsLongAsItsSession(t *testing.T) {
	s := newStand(t)
	s.user("u")
	expires := time.Now().Add(time.Hour)
	check(t, errOf(s.b.CreateSession(t.Context(), adapter.Session{UserID: "u", SessionToken: theirToken, Expires: expires})))
	later := expires.Add(10 * time.Hour)
	check(t, errOf(s.b.UpdateSession(t.Context(), theirToken, adapter.SessionUpdate{Expires: &later})))
	sort := "SESSION#" + adapter.SessionID(theirToken)
	guard, session := s.get(primaryKey(sort, "GUARD")), s.get(primaryKey("USER#u", sort))
	if got, want := describe(guard["expires"]), describe(session["expires"]); got != want || got == "" {
		t.Errorf("the guard expires at %s, want %s as the session", got, want)
	}
}

// busy refuses some writes as a busy service does, and sends the next ones.
func (s *script) busy(writes int) {
	s.set(func(write int, send func() (*http.Response, error)) (*http.Response, error) {
		if write <= writes {
			return throttled(), nil
		}
		return send()
	})
}

// A transaction whose reply was lost is success, also if what it wrote has changed since and
// the service is busy.
func TestALostReplyIsSuccessWhateverFollowed(t *testing.T) {
	s, a, b := withIndex.scripted(t)
	newScene(t, a)
	s.lose(t, func() {
		check(t, errOf(b.UpdateUser(context.Background(), "v", adapter.UserUpdate{Name: new("B")})))
		s.busy(4) // the SDK's two other attempts, and two of ours
	})
	check(t, errOf(a.CreateUser(t.Context(), adapter.User{ID: "v"}))) // whose one item is changed
}

// A transaction is recognized by what it wrote when the service has forgotten its token.
func TestATransactionIsKnownByItsStampsToo(t *testing.T) {
	s, a, _ := withIndex.scripted(t)
	newScene(t, a)
	s.lose(t, func() {
		s.forget = true
		s.busy(4)
	})
	check(t, errOf(a.CreateUser(t.Context(), adapter.User{ID: "v", Email: "v@example.com"})))
	if !s.forgot {
		t.Error("no token was forgotten")
	}
}
