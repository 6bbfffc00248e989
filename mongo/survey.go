package mongo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// survey is a graph of what may break a rule: the server looks for it, so that of what is
// whole nothing is read.
type survey struct {
	s *store
	c *collections
	graph
	keyless []repair.Finding // documents that lack a unique key
}

// findings returns the documents that break a rule: those that have one unique key, if
// its index is missing, addresses that are not looked for, what belongs to nobody, and
// what a call was cut in.
func (s *store) findings(ctx context.Context, c *collections, lacks []missing) ([]repair.Finding, error) {
	v := &survey{s: s, c: c, graph: graph{Users: map[string]*person{}, UserNoun: c.users.Name() + ", _id "}}
	adds := []func(context.Context) error{v.addOrphans, v.addStrangeEmails, v.addUnfinished}
	for _, m := range lacks {
		if m.unique {
			adds = append(adds, func(ctx context.Context) error { return v.addDuplicates(ctx, m.index) })
		}
	}
	for _, add := range append(adds, v.addUse) {
		if err := add(ctx); err != nil {
			return nil, err
		}
	}
	unreadable, err := s.unreadable(ctx, c)
	if err != nil {
		return nil, err
	}
	twins, err := s.twinForms(ctx, c)
	return slices.Concat(v.keyless, repair.Plan(repair.Decide(&v.graph), v.mend), unreadable, twins), err
}

// kinds are those of what the collections have.
func (c *collections) kinds() map[*collection]repair.Kind {
	return map[*collection]repair.Kind{
		c.accounts: repair.Account, c.sessions: repair.Session, c.tokens: repair.Token, c.authenticators: repair.Authenticator,
	}
}

// textOf returns a value as text that sorts as the database does where that is when a
// document was made.
func textOf(v bson.RawValue) string {
	if text, ok := keyText(v); ok {
		return text + " " + v.Type.String()
	}
	return v.Type.String() + string(v.Value)
}

// addDuplicates adds the documents that have one unique key. Those that have none are in
// the way of the index too.
func (v *survey) addDuplicates(ctx context.Context, i index) error {
	fields := slices.Concat(i.fields, []string{digestField})
	for _, field := range []string{"userId", "emailVerified", "expires"} {
		if stored := i.collection.in(field); stored != "" {
			fields = append(fields, stored)
		}
	}
	key, twin := bson.D{}, bson.D{{Key: "_id", Value: "$_id"}}
	for n, field := range fields {
		twin = append(twin, bson.E{Key: field, Value: "$" + field})
		if n < len(i.fields) {
			key = append(key, bson.E{Key: field, Value: "$" + field})
		}
	}
	return eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return i.collection.Aggregate(ctx, bson.A{
			bson.D{{Key: "$match", Value: bson.D{{Key: i.fields[0], Value: isText}}}},
			bson.D{{Key: "$sort", Value: bson.D{{Key: "_id", Value: 1}}}},
			bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: key}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}, {Key: "twins", Value: bson.D{{Key: "$push", Value: twin}}}}}},
			bson.D{{Key: "$match", Value: bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: 1}}}}}},
			bson.D{{Key: "$project", Value: bson.D{{Key: "twins", Value: 1}}}},
		}, options.Aggregate().SetAllowDiskUse(true))
	}, func(doc bson.Raw) error {
		var found struct{ Twins []bson.Raw }
		if err := bson.Unmarshal(slices.Clone(doc), &found); err != nil {
			return err
		}
		if slices.ContainsFunc(i.fields, func(field string) bool { return isNull(found.Twins[0].Lookup(field)) }) {
			v.keyless = append(v.keyless, lacksKey(i, found.Twins))
			return nil
		}
		for _, twin := range found.Twins {
			if err := v.addDuplicate(ctx, i.collection, twin); err != nil {
				return err
			}
		}
		return nil
	})
}

// lacksKey is the finding of documents that have no key at all.
func lacksKey(i index, docs []bson.Raw) repair.Finding {
	var ids []string
	for _, doc := range docs {
		ids = append(ids, shown(doc.Lookup("_id")))
	}
	return repair.New(i.object(), fmt.Sprintf("cannot be unique: the documents with these _id have the same %s and lack %s: [%s]. "+
		"Give them one, or keep them in another collection", i.fields[0], strings.Join(i.fields[1:], " and "), strings.Join(ids, ", ")), "", nil)
}

func (v *survey) addDuplicate(ctx context.Context, in *collection, doc bson.Raw) error {
	if in == v.c.users {
		v.addUser(doc)
		return nil
	}
	r := v.record(in, doc)
	r.Place, r.Expires = in.placeOf(doc), date(doc.Lookup(in.in("expires")))
	var err error
	r.Owner, err = v.owner(ctx, in, doc)
	v.Records = append(v.Records, r)
	return err
}

// record returns a document by its key and its age.
func (v *survey) record(in *collection, doc bson.Raw) record {
	r := record{Kind: v.c.kinds()[in], ID: textOf(doc.Lookup("_id")), Ref: ref{in, doc, in.keys()}}
	if owner := in.in("userId"); owner != "" {
		r.Ref.fields = append(r.Ref.fields, owner)
	}
	for _, field := range in.keys() {
		r.Key += textOf(doc.Lookup(field)) + "\x00"
	}
	return r
}

// owner returns the user to whom a document belongs, who is there or may be: nil if there
// is none. It is one for all that belongs to one user.
func (v *survey) owner(ctx context.Context, of *collection, doc bson.Raw) (*person, error) {
	if of == v.c.tokens || isNull(of.owner(doc)) {
		return nil, nil
	}
	userID := of.owner(doc)
	text, known := v.s.ownerText(userID)
	if text == "" {
		text = textOf(userID)
	}
	if u := v.Users["owner "+text]; u != nil && known {
		return u, nil
	}
	leads, err := v.s.leads(ctx, v.c, userID)
	if err != nil || !leads {
		return nil, err
	}
	u := &person{Name: shown(userID), There: true}
	if known { // else it is not known either whether two are one
		v.Users["owner "+text] = u
	}
	return u, nil
}

// addUser adds a user with an address.
func (v *survey) addUser(doc bson.Raw) {
	users := v.c.users
	id, verified := doc.Lookup("_id"), doc.Lookup(users.in("emailVerified"))
	no, isBool := verified.BooleanOK()
	v.Users[textOf(id)] = &person{
		Name: shown(id), Email: text(doc.Lookup(users.in("email"))), There: true, Led: true, Verified: !isNull(verified) && (!isBool || no),
		Ref: ref{users, doc, users.ins("email", "emailVerified")},
	}
}

// addUse finds out which of the users who share an address are in use.
func (v *survey) addUse(ctx context.Context) error {
	sharing := map[string]int{}
	for _, u := range v.Users {
		sharing[adapter.NormalizeEmail(u.Email)]++
	}
	for _, u := range v.Users {
		if u.Email == "" || sharing[adapter.NormalizeEmail(u.Email)] == 1 {
			continue
		}
		used, err := v.s.inUse(ctx, v.c, u.Ref.doc.Lookup("_id"))
		if err != nil {
			return err
		}
		u.More = used
	}
	return nil
}

// addStrangeEmails adds the users whose e-mail address nobody finds, since it is not in
// the form in which addresses are looked for, and those who have it in that form.
func (v *survey) addStrangeEmails(ctx context.Context) error {
	field := v.c.users.in("email")
	found := func(ctx context.Context, email any, do func(bson.Raw) error) error {
		return eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
			return v.c.users.Find(ctx, bson.D{{Key: field, Value: email}},
				options.Find().SetProjection(bson.D{{Key: field, Value: 1}, {Key: v.c.users.in("emailVerified"), Value: 1}}).SetBatchSize(batch))
		}, do)
	}
	return found(ctx, isText, func(user bson.Raw) error {
		email, ok := user.Lookup(field).StringValueOK()
		if !ok || adapter.NormalizeEmail(email) == email {
			return nil
		}
		v.addUser(slices.Clone(user))
		return found(ctx, adapter.NormalizeEmail(email), func(other bson.Raw) error {
			v.addUser(slices.Clone(other))
			return nil
		})
	})
}

// named has the fields that a finding tells a document apart by.
func (s *shape) named() bson.D {
	names := bson.D{{Key: "_id", Value: 1}, {Key: digestField, Value: 1}}
	for _, field := range append(s.keys(), s.in("userId")) {
		if field != "_id" && field != "" {
			names = append(names, bson.E{Key: field, Value: 1})
		}
	}
	return names
}

// addOrphans adds what belongs to users who are not there. What another program keeps in
// the same collection, and what does not say clearly whose it is, is none.
func (v *survey) addOrphans(ctx context.Context) error {
	c := v.c
	for _, of := range c.ofUsers() {
		owner := of.in("userId")
		mine := append(of.recordFilter(), ofType(owner, "objectId", "string", "binData", "number"))
		err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
			return of.Aggregate(ctx, bson.A{
				bson.D{{Key: "$match", Value: mine}},
				bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$" + owner}}}},
				bson.D{{Key: "$set", Value: bson.D{{Key: "forms", Value: bson.A{"$_id", converted("objectId"), converted("string")}}}}},
				bson.D{{Key: "$lookup", Value: bson.D{
					{Key: "from", Value: c.users.Name()}, {Key: "localField", Value: "forms"}, {Key: "foreignField", Value: "_id"}, {Key: "as", Value: userField},
				}}},
				bson.D{{Key: "$match", Value: bson.D{{Key: userField, Value: bson.D{{Key: "$size", Value: 0}}}}}},
				bson.D{{Key: "$lookup", Value: bson.D{
					{Key: "from", Value: of.Name()}, {Key: "localField", Value: "_id"}, {Key: "foreignField", Value: owner}, {Key: "as", Value: "doc"},
				}}},
				bson.D{{Key: "$unwind", Value: "$doc"}},
				bson.D{{Key: "$replaceRoot", Value: bson.D{{Key: "newRoot", Value: "$doc"}}}},
				bson.D{{Key: "$match", Value: mine}},
				bson.D{{Key: "$project", Value: of.named()}},
			}, options.Aggregate().SetAllowDiskUse(true))
		}, func(doc bson.Raw) error {
			is, err := v.s.isOrphan(ctx, c, of.owner(doc))
			if is {
				r := v.record(of, slices.Clone(doc))
				r.Place, r.Owner = of.Name()+", "+nameOf(c, of, doc), &person{Name: shown(of.owner(doc))}
				v.Records = append(v.Records, r)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// isOrphan reports whether a user is gone for whom the database found nobody, who did not
// look for all forms of an ID.
func (s *store) isOrphan(ctx context.Context, c *collections, userID bson.RawValue) (bool, error) {
	text, ok := s.ownerText(userID)
	if !ok || text == "" {
		return false, nil // see unreadable
	}
	if _, isHex := objectID(text); isHex && !(userID.Type == bson.TypeString && s.idForm == StringIDs) {
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

// nameOf tells a document apart, without a token.
func nameOf(c *collections, of *collection, doc bson.Raw) string {
	switch of {
	case c.sessions:
		return of.sessionID(doc)
	case c.accounts:
		id, _ := accountText(doc.Lookup(of.in("providerAccountId")))
		return text(doc.Lookup(of.in("provider"))) + " " + id
	}
	return text(doc.Lookup(of.in("credentialID")))
}

// aMinute is how long a sign-up or a deletion may take without being taken for one that
// was cut.
const aMinute = time.Minute

// addUnfinished adds the users whose sign-up or deletion was cut.
func (v *survey) addUnfinished(ctx context.Context) error {
	return eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return v.c.users.Find(ctx, bson.D{{Key: nonceField, Value: bson.D{{Key: "$lt", Value: bson.NewObjectIDFromTimestamp(time.Now().Add(-aMinute))}}}})
	}, func(user bson.Raw) error {
		u := &person{Name: shown(user.Lookup("_id")), Cut: repair.Deletion, Ref: ref{in: v.c.users, doc: slices.Clone(user)}}
		if isSigningUp(user) {
			u.Cut = repair.SignUp
		}
		v.Users["cut "+textOf(user.Lookup("_id"))] = u
		return nil
	})
}

// unreadable returns what cannot be read, and what belongs to nobody. A person has to
// decide on it: it is not known what another program does with it.
func (s *store) unreadable(ctx context.Context, c *collections) ([]repair.Finding, error) {
	noDate := func(of *collection) bson.D {
		return bson.D{{Key: "$nor", Value: bson.A{bson.D{dateCondition(of.in("expires"), "$gte", firstDate)}}}}
	}
	not := func(of *collection, field string, kinds ...string) bson.D {
		return bson.D{{Key: "$nor", Value: bson.A{bson.D{ofType(of.in(field), kinds...)}}}}
	}
	owned := func(of *collection, unusual ...any) bson.A { // by a user, and found by texts
		for _, field := range of.key {
			unusual = append(unusual, not(of, field, "string"), bson.D{{Key: of.in(field), Value: ""}})
		}
		return append(unusual, not(of, "userId", s.usualName()))
	}
	noCounter := bson.D{{Key: c.authenticators.in("counter"), Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$gte", Value: 0}, {Key: "$lte", Value: int64(math.MaxUint32)}}}}}}
	var all []repair.Finding
	for _, l := range []struct {
		of      *collection
		unusual bson.A
		read    func(bson.Raw) (owner string, err error)
		owned   bool
	}{
		{c.users, bson.A{bson.D{{Key: "$nor", Value: bson.A{bson.D{ofType("_id", "objectId", "string")}}}}, noKey}, s.readUser, false},
		{c.accounts, owned(c.accounts), s.readAccount, true},
		{c.sessions, owned(c.sessions, noDate(c.sessions)), s.readSession, true},
		{c.tokens, bson.A{noDate(c.tokens)}, s.readToken, false},
		{c.authenticators, owned(c.authenticators, not(c.authenticators, "counter", "int", "long"), noCounter), s.readAuthenticator, true},
	} {
		own := l.of.recordFilter()
		if l.of == c.users {
			own = bson.D{{Key: c.users.in("email"), Value: isText}}
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
func (s *store) read(ctx context.Context, of *collection, filter bson.D, read func(bson.Raw) (string, error), owned bool) ([]repair.Finding, error) {
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
			all = append(all, repair.New(of.placeOf(doc),
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
	numbered := bson.D{{Key: c.accounts.in("provider"), Value: isText}, ofType(c.accounts.in("providerAccountId"), "number")}
	accounts, err := s.inTurns(ctx, c.accounts, numbered, s.twinAccounts)
	return append(users, accounts...), err
}

// unusualIDs matches the users whose ID is not in the usual form, and may have one.
func (s *store) unusualIDs() bson.D {
	switch s.idForm {
	case StringIDs:
		return bson.D{{Key: "$nor", Value: bson.A{bson.D{ofType("_id", "string")}}}}
	case UUIDs:
		return bson.D{{Key: "$or", Value: bson.A{
			bson.D{ofType("_id", "number", "objectId")}, bson.D{{Key: "_id", Value: bson.Regex{Pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}}},
		}}}
	}
	return bson.D{{Key: "$or", Value: bson.A{
		bson.D{ofType("_id", "number", "binData")}, bson.D{{Key: "_id", Value: bson.Regex{Pattern: "^[0-9a-f]{24}$"}}},
	}}}
}

// turn is how many documents are looked at together.
const turn = 1000

// inTurns finds documents, and hands them to look.
func (s *store) inTurns(ctx context.Context, of *collection, filter bson.D, look func(context.Context, *collection, []bson.Raw) ([]repair.Finding, error)) ([]repair.Finding, error) {
	var all []repair.Finding
	var docs []bson.Raw
	together := func() error {
		found, err := look(ctx, of, docs)
		all, docs = append(all, found...), nil
		return err
	}
	err := eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return of.Find(ctx, filter, options.Find().SetProjection(of.named()).SetBatchSize(turn))
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

func (s *store) twinUsers(ctx context.Context, of *collection, users []bson.Raw) ([]repair.Finding, error) {
	first, err := s.firstForms(ctx, of, users)
	if err != nil {
		return nil, err
	}
	var all []repair.Finding
	for _, user := range users {
		if s.isShadowed(user, first) {
			all = append(all, repair.New(of.placeOf(user), s.shadowedError(user).Error(), "", nil))
		}
	}
	return all, nil
}

func (s *store) twinAccounts(ctx context.Context, of *collection, accounts []bson.Raw) ([]repair.Finding, error) {
	providerField, idField := of.in("provider"), of.in("providerAccountId")
	before := map[string]bson.A{}
	for _, account := range accounts {
		if id, ok := accountText(account.Lookup(idField)); ok {
			provider := text(account.Lookup(providerField))
			before[provider] = append(before[provider], id)
		}
	}
	var all []repair.Finding
	for provider, ids := range before {
		texts, err := textsOf(ctx, of, idField, bson.D{{Key: providerField, Value: provider}, {Key: idField, Value: bson.D{{Key: "$in", Value: ids}}}}, accountText)
		if err != nil {
			return nil, err
		}
		for _, account := range accounts {
			if id, _ := accountText(account.Lookup(idField)); texts[id] && text(account.Lookup(providerField)) == provider {
				all = append(all, repair.New(of.placeOf(account), fmt.Sprintf("has the %s %s as a number, and another account of %s has it as text, "+
					"which is the one that signs in: keep one of them", idField, id, provider), "", nil))
			}
		}
	}
	return all, nil
}

// textsOf returns the texts of a field of the documents that a filter finds.
func textsOf(ctx context.Context, of *collection, field string, filter bson.D, read func(bson.RawValue) (string, bool)) (map[string]bool, error) {
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
