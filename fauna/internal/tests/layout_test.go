package fauna_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/fauna"
)

// TestWhatAuthJSWrites reads documents as the Auth.js adapter for FQL v10 writes them, and changes
// them without touching unknown fields.
func TestWhatAuthJSWrites(t *testing.T) {
	o := fauna.Options{}
	o.PlainSessionTokens, o.Clock = true, func() time.Time { return conformance.Start }
	s := newFixture(t, "authjs-writes", o)
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

// TestWhatIsStored reads the documents by the bare driver: their names, types and nesting are those
// of the Auth.js adapter.
func TestWhatIsStored(t *testing.T) {
	s := newFixture(t, "stored", fauna.Options{})
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

// The ttl changes with the expiry, and stays when another field changes.
func TestTheServerRemovesWhatHasExpired(t *testing.T) {
	s := newFixture(t, "ttl", fauna.Options{})
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

// An authenticator that was stored without times and attributes is read without them.
func TestAuthenticatorsOfBefore(t *testing.T) {
	s := newFixture(t, "passkeys-before", fauna.Options{})
	ctx := t.Context()
	u, err := s.CreateUser(ctx, adapter.User{})
	check(t, err)
	s.fql(`
		Collection("Authenticator").create({ userId: ${id}, credentialID: "c", credentialPublicKey: "key", counter: 1, credentialBackedUp: true, transports: "usb,nfc" })
		Collection("VerificationToken").create({ identifier: "ada", token: ${hash}, expires: Time("2101-01-01T00:00:00Z") })
		null`, map[string]any{"id": u.ID, "hash": adapter.HashVerificationToken("t", "")})
	want := adapter.Authenticator{UserID: u.ID, CredentialID: "c", CredentialPublicKey: "key", Counter: 1, CredentialBackedUp: true, Transports: []string{"usb", "nfc"}}
	got, err := s.GetAuthenticator(ctx, "c")
	check(t, err)
	same(t, "the authenticator", got, want)
	got, err = s.UpdateAuthenticatorCounter(ctx, "c", 2)
	check(t, err)
	want.Counter, want.UpdatedAt = 2, conformance.Start
	same(t, "the authenticator after a sign-in", got, want)
	got, err = s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Transports: &[]string{}, Attributes: adapter.Attributes{"name": "phone"}})
	check(t, err)
	want.Transports, want.Attributes = nil, adapter.Attributes{"name": "phone"}
	same(t, "the authenticator after an update", got, want)
	link, err := s.UseVerificationToken(ctx, "ada", adapter.HashVerificationToken("t", ""))
	check(t, err)
	same(t, "the value of a token of before", link.Value, "")
}
