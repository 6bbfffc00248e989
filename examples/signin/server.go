package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/emaillink"
	"github.com/authstore/authstore/authhttp/oauth"
	"github.com/authstore/authstore/authhttp/passkey"
)

const (
	maxForm     = 64 << 10 // bytes of a request's body
	requestTime = 5 * time.Second
)

// config is what a server is made of.
type config struct {
	Store  adapter.Adapter
	Base   *url.URL // scheme and host that people reach the page at
	Secret string   // what links are hashed with
	Now    func() time.Time
	Log    *slog.Logger
}

type server struct {
	config
	sessions *authhttp.Sessions
	links    *emaillink.Links
	identity *oauth.Client
	passkeys *passkey.Passkeys // nil if the host is no domain, for which browsers make none
	mails    mailbox
}

// newServer returns the page as a handler.
func newServer(c config) (http.Handler, error) {
	s := &server{config: c}
	s.sessions = &authhttp.Sessions{
		Store: c.Store, Cookie: authhttp.Cookie{Insecure: !s.secure()}, Lazy: true, Attributes: device,
		Denied: http.RedirectHandler("/?done=ended", http.StatusSeeOther), Failed: s.fail,
		CrossOrigin: s.crossOrigin(), Clock: c.Now, Logger: c.Log,
	}
	s.links = &emaillink.Links{
		Store: c.Store, Sessions: s.sessions, Secret: c.Secret, URL: c.Base.String() + "/signin/confirm",
		Send: s.deliver, Page: s.showLink, Failed: s.fail, Clock: c.Now,
	}
	provider, err := newProvider(c.Base.String())
	if err != nil {
		return nil, err
	}
	if s.identity, err = s.withProvider(provider); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	if net.ParseIP(c.Base.Hostname()) == nil {
		if err := s.addPasskeys(mux); err != nil {
			return nil, err
		}
	}
	s.addPages(mux)
	provider.addTo(mux)
	return secureHeaders(http.MaxBytesHandler(s.check(s.sessions.Load(mux)), maxForm)), nil
}

func (s *server) addPages(mux *http.ServeMux) {
	for _, name := range []string{"style.css", "icon.svg", "passkeys.js"} {
		mux.Handle("GET /"+name, static(name))
	}
	page := func(h handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				s.fail(w, r, err)
			}
		})
	}
	mine := func(h handler) http.Handler { return s.sessions.Require(page(h)) }
	mux.Handle("/", page(notFound))
	mux.Handle("GET /{$}", page(s.home))

	mux.Handle("POST /signin", page(s.askLink))
	mux.Handle("GET /signin/confirm", s.links)
	mux.Handle("POST /signin/confirm", s.links)

	mux.Handle("POST /signout", mine(then("/?done=out", s.sessions.SignOut)))
	mux.Handle("POST /signout/others", mine(then("/?done=others", s.signOutOthers)))
	mux.Handle("POST /signout/everywhere", mine(then("/?done=everywhere", s.sessions.SignOutEverywhere)))
	mux.Handle("POST /sessions/end", mine(s.endSession))

	mux.HandleFunc("POST /identity", s.identity.Start)
	mux.HandleFunc("GET /identity/callback", s.identity.Callback)
	mux.Handle("POST /identity/unlink", mine(s.unlinkIdentity))
	mux.Handle("POST /passkeys/delete", mine(s.deletePasskey))
}

// addPasskeys adds what the script of the page calls (static/passkeys.js).
func (s *server) addPasskeys(mux *http.ServeMux) error {
	site, err := webauthn.New(&webauthn.Config{
		RPID: s.Base.Hostname(), RPDisplayName: "authstore", RPOrigins: []string{s.Base.String()},
	})
	if err != nil {
		return err
	}
	s.passkeys = &passkey.Passkeys{Store: s.Store, Sessions: s.sessions, WebAuthn: site}
	mux.HandleFunc("POST /passkeys/register", s.passkeys.BeginRegistration)
	mux.HandleFunc("POST /passkeys/registered", s.passkeys.FinishRegistration)
	mux.HandleFunc("POST /passkeys/signin", s.passkeys.BeginSignIn)
	mux.HandleFunc("POST /passkeys/signedin", s.passkeys.FinishSignIn)
	return nil
}

// secure reports whether people reach the page by TLS. A proxy in front may end
// it, so that the request's own connection doesn't tell.
func (s *server) secure() bool { return s.Base.Scheme == "https" }

// secureHeaders tells browsers what no page of this server does, so that markup
// which somebody sneaks in can't do it either.
func secureHeaders(next http.Handler) http.Handler {
	// A provider on another site would have to be added to form-action: browsers
	// apply it to the redirects after a form, too.
	const policy = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		// The URL of a sign-in link holds its token: no other site gets to see it.
		// With "no-referrer" browsers would also leave Origin out of our own forms.
		h.Set("Referrer-Policy", "same-origin")
		// Nor may the page be seen with "back" after signing out.
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// crossOrigin refuses forms that another site sends in a person's name (CSRF).
func (s *server) crossOrigin() *http.CrossOriginProtection {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, authhttp.ErrCrossOrigin)
	}))
	return protection
}

// check refuses what no handler wants to see. The Host header is the visitor's to
// choose: nothing here is made from it, and with a foreign one, as in DNS rebinding,
// nothing is answered.
func (s *server) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		r = r.WithContext(ctx)
		if !strings.EqualFold(r.Host, s.Base.Host) {
			s.fail(w, r, problem{http.StatusMisdirectedRequest, "This page lives elsewhere", "Its address is " + s.Base.String() + "."})
			return
		}
		if err := r.ParseForm(); err != nil {
			s.fail(w, r, damaged(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func damaged(err error) problem {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return problem{http.StatusRequestEntityTooLarge, "That was too much", "The form holds more than this page takes."}
	}
	return problem{http.StatusBadRequest, "That didn’t arrive well", "The form or the address is damaged. Please try again."}
}

// handler answers a request, or returns why it can't.
type handler func(http.ResponseWriter, *http.Request) error
