package mongo

import (
	"context"
	"encoding/base64"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
)

// EnumerateUsers implements adapter.Enumerator. It returns users in the order of the index
// on _id, which compares values of all types, where a query compares only those of one. A
// cursor is the _id with which the page begins.
func (s *store) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	from, err := startOf(cursor)
	if err != nil {
		return adapter.UserPage{}, err
	}
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.UserPage{}, err
	}
	users, err := c.usersFrom(ctx, from, limit+1)
	if err != nil {
		return adapter.UserPage{}, err
	}
	next := ""
	if len(users) > limit {
		next = cursorAt(users[limit])
		users = users[:limit]
	}
	page, err := s.page(ctx, c, users)
	page.Next = next
	return result(page, err)
}

// page returns those of the documents that are users.
func (s *store) page(ctx context.Context, c *collections, docs []bson.Raw) (page adapter.UserPage, err error) {
	first, err := s.firstForms(ctx, c.users, docs)
	if err != nil {
		return page, err
	}
	for _, doc := range docs {
		u, err := s.enumerated(ctx, c, doc, first)
		switch {
		case err == nil:
			page.Users = append(page.Users, u)
		case errors.Is(err, adapter.ErrUnreadable):
			page.Unreadable = append(page.Unreadable, err)
		case !errors.Is(err, adapter.ErrNotFound):
			return page, err
		}
	}
	return page, nil
}

// enumerated returns the user of a document, or adapter.ErrNotFound if it is not visible.
func (s *store) enumerated(ctx context.Context, c *collections, doc bson.Raw, first map[string]int) (adapter.User, error) {
	switch {
	case isSigningUp(doc):
		user, err := s.user(ctx, c, byID(doc.Lookup("_id")))
		if err != nil {
			return adapter.User{}, err
		}
		doc = user
	case !isVisible(doc):
		return adapter.User{}, adapter.ErrNotFound
	case s.isShadowed(doc, first):
		return adapter.User{}, s.shadowedError(doc)
	}
	u, err := s.decodeUser(doc)
	if email, _ := doc.Lookup(c.users.in("email")).StringValueOK(); err != nil && email == "" {
		err = adapter.ErrNotFound // probably not a user: CheckSchema does not report it either
	}
	return u, err
}

// maxStart is the maximum size in bytes of a document with the _id that a cursor contains.
// IDs of users are shorter.
const maxStart = 4096

// usersFrom returns n documents in the order of their _id, beginning with start, or with
// the first if that is nil.
func (c *collections) usersFrom(ctx context.Context, start bson.Raw, n int) ([]bson.Raw, error) {
	size := bson.D{{Key: "$bsonSize", Value: bson.D{{Key: "_id", Value: "$_id"}}}}
	fits := bson.D{{Key: "$expr", Value: bson.D{{Key: "$lte", Value: bson.A{size, maxStart}}}}}
	o := options.Find().SetHint(byID(1)).SetSort(byID(1)).SetLimit(int64(n)).SetBatchSize(int32(n))
	if start != nil {
		o.SetMin(start)
	}
	found, err := c.users.Find(ctx, fits, o)
	if err != nil {
		return nil, err
	}
	return documents(ctx, found)
}

// cursorAt returns the cursor of a page that begins with a user.
func cursorAt(user bson.Raw) string {
	start, _ := bson.Marshal(byID(user.Lookup("_id")))
	return base64.RawURLEncoding.EncodeToString(start)
}

// startOf returns the _id with which a page begins, in a document, or nil for the first
// page.
func startOf(cursor string) (bson.Raw, error) {
	if cursor == "" {
		return nil, nil
	}
	start, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || bson.Raw(start).Validate() != nil || cursorAt(start) != cursor {
		return nil, adapter.Invalid("cursor", "must be one that EnumerateUsers returned")
	}
	return start, nil
}
