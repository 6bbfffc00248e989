package mongo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// unreadable returns what cannot be read, and what belongs to nobody. A person has to
// decide on it: it is not known what another program does with it.
func (s *store) unreadable(ctx context.Context, c *collections) ([]repair.Finding, error) {
	noDate := bson.D{{Key: "$nor", Value: bson.A{bson.D{dated("expires", "$gte", firstDate)}}}}
	not := func(field string, kinds ...string) bson.D {
		return bson.D{{Key: "$nor", Value: bson.A{bson.D{ofType(field, kinds...)}}}}
	}
	empty := func(field string) bson.D { return bson.D{{Key: field, Value: ""}} }
	usual := s.usualName()
	var all []repair.Finding
	for _, l := range []struct {
		of      *mongo.Collection
		unusual bson.A
		read    func(bson.Raw) (owner string, err error)
		owned   bool
	}{
		{c.users, bson.A{not("_id", "objectId", "string"), noKey}, s.readUser, false},
		{c.accounts, bson.A{not("provider", "string"), empty("provider"), not("providerAccountId", "string"), empty("providerAccountId"), not("userId", usual)}, s.readAccount, true},
		{c.sessions, bson.A{not("sessionToken", "string"), empty("sessionToken"), noDate, not("userId", usual)}, s.readSession, true},
		{c.tokens, bson.A{noDate}, s.readToken, false},
		{c.authenticators, bson.A{not("credentialID", "string"), empty("credentialID"), not("counter", "int", "long"), bson.D{{Key: "counter", Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$gte", Value: 0}, {Key: "$lte", Value: int64(math.MaxUint32)}}}}}}, not("userId", usual)}, s.readAuthenticator, true},
	} {
		own := c.own(l.of)
		if l.of == c.users {
			own = bson.D{{Key: "email", Value: isText}}
		}
		found, err := s.read(ctx, l.of, append(own, bson.E{Key: "$or", Value: l.unusual}), l.read, l.owned)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// noKey matches an _id that is text which cannot be handed in.
var noKey = bson.D{{Key: "$expr", Value: bson.D{{Key: "$and", Value: bson.A{
	bson.D{{Key: "$eq", Value: bson.A{bson.D{{Key: "$type", Value: "$_id"}}, "string"}}},
	bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "$eq", Value: bson.A{"$_id", ""}}},
		bson.D{{Key: "$gt", Value: bson.A{bson.D{{Key: "$strLenBytes", Value: "$_id"}}, maxID}}},
		bson.D{{Key: "$regexMatch", Value: bson.D{{Key: "input", Value: "$_id"}, {Key: "regex", Value: `[\x00-\x1f\x7f-\x9f]`}}}},
	}}},
}}}}}

func (s *store) readUser(doc bson.Raw) (string, error) {
	u, err := s.decodeUser(doc)
	return u.ID, err
}

func (s *store) readAccount(doc bson.Raw) (string, error) {
	a, err := s.decodeAccount(doc)
	return a.UserID, err
}

func (s *store) readSession(doc bson.Raw) (string, error) {
	session, err := s.decodeListedSession(doc)
	return session.UserID, err
}

func (s *store) readToken(doc bson.Raw) (string, error) {
	_, err := s.decodeToken(doc)
	return "", err
}

func (s *store) readAuthenticator(doc bson.Raw) (string, error) {
	a, err := s.decodeAuthenticator(doc)
	return a.UserID, err
}

// read reads documents that may not be readable.
func (s *store) read(ctx context.Context, of *mongo.Collection, filter bson.D, read func(bson.Raw) (string, error), owned bool) ([]repair.Finding, error) {
	var all []repair.Finding
	err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return of.Find(ctx, filter, options.Find().SetBatchSize(batch))
	}, func(doc bson.Raw) error {
		owner, err := read(doc)
		var record *adapter.RecordError
		switch {
		case errors.As(err, &record):
			all = append(all, repair.New(record.Place, record.Error(), "", nil))
		case err != nil:
			return err
		case owned && owner == "":
			all = append(all, repair.New(s.placeOf(of.Name(), doc),
				"has no userId that names a user: nobody signs in by it, and whoever signs up with it takes its place. Write in whose it is, or delete it", "", nil))
		}
		return nil
	})
	return all, err
}

// twinForms returns the users, and the accounts, of whom another one has the ID in a form
// that comes first. No unique index keeps them apart.
func (s *store) twinForms(ctx context.Context, c *collections) ([]repair.Finding, error) {
	users, err := s.inTurns(ctx, c.users, s.unusualIDs(), s.twinUsers)
	if err != nil {
		return nil, err
	}
	accounts, err := s.inTurns(ctx, c.accounts, bson.D{{Key: "provider", Value: isText}, ofType("providerAccountId", "number")}, s.twinAccounts)
	return append(users, accounts...), err
}

// unusualIDs matches the users whose ID is not in the usual form, and may have one.
func (s *store) unusualIDs() bson.D {
	if s.stringIDs {
		return bson.D{{Key: "$nor", Value: bson.A{bson.D{ofType("_id", "string")}}}}
	}
	return bson.D{{Key: "$or", Value: bson.A{
		bson.D{ofType("_id", "number", "binData")}, bson.D{{Key: "_id", Value: bson.Regex{Pattern: "^[0-9a-f]{24}$"}}},
	}}}
}

// turn is how many documents are looked at together.
const turn = 1000

// inTurns finds documents, and hands them to look.
func (s *store) inTurns(ctx context.Context, of *mongo.Collection, filter bson.D, look func(context.Context, *mongo.Collection, []bson.Raw) ([]repair.Finding, error)) ([]repair.Finding, error) {
	var all []repair.Finding
	var docs []bson.Raw
	together := func() error {
		found, err := look(ctx, of, docs)
		all, docs = append(all, found...), nil
		return err
	}
	err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return of.Find(ctx, filter, options.Find().SetProjection(named).SetBatchSize(turn))
	}, func(doc bson.Raw) error {
		if docs = append(docs, slices.Clone(doc)); len(docs) < turn {
			return nil
		}
		return together()
	})
	if err != nil {
		return nil, err
	}
	return all, together()
}

func (s *store) twinUsers(ctx context.Context, of *mongo.Collection, users []bson.Raw) ([]repair.Finding, error) {
	first, err := s.firstForms(ctx, of, users)
	if err != nil {
		return nil, err
	}
	var all []repair.Finding
	for _, user := range users {
		if s.isBehind(user, first) {
			all = append(all, repair.New(s.placeOf(of.Name(), user), s.twoIDs(user).Error(), "", nil))
		}
	}
	return all, nil
}

// firstForms looks whether others have the IDs of users in a form that comes before
// theirs, and returns the rank of the first one there is, by the ID's text.
func (s *store) firstForms(ctx context.Context, of *mongo.Collection, users []bson.Raw) (map[string]int, error) {
	before := bson.A{}
	for _, user := range users {
		if text, ok := keyText(user.Lookup("_id")); ok && !s.isUsual(user.Lookup("_id")) {
			ids := s.ids(text)
			before = append(before, ids[:max(rank(ids, user), 0)]...)
		}
	}
	first := map[string]int{}
	if len(before) == 0 {
		return first, nil
	}
	filter := append(byID(oneOf(before)), bson.E{Key: stateField, Value: nil})
	return first, eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return of.Find(ctx, filter, options.Find().SetProjection(byID(1)).SetBatchSize(turn))
	}, func(user bson.Raw) error {
		text, _ := keyText(user.Lookup("_id"))
		form := rank(s.ids(text), user)
		if known, ok := first[text]; !ok || form < known {
			first[text] = form
		}
		return nil
	})
}

// isBehind reports whether another user has the ID of this one in a form that comes first.
func (s *store) isBehind(user bson.Raw, first map[string]int) bool {
	text, _ := keyText(user.Lookup("_id"))
	form, ok := first[text]
	return ok && form < rank(s.ids(text), user)
}

func (s *store) twinAccounts(ctx context.Context, of *mongo.Collection, accounts []bson.Raw) ([]repair.Finding, error) {
	before := map[string]bson.A{}
	for _, account := range accounts {
		if id, ok := accountText(account.Lookup("providerAccountId")); ok {
			provider := text(account.Lookup("provider"))
			before[provider] = append(before[provider], id)
		}
	}
	var all []repair.Finding
	for provider, ids := range before {
		texts, err := textsOf(ctx, of, "providerAccountId", bson.D{{Key: "provider", Value: provider}, {Key: "providerAccountId", Value: bson.D{{Key: "$in", Value: ids}}}}, accountText)
		if err != nil {
			return nil, err
		}
		for _, account := range accounts {
			if id, _ := accountText(account.Lookup("providerAccountId")); texts[id] && text(account.Lookup("provider")) == provider {
				all = append(all, repair.New(s.placeOf(of.Name(), account), fmt.Sprintf("has the providerAccountId %s as a number, and another account of %s has it as text, "+
					"which is the one that signs in: keep one of them", id, provider), "", nil))
			}
		}
	}
	return all, nil
}

// textsOf returns the texts of a field of the documents that a filter finds.
func textsOf(ctx context.Context, of *mongo.Collection, field string, filter bson.D, read func(bson.RawValue) (string, bool)) (map[string]bool, error) {
	texts := map[string]bool{}
	return texts, eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return of.Find(ctx, filter, options.Find().SetProjection(bson.D{{Key: field, Value: 1}}).SetBatchSize(turn))
	}, func(doc bson.Raw) error {
		if text, ok := read(doc.Lookup(field)); ok {
			texts[text] = true
		}
		return nil
	})
}
