package foreign

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/lenient"
)

// own begins the names of what the backends store beside a record.
const own = "authstore"

// fields are the values of a record by the names under which they are stored. It keeps the first
// error, which is that of a value that the record cannot do without.
type fields struct {
	values map[string]any
	// attribute returns the name and the value of an attribute as it is stored, "" for what is none.
	attribute func(stored string, v any) (string, any)
	left      []string
	err       error
}

// text returns text that the record can do without.
func (f *fields) text(name string) string { return optional(f, name, lenient.Text) }

// time returns a time that the record can do without.
func (f *fields) time(name string) time.Time { return optional(f, name, lenient.Time) }

// words returns words that the record can do without.
func (f *fields) words(name, separator string) []string {
	return optional(f, name, func(v any) ([]string, bool) { return lenient.Words(v, separator) })
}

// optional returns what a value means, or the zero value and a note that it is left behind.
func optional[T any](f *fields, name string, mean func(any) (T, bool)) (none T) {
	v := f.values[name]
	if v == nil {
		return none
	}
	if meant, ok := mean(v); ok {
		return meant
	}
	f.left = append(f.left, name)
	return none
}

// need fails unless a value that the record cannot do without is there.
func (f *fields) need(name, want string, ok bool) {
	if !ok && f.err == nil {
		f.err = fmt.Errorf("%s is not %s", name, want)
	}
}

// id returns what identifies something: text or a number.
func id(v any) string {
	if _, isBool := v.(bool); isBool {
		return ""
	}
	text, _ := lenient.Text(v)
	return text
}

// attributes returns what belongs to no field.
func (f *fields) attributes(r driver.Record) adapter.Attributes {
	all := adapter.Attributes{}
	var names []string
	for stored, v := range f.values {
		name, v := f.attribute(stored, v)
		if name == "" || driver.Reserved(r, name) {
			continue
		}
		all[name], names = v, append(names, name)
	}
	all = driver.Writable(all, r)
	for _, name := range names {
		if _, there := all[name]; !there {
			f.left = append(f.left, name)
		}
	}
	return all
}

func (f *fields) user(id string) Record {
	u := adapter.User{
		ID: id, Name: f.text("name"), Email: f.text("email"), Image: f.text("image"),
		CreatedAt: f.time("createdAt"), UpdatedAt: f.time("updatedAt"), Attributes: f.attributes(driver.UserRecord),
	}
	switch v := f.values["emailVerified"].(type) {
	case bool:
		u.EmailVerified = lenient.Verified(v, u.CreatedAt)
	default:
		u.EmailVerified = f.time("emailVerified")
	}
	return Record{User: &u}
}

func (f *fields) account(owner, provider, providerAccountID string) Record {
	f.need("userId", "an ID", owner != "")
	f.need("provider", "text", provider != "")
	f.need("providerAccountId", "text or a number", providerAccountID != "")
	a := adapter.Account{
		UserID: owner, Provider: provider, ProviderAccountID: providerAccountID, Type: adapter.AccountType(f.text("type")),
		RefreshToken: f.text("refresh_token"), AccessToken: f.text("access_token"), ExpiresAt: optional(f, "expires_at", lenient.Seconds),
		TokenType: f.text("token_type"), IDToken: f.text("id_token"), SessionState: f.text("session_state"),
		CreatedAt: f.time("createdAt"), UpdatedAt: f.time("updatedAt"), Attributes: f.attributes(driver.AccountRecord),
	}
	if _, isList := f.values["scope"].([]any); isList {
		a.Scope = strings.Join(f.words("scope", " "), " ")
	} else {
		a.Scope = f.text("scope")
	}
	return Record{Account: &a}
}

func (f *fields) session(owner, id string, expires time.Time, hasEnd bool) Record {
	f.need("userId", "an ID", owner != "")
	f.need("sessionToken", "text", id != "")
	f.need("expires", "a time", hasEnd)
	return Record{Session: &adapter.Session{
		ID: id, UserID: owner, Expires: expires,
		CreatedAt: f.time("createdAt"), UpdatedAt: f.time("updatedAt"), Attributes: f.attributes(driver.SessionRecord),
	}}
}

func (f *fields) authenticator(owner, credentialID string) Record {
	f.need("userId", "an ID", owner != "")
	f.need("credentialID", "text", credentialID != "")
	counter, ok := count(f.values["counter"])
	f.need("counter", "a whole number from 0 to 4294967295", ok)
	backedUp := f.text("credentialBackedUp")
	return Record{Authenticator: &adapter.Authenticator{
		CredentialID: credentialID, UserID: owner, ProviderAccountID: f.text("providerAccountId"),
		CredentialPublicKey: f.text("credentialPublicKey"), Counter: counter, CredentialDeviceType: f.text("credentialDeviceType"),
		CredentialBackedUp: backedUp == "true" || backedUp == "1", Transports: f.words("transports", ","),
		CreatedAt: f.time("createdAt"), UpdatedAt: f.time("updatedAt"), Attributes: f.attributes(driver.AuthenticatorRecord),
	}}
}

// count returns a signature counter; one that is not there is 0.
func count(v any) (uint32, bool) {
	text, ok := lenient.Text(v)
	if v == nil {
		text, ok = "0", true
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), ok && err == nil && n <= math.MaxUint32
}

// result returns a record with what is left behind, or the error.
func (f *fields) result(owner string, r Record) (Record, error) {
	if f.err != nil {
		return Record{Owner: owner}, f.err
	}
	slices.Sort(f.left)
	r.Owner, r.Left = owner, slices.Compact(f.left)
	return r, nil
}

// textIn returns the first text among values.
func textIn(values ...any) (text string) {
	for _, v := range values {
		if text, _ = v.(string); text != "" {
			break
		}
	}
	return text
}
