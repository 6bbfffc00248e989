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
	"github.com/authstore/authstore/internal/silent"
	"github.com/authstore/authstore/redis/upstash"
)

// Dead connections cost a read no more than a second, however many the client has; a write is
// ErrUnavailable in bounded time.
func TestSilentConnections(t *testing.T) {
	redistest.CheckSilence(t, engine.Redis(t).URL, "redis+upstash", newPrefix())
}

// A deadline holds while no name server answers, and its error is that of the context.
func TestDeadlineWhileDNSIsSilent(t *testing.T) {
	c := goredis.NewClient(&goredis.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	t.Cleanup(func() { check(t, c.Close()) })
	store := open(t, c, upstash.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := store.GetUser(ctx, "u")
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || time.Since(begun) > 400*time.Millisecond {
		t.Errorf("got %v after %v, want the deadline's error", err, time.Since(begun))
	}
}

// Calls that end by their deadline do not cost the connections of a server that is only slow.
func TestDeadlinesKeepConnections(t *testing.T) {
	o, err := goredis.ParseURL(engine.Redis(t).URL)
	check(t, err)
	proxy := silent.New(t, o.Addr)
	o.Addr = proxy.Addr
	c := goredis.NewClient(o)
	t.Cleanup(func() { check(t, c.Close()) })
	store := open(t, c, upstash.Options{BaseKeyPrefix: newPrefix()})
	_, _ = store.GetUser(t.Context(), "u")
	for range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Microsecond)
		_, _ = store.GetUser(ctx, "u")
		cancel()
		_, _ = store.GetUser(t.Context(), "u")
	}
	if n := proxy.Made(); n > 10 {
		t.Errorf("got %d connections, want few", n)
	}
}

// No goroutine runs after Close, not even for a moment.
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
