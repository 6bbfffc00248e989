package authhttp

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

func TestLoadTakesOneRoundTrip(t *testing.T) {
	w := newWorld(t)
	value, _ := w.signedIn()
	h := w.Require(w.Load(w.Require(who))) // nothing is read twice
	rec := serve(h, w.request("GET", value))
	w.same("who", rec.Body.String(), "Ada")
	w.same("calls", w.store.taken(), "get")
	w.same("Cache-Control", rec.Header().Get("Cache-Control"), "no-store")
	w.same("Vary", rec.Header().Get("Vary"), "Cookie")
	w.same("Set-Cookie", rec.Header().Get("Set-Cookie"), "")

	rec = serve(w.Load(who), w.request("GET", ""))
	w.same("who without a cookie", rec.Body.String(), "nobody")
	w.same("Vary without a cookie", rec.Header().Get("Vary"), "Cookie")
	w.same("Cache-Control without a cookie", rec.Header().Get("Cache-Control"), "")
	w.same("calls without a cookie", w.store.taken(), "")
}

func TestLazy(t *testing.T) {
	w := newWorld(t)
	value, _ := w.signedIn()
	w.Lazy = true
	rec := serve(w.Load(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), w.request("GET", value))
	w.same("calls when nobody asks", w.store.taken(), "")
	w.same("Vary when nobody asks", rec.Header().Get("Vary"), "")
	w.same("who", w.sees(value), "Ada")
	w.same("calls", w.store.taken(), "get")

	w.store.fail["get"] = errDown
	w.same("who, of a store that is down", w.sees(value), "unknown: unavailable")
	w.same("status of Require", serve(w.Require(who), w.request("GET", value)).Code, http.StatusServiceUnavailable)
}

func TestStoreThatIsDown(t *testing.T) {
	for _, err := range []error{errDown, adapter.Setup("authentication failed", "check the password"), adapter.ErrUnreadable, adapter.ErrClosed} {
		w := newWorld(t)
		value, session := w.signedIn()
		w.store.fail["get"] = err
		for name, h := range map[string]http.Handler{"Load": w.Load(who), "Require": w.Require(who)} {
			rec := serve(h, w.request("GET", value))
			w.same(name+": status", rec.Code, http.StatusServiceUnavailable)
			w.same(name+": Set-Cookie", rec.Header().Get("Set-Cookie"), "")
			w.same(name+": Cache-Control", rec.Header().Get("Cache-Control"), "no-store")
		}
		if text := w.log.String(); !strings.Contains(text, "code="+adapter.Code(err)) || strings.Contains(text, session.SessionToken) {
			t.Errorf("the log has no code, or the token: %s", text)
		}
		w.Failed = func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusTeapot) }
		w.same("status of Failed", serve(w.Load(who), w.request("GET", value)).Code, http.StatusTeapot)
		w.store.fail["get"] = nil
		w.same("who, once it is up", w.sees(value), "Ada")
	}
}

// A visitor who has gone is no fault of the store's.
func TestVisitorWhoHasGone(t *testing.T) {
	w := newWorld(t)
	value, _ := w.signedIn()
	w.store.fail["get"] = fmt.Errorf("memory: %w", context.Canceled)
	w.same("status", serve(w.Load(who), w.request("GET", value)).Code, http.StatusServiceUnavailable)
	w.same("the log", w.log.String(), "")
}

func TestDenied(t *testing.T) {
	w := newWorld(t)
	rec := serve(w.Require(who), w.request("GET", ""))
	w.same("status", rec.Code, http.StatusUnauthorized)
	w.same("Cache-Control", rec.Header().Get("Cache-Control"), "no-store")
	w.Denied = http.RedirectHandler("/signin", http.StatusSeeOther)
	rec = serve(w.Require(who), w.request("GET", "gone"))
	w.same("status", rec.Code, http.StatusSeeOther)
	w.same("Set-Cookie of a session that is gone", rec.Header().Get("Set-Cookie"), "")

	w.Denied, w.Bearer = nil, true
	rec = serve(w.Require(who), w.request("GET", ""))
	w.same("WWW-Authenticate", rec.Header().Get("WWW-Authenticate"), "Bearer")
	w.same("Vary", strings.Join(rec.Header()["Vary"], " "), "Cookie Authorization")
}

func TestSliding(t *testing.T) {
	w := newWorld(t)
	value, first := w.signedIn()
	w.same("Expires", first.Expires, noon.Add(30*day))

	w.clock.advance(day - time.Millisecond)
	w.sees(value)
	w.same("calls before a day is over", w.store.taken(), "get")
	w.clock.advance(time.Millisecond)
	rec := serve(w.Load(who), w.request("GET", value))
	w.same("calls after a day", w.store.taken(), "get update")
	w.same("Set-Cookie", rec.Header().Get("Set-Cookie"), "__Host-session="+value+"; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax")
	w.sees(value)
	w.same("calls at once after it", w.store.taken(), "get")
	w.clock.advance(day)
	serve(w.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		session, _, err := Current(r.Context())
		w.ok(err)
		w.same("the token of a session that was prolonged", session.SessionToken, value)
	})), w.request("GET", value))

	w.clock.advance(30*day - time.Millisecond)
	w.same("who, at the last moment", w.sees(value), "Ada")
	w.clock.advance(30 * day)
	w.same("who, after a month away", w.sees(value), "nobody")

	w.UpdateAge = 30 * day
	value, _ = w.signedIn()
	w.clock.advance(30*day - time.Millisecond)
	w.sees(value)
	w.same("calls where nothing is prolonged", w.store.taken(), "get")
}

func TestLifetime(t *testing.T) {
	w := newWorld(t)
	w.MaxAge, w.UpdateAge, w.Lifetime = 10*day, time.Hour, 25*day
	value, _ := w.signedIn()
	for range 24 {
		w.clock.advance(day)
		if got := w.sees(value); got != "Ada" {
			t.Fatalf("%v after signing in: got %s, want Ada", w.clock.now().Sub(noon), got)
		}
	}
	w.store.taken()
	w.sees(value)
	w.same("calls at the end", w.store.taken(), "get")
	w.clock.advance(day)
	w.same("who, at the end of the lifetime", w.sees(value), "nobody")

	// What another program has prolonged is over all the same.
	_, session := w.signedIn()
	_, err := w.all.UpdateSession(t.Context(), session.SessionToken, adapter.SessionUpdate{Expires: new(w.clock.now().Add(100 * day))})
	w.ok(err)
	w.clock.advance(25*day - time.Millisecond)
	w.same("who, just before", w.sees(session.SessionToken), "Ada")
	w.clock.advance(time.Millisecond)
	w.same("who, after", w.sees(session.SessionToken), "nobody")
	value, _ = w.signedIn()
	serve(w.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		all, err := w.List(r.Context())
		w.ok(err)
		w.same("sessions that are not over", len(all), 1)
	})), w.request("GET", value))
}

// dateless is a store of a program that keeps no CreatedAt.
type dateless struct{ *spy }

func (d dateless) GetSessionAndUser(r ctx, token string) (adapter.Session, adapter.User, error) {
	session, user, err := d.spy.GetSessionAndUser(r, token)
	session.CreatedAt = time.Time{}
	return session, user, err
}

func TestLifetimeOfAnUnknownBeginning(t *testing.T) {
	w := newWorld(t)
	w.Store = dateless{w.store}
	value, _ := w.signedIn()
	w.clock.advance(2 * day)
	w.Lifetime = 10 * day
	w.same("who", w.sees(value), "Ada")
	w.same("calls with a lifetime", w.store.taken(), "get")
	w.Lifetime = 0
	w.same("who", w.sees(value), "Ada")
	w.same("calls without", w.store.taken(), "get update")
}

func TestRenewalThatFails(t *testing.T) {
	w := newWorld(t)
	value, session := w.signedIn()
	w.clock.advance(2 * day)
	w.store.fail["update"] = errDown
	rec := serve(w.Load(who), w.request("GET", value))
	w.same("who", rec.Body.String(), "Ada")
	w.same("Set-Cookie", rec.Header().Get("Set-Cookie"), "")
	if text := w.log.String(); !strings.Contains(text, "not prolonged") || strings.Contains(text, session.SessionToken) {
		t.Errorf("the log does not say so, or has the token: %s", text)
	}
	w.store.fail["update"] = nil
	w.store.taken()
	w.same("who", w.sees(value), "Ada")
	w.same("calls of the next request", w.store.taken(), "get update")

	// Somebody signs out between the read and the renewal.
	w.clock.advance(2 * day)
	w.store.meet = func(op string) {
		if op == "update" {
			w.ok(w.all.DeleteSession(t.Context(), session.SessionToken))
		}
	}
	rec = serve(w.Load(who), w.request("GET", value))
	w.same("who, signed out meanwhile", rec.Body.String(), "nobody")
	w.same("Set-Cookie", rec.Header().Get("Set-Cookie"), "")
	w.same("Cache-Control", rec.Header().Get("Cache-Control"), "")
}

func TestRequestsThatRenewAtOnce(t *testing.T) {
	w := newWorld(t)
	value, _ := w.signedIn()
	w.clock.advance(2 * day)
	const n = 20
	var read, all sync.WaitGroup
	read.Add(n)
	w.store.meet = func(op string) {
		if op == "update" { // each has read before one writes
			read.Done()
			read.Wait()
		}
	}
	h := w.Load(who)
	for range n {
		all.Go(func() {
			rec := serve(h, w.request("GET", value))
			if got := rec.Body.String(); got != "Ada" || !strings.Contains(rec.Header().Get("Set-Cookie"), value) {
				t.Errorf("got %s and the cookie %q", got, rec.Header().Get("Set-Cookie"))
			}
		})
	}
	all.Wait()
	w.store.meet = nil
	w.store.taken()
	w.same("who", w.sees(value), "Ada")
	w.same("calls afterwards", w.store.taken(), "get")
}

// Of two middlewares the inner one says who it is.
func TestNested(t *testing.T) {
	w := newWorld(t)
	value, _ := w.signedIn()
	j := newJWTs(AuthJSCookie(), secret)
	r := w.request("GET", value)
	r.Header.Set("Cookie", r.Header.Get("Cookie")+"; "+j.cookie().name()+"="+encrypt(t, j.keys[0], adas(map[string]any{"name": "Eve"}), nil))
	w.same("who, to Sessions", serve(j.Load(w.Load(who)), r).Body.String(), "Ada")
	w.same("who, to JWTSessions", serve(w.Load(j.Load(who)), r).Body.String(), "Eve")
	serve(j.Load(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.ok(w.SignOut(rw, r))
		w.same("who, to JWTSessions, signed out of Sessions", User(r.Context()).Name, "Eve")
	})), r)
}

// Current may be asked by several goroutines of a handler.
func TestCurrentAtOnce(t *testing.T) {
	w := newWorld(t)
	value, _ := w.signedIn()
	w.Lazy = true
	serve(w.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, user, err := Current(r.Context()); err != nil || user.Name != "Ada" {
					t.Errorf("got %s, %v", user.Name, err)
				}
			})
		}
		all.Wait()
	})), w.request("GET", value))
	w.same("calls", w.store.taken(), "get")
}

func TestBearer(t *testing.T) {
	w := newWorld(t)
	value, session := w.signedIn()
	request := func(headers ...string) *http.Request {
		r := w.request("POST", "")
		r.Header["Authorization"] = headers
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		return r
	}
	w.same("status where it is not wanted", serve(w.Load(who), request("Bearer "+value)).Code, http.StatusForbidden)
	w.Bearer = true
	for _, header := range []string{"Bearer " + value, "bearer " + value, "BEARER  " + value + " "} {
		w.same(header[:8], serve(w.Load(who), request(header)).Body.String(), "Ada")
	}
	for name, headers := range map[string][]string{
		"empty": {"Bearer "}, "wrong": {"Bearer x"}, "doubled": {"Bearer " + value, "Bearer " + value}, "mixed": {"Basic eDp5", "Bearer " + value},
		"two words": {"Bearer a " + value}, "oversized": {"Bearer " + strings.Repeat("x", maxCookie+1)},
	} {
		r := request(headers...)
		r.Header.Set("Cookie", "__Host-session="+value) // does not count
		w.same(name, serve(w.Load(who), r).Body.String(), "nobody")
	}
	r := w.request("GET", value)
	r.Header.Set("Authorization", "Basic eDp5")
	w.same("another scheme", serve(w.Load(who), r).Body.String(), "Ada")

	w.clock.advance(2 * day)
	rec := serve(w.Load(who), request("Bearer "+value))
	w.same("Set-Cookie of a renewal", rec.Header().Get("Set-Cookie"), "")
	got, _, err := w.all.GetSessionAndUser(t.Context(), session.SessionToken)
	w.ok(err)
	w.same("Expires", got.Expires, noon.Add(32*day))
	w.ok(w.SignOut(rec, request("Bearer "+value)))
	w.same("who, signed out", serve(w.Load(who), request("Bearer "+value)).Body.String(), "nobody")
}

func TestOtherSites(t *testing.T) {
	w := newWorld(t)
	value, _ := w.signedIn()
	r := w.request("POST", value)
	r.Header.Set("Origin", "https://evil.example")
	rec := serve(w.Load(who), r)
	w.same("status", rec.Code, http.StatusForbidden)
	w.same("calls", w.store.taken(), "")
	_, err := w.SignIn(httptest.NewRecorder(), r, w.ada)
	w.same("SignIn", err, ErrCrossOrigin)
	w.same("SignOut", w.SignOut(httptest.NewRecorder(), r), ErrCrossOrigin)
	w.same("calls", w.store.taken(), "")

	w.CrossOrigin = http.NewCrossOriginProtection()
	w.ok(w.CrossOrigin.AddTrustedOrigin("https://evil.example"))
	w.same("who, by a site that is trusted", serve(w.Load(who), r).Body.String(), "Ada")
}

func TestMisuse(t *testing.T) {
	panics := func(name, want string, f func()) {
		t.Helper()
		defer func() {
			if got, _ := recover().(string); !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want a panic with %q", name, got, want)
			}
		}()
		f()
	}
	w := newWorld(t)
	panics("no store", "Store is nil", func() { new(Sessions).Load(who) })
	panics("domain", "__Host-", func() { (&Sessions{Store: w.store, Cookie: Cookie{Domain: "site.example"}}).Require(who) })
	panics("no secret", "secret is empty", func() { BetterAuthCookie("") })
	panics("an empty older secret", "secret is empty", func() { BetterAuthCookie("x", "") })
	panics("no secrets", "missing", func() { new(JWTSessions).Load(who) })
	panics("cookie of another format", "AuthJSCookie", func() {
		(&JWTSessions{Secrets: []string{"x"}, Cookie: BetterAuthCookie("x")}).Load(who)
	})
	panics("User without Require", "Require", func() { User(t.Context()) })
	panics("User of nobody", "nobody", func() {
		serve(w.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { User(r.Context()) })), w.request("GET", ""))
	})
	if _, _, err := Current(t.Context()); err != errMiddleware {
		t.Errorf("Current without Load: got %v", err)
	}
}
