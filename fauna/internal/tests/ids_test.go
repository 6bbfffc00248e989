package fauna_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/fauna"
)

// IDs that no document can have are refused by writes and absent to other calls, without a
// request: to the server, another form of a number would be the same ID.
func TestOnlyIDsOfTheServersForm(t *testing.T) {
	a, count := scripted(t, scriptedAnswer{status: 200, body: nobody})
	ctx := t.Context()
	for _, id := range []string{
		"ada", "01", "+1", "-1", " 1", "1 ", "1.0", "1e3", "0x1", "9223372036854775808", "00000000-0000-4000-8000-000000000001", "１",
	} {
		if _, err := a.CreateUser(ctx, adapter.User{ID: id}); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("CreateUser with the ID %q: got %v, want ErrInvalid", id, err)
		}
		if _, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: id}, typicalAccount("1")); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("CreateUserWithAccount with the ID %q: got %v, want ErrInvalid", id, err)
		}
		if _, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{ID: id}, passkey("", "c")); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("CreateUserWithAuthenticator with the ID %q: got %v, want ErrInvalid", id, err)
		}
		if _, err := users(t, a).EnumerateUsers(ctx, id, 1); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("EnumerateUsers from %q: got %v, want ErrInvalid", id, err)
		}
		if _, err := a.GetUser(ctx, id); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("GetUser of %q: got %v, want ErrNotFound", id, err)
		}
		if _, err := a.UpdateUser(ctx, id, adapter.UserUpdate{}); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("UpdateUser of %q: got %v, want ErrNotFound", id, err)
		}
		account := typicalAccount("1")
		account.UserID = id
		if _, err := a.LinkAccount(ctx, account); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("LinkAccount to %q: got %v, want ErrInvalid", id, err)
		}
		sessions, err := a.ListSessions(ctx, id)
		if err := errors.Join(err, a.DeleteUser(ctx, id)); err != nil || len(sessions) > 0 {
			t.Errorf("ListSessions and DeleteUser of %q: got %v, %v", id, sessions, err)
		}
	}
	if count.Load() != 0 {
		t.Errorf("%d requests, want none", count.Load())
	}
}

// Generated IDs have a form that the server accepts, and are never the same.
func TestNewIDs(t *testing.T) {
	client := newClient("http://fauna.test", "secret", roundTrip(func(req *http.Request) (*http.Response, error) {
		return answered(req, 200, `{"data": {"left": false}, "stats": {}}`), nil
	}))
	a := open(t, client, fauna.Options{})
	seen := map[string]bool{}
	for range 1000 {
		u, err := a.CreateUser(t.Context(), adapter.User{})
		check(t, err)
		for _, id := range []string{u.ID, a.NewID()} {
			if len(id) != 19 || seen[id] {
				t.Fatalf("the ID %q is not of 19 digits, or was made before", id)
			}
			seen[id] = true
		}
	}
}

// A token of another program may look like a digest. Lists return its digest all the same.
func TestSessionIDsAreNeverTokens(t *testing.T) {
	for name, plain := range map[string]bool{"digests": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			o := fauna.Options{Options: new(testbed).options()}
			o.PlainSessionTokens = plain
			s := newFixture(t, "ids-"+name, o)
			ctx := t.Context()
			u, err := s.CreateUser(ctx, adapter.User{ID: ada})
			check(t, err)
			tokens := []string{"4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b", strings.Repeat("t", 43), strings.Repeat("-", 43), strings.Repeat("t", 44)}
			want := map[string]bool{}
			for _, token := range tokens {
				s.fql(`
					Collection("Session").create({ userId: ${id}, sessionToken: ${token}, expires: Time("2101-01-01T00:00:00Z") })
					null`, map[string]any{"id": ada, "token": token})
				want[adapter.SessionID(token)] = true
			}
			s.fql(`
				Collection("Session").create({ userId: ${id}, sessionToken: 42, expires: Time("2101-01-01T00:00:00Z"), createdAt: Time("2025-01-01T00:00:00Z"), ttl: Time("2101-01-01T00:00:00Z") })
				null`, map[string]any{"id": ada})
			want[adapter.SessionID("42")] = true
			own, err := s.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: conformance.Start.Add(time.Hour)})
			check(t, err)
			want[own.ID] = true
			ids := func() map[string]bool {
				all, err := s.ListSessions(ctx, ada)
				check(t, err)
				ids := map[string]bool{}
				for _, session := range all {
					ids[session.ID] = true
				}
				return ids
			}
			same(t, "the IDs", ids(), want)
			for id := range want {
				check(t, s.DeleteSessionByID(ctx, "412345678901234568", id))
			}
			same(t, "the IDs after another user's try", ids(), want)
			for _, token := range append(tokens, "42", own.SessionToken) {
				check(t, s.DeleteSessionByID(ctx, ada, adapter.SessionID(token)))
				delete(want, adapter.SessionID(token))
				same(t, "the IDs without that of "+token, ids(), want)
			}
		})
	}
}
