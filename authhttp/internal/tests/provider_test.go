package tests

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/oauth"
	"github.com/authstore/authstore/authhttp/oidc"
)

const (
	providerURL  = "https://id.example"
	callbackURL  = siteURL + "/callback"
	clientID     = "the client"
	clientSecret = "the client's secret"
)

// zitadel is an OpenID provider of others, whose users are ada and ben.
type zitadel struct {
	http.Handler
	name   string // who signs in next
	denied bool   // whether they say no
	mu     sync.Mutex
	tokens int // requests to the token endpoint
}

func (z *zitadel) tokenRequests() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.tokens
}

// people are the users of the provider.
type people map[string]*storage.User

func (p people) GetUserByID(id string) *storage.User         { return p[id] }
func (p people) GetUserByUsername(name string) *storage.User { return p[name] }
func (p people) ExampleClientID() string                     { return "service" }

func newZitadel(t *testing.T, redirect string) *zitadel {
	t.Helper()
	users := people{
		"ada": {ID: "ada", Username: "ada", Password: "of ada", FirstName: "Ada", LastName: "Example", Email: "Ada@Example.com", EmailVerified: true},
		"ben": {ID: "ben", Username: "ben", Password: "of ben", FirstName: "Ben", LastName: "Sample", Email: "ben@example.com"},
	}
	clients := map[string]*storage.Client{clientID: storage.WebClient(clientID, clientSecret, redirect)}
	store := storage.NewStorageWithClients(users, clients)
	config := &op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, GrantTypeRefreshToken: true}
	provider, err := op.NewProvider(config, store, op.StaticIssuer(providerURL))
	if err != nil {
		t.Fatal(err)
	}
	z := &zitadel{name: "ada"}
	callback := op.AuthCallbackURL(provider)
	mux := http.NewServeMux()
	login := func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("authRequestID")
		if z.denied {
			request, err := store.AuthRequestByID(r.Context(), id)
			if err != nil {
				t.Error(err)
			}
			http.Redirect(w, r, redirect+"?"+url.Values{"error": {"access_denied"}, "state": {request.GetState()}}.Encode(), http.StatusFound)
			return
		}
		if err := store.CheckUsernamePassword(z.name, "of "+z.name, id); err != nil {
			t.Error(err)
		}
		http.Redirect(w, r, callback(r.Context(), id), http.StatusFound)
	}
	mux.HandleFunc("GET /login/username", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(login))
	mux.Handle("/", provider)
	z.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			z.mu.Lock()
			z.tokens++
			z.mu.Unlock()
		}
		mux.ServeHTTP(w, r)
	})
	return z
}

// withOIDC adds an OpenID provider to the site.
func (w *world) withOIDC(provider http.Handler, change func(*oauth.Client)) *oauth.Client {
	w.Helper()
	w.net["id.example"] = provider
	p, err := oidc.Discover(w.Context(), oidc.Config{
		ID: "id", Issuer: providerURL, ClientID: clientID, ClientSecret: clientSecret, RedirectURL: callbackURL,
		Scopes: []string{"openid", "profile", "email", "offline_access"},
		HTTP:   w.client(), Clock: w.now,
	})
	w.ok(err)
	c := &oauth.Client{Provider: p, Store: w.store, Sessions: w.sessions, HTTP: w.client(), Failed: w.fail}
	if change != nil {
		change(c)
	}
	w.mux.HandleFunc("/start", c.Start)
	w.mux.HandleFunc("/callback", c.Callback)
	return c
}

// liar is an OpenID provider that says what a test has it say.
type liar struct {
	http.Handler
	key      *rsa.PrivateKey
	metadata map[string]any
	claims   map[string]any // of the ID token, over those that are right
	userinfo map[string]any
	answer   url.Values     // to the authorization request, over what is right
	token    map[string]any // of the token endpoint, over what is right
	status   int            // of the token endpoint
	sign     func(claims []byte) string
	nonce    string // that was asked for last
	mode     string // in which it was asked to answer
	formPost bool   // it answers so: with a page, which is here the form alone
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{
		key: key, metadata: map[string]any{}, claims: map[string]any{}, answer: url.Values{},
		token: map[string]any{}, status: http.StatusOK,
	}
	l.sign = func(claims []byte) string { return signed(t, l.key, claims) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", l.discover)
	mux.HandleFunc("GET /authorize", l.authorize)
	mux.HandleFunc("POST /token", l.tokens)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, l.userinfo) })
	l.Handler = mux
	return l
}

func signed(t *testing.T, key *rsa.PrivateKey, claims []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// unsigned is an ID token whose algorithm is none.
func unsigned(claims []byte) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part(claims) + "."
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// over returns what is right, changed as a test wants it. What is nil is left out.
func over(right, changes map[string]any) map[string]any {
	for name, v := range changes {
		right[name] = v
		if v == nil {
			delete(right, name)
		}
	}
	return right
}

func (l *liar) discover(w http.ResponseWriter, _ *http.Request) {
	reply(w, 200, over(map[string]any{
		"issuer": providerURL, "authorization_endpoint": providerURL + "/authorize", "token_endpoint": providerURL + "/token",
		"jwks_uri": providerURL + "/keys", "userinfo_endpoint": providerURL + "/userinfo",
		"id_token_signing_alg_values_supported": []string{"RS256"},
	}, l.metadata))
}

func (l *liar) authorize(w http.ResponseWriter, r *http.Request) {
	l.nonce, l.mode = r.FormValue("nonce"), r.FormValue("response_mode")
	answer := url.Values{"code": {"1001-code"}, "state": {r.FormValue("state")}}
	for name, values := range l.answer {
		answer[name] = values
	}
	if l.formPost {
		_, _ = io.WriteString(w, answer.Encode())
		return
	}
	http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (l *liar) tokens(w http.ResponseWriter, _ *http.Request) {
	claims, _ := json.Marshal(over(map[string]any{
		"iss": providerURL, "aud": clientID, "sub": "eve", "nonce": l.nonce, "name": "Eve", "email": "eve@example.com",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}, l.claims))
	reply(w, l.status, over(map[string]any{
		"access_token": "an access token", "refresh_token": "a refresh token", "token_type": "bearer", "expires_in": 3600,
		"id_token": l.sign(claims),
	}, l.token))
}

// key returns what names an account of the provider.
func key(id string) adapter.AccountKey {
	return adapter.AccountKey{Provider: "id", ProviderAccountID: id}
}
