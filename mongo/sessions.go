package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateSession(ctx context.Context, session adapter.Session) (adapter.Session, error) {
	return result(session, s.createSession(ctx, session, s.options.SessionKey(session.SessionToken)))
}

// createSession stores a session by the text that is stored for its token.
func (s *store) createSession(ctx context.Context, session adapter.Session, stored string) error {
	return s.insertOwned(ctx, (*collections).uniqueSessions, s.writes.sessions.insert, "Session.UserID", session.UserID,
		func(id any) bson.D { return s.encodeSession(id, session, stored) })
}

// ImportSession implements adapter.SessionImporter.
func (s timed) ImportSession(ctx context.Context, session adapter.Session) error {
	return writeNoResult(ctx, s.store, func(ctx context.Context) error { return s.createSession(ctx, session, session.ID) })
}

func (s *store) bySession(token string) bson.D {
	return bson.D{{Key: s.sessions.in("sessionToken"), Value: s.options.SessionKey(token)}}
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	doc, user, err := withUser(ctx, s, c, c.sessions, s.lookups.sessions, s.options.SessionKey(token))
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	session, err := s.decodeSession(doc)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	if !s.isLive(session) {
		return adapter.Session{}, adapter.User{}, adapter.ErrNotFound
	}
	session.ID, session.SessionToken = adapter.SessionID(token), token
	u, err := s.decodeUser(user)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	return session, u, nil
}

func (s *store) isLive(session adapter.Session) bool { return s.options.Now().Before(session.Expires) }

func (s *store) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Session{}, err
	}
	now := s.options.Now()
	session, err := writer[adapter.Session]{
		coll: c.sessions, key: s.bySession(token), needs: c.sessions.ins("expires", "userId"),
		usual: bson.D{dateCondition(c.sessions.in("expires"), "$gt", bson.NewDateTimeFromTime(now)), s.usualOwner(c.sessions)},
		write: updateWith(s.sessionUpdate(up)), read: s.decodeSession,
		allow: func(session adapter.Session) error {
			if !now.Before(session.Expires) {
				return adapter.ErrNotFound
			}
			return requireOwner(session.UserID)
		},
	}.do(ctx)
	session.ID, session.SessionToken = adapter.SessionID(token), token
	return result(session, err)
}

func (s *store) DeleteSession(ctx context.Context, token string) error {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		err = s.writes.deleteSession(ctx, c, s.options.SessionKey(token))
	}
	return err
}

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := list(ctx, s, userID, func(c *collections) *collection { return c.sessions }, s.decodeListedSession)
	return slices.DeleteFunc(all, func(session adapter.Session) bool { return !s.isLive(session) }), err
}

// DeleteSessionByID looks for a session with a plain token only if none has the digest, or
// if tokens are stored plain.
func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	if !s.options.PlainSessionTokens {
		deleted, err := deleteOne(ctx, c.sessions, append(s.byUser(c.sessions, userID), bson.E{Key: c.sessions.in("sessionToken"), Value: sessionID}))
		if deleted || err != nil {
			return err
		}
	}
	id, err := s.sessionWithID(ctx, c, userID, sessionID)
	if err != nil || id.IsZero() {
		return err
	}
	_, err = deleteOne(ctx, c.sessions, append(s.byUser(c.sessions, userID), bson.E{Key: "_id", Value: id}))
	return err
}

// sessionWithID returns the _id of a user's session.
func (s *store) sessionWithID(ctx context.Context, c *collections, userID, id string) (found bson.RawValue, err error) {
	cursor, err := c.sessions.Find(ctx, s.byUser(c.sessions, userID),
		options.Find().SetProjection(bson.D{{Key: c.sessions.in("sessionToken"), Value: 1}, {Key: digestField, Value: 1}}).SetBatchSize(batch))
	if err != nil {
		return found, err
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		if c.sessions.sessionID(cursor.Current) == id {
			return clone(cursor.Current.Lookup("_id")), nil
		}
	}
	return found, cursor.Err()
}

func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	filter := s.byUser(c.sessions, userID)
	if len(keep) > 0 {
		keys := make([]string, len(keep))
		for i, token := range keep {
			keys[i] = s.options.SessionKey(token)
		}
		filter = append(filter, bson.E{Key: c.sessions.in("sessionToken"), Value: bson.D{{Key: "$nin", Value: keys}}})
	}
	return deleteMany(ctx, c.sessions, filter)
}
