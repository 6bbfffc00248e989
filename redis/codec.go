package redis

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/codec"
)

// A record is a MessagePack map of strings to strings, which the scripts can change field by
// field without knowing its contents. Empty fields are not stored. The name of an attribute
// has a "." in front, which no field has, so that it can be any name; its value is itself
// MessagePack.
const (
	fieldNonce   = "x" // of the record's index entry; a user has none while it equals the generation
	fieldCreated = "c"
	fieldUpdated = "u" // not stored while it equals fieldCreated

	userName     = "n"
	userEmail    = "e"
	userVerified = "v"
	userImage    = "i"

	accountType         = "k"
	accountRefreshToken = "r"
	accountAccessToken  = "a"
	accountExpiresAt    = "e"
	accountTokenType    = "t"
	accountScope        = "s"
	accountIDToken      = "d"
	accountSessionState = "z"

	sessionExpires   = "t"
	sessionElsewhere = "f" // stored if the token was made elsewhere

	authenticatorAccount    = "p"
	authenticatorKey        = "k"
	authenticatorCounter    = "n"
	authenticatorDeviceType = "d"
	authenticatorBackedUp   = "b"
	authenticatorTransports = "h"

	linkExpires = "t"
	linkValue   = "v"
)

// fields collects the fields of a record, or of changes to one.
type fields struct {
	buf       []byte
	count     uint32
	keepEmpty bool // of changes, where an empty field removes one
}

func newFields() *fields  { return &fields{buf: make([]byte, mapHeader, 256)} }
func newChanges() *fields { return &fields{buf: make([]byte, mapHeader, 128), keepEmpty: true} }

// mapHeader is the size of the header of a map with 16 fields or more. Smaller maps have a
// smaller one: see bytes.
const mapHeader = 3

func (f *fields) add(name, value string) {
	if value == "" && !f.keepEmpty {
		return
	}
	f.buf = msgp.AppendString(f.buf, name)
	f.buf = msgp.AppendString(f.buf, value)
	f.count++
}

// set adds a change, if there is one.
func (f *fields) set(name string, value *string) {
	if value != nil {
		f.add(name, *value)
	}
}

func (f *fields) time(name string, t time.Time) {
	if t.IsZero() {
		f.add(name, "")
		return
	}
	f.add(name, millis(t))
}

func (f *fields) timestamps(created, updated time.Time) {
	f.time(fieldCreated, created)
	if !updated.Equal(created) {
		f.time(fieldUpdated, updated)
	}
}

func (f *fields) attributes(a adapter.Attributes) error {
	for name, v := range a {
		packed, err := codec.Append(nil, v)
		if err != nil {
			return err
		}
		f.add("."+name, string(packed))
	}
	return nil
}

// changedAttributes adds the attributes that an update sets or removes.
func (f *fields) changedAttributes(set adapter.Attributes, removed []string) error {
	for _, name := range removed {
		f.add("."+name, "")
	}
	return f.attributes(set)
}

// bytes returns the finished map. Its header goes into the room that was left for it.
func (f *fields) bytes() []byte {
	header := msgp.AppendMapHeader(nil, f.count)
	start := mapHeader - len(header)
	copy(f.buf[start:], header)
	return f.buf[start:]
}

// decode calls field for each field of a record of a kind and a user. The strings that it
// passes on are parts of b.
func decode(kind, userID, b string, field func(name, value string) error) error {
	var name string
	n, rest, err := msgp.ReadMapHeaderBytes([]byte(b))
	for ; n > 0 && err == nil; n-- {
		var value string
		if name, rest, err = nextString(b, rest); err != nil {
			break
		}
		if value, rest, err = nextString(b, rest); err == nil {
			err = field(name, value)
		}
	}
	if err != nil {
		return unreadable(kind, userID, name)
	}
	return nil
}

// nextString returns the string at the start of rest, which is the end of b, and what
// follows it.
func nextString(b string, rest []byte) (string, []byte, error) {
	v, rest, err := msgp.ReadStringZC(rest)
	end := len(b) - len(rest)
	return b[end-len(v) : end], rest, err
}

// commonField decodes the fields that several records have, and reports whether name is one
// of them.
func commonField(name, value string, created, updated *time.Time, attributes *adapter.Attributes) (bool, error) {
	switch {
	case name == fieldNonce:
		return true, nil
	case name == fieldCreated:
		return true, parseTime(value, created)
	case name == fieldUpdated:
		return true, parseTime(value, updated)
	case strings.HasPrefix(name, "."):
		v, err := codec.Value([]byte(value))
		if err != nil {
			return true, err
		}
		if *attributes == nil {
			*attributes = adapter.Attributes{}
		}
		(*attributes)[name[1:]] = v
		return true, nil
	}
	return false, nil
}

func parseTime(value string, t *time.Time) error {
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Errorf("a time is not a number: %w", err)
	}
	*t = time.UnixMilli(ms).UTC()
	return nil
}

func encodeUser(u adapter.User) ([]byte, error) {
	f := newFields()
	f.add(userName, u.Name)
	f.add(userEmail, u.Email)
	f.time(userVerified, u.EmailVerified)
	f.add(userImage, u.Image)
	f.timestamps(u.CreatedAt, u.UpdatedAt)
	err := f.attributes(u.Attributes)
	return f.bytes(), err
}

func encodeUserUpdate(up adapter.UserUpdate, now time.Time) ([]byte, error) {
	f := newChanges()
	f.set(userName, up.Name)
	f.set(userEmail, up.Email)
	if up.EmailVerified != nil {
		f.time(userVerified, *up.EmailVerified)
	}
	f.set(userImage, up.Image)
	f.time(fieldUpdated, now)
	err := f.changedAttributes(up.Attributes, up.RemoveAttributes)
	return f.bytes(), err
}

func decodeUser(id, b string) (adapter.User, error) {
	u := adapter.User{ID: id}
	err := decode(kindUser, id, b, func(name, value string) error {
		switch name {
		case userName:
			u.Name = value
		case userEmail:
			u.Email = value
		case userVerified:
			return parseTime(value, &u.EmailVerified)
		case userImage:
			u.Image = value
		default:
			_, err := commonField(name, value, &u.CreatedAt, &u.UpdatedAt, &u.Attributes)
			return err
		}
		return nil
	})
	if err != nil {
		return adapter.User{}, err
	}
	u.UpdatedAt = cmp.Or(u.UpdatedAt, u.CreatedAt) // not stored while they are equal
	return u, nil
}

func encodeAccount(a adapter.Account, nonce string) ([]byte, error) {
	f := newFields()
	f.add(accountType, string(a.Type))
	f.add(accountRefreshToken, a.RefreshToken)
	f.add(accountAccessToken, a.AccessToken)
	f.add(accountExpiresAt, formatInt(a.ExpiresAt))
	f.add(accountTokenType, a.TokenType)
	f.add(accountScope, a.Scope)
	f.add(accountIDToken, a.IDToken)
	f.add(accountSessionState, a.SessionState)
	f.timestamps(a.CreatedAt, a.UpdatedAt)
	f.add(fieldNonce, nonce)
	err := f.attributes(a.Attributes)
	return f.bytes(), err
}

func encodeAccountUpdate(up adapter.AccountUpdate, now time.Time) ([]byte, error) {
	f := newChanges()
	f.set(accountRefreshToken, up.RefreshToken)
	f.set(accountAccessToken, up.AccessToken)
	if up.ExpiresAt != nil {
		f.add(accountExpiresAt, formatInt(*up.ExpiresAt))
	}
	f.set(accountTokenType, up.TokenType)
	f.set(accountScope, up.Scope)
	f.set(accountIDToken, up.IDToken)
	f.set(accountSessionState, up.SessionState)
	f.time(fieldUpdated, now)
	err := f.changedAttributes(up.Attributes, up.RemoveAttributes)
	return f.bytes(), err
}

// formatInt returns a number in its stored form, "" for 0.
func formatInt(v int64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatInt(v, 10)
}

func decodeAccount(userID string, key adapter.AccountKey, b string) (adapter.Account, error) {
	a := adapter.Account{UserID: userID, Provider: key.Provider, ProviderAccountID: key.ProviderAccountID}
	texts := map[string]*string{
		accountRefreshToken: &a.RefreshToken, accountAccessToken: &a.AccessToken, accountTokenType: &a.TokenType,
		accountScope: &a.Scope, accountIDToken: &a.IDToken, accountSessionState: &a.SessionState,
	}
	err := decode(kindAccounts, userID, b, func(name, value string) (err error) {
		if text := texts[name]; text != nil {
			*text = value
			return nil
		}
		switch name {
		case accountType:
			a.Type = adapter.AccountType(value)
		case accountExpiresAt:
			a.ExpiresAt, err = strconv.ParseInt(value, 10, 64)
		default:
			_, err = commonField(name, value, &a.CreatedAt, &a.UpdatedAt, &a.Attributes)
		}
		return err
	})
	if err != nil {
		return adapter.Account{}, err
	}
	a.UpdatedAt = cmp.Or(a.UpdatedAt, a.CreatedAt) // not stored while they are equal
	return a, nil
}

func encodeSession(s adapter.Session, nonce string, elsewhere bool) ([]byte, error) {
	f := newFields()
	f.time(sessionExpires, s.Expires)
	if elsewhere {
		f.add(sessionElsewhere, "1")
	}
	f.timestamps(s.CreatedAt, s.UpdatedAt)
	f.add(fieldNonce, nonce)
	err := f.attributes(s.Attributes)
	return f.bytes(), err
}

func encodeSessionUpdate(up adapter.SessionUpdate, now time.Time) ([]byte, error) {
	f := newChanges()
	if up.Expires != nil {
		f.time(sessionExpires, *up.Expires)
	}
	f.time(fieldUpdated, now)
	err := f.changedAttributes(up.Attributes, up.RemoveAttributes)
	return f.bytes(), err
}

func decodeSession(userID, sessionID, b string) (adapter.Session, error) {
	s := adapter.Session{ID: sessionID, UserID: userID}
	err := decode(kindSession, userID, b, func(name, value string) error {
		switch name {
		case sessionExpires:
			return parseTime(value, &s.Expires)
		case sessionElsewhere:
			return nil
		}
		_, err := commonField(name, value, &s.CreatedAt, &s.UpdatedAt, &s.Attributes)
		return err
	})
	if err != nil {
		return adapter.Session{}, err
	}
	s.UpdatedAt = cmp.Or(s.UpdatedAt, s.CreatedAt) // not stored while they are equal
	return s, nil
}

func encodeAuthenticator(a adapter.Authenticator, nonce string) ([]byte, error) {
	f := newFields()
	f.add(authenticatorAccount, a.ProviderAccountID)
	f.add(authenticatorKey, a.CredentialPublicKey)
	f.add(authenticatorCounter, formatInt(int64(a.Counter)))
	f.add(authenticatorDeviceType, a.CredentialDeviceType)
	f.add(authenticatorBackedUp, formatBool(a.CredentialBackedUp))
	f.add(authenticatorTransports, strings.Join(a.Transports, ","))
	f.timestamps(a.CreatedAt, a.UpdatedAt)
	f.add(fieldNonce, nonce)
	err := f.attributes(a.Attributes)
	return f.bytes(), err
}

func encodeAuthenticatorUpdate(up adapter.AuthenticatorUpdate, now time.Time) ([]byte, error) {
	f := newChanges()
	if up.CredentialBackedUp != nil {
		f.add(authenticatorBackedUp, formatBool(*up.CredentialBackedUp))
	}
	if up.Transports != nil {
		f.add(authenticatorTransports, strings.Join(*up.Transports, ","))
	}
	f.time(fieldUpdated, now)
	err := f.changedAttributes(up.Attributes, up.RemoveAttributes)
	return f.bytes(), err
}

// formatBool returns a bool in its stored form, "" for false.
func formatBool(v bool) string {
	if v {
		return "1"
	}
	return ""
}

func decodeAuthenticator(userID, credentialID, b string) (adapter.Authenticator, error) {
	a := adapter.Authenticator{CredentialID: credentialID, UserID: userID}
	err := decode(kindAuthenticators, userID, b, func(name, value string) error {
		switch name {
		case authenticatorAccount:
			a.ProviderAccountID = value
		case authenticatorKey:
			a.CredentialPublicKey = value
		case authenticatorCounter:
			n, err := strconv.ParseUint(value, 10, 32)
			a.Counter = uint32(n)
			return err
		case authenticatorDeviceType:
			a.CredentialDeviceType = value
		case authenticatorBackedUp:
			a.CredentialBackedUp = true
		case authenticatorTransports:
			a.Transports = strings.Split(value, ",")
		default:
			_, err := commonField(name, value, &a.CreatedAt, &a.UpdatedAt, &a.Attributes)
			return err
		}
		return nil
	})
	if err != nil {
		return adapter.Authenticator{}, err
	}
	a.UpdatedAt = cmp.Or(a.UpdatedAt, a.CreatedAt) // not stored while they are equal
	return a, nil
}

// encodeLink returns the stored form of a verification token: its expiry, value and time of
// creation.
func encodeLink(t adapter.VerificationToken) []byte {
	f := newFields()
	f.time(linkExpires, t.Expires)
	f.add(linkValue, t.Value)
	f.time(fieldCreated, t.CreatedAt)
	return f.bytes()
}

func decodeLink(identifier, token, b string) (adapter.VerificationToken, error) {
	t := adapter.VerificationToken{Identifier: identifier, Token: token}
	err := decode(kindLinks, "", b, func(name, value string) error {
		switch name {
		case linkExpires:
			return parseTime(value, &t.Expires)
		case linkValue:
			t.Value = value
			return nil
		}
		return parseTime(value, &t.CreatedAt)
	})
	return t, err
}

// gracePeriod is how much longer than it is valid something stays in the store. Expiry is
// judged by the adapter's clock, which may be behind that of the adapter that wrote the
// record.
const gracePeriod = time.Hour

// timeToLive returns how long a record that expires at a time stays in the store, in ms.
func timeToLive(expires, now time.Time) int64 {
	return max(1, (expires.Sub(now) + gracePeriod).Milliseconds())
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
