package mongo

import (
	"context"
	"errors"
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
	// texts: only documents whose first field is a text that is not empty are in it.
	texts bool
	// ttl: documents go when the date in the field has passed.
	ttl bool
}

// indexes returns all that the package needs.
func (c *collections) indexes() []index {
	return []index{
		{collection: c.users, fields: []string{"email"}, unique: true, texts: true},
		{collection: c.accounts, fields: []string{"provider", "providerAccountId"}, unique: true},
		{collection: c.accounts, fields: []string{"userId"}},
		{collection: c.sessions, fields: []string{"sessionToken"}, unique: true},
		{collection: c.sessions, fields: []string{"userId"}},
		{collection: c.sessions, fields: []string{"expires"}, ttl: true},
		{collection: c.tokens, fields: []string{"identifier", "token"}, unique: true},
		{collection: c.tokens, fields: []string{"expires"}, ttl: true},
		{collection: c.authenticators, fields: []string{"credentialID"}, unique: true},
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

func (i index) model() mongo.IndexModel {
	o := options.Index()
	if i.unique {
		o.SetUnique(true)
	}
	if i.texts {
		o.SetPartialFilterExpression(bson.D{{Key: i.fields[0], Value: isText}})
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
	Key     bson.D
	Unique  bool
	Partial bson.Raw `bson:"partialFilterExpression"`
	TTL     *float64 `bson:"expireAfterSeconds"`
	Sparse  bool
	// Collation compares texts by other rules than byte by byte.
	Collation bson.Raw
}

// isOn reports whether an index is on the same fields, in the same order.
func (i index) isOn(s specification) bool {
	return slices.EqualFunc(s.Key, i.fields, func(e bson.E, field string) bool {
		direction, _ := bson.Marshal(bson.D{{Key: "", Value: e.Value}})
		n, ok := whole(bson.Raw(direction).Lookup(""))
		return e.Key == field && ok && n == 1
	})
}

// serves reports whether an index on the same fields does what is asked of it.
func (i index) serves(s specification) bool {
	var partial bson.Raw
	if i.texts {
		partial, _ = bson.Marshal(bson.D{{Key: i.fields[0], Value: isText}})
	}
	return s.Unique == i.unique && slices.Equal(s.Partial, partial) && !s.Sparse && s.Collation == nil &&
		(s.TTL != nil) == i.ttl && (s.TTL == nil || *s.TTL == 0)
}

// missing is an index that is not there, or is another one.
type missing struct {
	index
	differs bool
}

// missing compares the indexes of the database with those that the package needs, in
// one round trip for each collection. They come one after the other: five connections
// would cost a cold start more.
func (c *collections) missing(ctx context.Context) ([]missing, error) {
	there := map[*mongo.Collection][]specification{}
	for _, of := range []*mongo.Collection{c.users, c.accounts, c.sessions, c.tokens, c.authenticators} {
		cursor, err := of.Indexes().List(ctx)
		if err != nil {
			return nil, err
		}
		var all []specification
		if err := cursor.All(ctx, &all); err != nil {
			return nil, err
		}
		there[of] = all
	}
	var lacks []missing
	for _, i := range c.indexes() {
		on := slices.IndexFunc(there[i.collection], i.isOn)
		switch {
		case on < 0:
			lacks = append(lacks, missing{index: i})
		case !i.serves(there[i.collection][on]):
			lacks = append(lacks, missing{index: i, differs: true})
		}
	}
	return lacks, nil
}

// SchemaError is the answer of every call while indexes are missing without which the
// contract does not hold.
type SchemaError struct {
	Missing []string // the indexes: "index of users on email"
}

// Error says what to do.
func (e *SchemaError) Error() string {
	return "the database lacks or has another " + strings.Join(e.Missing, ", another ") +
		": run ApplySchema once (or see Options.SkipSchemaCheck)"
}

func (s *store) checkIndexes(ctx context.Context, c *collections) error {
	lacks, err := c.missing(ctx)
	if err != nil || len(lacks) == 0 {
		return err
	}
	e := &SchemaError{}
	for _, m := range lacks {
		e.Missing = append(e.Missing, m.object())
	}
	return adapter.Caused(e, e)
}

// CheckSchema implements adapter.Schema. It reports each index that is missing or
// differs, and the documents that break a rule: see findings. It reads all collections
// but the verification tokens, and these too if their index is missing.
func (s *store) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	problems, err := s.problems(alone(ctx))
	return problems, adapter.WrapError(ctx, backend, "CheckSchema", failure(err))
}

func (s *store) problems(ctx context.Context) ([]adapter.SchemaProblem, error) {
	c, err := s.open()
	if err != nil {
		return nil, err
	}
	lacks, err := c.missing(ctx)
	if err != nil {
		return nil, err
	}
	var all []adapter.SchemaProblem
	for _, m := range lacks {
		all = append(all, m.problem())
	}
	found, err := s.findings(ctx, c, lacks)
	return append(all, repair.Problems(found)...), err
}

func (m missing) problem() adapter.SchemaProblem {
	if m.differs {
		return adapter.SchemaProblem{Object: m.object(), Blocking: true, Detail: strings.TrimSpace(
			"is there with other options: drop it, after looking who needs it, and run ApplySchema, which makes it " + m.ask())}
	}
	return adapter.SchemaProblem{Object: m.object(), Detail: "is missing: run ApplySchema"}
}

// ApplySchema implements adapter.Schema: it creates the collections and indexes that
// are missing. It drops and changes nothing; what stands in the way is the error.
func (s *store) ApplySchema(ctx context.Context) error {
	return adapter.WrapError(ctx, backend, "ApplySchema", failure(s.apply(alone(ctx))))
}

func (s *store) apply(ctx context.Context) error {
	c, err := s.open()
	if err != nil {
		return err
	}
	lacks, err := c.missing(ctx)
	if err != nil {
		return err
	}
	for _, m := range lacks {
		if m.differs {
			return blocked(m.object(), errors.New("an index on the same fields has other options"))
		}
		_, err := m.collection.Indexes().CreateOne(ctx, m.model())
		if mongo.IsDuplicateKeyError(err) {
			return blocked(m.object(), err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// blockedError is what somebody has to mend before ApplySchema can do its work.
type blockedError struct{ object string }

func (e *blockedError) Error() string {
	return "the " + e.object + " cannot be made: CheckSchema names what stands in the way"
}

func blocked(object string, cause error) error {
	return adapter.Caused(&blockedError{object}, cause)
}
