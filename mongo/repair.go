package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"

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

type (
	graph  = repair.Graph[ref]
	person = repair.User[ref]
	record = repair.Record[ref]
	task   = repair.Task[ref]
)

// ref is a document that was found.
type ref struct {
	in     *collection
	doc    bson.Raw
	fields []string // that tell whether it has changed
}

// filter matches the document as long as it is what it was.
func (r ref) filter() bson.D {
	filter := byID(r.doc.Lookup("_id"))
	for _, field := range r.fields {
		filter = append(filter, bson.E{Key: field, Value: asItIs(r.doc, field)})
	}
	return filter
}

// mend does a task.
func (v *survey) mend(ctx context.Context, t task) error {
	switch t.Do {
	case repair.FinishSignUp:
		return requestOnly(ctx, func(ctx context.Context) error { return v.c.finish(ctx, v.c.signUpOf(t.User.Ref.doc)) })
	case repair.FinishDeletion:
		id := t.User.Ref.doc.Lookup("_id")
		text, _ := keyText(id)
		return requestOnly(ctx, func(ctx context.Context) error { return v.s.delete(ctx, v.c, bson.A{id}, text) })
	case repair.DeleteOrphan:
		return v.removeOrphan(ctx, t.Record.Ref.in, t.Record.Ref.doc)
	case repair.DeleteUser:
		used, err := v.s.inUse(ctx, v.c, t.User.Ref.doc.Lookup("_id"))
		if err != nil || used {
			return err
		}
		return v.s.removeTwin(ctx, v.c, v.c.users, t.User.Ref.filter(), t.Stays.Ref.filter())
	case repair.LetFind:
		return v.writeEmail(ctx, t.User.Ref.doc.Lookup("_id"), t.User.Email, t.Email)
	case repair.DeleteTwin:
		if owner, err := v.owner(ctx, t.Record.Ref.in, t.Record.Ref.doc); err != nil || owner != nil && t.Record.Owner == nil {
			return err
		}
		return v.s.removeTwin(ctx, v.c, t.Record.Ref.in, t.Record.Ref.filter(), t.Keeps.Ref.filter())
	}
	return fmt.Errorf("nothing is known to do about %s", t.Object)
}

// removeTwin deletes a document beside which another one stays. It puts it back if that
// one has gone meanwhile, or something belongs to what was deleted: without a unique index
// nothing keeps others from that.
func (s *store) removeTwin(ctx context.Context, c *collections, from *collection, twin, stays bson.D) error {
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
		stands, err = !used && !from.hasMore(doc), failed
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

// inUse reports whether anything belongs to a user, in any form of the ID, or may be needed
// for another reason: the ID is of a type that can be none, or the user has attributes, such
// as a password, by which another program may let somebody in.
func (s *store) inUse(ctx context.Context, c *collections, id bson.RawValue) (bool, error) {
	text, ok := keyText(id)
	if !ok {
		return true, nil
	}
	user, err := findOne(ctx, c.users, byID(id))
	if c.users.hasMore(user) || err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return true, err
	}
	for _, of := range c.ofUsers() {
		if used, err := has(ctx, of, s.byUser(of, text)); used || err != nil {
			return used, err
		}
	}
	return false, nil
}

// hasMore reports whether a user has other fields than those of Auth.js.
func (s *shape) hasMore(user bson.Raw) bool {
	more := false
	eachOf(user, func(name string, v bson.RawValue) {
		_, own := s.fieldOf[name]
		own = own || name == "_id" || name == "id" || name == "__v" || name == exact("emailVerified")
		more = more || !own && !isNull(v)
	})
	return more
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

// withEmail matches a user as long as it has an address.
func (s *shape) withEmail(id any, email string) bson.D {
	return append(byID(id), bson.E{Key: s.in("email"), Value: email})
}

// writeEmail gives a user's address the form in which it is looked for, unless it was
// changed, or somebody has it by now: the next CheckSchema says so.
func (v *survey) writeEmail(ctx context.Context, id bson.RawValue, email, normalized string) error {
	c := v.c
	if taken, err := has(ctx, c.users, bson.D{{Key: c.users.in("email"), Value: normalized}}); err != nil || taken {
		return err
	}
	err := requestOnly(ctx, func(ctx context.Context) error {
		_, err := c.users.UpdateOne(ctx, c.users.withEmail(id, email), bson.D{{Key: "$set", Value: bson.D{{Key: c.users.in("email"), Value: normalized}}}})
		return err
	})
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return err
}

// removeOrphan deletes what belongs to a user who is gone, if it still does.
func (v *survey) removeOrphan(ctx context.Context, of *collection, doc bson.Raw) error {
	leads, err := v.s.leads(ctx, v.c, of.owner(doc))
	if err != nil || leads {
		return err
	}
	return requestOnly(ctx, func(ctx context.Context) error {
		_, err := of.DeleteOne(ctx, append(byID(doc.Lookup("_id")), of.ownedAs(doc)))
		return err
	})
}
