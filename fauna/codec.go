package fauna

import (
	"cmp"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

// doc is the fields of a document, or changes to them. A field that is null is not
// there: in a new document it is left out, in changes it is removed.
type doc map[string]any

// The names of fields: those of the Auth.js adapters, and what they do not have.
const (
	fieldID      = "id"
	fieldCreated = "createdAt"
	fieldUpdated = "updatedAt"
	fieldUserID  = "userId"
	fieldExpires = "expires"
	fieldTTL     = "ttl" // when the server removes the document

	userName     = "name"
	userEmail    = "email"
	userVerified = "emailVerified"
	userImage    = "image"

	accountType         = "type"
	accountProvider     = "provider"
	accountID           = "providerAccountId"
	accountRefreshToken = "refresh_token"
	accountAccessToken  = "access_token"
	accountExpiresAt    = "expires_at"
	accountTokenType    = "token_type"
	accountScope        = "scope"
	accountIDToken      = "id_token"
	accountSessionState = "session_state"

	sessionToken = "sessionToken"

	linkIdentifier = "identifier"
	linkToken      = "token"
	linkValue      = "value"

	authenticatorID         = "credentialID"
	authenticatorAccount    = "providerAccountId"
	authenticatorKey        = "credentialPublicKey"
	authenticatorCounter    = "counter"
	authenticatorDeviceType = "credentialDeviceType"
	authenticatorBackedUp   = "credentialBackedUp"
	authenticatorTransports = "transports"
)

// reserved are the names that the server refuses at the top of a document, since they are
// its own fields and methods. The field id is no attribute's either.
var reserved = []string{fieldID, "coll", "ts", fieldTTL, "data", "delete", "update", "replace", "updateData", "replaceData", "exists"}

// layout is how attributes are named at the top of a document.
var layout = attribute.Layout(func(name string) bool { return slices.Contains(reserved, name) })

// nulls begins the name of the field that says where an attribute has nulls, which the
// server drops from objects: a list of paths, of which the empty one is the attribute
// itself. No attribute's name begins so (driver.Reserved).
const nulls = "authstoreNulls:"

// grace is how long after its expiry a document is kept, so that one which is live by
// the adapter's clock is not removed by the server's.
const grace = time.Hour

func (d doc) text(name, v string) {
	d[name] = nil
	if v != "" {
		d[name] = v
	}
}

func (d doc) number(name string, v int64) {
	d[name] = nil
	if v != 0 {
		d[name] = v
	}
}

func (d doc) time(name string, t time.Time) {
	d[name] = nil
	if !t.IsZero() {
		d[name] = t
	}
}

// expires sets the expiry of a new document, and when the server removes it.
func (d doc) expires(t time.Time) {
	d[fieldExpires], d[fieldTTL] = t, t.Add(grace)
}

// attributes sets attributes and removes others.
func (d doc) attributes(set adapter.Attributes, removed []string) {
	for _, name := range removed {
		name = layout.Stored(name)
		d[name], d[nulls+name] = nil, nil
	}
	for name, v := range set {
		name, v = layout.Stored(name), renamed(v, attribute.Stored)
		d[name], d[nulls+name] = v, nil
		if paths := nullPaths(v, nil, nil); paths != nil {
			d[nulls+name] = paths
		}
	}
}

// renamed returns a value in whose objects the names are changed.
func renamed(v any, name func(string) string) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = renamed(v[i], name)
		}
		return list
	case map[string]any:
		return renamedFields(v, name, name)
	}
	return v
}

// renamedFields returns an object in which the names are changed by top, and those below by
// name. Of two that become the same the one that was changed stays: the other one is another
// program's.
func renamedFields(object map[string]any, top, name func(string) string) map[string]any {
	out := make(map[string]any, len(object))
	for n := range object {
		to := top(n)
		if _, there := out[to]; !there || to != n {
			out[to] = renamed(object[n], name)
		}
	}
	return out
}

// new returns the fields of a new document.
func (d doc) new() doc {
	maps.DeleteFunc(d, func(_ string, v any) bool { return v == nil })
	return d
}

// nullPaths adds to paths where a value has nulls, under the path of the value. Nulls in
// lists are kept by the server.
func nullPaths(v any, path, paths []any) []any {
	switch v := v.(type) {
	case nil:
		return append(paths, append([]any{}, path...))
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			paths = nullPaths(v[name], append(path[:len(path):len(path)], name), paths)
		}
	case []any:
		for i, e := range v {
			if e != nil {
				paths = nullPaths(e, append(path[:len(path):len(path)], int64(i)), paths)
			}
		}
	}
	return paths
}

// restore puts a null into a value where a path leads, unless something else is there
// now or the path leads nowhere any more.
func restore(v any, path []any) {
	for ; len(path) > 0; path = path[1:] {
		switch at := path[0].(type) {
		case string:
			object, _ := v.(map[string]any)
			if object == nil {
				return
			}
			if _, there := object[at]; !there && len(path) == 1 {
				object[at] = nil
			}
			v = object[at]
		case int64:
			list, _ := v.([]any)
			if at < 0 || at >= int64(len(list)) {
				return
			}
			v = list[at]
		}
	}
}

// fields returns the fields of a document that a query has projected, nil if there is
// none.
func fields(v any) doc {
	projected, _ := v.(map[string]any)
	data, _ := projected["data"].(map[string]any)
	for _, name := range []string{fieldID, fieldTTL} {
		if v, ok := projected[name]; ok && data != nil {
			data[name] = v
		}
	}
	return data
}

// The functions that take a field out of a document, so that attributes are left. What
// another program stored there in another form is read as package lenient says.

func (d doc) take(name string) any {
	v := d[name]
	delete(d, name)
	return v
}

func (d doc) takeText(name string) string {
	v := d.take(name)
	text, ok := v.(string)
	if !ok {
		text, _ = lenient.Text(v)
	}
	return text
}

// takeID returns the ID of a document, also from a reference to one.
func (d doc) takeID(name string) string {
	switch v := d[name].(type) {
	case *fauna.Ref:
		d[name] = v.ID
	case *fauna.NullDocument:
		d[name] = v.Ref.ID
	case *fauna.Document:
		d[name] = v.ID
	}
	return d.takeText(name)
}

func (d doc) takeSeconds(name string) int64 {
	v := d.take(name)
	if at, ok := v.(*time.Time); ok {
		v = *at
	}
	n, _ := lenient.Seconds(v)
	return n
}

func (d doc) takeTime(name string) time.Time {
	t, _ := date(d.take(name))
	return t
}

// date reads a date. The driver has the server's dates and times alike.
func date(v any) (time.Time, bool) {
	if at, ok := v.(*time.Time); ok {
		v = *at
	}
	return lenient.Time(v)
}

func (d doc) takeVerified(created time.Time) time.Time {
	v := d.take(userVerified)
	if at, ok := v.(*time.Time); ok {
		v = *at
	}
	return lenient.Verified(v, created)
}

// takeWords returns words with a separator between them.
func (d doc) takeWords(name, separator string) string {
	v := d.take(name)
	if list, ok := v.([]any); ok {
		words, _ := lenient.Words(list, separator)
		return strings.Join(words, separator)
	}
	text, _ := lenient.Text(v)
	return text
}

// takeExpiry returns when a document of a collection ends. The contract cannot do without
// that.
func (d doc) takeExpiry(collection, id, userID string) (time.Time, error) {
	v := d.take(fieldExpires)
	at, ok := date(v)
	if !ok {
		return at, &adapter.RecordError{Place: collection + " " + id, UserID: userID, Field: fieldExpires, Want: "a Time of the years 1 to 9999", Got: typeName(v)}
	}
	return at, nil
}

// typeName returns what a value is, in FQL's words.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "String"
	case bool:
		return "Boolean"
	case int64, float64:
		return "Number"
	case *time.Time:
		return "a time that is out of range"
	case []any:
		return "Array"
	case map[string]any:
		return "Object"
	}
	return "a value of another type"
}

// takeAttributes returns what is left, as far as it can be written back. A field of a name
// that is reserved is another program's.
func (d doc) takeAttributes(of driver.Record) adapter.Attributes {
	if len(d) == 0 {
		return nil
	}
	a := map[string]any{}
	for name, v := range d {
		if v, ok := normal(v); ok && !strings.HasPrefix(name, nulls) && !slices.Contains(reserved, name) {
			a[name] = v
		}
	}
	for name, v := range d {
		of, marks := strings.CutPrefix(name, nulls)
		paths, _ := v.([]any)
		for _, path := range paths {
			if steps, is := path.([]any); marks && is {
				restore(a, append([]any{of}, steps...))
			}
		}
	}
	return driver.Writable(renamedFields(a, layout.Name, attribute.Name), of)
}

// normal brings a decoded value into the types of adapter.Attributes. It is false for one
// that holds something of a type that only the server has, such as a reference.
func normal(v any) (any, bool) {
	switch v := v.(type) {
	case nil, string, bool, int64, float64:
		return v, true
	case *time.Time:
		return adapter.Milliseconds(*v), true
	case []any:
		for i := range v {
			e, ok := normal(v[i])
			if !ok {
				return nil, false
			}
			v[i] = e
		}
		return v, true
	case map[string]any:
		for name := range v {
			e, ok := normal(v[name])
			if !ok {
				return nil, false
			}
			v[name] = e
		}
		return v, true
	}
	return nil, false
}

// key is a name in an object that is made for the server. The driver leaves such an object as
// it is: of one that it makes itself it escapes only some of the names that begin with "@".
type key struct{ name string }

// MarshalText implements encoding.TextMarshaler.
func (k key) MarshalText() ([]byte, error) { return []byte(k.name), nil }

// tagged returns a value in the form in which the server takes it, under any names.
func tagged(v any) any {
	switch v := v.(type) {
	case int64:
		return map[key]any{{"@long"}: strconv.FormatInt(v, 10)}
	case float64:
		return map[key]any{{"@double"}: strconv.FormatFloat(v, 'f', -1, 64)}
	case time.Time:
		return map[key]any{{"@time"}: v.UTC().Format(time.RFC3339Nano)}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = tagged(v[i])
		}
		return list
	case map[string]any:
		object := make(map[key]any, len(v))
		for name := range v {
			object[key{name}] = tagged(v[name])
		}
		return map[key]any{{"@object"}: object}
	}
	return v
}

func encodeUser(u adapter.User) doc {
	d := doc{fieldID: u.ID}
	d.text(userName, u.Name)
	d.text(userEmail, u.Email)
	d.time(userVerified, u.EmailVerified)
	d.text(userImage, u.Image)
	d.stamps(u.CreatedAt, u.UpdatedAt)
	d.attributes(u.Attributes, nil)
	return d.new()
}

// stamps sets the times of a new document.
func (d doc) stamps(created, updated time.Time) {
	d.time(fieldCreated, created)
	d.time(fieldUpdated, updated)
}

func encodeUserUpdate(up adapter.UserUpdate, now time.Time) doc {
	d := doc{}
	set(d.text, userName, up.Name)
	set(d.text, userEmail, up.Email)
	set(d.time, userVerified, up.EmailVerified)
	set(d.text, userImage, up.Image)
	d.time(fieldUpdated, now)
	d.attributes(up.Attributes, up.RemoveAttributes)
	return d
}

// set adds a change, if there is one.
func set[T any](add func(string, T), name string, v *T) {
	if v != nil {
		add(name, *v)
	}
}

func decodeUser(d doc) adapter.User {
	u := adapter.User{
		ID:        d.takeText(fieldID),
		Name:      d.takeText(userName),
		Email:     d.takeText(userEmail),
		Image:     d.takeText(userImage),
		CreatedAt: d.takeTime(fieldCreated),
		UpdatedAt: d.takeTime(fieldUpdated),
	}
	u.EmailVerified = d.takeVerified(u.CreatedAt)
	u.Attributes = d.takeAttributes(driver.UserRecord) // the last: what the others leave
	return u
}

func encodeAccount(a adapter.Account) doc {
	d := doc{fieldUserID: a.UserID, accountType: string(a.Type), accountProvider: a.Provider, accountID: a.ProviderAccountID}
	d.text(accountRefreshToken, a.RefreshToken)
	d.text(accountAccessToken, a.AccessToken)
	d.number(accountExpiresAt, a.ExpiresAt)
	d.text(accountTokenType, a.TokenType)
	d.text(accountScope, a.Scope)
	d.text(accountIDToken, a.IDToken)
	d.text(accountSessionState, a.SessionState)
	d.stamps(a.CreatedAt, a.UpdatedAt)
	d.attributes(a.Attributes, nil)
	return d.new()
}

func encodeAccountUpdate(up adapter.AccountUpdate, now time.Time) doc {
	d := doc{}
	set(d.text, accountRefreshToken, up.RefreshToken)
	set(d.text, accountAccessToken, up.AccessToken)
	set(d.number, accountExpiresAt, up.ExpiresAt)
	set(d.text, accountTokenType, up.TokenType)
	set(d.text, accountScope, up.Scope)
	set(d.text, accountIDToken, up.IDToken)
	set(d.text, accountSessionState, up.SessionState)
	d.time(fieldUpdated, now)
	d.attributes(up.Attributes, up.RemoveAttributes)
	return d
}

func decodeAccount(d doc) adapter.Account {
	return adapter.Account{
		UserID:            d.takeID(fieldUserID),
		Type:              adapter.AccountType(d.takeText(accountType)),
		Provider:          d.takeText(accountProvider),
		ProviderAccountID: d.takeText(accountID),
		RefreshToken:      d.takeText(accountRefreshToken),
		AccessToken:       d.takeText(accountAccessToken),
		ExpiresAt:         d.takeSeconds(accountExpiresAt),
		TokenType:         d.takeText(accountTokenType),
		Scope:             d.takeWords(accountScope, " "),
		IDToken:           d.takeText(accountIDToken),
		SessionState:      d.takeText(accountSessionState),
		CreatedAt:         d.takeTime(fieldCreated),
		UpdatedAt:         d.takeTime(fieldUpdated),
		Attributes:        d.takeAttributes(driver.AccountRecord), // the last: what the others leave
	}
}

// encodeSession encodes a session under its stored token.
func encodeSession(s adapter.Session, stored string) doc {
	d := doc{fieldUserID: s.UserID, sessionToken: stored}
	d.expires(s.Expires)
	d.stamps(s.CreatedAt, s.UpdatedAt)
	d.attributes(s.Attributes, nil)
	return d.new()
}

func encodeSessionUpdate(up adapter.SessionUpdate, now time.Time) doc {
	d := doc{}
	set(d.time, fieldExpires, up.Expires)
	d.time(fieldUpdated, now)
	d.attributes(up.Attributes, up.RemoveAttributes)
	return d
}

// decodeSession decodes a session without its token. Its error is an
// *adapter.RecordError, with which everything but the expiry is known.
func decodeSession(d doc, collection string) (session adapter.Session, err error) {
	id := d.takeText(fieldID)
	delete(d, sessionToken)
	session.UserID = d.takeID(fieldUserID)
	session.Expires, err = d.takeExpiry(collection, id, session.UserID)
	session.CreatedAt = d.takeTime(fieldCreated)
	session.UpdatedAt = d.takeTime(fieldUpdated)
	session.Attributes = d.takeAttributes(driver.SessionRecord) // the last: what the others leave
	return session, err
}

// storedSessionID returns the ID of a session by its document. What is stored of its
// token is a digest, which is the ID, if it has the form and the fields that this adapter
// gives such a session; anything else may be a token that another program stored as it
// is, of which the ID is the digest.
func (d doc) storedSessionID(plain bool) string {
	token, _ := lenient.Text(d[sessionToken])
	_, hasTTL := d[fieldTTL].(*time.Time)
	_, hasCreated := d[fieldCreated].(*time.Time)
	if !plain && hasTTL && hasCreated && digest.MatchString(token) {
		return token
	}
	return adapter.SessionID(token)
}

// digest is the form of adapter.SessionID.
var digest = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func encodeLink(t adapter.VerificationToken) doc {
	d := doc{linkIdentifier: t.Identifier, linkToken: t.Token}
	d.text(linkValue, t.Value)
	d.expires(t.Expires)
	d.time(fieldCreated, t.CreatedAt)
	return d.new()
}

func decodeLink(d doc, collection string) (t adapter.VerificationToken, err error) {
	t.Identifier = d.takeText(linkIdentifier)
	t.Token = d.takeText(linkToken)
	t.Value = d.takeText(linkValue)
	t.Expires, err = d.takeExpiry(collection, d.takeText(fieldID), "")
	t.CreatedAt = d.takeTime(fieldCreated)
	return t, err
}

func encodeAuthenticator(a adapter.Authenticator) doc {
	d := doc{
		authenticatorID: a.CredentialID, fieldUserID: a.UserID, authenticatorKey: a.CredentialPublicKey,
		authenticatorCounter: int64(a.Counter), authenticatorBackedUp: a.CredentialBackedUp,
	}
	d.text(authenticatorAccount, a.ProviderAccountID)
	d.text(authenticatorDeviceType, a.CredentialDeviceType)
	d.transports(a.Transports)
	d.stamps(a.CreatedAt, a.UpdatedAt)
	d.attributes(a.Attributes, nil)
	return d.new()
}

func (d doc) transports(all []string) { d.text(authenticatorTransports, strings.Join(all, ",")) }

func encodeAuthenticatorUpdate(up adapter.AuthenticatorUpdate, now time.Time) doc {
	d := doc{}
	if up.CredentialBackedUp != nil {
		d[authenticatorBackedUp] = *up.CredentialBackedUp
	}
	if up.Transports != nil {
		d.transports(*up.Transports)
	}
	d.time(fieldUpdated, now)
	d.attributes(up.Attributes, up.RemoveAttributes)
	return d
}

// decodeAuthenticator's error is an *adapter.RecordError.
func decodeAuthenticator(d doc, collection string) (a adapter.Authenticator, err error) {
	id := d.takeText(fieldID)
	a = adapter.Authenticator{
		CredentialID:         d.takeText(authenticatorID),
		UserID:               d.takeID(fieldUserID),
		ProviderAccountID:    d.takeText(authenticatorAccount),
		CredentialPublicKey:  d.takeText(authenticatorKey),
		CredentialDeviceType: d.takeText(authenticatorDeviceType),
		CreatedAt:            d.takeTime(fieldCreated),
		UpdatedAt:            d.takeTime(fieldUpdated),
	}
	a.CredentialBackedUp, _ = d.take(authenticatorBackedUp).(bool)
	a.Transports, _ = lenient.Words(d.take(authenticatorTransports), ",")
	stored := d.take(authenticatorCounter)
	counter, ok := lenient.Seconds(cmp.Or(stored, any(int64(0))))
	if !ok || counter < 0 || counter > math.MaxUint32 {
		return a, &adapter.RecordError{Place: collection + " " + id, UserID: a.UserID, Field: authenticatorCounter, Want: "a Number from 0 to 4294967295", Got: typeName(stored)}
	}
	a.Counter = uint32(counter)
	a.Attributes = d.takeAttributes(driver.AuthenticatorRecord) // the last: what the others leave
	return a, nil
}
