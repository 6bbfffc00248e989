package betterauth_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/memory"
	"github.com/authstore/authstore/redis/betterauth"
)

func TestMain(m *testing.M) {
	goredis.SetLogger(quiet{})
	engine.Main(m)
}

// quiet keeps the client's reports of its pools out of the tests' output.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newClient(t testing.TB) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(engine.Redis(t).URL)
	check(t, err)
	client := goredis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

var namespaces atomic.Int64

// newPrefix returns a prefix that no other test uses.
func newPrefix() string { return fmt.Sprintf("t%d-%d:", os.Getpid(), namespaces.Add(1)) }

// harness runs the suite with users in memory. A fault hits whole operations of that store, and
// each request of the other.
func harness(t testing.TB) conformance.Harness {
	server := engine.Redis(t)
	return conformance.Harness{
		Backend: "redis (Better Auth layout)",
		Engine:  "Redis " + server.Version,
		LeftOut: map[conformance.Feature]string{
			conformance.Digests:    "Better Auth looks sessions up by their tokens, which the layout therefore has as they are",
			conformance.RoundTrips: "there are two stores: cost_test.go counts the calls of both",
			conformance.Purge:      "Redis removes what has expired by itself",
			conformance.SetUp:      "Redis needs no set-up",
			conformance.Mend:       "users are in another store",
			conformance.Foreign:    "the records of the tests are those of Auth.js: see package interop",
			conformance.Enumerate:  "users are in another store, which enumerates them",
			conformance.ByURL:      "a URL cannot name the store of users",
			conformance.Restart:    "users are in memory here, and end with the process",
		},
		Namespace: func(context.Context) (conformance.Namespace, error) {
			o, err := goredis.ParseURL(server.URL)
			if err != nil {
				return conformance.Namespace{}, err
			}
			client, users, prefix, faults := goredis.NewClient(o), memory.NewStore(), newPrefix(), &fault.Injector{}
			client.AddHook(redistest.Steps{Injector: faults})
			return conformance.Namespace{
				Open: func(o adapter.Options) (adapter.Adapter, error) {
					return betterauth.New(client, fault.Wrap(memory.New(memory.Options{Options: o, Store: users}), faults), betterauth.Options{Options: o, KeyPrefix: prefix})
				},
				// The times of revocation are left out: they have the IDs of users who were
				// deleted, as the package comment says.
				Dump: func(ctx context.Context) ([]string, error) {
					all, err := redistest.Dump(ctx, client, prefix)
					all = slices.DeleteFunc(all, func(r string) bool { return strings.Contains(r, prefix+"revoked-sessions-before-") })
					for _, r := range users.Records() {
						all = append(all, fmt.Sprintf("%+v", r))
					}
					return all, err
				},
				Faults:      faults,
				PlainTokens: true,
				Close:       func() error { return redistest.Remove(client, prefix) },
			}, nil
		},
	}
}
