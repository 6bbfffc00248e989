package fauna_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
)

// server is a server without users, with the last request that it got.
type server struct {
	*httptest.Server
	header http.Header
	query  string
}

func newServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		s.header, s.query = req.Header.Clone(), string(body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, nobody)
	}))
	t.Cleanup(s.Close)
	return s
}

// url returns the URL of a store on the server.
func (s *server) url(rest string) string { return "fauna+" + s.URL + rest }

func TestOpenByURL(t *testing.T) {
	s := newServer(t)
	t.Setenv("FAUNA_SECRET", "default")
	t.Setenv("OTHER_SECRET", "other")
	for rest, secret := range map[string]string{"": "default", "?secret_env=OTHER_SECRET&timeout=3s&users=People": "other"} {
		a, err := adapter.Open(t.Context(), s.url(rest))
		check(t, err)
		if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
		for name, want := range map[string]string{"Authorization": "Bearer " + secret, "X-Linearized": "true", "X-Max-Contention-Retries": "0"} {
			if got := s.header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		if named := strings.Contains(s.query, `"People"`); named != (rest != "") {
			t.Errorf("the query has the collection People: %t; it is %s", named, s.query)
		}
		pinger, ok := adapter.As[adapter.Pinger](a)
		if !ok {
			t.Fatal("no Pinger")
		}
		check(t, pinger.Ping(t.Context()))
		check(t, a.Close())
		if err := pinger.Ping(t.Context()); !errors.Is(err, adapter.ErrClosed) {
			t.Errorf("Ping after Close: got %v, want ErrClosed", err)
		}
	}
}

func TestOpenRefusesWhatItCannotServe(t *testing.T) {
	t.Setenv("FAUNA_SECRET", "hunter2")
	for _, url := range []string{
		"fauna://hunter2@host", "fauna://user:hunter2@host", "fauna://host?secret=hunter2", "fauna://host?timeout=hunter2", "fauna://host?timeout=-1s",
		"fauna://host?secret_env=AUTHSTORE_NO_SUCH_SECRET", "fauna://host?users=A&accounts=A", "fauna:", "fauna:hunter2",
	} {
		a, err := adapter.Open(t.Context(), url)
		if !errors.Is(err, adapter.ErrInvalid) || a != nil {
			t.Errorf("got %v, %v, want ErrInvalid", a, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q holds the secret", err)
		}
	}
}

// Opening connects to nothing, so that a serverless start costs only what it uses.
func TestOpenIsLazy(t *testing.T) {
	t.Setenv("FAUNA_SECRET", "secret")
	a, err := adapter.Open(t.Context(), "fauna+http://127.0.0.1:1")
	check(t, err)
	if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable: nothing listens there", err)
	}
	check(t, a.Close())
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	s := newServer(t)
	t.Setenv("FAUNA_SECRET", "secret")
	before := goleak.IgnoreCurrent()
	a, err := adapter.Open(t.Context(), s.url(""))
	check(t, err)
	if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	_, _ = a.GetUserByEmail(ctx, "grace@example.com") // may be left half way
	check(t, a.Close())
	s.CloseClientConnections()
	goleak.VerifyNone(t, before)
}
