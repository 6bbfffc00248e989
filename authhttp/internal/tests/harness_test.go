// Package tests has the tests of sign-in by providers and by passkeys, from the outside: a
// site, real OpenID providers and software authenticators, and browsers, all in one
// process and without a network. They are here because nobody who imports what they test
// should download what they need.
package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/limit"
	"github.com/authstore/authstore/memory"
)

const siteURL = "https://site.example"

// hosts is a network of handlers by their host's name.
type hosts map[string]http.Handler

// RoundTrip lets a host answer.
func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	handler := h[r.URL.Host]
	if handler == nil {
		return nil, errors.New("no such host: " + r.URL.Host)
	}
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
	in.Header = r.Header.Clone()
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, in)
	res := rec.Result()
	res.Request = r
	return res, nil
}

// world is a site with a store, in a network of its own.
type world struct {
	*testing.T
	net      hosts
	mux      *http.ServeMux // of the site
	store    *counting
	sessions *authhttp.Sessions
	ahead    atomic.Int64 // how far the site's clock is ahead
	log      logged
	failed   []error // what kept the site from signing in
	mu       sync.Mutex
}

// counting counts what is begun and ended in a store.
type counting struct {
	adapter.Adapter
	calls atomic.Int64
}

// Unwrap returns the store.
func (c *counting) Unwrap() adapter.Adapter { return c.Adapter }

func (c *counting) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	c.calls.Add(1)
	return c.Adapter.CreateVerificationToken(ctx, t)
}

func (c *counting) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	c.calls.Add(1)
	return c.Adapter.UseVerificationToken(ctx, identifier, token)
}

// logged is a log that several goroutines write.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, mux: http.NewServeMux()}
	w.store = &counting{Adapter: memory.New(memory.Options{Options: adapter.Options{Clock: w.now}})}
	t.Cleanup(func() { _ = w.store.Close() })
	w.sessions = &authhttp.Sessions{Store: w.store, Clock: w.now, Logger: slog.New(slog.NewTextHandler(&w.log, nil))}
	w.net = hosts{"site.example": w.mux}
	w.mux.Handle("GET /who", w.sessions.Load(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, u, _ := authhttp.Current(r.Context())
		fmt.Fprint(rw, u.ID)
	})))
	w.mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "home") })
	w.mux.HandleFunc("GET /settings", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "settings") })
	w.mux.HandleFunc("POST /signout", func(rw http.ResponseWriter, r *http.Request) { w.ok(w.sessions.SignOut(rw, r)) })
	w.mux.HandleFunc("POST /signin/{user}", func(rw http.ResponseWriter, r *http.Request) {
		_, err := w.sessions.SignIn(rw, r, adapter.User{ID: r.PathValue("user")})
		w.ok(err)
	})
	return w
}

func (w *world) now() time.Time          { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *world) advance(d time.Duration) { w.ahead.Add(int64(d)) }
func (w *world) client() *http.Client    { return &http.Client{Transport: w.net} }
func (w *world) calls() int64            { return w.store.calls.Load() }
func (w *world) user(id string) (u adapter.User) {
	w.Helper()
	u, err := w.store.GetUser(w.Context(), id)
	w.ok(err)
	return u
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// fail notes why nobody was signed in.
func (w *world) fail(rw http.ResponseWriter, _ *http.Request, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = append(w.failed, err)
	http.Error(rw, "failed", http.StatusForbidden)
}

// wantFailure checks that the one failure since the last time is of a kind, and that no error and no log has a secret.
func (w *world) wantFailure(want error, secrets ...string) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.failed) != 1 || !errors.Is(w.failed[0], want) {
		w.Errorf("failed with %q, want one %q", w.failed, want)
	}
	for _, err := range w.failed {
		for _, secret := range secrets {
			if strings.Contains(err.Error(), secret) {
				w.Errorf("the error has a secret: %v", err)
			}
		}
	}
	w.failed = nil
}

// wantLimited checks that the one failure since the last time is that of asking too often.
func (w *world) wantLimited() {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.failed) != 1 {
		w.Fatalf("failed with %q, want one", w.failed)
	}
	if limited, ok := errors.AsType[*limit.Error](w.failed[0]); !ok || limited.Wait <= 0 || limited.Wait > 3*time.Second {
		w.Errorf("failed with %q, want that it has to wait", w.failed)
	}
	w.failed = nil
}

// wantUsers checks how many users there are.
func (w *world) wantUsers(want int) {
	w.Helper()
	users, ok := adapter.As[adapter.Enumerator](w.store)
	if !ok {
		w.Fatal("the store does not enumerate")
	}
	page, err := users.EnumerateUsers(w.Context(), "", 100)
	w.ok(err)
	if len(page.Users) != want {
		w.Errorf("there are %d users, want %d", len(page.Users), want)
	}
}

// browser is a browser with cookies of its own.
type browser struct {
	*world
	http *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	w.ok(err)
	return &browser{w, &http.Client{Transport: w.net, Jar: jar}}
}

// send makes a request as a page of the site does, and returns the text of where it led to.
func (b *browser) send(method, target, contentType, body string) (where, text string, status int) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, target, strings.NewReader(body))
	b.ok(err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if method != http.MethodGet {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := b.http.Do(r)
	b.ok(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	b.ok(err)
	return res.Request.URL.String(), string(raw), res.StatusCode
}

func (b *browser) get(target string) (where string) {
	b.Helper()
	where, _, _ = b.send(http.MethodGet, target, "", "")
	return where
}

// post sends a form to a page of the site.
func (b *browser) post(path string, form url.Values) (where string, status int) {
	b.Helper()
	where, _, status = b.send(http.MethodPost, siteURL+path, "application/x-www-form-urlencoded", form.Encode())
	return where, status
}

// who returns the ID of who is signed in, "" for nobody.
func (b *browser) who() string {
	b.Helper()
	_, id, _ := b.send(http.MethodGet, siteURL+"/who", "", "")
	return id
}

// stopAt lets the browser follow redirects up to a URL that begins so, and returns that.
func (b *browser) stopAt(prefix string) (stopped *string) {
	stopped = new(string)
	b.http.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), prefix) {
			*stopped = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	return stopped
}

// goOn lets the browser follow all redirects again.
func (b *browser) goOn() { b.http.CheckRedirect = nil }
