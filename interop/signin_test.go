package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
)

const (
	authSecret    = "the secret of the application"
	sessionCookie = "authjs.session-token"
)

// app is an application of @auth/core on one store with Go.
type app struct {
	*scene
	url    string
	handle any
}

// startApp starts an application, with what options of app.mjs there are. It prolongs a session each
// time that it is read.
func startApp(s *scene, options object) *app {
	s.Helper()
	options["secret"], options["updateAge"] = authSecret, 0
	v, err := s.oracle.do("app", object{"handle": s.handle, "options": options})
	s.ok(err)
	started := v.(object)
	s.Cleanup(func() {
		_, err := s.oracle.do("close", object{"handle": started["app"]})
		check(s.T, err)
	})
	return &app{s, started["url"].(string), started["app"]}
}

// browser is a browser of one person.
type browser struct {
	*app
	client *http.Client
}

func (a *app) browser() *browser {
	jar, err := cookiejar.New(nil)
	a.ok(err)
	return &browser{a, &http.Client{
		Jar: jar, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// get returns the status and the body of a page, or of a form sent.
func (b *browser) get(address string, form url.Values) (int, string) {
	b.Helper()
	var res *http.Response
	var err error
	if form == nil {
		res, err = b.client.Get(address)
	} else {
		res, err = b.client.PostForm(address, form)
	}
	b.ok(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	b.ok(err)
	return res.StatusCode, string(body)
}

// csrf returns what a form needs.
func (b *browser) csrf() string {
	b.Helper()
	_, body := b.get(b.url+"/csrf", nil)
	var csrf struct{ CsrfToken string }
	b.ok(json.Unmarshal([]byte(body), &csrf))
	return csrf.CsrfToken
}

// ask asks for a sign-in link, and returns the one that was mailed.
func (b *browser) ask(email string) string {
	b.Helper()
	status, _ := b.get(b.url+"/signin/email", url.Values{"csrfToken": {b.csrf()}, "email": {email}})
	if status != http.StatusFound {
		b.Fatalf("asking for a link: got the status %d", status)
	}
	mails, err := b.oracle.do("mails", object{"app": b.handle})
	b.ok(err)
	all := mails.([]any)
	if len(all) == 0 {
		b.Fatal("no mail was sent")
	}
	return all[len(all)-1].(object)["url"].(string)
}

// follow opens a sign-in link, and returns the session token that it set, "" if none.
func (b *browser) follow(link string) string {
	b.Helper()
	b.get(link, nil)
	return b.token()
}

// token returns the browser's session token.
func (b *browser) token() string {
	b.Helper()
	u, err := url.Parse(b.url)
	b.ok(err)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == sessionCookie {
			return c.Value
		}
	}
	return ""
}

// hold gives the browser a session token, as Go's answer to a sign-in would.
func (b *browser) hold(token string) {
	b.Helper()
	u, err := url.Parse(b.url)
	b.ok(err)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: sessionCookie, Value: token, Path: "/", HttpOnly: true}})
}

// person returns the ID of who the application takes the browser's person for, "" for
// nobody.
func (b *browser) person() string {
	b.Helper()
	status, body := b.get(b.url+"/session", nil)
	if status != http.StatusOK {
		b.Fatalf("reading the session: got the status %d: %s", status, body)
	}
	var session *struct{ User struct{ ID string } }
	b.ok(json.Unmarshal([]byte(body), &session))
	if session == nil {
		return ""
	}
	return session.User.ID
}

// signIn signs somebody in, in a new browser.
func (a *app) signIn(email string) *browser {
	a.Helper()
	b := a.browser()
	if b.follow(b.ask(email)) == "" {
		a.Fatal("the link has signed nobody in")
	}
	return b
}

// accepted returns the user whom Go takes a session token for.
func (a *app) accepted(token string) adapter.User {
	a.Helper()
	_, u, err := a.GetSessionAndUser(ctx(a.T), token)
	a.ok(err)
	return u
}

func signInCases(t *testing.T, p *pair) {
	for _, c := range []struct {
		name string
		run  func(*app)
	}{
		{"Go accepts the cookie of a sign-in, and ends its session", func(a *app) {
			email := a.email()
			b := a.signIn(email)
			other := a.signIn(email)
			u := a.accepted(b.token())
			a.same("the user's address", u.Email, email)
			a.same("whether the address is verified", u.EmailVerified.IsZero(), false)
			a.same("who the application takes the browser for", b.person(), u.ID)
			a.ok(a.DeleteSession(ctx(a.T), b.token()))
			a.same("who the application takes the browser for", b.person(), "")
			a.same("who the application takes the other browser for", other.person(), u.ID)
		}},
		{"Go signs out everywhere", func(a *app) {
			email := a.email()
			first, second := a.signIn(email), a.signIn(email)
			u := a.accepted(first.token())
			all, err := a.ListSessions(ctx(a.T), u.ID)
			a.ok(err)
			a.same("sessions", len(all), 2)
			a.ok(a.DeleteSessions(ctx(a.T), u.ID, second.token()))
			a.same("who the first browser is", first.person(), "")
			a.same("who the second browser is", second.person(), u.ID)
		}},
		{"Go signs a browser in", func(a *app) {
			u, err := a.CreateUser(ctx(a.T), adapter.User{Email: a.email(), Name: "Ada", Attributes: adapter.Attributes{"role": "admin"}})
			a.ok(err)
			b := a.browser()
			b.hold(a.goSession(u.ID).SessionToken)
			a.same("who the application takes the browser for", b.person(), u.ID)
			_, body := b.get(b.url+"/session", nil)
			if !strings.Contains(body, `"role":"admin"`) {
				a.Errorf("the application's session has no role: %s", body)
			}
		}},
		{"authhttp and the application know whom the other has signed in", func(a *app) {
			c := authhttp.AuthJSCookie()
			c.Insecure = true // as the application is served
			s := &authhttp.Sessions{Store: a.pair, Cookie: c}
			email := a.email()
			b := a.signIn(email)
			u := a.accepted(b.token())
			rec := httptest.NewRecorder()
			session, err := s.SignIn(rec, httptest.NewRequest(http.MethodPost, "/", nil), u)
			a.ok(err)
			other := a.browser()
			page, err := url.Parse(a.url)
			a.ok(err)
			other.client.Jar.SetCookies(page, rec.Result().Cookies())
			a.same("who the application takes authhttp's browser for", other.person(), u.ID)

			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: b.token()})
			s.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a.same("who authhttp takes the application's browser for", authhttp.User(r.Context()).ID, u.ID)
				a.ok(s.End(r.Context(), session.ID))
				a.same("who the application takes authhttp's browser for, ended by ID", other.person(), "")
				a.ok(s.SignOut(w, r))
			})).ServeHTTP(httptest.NewRecorder(), r)
			a.same("who the application's browser is, signed out", b.person(), "")
		}},
		{"a link of the application is used by Go", func(a *app) {
			email := a.email()
			b := a.browser()
			link, err := url.Parse(b.ask(email))
			a.ok(err)
			hash := adapter.HashVerificationToken(link.Query().Get("token"), authSecret)
			v, err := a.UseVerificationToken(ctx(a.T), email, hash)
			a.ok(err)
			a.same("whom the link was sent to", v.Identifier, email)
			a.same("what the used link signs in", b.follow(link.String()), "")
		}},
		{"a link of Go is used by the application", func(a *app) {
			email := a.email()
			u, err := a.CreateUser(ctx(a.T), adapter.User{Email: email})
			a.ok(err)
			_, err = a.CreateVerificationToken(ctx(a.T), adapter.VerificationToken{
				Identifier: email, Token: adapter.HashVerificationToken("one-time", authSecret), Expires: time.Now().Add(time.Hour),
			})
			a.ok(err)
			link := a.url + "/callback/email?" + url.Values{"token": {"one-time"}, "email": {email}, "callbackUrl": {a.url}}.Encode()
			b := a.browser()
			a.same("who is signed in", a.accepted(b.follow(link)).ID, u.ID)
			a.same("what the used link signs in", a.browser().follow(link), "")
		}},
		{"the application's sign-out is seen", func(a *app) {
			b := a.signIn(a.email())
			token := b.token()
			a.accepted(token)
			b.get(b.url+"/signout", url.Values{"csrfToken": {b.csrf()}})
			_, _, err := a.GetSessionAndUser(ctx(a.T), token)
			a.missing("GetSessionAndUser", err)
		}},
		{"a session that the application prolongs lives on", func(a *app) {
			b := a.signIn(a.email())
			soon := adapter.Milliseconds(time.Now().Add(time.Minute))
			_, err := a.UpdateSession(ctx(a.T), b.token(), adapter.SessionUpdate{Expires: &soon})
			a.ok(err)
			a.same("whether somebody is signed in", b.person() != "", true)
			se, _, err := a.GetSessionAndUser(ctx(a.T), b.token())
			a.ok(err)
			if !se.Expires.After(soon.Add(24 * time.Hour)) {
				a.Errorf("Expires: got %v, want the application's, some weeks later", se.Expires)
			}
		}},
		{"a user whom Go deletes is signed out", func(a *app) {
			b := a.signIn(a.email())
			a.ok(a.DeleteUser(ctx(a.T), a.accepted(b.token()).ID))
			a.same("who the application takes the browser for", b.person(), "")
		}},
	} {
		try(t, p.store.name, signIn, c.name, func(t *testing.T) { c.run(startApp(&scene{T: t, pair: p}, object{})) })
	}
}
