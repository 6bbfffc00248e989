package memory

import (
	"context"
	"slices"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (a *authenticator) copy() adapter.Authenticator {
	c := a.Authenticator
	c.Transports = slices.Clone(c.Transports)
	c.Attributes = c.Attributes.Clone()
	return c
}

func (m *memory) CreateAuthenticator(_ context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	owner := m.users[a.UserID]
	if owner == nil {
		return adapter.Authenticator{}, unknownUser(driver.AuthenticatorRecord)
	}
	if m.authenticators[a.CredentialID] != nil {
		return adapter.Authenticator{}, adapter.Conflict(adapter.FieldCredentialID)
	}
	return m.addAuthenticator(owner, a).copy(), nil
}

func (s *Store) addAuthenticator(owner *user, a adapter.Authenticator) *authenticator {
	stored := &authenticator{Authenticator: a, owner: owner}
	stored.Authenticator = stored.copy()
	stored.UserID = owner.ID
	s.authenticators[a.CredentialID] = stored
	owner.authenticators[stored] = struct{}{}
	return stored
}

func (s *Store) removeAuthenticator(a *authenticator) {
	delete(s.authenticators, a.CredentialID)
	delete(a.owner.authenticators, a)
}

func (m *memory) GetAuthenticator(_ context.Context, credentialID string) (adapter.Authenticator, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	a := m.authenticators[credentialID]
	if a == nil {
		return adapter.Authenticator{}, adapter.ErrNotFound
	}
	return a.copy(), nil
}

func (m *memory) ListAuthenticators(_ context.Context, userID string) ([]adapter.Authenticator, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	u := m.users[userID]
	if u == nil {
		return nil, nil
	}
	all := make([]adapter.Authenticator, 0, len(u.authenticators))
	for a := range u.authenticators {
		all = append(all, a.copy())
	}
	return all, nil
}

func (m *memory) UpdateAuthenticatorCounter(_ context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.authenticators[credentialID]
	if a == nil {
		return adapter.Authenticator{}, adapter.ErrNotFound
	}
	if !driver.CounterGrows(a.Counter, counter) {
		return adapter.Authenticator{}, adapter.Conflict(adapter.FieldCounter)
	}
	a.Counter, a.UpdatedAt = counter, m.options.Now()
	return a.copy(), nil
}

func (m *memory) UpdateAuthenticator(_ context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.authenticators[credentialID]
	if a == nil {
		return adapter.Authenticator{}, adapter.ErrNotFound
	}
	up.Apply(&a.Authenticator, m.options.Now())
	return a.copy(), nil
}

func (m *memory) DeleteAuthenticator(_ context.Context, credentialID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.authenticators[credentialID]; a != nil {
		m.removeAuthenticator(a)
	}
	return nil
}
