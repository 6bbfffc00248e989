package main

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

//go:embed templates static
var files embed.FS

// pages are the templates of the pages, each within the layout.
var pages = parsePages("signin", "confirm", "account", "consent", "problem")

func parsePages(names ...string) map[string]*template.Template {
	parsed := make(map[string]*template.Template, len(names))
	funcs := template.FuncMap{"initial": initial}
	for _, name := range names {
		t := template.New("layout.html").Funcs(funcs)
		parsed[name] = template.Must(t.ParseFS(files, "templates/layout.html", "templates/"+name+".html"))
	}
	return parsed
}

// render writes a page, all of it or nothing.
func render(w http.ResponseWriter, status int, name string, data any) error {
	var page bytes.Buffer
	if err := pages[name].Execute(&page, data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // it fails if the visitor is gone
	return nil
}

// static serves a file that is the same for everybody.
func static(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		http.ServeFileFS(w, r, files, "static/"+name)
	})
}

// What the pages show.
type (
	signInPage struct {
		Notice  string
		Email   string // as it was typed
		Invalid string // what is wrong with it
		Mails   []letter
		// Passkeys is whether browsers make passkeys for this site.
		Passkeys bool
		now      time.Time
	}
	confirmPage struct{ Email string }
	accountPage struct {
		Notice, Name, Email string
		Since               string // a date
		Sessions            []sessionRow
		Identities          []identityRow
		Passkeys            []passkeyRow
		MayRegister         bool
	}
	sessionRow struct {
		ID, Browser, IP string
		Since           moment
		Current         bool
	}
	identityRow struct {
		Key            adapter.AccountKey
		Provider, Name string
		MayUnlink      bool
	}
	passkeyRow struct {
		ID                  string
		Since               moment
		BackedUp, MayDelete bool
	}
	consentPage struct {
		Request string
		People  []person
	}
	problemPage struct {
		problem
		Home string
	}
)

// SentAt returns when a letter was sent.
func (p signInPage) SentAt(l letter) moment { return moment{l.Sent, p.now} }

// notices say what was done. The URL names one, so that it can't say anything else.
var notices = map[string]string{
	"sent":       "The link is on its way. It works once, for 15 minutes.",
	"out":        "You are signed out.",
	"others":     "You are signed out everywhere else.",
	"everywhere": "You are signed out everywhere.",
	"session":    "That browser is signed out.",
	"ended":      "Your session has ended. Please sign in again.",
	"linked":     "Your identity is linked. You can sign in with it from now on.",
	"unlinked":   "Your identity is unlinked.",
	"passkey":    "Your passkey is ready. You can sign in with it from now on.",
	"deleted":    "Your passkey is deleted. Remove it from your device too.",
	"declined":   "You didn’t share your identity. Nothing was changed.",
}

func notice(r *http.Request) string { return notices[r.FormValue("done")] }

// moment is a time as somebody sees it now.
type moment struct{ at, now time.Time }

// ISO returns the time for machines (RFC 3339).
func (m moment) ISO() string { return m.at.UTC().Format(time.RFC3339) }

// Full returns the time in full.
func (m moment) Full() string { return m.at.UTC().Format("2 January 2006, 15:04 UTC") }

// Ago returns how long ago the time is, in one unit.
func (m moment) Ago() string {
	passed := m.now.Sub(m.at)
	switch {
	case passed < time.Minute:
		return "just now"
	case passed < time.Hour:
		return count(passed/time.Minute, "minute")
	case passed < 24*time.Hour:
		return count(passed/time.Hour, "hour")
	}
	return count(passed/(24*time.Hour), "day")
}

func count(n time.Duration, unit string) string {
	if n == 1 {
		return "1 " + unit + " ago"
	}
	return fmt.Sprintf("%d %ss ago", n, unit)
}

// initial returns the first letter of a name.
func initial(name string) string {
	for _, r := range name {
		return strings.ToUpper(string(r))
	}
	return "?"
}
