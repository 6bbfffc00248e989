package mongo

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

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
		f.add(storedName(name), storedValue(v))
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

func (s *store) encodeSession(userID any, session adapter.Session, stored string) bson.D {
	f := fields{{Key: "_id", Value: bson.NewObjectID()}, {Key: "sessionToken", Value: stored}, {Key: "userId", Value: userID}}
	f.time("expires", session.Expires)
	f.attributes(session.Attributes)
	f.written(session.CreatedAt, session.UpdatedAt)
	if !s.options.PlainSessionTokens {
		f.add(digestField, true)
	}
	return bson.D(f)
}

func encodeToken(t adapter.VerificationToken) bson.D {
	f := fields{{Key: "identifier", Value: t.Identifier}, {Key: "token", Value: t.Token}}
	f.text("value", t.Value)
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
	f.attributes(a.Attributes)
	f.written(a.CreatedAt, a.UpdatedAt)
	return bson.D(f)
}

// change collects an update: fields to set and fields to remove.
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
		c.remove(storedName(name))
		if attribute.Stored(name) != name {
			c.remove(name) // another program may have stored this name
		}
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

func (s *store) sessionUpdate(up adapter.SessionUpdate, now time.Time) bson.D {
	var c change
	if !s.options.PlainSessionTokens {
		c.set.add(digestField, true) // the filter has matched the digest
	}
	c.time("expires", up.Expires)
	c.attributes(up.Attributes, up.RemoveAttributes)
	return c.update(now)
}

func authenticatorUpdate(up adapter.AuthenticatorUpdate, now time.Time) bson.D {
	var c change
	if up.CredentialBackedUp != nil {
		c.set.add("credentialBackedUp", *up.CredentialBackedUp)
	}
	switch {
	case up.Transports == nil:
	case len(*up.Transports) == 0:
		c.remove("transports")
	default:
		c.set.add("transports", *up.Transports)
	}
	c.attributes(up.Attributes, up.RemoveAttributes)
	return c.update(now)
}

func counterUpdate(counter uint32, now time.Time) bson.D {
	var c change
	c.set.add("counter", int64(counter))
	return c.update(now)
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
	r, u := reader{store: s, collection: s.names.Users, doc: doc}, adapter.User{}
	var verified bson.RawValue
	r.each(func(name string, v bson.RawValue) {
		switch name {
		case "_id":
			u.ID = r.userID(v)
		case "name":
			u.Name = text(v)
		case "email":
			u.Email, _ = v.StringValueOK()
		case "emailVerified":
			verified = v
		case "image":
			u.Image = text(v)
		case "createdAt":
			u.CreatedAt = date(v)
		case "updatedAt":
			u.UpdatedAt = date(v)
		default:
			addAttribute(&u.Attributes, name, v)
		}
	})
	if !verified.IsZero() {
		u.EmailVerified = lenient.Verified(lenientValue(verified), u.CreatedAt)
	}
	u.Attributes = driver.Writable(u.Attributes, driver.UserRecord)
	return result(u, r.err)
}

func (s *store) decodeAccount(doc bson.Raw) (adapter.Account, error) {
	r, a := reader{store: s, collection: s.names.Accounts, doc: doc}, adapter.Account{}
	var provider, id bson.RawValue
	r.each(func(name string, v bson.RawValue) {
		switch name {
		case "userId":
			a.UserID = r.owner(v)
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
			a.Scope = wordList(v)
		case "id_token":
			a.IDToken = text(v)
		case "session_state":
			a.SessionState = text(v)
		case "createdAt":
			a.CreatedAt = date(v)
		case "updatedAt":
			a.UpdatedAt = date(v)
		default:
			addAttribute(&a.Attributes, name, v)
		}
	})
	a.Provider = r.key("provider", provider)
	a.ProviderAccountID = r.accountID("providerAccountId", id)
	a.Attributes = driver.Writable(a.Attributes, driver.AccountRecord)
	return result(a, r.err)
}

// decodeSession reads a session except for its token and ID: only a digest may be stored.
func (s *store) decodeSession(doc bson.Raw) (adapter.Session, error) {
	r, session := reader{store: s, collection: s.names.Sessions, doc: doc}, adapter.Session{}
	var expires bson.RawValue
	r.each(func(name string, v bson.RawValue) {
		switch name {
		case "sessionToken", digestField:
		case "userId":
			session.UserID = r.owner(v)
		case "expires":
			expires = v
		case "createdAt":
			session.CreatedAt = date(v)
		case "updatedAt":
			session.UpdatedAt = date(v)
		default:
			addAttribute(&session.Attributes, name, v)
		}
	})
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
	r := reader{store: s, collection: s.names.Sessions, doc: doc}
	r.key("sessionToken", doc.Lookup("sessionToken"))
	session.ID = sessionID(doc)
	return result(session, r.err)
}

// sessionID returns the ID of a stored session: the digest of its token, whether the digest
// or, by another program, the token itself is stored.
func sessionID(doc bson.Raw) string {
	stored, ok := doc.Lookup("sessionToken").StringValueOK()
	if !ok {
		return ""
	}
	if isDigest, ok := doc.Lookup(digestField).BooleanOK(); ok && isDigest {
		return stored
	}
	return adapter.SessionID(stored)
}

func (s *store) decodeToken(doc bson.Raw) (adapter.VerificationToken, error) {
	r, t := reader{store: s, collection: s.names.VerificationTokens, doc: doc}, adapter.VerificationToken{}
	var expires bson.RawValue
	r.each(func(name string, v bson.RawValue) {
		switch name {
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
	})
	t.Expires = r.date("expires", expires)
	return result(t, r.err)
}

func (s *store) decodeAuthenticator(doc bson.Raw) (adapter.Authenticator, error) {
	r, a := reader{store: s, collection: s.names.Authenticators, doc: doc}, adapter.Authenticator{}
	var id bson.RawValue
	r.each(func(name string, v bson.RawValue) {
		switch name {
		case "credentialID":
			id = v
		case "userId":
			a.UserID = r.owner(v)
		case "providerAccountId":
			a.ProviderAccountID = text(v)
		case "credentialPublicKey":
			a.CredentialPublicKey = text(v)
		case "counter":
			a.Counter = r.counter(name, v)
		case "credentialDeviceType":
			a.CredentialDeviceType = text(v)
		case "credentialBackedUp":
			a.CredentialBackedUp = flag(v)
		case "transports":
			a.Transports, _ = lenient.Words(lenientValue(v), ",")
		case "createdAt":
			a.CreatedAt = date(v)
		case "updatedAt":
			a.UpdatedAt = date(v)
		default:
			addAttribute(&a.Attributes, name, v)
		}
	})
	a.CredentialID = r.key("credentialID", id)
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
