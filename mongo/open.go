package mongo

import (
	"context"
	"errors"
	"net/url"
	"strconv"
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
)

// backend is the name in errors.
const backend = "mongo"

func init() {
	adapter.Register("mongodb", openURL)
	adapter.Register("mongodb+srv", openURL)
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
	return adapter.Guard(s, backend, s.options)
}

// store is the contract on MongoDB, for valid input (see adapter.Guard).
type store struct {
	options      adapter.Options
	names        Collections
	stringIDs    bool
	skipCheck    bool
	writeConcern *writeconcern.WriteConcern

	connect func() (*mongo.Database, error)
	owned   *mongo.Client // to close; nil before the first call and for a client that was handed in
	mu      sync.Mutex    // of connect and owned
	gate    chan struct{} // of the first check
	checked atomic.Pointer[collections]
}

// collections are those of a database, with the concerns that the contract needs.
type collections struct {
	users, accounts, sessions, tokens, authenticators *mongo.Collection

	soon *mongo.Collection // users, for the steps that do not wait for the write concern
}

func newStore(o Options) (*store, error) {
	o.Collections = o.Collections.withDefaults()
	if err := o.Collections.check(); err != nil {
		return nil, err
	}
	if o.NewID == nil && !o.StringIDs {
		o.NewID = func() string { return bson.NewObjectID().Hex() }
	}
	if o.WriteConcern == nil {
		o.WriteConcern = writeconcern.Majority()
	}
	if !o.WriteConcern.Acknowledged() {
		return nil, adapter.Invalid("Options.WriteConcern", "must be one that is acknowledged")
	}
	return &store{
		options: o.WithDefaults(), names: o.Collections, stringIDs: o.StringIDs, skipCheck: o.SkipSchemaCheck,
		writeConcern: o.WriteConcern, gate: make(chan struct{}, 1),
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
	u, err := adapter.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	database := strings.TrimPrefix(u.Path, "/")
	if database == "" {
		return nil, adapter.Invalid("URL", "must name the database: mongodb://host/DATABASE")
	}
	rest := *u
	query := rest.Query()
	own := Options{Options: o}
	for name, option := range map[string]*bool{"stringIDs": &own.StringIDs, "skipSchemaCheck": &own.SkipSchemaCheck} {
		if err := take(query, name, option); err != nil {
			return nil, err
		}
	}
	rest.RawQuery = query.Encode()
	s, err := newStore(own)
	if err != nil {
		return nil, err
	}
	s.connect = func() (*mongo.Database, error) { return s.dial(rest.String(), database) }
	return adapter.Guard(s, backend, s.options), nil
}

// take moves a parameter of this package out of a query.
func take(query url.Values, name string, option *bool) error {
	if !query.Has(name) {
		return nil
	}
	v, err := strconv.ParseBool(query.Get(name))
	if err != nil {
		return adapter.Invalid("URL", "must have true or false for "+name)
	}
	*option = v
	query.Del(name)
	return nil
}

func (s *store) dial(uri, database string) (*mongo.Database, error) {
	client, err := mongo.Connect(options.Client().
		SetMaxPoolSize(maxPoolSize).SetMaxConnIdleTime(maxConnIdleTime).
		SetConnectTimeout(connectTimeout).SetServerSelectionTimeout(serverSelectionTimeout).
		ApplyURI(uri))
	if err != nil {
		return nil, adapter.Caused(errURL, err)
	}
	s.owned = client
	return client.Database(database), nil
}

// errURL is of the first call, which is when a mongodb+srv name is looked up.
var errURL = errors.New("the URL is not one that the MongoDB driver takes, or its host name cannot be looked up: see the package comment")

// open returns the collections, and connects if need be.
func (s *store) open() (*collections, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.connect()
	if err != nil {
		return nil, err
	}
	s.connect = func() (*mongo.Database, error) { return db, nil }
	o := options.Collection().SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Local()).SetWriteConcern(s.writeConcern)
	return &collections{
		soon:  db.Collection(s.names.Users, o, options.Collection().SetWriteConcern(writeconcern.W1())),
		users: db.Collection(s.names.Users, o), accounts: db.Collection(s.names.Accounts, o),
		sessions: db.Collection(s.names.Sessions, o), tokens: db.Collection(s.names.VerificationTokens, o),
		authenticators: db.Collection(s.names.Authenticators, o),
	}, nil
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
	c, err := s.open()
	if err == nil && !s.skipCheck {
		err = s.checkIndexes(ctx, c)
	}
	if err != nil {
		return ctx, nil, err
	}
	s.checked.Store(c)
	return ctx, c, nil
}

// alone returns the context of a call for the driver: without its deadline, see undated,
// and without the driver's session that it may have. In a transaction of the caller's an
// answer would promise nothing, and a conflict would end the transaction.
func alone(ctx context.Context) context.Context {
	if mongo.SessionFromContext(ctx) != nil {
		ctx = mongo.NewSessionContext(ctx, nil)
	}
	return undated{ctx}
}

// undated is a context that ends when its parent does, without saying when that will
// be. The driver repeats a command without a pause until the deadline of a context; of
// one that has none it repeats it once. The error is that of a call which was left:
// after one that took too long, the driver would take the server for lost.
type undated struct{ context.Context }

// Deadline implements context.Context.
func (undated) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err implements context.Context.
func (u undated) Err() error {
	if u.Context.Err() != nil {
		return context.Canceled
	}
	return nil
}

// closing is how long Close waits for the calls that still run.
const closing = 5 * time.Second

// Close closes a client that was opened by URL.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owned == nil {
		s.connect = func() (*mongo.Database, error) { return nil, adapter.ErrClosed }
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	return failure(s.owned.Disconnect(ctx))
}

// Ping implements adapter.Pinger.
func (s *store) Ping(ctx context.Context) error {
	c, err := s.open()
	if err == nil {
		err = c.users.Database().Client().Ping(alone(ctx), readpref.Primary())
	}
	return adapter.WrapError(ctx, backend, "Ping", failure(err))
}
