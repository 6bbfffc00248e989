package robust_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mongodriver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/robust"
)

var (
	runTime = flag.Duration("robust.time", 0, "how long the faults of each engine are made, all together; 0 leaves them out")
	seed    = flag.Uint64("robust.seed", 0, "repeats the calls of a run; 0 draws one")
)

// asClient has a process be a client of a run instead of a test.
const asClient = "AUTHSTORE_ROBUST_CLIENT"

func TestMain(m *testing.M) {
	if os.Getenv(asClient) != "" {
		if err := robust.Work(os.Stdin, os.Stdout, openers); err != nil {
			fmt.Fprintln(os.Stderr, "robust: a client process failed:", err)
			os.Exit(1)
		}
		return
	}
	engine.Main(m)
}

// setting is an engine and what breaks on it.
type setting struct {
	engine string
	server func(testing.TB) engine.Server
	faults []fault
}

type fault struct {
	name    string
	network *robust.Network
	options map[string]int
	vary    func(*robust.Config)
	server  func(testing.TB) engine.Server // nil: that of the setting
	least   time.Duration                  // that the run takes, if the fault takes its time
	breaks  func(t testing.TB, s engine.Server) func(context.Context) (int, error)
	// loses: answered writes may be lost, which the package comment says; the histories
	// are counted and no failure.
	loses bool
	// uncommitted: a write that was not answered may be seen, and lost afterwards, which
	// the package comment says too.
	uncommitted bool
}

// networkFaults are those of every engine.
var networkFaults = []fault{
	{name: "none"},
	{name: "lost replies", network: &robust.Network{LoseReply: 40}},
	{name: "late replies", network: &robust.Network{LateReply: 150, Delay: 2 * time.Second}},
	{name: "late requests", network: &robust.Network{LateRequest: 60, Delay: 600 * time.Millisecond}},
	{name: "resets", network: &robust.Network{Reset: 40, LoseReply: 80}},
	{name: "slow", network: &robust.Network{Slow: 5, Delay: 200 * time.Millisecond}},
}

func settings() []setting {
	all := func(more ...fault) []fault { return append(more, networkFaults...) }
	return []setting{
		{"redis", engine.Redis, all(
			fault{name: "pause", breaks: pauses},
			fault{name: "script flush", breaks: scriptFlush},
			fault{name: "memory full", breaks: memoryFull},
			fault{name: "kill", breaks: killed("redis-server"), server: engine.RedisDurable},
			fault{name: "clocks", vary: clocks},
		)},
		{"redis-cluster", engine.RedisCluster, all(
			fault{name: "reshard", breaks: reshard},
			fault{name: "failover", breaks: clusterFailover, loses: true}, // without WaitReplicas
			fault{name: "failover, WaitReplicas", breaks: clusterFailover, options: map[string]int{"WaitReplicas": 1}},
			fault{name: "kill", breaks: killedNode},
			fault{name: "failover, lagging replicas", breaks: laggingFailover, least: failoverTime, loses: true},
			fault{name: "failover, lagging replicas, WaitReplicas", breaks: laggingFailover, least: failoverTime, options: map[string]int{"WaitReplicas": 1}, uncommitted: true},
		)},
		{"redis-sentinel", engine.RedisSentinel, all(
			fault{name: "failover", breaks: sentinelFailover, loses: true},
			fault{name: "kill", breaks: killedNode, loses: true}, // the Sentinels may promote the replica
			fault{name: "kill, WaitReplicas", breaks: killedNode, options: map[string]int{"WaitReplicas": 1}},
			fault{name: "failover, lagging replicas", breaks: laggingFailover, least: failoverTime, loses: true},
			fault{name: "failover, lagging replicas, WaitReplicas", breaks: laggingFailover, least: failoverTime, options: map[string]int{"WaitReplicas": 1}, uncommitted: true},
		)},
		{"mongo", engine.MongoThree, all(
			fault{name: "step down", breaks: stepDown},
			fault{name: "stopped member", breaks: stoppedMember, uncommitted: true}, // docs/mongo.md, Consistency
			fault{name: "stopped member, LinearizableReads", breaks: stoppedMember, options: map[string]int{"LinearizableReads": 1}},
			fault{name: "kill", breaks: killedMember},
			fault{name: "clocks", vary: clocks},
		)},
		{"mongo-standalone", engine.MongoStandalone, all(
			fault{name: "pause", breaks: pauses},
			fault{name: "kill", breaks: killed("mongod")},
		)},
		{"dynamodb", engine.DynamoDB, all(
			fault{name: "throttling", options: map[string]int{"Throttle": 25}},
			fault{name: "throttling and lost replies", options: map[string]int{"Throttle": 25}, network: &robust.Network{LoseReply: 40}},
			fault{name: "pause", breaks: pauses},
			fault{name: "kill", breaks: killed("java"), server: engine.DynamoDBDurable},
			fault{name: "clocks", vary: clocks},
		)},
	}
}

// How long a run takes at least, so that something breaks in it: a failover that nobody
// asked for takes its time, as the servers have to notice.
const (
	breakTime    = 10 * time.Second
	failoverTime = 20 * time.Second
)

// clocks has a third of the processes 5 seconds ahead, and a third 20 minutes.
func clocks(c *robust.Config) {
	c.Ahead = []time.Duration{0, 5 * time.Second, 20 * time.Minute}[c.Worker%3]
}

// TestHistories makes the faults of as many engines at once as there are processors: most of the time
// each waits for its own servers.
func TestHistories(t *testing.T) {
	if *runTime == 0 {
		t.Skip("it takes minutes on each engine: make robust")
	}
	for _, s := range settings() {
		t.Run(s.engine, func(t *testing.T) {
			t.Parallel()
			for _, f := range s.faults {
				server := s.server
				if f.server != nil {
					server = f.server
				}
				t.Run(f.name, func(t *testing.T) { s.check(t, server(t), f) })
			}
		})
	}
}

// check makes a run and judges it.
func (s setting) check(t *testing.T, server engine.Server, f fault) {
	n := *seed
	if n == 0 {
		n = 1 + rand.Uint64N(1e6)
	}
	least := f.least
	if f.breaks != nil {
		least = max(least, breakTime)
	}
	run := robust.Run{
		Config: robust.Config{
			Engine: map[string]string{"mongo-standalone": "mongo"}[s.engine], URL: server.URL, Seed: n, Workers: 4, Calls: 10,
			Every: 60 * time.Millisecond, For: max(*runTime/time.Duration(len(s.faults)), least), Timeout: 4 * time.Second, Network: f.network, Options: f.options,
		},
		Command: func() *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), asClient+"=1")
			return cmd
		},
		Vary:        f.vary,
		Uncommitted: f.uncommitted,
		Loses:       f.loses,
	}
	if run.Engine == "" {
		run.Engine = s.engine
	}
	run.Space = space(t, run)
	if f.breaks != nil {
		run.Break = f.breaks(t, server)
	}
	report, err := run.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report.Row(s.engine + ", " + f.name))
	s.judge(t, report, f)
}

func (s setting) judge(t *testing.T, report *robust.Report, f fault) {
	for _, o := range report.Strange {
		t.Errorf("an error of no kind: %v: %s", o, o.Error)
	}
	if per := float64(report.Operations-report.Unknown) / report.For.Seconds(); per < 20 {
		t.Errorf("only %.0f operations a second were answered: the run shows nothing", per)
	}
	if report.Faults == 0 && (f.network != nil || f.breaks != nil) {
		t.Error("nothing was broken: the run shows nothing")
	}
	if f.loses {
		return
	}
	if n := len(report.Undecided); n > 3+report.Histories()/50 {
		t.Errorf("%d of %d histories took the checker too long", n, report.Histories())
	}
	if len(report.Illegal) == 0 {
		return
	}
	t.Errorf("%d of %d histories are illegal; the same calls again: go test ./internal/robust -run '%s' -robust.seed %d -robust.time %s",
		len(report.Illegal), report.Histories(), "^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", report.Seed, *runTime)
	explain(t, report)
}

// explain shows some of the illegal histories.
func explain(t *testing.T, report *robust.Report) {
	folder, err := filepath.Abs("../../build/robust")
	check(t, err)
	for i, world := range report.Illegal {
		if i == 3 {
			t.Logf("and %d more", len(report.Illegal)-i)
			return
		}
		text, err := report.Explain(world, folder)
		check(t, err)
		t.Logf("no order explains this history:\n%s", text)
	}
}

// spaces counts the runs of this process: those of one engine may have one seed.
var spaces atomic.Int64

// space makes the empty part of a store that a run works in.
func space(t *testing.T, run robust.Run) string {
	name := fmt.Sprintf("robust%d_%d", os.Getpid(), spaces.Add(1))
	switch run.Engine {
	case "mongo":
		client, err := mongodriver.Connect(options.Client().ApplyURI(run.URL))
		check(t, err)
		t.Cleanup(func() {
			check(t, client.Database(name).Drop(context.Background()))
			check(t, client.Disconnect(context.Background()))
		})
	case "dynamodb":
	default:
		return name
	}
	run.Config.Space, run.Config.Network = name, nil
	store, err := openers[run.Engine](t.Context(), run.Config)
	check(t, err)
	schema, _ := adapter.As[adapter.Schema](store)
	check(t, schema.ApplySchema(t.Context()))
	check(t, store.Close())
	return name
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
