package mongo

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
)

// insertOwned inserts a record that belongs to a user.
func (s *store) insertOwned(ctx context.Context, collection func(*collections) unique, insert inserter, field, userID string, encode func(id any) bson.D) error {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	id, err := s.storedOwner(ctx, c, field, userID)
	if err != nil {
		return err
	}
	raw, err := bson.Marshal(encode(id))
	if err != nil {
		return err
	}
	_, err = s.claim(ctx, c, collection(c), raw, insert)
	return err
}

// storedOwner returns the ID of a user as it is stored. It queries the store only for an ID
// that cannot be a generated one.
func (s *store) storedOwner(ctx context.Context, c *collections, field, userID string) (any, error) {
	id, invalid := s.storedID(field, userID)
	if invalid == nil {
		return id, nil
	}
	user, err := s.find(ctx, c, userID)
	switch {
	case err != nil:
		return nil, err
	case user == nil:
		return nil, invalid
	}
	return user.Lookup("_id"), nil
}

// byUser matches the records of a user, in any form of its ID. To JavaScript, text in upper
// case is an ObjectID too.
func (s *store) byUser(coll *collection, text string) bson.D {
	all := s.ids(text)
	if _, ok := objectID(text); ok && s.idForm == ObjectIDs && strings.ToUpper(text) != text {
		all = append(all, strings.ToUpper(text))
	}
	return bson.D{{Key: coll.in("userId"), Value: oneOf(all)}}
}

// ownerText returns the ID of the user that a record with this userId belongs to, or "" if
// the value is not an ID. It is false for text in mixed case, which is an ObjectID to
// JavaScript and which byUser does not match.
func (s *store) ownerText(v bson.RawValue) (string, bool) {
	text, _ := keyText(v)
	lower := strings.ToLower(text)
	if _, isHex := objectID(lower); !isHex || s.idForm != ObjectIDs || text == lower {
		return text, true
	}
	return lower, text == strings.ToUpper(text)
}

// usualOwner matches records whose userId has the usual form.
func (s *store) usualOwner(coll *collection) bson.E {
	return ofType(coll.in("userId"), s.usualName())
}

// requireOwner returns ErrNotFound for a record that belongs to no user.
func requireOwner(userID string) error {
	if userID == "" {
		return adapter.ErrNotFound
	}
	return nil
}

// batch is how many documents a list requests at once. A reply holds at most 16 MB of them.
const batch = 10_000

// list returns the records of a user, without those that cannot be read.
func list[T any](ctx context.Context, s *store, userID string, collection func(*collections) *collection, decode func(bson.Raw) (T, error)) ([]T, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return nil, failure(err)
	}
	coll := collection(c)
	cursor, err := coll.Find(ctx, s.byUser(coll, userID), options.Find().SetBatchSize(batch))
	if err != nil {
		return nil, failure(err)
	}
	defer cursor.Close(ctx)
	var all []T
	for cursor.Next(ctx) {
		record, err := decode(cursor.Current)
		if errors.Is(err, adapter.ErrUnreadable) {
			continue // CheckSchema reports it
		}
		if err != nil {
			return nil, err
		}
		all = append(all, record)
	}
	return all, failure(cursor.Err())
}

// withUser returns one record that belongs to a user, with that user, or ErrNotFound if
// either does not exist.
func withUser[K comparable](ctx context.Context, s *store, c *collections, coll *collection, by *lookup[K], key K) (doc, user bson.Raw, err error) {
	doc, user, err = s.readRollingForward(ctx, c, func() (doc, user bson.Raw, err error) {
		doc, err = by.get(ctx, c, key)
		if err == nil {
			user, err = s.ownerOf(ctx, c, coll, doc)
		}
		return doc, user, err
	})
	if err == nil {
		err = s.checkShadowed(ctx, c, user)
	}
	return doc, user, err
}

// ownerOf returns the user of a joined document, or nil if there is none. If the document
// has the user's ID in another form, the join did not find the user, so it is queried. An
// error means that the ID cannot be read.
func (s *store) ownerOf(ctx context.Context, c *collections, coll *collection, doc bson.Raw) (bson.Raw, error) {
	owner := coll.owner(doc)
	if isNull(owner) {
		return nil, nil // although the server joins it to a user whose _id is null
	}
	if user := joinedUser(doc); user != nil {
		return user, nil
	}
	r := reader{store: s, shape: coll.shape, doc: doc}
	text := r.ownerID(owner)
	if text == "" || r.err != nil {
		return nil, r.err
	}
	if err := beside(ctx); err != nil {
		return nil, err
	}
	return s.find(ctx, c, text)
}

// joined returns one record that belongs to a user, joined with that user: see joinedUser.
func (c *collections) joined(ctx context.Context, coll *collection, match bson.D) (bson.Raw, error) {
	stages := bson.A{bson.D{{Key: "$match", Value: match}}}
	if order := sortOrder(coll, match); order != nil { // there may be several: the keys of others are unique
		stages = append(stages, bson.D{{Key: "$sort", Value: order}}, bson.D{{Key: "$limit", Value: 1}})
	}
	cursor, err := coll.Aggregate(ctx, append(stages, c.join(coll)))
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	if !cursor.Next(ctx) {
		return nil, cmp.Or(cursor.Err(), adapter.ErrNotFound)
	}
	return cursor.Current, nil
}

// allJoined returns all records that match finds, as joined returns one.
func (c *collections) allJoined(ctx context.Context, coll *collection, match bson.D) (*mongo.Cursor, error) {
	return coll.Aggregate(ctx, bson.A{bson.D{{Key: "$match", Value: match}}, c.join(coll)}, options.Aggregate().SetBatchSize(batch))
}

// join is the stage that adds the user of a document to it.
func (c *collections) join(coll *collection) bson.D {
	return bson.D{{Key: "$lookup", Value: bson.D{
		{Key: "from", Value: c.users.Name()}, {Key: "localField", Value: coll.in("userId")}, {Key: "foreignField", Value: "_id"}, {Key: "as", Value: userField},
	}}}
}

// joinedUser returns the user of a joined document, or nil if there is none.
func joinedUser(doc bson.Raw) bson.Raw {
	users, _ := doc.Lookup(userField).ArrayOK()
	user, _ := bson.Raw(users).Lookup("0").DocumentOK()
	return user
}

// deleteOwned deletes all records of a user.
func (s *store) deleteOwned(ctx context.Context, c *collections, userID string) error {
	return inParallel(c.ofUsers(), func(coll *collection) error {
		return deleteMany(ctx, coll, s.byUser(coll, userID))
	})
}
