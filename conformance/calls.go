package conformance

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// callTests are the rules for every call whatever it does: its context, its
// errors, closing, and the sources that it takes its values from.
var callTests = []Test{
	{ID: "CTX-001", Rule: "A call with a cancelled context returns the context's error and does nothing.", Source: "docs/contract.md R6", Run: func(t *T) {
		ctx, cancel := context.WithCancel(t.ctx)
		cancel()
		t.doesNothing(ctx, t.store, context.Canceled)
	}},
	{ID: "CTX-002", Rule: "A call with a context whose time is over returns the context's error and does nothing.", Source: "docs/contract.md R6", Run: func(t *T) {
		ctx, cancel := context.WithDeadline(t.ctx, time.Now().Add(-time.Second))
		defer cancel()
		t.doesNothing(ctx, t.store, context.DeadlineExceeded)
	}},
	{ID: "CLO-001", Rule: "A call after Close is ErrClosed and does nothing; closing again is no error.", Source: "docs/contract.md R9", Run: func(t *T) {
		closed := t.Open(t.Options())
		t.ok("Close", closed.Close())
		t.ok("Close again", closed.Close())
		t.doesNothing(t.ctx, closed, adapter.ErrClosed)
	}},
	{ID: "CLO-002", Rule: "Closing one adapter leaves the others on the same store open.", Source: "docs/contract.md R9", Run: func(t *T) {
		u := t.user(ada)
		t.ok("Close", t.Open(t.Options()).Close())
		t.sameUser(u)
	}},
	{ID: "CLO-003", Rule: "An adapter may be closed while it is used: each call answers rightly or is ErrClosed.", Source: "docs/contract.md R9", Needs: []Feature{Live}, Run: func(t *T) {
		u := t.user(ada)
		a := t.Open(t.Options())
		errs := race(32, func(i int) error {
			if i == 16 {
				return a.Close()
			}
			got, err := a.GetUser(t.ctx, u.ID)
			if err == nil && got.ID != u.ID {
				return errors.New("the wrong user")
			}
			return err
		})
		for _, err := range errs {
			if err != nil && !errors.Is(err, adapter.ErrClosed) && !errors.Is(err, adapter.ErrUnavailable) {
				t.Errorf("a call beside Close\n  got:  %v\n  want: no error, or ErrClosed", err)
			}
		}
	}},
	{ID: "ERR-001", Rule: "Every error is one *adapter.Error that names the backend and the operation.", Source: "docs/contract.md R2", Run: func(t *T) {
		for op, err := range t.everyError() {
			t.proper(op, err)
		}
	}},
	{ID: "ERR-002", Rule: "No error text holds a token, an e-mail address or a secret.", Source: "docs/contract.md R2", Run: func(t *T) {
		for op, err := range t.everyError() {
			t.discreet(op, err)
		}
	}},
	{ID: "OPT-001", Rule: "IDs, secrets and times come from the sources that the options name.", Source: "docs/contract.md R11", Run: func(t *T) {
		id, secret, at := t.NewID(), [32]byte{1, 2, 3}, Start.Add(time.Hour)
		a := t.Open(adapter.Options{
			Clock:     func() time.Time { return at.Add(999 * time.Microsecond) },
			NewID:     func() string { return id },
			NewSecret: func() [32]byte { return secret },
		})
		u, err := a.CreateUser(t.ctx, adapter.User{})
		t.ok("CreateUser", err)
		t.equal("CreateUser", u, adapter.User{ID: id, CreatedAt: at, UpdatedAt: at})
		s, err := a.CreateSession(t.ctx, adapter.Session{UserID: id, Expires: at.Add(time.Hour)})
		t.ok("CreateSession", err)
		t.equal("SessionToken", s.SessionToken, adapter.NewSessionToken(id, secret))
	}},
	{ID: "OPT-002", Rule: "Without options an adapter works by itself: its own clock, IDs and secrets.", Source: "docs/contract.md R11", Needs: []Feature{Live}, Run: func(t *T) {
		a := t.Open(adapter.Options{})
		before := adapter.Milliseconds(time.Now())
		u, err := a.CreateUser(t.ctx, adapter.User{Email: email(ada)})
		t.ok("CreateUser", err)
		if after := time.Now(); u.CreatedAt.Before(before) || u.CreatedAt.After(after) {
			t.Errorf("CreatedAt\n  got:  %v\n  want: from %v to %v", u.CreatedAt, before, after)
		}
		another, err := a.CreateUser(t.ctx, adapter.User{})
		t.ok("CreateUser of another one", err)
		if another.ID == u.ID || u.ID == "" {
			t.Errorf("CreateUser\n  got:  the IDs %q and %q\n  want: a new one each", u.ID, another.ID)
		}
		s, err := a.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: before.Add(time.Hour)})
		t.ok("CreateSession", err)
		t.signedIn(a, s.SessionToken, u.ID)
		other, err := a.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: before.Add(time.Hour)})
		t.ok("CreateSession", err)
		if other.SessionToken == s.SessionToken {
			t.Errorf("CreateSession\n  got:  the same token twice\n  want: a new one")
		}
	}},
	{ID: "RST-001", Rule: "Session tokens are stored as digests: what is stored signs nobody in.", Source: "docs/contract.md R16", Needs: []Feature{Dump, Digests}, Run: func(t *T) {
		u := t.user(ada)
		generated := t.session(u.ID)
		foreign, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: "made-elsewhere", Expires: Start.Add(time.Hour)})
		t.ok("CreateSession", err)
		_, err = t.store.UpdateSession(t.ctx, generated.SessionToken, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
		t.ok("UpdateSession", err)
		for _, token := range []string{generated.SessionToken, generated.SessionToken[strings.LastIndex(generated.SessionToken, ".")+1:], foreign.SessionToken} {
			t.equal("a stored record holds the token", t.stored(token), false)
		}
		t.equal("a stored record holds the user's ID", t.stored(u.ID), true)
	}},
	{ID: "RST-002", Rule: "With PlainSessionTokens tokens are stored as they are, and all else is the same.", Source: "docs/contract.md R16", Needs: []Feature{Dump}, Run: func(t *T) {
		plain := t.Options()
		plain.PlainSessionTokens = true
		a := t.Open(plain)
		u := t.user(ada)
		var sessions []adapter.Session
		for _, token := range []string{"", "made-elsewhere", "kept", "by-id"} {
			s, err := a.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: token, Expires: Start.Add(time.Hour)})
			t.ok("CreateSession", err)
			t.equal("a stored record holds the token", t.stored(s.SessionToken), true)
			t.signedIn(a, s.SessionToken, u.ID)
			sessions = append(sessions, s)
		}
		_, err := a.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: "kept", Expires: Start.Add(time.Hour)})
		t.conflict("CreateSession", err, adapter.FieldSessionToken)
		all, err := a.ListSessions(t.ctx, u.ID)
		t.ok("ListSessions", err)
		t.equal("sessions listed", len(all), len(sessions))
		for _, s := range all {
			t.equal("SessionToken of ListSessions", s.SessionToken, "")
		}
		t.ok("DeleteSessionByID", a.DeleteSessionByID(t.ctx, u.ID, sessions[3].ID))
		t.signedOut(a, sessions[3].SessionToken)
		t.ok("DeleteSession", a.DeleteSession(t.ctx, sessions[1].SessionToken))
		t.signedOut(a, sessions[1].SessionToken)
		t.ok("DeleteSessions", a.DeleteSessions(t.ctx, u.ID, "kept"))
		t.signedOut(a, sessions[0].SessionToken)
		t.signedIn(a, "kept", u.ID)
	}},
	{ID: "RST-003", Rule: "A session token is stored as its SHA-256 digest in base64url: any other form would sign everybody out at an upgrade.", Source: "docs/contract.md R16", Needs: []Feature{Dump, Digests}, Run: func(t *T) {
		_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: t.user(ada).ID, SessionToken: "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b", Expires: Start.Add(time.Hour)})
		t.ok("CreateSession", err)
		t.equal("a stored record holds the digest", t.stored("A8HYnhJh7_JWW1rPU2-6OB_sXwodbnhM1NsfAYzHiqk"), true)
	}},
}

// proper fails the test unless err is an *adapter.Error of an operation, whose name
// op begins with.
func (t *T) proper(op string, err error) {
	t.Helper()
	var e *adapter.Error
	if !errors.As(err, &e) || e.Backend == "" || e.Err == nil || !strings.HasPrefix(op, e.Op) {
		t.Errorf("%s\n  got:  %#v\n  want: an *adapter.Error with backend and operation", op, err)
	}
	if _, outermost := err.(*adapter.Error); !outermost {
		t.Errorf("%s\n  got:  a %T around it\n  want: the *adapter.Error itself", op, err)
	}
}

// discreet fails the test if the text of err holds a key of which the words
// example.com and s3cret are parts.
func (t *T) discreet(op string, err error) {
	t.Helper()
	for _, secret := range []string{"example.com", "s3cret"} {
		if strings.Contains(strings.ToLower(err.Error()), secret) {
			t.Errorf("%s\n  got:  %v\n  want: a text without %q", op, err, secret)
		}
	}
}

// stored reports whether any stored record holds a text.
func (t *T) stored(text string) bool {
	t.Helper()
	records, err := t.namespace.Dump(t.ctx)
	t.ok("the harness's Dump", err)
	for _, r := range records {
		if strings.Contains(r, text) {
			return true
		}
	}
	return false
}

// doesNothing fails the test unless every operation on an adapter is an error of a
// kind and changes nothing.
func (t *T) doesNothing(ctx context.Context, a adapter.Adapter, kind error) {
	t.Helper()
	s := t.newStage(ada)
	for _, op := range s.operations() {
		t.is(op.name, op.call(ctx, a), kind)
	}
	t.sameUser(s.user)
	t.noUser(s.freeID)
	t.freeEmail(email("both-" + s.free))
	t.accounts(s.user.ID, s.account)
	t.sessions(s.user.ID, s.session)
	t.signedIn(t.store, s.session.SessionToken, s.user.ID)
	t.authenticators(s.user.ID, s.authenticator)
	t.equal("usable", t.usable(t.ctx, t.store, s.link.Identifier, s.link.Token), true)
	t.equal("usable", t.usable(t.ctx, t.store, email(s.free), "token-"+s.free), false)
}

// everyError returns an error of every kind from every operation that has it, by
// operation and kind. The records' keys hold the words example.com and s3cret.
func (t *T) everyError() map[string]error {
	t.Helper()
	errs := map[string]error{}
	u := t.user(ada)
	acc := plainAccount(u.ID, "github", "s3cret-ada")
	secret := acc.Key()
	hour := t.Clock.Now().Add(time.Hour)
	token := adapter.VerificationToken{Identifier: email(ada), Token: "s3cret", Expires: hour}

	_, errs["CreateUser: conflict"] = t.store.CreateUser(t.ctx, adapter.User{Email: email(ada)})
	_, errs["CreateUser: invalid"] = t.store.CreateUser(t.ctx, adapter.User{Email: email(ada) + "\x00"})
	_, errs["CreateUser: attributes"] = t.store.CreateUser(t.ctx, adapter.User{Attributes: adapter.Attributes{"s": "s3cret\x00"}})
	_, errs["GetUser: not found"] = t.store.GetUser(t.ctx, t.NewID())
	_, errs["GetUserByEmail: not found"] = t.store.GetUserByEmail(t.ctx, "x"+email(ada))
	_, errs["GetUserByAccount: not found"] = t.store.GetUserByAccount(t.ctx, secret)
	_, errs["UpdateUser: not found"] = t.store.UpdateUser(t.ctx, t.NewID(), adapter.UserUpdate{Name: new("s3cret")})
	_, errs["GetAccount: not found"] = t.store.GetAccount(t.ctx, secret)
	_, errs["UpdateAccount: not found"] = t.store.UpdateAccount(t.ctx, secret, adapter.AccountUpdate{AccessToken: new("s3cret")})
	_, err := t.store.LinkAccount(t.ctx, acc)
	t.ok("LinkAccount", err)
	_, errs["LinkAccount: conflict"] = t.store.LinkAccount(t.ctx, acc)
	_, _, errs["CreateUserWithAccount: conflict"] = t.store.CreateUserWithAccount(t.ctx, adapter.User{}, plainAccount("", acc.Provider, acc.ProviderAccountID))
	other, err := t.store.CreateUser(t.ctx, adapter.User{Email: "x" + email(ada)})
	t.ok("CreateUser", err)
	_, errs["UpdateUser: conflict"] = t.store.UpdateUser(t.ctx, other.ID, adapter.UserUpdate{Email: new(email(ada))})
	session := adapter.Session{UserID: u.ID, SessionToken: "s3cret-" + email(ada), Expires: hour}
	_, _, errs["GetSessionAndUser: not found"] = t.store.GetSessionAndUser(t.ctx, session.SessionToken)
	_, errs["UpdateSession: not found"] = t.store.UpdateSession(t.ctx, session.SessionToken, adapter.SessionUpdate{})
	_, err = t.store.CreateSession(t.ctx, session)
	t.ok("CreateSession", err)
	_, errs["CreateSession: conflict"] = t.store.CreateSession(t.ctx, session)
	_, errs["UseVerificationToken: not found"] = t.store.UseVerificationToken(t.ctx, token.Identifier, token.Token)
	_, err = t.store.CreateVerificationToken(t.ctx, token)
	t.ok("CreateVerificationToken", err)
	_, errs["UpdateAuthenticatorCounter: not found"] = t.store.UpdateAuthenticatorCounter(t.ctx, "s3cret", 1)
	_, errs["GetAuthenticator: not found"] = t.store.GetAuthenticator(t.ctx, "s3cret")
	t.authenticator(u.ID, "s3cret")
	_, errs["CreateAuthenticator: conflict"] = t.store.CreateAuthenticator(t.ctx, fullAuthenticator(u.ID, "s3cret"))
	_, errs["UpdateAuthenticatorCounter: conflict"] = t.store.UpdateAuthenticatorCounter(t.ctx, "s3cret", 1)
	t.Clock.Advance(2 * time.Hour)
	_, _, errs["GetSessionAndUser: expired"] = t.store.GetSessionAndUser(t.ctx, session.SessionToken)
	_, errs["UseVerificationToken: expired"] = t.store.UseVerificationToken(t.ctx, token.Identifier, token.Token)
	cancelled, cancel := context.WithCancel(t.ctx)
	cancel()
	_, errs["GetUserByEmail: cancelled"] = t.store.GetUserByEmail(cancelled, email(ada))
	closed := t.Open(t.Options())
	t.ok("Close", closed.Close())
	_, _, errs["GetSessionAndUser: closed"] = closed.GetSessionAndUser(t.ctx, session.SessionToken)
	return errs
}
