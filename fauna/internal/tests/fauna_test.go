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
	"github.com/authstore/authstore/fauna"
)

// server is one that knows nobody, and what was last asked of it.
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

// url returns the server's address as one of a store.
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
		"fauna://host?secret_env=AUTHSTORE_NO_SUCH_SECRET", "fauna:", "fauna:hunter2",
	} {
		a, err := adapter.Open(t.Context(), url)
		if !errors.Is(err, adapter.ErrInvalid) || a != nil {
			t.Errorf("got %v, %v, want ErrInvalid", a, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q holds the secret", err)
		}
	}
}

// Opening connects to nothing: a serverless start pays for what it uses.
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

// IDs that no document can have are refused by writes and are absent to the rest, without
// asking the server, who would take another form of a number for the same one.
func TestOnlyIDsOfTheServersForm(t *testing.T) {
	a, count := scripted(scriptedAnswer{status: 200, body: nobody})
	ctx := t.Context()
	for _, id := range []string{
		"ada", "01", "+1", "-1", " 1", "1 ", "1.0", "1e3", "0x1", "9223372036854775808", "00000000-0000-4000-8000-000000000001", "１",
	} {
		if _, err := a.CreateUser(ctx, adapter.User{ID: id}); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("CreateUser with the ID %q: got %v, want ErrInvalid", id, err)
		}
		if _, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: id}, typicalAccount("1")); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("CreateUserWithAccount with the ID %q: got %v, want ErrInvalid", id, err)
		}
		if _, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{ID: id}, passkey("", "c")); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("CreateUserWithAuthenticator with the ID %q: got %v, want ErrInvalid", id, err)
		}
		if _, err := users(t, a).EnumerateUsers(ctx, id, 1); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("EnumerateUsers from %q: got %v, want ErrInvalid", id, err)
		}
		if _, err := a.GetUser(ctx, id); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("GetUser of %q: got %v, want ErrNotFound", id, err)
		}
		if _, err := a.UpdateUser(ctx, id, adapter.UserUpdate{}); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("UpdateUser of %q: got %v, want ErrNotFound", id, err)
		}
		account := typicalAccount("1")
		account.UserID = id
		if _, err := a.LinkAccount(ctx, account); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("LinkAccount to %q: got %v, want ErrInvalid", id, err)
		}
		sessions, err := a.ListSessions(ctx, id)
		if err := errors.Join(err, a.DeleteUser(ctx, id)); err != nil || len(sessions) > 0 {
			t.Errorf("ListSessions and DeleteUser of %q: got %v, %v", id, sessions, err)
		}
	}
	if count.Load() != 0 {
		t.Errorf("%d requests, want none", count.Load())
	}
}

// IDs that are made here are of a form that the server takes, and not made twice.
func TestNewIDs(t *testing.T) {
	client := newClient("http://fauna.test", "secret", roundTrip(func(req *http.Request) (*http.Response, error) {
		return answered(req, 200, `{"data": {"left": false}, "stats": {}}`), nil
	}))
	a := fauna.New(client, fauna.Options{})
	seen := map[string]bool{}
	for range 1000 {
		u, err := a.CreateUser(t.Context(), adapter.User{})
		check(t, err)
		for _, id := range []string{u.ID, a.NewID()} {
			if len(id) != 19 || seen[id] {
				t.Fatalf("the ID %q is not of 19 digits, or was made before", id)
			}
			seen[id] = true
		}
	}
}

func typicalUser(name string) adapter.User {
	return adapter.User{Name: "Ada Lovelace", Email: name + "@example.com", Image: "https://example.com/avatars/ada.png"}
}

func typicalAccount(id string) adapter.Account {
	return adapter.Account{
		Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: id, TokenType: "bearer", Scope: "read:user,user:email",
		AccessToken: "gho_16C7e42F292c6912E7710c838347Ae178B4a",
	}
}
