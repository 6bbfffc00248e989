package oauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/oauth"
	"github.com/authstore/authstore/memory"
)

// provider is another site, at which everybody is Ada.
func provider() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		answer := url.Values{"code": {"a code"}, "state": {r.FormValue("state")}}
		http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token": "a token", "token_type": "bearer"}`)
	})
	mux.HandleFunc("GET /user", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id": "1001", "name": "Ada"}`)
	})
	return httptest.NewTLSServer(mux)
}

// A person signs in by an account that they have at another site.
func Example() {
	other := provider()
	defer other.Close()
	mux := http.NewServeMux()
	site := httptest.NewTLSServer(mux)
	defer site.Close()

	store := memory.New(memory.Options{})
	defer store.Close()
	sessions := &authhttp.Sessions{Store: store}
	client := &oauth.Client{
		Provider: oauth.Provider{
			ID: "other",
			Config: oauth2.Config{
				ClientID: "site", RedirectURL: site.URL + "/callback",
				Endpoint: oauth2.Endpoint{AuthURL: other.URL + "/authorize", TokenURL: other.URL + "/token"},
			},
			Identify: func(_ context.Context, a oauth.Answer) (oauth.Person, error) {
				res, err := a.API.Get(other.URL + "/user")
				if err != nil {
					return oauth.Person{}, err
				}
				defer res.Body.Close()
				var user struct{ ID, Name string }
				err = json.NewDecoder(res.Body).Decode(&user)
				return oauth.Person{ID: user.ID, Profile: adapter.User{Name: user.Name}}, err
			},
		},
		Store: store, Sessions: sessions, HTTP: other.Client(),
	}
	mux.HandleFunc("POST /signin", client.Start)
	mux.HandleFunc("GET /callback", client.Callback)
	mux.Handle("GET /settings", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello %s", authhttp.User(r.Context()).Name)
	})))

	browser := site.Client()
	browser.Jar, _ = cookiejar.New(nil)
	res, err := browser.PostForm(site.URL+"/signin", url.Values{"next": {"/settings"}})
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	fmt.Printf("%s\n", text)
	// Output: Hello Ada
}

// A call of the provider's API in the name of a person who has signed in by it.
func ExampleClient_Tokens() {
	store := memory.New(memory.Options{})
	defer store.Close()
	client := &oauth.Client{Provider: oauth.Provider{ID: "other"}, Store: store, Sessions: &authhttp.Sessions{Store: store}}

	ctx := context.Background()
	api := oauth2.NewClient(ctx, client.Tokens(ctx, "1001")) // Account.ProviderAccountID
	_, err := api.Get("https://api.other.example/photos")
	fmt.Println(err != nil) // nobody has that account yet
	// Output: true
}
