package mongo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// index is one that the contract stands on.
type index struct {
	collection *mongo.Collection
	fields     []string
	unique     bool
	// anyOrder: the fields may have another order, since every query names all.
	anyOrder bool
	// texts: only documents whose first field is a text that is not empty are in it, so
	// that others which lack it are no twins of each other.
	texts bool
	// ttl: documents go when the date in the field has passed.
	ttl bool
}

// indexes returns all that the package needs.
func (c *collections) indexes() []index {
	return []index{
		{collection: c.users, fields: []string{"email"}, unique: true, texts: true},
		{collection: c.accounts, fields: []string{"provider", "providerAccountId"}, unique: true, texts: true, anyOrder: true},
		{collection: c.accounts, fields: []string{"userId"}},
		{collection: c.sessions, fields: []string{"sessionToken"}, unique: true, texts: true},
		{collection: c.sessions, fields: []string{"userId"}},
		{collection: c.sessions, fields: []string{"expires"}, ttl: true},
		{collection: c.tokens, fields: []string{"identifier", "token"}, unique: true, texts: true},
		{collection: c.tokens, fields: []string{"expires"}, ttl: true},
		{collection: c.authenticators, fields: []string{"credentialID"}, unique: true, texts: true},
		{collection: c.authenticators, fields: []string{"userId"}},
	}
}

// isText is the condition of an index over texts: a query for one text implies it, so
// that the server uses the index for it.
var isText = bson.D{{Key: "$gt", Value: ""}}

func (i index) keys() bson.D {
	var keys bson.D
	for _, field := range i.fields {
		keys = append(keys, bson.E{Key: field, Value: 1})
	}
	return keys
}

// partial is the condition of documents that are in the index: nil for none.
func (i index) partial() bson.D {
	if !i.texts {
		return nil
	}
	return bson.D{{Key: i.fields[0], Value: isText}}
}

// model describes the index to the server. The name "" is the usual one.
func (i index) model(name string) mongo.IndexModel {
	o := options.Index()
	if name != "" {
		o.SetName(name)
	}
	if i.unique {
		o.SetUnique(true)
	}
	if i.texts {
		o.SetPartialFilterExpression(i.partial())
	}
	if i.ttl {
		o.SetExpireAfterSeconds(0)
	}
	return mongo.IndexModel{Keys: i.keys(), Options: o}
}

// object names the index to a person.
func (i index) object() string {
	return fmt.Sprintf("index of %s on %s", i.collection.Name(), strings.Join(i.fields, ", "))
}

// ask describes what the index must be.
func (i index) ask() string {
	var all []string
	if i.unique {
		all = append(all, "unique")
	}
	if i.texts {
		all = append(all, fmt.Sprintf(`partialFilterExpression {%s: {$gt: ""}}`, i.fields[0]))
	}
	if i.ttl {
		all = append(all, "expireAfterSeconds 0")
	}
	return strings.Join(all, ", ")
}

// specification is an index as the server describes it.
type specification struct {
	Name    string
	Key     bson.D
	Unique  bool
	Partial bson.Raw `bson:"partialFilterExpression"`
	TTL     *float64 `bson:"expireAfterSeconds"`
	Sparse  bool
	Hidden  bool // from queries
	// Collation compares texts by other rules than byte by byte.
	Collation bson.Raw
}

func (s specification) has(field string) bool {
	return slices.ContainsFunc(s.Key, func(e bson.E) bool { return e.Key == field })
}

func (s specification) fields() string {
	var all []string
	for _, e := range s.Key {
		all = append(all, e.Key)
	}
	return strings.Join(all, ", ")
}

// isOrdered reports whether all fields of an index are sorted, up or down.
func (s specification) isOrdered() bool {
	return !slices.ContainsFunc(s.Key, func(e bson.E) bool {
		return !isNumber(e.Value)
	})
}

func isNumber(v any) bool {
	switch v.(type) {
	case int32, int64, float64:
		return true
	}
	return false
}

// isOn reports whether an index is on the same fields.
func (i index) isOn(s specification) bool {
	return len(s.Key) == len(i.fields) && !slices.ContainsFunc(i.fields, func(field string) bool { return !s.has(field) })
}

// serves reports whether an index does what is asked of it, whatever its name and whoever
// made it.
func (i index) serves(s specification) bool {
	switch {
	case s.Hidden || s.Collation != nil || len(s.Key) == 0:
		return false
	case i.unique:
		return s.Unique && s.isOrdered() && i.isOn(s) && (i.anyOrder || s.Key[0].Key == i.fields[0]) && i.hasTexts(s.Partial)
	case i.ttl:
		return i.isOn(s) && s.Partial == nil && s.TTL != nil && *s.TTL == 0
	}
	return s.Key[0].Key == i.fields[0] && s.Partial == nil && (isNumber(s.Key[0].Value) || s.Key[0].Value == "hashed")
}

// hasTexts reports whether an index has at least the documents whose fields are texts
// that are not empty, and the server uses it for a query of such a text.
func (i index) hasTexts(partial bson.Raw) bool {
	all, err := partial.Elements()
	if partial == nil || err != nil {
		return partial == nil
	}
	for _, e := range all {
		condition, _ := e.Value().DocumentOK()
		operator, err := condition.IndexErr(0)
		if err != nil || !slices.Contains(i.fields, e.Key()) {
			return false
		}
		other, err := condition.IndexErr(1)
		if err == nil && other.Key() != "" {
			return false
		}
		text, isText := operator.Value().StringValueOK()
		flag, isFlag := operator.Value().BooleanOK()
		switch operator.Key() {
		case "$exists":
			if !isFlag || !flag {
				return false
			}
		case "$gt", "$gte":
			if !isText || text != "" {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// isWhole reports whether an index has documents without its fields too, of which a
// unique one takes one alone.
func (s specification) isWhole() bool { return s.Partial == nil && !s.Sparse }

// displaces reports whether the server takes an index for the same as the one that is
// asked for, so that both cannot be there.
func (i index) displaces(s specification) bool {
	partial, _ := bson.Marshal(i.partial())
	if i.partial() == nil {
		partial = nil
	}
	return i.isOn(s) && s.isOrdered() && s.Collation == nil && slices.Equal(s.Partial, partial) && s.Unique == i.unique && !s.Sparse
}

// missing is an index that is not there. detail says why, if an index of the same fields
// is there.
type missing struct {
	index
	detail  string
	blocked bool
}

// stock is what a database has: the indexes of each collection, and what is wrong with
// collections.
type stock struct {
	indexes  map[*mongo.Collection][]specification
	lacks    []missing
	problems []adapter.SchemaProblem
	keyless  map[*mongo.Collection]bool // there are documents without the field of a unique index, which takes but one
}

// all returns the collections.
func (c *collections) all() []*mongo.Collection {
	return []*mongo.Collection{c.users, c.accounts, c.sessions, c.tokens, c.authenticators}
}

// missing returns the indexes that the package needs and the database lacks.
func (c *collections) missing(ctx context.Context) ([]missing, error) {
	there, err := c.stock(ctx)
	return there.lacks, err
}

// stock compares the indexes of the database with those that the package needs, in
// one round trip for each collection. They come one after the other: five connections
// would cost a cold start more.
func (c *collections) stock(ctx context.Context) (stock, error) {
	there := stock{indexes: map[*mongo.Collection][]specification{}, keyless: map[*mongo.Collection]bool{}}
	var usable []*mongo.Collection
	for _, of := range c.all() {
		specifications, err := listIndexes(ctx, of)
		if r, ok := replyOf(err); ok && r.code == codeView {
			there.problems = append(there.problems, problem(of, "is a view, which takes no index: name another collection in Options.Collections, or drop it and run ApplySchema"))
			continue
		}
		if err != nil {
			return there, err
		}
		if slices.ContainsFunc(specifications, func(s specification) bool { return s.Name == "_id_" && s.Collation != nil }) {
			there.problems = append(there.problems, problem(of, "has a default collation, by which texts are compared: tokens and addresses that differ could be taken for the same. "+
				"Make the collection anew without one, and copy its documents"))
			continue
		}
		there.indexes[of], usable = specifications, append(usable, of)
	}
	for _, i := range c.indexes() {
		if !slices.Contains(usable, i.collection) {
			continue
		}
		if i.texts && slices.ContainsFunc(there.indexes[i.collection], func(s specification) bool { return i.serves(s) && s.isWhole() }) {
			var err error
			if there.keyless[i.collection], err = has(ctx, i.collection, bson.D{{Key: i.fields[0], Value: nil}}); err != nil {
				return there, err
			}
		}
		if lack := i.lack(there); lack != nil {
			there.lacks = append(there.lacks, *lack)
		}
	}
	return there, nil
}

// codeView is that of a command which views do not take.
const codeView = 166

func problem(of *mongo.Collection, detail string) adapter.SchemaProblem {
	return adapter.SchemaProblem{Object: "collection " + of.Name(), Detail: detail, Blocking: true}
}

func listIndexes(ctx context.Context, of *mongo.Collection) ([]specification, error) {
	return request(ctx, func(ctx context.Context) (all []specification, err error) {
		cursor, err := of.Indexes().List(ctx)
		if err == nil {
			err = cursor.All(ctx, &all)
		}
		return all, err
	})
}

// lack returns what is missing if no index serves: nil if one does.
func (i index) lack(there stock) *missing {
	lack := &missing{index: i}
	for _, s := range there.indexes[i.collection] {
		if i.serves(s) && !(i.texts && s.isWhole() && there.keyless[i.collection]) {
			return nil
		}
		if i.isOn(s) {
			lack.detail, lack.blocked = i.differs(s), lack.blocked || i.displaces(s)
		}
	}
	return lack
}

// differs says how an index on the same fields is another one than is asked for.
func (i index) differs(s specification) string {
	var all []string
	if i.unique && !s.Unique {
		all = append(all, "is not unique")
	}
	if s.Collation != nil {
		all = append(all, "compares by a collation")
	}
	if s.Hidden {
		all = append(all, "is hidden")
	}
	if i.ttl && (s.TTL == nil || *s.TTL != 0) {
		all = append(all, "has not expireAfterSeconds 0")
	}
	if s.Partial != nil {
		all = append(all, "is partial")
	}
	if i.texts && s.isWhole() {
		all = append(all, "takes only one document without the field, and there are some")
	}
	if len(all) == 0 {
		all = append(all, "has other options")
	}
	return fmt.Sprintf("the index %q of the same fields %s", s.Name, strings.Join(all, ", "))
}

// schemaError returns the error for problems without whose solution the contract does not
// hold: nil if there are none.
func schemaError(problems []adapter.SchemaProblem) error {
	var missing, remedies []string
	for _, p := range problems {
		if p.Blocking {
			remedies = append(remedies, "the "+p.Object+" "+p.Detail)
		} else {
			missing = append(missing, p.Object)
		}
	}
	switch {
	case len(missing) > 0:
		remedies = append([]string{"run ApplySchema once (or see Options.SkipSchemaCheck)"}, remedies...)
		return adapter.Setup("the database lacks the "+strings.Join(missing, ", the "), strings.Join(remedies, "; "))
	case len(remedies) > 0:
		return adapter.Setup("the database is not as this package needs it", strings.Join(remedies, "; "))
	}
	return nil
}

// checkIndexes is what the first call begins with.
func (s *store) checkIndexes(ctx context.Context, c *collections) error {
	there, err := c.stock(ctx)
	if err != nil {
		return err
	}
	problems := there.problems
	for _, m := range there.lacks {
		problems = append(problems, m.problem())
	}
	return schemaError(problems)
}

// CheckSchema implements adapter.Schema. It reports each index that is missing or
// differs, what else of collections, indexes and validators stands in the way, and the
// documents that break a rule: see findings. It reads all collections but the verification
// tokens, and these too if their index is missing.
func (s *store) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	problems, err := s.problems(s.walk(ctx))
	return problems, err
}

func (s *store) problems(ctx context.Context) ([]adapter.SchemaProblem, error) {
	c, err := request(ctx, s.open)
	if err != nil {
		return nil, err
	}
	there, err := c.stock(ctx)
	if err != nil {
		return nil, err
	}
	all := there.problems
	for _, m := range there.lacks {
		all = append(all, m.problem())
	}
	all = append(all, c.foreignIndexes(there)...)
	more, err := s.foreignOptions(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := s.findings(ctx, c, there.lacks)
	return append(append(all, more...), repair.Problems(found)...), err
}

func (m missing) problem() adapter.SchemaProblem {
	p := adapter.SchemaProblem{Object: m.object(), Blocking: m.blocked}
	switch {
	case m.blocked:
		p.Detail = strings.TrimSpace("cannot be made, since " + m.detail + ": drop that one, after looking who needs it, and run ApplySchema, which makes it " + m.ask())
	case m.detail != "":
		p.Detail = "is missing, since " + m.detail + ": run ApplySchema, which makes another one beside it"
	default:
		p.Detail = "is missing: run ApplySchema"
	}
	return p
}

// ApplySchema implements adapter.Schema: it creates the collections and indexes that
// are missing. It drops and changes nothing; what stands in the way is the error, an
// [adapter.ErrSetup], after all else has been made.
func (s *store) ApplySchema(ctx context.Context) error {
	return s.apply(alone(ctx))
}

func (s *store) apply(ctx context.Context) error {
	c, err := s.open(ctx)
	if err != nil {
		return err
	}
	there, err := c.stock(ctx)
	if err != nil {
		return err
	}
	problems := there.problems
	for _, m := range there.lacks {
		problem, err := m.make(ctx)
		if err != nil {
			return err
		}
		if problem != nil {
			problems = append(problems, *problem)
		}
	}
	return schemaError(problems)
}

// Codes of answers to the creation of an index.
const (
	codeSameIndex = 85 // there is one that the server takes for the same
	codeSameName  = 86
)

// make creates an index, and returns what stands in the way.
func (m missing) make(ctx context.Context) (*adapter.SchemaProblem, error) {
	p := m.problem()
	if m.blocked {
		return &p, nil
	}
	_, err := m.collection.Indexes().CreateOne(ctx, m.model(""))
	if r, ok := replyOf(err); ok && (r.code == codeSameIndex || r.code == codeSameName) {
		_, err = m.collection.Indexes().CreateOne(ctx, m.model(backendPrefix+strings.Join(m.fields, "_"))) // the usual name is taken
	}
	if err == nil || isPassing(err) || ctx.Err() != nil {
		return nil, err
	}
	p.Blocking, p.Detail = true, "cannot be made: "+m.obstacle(err)
	return &p, nil
}

// backendPrefix begins the names of indexes whose usual names are taken.
const backendPrefix = "authstore_"

// obstacle says why an index cannot be made, and what to do about it.
func (m missing) obstacle(err error) string {
	r, _ := replyOf(err)
	switch {
	case mongo.IsDuplicateKeyError(err):
		return "there are documents that have the same " + strings.Join(m.fields, " and ") + ": CheckSchema lists them"
	case r.code == codeSameIndex || r.code == codeSameName:
		of := m.detail
		if of == "" {
			of = fmt.Sprintf("the names %q and %q are those of other indexes", strings.Join(m.fields, "_1_")+"_1", backendPrefix+strings.Join(m.fields, "_"))
		}
		return of + ": drop it, after looking who needs it, and run ApplySchema again"
	case r.code == codeCannotCreate && m.ttl:
		return "the collection does not take an index by which documents go, as a capped one does not: copy its documents into another one, which has its name then"
	case r.code == codeCannotCreate:
		return "the collection does not take it. If it is sharded, its key must begin the index: see the package comment, section Limits"
	case r.code == codeInvalidOptions:
		return "the collection does not take it. A time-series collection takes no unique index: name another one in Options.Collections"
	}
	if mend := diagnose(err); mend != nil {
		return mend.Error()
	}
	return refusal(err).Error()
}

// More codes of answers to the creation of an index.
const (
	codeCannotCreate   = 67
	codeInvalidOptions = 72
)
