package mongo

import (
	"context"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	return result(a, s.insertOwned(ctx, (*collections).uniqueAuthenticators, insertOnce, "Authenticator.UserID", a.UserID, func(id any) bson.D { return encodeAuthenticator(id, a) }))
}

func byCredential(id string) bson.D { return bson.D{{Key: "credentialID", Value: id}} }

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	doc, _, err := withUser(ctx, s, c, c.authenticators, s.lookups.authenticators, credentialID)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return s.decodeAuthenticator(doc)
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return list(ctx, s, userID, func(c *collections) *mongo.Collection { return c.authenticators }, s.decodeAuthenticator)
}

// UpdateAuthenticatorCounter reads the authenticator only if the counter was refused, to
// find out why.
func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return writer[adapter.Authenticator]{
		coll: c.authenticators, key: byCredential(credentialID), usual: bson.D{counterBelow(counter), s.usualOwner()}, needs: []string{"counter", "userId"},
		write: updateWith(counterUpdate(counter, s.options.Now())), read: s.decodeAuthenticator,
		allow: func(a adapter.Authenticator) error {
			if !driver.CounterGrows(a.Counter, counter) {
				return adapter.Conflict(adapter.FieldCounter)
			}
			return requireOwner(a.UserID)
		},
	}.do(ctx)
}

func (s *store) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return writer[adapter.Authenticator]{
		coll: c.authenticators, key: byCredential(credentialID), usual: bson.D{counterCondition(bson.E{Key: "$lte", Value: int64(math.MaxUint32)}), s.usualOwner()}, needs: []string{"counter", "userId"},
		write: updateWith(authenticatorUpdate(up, s.options.Now())), read: s.decodeAuthenticator,
		allow: func(a adapter.Authenticator) error { return requireOwner(a.UserID) },
	}.do(ctx)
}

// counterBelow matches the authenticators for which driver.CounterGrows is true: those with
// a lower counter or, if the counter is 0, those whose counter has always been 0.
func counterBelow(counter uint32) bson.E {
	lower := bson.E{Key: "$lt", Value: int64(counter)}
	if counter == 0 {
		lower = bson.E{Key: "$eq", Value: 0}
	}
	return counterCondition(lower)
}

// counterCondition matches the authenticators whose counter meets a condition or is
// missing. Numbers with a fraction do not match: they are read first.
func counterCondition(condition bson.E) bson.E {
	isWhole := bson.E{Key: "$type", Value: bson.A{"int", "long"}}
	return bson.E{Key: "$or", Value: bson.A{
		bson.D{{Key: "counter", Value: bson.D{{Key: "$gte", Value: 0}, condition, isWhole, notAList}}},
		bson.D{{Key: "counter", Value: bson.D{{Key: "$eq", Value: nil}, notAList}}},
	}}
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		_, err = deleteOne(ctx, c.authenticators, byCredential(credentialID))
	}
	return err
}
