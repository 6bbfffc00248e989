package betterauth

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
const backend = "betterauth"

// Options configures an adapter. PlainSessionTokens is always on.
type Options struct {
	adapter.Options

	// KeyPrefix begins all keys, as the option of that name of redisStorage does. Empty: "better-auth:".
	KeyPrefix string

	// RequestTimeout limits a request to the server, unless the context of the call ends
	// before. After it the call returns adapter.ErrUnavailable. The default is 10 seconds.
	RequestTimeout time.Duration
}

// New returns an adapter with sessions and verification tokens on the application's client,
// and all else in another adapter, whose own sessions are not used. Both stay open when the adapter is closed. The
// client is one of a single server or of a Sentinel set.
//
// New connects to nothing. It returns [adapter.ErrInvalid] without a client or users, and for a
// negative RequestTimeout. Optional interfaces of users, such as adapter.Schema, are asked of users.
func New(c *redis.Client, users adapter.Adapter, o Options) (adapter.Adapter, error) {
	switch {
	case c == nil:
		return nil, adapter.Invalid("client", "must not be nil")
	case users == nil:
		return nil, adapter.Invalid("users", "must not be nil")
	case o.RequestTimeout < 0:
		return nil, adapter.Invalid("Options.RequestTimeout", "must not be negative")
	}
	o.Options = o.Options.WithDefaults()
	o.PlainSessionTokens = true
	s := &store{
		users: users, client: c, options: o.Options,
		layout: layout(cmp.Or(o.KeyPrefix, "better-auth:")),
	}
	s.calls.Use(c, cmp.Or(o.RequestTimeout, attempt.Default))
	return driver.Guard(s, backend, s.options, failure), nil
}

// users is the adapter that has what is not in Redis.
type users = adapter.Adapter

// store implements the contract for valid input: see driver.Guard.
type store struct {
	users
	client  *redis.Client
	options adapter.Options
	layout  layout
	calls   client.Calls // requests, some of which go on after their context has ended
}

// failure classifies an error of the client. One of users has been; its operation is not the
// caller's.
func failure(err error) error {
	if classified, ok := errors.AsType[*adapter.Error](err); ok {
		return classified.Err
	}
	return client.Failure(err)
}

// Close waits for calls that still run after their context has ended.
func (s *store) Close() error {
	s.calls.Wait()
	return nil
}

// Ping implements adapter.Pinger, of both stores. It costs a round trip to each.
func (s *store) Ping(ctx context.Context) error {
	if err := s.calls.Ping(ctx); err != nil {
		return err
	}
	if p, ok := adapter.As[adapter.Pinger](s.users); ok {
		return p.Ping(ctx)
	}
	return nil
}
