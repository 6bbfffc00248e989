package mongo

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateSession(ctx context.Context, session adapter.Session) (adapter.Session, error) {
	userID, err := s.newID("Session.UserID", session.UserID)
	if err != nil {
		return adapter.Session{}, err
	}
	doc := encodeSession(userID, s.options.SessionKey(session.SessionToken), session)
	return result(session, s.own(ctx, (*collections).uniqueSessions, doc))
}

func (s *store) bySession(token string) bson.D {
	return bson.D{{Key: "sessionToken", Value: s.options.SessionKey(token)}}
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Session{}, adapter.User{}, failure(err)
	}
	doc, user, err := s.withUser(ctx, c, c.sessions, s.bySession(token))
	if err != nil {
		return adapter.Session{}, adapter.User{}, failure(err)
	}
	session, err := s.decodeSession(doc)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	if !s.isLive(session) {
		return adapter.Session{}, adapter.User{}, adapter.ErrNotFound
	}
	session.SessionToken = token
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
		return adapter.Session{}, failure(err)
	}
	now := s.options.Now()
	doc, err := update(ctx, c.sessions, append(s.bySession(token), live(now)), sessionUpdate(up, now))
	if err != nil {
		return adapter.Session{}, failure(err)
	}
	session, err := s.decodeSession(doc)
	session.SessionToken = token
	return result(session, err)
}

// live matches sessions that have not expired at the time now. The server converts what
// is not a date as decodeSession does: another writer may keep text.
func live(now time.Time) bson.E {
	expires := bson.D{{Key: "$convert", Value: bson.D{
		{Key: "input", Value: "$expires"}, {Key: "to", Value: "date"}, {Key: "onError", Value: nil}, {Key: "onNull", Value: nil},
	}}}
	return bson.E{Key: "$expr", Value: bson.D{{Key: "$gt", Value: bson.A{expires, bson.NewDateTimeFromTime(now)}}}}
}

func (s *store) DeleteSession(ctx context.Context, token string) error {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		_, err = c.sessions.DeleteOne(ctx, s.bySession(token))
	}
	return failure(err)
}

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := list(ctx, s, userID, func(c *collections) *mongo.Collection { return c.sessions }, s.decodeSession)
	return slices.DeleteFunc(all, func(session adapter.Session) bool { return !s.isLive(session) }), err
}

func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	id, ok := s.id(userID)
	if !ok {
		return nil
	}
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return failure(err)
	}
	key := sessionID
	if s.options.PlainSessionTokens {
		if key, err = c.tokenOf(ctx, id, sessionID); err != nil || key == "" {
			return failure(err)
		}
	}
	_, err = c.sessions.DeleteOne(ctx, bson.D{{Key: "sessionToken", Value: key}, {Key: "userId", Value: id}})
	return failure(err)
}

// tokenOf returns the token of a user's session that is stored as it is, by its digest:
// "" if there is none.
func (c *collections) tokenOf(ctx context.Context, userID any, sessionID string) (string, error) {
	cursor, err := c.sessions.Find(ctx, bson.D{{Key: "userId", Value: userID}},
		options.Find().SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: "sessionToken", Value: 1}}).SetBatchSize(batch))
	if err != nil {
		return "", err
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		if token, ok := cursor.Current.Lookup("sessionToken").StringValueOK(); ok && adapter.SessionID(token) == sessionID {
			return token, nil
		}
	}
	return "", cursor.Err()
}

func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	id, ok := s.id(userID)
	if !ok {
		return nil
	}
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return failure(err)
	}
	filter := bson.D{{Key: "userId", Value: id}}
	if len(keep) > 0 {
		keys := make([]string, len(keep))
		for i, token := range keep {
			keys[i] = s.options.SessionKey(token)
		}
		filter = append(filter, bson.E{Key: "sessionToken", Value: bson.D{{Key: "$nin", Value: keys}}})
	}
	_, err = deleteMany(ctx, c.sessions, filter)
	return failure(err)
}
