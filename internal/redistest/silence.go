package redistest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/silent"
)

// CheckSilence fails the test unless connections of a store that died without a word cost a
// read a moment, however many of them the client has, with a deadline and without, and every
// call is ErrUnavailable in bounded time where nothing answers. The store is opened by URL, under a scheme.
func CheckSilence(t *testing.T, server, scheme, prefix string) {
	o, err := goredis.ParseURL(server)
	check(t, err)
	proxy := silent.New(t, o.Addr)
	store, err := adapter.Open(t.Context(), scheme+"://"+proxy.Addr+"?request_timeout=2s&prefix="+prefix)
	check(t, err)
	for name, read := range reads(t, store) {
		for limit, within := range map[time.Duration]time.Duration{0: 1500 * time.Millisecond, 800 * time.Millisecond: 780 * time.Millisecond} {
			var busy sync.WaitGroup // connections to forget
			for range 5 {
				busy.Go(func() { check(t, read(t.Context())) })
			}
			busy.Wait()
			proxy.Kill()
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
	proxy.Silence()
	calls := map[string]func() error{
		"CreateUser": func() error { _, err := store.CreateUser(t.Context(), adapter.User{}); return err },
		"GetUser":    func() error { _, err := store.GetUser(t.Context(), "u"); return err },
	}
	if r, ok := adapter.As[adapter.Repairer](store); ok {
		calls["CheckSchema"] = func() error { _, err := r.CheckSchema(t.Context()); return err }
		calls["Repair"] = func() error { _, err := r.Repair(t.Context(), false); return err }
	}
	if p, ok := adapter.As[adapter.Purger](store); ok {
		calls["PurgeExpired"] = func() error { _, err := p.PurgeExpired(t.Context()); return err }
	}
	for name, call := range calls {
		begun := time.Now()
		err := call()
		if !errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 3*time.Second {
			t.Errorf("%s: got %v after %v, want ErrUnavailable", name, err, time.Since(begun))
		}
	}
	check(t, store.Close())
}

// reads returns reads of a store that find something.
func reads(t *testing.T, store adapter.Adapter) map[string]func(context.Context) error {
	t.Helper()
	u, err := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	session := func(token string) func(context.Context) error {
		s, err := store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, SessionToken: token, Expires: time.Now().Add(time.Hour)})
		check(t, err)
		return func(ctx context.Context) error {
			_, _, err := store.GetSessionAndUser(ctx, s.SessionToken)
			return err
		}
	}
	pinger, _ := adapter.As[adapter.Pinger](store)
	return map[string]func(context.Context) error{
		"GetSessionAndUser":                  session(""),
		"GetSessionAndUser (made elsewhere)": session("elsewhere"),
		"GetUserByEmail":                     func(ctx context.Context) error { _, err := store.GetUserByEmail(ctx, u.Email); return err },
		"ListSessions":                       func(ctx context.Context) error { _, err := store.ListSessions(ctx, u.ID); return err },
		"Ping":                               pinger.Ping,
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
