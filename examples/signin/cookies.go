package main

import (
	"net/http"
	"time"
)

// The cookies.
const (
	sessionCookie  = "session"  // the session token
	mailboxCookie  = "mailbox"  // whose mail is whose, see mailbox.go
	identityCookie = "identity" // what a provider was asked, see identity.go
)

// secure reports whether people reach the page by TLS. A proxy in front may end
// it, so that the request's own connection doesn't tell.
func (s *server) secure() bool { return s.Base.Scheme == "https" }

// cookieName returns the name that browsers know a cookie by. With "__Host-" they
// refuse it from a sibling domain and from a connection that isn't secure, so
// that nobody can plant one.
func (s *server) cookieName(name string) string {
	if s.secure() {
		return "__Host-" + name
	}
	return name
}

// setCookie sets a cookie that scripts can't read and that other sites' forms
// don't bring along.
func (s *server) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name:     s.cookieName(name),
		Value:    value,
		Path:     "/",
		MaxAge:   int(life.Seconds()),
		Secure:   s.secure(),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}

// clearCookie makes the browser forget a cookie.
func (s *server) clearCookie(w http.ResponseWriter, name string) {
	s.setCookie(w, name, "", -time.Second)
}

// cookie returns a cookie's value, "" if the browser sent none.
func (s *server) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}
