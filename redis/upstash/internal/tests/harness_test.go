package upstash_test

import (
	"context"
	"fmt"
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
	"github.com/authstore/authstore/redis/upstash"
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

func newClient(t testing.TB) *goredis.Client { return clientOf(t, engine.Redis(t)) }

func clientOf(t testing.TB, server engine.Server) *goredis.Client {
	o, err := goredis.ParseURL(server.URL)
	check(t, err)
	return goredis.NewClient(o)
}

var namespaces atomic.Int64

// newPrefix returns a prefix that no other test uses.
func newPrefix() string { return fmt.Sprintf("t%d-%d:", os.Getpid(), namespaces.Add(1)) }

// budget has the operations that cost more than the contract's table says: records are
// JSON, which is changed by reading it and putting it back. See the package comment.
var budget = map[string]int{"UpdateUser": 2, "UpdateAccount": 2, "UpdateSession": 2, "UpdateAuthenticatorCounter": 2, "UpdateAuthenticator": 2, "DeleteSessionByID": 2}

func harness(t testing.TB) conformance.Harness {
	server := engine.Redis(t)
	return conformance.Harness{
		Backend: "redis (Upstash layout)",
		Engine:  "Redis " + server.Version,
		Budget:  budget,
		LeftOut: map[conformance.Feature]string{
			conformance.Digests: "Auth.js looks sessions up by their tokens, which the layout therefore has as they are",
		},
		Namespace: func(ctx context.Context) (conformance.Namespace, error) {
			server := server
			var restart func(context.Context) error
			if conformance.Needs(ctx, conformance.Restart) {
				server = engine.RedisDurable(t)
				restart = func(ctx context.Context) error { return server.Restart(ctx, t) }
			}
			client, prefix, faults := clientOf(t, server), newPrefix(), &fault.Injector{}
			client.AddHook(redistest.Steps{Injector: faults})
			return conformance.Namespace{
				Open: func(o adapter.Options) (adapter.Adapter, error) {
					return upstash.New(client, upstash.Options{Options: o, BaseKeyPrefix: prefix}), nil
				},
				Dump:        func(ctx context.Context) ([]string, error) { return redistest.Dump(ctx, client, prefix) },
				Faults:      faults,
				RoundTrips:  faults.Count,
				PlainTokens: true,
				Foreign:     javaScript{client, prefix}.writer(),
				URL:         redistest.URL(strings.Replace(server.URL, "redis:", "redis+upstash:", 1), prefix),
				Restart:     restart,
				Close:       func() error { return redistest.Remove(client, prefix) },
			}, nil
		},
	}
}
