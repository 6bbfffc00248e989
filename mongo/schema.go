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

// index is an index that the contract needs.
type index struct {
	collection *collection
	fields     []string
	unique     bool
	// anyOrder: the fields may be in another order, because every query names all of them.
	anyOrder bool
	// texts: the index contains only documents whose first field is non-empty text, so that
	// documents without it are no duplicates of each other.
	texts bool
	// ttl: the server deletes documents when the date in the field has passed.
	ttl bool
}

// indexes returns all indexes that the package needs.
func (c *collections) indexes() []index {
	all := []index{
		{collection: c.users, fields: []string{"email"}, unique: true, texts: true},
		{collection: c.accounts, fields: c.accounts.key, unique: true, texts: true, anyOrder: true},
		{collection: c.accounts, fields: []string{"userId"}},
		{collection: c.sessions, fields: c.sessions.key, unique: true, texts: true},
		{collection: c.sessions, fields: []string{"userId"}},
		{collection: c.sessions, fields: []string{"expires"}, ttl: true},
		{collection: c.tokens, fields: c.tokens.key, unique: true, texts: true},
		{collection: c.tokens, fields: []string{"expires"}, ttl: true},
		{collection: c.authenticators, fields: c.authenticators.key, unique: true, texts: true},
		{collection: c.authenticators, fields: []string{"userId"}},
	}
	for n, i := range all {
		all[n].fields = i.collection.ins(i.fields...)
	}
	// What lies in _id has an index that nobody can drop.
	return slices.DeleteFunc(all, func(i index) bool { return i.fields[0] == "_id" })
}

// isText is the condition of a partial index over text. A query for a text implies it, so
// the server uses the index for it.
var isText = bson.D{{Key: "$gt", Value: ""}}

func (i index) keys() bson.D {
	var keys bson.D
	for _, field := range i.fields {
		keys = append(keys, bson.E{Key: field, Value: 1})
	}
	return keys
}

// partial is the condition of the documents in the index, or nil for all.
func (i index) partial() bson.D {
	if !i.texts {
		return nil
	}
	return bson.D{{Key: i.fields[0], Value: isText}}
}

// model describes the index to the server. The name "" is the default.
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

// name is how a message names the index, such as accounts(userId).
func (i index) name() string {
	return fmt.Sprintf("%s(%s)", i.collection.Name(), strings.Join(i.fields, ", "))
}

// object names the index in a SchemaProblem.
func (i index) object() string {
	return fmt.Sprintf("index of %s on %s", i.collection.Name(), strings.Join(i.fields, ", "))
}

// requirements describes the options of the index, in parentheses if there are any.
func (i index) requirements() string {
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
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

// specification is an index as the server describes it.
type specification struct {
	Name    string
	Key     bson.D
	Unique  bool
	Partial bson.Raw `bson:"partialFilterExpression"`
	TTL     *float64 `bson:"expireAfterSeconds"`
	Sparse  bool
	Hidden  bool // not used by queries
	// Collation is how texts are compared, if not byte by byte.
	Collation bson.Raw
}

func (s specification) has(field string) bool {
	return slices.ContainsFunc(s.Key, func(e bson.E) bool { return e.Key == field })
}

func (s specification) names() []string {
	var all []string
	for _, e := range s.Key {
		all = append(all, e.Key)
	}
	return all
}

func (s specification) fields() string { return strings.Join(s.names(), ", ") }

// containsAll reports whether a list has all of some elements.
func containsAll(list, some []string) bool {
	return !slices.ContainsFunc(some, func(e string) bool { return !slices.Contains(list, e) })
}

// isOrdered reports whether all fields of an index are ascending or descending.
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
	return len(s.Key) == len(i.fields) && containsAll(s.names(), i.fields)
}

// serves reports whether an index does what is required, whatever its name and whoever
// created it.
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

// hasTexts reports whether an index contains at least the documents whose fields are
// non-empty text, and the server uses it to query for such a text.
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

// isUnconditional reports whether an index also contains documents without its fields, of
// which a unique index allows only one.
func (s specification) isUnconditional() bool { return s.Partial == nil && !s.Sparse }

// conflictsWith reports whether the server considers an index the same as the required one,
// so that both cannot exist.
func (i index) conflictsWith(s specification) bool {
	partial, _ := bson.Marshal(i.partial())
	if i.partial() == nil {
		partial = nil
	}
	return i.isOn(s) && s.isOrdered() && s.Collation == nil && slices.Equal(s.Partial, partial) && s.Unique == i.unique && !s.Sparse
}

// missing is an index that does not exist. detail says why an existing index on the same
// fields does not serve.
type missing struct {
	index
	detail  string
	blocked bool
}

// schemaState is what a database has: the indexes of each collection, and problems of the
// collections.
type schemaState struct {
	indexes  map[*collection][]specification
	lacks    []missing
	problems []adapter.SchemaProblem
	keyless  map[*collection]bool // has documents without the field of a unique index that allows only one
}

// missing returns the indexes that the package needs and the database lacks.
func (c *collections) missing(ctx context.Context) ([]missing, error) {
	state, err := c.schemaState(ctx)
	return state.lacks, err
}

// schemaState compares the indexes of the database with those that the package needs, in
// one round trip for each collection. They are sequential, because five connections would
// cost a cold start more.
func (c *collections) schemaState(ctx context.Context) (schemaState, error) {
	state := schemaState{indexes: map[*collection][]specification{}, keyless: map[*collection]bool{}}
	var usable []*collection
	for _, coll := range c.all() {
		specifications, err := listIndexes(ctx, coll)
		if r, ok := replyOf(err); ok && r.code == codeView {
			state.problems = append(state.problems, problem(coll, "is a view, which cannot have indexes: name another collection in Options.Layout, or drop it and run ApplySchema"))
			continue
		}
		if err != nil {
			return state, err
		}
		if slices.ContainsFunc(specifications, func(s specification) bool { return s.Name == "_id_" && s.Collation != nil }) {
			state.problems = append(state.problems, problem(coll, "has a default collation, with which different tokens or e-mail addresses can be equal. "+
				"Create the collection again without one, and copy its documents"))
			continue
		}
		state.indexes[coll], usable = specifications, append(usable, coll)
	}
	for _, i := range c.indexes() {
		if !slices.Contains(usable, i.collection) {
			continue
		}
		if i.texts && slices.ContainsFunc(state.indexes[i.collection], func(s specification) bool { return i.serves(s) && s.isUnconditional() }) {
			var err error
			if state.keyless[i.collection], err = has(ctx, i.collection, bson.D{{Key: i.fields[0], Value: nil}}); err != nil {
				return state, err
			}
		}
		if lack := i.missing(state); lack != nil {
			state.lacks = append(state.lacks, *lack)
		}
	}
	return state, nil
}

// codeView is the code for a command that views do not support.
const codeView = 166

func problem(coll *collection, detail string) adapter.SchemaProblem {
	return adapter.SchemaProblem{Object: "collection " + coll.Name(), Detail: detail, Blocking: true}
}

func listIndexes(ctx context.Context, coll *collection) ([]specification, error) {
	return request(ctx, func(ctx context.Context) (all []specification, err error) {
		cursor, err := coll.Indexes().List(ctx)
		if err == nil {
			err = cursor.All(ctx, &all)
		}
		return all, err
	})
}

// missing returns nil if an index serves, and otherwise what is missing.
func (i index) missing(state schemaState) *missing {
	lack := &missing{index: i}
	for _, s := range state.indexes[i.collection] {
		if i.serves(s) && !(i.texts && s.isUnconditional() && state.keyless[i.collection]) {
			return nil
		}
		if i.isOn(s) {
			lack.detail, lack.blocked = i.difference(s), lack.blocked || i.conflictsWith(s)
		}
	}
	return lack
}

// difference says how an index on the same fields differs from the required one.
func (i index) difference(s specification) string {
	var all []string
	if i.unique && !s.Unique {
		all = append(all, "is not unique")
	}
	if s.Collation != nil {
		all = append(all, "compares with a collation")
	}
	if s.Hidden {
		all = append(all, "is hidden")
	}
	if i.ttl && (s.TTL == nil || *s.TTL != 0) {
		all = append(all, "does not have expireAfterSeconds 0")
	}
	if s.Partial != nil {
		all = append(all, "is partial")
	}
	if i.texts && s.isUnconditional() {
		all = append(all, "allows only one document without the field, and there are some")
	}
	if len(all) == 0 {
		all = append(all, "has other options")
	}
	return fmt.Sprintf("the index %q on the same fields %s", s.Name, strings.Join(all, ", "))
}

// schemaError returns the error for missing indexes, and for problems that ApplySchema cannot
// solve, or nil if there are none.
func schemaError(missing []string, problems []adapter.SchemaProblem) error {
	var remedies []string
	for _, p := range problems {
		remedies = append(remedies, "the "+p.Object+" "+p.Detail)
	}
	switch {
	case len(missing) > 0:
		remedies = append([]string{"run ApplySchema once (or see Options.SkipSchemaCheck)"}, remedies...)
		return adapter.Setup("missing or mismatched indexes: "+strings.Join(missing, ", "), strings.Join(remedies, "; "))
	case len(remedies) > 0:
		return adapter.Setup("the collections cannot be used as they are", strings.Join(remedies, "; "))
	}
	return nil
}

// checkIndexes is the check of the first call.
func (s *store) checkIndexes(ctx context.Context, c *collections) error {
	state, err := c.schemaState(ctx)
	if err != nil {
		return err
	}
	var missing []string
	problems := state.problems
	for _, m := range state.lacks {
		if m.blocked {
			problems = append(problems, m.problem())
		} else {
			missing = append(missing, m.name())
		}
	}
	return schemaError(missing, problems)
}

// CheckSchema implements adapter.Schema. It reports indexes that are missing or differ,
// other indexes, validators and options that are in the way, and documents that break a
// rule (see findings). It reads all collections except the verification tokens, and these
// too if their index is missing.
func (s *store) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	problems, err := s.problems(s.walk(ctx))
	return problems, err
}

func (s *store) problems(ctx context.Context) ([]adapter.SchemaProblem, error) {
	c, err := request(ctx, s.open)
	if err != nil {
		return nil, err
	}
	state, err := c.schemaState(ctx)
	if err != nil {
		return nil, err
	}
	all := state.problems
	for _, m := range state.lacks {
		all = append(all, m.problem())
	}
	all = append(all, c.obstructingIndexes(state)...)
	more, err := s.obstructingOptions(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := s.findings(ctx, c, state.lacks)
	return append(append(all, more...), repair.Problems(found)...), err
}

func (m missing) problem() adapter.SchemaProblem {
	p := adapter.SchemaProblem{Object: m.object(), Blocking: m.blocked}
	switch {
	case m.blocked:
		p.Detail = "cannot be created, because " + m.detail + ": find out who needs that index, drop it, and run ApplySchema, which creates this one" + m.requirements()
	case m.detail != "":
		p.Detail = "is missing, because " + m.detail + ": run ApplySchema, which creates another one beside it"
	default:
		p.Detail = "is missing: run ApplySchema"
	}
	return p
}

// ApplySchema implements adapter.Schema. It creates the collections and indexes that are
// missing, and drops and changes nothing. If something is in the way, it creates the others
// and returns an [adapter.ErrSetup].
func (s *store) ApplySchema(ctx context.Context) error {
	return s.apply(driverContext(ctx))
}

func (s *store) apply(ctx context.Context) error {
	c, err := s.open(ctx)
	if err != nil {
		return err
	}
	state, err := c.schemaState(ctx)
	if err != nil {
		return err
	}
	problems := state.problems
	for _, m := range state.lacks {
		problem, err := m.create(ctx, state)
		if err != nil {
			return err
		}
		if problem != nil {
			problems = append(problems, *problem)
		}
	}
	return schemaError(nil, problems)
}

// Codes of answers to the creation of an index.
const (
	codeSameIndex = 85 // the server considers an existing one the same
	codeSameName  = 86
)

// create creates an index, and returns what is in the way.
func (m missing) create(ctx context.Context, state schemaState) (*adapter.SchemaProblem, error) {
	p := m.problem()
	if m.blocked {
		return &p, nil
	}
	_, err := m.collection.Indexes().CreateOne(ctx, m.model(""))
	if r, ok := replyOf(err); ok && (r.code == codeSameIndex || r.code == codeSameName) {
		state.indexes[m.collection], err = listIndexes(ctx, m.collection)
		if err != nil || m.missing(state) == nil {
			return nil, err // another program that starts now has made it meanwhile
		}
		_, err = m.collection.Indexes().CreateOne(ctx, m.model(backendPrefix+strings.Join(m.fields, "_"))) // the usual name is taken
	}
	if err == nil || isTransient(err) || ctx.Err() != nil {
		return nil, err
	}
	p.Blocking, p.Detail = true, "cannot be created: "+m.obstacle(err)
	return &p, nil
}

// obstacle says why an index cannot be created, and what to do about it.
func (m missing) obstacle(err error) string {
	r, _ := replyOf(err)
	switch {
	case mongo.IsDuplicateKeyError(err):
		return "there are documents with the same " + strings.Join(m.fields, " and ") + ": CheckSchema lists them"
	case r.code == codeSameIndex || r.code == codeSameName:
		reason := m.detail
		if reason == "" {
			reason = fmt.Sprintf("other indexes have the names %q and %q", strings.Join(m.fields, "_1_")+"_1", backendPrefix+strings.Join(m.fields, "_"))
		}
		return reason + ": find out who needs it, drop it, and run ApplySchema again"
	case r.code == codeCannotCreate && m.ttl:
		return "the collection cannot have a TTL index, for instance because it is capped: copy its documents into a new collection of the same name"
	case r.code == codeCannotCreate:
		return "the collection cannot have this index. If it is sharded, the index must begin with the shard key: see docs/mongo.md, Sharding"
	case r.code == codeInvalidOptions:
		return "the collection cannot have this index. A time-series collection cannot have unique indexes: name another one in Options.Layout"
	}
	if setup := diagnose(err); setup != nil {
		return setup.Error()
	}
	return refusal(err).Error()
}

// More codes of answers to the creation of an index.
const (
	codeCannotCreate   = 67
	codeInvalidOptions = 72
)
