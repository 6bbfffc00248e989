package redis_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis"
	"github.com/authstore/authstore/redis/internal/hashslot"
)

// faulty returns a store whose client's commands are steps of an injector.
func (top topology) faulty(t *testing.T) (world, *fault.Injector, goredis.UniversalClient, string) {
	t.Helper()
	store, client, prefix := top.newStore(t, redis.Options{})
	faults := &fault.Injector{}
	client.AddHook(redistest.Steps{Injector: faults})
	return world{T: t, Adapter: store, token: adapter.NewSessionToken("u", [32]byte{1})}, faults, top.open(t, top.server(t).URL), prefix
}

// cut makes a call that is cut at its second step.
func (w world) cut(faults *fault.Injector, call func() error) {
	w.Helper()
	faults.Arm(fault.Plan{Step: 2, Mode: fault.LoseCommand})
	err := call()
	if hit := faults.Disarm(); !hit || !errors.Is(err, adapter.ErrUnavailable) {
		w.Fatalf("the interrupted call: got %v, want ErrUnavailable", err)
	}
}

// A claim stays revoked, beside others of its slot, for as long as its write may come, and not
// for ever.
func TestRevocationsStayForAnHour(t *testing.T) {
	w, faults, client, prefix := cluster.faulty(t)
	defer client.Close()
	revoked := prefix + ":x:{" + hashslot.Tag("u") + "}"
	now := time.Now()
	for nonce, age := range map[string]time.Duration{"recent": 59 * time.Minute, "past": 61 * time.Minute} {
		check(t, client.ZAdd(t.Context(), revoked, goredis.Z{Score: float64(now.Add(-age).UnixMilli()), Member: nonce}).Err())
	}
	w.cut(faults, w.create)
	_, err := w.CreateUser(t.Context(), adapter.User{ID: "v", Email: "ada@example.com"})
	w.must(err)
	got := client.ZRange(t.Context(), revoked, 0, -1).Val()
	if len(got) != 2 || !slices.Contains(got, "recent") {
		t.Errorf("got the revocations %q, want the recent one and a new one", got)
	}
}

// belated makes writes that fulfil claims arrive after their deadline.
type belated struct{}

func (belated) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (belated) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (belated) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if args := cmd.Args(); strings.HasPrefix(cmd.Name(), "eval") {
			if keys := args[2].(int); keys >= 3 { // those of claims have fewer
				args[3+keys+3] = "1" // after the prefix, whether there is one server, and the ID
			}
		}
		return next(ctx, cmd)
	}
}

// A write that arrives so late that the revocation of its claim may be gone does nothing.
func TestAWriteAfterItsDeadlineIsRefused(t *testing.T) {
	for name, call := range map[string]func(w world) error{
		"CreateUser": func(w world) error {
			_, err := w.CreateUser(w.Context(), adapter.User{ID: "v", Email: "grace@example.com"})
			return err
		},
		"UpdateUser":          func(w world) error { return w.move("grace@example.com") },
		"LinkAccount":         world.link,
		"CreateAuthenticator": world.passkey,
		"CreateSession":       func(w world) error { return w.signIn("elsewhere") },
	} {
		t.Run(name, func(t *testing.T) {
			store, client, _ := cluster.newStore(t, redis.Options{})
			w := world{T: t, Adapter: store}
			w.must(w.create())
			client.AddHook(belated{})
			if err := call(w); !errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "clocks") {
				t.Errorf("got %v, want ErrSetup that names the clocks", err)
			}
		})
	}
}

// What an interrupted call leaves to be cleaned up expires if no other call does it.
func TestWhatACutLeavesExpires(t *testing.T) {
	left := func(t *testing.T, client goredis.UniversalClient, key string, most time.Duration) {
		t.Helper()
		if got := client.PTTL(t.Context(), key).Val(); got <= 0 || got > most {
			t.Errorf("%s expires in %v, want within %v", key, got, most)
		}
	}
	t.Run("DeleteUser", func(t *testing.T) {
		w, faults, client, prefix := cluster.faulty(t)
		defer client.Close()
		w.must(w.create())
		w.must(w.DeleteUser(t.Context(), "u")) // the server has the script
		w.must(w.create())
		w.must(w.link())
		w.cut(faults, func() error { return w.DeleteUser(t.Context(), "u") })
		left(t, client, prefix+":d:{u}", 7*24*time.Hour)
	})
	t.Run("DeleteSessions", func(t *testing.T) {
		w, faults, client, prefix := single.faulty(t)
		defer client.Close()
		w.must(w.create())
		w.must(w.signIn(w.token))
		multiply(t, client, prefix, 3000)
		w.must(w.DeleteSessions(t.Context(), "nobody")) // the server has the script
		w.cut(faults, func() error { return w.DeleteSessions(t.Context(), "u") })
		left(t, client, prefix+":o:{u}", 24*time.Hour)
	})
}
