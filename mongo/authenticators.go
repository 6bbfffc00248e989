package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	userID, err := s.newID("Authenticator.UserID", a.UserID)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return result(a, s.own(ctx, (*collections).uniqueAuthenticators, encodeAuthenticator(userID, a)))
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
	return s.decodeAuthenticator(doc)
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
	doc, err := update(ctx, c.authenticators, append(byCredential(credentialID), grows(counter)),
		bson.D{{Key: "$set", Value: bson.D{{Key: "counter", Value: int64(counter)}}}})
	if errors.Is(err, mongo.ErrNoDocuments) {
		if err = c.authenticators.FindOne(ctx, byCredential(credentialID)).Err(); err == nil {
			err = adapter.Conflict(adapter.FieldCounter)
		}
	}
	if err != nil {
		return adapter.Authenticator{}, failure(err)
	}
	return s.decodeAuthenticator(doc)
}

// grows matches the credentials to which adapter.CounterGrows says yes: those with a
// lower counter, and with 0 those that never had another.
func grows(counter uint32) bson.E {
	if counter == 0 {
		return bson.E{Key: "counter", Value: bson.D{{Key: "$in", Value: bson.A{0, nil}}}}
	}
	return bson.E{Key: "$or", Value: bson.A{
		bson.D{{Key: "counter", Value: bson.D{{Key: "$lt", Value: int64(counter)}}}},
		bson.D{{Key: "counter", Value: nil}},
	}}
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		_, err = c.authenticators.DeleteOne(ctx, byCredential(credentialID))
	}
	return failure(err)
}
