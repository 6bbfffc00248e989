package upstash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

// open returns an adapter on a client.
func open(t testing.TB, client *goredis.Client, o upstash.Options) adapter.Adapter {
	t.Helper()
	store, err := upstash.New(client, o)
	check(t, err)
	return store
}

var namespaces atomic.Int64

// newPrefix returns a prefix that no other test uses.
func newPrefix() string { return fmt.Sprintf("t%d-%d:", os.Getpid(), namespaces.Add(1)) }

// budget has the operations that cost more than the contract's table says: records are
// JSON, which is read and replaced to change it. See docs/upstash.md.
var budget = map[string]int{"UpdateUser": 2, "UpdateAccount": 2, "UpdateSession": 2, "UpdateAuthenticatorCounter": 2, "UpdateAuthenticator": 2, "DeleteSessionByID": 2}

func harness(t testing.TB) conformance.Harness {
	server := engine.Redis(t)
	return conformance.Harness{
		ShowCauses: true,
		Backend:    "redis (Upstash layout)",
		Engine:     "Redis " + server.Version,
		Budget:     budget,
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
					return upstash.New(client, upstash.Options{Options: o, BaseKeyPrefix: prefix})
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

// javaScript writes records as the adapters of Auth.js do: their JSON, and what leads to them,
// each in a step of its own and without checking what is there.
type javaScript struct {
	client *goredis.Client
	prefix string
}

func (j javaScript) writer() *conformance.ForeignWriter {
	return &conformance.ForeignWriter{Put: j.put, Has: j.has}
}

func (j javaScript) put(ctx context.Context, r conformance.ForeignRecord) error {
	members, err := stored(r.Members)
	if err != nil {
		return err
	}
	value, err := json.Marshal(members)
	if err != nil {
		return err
	}
	key := j.key(r)
	err = j.client.Set(ctx, key, value, 0).Err()
	if err != nil {
		return err
	}
	switch r.Kind {
	case "User":
		if email, ok := r.Members["email"].(string); ok {
			return j.client.Set(ctx, j.prefix+"user:email:"+email, literal(r.Members, "id"), 0).Err()
		}
	case "Account":
		return j.client.Set(ctx, j.prefix+"user:account:by-user-id:"+literal(r.Members, "userId"), key, 0).Err()
	case "Session":
		return j.client.Set(ctx, j.prefix+"user:session:by-user-id:"+literal(r.Members, "userId"), key, 0).Err()
	case "Authenticator":
		return j.list(ctx, j.prefix+"authenticator:by-user-id:"+literal(r.Members, "userId"), literal(r.Members, "credentialID"))
	}
	return nil
}

// list adds a credential to a user's list of authenticators.
func (j javaScript) list(ctx context.Context, key, credential string) error {
	value, err := j.client.Get(ctx, key).Bytes()
	if errors.Is(err, goredis.Nil) {
		value, err = []byte("[]"), nil
	}
	if err != nil {
		return err
	}
	var all []string
	if err := json.Unmarshal(value, &all); err != nil {
		return err
	}
	value, err = json.Marshal(append(all, credential))
	if err != nil {
		return err
	}
	return j.client.Set(ctx, key, value, 0).Err()
}

func (j javaScript) has(ctx context.Context, r conformance.ForeignRecord) (bool, error) {
	n, err := j.client.Exists(ctx, j.key(r)).Result()
	return n == 1, err
}

// key returns the key that the adapters give a record.
func (j javaScript) key(r conformance.ForeignRecord) string {
	member := func(name string) string { return literal(r.Members, name) }
	switch r.Kind {
	case "User":
		return j.prefix + "user:" + member("id")
	case "Account":
		return j.prefix + "user:account:" + member("provider") + ":" + member("providerAccountId")
	case "Session":
		return j.prefix + "user:session:" + member("sessionToken")
	case "VerificationToken":
		return j.prefix + "user:token:" + member("identifier") + ":" + member("token")
	}
	return j.prefix + "authenticator:" + strings.ReplaceAll(member("credentialID"), "/", ":")
}

// literal returns a member as a template literal of JavaScript prints it.
func literal(members map[string]any, name string) string {
	v, there := members[name]
	switch {
	case !there:
		return "undefined"
	case v == nil:
		return "null"
	}
	if n, ok := v.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// stored returns a value in a form that JSON can hold.
func stored(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000Z"), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.ErrUnsupported
		}
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			var err error
			if all[i], err = stored(e); err != nil {
				return nil, err
			}
		}
		return all, nil
	case map[string]any:
		all := make(map[string]any, len(v))
		for name, e := range v {
			var err error
			if all[name], err = stored(e); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	return v, nil
}
