package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

var passkeyMutants = []mutant{
	{"a counter that stays is taken", []string{"PKY-007"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return equalCounter{base{inner}}
	}},
	{"an authenticator without a counter is refused", []string{"PKY-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return refusesZero{base{inner}}
	}},
	{"a counter of 0 is always taken", []string{"PKY-007", "PKY-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return takesZero{base{inner}}
	}},
	{"counters are kept in 31 bits", []string{"PKY-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return shortCounter{base{inner}}
	}},
	{"CreateAuthenticator overwrites the credential that has the ID", []string{"PKY-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return overwritesCredentials{base{inner}}
	}},
	{"UpdateAuthenticatorCounter of nothing returns a credential", []string{"PKY-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return counterUpserts{base{inner}}
	}},
	{"ListAuthenticators has everybody's", []string{"PKY-005"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return listsEverybodys{base{inner}, e}
	}},
	{"a credential of nobody is in everybody's list", []string{"PKY-010"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return ownedByAll{base{inner}, e}
	}},
	{"transports are kept sorted", []string{"PKY-001", "PKY-011"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return sortsTransports{base{inner}}
	}},
	{"credential IDs are kept as base64url", []string{"PKY-012"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return urlCredentials{base{inner}}
	}},
	{"DeleteAuthenticator hides the credential, whose ID stays taken", []string{"PKY-009"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return hidesCredentials{base{inner}, e}
	}},
	{"no transports come back as an empty list", []string{"PKY-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return emptyTransports{base{inner}}
	}},
	{"UpdateAuthenticatorCounter drops the attributes", []string{"PKY-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return countsAlone{base{inner}}
	}},
	{"a sign-in leaves UpdatedAt of the credential", []string{"PKY-006", "PKY-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return countsSilently{base{inner}}
	}},
	{"UpdateAuthenticator drops the transports that it is not given", []string{"PKY-013"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsTransports{base{inner}}
	}},
	{"UpdateAuthenticator takes no transports for none given", []string{"PKY-013"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return keepsTransports{base{inner}}
	}},
	{"UpdateAuthenticator of nothing returns a credential", []string{"PKY-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return authenticatorUpserts{base{inner}}
	}},
	{"UpdateAuthenticator splits transports at commas", []string{"PKY-014"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return splitsTransports{base{inner}}
	}},
	{"UpdateAuthenticator writes the backup state of an update that is refused", []string{"PKY-014"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return backsUpFirst{base{inner}}
	}},
	{"UpdateAuthenticator drops the attributes that it is not given", []string{"PKY-013", "PKY-015"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return replacesAttributes{base{inner}}
	}},
	{"attributes of authenticators are kept as text", []string{"PKY-001", "PKY-015"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return textAttributes{base{inner}}
	}},
	{"CreateUserWithAuthenticator drops the attributes of the credential", []string{"PKY-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return barePasskeys{base{inner}}
	}},
	{"CreateUserWithAuthenticator refuses a credential that names its user", []string{"PKY-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return refusesNamedOwner{base{inner}}
	}},
	{"CreateUserWithAuthenticator leaves the user behind when the credential is taken", []string{"PKY-017", "PKY-018", "RAC-045"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return registersInSteps{base{inner}, false}
	}},
	{"a sign-up ignores whom its credential names", []string{"PKY-018"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return ignoresNamedOwner{base{inner}}
	}},
	{"DeleteUser leaves the credential of the sign-up", []string{"PKY-019"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return keepsFirstPasskey{base{inner}, e}
	}},
}

type equalCounter struct{ base }

func (m equalCounter) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	a, err := m.Adapter.UpdateAuthenticatorCounter(ctx, credentialID, counter)
	if errors.Is(err, adapter.ErrConflict) {
		if now, getErr := m.Adapter.GetAuthenticator(ctx, credentialID); getErr == nil && now.Counter == counter {
			return now, nil
		}
	}
	return a, err
}

type refusesZero struct{ base }

func (m refusesZero) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	if counter == 0 {
		return adapter.Authenticator{}, fail(ctx, "UpdateAuthenticatorCounter", adapter.Conflict(adapter.FieldCounter))
	}
	return m.Adapter.UpdateAuthenticatorCounter(ctx, credentialID, counter)
}

type takesZero struct{ base }

func (m takesZero) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	if counter == 0 {
		return m.Adapter.GetAuthenticator(ctx, credentialID)
	}
	return m.Adapter.UpdateAuthenticatorCounter(ctx, credentialID, counter)
}

type shortCounter struct{ base }

func (m shortCounter) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	return m.Adapter.UpdateAuthenticatorCounter(ctx, credentialID, counter&(1<<31-1))
}

type overwritesCredentials struct{ base }

func (m overwritesCredentials) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	created, err := m.Adapter.CreateAuthenticator(ctx, a)
	if !errors.Is(err, adapter.ErrConflict) {
		return created, err
	}
	if err := m.Adapter.DeleteAuthenticator(ctx, a.CredentialID); err != nil {
		return adapter.Authenticator{}, err
	}
	return m.Adapter.CreateAuthenticator(ctx, a)
}

type counterUpserts struct{ base }

func (m counterUpserts) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	a, err := m.Adapter.UpdateAuthenticatorCounter(ctx, credentialID, counter)
	if errors.Is(err, adapter.ErrNotFound) {
		return adapter.Authenticator{CredentialID: credentialID, Counter: counter}, nil
	}
	return a, err
}

type listsEverybodys struct {
	base
	*env
}

func (m listsEverybodys) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	if _, err := m.Adapter.ListAuthenticators(ctx, userID); err != nil {
		return nil, err
	}
	return stored(m.env, func(adapter.Authenticator) bool { return true }), nil
}

type ownedByAll struct {
	base
	*env
}

func (m ownedByAll) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	created, err := m.Adapter.CreateAuthenticator(ctx, a)
	if refusesOwner(err) {
		m.shared.Store("nobody's", a)
		return a, nil
	}
	return created, err
}

func (m ownedByAll) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	all, err := m.Adapter.ListAuthenticators(ctx, userID)
	if a, ok := m.shared.Load("nobody's"); ok && err == nil {
		all = append(all, a.(adapter.Authenticator))
	}
	return all, err
}

type sortsTransports struct{ base }

func (m sortsTransports) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	a.Transports = slices.Sorted(slices.Values(a.Transports))
	return m.Adapter.CreateAuthenticator(ctx, a)
}

type urlCredentials struct{ base }

var toURL = strings.NewReplacer("+", "-", "/", "_", "=", "")

func (m urlCredentials) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	a.CredentialID = toURL.Replace(a.CredentialID)
	return m.Adapter.CreateAuthenticator(ctx, a)
}

func (m urlCredentials) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	return m.Adapter.GetAuthenticator(ctx, toURL.Replace(credentialID))
}

type hidesCredentials struct {
	base
	*env
}

func (m hidesCredentials) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	m.shared.Store(credentialID, true)
	return m.Adapter.DeleteAuthenticator(ctx, credentialID)
}

func (m hidesCredentials) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	if _, hidden := m.shared.Load(a.CredentialID); hidden {
		return adapter.Authenticator{}, fail(ctx, "CreateAuthenticator", adapter.Conflict(adapter.FieldCredentialID))
	}
	return m.Adapter.CreateAuthenticator(ctx, a)
}

type emptyTransports struct{ base }

func (m emptyTransports) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	a, err := m.Adapter.GetAuthenticator(ctx, credentialID)
	if err == nil && a.Transports == nil {
		a.Transports = []string{}
	}
	return a, err
}

type countsAlone struct{ base }

func (m countsAlone) UpdateAuthenticatorCounter(ctx context.Context, id string, counter uint32) (adapter.Authenticator, error) {
	a, err := m.Adapter.UpdateAuthenticatorCounter(ctx, id, counter)
	if err != nil {
		return a, err
	}
	return m.Adapter.UpdateAuthenticator(ctx, id, adapter.AuthenticatorUpdate{RemoveAttributes: slices.Collect(maps.Keys(a.Attributes))})
}

type countsSilently struct{ base }

func (m countsSilently) UpdateAuthenticatorCounter(ctx context.Context, id string, counter uint32) (adapter.Authenticator, error) {
	before, _ := m.Adapter.GetAuthenticator(ctx, id)
	a, err := m.Adapter.UpdateAuthenticatorCounter(ctx, id, counter)
	if err == nil {
		a.UpdatedAt = before.UpdatedAt
	}
	return a, err
}

type dropsTransports struct{ base }

func (m dropsTransports) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	if up.Transports == nil {
		up.Transports = &[]string{}
	}
	return m.Adapter.UpdateAuthenticator(ctx, id, up)
}

type keepsTransports struct{ base }

func (m keepsTransports) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	if up.Transports != nil && len(*up.Transports) == 0 {
		up.Transports = nil
	}
	return m.Adapter.UpdateAuthenticator(ctx, id, up)
}

type authenticatorUpserts struct{ base }

func (m authenticatorUpserts) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	a, err := m.Adapter.UpdateAuthenticator(ctx, id, up)
	if errors.Is(err, adapter.ErrNotFound) {
		a = adapter.Authenticator{CredentialID: id}
		up.Apply(&a, time.Time{})
		return a, nil
	}
	return a, err
}

type splitsTransports struct{ base }

func (m splitsTransports) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	if up.Transports != nil && len(*up.Transports) > 0 {
		up.Transports = new(strings.Split(strings.Join(*up.Transports, ","), ","))
	}
	return m.Adapter.UpdateAuthenticator(ctx, id, up)
}

type backsUpFirst struct{ base }

func (m backsUpFirst) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	a, err := m.Adapter.UpdateAuthenticator(ctx, id, up)
	if errors.Is(err, adapter.ErrInvalid) {
		_, _ = m.Adapter.UpdateAuthenticator(ctx, id, adapter.AuthenticatorUpdate{CredentialBackedUp: up.CredentialBackedUp})
	}
	return a, err
}

type replacesAttributes struct{ base }

func (m replacesAttributes) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	if a, err := m.Adapter.GetAuthenticator(ctx, id); err == nil && len(up.Attributes) > 0 {
		for name := range a.Attributes {
			if _, set := up.Attributes[name]; !set {
				up.RemoveAttributes = append(up.RemoveAttributes, name)
			}
		}
	}
	return m.Adapter.UpdateAuthenticator(ctx, id, up)
}

type textAttributes struct{ base }

func (m textAttributes) GetAuthenticator(ctx context.Context, id string) (adapter.Authenticator, error) {
	a, err := m.Adapter.GetAuthenticator(ctx, id)
	for name, v := range a.Attributes {
		a.Attributes[name] = fmt.Sprint(v)
	}
	return a, err
}

type barePasskeys struct{ base }

func (m barePasskeys) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	a.Attributes = nil
	return m.Adapter.CreateUserWithAuthenticator(ctx, u, a)
}

type refusesNamedOwner struct{ base }

func (m refusesNamedOwner) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	if a.UserID != "" {
		return adapter.User{}, adapter.Authenticator{}, fail(ctx, "CreateUserWithAuthenticator", adapter.Invalid("Authenticator.UserID", "must be empty"))
	}
	return m.Adapter.CreateUserWithAuthenticator(ctx, u, a)
}

// registersInSteps writes user and credential one after the other. It may clean up what it
// has written when the second one is refused.
type registersInSteps struct {
	base
	cleansUp bool
}

func (m registersInSteps) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	u, err := m.Adapter.CreateUser(ctx, u)
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	a.UserID = u.ID
	a, err = m.Adapter.CreateAuthenticator(ctx, a)
	if err != nil {
		if m.cleansUp {
			_ = m.Adapter.DeleteUser(ctx, u.ID)
		}
		return adapter.User{}, adapter.Authenticator{}, err
	}
	return u, a, nil
}

type ignoresNamedOwner struct{ base }

func (m ignoresNamedOwner) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	a.UserID = ""
	return m.Adapter.CreateUserWithAuthenticator(ctx, u, a)
}

type keepsFirstPasskey struct {
	base
	*env
}

func (m keepsFirstPasskey) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	created, made, err := m.Adapter.CreateUserWithAuthenticator(ctx, u, a)
	if err == nil {
		m.shared.Store(made.CredentialID, made)
	}
	return created, made, err
}

func (m keepsFirstPasskey) GetAuthenticator(ctx context.Context, id string) (adapter.Authenticator, error) {
	if a, kept := m.shared.Load(id); kept {
		return a.(adapter.Authenticator), nil
	}
	return m.Adapter.GetAuthenticator(ctx, id)
}
