package main

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

func TestSessionCookie(t *testing.T) {
	for name, tls := range map[string]bool{"session": false, "__Host-session": true} {
		t.Run(name, func(t *testing.T) {
			v := newSite(t, setup{tls: tls}).visitor()
			link := v.ask("ada@example.com")
			v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			c := setCookie(t, v.confirm(link).header, name)
			if c.Secure != tls || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("the cookie is %s", c)
			}
			if c.MaxAge != int(sessionLife.Seconds()) {
				t.Errorf("the cookie lasts %d s", c.MaxAge)
			}
			v.client.CheckRedirect = nil
			v.wantSignedIn(true)
		})
	}
}

func setCookie(t *testing.T, h http.Header, name string) *http.Cookie {
	t.Helper()
	for _, line := range h.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no cookie %s in %q", name, h.Values("Set-Cookie"))
	return nil
}

func TestEveryCookieIsGuarded(t *testing.T) {
	v := newSite(t, setup{tls: true}).visitor()
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	asked := setCookie(t, v.post("/signin", "email", "ada@example.com").header, "__Host-mailbox")
	started := setCookie(t, v.post("/identity").header, "__Host-signin")
	for _, c := range []*http.Cookie{asked, started} {
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge <= 0 || c.MaxAge > 15*60 {
			t.Errorf("the cookie is %s", c)
		}
	}
}

func TestSignInStartsANewSession(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.signIn("ada@example.com")
	before := v.token()
	v.signIn("ben@example.com")
	if v.token() == before {
		t.Error("the token is the one from before")
	}
	if n := recordsOf[adapter.Session](s); n != 1 {
		t.Errorf("%d sessions, want the new one alone", n)
	}
}

// A token that a browser was given before signing in signs nobody in.
func TestSessionFixation(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	link := v.ask("ada@example.com")
	r := v.request(http.MethodPost, link, nil)
	r.AddCookie(&http.Cookie{Name: "session", Value: "planted"})
	v.do(r).want(t, http.StatusOK, accountPageIs)

	r = s.visitor().request(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "session", Value: "planted"})
	s.visitor().do(r).want(t, http.StatusOK, signedOutPage)
}

func TestSessionsAreListed(t *testing.T) {
	s := newSite(t, setup{})
	a, b := s.visitor(), s.visitor()
	b.agent = safari
	a.signIn("ada@example.com")
	s.clock.pass(3 * time.Hour)
	b.signIn("ada@example.com")
	s.visitor().signIn("ben@example.com")

	page := b.get("/")
	page.want(t, http.StatusOK, "Firefox on Windows", "Safari on iPhone", "3 hours ago", "just now", "127.0.0.1", "Sign out everywhere else")
	if n := strings.Count(page.body, "This browser"); n != 1 {
		t.Errorf("%d sessions are marked as this browser's, want 1", n)
	}
	if strings.Index(page.body, "Safari on iPhone") > strings.Index(page.body, "This browser") {
		t.Error("the mark is at another session")
	}
	if strings.Contains(page.body, a.token()) || strings.Contains(page.body, b.token()) {
		t.Error("a session token is on the page")
	}
}

func TestSessionsAreInOrder(t *testing.T) {
	s := newSite(t, setup{})
	visitors := make([]*visitor, 5)
	for i := range visitors {
		visitors[i] = s.visitor()
		visitors[i].signIn("ada@example.com")
		s.clock.pass(time.Hour)
	}
	ages := regexp.MustCompile(`>(\d) hours? ago<`)
	// This browser's session first, then the newest.
	for i, want := range []string{"51234", "41235", "31245", "21345", "12345"} {
		got := ""
		for _, age := range ages.FindAllStringSubmatch(visitors[i].get("/").body, -1) {
			got += age[1]
		}
		if got != want {
			t.Errorf("browser %d: the ages are %s, want %s", i, got, want)
		}
	}
}

var idPattern = regexp.MustCompile(`name="id" value="([^"]+)"`)

func TestEndOneSession(t *testing.T) {
	s := newSite(t, setup{})
	a, b, c := s.visitor(), s.visitor(), s.visitor()
	a.signIn("ada@example.com")
	b.signIn("ada@example.com")
	id := idPattern.FindStringSubmatch(b.get("/").body)[1]
	c.signIn("ada@example.com")
	c.post("/sessions/end", "id", id).want(t, http.StatusOK, "That browser is signed out")
	a.get("/").want(t, http.StatusOK, signedOutPage, "Your session has ended")
	b.wantSignedIn(true)
	c.wantSignedIn(true)
}

func TestEndTheOwnSession(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	v.signIn("ada@example.com")
	session, _ := v.user()
	v.post("/sessions/end", "id", session.ID).want(t, http.StatusOK, "You are signed out", signedOutPage)
	if v.token() != "" {
		t.Error("the cookie is still there")
	}
}

func TestSessionOfAnotherUserCannotBeEnded(t *testing.T) {
	s := newSite(t, setup{})
	ada, mallory := s.visitor(), s.visitor()
	ada.signIn("ada@example.com")
	mallory.signIn("mallory@example.com")
	session, _ := ada.user()
	for _, id := range []string{session.ID, ada.token(), "", "../" + session.ID, "\x00", strings.Repeat("x", 4000)} {
		mallory.post("/sessions/end", "id", id).want(t, http.StatusOK, accountPageIs)
	}
	ada.wantSignedIn(true)
}

func TestSignOut(t *testing.T) {
	s := newSite(t, setup{})
	a, b := s.visitor(), s.visitor()
	a.signIn("ada@example.com")
	b.signIn("ada@example.com")
	token := a.token()
	a.post("/signout").want(t, http.StatusOK, "You are signed out", signedOutPage)
	if a.token() != "" {
		t.Error("the cookie is still there")
	}
	if _, _, err := s.store.GetSessionAndUser(t.Context(), token); err == nil {
		t.Error("the session is still there")
	}
	b.wantSignedIn(true)
}

func TestSignOutEverywhereElse(t *testing.T) {
	s := newSite(t, setup{})
	a, b, ben := s.visitor(), s.visitor(), s.visitor()
	a.signIn("ada@example.com")
	b.signIn("ada@example.com")
	ben.signIn("ben@example.com")
	page := a.post("/signout/others")
	page.want(t, http.StatusOK, "You are signed out everywhere else", accountPageIs)
	page.wantNot(t, "Sign out everywhere else")
	b.wantSignedIn(false)
	ben.wantSignedIn(true)
}

func TestSignOutEverywhere(t *testing.T) {
	s := newSite(t, setup{})
	a, b, ben := s.visitor(), s.visitor(), s.visitor()
	a.signIn("ada@example.com")
	b.signIn("ada@example.com")
	ben.signIn("ben@example.com")
	a.post("/signout/everywhere").want(t, http.StatusOK, "You are signed out everywhere", signedOutPage)
	a.wantSignedIn(false)
	b.wantSignedIn(false)
	ben.wantSignedIn(true)
}

func TestWhoIsSignedOutIsSentToSignIn(t *testing.T) {
	s := newSite(t, setup{})
	for _, path := range []string{"/signout", "/signout/others", "/signout/everywhere", "/sessions/end", "/identity/unlink", "/passkeys/delete"} {
		s.visitor().post(path).want(t, http.StatusOK, "Your session has ended", signedOutPage)
	}
}

// counting counts the writes to sessions.
type counting struct {
	adapter.Adapter
	updates *atomic.Int32
}

func (c counting) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	c.updates.Add(1)
	return c.Adapter.UpdateSession(ctx, token, up)
}

func TestSessionInUseIsExtendedOnceADay(t *testing.T) {
	var updates atomic.Int32
	s := newSite(t, setup{wrap: func(a adapter.Adapter) adapter.Adapter { return counting{a, &updates} }})
	v := s.visitor()
	v.signIn("ada@example.com")
	for range 40 { // ten days
		s.clock.pass(6 * time.Hour)
		v.wantSignedIn(true)
	}
	if n := updates.Load(); n != 10 {
		t.Errorf("%d updates in ten days, want 10", n)
	}
	s.clock.pass(25 * time.Hour)
	c := setCookie(t, v.get("/").header, "session")
	if c.Value != v.token() || c.MaxAge != int(sessionLife.Seconds()) || !c.HttpOnly {
		t.Errorf("the cookie isn't extended: %s", c)
	}
	session, _ := v.user()
	if want := s.clock.Now().Add(sessionLife); !session.Expires.Equal(want) {
		t.Errorf("the session expires %v, want %v", session.Expires, want)
	}
}

func TestSessionThatIsNotUsedExpires(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.signIn("ada@example.com")
	s.clock.pass(sessionLife)
	v.get("/").want(t, http.StatusOK, signedOutPage, "Your session has ended")
}

func TestSessionOfADeletedUserEnds(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.signIn("ada@example.com")
	_, u := v.user()
	if err := s.store.DeleteUser(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	v.wantSignedIn(false)
}

func TestBrowserName(t *testing.T) {
	tests := map[string]string{
		firefox: "Firefox on Windows",
		safari:  "Safari on iPhone",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                         "Chrome on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0": "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":               "Chrome on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":         "Safari on macOS",
		"curl/8.0":                  "Unknown browser",
		"":                          "Unknown browser",
		"<b>\xff\x00 Firefox/1</b>": "Firefox",
	}
	for agent, want := range tests {
		if got := browserName(agent); got != want {
			t.Errorf("browserName(%q) = %q, want %q", agent, got, want)
		}
	}
}

// Other programs may keep their sessions in the same store.
func TestSessionsOfOtherProgramsAreListed(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.signIn("ada@example.com")
	_, u := v.user()
	_, err := s.store.CreateSession(t.Context(), adapter.Session{
		UserID: u.ID, Expires: s.clock.Now().Add(time.Hour), Attributes: adapter.Attributes{"browser": 7},
	})
	if err != nil {
		t.Fatal(err)
	}
	v.get("/").want(t, http.StatusOK, "Unknown browser", "unknown network")
}

// endsMeanwhile ends a session between the read of a request and its extension.
type endsMeanwhile struct{ adapter.Adapter }

func (e endsMeanwhile) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	if err := e.DeleteSession(ctx, token); err != nil {
		return adapter.Session{}, err
	}
	return e.Adapter.UpdateSession(ctx, token, up)
}

// A person asks for an identity while signed out, signs in, and is signed out everywhere
// while the provider's answer comes in.
func TestASessionThatEndsMeanwhileLinksNothing(t *testing.T) {
	s := newSite(t, setup{wrap: func(a adapter.Adapter) adapter.Adapter { return endsMeanwhile{a} }})
	v := s.visitor()
	asked := v.post("/identity").request(t)
	v.confirm(s.visitor().ask("ada@example.com"))
	session, u := v.user()
	soon := s.clock.Now().Add(time.Hour) // so that the next request extends the session
	if _, err := s.store.UpdateSession(t.Context(), session.SessionToken, adapter.SessionUpdate{Expires: &soon}); err != nil {
		t.Fatal(err)
	}
	v.post("/login/username", "request", asked, "person", "1001")
	accounts, err := s.store.ListAccounts(t.Context(), u.ID)
	if err != nil || len(accounts) != 0 {
		t.Errorf("the user has %d accounts, %v, want none", len(accounts), err)
	}
	v.get("/").wantNot(t, "ada@example.com") // but who the identity signs in
}
