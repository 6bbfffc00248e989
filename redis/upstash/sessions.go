package upstash

import (
	"context"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

func (s *store) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	r := record{}
	setSession(r, se)
	value, err := r.WithAttributes(se.Attributes, nil)
	if err != nil {
		return se, err
	}
	return se, s.createOwned(ctx, se.UserID, ownedRecord{
		record: driver.SessionRecord, field: adapter.FieldSessionToken,
		keys: s.sessionKeys(se), list: s.layout.key(lastSession, se.UserID), value: value, expires: se.Expires,
	})
}

func (s *store) sessionKeys(se adapter.Session) []string {
	return []string{s.layout.session(se.SessionToken)}
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	f, err := s.getOwned(ctx, []string{s.layout.session(token)}, "")
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	se, err := s.liveSession(token, f.value)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	u, err := s.layout.decodeUser(se.UserID, f.user)
	return se, u, err
}

// liveSession reads the session with a token, if it has not expired.
func (s *store) liveSession(token, value string) (adapter.Session, error) {
	se, err := s.layout.decodeSession(s.layout.session(token), value)
	switch {
	case err != nil:
		return adapter.Session{}, err
	case se.SessionToken != token, !s.options.Now().Before(se.Expires):
		return adapter.Session{}, adapter.ErrNotFound
	}
	return se, nil
}

func (s *store) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	var se adapter.Session
	err := s.updateOwned(ctx, []string{s.layout.session(token)}, "", func(value string) (after string, expires time.Time, err error) {
		if se, err = s.liveSession(token, value); err != nil {
			return "", time.Time{}, err
		}
		oldFields, newFields := record{}, record{}
		setSession(oldFields, se)
		up.Apply(&se, s.options.Now())
		setSession(newFields, se)
		after, err = jsonrecord.Changed(value, oldFields, newFields, up.Attributes, up.RemoveAttributes, nil)
		return after, se.Expires, err
	})
	return se, err
}

// DeleteSession deletes the session of a token, whatever else its record says.
func (s *store) DeleteSession(ctx context.Context, token string) error {
	return s.deleteOwned(ctx, []string{s.layout.session(token)}, "", "", lastSession)
}

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := listOwned(ctx, s, sessions, userID, s.layout.decodeSession, s.sessionKeys)
	now, live := s.options.Now(), all[:0]
	for _, se := range all {
		if now.Before(se.Expires) {
			se.SessionToken = ""
			live = append(live, se)
		}
	}
	return live, err
}

// DeleteSessionByID costs two round trips: one finds the session, and one deletes it. The
// session is known by its key, so it may be one that cannot be read. If it is another
// user's by then, it stays.
func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	var found string
	err := s.scan(ctx, walk{member: "userId", value: userID, kinds: []kind{sessions}}, func(key, _ string) error {
		if adapter.SessionID(s.layout.token(key)) == sessionID {
			found = key
		}
		return nil
	})
	if err != nil || found == "" {
		return err
	}
	return s.deleteOwned(ctx, []string{found}, "userId", userID, lastSession)
}

func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	w := walk{member: "userId", value: userID, kinds: []kind{sessions}, remove: true}
	for _, token := range keep {
		w.keep = append(w.keep, s.layout.session(token))
	}
	return s.scan(ctx, w, nil)
}
