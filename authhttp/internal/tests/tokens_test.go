package tests

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/oauth"
)

// expire has the access token of an account be out of date.
func (w *world) expire(id string) adapter.Account {
	w.Helper()
	a, err := w.store.UpdateAccount(w.Context(), key(id), adapter.AccountUpdate{ExpiresAt: new(time.Now().Add(-time.Hour).Unix())})
	w.ok(err)
	return a
}

// Many callers who need a token at the same moment make one request to the provider, which
// gives a new refresh token each time and takes none twice.
func TestTokensAreRefreshedOnce(t *testing.T) {
	w := newWorld(t)
	provider := newZitadel(t, callbackURL)
	c := w.withOIDC(provider, nil)
	w.browser().start("/")
	good, err := c.Tokens(t.Context(), "ada").Token()
	w.ok(err)
	if n := provider.tokenRequests(); n != 1 {
		t.Errorf("a token that is good was refreshed: %d requests", n)
	}
	for round := 2; round < 4; round++ {
		old := w.expire("ada")
		const n = 20
		got := make([]string, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				token, err := c.Tokens(t.Context(), "ada").Token()
				if err != nil {
					t.Error(err)
					return
				}
				got[i] = token.AccessToken
			})
		}
		wg.Wait()
		stored, err := w.store.GetAccount(t.Context(), key("ada"))
		w.ok(err)
		if provider.tokenRequests() != round || stored.AccessToken == good.AccessToken || stored.RefreshToken == old.RefreshToken || stored.ExpiresAt <= time.Now().Unix() {
			t.Errorf("after %d requests the account is %+v", provider.tokenRequests(), stored)
		}
		for _, token := range got {
			if token != stored.AccessToken {
				t.Error("a caller got another token than the one that is stored")
			}
		}
		if stored.IDToken != old.IDToken || stored.Scope != old.Scope {
			t.Error("what was not refreshed has changed")
		}
	}
}

// Another process has refreshed the tokens meanwhile: its are taken.
func TestTokensOfAnotherProcess(t *testing.T) {
	w := newWorld(t)
	c := w.withOIDC(newZitadel(t, callbackURL), nil)
	w.browser().start("/")
	another := &oauth.Client{Provider: c.Provider, Store: w.store, Sessions: w.sessions, HTTP: w.client()}
	w.expire("ada")
	// This process has read the account, and its request is on its way, when the other one is done.
	var begun atomic.Bool
	next := w.net["id.example"]
	w.net["id.example"] = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if begun.CompareAndSwap(false, true) {
			if _, err := another.Tokens(t.Context(), "ada").Token(); err != nil {
				t.Error(err)
			}
		}
		next.ServeHTTP(rw, r)
	})
	token, err := c.Tokens(t.Context(), "ada").Token()
	w.ok(err)
	stored, err := w.store.GetAccount(t.Context(), key("ada"))
	w.ok(err)
	if token.AccessToken != stored.AccessToken {
		t.Error("the token is not the one that the other process has stored")
	}
}

// The limit of what is promised among processes: two that refresh at the same moment both send
// the refresh token, and a provider that takes that for theft revokes all that it gave. Within a
// process it is sent once.
func TestTokensAmongProcesses(t *testing.T) {
	w := newWorld(t)
	l := newLiar(t)
	one := w.withOIDC(l, nil)
	two := &oauth.Client{Provider: one.Provider, Store: w.store, Sessions: w.sessions, HTTP: w.client()}
	w.browser().start("/")
	p := &strict{token: "a refresh token", both: make(chan struct{})}
	w.net["id.example"] = p
	ask := func(clients ...*oauth.Client) (errs []error) {
		errs = make([]error, len(clients))
		var wg sync.WaitGroup
		for i, c := range clients {
			wg.Go(func() { _, errs[i] = c.Tokens(t.Context(), "eve").Token() })
		}
		wg.Wait()
		return errs
	}
	close(p.both)
	w.expire("eve")
	for i, err := range ask(one, one, one) {
		if err != nil || p.requests != 1 {
			t.Errorf("caller %d of one process: %v, after %d requests", i, err, p.requests)
		}
	}
	p.both = make(chan struct{})
	w.expire("eve")
	for i, err := range ask(one, two) {
		if err != nil || p.requests != 3 {
			t.Errorf("process %d: %v, after %d requests", i, err, p.requests)
		}
	}
	w.expire("eve")
	if err := ask(one)[0]; !errors.Is(err, oauth.ErrRefresh) {
		t.Errorf("all was revoked, and the error is %v", err)
	}
}

// strict is a provider that gives a new refresh token for each, and none any more once it sees
// one twice. Requests wait for each other where a test has two at the same moment.
type strict struct {
	mu       sync.Mutex
	token    string
	revoked  bool
	requests int
	both     chan struct{}
}

func (p *strict) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests++
	if p.requests == 3 {
		close(p.both)
	}
	p.mu.Unlock()
	<-p.both
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.revoked = p.revoked || r.FormValue("refresh_token") != p.token; p.revoked {
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	p.token += "'"
	reply(w, http.StatusOK, map[string]any{"access_token": "access" + p.token, "refresh_token": p.token, "token_type": "bearer", "expires_in": 3600})
}

func TestTokensThatCannotBeRefreshed(t *testing.T) {
	w := newWorld(t)
	c := w.withOIDC(newZitadel(t, callbackURL), nil)
	w.browser().start("/")
	w.expire("ada")
	_, err := w.store.UpdateAccount(t.Context(), key("ada"), adapter.AccountUpdate{RefreshToken: new("revoked")})
	w.ok(err)
	if _, err := c.Tokens(t.Context(), "ada").Token(); !errors.Is(err, oauth.ErrRefresh) {
		t.Errorf("a revoked refresh token: %v", err)
	}
	_, err = w.store.UpdateAccount(t.Context(), key("ada"), adapter.AccountUpdate{RefreshToken: new("")})
	w.ok(err)
	if _, err := c.Tokens(t.Context(), "ada").Token(); !errors.Is(err, oauth.ErrRefresh) {
		t.Errorf("no refresh token: %v", err)
	}
	if _, err := c.Tokens(t.Context(), "nobody").Token(); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("no account: %v", err)
	}
}

// flaky is a store whose updates of accounts fail some times.
type flaky struct {
	adapter.Adapter
	failures atomic.Int32
}

func (f *flaky) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	if f.failures.Add(-1) >= 0 {
		return adapter.Account{}, fmt.Errorf("flaky: %w", adapter.ErrUnavailable)
	}
	return f.Adapter.UpdateAccount(ctx, key, up)
}

// New tokens reach the store though it is down for a moment, and the caller has gone.
func TestTokensReachTheStore(t *testing.T) {
	w := newWorld(t)
	store := &flaky{Adapter: w.store}
	ctx, leave := context.WithCancel(t.Context())
	c := w.withOIDC(newZitadel(t, callbackURL), func(c *oauth.Client) { c.Store = store })
	w.browser().start("/")
	old := w.expire("ada")
	store.failures.Store(2)
	next := w.net["id.example"]
	w.net["id.example"] = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		leave()
		next.ServeHTTP(rw, r)
	})
	if _, err := c.Tokens(ctx, "ada").Token(); err != nil {
		t.Fatal(err)
	}
	stored, err := w.store.GetAccount(t.Context(), key("ada"))
	w.ok(err)
	if stored.RefreshToken == old.RefreshToken {
		t.Error("the new refresh token was not stored")
	}
	w.expire("ada")
	store.failures.Store(1000)
	if _, err := c.Tokens(t.Context(), "ada").Token(); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("a store that is down: %v", err)
	}
}
