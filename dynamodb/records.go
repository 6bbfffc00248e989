package dynamodb

import (
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
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
	return s.finish(w, adapter.UserRecord, u.Attributes, u.CreatedAt, u.UpdatedAt, stamp)
}

// finish adds what users, accounts and sessions have alike.
func (s *store) finish(w writer, record adapter.Record, a adapter.Attributes, created, updated time.Time, stamp string) (item, error) {
	w.time(fieldCreated, created)
	w.time(fieldUpdated, updated)
	w.text(fieldStamp, stamp)
	if err := s.encodeAttributes(record, a, w.item); err != nil {
		return nil, err
	}
	return w.item, checkSize(string(record), w.item)
}

func (s *store) encodeUserUpdate(up adapter.UserUpdate, stamp string) (*changes, error) {
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
	return c, s.changeAttributes(c, adapter.UserRecord, up.Attributes, up.RemoveAttributes)
}

func (s *store) decodeUser(it item) (adapter.User, error) {
	var u adapter.User
	r := reader{record: "User", item: it}
	for name, v := range it {
		switch name {
		case fieldType:
		case fieldID:
			u.ID = r.text(name, v)
		case userName:
			u.Name = r.text(name, v)
		case userEmail:
			u.Email = r.text(name, v)
		case userVerified:
			u.EmailVerified = r.time(name, v)
		case userImage:
			u.Image = r.text(name, v)
		case fieldCreated:
			u.CreatedAt = r.time(name, v)
		case fieldUpdated:
			u.UpdatedAt = r.time(name, v)
		default:
			s.attribute(&r, name, v, &u.Attributes)
		}
	}
	if r.err != nil {
		return adapter.User{}, r.err
	}
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
	return s.finish(w, adapter.AccountRecord, a.Attributes, a.CreatedAt, a.UpdatedAt, stamp)
}

// indexAccount gives an account its key in the index.
func (s *store) indexAccount(it item) {
	s.index(it, prefixAccount+text(it[accountProvider]), prefixAccount+text(it[accountID]))
}

func (s *store) encodeAccountUpdate(up adapter.AccountUpdate, stamp string) (*changes, error) {
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
	return c, s.changeAttributes(c, adapter.AccountRecord, up.Attributes, up.RemoveAttributes)
}

// maxSeconds is the last second of the year 9999.
const maxSeconds = 253402300799

func (s *store) decodeAccount(it item) (adapter.Account, error) {
	var a adapter.Account
	r := reader{record: "Account", item: it}
	for name, v := range it {
		switch name {
		case fieldID:
		case fieldUserID:
			a.UserID = r.text(name, v)
		case fieldType:
			a.Type = adapter.AccountType(r.text(name, v))
		case accountProvider:
			a.Provider = r.text(name, v)
		case accountID:
			a.ProviderAccountID = r.text(name, v)
		case accountRefreshToken:
			a.RefreshToken = r.text(name, v)
		case accountAccessToken:
			a.AccessToken = r.text(name, v)
		case accountExpiresAt:
			a.ExpiresAt = r.number(name, v, maxSeconds)
		case accountTokenType:
			a.TokenType = r.text(name, v)
		case accountScope:
			a.Scope = r.text(name, v)
		case accountIDToken:
			a.IDToken = r.text(name, v)
		case accountSessionState:
			a.SessionState = r.text(name, v)
		case fieldCreated:
			a.CreatedAt = r.time(name, v)
		case fieldUpdated:
			a.UpdatedAt = r.time(name, v)
		default:
			s.attribute(&r, name, v, &a.Attributes)
		}
	}
	if r.err != nil {
		return adapter.Account{}, r.err
	}
	return a, nil
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
	return s.finish(w, adapter.SessionRecord, se.Attributes, se.CreatedAt, se.UpdatedAt, stamp)
}

func (s *store) encodeSessionUpdate(up adapter.SessionUpdate, stamp string, now time.Time) (*changes, error) {
	c := newChanges(stamp, now)
	if up.Expires != nil {
		writer{c.set}.expires(*up.Expires)
	}
	return c, s.changeAttributes(c, adapter.SessionRecord, up.Attributes, up.RemoveAttributes)
}

// decodeSession returns a session without its token.
func (s *store) decodeSession(it item) (adapter.Session, error) {
	se := adapter.Session{ID: s.sessionIDOf(it)}
	r := reader{record: "Session", item: it}
	se.Expires = r.expires()
	for name, v := range it {
		switch name {
		case fieldType, fieldExpires, sessionToken:
		case fieldUserID:
			se.UserID = r.text(name, v)
		case fieldCreated:
			se.CreatedAt = r.time(name, v)
		case fieldUpdated:
			se.UpdatedAt = r.time(name, v)
		default:
			s.attribute(&r, name, v, &se.Attributes)
		}
	}
	if r.err != nil {
		return adapter.Session{}, r.err
	}
	return se, nil
}

// sessionIDOf returns the ID of a stored session: the digest of its token, or the
// digest that is stored instead of it.
func (s *store) sessionIDOf(it item) string {
	if token := text(it[sessionToken]); token != "" {
		return adapter.SessionID(token)
	}
	sort := s.keyOf(it).sort
	return sort[min(len(sort), len(prefixSession)):]
}

func (s *store) encodeToken(t adapter.VerificationToken, stamp string) item {
	w := writer{s.place(make(item, 9), tokenKey(t.Identifier, t.Token))}
	w.text(fieldType, typeToken)
	w.text(tokenIdentifier, t.Identifier)
	w.text(tokenToken, t.Token)
	w.expires(t.Expires)
	w.time(fieldCreated, t.CreatedAt)
	w.text(fieldStamp, stamp)
	return w.item
}

func decodeToken(it item) (adapter.VerificationToken, error) {
	r := reader{record: "VerificationToken", item: it}
	t := adapter.VerificationToken{
		Identifier: r.text(tokenIdentifier, it[tokenIdentifier]),
		Token:      r.text(tokenToken, it[tokenToken]),
		Expires:    r.expires(),
		CreatedAt:  r.time(fieldCreated, it[fieldCreated]),
	}
	if r.err != nil {
		return adapter.VerificationToken{}, r.err
	}
	return t, nil
}

func (s *store) encodeAuthenticator(a adapter.Authenticator, stamp string) (item, error) {
	w := writer{s.place(make(item, 12), key{userPartition(a.UserID), authenticatorSort(a.CredentialID)})}
	w.text(fieldUserID, a.UserID)
	w.text(credentialID, a.CredentialID)
	w.text(accountID, a.ProviderAccountID)
	w.text(credentialPublicKey, a.CredentialPublicKey)
	w.item[credentialCounter] = number(int64(a.Counter))
	w.text(credentialDeviceType, a.CredentialDeviceType)
	w.item[credentialBackedUp] = boolean(a.CredentialBackedUp)
	w.text(credentialTransports, strings.Join(a.Transports, ",")) // as Auth.js has them
	w.text(fieldStamp, stamp)
	return w.item, checkSize("Authenticator", w.item)
}

func decodeAuthenticator(it item) (adapter.Authenticator, error) {
	r := reader{record: "Authenticator", item: it}
	a := adapter.Authenticator{
		CredentialID:         r.text(credentialID, it[credentialID]),
		UserID:               r.text(fieldUserID, it[fieldUserID]),
		ProviderAccountID:    r.text(accountID, it[accountID]),
		CredentialPublicKey:  r.text(credentialPublicKey, it[credentialPublicKey]),
		Counter:              uint32(r.number(credentialCounter, it[credentialCounter], math.MaxUint32)),
		CredentialDeviceType: r.text(credentialDeviceType, it[credentialDeviceType]),
	}
	if transports := r.text(credentialTransports, it[credentialTransports]); transports != "" {
		a.Transports = strings.Split(transports, ",")
	}
	if b, ok := it[credentialBackedUp].(*types.AttributeValueMemberBOOL); ok {
		a.CredentialBackedUp = b.Value
	}
	if r.err != nil {
		return adapter.Authenticator{}, r.err
	}
	return a, nil
}
