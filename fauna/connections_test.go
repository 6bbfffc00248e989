package fauna

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fauna/fauna-go/v3"
	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna/internal/wire"
	"github.com/authstore/authstore/internal/silent"
)

// knowsNobody answers as a Fauna server does that has no users.
func knowsNobody(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	_, _ = io.WriteString(w, `{"data": {"user": null, "owner": false, "done": true}, "stats": {}}`)
}

func newServer(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}

// open opens a store at the address of a server.
func open(t *testing.T, url string) adapter.Adapter {
	t.Helper()
	t.Setenv("FAUNA_SECRET", "hunter2")
	a, err := adapter.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// What the program has made of http.DefaultTransport is not the adapter's.
func TestAnotherDefaultTransport(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = transport(func(*http.Request) (*http.Response, error) { return nil, errors.New("not this one") })
	a := open(t, "fauna+"+newServer(t, knowsNobody).URL)
	if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// TestErrorsSayTheCause has what an operator can have got wrong before a Fauna server is
// asked anything.
func TestErrorsSayTheCause(t *testing.T) {
	withTLS := httptest.NewTLSServer(http.HandlerFunc(knowsNobody))
	defer withTLS.Close()
	withTLS.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain := newServer(t, knowsNobody)
	page := func(status int, contentType, body string) string {
		return "fauna+" + newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Location", "https://elsewhere.example.com")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}).URL
	}
	for name, test := range map[string]struct {
		url   string
		kind  error
		words string
	}{
		"TLS, where the server has none":    {"fauna://" + plain.Listener.Addr().String(), adapter.ErrSetup, "does not speak TLS"},
		"no TLS, where the server wants it": {"fauna+http://" + withTLS.Listener.Addr().String(), adapter.ErrSetup, "wants TLS"},
		"an unknown authority":              {"fauna://" + withTLS.Listener.Addr().String(), adapter.ErrSetup, "unknown authority"},
		"nothing listens":                   {"fauna+http://127.0.0.1:1", adapter.ErrUnavailable, "connection refused"},
		"a web site":                        {page(200, "text/html", "<html>"), adapter.ErrSetup, "no Fauna server"},
		"another path":                      {page(404, "text/html", "<html>"), adapter.ErrSetup, "no Fauna server"},
		"another API":                       {page(404, "application/json", `{"error": "not found"}`), adapter.ErrSetup, "no Fauna server"},
		"one that takes no POST":            {page(405, "application/json", `{}`), adapter.ErrSetup, "no Fauna server"},
		"a redirection":                     {page(301, "text/html", ""), adapter.ErrSetup, "status 301"},
		"a redirection of the request":      {page(308, "text/html", ""), adapter.ErrSetup, "status 308"},
		"a proxy that wants to know":        {page(407, "text/html", ""), adapter.ErrSetup, "status 407"},
		"a proxy's refusal":                 {page(403, "text/html", ""), adapter.ErrSetup, "status 403"},
		"a gateway's page":                  {page(502, "text/html", "<html>"), adapter.ErrUnavailable, "try again"},
		"a gateway's time-out":              {page(504, "text/plain", ""), adapter.ErrUnavailable, "try again"},
		"a gateway's limit":                 {page(429, "text/html", "slow down"), adapter.ErrUnavailable, "try again"},
		"another protocol":                  {"fauna+http://" + greeter(t, "SSH-2.0-OpenSSH_9.2\r\n"), adapter.ErrSetup, "does not speak HTTP"},
		"another protocol, with TLS":        {"fauna://" + greeter(t, "220 mail.example.com ESMTP\r\n"), adapter.ErrSetup, "does not speak TLS"},
		"a server that hangs up":            {"fauna+http://" + greeter(t, ""), adapter.ErrUnavailable, "try again"},
	} {
		t.Run(name, func(t *testing.T) {
			says(t, open(t, test.url), test.kind, test.words)
		})
	}
	t.Run("no such name", func(t *testing.T) {
		says(t, lookingUp(t, silent.NoSuchName), adapter.ErrSetup, "no host fauna.example.com")
	})
}

// says fails the test unless a read and Ping fail with a kind, in these words.
func says(t *testing.T, a adapter.Adapter, kind error, words string) {
	t.Helper()
	pinger, _ := adapter.As[adapter.Pinger](a)
	_, err := a.GetUserByEmail(t.Context(), "ada@example.com")
	for op, err := range map[string]error{"GetUserByEmail": err, "Ping": pinger.Ping(t.Context())} {
		if !errors.Is(err, kind) || errors.Is(err, adapter.ErrSetup) == errors.Is(err, adapter.ErrUnavailable) {
			t.Errorf("%s: got %v, want %v", op, err, kind)
		} else if !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %q, and no secret", op, err, words)
		}
	}
}

// greeter returns the address of a server that says something and hangs up.
func greeter(t *testing.T, greeting string) string {
	return silent.Serve(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, greeting)
	})
}

// lookingUp returns a store whose server is looked up where every query has one answer.
func lookingUp(t *testing.T, answer func([]byte) []byte) adapter.Adapter {
	dialer, c := silent.Dialer(t, answer), wire.New()
	c.Pool.DialContext, c.Single.DialContext = dialer.DialContext, dialer.DialContext
	return New(newClient("http://fauna.example.com", "hunter2", 0, c), Options{})
}

// The deadline of a call is kept while nobody says where the server is.
func TestDeadlineWhileDNSIsSilent(t *testing.T) {
	a := lookingUp(t, silent.NoAnswer)
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

// lookUp is a read, and link a write, of what is not there.
func lookUp(ctx context.Context, a adapter.Adapter) error {
	if _, err := a.GetUserByEmail(ctx, "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
		return err
	}
	return nil
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
			return f, New(newClient("https://"+f.Addr, "secret", 0, c), Options{})
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

// A write is not sent twice: whoever waits for one is told that the store is not there,
// and the next one trusts no old connection.
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

// A call that its caller leaves costs its own connection, as HTTP/1.1 has it, and no
// other one.
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

// A read that writers get in the way of all the time becomes one of a snapshot, which is
// not older than the call.
func TestReadsAmongWriters(t *testing.T) {
	var asked []string
	a := open(t, "fauna+"+newServer(t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		linearized := req.Header.Get("X-Linearized")
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		switch {
		case strings.Contains(string(body), "byEmail") && linearized != "":
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"error": {"code": "contended_transaction", "message": ""}}`)
			return
		case linearized != "":
			asked = append(asked, "ping")
		default:
			asked = append(asked, "snapshot since "+req.Header.Get("X-Last-Txn-Ts"))
		}
		_, _ = io.WriteString(w, `{"data": {"user": null, "done": true}, "stats": {}, "txn_ts": 1795752731409000}`)
	}).URL)
	if err := lookUp(t.Context(), a); err != nil || len(asked) != 2 || asked[0] != "ping" || asked[1] != "snapshot since 1795752731409000" {
		t.Errorf("got %v after %q, want a ping and a snapshot since", err, asked)
	}
}

// One time that the driver cannot read, such as the last that JavaScript has, does not make
// the rest of an answer illegible.
func TestTimesThatTheDriverCannotRead(t *testing.T) {
	a := open(t, "fauna+"+newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		_, _ = io.WriteString(w, `{"data": {
			"session": {"id": "1", "data": {"userId": "7", "sessionToken": "t", "expires": {"@time":"+275760-09-13T00:00:00Z"}}},
			"user": {"id": "7", "data": {"name": "{\"@time\":\"+275760\"}", "emailVerified": {"@date":"-0001-01-01"}, "seen": {"@time":"+275760-09-13T00:00:00Z"}, "at": {"@time":"2099-01-01T00:00:00Z"}}}
		}, "stats": {}}`)
	}).URL)
	u, err := a.GetUserByEmail(t.Context(), "ada@example.com")
	if err != nil || u.ID != "7" || u.Name != `{"@time":"+275760"}` || !u.EmailVerified.IsZero() || u.Attributes["at"] != time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC) {
		t.Errorf("got %+v, %v, want the user without what no time can be", u, err)
	}
	_, _, err = a.GetSessionAndUser(t.Context(), "t")
	var unreadable *adapter.RecordError
	if !errors.As(err, &unreadable) || unreadable.Place != "Session 1" || unreadable.UserID != "7" {
		t.Errorf("got %v, want an *adapter.RecordError", err)
	}
}

// A client of the application's, made with ClientOptions, has all of this.
func TestClientOptionsHaveTheConnections(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not here", http.StatusNotFound) })
	client := fauna.NewClient("secret", fauna.DefaultTimeouts(), append(ClientOptions(), fauna.URL(s.URL))...)
	if _, err := New(client, Options{}).GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrSetup) {
		t.Errorf("got %v, want ErrSetup", err)
	}
	s.CloseClientConnections()
	s.Close()
	goleak.VerifyNone(t, before)
}

func TestParameters(t *testing.T) {
	for raw, want := range map[string]string{
		"users=A;timeout=1s": "%3B", "timeout=1s;": "%3B", "user=A": `"user"`, "Timeout=1s": `"Timeout"`, "users=A&users=B": "users once", "users=": "users once",
		"users=%zz": "percent-encoded", "timeout=hunter2": "such as 10s", "timeout=0s": "such as 10s", "timeout=1ns": "such as 10s", "hunter2": `"hunter2"`,
	} {
		_, err := parseParameters(raw)
		if !errors.Is(err, adapter.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", raw, err, want)
		}
	}
	p, err := parseParameters("users=A%3B+B%26&timeout=1m&secret_env=X")
	if err != nil || p.Collections.Users != "A; B&" || p.RequestTimeout != time.Minute || p.secretEnv != "X" {
		t.Errorf("got %+v, %v", p, err)
	}
}

// A call whose context has no deadline ends all the same.
func TestRequestsAreLimited(t *testing.T) {
	bounded, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for _, test := range []struct {
		limit, without, with time.Duration
	}{{0, 10 * time.Second, time.Hour}, {time.Second, time.Second, time.Second}} {
		s := &store{limit: test.limit}
		if got := s.limited(t.Context()); got != test.without {
			t.Errorf("RequestTimeout %v, no deadline: got %v, want %v", test.limit, got, test.without)
		}
		if got := s.limited(bounded); got < test.with {
			t.Errorf("RequestTimeout %v, a deadline in an hour: got %v, want %v at least", test.limit, got, test.with)
		}
	}
}
