package redis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
)

// Connections that died without a word cost a read a moment, however many of them the
// client has.
func TestSilentConnections(t *testing.T) {
	o, err := goredis.ParseURL(engine.Redis(t).URL)
	check(t, err)
	proxy := redistest.NewProxy(t, o.Addr)
	store, err := adapter.Open(t.Context(), "redis://"+proxy.Addr+"?prefix="+newPrefix())
	check(t, err)
	t.Cleanup(func() { check(t, store.Close()) })
	u, err := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	expires := time.Now().Add(time.Hour)
	made, err := store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: expires})
	check(t, err)
	_, err = store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, SessionToken: "elsewhere", Expires: expires})
	check(t, err)
	session := func(token string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, _, err := store.GetSessionAndUser(ctx, token)
			return err
		}
	}
	for name, read := range map[string]func(context.Context) error{
		"GetSessionAndUser":                  session(made.SessionToken),
		"GetSessionAndUser (made elsewhere)": session("elsewhere"),
		"GetUserByEmail": func(ctx context.Context) error {
			_, err := store.GetUserByEmail(ctx, u.Email)
			return err
		},
		"ListAccounts": func(ctx context.Context) error {
			_, err := store.ListAccounts(ctx, u.ID)
			return err
		},
	} {
		var busy sync.WaitGroup // connections to forget
		for range 5 {
			busy.Go(func() { check(t, read(t.Context())) })
		}
		busy.Wait()
		proxy.Silence(false)
		ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
		begun := time.Now()
		if err := read(ctx); err != nil {
			t.Errorf("%s: got %v after %v, want an answer", name, err, time.Since(begun))
		}
		cancel()
	}
}
