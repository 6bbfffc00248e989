package mongo_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
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

// deployment is one way to run MongoDB.
type deployment struct {
	name   string
	server func(testing.TB) engine.Server
	// durable is a server of this kind that can be killed. Nil: there is none.
	durable func(testing.TB) engine.Server
}

var (
	replicaSet   = deployment{name: "mongo", server: engine.Mongo}
	threeMembers = deployment{name: "mongo (three members)", server: engine.MongoThree}
	standalone   = deployment{name: "mongo (standalone)", server: engine.MongoStandalone, durable: engine.MongoDurable}
)

// budget has what takes more than one round trip on MongoDB: a sign-up writes to two
// collections, which takes a third step to be one (docs/adr/0007).
var budget = map[string]int{"CreateUserWithAccount": 3, "CreateUserWithAuthenticator": 3}

// harness runs the suite. The databases are used again by later tests: to make the
// indexes takes far longer than to empty the collections.
func (d deployment) harness(t testing.TB) conformance.Harness {
	pool := &databases{url: d.server(t).URL}
	t.Cleanup(func() { check(t, pool.drop()) })
	leftOut := map[conformance.Feature]string{}
	if d.durable == nil {
		leftOut[conformance.Restart] = "a member that is killed is another member's place: see internal/robust"
	}
	return conformance.Harness{
		Backend: d.name, Engine: "MongoDB " + d.server(t).Version,
		Budget: budget, NewID: newID, MaxRecord: 16 << 20, LeftOut: leftOut,
		Namespace: func(ctx context.Context) (conformance.Namespace, error) {
			if d.durable == nil || !conformance.Needs(ctx, conformance.Restart) {
				return pool.namespace(ctx)
			}
			durable := d.durable(t)
			pool := &databases{url: durable.URL}
			n, err := pool.namespace(ctx)
			n.Restart = func(ctx context.Context) error { return durable.Restart(ctx, t) }
			n.Close = pool.drop
			return n, err
		},
	}
}

// newID returns the n-th ObjectID.
func newID(n uint64) string { return fmt.Sprintf("65a0c0de%016x", n) }

// databases are those that the suite's tests have used.
type databases struct {
	url  string
	all  []*database
	free []*database
}

type database struct {
	*driver.Database
	faults *fault.Injector
}

var numbers atomic.Int64

// newDatabase returns an empty database with its indexes.
func newDatabase(ctx context.Context, url string) (*database, error) {
	faults := &fault.Injector{}
	client, err := driver.Connect(options.Client().ApplyURI(url).SetDialer(&dialer{faults: faults}))
	if err != nil {
		return nil, err
	}
	db := client.Database(fmt.Sprintf("t%d_%d", os.Getpid(), numbers.Add(1)))
	schema, _ := adapter.As[adapter.Schema](mongo.New(db, mongo.Options{}))
	return &database{db, faults}, schema.ApplySchema(ctx)
}

func (p *databases) namespace(ctx context.Context) (conformance.Namespace, error) {
	if len(p.free) == 0 {
		db, err := newDatabase(ctx, p.url)
		if err != nil {
			return conformance.Namespace{}, err
		}
		p.all, p.free = append(p.all, db), append(p.free, db)
	}
	db := p.free[0]
	p.free = p.free[1:]
	return conformance.Namespace{
		Open: func(o adapter.Options) (adapter.Adapter, error) {
			return mongo.New(db.Database, mongo.Options{Options: o}), nil
		},
		Dump:       db.dump,
		Faults:     db.faults,
		RoundTrips: db.faults.Count,
		URL:        strings.Replace(p.url, "/?", "/"+db.Name()+"?", 1),
		Foreign:    &conformance.ForeignWriter{Put: db.putForeign, Has: db.hasForeign},
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

// layout is where another program stores the records of a kind, and the fields that tell
// one from another.
type layout struct {
	collection string
	key        []string
}

var layouts = map[string]layout{
	"User":              {"users", []string{"_id"}},
	"Account":           {"accounts", []string{"provider", "providerAccountId"}},
	"Session":           {"sessions", []string{"sessionToken"}},
	"VerificationToken": {"verification_tokens", []string{"identifier", "token"}},
	"Authenticator":     {"authenticators", []string{"credentialID"}},
}

// foreign returns a record of another program as a document, where it is stored, and
// what finds it there: its _id, its key, or all that it has.
func (db *database) foreign(r conformance.ForeignRecord) (in *driver.Collection, doc, filter bson.D) {
	of := layouts[r.Kind]
	stored := map[string]any{}
	for name, v := range r.Members {
		switch name {
		case "id":
			stored["_id"] = foreignKey(v)
		case "userId":
			stored[name] = foreignKey(v)
		default:
			stored[name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		doc = append(doc, bson.E{Key: name, Value: stored[name]})
	}
	identity := of.key
	if _, there := stored["_id"]; there {
		identity = []string{"_id"}
	}
	for _, name := range identity {
		if v, there := stored[name]; there {
			filter = append(filter, bson.E{Key: name, Value: bson.D{{Key: "$eq", Value: v}}})
		}
	}
	if len(filter) == 0 {
		filter = doc
	}
	return db.Collection(of.collection), doc, filter
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
	in, doc, filter := db.foreign(r)
	if _, err := in.DeleteMany(ctx, filter); err != nil {
		return err
	}
	_, err := in.InsertOne(ctx, doc)
	return err
}

func (db *database) hasForeign(ctx context.Context, r conformance.ForeignRecord) (bool, error) {
	in, _, filter := db.foreign(r)
	n, err := in.CountDocuments(ctx, filter)
	return n > 0, err
}

// dialer makes connections whose commands are steps of an injector, below the driver's
// own retries: what is lost here it sends again.
type dialer struct {
	faults *fault.Injector
	real   bool // what is lost looks like a lost server
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	lost := error(errLeft)
	if d.real {
		lost = io.ErrUnexpectedEOF
	}
	return &wire{Conn: conn, faults: d.faults, failure: lost, closed: make(chan struct{})}, nil
}

// errLeft is how a connection ends that its call has left: the driver makes another one,
// and does not look whether the server is lost, which would take it half a second.
var errLeft = fmt.Errorf("%w: %w", fault.ErrInjected, context.Canceled)

// wire is a connection whose commands can be lost.
type wire struct {
	net.Conn
	faults  *fault.Injector
	failure error
	lost    atomic.Bool // the next reply
	once    sync.Once
	closed  chan struct{}
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

func (w *wire) Write(b []byte) (int, error) {
	if !counts(b) {
		return w.Conn.Write(b)
	}
	sent := false
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-w.closed: // by the driver, when the call's context has ended
			cancel()
		case <-ctx.Done():
		}
	}()
	err := w.faults.Step(ctx, func() error {
		_, err := w.Conn.Write(b)
		sent = true
		return err
	})
	if err != nil && sent {
		w.lost.Store(true)
		return len(b), nil
	}
	if err != nil {
		return 0, w.failure
	}
	return len(b), nil
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if w.lost.Load() {
		return 0, w.failure // the server has done it
	}
	return n, err
}

// uncounted are commands of the driver's own.
var uncounted = []string{"hello", "isMaster", "ismaster", "ping", "endSessions", "killCursors", "listIndexes"}

// counts reports whether a message is a command of the package: an OP_MSG whose first
// section begins with the name of one (the MongoDB Wire Protocol).
func counts(b []byte) bool {
	const header, opMsg = 16, 2013
	if len(b) < header+5 || binary.LittleEndian.Uint32(b[12:]) != opMsg {
		return false
	}
	first, err := bson.Raw(b[header+5:]).IndexErr(0)
	return err == nil && !slices.Contains(uncounted, first.Key())
}
