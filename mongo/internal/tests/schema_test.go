package mongo_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/mongo"
)

// Without the indexes nothing would be unique, so every call is refused.
func TestRefusesToWorkWithoutIndexes(t *testing.T) {
	db := replicaSet.bare(t)
	ctx := t.Context()
	store := connect(t, db, mongo.Options{})
	_, err := store.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
	var missing *adapter.SetupError
	if !errors.As(err, &missing) || strings.Count(missing.Problem, "(") != 10 || !strings.Contains(missing.Problem, "users(email), accounts(provider, providerAccountId)") || !strings.Contains(missing.Remedy, "ApplySchema") {
		t.Fatalf("CreateUser without indexes: %v", err)
	}
	unchecked := connect(t, db, mongo.Options{SkipSchemaCheck: true})
	_, err = unchecked.CreateUser(ctx, adapter.User{})
	check(t, err)
	check(t, schemaOf(t, store).ApplySchema(ctx))
	_, err = store.CreateUser(ctx, adapter.User{})
	check(t, err)
}

// CheckSchema names what is wrong and changes nothing, and ApplySchema does not change what
// is in its way.
func TestCheckSchema(t *testing.T) {
	db := replicaSet.bare(t)
	ctx := t.Context()
	schema := schemaOf(t, connect(t, db, mongo.Options{}))
	users := db.Collection("users")
	_, err := users.InsertMany(ctx, []any{
		bson.D{{Key: "_id", Value: "first"}, {Key: "email", Value: "twice@example.com"}},
		bson.D{{Key: "_id", Value: "second"}, {Key: "email", Value: "twice@example.com"}},
		bson.D{{Key: "_id", Value: "mixed"}, {Key: "email", Value: "Ada@Example.com"}},
		bson.D{{Key: "_id", Value: "none"}}, bson.D{{Key: "_id", Value: "null"}, {Key: "email", Value: nil}},
	})
	check(t, err)
	_, err = db.Collection("sessions").Indexes().CreateOne(ctx, driver.IndexModel{Keys: bson.D{{Key: "sessionToken", Value: 1}}})
	check(t, err)

	problems, err := schema.CheckSchema(ctx)
	check(t, err)
	for _, want := range []struct {
		object, detail string
		blocking       bool
	}{
		{"index of users on email", "is missing", false},
		{`users, _id "second"`, `the user "first"`, true},
		{`users, _id "mixed"`, "lower case", true},
		{"index of sessions on sessionToken", "is not unique", false},
		{"index of verification_tokens on expires", "is missing", false},
	} {
		found := false
		for _, p := range problems {
			found = found || p.Object == want.object && strings.Contains(p.Detail, want.detail) && p.Blocking == want.blocking
		}
		if !found {
			t.Errorf("CheckSchema does not say of the %s: %s (blocking: %t)", want.object, want.detail, want.blocking)
		}
	}
	for _, p := range problems {
		if strings.Contains(strings.ToLower(p.Object+p.Detail), "@example.com") {
			t.Errorf("a problem has an e-mail address in it: %+v", p)
		}
	}
	if len(problems) != 12 {
		t.Errorf("%d problems, want 12: %+v", len(problems), problems)
	}
	if specs, err := users.Indexes().ListSpecifications(ctx); err != nil || len(specs) != 1 {
		t.Errorf("indexes of users after CheckSchema: %v, %v", specs, err)
	}
	if err := schema.ApplySchema(ctx); err == nil || !strings.Contains(err.Error(), "CheckSchema") {
		t.Errorf("ApplySchema with duplicates: %v", err)
	}
	if n, err := users.CountDocuments(ctx, bson.D{}); err != nil || n != 5 {
		t.Errorf("users after ApplySchema: %d, %v", n, err)
	}
	_, err = users.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{"second", "mixed"}}}}})
	check(t, err)
	check(t, schema.ApplySchema(ctx))
	if problems, err := schema.CheckSchema(ctx); err != nil || len(problems) != 0 {
		t.Errorf("CheckSchema after all was mended: %+v, %v", problems, err)
	}
}

// Many processes may apply the schema at the same time.
func TestApplySchemaRaces(t *testing.T) {
	db := replicaSet.bare(t)
	errs := make(chan error, 8)
	for range cap(errs) {
		schema := schemaOf(t, connect(t, db, mongo.Options{}))
		go func() { errs <- schema.ApplySchema(t.Context()) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// An index with the required properties serves, whatever its name.
func TestIndexesThatDoAsMuch(t *testing.T) {
	for _, test := range []struct {
		name, collection string
		keys             bson.D
		options          *options.IndexOptionsBuilder
		with             bson.D // a document
		bad              string // what CheckSchema says; "": it serves
	}{
		{name: "Prisma's", collection: "users", keys: ascending("email"), options: options.Index().SetUnique(true).SetName("User_email_key"), with: bson.D{{Key: "email", Value: "a@example.com"}}},
		{name: "plain, where somebody has no address", collection: "users", keys: ascending("email"), options: options.Index().SetUnique(true), with: bson.D{{Key: "name", Value: "Ada"}}, bad: "allows only one document without the field"},
		{name: "sparse", collection: "users", keys: ascending("email"), options: options.Index().SetUnique(true).SetSparse(true), with: bson.D{{Key: "name", Value: "Ada"}}},
		{name: "down", collection: "users", keys: bson.D{{Key: "email", Value: -1}}, options: options.Index().SetUnique(true).SetSparse(true)},
		{name: "of those that have it", collection: "users", keys: ascending("email"), options: options.Index().SetUnique(true).SetPartialFilterExpression(bson.D{{Key: "email", Value: bson.D{{Key: "$exists", Value: true}}}})},
		{name: "TypeORM's", collection: "accounts", keys: ascending("providerAccountId", "provider"), options: options.Index().SetUnique(true).SetName("IDX_0e3e0f5a7b")},
		{name: "prefix", collection: "sessions", keys: ascending("userId", "expires"), options: options.Index()},
		{name: "hashed", collection: "accounts", keys: bson.D{{Key: "userId", Value: "hashed"}}, options: options.Index()},
		{name: "tokens the other way round", collection: "verification_tokens", keys: ascending("token", "identifier"), options: options.Index().SetUnique(true), bad: "index of verification_tokens on identifier, token"},
		{name: "not unique", collection: "users", keys: ascending("email"), options: options.Index(), bad: "is not unique"},
		{name: "by a collation", collection: "users", keys: ascending("email"), options: options.Index().SetUnique(true).SetSparse(true).SetCollation(&caseless), bad: "compares with a collation"},
		{name: "of some", collection: "sessions", keys: ascending("sessionToken"), options: options.Index().SetUnique(true).SetPartialFilterExpression(bson.D{{Key: "ip", Value: "::1"}}), bad: "is partial"},
		{name: "hidden", collection: "sessions", keys: ascending("userId"), options: options.Index().SetHidden(true), bad: "is hidden"},
		{name: "later", collection: "sessions", keys: ascending("expires"), options: options.Index().SetExpireAfterSeconds(3600), bad: "expireAfterSeconds"},
		{name: "no expiry", collection: "sessions", keys: ascending("expires"), options: options.Index(), bad: "expireAfterSeconds"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := replicaSet.bare(t)
			c := db.Collection(test.collection)
			makeIndex(t, c, test.keys, test.options)
			if test.with != nil {
				insert(t, c, test.with)
			}
			store := connect(t, db, mongo.Options{})
			applied := schemaOf(t, store).ApplySchema(t.Context())
			after, err := c.Indexes().ListSpecifications(t.Context())
			check(t, err)
			_, problems := listed(t, store)
			_, called := store.GetUser(t.Context(), newID(1))
			if test.bad == "" {
				if applied != nil || len(problems) > 0 || !errors.Is(called, adapter.ErrNotFound) {
					t.Errorf("ApplySchema: %v, CheckSchema: %+v, GetUser: %v", applied, problems, called)
				}
				for _, s := range after {
					if s.Name == test.keys[0].Key+"_1" && s.Name != "email_1" {
						t.Errorf("another index was made: %s", s.Name)
					}
				}
				return
			}
			// Either another one was made beside it, or the error says what to do, and not to run
			// ApplySchema alone.
			if applied == nil {
				others := slices.DeleteFunc(slices.Clone(after), func(s driver.IndexSpecification) bool {
					return s.KeysDocument.Lookup(test.keys[0].Key).IsZero()
				})
				if !errors.Is(called, adapter.ErrNotFound) || len(others) < 2 {
					t.Errorf("after ApplySchema was nil, GetUser: %v, and %d indexes on %s", called, len(others), test.keys[0].Key)
				}
				return
			}
			saysSetup(t, "ApplySchema", applied, test.bad, "drop")
			saysSetup(t, "GetUser", called, test.bad)
			check(t, c.Indexes().DropAll(t.Context()))
			check(t, schemaOf(t, store).ApplySchema(t.Context()))
		})
	}
}

// ApplySchema creates what it can, and reports the rest.
func TestApplySchemaGoesOn(t *testing.T) {
	db := replicaSet.bare(t)
	ctx := t.Context()
	check(t, db.CreateView(ctx, "authenticators", "passkeys", bson.A{}))
	check(t, db.CreateCollection(ctx, "accounts", options.CreateCollection().SetCollation(&caseless)))
	check(t, db.CreateCollection(ctx, "verification_tokens", options.CreateCollection().SetCapped(true).SetSizeInBytes(1<<20)))
	for range 2 {
		insert(t, db.Collection("users"), bson.D{{Key: "email", Value: "twice@example.com"}})
	}
	makeIndex(t, db.Collection("sessions"), ascending("expires"), options.Index().SetExpireAfterSeconds(60))
	makeIndex(t, db.Collection("sessions"), ascending("ip"), options.Index().SetName("userId_1"))
	store := connect(t, db, mongo.Options{})
	err := schemaOf(t, store).ApplySchema(ctx)
	saysSetup(t, "ApplySchema", err, "collection authenticators is a view", "collection accounts has a default collation",
		"index of users on email cannot be created: there are documents", "index of sessions on expires cannot be created", "index of verification_tokens on expires cannot be created", "capped")
	if strings.Contains(err.Error(), "missing") || strings.Contains(err.Error(), "@") {
		t.Errorf("ApplySchema: %v", err)
	}
	for collection, n := range map[string]int{"sessions": 5, "verification_tokens": 2} {
		specs, err := db.Collection(collection).Indexes().ListSpecifications(ctx)
		check(t, err)
		if len(specs) != n {
			t.Errorf("%s has %d indexes, want %d", collection, len(specs), n)
		}
	}
	for _, object := range []string{"collection authenticators", "collection accounts", "collection verification_tokens", "index of sessions on expires", "users, _id "} {
		if there, all := listed(t, store, object); !there {
			t.Errorf("CheckSchema does not list the %s: %+v", object, all)
		}
	}
	_, err = store.GetUser(ctx, newID(1))
	saysSetup(t, "GetUser", err, "is a view", "default collation", "users(email)", "ApplySchema")
}

func TestTimeSeriesCollections(t *testing.T) {
	db := replicaSet.bare(t)
	check(t, db.CreateCollection(t.Context(), "sessions", options.CreateCollection().SetTimeSeriesOptions(options.TimeSeries().SetTimeField("expires"))))
	store := connect(t, db, mongo.Options{})
	saysSetup(t, "ApplySchema", schemaOf(t, store).ApplySchema(t.Context()), "index of sessions on sessionToken", "time-series")
	if there, all := listed(t, store, "collection sessions", "time-series"); !there {
		t.Errorf("CheckSchema does not list it: %+v", all)
	}
}

// A second index on the same field is not in the way.
func TestAnOlderIndexBeside(t *testing.T) {
	db := replicaSet.bare(t)
	makeIndex(t, db.Collection("users"), ascending("email"), options.Index().SetName("a"))
	store := open(t, db, mongo.Options{})
	if _, all := listed(t, store); len(all) > 0 {
		t.Errorf("CheckSchema: %+v", all)
	}
	_, err := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
}

// The server also uses other programs' indexes for queries of this package.
func TestOthersIndexesServeLookUps(t *testing.T) {
	exists := bson.D{{Key: "email", Value: bson.D{{Key: "$exists", Value: true}}}}
	for name, o := range map[string]*options.IndexOptionsBuilder{
		"sparse": options.Index().SetUnique(true).SetSparse(true), "plain": options.Index().SetUnique(true), "of those that have it": options.Index().SetUnique(true).SetPartialFilterExpression(exists),
	} {
		db := replicaSet.bare(t)
		makeIndex(t, db.Collection("users"), ascending("email"), o)
		store := open(t, db, mongo.Options{})
		_, err := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
		check(t, err)
		query := bson.D{{Key: "find", Value: "users"}, {Key: "filter", Value: bson.D{{Key: "email", Value: "ada@example.com"}}}}
		var plan bson.Raw
		check(t, db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: query}, {Key: "verbosity", Value: "executionStats"}}).Decode(&plan))
		checkPlan(t, name, query, plan)
	}
}

func ascending(fields ...string) bson.D {
	var keys bson.D
	for _, field := range fields {
		keys = append(keys, bson.E{Key: field, Value: 1})
	}
	return keys
}

func makeIndex(t *testing.T, c *driver.Collection, keys bson.D, o *options.IndexOptionsBuilder) {
	t.Helper()
	_, err := c.Indexes().CreateOne(t.Context(), driver.IndexModel{Keys: keys, Options: o})
	check(t, err)
}
