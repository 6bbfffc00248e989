package redis_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/redis"
)

func TestMain(m *testing.M) {
	goredis.SetLogger(quiet{})
	engine.Main(m)
}

// quiet keeps the client's reports of its pools and Sentinels out of the tests' output.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// topology is one way to run Redis.
type topology struct {
	name   string
	server func(testing.TB) engine.Server
	open   func(t testing.TB, rawURL string) goredis.UniversalClient
	budget map[string]int
}

var (
	single   = topology{name: "redis", server: engine.Redis, open: openSingle}
	sentinel = topology{name: "redis (Sentinel)", server: engine.RedisSentinel, open: openSentinel}
	cluster  = topology{name: "redis (Cluster)", server: engine.RedisCluster, open: openCluster, budget: clusterBudget}

	topologies = []topology{single, sentinel, cluster}
)

// clusterBudget has the operations that cost more on a Cluster than the contract's
// table says, because what is found or claimed by an index entry lies in two slots:
// docs/adr/0006.
var clusterBudget = map[string]int{
	"GetUserByEmail": 2, "GetUserByAccount": 2, "CreateSession": 2,
	"CreateUser": 3, "CreateUserWithAccount": 3,
	"LinkAccount": 2, "GetAccount": 2, "UpdateAccount": 2, "UnlinkAccount": 3,
	"CreateAuthenticator": 2, "GetAuthenticator": 2, "UpdateAuthenticatorCounter": 2, "DeleteAuthenticator": 3,
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

var namespaces atomic.Int64

// newPrefix returns a prefix that no other test uses.
func newPrefix() string { return fmt.Sprintf("t%d-%d", os.Getpid(), namespaces.Add(1)) }

// harness runs the suite on a topology. One client serves all namespaces, as it does
// in an application; each adapter has its own hook on it, for faults and the count.
func (top topology) harness(t testing.TB) conformance.Harness {
	server := top.server(t)
	return conformance.Harness{
		Backend: top.name,
		Engine:  "Redis " + server.Version,
		Budget:  top.budget,
		LeftOut: map[conformance.Feature]string{
			conformance.SetUp: "Redis needs no set-up",
			conformance.Purge: "Redis removes what has expired by itself",
		},
		Namespace: func(context.Context) (conformance.Namespace, error) {
			client, prefix, faults := top.open(t, server.URL), newPrefix(), &fault.Injector{}
			client.AddHook(steps{faults})
			return conformance.Namespace{
				Open: func(o adapter.Options) (adapter.Adapter, error) {
					return redis.New(client, redis.Options{Options: o, Prefix: prefix}), nil
				},
				Dump:       func(ctx context.Context) ([]string, error) { return dump(ctx, client, prefix) },
				Faults:     faults,
				RoundTrips: faults.Count,
				Close:      client.Close,
			}, nil
		},
	}
}

// steps lets every command and every pipeline be a step of an injector.
type steps struct{ *fault.Injector }

func (s steps) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (s steps) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		return s.step(ctx, []goredis.Cmder{cmd}, func() error { return next(ctx, cmd) })
	}
}

func (s steps) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		return s.step(ctx, cmds, func() error { return next(ctx, cmds) })
	}
}

// step runs commands as one step. What a fault hits has its error; else each command
// has its own.
func (s steps) step(ctx context.Context, cmds []goredis.Cmder, next func() error) error {
	var answer error
	injected := s.Step(ctx, func() error {
		answer = next()
		return nil
	})
	if injected == nil {
		return answer
	}
	for _, cmd := range cmds {
		cmd.SetErr(injected)
	}
	return injected
}

// dump returns every key of a prefix with its value. It scans, as nothing else does.
func dump(ctx context.Context, client goredis.UniversalClient, prefix string) ([]string, error) {
	var mu sync.Mutex
	var all []string
	server := func(ctx context.Context, c *goredis.Client) error {
		records, err := dumpServer(ctx, c, prefix)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, records...)
		return err
	}
	var err error
	if c, ok := client.(*goredis.ClusterClient); ok {
		err = c.ForEachMaster(ctx, server)
	} else {
		err = server(ctx, client.(*goredis.Client))
	}
	return all, err
}

func dumpServer(ctx context.Context, c *goredis.Client, prefix string) ([]string, error) {
	var all []string
	keys := c.Scan(ctx, 0, prefix+":*", 1000).Iterator()
	for keys.Next(ctx) {
		value, err := value(ctx, c, keys.Val())
		if err != nil {
			return nil, err
		}
		all = append(all, fmt.Sprintf("%s = %v", keys.Val(), value))
	}
	return all, keys.Err()
}

// value returns what a key holds, whatever its type.
func value(ctx context.Context, c *goredis.Client, key string) (any, error) {
	typ, err := c.Type(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	switch typ {
	case "string":
		return c.Get(ctx, key).Result()
	case "hash":
		return c.HGetAll(ctx, key).Result()
	case "zset":
		return c.ZRange(ctx, key, 0, -1).Result()
	case "list":
		return c.LRange(ctx, key, 0, -1).Result()
	}
	return nil, fmt.Errorf("a key of type %s is not this package's", typ)
}
