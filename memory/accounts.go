package memory

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (a *account) copy() adapter.Account {
	c := a.Account
	c.Attributes = c.Attributes.Clone()
	return c
}

func (m *memory) LinkAccount(_ context.Context, a adapter.Account) (adapter.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	owner := m.users[a.UserID]
	if owner == nil {
		return adapter.Account{}, unknownUser(driver.AccountRecord)
	}
	if m.accounts[a.Key()] != nil {
		return adapter.Account{}, adapter.Conflict(adapter.FieldAccount)
	}
	return m.addAccount(owner, a).copy(), nil
}

func (s *Store) addAccount(owner *user, a adapter.Account) *account {
	stored := &account{Account: a, owner: owner}
	stored.UserID, stored.Attributes = owner.ID, a.Attributes.Clone()
	s.accounts[a.Key()] = stored
	owner.accounts[stored] = struct{}{}
	return stored
}

func (s *Store) removeAccount(a *account) {
	delete(s.accounts, a.Key())
	delete(a.owner.accounts, a)
}

func (m *memory) GetAccount(_ context.Context, key adapter.AccountKey) (adapter.Account, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	a := m.accounts[key]
	if a == nil {
		return adapter.Account{}, adapter.ErrNotFound
	}
	return a.copy(), nil
}

func (m *memory) ListAccounts(_ context.Context, userID string) ([]adapter.Account, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	u := m.users[userID]
	if u == nil {
		return nil, nil
	}
	all := make([]adapter.Account, 0, len(u.accounts))
	for a := range u.accounts {
		all = append(all, a.copy())
	}
	return all, nil
}

func (m *memory) UpdateAccount(_ context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[key]
	if a == nil {
		return adapter.Account{}, adapter.ErrNotFound
	}
	up.Apply(&a.Account, m.options.Now())
	return a.copy(), nil
}

func (m *memory) UnlinkAccount(_ context.Context, key adapter.AccountKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.accounts[key]; a != nil {
		m.removeAccount(a)
	}
	return nil
}
