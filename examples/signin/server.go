package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

const (
	maxForm     = 8 << 10 // bytes of a form
	requestTime = 5 * time.Second
)

// config is what a server is made of.
type config struct {
	Store  adapter.Adapter
	Base   *url.URL // scheme and host that people reach the page at
	Secret string   // what verification tokens are hashed with
	Now    func() time.Time
	Log    *slog.Logger
}

type server struct {
	config
	mails     mailbox
	provider  exampleID
	byAddress *limit // how often links are asked for
	byNetwork *limit
}

// links makes and uses the one-time links.
func (s *server) links() adapter.Links { return adapter.Links{Store: s.Store, Secret: s.Secret} }

// newServer returns the page as a handler.
func newServer(c config) http.Handler {
	s := &server{config: c, byAddress: newLimit(linksToAddress), byNetwork: newLimit(linksFromNetwork)}
	mux := http.NewServeMux()
	mux.Handle("GET /style.css", static("style.css"))
	mux.Handle("GET /icon.svg", static("icon.svg"))
	mux.Handle("/", s.page(notFound))
	mux.Handle("GET /{$}", s.page(s.home))

	mux.Handle("POST /signin", s.page(s.askLink))
	mux.Handle("GET /signin/confirm", s.page(s.showLink))
	mux.Handle("POST /signin/confirm", s.page(s.useLink))

	mux.Handle("POST /signout", s.page(s.signedIn(s.signOut)))
	mux.Handle("POST /signout/others", s.page(s.signedIn(s.signOutOthers)))
	mux.Handle("POST /signout/everywhere", s.page(s.signedIn(s.signOutEverywhere)))
	mux.Handle("POST /sessions/end", s.page(s.signedIn(s.endSession)))

	mux.Handle("POST /identity", s.page(s.startIdentity))
	mux.Handle("GET /identity/callback", s.page(s.finishIdentity))
	mux.Handle("POST /identity/unlink", s.page(s.signedIn(s.unlinkIdentity)))

	mux.Handle("GET /example-id", s.page(s.showConsent))
	mux.Handle("POST /example-id", s.page(s.decideConsent))
	return secureHeaders(http.MaxBytesHandler(s.sameOrigin(mux), maxForm))
}

// secureHeaders tells browsers what no page of this server does, so that markup
// which somebody sneaks in can't do it either.
func secureHeaders(next http.Handler) http.Handler {
	// A provider on another site would have to be added to form-action: browsers
	// apply it to the redirects after a form, too.
	const policy = "default-src 'none'; style-src 'self'; img-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		// The URL of a sign-in link holds its token: no other site gets to see it.
		// With "no-referrer" browsers would also leave Origin out of our own forms,
		// which sameOrigin needs where there is no TLS.
		h.Set("Referrer-Policy", "same-origin")
		// Nor may the page be seen with "back" after signing out.
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses forms that another site sends in a person's name (CSRF). The
// cookies' SameSite attribute stands behind it.
func (s *server) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(s.page(func(http.ResponseWriter, *http.Request) error {
		return problem{http.StatusForbidden, "That came from another page", "For your safety nothing was changed. Please use the buttons on this page."}
	}))
	return protection.Handler(next)
}

// handler answers a request, or returns why it can't.
type handler func(http.ResponseWriter, *http.Request) error

// page makes a handler of what answers requests, with one place where errors turn
// into pages.
func (s *server) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		r = r.WithContext(ctx)
		err := s.checkRequest(r)
		if err == nil {
			err = h(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// checkRequest refuses what no handler wants to see. The Host header is the
// visitor's to choose: nothing here is made from it, and with a foreign one, as
// in DNS rebinding, nothing is answered.
func (s *server) checkRequest(r *http.Request) error {
	if !strings.EqualFold(r.Host, s.Base.Host) {
		return problem{http.StatusMisdirectedRequest, "This page lives elsewhere", "Its address is " + s.Base.String() + "."}
	}
	err := r.ParseForm()
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return problem{http.StatusRequestEntityTooLarge, "That was too much", "The form holds more than this page takes."}
	}
	if err != nil {
		return problem{http.StatusBadRequest, "That didn’t arrive well", "The form or the address is damaged. Please try again."}
	}
	return nil
}

// problem is an error that is the visitor's to read.
type problem struct {
	Status      int
	Title, Text string
}

// Error says the title.
func (p problem) Error() string { return p.Title }

func notFound(http.ResponseWriter, *http.Request) error {
	return problem{http.StatusNotFound, "There is nothing here", "The address is wrong, or the page has moved."}
}

// fail shows an error. Those that are not the visitor's are logged with the route
// instead of the URL, which may hold a token; the adapter's errors hold no data.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the visitor is gone
	}
	p, ok := errors.AsType[problem](err)
	if !ok {
		s.Log.Error("request failed", "route", r.Pattern, "err", err)
		p = explain(err)
	}
	if t, ok := errors.AsType[tooOften](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(t.wait.Seconds()))))
	}
	if err := render(w, p.Status, "problem", problemPage{p, s.Base.String()}); err != nil {
		s.Log.Error("page failed", "route", r.Pattern, "err", err)
		http.Error(w, p.Title, p.Status)
	}
}

func explain(err error) problem {
	if errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return problem{http.StatusServiceUnavailable, "Please try again in a moment", "The place where accounts are kept doesn’t answer."}
	}
	return problem{http.StatusInternalServerError, "Something went wrong", "It isn’t your fault. Please try again."}
}

// redirect sends the browser on after a form. The path is always one of this
// program's own: no request says where to go, so no link can lead astray.
func redirect(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}
