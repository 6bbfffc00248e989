package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/example/server/storage"
	zitadel "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/oauth"
	"github.com/authstore/authstore/authhttp/oidc"
)

// Example ID is a site that people have an identity at: a real OpenID provider, but that
// it believes whoever says who they are. It runs in this program, under a path of its own.
const (
	exampleIDName = "example-id" // the provider in account records
	exampleIDPath = "/example-id"
	clientID      = "authstore"
)

// person is somebody whom Example ID knows.
type person struct{ ID, Name string }

var people = []person{
	{"1001", "Ada Example"},
	{"1002", "Ben Sample"},
	{"1003", "Cleo Specimen"},
}

// users are the same for the provider's storage.
type users struct{}

func (users) GetUserByID(id string) *storage.User {
	i := slices.IndexFunc(people, func(p person) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	first, last, _ := strings.Cut(people[i].Name, " ")
	return &storage.User{ID: id, Username: id, FirstName: first, LastName: last}
}
func (u users) GetUserByUsername(name string) *storage.User { return u.GetUserByID(name) }
func (users) ExampleClientID() string                       { return "" }

// exampleID is the provider.
type exampleID struct {
	*op.Provider
	issuer string
	store  *storage.Storage
	secret string // of its one client, this program
}

func newProvider(base string) (*exampleID, error) {
	e := &exampleID{issuer: base + exampleIDPath, secret: rand.Text()}
	client := storage.WebClient(clientID, e.secret, base+"/identity/callback")
	e.store = storage.NewStorageWithClients(users{}, map[string]*storage.Client{clientID: client})
	c := &op.Config{CodeMethodS256: true}
	_, _ = rand.Read(c.CryptoKey[:]) // never fails
	var err error
	e.Provider, err = op.NewProvider(c, e.store, op.StaticIssuer(e.issuer), op.WithAllowInsecure())
	return e, err
}

// withProvider returns this program as a client of the provider.
func (s *server) withProvider(e *exampleID) (*oauth.Client, error) {
	direct := &http.Client{Transport: inProcess{http.StripPrefix(exampleIDPath, e.Provider)}}
	provider, err := oidc.Discover(context.Background(), oidc.Config{
		ID: exampleIDName, Issuer: e.issuer, ClientID: clientID, ClientSecret: e.secret,
		RedirectURL: s.Base.String() + "/identity/callback", Scopes: []string{"openid", "profile"},
		HTTP: direct, Clock: s.Now,
	})
	if err != nil {
		return nil, err
	}
	identify := provider.Identify
	provider.Identify = func(ctx context.Context, a oauth.Answer) (oauth.Person, error) {
		p, err := identify(ctx, a)
		p.Attributes = adapter.Attributes{"displayName": p.Profile.Name}
		return p, err
	}
	return &oauth.Client{Provider: provider, Store: s.Store, Sessions: s.sessions, HTTP: direct, Failed: s.fail}, nil
}

// addTo adds the provider's own pages.
func (e *exampleID) addTo(mux *http.ServeMux) {
	mux.Handle(exampleIDPath+"/", http.StripPrefix(exampleIDPath, e.Provider))
	issuer := op.NewIssuerInterceptor(e.IssuerFromRequest)
	mux.HandleFunc("GET /login/username", e.showConsent)
	mux.HandleFunc("POST /login/username", issuer.HandlerFunc(e.decideConsent))
}

// showConsent asks who somebody is, and whether the application may know.
func (e *exampleID) showConsent(w http.ResponseWriter, r *http.Request) {
	if err := render(w, http.StatusOK, "consent", consentPage{Request: r.FormValue("authRequestID"), People: people}); err != nil {
		http.Error(w, "this page cannot be shown", http.StatusInternalServerError)
	}
}

// decideConsent sends a person back with a code, or with their refusal.
func (e *exampleID) decideConsent(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("request")
	request, err := e.store.AuthRequestByID(r.Context(), id)
	if err != nil {
		http.Error(w, "Example ID was not asked this", http.StatusBadRequest)
		return
	}
	if users.GetUserByID(users{}, r.PostFormValue("person")) == nil {
		op.AuthRequestError(w, r, request, zitadel.ErrAccessDenied(), e.Provider)
		return
	}
	if err := e.store.CheckUsernamePassword(r.PostFormValue("person"), "", id); err != nil { // there is no password
		http.Error(w, "Example ID was not asked this", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, op.AuthCallbackURL(e.Provider)(r.Context(), id), http.StatusFound)
}

// providerName returns what people call a provider.
func providerName(provider string) string {
	if provider == exampleIDName {
		return "Example ID"
	}
	return provider
}

// inProcess has a handler of this program answer requests, without a network.
type inProcess struct{ http.Handler }

// RoundTrip lets the handler answer.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := &written{header: http.Header{}, status: http.StatusOK}
	p.ServeHTTP(out, in)
	return &http.Response{
		StatusCode: out.status, Status: http.StatusText(out.status), Header: out.header, Request: r,
		ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(out.body.Len()), Body: io.NopCloser(&out.body),
	}, nil
}

// written is an answer that is read in this program.
type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *written) Header() http.Header            { return w.header }
func (w *written) WriteHeader(status int)         { w.status = status }
func (w *written) Write(text []byte) (int, error) { return w.body.Write(text) }
