package redis_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/redis"
)

// manySessions is more than a script should work on at once.
const manySessions = 200_000

// multiply copies a user's session n times, with the same expiry.
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

// Any number of a user's sessions can be listed, ended and deleted, with nothing left behind,
// while the server goes on serving others.
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

// An interrupted sign-out of many sessions has ended all of them, and its repetition cleans up.
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
				t.Errorf("the interrupted call: got %v, want ErrUnavailable", err)
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

// An adapter with digests lists and ends the sessions of one with plain tokens by their
// digests, and the reverse. Neither finds the other's sessions by a token, so that an ID from a
// list gives access to nothing.
func TestAListShowsNoTokenWhateverTheOptions(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			client, prefix := top.open(t, top.server(t).URL), newPrefix()
			defer client.Close()
			stores := []world{
				{T: t, Adapter: open(t, client, redis.Options{Prefix: prefix, Options: adapter.Options{PlainSessionTokens: true}})},
				{T: t, Adapter: open(t, client, redis.Options{Prefix: prefix})},
			}
			stores[0].must(stores[0].create())
			tokens := [][]string{
				{adapter.NewSessionToken("u", [32]byte{1}), "plain-" + prefix, adapter.SessionID("looks like a digest")},
				{adapter.NewSessionToken("u", [32]byte{2}), "digest-" + prefix, adapter.SessionID("looks like another")},
			}
			var want []string
			for i, w := range stores {
				for _, token := range tokens[i] {
					w.must(w.signIn(token))
					want = append(want, adapter.SessionID(token))
				}
			}
			slices.Sort(want)
			for i, w := range stores {
				list, err := w.ListSessions(t.Context(), "u")
				w.must(err)
				var got []string
				for _, s := range list {
					got = append(got, s.ID)
					w.gone("GetSessionAndUser by an ID", w.open(s.ID))
				}
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("got the IDs %q, want %q", got, want)
				}
				for _, token := range tokens[1-i] {
					w.gone("GetSessionAndUser", w.open(token))
				}
			}
			for i, w := range stores {
				for _, token := range tokens[1-i][:2] {
					w.must(w.DeleteSessionByID(t.Context(), "u", adapter.SessionID(token)))
					w.gone("GetSessionAndUser", stores[1-i].open(token))
				}
			}
			stores[1].must(stores[1].DeleteSessions(t.Context(), "u"))
			for i, w := range stores {
				w.gone("GetSessionAndUser", w.open(tokens[i][2]))
			}
			all, _ := keysOf(t, client, prefix)
			for _, key := range all {
				if strings.Contains(key, ":s:") {
					t.Error("a session is left")
				}
			}
		})
	}
}

// The list of a user who signs in again and again, and whose sessions expire, has the live ones
// and a few more, although one session lives long and the list for ever. The same holds for an
// identifier's tokens.
func TestTheListOfSessionsDoesNotGrow(t *testing.T) {
	store, client, prefix := single.newStore(t, redis.Options{})
	ctx := t.Context()
	_, err := store.CreateUser(ctx, adapter.User{ID: "u"})
	check(t, err)
	_, err = store.CreateSession(ctx, adapter.Session{UserID: "u", Expires: time.Now().Add(time.Hour)})
	check(t, err)
	_, err = store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada", Token: "long", Expires: time.Now().Add(time.Hour)})
	check(t, err)
	const each = 1000
	for i := range each {
		past := time.Now().Add(-2 * time.Hour)
		_, err := store.CreateSession(ctx, adapter.Session{UserID: "u", Expires: past})
		check(t, err)
		_, err = store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada", Token: strconv.Itoa(i), Expires: past})
		check(t, err)
	}
	if n := client.ZCard(ctx, prefix+":l:{u}").Val(); n < 1 || n > 220 { // one in a million lists is longer
		t.Errorf("the list of sessions has %d members after %d that have expired, want a few", n, each)
	}
	if n := client.HLen(ctx, prefix+":v:{ada}").Val(); n < 1 || n > 50 {
		t.Errorf("there are %d tokens after %d that have expired, want a few", n, each)
	}
	if list, err := store.ListSessions(ctx, "u"); err != nil || len(list) != 1 {
		t.Errorf("ListSessions: got %d sessions, %v, want one", len(list), err)
	}
}
