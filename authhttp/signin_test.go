package authhttp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

type ctx = context.Context

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	w.Attributes = func(r *http.Request) adapter.Attributes { return adapter.Attributes{"browser": r.UserAgent()} }
	old, _ := w.signedIn()
	r := w.request("POST", old)
	r.Header.Set("User-Agent", "Firefox")
	rec := httptest.NewRecorder()
	session, err := w.SignIn(rec, r, w.ada)
	w.ok(err)
	w.same("calls", w.store.taken(), "delete create")
	w.same("Set-Cookie", strings.Join(rec.Header()["Set-Cookie"], "\n"),
		"__Host-session="+session.SessionToken+"; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax")
	w.same("Cache-Control", rec.Header().Get("Cache-Control"), "no-store")
	w.same("the token is another one", session.SessionToken == old, false)
	w.same("attribute", session.Attributes["browser"], "Firefox")
	w.same("who, by the session before", w.sees(old), "nobody")
	w.same("who", w.sees(session.SessionToken), "Ada")
}

// Whoever plants a token in somebody's browser does not know the one that signs them in.
func TestFixation(t *testing.T) {
	w := newWorld(t)
	for _, planted := range []string{"chosen-by-somebody", w.ada.ID + "." + strings.Repeat("A", 43)} {
		session, err := w.SignIn(httptest.NewRecorder(), w.request("POST", planted), w.ada)
		w.ok(err)
		w.same("the token is the planted one", session.SessionToken == planted, false)
		w.same("who, by the planted one", w.sees(planted), "nobody")
	}
}

func TestSignInWithinLoad(t *testing.T) {
	w := newWorld(t)
	old, _ := w.signedIn()
	w.clock.advance(2 * day)
	rec := serve(w.Load(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		session, err := w.SignIn(rw, r, w.ada)
		w.ok(err)
		current, user, err := Current(r.Context())
		w.ok(err)
		w.same("session", current.ID, session.ID)
		w.same("user", user.ID, w.ada.ID)
		w.ok(w.SignOut(rw, r)) // of the session that the request has: it is gone
		_, _, err = Current(r.Context())
		w.same("error", err, errNobody)
	})), w.request("POST", old))
	// The renewal, the sign-in and the sign-out are one cookie: the last of them.
	w.same("Set-Cookie", strings.Join(rec.Header()["Set-Cookie"], "\n"), "__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax")
}

func TestSignInThatFails(t *testing.T) {
	for _, op := range []string{"delete", "create"} {
		w := newWorld(t)
		value, _ := w.signedIn()
		w.store.fail[op] = errDown
		rec := httptest.NewRecorder()
		_, err := w.SignIn(rec, w.request("POST", value), w.ada)
		w.same(op, err, errDown)
		w.same(op+": Set-Cookie", rec.Header().Get("Set-Cookie"), "")
	}
}

// Whoever began to sign in before a user was taken over is not signed in after it.
func TestSignInWhileTakenOver(t *testing.T) {
	w := newWorld(t)
	mallory, err := w.all.CreateUser(t.Context(), adapter.User{Email: "mallory@example.com"})
	w.ok(err)
	session, err := w.SignIn(httptest.NewRecorder(), w.request("POST", ""), mallory)
	w.ok(err)
	w.same("calls", w.store.taken(), "create get")
	_, _, err = w.all.GetSessionAndUser(t.Context(), session.SessionToken)
	w.ok(err)

	_, err = w.all.UpdateUser(t.Context(), mallory.ID, adapter.UserUpdate{EmailVerified: new(noon)})
	w.ok(err)
	w.ok(w.all.DeleteSessions(t.Context(), mallory.ID))
	rec := httptest.NewRecorder()
	_, err = w.SignIn(rec, w.request("POST", ""), mallory)
	w.same("error", err, ErrTakenOver)
	w.same("Set-Cookie", rec.Header().Get("Set-Cookie"), "")
	all, err := w.all.ListSessions(t.Context(), mallory.ID)
	w.ok(err)
	w.same("sessions", len(all), 0)

	w.store.fail["get"] = errDown
	_, err = w.SignIn(rec, w.request("POST", ""), mallory)
	w.same("error of a store that is down", err, errDown)
}

func TestSignOut(t *testing.T) {
	w := newWorld(t)
	value, _ := w.signedIn()
	other, _ := w.signedIn()
	w.store.fail["delete"] = errDown
	rec := httptest.NewRecorder()
	w.same("of a store that is down", w.SignOut(rec, w.request("POST", value)), errDown)
	w.same("Set-Cookie", rec.Header().Get("Set-Cookie"), "")
	w.store.fail["delete"] = nil
	w.ok(w.SignOut(rec, w.request("POST", value)))
	w.same("Set-Cookie", rec.Header().Get("Set-Cookie"), "__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax")
	w.same("who", w.sees(value), "nobody")
	w.same("who the other browser is", w.sees(other), "Ada")
	w.store.taken()
	w.ok(w.SignOut(rec, w.request("POST", "")))
	w.same("calls for nobody", w.store.taken(), "")
}

func TestSignOutOfSeveral(t *testing.T) {
	w := newWorld(t)
	bob, err := w.all.CreateUser(t.Context(), adapter.User{Name: "Bob"})
	w.ok(err)
	bobs, err := w.SignIn(httptest.NewRecorder(), w.request("POST", ""), bob)
	w.ok(err)
	a, first := w.signedIn()
	w.clock.advance(time.Second)
	b, second := w.signedIn()
	c, third := w.signedIn()

	as := func(value string, f func(rw http.ResponseWriter, r *http.Request)) *httptest.ResponseRecorder {
		t.Helper()
		return serve(w.Require(http.HandlerFunc(f)), w.request("POST", value))
	}
	as(a, func(_ http.ResponseWriter, r *http.Request) {
		all, err := w.List(r.Context())
		w.ok(err)
		if len(all) != 3 || all[2].ID != first.ID || all[0].SessionToken != "" {
			t.Errorf("got %v", all)
		}
		w.ok(w.End(r.Context(), third.ID))
		w.ok(w.End(r.Context(), bobs.ID)) // is not Ada's
	})
	w.same("who c is", w.sees(c), "nobody")
	w.same("who Bob is", w.sees(bobs.SessionToken), "Bob")
	as(b, func(_ http.ResponseWriter, r *http.Request) { w.ok(w.SignOutOthers(r.Context())) })
	w.same("who a is", w.sees(a), "nobody")
	w.same("who b is", w.sees(second.SessionToken), "Ada")
	w.store.fail["deleteAll"] = errDown
	rec := as(b, func(rw http.ResponseWriter, r *http.Request) { w.same("error", w.SignOutEverywhere(rw, r), errDown) })
	w.same("Set-Cookie of a store that is down", rec.Header().Get("Set-Cookie"), "")
	w.store.fail["deleteAll"] = nil
	rec = as(b, func(rw http.ResponseWriter, r *http.Request) { w.ok(w.SignOutEverywhere(rw, r)) })
	w.same("Set-Cookie", rec.Header().Get("Set-Cookie"), "__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax")
	w.same("who b is", w.sees(b), "nobody")
	w.same("who Bob is", w.sees(bobs.SessionToken), "Bob")

	serve(w.Load(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, listed := w.List(r.Context())
		for name, err := range map[string]error{
			"SignOutEverywhere": w.SignOutEverywhere(rw, r), "SignOutOthers": w.SignOutOthers(r.Context()), "List": listed, "End": w.End(r.Context(), first.ID),
		} {
			w.same(name+" of nobody", err, errNobody)
		}
	})), w.request("POST", ""))
}
