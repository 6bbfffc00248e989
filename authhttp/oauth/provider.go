package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/authstore/authstore/adapter"
)

// Provider is an authorization server that people have an account at. Discover of
// package oidc returns one that speaks OpenID Connect.
type Provider struct {
	// ID names the provider in accounts and is never changed: "github".
	ID string

	// Type is [adapter.AccountOAuth] when empty. With [adapter.AccountOIDC] a nonce is sent.
	Type adapter.AccountType

	// Config has what the provider has registered of the application: the client's ID and
	// secret, the provider's endpoints, RedirectURL, which leads to Client.Callback, and
	// the scopes.
	Config oauth2.Config

	// Options are further parameters of the authorization request, such as
	// oauth2.AccessTypeOffline, with which Google gives a refresh token.
	Options []oauth2.AuthCodeOption

	// FormPost has the provider answer by a form instead of a link (response_mode=form_post,
	// OAuth 2.0 Form Post Response Mode), as Apple demands of those who ask for an address.
	// Client.Callback has to get its POST then, also behind a middleware of the application's
	// that refuses those of other sites: a CrossOriginProtection lets it through by
	// AddInsecureBypassPattern. It does no more than redirect to the GET.
	FormPost bool

	// Issuer is the server's issuer identifier. An answer that says another one in its
	// parameter iss is refused (RFC 9207), and one without if IssuerSent.
	Issuer     string
	IssuerSent bool

	// Identify makes sure of whom the provider's answer is about. Without an error it has
	// to be certain.
	Identify func(context.Context, Answer) (Person, error)
}

// Answer is what a provider has answered at its token endpoint.
type Answer struct {
	Token *oauth2.Token
	Nonce string       // what the ID token has to have; "" for plain OAuth
	API   *http.Client // sends the access token with each request
}

// Person is somebody whom a provider knows.
type Person struct {
	// ID is the provider's own of the account, which it gives to nobody else, ever: not a
	// name or an address.
	ID string

	// Profile is what a new user begins with. An e-mail address counts as verified if
	// EmailVerified is set: say so only if the provider does.
	Profile adapter.User

	// Attributes are kept in the account.
	Attributes adapter.Attributes
}

// asked is what a client has to know of a request when its answer comes.
type asked struct {
	Nonce    string `json:",omitempty"`
	Verifier string // of PKCE (RFC 7636)
	Next     string // a path of this site
	UserID   string `json:",omitempty"` // who was signed in
}

// ask returns the URL of an authorization request, and what is to be kept of it.
func (p *Provider) ask(state string) (string, asked) {
	a := asked{Verifier: oauth2.GenerateVerifier()}
	options := append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.Verifier)}, p.Options...)
	if p.FormPost {
		options = append(options, oauth2.SetAuthURLParam("response_mode", "form_post"))
	}
	if p.Type == adapter.AccountOIDC {
		a.Nonce = rand.Text()
		options = append(options, oauth2.SetAuthURLParam("nonce", a.Nonce))
	}
	return p.Config.AuthCodeURL(state, options...), a
}

// code returns the authorization code of an answer, whose state is the right one.
func (p *Provider) code(answer url.Values) (string, error) {
	if _, sent := answer["iss"]; p.Issuer != "" && (sent || p.IssuerSent) && answer.Get("iss") != p.Issuer {
		return "", ErrIssuer
	}
	switch problem := answer.Get("error"); problem {
	case "":
	case "access_denied":
		return "", ErrDeclined
	default:
		return "", fmt.Errorf("%w: it answered %s", ErrProvider, errorCode(problem))
	}
	if answer.Get("code") == "" {
		return "", fmt.Errorf("%w: there is no code in its answer", ErrProvider)
	}
	return answer.Get("code"), nil
}

// redeem exchanges a code for tokens, and makes sure of whose they are.
func (p *Provider) redeem(ctx context.Context, code string, a asked) (adapter.User, adapter.Account, error) {
	token, err := p.Config.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return adapter.User{}, adapter.Account{}, failed("it did not take the code", err)
	}
	api := oauth2.NewClient(ctx, oauth2.StaticTokenSource(token))
	person, err := p.Identify(ctx, Answer{Token: token, Nonce: a.Nonce, API: api})
	if err != nil {
		return adapter.User{}, adapter.Account{}, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	if person.ID == "" {
		return adapter.User{}, adapter.Account{}, fmt.Errorf("%w: Identify returned no ID", ErrProvider)
	}
	return person.Profile, p.account(person, token), nil
}

// account returns the record of a person's account.
func (p *Provider) account(person Person, t *oauth2.Token) adapter.Account {
	a := adapter.Account{
		Type:              p.Type,
		Provider:          p.ID,
		ProviderAccountID: person.ID,
		AccessToken:       t.AccessToken,
		RefreshToken:      t.RefreshToken,
		TokenType:         t.TokenType,
		ExpiresAt:         expiresAt(t),
		Scope:             extra(t, "scope"),
		IDToken:           extra(t, "id_token"),
		SessionState:      extra(t, "session_state"),
		Attributes:        person.Attributes,
	}
	if a.Type == "" {
		a.Type = adapter.AccountOAuth
	}
	if a.Scope == "" { // which says that all was granted (RFC 6749, 5.1)
		a.Scope = strings.Join(p.Config.Scopes, " ")
	}
	return a
}

func expiresAt(t *oauth2.Token) int64 {
	if t.Expiry.IsZero() {
		return 0
	}
	return t.Expiry.Unix()
}

func extra(t *oauth2.Token, name string) string {
	text, _ := t.Extra(name).(string)
	return text
}

// failed is an [ErrProvider] that says what the token endpoint has answered: its code
// alone, for the rest may hold anything.
func failed(what string, err error) error {
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return fmt.Errorf("%w: %s: %s", ErrProvider, what, errorCode(answer.ErrorCode))
	}
	if reason, ok := errors.AsType[*url.Error](err); ok { // it has the endpoint's URL, and no parameter
		return fmt.Errorf("%w: %s: %w", ErrProvider, what, reason)
	}
	return fmt.Errorf("%w: %s: its answer cannot be read", ErrProvider, what)
}

// errorCode returns a code of RFC 6749, which a log can hold, or says that it is none.
func errorCode(code string) string {
	isOther := func(c rune) bool { return c != '_' && (c < 'a' || c > 'z') }
	if code == "" || len(code) > 64 || strings.ContainsFunc(code, isOther) {
		return "an error without a known code"
	}
	return code
}
