package mongo_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/mongo"
)

func TestMain(m *testing.M) { engine.Main(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// deployment is a kind of deployment of MongoDB.
type deployment struct {
	name   string
	server func(testing.TB) engine.Server
	// durable is a server of this kind that can be killed. Nil: there is none.
	durable func(testing.TB) engine.Server
	layout  preset // the zero value: that of Auth.js
	// limit is that of a record, which takes a minute to reach. It is the server's: 0 where other runs
	// of the suite prove it.
	limit int
}

var (
	replicaSet   = deployment{name: "mongo", server: engine.Mongo, limit: 16 << 20}
	threeMembers = deployment{name: "mongo (three members)", server: engine.MongoThree}
	standalone   = deployment{name: "mongo (standalone)", server: engine.MongoStandalone, durable: engine.MongoDurable}
)

// budget lists the operations that take more than one round trip: a sign-up writes to two
// collections, and is committed by a third step (docs/adr/0007), which whoever deletes what it brought takes
// as well; a deletion of many reads their _ids first (docs/mongo.md, Lost replies and deadlines).
var budget = map[string]int{"CreateUserWithAccount": 3, "CreateUserWithAuthenticator": 3, "DeleteVerificationTokens": 2, "UnlinkAccount": 2, "DeleteAuthenticator": 2}

// harness runs the suite. Databases are reused by later tests, because creating the indexes
// takes far longer than emptying the collections.
func (d deployment) harness(t testing.TB) conformance.Harness {
	pool := &databases{url: d.server(t).URL, layout: d.layout}
	t.Cleanup(func() { check(t, pool.drop()) })
	leftOut, budget := map[conformance.Feature]string{}, maps.Clone(budget)
	if d.durable == nil {
		leftOut[conformance.Restart] = "a member that is killed is another member's place: see internal/robust"
	}
	if d.layout.PlainSessionTokens {
		budget["DeleteSessionByID"] = 2 // docs/mongo.md, Round trips
		leftOut[conformance.Digests] = "the other program looks sessions up by their tokens, which the layout therefore has as they are"
	}
	return conformance.Harness{
		ShowCauses: true,
		Backend:    d.name, Engine: "MongoDB " + d.server(t).Version,
		Budget: budget, NewID: newID, MaxRecord: d.limit, LeftOut: leftOut,
		Namespace: func(ctx context.Context) (conformance.Namespace, error) {
			if d.durable == nil || !conformance.Needs(ctx, conformance.Restart) {
				return pool.namespace(ctx)
			}
			durable := d.durable(t)
			pool := &databases{url: durable.URL, layout: d.layout}
			n, err := pool.namespace(ctx)
			n.Restart = func(ctx context.Context) error { return durable.Restart(ctx, t) }
			n.Close = pool.drop
			return n, err
		},
	}
}

// newID returns the n-th ObjectID.
func newID(n uint64) string { return fmt.Sprintf("65a0c0de%016x", n) }

// databases are those that the tests of the suite have used.
type databases struct {
	url    string
	layout preset
	all    []*database
	free   []*database
}

type database struct {
	*driver.Database
	faults *fault.Injector
	layout mongo.Layout
}

var numbers atomic.Int64

// newDatabase returns an empty database with its indexes, and those of the layout's program.
func newDatabase(ctx context.Context, url string, layout preset) (*database, error) {
	faults := &fault.Injector{}
	client, err := driver.Connect(options.Client().ApplyURI(url).SetDialer(&dialer{faults: faults}))
	if err != nil {
		return nil, err
	}
	db := client.Database(fmt.Sprintf("t%d_%d", os.Getpid(), numbers.Add(1)))
	if err := layout.createIndexes(ctx, db); err != nil {
		return nil, err
	}
	store, err := mongo.New(db, mongo.Options{Layout: layout.Layout})
	if err != nil {
		return nil, err
	}
	schema, _ := adapter.As[adapter.Schema](store)
	return &database{db, faults, layout.Layout}, schema.ApplySchema(ctx)
}

func (p *databases) namespace(ctx context.Context) (conformance.Namespace, error) {
	if len(p.free) == 0 {
		db, err := newDatabase(ctx, p.url, p.layout)
		if err != nil {
			return conformance.Namespace{}, err
		}
		p.all, p.free = append(p.all, db), append(p.free, db)
	}
	db := p.free[0]
	p.free = p.free[1:]
	return conformance.Namespace{
		Open: func(o adapter.Options) (adapter.Adapter, error) {
			return mongo.New(db.Database, mongo.Options{Options: o, Layout: db.layout})
		},
		Dump:        db.dump,
		Faults:      db.faults,
		RoundTrips:  db.faults.Count,
		PlainTokens: db.layout.PlainSessionTokens,
		URL:         strings.Replace(p.url, "/?", "/"+db.Name()+"?"+p.layout.parameter(), 1),
		Foreign:     &conformance.ForeignWriter{Put: db.putForeign, Has: db.hasForeign},
		Close: func() error {
			p.free = append(p.free, db)
			return db.empty(context.Background())
		},
	}, nil
}

// drop removes all databases.
func (p *databases) drop() error {
	var errs []error
	for _, db := range p.all {
		errs = append(errs, db.remove())
	}
	return errors.Join(errs...)
}

func (db *database) remove() error {
	return errors.Join(db.Drop(context.Background()), db.Client().Disconnect(context.Background()))
}

// each calls f for every collection.
func (db *database) each(ctx context.Context, f func(*driver.Collection) error) error {
	names, err := db.ListCollectionNames(ctx, bson.D{})
	for _, name := range names {
		err = errors.Join(err, f(db.Collection(name)))
	}
	return err
}

func (db *database) empty(ctx context.Context) error {
	return db.each(ctx, func(c *driver.Collection) error {
		_, err := c.DeleteMany(ctx, bson.D{})
		return err
	})
}

// dump returns every document.
func (db *database) dump(ctx context.Context) (all []string, err error) {
	err = db.each(ctx, func(c *driver.Collection) error {
		cursor, err := c.Find(ctx, bson.D{})
		if err != nil {
			return err
		}
		defer cursor.Close(ctx)
		for cursor.Next(ctx) {
			all = append(all, c.Name()+" "+cursor.Current.String())
		}
		return cursor.Err()
	})
	return all, err
}

// kind is a kind of record: where a layout has it, its collection in Auth.js, and the fields that
// identify a record.
type kind struct {
	record     func(mongo.Layout) mongo.Record
	collection string
	key        []string
}

var kinds = map[string]kind{
	"User":              {func(l mongo.Layout) mongo.Record { return l.Users }, "users", []string{"id"}},
	"Account":           {func(l mongo.Layout) mongo.Record { return l.Accounts }, "accounts", []string{"provider", "providerAccountId"}},
	"Session":           {func(l mongo.Layout) mongo.Record { return l.Sessions }, "sessions", []string{"sessionToken"}},
	"VerificationToken": {func(l mongo.Layout) mongo.Record { return l.VerificationTokens }, "verification_tokens", []string{"identifier", "token"}},
	"Authenticator":     {func(l mongo.Layout) mongo.Record { return l.Authenticators }, "authenticators", []string{"credentialID"}},
}

// stored returns the name that another program's field has in the layout.
func stored(of mongo.Record, name string) string {
	if name == "id" {
		return "_id"
	}
	return cmp.Or(of.Fields[name].Name, name)
}

// foreign returns a record of another program as a document, its collection, and a filter
// that finds it there: by its _id, by its key, or by all its fields. It is false for a record
// that the layout does not have: with two members of one name, or with a comma in one of its scopes.
func (db *database) foreign(r conformance.ForeignRecord) (coll *driver.Collection, doc, filter bson.D, ok bool) {
	kind := kinds[r.Kind]
	of := kind.record(db.layout)
	values := map[string]any{}
	for name, v := range r.Members {
		if name == "id" || name == "userId" {
			v = foreignKey(v)
		}
		if text, ok := v.(string); ok && of.Fields[name].Form == mongo.Base64URL {
			v = base64URL(text)
		}
		if _, twice := values[stored(of, name)]; twice || hasCommas(v) && name == "scope" && of.Fields[name].Form == mongo.Commas {
			return nil, nil, nil, false
		}
		values[stored(of, name)] = v
	}
	for _, m := range of.Derived {
		values[m.Name] = m.Value(func(field string) any { return r.Members[field] })
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		doc = append(doc, bson.E{Key: name, Value: values[name]})
	}
	identity := kind.key
	if _, there := r.Members["id"]; there {
		identity = []string{"id"}
	}
	for _, name := range identity {
		if v, there := values[stored(of, name)]; there {
			filter = append(filter, bson.E{Key: stored(of, name), Value: bson.D{{Key: "$eq", Value: v}}})
		}
	}
	if len(filter) == 0 {
		filter = doc
	}
	return db.Collection(cmp.Or(of.Collection, kind.collection)), doc, filter, true
}

func hasCommas(v any) bool {
	text, ok := v.(string)
	return ok && strings.Contains(text, ",")
}

// base64URL returns a credential ID as a layout with base64url has it: text that is none of
// Auth.js's base64, but would be base64url, is marked.
func base64URL(text string) string {
	if data, err := base64.StdEncoding.Strict().DecodeString(text); err == nil {
		return base64.RawURLEncoding.EncodeToString(data)
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(text); err == nil {
		return "=" + text
	}
	return text
}

// foreignKey returns an ID as the Auth.js adapter stores it.
func foreignKey(v any) any {
	if text, ok := v.(string); ok {
		if id, err := bson.ObjectIDFromHex(text); err == nil {
			return id
		}
	}
	return v
}

func (db *database) putForeign(ctx context.Context, r conformance.ForeignRecord) error {
	coll, doc, filter, ok := db.foreign(r)
	if !ok {
		return errors.ErrUnsupported
	}
	if _, err := coll.DeleteMany(ctx, filter); err != nil {
		return err
	}
	_, err := coll.InsertOne(ctx, doc)
	if driver.IsDuplicateKeyError(err) { // a unique index is against it
		return errors.ErrUnsupported
	}
	return err
}

func (db *database) hasForeign(ctx context.Context, r conformance.ForeignRecord) (bool, error) {
	coll, _, filter, ok := db.foreign(r)
	if !ok {
		return false, nil
	}
	n, err := coll.CountDocuments(ctx, filter)
	return n > 0, err
}

// bare returns an empty database.
func (d deployment) bare(t testing.TB, with ...*options.ClientOptions) *driver.Database {
	client, err := driver.Connect(append([]*options.ClientOptions{options.Client().ApplyURI(d.server(t).URL)}, with...)...)
	check(t, err)
	db := &database{Database: client.Database(fmt.Sprintf("t%d_%d", os.Getpid(), numbers.Add(1)))}
	t.Cleanup(func() { check(t, db.remove()) })
	return db.Database
}

// connect returns an adapter on a database as it is.
func connect(t testing.TB, db *driver.Database, o mongo.Options) adapter.Adapter {
	t.Helper()
	store, err := mongo.New(db, o)
	check(t, err)
	return store
}

// open returns an adapter on a new database, and creates the indexes.
func open(t testing.TB, db *driver.Database, o mongo.Options) adapter.Adapter {
	t.Helper()
	store := connect(t, db, o)
	check(t, schemaOf(t, store).ApplySchema(t.Context()))
	return store
}

func schemaOf(t testing.TB, a adapter.Adapter) adapter.Schema {
	schema, ok := adapter.As[adapter.Schema](a)
	if !ok {
		t.Fatal("the adapter has no Schema")
	}
	return schema
}

// set sets a field of a document.
func set(t *testing.T, c *driver.Collection, filter bson.D, field string, value any) {
	t.Helper()
	_, err := c.UpdateOne(t.Context(), filter, bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}})
	check(t, err)
}

func accountOf(owner bson.ObjectID, id string) bson.D {
	return bson.D{{Key: "userId", Value: owner}, {Key: "provider", Value: "github"}, {Key: "providerAccountId", Value: id}, {Key: "type", Value: "oauth"}}
}

var (
	foreignID, _ = bson.ObjectIDFromHex("65a0c0de00000000000000aa")
	noon         = time.Date(2100, 1, 2, 12, 0, 0, 123e6, time.UTC)
	decimal, _   = bson.ParseDecimal128("12.50")
)

func insert(t *testing.T, c *driver.Collection, doc bson.D) {
	t.Helper()
	_, err := c.InsertOne(t.Context(), doc)
	check(t, err)
}

// count returns how many documents a collection has.
func count(t *testing.T, db *driver.Database, collection string) int64 {
	t.Helper()
	n, err := db.Collection(collection).CountDocuments(t.Context(), bson.D{})
	check(t, err)
	return n
}

// clear removes all documents.
func clear(t *testing.T, db *driver.Database) {
	t.Helper()
	for _, name := range []string{"users", "accounts", "sessions", "verification_tokens", "authenticators"} {
		_, err := db.Collection(name).DeleteMany(t.Context(), bson.D{})
		check(t, err)
	}
}

func oid(t *testing.T, hex string) bson.ObjectID {
	t.Helper()
	id, err := bson.ObjectIDFromHex(hex + strings.Repeat("0", 24-len(hex)))
	check(t, err)
	return id
}

// commands collects the commands that a client sends.
type commands struct {
	mu  sync.Mutex
	all []bson.Raw
}

// monitor collects every command of the package.
func (c *commands) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		if slices.Contains(uncounted, e.CommandName) {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, slices.Clone(e.Command))
	}}
}

// take returns the commands since the last call.
func (c *commands) take() []bson.Raw {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

// monitored returns an adapter on a database of its own, and its commands.
func (d deployment) monitored(t testing.TB, o mongo.Options) (adapter.Adapter, *driver.Database, *commands) {
	seen := &commands{}
	db := d.bare(t, options.Client().SetMonitor(seen.monitor()))
	return open(t, db, o), db, seen
}

// meddled returns an adapter, and calls meddle once before its first command of a name on a
// collection.
func meddled(t *testing.T, db *driver.Database, command, collection string, meddle func()) adapter.Adapter {
	t.Helper()
	return meddledAt(t, db, 1, command, collection, meddle)
}

// meddledAt is meddled before the command of that number.
func meddledAt(t *testing.T, db *driver.Database, number int64, command, collection string, meddle func()) adapter.Adapter {
	t.Helper()
	var n atomic.Int64
	client, err := driver.Connect(options.Client().ApplyURI(replicaSet.server(t).URL).SetMonitor(&event.CommandMonitor{
		Started: func(_ context.Context, e *event.CommandStartedEvent) {
			if e.CommandName == command && e.Command.Lookup(command).StringValue() == collection && n.Add(1) == number {
				meddle()
			}
		},
	}))
	check(t, err)
	t.Cleanup(func() { check(t, client.Disconnect(context.Background())) })
	return connect(t, client.Database(db.Name()), mongo.Options{})
}

func pingOf(t *testing.T, store adapter.Adapter) error {
	t.Helper()
	pinger, ok := adapter.As[adapter.Pinger](store)
	if !ok {
		t.Fatal("no Pinger")
	}
	return pinger.Ping(t.Context())
}

func saysSetup(t *testing.T, what string, err error, texts ...string) {
	t.Helper()
	if !errors.Is(err, adapter.ErrSetup) || errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, adapter.ErrConflict) {
		t.Errorf("%s: %v, want an ErrSetup alone", what, err)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want it to say %q", what, err, text)
		}
	}
}
