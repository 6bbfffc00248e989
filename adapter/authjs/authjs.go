// Package authjs returns records as Auth.js and its adapters have them: for exporting data to
// an application of theirs, and for backends that such an application can share.
//
//	import (
//		"encoding/json"
//		"os"
//
//		"github.com/authstore/authstore/adapter"
//		"github.com/authstore/authstore/adapter/authjs"
//	)
//
//	u := adapter.User{ID: "1", Email: "ada@example.com"}
//	_ = json.NewEncoder(os.Stdout).Encode(authjs.User(u)) // {"email":"ada@example.com","emailVerified":null,"id":"1"}
//
// A record is a map from the names of its fields to values of the types string, bool, int64
// and time.Time. A field that is not set is absent, except for a user's emailVerified, which
// is nil. Seconds (expires_at) are an int64, and transports a text with commas in between.
//
// What Auth.js does not know is not in the map: the times CreatedAt and UpdatedAt, the value of
// a verification token, and attributes, which never have the name of a field of their
// record (driver.Reserved) and can be put beside the fields.
package authjs

import (
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// fields are the fields of a record that are set.
type fields map[string]any

// set adds a field unless its value is the zero value.
func set[T comparable](f fields, name string, v T) {
	var zero T
	if v != zero {
		f[name] = v
	}
}

func setTime(f fields, name string, t time.Time) {
	if !t.IsZero() {
		f[name] = t
	}
}

// UserFields returns the names of the fields of a user, in the order of Auth.js.
func UserFields() []string { return []string{"id", "name", "email", "emailVerified", "image"} }

// User returns the fields of a user.
func User(u adapter.User) map[string]any {
	f := fields{"emailVerified": nil}
	set(f, "id", u.ID)
	set(f, "name", u.Name)
	set(f, "email", u.Email)
	setTime(f, "emailVerified", u.EmailVerified)
	set(f, "image", u.Image)
	return f
}

// AccountFields returns the names of the fields of an account, in the order of Auth.js.
func AccountFields() []string {
	return []string{
		"userId", "type", "provider", "providerAccountId", "refresh_token", "access_token", "expires_at",
		"token_type", "scope", "id_token", "session_state",
	}
}

// Account returns the fields of an account.
func Account(a adapter.Account) map[string]any {
	f := fields{}
	set(f, "userId", a.UserID)
	set(f, "type", string(a.Type))
	set(f, "provider", a.Provider)
	set(f, "providerAccountId", a.ProviderAccountID)
	set(f, "refresh_token", a.RefreshToken)
	set(f, "access_token", a.AccessToken)
	set(f, "expires_at", a.ExpiresAt)
	set(f, "token_type", a.TokenType)
	set(f, "scope", a.Scope)
	set(f, "id_token", a.IDToken)
	set(f, "session_state", a.SessionState)
	return f
}

// SessionFields returns the names of the fields of a session, in the order of Auth.js.
func SessionFields() []string { return []string{"sessionToken", "userId", "expires"} }

// Session returns the fields of a session. The token is that of the record: lists of sessions
// have none.
func Session(s adapter.Session) map[string]any {
	f := fields{}
	set(f, "sessionToken", s.SessionToken)
	set(f, "userId", s.UserID)
	setTime(f, "expires", s.Expires)
	return f
}

// VerificationTokenFields returns the names of the fields of a verification token, in the order
// of Auth.js.
func VerificationTokenFields() []string { return []string{"identifier", "token", "expires"} }

// VerificationToken returns the fields of a verification token.
func VerificationToken(t adapter.VerificationToken) map[string]any {
	f := fields{}
	set(f, "identifier", t.Identifier)
	set(f, "token", t.Token)
	setTime(f, "expires", t.Expires)
	return f
}

// AuthenticatorFields returns the names of the fields of an authenticator, in the order of
// Auth.js.
func AuthenticatorFields() []string {
	return []string{
		"credentialID", "userId", "providerAccountId", "credentialPublicKey", "counter",
		"credentialDeviceType", "credentialBackedUp", "transports",
	}
}

// Authenticator returns the fields of an authenticator. Its counter and credentialBackedUp are
// always set.
func Authenticator(a adapter.Authenticator) map[string]any {
	f := fields{"counter": int64(a.Counter), "credentialBackedUp": a.CredentialBackedUp}
	set(f, "credentialID", a.CredentialID)
	set(f, "userId", a.UserID)
	set(f, "providerAccountId", a.ProviderAccountID)
	set(f, "credentialPublicKey", a.CredentialPublicKey)
	set(f, "credentialDeviceType", a.CredentialDeviceType)
	set(f, "transports", strings.Join(a.Transports, ","))
	return f
}
