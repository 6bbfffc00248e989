package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/conformance"
)

// documents is a store to which other programs write: its records are what anybody stored
// under whatever names. It is no faster than it must be.
type documents struct {
	mu  sync.Mutex
	all []*document
}

// document is a record by the names of Auth.js.
type document struct {
	kind   string
	fields map[string]any
}

// digested is in a session whose sessionToken is not the token.
const digested = "authstoreDigest"

func (d *document) text(field string) string {
	s, _ := textOf(d.fields[field])
	return s
}

// sessionID is the Session.ID of a stored session.
func (d *document) sessionID() string {
	if d.fields[digested] == true {
		return d.text("sessionToken")
	}
	return adapter.SessionID(d.text("sessionToken"))
}

// where returns the documents of a kind whose fields have these texts: name, text, …
func (s *documents) where(kind string, fields ...string) []*document {
	var found []*document
	for _, d := range s.all {
		if d.kind == kind && d.matches(fields) {
			found = append(found, d)
		}
	}
	return found
}

func (d *document) matches(fields []string) bool {
	for i := 0; i < len(fields); i += 2 {
		if d.text(fields[i]) != fields[i+1] || d.fields[fields[i]] == nil {
			return false
		}
	}
	return true
}

// first returns the first of some documents, or nil.
func first(found []*document) *document {
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

func (s *documents) user(id string) *document { return first(s.where("User", "id", id)) }

func (s *documents) byEmail(address string) *document {
	for _, d := range s.where("User") {
		if stored, ok := d.fields["email"].(string); ok && adapter.NormalizeEmail(stored) == address {
			return d
		}
	}
	return nil
}

// account returns the account with a key. One without an owner leads nowhere.
func (s *documents) account(key adapter.AccountKey) *document {
	for _, d := range s.where("Account", "provider", key.Provider, "providerAccountId", key.ProviderAccountID) {
		if d.text("userId") != "" {
			return d
		}
	}
	return nil
}

func (s *documents) add(kind string, fields map[string]any) *document {
	d := &document{kind, fields}
	s.all = append(s.all, d)
	return d
}

func (s *documents) remove(gone func(*document) bool) { s.all = slices.DeleteFunc(s.all, gone) }

// The other program.

// keys are the fields that name a record.
var keys = map[string][]string{
	"User": {"id"}, "Account": {"provider", "providerAccountId"}, "Session": {"sessionToken"},
	"VerificationToken": {"identifier", "token"}, "Authenticator": {"credentialID"},
}

func (s *documents) same(r conformance.ForeignRecord) func(*document) bool {
	names := slices.Concat(keys[r.Kind], []string{"id"})
	return func(d *document) bool {
		if d.kind != r.Kind {
			return false
		}
		for _, name := range names {
			want, named := r.Members[name]
			if named && !reflect.DeepEqual(d.fields[name], plainText(want)) {
				return false
			}
		}
		return true
	}
}

func plainText(v any) any {
	if s, ok := v.(conformance.ForeignText); ok {
		return string(s)
	}
	return v
}

func (s *documents) put(_ context.Context, r conformance.ForeignRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(s.same(r))
	fields := maps.Clone(r.Members)
	for name, v := range fields {
		fields[name] = plainText(v)
	}
	s.add(r.Kind, fields)
	return nil
}

func (s *documents) has(_ context.Context, r conformance.ForeignRecord) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.all, s.same(r)), nil
}

func (s *documents) dump() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, d := range s.all {
		all = append(all, fmt.Sprintf("%s %+v", d.kind, d.fields))
	}
	return all
}

// What values mean.

func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		if !math.IsNaN(v) && math.Abs(v) < 1e21 {
			return strconv.FormatFloat(v, 'f', -1, 64), true
		}
	}
	return "", false
}

var dateForms = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02", time.RFC1123, "Mon Jan 02 2006 15:04:05 GMT-0700 (Central European Standard Time)",
}

func dateOf(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return adapter.Milliseconds(v), true
	case int64:
		return time.UnixMilli(v).UTC(), true
	case float64:
		return time.UnixMilli(int64(v)).UTC(), math.Abs(v) < 1e15
	case string:
		for _, form := range dateForms {
			if t, err := time.Parse(form, v); err == nil {
				return adapter.Milliseconds(t), true
			}
		}
	}
	return time.Time{}, false
}

func (d *document) date(field string) time.Time {
	t, ok := dateOf(d.fields[field])
	if !ok {
		return time.Time{}
	}
	return t
}

func (d *document) verified() time.Time {
	if d.fields["emailVerified"] == true {
		if created := d.date("createdAt"); !created.IsZero() {
			return created
		}
		return time.UnixMilli(0).UTC()
	}
	return d.date("emailVerified")
}

func (d *document) seconds(field string) int64 {
	v := d.fields[field]
	if s, ok := v.(string); ok {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			v = f
		}
	}
	switch n := v.(type) {
	case int64:
		return max(n, 0)
	case float64:
		if n >= 0 && n < 1e12 {
			return int64(n)
		}
		return 0
	}
	if t, ok := dateOf(v); ok {
		return t.Unix()
	}
	return 0
}

func (d *document) words(field, separator string) []string {
	switch v := d.fields[field].(type) {
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, fmt.Sprint(e))
		}
		return all
	case nil:
		return nil
	}
	return strings.FieldsFunc(d.text(field), func(r rune) bool { return strings.ContainsRune(separator, r) })
}

// attributes returns what is no field of the record.
func (d *document) attributes(r driver.Record) adapter.Attributes {
	return driver.Writable(adapter.Attributes(d.fields).Clone(), r)
}

func (d *document) asUser() adapter.User {
	return adapter.User{
		ID: d.text("id"), Name: d.text("name"), Email: adapter.NormalizeEmail(d.text("email")), EmailVerified: d.verified(), Image: d.text("image"),
		Attributes: d.attributes(driver.UserRecord), CreatedAt: d.date("createdAt"), UpdatedAt: d.date("updatedAt"),
	}
}

func (d *document) asAccount() adapter.Account {
	scope := d.text("scope")
	if list, ok := d.fields["scope"].([]any); ok && len(list) > 0 {
		scope = strings.Join(d.words("scope", " "), " ")
	}
	return adapter.Account{
		UserID: d.text("userId"), Type: adapter.AccountType(d.text("type")), Provider: d.text("provider"), ProviderAccountID: d.text("providerAccountId"),
		RefreshToken: d.text("refresh_token"), AccessToken: d.text("access_token"), ExpiresAt: d.seconds("expires_at"), TokenType: d.text("token_type"),
		Scope: scope, IDToken: d.text("id_token"), SessionState: d.text("session_state"),
		Attributes: d.attributes(driver.AccountRecord), CreatedAt: d.date("createdAt"), UpdatedAt: d.date("updatedAt"),
	}
}

func (d *document) asAuthenticator() adapter.Authenticator {
	counter, _ := strconv.ParseUint(d.text("counter"), 10, 32)
	return adapter.Authenticator{
		CredentialID: d.text("credentialID"), UserID: d.text("userId"), ProviderAccountID: d.text("providerAccountId"),
		CredentialPublicKey: d.text("credentialPublicKey"), Counter: uint32(counter), CredentialDeviceType: d.text("credentialDeviceType"),
		CredentialBackedUp: d.fields["credentialBackedUp"] == true, Transports: d.words("transports", ", "),
		Attributes: d.attributes(driver.AuthenticatorRecord), CreatedAt: d.date("createdAt"), UpdatedAt: d.date("updatedAt"),
	}
}

// expiry returns when a session or a token expires, or why that cannot be read.
func (d *document) expiry() (time.Time, error) {
	t, ok := dateOf(d.fields["expires"])
	if !ok {
		place := d.kind
		if d.kind == "Session" {
			place += " " + d.sessionID()
		}
		return time.Time{}, &adapter.RecordError{Place: place, UserID: d.text("userId"), Field: "expires", Want: "a date", Got: fmt.Sprintf("%T", d.fields["expires"])}
	}
	return t, nil
}

func (d *document) asSession() (adapter.Session, error) {
	expires, err := d.expiry()
	return adapter.Session{
		ID: d.sessionID(), UserID: d.text("userId"), Expires: expires,
		Attributes: d.attributes(driver.SessionRecord), CreatedAt: d.date("createdAt"), UpdatedAt: d.date("updatedAt"),
	}, err
}

// setField stores a field, or removes it if its value is the zero value.
func setField[V comparable](d *document, field string, v *V) {
	var zero V
	if v == nil {
		return
	}
	delete(d.fields, field)
	if *v != zero {
		d.fields[field] = *v
	}
}

func (d *document) setAttributes(set adapter.Attributes, removed []string) {
	for _, name := range removed {
		delete(d.fields, name)
	}
	maps.Copy(d.fields, set.Clone())
}

// shelf is the contract on documents, for valid input. Each operation is one step.
type shelf struct {
	*documents
	options adapter.Options
}

func newShelf(s *documents, o adapter.Options) adapter.Adapter {
	o = o.WithDefaults()
	return driver.Guard(&shelf{s, o}, "documents", o, nil)
}

func (s *shelf) Close() error { return nil }

func (s *shelf) lock() func() {
	s.mu.Lock()
	return s.mu.Unlock
}

func (s *shelf) insertUser(u adapter.User) error {
	switch {
	case s.user(u.ID) != nil:
		return adapter.Conflict(adapter.FieldUserID)
	case u.Email != "" && s.byEmail(u.Email) != nil:
		return adapter.Conflict(adapter.FieldUserEmail)
	}
	d := s.add("User", map[string]any{"id": u.ID})
	setField(d, "name", &u.Name)
	setField(d, "email", &u.Email)
	setField(d, "emailVerified", &u.EmailVerified)
	setField(d, "image", &u.Image)
	setField(d, "createdAt", &u.CreatedAt)
	setField(d, "updatedAt", &u.UpdatedAt)
	d.setAttributes(u.Attributes, nil)
	return nil
}

func (s *shelf) insertAccount(a adapter.Account) error {
	if s.account(a.Key()) != nil {
		return adapter.Conflict(adapter.FieldAccount)
	}
	d := s.add("Account", map[string]any{"userId": a.UserID, "type": string(a.Type), "provider": a.Provider, "providerAccountId": a.ProviderAccountID})
	s.setTokens(d, adapter.AccountUpdate{
		RefreshToken: &a.RefreshToken, AccessToken: &a.AccessToken, ExpiresAt: &a.ExpiresAt, TokenType: &a.TokenType,
		Scope: &a.Scope, IDToken: &a.IDToken, SessionState: &a.SessionState, Attributes: a.Attributes,
	})
	setField(d, "createdAt", &a.CreatedAt)
	setField(d, "updatedAt", &a.UpdatedAt)
	return nil
}

func (s *shelf) setTokens(d *document, up adapter.AccountUpdate) {
	setField(d, "refresh_token", up.RefreshToken)
	setField(d, "access_token", up.AccessToken)
	setField(d, "expires_at", up.ExpiresAt)
	setField(d, "token_type", up.TokenType)
	setField(d, "scope", up.Scope)
	setField(d, "id_token", up.IDToken)
	setField(d, "session_state", up.SessionState)
	d.setAttributes(up.Attributes, up.RemoveAttributes)
}

func (s *shelf) insertAuthenticator(a adapter.Authenticator) error {
	if s.authenticator(a.CredentialID) != nil {
		return adapter.Conflict(adapter.FieldCredentialID)
	}
	d := s.add("Authenticator", map[string]any{
		"credentialID": a.CredentialID, "userId": a.UserID, "providerAccountId": a.ProviderAccountID, "credentialPublicKey": a.CredentialPublicKey,
		"counter": int64(a.Counter), "credentialDeviceType": a.CredentialDeviceType, "createdAt": a.CreatedAt, "updatedAt": a.UpdatedAt,
	})
	d.setAuthenticator(adapter.AuthenticatorUpdate{CredentialBackedUp: &a.CredentialBackedUp, Transports: &a.Transports, Attributes: a.Attributes})
	return nil
}

func (d *document) setAuthenticator(up adapter.AuthenticatorUpdate) {
	if up.CredentialBackedUp != nil {
		d.fields["credentialBackedUp"] = *up.CredentialBackedUp
	}
	if up.Transports != nil {
		d.fields["transports"] = strings.Join(*up.Transports, ",")
	}
	d.setAttributes(up.Attributes, up.RemoveAttributes)
}

func (s *shelf) NewID() string { return s.options.NewID() }

func (s *shelf) CreateUser(_ context.Context, u adapter.User) (adapter.User, error) {
	defer s.lock()()
	if _, err := driver.Identify(s.options, &u); err != nil {
		return u, err
	}
	return u, s.insertUser(u)
}

func (s *shelf) CreateUserWithAccount(_ context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	defer s.lock()()
	if _, err := driver.Identify(s.options, &u); err != nil {
		return u, a, err
	}
	a.UserID = u.ID
	if s.account(a.Key()) != nil {
		return u, a, adapter.Conflict(adapter.FieldAccount)
	}
	if err := s.insertUser(u); err != nil {
		return u, a, err
	}
	return u, a, s.insertAccount(a)
}

func (s *shelf) CreateUserWithAuthenticator(_ context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	defer s.lock()()
	if _, err := driver.Identify(s.options, &u); err != nil {
		return u, a, err
	}
	a.UserID = u.ID
	if s.authenticator(a.CredentialID) != nil {
		return u, a, adapter.Conflict(adapter.FieldCredentialID)
	}
	if err := s.insertUser(u); err != nil {
		return u, a, err
	}
	return u, a, s.insertAuthenticator(a)
}

func found(d *document) (adapter.User, error) {
	if d == nil {
		return adapter.User{}, adapter.ErrNotFound
	}
	return d.asUser(), nil
}

func (s *shelf) GetUser(_ context.Context, id string) (adapter.User, error) {
	defer s.lock()()
	return found(s.user(id))
}

func (s *shelf) GetUserByEmail(_ context.Context, address string) (adapter.User, error) {
	defer s.lock()()
	return found(s.byEmail(address))
}

func (s *shelf) GetUserByAccount(_ context.Context, key adapter.AccountKey) (adapter.User, error) {
	defer s.lock()()
	a := s.account(key)
	if a == nil {
		return adapter.User{}, adapter.ErrNotFound
	}
	return found(s.user(a.text("userId")))
}

func (s *shelf) UpdateUser(_ context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	defer s.lock()()
	d := s.user(id)
	if d == nil {
		return adapter.User{}, adapter.ErrNotFound
	}
	if up.Email != nil && *up.Email != "" {
		if other := s.byEmail(*up.Email); other != nil && other != d {
			return adapter.User{}, adapter.Conflict(adapter.FieldUserEmail)
		}
	}
	setField(d, "name", up.Name)
	setField(d, "email", up.Email)
	setField(d, "emailVerified", up.EmailVerified)
	setField(d, "image", up.Image)
	d.setAttributes(up.Attributes, up.RemoveAttributes)
	d.fields["updatedAt"] = s.options.Now()
	return d.asUser(), nil
}

func (s *shelf) DeleteUser(_ context.Context, id string) error {
	defer s.lock()()
	s.remove(func(d *document) bool {
		return d.kind == "User" && d.text("id") == id || d.kind != "User" && d.text("userId") == id
	})
	return nil
}

func (s *shelf) LinkAccount(_ context.Context, a adapter.Account) (adapter.Account, error) {
	defer s.lock()()
	if s.user(a.UserID) == nil {
		return a, adapter.Invalid("Account.UserID", "must be the ID of a user")
	}
	return a, s.insertAccount(a)
}

func (s *shelf) GetAccount(_ context.Context, key adapter.AccountKey) (adapter.Account, error) {
	defer s.lock()()
	d := s.account(key)
	if d == nil {
		return adapter.Account{}, adapter.ErrNotFound
	}
	return d.asAccount(), nil
}

func (s *shelf) ListAccounts(_ context.Context, userID string) ([]adapter.Account, error) {
	defer s.lock()()
	var all []adapter.Account
	for _, d := range s.where("Account", "userId", userID) {
		all = append(all, d.asAccount())
	}
	return all, nil
}

func (s *shelf) UpdateAccount(_ context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	defer s.lock()()
	d := s.account(key)
	if d == nil {
		return adapter.Account{}, adapter.ErrNotFound
	}
	s.setTokens(d, up)
	d.fields["updatedAt"] = s.options.Now()
	return d.asAccount(), nil
}

func (s *shelf) UnlinkAccount(_ context.Context, key adapter.AccountKey) error {
	defer s.lock()()
	gone := s.where("Account", "provider", key.Provider, "providerAccountId", key.ProviderAccountID)
	s.remove(func(d *document) bool { return slices.Contains(gone, d) })
	return nil
}

// stored returns the session with a token, as this adapter stores it.
func (s *shelf) session(token string) *document {
	for _, d := range s.where("Session", "sessionToken", s.options.SessionKey(token)) {
		if (d.fields[digested] == true) == !s.options.PlainSessionTokens {
			return d
		}
	}
	return nil
}

// live returns the session with a token and what it shows.
func (s *shelf) live(token string) (*document, adapter.Session, error) {
	d := s.session(token)
	if d == nil {
		return nil, adapter.Session{}, adapter.ErrNotFound
	}
	se, err := d.asSession()
	if err == nil && !s.options.Now().Before(se.Expires) {
		err = adapter.ErrNotFound
	}
	se.SessionToken = token
	return d, se, err
}

func (s *shelf) CreateSession(_ context.Context, se adapter.Session) (adapter.Session, error) {
	defer s.lock()()
	if s.user(se.UserID) == nil {
		return se, adapter.Invalid("Session.UserID", "must be the ID of a user")
	}
	if s.session(se.SessionToken) != nil {
		return se, adapter.Conflict(adapter.FieldSessionToken)
	}
	d := s.add("Session", map[string]any{
		"sessionToken": s.options.SessionKey(se.SessionToken), "userId": se.UserID, "expires": se.Expires, "createdAt": se.CreatedAt, "updatedAt": se.UpdatedAt,
	})
	if !s.options.PlainSessionTokens {
		d.fields[digested] = true
	}
	d.setAttributes(se.Attributes, nil)
	return se, nil
}

func (s *shelf) GetSessionAndUser(_ context.Context, token string) (adapter.Session, adapter.User, error) {
	defer s.lock()()
	_, se, err := s.live(token)
	if err != nil {
		return se, adapter.User{}, err
	}
	u, err := found(s.user(se.UserID))
	return se, u, err
}

func (s *shelf) UpdateSession(_ context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	defer s.lock()()
	d, _, err := s.live(token)
	if err != nil {
		return adapter.Session{}, err
	}
	setField(d, "expires", up.Expires)
	d.setAttributes(up.Attributes, up.RemoveAttributes)
	d.fields["updatedAt"] = s.options.Now()
	se, err := d.asSession()
	se.SessionToken = token
	return se, err
}

func (s *shelf) DeleteSession(_ context.Context, token string) error {
	defer s.lock()()
	gone := s.session(token)
	s.remove(func(d *document) bool { return d == gone })
	return nil
}

func (s *shelf) ListSessions(_ context.Context, userID string) ([]adapter.Session, error) {
	defer s.lock()()
	var all []adapter.Session
	for _, d := range s.where("Session", "userId", userID) {
		if se, err := d.asSession(); err == nil && s.options.Now().Before(se.Expires) {
			all = append(all, se)
		}
	}
	return all, nil
}

func (s *shelf) DeleteSessionByID(_ context.Context, userID, sessionID string) error {
	defer s.lock()()
	s.remove(func(d *document) bool {
		return d.kind == "Session" && d.text("userId") == userID && d.sessionID() == sessionID
	})
	return nil
}

func (s *shelf) DeleteSessions(_ context.Context, userID string, keep ...string) error {
	defer s.lock()()
	s.remove(func(d *document) bool {
		kept := slices.ContainsFunc(keep, func(token string) bool { return d.sessionID() == adapter.SessionID(token) })
		return d.kind == "Session" && d.text("userId") == userID && !kept
	})
	return nil
}

func (s *shelf) CreateVerificationToken(_ context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	defer s.lock()()
	if len(s.where("VerificationToken", "identifier", v.Identifier, "token", v.Token)) > 0 {
		return v, adapter.Conflict(adapter.FieldVerificationToken)
	}
	d := s.add("VerificationToken", map[string]any{"identifier": v.Identifier, "token": v.Token, "expires": v.Expires, "createdAt": v.CreatedAt})
	setField(d, "value", &v.Value)
	return v, nil
}

func (s *shelf) UseVerificationToken(_ context.Context, identifier, token string) (adapter.VerificationToken, error) {
	defer s.lock()()
	d := first(s.where("VerificationToken", "identifier", identifier, "token", token))
	if d == nil {
		return adapter.VerificationToken{}, adapter.ErrNotFound
	}
	expires, err := d.expiry()
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	s.remove(func(other *document) bool { return other == d })
	if !s.options.Now().Before(expires) {
		return adapter.VerificationToken{}, adapter.ErrExpired
	}
	return adapter.VerificationToken{Identifier: identifier, Token: token, Value: d.text("value"), Expires: expires, CreatedAt: d.date("createdAt")}, nil
}

func (s *shelf) DeleteVerificationTokens(_ context.Context, identifier string) error {
	defer s.lock()()
	s.remove(func(d *document) bool { return d.kind == "VerificationToken" && d.text("identifier") == identifier })
	return nil
}

func (s *shelf) authenticator(credentialID string) *document {
	return first(s.where("Authenticator", "credentialID", credentialID))
}

func (s *shelf) CreateAuthenticator(_ context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	defer s.lock()()
	if s.user(a.UserID) == nil {
		return a, adapter.Invalid("Authenticator.UserID", "must be the ID of a user")
	}
	return a, s.insertAuthenticator(a)
}

func (s *shelf) GetAuthenticator(_ context.Context, credentialID string) (adapter.Authenticator, error) {
	defer s.lock()()
	d := s.authenticator(credentialID)
	if d == nil {
		return adapter.Authenticator{}, adapter.ErrNotFound
	}
	return d.asAuthenticator(), nil
}

func (s *shelf) ListAuthenticators(_ context.Context, userID string) ([]adapter.Authenticator, error) {
	defer s.lock()()
	var all []adapter.Authenticator
	for _, d := range s.where("Authenticator", "userId", userID) {
		all = append(all, d.asAuthenticator())
	}
	return all, nil
}

func (s *shelf) UpdateAuthenticatorCounter(_ context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	defer s.lock()()
	d := s.authenticator(credentialID)
	if d == nil {
		return adapter.Authenticator{}, adapter.ErrNotFound
	}
	if !driver.CounterGrows(d.asAuthenticator().Counter, counter) {
		return adapter.Authenticator{}, adapter.Conflict(adapter.FieldCounter)
	}
	d.fields["counter"], d.fields["updatedAt"] = int64(counter), s.options.Now()
	return d.asAuthenticator(), nil
}

func (s *shelf) UpdateAuthenticator(_ context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	defer s.lock()()
	d := s.authenticator(credentialID)
	if d == nil {
		return adapter.Authenticator{}, adapter.ErrNotFound
	}
	d.setAuthenticator(up)
	d.fields["updatedAt"] = s.options.Now()
	return d.asAuthenticator(), nil
}

func (s *shelf) DeleteAuthenticator(_ context.Context, credentialID string) error {
	defer s.lock()()
	gone := s.authenticator(credentialID)
	s.remove(func(d *document) bool { return d == gone })
	return nil
}

// EnumerateUsers returns users in the order of their IDs; a cursor is the last ID of a page.
func (s *shelf) EnumerateUsers(_ context.Context, cursor string, limit int) (adapter.UserPage, error) {
	defer s.lock()()
	byID := map[string]*document{}
	for _, d := range s.where("User") {
		if id := d.text("id"); id > cursor {
			byID[id] = d
		}
	}
	var page adapter.UserPage
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		if len(page.Users) == limit {
			page.Next = page.Users[limit-1].ID
			break
		}
		page.Users = append(page.Users, byID[id].asUser())
	}
	return page, nil
}

// CheckSchema and Repair list what cannot be read, and what belongs to nobody.

func (s *shelf) ApplySchema(context.Context) error { return nil }

func (s *shelf) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	found, err := s.Repair(ctx, true)
	var all []adapter.SchemaProblem
	for _, f := range found {
		all = append(all, f.SchemaProblem)
	}
	return all, err
}

func (s *shelf) Repair(_ context.Context, dryRun bool) ([]adapter.Repair, error) {
	defer s.lock()()
	var all []adapter.Repair
	s.remove(func(d *document) bool {
		detail, action := s.problem(d)
		if detail != "" {
			all = append(all, adapter.Repair{SchemaProblem: adapter.SchemaProblem{Object: d.kind, Detail: detail, Blocking: true}, Action: action})
		}
		return !dryRun && action != ""
	})
	return all, nil
}

// problem returns what is wrong with a record, and what is done about it.
func (s *shelf) problem(d *document) (detail, action string) {
	names := keys[d.kind]
	if slices.ContainsFunc(names, func(name string) bool { return d.fields[name] == nil }) {
		return "", "" // another program's
	}
	var unreadable *adapter.RecordError
	if d.kind == "Session" || d.kind == "VerificationToken" {
		if _, err := d.expiry(); errors.As(err, &unreadable) {
			return unreadable.Error(), ""
		}
	}
	if d.kind == "User" || d.kind == "VerificationToken" {
		return "", ""
	}
	switch id := d.text("userId"); {
	case id == "":
		return "belongs to nobody: set userId, or delete it", ""
	case s.user(id) == nil:
		return "belongs to a user who is gone: delete it, or Repair", "deleted"
	}
	return "", ""
}
