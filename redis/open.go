package redis

import (
	"cmp"
	"context"
	"reflect"
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

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// Prefix begins every key, followed by a ":", so that several applications can share
	// a server. It must not contain braces, which would change the hash slots. The default
	// is "authstore".
	Prefix string

	// WaitReplicas makes every write wait until this many replicas have it (WAIT), without
	// additional round trips. If they do not acknowledge it in time, the call returns
	// adapter.ErrUnavailable: the write was applied, and a failover may lose it. The default
	// 0 does not wait.
	WaitReplicas int

	// WaitTimeout limits how long a write waits for replicas. The default is one second.
	WaitTimeout time.Duration

	// RequestTimeout limits a request to the server, unless the context of the call ends
	// before. After it the call returns adapter.ErrUnavailable. The default is 10 seconds.
	// A read without an answer after a second, or after half of the time left if that is
	// less, is sent once more over a new connection.
	RequestTimeout time.Duration

	// NoBatching gives every call a request of its own. Otherwise reads by a key that are made
	// at the same time share one, and so do writes of sessions and verification tokens, unless
	// they wait for replicas: see docs/redis.md, Shared requests.
	NoBatching bool

	// BatchesInFlight is how many requests of reads, and how many of writes, are in flight, on a
	// Cluster to one server, before further ones wait for one to return and share the next. The
	// default is 2.
	BatchesInFlight int

	// BatchSize is how many calls share a request at most. The default is 100.
	BatchSize int
}

// New returns an adapter on the application's client, which stays open when the adapter is
// closed. The client is a *redis.Client of a single server or of a Sentinel set, or a
// *redis.ClusterClient. It must read from primaries, which is the default of go-redis.
//
// New connects to nothing. It returns [adapter.ErrInvalid] for a nil client or a
// *redis.Ring, a Prefix with braces, and a negative WaitReplicas, WaitTimeout,
// RequestTimeout, BatchesInFlight or BatchSize.
func New(c redis.UniversalClient, o Options) (adapter.Adapter, error) { return open(c, o, false) }

// open returns an adapter on a client, and has Close close the client if the adapter owns
// it.
func open(c redis.UniversalClient, o Options, ownsClient bool) (adapter.Adapter, error) {
	s, err := newStore(c, o)
	if err != nil {
		return nil, err
	}
	s.ownsClient = ownsClient
	return driver.Guard(s, backend, s.options, client.Failure), nil
}

// store implements the contract for valid input: see driver.Guard.
type store struct {
	client      redis.UniversalClient
	options     adapter.Options
	prefix      string // with its ":"
	single      string // "1" if one server has all keys, "0" on a Cluster: what the scripts get
	replicas    int
	waitTimeout time.Duration
	ownsClient  bool         // Close closes the client
	calls       client.Calls // requests, some of which go on after their context has ended
	looks       *client.Lookups[look]
	writes      *client.Writes
}

// WithDefaults returns the options with defaults in place of zero values.
func (o Options) WithDefaults() Options {
	o.Options = o.Options.WithDefaults()
	o.Prefix = cmp.Or(o.Prefix, "authstore")
	o.WaitTimeout = cmp.Or(o.WaitTimeout, time.Second)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, attempt.Default)
	o.BatchesInFlight = cmp.Or(o.BatchesInFlight, batchesInFlight)
	o.BatchSize = cmp.Or(o.BatchSize, batchSize)
	return o
}

// check returns an error for options that cannot work.
func (o Options) check() error {
	switch {
	case strings.ContainsAny(o.Prefix, "{}"):
		return adapter.Invalid("Options.Prefix", "must not contain braces")
	case o.WaitReplicas < 0 || o.WaitTimeout < 0:
		return adapter.Invalid("Options.WaitReplicas", "and WaitTimeout must not be negative")
	case o.RequestTimeout < 0:
		return adapter.Invalid("Options.RequestTimeout", "must not be negative")
	case o.BatchesInFlight < 0:
		return adapter.Invalid("Options.BatchesInFlight", "must not be negative")
	case o.BatchSize < 0:
		return adapter.Invalid("Options.BatchSize", "must not be negative")
	}
	return nil
}

func newStore(c redis.UniversalClient, o Options) (*store, error) {
	o = o.WithDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	if v := reflect.ValueOf(c); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, adapter.Invalid("client", "must not be nil")
	}
	single := "1"
	switch c.(type) {
	case *redis.ClusterClient:
		single = "0"
	case *redis.Ring:
		return nil, adapter.Invalid("client", "must not be a *redis.Ring, which loses keys when a shard is gone: use a Cluster")
	}
	s := &store{
		client: c, options: o.Options, prefix: o.Prefix + ":", single: single,
		replicas: o.WaitReplicas, waitTimeout: o.WaitTimeout,
	}
	s.calls.Use(c, o.RequestTimeout)
	inFlight := o.BatchesInFlight
	if o.NoBatching {
		inFlight = 0
	}
	s.looks = client.NewLookups[look](&s.calls, inFlight, o.BatchSize)
	if o.WaitReplicas > 0 {
		inFlight = 0 // WAIT counts for the connection of one call
	}
	s.writes = client.NewWrites(&s.calls, inFlight, o.BatchSize)
	return s, nil
}

func (s *store) isSingle() bool { return s.single == "1" }

// Close closes the client if the adapter opened it by URL. It waits for calls that still
// run after their context has ended, at most as long as the client's own time limits.
func (s *store) Close() error {
	var err error
	if s.ownsClient {
		err = client.Failure(s.client.Close())
	}
	s.looks.Close()
	s.writes.Close()
	s.calls.Wait()
	return err
}

// Ping implements adapter.Pinger. It costs one round trip.
func (s *store) Ping(ctx context.Context) error {
	return s.ping(ctx).Err()
}
