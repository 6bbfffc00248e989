package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

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

// findings returns the documents that break a rule: those that have one unique key, if
// its index is missing, addresses that are not looked for, what belongs to nobody, and
// what a call was cut in.
func (s *store) findings(ctx context.Context, c *collections, lacks []missing) ([]repair.Finding, error) {
	var all []repair.Finding
	for _, m := range lacks {
		if m.unique {
			duplicates, err := s.duplicates(ctx, c, m.index)
			if err != nil {
				return nil, err
			}
			all = append(all, duplicates...)
		}
	}
	for _, find := range []func(context.Context, *collections) ([]repair.Finding, error){s.strangeEmails, s.orphans, s.unfinished, s.unreadable, s.twinForms} {
		more, err := find(ctx, c)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// own matches the documents of a collection that are records of this package: those that
// have the fields by which they are found. Others belong to another program.
func (c *collections) own(of *mongo.Collection) bson.D {
	var all bson.D
	for _, field := range c.keys()[of] {
		all = append(all, bson.E{Key: field, Value: bson.D{{Key: "$ne", Value: nil}}})
	}
	return all
}

// keys has the fields by which the documents of each collection are found.
func (c *collections) keys() map[*mongo.Collection][]string {
	return map[*mongo.Collection][]string{
		c.accounts: {"provider", "providerAccountId"}, c.sessions: {"sessionToken"},
		c.tokens: {"identifier", "token"}, c.authenticators: {"credentialID"},
	}
}

// twin is one of the documents that have one unique key.
type twin struct {
	ID      bson.RawValue `bson:"_id"`
	UserID  bson.RawValue `bson:"userId"`
	Expires bson.RawValue `bson:"expires"`
}

// group is the documents that have one unique key.
type group struct {
	Key   bson.D `bson:"_id"`
	Twins []twin
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

// duplicates returns the groups of documents that have one unique key.
func (s *store) duplicates(ctx context.Context, c *collections, i index) ([]repair.Finding, error) {
	key, match := bson.D{}, bson.D{}
	for _, field := range i.fields {
		key = append(key, bson.E{Key: field, Value: "$" + field})
	}
	if i.texts {
		match = append(match, bson.E{Key: i.fields[0], Value: isText})
	}
	twins := bson.D{{Key: "_id", Value: "$_id"}, {Key: "userId", Value: "$userId"}}
	if i.collection == c.sessions || i.collection == c.tokens { // elsewhere it is an attribute
		twins = append(twins, bson.E{Key: "expires", Value: "$expires"})
	}
	var all []repair.Finding
	err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return i.collection.Aggregate(ctx, bson.A{
			bson.D{{Key: "$match", Value: match}},
			bson.D{{Key: "$sort", Value: bson.D{{Key: "_id", Value: 1}}}},
			bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: key}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}, {Key: "twins", Value: bson.D{{Key: "$push", Value: twins}}}}}},
			bson.D{{Key: "$match", Value: bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: 1}}}}}},
			bson.D{{Key: "$project", Value: bson.D{{Key: "twins", Value: 1}}}},
		}, options.Aggregate().SetAllowDiskUse(true))
	}, func(doc bson.Raw) error {
		var g group
		if err := bson.Unmarshal(slices.Clone(doc), &g); err != nil {
			return err
		}
		f, err := s.duplicate(ctx, c, i, g)
		all = append(all, f)
		return err
	})
	return all, err
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endurance) // what was begun is finished
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

// has reports whether a collection has a document that a filter finds.
func has(ctx context.Context, c *mongo.Collection, filter bson.D) (bool, error) {
	err := requestOnly(ctx, func(ctx context.Context) error { return c.FindOne(ctx, filter).Err() })
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}

// findOne returns a document of a collection.
func findOne(ctx context.Context, c *mongo.Collection, filter bson.D) (bson.Raw, error) {
	return request(ctx, func(ctx context.Context) (bson.Raw, error) { return c.FindOne(ctx, filter).Raw() })
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

// ofUsers returns the collections of what belongs to users.
func (c *collections) ofUsers() []*mongo.Collection {
	return []*mongo.Collection{c.sessions, c.accounts, c.authenticators}
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

// strangeEmails returns the users whose e-mail address nobody finds, since it is not in
// the form in which addresses are looked for.
func (s *store) strangeEmails(ctx context.Context, c *collections) ([]repair.Finding, error) {
	var all []repair.Finding
	err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return c.users.Find(ctx, bson.D{{Key: "email", Value: isText}},
			options.Find().SetProjection(bson.D{{Key: "email", Value: 1}}).SetBatchSize(batch))
	}, func(user bson.Raw) error {
		email, ok := user.Lookup("email").StringValueOK()
		if !ok || adapter.NormalizeEmail(email) == email {
			return nil
		}
		f, err := s.strangeEmail(ctx, c, clone(user.Lookup("_id")), email)
		all = append(all, f)
		return err
	})
	return all, err
}

// clone returns a value that outlives the cursor's document.
func clone(v bson.RawValue) bson.RawValue {
	v.Value = slices.Clone(v.Value)
	return v
}

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

// named has the fields that a finding tells a document apart by.
var named = bson.D{
	{Key: "userId", Value: 1}, {Key: "sessionToken", Value: 1}, {Key: digestField, Value: 1},
	{Key: "provider", Value: 1}, {Key: "providerAccountId", Value: 1}, {Key: "credentialID", Value: 1},
}

// orphans returns what belongs to users who are not there. What another program keeps in
// the same collection, and what does not say clearly whose it is, is none.
func (s *store) orphans(ctx context.Context, c *collections) ([]repair.Finding, error) {
	var all []repair.Finding
	for _, of := range c.ofUsers() {
		mine := append(c.own(of), ofType("userId", "objectId", "string", "binData", "number"))
		err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
			return of.Aggregate(ctx, bson.A{
				bson.D{{Key: "$match", Value: mine}},
				bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$userId"}}}},
				bson.D{{Key: "$set", Value: bson.D{{Key: "forms", Value: bson.A{"$_id", converted("objectId"), converted("string")}}}}},
				bson.D{{Key: "$lookup", Value: bson.D{
					{Key: "from", Value: c.users.Name()}, {Key: "localField", Value: "forms"}, {Key: "foreignField", Value: "_id"}, {Key: "as", Value: userField},
				}}},
				bson.D{{Key: "$match", Value: bson.D{{Key: userField, Value: bson.D{{Key: "$size", Value: 0}}}}}},
				bson.D{{Key: "$lookup", Value: bson.D{
					{Key: "from", Value: of.Name()}, {Key: "localField", Value: "_id"}, {Key: "foreignField", Value: "userId"}, {Key: "as", Value: "doc"},
				}}},
				bson.D{{Key: "$unwind", Value: "$doc"}},
				bson.D{{Key: "$replaceRoot", Value: bson.D{{Key: "newRoot", Value: "$doc"}}}},
				bson.D{{Key: "$match", Value: mine}},
				bson.D{{Key: "$project", Value: named}},
			}, options.Aggregate().SetAllowDiskUse(true))
		}, func(doc bson.Raw) error {
			is, err := s.isOrphan(ctx, c, doc.Lookup("userId"))
			if is {
				all = append(all, s.orphan(c, of, slices.Clone(doc)))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// isOrphan reports whether a user is gone for whom the database found nobody, who did not
// look for all forms of an ID.
func (s *store) isOrphan(ctx context.Context, c *collections, userID bson.RawValue) (bool, error) {
	text, ok := s.ownerText(userID)
	if !ok || text == "" {
		return false, nil // see unreadable
	}
	if _, isHex := objectID(text); isHex && !(userID.Type == bson.TypeString && s.stringIDs) {
		return true, nil
	}
	leads, err := s.leads(ctx, c, userID)
	return !leads && err == nil, err
}

// converted is a user's ID in another form, or as it is if there is none.
func converted(to string) bson.D {
	return bson.D{{Key: "$convert", Value: bson.D{
		{Key: "input", Value: "$_id"}, {Key: "to", Value: to}, {Key: "onError", Value: "$_id"}, {Key: "onNull", Value: "$_id"},
	}}}
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

// nameOf tells a document apart, without a token.
func nameOf(c *collections, of *mongo.Collection, doc bson.Raw) string {
	switch of {
	case c.sessions:
		return sessionID(doc)
	case c.accounts:
		id, _ := accountText(doc.Lookup("providerAccountId"))
		return text(doc.Lookup("provider")) + " " + id
	}
	return text(doc.Lookup("credentialID"))
}

// aMinute is how long a sign-up or a deletion may take without being taken for one that
// was cut.
const aMinute = time.Minute

// unfinished returns the users whose sign-up or deletion was cut.
func (s *store) unfinished(ctx context.Context, c *collections) ([]repair.Finding, error) {
	var all []repair.Finding
	err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return c.users.Find(ctx, bson.D{{Key: nonceField, Value: bson.D{{Key: "$lt", Value: bson.NewObjectIDFromTimestamp(time.Now().Add(-aMinute))}}}})
	}, func(found bson.Raw) error {
		user := slices.Clone(found)
		id := user.Lookup("_id")
		detail, action := "the sign-up of the user with the _id %s was cut: sign up again, or Repair", "finished if its account or passkey is there, else removed"
		finish := func(ctx context.Context) error { return c.finish(ctx, c.signUpOf(user)) }
		if !isSigningUp(user) {
			text, _ := keyText(id)
			detail, action = "the deletion of the user with the _id %s was cut: call DeleteUser again, or Repair", "finished"
			finish = func(ctx context.Context) error { return s.delete(ctx, c, bson.A{id}, s.byUser(text)) }
		}
		all = append(all, repair.New(c.users.Name(), fmt.Sprintf(detail, shown(id)), action,
			func(ctx context.Context) error { return requestOnly(ctx, finish) }))
		return nil
	})
	return all, err
}
