package emaillink

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/limit"
	"github.com/authstore/authstore/authhttp/signin"
)

// Store is what links and their users are kept in: an [adapter.Adapter] is one.
type Store interface {
	signin.Store
	adapter.VerificationTokens
}

// Links makes links, and signs in who follows one. It is the handler of the path that they
// lead to. Store, Sessions, Secret, URL, Send and Page are required: one without them panics at
// once. A Links is safe for concurrent use, and is not changed or copied once it is in use.
type Links struct {
	// Store has the users, and the links until they are used.
	Store Store

	// Sessions signs in. Its CrossOrigin counts here too.
	Sessions *authhttp.Sessions

	// Secret is hashed with each token, the same wherever a link may be used. Auth.js calls it
	// AUTH_SECRET.
	Secret string

	// URL is where people reach this handler: "https://site.example/signin/confirm". A request
	// never says where that is. With http:, which is for tests, the cookie is not Secure.
	URL string

	// Send sends a link to an address, in the form of [adapter.NormalizeEmail]. Its time and its
	// error must not depend on who has an account; what went wrong it logs itself, for the texts
	// of mail servers have addresses in them.
	Send func(ctx context.Context, address, link string) error

	// Page shows the page of a link: whose address it is, and a form without an action, with
	// the method POST and a button.
	Page func(w http.ResponseWriter, r *http.Request, link Link)

	// Failed answers where a link does not sign in, and what Fail is told: see the errors of this
	// package, and [Status]. What is the store's has been logged by the Logger of Sessions. Nil:
	// the text of the error, or that one may try again.
	Failed func(w http.ResponseWriter, r *http.Request, err error)

	// User returns the user of somebody who has proved an address: the profile has Email and
	// EmailVerified. An error refuses them; the link is used up. Nil: that of
	// [signin.SignUpOrInByEmail], which lets everybody in; an application that is to know who is
	// new or was taken over calls it here.
	User func(ctx context.Context, profile adapter.User) (adapter.User, error)

	// MaxAge is how long a link works. 0: 15 minutes.
	MaxAge time.Duration

	// SameBrowser has a link work only in the browser that asked for it, by a cookie: half of
	// the secret is in the mail and half in the browser. Who reads mail on another device than
	// the one they sign in on cannot use such a link.
	SameBrowser bool

	// Limit returns how long a request for a link has to wait, 0 if it need not; the answer must
	// not depend on who has an account. Nil: 5 links to an address and 30 to a network
	// ([limit.Network] of RemoteAddr) at once, and as many again in 15 minutes. They are
	// counted in this process. Behind a proxy RemoteAddr is the proxy's, which is not counted if
	// it is a private address: an application then limits by the visitor's address here.
	Limit func(r *http.Request, address string) (wait time.Duration)

	// Clock gives the time. Nil: time.Now.
	Clock func() time.Time

	once   sync.Once
	origin string // of URL: scheme and host; "" if it is none
	limit  func(r *http.Request, address string) time.Duration
}

// Link is what a page shows of a link.
type Link struct {
	Address string // whom it signs in, from the link: escape it
	// SameBrowser is whether this browser asked for the link. If it did not, somebody else may
	// have sent it, to lure a person into an account that is not theirs.
	SameBrowser bool
}

// The errors of links, whose texts are for the person. [authhttp.ErrCrossOrigin] is another one.
var (
	ErrAddress      = errors.New("this is not an e-mail address")
	ErrIncomplete   = errors.New("this link is incomplete: copy all of it, or ask for a new one")
	ErrExpired      = errors.New("this link has expired: ask for a new one")
	ErrUsed         = errors.New("this link was used already, or is void: ask for a new one")
	ErrOtherBrowser = errors.New("this link works in the browser only in which it was asked for: open it there, or ask for a new one here")
)

// errMethod is the error of a request that is neither to open nor to use a link.
var errMethod = errors.New("a link is asked for by POST, opened by GET and used by POST")

// Ask sends a link to an address to whoever owns it: it signs them in, and sends them on to the
// path next, or to "/" if that is not a path of this site ([authhttp.LocalPath]). Links that were
// sent before work still. Call it before the answer begins, in a handler of POST, and answer the
// same whether the address is somebody's or not; Ask does not know.
//
// [ErrAddress] unless it is one address in its plain form, [*limit.Error] if it has to wait (the
// header Retry-After is set then), [authhttp.ErrCrossOrigin] for another site's form, the
// store's errors, or Send's.
//
// One round trip, and Send.
func (l *Links) Ask(w http.ResponseWriter, r *http.Request, address, next string) error {
	l.check()
	if r.Method != http.MethodPost {
		return errMethod // a picture on any page could ask
	}
	if err := l.Sessions.CheckOrigin(r); err != nil {
		return err
	}
	address, ok := parseAddress(address)
	if !ok {
		return ErrAddress
	}
	if err := limit.Check(w, l.limit(r, address)); err != nil {
		return err
	}
	browser := l.browser(r)
	if browser == "" {
		browser = rand.Text()
	}
	token := newToken()
	_, err := l.Store.CreateVerificationToken(r.Context(), adapter.VerificationToken{
		Identifier: address, Token: l.hash(token, browser), Value: authhttp.LocalPath(next), Expires: l.now().Add(l.maxAge()),
	})
	if err != nil {
		return err
	}
	l.setBrowser(w, browser)
	query := url.Values{"email": {address}, "token": {token}, "browser": {nameOf(browser)}}
	return l.Send(r.Context(), address, l.URL+"?"+query.Encode())
}

// ServeHTTP answers what a link leads to: GET shows the page, and POST signs in and redirects.
//
// A GET makes no round trip. A POST makes two for the link, those of [signin.SignUpOrInByEmail],
// and those of [authhttp.Sessions.SignIn].
func (l *Links) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.check()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin") // the token is in the URL
	h.Set("X-Frame-Options", "DENY")
	h.Add("Content-Security-Policy", "frame-ancestors 'none'")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		link, err := l.read(r)
		if err != nil {
			l.Fail(w, r, err)
			return
		}
		l.Page(w, r, Link{Address: link.address, SameBrowser: link.here})
	case http.MethodPost:
		next, err := l.signIn(w, r)
		if err != nil {
			l.Fail(w, r, err)
			return
		}
		http.Redirect(w, r, l.origin+next, http.StatusSeeOther)
	default:
		h.Set("Allow", "GET, HEAD, POST")
		l.Fail(w, r, errMethod)
	}
}

// signIn uses the link of a request up, and returns where the person goes.
func (l *Links) signIn(w http.ResponseWriter, r *http.Request) (next string, err error) {
	if err := l.Sessions.CheckOrigin(r); err != nil {
		return "", err
	}
	link, err := l.read(r)
	if err != nil {
		return "", err
	}
	ctx := r.Context()
	used, err := l.Store.UseVerificationToken(ctx, link.address, l.hash(link.token, l.browser(r)))
	switch {
	case errors.Is(err, adapter.ErrExpired):
		return "", ErrExpired
	case errors.Is(err, adapter.ErrNotFound):
		return "", ErrUsed
	case err != nil:
		return "", err
	}
	if err := l.Store.DeleteVerificationTokens(ctx, link.address); err != nil {
		return "", err
	}
	user, err := l.user(ctx, adapter.User{Email: link.address, EmailVerified: l.now()})
	if err != nil {
		return "", err
	}
	if _, err := l.Sessions.SignIn(w, r, user); err != nil {
		return "", err
	}
	return authhttp.LocalPath(used.Value), nil
}

func (l *Links) user(ctx context.Context, profile adapter.User) (adapter.User, error) {
	if l.User != nil {
		return l.User(ctx, profile)
	}
	result, err := signin.SignUpOrInByEmail(ctx, l.Store, profile)
	return result.User, err
}

// check panics if the Links cannot work.
func (l *Links) check() {
	switch {
	case l.Store == nil:
		panic("emaillink: Links.Store is nil")
	case l.Sessions == nil:
		panic("emaillink: Links.Sessions is nil")
	case l.Secret == "":
		panic("emaillink: Links.Secret is empty: is it in the environment?")
	case l.Send == nil:
		panic("emaillink: Links.Send is nil")
	case l.Page == nil:
		panic("emaillink: Links.Page is nil")
	}
	if l.once.Do(l.prepare); l.origin == "" {
		panic("emaillink: Links.URL is no https://host/path")
	}
}

func (l *Links) prepare() {
	if l.limit = l.Limit; l.limit == nil {
		l.limit = newLimits(l.Clock)
	}
	u, err := url.Parse(l.URL)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && !strings.ContainsAny(l.URL, "?#") {
		l.origin = u.Scheme + "://" + u.Host
	}
}

func (l *Links) maxAge() time.Duration { return cmp.Or(l.MaxAge, 15*time.Minute) }

func (l *Links) now() time.Time {
	if l.Clock == nil {
		return time.Now()
	}
	return l.Clock()
}

// hash returns what is stored for a token: with SameBrowser, what the browser knows is a part of
// the token.
func (l *Links) hash(token, browser string) string {
	if l.SameBrowser {
		token += "." + browser
	}
	return adapter.HashVerificationToken(token, l.Secret)
}

func newToken() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand, Go 1.24)
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// nameOf returns what a link says of the browser that asked for it: enough to know it again,
// and nothing to take its place.
func nameOf(browser string) string {
	sum := sha256.Sum256([]byte(browser))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// parseAddress returns an e-mail address as stores keep it. It takes the plain form only:
// what mail software reads in two ways, such as `"a@b.example"@c.example`, could be checked as
// one address and delivered to another.
func parseAddress(raw string) (string, bool) {
	const most = 254 // bytes (RFC 5321 section 4.5.3.1.3, less the brackets)
	email := adapter.NormalizeEmail(raw)
	if len(email) > most {
		return "", false
	}
	a, err := mail.ParseAddress(email)
	return email, err == nil && a.Address == email
}
