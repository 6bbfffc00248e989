package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

var sessionTests = []Test{
	{ID: "SES-001", Rule: "A session comes back from every read as it was written, field by field.", Source: "docs/contract.md R12", Run: func(t *T) {
		want := fullSession(t.user(ada).ID)
		got, err := t.store.CreateSession(t.ctx, want)
		t.ok("CreateSession", err)
		want.SessionToken, want.ID = got.SessionToken, adapter.SessionID(got.SessionToken)
		t.equal("CreateSession", got, want)
		t.sameSession(want)
	}},
	{ID: "SES-002", Rule: "What a session does not have comes back as the zero value.", Source: "docs/contract.md R12", Run: func(t *T) {
		u := t.user(ada)
		got := t.session(u.ID)
		want := adapter.Session{
			ID: adapter.SessionID(got.SessionToken), SessionToken: got.SessionToken, UserID: u.ID,
			Expires: Start.Add(time.Hour), CreatedAt: Start, UpdatedAt: Start,
		}
		t.equal("CreateSession", got, want)
		t.sameSession(want)
	}},
	{ID: "SES-003", Rule: "A generated token names its user, is new each time, and may stand in a cookie.", Source: "adapter.NewSessionToken", Run: func(t *T) {
		u := t.user(ada)
		seen := map[string]bool{}
		for range 20 {
			token := t.session(u.ID).SessionToken
			userID, ok := adapter.ParseSessionToken(token)
			if !ok || userID != u.ID || seen[token] || strings.ContainsAny(token, " \",;\\\x7f") {
				t.Errorf("CreateSession\n  got:  the token %q\n  want: a new token of the form <user id>.<random> for user %q", token, u.ID)
			}
			seen[token] = true
		}
	}},
	{ID: "SES-004", Rule: "A session is live strictly before its Expires, to the millisecond, and then ErrNotFound.", Source: "docs/contract.md R3", Run: func(t *T) {
		u := t.user(ada)
		for _, lifetime := range []time.Duration{time.Millisecond, 999 * time.Millisecond, time.Second, 1001 * time.Millisecond, time.Hour} {
			s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: t.Clock.Now().Add(lifetime)})
			t.ok("CreateSession", err)
			t.Clock.Advance(lifetime - time.Millisecond)
			t.signedIn(t.Second(), s.SessionToken, u.ID)
			t.sessions(u.ID, s)
			t.Clock.Advance(time.Millisecond)
			t.signedOut(t.Second(), s.SessionToken)
			t.signedOut(t.store, s.SessionToken)
			t.sessions(u.ID)
		}
	}},
	{ID: "SES-005", Rule: "A session that is not there is ErrNotFound from reads and updates, which create nothing.", Source: "docs/contract.md R1", Run: func(t *T) {
		u := t.user(ada)
		t.session(u.ID)
		for _, token := range []string{"no-such-token", adapter.NewSessionToken(u.ID, [32]byte{1}), adapter.NewSessionToken(t.NewID(), [32]byte{1})} {
			s, user, err := t.store.GetSessionAndUser(t.ctx, token)
			t.absent("GetSessionAndUser", err)
			t.equal("GetSessionAndUser", []any{s, user}, []any{adapter.Session{}, adapter.User{}})
			s, err = t.store.UpdateSession(t.ctx, token, adapter.SessionUpdate{Expires: new(Start.Add(time.Hour))})
			t.absent("UpdateSession", err)
			t.equal("UpdateSession", s, adapter.Session{})
			t.signedOut(t.Second(), token)
		}
	}},
	{ID: "SES-006", Rule: "An update moves the expiry, both ways.", Source: "adapter.Sessions.UpdateSession", Run: func(t *T) {
		u := t.user(ada)
		s := t.session(u.ID)
		got, err := t.Second().UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Expires: new(Start.Add(3 * time.Hour))})
		t.ok("UpdateSession", err)
		s.Expires = Start.Add(3 * time.Hour)
		t.equal("UpdateSession", got, s)
		t.Clock.Advance(2 * time.Hour)
		t.sameSession(s)
		_, err = t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Expires: new(t.Clock.Now().Add(time.Second))})
		t.ok("UpdateSession to a shorter life", err)
		t.Clock.Advance(time.Second - time.Millisecond)
		t.signedIn(t.store, s.SessionToken, u.ID)
		t.Clock.Advance(time.Millisecond)
		t.signedOut(t.store, s.SessionToken)
		t.sessions(u.ID)
	}},
	{ID: "SES-007", Rule: "An update to a time that has passed ends the session.", Source: "adapter.Sessions.UpdateSession", Run: func(t *T) {
		u := t.user(ada)
		for _, at := range []time.Time{Start, Start.Add(-time.Hour)} {
			s := t.session(u.ID)
			_, err := t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Expires: new(at)})
			t.ok("UpdateSession", err)
			t.signedOut(t.Second(), s.SessionToken)
			_, err = t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Expires: new(Start.Add(time.Hour))})
			t.absent("UpdateSession after it", err)
		}
		t.sessions(u.ID)
	}},
	{ID: "SES-008", Rule: "An update never revives a session that has expired or was deleted, which is ErrNotFound.", Source: "docs/contract.md R13", Run: func(t *T) {
		u := t.user(ada)
		expired, deleted := t.session(u.ID), t.session(u.ID)
		t.ok("DeleteSession", t.store.DeleteSession(t.ctx, deleted.SessionToken))
		t.Clock.Advance(time.Hour)
		for _, s := range []adapter.Session{expired, deleted} {
			for _, up := range []adapter.SessionUpdate{
				{Expires: new(t.Clock.Now().Add(time.Hour))}, {Attributes: adapter.Attributes{"a": "b"}}, {},
			} {
				_, err := t.Second().UpdateSession(t.ctx, s.SessionToken, up)
				t.absent("UpdateSession", err)
			}
			t.signedOut(t.store, s.SessionToken)
		}
		t.sessions(u.ID)
	}},
	{ID: "SES-009", Rule: "An update changes the fields that it names and no other.", Source: "docs/contract.md R13", Run: func(t *T) {
		u := t.user(ada)
		for name, up := range inOrder(map[string]adapter.SessionUpdate{
			"Expires":    {Expires: new(Start.Add(5 * time.Hour))},
			"Attributes": {Attributes: adapter.Attributes{"ip": "::1", "new": int64(1)}, RemoveAttributes: []string{"userAgent"}},
			"nothing":    {},
		}) {
			want, err := t.store.CreateSession(t.ctx, fullSession(u.ID))
			t.ok("CreateSession", err)
			t.Clock.Advance(time.Second)
			up.Apply(&want, t.Clock.Now())
			got, err := t.store.UpdateSession(t.ctx, want.SessionToken, up)
			t.ok("UpdateSession of "+name, err)
			t.equal("UpdateSession of "+name, got, want)
			t.sameSession(want)
		}
	}},
	{ID: "SES-010", Rule: "A deleted session opens nothing, at once, from anywhere, and deleting it again is no error.", Source: "docs/contract.md R4", Run: func(t *T) {
		u := t.user(ada)
		s, stays := t.session(u.ID), t.session(u.ID)
		t.signedIn(t.Second(), s.SessionToken, u.ID)
		t.ok("DeleteSession", t.store.DeleteSession(t.ctx, s.SessionToken))
		t.signedOut(t.Second(), s.SessionToken)
		t.ok("DeleteSession again", t.Second().DeleteSession(t.ctx, s.SessionToken))
		t.ok("DeleteSession of nothing", t.store.DeleteSession(t.ctx, "no-such-token"))
		t.sessions(u.ID, stays)
	}},
	{ID: "SES-011", Rule: "A list has the live sessions of one user, without their tokens.", Source: "adapter.Sessions.ListSessions", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		t.session(u.ID)
		t.Clock.Advance(time.Minute)
		live := []adapter.Session{t.session(u.ID), t.session(u.ID)}
		theirs := t.session(other.ID)
		t.Clock.Advance(59 * time.Minute)
		t.sessions(u.ID, live...)
		t.sessions(other.ID, theirs)
		t.sessions(t.NewID())
	}},
	{ID: "SES-012", Rule: "A session can be ended by the ID that a list shows.", Source: "adapter.Sessions.DeleteSessionByID", Run: func(t *T) {
		u := t.user(ada)
		ended, stays := t.session(u.ID), t.session(u.ID)
		foreign, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: "made-elsewhere", Expires: Start.Add(time.Hour)})
		t.ok("CreateSession", err)
		for _, s := range []adapter.Session{ended, foreign} {
			t.ok("DeleteSessionByID", t.Second().DeleteSessionByID(t.ctx, u.ID, s.ID))
			t.signedOut(t.store, s.SessionToken)
			t.ok("DeleteSessionByID again", t.store.DeleteSessionByID(t.ctx, u.ID, s.ID))
		}
		t.sessions(u.ID, stays)
	}},
	{ID: "SES-013", Rule: "Nobody can end another user's session by its ID.", Source: "adapter.Sessions.DeleteSessionByID", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		s := t.session(u.ID)
		for _, userID := range []string{other.ID, t.NewID(), ""} {
			t.ok("DeleteSessionByID", t.store.DeleteSessionByID(t.ctx, userID, s.ID))
			t.signedIn(t.Second(), s.SessionToken, u.ID)
		}
	}},
	{ID: "SES-014", Rule: "The ID of a session is not its token: it opens nothing, and the token is not an ID.", Source: "docs/contract.md R16", Run: func(t *T) {
		u := t.user(ada)
		s := t.session(u.ID)
		t.signedOut(t.store, s.ID)
		t.signedOut(t.store, u.ID+"."+s.ID)
		t.ok("DeleteSession of the ID", t.store.DeleteSession(t.ctx, s.ID))
		t.ok("DeleteSessionByID of the token", t.store.DeleteSessionByID(t.ctx, u.ID, s.SessionToken))
		t.signedIn(t.Second(), s.SessionToken, u.ID)
	}},
	{ID: "SES-015", Rule: "Signing out everywhere ends all sessions of one user and nobody else's.", Source: "adapter.Sessions.DeleteSessions", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		mine := []adapter.Session{t.session(u.ID), t.session(u.ID), t.session(u.ID)}
		theirs := t.session(other.ID)
		t.ok("DeleteSessions", t.Second().DeleteSessions(t.ctx, u.ID))
		for _, s := range mine {
			t.signedOut(t.store, s.SessionToken)
		}
		t.sessions(u.ID)
		t.signedIn(t.store, theirs.SessionToken, other.ID)
		t.ok("DeleteSessions again", t.store.DeleteSessions(t.ctx, u.ID))
		t.ok("DeleteSessions of nobody", t.store.DeleteSessions(t.ctx, t.NewID()))
		t.signedIn(t.store, t.session(u.ID).SessionToken, u.ID)
	}},
	{ID: "SES-016", Rule: "Signing out everywhere else keeps the sessions whose tokens are given.", Source: "adapter.Sessions.DeleteSessions", Run: func(t *T) {
		u := t.user(ada)
		first, second, ended := t.session(u.ID), t.session(u.ID), t.session(u.ID)
		foreign, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: "made-elsewhere", Expires: Start.Add(time.Hour)})
		t.ok("CreateSession", err)
		t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID, first.SessionToken, second.SessionToken, foreign.SessionToken))
		t.signedOut(t.store, ended.SessionToken)
		t.sessions(u.ID, first, second, foreign)
		t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID, second.SessionToken))
		t.sessions(u.ID, second)
	}},
	{ID: "SES-017", Rule: "Tokens to keep that are another user's, unknown or impossible keep nothing.", Source: "adapter.Sessions.DeleteSessions", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		mine, theirs := t.session(u.ID), t.session(other.ID)
		t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID, theirs.SessionToken, "unknown", "", "\x00", mine.ID, u.ID, mine.SessionToken+"x"))
		t.signedOut(t.store, mine.SessionToken)
		t.signedIn(t.store, theirs.SessionToken, other.ID)
	}},
	{ID: "SES-018", Rule: "A taken token is a conflict, and the first session stays as it is.", Source: "docs/contract.md R5", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		generated := t.session(u.ID)
		foreign, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: "made-elsewhere", Expires: Start.Add(time.Hour)})
		t.ok("CreateSession", err)
		for _, s := range []adapter.Session{
			{UserID: u.ID, SessionToken: generated.SessionToken, Expires: Start.Add(2 * time.Hour)},
			{UserID: u.ID, SessionToken: foreign.SessionToken, Expires: Start.Add(2 * time.Hour)},
			{UserID: other.ID, SessionToken: foreign.SessionToken, Expires: Start.Add(2 * time.Hour)},
		} {
			_, err := t.Second().CreateSession(t.ctx, s)
			t.conflict("CreateSession", err, adapter.FieldSessionToken)
		}
		t.sameSession(generated)
		t.sameSession(foreign)
		t.sessions(other.ID)
	}},
	{ID: "SES-019", Rule: "A token in the form of a generated one must name the session's user.", Source: "adapter.Sessions.CreateSession", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		token := adapter.NewSessionToken(other.ID, [32]byte{7})
		_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: token, Expires: Start.Add(time.Hour)})
		t.invalid("CreateSession", err, adapter.FieldSessionToken)
		t.signedOut(t.store, token)
		s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: other.ID, SessionToken: token, Expires: Start.Add(time.Hour)})
		t.ok("CreateSession for the user that the token names", err)
		t.sameSession(s)
	}},
	{ID: "SES-020", Rule: "A session of a deleted user opens nothing.", Source: "docs/contract.md R14", Run: func(t *T) {
		u := t.user(ada)
		s := t.session(u.ID)
		t.ok("DeleteUser", t.Second().DeleteUser(t.ctx, u.ID))
		t.signedOut(t.store, s.SessionToken)
		t.sessions(u.ID)
		_, err := t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
		t.is("UpdateSession", err, adapter.ErrNotFound)
	}},
	{ID: "SES-021", Rule: "A session of a user that is not there is refused, or opens nothing.", Source: "docs/contract.md R8", Run: func(t *T) {
		s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: t.NewID(), Expires: Start.Add(time.Hour)})
		if err != nil {
			t.invalid("CreateSession", err, "Session.UserID")
			return
		}
		t.signedOut(t.store, s.SessionToken)
	}},
	{ID: "SES-022", Rule: "A session that has expired before it was made opens nothing.", Source: "docs/contract.md R3", Run: func(t *T) {
		u := t.user(ada)
		for _, at := range []time.Time{Start, Start.Add(-time.Millisecond), Start.Add(-24 * time.Hour), time.UnixMilli(1000)} {
			s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: at})
			t.ok("CreateSession", err)
			t.signedOut(t.store, s.SessionToken)
		}
		t.sessions(u.ID)
	}},
	{ID: "SES-023", Rule: "A signed-in person is the user as it is now.", Source: "docs/contract.md R4", Run: func(t *T) {
		u := t.user(ada)
		s := t.session(u.ID)
		for i := range 3 {
			want, err := t.Both()[i%2].UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: new(numbered("name", i)), Attributes: adapter.Attributes{"n": int64(i)}})
			t.ok("UpdateUser", err)
			_, got, err := t.Both()[(i+1)%2].GetSessionAndUser(t.ctx, s.SessionToken)
			t.ok("GetSessionAndUser", err)
			t.equal("the user of GetSessionAndUser", got, want)
		}
	}},
	{ID: "SES-024", Rule: "Only the token itself opens a session: no part of it, nothing added, no other case, no other user's name in front.", Source: "docs/contract.md R8", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		token := t.session(u.ID).SessionToken
		secret := token[strings.LastIndex(token, ".")+1:]
		for _, forged := range []string{
			other.ID + "." + secret, secret, u.ID, u.ID + ".", "." + secret, token + "A", token[:len(token)-1], " " + token, token + " ",
			strings.ToUpper(token), strings.ToLower(token), u.ID + "." + token, token + "." + secret, token + "\x00", "%" + token,
		} {
			if forged == token { // an ID and a secret without letters
				continue
			}
			t.signedOut(t.store, forged)
			t.ok("DeleteSession", t.store.DeleteSession(t.ctx, forged))
		}
		t.signedIn(t.Second(), token, u.ID)
	}},
	{ID: "SES-025", Rule: "Tokens that were made elsewhere work, up to 1,024 bytes.", Source: "adapter, Session tokens", Run: func(t *T) {
		u := t.user(ada)
		for _, token := range []string{
			"6f1b1b5e-8a3a-4c43-9d86-6d6f0b8a9f10", "a", "a.b", "..", strings.Repeat("t", 1024), strings.Repeat("é", 512),
			u.ID + ".short", adapter.SessionID("x"),
		} {
			s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: token, Expires: Start.Add(time.Hour)})
			t.ok("CreateSession", err)
			t.equal("SessionToken", s.SessionToken, token)
			t.sameSession(s)
			_, err = t.Second().UpdateSession(t.ctx, token, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
			t.ok("UpdateSession", err)
			t.ok("DeleteSession", t.store.DeleteSession(t.ctx, token))
			t.signedOut(t.store, token)
		}
		_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: strings.Repeat("t", 1025), Expires: Start.Add(time.Hour)})
		t.invalid("CreateSession with a longer token", err, adapter.FieldSessionToken)
		t.sessions(u.ID)
	}},
	{ID: "SES-026", Rule: "CreatedAt and UpdatedAt are the clock's time where none is given; an update moves UpdatedAt only.", Source: "adapter.Session", Run: func(t *T) {
		s := t.session(t.user(ada).ID)
		t.Clock.Advance(time.Minute)
		s, err := t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{})
		t.ok("UpdateSession", err)
		t.equal("times", []time.Time{s.CreatedAt, s.UpdatedAt}, []time.Time{Start, Start.Add(time.Minute)})
		t.sameSession(s)
	}},
	{ID: "SES-027", Rule: "Each adapter judges expiry by its own clock.", Source: "docs/contract.md R11", Run: func(t *T) {
		u := t.user(ada)
		s := t.session(u.ID)
		ahead := t.Options()
		ahead.Clock = func() time.Time { return Start.Add(time.Hour) }
		t.signedOut(t.Open(ahead), s.SessionToken)
		t.signedIn(t.store, s.SessionToken, u.ID)
	}},
	{ID: "SES-028", Rule: "The ID of a session is the digest of its token, whatever ID is given.", Source: "adapter.Session.ID", Run: func(t *T) {
		u := t.user(ada)
		s, err := t.store.CreateSession(t.ctx, adapter.Session{ID: "given", UserID: u.ID, Expires: Start.Add(time.Hour)})
		t.ok("CreateSession", err)
		t.equal("ID", s.ID, adapter.SessionID(s.SessionToken))
		t.sameSession(s)
		t.ok("DeleteSessionByID of the ID that was given", t.store.DeleteSessionByID(t.ctx, u.ID, "given"))
		t.signedIn(t.Second(), s.SessionToken, u.ID)
	}},
}

// fullSession returns a session in which every field but the token is set.
func fullSession(userID string) adapter.Session {
	return adapter.Session{
		UserID:     userID,
		Expires:    Start.Add(time.Hour + 234*time.Millisecond),
		Attributes: adapter.Attributes{"ip": "2001:db8::1", "userAgent": "Mozilla/5.0 (X11) ✓", "seen": Start, "mfa": true, "name": "phone"},
		CreatedAt:  Start.Add(-48 * time.Hour),
		UpdatedAt:  Start.Add(-24 * time.Hour),
	}
}

// sameSession fails the test unless both adapters read a session as want, alone and
// in its user's list.
func (t *T) sameSession(want adapter.Session) {
	t.Helper()
	for _, a := range t.Both() {
		got, u, err := a.GetSessionAndUser(t.ctx, want.SessionToken)
		t.ok("GetSessionAndUser", err)
		t.equal("the session of GetSessionAndUser", got, want)
		t.equal("the user's ID of GetSessionAndUser", u.ID, want.UserID)
		all, err := a.ListSessions(t.ctx, want.UserID)
		t.ok("ListSessions", err)
		i := slices.IndexFunc(all, func(s adapter.Session) bool { return s.ID == want.ID })
		if i < 0 {
			t.Errorf("ListSessions\n  got:  no session with the ID\n  want: the session")
			continue
		}
		listed := want
		listed.SessionToken = ""
		t.equal("the session in ListSessions", all[i], listed)
	}
}

// sessions fails the test unless a user's list is want without tokens, in any
// order.
func (t *T) sessions(userID string, want ...adapter.Session) {
	t.Helper()
	listed := slices.Clone(want)
	for i := range listed {
		listed[i].SessionToken = ""
	}
	byID := func(a, b adapter.Session) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(listed, byID)
	for _, a := range t.Both() {
		got, err := a.ListSessions(t.ctx, userID)
		t.ok("ListSessions", err)
		t.equal("ListSessions", slices.SortedFunc(slices.Values(got), byID), listed)
	}
}
