// Package oauth signs people in with an account that they have at another site, by OAuth
// 2.0 with PKCE. Package oidc has its providers that speak OpenID Connect; this one does not:
//
//	import (
//		"context"
//		"encoding/json"
//		"net/http"
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
//	github := &oauth.Client{Store: store, Sessions: &authhttp.Sessions{Store: store}, Provider: oauth.Provider{
//		ID: "github",
//		Config: oauth2.Config{
//			ClientID: "…", ClientSecret: "…", RedirectURL: "https://site.example/signin/github/callback",
//			Endpoint: oauth2.Endpoint{
//				AuthURL:  "https://github.com/login/oauth/authorize",
//				TokenURL: "https://github.com/login/oauth/access_token",
//			},
//		},
//		Identify: func(_ context.Context, a oauth.Answer) (oauth.Person, error) {
//			res, err := a.API.Get("https://api.github.com/user")
//			if err != nil {
//				return oauth.Person{}, err
//			}
//			defer res.Body.Close()
//			var user struct {
//				ID   json.Number // "" if it is an error that was answered: nobody
//				Name string
//			}
//			err = json.NewDecoder(res.Body).Decode(&user)
//			return oauth.Person{ID: user.ID.String(), Profile: adapter.User{Name: user.Name}}, err
//		},
//	}}
//	http.HandleFunc("POST /signin/github", github.Start) // a form, with where to go afterwards in "next"
//	http.HandleFunc("GET /signin/github/callback", github.Callback)
//
// Who is signed in links the account, everybody else signs in or up by it: package signin has
// the rules. [Client.Tokens] has tokens for the provider's API, refreshed and stored; by one
// caller at a time within a process, but not among several.
//
// # Promises
//
//   - An answer signs in the browser that has asked, once, within ten minutes: the state is a
//     one-time token of the store, under a secret that a cookie has (__Host-). No link and no
//     form of another site begins or ends a sign-in.
//   - An answer of another provider than was asked is refused (RFC 9207), and one that comes
//     after somebody else has signed in.
//   - A stolen code is of no use: PKCE, always by S256.
//   - The browser is sent to a path of this site only ([authhttp.LocalPath]).
//   - After an error nobody is signed in who was not before. No error and no log line has a
//     token, a code or an address.
//   - A network begins no more than 300 sign-ins in 15 minutes, since each is a write: see
//     Client.Limit.
package oauth
