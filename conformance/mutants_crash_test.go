package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// crashMutants work as long as nothing fails on the way.
var crashMutants = []mutant{
	{"CreateUserWithAccount writes user and account one after the other, and cleans up", []string{"CUT-003", "CUT-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return signsUpInSteps{base{inner}, true}
	}},
	{"CreateUser claims the e-mail address first, for nobody", []string{"CUT-001", "CUT-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return claimsEmail{base{inner}, e}
	}},
	{"CreateUser is done again when its reply was lost, and conflicts with itself", []string{"CUT-101"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return retriesCreate{base{inner}}
	}},
	{"CreateUser takes the conflict of its repetition for its own doing", []string{"CUT-111"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return believesInItself{base{inner}}
	}},
	{"UpdateUser writes the attributes after the fields", []string{"CUT-005", "RAC-019"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return updatesInSteps{base{inner}}
	}},
	{"UpdateUser gives up the old e-mail address before it takes the new one", []string{"CUT-006", "RAC-021", "RAC-024"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsEmailFirst{base{inner}}
	}},
	{"DeleteUser ends the sessions before it deletes the user", []string{"CUT-007"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return deletesInSteps{base{inner}}
	}},
	{"DeleteUser, interrupted, is not taken up again", []string{"CUT-007", "CUT-108"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deletesOnce{base{inner}, e}
	}},
	{"DeleteUser, interrupted, leaves the sessions to the next user with the ID", []string{"CUT-110", "HLD-006"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return clearsLater{bequeaths{base{inner}, e}}
	}},
	{"LinkAccount claims the account first, for nobody", []string{"CUT-008"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return claimsAccount{base{inner}, e}
	}},
	{"UpdateAccount deletes the account and links it anew", []string{"CUT-009", "RAC-017", "RAC-030"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return relinksToUpdate{base{late{base{inner}}}}
	}},
	{"UnlinkAccount hides the account before it takes it from the list", []string{"CUT-010"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return hidesAccount{base{inner}, e}
	}},
	{"UpdateSession deletes the session and creates it anew", []string{"CUT-013", "RAC-018", "RAC-029", "RAC-039"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return recreatesSession{base{late{base{inner}}}}
	}},
	{"CreateSession claims the token first, for nobody", []string{"CUT-011"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return claimsToken{base{inner}, e}
	}},
	{"creates say nothing of a fault", []string{"CUT-012", "CUT-017"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return silentCreates{base{inner}}
	}},
	{"deletes say nothing of a fault", []string{"CUT-014", "CUT-015", "CUT-019", "CUT-022"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return silentDeletes{base{inner}}
	}},
	{"DeleteSessions ends all sessions and creates the kept ones anew", []string{"CUT-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return recreatesKept{base{inner}}
	}},
	{"DeleteSessions forgets to whom the tokens lead, and then deletes the sessions", []string{"CUT-026"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return forgetsTokens{base{inner}, e}
	}},
	{"UseVerificationToken reads the token and then deletes it", []string{"CUT-018", "RAC-012", "RAC-013", "RAC-015"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return readsThenDeletes{base{late{base{inner}}}, e}
	}},
	{"CreateAuthenticator claims the credential first, for nobody", []string{"CUT-020"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return claimsCredential{base{inner}, e}
	}},
	{"CreateUserWithAuthenticator writes user and credential one after the other, and cleans up", []string{"CUT-023", "CUT-024"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return registersInSteps{base{inner}, true}
	}},
	{"UpdateAuthenticator writes the attributes after the fields", []string{"CUT-025"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return updatesPasskeyInSteps{base{inner}}
	}},
	{"UpdateAuthenticatorCounter deletes the credential and creates it anew", []string{"CUT-021", "RAC-027", "RAC-031"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return recreatesCredential{base{late{base{inner}}}}
	}},
	{"a fault is an error of no kind", []string{"CUT-102"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return vagueFault{base{inner}}
	}},
	{"a user who cannot be reached is not found", []string{"CUT-105"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return faultIsAbsence{base{inner}}
	}},
	{"a list that cannot be reached is empty", []string{"CUT-105"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return faultIsEmpty{base{inner}}
	}},
	{"a fault is no *adapter.Error", []string{"CUT-109"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return plainFault{base{inner}}
	}},
	{"a fault quotes the e-mail address", []string{"CUT-109"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return faultQuotes{base{inner}}
	}},
	{"a write waits for its answer longer than its context lets it", []string{"CUT-103", "CUT-104"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return writesPatiently{base{inner}}
	}},
	{"a read waits for its answer longer than its context lets it", []string{"CUT-106", "CUT-107"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return readsPatiently{base{inner}}
	}},
}

// claim takes a key in a step of its own, unless it is taken.
func (e *env) claim(ctx context.Context, key any) (taken bool, err error) {
	err = e.faults.Step(ctx, func(ctx context.Context) error {
		_, taken = e.shared.LoadOrStore(key, "claimed")
		return nil
	})
	if err != nil {
		err = driver.Caused(adapter.ErrUnavailable, err)
	}
	return taken, err
}

// claims runs a create after it has claimed the key, and gives the key back if the
// create is refused.
func claims[R any](ctx context.Context, e *env, op, field string, key any, create func() (R, error)) (R, error) {
	var none R
	taken, err := e.claim(ctx, key)
	if err != nil {
		return none, fail(ctx, op, err)
	}
	if taken {
		return none, fail(ctx, op, adapter.Conflict(field))
	}
	created, err := create()
	if !errors.Is(err, adapter.ErrUnavailable) && ctx.Err() == nil {
		e.shared.Delete(key)
	}
	return created, err
}

type claimsEmail struct {
	base
	*env
}

func (m claimsEmail) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if u.Email == "" {
		return m.Adapter.CreateUser(ctx, u)
	}
	return claims(ctx, m.env, "CreateUser", adapter.FieldUserEmail, adapter.NormalizeEmail(u.Email), func() (adapter.User, error) {
		return m.Adapter.CreateUser(ctx, u)
	})
}

type claimsAccount struct {
	base
	*env
}

func (m claimsAccount) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	return claims(ctx, m.env, "LinkAccount", adapter.FieldAccount, acc.Key(), func() (adapter.Account, error) {
		return m.Adapter.LinkAccount(ctx, acc)
	})
}

type claimsCredential struct {
	base
	*env
}

func (m claimsCredential) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	return claims(ctx, m.env, "CreateAuthenticator", adapter.FieldCredentialID, a.CredentialID, func() (adapter.Authenticator, error) {
		return m.Adapter.CreateAuthenticator(ctx, a)
	})
}

type claimsToken struct {
	base
	*env
}

func (m claimsToken) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	if s.SessionToken == "" {
		return m.Adapter.CreateSession(ctx, s)
	}
	return claims(ctx, m.env, "CreateSession", adapter.FieldSessionToken, s.SessionToken, func() (adapter.Session, error) {
		return m.Adapter.CreateSession(ctx, s)
	})
}

type retriesCreate struct{ base }

func (m retriesCreate) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	created, err := m.Adapter.CreateUser(ctx, u)
	if errors.Is(err, adapter.ErrUnavailable) {
		return m.Adapter.CreateUser(ctx, u)
	}
	return created, err
}

type believesInItself struct{ base }

func (m believesInItself) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	created, err := m.Adapter.CreateUser(ctx, u)
	if !errors.Is(err, adapter.ErrUnavailable) {
		return created, err
	}
	if created, err = m.Adapter.CreateUser(ctx, u); errors.Is(err, adapter.ErrConflict) {
		return u, nil
	}
	return created, err
}

type updatesInSteps struct{ base }

func (m updatesInSteps) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	later := adapter.UserUpdate{Attributes: up.Attributes, RemoveAttributes: up.RemoveAttributes}
	up.Attributes, up.RemoveAttributes = nil, nil
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if err != nil || len(later.Attributes) == 0 && len(later.RemoveAttributes) == 0 {
		return u, err
	}
	pause()
	return m.Adapter.UpdateUser(ctx, id, later)
}

type updatesPasskeyInSteps struct{ base }

func (m updatesPasskeyInSteps) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	later := adapter.AuthenticatorUpdate{Attributes: up.Attributes, RemoveAttributes: up.RemoveAttributes}
	up.Attributes, up.RemoveAttributes = nil, nil
	if a, err := m.Adapter.UpdateAuthenticator(ctx, id, up); err != nil {
		return a, err
	}
	return m.Adapter.UpdateAuthenticator(ctx, id, later)
}

type dropsEmailFirst struct{ base }

func (m dropsEmailFirst) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if up.Email == nil {
		return m.Adapter.UpdateUser(ctx, id, up)
	}
	before, err := m.Adapter.GetUser(ctx, id)
	if err != nil {
		return adapter.User{}, err
	}
	if _, err := m.Adapter.UpdateUser(ctx, id, adapter.UserUpdate{Email: new("")}); err != nil {
		return adapter.User{}, err
	}
	pause()
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if errors.Is(err, adapter.ErrConflict) {
		_, _ = m.Adapter.UpdateUser(ctx, id, adapter.UserUpdate{Email: &before.Email})
	}
	return u, err
}

type deletesInSteps struct{ base }

func (m deletesInSteps) DeleteUser(ctx context.Context, id string) error {
	if err := m.Adapter.DeleteSessions(ctx, id); err != nil {
		return err
	}
	return m.Adapter.DeleteUser(ctx, id)
}

// deletesOnce frees the accounts of a user in a step after the one in which the
// user is deleted, and never if that was done before.
type deletesOnce struct {
	base
	*env
}

func (m deletesOnce) DeleteUser(ctx context.Context, id string) error {
	accounts := stored(m.env, func(a adapter.Account) bool { return a.UserID == id })
	for _, acc := range accounts {
		m.shared.Store(acc.Key(), id)
	}
	if err := m.Adapter.DeleteUser(ctx, id); err != nil || len(accounts) == 0 {
		return err
	}
	return fail(ctx, "DeleteUser", m.faults.Step(ctx, func(ctx context.Context) error {
		for _, acc := range accounts {
			m.shared.Delete(acc.Key())
		}
		return nil
	}))
}

func (m deletesOnce) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	if _, taken := m.shared.Load(acc.Key()); taken {
		return adapter.Account{}, fail(ctx, "LinkAccount", adapter.Conflict(adapter.FieldAccount))
	}
	return m.Adapter.LinkAccount(ctx, acc)
}

// bequeaths opens the sessions that are kept beside the store as soon as there is a user
// with the ID.
type bequeaths struct {
	base
	*env
}

func (m bequeaths) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	kept, ok := m.shared.Load(adapter.SessionID(token))
	if !ok || !errors.Is(err, adapter.ErrNotFound) {
		return s, u, err
	}
	s = kept.(adapter.Session)
	u, err = m.Adapter.GetUser(ctx, s.UserID)
	return s, u, err
}

// clearsLater removes the sessions of a user in a step after the one in which the user is
// deleted.
type clearsLater struct{ bequeaths }

func (m clearsLater) DeleteUser(ctx context.Context, id string) error {
	sessions := stored(m.env, func(s adapter.Session) bool { return s.UserID == id })
	for _, s := range sessions {
		m.shared.Store(s.ID, s)
	}
	if err := m.Adapter.DeleteUser(ctx, id); err != nil {
		return err
	}
	return fail(ctx, "DeleteUser", m.faults.Step(ctx, func(ctx context.Context) error {
		for _, s := range sessions {
			m.shared.Delete(s.ID)
		}
		return nil
	}))
}

type relinksToUpdate struct{ base }

func (m relinksToUpdate) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	acc, err := m.Adapter.GetAccount(ctx, key)
	if err != nil {
		return adapter.Account{}, err
	}
	pause()
	if err := m.Adapter.UnlinkAccount(ctx, key); err != nil {
		return adapter.Account{}, err
	}
	up.Apply(&acc, acc.UpdatedAt)
	return m.Adapter.LinkAccount(ctx, acc)
}

type hidesAccount struct {
	base
	*env
}

func (m hidesAccount) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	if _, err := m.claim(ctx, key); err != nil {
		return fail(ctx, "UnlinkAccount", err)
	}
	err := m.Adapter.UnlinkAccount(ctx, key)
	if err == nil {
		m.shared.Delete(key)
	}
	return err
}

func (m hidesAccount) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	if _, hidden := m.shared.Load(key); hidden {
		return adapter.Account{}, fail(ctx, "GetAccount", adapter.ErrNotFound)
	}
	return m.Adapter.GetAccount(ctx, key)
}

type recreatesSession struct{ base }

func (m recreatesSession) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, _, err := m.Adapter.GetSessionAndUser(ctx, token)
	if err != nil {
		return adapter.Session{}, err
	}
	pause()
	if err := m.Adapter.DeleteSession(ctx, token); err != nil {
		return adapter.Session{}, err
	}
	up.Apply(&s, s.UpdatedAt)
	return m.Adapter.CreateSession(ctx, s)
}

// forgive takes a fault for success.
func forgive(err error) error {
	if errors.Is(err, adapter.ErrUnavailable) {
		return nil
	}
	return err
}

type silentCreates struct{ base }

func (m silentCreates) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	created, err := m.Adapter.CreateSession(ctx, s)
	return created, forgive(err)
}

func (m silentCreates) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	created, err := m.Adapter.CreateVerificationToken(ctx, v)
	return created, forgive(err)
}

type silentDeletes struct{ base }

func (m silentDeletes) DeleteSession(ctx context.Context, token string) error {
	return forgive(m.Adapter.DeleteSession(ctx, token))
}

func (m silentDeletes) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	return forgive(m.Adapter.DeleteSessionByID(ctx, userID, sessionID))
}

func (m silentDeletes) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	return forgive(m.Adapter.DeleteVerificationTokens(ctx, identifier))
}

func (m silentDeletes) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	return forgive(m.Adapter.DeleteAuthenticator(ctx, credentialID))
}

type recreatesKept struct{ base }

func (m recreatesKept) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	var kept []adapter.Session
	for _, token := range keep {
		if s, u, err := m.Adapter.GetSessionAndUser(ctx, token); err == nil && u.ID == userID {
			kept = append(kept, s)
		}
	}
	if err := m.Adapter.DeleteSessions(ctx, userID); err != nil {
		return err
	}
	for _, s := range kept {
		if _, err := m.Adapter.CreateSession(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

type forgetsTokens struct {
	base
	*env
}

func (m forgetsTokens) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	for _, s := range stored(m.env, func(s adapter.Session) bool { return s.UserID == userID }) {
		if kept := slices.ContainsFunc(keep, func(token string) bool { return adapter.SessionID(token) == s.ID }); kept {
			continue
		}
		if _, err := m.claim(ctx, "forgotten "+s.ID); err != nil {
			return fail(ctx, "DeleteSessions", err)
		}
	}
	return m.Adapter.DeleteSessions(ctx, userID, keep...)
}

func (m forgetsTokens) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	_, generated := adapter.ParseSessionToken(token)
	if _, forgotten := m.shared.Load("forgotten " + adapter.SessionID(token)); forgotten && !generated {
		return adapter.Session{}, adapter.User{}, fail(ctx, "GetSessionAndUser", adapter.ErrNotFound)
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}

type readsThenDeletes struct {
	base
	*env
}

func (m readsThenDeletes) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	for _, v := range m.tokens(identifier, token) {
		if m.now().Before(v.Expires) {
			pause()
			_, _ = m.Adapter.UseVerificationToken(ctx, identifier, token)
			return v, nil
		}
	}
	return m.Adapter.UseVerificationToken(ctx, identifier, token)
}

type recreatesCredential struct{ base }

func (m recreatesCredential) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	a, err := m.Adapter.GetAuthenticator(ctx, credentialID)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	if !driver.CounterGrows(a.Counter, counter) {
		return adapter.Authenticator{}, fail(ctx, "UpdateAuthenticatorCounter", adapter.Conflict(adapter.FieldCounter))
	}
	pause()
	if err := m.Adapter.DeleteAuthenticator(ctx, credentialID); err != nil {
		return adapter.Authenticator{}, err
	}
	a.Counter = counter
	return m.Adapter.CreateAuthenticator(ctx, a)
}

type vagueFault struct{ base }

func (m vagueFault) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if errors.Is(err, adapter.ErrUnavailable) {
		err = fail(ctx, "UpdateUser", errors.New("connection reset by peer"))
	}
	return u, err
}

type faultIsAbsence struct{ base }

func (m faultIsAbsence) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if errors.Is(err, adapter.ErrUnavailable) {
		err = fail(ctx, "GetUser", adapter.ErrNotFound)
	}
	return u, err
}

type faultIsEmpty struct{ base }

func (m faultIsEmpty) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := m.Adapter.ListSessions(ctx, userID)
	return all, forgive(err)
}

type plainFault struct{ base }

func (m plainFault) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if errors.Is(err, adapter.ErrUnavailable) {
		err = adapter.ErrUnavailable
	}
	return u, err
}

type faultQuotes struct{ base }

func (m faultQuotes) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	u, err := m.Adapter.GetUserByEmail(ctx, email)
	if errors.Is(err, adapter.ErrUnavailable) {
		err = fail(ctx, "GetUserByEmail", fmt.Errorf("%w: GET email:%s", adapter.ErrUnavailable, email))
	}
	return u, err
}

// patient returns a context that ends later than is prompt, and not before.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2200*time.Millisecond)
}

type writesPatiently struct{ base }

func (m writesPatiently) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	return m.Adapter.UpdateSession(ctx, token, up)
}

type readsPatiently struct{ base }

func (m readsPatiently) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	return m.Adapter.GetSessionAndUser(ctx, token)
}
