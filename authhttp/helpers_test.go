package authhttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

// noon is when the tests begin.
var noon = time.Date(2041, 5, 6, 12, 0, 0, 0, time.UTC)

// clock is a clock that tests set.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// errDown is what a store says that does not answer.
var errDown = fmt.Errorf("memory: %w", adapter.ErrUnavailable)

// spy is a store that counts its calls, and fails those that a test names.
type spy struct {
	adapter.Sessions
	mu    sync.Mutex
	calls []string
	fail  map[string]error
	meet  func(op string) // called before an operation
}

func (s *spy) call(op string) error {
	s.mu.Lock()
	s.calls = append(s.calls, op)
	err, meet := s.fail[op], s.meet
	s.mu.Unlock()
	if meet != nil {
		meet(op)
	}
	return err
}

// taken returns the calls since the last time, as one text.
func (s *spy) taken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.calls, " ")
	s.calls = nil
	return all
}

func (s *spy) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if err := s.call("get"); err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	return s.Sessions.GetSessionAndUser(ctx, token)
}

func (s *spy) CreateSession(ctx context.Context, session adapter.Session) (adapter.Session, error) {
	if err := s.call("create"); err != nil {
		return adapter.Session{}, err
	}
	return s.Sessions.CreateSession(ctx, session)
}

func (s *spy) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	if err := s.call("update"); err != nil {
		return adapter.Session{}, err
	}
	session, err := s.Sessions.UpdateSession(ctx, token, up)
	session.SessionToken = "" // which the contract does not promise
	return session, err
}

func (s *spy) DeleteSession(ctx context.Context, token string) error {
	if err := s.call("delete"); err != nil {
		return err
	}
	return s.Sessions.DeleteSession(ctx, token)
}

func (s *spy) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	if err := s.call("deleteAll"); err != nil {
		return err
	}
	return s.Sessions.DeleteSessions(ctx, userID, keep...)
}

// world is a store with one person in it, and the sessions of a site.
type world struct {
	*testing.T
	*Sessions
	clock *clock
	all   adapter.Adapter
	store *spy
	ada   adapter.User
	log   *syncedText
}

type syncedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *syncedText) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *syncedText) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, clock: new(clock), log: new(syncedText)}
	w.clock.ms.Store(noon.UnixMilli())
	w.all = memory.New(memory.Options{Options: adapter.Options{Clock: w.clock.now}})
	t.Cleanup(func() { _ = w.all.Close() })
	w.store = &spy{Sessions: w.all, fail: map[string]error{}}
	var err error
	w.ada, err = w.all.CreateUser(t.Context(), adapter.User{Name: "Ada", Email: "ada@example.com", EmailVerified: noon})
	w.ok(err)
	w.Sessions = &Sessions{Store: w.store, Clock: w.clock.now, Logger: slog.New(slog.NewTextHandler(w.log, nil))}
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) same(what string, got, want any) {
	w.Helper()
	if got != want {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// request is a request with a cookie of the sessions, none for "".
func (w *world) request(method, value string) *http.Request {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), method, "https://site.example/", nil)
	if value != "" {
		r.Header.Set("Cookie", w.Cookie.name()+"="+value)
	}
	return r
}

// signedIn signs Ada in and returns the cookie's value and the session.
func (w *world) signedIn() (string, adapter.Session) {
	w.Helper()
	rec := httptest.NewRecorder()
	session, err := w.SignIn(rec, w.request("POST", ""), w.ada)
	w.ok(err)
	w.store.taken()
	return w.Cookie.Encode(session.SessionToken), session
}

// who answers who is signed in.
var who = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	switch _, user, err := Current(r.Context()); {
	case errors.Is(err, adapter.ErrNotFound):
		fmt.Fprint(w, "nobody")
	case err != nil:
		http.Error(w, "unknown: "+adapter.Code(err), http.StatusTeapot)
	default:
		fmt.Fprint(w, user.Name)
	}
})

// serve returns the answer of a handler.
func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// sees returns who Load takes the bearer of a cookie for.
func (w *world) sees(value string) string {
	w.Helper()
	return strings.TrimSpace(serve(w.Load(who), w.request("GET", value)).Body.String())
}
