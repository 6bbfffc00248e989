// Sessions is a site with sessions of its own: authhttp.Sessions on a store.
//
//	go run ./examples/sessions
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/memory"
)

func site(store adapter.Adapter) http.Handler {
	sessions := &authhttp.Sessions{
		Store:  store,
		Cookie: authhttp.Cookie{Insecure: true}, // for http://localhost alone
		Denied: http.RedirectHandler("/signin", http.StatusSeeOther),
	}
	page := func(h func(http.ResponseWriter, *http.Request) error) http.Handler {
		return sessions.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				log.Print(err)
				http.Error(w, "please try again", http.StatusServiceUnavailable)
				return
			}
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `<!doctype html><form method="post"><button>Sign in as a new guest</button></form>`)
	})
	mux.Handle("POST /signin", page(func(w http.ResponseWriter, r *http.Request) error {
		guest, err := store.CreateUser(r.Context(), adapter.User{Name: "Guest"}) // in place of a proof of who it is
		if err == nil {
			_, err = sessions.SignIn(w, r, guest)
		}
		return err
	}))
	mux.Handle("POST /signout", page(sessions.SignOut))
	mux.Handle("GET /{$}", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!doctype html><p>Hello %s</p><form method="post" action="/signout"><button>Sign out</button></form>`, html.EscapeString(authhttp.User(r.Context()).Name))
	})))
	return mux
}

func main() {
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", site(memory.New(memory.Options{}))))
}
