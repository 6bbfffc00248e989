package upstash

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
	"github.com/authstore/authstore/redis/internal/client"
)

// backend is the name in errors.
const backend = "upstash"

func init() {
	for _, scheme := range []string{"redis+upstash", "rediss+upstash"} {
		driver.Register(scheme, func(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
			return openURL(rawURL, o)
		})
	}
}

// Options configures an adapter. The zero value is the default: the layout that the
// JavaScript adapter has without options. PlainSessionTokens is always on.
type Options struct {
	adapter.Options

	// The options of the JavaScript adapter of the same names, with the same defaults.
	BaseKeyPrefix              string // begins every key: ""
	UserKeyPrefix              string // "user:"
	EmailKeyPrefix             string // "user:email:"
	AccountKeyPrefix           string // "user:account:"
	AccountByUserIDPrefix      string // "user:account:by-user-id:"
	SessionKeyPrefix           string // "user:session:"
	SessionByUserIDKeyPrefix   string // "user:session:by-user-id:"
	VerificationTokenKeyPrefix string // "user:token:"
	AuthenticatorKeyPrefix     string // "authenticator:", of the unstorage adapter
	AuthenticatorUserKeyPrefix string // "authenticator:by-user-id:", of the unstorage adapter

	// RequestTimeout is how long a request to the server may take if the context of the
	// call does not end before: then it is ErrUnavailable. 0 is 10 seconds. A read whose
	// first attempt gets no answer in a second, or in half of the time, is made once more
	// on a fresh connection, so that one which died without a word costs a moment.
	RequestTimeout time.Duration
}

// New returns an adapter on a client of the application's, which stays open when the
// adapter is closed. It is of a single server or a Sentinel set: the layout's keys lie in no
// common hash slot of a cluster. New panics on options that cannot work.
func New(c *redis.Client, o Options) adapter.Adapter {
	s, err := newStore(c, o)
	if err != nil {
		panic(err)
	}
	return driver.Guard(s, backend, s.options, client.Failure)
}

// store is the contract on the layout, for valid input (see driver.Guard).
type store struct {
	client  *redis.Client
	options adapter.Options
	layout  layout
	closes  bool         // the client is closed with the adapter
	calls   client.Calls // what may go on after its context has ended
}

// WithDefaults returns the options with nothing empty that has a default.
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

// openURL opens a client by URL, and an adapter that closes it.
func openURL(rawURL string, o adapter.Options) (adapter.Adapter, error) {
	c, p, err := client.Open(rawURL)
	if err != nil {
		return nil, err
	}
	s, err := newStore(c.(*redis.Client), Options{Options: o, BaseKeyPrefix: p.Prefix, RequestTimeout: p.RequestTimeout})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	s.closes = true
	return driver.Guard(s, backend, s.options, client.Failure), nil
}

// Close closes a client that was opened by URL, and waits for calls that go on after
// their context has ended: no longer than the client's own time limits.
func (s *store) Close() error {
	var err error
	if s.closes {
		err = client.Failure(s.client.Close())
	}
	s.calls.Wait()
	return err
}

// Ping implements adapter.Pinger.
func (s *store) Ping(ctx context.Context) error {
	return s.calls.Ping(ctx)
}
