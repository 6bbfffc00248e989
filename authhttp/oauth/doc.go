// Package oauth signs people in with an account that they have at another site, by OAuth
// 2.0 with PKCE. Package oidc has its providers that speak OpenID Connect; what follows is
// one that does not.
//
//	import (
//		"context"
//		"encoding/json"
//		"net/http"
//		"strconv"
//
//		"golang.org/x/oauth2"
//
//		"github.com/authstore/authstore/adapter"
//		"github.com/authstore/authstore/authhttp"
//		"github.com/authstore/authstore/authhttp/oauth"
//		"github.com/authstore/authstore/memory"
//	)
//
//	store := memory.New(memory.Options{})
//	sessions := &authhttp.Sessions{Store: store}
//	github := &oauth.Client{
//		Provider: oauth.Provider{
//			ID: "github",
//			Config: oauth2.Config{
//				ClientID: "…", ClientSecret: "…", RedirectURL: "https://site.example/signin/github/callback",
//				Endpoint: oauth2.Endpoint{
//					AuthURL:  "https://github.com/login/oauth/authorize",
//					TokenURL: "https://github.com/login/oauth/access_token",
//				},
//			},
//			Identify: func(ctx context.Context, a oauth.Answer) (oauth.Person, error) {
//				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.github.com/user", nil)
//				if err != nil {
//					return oauth.Person{}, err
//				}
//				res, err := a.API.Do(r)
//				if err != nil {
//					return oauth.Person{}, err
//				}
//				defer res.Body.Close()
//				var user struct {
//					ID   int64
//					Name string
//				}
//				if err := json.NewDecoder(res.Body).Decode(&user); err != nil || user.ID == 0 {
//					return oauth.Person{}, err // without an ID it is nobody
//				}
//				return oauth.Person{ID: strconv.FormatInt(user.ID, 10), Profile: adapter.User{Name: user.Name}}, nil
//			},
//		},
//		Store: store, Sessions: sessions,
//	}
//	mux := http.NewServeMux()
//	mux.HandleFunc("POST /signin/github", github.Start) // a form, with the path to return to in "return"
//	mux.HandleFunc("GET /signin/github/callback", github.Callback)
//	_ = http.ListenAndServe("127.0.0.1:8080", mux)
//
// Who is signed in links the account, and everybody else signs in or up by it, by the
// rules of package signin. [Client.Tokens] has the account's tokens for calls of the
// provider's API, refreshed and stored.
//
// # Promises
//
//   - An answer signs in the browser that has asked, and there once: the state is a
//     one-time token of the store, under a secret that a cookie of the browser has
//     (__Host-). Neither a link that somebody was sent nor another site's form begins
//     or ends a sign-in.
//   - An answer of another provider than was asked is refused (RFC 9207), and so is one that
//     comes after ten minutes ([ErrLate]), twice ([ErrState]), or after somebody else has
//     signed in ([ErrPerson]).
//   - A stolen code is of no use: PKCE, always by S256.
//   - The browser is sent to a path of this site only, whatever a request says.
//   - After an error nobody is signed in who was not before.
//   - No error and no log line has a token, a code or an address.
//
// Start makes one round trip to the store, and one that anybody can cause: put a limit in
// front of it. Callback makes two, and those of signin and SignIn.
package oauth
