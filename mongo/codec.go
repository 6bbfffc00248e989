package mongo

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
)

// stateField holds what a document is in the middle of: see claims.go. The fields
// whose names begin so are this package's own.
const stateField = "authstore"

// userField is where a $lookup puts the user of a document.
const userField = "authstoreUser"

// id returns a user's ID as it is stored, and false for one that no user can have.
func (s *store) id(id string) (any, bool) {
	if s.stringIDs {
		return id, true
	}
	oid, err := bson.ObjectIDFromHex(id)
	return oid, err == nil && oid.Hex() == id // in lower case, or two texts would be one ID
}

// newID returns an ID for a new record, or why it cannot be one.
func (s *store) newID(field, id string) (any, error) {
	stored, ok := s.id(id)
	if !ok {
		return nil, adapter.Invalid(field, "must be an ObjectID in 24 lower-case hexadecimal digits, unless Options.StringIDs is set")
	}
	return stored, nil
}

// fields collects the fields of a document that are set.
type fields bson.D

func (f *fields) add(name string, v any) { *f = append(*f, bson.E{Key: name, Value: v}) }

func (f *fields) text(name, v string) {
	if v != "" {
		f.add(name, v)
	}
}

func (f *fields) time(name string, t time.Time) {
	if !t.IsZero() {
		f.add(name, bson.NewDateTimeFromTime(t))
	}
}

func (f *fields) attributes(a adapter.Attributes) {
	for name, v := range a {
		f.add(name, v)
	}
}

func (f *fields) written(created, updated time.Time) {
	f.time("createdAt", created)
	f.time("updatedAt", updated)
}

func encodeUser(id any, u adapter.User) bson.D {
	f := fields{{Key: "_id", Value: id}}
	f.text("name", u.Name)
	f.text("email", u.Email)
	f.time("emailVerified", u.EmailVerified)
	f.text("image", u.Image)
	f.attributes(u.Attributes)
	f.written(u.CreatedAt, u.UpdatedAt)
	return bson.D(f)
}

func encodeAccount(userID any, a adapter.Account) bson.D {
	f := fields{
		{Key: "_id", Value: bson.NewObjectID()}, {Key: "userId", Value: userID}, {Key: "type", Value: string(a.Type)},
		{Key: "provider", Value: a.Provider}, {Key: "providerAccountId", Value: a.ProviderAccountID},
	}
	f.text("refresh_token", a.RefreshToken)
	f.text("access_token", a.AccessToken)
	if a.ExpiresAt != 0 {
		f.add("expires_at", a.ExpiresAt)
	}
	f.text("token_type", a.TokenType)
	f.text("scope", a.Scope)
	f.text("id_token", a.IDToken)
	f.text("session_state", a.SessionState)
	f.attributes(a.Attributes)
	f.written(a.CreatedAt, a.UpdatedAt)
	return bson.D(f)
}

func encodeSession(userID any, key string, s adapter.Session) bson.D {
	f := fields{{Key: "_id", Value: bson.NewObjectID()}, {Key: "sessionToken", Value: key}, {Key: "userId", Value: userID}}
	f.time("expires", s.Expires)
	f.attributes(s.Attributes)
	f.written(s.CreatedAt, s.UpdatedAt)
	return bson.D(f)
}

func encodeToken(t adapter.VerificationToken) bson.D {
	f := fields{{Key: "identifier", Value: t.Identifier}, {Key: "token", Value: t.Token}}
	f.time("expires", t.Expires)
	f.time("createdAt", t.CreatedAt)
	return bson.D(f)
}

func encodeAuthenticator(userID any, a adapter.Authenticator) bson.D {
	f := fields{{Key: "_id", Value: bson.NewObjectID()}, {Key: "credentialID", Value: a.CredentialID}, {Key: "userId", Value: userID}}
	f.text("providerAccountId", a.ProviderAccountID)
	f.text("credentialPublicKey", a.CredentialPublicKey)
	f.add("counter", int64(a.Counter))
	f.text("credentialDeviceType", a.CredentialDeviceType)
	f.add("credentialBackedUp", a.CredentialBackedUp)
	if len(a.Transports) > 0 {
		f.add("transports", a.Transports)
	}
	return bson.D(f)
}

// change collects an update: what is set, and what is removed.
type change struct{ set, unset fields }

func (c *change) text(name string, v *string) {
	switch {
	case v == nil:
	case *v == "":
		c.remove(name)
	default:
		c.set.add(name, *v)
	}
}

func (c *change) time(name string, t *time.Time) {
	switch {
	case t == nil:
	case t.IsZero():
		c.remove(name)
	default:
		c.set.time(name, *t)
	}
}

func (c *change) remove(name string) { c.unset.add(name, "") }

func (c *change) attributes(set adapter.Attributes, removed []string) {
	c.set.attributes(set)
	for _, name := range removed {
		c.remove(name)
	}
}

// update returns the update of a record at the time now.
func (c *change) update(now time.Time) bson.D {
	c.set.time("updatedAt", now)
	up := bson.D{{Key: "$set", Value: bson.D(c.set)}}
	if len(c.unset) > 0 {
		up = append(up, bson.E{Key: "$unset", Value: bson.D(c.unset)})
	}
	return up
}

func userUpdate(up adapter.UserUpdate, now time.Time) bson.D {
	var c change
	c.text("name", up.Name)
	c.text("email", up.Email)
	c.time("emailVerified", up.EmailVerified)
	c.text("image", up.Image)
	c.attributes(up.Attributes, up.RemoveAttributes)
	return c.update(now)
}

func accountUpdate(up adapter.AccountUpdate, now time.Time) bson.D {
	var c change
	c.text("refresh_token", up.RefreshToken)
	c.text("access_token", up.AccessToken)
	switch {
	case up.ExpiresAt == nil:
	case *up.ExpiresAt == 0:
		c.remove("expires_at")
	default:
		c.set.add("expires_at", *up.ExpiresAt)
	}
	c.text("token_type", up.TokenType)
	c.text("scope", up.Scope)
	c.text("id_token", up.IDToken)
	c.text("session_state", up.SessionState)
	c.attributes(up.Attributes, up.RemoveAttributes)
	return c.update(now)
}

func sessionUpdate(up adapter.SessionUpdate, now time.Time) bson.D {
	var c change
	c.time("expires", up.Expires)
	c.attributes(up.Attributes, up.RemoveAttributes)
	return c.update(now)
}

// reader reads the fields of a document, whoever wrote it, and keeps the first error.
type reader struct {
	collection string
	err        error
}

// each calls f for every field of a document.
func (r *reader) each(doc bson.Raw, f func(name string, v bson.RawValue)) {
	elements, err := doc.Elements()
	if err != nil {
		r.err = err
	}
	for _, e := range elements {
		f(e.Key(), e.Value())
	}
}

func (r *reader) fail(name, want string, v bson.RawValue) {
	if r.err == nil {
		r.err = &FieldError{Collection: r.collection, Field: name, Want: want, Got: v.Type}
	}
}

func isNull(v bson.RawValue) bool { return v.Type == bson.TypeNull || v.Type == bson.TypeUndefined }

func (r *reader) text(name string, v bson.RawValue) string {
	if isNull(v) {
		return ""
	}
	text, ok := v.StringValueOK()
	if !ok {
		r.fail(name, "a string", v)
	}
	return text
}

// id reads the ID of a user.
func (r *reader) id(name string, v bson.RawValue) string {
	if oid, ok := v.ObjectIDOK(); ok {
		return oid.Hex()
	}
	text, ok := v.StringValueOK()
	if !ok {
		r.fail(name, "an ObjectID or a string", v)
	}
	return text
}

// time reads a date, or what JavaScript's Date takes for one: a string, or a number
// of milliseconds since 1970.
func (r *reader) time(name string, v bson.RawValue) time.Time {
	if isNull(v) {
		return time.Time{}
	}
	if ms, ok := v.DateTimeOK(); ok {
		return time.UnixMilli(ms).UTC()
	}
	if ms, ok := whole(v); ok {
		return time.UnixMilli(ms).UTC()
	}
	if text, ok := v.StringValueOK(); ok {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return adapter.Milliseconds(t)
		}
	}
	r.fail(name, "a date", v)
	return time.Time{}
}

// whole returns a number that is a whole one, of any type.
func whole(v bson.RawValue) (int64, bool) {
	switch v.Type {
	case bson.TypeInt32:
		return int64(v.Int32()), true
	case bson.TypeInt64:
		return v.Int64(), true
	case bson.TypeDouble:
		f := v.Double()
		return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<63
	}
	return 0, false
}

func (r *reader) whole(name string, v bson.RawValue) int64 {
	if isNull(v) {
		return 0
	}
	n, ok := whole(v)
	if !ok {
		r.fail(name, "a whole number", v)
	}
	return n
}

// seconds reads a time in seconds since 1970, which some providers give as text or
// with a fraction.
func (r *reader) seconds(name string, v bson.RawValue) int64 {
	if text, ok := v.StringValueOK(); ok {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	if f, ok := v.DoubleOK(); ok && math.Abs(f) < 1<<63 {
		return int64(f)
	}
	return r.whole(name, v)
}

func (r *reader) counter(name string, v bson.RawValue) uint32 {
	n := r.whole(name, v)
	if n < 0 || n > math.MaxUint32 {
		r.fail(name, "a whole number from 0 to 4294967295", v)
	}
	return uint32(n)
}

func (r *reader) flag(name string, v bson.RawValue) bool {
	if isNull(v) {
		return false
	}
	b, ok := v.BooleanOK()
	if !ok {
		r.fail(name, "true or false", v)
	}
	return b
}

// list reads a list of strings, or one string of them with commas.
func (r *reader) list(name string, v bson.RawValue) []string {
	if isNull(v) {
		return nil
	}
	if text, ok := v.StringValueOK(); ok {
		return strings.Split(text, ",")
	}
	array, ok := v.ArrayOK()
	if !ok {
		r.fail(name, "a list of strings", v)
		return nil
	}
	var all []string
	r.each(bson.Raw(array), func(_ string, v bson.RawValue) { all = append(all, r.text(name, v)) })
	return all
}

// attribute adds a field that is no named one to the attributes. Names that an
// attribute cannot have are left alone.
func (r *reader) attribute(a *adapter.Attributes, record adapter.Record, name string, v bson.RawValue) {
	if adapter.ReservedAttribute(record, name) {
		return
	}
	if *a == nil {
		*a = adapter.Attributes{}
	}
	(*a)[name] = r.value(v)
}

// value returns an attribute. BSON types that Go code has no use for are strings:
// an ObjectID and a decimal as they are written, binary data in base64, and the rest
// as extended JSON. What is stored stays what it is.
func (r *reader) value(v bson.RawValue) any {
	switch v.Type {
	case bson.TypeNull, bson.TypeUndefined:
		return nil
	case bson.TypeString:
		return v.StringValue()
	case bson.TypeBoolean:
		return v.Boolean()
	case bson.TypeInt32:
		return int64(v.Int32())
	case bson.TypeInt64:
		return v.Int64()
	case bson.TypeDouble:
		return number(v.Double())
	case bson.TypeDateTime:
		return time.UnixMilli(v.DateTime()).UTC()
	case bson.TypeArray:
		all := []any{}
		r.each(bson.Raw(v.Array()), func(_ string, v bson.RawValue) { all = append(all, r.value(v)) })
		return all
	case bson.TypeEmbeddedDocument:
		object := map[string]any{}
		r.each(v.Document(), func(name string, v bson.RawValue) { object[name] = r.value(v) })
		return object
	case bson.TypeObjectID:
		return v.ObjectID().Hex()
	case bson.TypeDecimal128:
		return v.Decimal128().String()
	case bson.TypeBinary:
		_, data := v.Binary()
		return base64.StdEncoding.EncodeToString(data)
	}
	return v.String()
}

// number returns a whole number as int64. JavaScript's driver stores one beyond 32 bits as
// a double, and its type here should not depend on its size.
func number(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 {
		return int64(f)
	}
	return f
}

func (s *store) decodeUser(doc bson.Raw) (adapter.User, error) {
	r, u := reader{collection: s.names.Users}, adapter.User{}
	r.each(doc, func(name string, v bson.RawValue) {
		switch name {
		case "_id":
			u.ID = r.id(name, v)
		case "name":
			u.Name = r.text(name, v)
		case "email":
			u.Email = r.text(name, v)
		case "emailVerified":
			u.EmailVerified = r.time(name, v)
		case "image":
			u.Image = r.text(name, v)
		case "createdAt":
			u.CreatedAt = r.time(name, v)
		case "updatedAt":
			u.UpdatedAt = r.time(name, v)
		default:
			r.attribute(&u.Attributes, adapter.UserRecord, name, v)
		}
	})
	return result(u, r.err)
}

func (s *store) decodeAccount(doc bson.Raw) (adapter.Account, error) {
	r, a := reader{collection: s.names.Accounts}, adapter.Account{}
	r.each(doc, func(name string, v bson.RawValue) {
		switch name {
		case "userId":
			a.UserID = r.id(name, v)
		case "type":
			a.Type = adapter.AccountType(r.text(name, v))
		case "provider":
			a.Provider = r.text(name, v)
		case "providerAccountId":
			a.ProviderAccountID = r.text(name, v)
		case "refresh_token":
			a.RefreshToken = r.text(name, v)
		case "access_token":
			a.AccessToken = r.text(name, v)
		case "expires_at":
			a.ExpiresAt = r.seconds(name, v)
		case "token_type":
			a.TokenType = r.text(name, v)
		case "scope":
			a.Scope = r.text(name, v)
		case "id_token":
			a.IDToken = r.text(name, v)
		case "session_state":
			a.SessionState = r.text(name, v)
		case "createdAt":
			a.CreatedAt = r.time(name, v)
		case "updatedAt":
			a.UpdatedAt = r.time(name, v)
		default:
			r.attribute(&a.Attributes, adapter.AccountRecord, name, v)
		}
	})
	return result(a, r.err)
}

// decodeSession reads a session but for its token: it may be stored as a digest only.
// The ID is that of the stored token.
func (s *store) decodeSession(doc bson.Raw) (adapter.Session, error) {
	r, session := reader{collection: s.names.Sessions}, adapter.Session{}
	r.each(doc, func(name string, v bson.RawValue) {
		switch name {
		case "sessionToken":
			session.ID = r.text(name, v)
		case "userId":
			session.UserID = r.id(name, v)
		case "expires":
			session.Expires = r.time(name, v)
		case "createdAt":
			session.CreatedAt = r.time(name, v)
		case "updatedAt":
			session.UpdatedAt = r.time(name, v)
		default:
			r.attribute(&session.Attributes, adapter.SessionRecord, name, v)
		}
	})
	if s.options.PlainSessionTokens {
		session.ID = adapter.SessionID(session.ID)
	}
	return result(session, r.err)
}

func (s *store) decodeToken(doc bson.Raw) (adapter.VerificationToken, error) {
	r, t := reader{collection: s.names.VerificationTokens}, adapter.VerificationToken{}
	r.each(doc, func(name string, v bson.RawValue) {
		switch name {
		case "identifier":
			t.Identifier = r.text(name, v)
		case "token":
			t.Token = r.text(name, v)
		case "expires":
			t.Expires = r.time(name, v)
		case "createdAt":
			t.CreatedAt = r.time(name, v)
		}
	})
	return result(t, r.err)
}

func (s *store) decodeAuthenticator(doc bson.Raw) (adapter.Authenticator, error) {
	r, a := reader{collection: s.names.Authenticators}, adapter.Authenticator{}
	r.each(doc, func(name string, v bson.RawValue) {
		switch name {
		case "credentialID":
			a.CredentialID = r.text(name, v)
		case "userId":
			a.UserID = r.id(name, v)
		case "providerAccountId":
			a.ProviderAccountID = r.text(name, v)
		case "credentialPublicKey":
			a.CredentialPublicKey = r.text(name, v)
		case "counter":
			a.Counter = r.counter(name, v)
		case "credentialDeviceType":
			a.CredentialDeviceType = r.text(name, v)
		case "credentialBackedUp":
			a.CredentialBackedUp = r.flag(name, v)
		case "transports":
			a.Transports = r.list(name, v)
		}
	})
	return result(a, r.err)
}

// result returns a record, or the zero value with the error.
func result[T any](record T, err error) (T, error) {
	if err != nil {
		var none T
		return none, failure(err)
	}
	return record, nil
}
