// Package oidc signs people in by OpenID Connect. It finds out what there is to know of
// a provider, and verifies what it says of a person; package oauth does the rest.
//
//	import (
//		"context"
//		"log"
//		"net/http"
//
//		"github.com/authstore/authstore/authhttp"
//		"github.com/authstore/authstore/authhttp/oauth"
//		"github.com/authstore/authstore/authhttp/oidc"
//		"github.com/authstore/authstore/memory"
//	)
//
//	google, err := oidc.Discover(context.Background(), oidc.Config{
//		ID: "google", Issuer: "https://accounts.google.com",
//		ClientID: "…", ClientSecret: "…", RedirectURL: "https://site.example/signin/google/callback",
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	store := memory.New(memory.Options{})
//	client := &oauth.Client{Provider: google, Store: store, Sessions: &authhttp.Sessions{Store: store}}
//	mux := http.NewServeMux()
//	mux.HandleFunc("POST /signin/google", client.Start) // a form, with the path to go to afterwards in "next"
//	mux.HandleFunc("GET /signin/google/callback", client.Callback)
//	_ = http.ListenAndServe("127.0.0.1:8080", mux)
//
// # What is verified
//
// Signature, issuer, audience and times of the ID token (go-oidc), and beside that its
// nonce, azp and at_hash. If it has neither name nor address, the userinfo endpoint is asked,
// which has to answer about the same subject. An address counts as verified if
// email_verified is true or "true".
//
// Apple, which answers by a form, is a provider with FormPost set, and its callback takes POST too.
//
// A new user has name, address and picture of these claims. To take more of them, wrap
// Identify of the provider.
package oidc
