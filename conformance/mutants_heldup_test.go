package conformance_test

import (
	"context"
	"errors"
	"slices"

	"github.com/authstore/authstore/adapter"
)

// heldUpMutants work as long as others do little between two of their steps.
var heldUpMutants = []mutant{
	{"CreateSession looks whose the token is that a cut call has claimed, and then takes it", []string{"HLD-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return checksRests{base{inner}, e}
	}},
	{"CreateUserWithAccount takes a user for its own who was made meanwhile with its ID", []string{"HLD-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return takesForItsOwn{base{inner}}
	}},
	{"UnlinkAccount takes the account away once more, whose ever it is then", []string{"HLD-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return unlinksTwice{base{inner}}
	}},
	{"LinkAccount checks the user, and locks the account of one who is deleted meanwhile", []string{"HLD-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return locksLate{base{inner}, e}
	}},
	{"UpdateAccount reads whose the account is, and says that it is taken if it is another's then", []string{"HLD-007"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return updatesOwn{base{inner}}
	}},
	{"DeleteSessionByID looks whose the session is, and ends it whose ever it is then", []string{"HLD-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return endsListed{base{inner}, e}
	}},
	{"DeleteAuthenticator of a credential that is gone gives its ID away, whose ever it is then", []string{"HLD-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return givesAway{base{inner}, e}
	}},
	{"CreateUserWithAccount looks whether the user is there, and refuses one who was deleted meanwhile", []string{"HLD-008"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return looksAgain{base{inner}, e}
	}},
	{"LinkAccount takes the user's own account out of the way", []string{"HLD-009"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return relinksOwn{looksAgain{base{inner}, e}}
	}},
	{"an expired token that somebody else has deleted is a conflict", []string{"HLD-010"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return conflictsWithTheDeleted{base{inner}, e}
	}},
}

type conflictsWithTheDeleted struct {
	base
	*env
}

func (m conflictsWithTheDeleted) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	for _, old := range m.tokens(v.Identifier, v.Token) {
		if m.now().Before(old.Expires) {
			continue
		}
		if _, err := m.Adapter.UseVerificationToken(ctx, v.Identifier, v.Token); errors.Is(err, adapter.ErrNotFound) {
			return adapter.VerificationToken{}, fail(ctx, "CreateVerificationToken", adapter.Conflict(adapter.FieldVerificationToken))
		}
	}
	return m.Adapter.CreateVerificationToken(ctx, v)
}

// looksAgain signs a user up in two steps.
type looksAgain struct {
	base
	*env
}

func (m looksAgain) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	u, a, err := m.Adapter.CreateUserWithAccount(ctx, u, a)
	if err != nil {
		return u, a, err
	}
	if _, err := m.claim(ctx, "signed up "+u.ID); err != nil {
		return adapter.User{}, adapter.Account{}, fail(ctx, "CreateUserWithAccount", err)
	}
	if _, err := m.Adapter.GetUser(ctx, u.ID); errors.Is(err, adapter.ErrNotFound) {
		return adapter.User{}, adapter.Account{}, fail(ctx, "CreateUserWithAccount", adapter.Conflict(adapter.FieldUserID))
	}
	return u, a, nil
}

type relinksOwn struct{ looksAgain }

func (m relinksOwn) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	if mine, err := m.Adapter.GetAccount(ctx, a.Key()); err == nil && mine.UserID == a.UserID {
		if err := m.Adapter.UnlinkAccount(ctx, a.Key()); err != nil {
			return adapter.Account{}, err
		}
	}
	return m.Adapter.LinkAccount(ctx, a)
}

type takesForItsOwn struct{ base }

func (m takesForItsOwn) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	_, before := m.Adapter.GetUser(ctx, u.ID)
	made, linked, err := m.Adapter.CreateUserWithAccount(ctx, u, a)
	if errors.Is(before, adapter.ErrNotFound) && isConflict(err, adapter.FieldUserID) {
		return u, a, nil
	}
	return made, linked, err
}

// checksRests claims a token before it makes the session.
type checksRests struct {
	base
	*env
}

func (m checksRests) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	claimed, err := m.claim(ctx, se.SessionToken)
	if err != nil {
		return adapter.Session{}, fail(ctx, "CreateSession", err)
	}
	if claimed {
		return checksToken{m.base}.CreateSession(ctx, se)
	}
	return m.Adapter.CreateSession(ctx, se)
}

type unlinksTwice struct{ base }

func (m unlinksTwice) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	if err := m.Adapter.UnlinkAccount(ctx, key); err != nil {
		return err
	}
	return m.Adapter.UnlinkAccount(ctx, key)
}

type locksLate struct {
	base
	*env
}

func (m locksLate) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	if _, locked := m.shared.Load(acc.Key()); locked {
		return adapter.Account{}, fail(ctx, "LinkAccount", adapter.Conflict(adapter.FieldAccount))
	}
	_, check := m.Adapter.GetUser(ctx, acc.UserID)
	linked, err := m.Adapter.LinkAccount(ctx, acc)
	if check == nil && errors.Is(err, adapter.ErrInvalid) {
		m.shared.Store(acc.Key(), true)
	}
	return linked, err
}

type updatesOwn struct{ base }

func (m updatesOwn) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	before, err := m.Adapter.GetAccount(ctx, key)
	if err != nil {
		return adapter.Account{}, fail(ctx, "UpdateAccount", err)
	}
	a, err := m.Adapter.UpdateAccount(ctx, key, up)
	if err == nil && a.UserID != before.UserID {
		return adapter.Account{}, fail(ctx, "UpdateAccount", adapter.Conflict(adapter.FieldAccount))
	}
	return a, err
}

type endsListed struct {
	base
	*env
}

func (m endsListed) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	all, err := m.Adapter.ListSessions(ctx, userID)
	if err != nil || !slices.ContainsFunc(all, func(se adapter.Session) bool { return se.ID == sessionID }) {
		return err
	}
	return m.faults.Step(ctx, func(ctx context.Context) error {
		for _, se := range stored(m.env, func(se adapter.Session) bool { return se.ID == sessionID }) {
			userID = se.UserID
		}
		return innermost(m.Adapter).DeleteSessionByID(ctx, userID, sessionID)
	})
}

// givesAway deletes a credential in two steps if it is gone.
type givesAway struct {
	base
	*env
}

func (m givesAway) DeleteAuthenticator(ctx context.Context, id string) error {
	if _, err := m.Adapter.GetAuthenticator(ctx, id); !errors.Is(err, adapter.ErrNotFound) {
		return m.Adapter.DeleteAuthenticator(ctx, id)
	}
	err := m.faults.Step(ctx, func(ctx context.Context) error {
		if _, err := innermost(m.Adapter).GetAuthenticator(ctx, id); err == nil {
			m.shared.Store("given away "+id, true)
		}
		return nil
	})
	return fail(ctx, "DeleteAuthenticator", err)
}

func (m givesAway) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	if _, given := m.shared.LoadAndDelete("given away " + a.CredentialID); given {
		if err := m.Adapter.DeleteAuthenticator(ctx, a.CredentialID); err != nil {
			return adapter.Authenticator{}, err
		}
	}
	return m.Adapter.CreateAuthenticator(ctx, a)
}
