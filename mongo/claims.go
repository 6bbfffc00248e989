package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
)

// maxRetryTime is how long a call keeps trying while others win the races for the same key:
// each of them makes progress. It also ends a call whose key is taken by a document that no query
// finds, because an index compares differently.
const maxRetryTime = 6 * time.Second

// inserter inserts a document.
type inserter func(ctx context.Context, coll *collection, doc any) error

// insertOnce inserts by a retryable write: the driver repeats the command if its reply is
// lost, and the server recognizes the repetition. What it refuses is not executed later: see
// fence.
func insertOnce(ctx context.Context, coll *collection, doc any) error {
	return writeOnce(ctx, coll, func(ctx context.Context) (nothing bool, err error) {
		err = tryInsert(ctx, coll, doc)
		_, nothing = duplicateOf(err)
		return nothing, err
	})
}

func tryInsert(ctx context.Context, coll *collection, doc any) error {
	d, several := doc.(uniqueDoc)
	if !several {
		_, err := coll.InsertOne(ctx, doc)
		return withCollection(coll, err)
	}
	result, err := coll.UpdateOne(ctx, d.unless, d.insertion(), options.UpdateOne().SetUpsert(true))
	switch {
	case err == nil && result.MatchedCount > 0:
		return &formError{d.key}
	case isUntargeted(err):
		return d.insertIfAbsent(ctx, coll, func(ctx context.Context) error { return tryInsert(ctx, coll, d.doc) })
	}
	return withCollection(coll, err)
}

// insertIfAbsent inserts the document if there is no other, in two steps.
func (d uniqueDoc) insertIfAbsent(ctx context.Context, coll *collection, insert func(context.Context) error) error {
	taken, err := has(ctx, coll, d.unless)
	if err == nil && taken {
		err = &formError{d.key}
	}
	if err != nil {
		return err
	}
	return insert(ctx)
}

// uniqueDoc is a document that is inserted only if no other has its key in another form: to
// a unique index the number 12 and the text "12" are different.
type uniqueDoc struct {
	doc    any
	unless bson.D   // matches the other forms
	key    []string // its fields
}

// insertion is the update that inserts the document if none was matched.
func (d uniqueDoc) insertion() bson.D { return bson.D{{Key: "$setOnInsert", Value: d.doc}} }

// formError says that a key is taken in another form.
type formError struct{ key []string }

func (*formError) Error() string { return "mongo: the key is taken in another form" }

// userToInsert returns a user for an inserter. An ID that was generated for the user is
// taken in no form.
func (s *store) userToInsert(user bson.D, isNew bool) any {
	forms := s.formsOfID(value(user, "_id"))
	if isNew || len(forms) == 1 {
		return user
	}
	return uniqueDoc{user, byID(oneOf(forms)), []string{"_id"}}
}

// insertUser inserts a user, after resolving unfinished sign-ups that hold its ID or e-mail
// address.
func (s *store) insertUser(ctx context.Context, c *collections, user bson.D, isNew bool, insert inserter) error {
	r := newRetries()
	for r.allowed() {
		err := insert(ctx, c.users, s.userToInsert(user, isNew))
		taken, isDuplicate := duplicateOf(err)
		if !isDuplicate {
			return err
		}
		if err := s.resolveDuplicate(ctx, c, r, taken, err, user); err != nil {
			if errors.Is(err, errAlreadyInserted) {
				return nil
			}
			return err
		}
	}
	return raced()
}

// value returns a field of a document, or nil if it is missing.
func value(doc bson.D, field string) any {
	for _, e := range doc {
		if e.Key == field {
			return e.Value
		}
	}
	return nil
}

// userConflicts are the fields of the users' unique indexes.
func (s *shape) userConflicts() map[string]string {
	return map[string]string{"_id": adapter.FieldUserID, s.in("email"): adapter.FieldUserEmail}
}

// errAlreadyInserted says that a key is held by the same document, inserted by an earlier
// attempt.
var errAlreadyInserted = errors.New("mongo: the document exists already")

// resolveDuplicate returns nil if the ID or e-mail address that was taken may be free by
// now, and the conflict if it is not. It returns refused if another index refused the
// write, or the values are not those of the user.
func (s *store) resolveDuplicate(ctx context.Context, c *collections, r *retries, taken duplicate, refused error, user bson.D) error {
	for field, conflict := range c.users.userConflicts() {
		v := value(user, field)
		if v == nil || !taken.covers(field) {
			continue
		}
		if field == "_id" {
			v = oneOf(s.formsOfID(v))
		}
		holder, err := c.users.FindOne(ctx, bson.D{{Key: field, Value: v}}).Raw()
		switch {
		case errors.Is(err, mongo.ErrNoDocuments):
			return pause(ctx) // it is gone since
		case err != nil:
			return err
		case isSameSignUp(holder, user):
			return errAlreadyInserted
		case isSigningUp(holder):
			return s.resolve(ctx, c, r, holder)
		case isEvicting(holder):
			return s.endEviction(ctx, c, r, holder)
		}
		return adapter.Conflict(conflict)
	}
	return refused
}

// retries are the attempts of one call while others are in its way.
type retries struct{ began time.Time }

func newRetries() *retries { return &retries{time.Now()} }

func (r *retries) allowed() bool { return time.Since(r.began) < maxRetryTime }

// insertRepeatably inserts a document that is recognized by its nonce, without the driver's
// retryable writes, which InsertOne would use.
func insertRepeatably(concern *writeconcern.WriteConcern) inserter {
	return func(ctx context.Context, coll *collection, doc any) error {
		insert := insertCommand(coll, concern, doc)
		return withCollection(coll, repeatable(ctx, func() error { return insert(ctx) }))
	}
}

// insertCommand returns the insertion of a document, which the driver does not repeat.
func insertCommand(coll *collection, concern *writeconcern.WriteConcern, doc any) func(context.Context) error {
	if d, ok := doc.(uniqueDoc); ok {
		return upsertCommand(coll, concern, d)
	}
	insert := bson.D{{Key: "insert", Value: coll.Name()}, {Key: "documents", Value: bson.A{doc}}, {Key: "writeConcern", Value: encodeConcern(concern)}}
	return func(ctx context.Context) error { return coll.Database().RunCommand(ctx, insert).Err() }
}

func upsertCommand(coll *collection, concern *writeconcern.WriteConcern, d uniqueDoc) func(context.Context) error {
	update := bson.D{{Key: "q", Value: d.unless}, {Key: "u", Value: d.insertion()}, {Key: "upsert", Value: true}}
	command := bson.D{{Key: "update", Value: coll.Name()}, {Key: "updates", Value: bson.A{update}}, {Key: "writeConcern", Value: encodeConcern(concern)}}
	return func(ctx context.Context) error {
		reply, err := coll.Database().RunCommand(ctx, command).Raw()
		_, matched := reply.LookupErr("upserted")
		switch {
		case isUntargeted(err):
			return d.insertIfAbsent(ctx, coll, insertCommand(coll, concern, d.doc))
		case err == nil && matched != nil:
			return &formError{d.key}
		}
		return err
	}
}

// encodeConcern returns a write concern as a command contains it. What is not set is the
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

// unique is a collection of records that belong to users, with its unique key.
type unique struct {
	*collection
	conflict string // the field in an adapter.Conflict
	stateKey string // the field of a user's state that holds the credential of a sign-up
}

func (c *collections) uniqueAccounts() unique {
	return unique{c.accounts, adapter.FieldAccount, signUpField}
}

func (c *collections) uniqueSessions() unique {
	return unique{c.sessions, adapter.FieldSessionToken, ""}
}

func (c *collections) uniqueAuthenticators() unique {
	return unique{c.authenticators, adapter.FieldCredentialID, passkeyField}
}

// claim inserts a record that belongs to a user, and reports whether it did: false if the
// same document exists already. A record with the same key is replaced if its user does not
// exist, and is a conflict otherwise.
func (s *store) claim(ctx context.Context, c *collections, u unique, doc bson.Raw, insert inserter) (bool, error) {
	var refused error
	for r := newRetries(); r.allowed(); {
		refused = insert(ctx, u.collection, u.toInsert(doc))
		taken, isDuplicate := u.duplicateOf(refused)
		if !isDuplicate || !taken.covers(u.keys()...) && !taken.covers("_id") {
			return refused == nil, refused
		}
		holder, err := c.holder(ctx, u, doc)
		switch {
		case errors.Is(err, adapter.ErrNotFound):
			err = pause(ctx) // it is gone since
		case err == nil && u.isSame(holder, doc):
			return false, nil // by an earlier attempt
		case err == nil:
			err = s.evict(ctx, c, r, u, holder, u.owner(doc))
		}
		if err != nil {
			return false, err
		}
	}
	if taken, _ := duplicateOf(refused); !taken.covers(u.keys()...) && !taken.covers("_id") {
		return false, refused // by what is derived from another key in another program
	}
	return false, raced()
}

// isSame reports whether two documents are one record.
func (s *shape) isSame(a, b bson.Raw) bool {
	id := a.Lookup(s.id)
	return !id.IsZero() && id.Equal(b.Lookup(s.id)) && a.Lookup("_id").Equal(b.Lookup("_id"))
}

// same matches a record by its ID.
func (s *shape) same(doc bson.Raw) bson.D {
	same := byID(doc.Lookup("_id"))
	if s.id != "_id" {
		same = append(same, bson.E{Key: s.id, Value: doc.Lookup(s.id)})
	}
	return same
}

// duplicateOf is the function duplicateOf, for an index on fields or on what is derived from them.
func (s *shape) duplicateOf(err error) (duplicate, bool) {
	taken, is := duplicateOf(err)
	taken.fields = s.identified(taken.fields)
	return taken, is
}

// holder returns the document with the key of another document, joined with its user.
func (c *collections) holder(ctx context.Context, u unique, doc bson.Raw) (bson.Raw, error) {
	match, _ := u.match(doc)
	return c.joined(ctx, u.collection, match)
}

// match finds the documents with the key of a document, and reports whether that key can
// have several forms.
func (u unique) match(doc bson.Raw) (filter bson.D, several bool) {
	for _, field := range u.keys() {
		forms := bson.A{doc.Lookup(field)}
		if field == u.in("providerAccountId") {
			forms = accountForms(doc.Lookup(field).StringValue())
		}
		filter, several = append(filter, bson.E{Key: field, Value: oneOf(forms)}), several || len(forms) > 1
	}
	return filter, several
}

// toInsert returns a document for an inserter.
func (u unique) toInsert(doc bson.Raw) any {
	match, several := u.match(doc)
	if !several {
		return doc
	}
	return uniqueDoc{doc, match, u.keys()}
}

// evict deletes a document whose user does not exist, resolves the sign-up that it may be
// part of, or returns the conflict. newOwner is the user who wants the key.
func (s *store) evict(ctx context.Context, c *collections, r *retries, u unique, holder bson.Raw, newOwner bson.RawValue) error {
	user, err := s.ownerOf(ctx, c, u.collection, holder)
	if err != nil {
		return err
	}
	switch {
	case isVisible(user) && !(u.collection == c.sessions && s.hasExpired(holder)):
		return adapter.Conflict(u.conflict)
	case isSigningUp(user) && (c.signUpOf(user).isCredential(u, holder) || !u.owner(holder).Equal(newOwner)):
		return s.resolve(ctx, c, r, user)
	}
	if user != nil {
		if isMarked(user) && time.Since(r.began) < gracePeriod {
			return pause(ctx) // the deletion deletes it, unless it was cut off
		}
		return deleteAsSeen(ctx, u, holder)
	}
	return s.deleteRemains(ctx, c, u, holder)
}

// deleteRemains deletes a document whose user does not exist, and must not come back before it is gone: a mark
// in the user's place sees to that. Who makes the user waits for it, see endEviction. No mark is needed for an ID
// that no user can be given, and there is none if an application's index or validator refuses it.
func (s *store) deleteRemains(ctx context.Context, c *collections, u unique, holder bson.Raw) error {
	text, _ := s.ownerText(u.owner(holder))
	id, err := s.storedID(adapter.FieldUserID, text)
	if err != nil || text == "" {
		return deleteAsSeen(ctx, u, holder)
	}
	nonce := bson.NewObjectID()
	err = insertOnce(ctx, c.users, bson.D{{Key: "_id", Value: id}, {Key: stateField, Value: bson.D{
		{Key: "nonce", Value: nonce}, {Key: "deleted", Value: true}, {Key: "evicting", Value: true},
	}}})
	taken, isDuplicate := duplicateOf(err)
	switch {
	case isDuplicate && taken.covers("_id"):
		return pause(ctx) // the user is back, or another call does the same
	case isRefused(err):
		return deleteAsSeen(ctx, u, holder)
	case err != nil:
		return err
	}
	if err := deleteAsSeen(ctx, u, holder); err != nil {
		return err // it may arrive later yet: the mark stays, and who makes the user adopts
	}
	_, err = deleteDead(ctx, c.soon, unfinished(id, nonce))
	return err
}

// deleteAsSeen deletes a document unless it belongs to somebody else by now, or was adopted.
func deleteAsSeen(ctx context.Context, u unique, doc bson.Raw) error {
	var adopted any // nil: the field is missing
	if v, err := doc.LookupErr(stateField, "adopted"); err == nil {
		adopted = v
	}
	_, err := u.DeleteOne(ctx, append(byID(doc.Lookup("_id")), u.ownedAs(doc), bson.E{Key: adoptedField, Value: adopted}))
	return err
}

// adoptedField is in a record that was there before its user, who was made while a call that wanted its key
// stood still.
const adoptedField = stateField + ".adopted"

// isEvicting reports whether a user's document is the mark of a call that deletes what is left of the user.
func isEvicting(user bson.Raw) bool { return !state(user).Lookup("evicting").IsZero() }

// endEviction waits until what was left of a user is deleted, for a call that makes the user again. If that
// takes long, the other call was cut off, or stands still: then the user keeps what is there, which the other
// one does not find as it was.
func (s *store) endEviction(ctx context.Context, c *collections, r *retries, mark bson.Raw) error {
	if time.Since(r.began) < gracePeriod {
		return pause(ctx)
	}
	text, _ := s.ownerText(mark.Lookup("_id"))
	change := bson.D{{Key: "$set", Value: bson.D{{Key: adoptedField, Value: bson.NewObjectID()}}}}
	err := inParallel(c.ofUsers(), func(coll *collection) error {
		return repeatable(ctx, func() error {
			_, err := coll.UpdateMany(ctx, s.byUser(coll, text), change)
			return err
		})
	})
	if err != nil && !isRefused(err) {
		return err
	}
	_, err = deleteDead(ctx, c.users, unfinished(mark.Lookup("_id"), state(mark).Lookup("nonce")))
	return err
}

// hasExpired reports whether a session has expired.
func (s *store) hasExpired(doc bson.Raw) bool {
	expires := date(doc.Lookup(s.sessions.in("expires")))
	return !expires.IsZero() && !s.options.Now().Before(expires)
}
