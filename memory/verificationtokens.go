package memory

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (m *memory) CreateVerificationToken(_ context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expiry.reap(m.options.Now(), reapPerCreate)
	if old := m.tokens[t.Identifier][t.Token]; old != nil {
		if live(old.Expires, m.options.Now()) {
			return adapter.VerificationToken{}, adapter.Conflict(adapter.FieldVerificationToken)
		}
		m.removeToken(old)
	}
	byToken := m.tokens[t.Identifier]
	if byToken == nil {
		byToken = map[string]*token{}
		m.tokens[t.Identifier] = byToken
	}
	stored := &token{VerificationToken: t}
	byToken[t.Token] = stored
	m.expiry.start(&stored.timer, t.Expires, func() { m.removeToken(stored) })
	return t, nil
}

func (s *Store) removeToken(t *token) {
	s.expiry.stop(&t.timer)
	byToken := s.tokens[t.Identifier]
	delete(byToken, t.Token)
	if len(byToken) == 0 {
		delete(s.tokens, t.Identifier)
	}
}

func (m *memory) UseVerificationToken(_ context.Context, identifier, value string) (adapter.VerificationToken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tokens[identifier][value]
	if t == nil {
		return adapter.VerificationToken{}, adapter.ErrNotFound
	}
	m.removeToken(t)
	if !live(t.Expires, m.options.Now()) {
		return adapter.VerificationToken{}, adapter.ErrExpired
	}
	return t.VerificationToken, nil
}

func (m *memory) DeleteVerificationTokens(_ context.Context, identifier string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tokens[identifier] {
		m.removeToken(t)
	}
	return nil
}
