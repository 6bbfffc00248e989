package adapter

import "time"

// User is a person. Every field but ID may be empty; any number of users may
// have no e-mail address.
type User struct {
	ID            string     // generated when empty
	Name          string     // as the provider gave it
	Email         string     // unique, in the form of [NormalizeEmail]
	EmailVerified time.Time  // when the address was verified; zero: it was not
	Image         string     // a URL
	Attributes    Attributes // every other property
	CreatedAt     time.Time  // now when zero
	UpdatedAt     time.Time  // the last write; CreatedAt when zero
}

// AccountType says how a provider signs people in. The values are those of
// AdapterAccountType in Auth.js (packages/core/src/adapters.ts).
type AccountType string

// The account types.
const (
	AccountOAuth    AccountType = "oauth"
	AccountOIDC     AccountType = "oidc"
	AccountEmail    AccountType = "email"
	AccountWebAuthn AccountType = "webauthn"
)

// AccountKey names one account at one provider.
type AccountKey struct {
	Provider          string // the provider's ID in the application: "github"
	ProviderAccountID string // the provider's ID of the person
}

// Account is a provider's account of a user, with what the provider's token
// endpoint answered (RFC 6749 section 5.1, OpenID Connect Core 3.1.3.3).
type Account struct {
	UserID            string
	Type              AccountType
	Provider          string
	ProviderAccountID string
	RefreshToken      string
	AccessToken       string
	ExpiresAt         int64 // of AccessToken, in seconds since the Unix epoch; 0: not known
	TokenType         string
	Scope             string
	IDToken           string
	SessionState      string
	Attributes        Attributes // every other property
	CreatedAt         time.Time  // now when zero
	UpdatedAt         time.Time  // the last write; CreatedAt when zero
}

// Key returns what names the account.
func (a Account) Key() AccountKey {
	return AccountKey{Provider: a.Provider, ProviderAccountID: a.ProviderAccountID}
}

// Session is a browser or device in which a person is signed in.
type Session struct {
	// ID is [SessionID] of the token: it tells sessions apart in a page or a log,
	// and signs nobody in. A value given to CreateSession is ignored.
	ID           string
	SessionToken string // generated when empty; empty in what ListSessions returns
	UserID       string
	Expires      time.Time  // live strictly before it; required
	Attributes   Attributes // IP address, user agent, …
	CreatedAt    time.Time  // now when zero
	UpdatedAt    time.Time  // the last write; CreatedAt when zero
}

// VerificationToken is a one-time token that was sent to somebody.
type VerificationToken struct {
	Identifier string // whom it was sent to, compared exactly
	Token      string // stored as a hash, see [Links] and [HashVerificationToken]
	// Value is up to 64 KiB of text that goes with the token, such as the PKCE verifier of
	// an OAuth state. UseVerificationToken alone returns it. It is stored as it is: encrypt
	// what nobody may read who reads the store.
	Value     string
	Expires   time.Time // live strictly before it; required
	CreatedAt time.Time // now when zero
}

// Authenticator is a passkey: a WebAuthn credential of a user. CredentialID and
// CredentialPublicKey are base64, as Auth.js keeps them; to the store they are
// plain strings.
type Authenticator struct {
	CredentialID         string
	UserID               string
	ProviderAccountID    string
	CredentialPublicKey  string
	Counter              uint32 // signature counter (WebAuthn Level 3, 6.1.1)
	CredentialDeviceType string // "singleDevice" or "multiDevice"
	CredentialBackedUp   bool
	Transports           []string   // "usb", "nfc", "ble", "internal", "hybrid", …
	Attributes           Attributes // every other property: a name, the AAGUID, flags, …
	CreatedAt            time.Time  // now when zero
	UpdatedAt            time.Time  // the last write; CreatedAt when zero
}

// UserUpdate names the fields of a user to change: those that are not nil. A
// field set to its zero value is removed: new("") takes the e-mail address away.
type UserUpdate struct {
	Name          *string
	Email         *string
	EmailVerified *time.Time
	Image         *string
	// Attributes are set; RemoveAttributes are removed; all others stay.
	Attributes       Attributes
	RemoveAttributes []string
}

// AccountUpdate names the fields of an account to change: those that are not
// nil. A field set to its zero value is removed.
type AccountUpdate struct {
	RefreshToken *string
	AccessToken  *string
	ExpiresAt    *int64 // seconds since the Unix epoch
	TokenType    *string
	Scope        *string
	IDToken      *string
	SessionState *string
	// Attributes are set; RemoveAttributes are removed; all others stay.
	Attributes       Attributes
	RemoveAttributes []string
}

// AuthenticatorUpdate names the fields of an authenticator to change: those that are not
// nil. What WebAuthn never changes is not among them, nor is the counter, see
// UpdateAuthenticatorCounter.
type AuthenticatorUpdate struct {
	CredentialBackedUp *bool     // the backup state, which each sign-in tells (WebAuthn Level 3, 6.1.3)
	Transports         *[]string // none: they are removed
	// Attributes are set; RemoveAttributes are removed; all others stay.
	Attributes       Attributes
	RemoveAttributes []string
}

// SessionUpdate names the fields of a session to change: those that are not nil.
type SessionUpdate struct {
	Expires *time.Time
	// Attributes are set; RemoveAttributes are removed; all others stay.
	Attributes       Attributes
	RemoveAttributes []string
}
