package emaillink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/limit"
)

// How many links are sent in a window: each costs a mail. Without a limit by address anybody
// could fill somebody's mailbox, without one by network ask for those of a whole list.
const (
	window      = 15 * time.Minute
	toAddress   = 5
	fromNetwork = 30
)

// newLimits returns the limit of those who bring none.
func newLimits(clock func() time.Time) func(r *http.Request, address string) time.Duration {
	byAddress, byNetwork := limit.New(toAddress, window, clock), limit.ByNetwork(fromNetwork, window, clock)
	return func(r *http.Request, address string) time.Duration {
		if wait := byNetwork(r); wait > 0 {
			return wait
		}
		return byAddress.Take(address)
	}
}

// opened is what the URL of a link says.
type opened struct {
	address, token string
	here           bool // this browser asked for it
}

// maxToken is the size of the longest token that a store takes, in bytes.
const maxToken = 512

// read returns what the URL of a request says. It proves nothing.
func (l *Links) read(r *http.Request) (opened, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query["email"]) != 1 || len(query["token"]) != 1 {
		return opened{}, ErrIncomplete
	}
	token := query.Get("token")
	address, ok := parseAddress(query.Get("email"))
	if !ok || token == "" || len(token) > maxToken {
		return opened{}, ErrIncomplete
	}
	browser := l.browser(r)
	here := browser != "" && query.Get("browser") == nameOf(browser)
	if l.SameBrowser && !here {
		return opened{}, ErrOtherBrowser
	}
	return opened{address: address, token: token, here: here}, nil
}

// cookieName is the name of the cookie that tells browsers apart. With __Host- nobody can plant
// one from another host of the domain, or without TLS.
func (l *Links) cookieName() string {
	if strings.HasPrefix(l.origin, "https:") {
		return "__Host-emaillink"
	}
	return "emaillink"
}

// browser returns what the browser of a request has been given by Ask, "" if that is nothing.
func (l *Links) browser(r *http.Request) string {
	found := r.CookiesNamed(l.cookieName())
	if len(found) != 1 || !isText(found[0].Value) {
		return ""
	}
	return found[0].Value
}

// isText reports whether s can be of rand.Text.
func isText(s string) bool {
	return len(s) == 26 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// setBrowser gives the browser what it is known by, for as long as the link works.
func (l *Links) setBrowser(w http.ResponseWriter, browser string) {
	http.SetCookie(w, &http.Cookie{
		Name: l.cookieName(), Value: browser, Path: "/", MaxAge: max(1, int(l.maxAge()/time.Second)),
		HttpOnly: true, Secure: strings.HasPrefix(l.origin, "https:"), SameSite: http.SameSiteLaxMode,
	})
}

// Status returns the HTTP status of an error of Ask, or of one that Failed is told.
func Status(err error) int {
	var limited *limit.Error
	switch {
	case errors.As(err, &limited):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrAddress):
		return http.StatusUnprocessableEntity
	case errors.Is(err, ErrIncomplete):
		return http.StatusBadRequest
	case errors.Is(err, ErrExpired):
		return http.StatusGone
	case errors.Is(err, errMethod):
		return http.StatusMethodNotAllowed
	case errors.Is(err, ErrUsed), errors.Is(err, ErrOtherBrowser), errors.Is(err, authhttp.ErrCrossOrigin):
		return http.StatusForbidden
	}
	return http.StatusServiceUnavailable
}

// Fail answers an error of Ask: see Links.Failed. One that is not the visitor's is logged, unless
// the visitor has gone.
func (l *Links) Fail(w http.ResponseWriter, r *http.Request, err error) {
	status, text := Status(err), err.Error()
	if status == http.StatusServiceUnavailable {
		text = "please try again in a moment"
		l.log(r, err)
	}
	if l.Failed != nil {
		l.Failed(w, r, err)
		return
	}
	http.Error(w, text, status)
}

// log says what went wrong, in full if it is the store's: others' errors may have an address in
// them.
func (l *Links) log(r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	logger := l.Sessions.Logger
	if logger == nil {
		logger = slog.Default()
	}
	text := fmt.Sprintf("%T", err)
	if stores, ok := errors.AsType[*adapter.Error](err); ok {
		text = stores.Error()
	}
	logger.ErrorContext(r.Context(), "emaillink: no link was sent or used", "code", adapter.Code(err), "err", text)
}
