package redis_test

import (
	"errors"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// A session that cannot be read is said to be so, and does not keep the others from being
// ended, nor itself.
func TestASessionThatCannotBeRead(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			w := world{T: t, Adapter: store, token: adapter.NewSessionToken("u", [32]byte{1})}
			w.must(w.create())
			w.must(w.signIn(w.token))
			w.must(w.signIn("elsewhere"))
			key := prefix + ":s:{u}:" + adapter.SessionID(w.token)
			value, err := client.GetRange(t.Context(), key, 0, 10).Result() // its generation
			check(t, err)
			check(t, client.Set(t.Context(), key, value+"\x81\xa1t\xa3soon", 0).Err())
			if err := w.open(w.token); !errors.Is(err, adapter.ErrUnreadable) {
				t.Errorf("GetSessionAndUser: got %v, want ErrUnreadable", err)
			}
			check(t, client.Set(t.Context(), key, value+"\xc1", 0).Err())
			if err := w.open(w.token); !errors.Is(err, adapter.ErrUnreadable) {
				t.Errorf("GetSessionAndUser: got %v, want ErrUnreadable", err)
			}
			w.must(w.DeleteSessions(t.Context(), "u"))
			w.over(w.token, "elsewhere")
			if client.Exists(t.Context(), key).Val() != 0 {
				t.Error("it is left")
			}
		})
	}
}
