package fauna

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fauna/fauna-go/v3"
	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
)

// knowsNobody answers as a Fauna server without users does.
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

// openOn opens a store on a client.
func openOn(t *testing.T, client *fauna.Client) adapter.Adapter {
	t.Helper()
	a, err := New(client, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// The adapter does not use http.DefaultTransport, whatever the program has put there.
func TestAnotherDefaultTransport(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = transport(func(*http.Request) (*http.Response, error) { return nil, errors.New("not this one") })
	a := open(t, "fauna+"+newServer(t, knowsNobody).URL)
	if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// lookUp is a read, and link a write, of what is not there.
func lookUp(ctx context.Context, a adapter.Adapter) error {
	if _, err := a.GetUserByEmail(ctx, "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
		return err
	}
	return nil
}

// A read that keeps conflicting with writers becomes a read of a snapshot that is not older than
// the call.
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

// A time that the driver cannot parse, such as JavaScript's last one, does not make the rest of an
// answer unreadable.
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

// A client of the application's has the same connections if it is made with ClientOptions.
func TestClientOptionsHaveTheConnections(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not here", http.StatusNotFound) })
	client := fauna.NewClient("secret", fauna.DefaultTimeouts(), append(ClientOptions(), fauna.URL(s.URL))...)
	if _, err := openOn(t, client).GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrSetup) {
		t.Errorf("got %v, want ErrSetup", err)
	}
	s.CloseClientConnections()
	s.Close()
	goleak.VerifyNone(t, before)
}

// A call whose context has no deadline is limited too.
func TestRequestsAreLimited(t *testing.T) {
	bounded, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for _, test := range []struct {
		requestTimeout, without, with time.Duration
	}{{0, 10 * time.Second, time.Hour}, {time.Second, time.Second, time.Second}} {
		s := &store{requestTimeout: test.requestTimeout}
		if got := s.timeout(t.Context()); got != test.without {
			t.Errorf("RequestTimeout %v, no deadline: got %v, want %v", test.requestTimeout, got, test.without)
		}
		if got := s.timeout(bounded); got < test.with {
			t.Errorf("RequestTimeout %v, a deadline in an hour: got %v, want %v at least", test.requestTimeout, got, test.with)
		}
	}
}
