package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
)

// CreateVerificationToken takes one request. Where there is a token already, a second one deletes
// it if it has expired, and a third one creates the new one unless there is one still.
func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return result(t, err)
	}
	err = s.insertToken(ctx, c, t)
	if errors.Is(err, adapter.ErrConflict) {
		expired := append(s.tokenFilter(t.Identifier, t.Token), bson.E{Key: s.tokens.in("expires"), Value: s.past()})
		if _, err = deleteDead(ctx, c.tokens, expired); err == nil {
			err = s.insertToken(ctx, c, t)
		}
	}
	return result(t, err)
}

// insertToken inserts a verification token, if there is none yet.
func (s *store) insertToken(ctx context.Context, c *collections, t adapter.VerificationToken) error {
	err := s.writes.tokens.insert(ctx, c.tokens, s.encodeToken(t))
	if taken, isDuplicate := duplicateOf(err); isDuplicate && taken.covers(s.tokens.in("token")) {
		return adapter.Conflict(adapter.FieldVerificationToken)
	}
	return err
}

// tokenFilter finds a verification token.
func (s *store) tokenFilter(identifier, token string) bson.D {
	return bson.D{{Key: s.tokens.in("identifier"), Value: identifier}, {Key: s.tokens.in("token"), Value: token}}
}

func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	t, err := writer[adapter.VerificationToken]{
		coll: c.tokens, key: s.tokenFilter(identifier, token),
		usual: bson.D{dateCondition(c.tokens.in("expires"), "$gte", firstDate)}, needs: c.tokens.ins("expires"),
		write: func(ctx context.Context, coll *collection, filter bson.D) (bson.Raw, error) {
			return coll.FindOneAndDelete(ctx, filter).Raw()
		},
		read:  s.decodeToken,
		allow: func(adapter.VerificationToken) error { return nil },
	}.do(ctx)
	if err == nil && !s.options.Now().Before(t.Expires) {
		err = adapter.ErrExpired
	}
	return result(t, err)
}

func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		err = deleteMany(ctx, c.tokens, bson.D{{Key: c.tokens.in("identifier"), Value: identifier}})
	}
	return err
}
