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
	"github.com/authstore/authstore/adapter/authjs"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

// doc is the fields of a document, or changes to them. A nil field is left out of a new
// document, and removed by changes.
type doc map[string]any

// ttlMargin is how long after its expiry the server removes a document, so that its clock does
// not remove one that is live by the adapter's.
const ttlMargin = time.Hour

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

// ttl sets when the server removes a new document that expires.
func (d doc) ttl(expires time.Time) { d[fieldTTL] = expires.Add(ttlMargin) }

// attributes sets attributes and removes others.
func (d doc) attributes(set adapter.Attributes, removed []string) {
	for _, name := range removed {
		name = layout.Stored(name)
		d[name], d[nullsPrefix+name] = nil, nil
	}
	for name, v := range set {
		name, v = layout.Stored(name), rename(v, attribute.Stored)
		d[name], d[nullsPrefix+name] = v, nil
		if paths := nullPaths(v, nil, nil); paths != nil {
			d[nullsPrefix+name] = paths
		}
	}
}

// rename returns a value with the names in its objects changed.
func rename(v any, name func(string) string) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = rename(v[i], name)
		}
		return list
	case map[string]any:
		return renameFields(v, name, name)
	}
	return v
}

// renameFields returns an object with its own names changed by top, and those further down by
// name. Of two names that become equal the changed one stays: the other is another program's.
func renameFields(object map[string]any, top, name func(string) string) map[string]any {
	out := make(map[string]any, len(object))
	for n := range object {
		renamed := top(n)
		if _, exists := out[renamed]; !exists || renamed != n {
			out[renamed] = rename(object[n], name)
		}
	}
	return out
}

// withoutNil returns the fields of a new document, which are those that are not nil.
func (d doc) withoutNil() doc {
	maps.DeleteFunc(d, func(_ string, v any) bool { return v == nil })
	return d
}

// nullPaths appends the paths of the nulls in a value, whose own path is path. The server keeps
// nulls in lists.
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

// restoreNull puts a null at the path in a value, unless another value is there now or the path
// no longer exists.
func restoreNull(v any, path []any) {
	for ; len(path) > 0; path = path[1:] {
		switch step := path[0].(type) {
		case string:
			object, _ := v.(map[string]any)
			if object == nil {
				return
			}
			if _, exists := object[step]; !exists && len(path) == 1 {
				object[step] = nil
			}
			v = object[step]
		case int64:
			list, _ := v.([]any)
			if step < 0 || step >= int64(len(list)) {
				return
			}
			v = list[step]
		}
	}
}

// fields returns the fields of a document that a query projected, nil if there is none.
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

// The take functions remove a field from a document, so that the attributes are left, and
// convert values that other programs stored as package lenient does.

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

// takeID returns an ID, also from a reference to a document.
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
	if t, ok := v.(*time.Time); ok {
		v = *t
	}
	n, _ := lenient.Seconds(v)
	return n
}

func (d doc) takeTime(name string) time.Time {
	t, _ := parseDate(d.take(name))
	return t
}

// parseDate converts a value to a time. The driver returns Fauna's Date and Time as one type.
func parseDate(v any) (time.Time, bool) {
	if t, ok := v.(*time.Time); ok {
		v = *t
	}
	return lenient.Time(v)
}

func (d doc) takeVerified(created time.Time) time.Time {
	v := d.take(userVerified)
	if t, ok := v.(*time.Time); ok {
		v = *t
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

// takeAttributes returns the remaining fields that can be written back. A field with a reserved
// name is another program's.
func (d doc) takeAttributes(record driver.Record) adapter.Attributes {
	if len(d) == 0 {
		return nil
	}
	a := map[string]any{}
	for name, v := range d {
		if v, ok := normalize(v); ok && !strings.HasPrefix(name, nullsPrefix) && !slices.Contains(reserved, name) {
			a[name] = v
		}
	}
	for name, v := range d {
		stored, lists := strings.CutPrefix(name, nullsPrefix)
		paths, _ := v.([]any)
		for _, path := range paths {
			if steps, ok := path.([]any); lists && ok {
				restoreNull(a, append([]any{stored}, steps...))
			}
		}
	}
	return driver.Writable(renameFields(a, layout.Name, attribute.Name), record)
}

// normalize converts a decoded value to the types of adapter.Attributes. It is false for one
// that contains a value of a type of the server's own, such as a reference.
func normalize(v any) (any, bool) {
	switch v := v.(type) {
	case nil, string, bool, int64, float64:
		return v, true
	case *time.Time:
		return adapter.Milliseconds(*v), true
	case []any:
		for i := range v {
			e, ok := normalize(v[i])
			if !ok {
				return nil, false
			}
			v[i] = e
		}
		return v, true
	case map[string]any:
		for name := range v {
			e, ok := normalize(v[name])
			if !ok {
				return nil, false
			}
			v[name] = e
		}
		return v, true
	}
	return nil, false
}

// objectKey is a name in an encoded object. The driver sends a map with such keys as it is; in
// its own encoding it escapes only some of the names that begin with "@".
type objectKey struct{ name string }

// MarshalText implements encoding.TextMarshaler.
func (k objectKey) MarshalText() ([]byte, error) { return []byte(k.name), nil }

// tagged returns a value in Fauna's tagged format, in which objects can have any names.
func tagged(v any) any {
	switch v := v.(type) {
	case int64:
		return map[objectKey]any{{"@long"}: strconv.FormatInt(v, 10)}
	case float64:
		return map[objectKey]any{{"@double"}: strconv.FormatFloat(v, 'f', -1, 64)}
	case time.Time:
		return map[objectKey]any{{"@time"}: v.UTC().Format(time.RFC3339Nano)}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = tagged(v[i])
		}
		return list
	case map[string]any:
		object := make(map[objectKey]any, len(v))
		for name := range v {
			object[objectKey{name}] = tagged(v[name])
		}
		return map[objectKey]any{{"@object"}: object}
	}
	return v
}

func encodeUser(u adapter.User) doc {
	d := doc(authjs.User(u))
	d.stamps(u.CreatedAt, u.UpdatedAt)
	d.attributes(u.Attributes, nil)
	return d.withoutNil()
}

// stamps sets createdAt and updatedAt of a new document.
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
	d := doc(authjs.Account(a))
	d.stamps(a.CreatedAt, a.UpdatedAt)
	d.attributes(a.Attributes, nil)
	return d.withoutNil()
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
	s.SessionToken = stored
	d := doc(authjs.Session(s))
	d.ttl(s.Expires)
	d.stamps(s.CreatedAt, s.UpdatedAt)
	d.attributes(s.Attributes, nil)
	return d.withoutNil()
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

// storedSessionID returns the ID of a session from its document. The stored token is a digest,
// and the ID, if it has the form and the document has the fields that this adapter gives such a
// session. Otherwise it may be a token that another program stored as it is, and the ID is its
// digest.
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

func encodeVerificationToken(t adapter.VerificationToken) doc {
	d := doc(authjs.VerificationToken(t))
	d.text(verificationValue, t.Value)
	d.ttl(t.Expires)
	d.time(fieldCreated, t.CreatedAt)
	return d.withoutNil()
}

func decodeVerificationToken(d doc, collection string) (t adapter.VerificationToken, err error) {
	t.Identifier = d.takeText(verificationIdentifier)
	t.Token = d.takeText(verificationToken)
	t.Value = d.takeText(verificationValue)
	t.Expires, err = d.takeExpiry(collection, d.takeText(fieldID), "")
	t.CreatedAt = d.takeTime(fieldCreated)
	return t, err
}

func encodeAuthenticator(a adapter.Authenticator) doc {
	d := doc(authjs.Authenticator(a))
	d.stamps(a.CreatedAt, a.UpdatedAt)
	d.attributes(a.Attributes, nil)
	return d.withoutNil()
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
