package mongo

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

// fields collects the fields of a document.
type fields struct {
	*shape
	doc bson.D
}

func (f *fields) add(stored string, v any) { f.doc = append(f.doc, bson.E{Key: stored, Value: v}) }

// put adds a field in its form, and beside it what the form cannot hold. It reports whether it
// did the latter.
func (f *fields) put(field string, v any) (beside bool) {
	stored, whole := f.form[field].of(v)
	f.add(f.in(field), stored)
	if !whole {
		f.add(exact(field), v)
	}
	return !whole
}

func (f *fields) text(field, v string) {
	if v != "" || f.required[field] {
		f.put(field, v)
	}
}

func (f *fields) time(field string, t time.Time) {
	switch {
	case !t.IsZero():
		f.put(field, bson.NewDateTimeFromTime(t))
	case f.required[field]:
		f.add(f.in(field), false)
	}
}

func (f *fields) addAttributes(a adapter.Attributes) {
	for name, v := range a {
		f.add(f.storedName(name), storedValue(v))
	}
}

// record returns a new record with the members that are derived from its fields, and an ID of
// its own if its key lies in _id.
func (f *fields) record(created, updated time.Time) bson.D {
	f.time("createdAt", created)
	if f.in("updatedAt") != "" {
		f.time("updatedAt", updated)
	}
	for _, m := range f.derived {
		f.add(m.Name, m.Value(func(field string) any { return value(f.doc, f.in(field)) }))
	}
	return f.doc
}

func (s *store) encodeUser(id any, u adapter.User) bson.D {
	f := fields{shape: s.users, doc: byID(id)}
	f.text("name", u.Name)
	f.text("email", u.Email)
	f.time("emailVerified", u.EmailVerified)
	f.text("image", u.Image)
	f.addAttributes(u.Attributes)
	return f.record(u.CreatedAt, u.UpdatedAt)
}

// newRecord begins a record that has an ID of its own.
func (s *store) newRecord(of *shape) *fields {
	return &fields{shape: of, doc: bson.D{{Key: of.id, Value: s.recordID()}}}
}

func (s *store) encodeAccount(userID any, a adapter.Account) bson.D {
	f := s.newRecord(s.accounts)
	f.put("userId", userID)
	f.put("type", string(a.Type))
	f.put("provider", a.Provider)
	f.put("providerAccountId", a.ProviderAccountID)
	f.text("refresh_token", a.RefreshToken)
	f.text("access_token", a.AccessToken)
	if a.ExpiresAt != 0 {
		f.put("expires_at", a.ExpiresAt)
	}
	f.text("token_type", a.TokenType)
	f.text("scope", a.Scope)
	f.text("id_token", a.IDToken)
	f.text("session_state", a.SessionState)
	f.addAttributes(a.Attributes)
	return f.record(a.CreatedAt, a.UpdatedAt)
}

func (s *store) encodeSession(userID any, session adapter.Session, stored string) bson.D {
	f := s.newRecord(s.sessions)
	f.put("sessionToken", stored)
	f.put("userId", userID)
	f.time("expires", session.Expires)
	f.addAttributes(session.Attributes)
	if !s.options.PlainSessionTokens {
		f.add(digestField, true)
	}
	return f.record(session.CreatedAt, session.UpdatedAt)
}

func (s *store) encodeToken(t adapter.VerificationToken) bson.D {
	f := s.newRecord(s.tokens)
	f.put("identifier", t.Identifier)
	f.put("token", t.Token)
	f.text("value", t.Value)
	f.time("expires", t.Expires)
	return f.record(t.CreatedAt, time.Time{})
}

func (s *store) encodeAuthenticator(userID any, a adapter.Authenticator) bson.D {
	f := s.newRecord(s.authenticators)
	f.put("credentialID", a.CredentialID)
	f.put("userId", userID)
	f.text("providerAccountId", a.ProviderAccountID)
	f.text("credentialPublicKey", a.CredentialPublicKey)
	f.put("counter", int64(a.Counter))
	f.text("credentialDeviceType", a.CredentialDeviceType)
	f.put("credentialBackedUp", a.CredentialBackedUp)
	if len(a.Transports) > 0 {
		f.put("transports", a.Transports)
	}
	f.addAttributes(a.Attributes)
	return f.record(a.CreatedAt, a.UpdatedAt)
}

// change collects an update: fields to set and fields to remove.
type change struct {
	set   fields
	unset bson.D
}

func changeOf(of *shape) *change { return &change{set: fields{shape: of}} }

// put sets a field, and removes what was beside it.
func (c *change) put(field string, v any) {
	if !c.set.put(field, v) && c.set.form[field] != AsInAuthJS {
		c.unset = append(c.unset, bson.E{Key: exact(field), Value: ""})
	}
}

func (c *change) text(field string, v *string) {
	switch {
	case v == nil:
	case *v == "":
		c.remove(field, "")
	default:
		c.put(field, *v)
	}
}

func (c *change) time(field string, t *time.Time) {
	switch {
	case t == nil:
	case t.IsZero():
		c.remove(field, false)
	default:
		c.put(field, bson.NewDateTimeFromTime(*t))
	}
}

// remove removes a field, and what was beside it. What is required is set to its zero value.
func (c *change) remove(field string, zero any) {
	if c.set.required[field] {
		c.set.add(c.set.in(field), zero)
	} else {
		c.unset = append(c.unset, bson.E{Key: c.set.in(field), Value: ""})
	}
	if c.set.form[field] != AsInAuthJS {
		c.unset = append(c.unset, bson.E{Key: exact(field), Value: ""})
	}
}

func (c *change) attributes(set adapter.Attributes, removed []string) {
	c.set.addAttributes(set)
	for _, name := range removed {
		c.unset = append(c.unset, bson.E{Key: c.set.storedName(name), Value: ""})
		if attribute.Stored(name) != name {
			c.unset = append(c.unset, bson.E{Key: name, Value: ""}) // another program may have stored this name
		}
	}
}

// update returns the update of a record at the time now.
func (c *change) update(now time.Time) bson.D {
	c.set.time("updatedAt", now)
	up := bson.D{{Key: "$set", Value: c.set.doc}}
	if len(c.unset) > 0 {
		up = append(up, bson.E{Key: "$unset", Value: c.unset})
	}
	return up
}

func (s *store) userUpdate(up adapter.UserUpdate) bson.D {
	c := changeOf(s.users)
	c.text("name", up.Name)
	c.text("email", up.Email)
	c.time("emailVerified", up.EmailVerified)
	c.text("image", up.Image)
	c.attributes(up.Attributes, up.RemoveAttributes)
	return c.update(s.options.Now())
}

func (s *store) accountUpdate(up adapter.AccountUpdate) bson.D {
	c := changeOf(s.accounts)
	c.text("refresh_token", up.RefreshToken)
	c.text("access_token", up.AccessToken)
	switch {
	case up.ExpiresAt == nil:
	case *up.ExpiresAt == 0:
		c.remove("expires_at", 0)
	default:
		c.put("expires_at", *up.ExpiresAt)
	}
	c.text("token_type", up.TokenType)
	c.text("scope", up.Scope)
	c.text("id_token", up.IDToken)
	c.text("session_state", up.SessionState)
	c.attributes(up.Attributes, up.RemoveAttributes)
	return c.update(s.options.Now())
}

func (s *store) sessionUpdate(up adapter.SessionUpdate) bson.D {
	c := changeOf(s.sessions)
	if !s.options.PlainSessionTokens {
		c.set.add(digestField, true) // the filter has matched the digest
	}
	c.time("expires", up.Expires)
	c.attributes(up.Attributes, up.RemoveAttributes)
	return c.update(s.options.Now())
}

func (s *store) authenticatorUpdate(up adapter.AuthenticatorUpdate) bson.D {
	c := changeOf(s.authenticators)
	if up.CredentialBackedUp != nil {
		c.put("credentialBackedUp", *up.CredentialBackedUp)
	}
	switch {
	case up.Transports == nil:
	case len(*up.Transports) == 0:
		c.remove("transports", nil)
	default:
		c.put("transports", *up.Transports)
	}
	c.attributes(up.Attributes, up.RemoveAttributes)
	return c.update(s.options.Now())
}

func (s *store) counterUpdate(counter uint32) bson.D {
	c := changeOf(s.authenticators)
	c.put("counter", int64(counter))
	return c.update(s.options.Now())
}

// storedValue returns an attribute with names as they are stored.
func storedValue(v any) any {
	switch v := v.(type) {
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = storedValue(e)
		}
		return all
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, e := range v {
			object[storedMember(name)] = storedValue(e)
		}
		return object
	}
	return v
}

func (s *store) decodeUser(doc bson.Raw) (adapter.User, error) {
	r, u := reader{store: s, shape: s.users, doc: doc}, adapter.User{}
	var verified bson.RawValue
	r.each(func(field string, v bson.RawValue) {
		switch field {
		case "_id":
			u.ID = r.userID(v)
		case "name":
			u.Name = text(v)
		case "email":
			u.Email, _ = v.StringValueOK()
		case "emailVerified":
			verified, _ = r.whole(field, v)
		case "image":
			u.Image = text(v)
		case "createdAt":
			u.CreatedAt = date(v)
		case "updatedAt":
			u.UpdatedAt = date(v)
		}
	}, &u.Attributes)
	if !verified.IsZero() {
		u.EmailVerified = lenient.Verified(lenientValue(verified), u.CreatedAt)
	}
	u.Attributes = driver.Writable(u.Attributes, driver.UserRecord)
	return result(u, r.err)
}

func (s *store) decodeAccount(doc bson.Raw) (adapter.Account, error) {
	r, a := reader{store: s, shape: s.accounts, doc: doc}, adapter.Account{}
	var provider, id bson.RawValue
	r.each(func(field string, v bson.RawValue) {
		switch field {
		case "userId":
			a.UserID = r.ownerID(v)
		case "type":
			a.Type = adapter.AccountType(text(v))
		case "provider":
			provider = v
		case "providerAccountId":
			id = v
		case "refresh_token":
			a.RefreshToken = text(v)
		case "access_token":
			a.AccessToken = text(v)
		case "expires_at":
			a.ExpiresAt = seconds(v)
		case "token_type":
			a.TokenType = text(v)
		case "scope":
			a.Scope = wordList(r.whole(field, v))
		case "id_token":
			a.IDToken = text(v)
		case "session_state":
			a.SessionState = text(v)
		case "createdAt":
			a.CreatedAt = date(v)
		case "updatedAt":
			a.UpdatedAt = date(v)
		}
	}, &a.Attributes)
	a.Provider = r.key("provider", provider)
	a.ProviderAccountID = r.accountID("providerAccountId", id)
	a.Attributes = driver.Writable(a.Attributes, driver.AccountRecord)
	return result(a, r.err)
}

// decodeSession reads a session except for its token and ID: only a digest may be stored.
func (s *store) decodeSession(doc bson.Raw) (adapter.Session, error) {
	r, session := reader{store: s, shape: s.sessions, doc: doc}, adapter.Session{}
	var expires bson.RawValue
	r.each(func(field string, v bson.RawValue) {
		switch field {
		case "userId":
			session.UserID = r.ownerID(v)
		case "expires":
			expires = v
		case "createdAt":
			session.CreatedAt = date(v)
		case "updatedAt":
			session.UpdatedAt = date(v)
		}
	}, &session.Attributes)
	session.Expires = r.date("expires", expires)
	session.Attributes = driver.Writable(session.Attributes, driver.SessionRecord)
	return result(session, r.err)
}

// decodeListedSession reads a session whose token is unknown.
func (s *store) decodeListedSession(doc bson.Raw) (adapter.Session, error) {
	session, err := s.decodeSession(doc)
	if err != nil {
		return adapter.Session{}, err
	}
	r := reader{store: s, shape: s.sessions, doc: doc}
	r.key("sessionToken", doc.Lookup(s.sessions.in("sessionToken")))
	session.ID = s.sessions.sessionID(doc)
	return result(session, r.err)
}

// sessionID returns the ID of a stored session: the digest of its token, whether the digest
// or, by another program, the token itself is stored.
func (s *shape) sessionID(doc bson.Raw) string {
	stored, ok := doc.Lookup(s.in("sessionToken")).StringValueOK()
	if !ok {
		return ""
	}
	if isDigest, ok := doc.Lookup(digestField).BooleanOK(); ok && isDigest {
		return stored
	}
	return adapter.SessionID(stored)
}

func (s *store) decodeToken(doc bson.Raw) (adapter.VerificationToken, error) {
	r, t := reader{store: s, shape: s.tokens, doc: doc}, adapter.VerificationToken{}
	var expires bson.RawValue
	r.each(func(field string, v bson.RawValue) {
		switch field {
		case "identifier":
			t.Identifier = text(v)
		case "token":
			t.Token = text(v)
		case "value":
			t.Value = text(v)
		case "expires":
			expires = v
		case "createdAt":
			t.CreatedAt = date(v)
		}
	}, nil)
	t.Expires = r.date("expires", expires)
	return result(t, r.err)
}

func (s *store) decodeAuthenticator(doc bson.Raw) (adapter.Authenticator, error) {
	r, a := reader{store: s, shape: s.authenticators, doc: doc}, adapter.Authenticator{}
	var id bson.RawValue
	r.each(func(field string, v bson.RawValue) {
		switch field {
		case "credentialID":
			id = v
		case "userId":
			a.UserID = r.ownerID(v)
		case "providerAccountId":
			a.ProviderAccountID = text(v)
		case "credentialPublicKey":
			a.CredentialPublicKey = text(v)
		case "counter":
			a.Counter = r.counter(field, v)
		case "credentialDeviceType":
			a.CredentialDeviceType = text(v)
		case "credentialBackedUp":
			a.CredentialBackedUp = flag(v)
		case "transports":
			whole, _ := r.whole(field, v)
			a.Transports, _ = lenient.Words(lenientValue(whole), ",")
		case "createdAt":
			a.CreatedAt = date(v)
		case "updatedAt":
			a.UpdatedAt = date(v)
		}
	}, &a.Attributes)
	a.CredentialID = s.authenticators.credential(r.key("credentialID", id))
	a.Attributes = driver.Writable(a.Attributes, driver.AuthenticatorRecord)
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
