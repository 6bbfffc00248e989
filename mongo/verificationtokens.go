package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		err = s.writes.tokens.insert(ctx, c.tokens, s.encodeToken(t))
	}
	if taken, isDuplicate := duplicateOf(err); isDuplicate && taken.covers(s.tokens.in("token")) {
		err = adapter.Conflict(adapter.FieldVerificationToken)
	}
	return result(t, err)
}

func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	t, err := writer[adapter.VerificationToken]{
		coll: c.tokens, key: bson.D{{Key: c.tokens.in("identifier"), Value: identifier}, {Key: c.tokens.in("token"), Value: token}},
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
