package memory

import (
	"context"
	"slices"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// copy returns the session with a token, which may not be stored.
func (s *session) copy(token string) adapter.Session {
	c := s.Session
	c.SessionToken = token
	c.Attributes = c.Attributes.Clone()
	return c
}

func (m *memory) CreateSession(_ context.Context, s adapter.Session) (adapter.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expiry.reap(m.options.Now(), reapPerCreate)
	owner := m.users[s.UserID]
	if owner == nil {
		return adapter.Session{}, unknownUser(driver.SessionRecord)
	}
	if other := m.sessions[s.ID]; other != nil {
		if live(other.Expires, m.options.Now()) {
			return adapter.Session{}, adapter.Conflict(adapter.FieldSessionToken)
		}
		m.removeSession(other) // expired, but not removed yet
	}
	return m.addSession(owner, s).copy(s.SessionToken), nil
}

// ImportSession implements adapter.SessionImporter.
func (m *memory) ImportSession(ctx context.Context, s adapter.Session) error {
	_, err := m.CreateSession(ctx, s)
	return err
}

func (m *memory) addSession(owner *user, s adapter.Session) *session {
	stored := &session{Session: s, owner: owner}
	stored.Attributes = s.Attributes.Clone()
	if !m.options.PlainSessionTokens {
		stored.SessionToken = ""
	}
	m.sessions[s.ID] = stored
	owner.sessions[stored] = struct{}{}
	m.expiry.start(&stored.timer, s.Expires, func() { m.removeSession(stored) })
	return stored
}

func (s *Store) removeSession(se *session) {
	s.expiry.stop(&se.timer)
	delete(s.sessions, se.ID)
	delete(se.owner.sessions, se)
}

// liveSession returns the session with a token, or ErrNotFound if there is none that is live.
func (m *memory) liveSession(token string) (*session, error) {
	s := m.sessions[adapter.SessionID(token)]
	if s == nil || !live(s.Expires, m.options.Now()) {
		return nil, adapter.ErrNotFound
	}
	return s, nil
}

func (m *memory) GetSessionAndUser(_ context.Context, token string) (adapter.Session, adapter.User, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s, err := m.liveSession(token)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	return s.copy(token), s.owner.copy(), nil
}

func (m *memory) UpdateSession(_ context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.liveSession(token)
	if err != nil {
		return adapter.Session{}, err
	}
	up.Apply(&s.Session, m.options.Now())
	m.expiry.move(&s.timer, s.Expires)
	return s.copy(token), nil
}

func (m *memory) DeleteSession(_ context.Context, token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sessions[adapter.SessionID(token)]; s != nil {
		m.removeSession(s)
	}
	return nil
}

func (m *memory) ListSessions(_ context.Context, userID string) ([]adapter.Session, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	u := m.users[userID]
	if u == nil {
		return nil, nil
	}
	now := m.options.Now()
	all := make([]adapter.Session, 0, len(u.sessions))
	for s := range u.sessions {
		if live(s.Expires, now) {
			all = append(all, s.copy(""))
		}
	}
	return all, nil
}

func (m *memory) DeleteSessionByID(_ context.Context, userID, sessionID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sessions[sessionID]; s != nil && s.UserID == userID {
		m.removeSession(s)
	}
	return nil
}

func (m *memory) DeleteSessions(_ context.Context, userID string, keep ...string) error {
	keepIDs := make([]string, len(keep))
	for i, token := range keep {
		keepIDs[i] = adapter.SessionID(token)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[userID]
	if u == nil {
		return nil
	}
	for s := range u.sessions {
		if !slices.Contains(keepIDs, s.ID) {
			m.removeSession(s)
		}
	}
	return nil
}
