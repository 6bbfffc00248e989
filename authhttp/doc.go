// Package authhttp turns what a request carries into a signed-in person, in
// net/http: a cookie of its own, one of an Auth.js (NextAuth.js) or a Better Auth
// application, or a bearer token.
//
//	import (
//		"fmt"
//		"net/http"
//
//		"github.com/authstore/authstore/authhttp"
//		"github.com/authstore/authstore/memory"
//	)
//
//	store := memory.New(memory.Options{})
//	sessions := &authhttp.Sessions{
//		Store:  store,
//		Cookie: authhttp.Cookie{Insecure: true}, // for http://localhost: leave it out where there is TLS
//		Denied: http.RedirectHandler("/signin", http.StatusSeeOther),
//	}
//	home := func(w http.ResponseWriter, r *http.Request, err error) {
//		if err != nil {
//			http.Error(w, "please try again", http.StatusServiceUnavailable)
//			return
//		}
//		http.Redirect(w, r, "/", http.StatusSeeOther)
//	}
//	mux := http.NewServeMux()
//	mux.Handle("GET /{$}", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//		fmt.Fprintf(w, "Hello %s", authhttp.User(r.Context()).Name)
//	})))
//	mux.HandleFunc("POST /signin", func(w http.ResponseWriter, r *http.Request) {
//		user, err := store.GetUserByEmail(r.Context(), "ada@example.com") // whom you have made sure of
//		if err == nil {
//			_, err = sessions.SignIn(w, r, user)
//		}
//		home(w, r, err)
//	})
//	mux.HandleFunc("POST /signout", func(w http.ResponseWriter, r *http.Request) { home(w, r, sessions.SignOut(w, r)) })
//	_ = http.ListenAndServe("127.0.0.1:8080", mux)
//
// [Sessions.Require] admits those who are signed in, [Sessions.Load] everybody; both are
// middleware for any router. [User] returns the person behind Require, [Current] whoever it is
// behind either. Packages emaillink, oidc, oauth and passkey are ways to make sure of who
// somebody is; package signin has the rules by which that leads to a user.
//
// # Promises
//
//   - A request costs one round trip to the store if it carries a token, and none if it
//     carries none, or one whose signature is wrong.
//   - A store that does not answer is 503. Nobody is let in or signed out because of it,
//     and no cookie is cleared: only signing out does that.
//   - Signing in makes a fresh token, and ends the session that the browser had.
//   - A malformed, oversized, doubled or forged cookie signs nobody in.
//   - A form from another site is 403 ([http.CrossOriginProtection]), also in
//     [Sessions.SignIn] without middleware in front.
//   - Cookies are HttpOnly, Secure and SameSite=Lax; the package's own begins with __Host-.
//   - Answers for a person have Cache-Control: no-store, and Vary where it depends on who asks.
//   - No error and no log line contains a token, and nothing redirects to where a request says.
//
// How long sessions last, cookies of Auth.js ([AuthJSCookie], [NextAuthCookie],
// [JWTSessions]) and of Better Auth ([BetterAuthCookie]), and the limits are in docs/authhttp.md.
package authhttp
