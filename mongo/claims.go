package mongo

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
)

// A write to one document is atomic on every server; nothing here needs more. What
// takes several writes has a user's document say what it is in the middle of, in the
// field authstore. A user who has that field is nobody to every read, which may first
// take the last step of a sign-up: see settle.
//
//   - authstore.signUp holds the account of a sign-up. The user is written with it,
//     then the account, then the field is removed: that last step is the sign-up. Who
//     meets an unfinished one, because it wants the same e-mail address, ID or account,
//     finishes it first: each step can be taken by anybody, and twice. If the account
//     is another user's, the unfinished user is removed instead.
//   - authstore.deleted is all that is left of a user once its deletion has begun.
//     Then everything of the user is removed, and this last.
//
// A nonce beside them tells one sign-up or deletion from the next one.
//
// Not every step waits for the write concern, which is most of what a step costs. When
// the account of a sign-up is safe so is the user written before it, unless a new
// primary came between the two; then the last step finds no user, and all begins again.
// If that last step is lost itself, the next one to read the user takes it. If that of
// a deletion is, the mark stays.
//
// What belongs to a user who is nobody, or is not there, gives way to whoever wants
// its key: the rest of a deletion, or a record that was made while one ran.

const (
	nonceField  = stateField + ".nonce"
	signUpField = "signUp"
)

// endurance is how long a call goes on trying while others win the races for the same
// key: each of them gets its own work done.
const endurance = 6 * time.Second

// racedError says that a call kept losing races. Trying again is right.
type racedError struct{}

func (racedError) Error() string { return "mongo: too many calls for the same key at once" }

func raced() error { return adapter.Caused(adapter.ErrUnavailable, racedError{}) }

// state returns what a user's document is in the middle of: nil for nothing.
func state(user bson.Raw) bson.Raw {
	doc, _ := user.Lookup(stateField).DocumentOK()
	return doc
}

func isSigningUp(user bson.Raw) bool {
	return state(user).Lookup(signUpField).Type == bson.TypeEmbeddedDocument
}

// isSomebody reports whether a document is that of a user who is there.
func isSomebody(user bson.Raw) bool {
	_, err := user.LookupErr(stateField)
	return user != nil && err != nil
}

func byID(id any) bson.D { return bson.D{{Key: "_id", Value: id}} }

// inserter inserts a document.
type inserter func(ctx context.Context, to *mongo.Collection, doc any) error

// insertOnce inserts by a retryable write: the driver repeats the command if its reply is
// lost, and the server knows it by the record that it keeps of each.
func insertOnce(ctx context.Context, to *mongo.Collection, doc any) error {
	_, err := to.InsertOne(ctx, doc)
	return err
}

// insertUser inserts a user, after finishing what stands in the way unfinished.
func (s *store) insertUser(ctx context.Context, c *collections, user bson.D, insert inserter) error {
	for since := time.Now(); time.Since(since) < endurance; {
		err := insert(ctx, c.users, user)
		field, taken := isDuplicate(err)
		if !taken {
			return err
		}
		if err := s.yields(ctx, c, field, value(user, field)); err != nil {
			return err
		}
	}
	return raced()
}

// value returns a field of a document.
func value(doc bson.D, field string) any {
	for _, e := range doc {
		if e.Key == field {
			return e.Value
		}
	}
	return nil
}

// userConflicts has the fields of the users' unique indexes.
var userConflicts = map[string]string{"_id": adapter.FieldUserID, "email": adapter.FieldUserEmail}

// yields returns nil if an ID or e-mail address that was taken may be free now, and
// the conflict if it is not.
func (s *store) yields(ctx context.Context, c *collections, field string, v any) error {
	holder, err := c.users.FindOne(ctx, bson.D{{Key: field, Value: v}}).Raw()
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return nil
	case err != nil:
		return err
	case isSigningUp(holder):
		return s.finish(ctx, c, holder)
	}
	return adapter.Conflict(userConflicts[field])
}

// finish takes what is left of the steps of a sign-up: it is one then, or gone.
func (s *store) finish(ctx context.Context, c *collections, user bson.Raw) error {
	unfinished := state(user)
	_, err := s.complete(ctx, c, user.Lookup("_id"), unfinished.Lookup("nonce"), unfinished.Lookup(signUpField).Document())
	if errors.Is(err, adapter.ErrConflict) {
		return nil
	}
	return err
}

// complete takes the steps of a sign-up after the first one: the account is written and
// the user becomes one, or the account is another user's, the user is removed, and the
// conflict returned. It reports whether this call took the last step.
func (s *store) complete(ctx context.Context, c *collections, id, nonce any, account bson.Raw) (bool, error) {
	inserted, err := s.claim(ctx, c, c.uniqueAccounts(), account, s.insertAccount)
	if errors.Is(err, adapter.ErrConflict) {
		_, failed := c.users.DeleteOne(ctx, unfinished(id, nonce))
		return false, cmp.Or(failed, err)
	}
	if err != nil {
		return false, err
	}
	users := c.soon
	if !inserted { // by another call, which may be waiting for the write concern
		users = c.users
	}
	return c.becomeUser(ctx, users, id, nonce)
}

// unfinished matches the user of one sign-up, or what is left of one deletion.
func unfinished(id, nonce any) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: nonceField, Value: nonce}}
}

// insertAccount takes the second step of a sign-up.
func (s *store) insertAccount(ctx context.Context, to *mongo.Collection, account any) error {
	_, err := insertRepeatably(ctx, to, s.writeConcern, account)
	return err
}

// becomeUser takes the last step of a sign-up, and reports whether there was one to take.
// The driver has no retryable writes for commands on many documents, see repeatable.
func (c *collections) becomeUser(ctx context.Context, users *mongo.Collection, id, nonce any) (done bool, err error) {
	_, err = repeatable(ctx, func() error {
		result, err := users.UpdateMany(ctx, unfinished(id, nonce), bson.D{{Key: "$unset", Value: bson.D{{Key: stateField, Value: ""}}}})
		done = err == nil && result.MatchedCount > 0
		return err
	})
	return done, err
}

// repeatable makes a call that may be made twice, and makes it again if the connection or
// the primary is lost. It reports whether it did. The driver would do that too, but for its
// retryable writes the server keeps a record of each, which is a write of its own.
func repeatable(ctx context.Context, call func() error) (repeated bool, err error) {
	err = call()
	if !isRepeatable(err) || ctx.Err() != nil {
		return false, err
	}
	return true, call()
}

// insertRepeatably inserts a document that may be there already, if it reports that the
// command was repeated. For InsertOne the driver would use its retryable writes.
func insertRepeatably(ctx context.Context, to *mongo.Collection, concern *writeconcern.WriteConcern, doc any) (repeated bool, err error) {
	insert := bson.D{{Key: "insert", Value: to.Name()}, {Key: "documents", Value: bson.A{doc}}, {Key: "writeConcern", Value: encodeConcern(concern)}}
	return repeatable(ctx, func() error { return to.Database().RunCommand(ctx, insert).Err() })
}

// encodeConcern returns a write concern as commands have it. What it does not say is the
// server's default.
func encodeConcern(concern *writeconcern.WriteConcern) bson.D {
	doc := bson.D{}
	if concern.W != nil {
		doc = append(doc, bson.E{Key: "w", Value: concern.W})
	}
	if concern.Journal != nil {
		doc = append(doc, bson.E{Key: "j", Value: *concern.Journal})
	}
	return doc
}

// unique is a collection of what belongs to users, by its unique key.
type unique struct {
	*mongo.Collection
	key      []string
	conflict string // its field
}

func (c *collections) uniqueAccounts() unique {
	return unique{c.accounts, []string{"provider", "providerAccountId"}, adapter.FieldAccount}
}

func (c *collections) uniqueSessions() unique {
	return unique{c.sessions, []string{"sessionToken"}, adapter.FieldSessionToken}
}

func (c *collections) uniqueAuthenticators() unique {
	return unique{c.authenticators, []string{"credentialID"}, adapter.FieldCredentialID}
}

// claim inserts what belongs to a user, and reports whether it did: false if the same
// document is there. What has the key and belongs to nobody gives way; the conflict if
// it belongs to somebody.
func (s *store) claim(ctx context.Context, c *collections, u unique, doc bson.Raw, insert inserter) (bool, error) {
	for since := time.Now(); time.Since(since) < endurance; {
		err := insert(ctx, u.Collection, doc)
		if _, taken := isDuplicate(err); !taken {
			return err == nil, err
		}
		holder, err := c.holder(ctx, u, doc)
		switch {
		case errors.Is(err, adapter.ErrNotFound):
			continue
		case err != nil:
			return false, err
		case holder.Lookup("_id").Equal(doc.Lookup("_id")):
			return false, nil // inserted before: see finish
		}
		if err := s.evict(ctx, c, u, holder, doc.Lookup("userId")); err != nil {
			return false, err
		}
	}
	return false, raced()
}

// holder returns the document that has a document's key, with its user.
func (c *collections) holder(ctx context.Context, u unique, doc bson.Raw) (bson.Raw, error) {
	var match bson.D
	for _, field := range u.key {
		match = append(match, bson.E{Key: field, Value: doc.Lookup(field)})
	}
	return c.joined(ctx, u.Collection, match)
}

// evict removes a document that belongs to nobody, finishes the sign-up that it may be
// a part of, or returns the conflict. by is the user who wants its place.
func (s *store) evict(ctx context.Context, c *collections, u unique, holder bson.Raw, by bson.RawValue) error {
	user := joinedUser(holder)
	owner := holder.Lookup("userId")
	switch {
	case isSomebody(user) && !s.hasExpired(holder):
		return adapter.Conflict(u.conflict)
	case isSigningUp(user) && !owner.Equal(by):
		return s.finish(ctx, c, user)
	}
	_, err := u.DeleteOne(ctx, bson.D{{Key: "_id", Value: holder.Lookup("_id")}, {Key: "userId", Value: owner}})
	return err
}

// hasExpired reports whether a document is a session that has expired.
func (s *store) hasExpired(doc bson.Raw) bool {
	expires, ok := doc.Lookup("expires").DateTimeOK()
	return ok && !s.options.Now().Before(time.UnixMilli(expires))
}

// settled returns what read does: a document and its user, who must be there. If only
// the last step of the user's sign-up is missing, it is taken before.
func (s *store) settled(ctx context.Context, c *collections, read func() (doc, user bson.Raw, err error)) (doc, user bson.Raw, err error) {
	doc, user, err = read()
	if err == nil && isSigningUp(user) {
		unfinished := state(user)
		if _, err = c.settle(ctx, user.Lookup("_id"), unfinished.Lookup("nonce"), unfinished.Lookup(signUpField, "_id")); err == nil {
			doc, user, err = read()
		}
	}
	if err == nil && !isSomebody(user) {
		err = adapter.ErrNotFound
	}
	return doc, user, err
}

// settle takes the last step of a sign-up whose account is there, and reports whether it
// is.
func (c *collections) settle(ctx context.Context, id, nonce, accountID any) (bool, error) {
	there, err := has(ctx, c.accounts, bson.D{{Key: "_id", Value: accountID}, {Key: "userId", Value: id}})
	if there {
		_, err = c.becomeUser(ctx, c.users, id, nonce)
	}
	return there && err == nil, err
}

// withUser returns one document of what belongs to users, with its user, who is there.
func (s *store) withUser(ctx context.Context, c *collections, from *mongo.Collection, match bson.D) (doc, user bson.Raw, err error) {
	return s.settled(ctx, c, func() (doc, user bson.Raw, err error) {
		doc, err = c.joined(ctx, from, match)
		return doc, joinedUser(doc), err
	})
}

// joined returns one document of what belongs to users, with its user, see joinedUser.
func (c *collections) joined(ctx context.Context, from *mongo.Collection, match bson.D) (bson.Raw, error) {
	cursor, err := from.Aggregate(ctx, bson.A{
		bson.D{{Key: "$match", Value: match}},
		bson.D{{Key: "$limit", Value: 1}},
		bson.D{{Key: "$lookup", Value: bson.D{
			{Key: "from", Value: c.users.Name()}, {Key: "localField", Value: "userId"}, {Key: "foreignField", Value: "_id"}, {Key: "as", Value: userField},
		}}},
	})
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	if !cursor.Next(ctx) {
		return nil, cmp.Or(cursor.Err(), adapter.ErrNotFound)
	}
	return cursor.Current, nil
}

// joinedUser returns the user of a joined document: nil if there is none.
func joinedUser(doc bson.Raw) bson.Raw {
	users, _ := doc.Lookup(userField).ArrayOK()
	user, _ := bson.Raw(users).Lookup("0").DocumentOK()
	return user
}
