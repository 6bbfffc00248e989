package memory

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (u *user) copy() adapter.User {
	c := u.User
	c.Attributes = c.Attributes.Clone()
	return c
}

func (m *memory) CreateUser(_ context.Context, u adapter.User) (adapter.User, error) {
	if _, err := driver.Identify(m.options, &u); err != nil {
		return adapter.User{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkNewUser(u); err != nil {
		return adapter.User{}, err
	}
	return m.addUser(u).copy(), nil
}

func (m *memory) CreateUserWithAccount(_ context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	if _, err := driver.Identify(m.options, &u); err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkNewUser(u); err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	if m.accounts[a.Key()] != nil {
		return adapter.User{}, adapter.Account{}, adapter.Conflict(adapter.FieldAccount)
	}
	owner := m.addUser(u)
	return owner.copy(), m.addAccount(owner, a).copy(), nil
}

func (m *memory) CreateUserWithAuthenticator(_ context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	if _, err := driver.Identify(m.options, &u); err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkNewUser(u); err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	if m.authenticators[a.CredentialID] != nil {
		return adapter.User{}, adapter.Authenticator{}, adapter.Conflict(adapter.FieldCredentialID)
	}
	owner := m.addUser(u)
	return owner.copy(), m.addAuthenticator(owner, a).copy(), nil
}

func (m *memory) NewID() string { return m.options.NewID() }

func (s *Store) checkNewUser(u adapter.User) error {
	if s.users[u.ID] != nil {
		return adapter.Conflict(adapter.FieldUserID)
	}
	if s.emails[u.Email] != nil {
		return adapter.Conflict(adapter.FieldUserEmail)
	}
	return nil
}

func (s *Store) addUser(u adapter.User) *user {
	stored := &user{
		User:           u,
		accounts:       map[*account]struct{}{},
		sessions:       map[*session]struct{}{},
		authenticators: map[*authenticator]struct{}{},
	}
	stored.Attributes = u.Attributes.Clone()
	s.users[u.ID] = stored
	if u.Email != "" {
		s.emails[u.Email] = stored
	}
	return stored
}

func (m *memory) GetUser(_ context.Context, id string) (adapter.User, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return copyOrNotFound(m.users[id])
}

func (m *memory) GetUserByEmail(_ context.Context, email string) (adapter.User, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return copyOrNotFound(m.emails[email])
}

func (m *memory) GetUserByAccount(_ context.Context, key adapter.AccountKey) (adapter.User, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	a := m.accounts[key]
	if a == nil {
		return adapter.User{}, adapter.ErrNotFound
	}
	return a.owner.copy(), nil
}

// copyOrNotFound returns a copy of u, or ErrNotFound if u is nil.
func copyOrNotFound(u *user) (adapter.User, error) {
	if u == nil {
		return adapter.User{}, adapter.ErrNotFound
	}
	return u.copy(), nil
}

func (m *memory) UpdateUser(_ context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[id]
	if u == nil {
		return adapter.User{}, adapter.ErrNotFound
	}
	if up.Email != nil {
		if err := m.moveEmail(u, *up.Email); err != nil {
			return adapter.User{}, err
		}
	}
	up.Apply(&u.User, m.options.Now())
	return u.copy(), nil
}

// moveEmail changes the address of a user in the index.
func (s *Store) moveEmail(u *user, email string) error {
	if other := s.emails[email]; other != nil && other != u {
		return adapter.Conflict(adapter.FieldUserEmail)
	}
	delete(s.emails, u.Email)
	if email != "" {
		s.emails[email] = u
	}
	return nil
}

func (m *memory) DeleteUser(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[id]
	if u == nil {
		return nil
	}
	for a := range u.accounts {
		m.removeAccount(a)
	}
	for s := range u.sessions {
		m.removeSession(s)
	}
	for a := range u.authenticators {
		m.removeAuthenticator(a)
	}
	delete(m.emails, u.Email)
	delete(m.users, id)
	return nil
}

// unknownUser is the error of a record whose user does not exist.
func unknownUser(r driver.Record) error {
	return adapter.Invalid(string(r)+".UserID", "must be the ID of a user")
}
