package driver

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/authstore/authstore/adapter"
)

// Limits of keys and strings, in bytes.
const (
	maxID           = 255 // user IDs and providers
	maxEmail        = 320 // 64 + "@" + 255, RFC 5321 section 4.5.3.1
	maxIdentifier   = 512 // provider account IDs, identifiers, verification tokens
	maxSessionToken = 1024
	sessionIDLen    = 43   // 32 bytes in unpadded base64url
	maxCredentialID = 1364 // 1023 bytes (WebAuthn Level 3, 4 "Credential ID") in base64
	maxString       = 64 << 10
)

// maxSeconds is the last second of the year 9999.
const maxSeconds = 253402300799

// checker collects the first rule that a record breaks.
type checker struct {
	record string
	err    error
}

func (c *checker) fail(field string, reason error) {
	if c.err == nil && reason != nil {
		c.err = adapter.Invalid(c.record+"."+field, reason.Error())
	}
}

func (c *checker) key(field, v string, limit int) { c.fail(field, checkKey(v, limit)) }

// text checks strings that are no keys; nil ones are not set.
func (c *checker) text(field string, v *string) {
	if v != nil {
		c.fail(field, checkString(*v))
	}
}

// email checks an address and returns its stored form. "" is no address, which is
// valid.
func (c *checker) email(field, v string) string {
	if v == "" {
		return ""
	}
	v = adapter.NormalizeEmail(v)
	c.key(field, v, maxEmail)
	return v
}

func (c *checker) time(field string, t time.Time) time.Time {
	c.fail(field, checkTime(t))
	return adapter.Milliseconds(t)
}

func (c *checker) timePtr(field string, t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(c.time(field, *t))
}

// expires checks a time that must be set. Stores with an expiry of their own count
// it in seconds since 1970.
func (c *checker) expires(t time.Time) time.Time {
	if t.Unix() <= 0 {
		c.fail("Expires", errors.New("must be set, to a time after 1970"))
	}
	return c.time("Expires", t)
}

func (c *checker) seconds(field string, v int64) {
	if v < 0 || v > maxSeconds {
		c.fail(field, errors.New("must be in seconds since 1970, before the year 10000"))
	}
}

func (c *checker) attributes(a adapter.Attributes) adapter.Attributes {
	out, err := normalizeAttributes(Record(c.record), a)
	c.fail("Attributes", err)
	return out
}

func (c *checker) removed(names []string, set adapter.Attributes) {
	for _, name := range names {
		if err := checkAttributeName(name); err != nil {
			c.fail("RemoveAttributes", at(shown(name), err))
		}
		if Reserved(Record(c.record), name) {
			c.fail("RemoveAttributes", fmt.Errorf("must not use the reserved name %q", name))
		}
		if _, both := set[name]; both {
			c.fail("RemoveAttributes", fmt.Errorf("must not name %s, which Attributes sets", shown(name)))
		}
	}
}

func checkKey(v string, limit int) error {
	switch {
	case v == "":
		return errors.New("must not be empty")
	case len(v) > limit:
		return fmt.Errorf("must be at most %d bytes", limit)
	case !utf8.ValidString(v):
		return errors.New("must be valid UTF-8")
	case strings.ContainsFunc(v, unicode.IsControl):
		return errors.New("must not hold control characters")
	}
	return nil
}

func checkString(v string) error {
	if len(v) > maxString {
		return fmt.Errorf("must be at most %d bytes", maxString)
	}
	return checkText(v)
}

func checkText(v string) error {
	if !utf8.ValidString(v) {
		return errors.New("must be valid UTF-8")
	}
	if strings.ContainsRune(v, 0) {
		return errors.New("must not hold NUL")
	}
	return nil
}

// checkTime refuses what the text forms of times have no digits for (RFC 3339).
func checkTime(t time.Time) error {
	if y := t.UTC().Year(); !t.IsZero() && (y < 1 || y > 9999) {
		return errors.New("must be in the years 1 to 9999")
	}
	return nil
}

// known returns nil for a key that a record can have. For any other it returns an
// error that is both [adapter.ErrNotFound] and [adapter.ErrInvalid].
func known(field, v string, limit int) error {
	if err := checkKey(v, limit); err != nil {
		return fmt.Errorf("%w: %w", adapter.ErrNotFound, adapter.Invalid(field, err.Error()))
	}
	return nil
}

func knownUser(id string) error { return known(adapter.FieldUserID, id, maxID) }
func knownSession(token string) error {
	return known(adapter.FieldSessionToken, token, maxSessionToken)
}
func knownCredential(id string) error { return known(adapter.FieldCredentialID, id, maxCredentialID) }

func knownAccount(k adapter.AccountKey) error {
	if err := known("Account.Provider", k.Provider, maxID); err != nil {
		return err
	}
	return known(adapter.FieldAccount, k.ProviderAccountID, maxIdentifier)
}

func knownIdentifier(v string) error {
	return known("VerificationToken.Identifier", v, maxIdentifier)
}

// checkOwner checks the ID of the user that a record belongs to.
func checkOwner(r Record, id string) error {
	c := checker{record: string(r)}
	c.key("UserID", id, maxID)
	return c.err
}

// normalizeUser returns the user as it is stored, with its times filled in.
func normalizeUser(o adapter.Options, u adapter.User) (adapter.User, error) {
	c := checker{record: string(UserRecord)}
	if u.ID != "" {
		c.key("ID", u.ID, maxID)
	}
	c.text("Name", &u.Name)
	u.Email = c.email("Email", u.Email)
	u.EmailVerified = c.time("EmailVerified", u.EmailVerified)
	c.text("Image", &u.Image)
	u.Attributes = c.attributes(u.Attributes)
	u.CreatedAt, u.UpdatedAt = stamps(o, &c, u.CreatedAt, u.UpdatedAt)
	return u, c.err
}

// normalizeAccount returns the account as it is stored, with its times filled in.
func normalizeAccount(o adapter.Options, a adapter.Account) (adapter.Account, error) {
	c := checker{record: string(AccountRecord)}
	switch a.Type {
	case adapter.AccountOAuth, adapter.AccountOIDC, adapter.AccountEmail, adapter.AccountWebAuthn:
	default:
		c.fail("Type", errors.New("must be oauth, oidc, email or webauthn"))
	}
	c.key("Provider", a.Provider, maxID)
	c.key("ProviderAccountID", a.ProviderAccountID, maxIdentifier)
	c.text("RefreshToken", &a.RefreshToken)
	c.text("AccessToken", &a.AccessToken)
	c.seconds("ExpiresAt", a.ExpiresAt)
	c.text("TokenType", &a.TokenType)
	c.text("Scope", &a.Scope)
	c.text("IDToken", &a.IDToken)
	c.text("SessionState", &a.SessionState)
	a.Attributes = c.attributes(a.Attributes)
	a.CreatedAt, a.UpdatedAt = stamps(o, &c, a.CreatedAt, a.UpdatedAt)
	return a, c.err
}

// normalizeSession returns the session as it is stored, with token, ID and times
// filled in.
func normalizeSession(o adapter.Options, s adapter.Session) (adapter.Session, error) {
	c := checker{record: string(SessionRecord)}
	c.key("UserID", s.UserID, maxID)
	if s.SessionToken == "" {
		s.SessionToken = adapter.NewSessionToken(s.UserID, o.NewSecret())
	}
	c.key("SessionToken", s.SessionToken, maxSessionToken)
	if userID, ok := adapter.ParseSessionToken(s.SessionToken); ok && userID != s.UserID {
		c.fail("SessionToken", errors.New("must name the session's user, since it has the form of a generated token"))
	}
	s.ID = adapter.SessionID(s.SessionToken)
	s.Expires = c.expires(s.Expires)
	s.Attributes = c.attributes(s.Attributes)
	s.CreatedAt, s.UpdatedAt = stamps(o, &c, s.CreatedAt, s.UpdatedAt)
	return s, c.err
}

// normalizeImported returns a session that is known by its ID as it is stored.
func normalizeImported(o adapter.Options, s adapter.Session) (adapter.Session, error) {
	id := s.ID
	s.SessionToken = id // keeps to the rules of a token, and has not the form of a generated one
	s, err := normalizeSession(o, s)
	s.ID, s.SessionToken = id, ""
	if sum, decodeErr := base64.RawURLEncoding.Strict().DecodeString(id); err == nil && (decodeErr != nil || len(sum) != sha256.Size) {
		err = adapter.Invalid("Session.ID", "must be the digest of a token, as ListSessions returns it")
	}
	return s, err
}

// normalizeVerificationToken returns the token as it is stored.
func normalizeVerificationToken(o adapter.Options, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	c := checker{record: "VerificationToken"}
	c.key("Identifier", t.Identifier, maxIdentifier)
	c.key("Token", t.Token, maxIdentifier)
	c.text("Value", &t.Value)
	t.Expires = c.expires(t.Expires)
	t.CreatedAt, _ = stamps(o, &c, t.CreatedAt, time.Time{})
	return t, c.err
}

// normalizeAuthenticator returns the credential as it is stored, with its times filled in.
// No transports are nil.
func normalizeAuthenticator(o adapter.Options, a adapter.Authenticator) (adapter.Authenticator, error) {
	c := checker{record: string(AuthenticatorRecord)}
	c.key("CredentialID", a.CredentialID, maxCredentialID)
	if a.ProviderAccountID != "" {
		c.key("ProviderAccountID", a.ProviderAccountID, maxCredentialID)
	}
	c.key("CredentialPublicKey", a.CredentialPublicKey, maxString)
	c.text("CredentialDeviceType", &a.CredentialDeviceType)
	a.Transports = c.transports(a.Transports)
	a.Attributes = c.attributes(a.Attributes)
	a.CreatedAt, a.UpdatedAt = stamps(o, &c, a.CreatedAt, a.UpdatedAt)
	return a, c.err
}

// transports checks transports and returns a copy.
func (c *checker) transports(all []string) []string {
	for _, t := range all {
		c.key("Transports", t, maxID)
		if strings.Contains(t, ",") { // Auth.js stores them joined by commas
			c.fail("Transports", errors.New("must not hold commas"))
		}
	}
	return append([]string(nil), all...)
}

// stamps returns CreatedAt and UpdatedAt as they are stored.
func stamps(o adapter.Options, c *checker, created, updated time.Time) (time.Time, time.Time) {
	if created.IsZero() {
		created = o.Now()
	}
	if updated.IsZero() {
		updated = created
	}
	return c.time("CreatedAt", created), c.time("UpdatedAt", updated)
}

// normalizeSignUp returns a new user and its account as they are stored.
func normalizeSignUp(o adapter.Options, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	u, err := normalizeUser(o, u)
	if err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	if a.UserID != "" && a.UserID != u.ID {
		return adapter.User{}, adapter.Account{}, adapter.Invalid("Account.UserID", "must be empty or the new user's ID")
	}
	a.UserID = u.ID
	a, err = normalizeAccount(o, a)
	return u, a, err
}

// normalizePasskeySignUp returns a new user and its authenticator as they are stored.
func normalizePasskeySignUp(o adapter.Options, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	u, err := normalizeUser(o, u)
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	if a.UserID != "" && a.UserID != u.ID {
		return adapter.User{}, adapter.Authenticator{}, adapter.Invalid("Authenticator.UserID", "must be empty or the new user's ID")
	}
	a.UserID = u.ID
	a, err = normalizeAuthenticator(o, a)
	return u, a, err
}
