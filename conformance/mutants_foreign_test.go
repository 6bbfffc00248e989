package conformance_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// record returns a copy of the fields of the first document of a kind with these texts,
// or nil.
func (e *env) record(kind string, fields ...string) map[string]any {
	e.docs.mu.Lock()
	defer e.docs.mu.Unlock()
	if d := first(e.docs.where(kind, fields...)); d != nil {
		return maps.Clone(d.fields)
	}
	return nil
}

// change changes the documents of a kind with these texts.
func (e *env) change(with func(fields map[string]any), kind string, fields ...string) {
	e.docs.mu.Lock()
	defer e.docs.mu.Unlock()
	for _, d := range e.docs.where(kind, fields...) {
		with(d.fields)
	}
}

// takeAway removes and returns the documents that are wanted.
func (e *env) takeAway(wanted func(*document) bool) (gone []*document) {
	e.docs.mu.Lock()
	defer e.docs.mu.Unlock()
	e.docs.remove(func(d *document) bool {
		if wanted(d) {
			gone = append(gone, d)
			return true
		}
		return false
	})
	return gone
}

func (e *env) putBack(all []*document) {
	e.docs.mu.Lock()
	defer e.docs.mu.Unlock()
	e.docs.all = append(e.docs.all, all...)
}

func (e *env) accountRecord(key adapter.AccountKey) map[string]any {
	return e.record("Account", "provider", key.Provider, "providerAccountId", key.ProviderAccountID)
}

func unreadable(ctx context.Context, op, field string) error {
	return fail(ctx, op, &adapter.RecordError{Place: "here", Field: field, Want: "something else", Got: "this"})
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok || v == nil
}

func inClear(d *document) bool { return d.kind == "Session" && d.fields[digested] != true }

// foreignMutants are in front of a store that other programs write to.
var foreignMutants = []mutant{
	{"GetUserByEmail finds only the users that were made here", []string{"FOR-001"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return findsOwn{base{inner}, e}
	}},
	{"LinkAccount takes the account that another program stored", []string{"FOR-001", "FOR-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return takesAccounts{base{inner}, e}
	}},
	{"a user with an odd emailVerified cannot be read", []string{"FOR-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return strictUsers{base{inner}, e}
	}},
	{"a name that is a number is dropped", []string{"FOR-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return dropsNumbers{base{inner}, e}
	}},
	{"UpdateUser fails on an odd image", []string{"FOR-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return strictUpdates{base{inner}, e}
	}},
	{"an account with an odd scope cannot be read", []string{"FOR-003"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return strictAccounts{base{inner}, e}
	}},
	{"ListAccounts leaves out what has an odd expires_at", []string{"FOR-003"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return listsPlainAccounts{base{inner}, e}
	}},
	{"an account whose ID is a number is not unlinked", []string{"FOR-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return unlinksTexts{base{inner}, e}
	}},
	{"ListSessions takes what is stored for a digest", []string{"FOR-005"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return listsStored{base{inner}, e}
	}},
	{"a session in clear opens by its ID", []string{"FOR-005"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return opensByDigest{base{inner}, e}
	}},
	{"a session in clear opens with its token where tokens are digests", []string{"FOR-005"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return opensClear{base{inner}, e}
	}},
	{"DeleteSessionByID compares with what is stored", []string{"FOR-006"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return endsDigests{base{inner}, e}
	}},
	{"DeleteSessions leaves the sessions in clear where tokens are digests", []string{"FOR-006"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return leavesClear{base{inner}, e}
	}},
	{"DeleteUser leaves the sessions in clear", []string{"FOR-006", "FOR-012"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deletesOwn{base{inner}, e}
	}},
	{"a session without an expiry lives for ever", []string{"FOR-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return livesForEver{base{inner}, e}
	}},
	{"an unreadable record does not say whose it is", []string{"FOR-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return namesNobody{base{inner}}
	}},
	{"an unreadable record has no name", []string{"FOR-007", "FOR-010"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return namesNothing{base{inner}}
	}},
	{"an unreadable session is not there", []string{"FOR-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return hidesUnreadable{base{inner}}
	}},
	{"ListSessions fails for one session that cannot be read", []string{"FOR-008"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return listsAllOrNone{base{inner}, e}
	}},
	{"DeleteSessions leaves what it cannot read", []string{"FOR-008"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return endsReadable{base{inner}, e}
	}},
	{"a one-time token that cannot be read is used up", []string{"FOR-009"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return burnsTokens{base{inner}, e}
	}},
	{"UpdateSession writes before it reads", []string{"FOR-010"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return writesFirst{base{inner}, e}
	}},
	{"CheckSchema sees no session", []string{"FOR-011"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return checksNothing{base{inner}}
	}},
	{"CheckSchema prints the token", []string{"FOR-011"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return printsTokens{base{inner}, e}
	}},
	{"DeleteUser leaves the accounts whose ID is a number", []string{"FOR-012"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deletesTexts{base{inner}, e}
	}},
	{"Repair deletes what belongs to a user ID of another type", []string{"FOR-013"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return repairs{base{inner}, e, func(d *document) bool {
			return d.kind == "Account" && d.fields["userId"] != "" && d.fields["createdAt"] == nil
		}}
	}},
	{"a sign-up that meets an account of nobody is refused", []string{"FOR-014"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return meetsNobody{base{inner}, e}
	}},
	{"a link that meets an account of nobody is refused", []string{"FOR-014"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return linksNobody{base{inner}, e}
	}},
	{"Repair deletes the users whose type is another one", []string{"FOR-015"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return repairs{base{inner}, e, func(d *document) bool { return d.kind == "User" && d.fields["type"] == "admin" }}
	}},
	{"Repair deletes the users who have a password", []string{"FOR-029"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return repairs{base{inner}, e, func(d *document) bool { return d.kind == "User" && d.fields["password"] != nil }}
	}},
	{"Repair deletes the sessions of another program", []string{"FOR-016"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return repairs{base{inner}, e, func(d *document) bool { return d.kind == "Session" && d.fields["sessionToken"] == nil }}
	}},
	{"Repair ends at the first record that it cannot mend", []string{"FOR-017"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return repairs{base{inner}, e, nil}
	}},
	{"GetAccount reads a copy of the account", []string{"FOR-018"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return copiesAccounts{base{inner}, e}
	}},
	{"UpdateAccount writes a copy of the account back", []string{"FOR-018"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return writesCopies{base{inner}, e}
	}},
	{"UpdateAuthenticatorCounter compares with a copy of the counter", []string{"FOR-019"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return copiesCounters{base{inner}, e}
	}},
	{"attributes of reserved names are shown", []string{"FOR-020"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return showsAll{base{inner}, e}
	}},
	{"UpdateUser writes the whole user as it was read", []string{"FOR-021"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return rewrites{base{inner}, e}
	}},
	{"UpdateUser drops what another program stored in a list", []string{"FOR-022"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return dropsAttributes{base{inner}, e}
	}},
	{"DeleteUser of an ID of another type is nil and deletes nothing", []string{"FOR-023"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deletesOwnIDs{base{inner}, e}
	}},
	{"a session whose expiry is text is not listed", []string{"FOR-024"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return listsDates{base{inner}, e}
	}},
	{"an account of an unknown type signs nobody in", []string{"FOR-025"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return knownTypes{base{inner}, e}
	}},
	{"UpdateAuthenticatorCounter writes the credential as it was read", []string{"FOR-021"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return rewritesPasskeys{base{inner}, e}
	}},
	{"UpdateAuthenticator drops what another program stored in a list", []string{"FOR-022"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return dropsPasskeyAttributes{base{inner}, e}
	}},
	{"an enumeration ends at a user with an odd emailVerified", []string{"FOR-027"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return enumeratesStrictly{pages{base{inner}}, e}
	}},
	{"a credential with odd transports cannot be read", []string{"FOR-026"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return strictTransports{base{inner}, e}
	}},
}

type findsOwn struct {
	base
	*env
}

func (m findsOwn) GetUserByEmail(ctx context.Context, address string) (adapter.User, error) {
	u, err := m.Adapter.GetUserByEmail(ctx, address)
	if err == nil && u.CreatedAt.IsZero() {
		return adapter.User{}, fail(ctx, "GetUserByEmail", adapter.ErrNotFound)
	}
	return u, err
}

type takesAccounts struct {
	base
	*env
}

func (m takesAccounts) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	if r := m.accountRecord(a.Key()); r != nil && r["createdAt"] == nil {
		_ = m.Adapter.UnlinkAccount(ctx, a.Key())
	}
	return m.Adapter.LinkAccount(ctx, a)
}

type strictUsers struct {
	base
	*env
}

func (m strictUsers) GetUser(ctx context.Context, id string) (adapter.User, error) {
	if v := m.record("User", "id", id)["emailVerified"]; v != nil {
		if _, ok := dateOf(v); !ok {
			return adapter.User{}, unreadable(ctx, "GetUser", "emailVerified")
		}
	}
	return m.Adapter.GetUser(ctx, id)
}

type dropsNumbers struct {
	base
	*env
}

func (m dropsNumbers) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if !isText(m.record("User", "id", id)["name"]) {
		u.Name = ""
	}
	return u, err
}

type strictUpdates struct {
	base
	*env
}

func (m strictUpdates) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if !isText(m.record("User", "id", id)["image"]) {
		return adapter.User{}, unreadable(ctx, "UpdateUser", "image")
	}
	return u, err
}

type strictAccounts struct {
	base
	*env
}

func (m strictAccounts) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	if !isText(m.accountRecord(key)["scope"]) {
		return adapter.Account{}, unreadable(ctx, "GetAccount", "scope")
	}
	return m.Adapter.GetAccount(ctx, key)
}

type listsPlainAccounts struct {
	base
	*env
}

func (m listsPlainAccounts) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	all, err := m.Adapter.ListAccounts(ctx, userID)
	return slices.DeleteFunc(all, func(a adapter.Account) bool {
		v := m.accountRecord(a.Key())["expires_at"]
		return v != nil && a.ExpiresAt == 0
	}), err
}

type unlinksTexts struct {
	base
	*env
}

func (m unlinksTexts) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	if !isText(m.accountRecord(key)["providerAccountId"]) {
		return nil
	}
	return m.Adapter.UnlinkAccount(ctx, key)
}

type listsStored struct {
	base
	*env
}

func (m listsStored) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := m.Adapter.ListSessions(ctx, userID)
	m.docs.mu.Lock()
	defer m.docs.mu.Unlock()
	for i := range all {
		for _, d := range m.docs.where("Session", "userId", userID) {
			if d.sessionID() == all[i].ID {
				all[i].ID = d.text("sessionToken")
			}
		}
	}
	return all, err
}

type opensByDigest struct {
	base
	*env
}

func (m opensByDigest) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	if err == nil {
		return s, u, nil
	}
	m.docs.mu.Lock()
	defer m.docs.mu.Unlock()
	for _, d := range m.docs.where("Session") {
		if d.sessionID() == token {
			return adapter.Session{UserID: d.text("userId")}, adapter.User{ID: d.text("userId")}, nil
		}
	}
	return s, u, err
}

type opensClear struct {
	base
	*env
}

func (m opensClear) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	if err != nil {
		plain := m.with(func(o *adapter.Options) { o.PlainSessionTokens = true })
		return plain.GetSessionAndUser(ctx, token)
	}
	return s, u, nil
}

type endsDigests struct {
	base
	*env
}

func (m endsDigests) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	kept := m.takeAway(inClear)
	defer m.putBack(kept)
	return m.Adapter.DeleteSessionByID(ctx, userID, sessionID)
}

type leavesClear struct {
	base
	*env
}

func (m leavesClear) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	if !m.options.PlainSessionTokens {
		kept := m.takeAway(inClear)
		defer m.putBack(kept)
	}
	return m.Adapter.DeleteSessions(ctx, userID, keep...)
}

type deletesOwn struct {
	base
	*env
}

func (m deletesOwn) DeleteUser(ctx context.Context, id string) error {
	kept := m.takeAway(inClear)
	defer m.putBack(kept)
	return m.Adapter.DeleteUser(ctx, id)
}

type livesForEver struct {
	base
	*env
}

func (m livesForEver) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	if errors.Is(err, adapter.ErrUnreadable) {
		return adapter.Session{SessionToken: token}, adapter.User{}, nil
	}
	return s, u, err
}

type namesNobody struct{ base }

func (m namesNobody) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, err := m.Adapter.UpdateSession(ctx, token, up)
	if errors.Is(err, adapter.ErrUnreadable) {
		return s, unreadable(ctx, "UpdateSession", "expires")
	}
	return s, err
}

type namesNothing struct{ base }

func (m namesNothing) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, err := m.Adapter.UpdateSession(ctx, token, up)
	if errors.Is(err, adapter.ErrUnreadable) {
		return s, fail(ctx, "UpdateSession", adapter.ErrUnreadable)
	}
	return s, err
}

type hidesUnreadable struct{ base }

func (m hidesUnreadable) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	if errors.Is(err, adapter.ErrUnreadable) {
		return s, u, fail(ctx, "GetSessionAndUser", adapter.ErrNotFound)
	}
	return s, u, err
}

func (e *env) unreadableOf(userID string) bool {
	e.docs.mu.Lock()
	defer e.docs.mu.Unlock()
	return slices.ContainsFunc(e.docs.where("Session", "userId", userID), cannotBeRead)
}

func cannotBeRead(d *document) bool {
	_, err := d.expiry()
	return d.kind == "Session" && err != nil
}

type listsAllOrNone struct {
	base
	*env
}

func (m listsAllOrNone) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	if m.unreadableOf(userID) {
		return nil, unreadable(ctx, "ListSessions", "expires")
	}
	return m.Adapter.ListSessions(ctx, userID)
}

type endsReadable struct {
	base
	*env
}

func (m endsReadable) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	kept := m.takeAway(cannotBeRead)
	defer m.putBack(kept)
	return m.Adapter.DeleteSessions(ctx, userID, keep...)
}

type burnsTokens struct {
	base
	*env
}

func (m burnsTokens) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	v, err := m.Adapter.UseVerificationToken(ctx, identifier, token)
	if errors.Is(err, adapter.ErrUnreadable) {
		_ = m.Adapter.DeleteVerificationTokens(ctx, identifier)
	}
	return v, err
}

type writesFirst struct {
	base
	*env
}

func (m writesFirst) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	m.change(func(fields map[string]any) { fields["updatedAt"] = time.Unix(1, 0) }, "Session", "sessionToken", token)
	return m.Adapter.UpdateSession(ctx, token, up)
}

type checksNothing struct{ base }

func (m checksNothing) ApplySchema(context.Context) error { return nil }

func (m checksNothing) CheckSchema(context.Context) ([]adapter.SchemaProblem, error) { return nil, nil }

type printsTokens struct {
	base
	*env
}

func (m printsTokens) ApplySchema(context.Context) error { return nil }

func (m printsTokens) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	inner, _ := adapter.As[adapter.Schema](m.Adapter)
	all, err := inner.CheckSchema(ctx)
	for i := range all {
		all[i].Detail += ": " + strings.Join(m.docs.dump(), " ")
	}
	return all, err
}

type deletesTexts struct {
	base
	*env
}

func (m deletesTexts) DeleteUser(ctx context.Context, id string) error {
	kept := m.takeAway(func(d *document) bool { return d.kind == "Account" && !isText(d.fields["providerAccountId"]) })
	defer m.putBack(kept)
	return m.Adapter.DeleteUser(ctx, id)
}

// repairs is a Repair that also deletes what is wanted. Nil: it does nothing if there is
// something that it cannot mend.
type repairs struct {
	base
	*env
	gone func(*document) bool
}

func (m repairs) ApplySchema(context.Context) error { return nil }

func (m repairs) CheckSchema(context.Context) ([]adapter.SchemaProblem, error) { return nil, nil }

func (m repairs) Repair(ctx context.Context, dryRun bool) ([]adapter.Repair, error) {
	inner, _ := adapter.As[adapter.Repairer](m.Adapter)
	if m.gone == nil {
		found, err := inner.Repair(ctx, true)
		if err != nil || slices.ContainsFunc(found, func(f adapter.Repair) bool { return f.Action == "" }) {
			return found, err
		}
	} else if !dryRun {
		m.takeAway(m.gone)
	}
	return inner.Repair(ctx, dryRun)
}

type meetsNobody struct {
	base
	*env
}

func (m meetsNobody) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	if m.accountRecord(a.Key()) != nil {
		return adapter.User{}, adapter.Account{}, fail(ctx, "CreateUserWithAccount", adapter.Conflict(adapter.FieldAccount))
	}
	return m.Adapter.CreateUserWithAccount(ctx, u, a)
}

type linksNobody struct {
	base
	*env
}

func (m linksNobody) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	if m.accountRecord(a.Key()) != nil {
		return adapter.Account{}, fail(ctx, "LinkAccount", adapter.Conflict(adapter.FieldAccount))
	}
	return m.Adapter.LinkAccount(ctx, a)
}

type copiesAccounts struct {
	base
	*env
}

func (m copiesAccounts) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	linked, err := m.Adapter.LinkAccount(ctx, a)
	m.shared.Store(a.Key(), linked)
	return linked, err
}

func (m copiesAccounts) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	if a, ok := m.shared.Load(key); ok {
		return a.(adapter.Account), nil
	}
	return m.Adapter.GetAccount(ctx, key)
}

type writesCopies struct {
	base
	*env
}

func (m writesCopies) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	linked, err := m.Adapter.LinkAccount(ctx, a)
	m.shared.Store(a.Key(), linked)
	return linked, err
}

func (m writesCopies) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	if a, ok := m.shared.Load(key); ok && up.AccessToken == nil {
		up.AccessToken = new(a.(adapter.Account).AccessToken)
	}
	return m.Adapter.UpdateAccount(ctx, key, up)
}

type copiesCounters struct {
	base
	*env
}

func (m copiesCounters) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	m.shared.Store(a.CredentialID, int64(a.Counter))
	return m.Adapter.CreateAuthenticator(ctx, a)
}

func (m copiesCounters) UpdateAuthenticatorCounter(ctx context.Context, id string, counter uint32) (adapter.Authenticator, error) {
	if n, ok := m.shared.Load(id); ok {
		m.change(func(fields map[string]any) { fields["counter"] = n }, "Authenticator", "credentialID", id)
	}
	return m.Adapter.UpdateAuthenticatorCounter(ctx, id, counter)
}

type showsAll struct {
	base
	*env
}

func (m showsAll) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if v, there := m.record("User", "id", id)["emailVerified"]; there && err == nil {
		u.Attributes["emailVerified"] = v
	}
	return u, err
}

type rewrites struct {
	base
	*env
}

func (m rewrites) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if err == nil {
		m.change(func(fields map[string]any) {
			maps.DeleteFunc(fields, func(name string, _ any) bool {
				_, shown := u.Attributes[name]
				return !shown && !driver.Reserved(driver.UserRecord, name)
			})
		}, "User", "id", id)
	}
	return u, err
}

type dropsAttributes struct {
	base
	*env
}

func (m dropsAttributes) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	m.change(func(fields map[string]any) { delete(fields, "groups") }, "User", "id", id)
	return m.Adapter.UpdateUser(ctx, id, up)
}

type deletesOwnIDs struct {
	base
	*env
}

func (m deletesOwnIDs) DeleteUser(ctx context.Context, id string) error {
	if !isText(m.record("User", "id", id)["id"]) {
		return nil
	}
	return m.Adapter.DeleteUser(ctx, id)
}

type listsDates struct {
	base
	*env
}

func (m listsDates) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	texts := m.takeAway(func(d *document) bool { _, text := d.fields["expires"].(string); return text })
	defer m.putBack(texts)
	return m.Adapter.ListSessions(ctx, userID)
}

type knownTypes struct {
	base
	*env
}

func (m knownTypes) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	if m.accountRecord(key)["type"] != "oauth" {
		return adapter.User{}, fail(ctx, "GetUserByAccount", adapter.ErrNotFound)
	}
	return m.Adapter.GetUserByAccount(ctx, key)
}

type strictTransports struct {
	base
	*env
}

func (m strictTransports) GetAuthenticator(ctx context.Context, id string) (adapter.Authenticator, error) {
	if !isText(m.record("Authenticator", "credentialID", id)["transports"]) {
		return adapter.Authenticator{}, unreadable(ctx, "GetAuthenticator", "transports")
	}
	return m.Adapter.GetAuthenticator(ctx, id)
}

type rewritesPasskeys struct {
	base
	*env
}

func (m rewritesPasskeys) UpdateAuthenticatorCounter(ctx context.Context, id string, counter uint32) (adapter.Authenticator, error) {
	a, err := m.Adapter.UpdateAuthenticatorCounter(ctx, id, counter)
	m.change(func(fields map[string]any) {
		maps.DeleteFunc(fields, func(name string, _ any) bool {
			_, shown := a.Attributes[name]
			return !shown && !driver.Reserved(driver.AuthenticatorRecord, name)
		})
	}, "Authenticator", "credentialID", id)
	return a, err
}

type dropsPasskeyAttributes struct {
	base
	*env
}

func (m dropsPasskeyAttributes) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	m.change(func(fields map[string]any) { delete(fields, "groups") }, "Authenticator", "credentialID", id)
	return m.Adapter.UpdateAuthenticator(ctx, id, up)
}

type enumeratesStrictly struct {
	pages
	*env
}

func (m enumeratesStrictly) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	page, err := m.pages.EnumerateUsers(ctx, cursor, limit)
	for i, u := range page.Users {
		if v := m.record("User", "id", u.ID)["emailVerified"]; v != nil && u.EmailVerified.IsZero() {
			return adapter.UserPage{Users: page.Users[:i]}, err
		}
	}
	return page, err
}
