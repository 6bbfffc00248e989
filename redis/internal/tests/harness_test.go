package redis_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis"
)

func TestMain(m *testing.M) {
	goredis.SetLogger(quiet{})
	engine.Main(m)
}

// quiet keeps the client's reports of its pools and Sentinels out of the tests' output.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// topology is a way to run Redis.
type topology struct {
	name   string
	server func(testing.TB) engine.Server
	open   func(t testing.TB, rawURL string) goredis.UniversalClient
	budget map[string]int
	// durable is a server of this kind that can be killed, nil if there is none.
	durable func(testing.TB) engine.Server
}

var (
	single   = topology{name: "redis", server: engine.Redis, open: openSingle, durable: engine.RedisDurable}
	sentinel = topology{name: "redis (Sentinel)", server: engine.RedisSentinel, open: openSentinel}
	cluster  = topology{name: "redis (Cluster)", server: engine.RedisCluster, open: openCluster, budget: clusterBudget}

	topologies = []topology{single, sentinel, cluster}
)

// clusterBudget has the operations that cost more on a Cluster than the contract's table says,
// because an index entry and its record are in two slots: docs/adr/0006.
var clusterBudget = map[string]int{
	"GetUserByEmail": 2, "GetUserByAccount": 2, "CreateSession": 2, "ListSessions": 2,
	"CreateUser": 3, "CreateUserWithAccount": 3, "CreateUserWithAuthenticator": 3,
	"LinkAccount": 2, "GetAccount": 2, "UpdateAccount": 2, "UnlinkAccount": 3,
	"CreateAuthenticator": 2, "GetAuthenticator": 2, "UpdateAuthenticator": 2, "UpdateAuthenticatorCounter": 2, "DeleteAuthenticator": 3,
}

func openSingle(t testing.TB, rawURL string) goredis.UniversalClient {
	o, err := goredis.ParseURL(rawURL)
	check(t, err)
	return goredis.NewClient(o)
}

func openSentinel(t testing.TB, rawURL string) goredis.UniversalClient {
	hosts, query := split(t, rawURL)
	return goredis.NewFailoverClient(&goredis.FailoverOptions{SentinelAddrs: hosts, MasterName: query.Get("master_name")})
}

func openCluster(t testing.TB, rawURL string) goredis.UniversalClient {
	hosts, _ := split(t, rawURL)
	return goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: hosts})
}

func split(t testing.TB, rawURL string) ([]string, url.Values) {
	u, err := url.Parse(rawURL)
	check(t, err)
	return strings.Split(u.Host, ","), u.Query()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open returns an adapter on a client.
func open(t testing.TB, client goredis.UniversalClient, o redis.Options) adapter.Adapter {
	t.Helper()
	store, err := redis.New(client, o)
	check(t, err)
	return store
}

var namespaces atomic.Int64

// newPrefix returns a prefix that no other test uses.
func newPrefix() string { return fmt.Sprintf("t%d-%d", os.Getpid(), namespaces.Add(1)) }

// noOther is why there is nothing to repair.
const noOther = "no program without the contract writes to this layout"

// harness runs the suite on a topology. One client serves all namespaces, as it does
// in an application; each adapter has its own hook on it, for faults and the count.
func (top topology) harness(t testing.TB) conformance.Harness {
	server := top.server(t)
	leftOut := map[conformance.Feature]string{
		conformance.SetUp:   "Redis needs no set-up",
		conformance.Mend:    noOther,
		conformance.Foreign: noOther,
		conformance.Purge:   "Redis removes what has expired by itself",
	}
	if top.durable == nil {
		leftOut[conformance.Restart] = "what a server that is killed has lost here, its replica may have: see internal/robust"
	}
	return conformance.Harness{
		ShowCauses: true,
		Backend:    top.name,
		Engine:     "Redis " + server.Version,
		Budget:     top.budget,
		LeftOut:    leftOut,
		Namespace: func(ctx context.Context) (conformance.Namespace, error) {
			server := server
			var restart func(context.Context) error
			if top.durable != nil && conformance.Needs(ctx, conformance.Restart) {
				server = top.durable(t)
				restart = func(ctx context.Context) error { return server.Restart(ctx, t) }
			}
			client, prefix, faults := top.open(t, server.URL), newPrefix(), &fault.Injector{}
			client.AddHook(redistest.Steps{Injector: faults})
			return conformance.Namespace{
				Open: func(o adapter.Options) (adapter.Adapter, error) {
					return redis.New(client, redis.Options{Options: o, Prefix: prefix})
				},
				Dump:       func(ctx context.Context) ([]string, error) { return redistest.Dump(ctx, client, prefix+":") },
				Faults:     faults,
				RoundTrips: faults.Count,
				URL:        redistest.URL(server.URL, prefix),
				Restart:    restart,
				Close:      func() error { return redistest.Remove(client, prefix+":") },
			}, nil
		},
	}
}
