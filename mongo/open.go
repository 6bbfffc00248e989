package mongo

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
)

// backend is the name in errors.
const backend = "mongo"

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// Layout says in which collections and under which names records are stored. The default
	// is that of the Auth.js adapter.
	Layout Layout

	// SkipSchemaCheck omits the check of the indexes in the first call, which takes five
	// round trips. Without the indexes nothing is unique and nothing expires, so call
	// CheckSchema elsewhere, for instance when the application is deployed.
	SkipSchemaCheck bool

	// WriteConcern is the write concern of all writes, except for the steps of sign-ups and
	// deletions that need not be durable yet (signup.go). The default is majority, with which
	// answered writes survive a failover. With less they can be lost, including the use of a
	// one-time token. It must be acknowledged.
	WriteConcern *writeconcern.WriteConcern

	// RequestTimeout limits a call, unless its context ends before. After it the call returns
	// adapter.ErrUnavailable. The default is ten seconds. Calls that delete all records of a
	// user or an identifier, and each request of CheckSchema, Repair and PurgeExpired, have
	// until the deadline of their context, or six times as long without one.
	RequestTimeout time.Duration

	// LinearizableReads has the majority confirm each read, so that a primary that was
	// replaced, and does not know yet, does not answer with old data. Reads take several
	// times as long: see docs/mongo.md, Consistency. It requires a replica set.
	LinearizableReads bool

	// NoBatching gives every call a request of its own. Otherwise reads by a key, and writes of
	// sessions and one-time tokens, that are made at the same time share one: see docs/mongo.md,
	// Shared requests.
	NoBatching bool

	// BatchesInFlight is how many requests of a kind are in flight before further calls wait
	// for one to return and share the next one. The default is 2.
	BatchesInFlight int

	// BatchSize is how many calls share a request at most. The default is 100.
	BatchSize int
}

// New returns an adapter on a database of the application's client, which Close leaves
// open. It sends nothing; the first call checks the indexes, unless
// [Options.SkipSchemaCheck] is set.
//
// The error is [adapter.ErrInvalid] for a nil database, a negative RequestTimeout, a
// WriteConcern that is not acknowledged, and a Layout with a name that is used twice, that
// MongoDB does not accept, or that is of a field that there is not.
func New(db *mongo.Database, o Options) (adapter.Adapter, error) {
	if db == nil {
		return nil, adapter.Invalid("db", "must not be nil")
	}
	s, err := newStore(o)
	if err != nil {
		return nil, err
	}
	s.connect = func() (*mongo.Database, error) { return db, nil }
	return s.guarded(), nil
}

// store is the contract on MongoDB, for valid input (see driver.Guard).
type store struct {
	options adapter.Options
	shapes
	idForm       IDForm
	skipCheck    bool
	writeConcern *writeconcern.WriteConcern

	readConcern    *readconcern.ReadConcern
	requestTimeout time.Duration

	mu          sync.Mutex // protects the next two
	connect     func() (*mongo.Database, error)
	attempt     *connectAttempt // nil before the first call
	owned       *mongo.Client   // closed by Close; nil before the first call, and if New was given a client
	connections connections     // of that client
	health      health          // of its servers
	gate        chan struct{}   // held by the call that checks the indexes
	checked     atomic.Pointer[collections]
	running     running
	lookups     lookups
	writes      writes
}

// WithDefaults returns the options with the defaults for what is not set.
func (o Options) WithDefaults() Options {
	if o.NewID == nil && o.Layout.IDs == ObjectIDs {
		o.NewID = func() string { return bson.NewObjectID().Hex() }
	}
	if o.WriteConcern == nil {
		o.WriteConcern = writeconcern.Majority()
	}
	o.PlainSessionTokens = o.PlainSessionTokens || o.Layout.PlainSessionTokens
	o.Options = o.Options.WithDefaults()
	o.RequestTimeout = cmp.Or(o.RequestTimeout, attempt.Default)
	o.BatchesInFlight = cmp.Or(o.BatchesInFlight, batchesInFlight)
	o.BatchSize = cmp.Or(o.BatchSize, batchSize)
	return o
}

// check returns an error for options that cannot work. They have their defaults already.
func (o Options) check() error {
	if o.RequestTimeout < 0 {
		return adapter.Invalid("Options.RequestTimeout", "must not be negative")
	}
	if o.BatchesInFlight < 0 {
		return adapter.Invalid("Options.BatchesInFlight", "must not be negative")
	}
	if o.BatchSize < 0 {
		return adapter.Invalid("Options.BatchSize", "must not be negative")
	}
	if !o.WriteConcern.Acknowledged() {
		return adapter.Invalid("Options.WriteConcern", "must be acknowledged")
	}
	return nil
}

func newStore(o Options) (*store, error) {
	o = o.WithDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	shapes, err := o.Layout.shapes()
	if err != nil {
		return nil, err
	}
	concern := readconcern.Local()
	if o.LinearizableReads {
		concern = readconcern.Linearizable()
	}
	s := &store{
		options: o.Options, shapes: shapes, idForm: o.Layout.IDs, skipCheck: o.SkipSchemaCheck,
		writeConcern: o.WriteConcern, readConcern: concern, requestTimeout: o.RequestTimeout,
		gate: make(chan struct{}, 1),
	}
	s.lookups, s.writes = s.newLookups(o), s.newWrites(o)
	return s, nil
}

func (s *store) guarded() adapter.Adapter { return driver.Guard(timed{s}, backend, s.options, failure) }

// begin is the first step of every operation. It returns the context for the driver and the
// collections, whose indexes the first call checks.
func (s *store) begin(ctx context.Context) (context.Context, *collections, error) {
	ctx = driverContext(ctx)
	if c := s.checked.Load(); c != nil {
		return ctx, c, nil
	}
	if err := beside(ctx); err != nil {
		return ctx, nil, err
	}
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return ctx, nil, ctx.Err()
	}
	if c := s.checked.Load(); c != nil {
		return ctx, c, nil
	}
	c, err := s.open(ctx)
	if err == nil && !s.skipCheck {
		err = s.checkIndexes(ctx, c)
	}
	if err != nil {
		return ctx, nil, err
	}
	s.checked.Store(c)
	return ctx, c, nil
}

// closing is how long Close waits for calls that are under way.
const closing = 5 * time.Second

// Close implements adapter.Adapter. It closes a client that was opened by URL, and waits
// for requests whose caller has returned.
func (s *store) Close() error {
	s.mu.Lock()
	c := s.attempt
	s.connect = func() (*mongo.Database, error) { return nil, adapter.ErrClosed }
	s.attempt = nil
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	if c != nil {
		select {
		case <-c.done:
		case <-ctx.Done():
			return nil // a look-up of a name is under way, which ends by itself
		}
	}
	var err error
	if s.owned != nil {
		err = failure(s.owned.Disconnect(ctx))
	}
	s.lookups.close()
	s.writes.close()
	s.running.end()
	return err
}

// Ping implements adapter.Pinger, in one round trip to the primary.
func (s *store) Ping(ctx context.Context) error {
	_, err := read(ctx, s, noResult(s.ping))
	return err
}

func (s *store) ping(ctx context.Context) error {
	c, err := s.open(ctx)
	if err == nil {
		ctx = driverContext(ctx)
		_, err = withConnection(ctx, func() (struct{}, error) {
			return struct{}{}, c.users.Database().Client().Ping(ctx, readpref.Primary())
		})
	}
	return failure(err)
}
