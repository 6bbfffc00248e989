package fauna_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	driver "github.com/fauna/fauna-go/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/fauna"
)

// stage is a store in empty collections, and the bare driver on the same.
type stage struct {
	adapter.Adapter
	client *driver.Client
	t      *testing.T
}

// newStage returns a stage whose queries are recorded under a name.
func newStage(t *testing.T, name string, o fauna.Options) stage {
	t.Helper()
	b := newBed(t)
	wire, done, err := b.wire(name)
	check(t, err)
	t.Cleanup(func() { check(t, done()) })
	if reflect.DeepEqual(o.Options, adapter.Options{}) {
		o.Options = b.options()
	}
	client := b.client(wire)
	return stage{fauna.New(client, o), client, t}
}

// fql runs a query of a test's own, the same in every run.
func (s stage) fql(query string, args map[string]any) any {
	s.t.Helper()
	v, err := run(s.t.Context(), s.client, query, args)
	check(s.t, err)
	return v
}

// TestWhatAuthJSWrites reads documents as the Auth.js adapter for FQL v10 writes them,
// and changes them without touching what it does not know.
func TestWhatAuthJSWrites(t *testing.T) {
	o := fauna.Options{}
	o.PlainSessionTokens, o.Clock = true, func() time.Time { return conformance.Start }
	s := newStage(t, "authjs-writes", o)
	ctx := t.Context()
	id, _ := s.fql(`
		let u = Collection("User").create({ id: "412345678901234567", name: "Ada", email: "ada@example.com", emailVerified: Time("2099-01-02T03:04:05.678901Z"), role: "admin" })
		Collection("Account").create({ userId: u.id.toString(), type: "oauth", provider: "github", providerAccountId: "1", access_token: "x", expires_at: 4102444800, session_state: null })
		Collection("Session").create({ userId: u.id.toString(), sessionToken: "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b", expires: Time("2101-01-02T03:04:05.678Z") })
		Collection("VerificationToken").create({ identifier: "ada@example.com", token: ${link}, expires: Time("2101-01-02T03:04:05.678Z") })
		u.id.toString()`, map[string]any{"link": adapter.HashVerificationToken("d9db", "secret")}).(string)
	want := adapter.User{
		ID: id, Name: "Ada", Email: "ada@example.com", EmailVerified: time.Date(2099, 1, 2, 3, 4, 5, 678e6, time.UTC),
		Attributes: adapter.Attributes{"role": "admin"},
	}
	session, u, err := s.GetSessionAndUser(ctx, "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b")
	check(t, err)
	same(t, "user", u, want)
	if session.UserID != id || !session.Expires.Equal(time.Date(2101, 1, 2, 3, 4, 5, 678e6, time.UTC)) {
		t.Errorf("got %+v", session)
	}
	account, err := s.GetAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	same(t, "account", account, adapter.Account{
		UserID: id, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1", AccessToken: "x", ExpiresAt: 4102444800,
	})
	want.Name, want.UpdatedAt = "Ada Lovelace", conformance.Start
	u, err = s.UpdateUser(ctx, id, adapter.UserUpdate{Name: new("Ada Lovelace")})
	check(t, err)
	same(t, "user", u, want)
	sessions, err := s.ListSessions(ctx, id)
	check(t, err)
	if len(sessions) != 1 || sessions[0].SessionToken != "" || sessions[0].ID != adapter.SessionID("4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b") {
		t.Errorf("got %+v, want the one session by its digest", sessions)
	}
	check(t, s.DeleteSessionByID(ctx, id, adapter.SessionID("no such token")))
	check(t, s.DeleteSessionByID(ctx, id, sessions[0].ID))
	if _, _, err := s.GetSessionAndUser(ctx, "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if _, err := s.UseVerificationToken(ctx, "ada@example.com", adapter.HashVerificationToken("d9db", "secret")); err != nil {
		t.Error(err)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestWhatIsStored looks at the documents by the bare driver: names and types are those
// of the Auth.js adapter, with nothing nested that it has beside each other.
func TestWhatIsStored(t *testing.T) {
	s := newStage(t, "stored", fauna.Options{})
	ctx, later := t.Context(), conformance.Start.Add(time.Hour)
	link := adapter.HashVerificationToken("d9db", "secret")
	u, a, err := s.CreateUserWithAccount(ctx, adapter.User{
		Name: "Ada", Email: "ada@example.com", EmailVerified: conformance.Start,
		Attributes: adapter.Attributes{"role": "admin", "manager": nil, "address": map[string]any{"zip": nil, "geo": []any{nil, 1.5, map[string]any{"x": nil}}}},
	}, adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1", ExpiresAt: 4102444800})
	check(t, err)
	session, err := s.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: later})
	check(t, err)
	_, err = s.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada@example.com", Token: link, Value: "verifier", Expires: later})
	check(t, err)
	_, err = s.CreateAuthenticator(ctx, adapter.Authenticator{
		CredentialID: "c", UserID: u.ID, CredentialPublicKey: "k", Transports: []string{"usb", "nfc"}, Attributes: adapter.Attributes{"name": "phone"},
	})
	check(t, err)

	at, expires, ttl := conformance.Start, later, later.Add(time.Hour)
	for collection, want := range map[string]map[string]any{
		"User": {
			"name": "Ada", "email": "ada@example.com", "emailVerified": &at, "createdAt": &at, "updatedAt": &at, "role": "admin",
			"address":                map[string]any{"geo": []any{nil, 1.5, map[string]any{}}},
			"authstoreNulls:manager": []any{[]any{}},
			"authstoreNulls:address": nil, // see below
		},
		"Account": {
			"userId": u.ID, "type": "oauth", "provider": "github", "providerAccountId": a.ProviderAccountID, "expires_at": int64(4102444800),
			"createdAt": &at, "updatedAt": &at,
		},
		"Session": {
			"userId": u.ID, "sessionToken": adapter.SessionID(session.SessionToken), "expires": &expires, "ttl": &ttl, "createdAt": &at, "updatedAt": &at,
		},
		"VerificationToken": {"identifier": "ada@example.com", "token": link, "value": "verifier", "expires": &expires, "ttl": &ttl, "createdAt": &at},
		"Authenticator": {
			"userId": u.ID, "credentialID": "c", "credentialPublicKey": "k", "counter": int64(0), "credentialBackedUp": false, "transports": "usb,nfc",
			"createdAt": &at, "updatedAt": &at, "name": "phone",
		},
	} {
		document := s.fql(`
			let d = Collection(${name}).all().first()
			Object.assign(Object.assign({}, d.data), { ttl: d.ttl })`, map[string]any{"name": collection}).(map[string]any)
		for name, v := range document {
			if v == nil {
				delete(document, name)
			}
		}
		if _, nested := want["authstoreNulls:address"]; nested {
			paths, _ := document["authstoreNulls:address"].([]any)
			delete(want, "authstoreNulls:address")
			delete(document, "authstoreNulls:address")
			if got := fmt.Sprint(paths); len(paths) != 2 || !strings.Contains(got, "[zip]") || !strings.Contains(got, "[geo 2 x]") {
				t.Errorf("the paths of nulls: got %v, want zip and geo 2 x", got)
			}
		}
		same(t, collection, document, want)
	}
	got, err := s.GetUser(ctx, u.ID)
	check(t, err)
	same(t, "GetUser", got, u)
}

// A time to live moves along with the expiry, and stays when something else changes.
func TestTheServerRemovesWhatHasExpired(t *testing.T) {
	s := newStage(t, "ttl", fauna.Options{})
	ctx := t.Context()
	u, err := s.CreateUser(ctx, adapter.User{})
	check(t, err)
	past := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	count := func() any {
		return s.fql(`Collection("Session").all().count() + Collection("VerificationToken").all().count()`, nil)
	}
	session, err := s.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: conformance.Start.Add(time.Hour)})
	check(t, err)
	ttl := func() any { return s.fql(`Collection("Session").all().first()?.ttl`, nil) }
	same(t, "ttl", ttl(), new(conformance.Start.Add(2*time.Hour)))
	_, err = s.UpdateSession(ctx, session.SessionToken, adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "192.0.2.1"}})
	check(t, err)
	same(t, "ttl after an update of something else", ttl(), new(conformance.Start.Add(2*time.Hour)))
	_, err = s.UpdateSession(ctx, session.SessionToken, adapter.SessionUpdate{Expires: new(conformance.Start.Add(2 * time.Hour))})
	check(t, err)
	same(t, "ttl after an update of the expiry", ttl(), new(conformance.Start.Add(3*time.Hour)))
	same(t, "documents that are there", count(), int64(1))

	ended, err := s.UpdateSession(ctx, session.SessionToken, adapter.SessionUpdate{Expires: &past})
	if err != nil || !ended.Expires.Equal(past) {
		t.Errorf("UpdateSession to a time that has passed: got %+v, %v, want the session", ended, err)
	}
	same(t, "whether it goes within two minutes", s.fql(`
		let left = Collection("Session").all().first()!.ttl.difference(Time.now(), "seconds")
		left > 0 && left < 120`, nil), true)
	check(t, s.DeleteSession(ctx, session.SessionToken))
	_, err = s.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: past})
	check(t, err)
	_, err = s.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: past})
	check(t, err)
	same(t, "documents that are there after their time", count(), int64(0))
}

// Who sees a user half deleted sees nothing of it, and nobody inherits what is left.
func TestAHalfDeletedUserIsGone(t *testing.T) {
	s := newStage(t, "half", fauna.Options{})
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

func absent(t *testing.T, op string, err error) {
	t.Helper()
	if !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("%s: got %v, want ErrNotFound", op, err)
	}
}

// busy is a transport to a server where others get in the way of every query that looks
// for a number of documents and changes them.
type busy struct{ next http.RoundTripper }

func (b busy) RoundTrip(req *http.Request) (*http.Response, error) {
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

// Somebody who signs in, or asks for links, all the time is signed out and deleted all
// the same.
func TestDeletesAmongWriters(t *testing.T) {
	b := newBed(t)
	wire, done, err := b.wire("among-writers")
	check(t, err)
	t.Cleanup(func() { check(t, done()) })
	a := fauna.New(b.client(busy{wire}), fauna.Options{Options: b.options()})
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

// TestDeleteManySessions deletes users with more sessions than a transaction can have, in
// number and in size, and counts.
func TestDeleteManySessions(t *testing.T) {
	for name, test := range map[string]struct {
		sessions, each, bytes int // made by queries of each
		queries               int
	}{
		"ten-thousand": {10_000, 500, 0, 21},
		"large":        {600, 100, 60_000, 6}, // one of 500 that is refused, and of 125
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			wire, done, err := b.wire(name)
			check(t, err)
			m := &meter{next: wire}
			a := fauna.New(b.client(m), fauna.Options{Options: b.options()})
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
