package fauna

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/fauna/internal/wire"
)

// backend is the name in errors.
const backend = "fauna"

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// Collections are the names of the collections.
	Collections Collections

	// RequestTimeout is how long a query may take. 0: until the deadline of the call's
	// context, or 10 seconds if it has none. The first attempt of a query that changes
	// nothing has one second of it, then another connection is tried. It is not negative.
	RequestTimeout time.Duration
}

// Collections are the names of the collections, all different. The default of an empty name is
// that of the Auth.js adapter.
type Collections struct {
	Users              string // "User"
	Accounts           string // "Account"
	Sessions           string // "Session"
	VerificationTokens string // "VerificationToken"
	Authenticators     string // "Authenticator"
}

func (c Collections) withDefaults() Collections {
	return Collections{
		Users:              cmp.Or(c.Users, "User"),
		Accounts:           cmp.Or(c.Accounts, "Account"),
		Sessions:           cmp.Or(c.Sessions, "Session"),
		VerificationTokens: cmp.Or(c.VerificationTokens, "VerificationToken"),
		Authenticators:     cmp.Or(c.Authenticators, "Authenticator"),
	}
}

// ClientOptions are the options that a client should be made with. Reads see what any
// other process has written before (Linearized). Only the adapter repeats a transaction that
// conflicted with others: if the server did, a time-out of an attempt that was applied could
// look like a conflict. Connections are the adapter's (HTTPClient): a dead one is replaced,
// and a server that is not Fauna's is named in errors. An HTTPClient of the application's,
// such as one for tracing, goes after them.
func ClientOptions() []fauna.ClientConfigFn { return clientOptions(wire.New()) }

func clientOptions(c *wire.Connections) []fauna.ClientConfigFn {
	return []fauna.ClientConfigFn{fauna.Linearized(true), fauna.MaxContentionRetries(0), fauna.HTTPClient(c.Client())}
}

// New returns an adapter on a client of the application's, made with [ClientOptions]; Close
// leaves the client open. Nothing is sent. The error is adapter.ErrInvalid for a client that
// is nil or has an address that is no URL, for a negative RequestTimeout, and for two
// collections of one name.
//
// No other goroutine may make the client's first query meanwhile, since the driver caches
// something of it without a lock. Afterwards goroutines may share the client.
func New(client *fauna.Client, o Options) (adapter.Adapter, error) {
	s, err := newStore(client, o)
	if err != nil {
		return nil, err
	}
	return driver.Guard(s, backend, s.options, nil), nil
}

// store is the contract on Fauna, for valid input (see driver.Guard).
type store struct {
	client           *fauna.Client
	options          adapter.Options
	names            Collections
	requestTimeout   time.Duration // 0: see timeout
	closeConnections func()        // nil unless the client was made from a URL
	closed           atomic.Bool
	suspect          atomic.Bool // a query had no answer, so the connections may be dead
}

// WithDefaults returns the options with all defaults filled in.
func (o Options) WithDefaults() Options {
	if o.NewID == nil {
		o.NewID = newID
	}
	o.Options = o.Options.WithDefaults()
	o.Collections = o.Collections.withDefaults()
	return o
}

func newStore(client *fauna.Client, o Options) (*store, error) {
	o = o.WithDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	if client == nil {
		return nil, adapter.Invalid("client", "must not be nil")
	}
	if err := cacheAddress(client); err != nil {
		return nil, err
	}
	return &store{client: client, options: o.Options, names: o.Collections, requestTimeout: o.RequestTimeout}, nil
}

// check returns what is wrong with options whose defaults are filled in.
func (o Options) check() error {
	if o.RequestTimeout < 0 {
		return adapter.Invalid("Options.RequestTimeout", "must not be negative")
	}
	c := o.Collections
	names := map[string]bool{c.Users: true, c.Accounts: true, c.Sessions: true, c.VerificationTokens: true, c.Authenticators: true}
	if len(names) < 5 {
		return adapter.Invalid("Options.Collections", "must be five different names")
	}
	return nil
}

// cacheAddress has the driver parse the server's address and keep it, which it would do at its
// first query, where two goroutines would race for it. This query is not sent: it has no context.
func cacheAddress(client *fauna.Client) error {
	q, err := fauna.FQL(ping, nil)
	if err != nil {
		return err
	}
	var none context.Context
	_, err = client.Query(q, fauna.QueryContext(none))
	var malformed *url.Error
	if errors.As(err, &malformed) {
		return adapter.Invalid("client", "must have an address that is a URL (fauna.URL)")
	}
	return nil
}

// Close ends the adapter, and closes the connections of a client that was opened by
// URL.
func (s *store) Close() error {
	s.closed.Store(true)
	if s.closeConnections != nil {
		s.closeConnections()
	}
	return nil
}

// Ping implements adapter.Pinger.
func (s *store) Ping(ctx context.Context) error {
	_, err := s.query(ctx, ping, nil)
	return err
}
