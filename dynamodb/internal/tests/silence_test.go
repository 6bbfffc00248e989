package dynamodb_test

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/silent"
)

// newProxy returns a proxy in front of the engine, and its endpoint.
func newProxy(t *testing.T) (*silent.Proxy, string) {
	u, err := url.Parse(engine.DynamoDB(t).URL)
	check(t, err)
	p := silent.New(t, u.Host)
	return p, "http://" + p.Addr
}

// idle leaves several idle connections in a store's client.
func idle(t *testing.T, a adapter.Adapter) {
	t.Helper()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := a.GetUser(t.Context(), "nobody"); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		})
	}
	all.Wait()
}

// Connections that died silently cost a read a moment, however many there are, with the SDK's
// own client and with one of net/http.
func TestADeadConnectionCostsAMoment(t *testing.T) {
	table := newTable()
	direct := withIndex.newStore(t, dynamodb.Options{Table: table})
	u, err := direct.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	s, err := direct.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	for name, open := range map[string]func(t *testing.T, endpoint string) adapter.Adapter{
		"by URL": func(t *testing.T, endpoint string) adapter.Adapter {
			a, err := adapter.Open(t.Context(), "dynamodb://"+table+"?region=local&endpoint="+endpoint)
			check(t, err)
			return a
		},
		"the SDK's client": func(_ *testing.T, endpoint string) adapter.Adapter {
			return open(t, clientOf(endpoint), dynamodb.Options{Table: table})
		},
		"a client of net/http": func(_ *testing.T, endpoint string) adapter.Adapter {
			return open(t, clientOf(endpoint, func(o *awsdynamodb.Options) { o.HTTPClient = &http.Client{Transport: new(http.Transport)} }), dynamodb.Options{Table: table})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, endpoint := newProxy(t)
			a := open(t, endpoint)
			defer func() { check(t, a.Close()) }()
			idle(t, a)
			proxy.Kill()
			begun := time.Now()
			if _, _, err := a.GetSessionAndUser(t.Context(), s.SessionToken); err != nil {
				t.Errorf("got %v, want the session", err)
			}
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("got the session after %s, want it after a moment", took)
			}
			begun = time.Now()
			idle(t, a)
			if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); err != nil {
				t.Errorf("got %v, want the user", err)
			}
			if took := time.Since(begun); took > time.Second {
				t.Errorf("got the next reads after %s, want them at once: the other dead connections are closed too", took)
			}
		})
	}
}

// Without a deadline a request ends by itself, and the next one uses another connection.
func TestARequestEndsByItself(t *testing.T) {
	table := newTable()
	withIndex.newStore(t, dynamodb.Options{Table: table})
	proxy, endpoint := newProxy(t)
	a := open(t, clientOf(endpoint), dynamodb.Options{Table: table, RequestTimeout: 400 * time.Millisecond})
	for name, call := range map[string]func() error{
		"a write": func() error {
			_, err := a.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(time.Hour)})
			return err
		},
		"a transaction": func() error { _, err := a.CreateUser(t.Context(), adapter.User{}); return err },
		"a batch":       func() error { return a.DeleteSessions(t.Context(), "u") },
	} {
		t.Run(name, func(t *testing.T) {
			idle(t, a)
			var err error
			var took time.Duration
			for range 5 { // on a busy machine net/http itself may have given the connection up, and none is dead then
				check(t, call())
				proxy.Kill()
				begun := time.Now()
				err = call()
				if took = time.Since(begun); err != nil || name == "a batch" {
					break
				}
			}
			if name == "a batch" { // its first call is a read
				check(t, err)
				return
			}
			if !errors.Is(err, adapter.ErrUnavailable) || took > 3*time.Second {
				t.Fatalf("got %v after %s, want ErrUnavailable after the time for a request", err, took)
			}
			if !strings.Contains(err.Error(), "no answer in time") {
				t.Errorf("got %q, want it to say why", err)
			}
			check(t, call())
		})
	}
}

// So do the requests of a call that reads the whole table.
func TestRequestsOfAWalkEnd(t *testing.T) {
	table := newTable()
	withIndex.newStore(t, dynamodb.Options{Table: table})
	proxy, endpoint := newProxy(t)
	a := open(t, clientOf(endpoint), dynamodb.Options{Table: table, RequestTimeout: 400 * time.Millisecond})
	repairer, _ := adapter.As[adapter.Repairer](a)
	check(t, repairer.ApplySchema(t.Context()))
	proxy.Silence()
	for name, walk := range map[string]func() error{
		"CheckSchema": func() error { _, err := repairer.CheckSchema(t.Context()); return err },
		"Repair":      func() error { _, err := repairer.Repair(t.Context(), false); return err },
	} {
		begun := time.Now()
		err := walk()
		if took := time.Since(begun); !errors.Is(err, adapter.ErrUnavailable) || !strings.Contains(err.Error(), "no answer in time") || took > 3*time.Second {
			t.Errorf("%s: got %v after %s, want ErrUnavailable after the time for a request", name, err, took)
		}
	}
}

// A store that never answers is unavailable after ten seconds by default.
func TestNoAnswerAtAll(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	t.Parallel()
	setNothing := clientOf("http://" + listen(t, func(net.Conn) { <-t.Context().Done() }))
	a := open(t, setNothing, dynamodb.Options{Table: "users"})
	var all sync.WaitGroup
	for name, call := range map[string]func() error{
		"a read":  func() error { _, err := a.GetUser(t.Context(), "u"); return err },
		"a write": func() error { _, err := a.CreateUser(t.Context(), adapter.User{}); return err },
	} {
		all.Go(func() {
			begun := time.Now()
			err := call()
			if took := time.Since(begun); !errors.Is(err, adapter.ErrUnavailable) || took < 9*time.Second || took > 15*time.Second {
				t.Errorf("%s: got %v after %s, want ErrUnavailable after ten seconds", name, err, took)
			}
		})
	}
	all.Wait()
}

// Requests reuse connections.
func TestConnectionsAreKept(t *testing.T) {
	table := newTable()
	withIndex.newStore(t, dynamodb.Options{Table: table})
	proxy, endpoint := newProxy(t)
	client := clientOf(endpoint, func(o *awsdynamodb.Options) { o.HTTPClient = awshttp.NewBuildableClient() })
	a := open(t, client, dynamodb.Options{Table: table})
	for range 50 {
		_, err := a.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: time.Now().Add(time.Hour)})
		if err != nil && !errors.Is(err, adapter.ErrConflict) {
			t.Fatal(err)
		}
	}
	// One, unless the machine is busy: net/http gives a connection up that was not yet done writing
	// when its answer had been read for 50 ms.
	if got := proxy.Made(); got > 10 {
		t.Errorf("got %d connections for 50 calls after each other, want them kept", got)
	}
}

var _ aws.HTTPClient = (*http.Client)(nil)
