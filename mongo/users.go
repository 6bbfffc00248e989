package mongo

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (s *store) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	isNew, err := driver.Identify(s.options, &u)
	if err != nil {
		return adapter.User{}, err
	}
	id, err := s.storedID(adapter.FieldUserID, u.ID)
	if err != nil {
		return adapter.User{}, err
	}
	ctx, c, err := s.begin(ctx)
	if err == nil {
		err = s.insertUser(ctx, c, s.encodeUser(id, u), isNew, insertOnce)
	}
	return result(u, err)
}

func (s *store) NewID() string { return s.options.NewID() }

func (s *store) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	err := s.createUserWith(ctx, &u, &a.UserID, (*collections).uniqueAccounts, func(id any) bson.D { return s.encodeAccount(id, a) })
	made, err := result(pair[adapter.User, adapter.Account]{u, a}, err)
	return made.first, made.second, err
}

func (s *store) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	err := s.createUserWith(ctx, &u, &a.UserID, (*collections).uniqueAuthenticators, func(id any) bson.D { return s.encodeAuthenticator(id, a) })
	made, err := result(pair[adapter.User, adapter.Authenticator]{u, a}, err)
	return made.first, made.second, err
}

// user returns the document of a visible user.
func (s *store) user(ctx context.Context, c *collections, filter bson.D) (bson.Raw, error) {
	return s.onlyUser(ctx, c, func() (bson.Raw, error) { return c.users.FindOne(ctx, filter).Raw() })
}

// onlyUser returns the document that read finds, of a visible user whose ID no other user has
// in a form that comes first.
func (s *store) onlyUser(ctx context.Context, c *collections, read func() (bson.Raw, error)) (bson.Raw, error) {
	_, user, err := s.readRollingForward(ctx, c, func() (doc, user bson.Raw, err error) {
		user, err = read()
		return nil, user, err
	})
	if err == nil {
		err = s.checkShadowed(ctx, c, user)
	}
	return user, failure(err)
}

// byIDs returns the document of a visible user, whatever the form of its ID.
func (s *store) byIDs(ctx context.Context, c *collections, id string) (bson.Raw, error) {
	_, user, err := s.readRollingForward(ctx, c, func() (doc, user bson.Raw, err error) {
		user, err = s.lookups.users.get(ctx, c, id)
		return nil, user, err
	})
	return user, failure(err)
}

// findInTurn returns the document of a user, or nil if there is none. It queries the usual
// form of the ID first, because the server is fastest with one _id.
func (s *store) findInTurn(ctx context.Context, c *collections, id string) (bson.Raw, error) {
	ids := s.ids(id)
	user, err := c.users.FindOne(ctx, byID(ids[0])).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) && len(ids) > 1 {
		user, err = s.find(ctx, c, id)
	}
	return user, err
}

// find returns the document of a user, or nil if there is none. If two users have the ID in
// different forms, it is the one with the form that comes first.
func (s *store) find(ctx context.Context, c *collections, id string) (bson.Raw, error) {
	ids := s.ids(id)
	cursor, err := c.users.Find(ctx, byID(oneOf(ids)))
	if err != nil {
		return nil, err
	}
	users, err := documents(ctx, cursor)
	if err != nil || len(users) == 0 {
		return nil, err
	}
	return slices.MinFunc(users, func(a, b bson.Raw) int { return rank(ids, a) - rank(ids, b) }), nil
}

func (s *store) GetUser(ctx context.Context, id string) (adapter.User, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.User{}, err
	}
	doc, err := s.byIDs(ctx, c, id)
	if err != nil {
		return adapter.User{}, err
	}
	return s.decodeUser(doc)
}

func (s *store) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.User{}, failure(err)
	}
	doc, err := s.onlyUser(ctx, c, func() (bson.Raw, error) { return s.lookups.emails.get(ctx, c, email) })
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
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.User{}, err
	}
	stored := s.ids(id)[0]
	changes := s.userUpdate(up)
	var wanted bson.D
	if up.Email != nil && *up.Email != "" {
		wanted = bson.D{{Key: c.users.in("email"), Value: *up.Email}}
	}
	for r := newRetries(); r.allowed(); {
		filter := append(byID(stored), bson.E{Key: stateField, Value: nil}) // nil: the field is missing
		doc, err := updateOnce(ctx, c.users, filter, changes)
		if taken, isDuplicate := duplicateOf(err); isDuplicate {
			if err := s.resolveDuplicate(ctx, c, r, taken, err, wanted); err != nil {
				return adapter.User{}, err
			}
			continue
		}
		if errors.Is(err, mongo.ErrNoDocuments) {
			user, err := s.byIDs(ctx, c, id)
			if err != nil {
				return adapter.User{}, err
			}
			stored = user.Lookup("_id") // in another form, or of a sign-up that lacked its last step
			continue
		}
		if err != nil {
			return adapter.User{}, err
		}
		return s.decodeUser(doc)
	}
	return adapter.User{}, raced()
}

// DeleteUser takes eight commands, of which three and three are sent at once: see signup.go.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	if _, err := s.storedID(adapter.FieldUserID, id); err == nil {
		return s.delete(ctx, c, s.ids(id), id)
	}
	user, err := s.find(ctx, c, id)
	switch {
	case err != nil:
	case user == nil:
		err = s.deleteOwned(ctx, c, id)
	default:
		err = s.delete(ctx, c, bson.A{user.Lookup("_id")}, id)
	}
	return err
}

// delete deletes a user by the forms of its ID, and all its records.
func (s *store) delete(ctx context.Context, c *collections, ids bson.A, userID string) error {
	nonce := bson.NewObjectID()
	id, err := s.beginDeletion(ctx, c, ids, nonce)
	switch {
	case isRefused(err):
		return s.deleteUnmarked(ctx, c, ids, userID)
	case err != nil:
		return err
	}
	if err := s.deleteOwned(ctx, c, userID); err != nil {
		return err
	}
	_, err = deleteDead(ctx, c.soon, unfinished(id, nonce))
	return err
}

// deleteUnmarked deletes a user for whom the server refuses a mark, because of an index or
// a validator. The sessions are deleted first, so that none opens for another user of the
// ID if the deletion is cut off.
func (s *store) deleteUnmarked(ctx context.Context, c *collections, ids bson.A, userID string) error {
	id, err := s.existingID(ctx, c, ids)
	if err != nil {
		return err
	}
	if err := deleteMany(ctx, c.sessions, s.byUser(c.sessions, userID)); err != nil {
		return err
	}
	if _, err := deleteOne(ctx, c.users, byID(id)); err != nil {
		return err
	}
	return s.deleteOwned(ctx, c, userID)
}

// immutableField is the server's code for a replacement with another _id.
const immutableField = 66

// beginDeletion replaces a user by the mark of its deletion, and returns the ID as it is
// stored. It does so even if there is no user, because another deletion may have been cut
// off.
func (s *store) beginDeletion(ctx context.Context, c *collections, ids bson.A, nonce bson.ObjectID) (any, error) {
	id := ids[0]
	for since := time.Now(); time.Since(since) < maxRetryTime; {
		mark := bson.D{{Key: "_id", Value: id}, {Key: stateField, Value: bson.D{{Key: "nonce", Value: nonce}, {Key: "deleted", Value: true}}}}
		_, err := c.users.ReplaceOne(ctx, byID(oneOf(ids)), mark, options.Replace().SetUpsert(true))
		taken, isDuplicate := duplicateOf(err)
		var server mongo.ServerError
		switch {
		case isDuplicate && taken.covers("_id"): // two calls wrote the mark at once
		case errors.As(err, &server) && server.HasErrorCode(immutableField), len(ids) > 1 && isUntargeted(err):
			if id, err = s.existingID(ctx, c, ids); err != nil {
				return nil, err
			}
			ids = bson.A{id}
		default:
			return id, err
		}
	}
	return nil, raced()
}

// existingID returns the one of several forms of an ID that a user has.
func (s *store) existingID(ctx context.Context, c *collections, ids bson.A) (any, error) {
	cursor, err := c.users.Find(ctx, byID(oneOf(ids)), options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return nil, err
	}
	users, err := documents(ctx, cursor)
	if err != nil {
		return nil, err
	}
	switch len(users) {
	case 0:
		return ids[0], nil // it is gone by now
	case 1:
		return users[0].Lookup("_id"), nil
	}
	return nil, s.shadowedError(users[0])
}
