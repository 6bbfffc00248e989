package conformance_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
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
