package fauna

import (
	"context"
	"slices"
	"time"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateSession(ctx context.Context, session adapter.Session) (adapter.Session, error) {
	stored := s.options.SessionKey(session.SessionToken)
	return session, s.own(ctx, createSession, session.UserID, "Session", adapter.FieldSessionToken, args{"session": encodeSession(session, stored)})
}

// live returns the arguments that find the live session with a token.
func (s *store) live(token string) args {
	return args{"token": s.options.SessionKey(token), "now": s.options.Now()}
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	a := s.live(token)
	r, err := s.query(ctx, getSessionAndUser, a)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	d, user := fields(r["session"]), fields(r["user"])
	if d == nil || user == nil {
		return adapter.Session{}, adapter.User{}, adapter.ErrNotFound
	}
	session, err := s.known(d, token, a["now"].(time.Time))
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	return session, decodeUser(user), nil
}

// known decodes a session whose token the caller knows, and that must be live.
func (s *store) known(d doc, token string, now time.Time) (adapter.Session, error) {
	session, err := decodeSession(d, s.names.Sessions)
	if err != nil {
		return adapter.Session{}, err
	}
	if !now.Before(session.Expires) {
		return adapter.Session{}, adapter.ErrNotFound
	}
	session.ID, session.SessionToken = adapter.SessionID(token), token
	return session, nil
}

func (s *store) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	a := s.live(token)
	now := a["now"].(time.Time)
	a["changes"], a["ttl"], a["seen"], a["reserved"] = encodeSessionUpdate(up, now), nil, nil, reserved
	if up.Expires != nil {
		a["ttl"] = up.Expires.Add(grace)
	}
	d, err := s.settled(ctx, updateSession, a, "session", func(d doc) error {
		_, err := s.known(d, token, now)
		return err
	})
	if err != nil {
		return adapter.Session{}, err
	}
	session, err := decodeSession(d, s.names.Sessions)
	session.ID, session.SessionToken = adapter.SessionID(token), token
	return session, err
}

// settled runs a query that changes a document unless it has a field in a form that FQL does
// not know. Of such a one judge says whether it can be read and is live; the query then
// changes it if nobody else has meanwhile.
func (s *store) settled(ctx context.Context, fql string, a args, name string, judge func(doc) error) (doc, error) {
	for {
		r, err := s.query(ctx, fql, a)
		if err != nil {
			return nil, err
		}
		d := fields(r[name])
		switch {
		case d == nil:
			return nil, adapter.ErrNotFound
		case r["odd"] != true:
			return d, nil
		}
		object, _ := r[name].(map[string]any)
		a["seen"] = object["ts"]
		if err := judge(d); err != nil {
			return nil, err
		}
	}
}

func (s *store) DeleteSession(ctx context.Context, token string) error {
	_, err := s.query(ctx, deleteSession, args{"token": s.options.SessionKey(token)})
	return err
}

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	if !isID(userID) {
		return nil, nil
	}
	now := s.options.Now()
	return list(ctx, s, listSessions, args{"id": userID, "now": now}, func(d doc) (adapter.Session, bool) {
		id := d.storedSessionID(s.options.PlainSessionTokens)
		session, err := decodeSession(d, s.names.Sessions)
		session.ID = id
		return session, err == nil && now.Before(session.Expires)
	})
}

func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	if !isID(userID) {
		return nil
	}
	digest := sessionID
	if s.options.PlainSessionTokens {
		digest = "" // what is stored is no digest
	}
	a := args{"id": userID, "digest": digest, "plain": s.options.PlainSessionTokens}
	documents, err := list(ctx, s, deleteOwnSession, a, func(d doc) (string, bool) {
		return d.takeText(fieldID), d.storedSessionID(s.options.PlainSessionTokens) == sessionID
	})
	if err != nil {
		return err
	}
	return s.delete(ctx, s.names.Sessions, documents)
}

func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	if !isID(userID) {
		return nil
	}
	stored := make([]string, len(keep))
	for i, token := range keep {
		stored[i] = s.options.SessionKey(token)
	}
	err := s.sweep(ctx, deleteSessions, args{"id": userID, "keep": stored})
	if !contended(err) {
		return err
	}
	return s.clear(ctx, s.names.Sessions, ownDocuments, args{"id": userID, "name": s.names.Sessions}, func(d doc) bool {
		return !slices.Contains(stored, d.takeText(sessionToken))
	})
}
