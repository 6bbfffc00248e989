package upstash

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/authjs"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/lenient"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

type record = jsonrecord.Record

// reader reads records of this layout.
type reader struct{ jsonrecord.Reader }

func read(r record) reader { return reader{jsonrecord.Reader{Record: r}} }

// setUser sets the fields of a user.
func setUser(r record, u adapter.User) {
	r.SetFields(authjs.UserFields(), authjs.User(u))
	r.SetTimestamps(u.CreatedAt, u.UpdatedAt)
}

// decodeUser reads the user with an ID. A record with another ID in it is not the user.
func (l layout) decodeUser(id, value string) (adapter.User, error) {
	record, err := jsonrecord.Parse(value)
	if err != nil {
		return adapter.User{}, l.unreadable(err, users, l.prefix[users]+id, id)
	}
	return l.userOf(id, record)
}

func (l layout) userOf(id string, record record) (adapter.User, error) {
	r := read(record)
	u := adapter.User{
		ID: r.Key("id"), Name: r.Text("name"), Email: r.Text("email"), Image: r.Text("image"),
		CreatedAt: r.Time("createdAt"), UpdatedAt: r.Time("updatedAt"), Attributes: r.Attributes(driver.UserRecord),
	}
	u.EmailVerified = r.verified(u.CreatedAt)
	if r.Err == nil && u.ID != id {
		r.Err = adapter.ErrNotFound
	}
	return u, l.unreadable(r.Err, users, l.prefix[users]+id, id)
}

// verified reads when an address was verified.
func (r *reader) verified(created time.Time) time.Time {
	if t, ok := r.Date("emailVerified"); ok {
		return t
	}
	return lenient.Verified(r.Value("emailVerified"), created)
}

// setAccount sets the fields of an account.
func setAccount(r record, a adapter.Account) {
	r.Set("id", a.Provider+":"+a.ProviderAccountID)
	r.SetFields(authjs.AccountFields(), authjs.Account(a))
	r.SetTimestamps(a.CreatedAt, a.UpdatedAt)
}

func (l layout) decodeAccount(key, value string) (adapter.Account, error) {
	record, err := jsonrecord.Parse(value)
	if err != nil {
		return adapter.Account{}, l.unreadable(err, accounts, key, "")
	}
	r := read(record)
	a := adapter.Account{
		UserID: r.Key("userId"), Type: adapter.AccountType(r.Text("type")), Provider: r.Key("provider"), ProviderAccountID: r.Key("providerAccountId"),
		RefreshToken: r.Text("refresh_token"), AccessToken: r.Text("access_token"), ExpiresAt: r.Seconds("expires_at"), TokenType: r.Text("token_type"),
		IDToken: r.Text("id_token"), SessionState: r.Text("session_state"),
		CreatedAt: r.Time("createdAt"), UpdatedAt: r.Time("updatedAt"), Attributes: r.Attributes(driver.AccountRecord),
	}
	if raw := r.Raw("scope"); len(raw) > 0 && raw[0] == '[' {
		a.Scope = strings.Join(r.Words("scope", " "), " ")
	} else {
		a.Scope = r.Text("scope")
	}
	return a, l.unreadable(r.Err, accounts, key, a.UserID)
}

// setSession sets the fields of a session.
func setSession(r record, s adapter.Session) {
	r.SetFields(authjs.SessionFields(), authjs.Session(s))
	r.SetTimestamps(s.CreatedAt, s.UpdatedAt)
}

func (l layout) decodeSession(key, value string) (adapter.Session, error) {
	record, err := jsonrecord.Parse(value)
	if err != nil {
		return adapter.Session{}, l.unreadable(err, sessions, key, "")
	}
	r := read(record)
	s := adapter.Session{
		SessionToken: r.Key("sessionToken"), UserID: r.Key("userId"), Expires: r.Expiry("expires"),
		CreatedAt: r.Time("createdAt"), UpdatedAt: r.Time("updatedAt"), Attributes: r.Attributes(driver.SessionRecord),
	}
	s.ID = adapter.SessionID(s.SessionToken)
	return s, l.unreadable(r.Err, sessions, key, s.UserID)
}

func encodeLink(t adapter.VerificationToken) (string, error) {
	r := record{}
	r.SetFields(authjs.VerificationTokenFields(), authjs.VerificationToken(t))
	r.SetText("value", t.Value)
	r.SetTime("createdAt", t.CreatedAt)
	return r.String()
}

func (l layout) decodeLink(key, value string) (adapter.VerificationToken, error) {
	record, err := jsonrecord.Parse(value)
	if err != nil {
		return adapter.VerificationToken{}, l.unreadable(err, links, key, "")
	}
	r := read(record)
	t := adapter.VerificationToken{
		Identifier: r.Key("identifier"), Token: r.Key("token"), Value: r.Text("value"), Expires: r.Expiry("expires"), CreatedAt: r.Time("createdAt"),
	}
	return t, l.unreadable(r.Err, links, key, "")
}

// setAuthenticator sets the fields of an authenticator.
func setAuthenticator(r record, a adapter.Authenticator) {
	r.SetFields(authjs.AuthenticatorFields(), authjs.Authenticator(a))
	r.SetTimestamps(a.CreatedAt, a.UpdatedAt)
}

func (l layout) decodeAuthenticator(key, value string) (adapter.Authenticator, error) {
	record, err := jsonrecord.Parse(value)
	if err != nil {
		return adapter.Authenticator{}, l.unreadable(err, authenticators, key, "")
	}
	r := read(record)
	a := adapter.Authenticator{
		CredentialID: r.Key("credentialID"), UserID: r.Key("userId"), ProviderAccountID: r.Key("providerAccountId"),
		CredentialPublicKey: r.Key("credentialPublicKey"), Counter: r.counter(), CredentialDeviceType: r.Text("credentialDeviceType"),
		CredentialBackedUp: r.Text("credentialBackedUp") == "true", Transports: r.Words("transports", ","),
		CreatedAt: r.Time("createdAt"), UpdatedAt: r.Time("updatedAt"), Attributes: r.Attributes(driver.AuthenticatorRecord),
	}
	return a, l.unreadable(r.Err, authenticators, key, a.UserID)
}

// counter reads a signature counter, without which a cloned authenticator would go
// unnoticed. A missing counter is 0.
func (r *reader) counter() uint32 {
	if r.Raw("counter") == nil {
		return 0
	}
	n, ok := lenient.Seconds(r.Value("counter"))
	if !ok || n < 0 || n > math.MaxUint32 {
		r.Unreadable("counter", "a whole number from 0 to 4294967295")
		return 0
	}
	return uint32(n)
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
