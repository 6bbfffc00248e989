package mongo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
)

// An application's own indexes, validators and options on the same collections can refuse
// documents of this package. CheckSchema reports them before a call meets them.

// obstructingIndexes returns the unique indexes that this package does not need and that
// may refuse its documents.
func (c *collections) obstructingIndexes(state schemaState) []adapter.SchemaProblem {
	var all []adapter.SchemaProblem
	for _, coll := range c.all() {
		for _, s := range state.indexes[coll] {
			if s.Unique && s.Name != "_id_" && !state.isRequired(c, coll, s) && !c.isImplied(coll, s) && !coll.isConditional(s) {
				all = append(all, adapter.SchemaProblem{
					Object: fmt.Sprintf("index %s of %s", s.Name, coll.Name()), Blocking: true,
					Detail: fmt.Sprintf("is unique on %s and may refuse what this package writes: find out who needs it and drop it, "+
						"or restrict it to documents that have the field (partialFilterExpression)", s.fields()),
				})
			}
		}
	}
	return all
}

// isRequired reports whether an index serves as one that this package needs.
func (state schemaState) isRequired(c *collections, coll *collection, s specification) bool {
	return slices.ContainsFunc(c.indexes(), func(i index) bool {
		return i.collection == coll && i.unique && i.serves(s) && !(i.texts && s.isUnconditional() && state.keyless[coll])
	})
}

// isImplied reports whether an index refuses only what this package's own indexes refuse
// too, because it has all their fields and more. Verification tokens are random, so an
// index on the token alone is as good as one on identifier and token.
func (c *collections) isImplied(coll *collection, s specification) bool {
	if s.Collation != nil {
		return false
	}
	for _, i := range c.indexes() {
		if i.collection == coll && i.unique && coll != c.users && containsAll(coll.identified(s.names()), i.fields) {
			return true
		}
	}
	return s.has("_id") || coll == c.tokens && len(s.Key) == 1 && s.has(coll.in("token"))
}

// isConditional reports whether an index omits documents without fields of the
// application's.
func (s *shape) isConditional(index specification) bool {
	if index.Sparse {
		return !slices.ContainsFunc(index.names(), s.isOwn)
	}
	conditions, _ := index.Partial.Elements()
	return slices.ContainsFunc(conditions, func(e bson.RawElement) bool {
		return !s.isOwn(e.Key()) && requiresField(e.Value())
	})
}

// requiresField reports whether a condition on a field is false for documents without it.
func requiresField(condition bson.RawValue) bool {
	doc, ok := condition.DocumentOK()
	if !ok {
		return condition.Type != bson.TypeNull
	}
	operators, _ := doc.Elements()
	return slices.ContainsFunc(operators, func(e bson.RawElement) bool {
		switch e.Key() {
		case "$exists":
			return e.Value().Equal(bson.RawValue{Type: bson.TypeBoolean, Value: []byte{1}})
		case "$eq", "$gt", "$gte", "$lt", "$lte":
			return e.Value().Type != bson.TypeNull
		case "$type":
			return true
		}
		return false
	})
}

// obstructingOptions returns what is wrong with the options of the collections.
func (s *store) obstructingOptions(ctx context.Context, c *collections) ([]adapter.SchemaProblem, error) {
	var names []string
	for _, coll := range c.all() {
		names = append(names, coll.Name())
	}
	found, err := request(ctx, func(ctx context.Context) (found []collectionInfo, err error) {
		cursor, err := c.users.Database().ListCollections(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$in", Value: names}}}})
		if err == nil {
			err = cursor.All(ctx, &found)
		}
		return found, err
	})
	if err != nil {
		return nil, err
	}
	var all []adapter.SchemaProblem
	for _, d := range found {
		coll := c.all()[slices.Index(names, d.Name)]
		switch {
		case d.Type == "timeseries":
			all = append(all, problem(coll, "is a time-series collection, which cannot have unique indexes: name another one in Options.Layout, or drop it and run ApplySchema"))
			continue
		case d.Options.Capped:
			all = append(all, problem(coll, "is capped, so the oldest documents are deleted when it is full. Copy its documents into a new collection of the same name"))
		}
		what, err := s.refusedByValidator(ctx, c, coll, d.Options)
		if err != nil {
			return nil, err
		}
		if what != "" {
			all = append(all, problem(coll, "has a validator that refuses "+what+": let it accept the fields that docs/mongo.md lists"))
		}
	}
	return all, nil
}

// collectionInfo is the server's description of a collection.
type collectionInfo struct {
	Name    string
	Type    string
	Options collectionOptions
}

type collectionOptions struct {
	Capped           bool
	Validator        bson.Raw
	ValidationAction string `bson:"validationAction"`
	ValidationLevel  string `bson:"validationLevel"`
}

// refusedByValidator says which documents of this package a collection's validator refuses,
// or "" for none. The server evaluates it on samples that are not stored.
func (s *store) refusedByValidator(ctx context.Context, c *collections, coll *collection, o collectionOptions) (string, error) {
	if len(o.Validator) == 0 || o.ValidationAction == "warn" || o.ValidationLevel == "off" {
		return "", nil
	}
	sample := s.sample(c, coll)
	if takes, err := accepts(ctx, coll, o.Validator, sample); err != nil || !takes {
		return "a document with all fields of this package", err
	}
	if coll != c.users {
		return "", nil
	}
	sample = append(sample, bson.E{Key: stateField, Value: bson.D{{Key: "nonce", Value: bson.NewObjectID()}, {Key: signUpField, Value: bson.D{}}}})
	if takes, err := accepts(ctx, coll, o.Validator, sample); err != nil || !takes {
		return "the field " + stateField + ", which a user has until a sign-up with an account or a passkey is finished", err
	}
	return "", nil
}

// accepts reports whether a document meets a filter. The first stages of the pipeline
// produce one document from any collection, even an empty one.
func accepts(ctx context.Context, coll *collection, filter bson.Raw, doc bson.D) (bool, error) {
	met := false
	err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return coll.Aggregate(ctx, bson.A{
			bson.D{{Key: "$limit", Value: 1}},
			bson.D{{Key: "$facet", Value: bson.D{{Key: "none", Value: bson.A{bson.D{{Key: "$limit", Value: 1}}}}}}},
			bson.D{{Key: "$replaceRoot", Value: bson.D{{Key: "newRoot", Value: bson.D{{Key: "$literal", Value: doc}}}}}},
			bson.D{{Key: "$match", Value: filter}},
		})
	}, func(bson.Raw) error { met = true; return nil })
	return met, err
}

// sample returns a document with every field of this package.
func (s *store) sample(c *collections, coll *collection) bson.D {
	moment := time.UnixMilli(0).Add(time.Hour)
	id, _ := s.storedID("", bson.NewObjectID().Hex())
	switch coll {
	case c.users:
		return s.encodeUser(id, adapter.User{
			Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: moment, Image: "https://example.com/ada.png", CreatedAt: moment, UpdatedAt: moment,
		})
	case c.accounts:
		return s.encodeAccount(id, adapter.Account{
			Type: "oauth", Provider: "github", ProviderAccountID: "1", RefreshToken: "r", AccessToken: "a", ExpiresAt: 1, TokenType: "bearer",
			Scope: "user", IDToken: "i", SessionState: "s", CreatedAt: moment, UpdatedAt: moment,
		})
	case c.sessions:
		return s.encodeSession(id, adapter.Session{Expires: moment, CreatedAt: moment, UpdatedAt: moment}, s.options.SessionKey("sample"))
	case c.tokens:
		return s.encodeToken(adapter.VerificationToken{
			Identifier: "ada@example.com", Token: s.options.SessionKey("sample"), Value: "v", Expires: moment, CreatedAt: moment,
		})
	}
	return s.encodeAuthenticator(id, adapter.Authenticator{
		CredentialID: "c", ProviderAccountID: "1", CredentialPublicKey: "k", Counter: 1, CredentialDeviceType: "singleDevice", CredentialBackedUp: true, Transports: []string{"usb"},
		CreatedAt: moment, UpdatedAt: moment,
	})
}
