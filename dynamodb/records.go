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
	w := writer{s.place(make(item, 12+len(u.Attributes)), userKey(u.ID))}
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

// finish adds what all records that have attributes have alike.
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

// decodeUser returns a user. All of it but its ID, which its key says, is for display.
func (s *store) decodeUser(it item) (adapter.User, error) {
	u := adapter.User{ID: inPartitionOf(s.keyOf(it))}
	for name, v := range it {
		switch name {
		case fieldType, fieldID, userVerified:
		case userName:
			u.Name = display(v)
		case userEmail:
			u.Email = display(v)
		case userImage:
			u.Image = display(v)
		case fieldCreated:
			u.CreatedAt = displayTime(v)
		case fieldUpdated:
			u.UpdatedAt = displayTime(v)
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
	w := writer{s.place(make(item, 20+len(a.Attributes)), key{userPartition(a.UserID), accountSort(a.Key())})}
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
	s.indexAccount(w.item)
	return s.finish(w, driver.AccountRecord, a.Attributes, a.CreatedAt, a.UpdatedAt, stamp)
}

// indexAccount gives an account its key in the index.
func (s *store) indexAccount(it item) {
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

// decodeAccount returns an account. What it is the account of, its key says as well.
func (s *store) decodeAccount(it item) (adapter.Account, error) {
	k := s.accountKey(it)
	a := adapter.Account{UserID: inPartitionOf(s.keyOf(it)), Provider: k.Provider, ProviderAccountID: k.ProviderAccountID}
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
			a.Type = adapter.AccountType(display(v))
		case accountRefreshToken:
			a.RefreshToken = display(v)
		case accountAccessToken:
			a.AccessToken = display(v)
		case accountExpiresAt:
			a.ExpiresAt = secondsOf(v)
		case accountTokenType:
			a.TokenType = display(v)
		case accountScope:
			a.Scope = scopes(v)
		case accountIDToken:
			a.IDToken = display(v)
		case accountSessionState:
			a.SessionState = display(v)
		case fieldCreated:
			a.CreatedAt = displayTime(v)
		case fieldUpdated:
			a.UpdatedAt = displayTime(v)
		default:
			s.attribute(driver.AccountRecord, it, name, v, &a.Attributes)
		}
	}
	if a.Type == "" {
		a.Type = adapter.AccountType(display(it[accountTypeV3]))
	}
	a.Attributes = driver.Writable(a.Attributes, driver.AccountRecord)
	return a, nil
}

// secondsOf returns when an access token expires, 0 if that cannot be read.
func secondsOf(v types.AttributeValue) int64 {
	if n, ok := whole(v, maxSeconds); ok {
		return n
	}
	n, _ := lenient.Seconds(decodeValue(v, nil))
	return n
}

// accountKey returns what an account is the account of: as it says, in the words of
// before NextAuth.js 4 too, or as the sort key says, where that is no digest.
func (s *store) accountKey(it item) adapter.AccountKey {
	provider, id, _ := strings.Cut(strings.TrimPrefix(s.keyOf(it).sort, prefixAccount), "#")
	return adapter.AccountKey{
		Provider:          cmp.Or(text(it[accountProvider]), text(it[accountProviderV3]), undigested(provider)),
		ProviderAccountID: cmp.Or(text(it[accountID]), undigested(id)),
	}
}

// undigested returns a part of a key, or "" if it is a digest.
func undigested(part string) string {
	if strings.HasPrefix(part, "%") {
		return ""
	}
	return part
}

// encodeSession returns a session. Only a token that is stored as it is stands in it,
// and in the index, where the Auth.js adapter looks for it.
func (s *store) encodeSession(se adapter.Session, stamp string, generated bool) (item, error) {
	w := writer{s.place(make(item, 12+len(se.Attributes)), s.sessionKey(se.UserID, se.SessionToken))}
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
	se := adapter.Session{ID: s.sessionIDOf(it), UserID: inPartitionOf(s.keyOf(it)), Expires: expires}
	for name, v := range it {
		switch name {
		case fieldType, fieldExpires, fieldUserID, sessionToken:
		case fieldCreated:
			se.CreatedAt = displayTime(v)
		case fieldUpdated:
			se.UpdatedAt = displayTime(v)
		default:
			s.attribute(driver.SessionRecord, it, name, v, &se.Attributes)
		}
	}
	se.Attributes = driver.Writable(se.Attributes, driver.SessionRecord)
	return se, nil
}

// sessionIDOf returns the ID of a stored session: the digest that this package stored in
// place of its token, and else the digest of the token, which is in the key of a session
// of another program. It is never what stands in a key and may be a token.
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
	w := writer{s.place(make(item, 10), tokenKey(t.Identifier, t.Token))}
	w.text(fieldType, typeToken)
	w.text(tokenIdentifier, t.Identifier)
	w.text(tokenToken, t.Token)
	w.text(tokenValue, t.Value)
	w.expires(t.Expires)
	w.time(fieldCreated, t.CreatedAt)
	w.text(fieldStamp, stamp)
	return w.item
}

// decodeToken returns a verification token. What it is and whose is in its key.
func (s *store) decodeToken(it item) (adapter.VerificationToken, error) {
	expires, ok := expiry(it)
	if !ok {
		return adapter.VerificationToken{}, s.unreadable(it, fieldExpires, "a number of seconds")
	}
	k := s.keyOf(it)
	return adapter.VerificationToken{
		Identifier: strings.TrimPrefix(k.partition, prefixToken), Token: strings.TrimPrefix(k.sort, prefixToken),
		Value: display(it[tokenValue]), Expires: expires, CreatedAt: displayTime(it[fieldCreated]),
	}, nil
}

func (s *store) encodeAuthenticator(a adapter.Authenticator, stamp string) (item, error) {
	w := writer{s.place(make(item, 14+len(a.Attributes)), key{userPartition(a.UserID), authenticatorSort(a.CredentialID)})}
	w.text(fieldUserID, a.UserID)
	w.text(credentialID, a.CredentialID)
	w.text(accountID, a.ProviderAccountID)
	w.text(credentialPublicKey, a.CredentialPublicKey)
	w.item[credentialCounter] = number(int64(a.Counter))
	w.text(credentialDeviceType, a.CredentialDeviceType)
	w.item[credentialBackedUp] = boolean(a.CredentialBackedUp)
	w.text(credentialTransports, joined(a.Transports))
	return s.finish(w, driver.AuthenticatorRecord, a.Attributes, a.CreatedAt, a.UpdatedAt, stamp)
}

// joined returns transports as Auth.js has them.
func joined(transports []string) string { return strings.Join(transports, ",") }

func (s *store) encodeAuthenticatorUpdate(up adapter.AuthenticatorUpdate, stamp string) *changes {
	c := newChanges(stamp, s.options.Now())
	if up.CredentialBackedUp != nil {
		c.set[credentialBackedUp] = boolean(*up.CredentialBackedUp)
	}
	if up.Transports != nil {
		c.text(credentialTransports, new(joined(*up.Transports)))
	}
	return s.changeAttributes(c, driver.AuthenticatorRecord, up.Attributes, up.RemoveAttributes)
}

// decodeAuthenticator returns an authenticator. Without its key and its counter it is of
// no use.
func (s *store) decodeAuthenticator(it item) (adapter.Authenticator, error) {
	k := s.keyOf(it)
	a := adapter.Authenticator{
		CredentialID:        cmp.Or(display(it[credentialID]), undigested(strings.TrimPrefix(k.sort, prefixAuthenticator))),
		UserID:              inPartitionOf(k),
		CredentialPublicKey: text(it[credentialPublicKey]),
	}
	counter, ok := whole(it[credentialCounter], math.MaxUint32)
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
			a.ProviderAccountID = display(v)
		case credentialDeviceType:
			a.CredentialDeviceType = display(v)
		case credentialBackedUp:
			a.CredentialBackedUp = truth(v)
		case credentialTransports:
			a.Transports, _ = lenient.Words(decodeValue(v, nil), ",")
		case fieldCreated:
			a.CreatedAt = displayTime(v)
		case fieldUpdated:
			a.UpdatedAt = displayTime(v)
		default:
			s.attribute(driver.AuthenticatorRecord, it, name, v, &a.Attributes)
		}
	}
	a.Attributes = driver.Writable(a.Attributes, driver.AuthenticatorRecord)
	return a, nil
}
