package flow

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

func request(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://site.example/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

// begin begins a flow in a browser, and returns its cookie.
func begin(t *testing.T, f Flow, state string, value any, cookies ...*http.Cookie) *http.Cookie {
	t.Helper()
	rec := httptest.NewRecorder()
	if err := f.Begin(rec, request(cookies...), state, value); err != nil {
		t.Fatal(err)
	}
	return rec.Result().Cookies()[0]
}

func wantEnd(t *testing.T, f Flow, state, want string, cookies ...*http.Cookie) {
	t.Helper()
	var got string
	err := f.End(request(cookies...), state, &got)
	if want == "" && !errors.Is(err, adapter.ErrNotFound) || want != "" && err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestFlow(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	store := memory.New(memory.Options{Options: adapter.Options{Clock: clock}})
	defer store.Close()
	f := Flow{Store: store, Purpose: "test", Clock: clock}
	mine := begin(t, f, "1", "one")
	if mine.Name != cookieName || !mine.Secure || !mine.HttpOnly || mine.Path != "/" || mine.Domain != "" || mine.SameSite != http.SameSiteLaxMode || len(mine.Value) != secretLen {
		t.Errorf("the cookie is %v", mine)
	}
	if again := begin(t, f, "2", "two", mine); again.Value != mine.Value {
		t.Error("a second tab has another secret")
	}
	other := begin(t, f, "3", "three")
	another := f
	another.Purpose = "another"

	wantEnd(t, f, "1", "")
	wantEnd(t, f, "1", "", other)
	wantEnd(t, f, "1", "", mine, mine)
	wantEnd(t, f, "1", "", &http.Cookie{Name: cookieName, Value: strings.ToLower(mine.Value)})
	wantEnd(t, another, "1", "", mine)
	wantEnd(t, f, "", "", mine)
	wantEnd(t, f, "1", "one", mine)
	wantEnd(t, f, "1", "", mine)
	now = now.Add(Life - time.Millisecond)
	wantEnd(t, f, "2", "two", mine)
	now = now.Add(time.Millisecond)
	if err := f.End(request(other), "3", new(string)); !errors.Is(err, adapter.ErrExpired) {
		t.Errorf("after ten minutes: %v", err)
	}
	if err := f.Begin(httptest.NewRecorder(), request(), "4", func() {}); err == nil {
		t.Error("what is no JSON is kept")
	}
	f.Insecure = true
	if c := begin(t, f, "5", "five"); c.Secure || c.Name != "signin" {
		t.Errorf("without TLS the cookie is %v", c)
	}
}
