package mongo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// MongoDB makes a write to one document atomic, on every kind of deployment; nothing here
// needs more. An operation of several writes records its state in the user's document, in
// the field authstore. A user with that field is invisible to reads, except that a read may
// complete a sign-up: see rollForward.
//
//   - authstore.signUp holds the account of a sign-up, or authstore.passkey its passkey,
//     called its credential below. The user is written with it, then the credential itself,
//     then the field is removed: this last step commits the sign-up, and any call may take
//     it. The credential is written by its own call alone: another call could not know
//     whether it has been removed in the meantime. A call that meets a user without its
//     credential, and wants the same e-mail address, ID, account or passkey, waits a little
//     and then deletes the user; if the sign-up is still alive, it starts over.
//   - authstore.deleted is all that is left of a user once its deletion has begun: the
//     mark. Then all records of the user are deleted, and the mark last.
//   - Beside deleted, authstore.evicting says that there was no user, and that a call deletes what is left
//     of one: see deleteRemains. Who makes the user waits for it.
//
// A nonce beside them tells one sign-up or deletion from the next.
//
// An application's unique indexes and validators may refuse the mark. Then the deletion
// does without it.
//
// Not every step waits for the write concern, which is most of the cost of a step. When the
// credential is durable, so is the user that was written before it, unless a new primary
// came between the two; then the last step finds no user, and everything starts over. If
// the last step itself is lost, the next read of the user repeats it. If the last step of a
// deletion is lost, the mark stays.
//
// A record whose user is invisible or does not exist does not reserve its key: it is the
// remains of a deletion, or was written during one.

// signUp is a sign-up that takes several steps, because the user comes with a credential.
type signUp struct {
	id, nonce   any      // of the user
	isNew       bool     // the ID was generated
	credentials unique   // the collection of the credential
	credential  bson.Raw // an account or an authenticator
}

// state returns the state of a user's document, or nil if nothing is unfinished.
func state(user bson.Raw) bson.Raw {
	doc, _ := user.Lookup(stateField).DocumentOK()
	return doc
}

func isSigningUp(user bson.Raw) bool {
	unfinished := state(user)
	return unfinished.Lookup(signUpField).Type == bson.TypeEmbeddedDocument || unfinished.Lookup(passkeyField).Type == bson.TypeEmbeddedDocument
}

// signUpOf returns the sign-up of a user for whom isSigningUp is true.
func (c *collections) signUpOf(user bson.Raw) signUp {
	unfinished, credentials := state(user), c.uniqueAccounts()
	credential, ok := unfinished.Lookup(credentials.stateKey).DocumentOK()
	if !ok {
		credentials = c.uniqueAuthenticators()
		credential, _ = unfinished.Lookup(credentials.stateKey).DocumentOK()
	}
	return signUp{id: user.Lookup("_id"), nonce: unfinished.Lookup("nonce"), credentials: credentials, credential: credential}
}

// isCredential reports whether a document is the credential of a sign-up.
func (s signUp) isCredential(owned unique, doc bson.Raw) bool {
	return s.credentials.collection == owned.collection && owned.isSame(s.credential, doc)
}

// isMarked reports whether a user's document is the mark of a deletion.
func isMarked(user bson.Raw) bool { return !state(user).Lookup("deleted").IsZero() }

// isVisible reports whether a document is that of a user who exists for reads.
func isVisible(user bson.Raw) bool {
	_, err := user.LookupErr(stateField)
	return user != nil && err != nil
}

// isMark matches the mark of any deletion.
var isMark = bson.E{Key: stateField + ".deleted", Value: true}

// unfinished matches the user of one sign-up, or the mark of one deletion.
func unfinished(id, nonce any) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: nonceField, Value: nonce}}
}

// createUserWith creates a user with a credential in three steps, and sets its owner.
func (s *store) createUserWith(ctx context.Context, u *adapter.User, owner *string, credentials func(*collections) unique, encode func(id any) bson.D) error {
	isNew, err := driver.Identify(s.options, u)
	if err != nil {
		return err
	}
	*owner = u.ID
	id, err := s.storedID(adapter.FieldUserID, u.ID)
	if err != nil {
		return err
	}
	credential, err := bson.Marshal(encode(id))
	if err != nil {
		return err
	}
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	return s.signUp(ctx, c, s.encodeUser(id, *u), signUp{id: id, isNew: isNew, credentials: credentials(c), credential: credential})
}

func (s *store) signUp(ctx context.Context, c *collections, user bson.D, u signUp) error {
	for since := time.Now(); time.Since(since) < maxRetryTime; {
		done, err := s.trySignUp(ctx, c, user, u)
		if err != nil || done {
			return err
		}
		// Another call finished or deleted the user, or a new primary never had it.
		if done, err = s.hasSignedUp(ctx, c, user, u); err != nil || done {
			return err
		}
	}
	return raced()
}

// hasSignedUp reports whether a user existed because of this sign-up, after all steps but the
// last one. With a generated ID that is so if the user is visible or its deletion has begun.
// Somebody else may have made a user with an ID that was given, after deleting this one's. The
// user is this one's if it is as it was written, and its credential exists. It is another one's
// if it was created at another time, which no update changes; then the credential is removed.
// There was no user if none is visible and the credential exists, which a deletion would have
// removed. Otherwise the outcome is unknown: ErrUnavailable.
func (s *store) hasSignedUp(ctx context.Context, c *collections, user bson.D, u signUp) (bool, error) {
	stored, err := s.user(ctx, c, byID(u.id))
	isThere := err == nil
	switch {
	case isThere && u.isNew:
		return true, nil
	case !isThere && !errors.Is(err, adapter.ErrNotFound):
		return false, err
	}
	isDeleted, err := has(ctx, c.users, append(byID(u.id), isMark))
	if err != nil || isDeleted && u.isNew {
		return isDeleted, err
	}
	isLeft, err := has(ctx, u.credentials.collection, u.credentials.same(u.credential))
	switch {
	case err != nil:
		return false, err
	case !isLeft || isDeleted:
		return false, raced()
	case !isThere || isAsWritten(stored, user):
		return isThere, nil
	case !s.isAnothers(stored, user):
		return false, raced()
	}
	_, err = u.credentials.collection.DeleteOne(ctx, u.asBrought())
	return false, err
}

// asBrought matches the credential of a sign-up that belongs to its user still.
func (s signUp) asBrought() bson.D {
	return append(s.credentials.same(s.credential), bson.E{Key: s.credentials.in("userId"), Value: s.id})
}

// isAsWritten reports whether a stored user has the fields that a sign-up gave it, and no others.
func isAsWritten(stored bson.Raw, user bson.D) bool {
	written, err1 := bson.Marshal(user)
	fields, err2 := bson.Raw(written).Elements()
	all, err3 := stored.Elements()
	return cmp.Or(err1, err2, err3) == nil && len(all) == len(fields) && !slices.ContainsFunc(fields, func(field bson.RawElement) bool {
		return !stored.Lookup(field.Key()).Equal(field.Value())
	})
}

// isAnothers reports whether a stored user was created at another time than that of a sign-up.
func (s *store) isAnothers(stored bson.Raw, user bson.D) bool {
	created := s.users.in("createdAt")
	there, ok1 := stored.Lookup(created).DateTimeOK()
	written, ok2 := value(user, created).(bson.DateTime)
	return ok1 && ok2 && there != int64(written)
}

// trySignUp takes the steps of a sign-up, and reports whether it took the last one.
func (s *store) trySignUp(ctx context.Context, c *collections, user bson.D, u signUp) (bool, error) {
	u.nonce = bson.NewObjectID()
	unfinished := bson.E{Key: stateField, Value: bson.D{{Key: "nonce", Value: u.nonce}, {Key: u.credentials.stateKey, Value: u.credential}}}
	if err := s.insertUser(ctx, c, append(slices.Clip(user), unfinished), u.isNew, insertRepeatably(writeconcern.W1())); err != nil {
		return false, err
	}
	return s.complete(ctx, c, u)
}

// complete takes the steps of a sign-up after the first. If the credential belongs to
// another user, or may, or the server refuses it, the new user is deleted and the reason
// returned. It reports whether this call took the last step.
func (s *store) complete(ctx context.Context, c *collections, u signUp) (bool, error) {
	inserted, err := s.claim(ctx, c, u.credentials, u.credential, insertOnce)
	if isRepeatable(err) && ctx.Err() == nil && u.hasCredential(ctx) {
		inserted, err = false, nil // its reply was lost, and the driver does not repeat it on a standalone server
	}
	if errors.Is(err, adapter.ErrConflict) || errors.Is(err, adapter.ErrUnreadable) || isRefused(err) {
		_, failed := c.users.DeleteOne(ctx, unfinished(u.id, u.nonce))
		return false, cmp.Or(failed, err)
	}
	if err != nil {
		return false, err
	}
	users := c.soon
	if !inserted { // but by an earlier attempt, which may not be durable yet
		users = c.users
	}
	return c.commit(ctx, users, u.id, u.nonce)
}

// hasCredential reports whether the credential is known to be there, as it was brought. That it is not
// may change: its insertion may be on its way.
func (s signUp) hasCredential(ctx context.Context) bool {
	there, err := has(ctx, s.credentials.collection, s.asBrought())
	return there && err == nil
}

// commit takes the last step of a sign-up, and reports whether it was still to be taken.
func (c *collections) commit(ctx context.Context, users *collection, id, nonce any) (done bool, err error) {
	return commitOne(ctx, users, unfinished(id, nonce))
}

// commitOne takes the last step of the sign-up whose user matches.
// The driver has no retryable writes for commands on many documents: see repeatable.
func commitOne(ctx context.Context, users *collection, user bson.D) (done bool, err error) {
	err = repeatable(ctx, func() error {
		result, err := users.UpdateMany(ctx, user, bson.D{{Key: "$unset", Value: bson.D{{Key: stateField, Value: ""}}}})
		done = err == nil && result.MatchedCount > 0
		return err
	})
	return done, withCollection(users, err)
}

// remove deletes the account or passkey that matches. If its sign-up lacks the last step, that is
// taken: its user was not there so far, and would be there later without it, as if the sign-up had come after
// a deletion that found it.
func (c *collections) remove(ctx context.Context, credentials unique, filter bson.D) error {
	gone, err := findAndDelete(ctx, credentials.collection, filter)
	if owner := credentials.owner(gone); err != nil || owner.IsZero() {
		return err
	}
	_, err = commitOne(ctx, c.users, append(byID(credentials.owner(gone)), bson.E{Key: stateField + "." + credentials.stateKey + "._id", Value: gone.Lookup("_id")}))
	return err
}

// gracePeriod is how long a sign-up may go on without its credential once another call has met
// it.
const gracePeriod = 100 * time.Millisecond

// resolve finishes a sign-up that another call has begun, after giving that call some time.
// The longer a call has been trying, the longer it waits, so that two calls cannot keep
// deleting each other's users.
func (s *store) resolve(ctx context.Context, c *collections, r *retries, user bson.Raw) error {
	u := c.signUpOf(user)
	for since, wait := time.Now(), gracePeriod+time.Since(r.began); time.Since(since) < wait; {
		if there, err := c.rollForward(ctx, u); there || err != nil {
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

// finish finishes a sign-up whose call is gone. If its credential exists it is committed;
// otherwise the user, which nobody has seen, is deleted.
func (c *collections) finish(ctx context.Context, u signUp) error {
	if there, err := c.rollForward(ctx, u); there || err != nil {
		return err
	}
	_, err := c.users.DeleteOne(ctx, unfinished(u.id, u.nonce))
	return err
}

// readRollingForward returns the document that read finds, and its user, who must be
// visible. If only the last step of the user's sign-up is missing, it is taken first.
func (s *store) readRollingForward(ctx context.Context, c *collections, read func() (doc, user bson.Raw, err error)) (doc, user bson.Raw, err error) {
	doc, user, err = read()
	if err == nil && isSigningUp(user) {
		if err := beside(ctx); err != nil {
			return nil, nil, err
		}
		if _, err = c.rollForward(ctx, c.signUpOf(user)); err == nil {
			doc, user, err = read()
		}
	}
	if err == nil && !isVisible(user) {
		err = adapter.ErrNotFound
	}
	return doc, user, err
}

// rollForward takes the last step of a sign-up if its credential exists, and reports
// whether it does.
func (c *collections) rollForward(ctx context.Context, u signUp) (bool, error) {
	there, err := has(ctx, u.credentials.collection, u.asBrought())
	if there {
		_, err = c.commit(ctx, c.users, u.id, u.nonce)
	}
	return there && err == nil, err
}

// isSameSignUp reports whether a stored user is the one that a sign-up is about to write.
func isSameSignUp(holder bson.Raw, user bson.D) bool {
	doc, _ := value(user, stateField).(bson.D)
	nonce, ok := state(holder).Lookup("nonce").ObjectIDOK()
	return ok && value(doc, "nonce") == nonce
}
