package fauna

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateSession(ctx context.Context, session adapter.Session) (adapter.Session, error) {
	return session, s.createSession(ctx, session, s.options.SessionKey(session.SessionToken))
}

// createSession stores a session by the text that is stored for its token.
func (s *store) createSession(ctx context.Context, session adapter.Session, stored string) error {
	create := func() error {
		return s.createOwned(ctx, createSession, session.UserID, "Session", adapter.FieldSessionToken, args{"session": encodeSession(session, stored)})
	}
	return createOverExpired(create, func() error {
		_, err := s.query(ctx, deleteExpiredSession, args{"token": stored, "now": s.options.Now()})
		return err
	})
}

// createOverExpired creates a document. If another one has its key, that is deleted first, if it has
// expired: the server removes it later. Somebody may have deleted it before: so it is tried again in any case.
func createOverExpired(create, deleteExpired func() error) error {
	err := create()
	if errors.Is(err, adapter.ErrConflict) {
		if err = deleteExpired(); err == nil {
			err = create()
		}
	}
	return err
}

// ImportSession implements adapter.SessionImporter.
func (s *store) ImportSession(ctx context.Context, session adapter.Session) error {
	return s.createSession(ctx, session, session.ID)
}

// liveArgs returns the arguments that find the live session with a token.
func (s *store) liveArgs(token string) args {
	return args{"token": s.options.SessionKey(token), "now": s.options.Now()}
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	a := s.liveArgs(token)
	r, err := s.query(ctx, getSessionAndUser, a)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	d, user := fields(r["session"]), fields(r["user"])
	if d == nil || user == nil {
		return adapter.Session{}, adapter.User{}, adapter.ErrNotFound
	}
	session, err := s.decodeLive(d, token, a["now"].(time.Time))
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	return session, decodeUser(user), nil
}

// decodeLive decodes the session with a token. One that has expired is ErrNotFound.
func (s *store) decodeLive(d doc, token string, now time.Time) (adapter.Session, error) {
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
	a := s.liveArgs(token)
	now := a["now"].(time.Time)
	a["changes"], a["ttl"], a["seen"], a["reserved"] = encodeSessionUpdate(up, now), nil, nil, reserved
	if up.Expires != nil {
		a["ttl"] = up.Expires.Add(ttlMargin)
	}
	d, err := s.changeReadable(ctx, updateSession, a, "session", func(d doc) error {
		_, err := s.decodeLive(d, token, now)
		return err
	})
	if err != nil {
		return adapter.Session{}, err
	}
	session, err := decodeSession(d, s.names.Sessions)
	session.ID, session.SessionToken = adapter.SessionID(token), token
	return session, err
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
	return s.deleteByID(ctx, s.names.Sessions, documents)
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
	return s.deleteListed(ctx, s.names.Sessions, listOwned, args{"id": userID, "name": s.names.Sessions}, func(d doc) bool {
		return !slices.Contains(stored, d.takeText(sessionToken))
	})
}
