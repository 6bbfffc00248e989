package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// Repair implements adapter.Repairer. It needs no indexes, and makes none: ApplySchema
// comes after it.
func (s *store) Repair(ctx context.Context, dryRun bool) ([]adapter.Repair, error) {
	all, err := s.repair(s.walk(ctx), dryRun)
	return all, err
}

func (s *store) repair(ctx context.Context, dryRun bool) ([]adapter.Repair, error) {
	c, err := request(ctx, s.open)
	if err != nil {
		return nil, err
	}
	lacks, err := c.missing(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.findings(ctx, c, lacks)
	if err != nil {
		return nil, err
	}
	return repair.All(ctx, found, dryRun)
}

// filter matches one of them, as long as it has the key and the owner.
func (g group) filter(t twin) bson.D {
	filter := append(byID(t.ID), g.Key...)
	if isNull(t.UserID) {
		return append(filter, bson.E{Key: "userId", Value: nil})
	}
	return append(filter, bson.E{Key: "userId", Value: bson.D{{Key: "$eq", Value: t.UserID}}})
}

// ids lists the documents.
func (g group) ids() string {
	var all []string
	for _, t := range g.Twins {
		all = append(all, shown(t.ID))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// lacks reports whether they have no key at all.
func (g group) lacks(i index) bool {
	return len(g.Key) < len(i.fields) || slices.ContainsFunc(g.Key, func(e bson.E) bool { return e.Value == nil })
}

// duplicate says which one of the documents with one unique key can stay.
func (s *store) duplicate(ctx context.Context, c *collections, i index, g group) (repair.Finding, error) {
	if g.lacks(i) {
		return repair.New(i.object(), fmt.Sprintf("cannot be unique: the documents with these _id have the same %s and lack %s: %s. "+
			"Give them one, or keep them in another collection", i.fields[0], strings.Join(i.fields[1:], " and "), g.ids()), "", nil), nil
	}
	stays := func(ctx context.Context, docs []twin) (twin, string, error) {
		return s.oneOwner(ctx, c, i.collection, docs)
	}
	if i.collection == c.users {
		stays = func(ctx context.Context, users []twin) (twin, string, error) { return s.oneUsed(ctx, c, users) }
	}
	_, action, err := stays(ctx, g.Twins)
	if err != nil {
		return repair.Finding{}, err
	}
	detail := fmt.Sprintf("cannot be unique: the documents with these _id have the same %s: %s", strings.Join(i.fields, " and "), g.ids())
	if owners := ownersOf(g.Twins); owners != "" {
		detail += ", of the users " + owners
	}
	if action == "" {
		return repair.New(i.object(), detail+". More than one of them is in use, or may be: keep one", "", nil), nil
	}
	f := repair.New(i.object(), detail+". Keep one of them, or Repair", action, nil)
	f.Mend = func(ctx context.Context) error {
		keep, action, err := stays(ctx, g.Twins) // as it is now
		if err != nil || action == "" {
			return err
		}
		for _, t := range g.Twins {
			if t.ID.Equal(keep.ID) {
				continue
			}
			if err := s.removeTwin(ctx, c, i.collection, g.filter(t), g.filter(keep)); err != nil {
				return err
			}
		}
		return nil
	}
	return f, nil
}

// removeTwin deletes a document beside which another one stays. It puts it back if that
// one has gone meanwhile, or something belongs to what was deleted: without a unique index
// nothing keeps others from that.
func (s *store) removeTwin(ctx context.Context, c *collections, from *mongo.Collection, twin, stays bson.D) error {
	doc, err := request(ctx, func(ctx context.Context) (bson.Raw, error) { return from.FindOneAndDelete(ctx, twin).Raw() })
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil // gone, or changed
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxRetryTime) // what was begun is finished
	defer cancel()
	stands, err := has(ctx, from, stays)
	if stands && from == c.users {
		used, failed := s.inUse(ctx, c, doc.Lookup("_id"))
		stands, err = !used && !hasMore(doc), failed
	}
	if stands && err == nil {
		return nil
	}
	failed := requestOnly(ctx, func(ctx context.Context) error {
		_, err := from.InsertOne(ctx, doc)
		return err
	})
	return cmp.Or(err, failed)
}

// ownersOf lists the users that documents belong to.
func ownersOf(docs []twin) string {
	var all []string
	for _, d := range docs {
		if !isNull(d.UserID) {
			all = append(all, shown(d.UserID))
		}
	}
	return strings.Join(all, ", ")
}

// oneUsed returns the one user of several to whom something belongs, or the oldest one
// if nothing belongs to any. No action: of more than one something may be needed.
func (s *store) oneUsed(ctx context.Context, c *collections, users []twin) (twin, string, error) {
	keep := -1
	for n, u := range users {
		used, err := s.inUse(ctx, c, u.ID)
		if err != nil {
			return twin{}, "", err
		}
		if used && keep >= 0 {
			return twin{}, "", nil
		}
		if used {
			keep = n
		}
	}
	u := users[max(keep, 0)]
	return u, fmt.Sprintf("all but %s are deleted, to whom nothing belongs and who have no attributes", shown(u.ID)), nil
}

// inUse reports whether anything belongs to a user, in any form of the ID, or may be needed
// for another reason: the ID is of a type that can be none, or the user has attributes, such
// as a password, by which another program may let somebody in.
func (s *store) inUse(ctx context.Context, c *collections, id bson.RawValue) (bool, error) {
	text, ok := keyText(id)
	if !ok {
		return true, nil
	}
	user, err := findOne(ctx, c.users, byID(id))
	if hasMore(user) || err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return true, err
	}
	for _, of := range c.ofUsers() {
		if used, err := has(ctx, of, s.byUser(text)); used || err != nil {
			return used, err
		}
	}
	return false, nil
}

// hasMore reports whether a user has other fields than those of Auth.js.
func hasMore(user bson.Raw) bool {
	more := false
	eachOf(user, func(name string, v bson.RawValue) {
		switch name {
		case "_id", "id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt", "__v":
		default:
			more = more || !isNull(v)
		}
	})
	return more
}

// oneOwner returns the one of several documents of one user that is to stay: the one that
// expires last, or the newest. No action: they belong to more than one who is there, or it
// cannot be said to whom.
func (s *store) oneOwner(ctx context.Context, c *collections, of *mongo.Collection, docs []twin) (twin, string, error) {
	var keep *twin
	for _, d := range docs {
		there, err := s.mayBeOwned(ctx, c, of, d)
		switch {
		case err != nil:
			return twin{}, "", err
		case !there:
		case keep != nil && !s.isSameUser(keep.UserID, d.UserID):
			return twin{}, "", nil
		case keep == nil || !outlives(keep.Expires, d.Expires):
			keep = &d
		}
	}
	if keep == nil {
		keep = &docs[len(docs)-1]
	}
	return *keep, fmt.Sprintf("all but %s are deleted", shown(keep.ID)), nil
}

// mayBeOwned reports whether a document belongs to a user who is there, as far as can be
// said. Verification tokens belong to nobody.
func (s *store) mayBeOwned(ctx context.Context, c *collections, of *mongo.Collection, d twin) (bool, error) {
	if of == c.tokens {
		return true, nil
	}
	return s.leads(ctx, c, d.UserID)
}

// leads reports whether what has this userId may lead to a user: it does not if it is
// clear who that would be, and there is no such user, in any form of the ID.
func (s *store) leads(ctx context.Context, c *collections, userID bson.RawValue) (bool, error) {
	text, ok := s.ownerText(userID)
	switch {
	case !ok:
		return true, nil
	case isNull(userID):
		return false, nil
	case text == "":
		return has(ctx, c.users, byID(bson.D{{Key: "$eq", Value: userID}}))
	}
	user, err := request(ctx, func(ctx context.Context) (bson.Raw, error) { return s.find(ctx, c, text) })
	return user != nil, err
}

func (s *store) isSameUser(a, b bson.RawValue) bool {
	one, known := s.ownerText(a)
	other, ok := s.ownerText(b)
	return known && ok && one == other
}

// outlives reports whether the first of two expiries is the later one.
func outlives(a, b bson.RawValue) bool { return date(a).After(date(b)) }

// withEmail matches a user as long as it has an address.
func withEmail(id any, email string) bson.D {
	return append(byID(id), bson.E{Key: "email", Value: email})
}

func (s *store) strangeEmail(ctx context.Context, c *collections, id bson.RawValue, email string) (repair.Finding, error) {
	f := repair.New(c.users.Name(), fmt.Sprintf("the user with the _id %s has an e-mail address that is not in lower case, which GetUserByEmail does not find: "+
		"write it as adapter.NormalizeEmail gives it, or Repair", shown(id)), "written in lower case", nil)
	other, err := findOne(ctx, c.users, bson.D{{Key: "email", Value: adapter.NormalizeEmail(email)}})
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		f.Mend = func(ctx context.Context) error {
			err := requestOnly(ctx, func(ctx context.Context) error {
				_, err := c.users.UpdateOne(ctx, withEmail(id, email),
					bson.D{{Key: "$set", Value: bson.D{{Key: "email", Value: adapter.NormalizeEmail(email)}}}})
				return err
			})
			if mongo.IsDuplicateKeyError(err) {
				return nil // somebody has it by now: the next CheckSchema says so
			}
			return err
		}
		return f, nil
	case err != nil:
		return f, err
	}
	f.Detail = fmt.Sprintf("the user with the _id %s has the e-mail address of the one with the _id %s, but not in lower case: keep one of them", shown(id), shown(other.Lookup("_id")))
	f.Action = ""
	used, err := s.inUse(ctx, c, id)
	if err == nil && !used {
		f.Action = "deleted, since nothing belongs to it and it has no attributes"
		f.Mend = func(ctx context.Context) error {
			used, err := s.inUse(ctx, c, id)
			if err == nil && !used {
				err = s.removeTwin(ctx, c, c.users, withEmail(id, email), withEmail(other.Lookup("_id"), adapter.NormalizeEmail(email)))
			}
			return err
		}
	}
	return f, err
}

// orphan returns what to do with a document that belongs to nobody.
func (s *store) orphan(c *collections, of *mongo.Collection, doc bson.Raw) repair.Finding {
	userID := doc.Lookup("userId")
	return repair.New(fmt.Sprintf("%s, %s", of.Name(), nameOf(c, of, doc)),
		fmt.Sprintf("belongs to a user who is gone, whose _id was %s: delete it, or Repair", shown(userID)), "deleted",
		func(ctx context.Context) error {
			leads, err := s.leads(ctx, c, userID)
			if err != nil || leads {
				return err
			}
			return requestOnly(ctx, func(ctx context.Context) error {
				_, err := of.DeleteOne(ctx, append(byID(doc.Lookup("_id")), bson.E{Key: "userId", Value: asItIs(doc, "userId")}))
				return err
			})
		})
}
