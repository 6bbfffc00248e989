package tests

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/signin"
	"github.com/authstore/authstore/conformance/fault"
)

// racers is how many browsers one person uses at the same time.
const racers = 8

// race makes calls at the same time.
func race(calls ...func()) {
	var group sync.WaitGroup
	start := make(chan struct{})
	for _, call := range calls {
		group.Go(func() { <-start; call() })
	}
	close(start)
	group.Wait()
}

// times returns a call several times over.
func times(n int, call func(i int)) (calls []func()) {
	for i := range n {
		calls = append(calls, func() { call(i) })
	}
	return calls
}

// One person's first sign-ins make one user, who is signed in by all of them, whether
// the provider tells an address or not.
func TestRacingFirstSignIns(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		for round := range 5 {
			for _, email := range []string{fmt.Sprintf("r%d@example.com", round), ""} {
				before := len(users(t, store))
				var results [racers]signin.Result
				var errs [racers]error
				race(times(racers, func(i int) {
					results[i], errs[i] = signin.SignUpOrIn(t.Context(), store, unverified(email), account(fmt.Sprint(round, email)))
				})...)
				check(t, errors.Join(errs[:]...))
				one(t, results[:])
				if made := len(users(t, store)) - before; made != 1 {
					t.Errorf("%d users were made", made)
				}
			}
		}
	})
}

// one checks that all results are the same user, made once.
func one(t *testing.T, results []signin.Result) {
	t.Helper()
	fresh := 0
	for _, r := range results {
		if r.New {
			fresh++
		}
		if r.User.ID == "" || r.User.ID != results[0].User.ID {
			t.Errorf("signed in as %q and as %q", r.User.ID, results[0].User.ID)
		}
	}
	if fresh != 1 {
		t.Errorf("%d of the calls made the user, want 1", fresh)
	}
}

func TestRacingFirstLinks(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		for round := range 5 {
			var results [racers]signin.Result
			var errs [racers]error
			race(times(racers, func(i int) {
				results[i], errs[i] = signin.SignUpOrInByEmail(t.Context(), store, verified(fmt.Sprintf("r%d@example.com", round)))
			})...)
			check(t, errors.Join(errs[:]...))
			one(t, results[:])
		}
	})
}

// Two people with one address, of whom nobody has proved it: one of them has it, and each
// account leads to its own person or to nobody.
func TestRacingAccountsWithOneAddress(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		for round := range 5 {
			var results [racers]signin.Result
			var errs [racers]error
			race(times(racers, func(i int) {
				results[i], errs[i] = signin.SignUpOrIn(t.Context(), store, unverified(fmt.Sprintf("r%d@example.com", round)), account(fmt.Sprint(round, " ", i)))
			})...)
			made := 0
			for i, err := range errs {
				switch {
				case err == nil && results[i].New:
					made++
				case !errors.Is(err, signin.ErrNotLinked):
					t.Errorf("got %+v, %v", results[i], err)
				}
			}
			if made != 1 {
				t.Errorf("%d people have the address, want 1", made)
			}
		}
	})
}

// One account that several people link at once has one of them.
func TestRacingLinks(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		var people [racers]adapter.User
		for i := range people {
			var err error
			people[i], err = store.CreateUser(t.Context(), adapter.User{})
			check(t, err)
		}
		var errs [racers]error
		race(times(racers, func(i int) { _, errs[i] = signin.Link(t.Context(), store, people[i], account("1")) })...)
		owner, err := store.GetUserByAccount(t.Context(), account("1").Key())
		check(t, err)
		for i, err := range errs {
			if people[i].ID == owner.ID {
				check(t, err)
			} else {
				want(t, err, signin.ErrTaken)
			}
		}
	})
}

// Whoever made the user first, by link, or with an unverified address: the one who has the
// mailbox has the user, and the other one's account does not lead to it.
func TestRacingLinkAndAccount(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		for round := range 5 {
			email, mallorys := fmt.Sprintf("r%d@example.com", round), account(fmt.Sprint(round))
			var owner signin.Result
			var err, ignored error
			race(
				func() { owner, err = signin.SignUpOrInByEmail(t.Context(), store, verified(email)) },
				func() { _, ignored = signin.SignUpOrIn(t.Context(), store, unverified(email), mallorys) },
			)
			check(t, err)
			if ignored != nil {
				want(t, ignored, signin.ErrNotLinked)
			}
			if got, err := store.GetUserByEmail(t.Context(), email); err != nil || got.ID != owner.User.ID || got.EmailVerified.IsZero() {
				t.Errorf("the address is that of %+v, %v, want %s", got, err, owner.User.ID)
			}
			if got, err := store.GetUserByAccount(t.Context(), mallorys.Key()); err == nil && got.ID == owner.User.ID {
				t.Error("the account leads to the owner of the address")
			}
		}
	})
}

// held returns a store in which others do something before a step of the next call, counted
// from 1.
func held(t *testing.T, step int, meanwhile func(store adapter.Adapter)) (store, inner adapter.Adapter) {
	inner = inMemory(t)
	injector := &fault.Injector{}
	injector.Arm(fault.Plan{Step: step, Mode: fault.HoldUp, Meanwhile: func() { meanwhile(inner) }})
	t.Cleanup(func() {
		if !injector.Disarm() {
			t.Error("nothing has happened meanwhile: the call took fewer steps")
		}
	})
	return fault.Wrap(inner, injector), inner
}

// What changes between two steps of a sign-in is noticed.
func TestChangesMeanwhile(t *testing.T) {
	signUp := func(t *testing.T, store adapter.Adapter, profile adapter.User, id string) signin.Result {
		t.Helper()
		result, err := signin.SignUpOrIn(t.Context(), store, profile, account(id))
		check(t, err)
		return result
	}
	fresh := account("1")
	fresh.AccessToken = "new"
	t.Run("the account is unlinked and somebody else's", func(t *testing.T) {
		var other signin.Result
		store, inner := held(t, 2, func(s adapter.Adapter) {
			check(t, s.UnlinkAccount(t.Context(), fresh.Key()))
			other = signUp(t, s, adapter.User{}, "1")
		})
		signUp(t, inner, adapter.User{}, "1")
		result, err := signin.SignUpOrIn(t.Context(), store, adapter.User{}, fresh)
		check(t, err)
		if result.User.ID != other.User.ID {
			t.Error("signed in as the user before")
		}
	})
	t.Run("the account is unlinked", func(t *testing.T) {
		store, inner := held(t, 2, func(s adapter.Adapter) { check(t, s.UnlinkAccount(t.Context(), fresh.Key())) })
		before := signUp(t, inner, adapter.User{}, "1")
		result, err := signin.SignUpOrIn(t.Context(), store, adapter.User{}, fresh)
		check(t, err)
		if result.User.ID == before.User.ID || !result.New {
			t.Error("signed in as the user before")
		}
	})
	t.Run("the owner of the address is deleted", func(t *testing.T) {
		var owner signin.Result
		store, inner := held(t, 3, func(s adapter.Adapter) { check(t, s.DeleteUser(t.Context(), owner.User.ID)) })
		owner = signUp(t, inner, verified(ada), "1")
		result, err := signin.SignUpOrIn(t.Context(), store, verified(ada), account("2"))
		check(t, err)
		if !result.New {
			t.Errorf("got %+v", result)
		}
	})
	t.Run("the account is linked by its person", func(t *testing.T) {
		var owner signin.Result
		store, inner := held(t, 4, func(s adapter.Adapter) {
			_, err := signin.Link(t.Context(), s, owner.User, account("2"))
			check(t, err)
		})
		owner = signUp(t, inner, verified(ada), "1")
		result, err := signin.SignUpLinkOrIn(t.Context(), store, verified(ada), account("2"))
		check(t, err)
		if result.User.ID != owner.User.ID {
			t.Errorf("got %+v", result)
		}
	})
	t.Run("the user is deleted while taken over", func(t *testing.T) {
		var before signin.Result
		store, inner := held(t, 6, func(s adapter.Adapter) { check(t, s.DeleteUser(t.Context(), before.User.ID)) })
		before = signUp(t, inner, unverified(ada), "1")
		result, err := signin.SignUpOrInByEmail(t.Context(), store, verified(ada))
		check(t, err)
		if !result.New || result.User.ID == before.User.ID {
			t.Errorf("got %+v", result)
		}
	})
	// Else the address of whoever had the user would be verified.
	t.Run("the address moves on while taken over", func(t *testing.T) {
		var before signin.Result
		store, inner := held(t, 5, func(s adapter.Adapter) {
			_, err := s.UpdateUser(t.Context(), before.User.ID, adapter.UserUpdate{Email: new("mallory@example.com")})
			check(t, err)
		})
		before = signUp(t, inner, unverified(ada), "1")
		result, err := signin.SignUpOrInByEmail(t.Context(), store, verified(ada))
		check(t, err)
		if result.User.Email != ada || result.User.EmailVerified.IsZero() {
			t.Errorf("signed in as %+v", result.User)
		}
		_, err = inner.GetUserByEmail(t.Context(), "mallory@example.com")
		want(t, err, adapter.ErrNotFound)
	})
	// A sign-in that began before starts a session late.
	t.Run("a session begins while taken over", func(t *testing.T) {
		var before signin.Result
		var session adapter.Session
		store, inner := held(t, 6, func(s adapter.Adapter) {
			var err error
			session, err = s.CreateSession(t.Context(), adapter.Session{UserID: before.User.ID, Expires: time.Now().Add(time.Hour)})
			check(t, err)
		})
		before = signUp(t, inner, unverified(ada), "1")
		_, err := signin.SignUpOrInByEmail(t.Context(), store, verified(ada))
		check(t, err)
		nothingLeft(t, inner, session)
	})
}

// A call that loses every race ends.
func TestRacesEnd(t *testing.T) {
	inner := inMemory(t)
	store := evasive{Adapter: inner}
	_, err := signin.SignUpOrIn(t.Context(), &store, verified(ada), account("1"))
	want(t, err, adapter.ErrConflict)
	if store.calls != 5 {
		t.Errorf("it was tried %d times", store.calls)
	}
}

// evasive is a store in which everything is taken, and nothing is there.
type evasive struct {
	adapter.Adapter
	calls int
}

func (e *evasive) CreateUserWithAccount(_ context.Context, _ adapter.User, _ adapter.Account) (adapter.User, adapter.Account, error) {
	e.calls++
	return adapter.User{}, adapter.Account{}, adapter.Conflict(adapter.FieldUserEmail)
}

// A call that is cut short at any step gives nobody a way in, and the next one makes good.
func TestCutShort(t *testing.T) {
	for _, mode := range []fault.Mode{fault.LoseCommand, fault.LoseReply} {
		for step := 1; ; step++ {
			inner, injector := inMemory(t), &fault.Injector{}
			store := fault.Wrap(inner, injector)
			before, err := signin.SignUpOrIn(t.Context(), inner, unverified(ada), account("1"))
			check(t, err)
			key := passkey("k")
			key.UserID = before.User.ID
			_, err = inner.CreateAuthenticator(t.Context(), key)
			check(t, err)
			session, err := inner.CreateSession(t.Context(), adapter.Session{UserID: before.User.ID, Expires: time.Now().Add(time.Hour)})
			check(t, err)

			injector.Arm(fault.Plan{Step: step, Mode: mode})
			result, err := signin.SignUpOrInByEmail(t.Context(), store, verified(ada))
			if !injector.Disarm() {
				if step != 9 {
					t.Errorf("a take-over takes %d steps, want 8", step-1)
				}
				break
			}
			want(t, err, adapter.ErrUnavailable)
			if !reflect.DeepEqual(result, signin.Result{}) {
				t.Errorf("step %d: with the error there is %+v", step, result)
			}
			if u, err := inner.GetUserByEmail(t.Context(), ada); err != nil || !u.EmailVerified.IsZero() {
				check(t, err)
				nothingLeft(t, inner, session) // what is verified has no other way in
			}
			again, err := signin.SignUpOrInByEmail(t.Context(), inner, verified(ada))
			check(t, err)
			if again.User.ID != before.User.ID {
				t.Errorf("step %d: another user", step)
			}
			nothingLeft(t, inner, session)
		}
	}
}

// What the doc comments say of round trips.
func TestCost(t *testing.T) {
	inner, injector := inMemory(t), &fault.Injector{}
	store := fault.Wrap(inner, injector)
	count := func(name string, steps int64, wantErr error, call func() error) {
		t.Helper()
		before := injector.Count()
		want(t, call(), wantErr)
		if got := injector.Count() - before; got != steps {
			t.Errorf("%s: %d round trips, want %d", name, got, steps)
		}
	}
	in := func(profile adapter.User, a adapter.Account) func() error {
		return func() error { _, err := signin.SignUpOrIn(t.Context(), store, profile, a); return err }
	}
	fresh := account("1")
	fresh.AccessToken = "a"
	count("sign-up", 2, nil, in(verified(ada), account("1")))
	count("sign-in", 2, nil, in(verified(ada), account("1")))
	count("sign-in with tokens", 2, nil, in(verified(ada), fresh))
	count("refused", 4, signin.ErrNotLinked, in(unverified(ada), account("2")))
	count("linked", 5, nil, func() error {
		_, err := signin.SignUpLinkOrIn(t.Context(), store, verified(ada), account("3"))
		return err
	})
	byEmail := func(email string) func() error {
		return func() error { _, err := signin.SignUpOrInByEmail(t.Context(), store, verified(email)); return err }
	}
	count("by e-mail", 1, nil, byEmail(ada))
	count("by e-mail, new", 2, nil, byEmail("ben@example.com"))
	_, err := signin.SignUpOrIn(t.Context(), inner, unverified("eve@example.com"), account("4"))
	check(t, err)
	count("taken over, with one account", 7, nil, byEmail("eve@example.com"))

	user, err := inner.GetUserByEmail(t.Context(), ada)
	check(t, err)
	link := func(a adapter.Account) func() error {
		return func() error { _, err := signin.Link(t.Context(), store, user, a); return err }
	}
	count("link", 1, nil, link(account("5")))
	count("link again", 3, nil, link(account("5")))
	_, err = signin.SignUpOrIn(t.Context(), inner, adapter.User{}, account("6"))
	check(t, err)
	count("link another's", 2, signin.ErrTaken, link(account("6")))
}
