package fauna

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna/internal/wire"
	"github.com/authstore/authstore/internal/silent"
)

// openWithDNS returns a store whose server's name is resolved by a name server that gives one answer
// to every query.
func openWithDNS(t *testing.T, answer func([]byte) []byte) adapter.Adapter {
	dialer, c := silent.Dialer(t, answer), wire.New()
	c.Pool.DialContext, c.Single.DialContext = dialer.DialContext, dialer.DialContext
	return openOn(t, newClient("http://fauna.example.com", "hunter2", 0, c))
}

// The deadline of a call is kept while the name server does not answer.
func TestDeadlineWhileDNSIsSilent(t *testing.T) {
	a := openWithDNS(t, silent.NoAnswer)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := a.GetUserByEmail(ctx, "ada@example.com")
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || time.Since(start) > 2*time.Second {
		t.Errorf("got %v after %v, want the deadline and nothing else", err, time.Since(start))
	}
}

// atOnce makes calls at the same time, so that there are as many connections.
func atOnce(n int, call func() error) error {
	errs := make([]error, n)
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() { errs[i] = call() })
	}
	calls.Wait()
	return errors.Join(errs...)
}

func TestConnectionsThatDiedSilently(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) (*silent.Proxy, adapter.Adapter){
		"HTTP/1.1": func(t *testing.T) (*silent.Proxy, adapter.Adapter) {
			f := silent.New(t, newServer(t, slowly).Listener.Addr().String())
			return f, open(t, "fauna+http://"+f.Addr)
		},
		"HTTP/2": func(t *testing.T) (*silent.Proxy, adapter.Adapter) {
			s := httptest.NewUnstartedServer(http.HandlerFunc(slowly))
			s.EnableHTTP2 = true
			s.StartTLS()
			t.Cleanup(s.Close)
			f, c := silent.New(t, s.Listener.Addr().String()), wire.New()
			for _, transport := range []*http.Transport{c.Pool, c.Single} {
				transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // #nosec G402 -- the test's own server
			}
			t.Cleanup(c.Close)
			return f, openOn(t, newClient("https://"+f.Addr, "secret", 0, c))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, a := start(t)
			if err := atOnce(8, func() error { return lookUp(t.Context(), a) }); err != nil {
				t.Fatal(err)
			}
			f.Kill()
			begin := time.Now()
			if err := lookUp(t.Context(), a); err != nil || time.Since(begin) > 5*time.Second {
				t.Errorf("a read on connections that have died: %v after %v, want an answer after a second", err, time.Since(begin))
			}
			begin = time.Now()
			if err := lookUp(t.Context(), a); err != nil || time.Since(begin) > 900*time.Millisecond {
				t.Errorf("the next read: %v after %v, want an answer at once", err, time.Since(begin))
			}
		})
	}
}

// slowly answers so that calls at the same time need connections of their own.
func slowly(w http.ResponseWriter, req *http.Request) {
	time.Sleep(20 * time.Millisecond)
	knowsNobody(w, req)
}

// A write is not sent twice: the call returns ErrUnavailable, and the next one uses a new
// connection.
func TestWritesOnDeadConnections(t *testing.T) {
	f := silent.New(t, newServer(t, slowly).Listener.Addr().String())
	a := open(t, "fauna+http://"+f.Addr+"?timeout=300ms")
	unlink := func() error {
		return a.UnlinkAccount(t.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
	}
	if err := atOnce(8, unlink); err != nil {
		t.Fatal(err)
	}
	f.Kill()
	begin := time.Now()
	err := unlink()
	if !errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 3*time.Second {
		t.Errorf("got %v after %v, want ErrUnavailable after 300ms, and not the context's error", err, time.Since(begin))
	}
	if err := unlink(); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

// Each query of CheckSchema is limited as all others are.
func TestWalksAreLimitedByQuery(t *testing.T) {
	f := silent.New(t, newServer(t, slowly).Listener.Addr().String())
	a := open(t, "fauna+http://"+f.Addr+"?timeout=300ms")
	f.Silence()
	schema, _ := adapter.As[adapter.Schema](a)
	begin := time.Now()
	if _, err := schema.CheckSchema(t.Context()); !errors.Is(err, adapter.ErrUnavailable) || time.Since(begin) > 3*time.Second {
		t.Errorf("got %v after %v, want ErrUnavailable", err, time.Since(begin))
	}
}

// A call whose context is cancelled costs its own connection, as HTTP/1.1 requires, and no other.
func TestLeftCallsKeepConnections(t *testing.T) {
	f := silent.New(t, newServer(t, slowly).Listener.Addr().String())
	a := open(t, "fauna+http://"+f.Addr)
	eight := func() {
		if err := atOnce(8, func() error { return lookUp(t.Context(), a) }); err != nil {
			t.Fatal(err)
		}
	}
	eight()
	const left = 4
	for range left {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Millisecond, cancel)
		if err := lookUp(ctx, a); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
		eight()
	}
	if opened := f.Made(); opened > 8+2*left {
		t.Errorf("%d connections for %d calls that were left beside 8 others, want one more for each", opened, left)
	}
}
