// Authjs is an API beside an Auth.js application, behind the router chi. Those who are
// signed in to the application are known here: by its sessions in the database
// (AUTHSTORE_URL is its store), or by its JWTs (AUTH_SECRET is its secret).
//
//	AUTH_SECRET=… go run ./examples/authjs
//	AUTHSTORE_URL='redis+upstash://127.0.0.1:6379' go run ./examples/authjs
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	_ "github.com/authstore/authstore/mongo" // the package of its store
	_ "github.com/authstore/authstore/redis/upstash"
)

func api(require func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.With(require).Get("/me", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]string{"id": authhttp.User(r.Context()).ID}); err != nil {
			log.Print(err)
		}
	})
	return r
}

func main() {
	require := func(next http.Handler) http.Handler {
		return (&authhttp.JWTSessions{Secrets: []string{os.Getenv("AUTH_SECRET")}}).Require(next)
	}
	if url := os.Getenv("AUTHSTORE_URL"); url != "" {
		store, err := adapter.Open(context.Background(), url, adapter.Options{PlainSessionTokens: true})
		if err != nil {
			log.Fatal(err)
		}
		require = (&authhttp.Sessions{Store: store, Cookie: authhttp.AuthJSCookie()}).Require
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", api(require)))
}
