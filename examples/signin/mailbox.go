package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	maxLetters    = 100 // in all
	maxShown      = 3   // to one browser
	mailboxLife   = 15 * time.Minute
	mailboxCookie = "mailbox"
)

// letter is a mail with a sign-in link.
type letter struct {
	To, Link string
	Sent     time.Time
	browser  string // whose mailbox it is in
}

// mailbox stands in for the mail. A link proves that somebody reads an address's
// mail; here the browser that asks gets it, whatever the address. It is shown to
// that browser only, which a cookie of its own tells: to show it to everybody
// would let visitors sign in by each other's links. An application sends a mail.
type mailbox struct {
	mu      sync.Mutex
	letters []letter // the newest last
}

// mailboxKey is what a context has the name of the browser's mailbox by.
type mailboxKey struct{}

// openMailbox gives a browser a mailbox if it has none, and returns its request with the
// name of it.
func (s *server) openMailbox(w http.ResponseWriter, r *http.Request) *http.Request {
	browser := s.cookie(r, mailboxCookie)
	if browser == "" {
		browser = rand.Text()
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(mailboxCookie), Value: browser, Path: "/", MaxAge: int(mailboxLife.Seconds()),
		Secure: s.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return r.WithContext(context.WithValue(r.Context(), mailboxKey{}, browser))
}

// cookieName returns the name that browsers know a cookie by. With "__Host-" they
// refuse it from a sibling domain and from a connection that isn't secure.
func (s *server) cookieName(name string) string {
	if s.secure() {
		return "__Host-" + name
	}
	return name
}

// cookie returns a cookie's value, "" if the browser sent none.
func (s *server) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

func (m *mailbox) add(l letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mine := 0
	for i, old := range slices.Backward(m.letters) {
		if old.browser != l.browser {
			continue
		}
		if mine++; mine == maxShown { // nobody sees it any more
			m.letters = slices.Delete(m.letters, i, i+1)
			break
		}
	}
	m.letters = append(m.letters, l)
	m.letters = slices.Delete(m.letters, 0, max(0, len(m.letters)-maxLetters))
}

// of returns a browser's last letters, the newest first.
func (m *mailbox) of(browser string) []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []letter
	for _, l := range slices.Backward(m.letters) {
		if l.browser == browser && len(found) < maxShown {
			found = append(found, l)
		}
	}
	return found
}
