package mongo

import (
	"context"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	return result(a, s.insertOwned(ctx, (*collections).uniqueAuthenticators, insertOnce, "Authenticator.UserID", a.UserID, func(id any) bson.D { return s.encodeAuthenticator(id, a) }))
}

func (s *shape) byCredential(id string) bson.D {
	return bson.D{{Key: s.in("credentialID"), Value: s.storedCredential(id)}}
}

// storedCredential returns a credential ID in its form.
func (s *shape) storedCredential(id string) string {
	if s.form["credentialID"] == Base64URL {
		return base64URL(id)
	}
	return id
}

// credential returns the credential ID that is stored.
func (s *shape) credential(stored string) string {
	if s.form["credentialID"] == Base64URL && stored != "" {
		return fromBase64URL(stored)
	}
	return stored
}

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	doc, _, err := withUser(ctx, s, c, c.authenticators, s.lookups.authenticators, s.authenticators.storedCredential(credentialID))
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return s.decodeAuthenticator(doc)
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return list(ctx, s, userID, func(c *collections) *collection { return c.authenticators }, s.decodeAuthenticator)
}

// UpdateAuthenticatorCounter reads the authenticator only if the counter was refused, to
// find out why.
func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return writer[adapter.Authenticator]{
		coll: c.authenticators, key: c.authenticators.byCredential(credentialID), usual: bson.D{c.authenticators.counterBelow(counter), s.usualOwner(c.authenticators)}, needs: c.authenticators.ins("counter", "userId"),
		write: updateWith(s.counterUpdate(counter)), read: s.decodeAuthenticator,
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
		coll: c.authenticators, key: c.authenticators.byCredential(credentialID), usual: bson.D{c.authenticators.counterCondition(bson.E{Key: "$lte", Value: int64(math.MaxUint32)}), s.usualOwner(c.authenticators)}, needs: c.authenticators.ins("counter", "userId"),
		write: updateWith(s.authenticatorUpdate(up)), read: s.decodeAuthenticator,
		allow: func(a adapter.Authenticator) error { return requireOwner(a.UserID) },
	}.do(ctx)
}

// counterBelow matches the authenticators for which driver.CounterGrows is true: those with
// a lower counter or, if the counter is 0, those whose counter has always been 0.
func (s *shape) counterBelow(counter uint32) bson.E {
	lower := bson.E{Key: "$lt", Value: int64(counter)}
	if counter == 0 {
		lower = bson.E{Key: "$eq", Value: 0}
	}
	return s.counterCondition(lower)
}

// counterCondition matches the authenticators whose counter meets a condition or is
// missing. Numbers with a fraction do not match: they are read first.
func (s *shape) counterCondition(condition bson.E) bson.E {
	isWhole := bson.E{Key: "$type", Value: bson.A{"int", "long"}}
	return bson.E{Key: "$or", Value: bson.A{
		bson.D{{Key: s.in("counter"), Value: bson.D{{Key: "$gte", Value: 0}, condition, isWhole, notAList}}},
		bson.D{{Key: s.in("counter"), Value: bson.D{{Key: "$eq", Value: nil}, notAList}}},
	}}
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	ctx, c, err := s.begin(ctx)
	if err == nil {
		err = c.remove(ctx, c.uniqueAuthenticators(), c.authenticators.byCredential(credentialID))
	}
	return err
}
