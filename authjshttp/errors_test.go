package authjshttp

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
)

func TestErrorsOfTheStore(t *testing.T) {
	for _, test := range []struct {
		err         error
		status      int
		kind, field string
	}{
		{adapter.ErrNotFound, 404, "not_found", ""},
		{adapter.Conflict(adapter.FieldUserEmail), 409, "conflict", "User.Email"},
		{adapter.Invalid("User.Name", "must be short"), 422, "invalid", "User.Name"},
		{adapter.ErrUnavailable, 503, "unavailable", ""},
		{context.DeadlineExceeded, 503, "deadline_exceeded", ""},
		{context.Canceled, 503, "canceled", ""},
		{adapter.ErrClosed, 503, "closed", ""},
		{adapter.Setup("no table", "make one"), 500, "setup", ""},
		{&adapter.RecordError{Place: "users/1", Field: "email", Want: "text", Got: "date"}, 500, "unreadable", ""},
		{adapter.ErrUnsupported, 500, "unsupported", ""},
		{errors.New("a text that quotes ada@example.com"), 500, "unexpected", ""},
	} {
		store := &hooked{Adapter: newStore(t), before: func(string) error {
			return &adapter.Error{Backend: "memory", Op: "CreateUser", Err: test.err}
		}}
		s := newService(t, store, Options{})
		w := s.send(request("createUser", `[{"email":"ada@example.com"}]`))
		e := s.failed(test.status, test.kind, w)
		if field, _ := e["field"].(string); field != test.field {
			t.Errorf("%v: got the field %q", test.err, field)
		}
		if strings.Contains(w.Body.String(), "ada@") {
			t.Errorf("%v: the answer quotes an address", test.err)
		}
		same(t, "Retry-After", w.Header().Get("Retry-After") != "", test.status == http.StatusServiceUnavailable)
		if level := `"level":"ERROR"`; strings.Contains(s.log.String(), level) != (test.status == 500) {
			t.Errorf("%v: the log says %s", test.err, s.log)
		}
	}
}

// An absent record is null only where the store says that it is absent.
func TestAStoreThatIsAwayIsNeverNull(t *testing.T) {
	away := newStore(t)
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
	s := newService(t, away, Options{})
	for name, m := range methods {
		body := `["x"]`
		if m.params == 2 {
			body = `["x",1]`
		}
		w := s.send(request(name, body))
		if w.Code == http.StatusOK {
			t.Errorf("%s: got 200 %s", name, w.Body)
		}
	}
}

func TestHealth(t *testing.T) {
	store := &hooked{Adapter: newStore(t)}
	s := newService(t, store, Options{Secrets: []string{secret}})
	get := func(path string) *httptest.ResponseRecorder {
		return s.send(httptest.NewRequest(http.MethodGet, path, nil))
	}
	same(t, "healthz", get("/healthz").Code, http.StatusOK)
	same(t, "readyz", get("/readyz").Code, http.StatusOK)
	same(t, "openapi.json", get("/openapi.json").Body.String(), string(OpenAPI()))
	store.before = func(string) error { return &adapter.Error{Backend: "memory", Op: "Ping", Err: adapter.ErrUnavailable} }
	same(t, "healthz", get("/healthz").Code, http.StatusOK)
	w := get("/readyz")
	same(t, "readyz without a store", w.Code, http.StatusServiceUnavailable)
	same(t, "Retry-After", w.Header().Get("Retry-After"), "1")
}
