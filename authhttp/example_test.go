package authhttp_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/memory"
)

// A site whose visitors sign in, are known, and sign out.
func Example() {
	store := memory.New(memory.Options{})
	defer store.Close()
	ada, err := store.CreateUser(context.Background(), adapter.User{Name: "Ada"})
	if err != nil {
		log.Fatal(err)
	}

	sessions := &authhttp.Sessions{Store: store, Denied: http.RedirectHandler("/signin", http.StatusSeeOther)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "Please sign in")
	})
	mux.HandleFunc("POST /signin", func(w http.ResponseWriter, r *http.Request) {
		// Here a program makes sure of who it is.
		if _, err := sessions.SignIn(w, r, ada); err != nil {
			http.Error(w, "please try again", http.StatusServiceUnavailable)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /signout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.SignOut(w, r); err != nil {
			http.Error(w, "please try again", http.StatusServiceUnavailable)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.Handle("GET /{$}", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello %s", authhttp.User(r.Context()).Name)
	})))

	site := httptest.NewTLSServer(mux)
	defer site.Close()
	browser := site.Client()
	browser.Jar, _ = cookiejar.New(nil)
	show := func(res *http.Response, err error) {
		if err != nil {
			log.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		fmt.Println(strings.TrimSpace(string(text)))
	}
	show(browser.Get(site.URL))
	show(browser.Post(site.URL+"/signin", "", nil))
	show(browser.Post(site.URL+"/signout", "", nil))
	// Output:
	// Please sign in
	// Hello Ada
	// Please sign in
}

// The list of a person's sessions, with a button for each to end it.
func ExampleSessions_List() {
	store := memory.New(memory.Options{})
	defer store.Close()
	sessions := &authhttp.Sessions{Store: store, Attributes: func(r *http.Request) adapter.Attributes {
		return adapter.Attributes{"browser": r.UserAgent()}
	}}
	mux := http.NewServeMux()
	mux.Handle("GET /devices", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err := sessions.List(r.Context())
		if err != nil {
			http.Error(w, "please try again", http.StatusServiceUnavailable)
			return
		}
		current, _, _ := authhttp.Current(r.Context())
		for _, session := range all {
			fmt.Fprintln(w, session.Attributes["browser"], "this one:", session.ID == current.ID)
		}
	})))
	mux.Handle("POST /devices/end", sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.End(r.Context(), r.FormValue("id")); err != nil {
			http.Error(w, "please try again", http.StatusServiceUnavailable)
		}
	})))

	ada, err := store.CreateUser(context.Background(), adapter.User{Name: "Ada"})
	if err != nil {
		log.Fatal(err)
	}
	signIn := httptest.NewRequest(http.MethodPost, "/signin", nil)
	signIn.Header.Set("User-Agent", "Firefox")
	answer := httptest.NewRecorder()
	if _, err := sessions.SignIn(answer, signIn, ada); err != nil {
		log.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, "/devices", nil)
	request.AddCookie(answer.Result().Cookies()[0])
	answer = httptest.NewRecorder()
	mux.ServeHTTP(answer, request)
	fmt.Print(answer.Body)
	// Output: Firefox this one: true
}

// A browser that an Auth.js application has signed in, with sessions in JWTs.
func ExampleJWTSessions() {
	sessions := &authhttp.JWTSessions{Secrets: []string{"the application's AUTH_SECRET"}}
	h := sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello %s", authhttp.User(r.Context()).Name)
	}))
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Cookie", "__Secure-authjs.session-token=forged")
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	fmt.Println(answer.Code)
	// Output: 401
}
