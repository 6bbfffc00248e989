package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// forms are the places that change something.
var forms = []string{
	"/signin", "/signin/confirm", "/signout", "/signout/others", "/signout/everywhere",
	"/sessions/end", "/identity", "/identity/unlink", "/passkeys/delete", "/login/username",
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.signIn("ada@example.com")
	headers := []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}},
		{"Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"https://evil.example"}},
		{"Origin": {"null"}},
	}
	for _, path := range forms {
		for _, header := range headers {
			r := v.request(http.MethodPost, path, url.Values{"email": {"ada@example.com"}})
			for name := range header {
				r.Header.Set(name, header.Get(name))
			}
			v.do(r).want(t, http.StatusForbidden, "That came from another page", "Back to the start")
		}
	}
	v.wantSignedIn(true)
	if n := recordsOf[adapter.VerificationToken](s); n != 0 {
		t.Errorf("%d links were made", n)
	}
}

func TestFormsOfThePageAreTaken(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	for name, value := range map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": v.site.url} {
		r := v.request(http.MethodPost, "/signin", url.Values{"email": {"ada@example.com"}})
		r.Header.Set(name, value)
		v.do(r).want(t, http.StatusOK, "The link is on its way")
	}
}

func TestReadingChangesNothing(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	v.signIn("ada@example.com")
	for _, path := range forms {
		if path == "/signin/confirm" || path == "/login/username" {
			continue // pages with the form
		}
		v.get(path).want(t, http.StatusNotFound, "There is nothing here")
	}
	v.wantSignedIn(true)
}

func TestHeaders(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "same-origin",
		"Cache-Control":           "no-store",
		"Content-Type":            "text/html; charset=utf-8",
	}
	for _, path := range []string{"/", "/signin/confirm?email=a@b.example&token=x", "/nowhere", "/login/username"} {
		header := v.get(path).header
		for name, value := range want {
			if got := header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", path, name, got, value)
			}
		}
	}
	for path, kind := range map[string]string{"/style.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml"} {
		a := v.get(path)
		a.want(t, http.StatusOK)
		if got := a.header.Get("Content-Type"); got != kind {
			t.Errorf("%s is %q, want %q", path, got, kind)
		}
	}
}

func TestPagesNeedNoInlineCodeOrStyle(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	v.ask("ada@example.com")
	for _, path := range []string{"/", "/signin/confirm?email=a@b.example&token=x", "/nowhere", "/login/username"} {
		v.get(path).wantNot(t, "<script", "style=", "<style", " onclick", "https://")
	}
}

// Links in mails lead to this server, whatever a request says its host is.
func TestForeignHostIsRefused(t *testing.T) {
	s := newSite(t, setup{})
	for _, path := range []string{"/signin", "/identity", "/nowhere"} {
		v := s.visitor()
		r := v.request(http.MethodPost, path, url.Values{"email": {"ada@example.com"}})
		r.Host = "evil.example"
		r.Header.Set("X-Forwarded-Host", "evil.example")
		a := v.do(r)
		a.want(t, http.StatusMisdirectedRequest, "This page lives elsewhere", s.url)
		a.wantNot(t, "evil.example")
	}
	if n := recordsOf[adapter.VerificationToken](s); n != 0 {
		t.Errorf("%d links were made", n)
	}
	v := s.visitor()
	r := v.request(http.MethodPost, "/signin", url.Values{"email": {"ada@example.com"}})
	r.Header.Set("X-Forwarded-Host", "evil.example")
	if link := v.do(r).links(t)[0]; !strings.HasPrefix(link, s.url+"/signin/confirm?") {
		t.Errorf("the link is %s", link)
	}
}

func TestNoRequestSaysWhereToGo(t *testing.T) {
	s := newSite(t, setup{})
	const evil = "https://evil.example/"
	v := s.visitor()
	link := v.ask("ada@example.com")
	v.confirm(link)
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	names := []string{"next", "url", "callbackUrl", "redirect_uri", "return_to", "state", "email", "person", "id"}
	query := url.Values{}
	for _, name := range names {
		query.Set(name, evil)
	}
	requests := []*http.Request{
		v.request(http.MethodGet, "/identity/callback?"+query.Encode(), nil),
		v.request(http.MethodGet, "//evil.example/%2e%2e", nil),
		v.request(http.MethodGet, s.url+"//evil.example", nil),
		v.request(http.MethodGet, s.url+`/\evil.example/..`, nil),
	}
	for _, path := range forms {
		requests = append(requests, v.request(http.MethodPost, path+"?"+query.Encode(), query))
	}
	for _, r := range requests {
		location := v.do(r).header.Get("Location")
		var u *url.URL
		var err error
		location = strings.TrimPrefix(location, s.url)
		if u, err = url.Parse(location); err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(location, "//") || strings.HasPrefix(location, `/\`) {
			t.Errorf("%s %s leads to %q", r.Method, r.URL, location)
		}
	}
}

func TestDamagedRequests(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	large := url.Values{"email": {strings.Repeat("x", maxForm)}}
	v.do(v.request(http.MethodPost, "/signin", large)).want(t, http.StatusRequestEntityTooLarge, "That was too much")
	v.get("/?done=%zz").want(t, http.StatusBadRequest, "That didn’t arrive well")
	v.get("/?done=anything+else").want(t, http.StatusOK, signedOutPage)
	v.get("/?done=anything+else").wantNot(t, "anything else")
}

// broken is a store that doesn't answer.
type broken struct {
	adapter.Adapter
	err error
}

func (b broken) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if token == "" {
		return b.Adapter.GetSessionAndUser(ctx, token)
	}
	return adapter.Session{}, adapter.User{}, b.err
}

func (b broken) CreateVerificationToken(context.Context, adapter.VerificationToken) (adapter.VerificationToken, error) {
	return adapter.VerificationToken{}, b.err
}

func (b broken) UseVerificationToken(context.Context, string, string) (adapter.VerificationToken, error) {
	return adapter.VerificationToken{}, b.err
}

func TestStoreThatFails(t *testing.T) {
	tests := []struct {
		err    error
		status int
		text   string
	}{
		{adapter.ErrUnavailable, http.StatusServiceUnavailable, "Please try again in a moment"},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, "Please try again in a moment"},
		{adapter.ErrClosed, http.StatusInternalServerError, "Something went wrong"},
	}
	for _, test := range tests {
		t.Run(test.err.Error(), func(t *testing.T) {
			s := newSite(t, setup{wrap: func(a adapter.Adapter) adapter.Adapter { return broken{a, test.err} }})
			v := s.visitor()
			v.post("/signin", "email", "ada@example.com").want(t, test.status, test.text)
			v.confirm("/signin/confirm?email=ada@example.com&token=sesame").want(t, test.status, test.text)

			r := v.request(http.MethodGet, "/", nil)
			r.AddCookie(&http.Cookie{Name: "session", Value: "sesame"})
			a := v.do(r)
			a.want(t, test.status, test.text)
			if a.header.Get("Set-Cookie") != "" {
				t.Error("the cookie is taken away, though the session may be alive")
			}
			log := s.log.String()
			if !strings.Contains(log, "POST /signin/confirm") {
				t.Errorf("the route is not in the log:\n%s", log)
			}
			if strings.Contains(log, "ada@") || strings.Contains(log, "sesame") {
				t.Errorf("data of the visitor is in the log:\n%s", log)
			}
		})
	}
}

// ill is a store that stops answering.
type ill struct {
	adapter.Adapter
	now *atomic.Bool
}

func (i ill) err() error {
	if i.now.Load() {
		return adapter.ErrUnavailable
	}
	return nil
}

func (i ill) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	if err := i.err(); err != nil {
		return s, err
	}
	return i.Adapter.CreateSession(ctx, s)
}

func (i ill) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	if err := i.err(); err != nil {
		return nil, err
	}
	return i.Adapter.ListSessions(ctx, userID)
}

func (i ill) DeleteSession(ctx context.Context, token string) error {
	if err := i.err(); err != nil && token != "" {
		return err
	}
	return i.Adapter.DeleteSession(ctx, token)
}

func (i ill) DeleteSessionByID(context.Context, string, string) error { return i.err() }
func (i ill) DeleteSessions(context.Context, string, ...string) error { return i.err() }
func (i ill) DeleteVerificationTokens(context.Context, string) error  { return i.err() }
func (i ill) UnlinkAccount(context.Context, adapter.AccountKey) error { return i.err() }
func (i ill) UpdateUser(_ context.Context, _ string, _ adapter.UserUpdate) (adapter.User, error) {
	return adapter.User{}, i.err()
}

// What couldn't be done is not reported as done, and the cookie stays to try again
// with.
func TestStoreThatFailsMidway(t *testing.T) {
	var now atomic.Bool
	s := newSite(t, setup{wrap: func(a adapter.Adapter) adapter.Adapter { return ill{a, &now} }})
	v, other := s.visitor(), s.visitor()
	v.signIn("ada@example.com")
	v.consent("1001")
	link := other.ask("ben@example.com")
	token := v.token()
	now.Store(true)
	const text = "Please try again in a moment"
	for _, path := range []string{"/signout", "/signout/others", "/signout/everywhere", "/sessions/end"} {
		v.post(path, "email", "ada@example.com").want(t, http.StatusServiceUnavailable, text)
	}
	v.post("/identity/unlink", "provider", exampleIDName, "account", "1001").want(t, http.StatusServiceUnavailable, text)
	v.get("/").want(t, http.StatusServiceUnavailable, text)
	other.confirm(link).want(t, http.StatusServiceUnavailable, text)
	other.consent("1001").want(t, http.StatusServiceUnavailable, text)

	now.Store(false)
	if v.token() != token {
		t.Error("the cookie is gone or another one")
	}
	v.get("/").want(t, http.StatusOK, accountPageIs, "Ada Example")
	other.wantSignedIn(false)
}

func TestMoments(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	tests := []struct {
		passed time.Duration
		want   string
	}{
		{-time.Second, "just now"},
		{59 * time.Second, "just now"},
		{time.Minute, "1 minute ago"},
		{59 * time.Minute, "59 minutes ago"},
		{90 * time.Minute, "1 hour ago"},
		{47 * time.Hour, "1 day ago"},
		{50 * day, "50 days ago"},
	}
	for _, test := range tests {
		if got := (moment{now.Add(-test.passed), now}).Ago(); got != test.want {
			t.Errorf("%v is %q, want %q", test.passed, got, test.want)
		}
	}
	m := moment{now, now}
	if m.ISO() != "2026-02-03T04:05:06Z" || m.Full() != "3 February 2026, 04:05 UTC" {
		t.Errorf("in full: %s, %s", m.ISO(), m.Full())
	}
}
