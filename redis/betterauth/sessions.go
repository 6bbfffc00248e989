package betterauth

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

// CreateSession costs two round trips: the user is read, and stored beside the session.
func (s *store) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	if !possible(se.SessionToken) {
		return se, adapter.Invalid(adapter.FieldSessionToken, "must not begin as the key of another record does")
	}
	u, err := s.users.GetUser(ctx, se.UserID)
	if errors.Is(err, adapter.ErrNotFound) {
		return se, adapter.Invalid("Session.UserID", "must be the ID of a user")
	}
	if err != nil {
		return se, err
	}
	v := value{session: record{}, user: record{}}
	v.session.Set("id", adapter.SessionID(se.SessionToken))
	setSession(v.session, se)
	if err := errors.Join(v.session.SetAttributes(se.Attributes, nil, sessionNames), setUser(v.user, u, nil)); err != nil {
		return se, err
	}
	text, err := v.String()
	if err != nil {
		return se, err
	}
	now, keys := s.options.Now(), []string{s.layout.reply(), s.layout.session(se.SessionToken), s.layout.list(se.UserID)}
	dead := ""
	return se, client.Retry(ctx, func() (again bool, err error) {
		held, err := s.run(ctx, sessionCreate, keys,
			text, millis(se.Expires), se.SessionToken, millis(now), now.UTC().Format(jsonrecord.TimeForm), dead).Text()
		if err != nil || held == "" {
			return false, err
		}
		if live, err := s.opens(ctx, se.SessionToken); live || err != nil || held == dead {
			return false, cmp.Or(err, adapter.Conflict(adapter.FieldSessionToken))
		}
		dead = held
		return true, nil
	})
}

// opens reports whether a session is somebody's.
func (s *store) opens(ctx context.Context, token string) (bool, error) {
	_, _, err := s.GetSessionAndUser(ctx, token)
	if errors.Is(err, adapter.ErrNotFound) {
		return false, nil
	}
	return true, err
}

// GetSessionAndUser costs two round trips, one to each store: the copy of the user may be
// out of date.
func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	_, _, se, err := s.get(ctx, token)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	u, err := s.users.GetUser(ctx, se.UserID)
	return se, u, err
}

// get returns a live session, and its value as it is stored.
func (s *store) get(ctx context.Context, token string) (string, value, adapter.Session, error) {
	if !possible(token) {
		return "", value{}, adapter.Session{}, adapter.ErrNotFound
	}
	reply, err := s.query(ctx, sessionGet, []string{s.layout.session(token)}, s.layout.revoked("")).StringSlice()
	if err != nil {
		return "", value{}, adapter.Session{}, client.Failure(err)
	}
	v, err := parse(reply[0])
	if err != nil {
		return "", value{}, adapter.Session{}, unreadable(err, token, "")
	}
	se, err := v.read(token)
	if err == nil && !s.live(se, reply[1]) {
		err = adapter.ErrNotFound
	}
	return reply[0], v, se, err
}

// live reports whether a session is neither expired nor older than when all were ended.
func (s *store) live(se adapter.Session, revoked string) bool {
	before, _ := strconv.ParseInt(revoked, 10, 64)
	return s.options.Now().Before(se.Expires) && (se.CreatedAt.IsZero() || se.CreatedAt.UnixMilli() >= before)
}

// UpdateSession costs three round trips: it is read with its user, and replaced if it has not
// changed meanwhile.
func (s *store) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	var se adapter.Session
	reply := s.layout.reply()
	err := client.Retry(ctx, func() (again bool, err error) {
		before, v, read, err := s.get(ctx, token)
		if err != nil {
			return false, err
		}
		if _, err := s.users.GetUser(ctx, read.UserID); err != nil {
			return false, err
		}
		se = read
		after, err := s.changed(v, &se, up)
		if err != nil {
			return false, err
		}
		result, err := s.run(ctx, sessionUpdate,
			[]string{reply, s.layout.session(token), s.layout.list(se.UserID)},
			before, after, millis(se.Expires), token, millis(s.options.Now())).Text()
		switch result {
		case "CHANGED":
			return true, nil
		case "ABSENT":
			err = adapter.ErrNotFound
		}
		return false, err
	})
	return se, err
}

// changed returns the value of a session after an update.
func (s *store) changed(v value, se *adapter.Session, up adapter.SessionUpdate) (string, error) {
	before, after := record{}, record{}
	setSession(before, *se)
	up.Apply(se, s.options.Now())
	setSession(after, *se)
	if err := v.session.Change(before, after, up.Attributes, up.RemoveAttributes, sessionNames); err != nil {
		return "", err
	}
	return v.String()
}

// DeleteSession deletes the session of a token, whatever else its record says.
func (s *store) DeleteSession(ctx context.Context, token string) error { return s.end(ctx, token, "") }

// end deletes a session, if it is a user's or the ID is "".
func (s *store) end(ctx context.Context, token, userID string) error {
	if !possible(token) {
		return nil
	}
	return s.run(ctx, sessionDelete, []string{s.layout.reply(), s.layout.session(token)},
		token, s.layout.list(""), millis(s.options.Now()), userID).Err()
}

// ListSessions costs two round trips, one to each store: nobody who was deleted has a session.
func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	if _, err := s.users.GetUser(ctx, userID); err != nil {
		if errors.Is(err, adapter.ErrNotFound) {
			err = nil
		}
		return nil, err
	}
	all, revoked, err := s.listed(ctx, userID)
	var found []adapter.Session
	for _, l := range all {
		v, err := parse(l.text)
		if err != nil {
			continue
		}
		if se, err := v.read(l.token); err == nil && se.UserID == userID && s.live(se, revoked) {
			se.SessionToken = ""
			found = append(found, se)
		}
	}
	return found, err
}

// listed is a session in a user's list.
type listed struct{ token, text string }

// listed returns the sessions in a user's list, and when all were ended.
func (s *store) listed(ctx context.Context, userID string) (all []listed, revoked string, err error) {
	reply, err := s.query(ctx, sessionsList, []string{s.layout.list(userID), s.layout.revoked(userID)}, string(s.layout)).StringSlice()
	if err != nil {
		return nil, "", err
	}
	seen := map[string]bool{}
	for pair := range slices.Chunk(reply[1:], 2) {
		if token := pair[0]; possible(token) && !seen[token] {
			seen[token] = true
			all = append(all, listed{token, pair[1]})
		}
	}
	return all, reply[0], nil
}

// DeleteSessionByID costs two round trips: one finds the token, and one deletes the session if
// it is the user's.
func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	all, _, err := s.listed(ctx, userID)
	if err != nil {
		return err
	}
	for _, l := range all {
		if adapter.SessionID(l.token) == sessionID {
			return s.end(ctx, l.token, userID)
		}
	}
	return nil
}

// revocation is how long the time of a revocation is kept at least.
const revocation = 30 * 24 * time.Hour

// DeleteSessions deletes the sessions in a user's list. If none is to be kept, those that the
// application has lost from it, or writes back, end by the time of revocation.
func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	now := s.options.Now()
	args := []any{string(s.layout), userID, millis(now), millis(now.Add(revocation))}
	for _, token := range keep {
		args = append(args, token)
	}
	return s.run(ctx, sessionsDelete, []string{s.layout.reply(), s.layout.list(userID), s.layout.revoked(userID)}, args...).Err()
}
