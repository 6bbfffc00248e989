package authjs_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/authjs"
	"github.com/authstore/authstore/adapter/driver"
)

var noon = time.Date(2100, 1, 2, 12, 0, 0, 0, time.UTC)

// form is a record in the form of Auth.js, with the names of all of its fields.
type form struct {
	names []string
	got   map[string]any
	want  map[string]any
}

// full returns records in which everything is set.
func full() map[string]form {
	return map[string]form{
		"User": {authjs.UserFields(), authjs.User(adapter.User{
			ID: "1", Name: "Ada", Email: "ada@example.com", EmailVerified: noon, Image: "i", CreatedAt: noon, UpdatedAt: noon,
			Attributes: adapter.Attributes{"role": "admin"},
		}), map[string]any{"id": "1", "name": "Ada", "email": "ada@example.com", "emailVerified": noon, "image": "i"}},
		"Account": {authjs.AccountFields(), authjs.Account(adapter.Account{
			UserID: "1", Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "octocat", RefreshToken: "r", AccessToken: "a",
			ExpiresAt: noon.Unix(), TokenType: "bearer", Scope: "user", IDToken: "j", SessionState: "s", CreatedAt: noon, UpdatedAt: noon,
			Attributes: adapter.Attributes{"tenant": "t"},
		}), map[string]any{
			"userId": "1", "type": "oauth", "provider": "github", "providerAccountId": "octocat", "refresh_token": "r", "access_token": "a",
			"expires_at": noon.Unix(), "token_type": "bearer", "scope": "user", "id_token": "j", "session_state": "s",
		}},
		"Session": {authjs.SessionFields(), authjs.Session(adapter.Session{
			ID: "digest", SessionToken: "t", UserID: "1", Expires: noon, CreatedAt: noon, UpdatedAt: noon, Attributes: adapter.Attributes{"ip": "192.0.2.1"},
		}), map[string]any{"sessionToken": "t", "userId": "1", "expires": noon}},
		"VerificationToken": {authjs.VerificationTokenFields(), authjs.VerificationToken(adapter.VerificationToken{
			Identifier: "ada@example.com", Token: "t", Value: "verifier", Expires: noon, CreatedAt: noon,
		}), map[string]any{"identifier": "ada@example.com", "token": "t", "expires": noon}},
		"Authenticator": {authjs.AuthenticatorFields(), authjs.Authenticator(adapter.Authenticator{
			CredentialID: "c", UserID: "1", ProviderAccountID: "p", CredentialPublicKey: "k", Counter: 7, CredentialDeviceType: "multiDevice",
			CredentialBackedUp: true, Transports: []string{"usb", "nfc"}, CreatedAt: noon, UpdatedAt: noon, Attributes: adapter.Attributes{"name": "phone"},
		}), map[string]any{
			"credentialID": "c", "userId": "1", "providerAccountId": "p", "credentialPublicKey": "k", "counter": int64(7),
			"credentialDeviceType": "multiDevice", "credentialBackedUp": true, "transports": "usb,nfc",
		}},
	}
}

func TestRecords(t *testing.T) {
	for name, f := range full() {
		if !reflect.DeepEqual(f.got, f.want) {
			t.Errorf("%s: got %v, want %v", name, f.got, f.want)
		}
		if got, want := slices.Sorted(maps.Keys(f.got)), slices.Sorted(slices.Values(f.names)); !slices.Equal(got, want) {
			t.Errorf("%s: the fields are %q, and those that have names %q", name, got, want)
		}
	}
}

// What is not set is absent, and only emailVerified is null.
func TestEmptyRecords(t *testing.T) {
	for name, f := range map[string]form{
		"User":              {got: authjs.User(adapter.User{ID: "1"}), want: map[string]any{"id": "1", "emailVerified": nil}},
		"Account":           {got: authjs.Account(adapter.Account{UserID: "1"}), want: map[string]any{"userId": "1"}},
		"Session":           {got: authjs.Session(adapter.Session{UserID: "1"}), want: map[string]any{"userId": "1"}},
		"VerificationToken": {got: authjs.VerificationToken(adapter.VerificationToken{Token: "t"}), want: map[string]any{"token": "t"}},
		"Authenticator": {got: authjs.Authenticator(adapter.Authenticator{UserID: "1"}),
			want: map[string]any{"userId": "1", "counter": int64(0), "credentialBackedUp": false}},
	} {
		if !reflect.DeepEqual(f.got, f.want) {
			t.Errorf("%s: got %v, want %v", name, f.got, f.want)
		}
	}
}

// No attribute has the name of a field of its record, so that it can be stored beside the fields.
func TestFieldsAreReserved(t *testing.T) {
	forms := full()
	for _, r := range []driver.Record{driver.UserRecord, driver.AccountRecord, driver.SessionRecord, driver.AuthenticatorRecord} {
		for _, name := range forms[string(r)].names {
			if !driver.Reserved(r, name) {
				t.Errorf("%s: an attribute may be called %s", r, name)
			}
		}
	}
}
