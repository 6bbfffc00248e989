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

func (s *store) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	isNew, err := driver.Identify(s.options, &u)
	if err != nil {
		return adapter.User{}, err
	}
	id, err := s.newID(adapter.FieldUserID, u.ID)
	if err != nil {
		return adapter.User{}, err
	}
	ctx, c, err := s.begin(ctx)
	if err == nil {
		err = s.insertUser(ctx, c, encodeUser(id, u), isNew, insertOnce)
	}
	return result(u, err)
}

func (s *store) NewID() string { return s.options.NewID() }

func (s *store) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	err := s.createWith(ctx, &u, &a.UserID, (*collections).uniqueAccounts, func(id any) bson.D { return encodeAccount(id, a) })
	made, err := result(pair[adapter.User, adapter.Account]{u, a}, err)
	return made.first, made.second, err
}

func (s *store) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	err := s.createWith(ctx, &u, &a.UserID, (*collections).uniqueAuthenticators, func(id any) bson.D { return encodeAuthenticator(id, a) })
	made, err := result(pair[adapter.User, adapter.Authenticator]{u, a}, err)
	return made.first, made.second, err
}

// createWith creates a user with what it brings, whose owner it is, in three steps: see
// claims.go.
func (s *store) createWith(ctx context.Context, u *adapter.User, owner *string, to func(*collections) unique, encode func(id any) bson.D) error {
	isNew, err := driver.Identify(s.options, u)
	if err != nil {
		return err
	}
	*owner = u.ID
	id, err := s.newID(adapter.FieldUserID, u.ID)
	if err != nil {
		return err
	}
	brings, err := bson.Marshal(encode(id))
	if err != nil {
		return err
	}
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	return s.signUp(ctx, c, encodeUser(id, *u), signUp{id: id, isNew: isNew, to: to(c), brings: brings})
}

func (s *store) signUp(ctx context.Context, c *collections, user bson.D, u signUp) error {
	for since := time.Now(); time.Since(since) < endurance; {
		done, err := s.trySignUp(ctx, c, user, u)
		if err != nil || done {
			return err
		}
		// Another call finished or removed the user, or a new primary never had it.
		if done, err = s.hasSignedUp(ctx, c, u); err != nil || done {
			return err
		}
	}
	return raced()
}

// hasSignedUp reports whether there was a user by this sign-up, which has taken all steps but
// the last one. An ID that was made for it is of no other; one that the application gave may
// be, unless what it brings is there. A user whose deletion goes on was there before it. False:
// the user has never been there, as what it brings is left. If that is gone too, nobody knows
// whether the user was removed before the last step or deleted after it: ErrUnavailable.
func (s *store) hasSignedUp(ctx context.Context, c *collections, u signUp) (bool, error) {
	_, err := s.user(ctx, c, byID(u.id))
	isThere := err == nil
	switch {
	case isThere && u.isNew:
		return true, nil
	case !isThere && !errors.Is(err, adapter.ErrNotFound):
		return false, err
	}
	isDeleted, err := has(ctx, c.users, append(byID(u.id), isMark))
	if isDeleted || err != nil {
		return isDeleted, err
	}
	isLeft, err := has(ctx, u.to.Collection, byID(u.brings.Lookup("_id")))
	if err == nil && !isLeft {
		err = raced()
	}
	return isThere, err
}

// trySignUp takes the steps of a sign-up, and reports whether it took the last one.
func (s *store) trySignUp(ctx context.Context, c *collections, user bson.D, u signUp) (bool, error) {
	u.nonce = bson.NewObjectID()
	unfinished := bson.E{Key: stateField, Value: bson.D{{Key: "nonce", Value: u.nonce}, {Key: u.to.signUp, Value: u.brings}}}
	if err := s.insertUser(ctx, c, append(slices.Clip(user), unfinished), u.isNew, insertRepeatably(writeconcern.W1())); err != nil {
		return false, err
	}
	return s.complete(ctx, c, u)
}

// user returns the document of a user who is there.
func (s *store) user(ctx context.Context, c *collections, filter bson.D) (bson.Raw, error) {
	_, user, err := s.settled(ctx, c, func() (doc, user bson.Raw, err error) {
		user, err = c.users.FindOne(ctx, filter).Raw()
		return nil, user, err
	})
	if err == nil {
		err = s.alone(ctx, c, user)
	}
	return user, failure(err)
}

// byIDs returns the document of a user who is there, whatever the form of its ID. The usual
// one is asked for first: the server is fastest with one _id.
func (s *store) byIDs(ctx context.Context, c *collections, id string) (bson.Raw, error) {
	_, user, err := s.settled(ctx, c, func() (doc, user bson.Raw, err error) {
		ids := s.ids(id)
		user, err = c.users.FindOne(ctx, byID(ids[0])).Raw()
		if errors.Is(err, mongo.ErrNoDocuments) && len(ids) > 1 {
			user, err = s.find(ctx, c, id)
		}
		return nil, user, err
	})
	return user, failure(err)
}

// find returns the document of a user: nil if there is none. If two have its ID, in two
// forms, it is the one who has it in the usual form.
func (s *store) find(ctx context.Context, c *collections, id string) (bson.Raw, error) {
	ids := s.ids(id)
	cursor, err := c.users.Find(ctx, byID(oneOf(ids)))
	if err != nil {
		return nil, err
	}
	var users []bson.Raw
	if err := cursor.All(ctx, &users); err != nil || len(users) == 0 {
		return nil, err
	}
	return slices.MinFunc(users, func(a, b bson.Raw) int { return rank(ids, a) - rank(ids, b) }), nil
}

// rank says which of several IDs a user has.
func rank(ids bson.A, user bson.Raw) int {
	id := user.Lookup("_id")
	return slices.IndexFunc(ids, func(v any) bool {
		t, data, err := bson.MarshalValue(v)
		form := bson.RawValue{Type: t, Value: data}
		return err == nil && (form.Equal(id) || form.IsNumber() && id.IsNumber())
	})
}

// alone returns an error for a user whose ID is not in the usual form if another one has
// it in a form that comes first: by the ID all calls mean that one.
func (s *store) alone(ctx context.Context, c *collections, user bson.Raw) error {
	id := user.Lookup("_id")
	if s.isUsual(id) {
		return nil
	}
	text, ok := keyText(id)
	if !ok {
		return nil // decodeUser says so
	}
	ids := s.ids(text)
	before := ids[:max(rank(ids, user), 0)]
	if len(before) == 0 {
		return nil
	}
	another, err := has(ctx, c.users, append(byID(oneOf(before)), bson.E{Key: stateField, Value: nil}))
	if err == nil && another {
		err = s.twoIDs(user)
	}
	return err
}

// twoIDs is the error for a user whose ID another one has in another form.
func (s *store) twoIDs(user bson.Raw) error {
	id := user.Lookup("_id")
	text, _ := keyText(id)
	return &adapter.RecordError{
		Place: s.placeOf(s.names.Users, user), UserID: text, Field: "_id",
		Want: "an ID that no other user has in another form", Got: id.Type.String(),
	}
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
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.User{}, err
	}
	stored := s.ids(id)[0]
	changes := userUpdate(up, s.options.Now())
	var wanted bson.D
	if up.Email != nil && *up.Email != "" {
		wanted = bson.D{{Key: "email", Value: *up.Email}}
	}
	for p := newPatience(); p.lasts(); {
		filter := append(byID(stored), bson.E{Key: stateField, Value: nil}) // nil: there is no such field
		doc, err := update(ctx, c.users, filter, changes)
		if taken, isDuplicate := duplicateOf(err); isDuplicate {
			if err := s.yields(ctx, c, p, taken, err, wanted); err != nil {
				return adapter.User{}, err
			}
			continue
		}
		if errors.Is(err, mongo.ErrNoDocuments) {
			user, err := s.byIDs(ctx, c, id)
			if err != nil {
				return adapter.User{}, err
			}
			stored = user.Lookup("_id") // in another form, or it was a step short of being a user
			continue
		}
		if err != nil {
			return adapter.User{}, err
		}
		return s.decodeUser(doc)
	}
	return adapter.User{}, raced()
}

// DeleteUser takes five steps: see claims.go.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	if _, err := s.newID(adapter.FieldUserID, id); err == nil {
		return s.delete(ctx, c, s.ids(id), s.byUser(id))
	}
	user, err := s.find(ctx, c, id)
	switch {
	case err != nil:
	case user == nil:
		err = c.deleteOwned(ctx, s.byUser(id))
	default:
		err = s.delete(ctx, c, bson.A{user.Lookup("_id")}, s.byUser(id))
	}
	return err
}

// delete deletes a user by the forms of its ID, and what belongs to it.
func (s *store) delete(ctx context.Context, c *collections, ids bson.A, belongings bson.D) error {
	nonce := bson.NewObjectID()
	id, err := s.beginDeletion(ctx, c, ids, nonce)
	switch {
	case isRefused(err):
		return s.deleteUnmarked(ctx, c, ids, belongings)
	case err != nil:
		return err
	}
	if err := c.deleteOwned(ctx, belongings); err != nil {
		return err
	}
	_, err = deleteMany(ctx, c.soon, unfinished(id, nonce))
	return err
}

// deleteUnmarked deletes a user in whose place the server takes no mark, since an index or
// a validator is against it. The sessions go first: if it is cut, none may open for
// another user of that ID.
func (s *store) deleteUnmarked(ctx context.Context, c *collections, ids bson.A, belongings bson.D) error {
	id, err := s.onlyID(ctx, c, ids)
	if err != nil {
		return err
	}
	if _, err := deleteMany(ctx, c.sessions, belongings); err != nil {
		return err
	}
	if _, err := deleteMany(ctx, c.users, byID(id)); err != nil {
		return err
	}
	return c.deleteOwned(ctx, belongings)
}

// deleteOwned deletes what belongs to a user.
func (c *collections) deleteOwned(ctx context.Context, belongings bson.D) error {
	return each(c.ofUsers(), func(of *mongo.Collection) error {
		_, err := deleteMany(ctx, of, belongings)
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

// isMark matches what is left of a user whose deletion has begun.
var isMark = bson.E{Key: stateField + ".deleted", Value: true}

// immutableField is the server's error that a replacement has another _id.
const immutableField = 66

// beginDeletion has nothing left of a user but the mark of its deletion, which is made
// for a user who is not there too: what another deletion left of it is removed then. It
// returns the user's ID as it is stored.
func (s *store) beginDeletion(ctx context.Context, c *collections, ids bson.A, nonce bson.ObjectID) (any, error) {
	id := ids[0]
	for since := time.Now(); time.Since(since) < endurance; {
		mark := bson.D{{Key: "_id", Value: id}, {Key: stateField, Value: bson.D{{Key: "nonce", Value: nonce}, {Key: "deleted", Value: true}}}}
		_, err := c.users.ReplaceOne(ctx, byID(oneOf(ids)), mark, options.Replace().SetUpsert(true))
		taken, isDuplicate := duplicateOf(err)
		var server mongo.ServerError
		switch {
		case isDuplicate && taken.covers("_id"): // two made the mark at once
		case errors.As(err, &server) && server.HasErrorCode(immutableField), len(ids) > 1 && isUntargeted(err):
			if id, err = s.onlyID(ctx, c, ids); err != nil {
				return nil, err
			}
			ids = bson.A{id}
		default:
			return id, err
		}
	}
	return nil, raced()
}

// onlyID returns the one of several forms of an ID that a user has.
func (s *store) onlyID(ctx context.Context, c *collections, ids bson.A) (any, error) {
	cursor, err := c.users.Find(ctx, byID(oneOf(ids)), options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return nil, err
	}
	var users []bson.Raw
	if err := cursor.All(ctx, &users); err != nil {
		return nil, err
	}
	switch len(users) {
	case 0:
		return ids[0], nil // gone meanwhile
	case 1:
		return users[0].Lookup("_id"), nil
	}
	return nil, s.twoIDs(users[0])
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
