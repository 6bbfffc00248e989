package upstash

import (
	"cmp"
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
	"github.com/authstore/authstore/redis/internal/client"
)

// backend is the name in errors.
const backend = "upstash"

// Options configures an adapter. The zero value is the layout that the JavaScript adapter
// has without options. PlainSessionTokens is always on.
type Options struct {
	adapter.Options

	// Prefixes of keys, with the names and defaults of the JavaScript adapters.
	BaseKeyPrefix              string // before all others; ""
	UserKeyPrefix              string // "user:"
	EmailKeyPrefix             string // "user:email:"
	AccountKeyPrefix           string // "user:account:"
	AccountByUserIDPrefix      string // "user:account:by-user-id:"
	SessionKeyPrefix           string // "user:session:"
	SessionByUserIDKeyPrefix   string // "user:session:by-user-id:"
	VerificationTokenKeyPrefix string // "user:token:"
	AuthenticatorKeyPrefix     string // "authenticator:", of the unstorage adapter
	AuthenticatorUserKeyPrefix string // "authenticator:by-user-id:", of the unstorage adapter

	// RequestTimeout limits a request to the server, unless the context of the call ends
	// before. After it the call returns adapter.ErrUnavailable. The default is 10 seconds.
	// A read without an answer after a second, or after half of the time left if that is
	// less, is sent once more over a new connection.
	RequestTimeout time.Duration
}

// New returns an adapter on the application's client, which stays open when the adapter is
// closed. The client is one of a single server or of a Sentinel set: the keys of the layout
// are not in one hash slot of a Cluster.
//
// New connects to nothing. It returns [adapter.ErrInvalid] for a nil client, a negative
// RequestTimeout, and prefixes by which two records could have one key: with "%", the same
// twice, or one that begins with the prefix of e-mail addresses, of verification tokens or
// of a list.
func New(c *redis.Client, o Options) (adapter.Adapter, error) { return open(c, o, false) }

// open returns an adapter on a client, and has Close close the client if the adapter owns
// it.
func open(c *redis.Client, o Options, ownsClient bool) (adapter.Adapter, error) {
	s, err := newStore(c, o)
	if err != nil {
		return nil, err
	}
	s.ownsClient = ownsClient
	return driver.Guard(s, backend, s.options, client.Failure), nil
}

// store implements the contract for valid input: see driver.Guard.
type store struct {
	client     *redis.Client
	options    adapter.Options
	layout     layout
	ownsClient bool         // Close closes the client
	calls      client.Calls // requests, some of which go on after their context has ended
}

// WithDefaults returns the options with defaults in place of zero values.
func (o Options) WithDefaults() Options {
	o.Options = o.Options.WithDefaults()
	o.PlainSessionTokens = true
	o.UserKeyPrefix = cmp.Or(o.UserKeyPrefix, "user:")
	o.EmailKeyPrefix = cmp.Or(o.EmailKeyPrefix, "user:email:")
	o.AccountKeyPrefix = cmp.Or(o.AccountKeyPrefix, "user:account:")
	o.AccountByUserIDPrefix = cmp.Or(o.AccountByUserIDPrefix, "user:account:by-user-id:")
	o.SessionKeyPrefix = cmp.Or(o.SessionKeyPrefix, "user:session:")
	o.SessionByUserIDKeyPrefix = cmp.Or(o.SessionByUserIDKeyPrefix, "user:session:by-user-id:")
	o.VerificationTokenKeyPrefix = cmp.Or(o.VerificationTokenKeyPrefix, "user:token:")
	o.AuthenticatorKeyPrefix = cmp.Or(o.AuthenticatorKeyPrefix, "authenticator:")
	o.AuthenticatorUserKeyPrefix = cmp.Or(o.AuthenticatorUserKeyPrefix, "authenticator:by-user-id:")
	o.RequestTimeout = cmp.Or(o.RequestTimeout, attempt.Default)
	return o
}

func newStore(c *redis.Client, o Options) (*store, error) {
	if c == nil {
		return nil, adapter.Invalid("client", "must not be nil")
	}
	o = o.WithDefaults()
	l, err := newLayout(o)
	if err != nil {
		return nil, err
	}
	if o.RequestTimeout < 0 {
		return nil, adapter.Invalid("Options.RequestTimeout", "must not be negative")
	}
	s := &store{client: c, options: o.Options, layout: l}
	s.calls.Use(c, o.RequestTimeout)
	return s, nil
}

// Close closes the client if the adapter opened it by URL. It waits for calls that still
// run after their context has ended, at most as long as the client's own time limits.
func (s *store) Close() error {
	var err error
	if s.ownsClient {
		err = client.Failure(s.client.Close())
	}
	s.calls.Wait()
	return err
}

// Ping implements adapter.Pinger. It costs one round trip.
func (s *store) Ping(ctx context.Context) error {
	return s.calls.Ping(ctx)
}
