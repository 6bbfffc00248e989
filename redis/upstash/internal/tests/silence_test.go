package upstash_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis/upstash"
)

// Connections that died without a word cost a read a moment, with a deadline and without,
// however many of them the client has; a write is ErrUnavailable in bounded time.
func TestSilentConnections(t *testing.T) {
	o, err := goredis.ParseURL(engine.Redis(t).URL)
	check(t, err)
	proxy := redistest.NewProxy(t, o.Addr)
	store, err := adapter.Open(t.Context(), "redis+upstash://"+proxy.Addr+"?request_timeout=4s&prefix="+newPrefix())
	check(t, err)
	u, err := store.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	se, err := store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	reads := map[string]func(context.Context) error{
		"GetSessionAndUser": func(ctx context.Context) error {
			_, _, err := store.GetSessionAndUser(ctx, se.SessionToken)
			return err
		},
		"GetUser": func(ctx context.Context) error {
			_, err := store.GetUser(ctx, u.ID)
			return err
		},
		"ListSessions": func(ctx context.Context) error {
			_, err := store.ListSessions(ctx, u.ID)
			return err
		},
		"Ping": func(ctx context.Context) error {
			p, _ := adapter.As[adapter.Pinger](store)
			return p.Ping(ctx)
		},
	}
	for name, read := range reads {
		for limit, within := range map[time.Duration]time.Duration{0: 1500 * time.Millisecond, 800 * time.Millisecond: 780 * time.Millisecond} {
			var busy sync.WaitGroup // connections to forget
			for range 5 {
				busy.Go(func() { check(t, read(t.Context())) })
			}
			busy.Wait()
			proxy.Silence(false)
			ctx, cancel := t.Context(), func() {}
			if limit > 0 {
				ctx, cancel = context.WithTimeout(ctx, limit)
			}
			begun := time.Now()
			if err := read(ctx); err != nil || time.Since(begun) > within {
				t.Errorf("%s, a deadline of %v: got %v after %v, want an answer", name, limit, err, time.Since(begun))
			}
			cancel()
		}
	}
	proxy.Silence(true)
	begun := time.Now()
	_, err = store.CreateUser(t.Context(), adapter.User{})
	if !errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
		t.Errorf("CreateUser: got %v after %v, want ErrUnavailable", err, time.Since(begun))
	}
	begun = time.Now()
	_, err = store.GetUser(t.Context(), u.ID)
	if !errors.Is(err, adapter.ErrUnavailable) || time.Since(begun) > 5*time.Second {
		t.Errorf("GetUser: got %v after %v, want ErrUnavailable", err, time.Since(begun))
	}
	check(t, store.Close())
}

// A deadline is kept while nobody answers who the host is, and its error is that alone.
func TestDeadlineWhileDNSIsSilent(t *testing.T) {
	c := goredis.NewClient(&goredis.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	t.Cleanup(func() { check(t, c.Close()) })
	store := upstash.New(c, upstash.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := store.GetUser(ctx, "u")
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || time.Since(begun) > 400*time.Millisecond {
		t.Errorf("got %v after %v, want the deadline's error", err, time.Since(begun))
	}
}

// Calls that end by their deadline throw away no connection of a server that is only slow.
func TestDeadlinesKeepConnections(t *testing.T) {
	o, err := goredis.ParseURL(engine.Redis(t).URL)
	check(t, err)
	proxy := redistest.NewProxy(t, o.Addr)
	o.Addr = proxy.Addr
	c := goredis.NewClient(o)
	t.Cleanup(func() { check(t, c.Close()) })
	store := upstash.New(c, upstash.Options{BaseKeyPrefix: newPrefix()})
	_, _ = store.GetUser(t.Context(), "u")
	for range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Microsecond)
		_, _ = store.GetUser(ctx, "u")
		cancel()
		_, _ = store.GetUser(t.Context(), "u")
	}
	if n := proxy.Opened.Load(); n > 10 {
		t.Errorf("got %d connections, want few", n)
	}
}

// Nothing runs after Close, not even for a moment.
func TestNoGoroutineOutlivesClose(t *testing.T) {
	server := engine.Redis(t).URL
	before := goleak.IgnoreCurrent()
	store, err := adapter.Open(t.Context(), "redis+upstash"+server[len("redis"):])
	check(t, err)
	var busy sync.WaitGroup
	for range 20 {
		busy.Go(func() { _, _ = store.GetUser(t.Context(), "u") })
	}
	busy.Wait()
	check(t, store.Close())
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
