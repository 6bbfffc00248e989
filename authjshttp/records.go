package authjshttp

import (
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/authjs"
)

// Records as answers. Times that Auth.js does not know are not in them.

func userObject(u adapter.User) map[string]any {
	o := authjs.User(u)
	for _, name := range authjs.UserFields() {
		if _, ok := o[name]; !ok {
			o[name] = nil
		}
	}
	maps.Copy(o, u.Attributes)
	return o
}

func accountObject(a adapter.Account) map[string]any {
	o := authjs.Account(a)
	maps.Copy(o, a.Attributes)
	return o
}

func sessionObject(s adapter.Session) map[string]any {
	o := authjs.Session(s)
	maps.Copy(o, s.Attributes)
	return o
}

func verificationTokenObject(t adapter.VerificationToken) map[string]any {
	return authjs.VerificationToken(t)
}

func authenticatorObject(a adapter.Authenticator) map[string]any {
	o := authjs.Authenticator(a)
	if len(a.Transports) == 0 {
		o["transports"] = nil
	}
	maps.Copy(o, a.Attributes)
	return o
}

// fields reads a record of a request. What it is asked for it takes out; the rest are attributes.
type fields struct {
	record string // for errors
	left   map[string]any
	err    error // the first
}

// fieldsOf returns the fields of a copy of an argument, without the ID that a record may have in
// Auth.js, where it means nothing.
func fieldsOf(record string, argument any) *fields {
	f := &fields{record: record}
	o, ok := argument.(map[string]any)
	if !ok {
		f.err = adapter.Invalid(record, "must be an object")
	}
	f.left = maps.Clone(o)
	return f
}

func (f *fields) fail(name, reason string) {
	if f.err == nil {
		f.err = adapter.Invalid(f.record+"."+name, reason)
	}
}

// take returns a field and takes it out. An absent one is nil.
func (f *fields) take(member string) any {
	v := f.left[member]
	delete(f.left, member)
	return v
}

// text returns a text, "" for null.
func (f *fields) text(member, name string) string {
	switch v := f.take(member).(type) {
	case nil:
		return ""
	case string:
		return v
	}
	f.fail(name, "must be a string or null")
	return ""
}

// key returns a text that names something, of which a provider may have made a number.
func (f *fields) key(member, name string) string {
	if n, ok := f.left[member].(int64); ok {
		f.left[member] = strconv.FormatInt(n, 10)
	}
	return f.text(member, name)
}

// time returns a time, the zero one for null.
func (f *fields) time(member, name string) time.Time {
	switch v := f.take(member).(type) {
	case nil:
		return time.Time{}
	case time.Time:
		return v
	}
	f.fail(name, "must be a date or null")
	return time.Time{}
}

func (f *fields) bool(member, name string) bool {
	switch v := f.take(member).(type) {
	case nil:
		return false
	case bool:
		return v
	}
	f.fail(name, "must be true or false")
	return false
}

// seconds returns a number of seconds, without its fraction. Some providers send digits.
func (f *fields) seconds(member, name string) int64 {
	switch v := f.take(member).(type) {
	case nil:
		return 0
	case int64:
		return v
	case float64:
		if math.Abs(v) < 1<<53 {
			return int64(v)
		}
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n
		}
	}
	f.fail(name, "must be a number of seconds or null")
	return 0
}

// attributes returns what nobody has taken, and the first error.
func (f *fields) attributes() (adapter.Attributes, error) {
	if f.err != nil || len(f.left) == 0 {
		return nil, f.err
	}
	return f.left, nil
}

// nothing returns an error if there is a field that nobody has taken: the record has no attributes.
func (f *fields) nothing() error {
	for name := range f.left {
		f.fail(strconv.Quote(name), "is not known, and this record has no attributes")
	}
	return f.err
}

// changed returns a pointer to a field's new value, nil if the update does not name it.
func changed[T any](f *fields, read func(member, name string) T, member, name string) *T {
	if _, ok := f.left[member]; !ok {
		return nil
	}
	v := read(member, name)
	return &v
}

func toUser(argument any) (u adapter.User, err error) {
	f := fieldsOf("User", argument)
	u.ID = f.key("id", "ID")
	u.Name = f.text("name", "Name")
	u.Email = f.text("email", "Email")
	u.EmailVerified = f.time("emailVerified", "EmailVerified")
	u.Image = f.text("image", "Image")
	u.Attributes, err = f.attributes()
	return u, err
}

func toUserUpdate(argument any) (id string, up adapter.UserUpdate, err error) {
	f := fieldsOf("User", argument)
	id = f.key("id", "ID")
	up.Name = changed(f, f.text, "name", "Name")
	up.Email = changed(f, f.text, "email", "Email")
	up.EmailVerified = changed(f, f.time, "emailVerified", "EmailVerified")
	up.Image = changed(f, f.text, "image", "Image")
	up.Attributes, err = f.attributes()
	return id, up, err
}

func toAccount(argument any) (a adapter.Account, err error) {
	f := fieldsOf("Account", argument)
	f.take("id")
	a.UserID = f.key("userId", "UserID")
	a.Type = adapter.AccountType(f.text("type", "Type"))
	a.Provider = f.text("provider", "Provider")
	a.ProviderAccountID = f.key("providerAccountId", "ProviderAccountID")
	a.RefreshToken = f.text("refresh_token", "RefreshToken")
	a.AccessToken = f.text("access_token", "AccessToken")
	a.ExpiresAt = f.seconds("expires_at", "ExpiresAt")
	a.TokenType = f.text("token_type", "TokenType")
	a.Scope = f.text("scope", "Scope")
	a.IDToken = f.text("id_token", "IDToken")
	a.SessionState = f.text("session_state", "SessionState")
	a.Attributes, err = f.attributes()
	return a, err
}

func toAccountKey(argument any) (adapter.AccountKey, error) {
	f := fieldsOf("Account", argument)
	k := adapter.AccountKey{Provider: f.text("provider", "Provider"), ProviderAccountID: f.key("providerAccountId", "ProviderAccountID")}
	return k, f.err // Auth.js hands in whole accounts too
}

func toSession(argument any) (s adapter.Session, err error) {
	f := fieldsOf("Session", argument)
	f.take("id")
	s.SessionToken = f.text("sessionToken", "SessionToken")
	s.UserID = f.key("userId", "UserID")
	s.Expires = f.time("expires", "Expires")
	s.Attributes, err = f.attributes()
	return s, err
}

func toSessionUpdate(argument any) (token, userID string, up adapter.SessionUpdate, err error) {
	f := fieldsOf("Session", argument)
	f.take("id")
	token = f.text("sessionToken", "SessionToken")
	userID = f.key("userId", "UserID")
	up.Expires = changed(f, f.time, "expires", "Expires")
	up.Attributes, err = f.attributes()
	return token, userID, up, err
}

func toVerificationToken(argument any) (adapter.VerificationToken, error) {
	f := fieldsOf("VerificationToken", argument)
	f.take("id")
	t := adapter.VerificationToken{
		Identifier: f.text("identifier", "Identifier"), Token: f.text("token", "Token"), Expires: f.time("expires", "Expires"),
	}
	return t, f.nothing()
}

func toAuthenticator(argument any) (a adapter.Authenticator, err error) {
	f := fieldsOf("Authenticator", argument)
	f.take("id")
	a.CredentialID = f.text("credentialID", "CredentialID")
	a.UserID = f.key("userId", "UserID")
	a.ProviderAccountID = f.key("providerAccountId", "ProviderAccountID")
	a.CredentialPublicKey = f.text("credentialPublicKey", "CredentialPublicKey")
	a.Counter = toCounter(f, f.take("counter"))
	a.CredentialDeviceType = f.text("credentialDeviceType", "CredentialDeviceType")
	a.CredentialBackedUp = f.bool("credentialBackedUp", "CredentialBackedUp")
	if transports := f.text("transports", "Transports"); transports != "" {
		a.Transports = strings.Split(transports, ",")
	}
	a.Attributes, err = f.attributes()
	return a, err
}

func toCounter(f *fields, v any) uint32 {
	n, ok := v.(int64)
	if !ok && v != nil || n < 0 || n > math.MaxUint32 {
		f.fail("Counter", "must be a number of 32 bits")
	}
	return uint32(n)
}
