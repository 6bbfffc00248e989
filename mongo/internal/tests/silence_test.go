package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/silent"
	"github.com/authstore/authstore/mongo"
)

// host returns the address of a server.
func host(t testing.TB, url string) string {
	rest := strings.TrimPrefix(url, "mongodb://")
	name, _, found := strings.Cut(rest, "/")
	if !found {
		t.Fatalf("no host in %s", url)
	}
	return name
}

// throughProxy returns an adapter whose connections go through a proxy, opened by URL or on
// an application's client.
func throughProxy(t *testing.T, byURL bool, more string) (adapter.Adapter, *silent.Proxy) {
	db := replicaSet.bare(t)
	open(t, db, mongo.Options{})
	proxy := silent.New(t, host(t, replicaSet.server(t).URL))
	url := fmt.Sprintf("mongodb://%s/%s?directConnection=true%s", proxy.Addr, db.Name(), more)
	var store adapter.Adapter
	if byURL {
		var err error
		store, err = adapter.Open(t.Context(), url)
		check(t, err)
	} else {
		client, err := driver.Connect(options.Client().ApplyURI(url))
		check(t, err)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = client.Disconnect(ctx)
		})
		store = connect(t, client.Database(db.Name()), mongo.Options{})
	}
	t.Cleanup(func() { check(t, store.Close()) })
	return store, proxy
}

// signedIn returns the token of a session, after n calls at once have read it, for which
// the client makes as many connections.
func signedIn(t *testing.T, store adapter.Adapter, n int) string {
	t.Helper()
	u, err := store.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	session, err := store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: noon})
	check(t, err)
	var reading sync.WaitGroup
	for range n {
		reading.Go(func() {
			for range 30 {
				if _, _, err := store.GetSessionAndUser(t.Context(), session.SessionToken); err != nil {
					t.Error(err)
				}
			}
		})
	}
	reading.Wait()
	return session.SessionToken
}

// After connections have died silently, reads take a moment longer, and succeed.
func TestConnectionsThatDiedSilently(t *testing.T) {
	const apart = "&noBatching=true" // calls that share requests need no more than two connections
	for _, c := range []struct {
		name     string
		byURL    bool
		more     string
		callers  int // before, and when the connections are dead
		patience time.Duration
	}{
		{"by URL, one connection", true, "", 1, 0},
		{"by URL, several connections", true, apart, 6, 0},
		{"by URL, those of shared requests", true, "", 6, 0},
		{"by URL, with a deadline", true, "", 1, 2 * time.Second},
		{"by URL, several and a deadline", true, apart, 6, 4 * time.Second},
		{"by URL, those of shared requests and a deadline", true, "", 6, 4 * time.Second},
		{"a client, one connection", false, "", 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, proxy := throughProxy(t, c.byURL, c.more)
			token := signedIn(t, store, c.callers)
			proxy.Kill()
			ctx := t.Context()
			if c.patience > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.patience)
				defer cancel()
			}
			var reading sync.WaitGroup
			for range c.callers {
				reading.Go(func() {
					begun := time.Now()
					_, _, err := store.GetSessionAndUser(ctx, token)
					if took := time.Since(begun); err != nil || took > 3*time.Second {
						t.Errorf("GetSessionAndUser: %v after %s", err, took)
					}
				})
			}
			reading.Wait()
		})
	}
}

// A call without an answer ends by itself, even if its caller has no deadline.
func TestNoAnswerAtAll(t *testing.T) {
	store, proxy := throughProxy(t, true, "&requestTimeout=2s")
	token := signedIn(t, store, 1)
	proxy.Silence()
	for name, call := range map[string]func(context.Context) error{
		"GetSessionAndUser": func(ctx context.Context) error { _, _, err := store.GetSessionAndUser(ctx, token); return err },
		"CreateUser":        func(ctx context.Context) error { _, err := store.CreateUser(ctx, adapter.User{}); return err },
		"Ping":              func(ctx context.Context) error { p, _ := adapter.As[adapter.Pinger](store); return p.Ping(ctx) },
	} {
		distant, cancel := context.WithTimeout(t.Context(), time.Minute)
		for _, ctx := range []context.Context{t.Context(), distant} {
			begun := time.Now()
			err := call(ctx)
			if took := time.Since(begun); took > 4*time.Second || !errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "no answer") && !strings.Contains(err.Error(), "were lost") {
				t.Errorf("%s: %v after %s", name, err, took)
			}
		}
		cancel()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		begun := time.Now()
		err := call(ctx)
		if took := time.Since(begun); took > time.Second || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("%s with a deadline: %v after %s", name, err, took)
		}
		cancel()
	}
	proxy.Restore()
}

// A walk through collections may take as long as they require, and each of its requests six
// times requestTimeout.
func TestWalksAreLimitedByRequest(t *testing.T) {
	const limit = 6 * 250 * time.Millisecond
	store, proxy := throughProxy(t, true, "&requestTimeout=250ms")
	repairer, _ := adapter.As[adapter.Repairer](store)
	purger, _ := adapter.As[adapter.Purger](store)
	walks := map[string]func() error{
		"CheckSchema":  func() error { _, err := repairer.CheckSchema(t.Context()); return err },
		"Repair":       func() error { _, err := repairer.Repair(t.Context(), false); return err },
		"PurgeExpired": func() error { _, err := purger.PurgeExpired(t.Context()); return err },
	}
	for _, walk := range walks {
		check(t, walk())
	}
	proxy.Delay(150 * time.Millisecond)
	begun := time.Now()
	check(t, walks["CheckSchema"]())
	if took := time.Since(begun); took < limit {
		t.Errorf("CheckSchema took %s, which tells nothing of a limit of %s", took, limit)
	}
	proxy.Delay(0)
	proxy.Silence()
	var walking sync.WaitGroup
	for name, walk := range walks {
		walking.Go(func() {
			begun := time.Now()
			err := walk()
			if took := time.Since(begun); !errors.Is(err, adapter.ErrUnavailable) || took > limit+2*time.Second {
				t.Errorf("%s: %v after %s", name, err, took)
			}
		})
	}
	walking.Wait()
	proxy.Restore()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := repairer.CheckSchema(ctx); err != nil {
		t.Errorf("CheckSchema after the silence: %v", err)
	}
}

// A deadline does not close the connections of a server that answers a moment later.
func TestDeadlinesKeepConnections(t *testing.T) {
	store, proxy := throughProxy(t, true, "")
	_, err := store.GetUser(t.Context(), newID(1))
	if !errors.Is(err, adapter.ErrNotFound) {
		t.Fatal(err)
	}
	proxy.Delay(150 * time.Millisecond)
	before := proxy.Made()
	for range 25 {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
		if _, err := store.GetUser(ctx, newID(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("GetUser: %v", err)
		}
		cancel()
	}
	if made := proxy.Made() - before; made > 10 {
		t.Errorf("%d new connections, want a few", made)
	}
}

// All callers that wait for a DNS look-up without an answer return at their deadline.
func TestDeadlinesWhileDNSIsSilent(t *testing.T) {
	resolver := net.DefaultResolver
	hold := make(chan struct{})
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return nil, errors.New("no answer")
	}}
	store, err := adapter.Open(t.Context(), "mongodb+srv://u:hunter2@cluster.example.com/app")
	check(t, err)
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			begun := time.Now()
			_, err := store.GetUser(ctx, newID(1))
			if took := time.Since(begun); took > time.Second || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
				t.Errorf("GetUser: %v after %s", err, took)
			}
		})
	}
	waiting.Wait()
	close(hold)
	check(t, store.Close())
	net.DefaultResolver = resolver
}

// Nothing that the driver derives from the context of a call outlives the call.
func TestCallsLeaveNothingBehind(t *testing.T) {
	store, _ := throughProxy(t, true, "")
	token := signedIn(t, store, 2)
	before := runtime.NumGoroutine()
	for range 300 {
		_, _, err := store.GetSessionAndUser(t.Context(), token)
		check(t, err)
	}
	for limit := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+20; {
		if time.Now().After(limit) {
			t.Fatalf("%d goroutines, and there were %d", runtime.NumGoroutine(), before)
		}
	}
}
