package authjshttp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

const (
	secret      = "zGx1Vn0Q7c6sJmWbE2RkT9yHuLpA4dfo"
	otherSecret = "qT5oYw8NbX3eKrU6hCjM1vSgZ0iPl7Da"
)

// service is a service for one test, whose log is kept.
type service struct {
	*Handler
	t   *testing.T
	log *bytes.Buffer
}

func newService(t *testing.T, store adapter.Adapter, options Options) *service {
	t.Helper()
	log := new(bytes.Buffer)
	if options.Logger == nil {
		options.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	h, err := New(store, options)
	if err != nil {
		t.Fatal(err)
	}
	return &service{h, t, log}
}

func newStore(t *testing.T) adapter.Adapter {
	store := memory.New(memory.Options{})
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// request returns a request of a program on this machine.
func request(method, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/"+method, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:50000"
	r.Header.Set("Content-Type", "application/json")
	return r
}

func withKey(r *http.Request, key string) *http.Request {
	r.Header.Set(keyHeader, key)
	return r
}

func withBearer(r *http.Request, secret string) *http.Request {
	r.Header.Set("Authorization", bearerScheme+secret)
	return r
}

// send returns the answer to a request.
func (s *service) send(r *http.Request) *httptest.ResponseRecorder {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Header().Get(VersionHeader) != Version || w.Header().Get("Cache-Control") != "no-store" {
		s.t.Errorf("the answer has the headers %v", w.Header())
	}
	return w
}

// call makes a call that must succeed, checks request and answer against the OpenAPI document, and
// returns the answer.
func (s *service) call(method string, args ...any) any {
	s.t.Helper()
	return s.repeat(rand.Text(), method, args...)
}

// repeat is call with a key.
func (s *service) repeat(key, method string, args ...any) any {
	s.t.Helper()
	body, err := json.Marshal(args)
	if err != nil {
		s.t.Fatal(err)
	}
	w := s.send(withKey(request(method, string(body)), key))
	if w.Code != http.StatusOK {
		s.t.Fatalf("%s: got %d %s", method, w.Code, w.Body)
	}
	v := parse(s.t, w.Body.Bytes())
	document.checkCall(s.t, method, parse(s.t, body), v)
	return v
}

// fails makes a call that must fail with a status and a kind, and returns the error.
func (s *service) fails(status int, kind, method string, args ...any) object {
	s.t.Helper()
	body, err := json.Marshal(args)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.failed(status, kind, s.send(withKey(request(method, string(body)), rand.Text())))
}

func (s *service) failed(status int, kind string, w *httptest.ResponseRecorder) object {
	s.t.Helper()
	v := parse(s.t, w.Body.Bytes())
	document.check(s.t, "error", object{"$ref": "#/components/schemas/Error"}, v)
	e, _ := v.(object)
	if w.Code != status || e["kind"] != kind {
		s.t.Errorf("got %d %s, want %d %s", w.Code, w.Body, status, kind)
	}
	return e
}

type object = map[string]any

func parse(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func date(text string) object { return object{"$date": text} }

const (
	past   = "2020-01-02T03:04:05.678Z"
	future = "2120-01-02T03:04:05.678Z"
)

// hooked is a store in whose calls a test has a hand: before returns an error instead of the call, after one
// instead of its answer.
type hooked struct {
	adapter.Adapter
	before, after func(op string) error
	calls         int
}

func (h *hooked) Unwrap() adapter.Adapter { return h.Adapter }

func hook[T any](h *hooked, op string, do func() (T, error)) (v T, err error) {
	h.calls++
	if h.before != nil {
		if err := h.before(op); err != nil {
			return v, err
		}
	}
	v, err = do()
	if h.after != nil {
		if lost := h.after(op); lost != nil {
			var none T
			return none, lost
		}
	}
	return v, err
}

type two[A, B any] struct {
	a A
	b B
}

func (h *hooked) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	return hook(h, "CreateUser", func() (adapter.User, error) { return h.Adapter.CreateUser(ctx, u) })
}
func (h *hooked) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	both, err := hook(h, "CreateUserWithAccount", func() (two[adapter.User, adapter.Account], error) {
		u, a, err := h.Adapter.CreateUserWithAccount(ctx, u, a)
		return two[adapter.User, adapter.Account]{u, a}, err
	})
	return both.a, both.b, err
}
func (h *hooked) GetUser(ctx context.Context, id string) (adapter.User, error) {
	return hook(h, "GetUser", func() (adapter.User, error) { return h.Adapter.GetUser(ctx, id) })
}
func (h *hooked) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	return hook(h, "LinkAccount", func() (adapter.Account, error) { return h.Adapter.LinkAccount(ctx, a) })
}
func (h *hooked) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	return hook(h, "CreateSession", func() (adapter.Session, error) { return h.Adapter.CreateSession(ctx, s) })
}
func (h *hooked) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	return hook(h, "CreateVerificationToken", func() (adapter.VerificationToken, error) { return h.Adapter.CreateVerificationToken(ctx, t) })
}
func (h *hooked) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	return hook(h, "UseVerificationToken", func() (adapter.VerificationToken, error) {
		return h.Adapter.UseVerificationToken(ctx, identifier, token)
	})
}
func (h *hooked) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	return hook(h, "CreateAuthenticator", func() (adapter.Authenticator, error) { return h.Adapter.CreateAuthenticator(ctx, a) })
}
func (h *hooked) UpdateAuthenticatorCounter(ctx context.Context, id string, counter uint32) (adapter.Authenticator, error) {
	return hook(h, "UpdateAuthenticatorCounter", func() (adapter.Authenticator, error) {
		return h.Adapter.UpdateAuthenticatorCounter(ctx, id, counter)
	})
}
func (h *hooked) Ping(ctx context.Context) error {
	_, err := hook(h, "Ping", func() (struct{}, error) { return struct{}{}, nil })
	return err
}
