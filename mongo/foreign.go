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

// What an application has in the same collections for purposes of its own can refuse
// documents of this package. CheckSchema says so before a call meets it.

// foreignIndexes returns the unique indexes that are not this package's and may refuse a
// document that it writes.
func (c *collections) foreignIndexes(there stock) []adapter.SchemaProblem {
	var all []adapter.SchemaProblem
	for _, of := range c.all() {
		for _, s := range there.indexes[of] {
			if s.Unique && s.Name != "_id_" && !there.isOurs(c, of, s) && !c.isImplied(of, s) && !c.isOptional(of, s) {
				all = append(all, adapter.SchemaProblem{
					Object: fmt.Sprintf("index %s of %s", s.Name, of.Name()), Blocking: true,
					Detail: fmt.Sprintf("is unique on %s, for which it can refuse what this package writes: drop it, after looking who needs it, "+
						"or let it have only documents that have the field (partialFilterExpression)", s.fields()),
				})
			}
		}
	}
	return all
}

// isOurs reports whether an index is one that this package needs, and makes do with.
func (there stock) isOurs(c *collections, of *mongo.Collection, s specification) bool {
	return slices.ContainsFunc(c.indexes(), func(i index) bool {
		return i.collection == of && i.unique && i.serves(s) && !(i.texts && s.isWhole() && there.keyless[of])
	})
}

// isImplied reports whether an index refuses nothing that this package's own do not refuse:
// it has all fields of one of these, and more. Verification tokens are random, so that one on
// the token alone is no more than one on identifier and token.
func (c *collections) isImplied(of *mongo.Collection, s specification) bool {
	if s.Collation != nil {
		return false
	}
	for _, i := range c.indexes() {
		if i.collection == of && i.unique && of != c.users && !slices.ContainsFunc(i.fields, func(field string) bool { return !s.has(field) }) {
			return true
		}
	}
	return s.has("_id") || of == c.tokens && len(s.Key) == 1 && s.has("token")
}

// isOptional reports whether documents without fields of the application's are not in an
// index.
func (c *collections) isOptional(of *mongo.Collection, s specification) bool {
	own := c.written(of)
	if s.Sparse {
		return !slices.ContainsFunc(s.Key, func(e bson.E) bool { return slices.Contains(own, e.Key) })
	}
	conditions, _ := s.Partial.Elements()
	return slices.ContainsFunc(conditions, func(e bson.RawElement) bool {
		return !slices.Contains(own, e.Key()) && wantsPresence(e.Value())
	})
}

// wantsPresence reports whether no document without a field meets a condition on it.
func wantsPresence(condition bson.RawValue) bool {
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

// written returns the fields that this package writes to a collection.
func (c *collections) written(to *mongo.Collection) []string {
	fields := []string{"_id", "createdAt", "updatedAt", "userId"}
	switch to {
	case c.users:
		return append(fields, "name", "email", "emailVerified", "image", stateField, nonceField)
	case c.accounts:
		return append(fields, "type", "provider", "providerAccountId", "refresh_token", "access_token", "expires_at", "token_type", "scope", "id_token", "session_state")
	case c.sessions:
		return append(fields, "sessionToken", "expires", digestField)
	case c.tokens:
		return append(fields, "identifier", "token", "value", "expires")
	}
	return append(fields, "credentialID", "providerAccountId", "credentialPublicKey", "counter", "credentialDeviceType", "credentialBackedUp", "transports")
}

// foreignOptions returns what is wrong with the options of collections.
func (s *store) foreignOptions(ctx context.Context, c *collections) ([]adapter.SchemaProblem, error) {
	var names []string
	for _, of := range c.all() {
		names = append(names, of.Name())
	}
	found, err := request(ctx, func(ctx context.Context) (found []described, err error) {
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
		of := c.all()[slices.Index(names, d.Name)]
		switch {
		case d.Type == "timeseries":
			all = append(all, problem(of, "is a time-series collection, which takes no unique index: name another one in Options.Collections, or drop it and run ApplySchema"))
			continue
		case d.Options.Capped:
			all = append(all, problem(of, "is capped: the oldest documents go when it is full. Copy its documents into another collection, which has its name then"))
		}
		what, err := s.refusedBy(ctx, c, of, d.Options)
		if err != nil {
			return nil, err
		}
		if what != "" {
			all = append(all, problem(of, "has a validator that refuses "+what+": let it take the fields that the package comment lists"))
		}
	}
	return all, nil
}

// described is what the server says of a collection.
type described struct {
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

// refusedBy says which documents of this package a collection's validator refuses: "" for
// none. It has the server look at samples, which are not stored.
func (s *store) refusedBy(ctx context.Context, c *collections, of *mongo.Collection, o collectionOptions) (string, error) {
	if len(o.Validator) == 0 || o.ValidationAction == "warn" || o.ValidationLevel == "off" {
		return "", nil
	}
	sample := s.sample(c, of)
	if takes, err := takes(ctx, of, o.Validator, sample); err != nil || !takes {
		return "a document with all fields of this package", err
	}
	if of != c.users {
		return "", nil
	}
	sample = append(sample, bson.E{Key: stateField, Value: bson.D{{Key: "nonce", Value: bson.NewObjectID()}, {Key: signUpField, Value: bson.D{}}}})
	if takes, err := takes(ctx, of, o.Validator, sample); err != nil || !takes {
		return "the field " + stateField + ", which a user has until a sign-up with an account or a passkey is done", err
	}
	return "", nil
}

// takes reports whether a document meets a filter. The stages before them make one document
// of any collection, also of an empty one.
func takes(ctx context.Context, of *mongo.Collection, filter bson.Raw, doc bson.D) (bool, error) {
	met := false
	err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return of.Aggregate(ctx, bson.A{
			bson.D{{Key: "$limit", Value: 1}},
			bson.D{{Key: "$facet", Value: bson.D{{Key: "none", Value: bson.A{bson.D{{Key: "$limit", Value: 1}}}}}}},
			bson.D{{Key: "$replaceRoot", Value: bson.D{{Key: "newRoot", Value: bson.D{{Key: "$literal", Value: doc}}}}}},
			bson.D{{Key: "$match", Value: filter}},
		})
	}, func(bson.Raw) error { met = true; return nil })
	return met, err
}

// sample returns a document that has every field of this package.
func (s *store) sample(c *collections, of *mongo.Collection) bson.D {
	at := time.UnixMilli(0).Add(time.Hour)
	id, _ := s.newID("", bson.NewObjectID().Hex())
	switch of {
	case c.users:
		return encodeUser(id, adapter.User{
			Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: at, Image: "https://example.com/ada.png", CreatedAt: at, UpdatedAt: at,
		})
	case c.accounts:
		return encodeAccount(id, adapter.Account{
			Type: "oauth", Provider: "github", ProviderAccountID: "1", RefreshToken: "r", AccessToken: "a", ExpiresAt: 1, TokenType: "bearer",
			Scope: "user", IDToken: "i", SessionState: "s", CreatedAt: at, UpdatedAt: at,
		})
	case c.sessions:
		return s.encodeSession(id, adapter.Session{SessionToken: "sample", Expires: at, CreatedAt: at, UpdatedAt: at})
	case c.tokens:
		return append(bson.D{{Key: "_id", Value: bson.NewObjectID()}}, encodeToken(adapter.VerificationToken{
			Identifier: "ada@example.com", Token: s.options.SessionKey("sample"), Value: "v", Expires: at, CreatedAt: at,
		})...)
	}
	return encodeAuthenticator(id, adapter.Authenticator{
		CredentialID: "c", ProviderAccountID: "1", CredentialPublicKey: "k", Counter: 1, CredentialDeviceType: "singleDevice", CredentialBackedUp: true, Transports: []string{"usb"},
		CreatedAt: at, UpdatedAt: at,
	})
}
