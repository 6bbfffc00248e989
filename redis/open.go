package redis

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
	"github.com/authstore/authstore/redis/internal/client"
)

// backend is the name in errors.
const backend = "redis"

func init() {
	for _, scheme := range []string{"redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"} {
		driver.Register(scheme, func(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
			return openURL(rawURL, o)
		})
	}
}

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// Prefix begins every key, before a ":", so that several applications can share
	// a server. It must not hold braces, which would move the hash slots. "" is
	// "authstore".
	Prefix string

	// WaitReplicas has every write wait until this many replicas have it (WAIT), at
	// no more round trips. If they do not in time, the call is ErrUnavailable: the
	// write was applied, and may be lost in a failover. 0 does not wait.
	WaitReplicas int

	// WaitTimeout is how long a write waits for replicas. 0 is one second.
	WaitTimeout time.Duration

	// RequestTimeout is how long a request to the server may take if the context of the
	// call does not end before: then it is ErrUnavailable. 0 is 10 seconds. A read whose
	// first attempt gets no answer in a second, or in half of the time, is made once more
	// on a fresh connection, so that one which died without a word costs a moment.
	RequestTimeout time.Duration
}

// New returns an adapter on a client of the application's, which stays open when the
// adapter is closed: a *redis.Client of a single server or a Sentinel set, or a
// *redis.ClusterClient. The client must read from primaries, which is go-redis's
// default.
//
// It panics on options that cannot work.
func New(c redis.UniversalClient, o Options) adapter.Adapter {
	s, err := newStore(c, o)
	if err != nil {
		panic(err)
	}
	return driver.Guard(s, backend, s.options, client.Failure)
}

// store is the contract on Redis, for valid input (see driver.Guard).
type store struct {
	client      redis.UniversalClient
	options     adapter.Options
	prefix      string // with its ":"
	single      string // "1" where one server has all keys, "0" on a cluster
	replicas    int
	waitTimeout time.Duration
	closes      bool         // the client is closed with the adapter
	calls       client.Calls // what may go on after its context has ended
}

// WithDefaults returns the options with nothing empty that has a default.
func (o Options) WithDefaults() Options {
	o.Options = o.Options.WithDefaults()
	o.Prefix = cmp.Or(o.Prefix, "authstore")
	o.WaitTimeout = cmp.Or(o.WaitTimeout, time.Second)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, attempt.Default)
	return o
}

func newStore(client redis.UniversalClient, o Options) (*store, error) {
	o = o.WithDefaults()
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, adapter.Invalid("Options.Prefix", "must not hold braces")
	}
	if o.WaitReplicas < 0 || o.WaitTimeout < 0 {
		return nil, adapter.Invalid("Options.WaitReplicas", "and WaitTimeout must not be negative")
	}
	if o.RequestTimeout < 0 {
		return nil, adapter.Invalid("Options.RequestTimeout", "must not be negative")
	}
	s := &store{
		client: client, options: o.Options, prefix: o.Prefix + ":", single: "1",
		replicas: o.WaitReplicas, waitTimeout: o.WaitTimeout,
	}
	s.calls.Use(client, o.RequestTimeout)
	switch client.(type) {
	case *redis.ClusterClient:
		s.single = "0"
	case *redis.Ring:
		return nil, adapter.Invalid("client", "must not be a *redis.Ring, which loses keys when a shard is gone: use a cluster")
	}
	return s, nil
}

func (s *store) isSingle() bool { return s.single == "1" }

// openURL opens a client by URL, and an adapter that closes it.
func openURL(rawURL string, o adapter.Options) (adapter.Adapter, error) {
	c, p, err := client.Open(rawURL)
	if err != nil {
		return nil, err
	}
	s, err := newStore(c, Options{Options: o, Prefix: p.Prefix, RequestTimeout: p.RequestTimeout})
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
	return s.ping(ctx).Err()
}
