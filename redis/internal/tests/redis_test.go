package redis_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// newStore returns an adapter on a topology with a prefix of its own, and its client.
func (top topology) newStore(t *testing.T, o redis.Options) (adapter.Adapter, goredis.UniversalClient, string) {
	t.Helper()
	client := top.open(t, top.server(t).URL)
	o.Prefix = newPrefix()
	store := open(t, client, o)
	t.Cleanup(func() {
		check(t, store.Close())
		check(t, client.Close())
	})
	return store, client, o.Prefix
}

// Every session and verification token expires at the server an hour after its own expiry, and
// so do the index entries of tokens made elsewhere. Keys that a sign-out needs do not expire.
func TestTheServerExpires(t *testing.T) {
	for _, top := range topologies {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			ctx := t.Context()
			_, err := store.CreateUser(ctx, adapter.User{ID: "u", Email: "ada@example.com"})
			check(t, err)
			at := adapter.Milliseconds(time.Now().Add(time.Hour))
			s, err := store.CreateSession(ctx, adapter.Session{UserID: "u", Expires: at})
			check(t, err)
			_, err = store.CreateSession(ctx, adapter.Session{UserID: "u", SessionToken: "elsewhere", Expires: at})
			check(t, err)
			_, err = store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: at})
			check(t, err)
			_, err = store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada", Token: "shorter", Expires: time.Now().Add(time.Minute)})
			check(t, err)
			elsewhere := adapter.SessionID("elsewhere")
			expires(t, client, prefix, at, "s:{u}:"+s.ID, "s:{u}:"+elsewhere, "t:{"+elsewhere+"}", "v:{ada}")

			later := at.Add(time.Hour)
			_, err = store.UpdateSession(ctx, "elsewhere", adapter.SessionUpdate{Expires: &later})
			check(t, err)
			_, err = store.UpdateSession(ctx, s.SessionToken, adapter.SessionUpdate{Attributes: adapter.Attributes{"a": "b"}})
			check(t, err)
			expires(t, client, prefix, later, "s:{u}:"+elsewhere, "t:{"+elsewhere+"}")
			expires(t, client, prefix, at, "s:{u}:"+s.ID)
			for _, key := range []string{"u:{u}", "l:{u}"} {
				if left := client.PTTL(ctx, prefix+":"+key).Val(); left != -1 {
					t.Errorf("%s expires in %v, and may be evicted: want never", key, left)
				}
			}
		})
	}
}

// expires fails the test unless keys expire an hour after a time, or a moment later.
func expires(t *testing.T, client goredis.UniversalClient, prefix string, at time.Time, keys ...string) {
	t.Helper()
	first := at.Add(time.Hour - 2*time.Millisecond)
	last := first.Add(10 * time.Second)
	for _, key := range keys {
		got, err := client.PExpireTime(t.Context(), prefix+":"+key).Result()
		check(t, err)
		if ms := got.Milliseconds(); ms < first.UnixMilli() || ms > last.UnixMilli() {
			t.Errorf("%s expires at %v, want from %v to %v", key, ms, first.UnixMilli(), last.UnixMilli())
		}
	}
}

func TestOpenByURL(t *testing.T) {
	for _, top := range topologies {
		t.Run(top.name, func(t *testing.T) {
			url := top.server(t).URL
			separator := "?"
			if strings.Contains(url, "?") {
				separator = "&"
			}
			a, err := adapter.Open(t.Context(), url+separator+"read_timeout=2s&prefix="+newPrefix())
			check(t, err)
			pinger, ok := adapter.As[adapter.Pinger](a)
			if !ok {
				t.Fatal("no Pinger")
			}
			check(t, pinger.Ping(t.Context()))
			u, err := a.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
			check(t, err)
			_, err = a.GetUser(t.Context(), u.ID)
			check(t, err)
			check(t, a.DeleteUser(t.Context(), u.ID))
			check(t, a.Close())
			if err := pinger.Ping(t.Context()); !errors.Is(err, adapter.ErrClosed) {
				t.Errorf("Ping after Close: got %v, want ErrClosed: the client is the adapter's", err)
			}
		})
	}
}

func TestOpenRefusesWhatItCannotServe(t *testing.T) {
	for _, url := range []string{
		"redis://:hunter2@host/notanumber", "redis://:hunter2@host?colour=red", "redis://:hunter2@host?prefix={a}",
		"redis+sentinel://:hunter2@host", "redis+cluster://:hunter2@host?colour=red",
	} {
		a, err := adapter.Open(t.Context(), url)
		if !errors.Is(err, adapter.ErrInvalid) || a != nil {
			t.Errorf("got %v, %v, want ErrInvalid", a, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q holds the password", err)
		}
	}
}

// Opening connects to nothing.
func TestOpenIsLazy(t *testing.T) {
	a, err := adapter.Open(t.Context(), "redis://127.0.0.1:1?max_retries=-1")
	check(t, err)
	if _, err := a.GetUser(t.Context(), "u"); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable: nothing listens there", err)
	}
	check(t, a.Close())
}

// No goroutine outlives Close, not even that of a call whose context has ended.
func TestCloseLeavesNothingBehind(t *testing.T) {
	for _, top := range topologies {
		t.Run(top.name, func(t *testing.T) {
			url := top.server(t).URL
			before := goleak.IgnoreCurrent()
			a, err := adapter.Open(t.Context(), url)
			check(t, err)
			_, _, err = a.GetSessionAndUser(t.Context(), "nobody's")
			if !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			_, _ = a.GetUser(ctx, "nobody") // may be left half way
			check(t, a.Close())
			goleak.VerifyNone(t, before)
		})
	}
}

func TestACallersClientStaysOpen(t *testing.T) {
	client := single.open(t, single.server(t).URL)
	defer client.Close()
	check(t, open(t, client, redis.Options{}).Close())
	check(t, client.Ping(t.Context()).Err())
}

// New refuses what cannot work, and says which option it is.
func TestNewRefusesWhatCannotWork(t *testing.T) {
	client := goredis.NewClient(&goredis.Options{})
	defer client.Close()
	ring := goredis.NewRing(&goredis.RingOptions{})
	defer ring.Close()
	for _, test := range []struct {
		field   string
		client  goredis.UniversalClient
		options redis.Options
	}{
		{"client", nil, redis.Options{}},
		{"client", (*goredis.Client)(nil), redis.Options{}},
		{"client", ring, redis.Options{}},
		{"Options.Prefix", client, redis.Options{Prefix: "{app}"}},
		{"Options.WaitReplicas", client, redis.Options{WaitReplicas: -1}},
		{"Options.WaitReplicas", client, redis.Options{WaitTimeout: -1}},
		{"Options.RequestTimeout", client, redis.Options{RequestTimeout: -1}},
		{"Options.BatchesInFlight", client, redis.Options{BatchesInFlight: -1}},
		{"Options.BatchSize", client, redis.Options{BatchSize: -1}},
	} {
		store, err := redis.New(test.client, test.options)
		var invalid *adapter.InvalidError
		if store != nil || !errors.As(err, &invalid) || invalid.Field != test.field {
			t.Errorf("%T, %+v: got %v, %v, want that %s is invalid", test.client, test.options, store, err, test.field)
		}
	}
}

// Writes wait for a replica without additional round trips, and say so if there are too few.
func TestWaitReplicas(t *testing.T) {
	for _, top := range []topology{sentinel, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, _, _ := top.newStore(t, redis.Options{WaitReplicas: 1, WaitTimeout: 10 * time.Second})
			writes(t, store, nil)
		})
	}
	t.Run("too few", func(t *testing.T) {
		store, _, _ := single.newStore(t, redis.Options{WaitReplicas: 1, WaitTimeout: 10 * time.Millisecond})
		writes(t, store, adapter.ErrUnavailable)
	})
	t.Run("too few have the claims", func(t *testing.T) {
		store, _, _ := cluster.newStore(t, redis.Options{WaitReplicas: 2, WaitTimeout: 10 * time.Millisecond})
		for n := range 20 { // until all nodes have the scripts
			id := strconv.Itoa(n)
			_, _, err := store.CreateUserWithAccount(t.Context(), adapter.User{ID: id, Email: id + "@example.com"}, adapter.Account{Type: "oauth", Provider: "github", ProviderAccountID: id})
			if !errors.Is(err, adapter.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			if _, err := store.GetUser(t.Context(), id); !errors.Is(err, adapter.ErrNotFound) {
				t.Fatalf("got %v, want no user: a failover could take the claims away, and give the address to somebody else", err)
			}
		}
	})
}

// writes fails the test unless every kind of write ends in a kind of error.
func writes(t *testing.T, a adapter.Adapter, want error) {
	t.Helper()
	ctx, hour, token := t.Context(), time.Now().Add(time.Hour), adapter.NewSessionToken("u", [32]byte{1})
	u, err1 := a.CreateUser(ctx, adapter.User{ID: "u", Email: "ada@example.com"})
	_, err2 := a.CreateSession(ctx, adapter.Session{UserID: "u", SessionToken: token, Expires: hour})
	_, err3 := a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: hour})
	_, err4 := a.UseVerificationToken(ctx, "ada", "t")
	err5 := a.DeleteSession(ctx, token)
	for i, err := range []error{err1, err2, err3, err4, err5} {
		if !errors.Is(err, want) {
			t.Errorf("write %d: got %v, want %v", i+1, err, want)
		}
	}
	if got, err := a.GetUser(ctx, "u"); err != nil || got.ID != "u" {
		t.Errorf("GetUser: got %+v, %v, want the user: it was written (%+v)", got, err, u)
	}
}

// The scripts are sent again to a server that has lost them.
func TestScriptsAreSentAgain(t *testing.T) {
	for _, top := range topologies {
		store, client, _ := top.newStore(t, redis.Options{})
		flush := func(ctx context.Context, c *goredis.Client) error { return c.ScriptFlush(ctx).Err() }
		if c, ok := client.(*goredis.ClusterClient); ok {
			check(t, c.ForEachMaster(t.Context(), flush))
		} else {
			check(t, client.ScriptFlush(t.Context()).Err())
		}
		_, _, err := store.CreateUserWithAccount(t.Context(), adapter.User{Email: "ada@example.com"},
			adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"})
		if err != nil {
			t.Errorf("%s: %v", top.name, err)
		}
	}
}
