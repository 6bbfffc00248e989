package sequence

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// model is what a store must do, written to be read. It has no index: every search
// goes through all records.
type model struct {
	now            func() time.Time
	users          map[string]adapter.User
	accounts       map[adapter.AccountKey]adapter.Account
	sessions       map[string]adapter.Session // by token; also those that have expired
	links          map[linkKey]adapter.VerificationToken
	authenticators map[string]adapter.Authenticator
}

type linkKey struct{ identifier, token string }

func newModel(now func() time.Time) *model {
	return &model{
		now:            now,
		users:          map[string]adapter.User{},
		accounts:       map[adapter.AccountKey]adapter.Account{},
		sessions:       map[string]adapter.Session{},
		links:          map[linkKey]adapter.VerificationToken{},
		authenticators: map[string]adapter.Authenticator{},
	}
}

// What a call may answer, as describe puts it.
const (
	success  = "no error"
	notFound = "not found"
)

func conflictOn(field string) string { return "conflict on " + field }
func invalid(field string) string    { return "invalid " + field }

// describe puts an error in the words above, and one that no call may answer in its
// own.
func describe(err error) string {
	var c *adapter.ConflictError
	var i *adapter.InvalidError
	switch {
	case err == nil:
		return success
	case errors.Is(err, adapter.ErrNotFound):
		return notFound
	case errors.As(err, &c):
		return conflictOn(c.Field)
	case errors.As(err, &i):
		return invalid(i.Field)
	}
	return err.Error()
}

func (m *model) userByEmail(email string) (adapter.User, string) {
	for _, u := range m.users {
		if u.Email != "" && u.Email == strings.ToLower(email) {
			return u, success
		}
	}
	return adapter.User{}, notFound
}

func (m *model) userByAccount(key adapter.AccountKey) (adapter.User, string) {
	a, there := m.accounts[key]
	if !there {
		return adapter.User{}, notFound
	}
	return m.users[a.UserID], success
}

// conflicts returns why a new user cannot be stored.
func (m *model) conflicts(u adapter.User) []string {
	var all []string
	if _, taken := m.users[u.ID]; taken {
		all = append(all, conflictOn(adapter.FieldUserID))
	}
	if _, owner := m.userByEmail(u.Email); owner == success {
		all = append(all, conflictOn(adapter.FieldUserEmail))
	}
	return all
}

func (m *model) addUser(u adapter.User) adapter.User {
	u.Email = strings.ToLower(u.Email)
	u.CreatedAt, u.UpdatedAt = m.now(), m.now()
	m.users[u.ID] = u
	return u
}

func (m *model) addAccount(a adapter.Account) adapter.Account {
	a.CreatedAt, a.UpdatedAt = m.now(), m.now()
	m.accounts[a.Key()] = a
	return a
}

func (m *model) addSession(s adapter.Session) adapter.Session {
	s.ID = adapter.SessionID(s.SessionToken)
	s.CreatedAt, s.UpdatedAt = m.now(), m.now()
	m.sessions[s.SessionToken] = s
	return s
}

func (m *model) addAuthenticator(a adapter.Authenticator) adapter.Authenticator {
	a.CreatedAt, a.UpdatedAt = m.now(), m.now()
	m.authenticators[a.CredentialID] = a
	return a
}

func (m *model) addLink(v adapter.VerificationToken) adapter.VerificationToken {
	v.CreatedAt = m.now()
	m.links[linkKey{v.Identifier, v.Token}] = v
	return v
}

func (m *model) updateUser(id string, up adapter.UserUpdate) adapter.User {
	u := m.users[id]
	change(&u.Name, up.Name)
	if up.Email != nil {
		u.Email = strings.ToLower(*up.Email)
	}
	change(&u.EmailVerified, up.EmailVerified)
	change(&u.Image, up.Image)
	u.Attributes = changed(u.Attributes, up.Attributes, up.RemoveAttributes)
	u.UpdatedAt = m.now()
	m.users[id] = u
	return u
}

func (m *model) updateAccount(key adapter.AccountKey, up adapter.AccountUpdate) adapter.Account {
	a := m.accounts[key]
	change(&a.RefreshToken, up.RefreshToken)
	change(&a.AccessToken, up.AccessToken)
	change(&a.ExpiresAt, up.ExpiresAt)
	change(&a.Scope, up.Scope)
	a.Attributes = changed(a.Attributes, up.Attributes, up.RemoveAttributes)
	a.UpdatedAt = m.now()
	m.accounts[key] = a
	return a
}

func (m *model) updateSession(token string, up adapter.SessionUpdate) adapter.Session {
	s := m.sessions[token]
	change(&s.Expires, up.Expires)
	s.Attributes = changed(s.Attributes, up.Attributes, up.RemoveAttributes)
	s.UpdatedAt = m.now()
	m.sessions[token] = s
	return s
}

func (m *model) updateAuthenticator(id string, up adapter.AuthenticatorUpdate) adapter.Authenticator {
	a := m.authenticators[id]
	change(&a.CredentialBackedUp, up.CredentialBackedUp)
	change(&a.Transports, up.Transports)
	a.Attributes = changed(a.Attributes, up.Attributes, up.RemoveAttributes)
	a.UpdatedAt = m.now()
	m.authenticators[id] = a
	return a
}

func (m *model) count(id string, counter uint32) adapter.Authenticator {
	a := m.authenticators[id]
	a.Counter, a.UpdatedAt = counter, m.now()
	m.authenticators[id] = a
	return a
}

func change[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

func changed(old, set adapter.Attributes, removed []string) adapter.Attributes {
	all := adapter.Attributes{}
	maps.Copy(all, old)
	for _, name := range removed {
		delete(all, name)
	}
	maps.Copy(all, set)
	if len(all) == 0 {
		return nil
	}
	return all
}

// session returns a live session.
func (m *model) session(token string) (adapter.Session, string) {
	s, there := m.sessions[token]
	if !there || !m.now().Before(s.Expires) {
		return adapter.Session{}, notFound
	}
	return s, success
}

// useLink returns a token that can be used. It is gone either way.
func (m *model) useLink(key linkKey) (adapter.VerificationToken, string) {
	v, there := m.links[key]
	delete(m.links, key)
	if !there || !m.now().Before(v.Expires) {
		return adapter.VerificationToken{}, notFound
	}
	return v, success
}

func (m *model) deleteUser(id string) {
	delete(m.users, id)
	maps.DeleteFunc(m.accounts, func(_ adapter.AccountKey, a adapter.Account) bool { return a.UserID == id })
	maps.DeleteFunc(m.sessions, func(_ string, s adapter.Session) bool { return s.UserID == id })
	maps.DeleteFunc(m.authenticators, func(_ string, a adapter.Authenticator) bool { return a.UserID == id })
}

func (m *model) deleteSessions(userID string, keep []string) {
	maps.DeleteFunc(m.sessions, func(token string, s adapter.Session) bool {
		return s.UserID == userID && !slices.Contains(keep, token)
	})
}

func (m *model) accountsOf(userID string) []adapter.Account {
	var all []adapter.Account
	for _, a := range m.accounts {
		if a.UserID == userID {
			all = append(all, a)
		}
	}
	return sortAccounts(all)
}

// sessionsOf returns the live sessions of a user as a list has them.
func (m *model) sessionsOf(userID string) []adapter.Session {
	var all []adapter.Session
	for token, s := range m.sessions {
		if _, live := m.session(token); s.UserID == userID && live == success {
			s.SessionToken = ""
			all = append(all, s)
		}
	}
	return sortSessions(all)
}

func (m *model) authenticatorsOf(userID string) []adapter.Authenticator {
	var all []adapter.Authenticator
	for _, a := range m.authenticators {
		if a.UserID == userID {
			all = append(all, a)
		}
	}
	return sortAuthenticators(all)
}

func sortAccounts(all []adapter.Account) []adapter.Account {
	return slices.SortedFunc(slices.Values(all), func(a, b adapter.Account) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.ProviderAccountID, b.ProviderAccountID))
	})
}

func sortSessions(all []adapter.Session) []adapter.Session {
	return slices.SortedFunc(slices.Values(all), func(a, b adapter.Session) int { return cmp.Compare(a.ID, b.ID) })
}

func sortAuthenticators(all []adapter.Authenticator) []adapter.Authenticator {
	return slices.SortedFunc(slices.Values(all), func(a, b adapter.Authenticator) int { return cmp.Compare(a.CredentialID, b.CredentialID) })
}
