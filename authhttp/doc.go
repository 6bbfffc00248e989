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
//	sessions := &authhttp.Sessions{Store: store, Denied: http.RedirectHandler("/signin", http.StatusSeeOther)}
//	mux := http.NewServeMux()
//	mux.Handle("GET /{$}", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//		fmt.Fprintf(w, "Hello %s", authhttp.User(r.Context()).Name)
//	})))
//	mux.HandleFunc("POST /signout", func(w http.ResponseWriter, r *http.Request) {
//		if err := sessions.SignOut(w, r); err != nil {
//			http.Error(w, "please try again", http.StatusServiceUnavailable)
//			return
//		}
//		http.Redirect(w, r, "/", http.StatusSeeOther)
//	})
//	// Once you have made sure who it is: session, err := sessions.SignIn(w, r, user)
//	_ = http.ListenAndServe("127.0.0.1:8080", mux)
//
// [Sessions.Require] lets those in who are signed in, [Sessions.Load] lets
// everybody in; both are middleware for any router. [User] is the person behind
// Require, [Current] is whoever it is behind either. How a person proves who they
// are, by a link, a provider or a passkey, is the application's.
//
// # What it promises
//
//   - One round trip to the store for a request that carries a token, none for one
//     that carries none, or a token whose signature is wrong.
//   - A store that does not answer is 503. Nobody counts as signed out because of
//     it, nobody is let in, and no cookie is taken away: only signing out does that.
//   - Signing in makes a fresh token and ends the session that the browser had, so
//     that nobody can fix the token of somebody else's session.
//   - A cookie that is there twice, longer than a browser keeps, cut short, put
//     together wrongly or signed by somebody else is nobody's.
//   - A form that another site sends is 403 ([http.CrossOriginProtection]), before
//     anything is read, and [Sessions.SignIn] refuses one also without middleware
//     in front. A bearer token is not sent by a browser on its own: it is let through.
//   - Nothing redirects to where a request says.
//   - Cookies are HttpOnly, Secure and SameSite=Lax, and the package's own has the
//     prefix __Host-, so that no other host of the domain can set it. Behind a proxy
//     that ends TLS this needs no setting, since nothing is concluded from the request.
//   - An answer made for somebody has Cache-Control: no-store, and any answer that
//     depends on who asks has Vary. A handler may set Cache-Control anew.
//   - No error and no log line holds a token.
//
// # How long a session lasts
//
// MaxAge after its last use, noted at most once an UpdateAge, and never longer than
// Lifetime after signing in. That a session is in use costs one more round trip
// then. Of requests that come in at the same moment each may note it; the outcome
// is the same. If noting fails, the request is served and the next one tries again.
//
// # Beside Auth.js
//
// With sessions in the database ([AuthJSCookie] for version 5, [NextAuthCookie] for
// version 4), both sides read, prolong and end each other's sessions. The store must
// have been opened with adapter.Options.PlainSessionTokens and the layout of the
// application's adapter. With sessions in JWTs, the default of Auth.js without a
// database, [JWTSessions] reads them: there is nothing to write or to end.
//
// # Beside Better Auth
//
// [BetterAuthCookie] has the application's signed cookie, and with Sessions.Bearer
// the token of its bearer plugin. The signature is checked before the store is
// asked. Store is then an [adapter.Sessions] over the sessions of the application;
// no backend of this module has Better Auth's tables. The application's cache
// cookie, session_data, is never believed: a session that was ended lives on in it.
//
// # Limits
//
//	a cookie             4096 bytes
//	a session token      1024 bytes
//	a JWT, all chunks   32768 bytes in 16 chunks at most
package authhttp
