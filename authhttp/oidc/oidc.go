package oidc

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/oauth"
)

// Config is what an application knows of a provider.
type Config struct {
	// ID names the provider in accounts and is never changed: "google".
	ID string

	// Issuer is the provider's issuer identifier, exactly: "https://accounts.google.com".
	Issuer string

	// ClientID and ClientSecret are what the provider has registered for the application.
	ClientID, ClientSecret string

	// RedirectURL is the URL of Client.Callback, as it is registered.
	RedirectURL string

	// Scopes are "openid", "profile" and "email" when nil.
	Scopes []string

	// Options are further parameters of the authorization request.
	Options []oauth2.AuthCodeOption

	// HTTP sends requests to the provider. Nil: a client that waits ten seconds.
	HTTP *http.Client

	// Clock gives the time. Nil: time.Now.
	Clock func() time.Time
}

const requestTime = 10 * time.Second

// Discover reads what the provider says of itself, and returns it for an [oauth.Client].
// Its keys are read when they are needed, and again when it has changed them.
func Discover(ctx context.Context, c Config) (oauth.Provider, error) {
	c.HTTP = cmp.Or(c.HTTP, &http.Client{Timeout: requestTime})
	c.Clock = orNow(c.Clock)
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, c.HTTP), c.Issuer)
	if err != nil {
		return oauth.Provider{}, fmt.Errorf("oidc: what %s says of itself: %w", c.Issuer, err)
	}
	var metadata struct {
		IssuerSent bool     `json:"authorization_response_iss_parameter_supported"`
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return oauth.Provider{}, fmt.Errorf("oidc: what %s says of itself: %w", c.Issuer, err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = authStyle(c.ClientSecret, metadata.Methods)
	scopes := c.Scopes
	if scopes == nil {
		scopes = []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail}
	}
	v := &verifier{
		clientID: c.ClientID, provider: provider, now: c.Clock,
		tokens: provider.Verifier(&oidc.Config{ClientID: c.ClientID, Now: c.Clock}),
	}
	return oauth.Provider{
		ID:   c.ID,
		Type: adapter.AccountOIDC,
		Config: oauth2.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: endpoint,
			RedirectURL: c.RedirectURL, Scopes: scopes,
		},
		Options:    c.Options,
		Issuer:     c.Issuer,
		IssuerSent: metadata.IssuerSent,
		Identify:   v.identify,
	}, nil
}

// authStyle returns how the client proves who it is, so that no code and no refresh token is
// sent twice to find out.
func authStyle(secret string, methods []string) oauth2.AuthStyle {
	if secret == "" || len(methods) > 0 && !slices.Contains(methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader // the default of Discovery 1.0
}

func orNow(clock func() time.Time) func() time.Time {
	if clock == nil {
		return time.Now
	}
	return clock
}

// verifier makes sure of what a provider says.
type verifier struct {
	clientID string
	provider *oidc.Provider
	tokens   *oidc.IDTokenVerifier
	now      func() time.Time
}

// claims are what an ID token or the userinfo endpoint says of a person (OpenID Connect
// Core 1.0, section 5.1).
type claims struct {
	Name              string  `json:"name"`
	PreferredUsername string  `json:"preferred_username"`
	Email             string  `json:"email"`
	EmailVerified     boolean `json:"email_verified"`
	Picture           string  `json:"picture"`
}

// boolean is a claim that is true, or "true", as some providers write it.
type boolean bool

// UnmarshalJSON takes everything else for false.
func (b *boolean) UnmarshalJSON(text []byte) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	*b = boolean(v == true || v == "true")
	return nil
}

// identify verifies the ID token of an answer.
func (v *verifier) identify(ctx context.Context, a oauth.Answer) (oauth.Person, error) {
	raw, _ := a.Token.Extra("id_token").(string)
	if raw == "" {
		return oauth.Person{}, errors.New("there is no ID token in it")
	}
	token, err := v.tokens.Verify(ctx, raw)
	if err != nil {
		return oauth.Person{}, err
	}
	if err := v.check(token, a); err != nil {
		return oauth.Person{}, err
	}
	var said claims
	if err := token.Claims(&said); err != nil {
		return oauth.Person{}, errors.New("the claims of the ID token cannot be read")
	}
	if said.Name == "" && said.Email == "" {
		if said, err = v.userInfo(ctx, a.Token, token.Subject); err != nil {
			return oauth.Person{}, err
		}
	}
	return oauth.Person{ID: token.Subject, Profile: v.profile(said)}, nil
}

// check compares what go-oidc leaves to its caller.
func (v *verifier) check(token *oidc.IDToken, a oauth.Answer) error {
	if a.Nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1 {
		return errors.New("the nonce of the ID token is not the one that was sent")
	}
	if token.AccessTokenHash != "" && token.VerifyAccessToken(a.Token.AccessToken) != nil {
		return errors.New("the ID token is for another access token")
	}
	var party struct {
		Authorized string `json:"azp"`
	}
	if err := token.Claims(&party); err != nil || party.Authorized != "" && party.Authorized != v.clientID {
		return errors.New("the ID token is for another client (azp)")
	}
	return nil
}

// userInfo asks for what the ID token does not say. It has to be of the same person.
func (v *verifier) userInfo(ctx context.Context, token *oauth2.Token, subject string) (claims, error) {
	if v.provider.UserInfoEndpoint() == "" {
		return claims{}, nil
	}
	info, err := v.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return claims{}, errors.New("the userinfo endpoint does not answer")
	}
	if info.Subject != subject {
		return claims{}, errors.New("the userinfo endpoint answers about somebody else")
	}
	var said claims
	if err := info.Claims(&said); err != nil {
		return claims{}, errors.New("the answer of the userinfo endpoint cannot be read")
	}
	return said, nil
}

// profile returns what a user begins with. An address that the provider has not verified
// is not.
func (v *verifier) profile(said claims) adapter.User {
	u := adapter.User{Name: cmp.Or(said.Name, said.PreferredUsername), Email: said.Email, Image: said.Picture}
	if said.EmailVerified && said.Email != "" {
		u.EmailVerified = v.now()
	}
	return u
}
