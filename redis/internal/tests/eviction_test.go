package redis_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// keysOf returns the keys that begin with a prefix, and which of them the server may evict
// under a volatile policy: those that expire.
func keysOf(t *testing.T, client goredis.UniversalClient, prefix string) (all, volatile []string) {
	t.Helper()
	each := func(ctx context.Context, c *goredis.Client) error {
		keys := c.Scan(ctx, 0, prefix+":*", 1000).Iterator()
		for keys.Next(ctx) {
			all = append(all, keys.Val())
			if c.PTTL(ctx, keys.Val()).Val() > 0 {
				volatile = append(volatile, keys.Val())
			}
		}
		return keys.Err()
	}
	for _, node := range nodes(t, client) {
		check(t, each(t.Context(), node))
	}
	slices.Sort(all)
	slices.Sort(volatile)
	return all, volatile
}

// nodes returns a client of each server that has keys.
func nodes(t *testing.T, client goredis.UniversalClient) []*goredis.Client {
	t.Helper()
	c, ok := client.(*goredis.ClusterClient)
	if !ok {
		return []*goredis.Client{client.(*goredis.Client)}
	}
	var mu sync.Mutex
	var all []*goredis.Client
	check(t, c.ForEachMaster(t.Context(), func(_ context.Context, node *goredis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, node)
		return nil
	}))
	return all
}

// Whatever a server under a volatile policy has evicted, a session that was signed out stays
// so: also if the evicted key is the one by which sessions are found, and also if a user with
// the same ID is created after.
func TestSignOutWhateverWasEvicted(t *testing.T) {
	ends := map[string]func(w world) error{
		"DeleteSessions":         func(w world) error { return w.DeleteSessions(w.Context(), "u") },
		"DeleteSessions but one": func(w world) error { return w.DeleteSessions(w.Context(), "u", w.token) },
		"DeleteUser":             func(w world) error { return w.DeleteUser(w.Context(), "u") },
		"DeleteVerificationTokens": func(w world) error {
			w.must(w.DeleteSessions(w.Context(), "u"))
			return w.DeleteVerificationTokens(w.Context(), "ada")
		},
	}
	for _, top := range []topology{single, cluster} {
		for name, end := range ends {
			t.Run(top.name+"/"+name, func(t *testing.T) {
				client := top.open(t, top.server(t).URL)
				defer client.Close()
				for set := 0; ; set++ { // each bit is one key that is evicted
					prefix := newPrefix()
					w := world{T: t, Adapter: open(t, client, redis.Options{Prefix: prefix}), token: adapter.NewSessionToken("u", [32]byte{1})}
					others := []string{adapter.NewSessionToken("u", [32]byte{2}), "elsewhere-" + prefix}
					w.must(w.create())
					for _, token := range append(others, w.token) {
						w.must(w.signIn(token))
					}
					w.must(w.send())
					all, volatile := keysOf(t, client, prefix)
					candidates := slices.DeleteFunc(volatile, func(k string) bool { return k[len(prefix):][:3] == ":r:" }) // answers
					candidates = append(candidates, prefix+":l:{u}")                                                       // which only an operator takes away
					if len(all) < 8 {
						t.Fatalf("got the keys %q, want more", all)
					}
					if set>>len(candidates) > 0 {
						return
					}
					for i, key := range candidates {
						if set>>i&1 == 1 {
							check(t, client.Del(t.Context(), key).Err())
						}
					}
					kept := w.open(w.token) == nil
					w.must(end(w))
					w.over(others...)
					switch name {
					case "DeleteSessions but one":
						w.want("the session that is kept opens", w.open(w.token) == nil, kept)
					case "DeleteVerificationTokens":
						w.gone("UseVerificationToken", w.use())
					case "DeleteUser":
						w.must(w.create())
						fallthrough
					default:
						w.over(w.token)
					}
					if t.Failed() {
						t.Fatalf("evicted: %b of %q", set, candidates)
					}
				}
			})
		}
	}
}

// over fails the test if a token still gives access to a session.
func (w world) over(tokens ...string) {
	w.Helper()
	for _, token := range tokens {
		w.gone("GetSessionAndUser", w.open(token))
		at := time.Now().Add(time.Hour)
		_, err := w.UpdateSession(w.Context(), token, adapter.SessionUpdate{Expires: &at})
		w.gone("UpdateSession", err)
	}
	if list, err := w.ListSessions(w.Context(), "u"); err != nil || len(list) > 1 {
		w.Errorf("ListSessions: got %d, %v", len(list), err)
	}
}

// A session that a sign-out has ended, although an evicted list did not show it, does not keep
// its token, and no other sign-out brings it back.
func TestWhatIsOverStaysOverWhateverWasEvicted(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			w := world{T: t, Adapter: store, token: adapter.NewSessionToken("u", [32]byte{1})}
			w.must(w.create())
			for _, token := range []string{w.token, "elsewhere"} {
				w.must(w.signIn(token))
			}
			check(t, client.Del(t.Context(), prefix+":l:{u}").Err())
			w.must(w.DeleteSessions(t.Context(), "u"))
			if client.Exists(t.Context(), prefix+":s:{u}:"+adapter.SessionID("elsewhere")).Val() == 0 {
				t.Fatal("the session is gone, want it left")
			}
			w.must(w.DeleteSessions(t.Context(), "u", w.token, "elsewhere"))
			w.over(w.token, "elsewhere")
			_, err := w.CreateUser(t.Context(), adapter.User{ID: "v"})
			w.must(err)
			_, err = w.CreateSession(t.Context(), adapter.Session{UserID: "v", SessionToken: "elsewhere", Expires: time.Now().Add(time.Hour)})
			w.must(err)
			s, _, err := w.GetSessionAndUser(t.Context(), "elsewhere")
			w.must(err)
			w.want("the user of the token", s.UserID, "v")
		})
	}
}
