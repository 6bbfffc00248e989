package mongo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// A write to one document is atomic on every server; nothing here needs more. What
// takes several writes has a user's document say what it is in the middle of, in the
// field authstore. A user who has that field is nobody to every read, which may first
// take the last step of a sign-up: see settle.
//
//   - authstore.signUp holds the account of a sign-up, or authstore.passkey its credential.
//     The user is written with it, then the account or credential, then the field is
//     removed: that last step is the sign-up, and anybody can take it. What the user brings
//     is written by the call alone that it is of: whoever wrote it later could not know
//     whether it has been removed meanwhile. Who meets a user without it, wanting the same
//     e-mail address, ID, account or credential, gives the call some time, and removes the
//     user then: that call begins again, if it lives.
//   - authstore.deleted is all that is left of a user once its deletion has begun.
//     Then everything of the user is removed, and this last.
//
// A nonce beside them tells one sign-up or deletion from the next one.
//
// A collection may have unique indexes and a validator of the application's, which stand
// in the way of the document that a deletion leaves. Then the deletion goes without it.
//
// Not every step waits for the write concern, which is most of what a step costs. When
// what a sign-up brings is safe so is the user written before it, unless a new
// primary came between the two; then the last step finds no user, and all begins again.
// If that last step is lost itself, the next one to read the user takes it. If that of
// a deletion is, the mark stays.
//
// What belongs to a user who is nobody, or is not there, gives way to whoever wants
// its key: the rest of a deletion, or a record that was made while one ran.

const nonceField = stateField + ".nonce"

// The fields of a user's state that hold what a sign-up brings.
const (
	signUpField  = "signUp"
	passkeyField = "passkey"
)

// endurance is how long a call goes on trying while others win the races for the same
// key: each of them gets its own work done.
const endurance = 6 * time.Second

// fleeting is how often in a row a key may be taken by a document that is gone when one
// looks for it. An index that compares otherwise than queries do would never end.
const fleeting = 10

// racedError says that a call kept losing races. Trying again is right.
type racedError struct{}

func (racedError) Error() string { return "mongo: too many calls for the same key at once" }

func raced() error { return driver.Caused(adapter.ErrUnavailable, racedError{}) }

// state returns what a user's document is in the middle of: nil for nothing.
func state(user bson.Raw) bson.Raw {
	doc, _ := user.Lookup(stateField).DocumentOK()
	return doc
}

func isSigningUp(user bson.Raw) bool {
	unfinished := state(user)
	return unfinished.Lookup(signUpField).Type == bson.TypeEmbeddedDocument || unfinished.Lookup(passkeyField).Type == bson.TypeEmbeddedDocument
}

// signUp is one that takes several steps, since the user brings something.
type signUp struct {
	id, nonce any      // of the user
	isNew     bool     // the ID was made for the user
	to        unique   // where what it brings is stored
	brings    bson.Raw // that document
}

// signUpOf returns the sign-up of a user who isSigningUp.
func (c *collections) signUpOf(user bson.Raw) signUp {
	unfinished, to := state(user), c.uniqueAccounts()
	brings, ok := unfinished.Lookup(to.signUp).DocumentOK()
	if !ok {
		to = c.uniqueAuthenticators()
		brings, _ = unfinished.Lookup(to.signUp).DocumentOK()
	}
	return signUp{id: user.Lookup("_id"), nonce: unfinished.Lookup("nonce"), to: to, brings: brings}
}

// hasBrought reports whether a document is what a sign-up brings.
func (s signUp) hasBrought(to unique, doc bson.Raw) bool {
	return s.to.Collection == to.Collection && s.brings.Lookup("_id").Equal(doc.Lookup("_id"))
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
	d, several := doc.(sole)
	if !several {
		_, err := to.InsertOne(ctx, doc)
		return at(to, err)
	}
	result, err := to.UpdateOne(ctx, d.unless, d.insertion(), options.UpdateOne().SetUpsert(true))
	switch {
	case err == nil && result.MatchedCount > 0:
		return &formError{d.key}
	case isUntargeted(err):
		return d.afterALook(ctx, to, func(ctx context.Context) error { return insertOnce(ctx, to, d.doc) })
	}
	return at(to, err)
}

// afterALook inserts the document if there is none, in two steps.
func (d sole) afterALook(ctx context.Context, to *mongo.Collection, insert func(context.Context) error) error {
	taken, err := has(ctx, to, d.unless)
	if err == nil && taken {
		err = &formError{d.key}
	}
	if err != nil {
		return err
	}
	return insert(ctx)
}

// sole is a document that is inserted unless there is one which has its key in another
// form: a unique index does not take the number 12 and the text "12" for the same.
type sole struct {
	doc    any
	unless bson.D   // matches the others
	key    []string // its fields
}

// insertion is the update that inserts the document if none was matched.
func (d sole) insertion() bson.D { return bson.D{{Key: "$setOnInsert", Value: d.doc}} }

// formError says that a key is taken in another form.
type formError struct{ key []string }

func (*formError) Error() string { return "mongo: the key is taken in another form" }

// soleUser returns a user to insert. An ID that was made for it is nobody's in any form.
func (s *store) soleUser(user bson.D, isNew bool) any {
	forms := s.formsOf(value(user, "_id"))
	if isNew || len(forms) == 1 {
		return user
	}
	return sole{user, byID(oneOf(forms)), []string{"_id"}}
}

// formsOf returns the forms of an ID of the usual one.
func (s *store) formsOf(id any) bson.A {
	if oid, ok := id.(bson.ObjectID); ok {
		return s.ids(oid.Hex())
	}
	text, _ := id.(string)
	return s.ids(text)
}

// insertUser inserts a user, after settling what stands in the way unfinished.
func (s *store) insertUser(ctx context.Context, c *collections, user bson.D, isNew bool, insert inserter) error {
	p := newPatience()
	for p.lasts() {
		err := insert(ctx, c.users, s.soleUser(user, isNew))
		taken, isDuplicate := duplicateOf(err)
		if !isDuplicate {
			return err
		}
		if err := s.yields(ctx, c, p, taken, err, user); err != nil {
			if errors.Is(err, errMine) {
				return nil
			}
			return err
		}
	}
	return raced()
}

// value returns a field of a document: nil if it has none.
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

// errMine says that a key is taken by the same document, which an earlier attempt wrote.
var errMine = errors.New("mongo: the document is there")

// yields returns nil if an ID or e-mail address that was taken may be free now, and the
// conflict if it is not. What refused the write if that is another index, or a document
// that is of no such value.
func (s *store) yields(ctx context.Context, c *collections, p *patience, taken duplicate, refused error, user bson.D) error {
	for field, conflict := range userConflicts {
		v := value(user, field)
		if v == nil || !taken.covers(field) {
			continue
		}
		if field == "_id" {
			v = oneOf(s.formsOf(v))
		}
		holder, err := c.users.FindOne(ctx, bson.D{{Key: field, Value: v}}).Raw()
		switch {
		case errors.Is(err, mongo.ErrNoDocuments):
			return p.missed()
		case err != nil:
			return err
		case isOfSignUp(holder, user):
			return errMine
		case isSigningUp(holder):
			return s.resolve(ctx, c, p, holder)
		}
		return adapter.Conflict(conflict)
	}
	return refused
}

// isOfSignUp reports whether a stored user is the one that a sign-up is about to write.
func isOfSignUp(holder bson.Raw, user bson.D) bool {
	doc, _ := value(user, stateField).(bson.D)
	nonce, ok := state(holder).Lookup("nonce").ObjectIDOK()
	return ok && value(doc, "nonce") == nonce
}

// grace is how long a sign-up that is met may go on without what it brings.
const grace = 100 * time.Millisecond

// patience is that of one call which others stand in the way of.
type patience struct {
	began time.Time
	gone  int // how often in a row what had the key was gone
}

func newPatience() *patience { return &patience{began: time.Now()} }

func (p *patience) lasts() bool { return time.Since(p.began) < endurance && p.gone < fleeting }

// missed notes that what had the key is gone.
func (p *patience) missed() error {
	p.gone++
	return nil
}

// pause waits for a step of another call.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(5 * time.Millisecond):
		return nil
	}
}

// resolve brings a sign-up that is met to an end, for which it gives the call that it is
// of some time. The longer a call has been at it, the longer it waits, so that two cannot
// go on removing each other's.
func (s *store) resolve(ctx context.Context, c *collections, p *patience, user bson.Raw) error {
	u := c.signUpOf(user)
	for since, wait := time.Now(), grace+time.Since(p.began); time.Since(since) < wait; {
		if there, err := c.settle(ctx, u); there || err != nil {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
		if there, err := has(ctx, c.users, unfinished(u.id, u.nonce)); !there || err != nil {
			return err
		}
	}
	return c.finish(ctx, u)
}

// finish ends a sign-up whose call is gone: it is one if what it brings is there, else the
// user is removed, whom nobody has seen.
func (c *collections) finish(ctx context.Context, u signUp) error {
	if there, err := c.settle(ctx, u); there || err != nil {
		return err
	}
	_, err := c.users.DeleteOne(ctx, unfinished(u.id, u.nonce))
	return err
}

// complete takes the steps of a sign-up after the first one: what it brings is written and
// the user becomes one. If that is another user's or may be, or the server refuses it, the
// user is removed, and the reason returned. It reports whether this call took the last step.
func (s *store) complete(ctx context.Context, c *collections, u signUp) (bool, error) {
	inserted, err := s.claim(ctx, c, u.to, u.brings, s.bringer(c, u))
	if errors.Is(err, adapter.ErrConflict) || errors.Is(err, adapter.ErrUnreadable) || isRefused(err) {
		_, failed := c.users.DeleteOne(ctx, unfinished(u.id, u.nonce))
		return false, cmp.Or(failed, err)
	}
	if err != nil {
		return false, err
	}
	users := c.soon
	if !inserted { // by an earlier attempt, which may not be safe yet
		users = c.users
	}
	return c.becomeUser(ctx, users, u.id, u.nonce)
}

// unfinished matches the user of one sign-up, or what is left of one deletion.
func unfinished(id, nonce any) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: nonceField, Value: nonce}}
}

// bringer takes the second step of a sign-up. If the reply is lost it is taken again only
// for a user who still needs it: what one who has become a user brought may have been
// removed since.
func (s *store) bringer(c *collections, u signUp) inserter {
	return func(ctx context.Context, to *mongo.Collection, brings any) error {
		insert := insertCommand(to, s.writeConcern, brings)
		err := insert(ctx)
		if !isRepeatable(err) || ctx.Err() != nil {
			return at(to, err)
		}
		if needed, err := has(ctx, c.users, unfinished(u.id, u.nonce)); !needed || err != nil {
			return err
		}
		return at(to, insert(ctx))
	}
}

// becomeUser takes the last step of a sign-up, and reports whether there was one to take.
// The driver has no retryable writes for commands on many documents, see repeatable.
func (c *collections) becomeUser(ctx context.Context, users *mongo.Collection, id, nonce any) (done bool, err error) {
	err = repeatable(ctx, func() error {
		result, err := users.UpdateMany(ctx, unfinished(id, nonce), bson.D{{Key: "$unset", Value: bson.D{{Key: stateField, Value: ""}}}})
		done = err == nil && result.MatchedCount > 0
		return err
	})
	return done, at(users, err)
}

// repeatable makes a call that may be made twice, and makes it again if the connection or
// the primary is lost. The driver would do that too, but for its retryable writes the server
// keeps a record of each, which is a write of its own.
func repeatable(ctx context.Context, call func() error) error {
	err := call()
	if !isRepeatable(err) || ctx.Err() != nil {
		return err
	}
	return call()
}

// insertRepeatably inserts a document that knows its own by its nonce. For InsertOne the
// driver would use its retryable writes.
func insertRepeatably(concern *writeconcern.WriteConcern) inserter {
	return func(ctx context.Context, to *mongo.Collection, doc any) error {
		insert := insertCommand(to, concern, doc)
		return at(to, repeatable(ctx, func() error { return insert(ctx) }))
	}
}

// insertCommand returns the insertion of a document, which the driver does not repeat.
func insertCommand(to *mongo.Collection, concern *writeconcern.WriteConcern, doc any) func(context.Context) error {
	if d, ok := doc.(sole); ok {
		return upsertCommand(to, concern, d)
	}
	insert := bson.D{{Key: "insert", Value: to.Name()}, {Key: "documents", Value: bson.A{doc}}, {Key: "writeConcern", Value: encodeConcern(concern)}}
	return func(ctx context.Context) error { return to.Database().RunCommand(ctx, insert).Err() }
}

func upsertCommand(to *mongo.Collection, concern *writeconcern.WriteConcern, d sole) func(context.Context) error {
	update := bson.D{{Key: "q", Value: d.unless}, {Key: "u", Value: d.insertion()}, {Key: "upsert", Value: true}}
	command := bson.D{{Key: "update", Value: to.Name()}, {Key: "updates", Value: bson.A{update}}, {Key: "writeConcern", Value: encodeConcern(concern)}}
	return func(ctx context.Context) error {
		reply, err := to.Database().RunCommand(ctx, command).Raw()
		_, matched := reply.LookupErr("upserted")
		switch {
		case isUntargeted(err):
			return d.afterALook(ctx, to, insertCommand(to, concern, d.doc))
		case err == nil && matched != nil:
			return &formError{d.key}
		}
		return err
	}
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
	signUp   string // the field of a user's state that holds one of a sign-up
}

func (c *collections) uniqueAccounts() unique {
	return unique{c.accounts, []string{"provider", "providerAccountId"}, adapter.FieldAccount, signUpField}
}

func (c *collections) uniqueSessions() unique {
	return unique{c.sessions, []string{"sessionToken"}, adapter.FieldSessionToken, ""}
}

func (c *collections) uniqueAuthenticators() unique {
	return unique{c.authenticators, []string{"credentialID"}, adapter.FieldCredentialID, passkeyField}
}

// claim inserts what belongs to a user, and reports whether it did: false if the same
// document is there. What has the key and belongs to nobody gives way; the conflict if
// it belongs to somebody.
func (s *store) claim(ctx context.Context, c *collections, u unique, doc bson.Raw, insert inserter) (bool, error) {
	p := newPatience()
	for p.lasts() {
		refused := insert(ctx, u.Collection, u.sole(doc))
		taken, isDuplicate := duplicateOf(refused)
		if !isDuplicate || !taken.covers(u.key...) && !taken.covers("_id") {
			return refused == nil, refused
		}
		holder, err := c.holder(ctx, u, doc)
		switch {
		case errors.Is(err, adapter.ErrNotFound):
			err = p.missed()
		case err == nil && holder.Lookup("_id").Equal(doc.Lookup("_id")):
			return false, nil // inserted before
		case err == nil:
			err = s.evict(ctx, c, p, u, holder, doc.Lookup("userId"))
		}
		if err != nil {
			return false, err
		}
	}
	return false, raced()
}

// holder returns the document that has a document's key, with its user.
func (c *collections) holder(ctx context.Context, u unique, doc bson.Raw) (bson.Raw, error) {
	match, _ := u.match(doc)
	return c.joined(ctx, u.Collection, match)
}

// match finds the documents with the key that a document has. It reports whether a key can
// have several forms.
func (u unique) match(doc bson.Raw) (filter bson.D, several bool) {
	for _, field := range u.key {
		forms := bson.A{doc.Lookup(field)}
		if field == "providerAccountId" {
			forms = accountForms(doc.Lookup(field).StringValue())
		}
		filter, several = append(filter, bson.E{Key: field, Value: oneOf(forms)}), several || len(forms) > 1
	}
	return filter, several
}

// sole returns a document to insert.
func (u unique) sole(doc bson.Raw) any {
	match, several := u.match(doc)
	if !several {
		return doc
	}
	return sole{doc, match, u.key}
}

// evict removes a document that belongs to nobody, settles the sign-up that it may be a
// part of, or returns the conflict. by is the user who wants its place.
func (s *store) evict(ctx context.Context, c *collections, p *patience, u unique, holder bson.Raw, by bson.RawValue) error {
	user, err := s.ownerOf(ctx, c, u.Name(), holder)
	if err != nil {
		return err
	}
	switch {
	case isSomebody(user) && !(u.Collection == c.sessions && s.hasExpired(holder)):
		return adapter.Conflict(u.conflict)
	case isSigningUp(user) && (c.signUpOf(user).hasBrought(u, holder) || !holder.Lookup("userId").Equal(by)):
		return s.resolve(ctx, c, p, user)
	}
	_, err = u.DeleteOne(ctx, append(byID(holder.Lookup("_id")), bson.E{Key: "userId", Value: asItIs(holder, "userId")}))
	return err
}

// hasExpired reports whether a session has expired.
func (s *store) hasExpired(doc bson.Raw) bool {
	expires := date(doc.Lookup("expires"))
	return !expires.IsZero() && !s.options.Now().Before(expires)
}

// settled returns what read does: a document and its user, who must be there. If only
// the last step of the user's sign-up is missing, it is taken before.
func (s *store) settled(ctx context.Context, c *collections, read func() (doc, user bson.Raw, err error)) (doc, user bson.Raw, err error) {
	doc, user, err = read()
	if err == nil && isSigningUp(user) {
		if _, err = c.settle(ctx, c.signUpOf(user)); err == nil {
			doc, user, err = read()
		}
	}
	if err == nil && !isSomebody(user) {
		err = adapter.ErrNotFound
	}
	return doc, user, err
}

// settle takes the last step of a sign-up if what it brings is there, and reports whether
// it is.
func (c *collections) settle(ctx context.Context, u signUp) (bool, error) {
	there, err := has(ctx, u.to.Collection, bson.D{{Key: "_id", Value: u.brings.Lookup("_id")}, {Key: "userId", Value: u.id}})
	if there {
		_, err = c.becomeUser(ctx, c.users, u.id, u.nonce)
	}
	return there && err == nil, err
}

// withUser returns one document of what belongs to users, with its user, who is there.
func (s *store) withUser(ctx context.Context, c *collections, from *mongo.Collection, match bson.D) (doc, user bson.Raw, err error) {
	doc, user, err = s.settled(ctx, c, func() (doc, user bson.Raw, err error) {
		doc, err = c.joined(ctx, from, match)
		if err == nil {
			user, err = s.ownerOf(ctx, c, from.Name(), doc)
		}
		return doc, user, err
	})
	if err == nil {
		err = s.alone(ctx, c, user)
	}
	return doc, user, err
}

// ownerOf returns the user of a joined document, who is looked for again if the document
// has the ID in another form: nil if there is none, an error if it cannot be said.
func (s *store) ownerOf(ctx context.Context, c *collections, from string, doc bson.Raw) (bson.Raw, error) {
	owner := doc.Lookup("userId")
	if isNull(owner) {
		return nil, nil // the server joins it to a user whose _id is null
	}
	if user := joinedUser(doc); user != nil {
		return user, nil
	}
	r := reader{store: s, collection: from, doc: doc}
	text := r.owner(owner)
	if text == "" || r.err != nil {
		return nil, r.err
	}
	return s.find(ctx, c, text)
}

// joined returns one document of what belongs to users, with its user, see joinedUser.
func (c *collections) joined(ctx context.Context, from *mongo.Collection, match bson.D) (bson.Raw, error) {
	stages := bson.A{
		bson.D{{Key: "$match", Value: match}},
		bson.D{{Key: "$limit", Value: 1}},
		bson.D{{Key: "$lookup", Value: bson.D{
			{Key: "from", Value: c.users.Name()}, {Key: "localField", Value: "userId"}, {Key: "foreignField", Value: "_id"}, {Key: "as", Value: userField},
		}}},
	}
	if order := sorted(match); order != nil {
		stages = slices.Insert(stages, 1, any(bson.D{{Key: "$sort", Value: order}}))
	}
	cursor, err := from.Aggregate(ctx, stages)
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
