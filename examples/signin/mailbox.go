package main

import (
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	maxLetters = 100 // in all
	maxShown   = 3   // to one browser
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
// would let visitors sign in by each other's links.
type mailbox struct {
	mu      sync.Mutex
	letters []letter // the newest last
}

// deliver puts a letter into the mailbox of the browser that asked. An application
// sends it to letter.To instead.
func (s *server) deliver(w http.ResponseWriter, r *http.Request, l letter) {
	l.browser = s.cookie(r, mailboxCookie)
	if l.browser == "" {
		l.browser = rand.Text()
	}
	s.setCookie(w, mailboxCookie, l.browser, linkLife)
	s.mails.add(l)
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
	m.letters = newest(append(m.letters, l), maxLetters)
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
