package mongo

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
)

// backend is the name in errors.
const backend = "mongo"

func init() {
	driver.Register("mongodb", openURL)
	driver.Register("mongodb+srv", openURL)
}

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// Collections has the names that are not the defaults.
	Collections Collections

	// StringIDs keeps user IDs as strings of any form, instead of ObjectIDs: for a
	// store that no JavaScript adapter shares, since those take ObjectIDs only.
	StringIDs bool

	// SkipSchemaCheck has the first call not look whether the indexes are there: it
	// saves a cold start five round trips. Without the indexes nothing is
	// unique and nothing expires, so check them in another place: CheckSchema.
	SkipSchemaCheck bool

	// WriteConcern is that of every write but those steps of a sign-up and a deletion
	// which need not be safe yet (claims.go). Nil is majority: what a call has written
	// survives a failover. With less, an answered write can be lost, also the use of a
	// one-time token.
	WriteConcern *writeconcern.WriteConcern

	// RequestTimeout is how long a call takes at most if its context has no deadline, and
	// one that deletes all of a user, sixfold; so does each request of CheckSchema, Repair
	// and PurgeExpired. 0 is ten seconds.
	RequestTimeout time.Duration

	// LinearizableReads has a read confirmed by the majority: a primary that was replaced,
	// and does not know yet, then answers nothing, where it otherwise still shows what has
	// been changed elsewhere for as long. A read then takes several times as long: see the
	// package comment, section Limits. It takes a replica set.
	LinearizableReads bool
}

// Collections are the names of the collections. An empty one is the default, which is
// that of the Auth.js adapter.
type Collections struct {
	Users              string // "users"
	Accounts           string // "accounts"
	Sessions           string // "sessions"
	VerificationTokens string // "verification_tokens"
	Authenticators     string // "authenticators", which that adapter does not have
}

// New returns an adapter on a database of the application's client, which stays open
// when the adapter is closed. The first call checks the indexes, see
// [Options.SkipSchemaCheck].
//
// It panics on options that cannot work.
func New(db *mongo.Database, o Options) adapter.Adapter {
	s, err := newStore(o)
	if err != nil {
		panic(err)
	}
	s.connect = func() (*mongo.Database, error) { return db, nil }
	return s.guarded()
}

// store is the contract on MongoDB, for valid input (see driver.Guard).
type store struct {
	options      adapter.Options
	names        Collections
	stringIDs    bool
	skipCheck    bool
	writeConcern *writeconcern.WriteConcern

	readConcern    *readconcern.ReadConcern
	requestTimeout time.Duration

	mu         sync.Mutex // of the next two
	connect    func() (*mongo.Database, error)
	connecting *connection   // nil before the first call
	owned      *mongo.Client // to close; nil before the first call and for a client that was handed in
	lines      lines         // its connections
	health     health        // of its servers
	gate       chan struct{} // of the first check
	checked    atomic.Pointer[collections]
	running    running // calls
}

// collections are those of a database, with the concerns that the contract needs.
type collections struct {
	users, accounts, sessions, tokens, authenticators *mongo.Collection

	soon *mongo.Collection // users, for the steps that do not wait for the write concern
}

// WithDefaults returns the options with nothing empty that has a default.
func (o Options) WithDefaults() Options {
	if o.NewID == nil && !o.StringIDs {
		o.NewID = func() string { return bson.NewObjectID().Hex() }
	}
	if o.WriteConcern == nil {
		o.WriteConcern = writeconcern.Majority()
	}
	o.Options = o.Options.WithDefaults()
	o.Collections = o.Collections.withDefaults()
	o.RequestTimeout = cmp.Or(o.RequestTimeout, attempt.Default)
	return o
}

// check returns what cannot work in options that have their defaults.
func (o Options) check() error {
	if o.RequestTimeout < 0 {
		return adapter.Invalid("Options.RequestTimeout", "must not be negative")
	}
	if !o.WriteConcern.Acknowledged() {
		return adapter.Invalid("Options.WriteConcern", "must be one that is acknowledged")
	}
	return o.Collections.check()
}

func newStore(o Options) (*store, error) {
	o = o.WithDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	concern := readconcern.Local()
	if o.LinearizableReads {
		concern = readconcern.Linearizable()
	}
	return &store{
		options: o.Options, names: o.Collections, stringIDs: o.StringIDs, skipCheck: o.SkipSchemaCheck,
		writeConcern: o.WriteConcern, readConcern: concern, requestTimeout: o.RequestTimeout,
		gate: make(chan struct{}, 1),
	}, nil
}

func (c Collections) withDefaults() Collections {
	for name, standard := range map[*string]string{
		&c.Users: "users", &c.Accounts: "accounts", &c.Sessions: "sessions",
		&c.VerificationTokens: "verification_tokens", &c.Authenticators: "authenticators",
	} {
		if *name == "" {
			*name = standard
		}
	}
	return c
}

func (c Collections) check() error {
	seen := map[string]bool{}
	for _, name := range []string{c.Users, c.Accounts, c.Sessions, c.VerificationTokens, c.Authenticators} {
		if seen[name] {
			return adapter.Invalid("Options.Collections", "must have a name of its own for each")
		}
		if strings.ContainsAny(name, "$\x00") || strings.HasPrefix(name, "system.") {
			return adapter.Invalid("Options.Collections", `must have names without "$" and NUL that do not begin with "system."`)
		}
		seen[name] = true
	}
	return nil
}

// Limits of a client that is opened by URL, where the URL does not say others. They
// suit a process that may be one of many, and may be frozen between requests.
const (
	maxPoolSize            = 10
	maxConnIdleTime        = time.Minute
	connectTimeout         = 5 * time.Second
	serverSelectionTimeout = 5 * time.Second
)

// openURL makes an adapter whose client connects with the first call.
func openURL(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
	own := Options{Options: o}
	uri, database, err := parseURL(rawURL, &own)
	if err != nil {
		return nil, err
	}
	s, err := newStore(own)
	if err != nil {
		return nil, err
	}
	s.connect = func() (*mongo.Database, error) { return s.dial(uri, database) }
	return s.guarded(), nil
}

func (s *store) guarded() adapter.Adapter { return driver.Guard(timed{s}, backend, s.options, failure) }

// dial makes the client. A mongodb+srv name is looked up now, which can take long.
func (s *store) dial(uri, database string) (*mongo.Database, error) {
	client, err := mongo.Connect(clientOptions(uri).SetDialer(&s.lines).SetServerMonitor(s.health.monitor()))
	if err != nil {
		return nil, refusedURL(err)
	}
	s.owned = client
	return client.Database(database), nil
}

// clientOptions returns the options of a client that is opened by URL.
func clientOptions(uri string) *options.ClientOptions {
	given := options.Client().ApplyURI(uri)
	largest := uint64(maxPoolSize)
	if given.MinPoolSize != nil {
		largest = max(largest, *given.MinPoolSize)
	}
	return options.MergeClientOptions(options.Client().
		SetMaxPoolSize(largest).SetMaxConnIdleTime(maxConnIdleTime).
		SetConnectTimeout(connectTimeout).SetServerSelectionTimeout(serverSelectionTimeout), given)
}

// connection is an attempt to connect, which several calls may wait for.
type connection struct {
	done chan struct{}
	db   *mongo.Database
	err  error
}

// open returns the collections, and connects if need be. Who leaves before that is done
// leaves it to the others: it cannot be stopped.
func (s *store) open(ctx context.Context) (*collections, error) {
	s.mu.Lock()
	c := s.connecting
	if c == nil {
		c = &connection{done: make(chan struct{})}
		s.connecting = c
		go s.connectBeside(c, s.connect)
	}
	s.mu.Unlock()
	select {
	case <-c.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.err != nil {
		return nil, c.err
	}
	return s.collectionsOf(c.db), nil
}

// connectBeside connects. What has failed is tried again by the next call.
func (s *store) connectBeside(c *connection, connect func() (*mongo.Database, error)) {
	defer close(c.done)
	c.db, c.err = connect()
	if c.err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.connecting == c {
			s.connecting = nil
		}
	}
}

func (s *store) collectionsOf(db *mongo.Database) *collections {
	o := options.Collection().SetReadPreference(readpref.Primary()).SetReadConcern(s.readConcern).SetWriteConcern(s.writeConcern)
	return &collections{
		soon:  db.Collection(s.names.Users, o, options.Collection().SetWriteConcern(writeconcern.W1())),
		users: db.Collection(s.names.Users, o), accounts: db.Collection(s.names.Accounts, o),
		sessions: db.Collection(s.names.Sessions, o), tokens: db.Collection(s.names.VerificationTokens, o),
		authenticators: db.Collection(s.names.Authenticators, o),
	}
}

// begin is what every operation begins with: it returns the context for the driver and
// the collections, whose indexes the first call checks.
func (s *store) begin(ctx context.Context) (context.Context, *collections, error) {
	ctx = alone(ctx)
	if c := s.checked.Load(); c != nil {
		return ctx, c, nil
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

// closing is how long Close waits for the calls that still run.
const closing = 5 * time.Second

// Close closes a client that was opened by URL, and waits for what goes on after its
// caller has left.
func (s *store) Close() error {
	s.mu.Lock()
	c := s.connecting
	s.connect = func() (*mongo.Database, error) { return nil, adapter.ErrClosed }
	s.connecting = nil
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	if c != nil {
		select {
		case <-c.done:
		case <-ctx.Done():
			return nil // a name is being looked up, which ends by itself
		}
	}
	var err error
	if s.owned != nil {
		err = failure(s.owned.Disconnect(ctx))
	}
	s.running.end()
	return err
}

// Ping implements adapter.Pinger.
func (s *store) Ping(ctx context.Context) error {
	_, err := read(ctx, s, nothing(s.ping))
	return err
}

func (s *store) ping(ctx context.Context) error {
	c, err := s.open(ctx)
	if err == nil {
		err = c.users.Database().Client().Ping(alone(ctx), readpref.Primary())
	}
	return failure(err)
}
