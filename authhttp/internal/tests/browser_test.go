package tests

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/oauth2"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/oauth"
	"github.com/authstore/authstore/internal/chromium"
	"github.com/authstore/authstore/memory"
)

// formProvider is another site, whose page sends the answer as a form by itself.
func formProvider(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!doctype html><form method="post" action="%s"><input name="state" value="%s"><input name="code" value="a code"></form><script>document.forms[0].submit()</script>`,
			r.FormValue("redirect_uri"), r.FormValue("state"))
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"access_token": "a token", "token_type": "bearer"})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// A browser leaves cookies that are SameSite=Lax out of another site's form, and has them in the
// GET after a redirect: the account is linked to who is signed in, whom only a cookie tells.
func TestFormPostInABrowser(t *testing.T) {
	provider := formProvider(t)
	store := memory.New(memory.Options{})
	t.Cleanup(func() { _ = store.Close() })
	cleo, err := store.CreateUser(t.Context(), adapter.User{Name: "Cleo"})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	url := strings.Replace(site.URL, "127.0.0.1", "localhost", 1) // another site than the provider's
	sessions := &authhttp.Sessions{Store: store, Cookie: authhttp.Cookie{Insecure: true}}
	client := &oauth.Client{
		Provider: oauth.Provider{
			ID: "id", FormPost: true,
			Config: oauth2.Config{
				ClientID: clientID, RedirectURL: url + "/callback",
				Endpoint: oauth2.Endpoint{AuthURL: provider.URL + "/authorize", TokenURL: provider.URL + "/token"},
			},
			Identify: func(context.Context, oauth.Answer) (oauth.Person, error) { return oauth.Person{ID: "1001"}, nil },
		},
		Store: store, Sessions: sessions,
	}
	formCookies := "none came"
	mux.HandleFunc("POST /start", client.Start)
	mux.HandleFunc("GET /callback", client.Callback)
	mux.HandleFunc("POST /callback", func(w http.ResponseWriter, r *http.Request) {
		formCookies = r.Header.Get("Cookie")
		client.Callback(w, r)
	})
	mux.HandleFunc("POST /signin", func(w http.ResponseWriter, r *http.Request) {
		if _, err := sessions.SignIn(w, r, cleo); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, `<!doctype html><form method="post" action="/start"><button id="start">Link</button></form>`)
	})
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><form method="post"><button id="signin">Sign in</button></form>`)
	})
	mux.Handle("GET /{$}", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!doctype html><p id="who">%s</p>`, authhttp.User(r.Context()).Name)
	})))

	b := chromium.Start(t)
	b.Do("sign in", chromedp.Navigate(url+"/signin"), chromium.Click("#signin"), chromium.See("#start"))
	b.Do("link the account", chromium.Click("#start"), chromium.See("#who"))
	b.WantText("#who", "Cleo")
	if formCookies != "" {
		t.Errorf("the form came with the cookies %q: the test shows nothing", formCookies)
	}
	if u, err := store.GetUserByAccount(t.Context(), key("1001")); err != nil || u.ID != cleo.ID {
		t.Errorf("the account is not linked to who is signed in: %v", err)
	}
}
