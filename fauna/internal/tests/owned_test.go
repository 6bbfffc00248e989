package fauna_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/fauna"
)

// A user that is half deleted cannot be reached, and no other user inherits what is left.
func TestAHalfDeletedUserIsGone(t *testing.T) {
	s := newFixture(t, "half", fauna.Options{})
	ctx := t.Context()
	u, err := s.CreateUser(ctx, typicalUser("ada"))
	check(t, err)
	session, err := s.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: conformance.Start.Add(time.Hour)})
	check(t, err)
	s.fql(`Collection("User").byId(${id})!.delete()
		null`, map[string]any{"id": u.ID}) // what the first query of a larger deletion leaves

	_, _, err = s.GetSessionAndUser(ctx, session.SessionToken)
	absent(t, "GetSessionAndUser", err)
	_, err = s.UpdateSession(ctx, session.SessionToken, adapter.SessionUpdate{})
	absent(t, "UpdateSession", err)
	sessions, err := s.ListSessions(ctx, u.ID)
	if err != nil || len(sessions) > 0 {
		t.Errorf("ListSessions: got %v, %v, want none", sessions, err)
	}
	_, err = s.CreateUser(ctx, adapter.User{ID: u.ID})
	var taken *adapter.ConflictError
	if !errors.As(err, &taken) || taken.Field != adapter.FieldUserID {
		t.Errorf("CreateUser with the ID: got %v, want it taken", err)
	}
	_, _, err = s.CreateUserWithAccount(ctx, adapter.User{ID: u.ID}, typicalAccount("1"))
	if !errors.As(err, &taken) || taken.Field != adapter.FieldUserID {
		t.Errorf("CreateUserWithAccount with the ID: got %v, want it taken", err)
	}
	_, _, err = s.CreateUserWithAuthenticator(ctx, adapter.User{ID: u.ID}, passkey("", "c"))
	if !errors.As(err, &taken) || taken.Field != adapter.FieldUserID {
		t.Errorf("CreateUserWithAuthenticator with the ID: got %v, want it taken", err)
	}
	page, err := users(t, s.Adapter).EnumerateUsers(ctx, "", 10)
	if err != nil || len(page.Users) > 0 {
		t.Errorf("EnumerateUsers: got %v, %v, want nobody", page, err)
	}
	check(t, s.DeleteUser(ctx, u.ID))
	_, err = s.CreateUser(ctx, adapter.User{ID: u.ID})
	check(t, err)
	_, _, err = s.GetSessionAndUser(ctx, session.SessionToken)
	absent(t, "GetSessionAndUser after the deletion was repeated", err)
}

// alwaysContended is a transport to a server where every query that takes a number of documents
// conflicts with others.
type alwaysContended struct{ next http.RoundTripper }

func (b alwaysContended) RoundTrip(req *http.Request) (*http.Response, error) {
	query, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(query, []byte(".take(")) {
		return answered(req, http.StatusConflict, contended), nil
	}
	req.Body = io.NopCloser(bytes.NewReader(query))
	return b.next.RoundTrip(req)
}

// A user who keeps signing in, or asking for links, can be signed out and deleted.
func TestDeletesAmongWriters(t *testing.T) {
	b := newTestbed(t)
	wire, done, err := b.recording("among-writers")
	check(t, err)
	t.Cleanup(func() { check(t, done()) })
	a := open(t, b.client(alwaysContended{wire}), fauna.Options{Options: b.options()})
	ctx, hour := t.Context(), conformance.Start.Add(time.Hour)
	u, _, err := a.CreateUserWithAccount(ctx, adapter.User{}, typicalAccount("1"))
	check(t, err)
	_, err = a.CreateAuthenticator(ctx, passkey(u.ID, "c"))
	check(t, err)
	session := func() adapter.Session {
		s, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: hour})
		check(t, err)
		return s
	}
	kept := session()
	session()
	check(t, a.DeleteSessions(ctx, u.ID, kept.SessionToken))
	left, err := a.ListSessions(ctx, u.ID)
	check(t, err)
	if len(left) != 1 || left[0].ID != kept.ID {
		t.Errorf("got %+v, want the session that was to be kept", left)
	}
	_, err = a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: hour})
	check(t, err)
	check(t, a.DeleteVerificationTokens(ctx, "ada"))
	check(t, a.DeleteUser(ctx, u.ID))
	documents, err := dump(ctx, b.client(wire))
	check(t, err)
	same(t, "documents that are left", len(documents), 0)
}

// TestDeleteManySessions deletes users with more sessions than a transaction can delete, in number
// and in size, and counts the queries.
func TestDeleteManySessions(t *testing.T) {
	for name, test := range map[string]struct {
		sessions, each, bytes int // made by queries of each
		queries               int
	}{
		"ten-thousand": {10_000, 500, 0, 21},
		"large":        {600, 100, 60_000, 6}, // one of 500 that is refused, and of 125
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestbed(t)
			wire, done, err := b.recording(name)
			check(t, err)
			m := &meter{next: wire}
			a := open(t, b.client(m), fauna.Options{Options: b.options()})
			u, err := a.CreateUser(t.Context(), adapter.User{})
			check(t, err)
			for made := 0; b.live() && made < test.sessions; made += test.each {
				b.run(t, `Set.sequence(${from}, ${from} + ${each}).forEach(i => Collection("Session").create({
					userId: ${id}, sessionToken: "t" + i.toString(), expires: Time("2101-01-01T00:00:00Z"), agent: ${agent} }))`,
					map[string]any{"id": u.ID, "from": made, "each": test.each, "agent": strings.Repeat("a", test.bytes)})
			}
			m.take()
			check(t, a.DeleteUser(t.Context(), u.ID))
			if got := m.take(); got.Queries != test.queries {
				t.Errorf("%+v, want %d queries", got, test.queries)
			}
			left, err := run(t.Context(), b.client(wire), `Collection("Session").all().count()`, nil)
			check(t, err)
			same(t, "sessions that are left", left, int64(0))
			check(t, done())
		})
	}
}

// If a transaction is too large for the server the next one is smaller. The error of one with a
// single document is final.
func TestDeletesShrink(t *testing.T) {
	var sizes []string
	client := newClient("http://fauna.test", "secret", roundTrip(func(req *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(req.Body)
		_, n, _ := strings.Cut(string(body), `.take(",{"value":{"@int":"`)
		n, _, _ = strings.Cut(n, `"`)
		sizes = append(sizes, n)
		if len(n) > 2 {
			return answered(req, 400, failing("invalid_request")), nil
		}
		return answered(req, 200, fmt.Sprintf(`{"data": {"more": %t}, "stats": {}}`, len(sizes) < 5)), nil
	}))
	check(t, open(t, client, fauna.Options{}).DeleteVerificationTokens(t.Context(), "ada"))
	if got := strings.Join(sizes, " "); got != "500 125 31 31 31" {
		t.Errorf("got pages of %s, want 500 125 31 31 31", got)
	}

	a, count := scripted(t, scriptedAnswer{status: 440, body: failing("time_out")})
	if err := a.DeleteUser(t.Context(), newID(1)); !errors.Is(err, adapter.ErrUnavailable) || count.Load() != 5 {
		t.Errorf("got %v after %d requests, want ErrUnavailable after 500, 125, 31, 7 and 1", err, count.Load())
	}
}

// The server removes a session an hour after it has expired. Until then it gives its token up, and nothing that is
// live does.
func TestTheTokenOfAnExpiredSessionIsFree(t *testing.T) {
	o, now := fauna.Options{Options: new(testbed).options()}, conformance.Start
	o.Clock = func() time.Time { return now }
	s := newFixture(t, "expired-token", o)
	ctx := t.Context()
	first, err := s.CreateUser(ctx, typicalUser("ada"))
	check(t, err)
	second, err := s.CreateUser(ctx, typicalUser("grace"))
	check(t, err)
	signIn := func(userID string) error {
		_, err := s.CreateSession(ctx, adapter.Session{UserID: userID, SessionToken: "made-elsewhere", Expires: now.Add(time.Hour)})
		return err
	}
	check(t, signIn(first.ID))
	now = now.Add(time.Hour - time.Millisecond)
	takenField(t, "CreateSession with the token of a session that is about to expire", signIn(second.ID), adapter.FieldSessionToken)
	now = now.Add(time.Millisecond)
	check(t, signIn(second.ID))
	_, u, err := s.GetSessionAndUser(ctx, "made-elsewhere")
	if err != nil || u.ID != second.ID {
		t.Errorf("GetSessionAndUser: got %v, %v, want the second user", u, err)
	}
	check(t, s.DeleteSessions(ctx, first.ID))
	_, u, err = s.GetSessionAndUser(ctx, "made-elsewhere")
	if err != nil || u.ID != second.ID {
		t.Errorf("GetSessionAndUser after the first user has signed out: got %v, %v, want the second user", u, err)
	}
}
