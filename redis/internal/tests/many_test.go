package redis_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/redis"
)

// manySessions is more than what a script can do at once, or a reply hold in comfort.
const manySessions = 200_000

// multiply gives a user many sessions, all with one expiry, as copies of one.
func multiply(t *testing.T, client goredis.UniversalClient, prefix string, n int) {
	t.Helper()
	ctx, list := t.Context(), prefix+":l:{u}"
	one := client.ZRangeWithScores(ctx, list, 0, 0).Val()[0]
	value, err := client.Get(ctx, prefix+":s:{u}:"+one.Member.(string)).Result()
	check(t, err)
	for i := 0; i < n; i += 10_000 {
		_, err := client.Pipelined(ctx, func(p goredis.Pipeliner) error {
			for j := i; j < min(n, i+10_000); j++ {
				stored := fmt.Sprintf("copy%039d", j)
				p.Set(ctx, prefix+":s:{u}:"+stored, value, time.Hour)
				p.ZAdd(ctx, list, goredis.Z{Score: one.Score, Member: stored})
			}
			return nil
		})
		check(t, err)
	}
}

// Any number of a user's sessions is listed, ended and deleted, and nothing is left of
// them, while the server goes on to serve others.
func TestAUserWithVeryManySessions(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			w := world{T: t, Adapter: store, token: adapter.NewSessionToken("u", [32]byte{1})}
			w.must(w.create())
			w.must(w.signIn(w.token))
			multiply(t, client, prefix, manySessions)
			longest := served(t, client, func() {
				list, err := w.ListSessions(t.Context(), "u")
				w.must(err)
				w.want("sessions listed", len(list), manySessions+1)
			})
			t.Logf("others waited for up to %v while they were listed", longest)

			longest = served(t, client, func() { w.must(w.DeleteSessions(t.Context(), "u", w.token)) })
			t.Logf("others waited for up to %v while they were ended", longest)
			w.must(w.open(w.token))
			if all, _ := keysOf(t, client, prefix); len(all) > 10 { // with what was answered
				t.Errorf("%d keys are left", len(all))
			}

			multiply(t, client, prefix, manySessions)
			longest = served(t, client, func() { w.must(w.DeleteUser(t.Context(), "u")) })
			t.Logf("others waited for up to %v while the user was deleted", longest)
			w.gone("GetSessionAndUser", w.open(w.token))
			if all, _ := keysOf(t, client, prefix); len(all) > 10 { // with what was answered
				t.Errorf("%d keys are left", len(all))
			}
		})
	}
}

// served returns how long a bare command took at most while something was done.
func served(t *testing.T, client goredis.UniversalClient, do func()) (longest time.Duration) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan time.Duration)
	go func() {
		var longest time.Duration
		for {
			select {
			case <-stop:
				done <- longest
				return
			default:
			}
			begun := time.Now()
			_ = client.Get(t.Context(), "{u}").Err()
			longest = max(longest, time.Since(begun))
			time.Sleep(time.Millisecond)
		}
	}()
	begun := time.Now()
	do()
	t.Logf("took %v", time.Since(begun).Round(time.Millisecond))
	close(stop)
	return <-done
}

// A deletion of many sessions that was cut ended all of them, and its repetition tidies up.
func TestASignOutOfManyThatIsCut(t *testing.T) {
	for _, name := range []string{"DeleteSessions", "DeleteUser"} {
		t.Run(name, func(t *testing.T) {
			namespace, err := single.harness(t).Namespace(t.Context())
			check(t, err)
			defer namespace.Close()
			store, err := namespace.Open(adapter.Options{})
			check(t, err)
			w := world{T: t, Adapter: store}
			w.must(w.create())
			for range 2500 {
				w.must(w.signIn(""))
			}
			list, err := w.ListSessions(t.Context(), "u")
			w.must(err)
			w.want("sessions listed", len(list), 2500)
			end := func() error {
				if name == "DeleteUser" {
					return w.DeleteUser(t.Context(), "u")
				}
				return w.DeleteSessions(t.Context(), "u")
			}
			w.must(w.DeleteUser(t.Context(), "nobody")) // the server has the scripts
			w.must(w.DeleteSessions(t.Context(), "nobody"))
			namespace.Faults.Arm(fault.Plan{Step: 2, Mode: fault.LoseCommand})
			if err := end(); !errors.Is(err, adapter.ErrUnavailable) {
				t.Errorf("the call that is cut: got %v, want ErrUnavailable", err)
			}
			namespace.Faults.Disarm()
			if list, err := w.ListSessions(t.Context(), "u"); err != nil || len(list) > 0 {
				t.Errorf("after the cut: %d sessions, %v", len(list), err)
			}
			w.must(end())
			dump, err := namespace.Dump(t.Context())
			check(t, err)
			if i := slices.IndexFunc(dump, func(record string) bool { return strings.Contains(record, ":s:{u}:") }); i >= 0 {
				t.Error("the repetition has left sessions behind")
			}
		})
	}
}
