package upstash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/authjs"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

// record is a JSON object. Its members stay as they were written, unless they are set.
type record map[string]json.RawMessage

// textMember is the member with the JSON Pointers (RFC 6901) of those texts in the
// attributes that look like a time and are not one. It is stored only if there are any.
const textMember = "authstoreText"

func parse(value string) (record, error) {
	var r record
	if err := json.Unmarshal([]byte(value), &r); err != nil || r == nil {
		return nil, &adapter.RecordError{Field: "(all of it)", Want: "a JSON object", Got: "another value"}
	}
	return r, nil
}

// encodeJSON returns the JSON of v, without the escapes that encoding/json adds for HTML.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (r record) String() (string, error) {
	b, err := encodeJSON(r)
	return string(b), err
}

// withAttributes returns the JSON of a record with attributes.
func (r record) withAttributes(a adapter.Attributes) (string, error) {
	if err := r.setAttributes(a, nil); err != nil {
		return "", err
	}
	return r.String()
}

// set sets a member. nil removes it.
func (r record) set(name string, v any) {
	if v == nil {
		delete(r, name)
		return
	}
	b, err := encodeJSON(v)
	if err != nil {
		panic(err) // v is a string, a number or a bool, or a list of strings
	}
	r[name] = b
}

// setText sets a member to a text. An empty text is not stored.
func (r record) setText(name, v string) {
	if v == "" {
		delete(r, name)
		return
	}
	r.set(name, v)
}

// timeForm is the format of times, that of JavaScript's Date.prototype.toJSON.
const timeForm = "2006-01-02T15:04:05.000Z"

var timePattern = regexp.MustCompile(`^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$`)

func (r record) setTime(name string, t time.Time) {
	if t.IsZero() {
		delete(r, name)
		return
	}
	r.set(name, t.Format(timeForm))
}

// reader reads the members of a record and keeps the first error. A null is a missing
// member. What Auth.js writes is read as it is; what only another program can have written
// is read as package lenient says.
type reader struct {
	record record
	err    error
}

// raw returns the JSON of a member, nil if it is missing.
func (r *reader) raw(name string) json.RawMessage {
	if raw := r.record[name]; string(raw) != "null" {
		return raw
	}
	return nil
}

// value decodes a member into the types of adapter.Attributes.
func (r *reader) value(name string) any {
	v, err := decodeJSON(r.raw(name))
	if err != nil {
		return nil
	}
	v, _ = toAttribute(v, "", nil)
	return v
}

// decodeJSON decodes JSON, with its numbers as they are written.
func decodeJSON(raw json.RawMessage) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// unreadable records that a member which the contract needs cannot be read.
func (r *reader) unreadable(name, want string) {
	if r.err == nil {
		r.err = &adapter.RecordError{Field: name, Want: want, Got: kindOfJSON(r.record[name])}
	}
}

// text reads text for display. What is not text is missing.
func (r *reader) text(name string) string {
	raw := r.raw(name)
	if len(raw) > 0 && raw[0] == '"' {
		var v string
		_ = json.Unmarshal(raw, &v) // it was parsed with its record
		return v
	}
	v, _ := lenient.Text(r.value(name))
	return v
}

// key reads a key, or what names one, as JavaScript has it in a key: its numbers have 53
// bits. A missing key is "".
func (r *reader) key(name string) string {
	raw := r.raw(name)
	if len(raw) == 0 || raw[0] == '"' {
		return r.text(name)
	}
	v := r.value(name)
	if n, isInt := v.(int64); isInt {
		v = float64(n)
	}
	key, ok := lenient.Text(v)
	if !ok {
		r.unreadable(name, "text")
	}
	return key
}

// date reads a time, and reports whether there is one.
func (r *reader) date(name string) (time.Time, bool) {
	raw := r.raw(name)
	if len(raw) == len(`""`)+len(timeForm) && raw[0] == '"' {
		if t, err := time.Parse(time.RFC3339, string(raw[1:len(raw)-1])); err == nil && t.Year() > 0 {
			return t.UTC(), true
		}
	}
	if len(raw) == 0 {
		return time.Time{}, false
	}
	v := r.value(name)
	if t, isTime := v.(time.Time); isTime {
		return t, true
	}
	return lenient.Time(v)
}

// time reads a time for display. What is not a time is missing.
func (r *reader) time(name string) time.Time {
	t, _ := r.date(name)
	return t
}

// expiry reads when a record expires. Without it nobody can tell whether the record is
// live.
func (r *reader) expiry() time.Time {
	t, ok := r.date("expires")
	if !ok {
		r.unreadable("expires", "a date")
	}
	return t
}

// seconds reads a number of seconds, with or without a fraction.
func (r *reader) seconds(name string) int64 {
	v, _ := lenient.Seconds(r.value(name))
	return v
}

// words reads a list of words.
func (r *reader) words(name, separator string) []string {
	v, _ := lenient.Words(r.value(name), separator)
	return v
}

// attributes reads all members except the fields of a kind of record. What an attribute
// cannot be is left out.
func (r *reader) attributes(kind driver.Record) adapter.Attributes {
	var all adapter.Attributes
	var texts []string
	for stored, raw := range r.record {
		name := attribute.Name(stored)
		if name == stored && driver.Reserved(kind, name) {
			continue
		}
		if _, ours := r.record[attribute.Stored(name)]; ours && stored != attribute.Stored(name) {
			continue // another program's, of the same name as one of ours
		}
		if all == nil {
			all, texts = adapter.Attributes{}, r.texts()
		}
		v, err := decodeJSON(raw)
		if err == nil {
			v, err = toAttribute(v, pointer("", stored), texts)
		}
		if err == nil {
			all[name] = v
		}
	}
	return driver.Writable(all, kind)
}

// texts returns the JSON Pointers of the texts that look like a time.
func (r *reader) texts() (texts []string) {
	if raw := r.raw(textMember); raw != nil && json.Unmarshal(raw, &texts) != nil {
		return nil
	}
	return texts
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func pointer(parent, name string) string { return parent + "/" + pointerEscaper.Replace(name) }

// toAttribute converts decoded JSON to the types of adapter.Attributes. texts are the JSON
// Pointers of texts that look like a time and are not one.
func toAttribute(v any, path string, texts []string) (_ any, err error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, nil
		}
		return v.Float64()
	case string:
		if !timePattern.MatchString(v) || slices.Contains(texts, path) {
			return v, nil
		}
		if t, err := time.Parse(timeForm, v); err == nil && t.Year() > 0 {
			return t.UTC(), nil
		}
	case []any:
		for i := range v {
			if v[i], err = toAttribute(v[i], fmt.Sprintf("%s/%d", path, i), texts); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		return toAttributeObject(v, path, texts)
	}
	return v, nil
}

func toAttributeObject(v map[string]any, path string, texts []string) (any, error) {
	all := make(map[string]any, len(v))
	for stored, e := range v {
		e, err := toAttribute(e, pointer(path, stored), texts)
		if err != nil {
			return nil, err
		}
		name := attribute.Name(stored)
		if _, ours := v[attribute.Stored(name)]; !ours || stored == attribute.Stored(name) {
			all[name] = e
		}
	}
	return all, nil
}

// fromAttribute converts an attribute to what JSON can hold, and adds the JSON Pointers of
// texts that look like a time to texts.
func fromAttribute(v any, path string, texts *[]string) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(timeForm)
	case string:
		if timePattern.MatchString(v) {
			*texts = append(*texts, path)
		}
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = fromAttribute(e, fmt.Sprintf("%s/%d", path, i), texts)
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for name, e := range v {
			name = attribute.Stored(name)
			all[name] = fromAttribute(e, pointer(path, name), texts)
		}
		return all
	}
	return v
}

// setAttributes sets some attributes and removes others. All others stay as they were
// written.
func (r record) setAttributes(set adapter.Attributes, removed []string) error {
	reader := reader{record: r}
	texts := reader.texts()
	remove := func(name string) {
		path := pointer("", attribute.Stored(name))
		texts = slices.DeleteFunc(texts, func(t string) bool { return t == path || strings.HasPrefix(t, path+"/") })
		delete(r, name) // under the name that another program gave it
		delete(r, attribute.Stored(name))
	}
	for _, name := range removed {
		remove(name)
	}
	for name, v := range set {
		remove(name)
		stored := attribute.Stored(name)
		b, err := encodeJSON(fromAttribute(v, pointer("", stored), &texts))
		if err != nil {
			return err
		}
		r[stored] = b
	}
	delete(r, textMember)
	if len(texts) > 0 {
		slices.Sort(texts)
		r.set(textMember, texts)
	}
	return nil
}

func (r record) setTimestamps(created, updated time.Time) {
	r.setTime("createdAt", created)
	r.setTime("updatedAt", updated)
}

// setFields sets the fields of a record in Auth.js. Those that have no value are removed.
func (r record) setFields(names []string, values map[string]any) {
	for _, name := range names {
		v, isSet := values[name]
		switch v := v.(type) {
		case nil:
			delete(r, name)
			if isSet {
				r[name] = json.RawMessage("null")
			}
		case time.Time:
			r.setTime(name, v)
		default:
			r.set(name, v)
		}
	}
}

// setUser sets the fields of a user.
func (r record) setUser(u adapter.User) {
	r.setFields(authjs.UserFields(), authjs.User(u))
	r.setTimestamps(u.CreatedAt, u.UpdatedAt)
}

// decodeUser reads the user with an ID. A record with another ID in it is not the user.
func (l layout) decodeUser(id, value string) (adapter.User, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.User{}, l.unreadable(err, users, l.prefix[users]+id, id)
	}
	return l.userOf(id, record)
}

func (l layout) userOf(id string, record record) (adapter.User, error) {
	r := reader{record: record}
	u := adapter.User{
		ID: r.key("id"), Name: r.text("name"), Email: r.text("email"), Image: r.text("image"),
		CreatedAt: r.time("createdAt"), UpdatedAt: r.time("updatedAt"), Attributes: r.attributes(driver.UserRecord),
	}
	u.EmailVerified = r.verified(u.CreatedAt)
	if r.err == nil && u.ID != id {
		r.err = adapter.ErrNotFound
	}
	return u, l.unreadable(r.err, users, l.prefix[users]+id, id)
}

// verified reads when an address was verified.
func (r *reader) verified(created time.Time) time.Time {
	if t, ok := r.date("emailVerified"); ok {
		return t
	}
	return lenient.Verified(r.value("emailVerified"), created)
}

// setAccount sets the fields of an account.
func (r record) setAccount(a adapter.Account) {
	r.set("id", a.Provider+":"+a.ProviderAccountID)
	r.setFields(authjs.AccountFields(), authjs.Account(a))
	r.setTimestamps(a.CreatedAt, a.UpdatedAt)
}

func (l layout) decodeAccount(key, value string) (adapter.Account, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.Account{}, l.unreadable(err, accounts, key, "")
	}
	r := reader{record: record}
	a := adapter.Account{
		UserID: r.key("userId"), Type: adapter.AccountType(r.text("type")), Provider: r.key("provider"), ProviderAccountID: r.key("providerAccountId"),
		RefreshToken: r.text("refresh_token"), AccessToken: r.text("access_token"), ExpiresAt: r.seconds("expires_at"), TokenType: r.text("token_type"),
		IDToken: r.text("id_token"), SessionState: r.text("session_state"),
		CreatedAt: r.time("createdAt"), UpdatedAt: r.time("updatedAt"), Attributes: r.attributes(driver.AccountRecord),
	}
	if raw := r.raw("scope"); len(raw) > 0 && raw[0] == '[' {
		a.Scope = strings.Join(r.words("scope", " "), " ")
	} else {
		a.Scope = r.text("scope")
	}
	return a, l.unreadable(r.err, accounts, key, a.UserID)
}

// setSession sets the fields of a session.
func (r record) setSession(s adapter.Session) {
	r.setFields(authjs.SessionFields(), authjs.Session(s))
	r.setTimestamps(s.CreatedAt, s.UpdatedAt)
}

func (l layout) decodeSession(key, value string) (adapter.Session, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.Session{}, l.unreadable(err, sessions, key, "")
	}
	r := reader{record: record}
	s := adapter.Session{
		SessionToken: r.key("sessionToken"), UserID: r.key("userId"), Expires: r.expiry(),
		CreatedAt: r.time("createdAt"), UpdatedAt: r.time("updatedAt"), Attributes: r.attributes(driver.SessionRecord),
	}
	s.ID = adapter.SessionID(s.SessionToken)
	return s, l.unreadable(r.err, sessions, key, s.UserID)
}

func encodeLink(t adapter.VerificationToken) (string, error) {
	r := record{}
	r.setFields(authjs.VerificationTokenFields(), authjs.VerificationToken(t))
	r.setText("value", t.Value)
	r.setTime("createdAt", t.CreatedAt)
	return r.String()
}

func (l layout) decodeLink(key, value string) (adapter.VerificationToken, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.VerificationToken{}, l.unreadable(err, links, key, "")
	}
	r := reader{record: record}
	t := adapter.VerificationToken{
		Identifier: r.key("identifier"), Token: r.key("token"), Value: r.text("value"), Expires: r.expiry(), CreatedAt: r.time("createdAt"),
	}
	return t, l.unreadable(r.err, links, key, "")
}

// setAuthenticator sets the fields of an authenticator.
func (r record) setAuthenticator(a adapter.Authenticator) {
	r.setFields(authjs.AuthenticatorFields(), authjs.Authenticator(a))
	r.setTimestamps(a.CreatedAt, a.UpdatedAt)
}

func (l layout) decodeAuthenticator(key, value string) (adapter.Authenticator, error) {
	record, err := parse(value)
	if err != nil {
		return adapter.Authenticator{}, l.unreadable(err, authenticators, key, "")
	}
	r := reader{record: record}
	a := adapter.Authenticator{
		CredentialID: r.key("credentialID"), UserID: r.key("userId"), ProviderAccountID: r.key("providerAccountId"),
		CredentialPublicKey: r.key("credentialPublicKey"), Counter: r.counter(), CredentialDeviceType: r.text("credentialDeviceType"),
		CredentialBackedUp: r.text("credentialBackedUp") == "true", Transports: r.words("transports", ","),
		CreatedAt: r.time("createdAt"), UpdatedAt: r.time("updatedAt"), Attributes: r.attributes(driver.AuthenticatorRecord),
	}
	return a, l.unreadable(r.err, authenticators, key, a.UserID)
}

// counter reads a signature counter, without which a cloned authenticator would go
// unnoticed. A missing counter is 0.
func (r *reader) counter() uint32 {
	if r.raw("counter") == nil {
		return 0
	}
	n, ok := lenient.Seconds(r.value("counter"))
	if !ok || n < 0 || n > math.MaxUint32 {
		r.unreadable("counter", "a whole number from 0 to 4294967295")
		return 0
	}
	return uint32(n)
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// changed returns a record with the fields that differ between oldFields and newFields, and
// some attributes, changed. Everything else stays as it was written, including fields that
// are written otherwise than here.
func changed(value string, oldFields, newFields record, set adapter.Attributes, removed []string) (string, error) {
	r, err := parse(value)
	if err != nil {
		return "", err
	}
	for name := range oldFields {
		if _, stays := newFields[name]; !stays {
			delete(r, name)
		}
	}
	for name, v := range newFields {
		if string(v) != string(oldFields[name]) {
			r[name] = v
		}
	}
	if err := r.setAttributes(set, removed); err != nil {
		return "", err
	}
	return r.String()
}
