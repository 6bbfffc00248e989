package redis

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

// backend is the name in errors.
const backend = "redis"

func init() {
	for scheme, open := range map[string]func(*url.URL) (redis.UniversalClient, error){
		"redis": openSingle, "rediss": openSingle, "redis+cluster": openCluster, "redis+sentinel": openSentinel,
	} {
		adapter.Register(scheme, func(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
			u, err := adapter.ParseURL(rawURL)
			if err != nil {
				return nil, err
			}
			return openURL(u, o, open)
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
}

// New returns an adapter on a client of the application's, which stays open when the
// adapter is closed: a *redis.Client of a single server or a Sentinel set, or a
// *redis.ClusterClient. The client must read from primaries, which is go-redis's
// default.
//
// It panics on options that cannot work.
func New(client redis.UniversalClient, o Options) adapter.Adapter {
	s, err := newStore(client, o)
	if err != nil {
		panic(err)
	}
	return adapter.Guard(s, backend, s.options)
}

// store is the contract on Redis, for valid input (see adapter.Guard).
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

func newStore(client redis.UniversalClient, o Options) (*store, error) {
	if o.Prefix == "" {
		o.Prefix = "authstore"
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, adapter.Invalid("Options.Prefix", "must not hold braces")
	}
	if o.WaitReplicas < 0 || o.WaitTimeout < 0 {
		return nil, adapter.Invalid("Options.WaitReplicas", "and WaitTimeout must not be negative")
	}
	if o.WaitTimeout == 0 {
		o.WaitTimeout = time.Second
	}
	s := &store{
		client: client, options: o.WithDefaults(), prefix: o.Prefix + ":", single: "1",
		replicas: o.WaitReplicas, waitTimeout: o.WaitTimeout,
	}
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
func openURL(u *url.URL, o adapter.Options, open func(*url.URL) (redis.UniversalClient, error)) (adapter.Adapter, error) {
	query := u.Query()
	prefix := query.Get("prefix")
	query.Del("prefix")
	rest := *u
	rest.RawQuery = query.Encode()
	client, err := open(&rest)
	if err != nil {
		return nil, adapter.Invalid("URL", "is not one that go-redis takes: see the package comment")
	}
	s, err := newStore(client, Options{Options: o, Prefix: prefix})
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	s.closes = true
	return adapter.Guard(s, backend, s.options), nil
}

func openSingle(u *url.URL) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, err
	}
	return redis.NewClient(o), nil
}

func openCluster(u *url.URL) (redis.UniversalClient, error) {
	o, err := redis.ParseClusterURL(oneHost(u))
	if err != nil {
		return nil, err
	}
	return redis.NewClusterClient(o), nil
}

func openSentinel(u *url.URL) (redis.UniversalClient, error) {
	o, err := redis.ParseFailoverURL(oneHost(u))
	if err != nil {
		return nil, err
	}
	if o.MasterName == "" {
		return nil, errors.New("no master_name")
	}
	return redis.NewFailoverClient(o), nil
}

// oneHost returns a URL with several hosts, separated by commas, in the form that
// go-redis takes: one host, and an addr for each of the others.
func oneHost(u *url.URL) string {
	one := *u
	query := one.Query()
	one.Scheme = "redis"
	if query.Get("tls") == "true" {
		one.Scheme = "rediss"
	}
	query.Del("tls")
	for i, host := range strings.Split(u.Host, ",") {
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(host, "6379")
		}
		if i == 0 {
			one.Host = host
		} else {
			query.Add("addr", host)
		}
	}
	one.RawQuery = query.Encode()
	return one.String()
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
	return adapter.WrapError(ctx, backend, "Ping", client.Failure(s.ping(ctx).Err()))
}
