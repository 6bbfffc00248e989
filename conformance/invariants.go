package conformance

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
)

// universe has the keys of all that a test may have written.
type universe struct {
	users       []string // IDs
	emails      []string
	accounts    []adapter.AccountKey
	sessions    []string // tokens
	credentials []string // IDs
}

// add adds the records of a stage.
func (w *universe) add(s stage) {
	w.users = append(w.users, s.user.ID)
	w.emails = append(w.emails, s.user.Email)
	w.accounts = append(w.accounts, s.account.Key())
	w.sessions = append(w.sessions, s.session.SessionToken)
	w.credentials = append(w.credentials, s.authenticator.CredentialID)
}

// view is what the reads of the contract show of a universe.
type view struct {
	mu             sync.Mutex
	users          map[string]adapter.User
	owned          map[string]belongings // by user ID
	byEmail        map[string]adapter.User
	accounts       map[adapter.AccountKey]adapter.Account
	byAccount      map[adapter.AccountKey]adapter.User
	sessions       map[string]adapter.Session // by token
	bySession      map[string]adapter.User
	authenticators map[string]adapter.Authenticator
}

// belongings are the lists of a user.
type belongings struct {
	accounts       []adapter.Account
	sessions       []adapter.Session
	authenticators []adapter.Authenticator
}

// look reads all of a universe, and the users that its keys lead to.
func (t *T) look(w universe) *view {
	t.Helper()
	v := &view{
		users:          map[string]adapter.User{},
		owned:          map[string]belongings{},
		byEmail:        map[string]adapter.User{},
		accounts:       map[adapter.AccountKey]adapter.Account{},
		byAccount:      map[adapter.AccountKey]adapter.User{},
		sessions:       map[string]adapter.Session{},
		bySession:      map[string]adapter.User{},
		authenticators: map[string]adapter.Authenticator{},
	}
	a := t.Second()
	var reads []func() error
	for _, address := range w.emails {
		reads = append(reads, func() error {
			u, err := a.GetUserByEmail(t.ctx, address)
			return keep(v, v.byEmail, address, u, err)
		})
	}
	for _, key := range w.accounts {
		reads = append(reads, func() error {
			acc, err := a.GetAccount(t.ctx, key)
			return keep(v, v.accounts, key, acc, err)
		}, func() error {
			u, err := a.GetUserByAccount(t.ctx, key)
			return keep(v, v.byAccount, key, u, err)
		})
	}
	for _, token := range w.sessions {
		reads = append(reads, func() error {
			s, u, err := a.GetSessionAndUser(t.ctx, token)
			return errors.Join(keep(v, v.sessions, token, s, err), keep(v, v.bySession, token, u, err))
		})
	}
	for _, id := range w.credentials {
		reads = append(reads, func() error {
			auth, err := a.GetAuthenticator(t.ctx, id)
			return keep(v, v.authenticators, id, auth, err)
		})
	}
	t.ok("reading what there is", t.parallel(len(reads), func(i int) error { return reads[i]() }))
	ids := slices.Clone(w.users)
	for _, found := range []map[string]adapter.User{v.byEmail, v.bySession} {
		for _, u := range found {
			ids = append(ids, u.ID)
		}
	}
	for _, acc := range v.accounts {
		ids = append(ids, acc.UserID)
	}
	for _, u := range v.byAccount {
		ids = append(ids, u.ID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	t.ok("reading the users", t.parallel(len(ids), func(i int) error { return v.lookAt(t, ids[i]) }))
	return v
}

// lookAt reads a user with what belongs to it.
func (v *view) lookAt(t *T, id string) error {
	a := t.Second()
	u, err := a.GetUser(t.ctx, id)
	if err != nil {
		return keep(v, v.users, id, u, err)
	}
	b, err := t.belongings(a, id)
	return errors.Join(keep(v, v.users, id, u, nil), keep(v, v.owned, id, b, err))
}

// belongings reads the lists of a user.
func (t *T) belongings(a adapter.Adapter, userID string) (b belongings, err error) {
	var errs [3]error
	b.accounts, errs[0] = a.ListAccounts(t.ctx, userID)
	b.sessions, errs[1] = a.ListSessions(t.ctx, userID)
	b.authenticators, errs[2] = a.ListAuthenticators(t.ctx, userID)
	return b, errors.Join(errs[:]...)
}

// counts returns how many accounts, sessions and authenticators there are.
func (b belongings) counts() [3]int {
	return [3]int{len(b.accounts), len(b.sessions), len(b.authenticators)}
}

// keep notes what a read found. That it found nothing is no error.
func keep[K comparable, R any](v *view, found map[K]R, key K, record R, err error) error {
	if err != nil {
		if errors.Is(err, adapter.ErrNotFound) {
			return nil
		}
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	found[key] = record
	return nil
}

// consistent fails the test unless all reads of a universe agree with each other:
// an index leads to the record that has its key, what a user owns is in its lists
// and can be read, and nobody is reached who is not there.
func (t *T) consistent(w universe) {
	t.Helper()
	v := t.look(w)
	for address, u := range v.byEmail {
		t.equal("the address of the user that GetUserByEmail finds", u.Email, adapter.NormalizeEmail(address))
		t.equal("the user that GetUserByEmail finds, and GetUser", u, v.users[u.ID])
	}
	for _, u := range v.users {
		if u.Email != "" {
			got, err := t.Second().GetUserByEmail(t.ctx, u.Email)
			t.ok("GetUserByEmail of the address of a user", err)
			t.equal("GetUserByEmail, and the user who has the address", got, u)
		}
	}
	t.consistentAccounts(v)
	t.consistentSessions(v, w.sessions)
	t.consistentAuthenticators(v)
}

func (t *T) consistentAccounts(v *view) {
	t.Helper()
	for key, u := range v.byAccount {
		t.equal("the user that GetUserByAccount finds, and GetUser", u, v.users[u.ID])
		t.equal("the owner of the account that leads to a user", v.accounts[key].UserID, u.ID)
	}
	for key, acc := range v.accounts {
		if u, there := v.users[acc.UserID]; there {
			t.equal("GetUserByAccount, and the account's owner", v.byAccount[key], u)
			listed(t, "ListAccounts", v.owned[u.ID].accounts, acc)
		}
	}
	for id, b := range v.owned {
		for _, acc := range b.accounts {
			got, err := t.Second().GetAccount(t.ctx, acc.Key())
			t.ok("GetAccount of a listed account", err)
			t.equal("GetAccount of a listed account", got, acc)
			t.equal("the owner of a listed account", acc.UserID, id)
		}
	}
}

func (t *T) consistentSessions(v *view, tokens []string) {
	t.Helper()
	for _, token := range tokens {
		_, opens := v.sessions[token]
		for id, b := range v.owned {
			if !opens && slices.ContainsFunc(b.sessions, func(s adapter.Session) bool { return s.ID == adapter.SessionID(token) }) {
				t.Errorf("ListSessions of user %q\n  got:  a session that its token does not open\n  want: live sessions only", id)
			}
		}
	}
	for token, s := range v.sessions {
		u := v.bySession[token]
		t.equal("the user that GetSessionAndUser finds, and GetUser", u, v.users[u.ID])
		t.equal("the session's user", s.UserID, u.ID)
		t.equal("the session's token", s.SessionToken, token)
		t.equal("the session's ID", s.ID, adapter.SessionID(token))
		s.SessionToken = ""
		listed(t, "ListSessions", v.owned[u.ID].sessions, s)
	}
}

func (t *T) consistentAuthenticators(v *view) {
	t.Helper()
	for _, auth := range v.authenticators {
		if _, there := v.users[auth.UserID]; there {
			listed(t, "ListAuthenticators", v.owned[auth.UserID].authenticators, auth)
		}
	}
	for id, b := range v.owned {
		for _, auth := range b.authenticators {
			got, err := t.Second().GetAuthenticator(t.ctx, auth.CredentialID)
			t.ok("GetAuthenticator of a listed credential", err)
			t.equal("GetAuthenticator of a listed credential", got, auth)
			t.equal("the owner of a listed credential", auth.UserID, id)
		}
	}
}

// listed fails the test unless a list has a record, once.
func listed[R any](t *T, list string, all []R, want R) {
	t.Helper()
	n := 0
	for _, r := range all {
		if cmp.Equal(r, want) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%s\n  got:  %s, %d times the record that is wanted\n  want: once %s", list, brief(all), n, brief(want))
	}
}

// gone fails the test unless a user is gone with all of a universe, and every key
// of it can be had by another user. It leaves nothing behind.
func (t *T) gone(w universe) {
	t.Helper()
	for _, id := range w.users {
		t.noUser(id)
	}
	t.nothing(w)
	t.freeEmails(w.emails)
	heir, err := t.store.CreateUser(t.ctx, adapter.User{Name: "heir"})
	t.ok("CreateUser", err)
	t.ok("LinkAccount of the keys of a deleted user", t.parallel(len(w.accounts), func(i int) error {
		_, err := t.store.LinkAccount(t.ctx, plainAccount(heir.ID, w.accounts[i].Provider, w.accounts[i].ProviderAccountID))
		return err
	}))
	t.ok("CreateAuthenticator with the IDs of a deleted user", t.parallel(len(w.credentials), func(i int) error {
		_, err := t.store.CreateAuthenticator(t.ctx, fullAuthenticator(heir.ID, w.credentials[i]))
		return err
	}))
	t.ok("DeleteUser", t.store.DeleteUser(t.ctx, heir.ID))
}

// freeEmails fails the test unless addresses lead to nobody and can be taken. They
// are free again after it.
func (t *T) freeEmails(addresses []string) {
	t.Helper()
	a := t.Second()
	t.ok("signing up with free addresses", t.parallel(len(addresses), func(i int) error {
		if _, err := a.GetUserByEmail(t.ctx, addresses[i]); !errors.Is(err, adapter.ErrNotFound) {
			return fmt.Errorf("GetUserByEmail of a free address: the error %v", err)
		}
		u, err := t.store.CreateUser(t.ctx, adapter.User{Email: addresses[i]})
		if err != nil {
			return err
		}
		return t.store.DeleteUser(t.ctx, u.ID)
	}))
}

// nothing fails the test if any read but that of a user finds something of a
// universe.
func (t *T) nothing(w universe) {
	t.Helper()
	v := t.look(universe{accounts: w.accounts, sessions: w.sessions, credentials: w.credentials})
	none(t, "accounts that GetAccount finds", v.accounts)
	none(t, "accounts that lead to a user", v.byAccount)
	none(t, "sessions that open", v.sessions)
	none(t, "credentials that GetAuthenticator finds", v.authenticators)
	for _, id := range w.users {
		t.ownsNothing(id)
	}
}

func none[K comparable, R any](t *T, what string, found map[K]R) {
	t.Helper()
	if len(found) > 0 {
		t.Errorf("%s\n  got:  %d: %s\n  want: none", what, len(found), brief(found))
	}
}

// ownsNothing fails the test unless a user's lists are empty.
func (t *T) ownsNothing(userID string) {
	t.Helper()
	b, err := t.belongings(t.Second(), userID)
	t.ok("the lists of a user", err)
	t.equal("how many accounts, sessions and authenticators a user has", b.counts(), [3]int{})
}

// workers is how many calls parallel makes at once.
const workers = 16

// parallel calls f for 0 to n-1, some at once, and returns the errors joined. Without a
// live store the calls are made in order.
func (t *T) parallel(n int, f func(i int) error) error {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	atOnce := workers
	if !t.harness.live() {
		atOnce = 1
	}
	return errors.Join(race(min(atOnce, n), func(int) error {
		var errs []error
		for i := range next {
			if err := f(i); err != nil {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})...)
}
