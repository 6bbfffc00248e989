package oidc_test

import (
	"context"
	"log"
	"net/http"

	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/oauth"
	"github.com/authstore/authstore/authhttp/oidc"
	"github.com/authstore/authstore/memory"
)

func Example() {
	google, err := oidc.Discover(context.Background(), oidc.Config{
		ID: "google", Issuer: "https://accounts.google.com",
		ClientID: "…", ClientSecret: "…", RedirectURL: "https://site.example/signin/google/callback",
	})
	if err != nil {
		log.Fatal(err)
	}
	store := memory.New(memory.Options{})
	defer store.Close()
	client := &oauth.Client{Provider: google, Store: store, Sessions: &authhttp.Sessions{Store: store}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /signin/google", client.Start)
	mux.HandleFunc("GET /signin/google/callback", client.Callback)
}
