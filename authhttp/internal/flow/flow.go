// Package flow keeps what a server has to know between two requests of one browser: the
// beginning and the end of a sign-in with a provider, or with a passkey.
//
// It is kept in a one-time token of the store, so that exactly one of any number of
// racing ends gets it, in any number of processes, and expires by the store's clock. The
// token's identifier is the digest of a secret that a cookie has: another browser finds
// nothing, and neither a link nor who reads the store can end what a browser has begun.
package flow

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/limit"
)

// Life is how long somebody may take.
const Life = 10 * time.Minute

const (
	cookieName = "__Host-signin"
	secretLen  = 26 // of rand.Text
)

// Flow is one kind of beginning and end.
type Flow struct {
	Store    adapter.VerificationTokens
	Purpose  string           // no other flow has it
	Insecure bool             // for a site without TLS
	Clock    func() time.Time // nil: time.Now
}

// Begin keeps a value, as JSON, for the end that knows the state. Several may be under
// way in one browser, in tabs of their own. One round trip.
func (f Flow) Begin(w http.ResponseWriter, r *http.Request, state string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	secret := f.secret(r)
	if secret == "" {
		secret = rand.Text()
	}
	_, err = f.Store.CreateVerificationToken(r.Context(), adapter.VerificationToken{
		Identifier: f.identifier(secret),
		Token:      adapter.HashVerificationToken(state, secret),
		Value:      string(text),
		Expires:    f.Now().Add(Life),
	})
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{
		Name: f.cookie(), Value: secret, Path: "/", MaxAge: int(Life / time.Second),
		HttpOnly: true, Secure: !f.Insecure, SameSite: http.SameSiteLaxMode,
	})
	w.Header().Set("Cache-Control", "no-store")
	return nil
}

// End returns the value, once. The error is an [adapter.ErrNotFound] if this browser has
// begun nothing with that state, or has ended it already; an [adapter.ErrExpired], which
// is one too, if it took too long. One round trip.
func (f Flow) End(r *http.Request, state string, value any) error {
	secret := f.secret(r)
	if secret == "" || state == "" {
		return adapter.ErrNotFound
	}
	t, err := f.Store.UseVerificationToken(r.Context(), f.identifier(secret), adapter.HashVerificationToken(state, secret))
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(t.Value), value)
}

func (f Flow) identifier(secret string) string {
	return "authhttp:" + f.Purpose + ":" + adapter.SessionID(secret)
}

func (f Flow) cookie() string {
	if f.Insecure {
		return cookieName[len("__Host-"):]
	}
	return cookieName
}

// secret returns what the cookie has, "" unless it is there exactly once.
func (f Flow) secret(r *http.Request) string {
	found := r.CookiesNamed(f.cookie())
	if len(found) != 1 || len(found[0].Value) != secretLen {
		return ""
	}
	return found[0].Value
}

// Now returns the time.
func (f Flow) Now() time.Time {
	if f.Clock == nil {
		return time.Now()
	}
	return f.Clock()
}

// How many beginnings a network has in a window: each is a write. A network may be a whole
// office that comes to work.
const (
	fromNetwork = 300
	window      = 15 * time.Minute
)

// Limit is how often somebody may begin, if the application does not say.
type Limit struct {
	once sync.Once
	of   func(*http.Request) time.Duration
}

// Check counts a beginning by the application's limit, or by network if that is nil. It
// returns a [*limit.Error] if the request has to wait.
func (l *Limit) Check(w http.ResponseWriter, r *http.Request, own func(*http.Request) time.Duration, clock func() time.Time) error {
	if own == nil {
		l.once.Do(func() { l.of = limit.ByNetwork(fromNetwork, window, clock) })
		own = l.of
	}
	return limit.Check(w, own(r))
}
