package upstash

import (
	"context"
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

func (s *store) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	r := record{}
	r.setSession(se)
	if err := r.setAttributes(se.Attributes, nil); err != nil {
		return se, err
	}
	value, err := r.String()
	if err != nil {
		return se, err
	}
	err = s.own(ctx, se.UserID, s.sessionKeys(se), s.layout.key(lastSession, se.UserID), value, se.Expires, "")
	switch {
	case errors.Is(err, errAbsent):
		err = adapter.Invalid("Session.UserID", "must be the ID of a user")
	case errors.Is(err, errHeld):
		err = adapter.Conflict(adapter.FieldSessionToken)
	}
	return se, err
}

func (s *store) sessionKeys(se adapter.Session) []string {
	return []string{s.layout.session(se.SessionToken)}
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	f, err := s.owned(ctx, []string{s.layout.session(token)}, "")
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	se, err := s.liveSession(token, f.value)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	u, err := decodeUser(se.UserID, f.user)
	return se, u, err
}

// liveSession reads the session with a token, if it has not expired.
func (s *store) liveSession(token, value string) (adapter.Session, error) {
	se, err := decodeSession(value)
	switch {
	case err != nil:
		return adapter.Session{}, err
	case se.SessionToken != token:
		return adapter.Session{}, adapter.ErrNotFound
	case !s.options.Now().Before(se.Expires):
		return adapter.Session{}, adapter.ErrExpired
	}
	return se, nil
}

func (s *store) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	var se adapter.Session
	err := s.update(ctx, []string{s.layout.session(token)}, "", func(value string) (after string, expires time.Time, err error) {
		if se, err = s.liveSession(token, value); err != nil {
			return "", time.Time{}, err
		}
		up.Apply(&se, s.options.Now())
		after, err = changed(value, func(r record) { r.setSession(se) }, up.Attributes, up.RemoveAttributes)
		return after, se.Expires, err
	})
	return se, err
}

func (s *store) DeleteSession(ctx context.Context, token string) error {
	return s.disown(ctx, []string{s.layout.session(token)}, "sessionToken", token, lastSession)
}

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := s.sessionsOf(ctx, userID)
	now, live := s.options.Now(), all[:0]
	for _, se := range all {
		if now.Before(se.Expires) {
			se.SessionToken = ""
			live = append(live, se)
		}
	}
	return live, err
}

// sessionsOf returns a user's sessions with their tokens, also those that have expired.
func (s *store) sessionsOf(ctx context.Context, userID string) ([]adapter.Session, error) {
	return owns(ctx, s, sessions, userID, decodeSession, s.sessionKeys)
}

// DeleteSessionByID costs two round trips: the session is found, and then deleted.
func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	all, err := s.sessionsOf(ctx, userID)
	for _, se := range all {
		if se.ID == sessionID {
			return s.DeleteSession(ctx, se.SessionToken)
		}
	}
	return err
}

func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	w := walk{member: "userId", value: userID, kinds: []kind{sessions}, remove: true}
	for _, token := range keep {
		w.leave = append(w.leave, s.layout.session(token))
	}
	return client.Failure(s.scan(ctx, w, nil))
}
