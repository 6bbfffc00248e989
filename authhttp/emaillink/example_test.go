package emaillink_test

import (
	"context"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"

	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/emaillink"
	"github.com/authstore/authstore/memory"
)

// A person asks for a link, opens it, and presses the button.
func Example() {
	store := memory.New(memory.Options{})
	defer store.Close()
	mux := http.NewServeMux()
	site := httptest.NewTLSServer(mux)
	defer site.Close()

	var mail string
	sessions := &authhttp.Sessions{Store: store}
	links := &emaillink.Links{
		Store: store, Sessions: sessions, Secret: "the application's own", URL: site.URL + "/signin/confirm",
		Send: func(_ context.Context, _, link string) error { mail = link; return nil },
		Page: func(w http.ResponseWriter, _ *http.Request, l emaillink.Link) {
			fmt.Fprintf(w, `<!doctype html><form method="post"><button>Sign in as %s</button></form>`, html.EscapeString(l.Address))
		},
	}
	mux.Handle("/signin/confirm", links)
	mux.HandleFunc("POST /signin", func(w http.ResponseWriter, r *http.Request) {
		if err := links.Ask(w, r, r.PostFormValue("email"), r.PostFormValue("next")); err != nil {
			links.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, "Please look for our mail.")
	})
	mux.Handle("GET /orders", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Orders of %s", authhttp.User(r.Context()).Email)
	})))

	browser := site.Client()
	browser.Jar, _ = cookiejar.New(nil)
	show := func(res *http.Response, err error) {
		if err != nil {
			log.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		fmt.Println(string(text))
	}
	show(browser.PostForm(site.URL+"/signin", url.Values{"email": {"ada@example.com"}, "next": {"/orders"}}))
	show(browser.Get(mail))
	show(browser.PostForm(mail, nil))
	// Output:
	// Please look for our mail.
	// <!doctype html><form method="post"><button>Sign in as ada@example.com</button></form>
	// Orders of ada@example.com
}
