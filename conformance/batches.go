package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
)

// The tests of this family make calls at the same time. A store may answer them together, by one
// request for all: nobody may tell.

// readers is how many read at a time.
const readers = 64

// once yields once, and on a fast store, where that proves little, until some time has passed.
func once(yield func(int) bool) {
	const most, worth = 40, 100 * time.Millisecond
	start := time.Now()
	for i := 0; i < most && (i < 1 || time.Since(start) < worth); i++ {
		if !yield(i) {
			return
		}
	}
}

var batchTests = []Test{
	{ID: "BAT-001", Rule: "Each of many reads at the same time gets the records of its own key.", Source: "docs/contract.md R9", Run: func(t *T) {
		all := t.persons(readers)
		for range once {
			t.all("a read beside others", t.reading(func(i int, a adapter.Adapter) error { return all[i].reads(t.ctx, a) }))
		}
	}},
	{ID: "BAT-002", Rule: "Reads of one key at the same time each get the records, and share no memory.", Source: "docs/contract.md R12", Run: func(t *T) {
		p := t.persons(1)[0]
		want := fullAttributes()
		for range once {
			var users [readers]adapter.User
			t.all("a read beside others of the same key", t.reading(func(i int, a adapter.Adapter) (err error) {
				users[i], err = a.GetUser(t.ctx, p.user.ID)
				return errors.Join(err, p.reads(t.ctx, a))
			}))
			for i, u := range users {
				if !reflect.DeepEqual(u.Attributes, want) {
					t.Fatalf("Attributes of reader %d, after others have changed theirs\n  got:  %s\n  want: %s", i, brief(u.Attributes), brief(want))
				}
				u.Attributes["role"] = "changed"
			}
		}
	}},
	{ID: "BAT-003", Rule: "A read whose context ends beside others ends alone.", Source: "docs/contract.md R6", Run: func(t *T) {
		all := t.persons(readers)
		for range once {
			t.besides(all, func(i int, a adapter.Adapter) error {
				ctx, cancel := context.WithCancel(t.ctx)
				defer cancel()
				go func() {
					runtime.Gosched()
					cancel()
				}()
				return all[i].reads(ctx, a)
			}, context.Canceled)
		}
	}},
	{ID: "BAT-004", Rule: "A read of what is not there, or by a key that no record can have, harms no other beside it.", Source: "docs/contract.md R8", Run: func(t *T) {
		all := t.persons(readers)
		for range once {
			t.besides(all, func(i int, a adapter.Adapter) error {
				for _, key := range []string{"nobody", "", "a\x00b", "\xff", strings.Repeat("x", 1<<20)} {
					if err := noneIs(t.ctx, a, key); err != nil {
						return err
					}
				}
				return adapter.ErrNotFound
			}, adapter.ErrNotFound)
		}
	}},
	{ID: "BAT-005", Rule: "A read beside many others of the same key sees what its caller has just written, also by another adapter.", Source: "docs/contract.md R4", Run: func(t *T) {
		p := t.persons(1)[0]
		both := t.Both()
		stop := make(chan struct{})
		var reading sync.WaitGroup
		for i := range readers {
			reading.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						t.among("a read beside writes", p.reads(t.ctx, both[i%2]), adapter.ErrNotFound)
					}
				}
			})
		}
		t.seesItsWrites(p)
		close(stop)
		reading.Wait()
	}},
	{ID: "BAT-006", Rule: "An adapter may be closed while many read: each has its own answer or ErrClosed, and none waits for longer.", Source: "docs/contract.md R9", Run: func(t *T) {
		all := t.persons(readers)
		for range once {
			a := t.Open(t.Options())
			t.ok("a read", all[0].reads(t.ctx, a))
			ctx, cancel := context.WithTimeout(t.ctx, 10*time.Second)
			errs := race(readers+1, func(i int) error {
				if i == readers {
					return a.Close()
				}
				for {
					if err := all[i].reads(ctx, a); err != nil {
						return err
					}
				}
			})
			cancel()
			for _, err := range errs {
				t.among("a read beside Close", err, adapter.ErrClosed, adapter.ErrUnavailable)
			}
		}
	}},
	{ID: "BAT-007", Rule: "No goroutine of a read outlives Close, also of one that nobody waits for any more.", Source: "docs/contract.md R9", Run: func(t *T) {
		all := t.persons(readers)
		a := t.Open(t.Options())
		pprof.Do(t.ctx, pprof.Labels(label, t.test.ID), func(ctx context.Context) {
			t.besidesOn(a, all, func(i int) error {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				go func() {
					runtime.Gosched()
					cancel()
				}()
				return all[i].reads(ctx, a)
			}, context.Canceled)
		})
		t.ok("Close", a.Close())
		if left := t.goroutines(a); left != "" {
			t.Errorf("after Close\n  got:  goroutines of it\n  want: none\n%s", left)
		}
	}},
	{ID: "BAT-008", Rule: "Each of many writes at the same time is answered for itself: a conflict is its caller's alone.", Source: "docs/contract.md R2", Run: func(t *T) {
		all := t.persons(readers)
		t.ok("the taken token", signIn.userBy(t.ctx, t.store, all[0].user.ID, "taken"))
		_, err := t.store.CreateVerificationToken(t.ctx, t.mail("taken"))
		t.ok("CreateVerificationToken", err)
		for round := range once {
			own := func(i int) string { return fmt.Sprintf("token-%d-%d", round, i) }
			t.separately(t.reading(func(i int, a adapter.Adapter) error {
				if isOdd(i) {
					return t.isTaken(a, all[i].user.ID, "taken")
				}
				if err := signIn.userBy(t.ctx, a, all[i].user.ID, own(i)); err != nil {
					return err
				}
				_, err := a.CreateVerificationToken(t.ctx, t.mail(own(i)))
				return err
			}), adapter.ErrConflict)
			t.all("signing out beside others", t.reading(func(i int, a adapter.Adapter) error {
				if i%2 == 0 {
					return a.DeleteSession(t.ctx, own(i))
				}
				return nil
			}))
			t.all("what was written beside others", t.reading(func(i int, a adapter.Adapter) error {
				if isOdd(i) {
					return nil
				}
				t.isOpen(a, own(i), all[i].user.ID, i%2 != 0)
				_, err := a.UseVerificationToken(t.ctx, "links", own(i))
				return err
			}))
		}
		t.signedIn(t.store, "taken", all[0].user.ID)
	}},
	{ID: "BAT-009", Rule: "A write whose context ends beside others ends alone.", Source: "docs/contract.md R6", Run: func(t *T) {
		all := t.persons(readers)
		for round := range once {
			own := func(i int) string { return fmt.Sprintf("token-%d-%d", round, i) }
			t.separately(t.reading(func(i int, a adapter.Adapter) error {
				ctx, cancel := context.WithCancel(t.ctx)
				defer cancel()
				if isOdd(i) {
					go func() {
						runtime.Gosched()
						cancel()
					}()
				}
				return signIn.userBy(ctx, a, all[i].user.ID, own(i))
			}), context.Canceled)
			for i := range all {
				if !isOdd(i) {
					t.signedIn(t.store, own(i), all[i].user.ID)
				}
			}
		}
	}},
}

// mail is a verification token for all who write at the same time.
func (t *T) mail(token string) adapter.VerificationToken {
	return adapter.VerificationToken{Identifier: "links", Token: token, Expires: t.Clock.Now().Add(time.Hour)}
}

// isTaken signs a user in, and makes a link, by a token that is taken. It returns the conflict, or
// what there was instead.
func (t *T) isTaken(a adapter.Adapter, userID, token string) error {
	session := signIn.userBy(t.ctx, a, userID, token)
	_, link := a.CreateVerificationToken(t.ctx, t.mail(token))
	if !errors.Is(session, adapter.ErrConflict) || link != nil && !errors.Is(link, adapter.ErrConflict) {
		return fmt.Errorf("a taken token: %v and %v, want a conflict, and one or none: a link may take the other's place", session, link)
	}
	return session
}

// isOpen fails the test unless a token opens the session of a user, or nothing.
func (t *T) isOpen(a adapter.Adapter, token, userID string, open bool) {
	t.Helper()
	if open {
		t.signedIn(a, token, userID)
	} else {
		t.signedOut(a, token)
	}
}

// person is a user with one record of each type, by which reads find it.
type person struct {
	user    adapter.User
	account adapter.Account
	session adapter.Session
	passkey adapter.Authenticator
}

// persons makes users with their records.
func (t *T) persons(n int) []person {
	t.Helper()
	t.Both() // opened before goroutines ask for them
	all := make([]person, n)
	t.ok("making persons", t.parallel(n, func(i int) (err error) {
		p, name := &all[i], numbered(ada, i)
		u := fullUser(name)
		if p.user, p.account, err = t.store.CreateUserWithAccount(t.ctx, u, plainAccount("", "github", name)); err != nil {
			return err
		}
		if p.session, err = t.store.CreateSession(t.ctx, adapter.Session{UserID: p.user.ID, Expires: t.Clock.Now().Add(time.Hour)}); err != nil {
			return err
		}
		p.passkey, err = t.store.CreateAuthenticator(t.ctx, plainAuthenticator(p.user.ID, name))
		return err
	}))
	return all
}

// reads reads the person's records in every way.
func (p person) reads(ctx context.Context, a adapter.Adapter) error {
	session, user, err := a.GetSessionAndUser(ctx, p.session.SessionToken)
	if err == nil && (session.ID != p.session.ID || session.SessionToken != p.session.SessionToken || session.UserID != p.user.ID) {
		err = fmt.Errorf("GetSessionAndUser: the session of %q, want that of %q", session.UserID, p.user.ID)
	}
	if err = p.is("GetSessionAndUser", user, err); err != nil {
		return err
	}
	user, err = a.GetUser(ctx, p.user.ID)
	if err = p.is("GetUser", user, err); err != nil {
		return err
	}
	user, err = a.GetUserByEmail(ctx, p.user.Email)
	if err = p.is("GetUserByEmail", user, err); err != nil {
		return err
	}
	user, err = a.GetUserByAccount(ctx, p.account.Key())
	if err = p.is("GetUserByAccount", user, err); err != nil {
		return err
	}
	account, err := a.GetAccount(ctx, p.account.Key())
	if err == nil && (account.UserID != p.user.ID || account.Key() != p.account.Key()) {
		err = fmt.Errorf("GetAccount: the account of %q, want that of %q", account.UserID, p.user.ID)
	}
	if err != nil {
		return err
	}
	passkey, err := a.GetAuthenticator(ctx, p.passkey.CredentialID)
	if err == nil && (passkey.UserID != p.user.ID || passkey.CredentialID != p.passkey.CredentialID) {
		err = fmt.Errorf("GetAuthenticator: the credential of %q, want that of %q", passkey.UserID, p.user.ID)
	}
	return err
}

// is returns an error unless a read has returned the person.
func (p person) is(op string, got adapter.User, err error) error {
	if err == nil && (got.ID != p.user.ID || got.Email != p.user.Email) {
		err = fmt.Errorf("%s: the user %q, want %q", op, got.ID, p.user.ID)
	}
	return err
}

// reading calls read for every reader at once, half of them on each adapter, and returns their
// errors.
func (t *T) reading(read func(i int, a adapter.Adapter) error) []error {
	t.Helper()
	both := t.Both()
	return race(readers, func(i int) error { return read(i, both[i%2]) })
}

// isOdd reports whether a reader is one of the few that do something else than the others. They are
// on both adapters.
func isOdd(i int) bool { return i%9 == 4 }

// besides has a few readers do something odd, which may end by an error of a kind, and all
// others read their own.
func (t *T) besides(all []person, odd func(i int, a adapter.Adapter) error, may error) {
	t.Helper()
	t.separately(t.reading(func(i int, a adapter.Adapter) error {
		if isOdd(i) {
			return odd(i, a)
		}
		return all[i].reads(t.ctx, a)
	}), may)
}

// besidesOn is besides on one adapter.
func (t *T) besidesOn(a adapter.Adapter, all []person, odd func(i int) error, may error) {
	t.Helper()
	t.separately(race(readers, func(i int) error {
		if isOdd(i) {
			return odd(i)
		}
		return all[i].reads(t.ctx, a)
	}), may)
}

// separately fails the test for an error of a reader that only the odd ones may have.
func (t *T) separately(errs []error, may error) {
	t.Helper()
	for i, err := range errs {
		if isOdd(i) {
			t.among("an odd read", err, may)
		} else {
			t.among("a read beside odd ones", err)
		}
	}
}

// noneIs returns an error unless there is nothing by a key.
func noneIs(ctx context.Context, a adapter.Adapter, key string) error {
	_, _, bySession := a.GetSessionAndUser(ctx, key)
	_, byID := a.GetUser(ctx, key)
	_, byEmail := a.GetUserByEmail(ctx, key)
	_, byAccount := a.GetUserByAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: key})
	_, account := a.GetAccount(ctx, adapter.AccountKey{Provider: key, ProviderAccountID: "ada-0"})
	_, passkey := a.GetAuthenticator(ctx, key)
	for _, err := range []error{bySession, byID, byEmail, byAccount, account, passkey} {
		if !errors.Is(err, adapter.ErrNotFound) {
			return fmt.Errorf("a key of nothing: got %w, want ErrNotFound", err)
		}
	}
	return nil
}

// seesItsWrites changes the records of a person who is being read, and fails the test unless
// the next read sees each change.
func (t *T) seesItsWrites(p person) {
	t.Helper()
	both := t.Both()
	for round := range rounds {
		a, b := both[round%2], both[(round/2)%2]
		name := numbered("name", round)
		_, err := a.UpdateUser(t.ctx, p.user.ID, adapter.UserUpdate{Name: &name})
		t.ok("UpdateUser", err)
		_, u, err := b.GetSessionAndUser(t.ctx, p.session.SessionToken)
		t.ok("GetSessionAndUser", err)
		t.equal("the name by GetSessionAndUser", u.Name, name)
		for op, read := range inOrder(map[string]func() (adapter.User, error){
			"GetUser":          func() (adapter.User, error) { return b.GetUser(t.ctx, p.user.ID) },
			"GetUserByEmail":   func() (adapter.User, error) { return b.GetUserByEmail(t.ctx, p.user.Email) },
			"GetUserByAccount": func() (adapter.User, error) { return b.GetUserByAccount(t.ctx, p.account.Key()) },
		}) {
			name += "."
			_, err := a.UpdateUser(t.ctx, p.user.ID, adapter.UserUpdate{Name: &name})
			t.ok("UpdateUser", err)
			u, err := read()
			t.ok(op, err)
			t.equal("the name by "+op, u.Name, name)
		}
		_, err = a.UpdateAccount(t.ctx, p.account.Key(), adapter.AccountUpdate{Scope: &name})
		t.ok("UpdateAccount", err)
		account, err := b.GetAccount(t.ctx, p.account.Key())
		t.ok("GetAccount", err)
		t.equal("the scope by GetAccount", account.Scope, name)
		_, err = a.UpdateAuthenticatorCounter(t.ctx, p.passkey.CredentialID, p.passkey.Counter+uint32(round)+1)
		t.ok("UpdateAuthenticatorCounter", err)
		passkey, err := b.GetAuthenticator(t.ctx, p.passkey.CredentialID)
		t.ok("GetAuthenticator", err)
		t.equal("the counter by GetAuthenticator", passkey.Counter, p.passkey.Counter+uint32(round)+1)
	}
	t.ok("DeleteSession", both[0].DeleteSession(t.ctx, p.session.SessionToken))
	t.signedOut(both[0], p.session.SessionToken)
	t.signedOut(both[1], p.session.SessionToken)
}

// label marks the goroutines that a test has made, and those that they make.
const label = "conformance"

// goroutines returns what the goroutines do that the test has marked and that are in the
// code of an adapter: "" if there are none, or none any more within a moment.
func (t *T) goroutines(a adapter.Adapter) string {
	for until := time.Now().Add(500 * time.Millisecond); ; {
		var left []string
		var all bytes.Buffer
		t.ok("the profile of goroutines", pprof.Lookup("goroutine").WriteTo(&all, 1))
		for _, group := range strings.Split(all.String(), "\n\n") {
			if strings.Contains(group, fmt.Sprintf("%q:%q", label, t.test.ID)) && runs(group, a) {
				left = append(left, group)
			}
		}
		if len(left) == 0 || time.Now().After(until) {
			return strings.Join(left, "\n\n")
		}
		runtime.Gosched()
	}
}

// runs reports whether a stack is in the package of an adapter, or of one behind it.
func runs(stack string, a adapter.Adapter) bool {
	for {
		of := reflect.TypeOf(a)
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if strings.Contains(stack, of.PkgPath()+".") {
			return true
		}
		outer, ok := a.(adapter.Unwrapper)
		if !ok {
			return false
		}
		a = outer.Unwrap()
	}
}
