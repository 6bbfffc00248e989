package upstash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

// record is a JSON object whose members stay as they were written, unless they are set.
type record map[string]json.RawMessage

// textMember is the member that has the JSON Pointers (RFC 6901) of those texts in the
// attributes that look like a time and are none. It is there if there is such a text.
const textMember = "authstoreText"

func parse(value string) (record, error) {
	var r record
	if err := json.Unmarshal([]byte(value), &r); err != nil || r == nil {
		return nil, errors.Join(client.ErrRecord, err)
	}
	return r, nil
}

// text returns the JSON of v without what encoding/json escapes for HTML.
func text(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (r record) String() (string, error) {
	b, err := text(r)
	return string(b), err
}

// set sets a member, or removes it for nil.
func (r record) set(name string, v any) {
	if v == nil {
		delete(r, name)
		return
	}
	b, err := text(v)
	if err != nil {
		panic(err) // v is a string, a number, a bool or nil
	}
	r[name] = b
}

// setText sets a member to a text. An empty one is not there.
func (r record) setText(name, v string) {
	if v == "" {
		delete(r, name)
		return
	}
	r.set(name, v)
}

// timeForm is the form of times, that of JavaScript's Date.prototype.toJSON.
const timeForm = "2006-01-02T15:04:05.000Z"

var timePattern = regexp.MustCompile(`^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$`)

func (r record) setTime(name string, t time.Time) {
	if t.IsZero() {
		delete(r, name)
		return
	}
	r.set(name, t.Format(timeForm))
}

// reader reads the members of a record and keeps the first error. Null is a member that
// is not there.
type reader struct {
	record record
	err    error
}

// read decodes a member into v, and reports whether it is there.
func (r *reader) read(name string, v any) bool {
	raw, there := r.record[name]
	if !there || string(raw) == "null" || r.err != nil {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		r.err = errors.Join(client.ErrRecord, err)
	}
	return r.err == nil
}

func (r *reader) text(name string) (v string) {
	r.read(name, &v)
	return v
}

// time reads a time in any form of RFC 3339.
func (r *reader) time(name string) time.Time {
	var v string
	if !r.read(name, &v) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		r.err = errors.Join(client.ErrRecord, err)
	}
	return adapter.Milliseconds(t)
}

// seconds reads a number of seconds, with or without a fraction.
func (r *reader) seconds(name string) int64 {
	var v float64
	r.read(name, &v)
	return int64(v)
}

// attributes reads all members but those of fields. Names that an attribute cannot have
// are left alone.
func (r *reader) attributes(of adapter.Record) adapter.Attributes {
	var texts []string
	r.read(textMember, &texts)
	var all adapter.Attributes
	for name, raw := range r.record {
		if adapter.ReservedAttribute(of, name) {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var v any
		err := d.Decode(&v)
		if err == nil {
			v, err = decoded(v, pointer("", name), texts)
		}
		if err != nil {
			r.err = errors.Join(client.ErrRecord, err)
			return nil
		}
		if all == nil {
			all = adapter.Attributes{}
		}
		all[name] = v
	}
	return all
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func pointer(parent, name string) string { return parent + "/" + pointerEscaper.Replace(name) }

// decoded brings what JSON has into the types of adapter.Attributes. texts are where a
// text stays one although it looks like a time.
func decoded(v any, at string, texts []string) (_ any, err error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, nil
		}
		return v.Float64()
	case string:
		if !timePattern.MatchString(v) || slices.Contains(texts, at) {
			return v, nil
		}
		if t, err := time.Parse(timeForm, v); err == nil {
			return t.UTC(), nil
		}
	case []any:
		for i := range v {
			if v[i], err = decoded(v[i], fmt.Sprintf("%s/%d", at, i), texts); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], err = decoded(v[name], pointer(at, name), texts); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// encoded brings an attribute into what JSON has, and adds to texts where a text is that
// looks like a time.
func encoded(v any, at string, texts *[]string) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(timeForm)
	case string:
		if timePattern.MatchString(v) {
			*texts = append(*texts, at)
		}
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = encoded(e, fmt.Sprintf("%s/%d", at, i), texts)
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for name, e := range v {
			all[name] = encoded(e, pointer(at, name), texts)
		}
		return all
	}
	return v
}

// setAttributes sets attributes and removes others. The rest stay as they were written.
func (r record) setAttributes(set adapter.Attributes, removed []string) error {
	reader := reader{record: r}
	var texts []string
	reader.read(textMember, &texts)
	forget := func(name string) {
		at := pointer("", name)
		texts = slices.DeleteFunc(texts, func(t string) bool { return t == at || strings.HasPrefix(t, at+"/") })
	}
	for _, name := range removed {
		forget(name)
		delete(r, name)
	}
	for name, v := range set {
		forget(name)
		b, err := text(encoded(v, pointer("", name), &texts))
		if err != nil {
			return err
		}
		r[name] = b
	}
	delete(r, textMember)
	if len(texts) > 0 {
		slices.Sort(texts)
		r.set(textMember, texts)
	}
	return reader.err
}

func (r record) setStamps(created, updated time.Time) {
	r.setTime("createdAt", created)
	r.setTime("updatedAt", updated)
}

// setUser sets the fields of a user.
func (r record) setUser(u adapter.User) {
	r.set("id", u.ID)
	r.setText("name", u.Name)
	r.setText("email", u.Email)
	r.setTime("emailVerified", u.EmailVerified)
	if u.EmailVerified.IsZero() {
		r["emailVerified"] = json.RawMessage("null") // as Auth.js has it
	}
	r.setText("image", u.Image)
	r.setStamps(u.CreatedAt, u.UpdatedAt)
}

// decodeUser reads the user with an ID: what has another one is no such user.
func decodeUser(id, value string) (adapter.User, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.User{}, err
	}
	r := reader{record: record}
	u := adapter.User{
		ID: r.text("id"), Name: r.text("name"), Email: r.text("email"), EmailVerified: r.time("emailVerified"), Image: r.text("image"),
		CreatedAt: r.time("createdAt"), UpdatedAt: r.time("updatedAt"), Attributes: r.attributes(adapter.UserRecord),
	}
	if r.err == nil && u.ID != id {
		r.err = adapter.ErrNotFound
	}
	return u, r.err
}

// setAccount sets the fields of an account.
func (r record) setAccount(a adapter.Account) {
	r.set("id", a.Provider+":"+a.ProviderAccountID)
	r.set("userId", a.UserID)
	r.set("type", string(a.Type))
	r.set("provider", a.Provider)
	r.set("providerAccountId", a.ProviderAccountID)
	r.setText("refresh_token", a.RefreshToken)
	r.setText("access_token", a.AccessToken)
	delete(r, "expires_at")
	if a.ExpiresAt != 0 {
		r.set("expires_at", a.ExpiresAt)
	}
	r.setText("token_type", a.TokenType)
	r.setText("scope", a.Scope)
	r.setText("id_token", a.IDToken)
	r.setText("session_state", a.SessionState)
	r.setStamps(a.CreatedAt, a.UpdatedAt)
}

func decodeAccount(value string) (adapter.Account, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.Account{}, err
	}
	r := reader{record: record}
	a := adapter.Account{
		UserID: r.text("userId"), Type: adapter.AccountType(r.text("type")), Provider: r.text("provider"), ProviderAccountID: r.text("providerAccountId"),
		RefreshToken: r.text("refresh_token"), AccessToken: r.text("access_token"), ExpiresAt: r.seconds("expires_at"), TokenType: r.text("token_type"),
		Scope: r.text("scope"), IDToken: r.text("id_token"), SessionState: r.text("session_state"),
		CreatedAt: r.time("createdAt"), UpdatedAt: r.time("updatedAt"), Attributes: r.attributes(adapter.AccountRecord),
	}
	return a, r.err
}

// setSession sets the fields of a session.
func (r record) setSession(s adapter.Session) {
	r.set("sessionToken", s.SessionToken)
	r.set("userId", s.UserID)
	r.setTime("expires", s.Expires)
	r.setStamps(s.CreatedAt, s.UpdatedAt)
}

// decodeSession reads a session. What has no time of expiry has expired.
func decodeSession(value string) (adapter.Session, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.Session{}, err
	}
	r := reader{record: record}
	s := adapter.Session{
		SessionToken: r.text("sessionToken"), UserID: r.text("userId"), Expires: r.time("expires"),
		CreatedAt: r.time("createdAt"), UpdatedAt: r.time("updatedAt"), Attributes: r.attributes(adapter.SessionRecord),
	}
	s.ID = adapter.SessionID(s.SessionToken)
	return s, r.err
}

func encodeLink(t adapter.VerificationToken) (string, error) {
	r := record{}
	r.set("identifier", t.Identifier)
	r.set("token", t.Token)
	r.setTime("expires", t.Expires)
	r.setTime("createdAt", t.CreatedAt)
	return r.String()
}

func decodeLink(value string) (adapter.VerificationToken, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	r := reader{record: record}
	t := adapter.VerificationToken{Identifier: r.text("identifier"), Token: r.text("token"), Expires: r.time("expires"), CreatedAt: r.time("createdAt")}
	return t, r.err
}

// setAuthenticator sets the fields of an authenticator.
func (r record) setAuthenticator(a adapter.Authenticator) {
	r.set("credentialID", a.CredentialID)
	r.set("userId", a.UserID)
	r.setText("providerAccountId", a.ProviderAccountID)
	r.set("credentialPublicKey", a.CredentialPublicKey)
	r.set("counter", a.Counter)
	r.setText("credentialDeviceType", a.CredentialDeviceType)
	r.set("credentialBackedUp", a.CredentialBackedUp)
	r.setText("transports", strings.Join(a.Transports, ","))
}

func decodeAuthenticator(value string) (adapter.Authenticator, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	r := reader{record: record}
	a := adapter.Authenticator{
		CredentialID: r.text("credentialID"), UserID: r.text("userId"), ProviderAccountID: r.text("providerAccountId"),
		CredentialPublicKey: r.text("credentialPublicKey"), CredentialDeviceType: r.text("credentialDeviceType"),
	}
	r.read("counter", &a.Counter)
	r.read("credentialBackedUp", &a.CredentialBackedUp)
	if transports := r.text("transports"); transports != "" {
		a.Transports = strings.Split(transports, ",")
	}
	return a, r.err
}
