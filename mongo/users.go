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
)

func (s *store) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	id, err := s.newID(adapter.FieldUserID, u.ID)
	if err != nil {
		return adapter.User{}, err
	}
	ctx, c, err := s.begin(ctx)
	if err == nil {
		err = s.insertUser(ctx, c, encodeUser(id, u), insertOnce)
	}
	return result(u, err)
}

// CreateUserWithAccount takes three steps: see claims.go.
func (s *store) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	id, err := s.newID(adapter.FieldUserID, u.ID)
	if err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	account, err := bson.Marshal(encodeAccount(id, a))
	if err != nil {
		return adapter.User{}, adapter.Account{}, failure(err)
	}
	ctx, c, err := s.begin(ctx)
	if err == nil {
		err = s.signUp(ctx, c, id, encodeUser(id, u), account)
	}
	if err != nil {
		return adapter.User{}, adapter.Account{}, failure(err)
	}
	return u, a, nil
}

func (s *store) signUp(ctx context.Context, c *collections, id any, user bson.D, account bson.Raw) error {
	for since := time.Now(); time.Since(since) < endurance; {
		done, err := s.trySignUp(ctx, c, id, user, account)
		if err != nil || done {
			return err
		}
		// Another call finished or removed the user, or a new primary never had it.
		if done, err = s.hasSignedUp(ctx, c, id, account); err != nil || done {
			return err
		}
	}
	return raced()
}

// hasSignedUp reports whether a user is there by this sign-up. An ID that was made for
// it is of no other; one that the application gave may be, unless its account is there.
func (s *store) hasSignedUp(ctx context.Context, c *collections, id any, account bson.Raw) (bool, error) {
	_, err := s.user(ctx, c, byID(id))
	switch {
	case errors.Is(err, adapter.ErrNotFound):
		return false, nil
	case err != nil || adapter.IsNewID(ctx):
		return err == nil, err
	}
	return has(ctx, c.accounts, byID(account.Lookup("_id")))
}

// trySignUp takes the steps of a sign-up, and reports whether it took the last one.
func (s *store) trySignUp(ctx context.Context, c *collections, id any, user bson.D, account bson.Raw) (bool, error) {
	nonce := bson.NewObjectID()
	unfinished := bson.E{Key: stateField, Value: bson.D{{Key: "nonce", Value: nonce}, {Key: signUpField, Value: account}}}
	if err := s.insertUser(ctx, c, append(slices.Clip(user), unfinished), insertRepeatably(writeconcern.W1())); err != nil {
		return false, err
	}
	return s.complete(ctx, c, id, nonce, account)
}

// user returns the document of a user who is there.
func (s *store) user(ctx context.Context, c *collections, filter bson.D) (bson.Raw, error) {
	_, user, err := s.settled(ctx, c, func() (doc, user bson.Raw, err error) {
		user, err = c.users.FindOne(ctx, filter).Raw()
		return nil, user, err
	})
	return user, failure(err)
}

func (s *store) GetUser(ctx context.Context, id string) (adapter.User, error) {
	stored, ok := s.id(id)
	if !ok {
		return adapter.User{}, adapter.ErrNotFound
	}
	return s.getUser(ctx, byID(stored))
}

func (s *store) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return s.getUser(ctx, bson.D{{Key: "email", Value: email}})
}

func (s *store) getUser(ctx context.Context, filter bson.D) (adapter.User, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.User{}, failure(err)
	}
	doc, err := s.user(ctx, c, filter)
	if err != nil {
		return adapter.User{}, err
	}
	return s.decodeUser(doc)
}

func (s *store) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	_, user, err := s.accountWithUser(ctx, key)
	if err != nil {
		return adapter.User{}, err
	}
	return s.decodeUser(user)
}

func (s *store) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	stored, ok := s.id(id)
	if !ok {
		return adapter.User{}, adapter.ErrNotFound
	}
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.User{}, failure(err)
	}
	filter := append(byID(stored), bson.E{Key: stateField, Value: nil}) // nil: there is no such field
	changes := userUpdate(up, s.options.Now())
	var wanted bson.D
	if up.Email != nil && *up.Email != "" {
		wanted = bson.D{{Key: "email", Value: *up.Email}}
	}
	for p := newPatience(); p.lasts(); {
		doc, err := update(ctx, c.users, filter, changes)
		if taken, isDuplicate := duplicateOf(err); isDuplicate {
			if err := s.yields(ctx, c, p, taken, err, wanted); err != nil {
				return adapter.User{}, failure(err)
			}
			continue
		}
		if errors.Is(err, mongo.ErrNoDocuments) {
			if _, err := s.user(ctx, c, byID(stored)); err != nil {
				return adapter.User{}, err
			}
			continue // it was a step short of being one
		}
		if err != nil {
			return adapter.User{}, failure(err)
		}
		return s.decodeUser(doc)
	}
	return adapter.User{}, raced()
}

// DeleteUser takes five steps: see claims.go.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	stored, ok := s.id(id)
	if !ok {
		return nil
	}
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return failure(err)
	}
	return failure(c.delete(ctx, stored))
}

func (c *collections) delete(ctx context.Context, id any) error {
	nonce := bson.NewObjectID()
	switch err := c.beginDeletion(ctx, id, nonce); {
	case isRefused(err):
		return c.deleteUnmarked(ctx, id)
	case err != nil:
		return err
	}
	if err := c.deleteOwned(ctx, id); err != nil {
		return err
	}
	_, err := deleteMany(ctx, c.soon, unfinished(id, nonce))
	return err
}

// deleteUnmarked deletes a user in whose place the server takes no mark, since an index or
// a validator is against it. The sessions go first: if it is cut, none may open for
// another user of that ID.
func (c *collections) deleteUnmarked(ctx context.Context, id any) error {
	if _, err := deleteMany(ctx, c.sessions, bson.D{{Key: "userId", Value: id}}); err != nil {
		return err
	}
	if _, err := deleteMany(ctx, c.users, byID(id)); err != nil {
		return err
	}
	return c.deleteOwned(ctx, id)
}

// deleteOwned deletes what belongs to a user.
func (c *collections) deleteOwned(ctx context.Context, id any) error {
	return each(c.ofUsers(), func(of *mongo.Collection) error {
		_, err := deleteMany(ctx, of, bson.D{{Key: "userId", Value: id}})
		return err
	})
}

// each calls f for all collections at once, and returns the first error.
func each(all []*mongo.Collection, f func(*mongo.Collection) error) error {
	errs := make(chan error, len(all))
	for _, c := range all {
		go func() { errs <- f(c) }()
	}
	var first error
	for range all {
		first = cmp.Or(first, <-errs)
	}
	return first
}

// beginDeletion has nothing left of a user but the mark of its deletion, which is made
// for a user who is not there too: what another deletion left of it is removed then.
func (c *collections) beginDeletion(ctx context.Context, id any, nonce bson.ObjectID) error {
	mark := bson.D{{Key: stateField, Value: bson.D{{Key: "nonce", Value: nonce}, {Key: "deleted", Value: true}}}}
	for since := time.Now(); time.Since(since) < endurance; {
		_, err := c.users.ReplaceOne(ctx, byID(id), mark, options.Replace().SetUpsert(true))
		if taken, isDuplicate := duplicateOf(err); !isDuplicate || !taken.covers("_id") {
			return err
		} // two made the mark at once
	}
	return raced()
}

// deleteMany deletes all documents that a filter finds.
func deleteMany(ctx context.Context, from *mongo.Collection, filter bson.D) (n int, err error) {
	err = repeatable(ctx, func() error {
		done, err := from.DeleteMany(ctx, filter)
		if err == nil {
			n = int(done.DeletedCount)
		}
		return err
	})
	return n, err
}
