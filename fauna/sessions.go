package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateSession(ctx context.Context, session adapter.Session) (adapter.Session, error) {
	stored := s.options.SessionKey(session.SessionToken)
	return session, s.own(ctx, createSession, session.UserID, "Session", args{"session": encodeSession(session, stored)})
}

// live returns the arguments that find the live session with a token.
func (s *store) live(token string) args {
	return args{"token": s.options.SessionKey(token), "now": s.options.Now()}
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	r, err := s.query(ctx, getSessionAndUser, s.live(token))
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	session, user := fields(r["session"]), fields(r["user"])
	if session == nil || user == nil {
		return adapter.Session{}, adapter.User{}, adapter.ErrNotFound
	}
	return known(session, token), decodeUser(user), nil
}

// known decodes a session whose token the caller knows.
func known(d doc, token string) adapter.Session {
	session, _ := decodeSession(d)
	session.ID, session.SessionToken = adapter.SessionID(token), token
	return session
}

func (s *store) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	a := s.live(token)
	a["changes"], a["ttl"] = encodeSessionUpdate(up, s.options.Now()), nil
	if up.Expires != nil {
		a["ttl"] = up.Expires.Add(grace)
	}
	d, err := s.one(ctx, updateSession, a, "session")
	if err != nil {
		return adapter.Session{}, err
	}
	return known(d, token), nil
}

func (s *store) DeleteSession(ctx context.Context, token string) error {
	_, err := s.query(ctx, deleteSession, args{"token": s.options.SessionKey(token)})
	return err
}

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	sessions, _, err := s.sessionsOf(ctx, userID)
	return sessions, err
}

// sessionsOf returns a user's live sessions, and what is stored of their tokens.
func (s *store) sessionsOf(ctx context.Context, userID string) (sessions []adapter.Session, stored []string, err error) {
	if !isID(userID) {
		return nil, nil, nil
	}
	sessions, err = list(ctx, s, listSessions, args{"id": userID, "now": s.options.Now()}, func(d doc) adapter.Session {
		session, token := decodeSession(d)
		session.ID = s.sessionID(token)
		stored = append(stored, token)
		return session
	})
	return sessions, stored, err
}

// sessionID returns the ID of a session by what is stored of its token.
func (s *store) sessionID(stored string) string {
	if s.options.PlainSessionTokens {
		return adapter.SessionID(stored)
	}
	return stored
}

func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	if !s.options.PlainSessionTokens {
		return s.deleteOwn(ctx, userID, sessionID)
	}
	_, stored, err := s.sessionsOf(ctx, userID)
	if err != nil {
		return err
	}
	for _, token := range stored {
		if s.sessionID(token) == sessionID {
			return s.deleteOwn(ctx, userID, token)
		}
	}
	return nil
}

// deleteOwn deletes a session by what is stored of its token, if it is the user's.
func (s *store) deleteOwn(ctx context.Context, userID, stored string) error {
	_, err := s.query(ctx, deleteOwnSession, args{"id": userID, "token": stored})
	return err
}

func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	stored := make([]string, len(keep))
	for i, token := range keep {
		stored[i] = s.options.SessionKey(token)
	}
	return s.sweep(ctx, deleteSessions, args{"id": userID, "keep": stored})
}
