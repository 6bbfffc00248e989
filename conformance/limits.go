package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authstore/authstore/adapter"
)

const (
	bounded = time.Minute // for a call beside somebody who writes without end
	flood   = 8           // how many write without end
)

// endless calls f over and over, by some callers at once. It returns when they are at
// work, with what stops them and waits for them.
func (t *T) endless(f func(n int, a adapter.Adapter) error, may ...error) (stop func()) {
	t.Helper()
	var n atomic.Int64
	var writers sync.WaitGroup
	both := t.Both()
	ctx, cancel := context.WithCancel(t.ctx)
	atWork := make(chan struct{})
	for i := range flood {
		writers.Go(func() {
			for ctx.Err() == nil {
				made := int(n.Add(1))
				t.among("a write without end", f(made, both[i%2]), may...)
				if made == 4*flood {
					close(atWork)
				}
			}
		})
	}
	select {
	case <-atWork:
	case <-t.ctx.Done():
	}
	return func() {
		cancel()
		writers.Wait()
	}
}

// inBounds fails the test unless a call succeeds in bounded time.
func (t *T) inBounds(doing string, call func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, bounded)
	defer cancel()
	t.among(doing+" beside somebody who writes without end", call(ctx))
}

var limitTests = []Test{
	{ID: "LIM-001", Rule: "Whoever signs in without end is signed out nevertheless, in bounded time.", Source: "docs/contract.md R14", Run: func(t *T) {
		u := t.user(ada)
		var before []string
		for range 20 {
			before = append(before, t.session(u.ID).SessionToken)
		}
		stop := t.endless(func(_ int, a adapter.Adapter) error {
			_, err := a.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour)})
			return err
		})
		t.inBounds("DeleteSessions", func(ctx context.Context) error { return t.store.DeleteSessions(ctx, u.ID) })
		t.nothing(universe{sessions: before})
		stop()
		t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID))
		t.ownsNothing(u.ID)
	}},
	{ID: "LIM-002", Rule: "Whoever writes without end is deleted nevertheless, in bounded time.", Source: "docs/contract.md R14", Run: func(t *T) {
		u := t.user(ada)
		before := t.session(u.ID)
		account := t.account(u.ID, "gitlab", "before")
		stop := t.endless(func(n int, a adapter.Adapter) (err error) {
			switch n % 4 {
			case 0:
				_, err = a.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour)})
			case 1:
				_, err = a.LinkAccount(t.ctx, plainAccount(u.ID, "github", numbered("a", n)))
			case 2:
				_, err = a.CreateAuthenticator(t.ctx, fullAuthenticator(u.ID, numbered("credential", n)))
			case 3:
				_, err = a.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: new(numbered("name", n))})
			}
			return err
		}, adapter.ErrInvalid, adapter.ErrNotFound)
		t.inBounds("DeleteUser", func(ctx context.Context) error { return t.store.DeleteUser(ctx, u.ID) })
		w := universe{users: []string{u.ID}, emails: []string{u.Email}, accounts: []adapter.AccountKey{account.Key()}, sessions: []string{before.SessionToken}}
		t.noUser(u.ID)
		t.nothing(universe{accounts: w.accounts, sessions: w.sessions})
		stop()
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		t.gone(w)
	}},
	{ID: "LIM-003", Rule: "A session that ends between its read and its extension stays ended, and nothing is written.", Source: "docs/contract.md R13", Needs: []Feature{Dump}, Run: endsBeforeExtension},
	{ID: "LIM-004", Rule: "A user who grows until the store says no is told so clearly, keeps what there is, and can be read, shortened and deleted.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		s := t.session(u.ID)
		grown := t.grows("UpdateUser", func(set adapter.Attributes, remove ...string) (adapter.Attributes, error) {
			got, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Attributes: set, RemoveAttributes: remove})
			return got.Attributes, err
		})
		byEmail, err := t.Second().GetUserByEmail(t.ctx, u.Email)
		t.ok("GetUserByEmail", err)
		t.equal("how many attributes a user has", len(byEmail.Attributes), grown)
		_, bySession, err := t.Second().GetSessionAndUser(t.ctx, s.SessionToken)
		t.ok("GetSessionAndUser", err)
		t.equal("how many attributes the user of a session has", len(bySession.Attributes), grown)
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		t.gone(universe{users: []string{u.ID}, emails: []string{u.Email}, sessions: []string{s.SessionToken}})
	}},
	{ID: "LIM-005", Rule: "An account that grows until the store says no keeps what there is, and can be read and unlinked.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		key := t.account(u.ID, "github", "a").Key()
		grown := t.grows("UpdateAccount", func(set adapter.Attributes, remove ...string) (adapter.Attributes, error) {
			got, err := t.store.UpdateAccount(t.ctx, key, adapter.AccountUpdate{Attributes: set, RemoveAttributes: remove})
			return got.Attributes, err
		})
		got, err := t.Second().GetAccount(t.ctx, key)
		t.ok("GetAccount", err)
		t.equal("how many attributes an account has", len(got.Attributes), grown)
		t.leadsTo(plainAccount(u.ID, key.Provider, key.ProviderAccountID))
		t.ok("UnlinkAccount", t.store.UnlinkAccount(t.ctx, key))
		t.nothing(universe{users: []string{u.ID}, accounts: []adapter.AccountKey{key}})
	}},
	{ID: "LIM-006", Rule: "A session that grows until the store says no keeps what there is, and can be read and ended.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		s := t.session(u.ID)
		grown := t.grows("UpdateSession", func(set adapter.Attributes, remove ...string) (adapter.Attributes, error) {
			got, err := t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Attributes: set, RemoveAttributes: remove})
			return got.Attributes, err
		})
		all, err := t.Second().ListSessions(t.ctx, u.ID)
		t.ok("ListSessions", err)
		if len(all) != 1 || len(all[0].Attributes) != grown {
			t.Errorf("ListSessions\n  got:  %s\n  want: the session with %d attributes", brief(all), grown)
		}
		t.ok("DeleteSessionByID", t.store.DeleteSessionByID(t.ctx, u.ID, s.ID))
		t.nothing(universe{users: []string{u.ID}, sessions: []string{s.SessionToken}})
	}},
	{ID: "LIM-007", Rule: "A token that is somebody else's since its session has expired stays so, whatever the first user ends.", Source: "docs/contract.md R5", Run: func(t *T) {
		ends := map[string]func(userID, token string) error{
			"DeleteSessions": func(userID, _ string) error { return t.store.DeleteSessions(t.ctx, userID) },
			"DeleteSessionByID": func(userID, token string) error {
				return t.store.DeleteSessionByID(t.ctx, userID, adapter.SessionID(token))
			},
			"DeleteUser": func(userID, _ string) error { return t.store.DeleteUser(t.ctx, userID) },
		}
		first, heir := map[string]string{}, t.user(grace).ID
		for name := range ends {
			first[name] = t.user(name).ID
			t.ok("CreateSession", signIn.userBy(t.ctx, t.store, first[name], name))
		}
		t.Clock.Advance(2 * time.Hour)
		for name, end := range ends {
			_, err := t.Second().CreateSession(t.ctx, adapter.Session{UserID: heir, SessionToken: name, Expires: t.Clock.Now().Add(time.Hour)})
			t.ok("CreateSession with the token of one that has expired", err)
			t.ok(name, end(first[name], name))
			t.signedIn(t.Second(), name, heir)
		}
	}},
	{ID: "LIM-008", Rule: "What was given up, used or refused is in nothing that is stored.", Source: "docs/contract.md R5", Needs: []Feature{Dump}, Run: leavesNothing},
	{ID: "LIM-009", Rule: "A token that names its user is free again, as any other, when its session has expired or its user is gone.", Source: "docs/contract.md R5", Run: func(t *T) {
		u := t.user(ada)
		create := func(token string) error {
			_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: token, Expires: t.Clock.Now().Add(time.Hour)})
			return err
		}
		expires, stray := adapter.NewSessionToken(u.ID, [32]byte{1}), adapter.NewSessionToken(u.ID, [32]byte{2})
		t.ok("CreateSession", create(expires))
		t.conflict("CreateSession with the token of a live session", create(expires), adapter.FieldSessionToken)
		t.Clock.Advance(2 * time.Hour)
		t.ok("CreateSession with the token of one that has expired", create(expires))
		t.signedIn(t.Second(), expires, u.ID)
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		for range 2 {
			t.among("CreateSession of a user who is gone", create(stray), adapter.ErrInvalid)
			t.signedOut(t.Second(), stray)
		}
	}},
}

// endsBeforeExtension ends a session in every way after a request has read it.
func endsBeforeExtension(t *T) {
	const late = "seen-too-late"
	ends := map[string]func(s adapter.Session) error{
		"DeleteSession":     func(s adapter.Session) error { return t.Second().DeleteSession(t.ctx, s.SessionToken) },
		"DeleteSessionByID": func(s adapter.Session) error { return t.Second().DeleteSessionByID(t.ctx, s.UserID, s.ID) },
		"DeleteSessions":    func(s adapter.Session) error { return t.Second().DeleteSessions(t.ctx, s.UserID) },
		"DeleteUser":        func(s adapter.Session) error { return t.Second().DeleteUser(t.ctx, s.UserID) },
		"its expiry":        func(adapter.Session) error { t.Clock.Advance(time.Hour); return nil },
	}
	for name, end := range inOrder(ends) {
		for i, up := range []adapter.SessionUpdate{
			{Expires: new(t.Clock.Now().Add(24 * time.Hour))}, {Attributes: adapter.Attributes{"seen": late}},
			{Expires: new(t.Clock.Now().Add(24 * time.Hour)), Attributes: adapter.Attributes{"seen": late}},
		} {
			u := t.user(numbered(strings.ReplaceAll(name, " ", "-"), i))
			s := t.session(u.ID)
			t.signedIn(t.store, s.SessionToken, u.ID)
			t.ok(name, end(s))
			kept := t.stored(s.ID) // what has expired may be
			_, err := t.store.UpdateSession(t.ctx, s.SessionToken, up)
			t.is("UpdateSession after "+name, err, adapter.ErrNotFound)
			t.equal("whether the extension is stored after "+name, t.stored(late), false)
			t.equal("whether the session is stored after "+name, t.stored(s.ID) && !kept, false)
			t.signedOut(t.Second(), s.SessionToken)
		}
	}
}

// roomy is how much a record is made to hold where the store has no limit.
const roomy = 2 << 20

// grows adds 60 KB of attributes a call to a record until the store refuses it, or it is
// large. It returns how many attributes there are then.
func (t *T) grows(op string, update func(set adapter.Attributes, remove ...string) (adapter.Attributes, error)) (n int) {
	t.Helper()
	text := strings.Repeat("0123456789", 6000)
	limit := t.harness.MaxRecord
	for size := 0; size < max(2*limit, roomy); size += len(text) {
		got, err := update(adapter.Attributes{numbered("a", n): text})
		if err == nil {
			n++
			t.equal("how many attributes "+op+" returns", len(got), n)
			continue
		}
		if n < 4 || !errors.Is(err, adapter.ErrInvalid) && !errors.Is(err, adapter.ErrSetup) || errors.Is(err, adapter.ErrUnavailable) {
			t.Fatalf("%s of a record of %d bytes\n  got:  %v\n  want: what says that it is too large", op, size, err)
		}
		t.named(op+" of what is too large", err)
		got, err = update(nil, "a-0")
		t.ok(op+" that makes a record smaller", err)
		t.equal("how many attributes there are after the first was removed", len(got), n-1)
		got, err = update(adapter.Attributes{"a-0": "short"})
		t.ok(op+" of what fits", err)
		for i := 1; i < n; i++ {
			if got[numbered("a", i)] != text {
				t.Fatalf("%s\n  got:  the attribute %d changed\n  want: what there was", op, i)
			}
		}
		return n
	}
	if limit > 0 {
		t.Fatal(fmt.Sprintf("%s\n  got:  no error for a record of more than %d bytes\n  want: the limit that the harness names", op, limit))
	}
	return n
}

// leavesNothing looks for keys in what is stored, after their end.
func leavesNothing(t *T) {
	u, other := t.user(ada), t.user(grace)
	github := func(id string) adapter.AccountKey {
		return adapter.AccountKey{Provider: "github", ProviderAccountID: id}
	}
	t.ok("CreateSession", signIn.userBy(t.ctx, t.store, u.ID, "kept-token"))
	t.account(u.ID, "github", "kept-account")
	for _, end := range []struct {
		key string
		end func(key string) error
	}{
		{u.Email, func(string) error {
			t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID, "kept-token"))
			return move.userBy(t.ctx, t.Second(), u.ID, "second")
		}},
		{email("second"), func(string) error { return move.userBy(t.ctx, t.store, u.ID, "third") }},
		{email("third"), func(string) error { return setEmail(noEmail)(t.ctx, t.store, u.ID, "") }},
		{"unlinked", func(key string) error {
			t.account(u.ID, "github", key)
			return t.Second().UnlinkAccount(t.ctx, github(key))
		}},
		{"unregistered", func(key string) error {
			t.authenticator(u.ID, key)
			return t.Second().DeleteAuthenticator(t.ctx, key)
		}},
		{"used", func(key string) error {
			t.link(key+"-identifier", key)
			_, err := t.Second().UseVerificationToken(t.ctx, key+"-identifier", key)
			return err
		}},
		{"void", func(key string) error {
			t.link(key+"-identifier", key)
			return t.Second().DeleteVerificationTokens(t.ctx, key+"-identifier")
		}},
		{"first-session", t.signedInAndOut(u.ID, func(key string) error { return t.Second().DeleteSession(t.ctx, key) })},
		{"second-session", t.signedInAndOut(u.ID, func(key string) error {
			return t.Second().DeleteSessionByID(t.ctx, u.ID, adapter.SessionID(key))
		})},
		{"third-session", t.signedInAndOut(u.ID, func(string) error { return t.Second().DeleteSessions(t.ctx, u.ID, "kept-token") })},
		{"refused-account", func(key string) error {
			_, _, err := t.store.CreateUserWithAccount(t.ctx, adapter.User{Email: other.Email}, plainAccount("", "github", key))
			return conflicts(err)
		}},
		{email("refused"), func(string) error {
			return conflicts(signUpWith.userBy(t.ctx, t.store, t.NewID(), "kept-account"))
		}},
		{email("refused-too"), func(string) error {
			return conflicts(create.userBy(t.ctx, t.store, u.ID, "refused-too"))
		}},
	} {
		if t.namespace.PlainTokens && strings.HasSuffix(end.key, "session") {
			continue // the layout of Auth.js keeps which one was the last
		}
		t.ok("what ends "+end.key, end.end(end.key))
		t.equal("whether the harness's Dump shows "+end.key, t.stored(end.key) || t.stored(adapter.SessionID(end.key)), false)
	}
	for _, kept := range []string{"kept-account", other.Email, u.ID} {
		t.equal("whether the harness's Dump shows "+kept, t.stored(kept), true)
	}
}

// signedInAndOut signs a user in with a token that was made elsewhere, and out.
func (t *T) signedInAndOut(userID string, out func(token string) error) func(token string) error {
	return func(token string) error {
		t.ok("CreateSession", signIn.userBy(t.ctx, t.store, userID, token))
		return out(token)
	}
}

// conflicts returns an error unless one is a conflict.
func conflicts(err error) error {
	if errors.Is(err, adapter.ErrConflict) {
		return nil
	}
	return fmt.Errorf("want a conflict, got: %w", err)
}
