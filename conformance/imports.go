package conformance

import (
	"time"

	"github.com/authstore/authstore/adapter"
)

// importTests are the rules of adapter.SessionImporter.
var importTests = []Test{
	{ID: "IMP-001", Rule: "A session that is imported by what a list says of it is the session that it was: its token opens it, wherever the token was made.", Source: "adapter.SessionImporter", Run: func(t *T) {
		i := optional[adapter.SessionImporter](t, Import)
		for _, name := range []string{ada, grace} {
			u := t.user(name)
			want := fullSession(u.ID)
			if name == grace {
				want.SessionToken = "made-elsewhere"
			}
			want, err := t.store.CreateSession(t.ctx, want)
			t.ok("CreateSession", err)
			t.moved(i, want)
			t.sameSession(want)
			t.signedIn(t.Second(), want.SessionToken, u.ID)
		}
	}},
	{ID: "IMP-002", Rule: "An imported session is prolonged, ends and expires as any other.", Source: "adapter.SessionImporter", Run: func(t *T) {
		i := optional[adapter.SessionImporter](t, Import)
		u := t.user(ada)
		tokens := []string{adapter.NewSessionToken(u.ID, [32]byte{1}), "made-elsewhere"}
		ends := map[string]func(s adapter.Session) error{
			"DeleteSession":     func(s adapter.Session) error { return t.store.DeleteSession(t.ctx, s.SessionToken) },
			"DeleteSessionByID": func(s adapter.Session) error { return t.store.DeleteSessionByID(t.ctx, u.ID, s.ID) },
			"DeleteSessions":    func(adapter.Session) error { return t.store.DeleteSessions(t.ctx, u.ID) },
			"expiry":            func(s adapter.Session) error { t.Clock.Advance(s.Expires.Sub(t.Clock.Now())); return nil },
		}
		for name, end := range inOrder(ends) {
			for _, token := range tokens {
				s := t.imported(i, u.ID, token)
				_, err := t.store.UpdateSession(t.ctx, token, adapter.SessionUpdate{Expires: new(s.Expires.Add(time.Hour))})
				t.ok("UpdateSession", err)
				t.Clock.Advance(time.Hour)
				t.signedIn(t.Second(), token, u.ID)
				s.Expires = s.Expires.Add(time.Hour)
				t.ok(name, end(s))
				t.signedOut(t.Second(), token)
				t.sessions(u.ID)
			}
		}
	}},
	{ID: "IMP-003", Rule: "A session that is there is not imported again, and no other user's takes its place.", Source: "adapter.SessionImporter", Run: func(t *T) {
		i := optional[adapter.SessionImporter](t, Import)
		u, other := t.user(ada), t.user(grace)
		s := t.imported(i, u.ID, "made-elsewhere")
		for _, userID := range []string{u.ID, other.ID} {
			t.conflict("ImportSession", i.ImportSession(t.ctx, adapter.Session{ID: s.ID, UserID: userID, Expires: s.Expires}), adapter.FieldSessionToken)
		}
		t.signedIn(t.Second(), "made-elsewhere", u.ID)
		t.sessions(other.ID)
	}},
	{ID: "IMP-004", Rule: "An ID that is no digest, and a session without an expiry, are refused. A digest is no token.", Source: "docs/contract.md R8, R16", Run: func(t *T) {
		i := optional[adapter.SessionImporter](t, Import)
		u := t.user(ada)
		for _, id := range []string{"", "a token", adapter.SessionID("t") + "A", adapter.NewSessionToken(u.ID, [32]byte{1})} {
			t.is("ImportSession", i.ImportSession(t.ctx, adapter.Session{ID: id, UserID: u.ID, Expires: Start.Add(time.Hour)}), adapter.ErrInvalid)
		}
		t.invalid("ImportSession", i.ImportSession(t.ctx, adapter.Session{ID: adapter.SessionID("t"), UserID: u.ID}), "Session.Expires")
		s := t.imported(i, u.ID, "t")
		t.signedOut(t.store, s.ID)
		t.sessions(u.ID, s)
	}},
	{ID: "IMP-005", Rule: "Imported sessions go with their user, and one of a user who is not there opens nothing.", Source: "docs/contract.md R14", Run: func(t *T) {
		i := optional[adapter.SessionImporter](t, Import)
		u := t.user(ada)
		t.imported(i, u.ID, "made-elsewhere")
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		t.signedOut(t.Second(), "made-elsewhere")
		err := i.ImportSession(t.ctx, adapter.Session{ID: adapter.SessionID("later"), UserID: u.ID, Expires: Start.Add(time.Hour)})
		if err != nil {
			t.invalid("ImportSession", err, "Session.UserID")
		}
		t.signedOut(t.Second(), "later")
		t.imported(i, t.user(grace).ID, "made-elsewhere")
	}},
	{ID: "IMP-006", Rule: "A store that keeps tokens as they are imports no session: a digest cannot become a token.", Source: "docs/contract.md R16", Run: func(t *T) {
		optional[adapter.SessionImporter](t, Import)
		u := t.user(ada)
		plain, ok := adapter.As[adapter.SessionImporter](t.plain())
		if !ok {
			return
		}
		t.is("ImportSession", plain.ImportSession(t.ctx, adapter.Session{ID: adapter.SessionID("t"), UserID: u.ID, Expires: Start.Add(time.Hour)}), adapter.ErrUnsupported)
		t.sessions(u.ID)
	}},
}

// imported imports a session with a token, for an hour, and returns it.
func (t *T) imported(i adapter.SessionImporter, userID, token string) adapter.Session {
	t.Helper()
	now := t.Clock.Now()
	s := adapter.Session{ID: adapter.SessionID(token), UserID: userID, Expires: now.Add(time.Hour), CreatedAt: now, UpdatedAt: now}
	t.ok("ImportSession", i.ImportSession(t.ctx, s))
	s.SessionToken = token
	return s
}

// moved deletes a session, and imports what a list said of it.
func (t *T) moved(i adapter.SessionImporter, s adapter.Session) {
	t.Helper()
	listed, err := t.store.ListSessions(t.ctx, s.UserID)
	t.ok("ListSessions", err)
	t.ok("DeleteSession", t.store.DeleteSession(t.ctx, s.SessionToken))
	for _, s := range listed {
		t.ok("ImportSession", i.ImportSession(t.ctx, s))
	}
}
