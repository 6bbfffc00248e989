// Betterauth is an API beside a Better Auth application: those who are signed in to the
// application are known here, by its cookie or by the token of its bearer plugin.
//
//	BETTER_AUTH_SECRET=… go run ./examples/betterauth
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/memory"
)

func api(sessions adapter.Sessions, secret string) http.Handler {
	s := &authhttp.Sessions{Store: sessions, Cookie: authhttp.BetterAuthCookie(secret), Bearer: true}
	mux := http.NewServeMux()
	mux.Handle("GET /me", s.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]string{"id": authhttp.User(r.Context()).ID}); err != nil {
			log.Print(err)
		}
	})))
	return mux
}

func main() {
	// In place of memory goes an adapter.Sessions that has the application's sessions, such as package redis/betterauth.
	store := memory.New(memory.Options{})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", api(store, os.Getenv("BETTER_AUTH_SECRET"))))
}
