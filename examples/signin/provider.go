package main

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Example ID stands in for a site that people have an identity at. It does what an
// OAuth 2.0 authorization server does (RFC 6749 section 4.1), but that it believes
// whoever says who they are. Where it sends people back to is fixed: a real one
// compares redirect_uri with what the application has registered.

// exampleIDName is the provider in account records.
const exampleIDName = "example-id"

const (
	codeLife = time.Minute
	maxCodes = 100
)

// person is somebody whom Example ID knows.
type person struct{ ID, Name string }

var people = []person{
	{"1001", "Ada Example"},
	{"1002", "Ben Sample"},
	{"1003", "Cleo Specimen"},
}

// exampleID holds the codes that were not exchanged yet, the newest last.
type exampleID struct {
	mu     sync.Mutex
	grants []grant
}

// grant is a person's consent, which a code can be exchanged for once.
type grant struct {
	code    string
	person  person
	expires time.Time
}

// issue returns a code for a person.
func (e *exampleID) issue(p person, now time.Time) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := grant{code: rand.Text(), person: p, expires: now.Add(codeLife)}
	e.grants = newest(append(e.grants, g), maxCodes)
	return g.code
}

// exchange returns who a code is for, once. With a real provider this is a request
// to its token endpoint.
func (e *exampleID) exchange(code string, now time.Time) (person, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.grants, func(g grant) bool { return g.code == code })
	if i < 0 {
		return person{}, false
	}
	g := e.grants[i]
	e.grants = slices.Delete(e.grants, i, i+1)
	return g.person, now.Before(g.expires)
}

// newest returns the last n of a list.
func newest[T any](list []T, n int) []T {
	return slices.Delete(list, 0, max(0, len(list)-n))
}

// showConsent asks who somebody is, and whether the application may know.
func (s *server) showConsent(w http.ResponseWriter, r *http.Request) error {
	return render(w, http.StatusOK, "consent", consentPage{State: r.FormValue("state"), People: people})
}

// decideConsent sends a person back with a code, or with their refusal.
func (s *server) decideConsent(w http.ResponseWriter, r *http.Request) error {
	answer := url.Values{"state": {r.PostFormValue("state")}}
	i := slices.IndexFunc(people, func(p person) bool { return p.ID == r.PostFormValue("person") })
	if i < 0 {
		answer.Set("error", "access_denied")
	} else {
		answer.Set("code", s.provider.issue(people[i], s.Now()))
	}
	return redirect(w, r, "/identity/callback?"+answer.Encode())
}

// providerName returns what people call a provider.
func providerName(provider string) string {
	if provider == exampleIDName {
		return "Example ID"
	}
	return provider
}
