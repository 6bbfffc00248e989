package dynamodb

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/lenient"
)

func (s *store) encodeUser(u adapter.User, stamp string) (item, error) {
	w := writer{s.withKey(make(item, 12+len(u.Attributes)), userKey(u.ID))}
	w.text(fieldType, typeUser)
	w.text(fieldID, u.ID)
	w.text(userName, u.Name)
	if u.Email != "" {
		w.text(userEmail, u.Email)
		s.index(w.item, prefixUser+u.Email, prefixUser+u.Email)
	}
	w.time(userVerified, u.EmailVerified)
	w.text(userImage, u.Image)
	return s.finish(w, driver.UserRecord, u.Attributes, u.CreatedAt, u.UpdatedAt, stamp)
}

// finish adds what is the same in all records that have attributes.
func (s *store) finish(w writer, r driver.Record, a adapter.Attributes, created, updated time.Time, stamp string) (item, error) {
	w.time(fieldCreated, created)
	w.time(fieldUpdated, updated)
	w.text(fieldStamp, stamp)
	s.encodeAttributes(r, a, w.item)
	return w.item, checkSize(string(r), w.item)
}

func (s *store) encodeUserUpdate(up adapter.UserUpdate, stamp string) *changes {
	c := newChanges(stamp, s.options.Now())
	c.text(userName, up.Name)
	c.text(userEmail, up.Email)
	c.time(userVerified, up.EmailVerified)
	c.text(userImage, up.Image)
	switch {
	case up.Email == nil || s.options.NoIndex:
	case *up.Email == "":
		c.remove = append(c.remove, s.options.IndexPartitionKey, s.options.IndexSortKey)
	default:
		s.index(c.set, prefixUser+*up.Email, prefixUser+*up.Email)
	}
	return s.changeAttributes(c, driver.UserRecord, up.Attributes, up.RemoveAttributes)
}

// decodeUser returns a user. The ID is that of the key; nothing else is required.
func (s *store) decodeUser(it item) (adapter.User, error) {
	u := adapter.User{ID: partitionUser(s.keyOf(it))}
	for name, v := range it {
		switch name {
		case fieldType, fieldID, userVerified:
		case userName:
			u.Name = optionalText(v)
		case userEmail:
			u.Email = optionalText(v)
		case userImage:
			u.Image = optionalText(v)
		case fieldCreated:
			u.CreatedAt = optionalTime(v)
		case fieldUpdated:
			u.UpdatedAt = optionalTime(v)
		default:
			s.attribute(driver.UserRecord, it, name, v, &u.Attributes)
		}
	}
	if v := it[userVerified]; v != nil {
		u.EmailVerified = verified(v, u.CreatedAt)
	}
	u.Attributes = driver.Writable(u.Attributes, driver.UserRecord)
	return u, nil
}

func (s *store) encodeAccount(a adapter.Account, stamp string) (item, error) {
	w := writer{s.withKey(make(item, 20+len(a.Attributes)), key{userPartition(a.UserID), accountSort(a.Key())})}
	w.text(fieldID, newID())
	w.text(fieldUserID, a.UserID)
	w.text(fieldType, string(a.Type))
	w.text(accountProvider, a.Provider)
	w.text(accountID, a.ProviderAccountID)
	w.text(accountRefreshToken, a.RefreshToken)
	w.text(accountAccessToken, a.AccessToken)
	if a.ExpiresAt != 0 {
		w.item[accountExpiresAt] = number(a.ExpiresAt)
	}
	w.text(accountTokenType, a.TokenType)
	w.text(accountScope, a.Scope)
	w.text(accountIDToken, a.IDToken)
	w.text(accountSessionState, a.SessionState)
	s.addAccountIndexKey(w.item)
	return s.finish(w, driver.AccountRecord, a.Attributes, a.CreatedAt, a.UpdatedAt, stamp)
}

// addAccountIndexKey gives an account its key in the index.
func (s *store) addAccountIndexKey(it item) {
	s.index(it, prefixAccount+text(it[accountProvider]), prefixAccount+text(it[accountID]))
}

func (s *store) encodeAccountUpdate(up adapter.AccountUpdate, stamp string) *changes {
	c := newChanges(stamp, s.options.Now())
	c.text(accountRefreshToken, up.RefreshToken)
	c.text(accountAccessToken, up.AccessToken)
	switch {
	case up.ExpiresAt == nil:
	case *up.ExpiresAt == 0:
		c.remove = append(c.remove, accountExpiresAt)
	default:
		c.set[accountExpiresAt] = number(*up.ExpiresAt)
	}
	c.text(accountTokenType, up.TokenType)
	c.text(accountScope, up.Scope)
	c.text(accountIDToken, up.IDToken)
	c.text(accountSessionState, up.SessionState)
	return s.changeAttributes(c, driver.AccountRecord, up.Attributes, up.RemoveAttributes)
}

// decodeAccount returns an account.
func (s *store) decodeAccount(it item) (adapter.Account, error) {
	k := s.accountKey(it)
	a := adapter.Account{UserID: partitionUser(s.keyOf(it)), Provider: k.Provider, ProviderAccountID: k.ProviderAccountID}
	switch {
	case a.Provider == "":
		return adapter.Account{}, s.unreadable(it, accountProvider, "text")
	case a.ProviderAccountID == "":
		return adapter.Account{}, s.unreadable(it, accountID, "text")
	}
	for name, v := range it {
		switch name {
		case fieldID, fieldUserID, accountProvider, accountProviderV3, accountID:
		case fieldType:
			a.Type = adapter.AccountType(optionalText(v))
		case accountRefreshToken:
			a.RefreshToken = optionalText(v)
		case accountAccessToken:
			a.AccessToken = optionalText(v)
		case accountExpiresAt:
			a.ExpiresAt = decodeSeconds(v)
		case accountTokenType:
			a.TokenType = optionalText(v)
		case accountScope:
			a.Scope = scopes(v)
		case accountIDToken:
			a.IDToken = optionalText(v)
		case accountSessionState:
			a.SessionState = optionalText(v)
		case fieldCreated:
			a.CreatedAt = optionalTime(v)
		case fieldUpdated:
			a.UpdatedAt = optionalTime(v)
		default:
			s.attribute(driver.AccountRecord, it, name, v, &a.Attributes)
		}
	}
	if a.Type == "" {
		a.Type = adapter.AccountType(optionalText(it[accountTypeV3]))
	}
	a.Attributes = driver.Writable(a.Attributes, driver.AccountRecord)
	return a, nil
}

// decodeSeconds returns when an access token expires, 0 if that is unreadable.
func decodeSeconds(v types.AttributeValue) int64 {
	if n, ok := decodeWhole(v, maxSeconds); ok {
		return n
	}
	n, _ := lenient.Seconds(decodeValue(v, nil))
	return n
}

// accountKey returns provider and account ID of an account: from its attributes, also those of
// before NextAuth.js 4, or from the sort key, where that has no digest.
func (s *store) accountKey(it item) adapter.AccountKey {
	provider, id, _ := strings.Cut(strings.TrimPrefix(s.keyOf(it).sort, prefixAccount), "#")
	return adapter.AccountKey{
		Provider:          cmp.Or(text(it[accountProvider]), text(it[accountProviderV3]), plainPart(provider)),
		ProviderAccountID: cmp.Or(text(it[accountID]), plainPart(id)),
	}
}

// plainPart returns a part of a key, or "" if it is a digest.
func plainPart(part string) string {
	if strings.HasPrefix(part, "%") {
		return ""
	}
	return part
}

// encodeSession returns the item of a session, by the text that is stored for its token. The token itself is stored only with
// PlainSessionTokens, and then also in the index, where the Auth.js adapter looks for it.
func (s *store) encodeSession(se adapter.Session, stored, stamp string, generated bool) (item, error) {
	w := writer{s.withKey(make(item, 12+len(se.Attributes)), key{userPartition(se.UserID), sessionSort(stored)})}
	w.text(fieldType, typeSession)
	w.text(fieldUserID, se.UserID)
	if s.options.PlainSessionTokens {
		w.text(sessionToken, se.SessionToken)
		sort := sessionSort(se.SessionToken)
		s.index(w.item, sort, sort)
	}
	if !generated {
		w.item[fieldGuard] = boolean(true)
	}
	w.expires(se.Expires)
	return s.finish(w, driver.SessionRecord, se.Attributes, se.CreatedAt, se.UpdatedAt, stamp)
}

func (s *store) encodeSessionUpdate(up adapter.SessionUpdate, stamp string, now time.Time) *changes {
	c := newChanges(stamp, now)
	if up.Expires != nil {
		writer{c.set}.expires(*up.Expires)
	}
	return s.changeAttributes(c, driver.SessionRecord, up.Attributes, up.RemoveAttributes)
}

// decodeSession returns a session without its token.
func (s *store) decodeSession(it item) (adapter.Session, error) {
	expires, ok := expiry(it)
	if !ok {
		return adapter.Session{}, s.unreadable(it, fieldExpires, "a number of seconds")
	}
	se := adapter.Session{ID: s.sessionIDOf(it), UserID: partitionUser(s.keyOf(it)), Expires: expires}
	for name, v := range it {
		switch name {
		case fieldType, fieldExpires, fieldUserID, sessionToken:
		case fieldCreated:
			se.CreatedAt = optionalTime(v)
		case fieldUpdated:
			se.UpdatedAt = optionalTime(v)
		default:
			s.attribute(driver.SessionRecord, it, name, v, &se.Attributes)
		}
	}
	se.Attributes = driver.Writable(se.Attributes, driver.SessionRecord)
	return se, nil
}

// sessionIDOf returns the ID of a stored session: the digest in its key, if this package stored
// one, and otherwise the digest of the token. It is never a text of the key that may be a
// token.
func (s *store) sessionIDOf(it item) string {
	if token := text(it[sessionToken]); token != "" {
		return adapter.SessionID(token)
	}
	stored := strings.TrimPrefix(s.keyOf(it).sort, prefixSession)
	if it[sessionToken] == nil && stampOf(it) != "" && isDigest(stored) {
		return stored
	}
	return adapter.SessionID(stored)
}

// isDigest reports whether a text has the form of adapter.SessionID.
func isDigest(text string) bool {
	sum, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(sum) == sha256.Size
}

func (s *store) encodeToken(t adapter.VerificationToken, stamp string) item {
	w := writer{s.withKey(make(item, 10), tokenKey(t.Identifier, t.Token))}
	w.text(fieldType, typeToken)
	w.text(tokenIdentifier, t.Identifier)
	w.text(tokenToken, t.Token)
	w.text(tokenValue, t.Value)
	w.expires(t.Expires)
	w.time(fieldCreated, t.CreatedAt)
	w.text(fieldStamp, stamp)
	return w.item
}

// decodeToken returns a verification token. Identifier and token are those of the key.
func (s *store) decodeToken(it item) (adapter.VerificationToken, error) {
	expires, ok := expiry(it)
	if !ok {
		return adapter.VerificationToken{}, s.unreadable(it, fieldExpires, "a number of seconds")
	}
	k := s.keyOf(it)
	return adapter.VerificationToken{
		Identifier: strings.TrimPrefix(k.partition, prefixToken), Token: strings.TrimPrefix(k.sort, prefixToken),
		Value: optionalText(it[tokenValue]), Expires: expires, CreatedAt: optionalTime(it[fieldCreated]),
	}, nil
}

func (s *store) encodeAuthenticator(a adapter.Authenticator, stamp string) (item, error) {
	w := writer{s.withKey(make(item, 14+len(a.Attributes)), key{userPartition(a.UserID), authenticatorSort(a.CredentialID)})}
	w.text(fieldUserID, a.UserID)
	w.text(credentialID, a.CredentialID)
	w.text(accountID, a.ProviderAccountID)
	w.text(credentialPublicKey, a.CredentialPublicKey)
	w.item[credentialCounter] = number(int64(a.Counter))
	w.text(credentialDeviceType, a.CredentialDeviceType)
	w.item[credentialBackedUp] = boolean(a.CredentialBackedUp)
	w.text(credentialTransports, joinTransports(a.Transports))
	return s.finish(w, driver.AuthenticatorRecord, a.Attributes, a.CreatedAt, a.UpdatedAt, stamp)
}

// joinTransports returns transports as Auth.js stores them.
func joinTransports(transports []string) string { return strings.Join(transports, ",") }

func (s *store) encodeAuthenticatorUpdate(up adapter.AuthenticatorUpdate, stamp string) *changes {
	c := newChanges(stamp, s.options.Now())
	if up.CredentialBackedUp != nil {
		c.set[credentialBackedUp] = boolean(*up.CredentialBackedUp)
	}
	if up.Transports != nil {
		c.text(credentialTransports, new(joinTransports(*up.Transports)))
	}
	return s.changeAttributes(c, driver.AuthenticatorRecord, up.Attributes, up.RemoveAttributes)
}

// decodeAuthenticator returns an authenticator. It is unreadable without its ID, public key and
// counter.
func (s *store) decodeAuthenticator(it item) (adapter.Authenticator, error) {
	k := s.keyOf(it)
	a := adapter.Authenticator{
		CredentialID:        cmp.Or(optionalText(it[credentialID]), plainPart(strings.TrimPrefix(k.sort, prefixAuthenticator))),
		UserID:              partitionUser(k),
		CredentialPublicKey: text(it[credentialPublicKey]),
	}
	counter, ok := decodeWhole(it[credentialCounter], math.MaxUint32)
	switch {
	case !ok:
		return adapter.Authenticator{}, s.unreadable(it, credentialCounter, "a number from 0 to 4294967295")
	case a.CredentialPublicKey == "":
		return adapter.Authenticator{}, s.unreadable(it, credentialPublicKey, "text")
	case a.CredentialID == "":
		return adapter.Authenticator{}, s.unreadable(it, credentialID, "text")
	}
	a.Counter = uint32(counter)
	for name, v := range it {
		switch name {
		case fieldID, fieldUserID, credentialID, credentialPublicKey, credentialCounter:
		case accountID:
			a.ProviderAccountID = optionalText(v)
		case credentialDeviceType:
			a.CredentialDeviceType = optionalText(v)
		case credentialBackedUp:
			a.CredentialBackedUp = decodeBool(v)
		case credentialTransports:
			a.Transports, _ = lenient.Words(decodeValue(v, nil), ",")
		case fieldCreated:
			a.CreatedAt = optionalTime(v)
		case fieldUpdated:
			a.UpdatedAt = optionalTime(v)
		default:
			s.attribute(driver.AuthenticatorRecord, it, name, v, &a.Attributes)
		}
	}
	a.Attributes = driver.Writable(a.Attributes, driver.AuthenticatorRecord)
	return a, nil
}

// writer sets attributes of an item. Empty ones are left out.
type writer struct{ item item }

func (w writer) text(name, v string) {
	if v != "" {
		w.item[name] = str(v)
	}
}

func (w writer) time(name string, t time.Time) {
	if !t.IsZero() {
		w.item[name] = timestamp(t)
	}
}

func (w writer) expires(t time.Time) {
	w.item[fieldExpires], w.item[fieldMillis] = number(seconds(t)), number(t.UnixMilli())
}

// encodeAttributes adds the attributes of a record.
func (s *store) encodeAttributes(r driver.Record, a adapter.Attributes, into item) {
	for name, v := range a {
		into[s.layout(r).Stored(name)] = encodeValue(v)
		if m := marks(v); m != nil {
			into[fieldTimes+name] = m
		}
	}
}

// attribute adds a value that belongs to no field to the attributes of a record.
func (s *store) attribute(r driver.Record, it item, stored string, v types.AttributeValue, into *adapter.Attributes) {
	layout := s.layout(r)
	name := layout.Name(stored)
	if layout(stored) || strings.HasPrefix(name, reserved) {
		return
	}
	if *into == nil {
		*into = adapter.Attributes{}
	}
	marks := it[fieldTimes+name]
	if marks == nil && looksLikeTime(text(v)) {
		marks = boolean(true)
	}
	(*into)[name] = decodeValue(v, marks)
}
