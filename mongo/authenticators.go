package mongo

import (
	"cmp"
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	return result(a, s.own(ctx, (*collections).uniqueAuthenticators, "Authenticator.UserID", a.UserID, func(id any) bson.D { return encodeAuthenticator(id, a) }))
}

func byCredential(id string) bson.D { return bson.D{{Key: "credentialID", Value: id}} }

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Authenticator{}, failure(err)
	}
	doc, err := c.authenticators.FindOne(ctx, byCredential(credentialID)).Raw()
	if err != nil {
		return adapter.Authenticator{}, failure(err)
	}
	a, err := s.decodeAuthenticator(doc)
	return result(a, cmp.Or(err, belongs(a.UserID)))
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return list(ctx, s, userID, func(c *collections) *mongo.Collection { return c.authenticators }, s.decodeAuthenticator)
}

// UpdateAuthenticatorCounter looks why the counter was refused only if it was.
func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Authenticator{}, failure(err)
	}
	return writer[adapter.Authenticator]{
		in: c.authenticators, key: byCredential(credentialID), usual: bson.D{grows(counter), s.usualOwner()}, needs: []string{"counter", "userId"},
		write: updating(bson.D{{Key: "$set", Value: bson.D{{Key: "counter", Value: int64(counter)}}}}), read: s.decodeAuthenticator,
		allow: func(a adapter.Authenticator) error {
			if !adapter.CounterGrows(a.Counter, counter) {
				return adapter.Conflict(adapter.FieldCounter)
			}
			return belongs(a.UserID)
		},
	}.do(ctx)
}

// grows matches the credentials to which adapter.CounterGrows says yes: those with a
// lower counter, and with 0 those that never had another. Numbers with a fraction are read
// first.
func grows(counter uint32) bson.E {
	lower := bson.E{Key: "$lt", Value: int64(counter)}
	if counter == 0 {
		lower = bson.E{Key: "$eq", Value: 0}
	}
	isWhole := bson.E{Key: "$type", Value: bson.A{"int", "long"}}
	return bson.E{Key: "$or", Value: bson.A{
		bson.D{{Key: "counter", Value: bson.D{{Key: "$gte", Value: 0}, lower, isWhole, notAList}}},
		bson.D{{Key: "counter", Value: bson.D{{Key: "$eq", Value: nil}, notAList}}},
	}}
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		_, err = c.authenticators.DeleteOne(ctx, byCredential(credentialID))
	}
	return failure(err)
}
