package fauna

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
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

	authenticatorID         = "credentialID"
	authenticatorAccount    = "providerAccountId"
	authenticatorKey        = "credentialPublicKey"
	authenticatorCounter    = "counter"
	authenticatorDeviceType = "credentialDeviceType"
	authenticatorBackedUp   = "credentialBackedUp"
	authenticatorTransports = "transports"
)

// nulls begins the name of the field that says where an attribute has nulls, which the
// server drops from objects: a list of paths, of which the empty one is the attribute
// itself. No attribute's name begins so (adapter.ReservedAttribute).
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
		d[name], d[nulls+name] = nil, nil
	}
	for name, v := range set {
		d[name], d[nulls+name] = v, nil
		if paths := nullPaths(v, nil, nil); paths != nil {
			d[nulls+name] = paths
		}
	}
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
	if id, ok := projected[fieldID]; ok && data != nil {
		data[fieldID] = id
	}
	return data
}

// takeText returns a field, and takes it out, so that attributes are left.
func (d doc) takeText(name string) string {
	v, _ := d.take(name).(string)
	return v
}

func (d doc) takeNumber(name string) int64 {
	v, _ := d.take(name).(int64)
	return v
}

func (d doc) takeTime(name string) time.Time {
	v, _ := normal(d.take(name)).(time.Time)
	return v
}

func (d doc) take(name string) any {
	v := d[name]
	delete(d, name)
	return v
}

// takeAttributes returns what is left.
func (d doc) takeAttributes() adapter.Attributes {
	a := adapter.Attributes{}
	for name, v := range d {
		if !strings.HasPrefix(name, nulls) {
			a[name] = normal(v)
		}
	}
	for name, v := range d {
		of, ok := strings.CutPrefix(name, nulls)
		paths, _ := v.([]any)
		for _, path := range paths {
			if steps, is := path.([]any); ok && is {
				restore(map[string]any(a), append([]any{of}, steps...))
			}
		}
	}
	if len(a) == 0 {
		return nil
	}
	return a
}

// normal brings a decoded value into the types of adapter.Attributes. Values of types
// that only the server has, such as references, are nulls.
func normal(v any) any {
	switch v := v.(type) {
	case *time.Time:
		return adapter.Milliseconds(*v)
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
		return v
	case map[string]any:
		for name := range v {
			v[name] = normal(v[name])
		}
		return v
	case string, bool, int64, float64:
		return v
	}
	return nil
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
	return adapter.User{
		ID:            d.takeText(fieldID),
		Name:          d.takeText(userName),
		Email:         d.takeText(userEmail),
		EmailVerified: d.takeTime(userVerified),
		Image:         d.takeText(userImage),
		CreatedAt:     d.takeTime(fieldCreated),
		UpdatedAt:     d.takeTime(fieldUpdated),
		Attributes:    d.takeAttributes(), // the last: what the others leave
	}
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
		UserID:            d.takeText(fieldUserID),
		Type:              adapter.AccountType(d.takeText(accountType)),
		Provider:          d.takeText(accountProvider),
		ProviderAccountID: d.takeText(accountID),
		RefreshToken:      d.takeText(accountRefreshToken),
		AccessToken:       d.takeText(accountAccessToken),
		ExpiresAt:         d.takeNumber(accountExpiresAt),
		TokenType:         d.takeText(accountTokenType),
		Scope:             d.takeText(accountScope),
		IDToken:           d.takeText(accountIDToken),
		SessionState:      d.takeText(accountSessionState),
		CreatedAt:         d.takeTime(fieldCreated),
		UpdatedAt:         d.takeTime(fieldUpdated),
		Attributes:        d.takeAttributes(), // the last: what the others leave
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

// decodeSession decodes a session without its token, of which it returns what is stored.
func decodeSession(d doc) (s adapter.Session, stored string) {
	stored = d.takeText(sessionToken)
	return adapter.Session{
		UserID:     d.takeText(fieldUserID),
		Expires:    d.takeTime(fieldExpires),
		CreatedAt:  d.takeTime(fieldCreated),
		UpdatedAt:  d.takeTime(fieldUpdated),
		Attributes: d.takeAttributes(), // the last: what the others leave
	}, stored
}

func encodeLink(t adapter.VerificationToken) doc {
	d := doc{linkIdentifier: t.Identifier, linkToken: t.Token}
	d.expires(t.Expires)
	d.time(fieldCreated, t.CreatedAt)
	return d.new()
}

func decodeLink(d doc) adapter.VerificationToken {
	return adapter.VerificationToken{
		Identifier: d.takeText(linkIdentifier),
		Token:      d.takeText(linkToken),
		Expires:    d.takeTime(fieldExpires),
		CreatedAt:  d.takeTime(fieldCreated),
	}
}

func encodeAuthenticator(a adapter.Authenticator) doc {
	d := doc{
		authenticatorID: a.CredentialID, fieldUserID: a.UserID, authenticatorKey: a.CredentialPublicKey,
		authenticatorCounter: int64(a.Counter), authenticatorBackedUp: a.CredentialBackedUp,
	}
	d.text(authenticatorAccount, a.ProviderAccountID)
	d.text(authenticatorDeviceType, a.CredentialDeviceType)
	d.text(authenticatorTransports, strings.Join(a.Transports, ","))
	return d.new()
}

func decodeAuthenticator(d doc) adapter.Authenticator {
	a := adapter.Authenticator{
		CredentialID:         d.takeText(authenticatorID),
		UserID:               d.takeText(fieldUserID),
		ProviderAccountID:    d.takeText(authenticatorAccount),
		CredentialPublicKey:  d.takeText(authenticatorKey),
		Counter:              uint32(d.takeNumber(authenticatorCounter)),
		CredentialDeviceType: d.takeText(authenticatorDeviceType),
	}
	a.CredentialBackedUp, _ = d[authenticatorBackedUp].(bool)
	if transports := d.takeText(authenticatorTransports); transports != "" {
		a.Transports = strings.Split(transports, ",")
	}
	return a
}
