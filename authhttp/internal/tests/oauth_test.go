package tests

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/internal/flow"
	"github.com/authstore/authstore/authhttp/oauth"
	"github.com/authstore/authstore/authhttp/oidc"
	"github.com/authstore/authstore/authhttp/signin"
)

// start goes the way of a person who clicks the button.
func (b *browser) start(back string) (where string, status int) {
	b.Helper()
	return b.post("/start", url.Values{"next": {back}})
}

// answer goes that way up to the callback, whose URL it returns.
func (b *browser) answer() string {
	b.Helper()
	stopped := b.stopAt(callbackURL)
	b.start("/settings")
	b.goOn()
	if *stopped == "" {
		b.Fatal("the provider did not answer")
	}
	return *stopped
}

func TestOpenIDSignsUpAndIn(t *testing.T) {
	w := newWorld(t)
	provider := newZitadel(t, callbackURL)
	w.withOIDC(provider, nil)

	first := w.browser()
	if where, _ := first.start("/settings?tab=1"); where != siteURL+"/settings?tab=1" {
		t.Fatalf("the way ended at %s: %v", where, w.failed)
	}
	ada := w.user(first.who())
	if ada.Name != "Ada Example" || ada.Email != "ada@example.com" || ada.EmailVerified.IsZero() {
		t.Errorf("the user is %+v", ada)
	}
	before, err := w.store.GetAccount(t.Context(), key("ada"))
	w.ok(err)
	if before.UserID != ada.ID || before.Type != adapter.AccountOIDC || before.AccessToken == "" || before.RefreshToken == "" ||
		before.IDToken == "" || before.Scope != "openid profile email offline_access" || !strings.EqualFold(before.TokenType, "bearer") {
		t.Errorf("the account is %+v", before)
	}
	if left := time.Until(time.Unix(before.ExpiresAt, 0)); left < 4*time.Minute || left > 6*time.Minute {
		t.Errorf("the access token expires in %v", left)
	}

	second := w.browser()
	second.start("/")
	if second.who() != ada.ID {
		t.Error("the second browser is signed in as somebody else")
	}
	after, err := w.store.GetAccount(t.Context(), key("ada"))
	w.ok(err)
	if after.AccessToken == before.AccessToken {
		t.Error("the new access token was not stored")
	}

	provider.name = "ben"
	third := w.browser()
	third.start("/")
	if ben := w.user(third.who()); ben.Email != "ben@example.com" || !ben.EmailVerified.IsZero() {
		t.Errorf("the user whose address is not verified is %+v", ben)
	}
	w.wantUsers(2)
}

func TestOpenIDLinks(t *testing.T) {
	w := newWorld(t)
	provider := newZitadel(t, callbackURL)
	w.withOIDC(provider, nil)
	cleo, err := w.store.CreateUser(t.Context(), adapter.User{Name: "Cleo"})
	w.ok(err)
	dora, err := w.store.CreateUser(t.Context(), adapter.User{Name: "Dora"})
	w.ok(err)

	b := w.browser()
	b.post("/signin/"+cleo.ID, nil)
	b.start("/settings")
	linked, err := w.store.GetUserByAccount(t.Context(), key("ada"))
	w.ok(err)
	if linked.ID != cleo.ID || b.who() != cleo.ID {
		t.Error("the account was not linked to who is signed in")
	}
	other := w.browser()
	other.post("/signin/"+dora.ID, nil)
	other.start("/settings")
	w.wantFailure(signin.ErrTaken)
	if other.who() != dora.ID {
		t.Error("somebody else is signed in after a refusal")
	}
	w.wantUsers(2)
}

// An account whose provider tells the address of a user leads to that user only if the
// application trusts the provider and both have verified it.
func TestOpenIDAddressOfAUser(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		w := newWorld(t)
		provider := newZitadel(t, callbackURL)
		w.withOIDC(provider, func(c *oauth.Client) { c.Trusted = trusted })
		owner, err := w.store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com", EmailVerified: w.now()})
		w.ok(err)
		_, err = w.store.CreateUser(t.Context(), adapter.User{Email: "ben@example.com", EmailVerified: w.now()})
		w.ok(err)

		b := w.browser()
		b.start("/")
		if trusted && b.who() != owner.ID {
			t.Error("the verified address does not lead to its user")
		}
		if !trusted {
			w.wantFailure(signin.ErrNotLinked, "ada@")
		}
		provider.name = "ben" // whom the provider has not verified
		b = w.browser()
		b.start("/")
		w.wantFailure(signin.ErrNotLinked, "ben@")
		if b.who() != "" {
			t.Error("an address that nobody has verified signs in")
		}
	}
}

func TestOpenIDRequest(t *testing.T) {
	w := newWorld(t)
	w.withOIDC(newZitadel(t, callbackURL), nil)
	b := w.browser()
	stopped := b.stopAt(providerURL)
	b.start("/")
	asked, err := url.Parse(*stopped)
	w.ok(err)
	q := asked.Query()
	if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 26 || len(q.Get("nonce")) < 26 ||
		q.Get("response_type") != "code" || q.Get("redirect_uri") != callbackURL {
		t.Errorf("the request is %s", *stopped)
	}
	*stopped = ""
	b.start("/")
	again, err := url.Parse(*stopped)
	w.ok(err)
	for _, name := range []string{"code_challenge", "state", "nonce"} {
		if again.Query().Get(name) == q.Get(name) {
			t.Errorf("%s is the same twice", name)
		}
	}
}

// No request can have the browser sent to another site.
func TestOpenIDReturnsHere(t *testing.T) {
	w := newWorld(t)
	w.withOIDC(newZitadel(t, callbackURL), nil)
	for _, back := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)", "settings", ""} {
		if where, _ := w.browser().start(back); where != siteURL+"/" {
			t.Errorf("%q led to %s", back, where)
		}
	}
}

// The end of a sign-in is of use in the browser that began it, and there once.
func TestOpenIDAnswerIsForOneBrowserOnce(t *testing.T) {
	w := newWorld(t)
	w.withOIDC(newZitadel(t, callbackURL), nil)
	mine, other := w.browser(), w.browser()
	answer := mine.answer()

	other.get(answer) // which its owner could have sent: login CSRF
	w.wantFailure(oauth.ErrState, answer)
	begun := other.answer() // one who has begun something too
	other.get(answer)
	w.wantFailure(oauth.ErrState)
	if other.who() != "" {
		t.Error("another browser was signed in by the answer")
	}
	if where := mine.get(answer); where != siteURL+"/settings" || mine.who() == "" {
		t.Errorf("the browser's own answer led to %s", where)
	}
	ada := mine.who()
	mine.get(answer)
	w.wantFailure(oauth.ErrState)
	if mine.who() != ada {
		t.Error("a repeated answer signs out")
	}
	if other.get(begun); other.who() != ada {
		t.Error("the answer to what a browser has begun itself does not sign in")
	}
}

func TestOpenIDRacingAnswers(t *testing.T) {
	w := newWorld(t)
	provider := newZitadel(t, callbackURL)
	w.withOIDC(provider, nil)
	b := w.browser()
	answer := b.answer()
	const n = 20
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { b.get(answer) })
	}
	wg.Wait()
	if len(w.failed) != n-1 || provider.tokenRequests() != 1 {
		t.Errorf("%d of %d were refused after %d requests for tokens", len(w.failed), n, provider.tokenRequests())
	}
	for _, err := range w.failed {
		if !errors.Is(err, oauth.ErrState) {
			t.Error(err)
		}
	}
	w.wantUsers(1)
}

// Tabs of one browser don't get into each other's way.
func TestOpenIDTabs(t *testing.T) {
	w := newWorld(t)
	w.withOIDC(newZitadel(t, callbackURL), nil)
	b := w.browser()
	first, second := b.answer(), b.answer()
	b.get(first)
	ada := b.who()
	if ada == "" {
		t.Fatal("the first tab is not signed in")
	}
	b.get(second) // begun while nobody was signed in
	w.wantFailure(oauth.ErrPerson)
	if b.who() != ada {
		t.Error("the second tab has changed who is signed in")
	}
}

func TestOpenIDLate(t *testing.T) {
	w := newWorld(t)
	w.withOIDC(newZitadel(t, callbackURL), nil)
	b := w.browser()
	answer := b.answer()
	w.advance(flow.Life)
	b.get(answer)
	w.wantFailure(oauth.ErrLate)
	b.get(answer)
	w.wantFailure(oauth.ErrState)
	w.wantUsers(0)
}

func TestOpenIDDeclined(t *testing.T) {
	w := newWorld(t)
	provider := newZitadel(t, callbackURL)
	provider.denied = true
	w.withOIDC(provider, nil)
	b := w.browser()
	b.start("/")
	w.wantFailure(oauth.ErrDeclined)
	w.wantUsers(0)
	b.get(callbackURL + "?error=access_denied&state=forged") // a stranger's no is none
	w.wantFailure(oauth.ErrState)
}

// Who is signed in may not change between the beginning and the end: the account would be
// linked to the wrong person.
func TestOpenIDAnotherPersonMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.withOIDC(newZitadel(t, callbackURL), nil)
	cleo, err := w.store.CreateUser(t.Context(), adapter.User{Name: "Cleo"})
	w.ok(err)
	dora, err := w.store.CreateUser(t.Context(), adapter.User{Name: "Dora"})
	w.ok(err)
	for what, change := range map[string]func(*browser){
		"another one": func(b *browser) { b.post("/signin/"+dora.ID, nil) },
		"nobody":      func(b *browser) { b.post("/signout", nil) },
	} {
		b := w.browser()
		b.post("/signin/"+cleo.ID, nil)
		answer := b.answer()
		change(b)
		b.get(answer)
		w.wantFailure(oauth.ErrPerson)
		if _, err := w.store.GetAccount(t.Context(), key("ada")); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("%s: the account was linked: %v", what, err)
		}
	}
	w.wantUsers(2)
}

// A code that was stolen from another browser is no use: its verifier is there (PKCE).
func TestOpenIDStolenCode(t *testing.T) {
	w := newWorld(t)
	provider := newZitadel(t, callbackURL)
	w.withOIDC(provider, nil)
	victim, thief := w.browser(), w.browser()
	stolen, err := url.Parse(victim.answer())
	w.ok(err)
	own, err := url.Parse(thief.answer())
	w.ok(err)
	q := own.Query()
	q.Set("code", stolen.Query().Get("code"))
	thief.get(callbackURL + "?" + q.Encode())
	w.wantFailure(oauth.ErrProvider, stolen.Query().Get("code"))
	if thief.who() != "" {
		t.Error("a stolen code signs in")
	}
	if n := provider.tokenRequests(); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
}

func TestOpenIDForgedRequests(t *testing.T) {
	w := newWorld(t)
	w.withOIDC(newZitadel(t, callbackURL), nil)
	b := w.browser()
	if _, _, status := b.send(http.MethodGet, siteURL+"/start", "", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("a link that starts a sign-in: %d", status)
	}
	if _, _, status := b.send(http.MethodPost, callbackURL, "", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("a form sent to the callback: %d", status)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, siteURL+"/start", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	if rec.Code != http.StatusForbidden || len(rec.Result().Cookies()) != 0 {
		t.Errorf("another site's form: %d", rec.Code)
	}
	answer := b.answer()
	r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, answer, nil)
	for _, c := range b.http.Jar.Cookies(&url.URL{Scheme: "https", Host: "site.example"}) {
		r.AddCookie(c)
		r.AddCookie(c) // as if another host of the domain had set one
	}
	w.mux.ServeHTTP(httptest.NewRecorder(), r)
	w.wantFailure(oauth.ErrState)
	for _, query := range []string{"", "?state=", "?state=x&code=y", "?" + strings.Repeat("&state=x", 2), "?state=%zz"} {
		b.get(callbackURL + query)
		w.wantFailure(oauth.ErrState)
	}
	b.get(answer + "&state=another")
	w.wantFailure(oauth.ErrState)
	b.get(answer + "&code=another")
	w.wantFailure(oauth.ErrState)
	w.wantUsers(0)
}

// What an OpenID provider may answer, and what comes of it.
func TestOpenIDAnswers(t *testing.T) {
	other := newLiar(t)
	const soon = 2 * time.Hour
	tests := map[string]struct {
		lie  func(*liar)
		want error // nil: eve is signed in
	}{
		"all is right":                    {func(*liar) {}, nil},
		"a list of audiences":             {func(l *liar) { l.claims["aud"] = []string{"another", clientID}; l.claims["azp"] = clientID }, nil},
		"its issuer as it should":         {func(l *liar) { l.answer.Set("iss", providerURL) }, nil},
		"a nonce of another request":      {func(l *liar) { l.claims["nonce"] = "another" }, oauth.ErrProvider},
		"no nonce":                        {func(l *liar) { l.claims["nonce"] = nil }, oauth.ErrProvider},
		"an ID token of another issuer":   {func(l *liar) { l.claims["iss"] = "https://evil.example" }, oauth.ErrProvider},
		"an ID token for another client":  {func(l *liar) { l.claims["aud"] = "another" }, oauth.ErrProvider},
		"an ID token that another asked":  {func(l *liar) { l.claims["azp"] = "another" }, oauth.ErrProvider},
		"an ID token that has expired":    {func(l *liar) { l.claims["exp"] = time.Now().Add(-time.Minute).Unix() }, oauth.ErrProvider},
		"an ID token of the future":       {func(l *liar) { l.claims["nbf"] = time.Now().Add(soon).Unix() }, oauth.ErrProvider},
		"an ID token without a subject":   {func(l *liar) { l.claims["sub"] = nil }, oauth.ErrProvider},
		"another access token's ID token": {func(l *liar) { l.claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, oauth.ErrProvider},
		"an unsigned ID token":            {func(l *liar) { l.sign = unsigned }, oauth.ErrProvider},
		"another's signature":             {func(l *liar) { l.sign = func(c []byte) string { return signed(t, other.key, c) } }, oauth.ErrProvider},
		"no ID token":                     {func(l *liar) { l.token["id_token"] = nil }, oauth.ErrProvider},
		"an ID token that is none":        {func(l *liar) { l.token["id_token"] = "a secret" }, oauth.ErrProvider},
		"no access token":                 {func(l *liar) { l.token["access_token"] = nil }, oauth.ErrProvider},
		"a refused code": {func(l *liar) {
			l.status, l.token = 400, map[string]any{"error": "invalid_grant", "error_description": "a secret"}
		}, oauth.ErrProvider},
		"an error that is no code":  {func(l *liar) { l.status, l.token = 500, map[string]any{"error": "a secret\nx"} }, oauth.ErrProvider},
		"another issuer (RFC 9207)": {func(l *liar) { l.answer.Set("iss", "https://evil.example") }, oauth.ErrIssuer},
		"another issuer, with an error": {func(l *liar) {
			l.answer.Set("iss", "https://evil.example")
			l.answer.Set("error", "access_denied")
		}, oauth.ErrIssuer},
		"no issuer, which it promises": {func(l *liar) { l.metadata["authorization_response_iss_parameter_supported"] = true }, oauth.ErrIssuer},
		"an error":                     {func(l *liar) { l.answer.Set("error", "server_error") }, oauth.ErrProvider},
		"an error with a new line":     {func(l *liar) { l.answer.Set("error", "a secret\nlevel=INFO") }, oauth.ErrProvider},
		"no code":                      {func(l *liar) { l.answer.Set("code", "") }, oauth.ErrProvider},
		"two codes":                    {func(l *liar) { l.answer["code"] = []string{"1", "2"} }, oauth.ErrState},
		"two issuers":                  {func(l *liar) { l.answer["iss"] = []string{providerURL, "https://evil.example"} }, oauth.ErrState},
		"a person somewhere else": {func(l *liar) {
			l.claims["name"], l.claims["email"] = nil, nil
			l.userinfo = map[string]any{"sub": "ada", "email": "ada@example.com", "email_verified": true}
		}, oauth.ErrProvider},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l := newLiar(t)
			test.lie(l)
			w.withOIDC(l, nil)
			b := w.browser()
			b.start("/")
			if test.want == nil {
				if u, err := w.store.GetUserByAccount(t.Context(), key("eve")); err != nil || b.who() != u.ID {
					t.Errorf("eve is not signed in: %v, %v", err, w.failed)
				}
				return
			}
			w.wantFailure(test.want, "a secret", "an access token", "1001-code", clientSecret)
			if b.who() != "" {
				t.Error("somebody is signed in")
			}
			w.wantUsers(0)
		})
	}
}

// An address is verified if the provider says so, in either of the ways that are in use.
func TestOpenIDVerifiedAddress(t *testing.T) {
	for _, test := range []struct {
		said any
		want bool
	}{{true, true}, {"true", true}, {false, false}, {"false", false}, {nil, false}, {1, false}, {"yes", false}, {"TRUE", false}} {
		for _, userinfo := range []bool{false, true} {
			if _, is := test.said.(bool); userinfo && !is && test.said != "true" && test.said != "false" && test.said != nil {
				continue // go-oidc reads no such answer
			}
			w := newWorld(t)
			l := newLiar(t)
			l.claims["email_verified"] = test.said
			if userinfo {
				l.claims["name"], l.claims["email"], l.claims["email_verified"] = nil, nil, nil
				l.userinfo = over(map[string]any{"sub": "eve", "email": "eve@example.com", "picture": "https://id.example/eve"}, map[string]any{"email_verified": test.said})
			}
			w.withOIDC(l, nil)
			b := w.browser()
			b.start("/")
			u := w.user(b.who())
			if u.Email != "eve@example.com" || u.EmailVerified.IsZero() == test.want {
				t.Errorf("%v, userinfo %v: %+v", test.said, userinfo, u)
			}
		}
	}
}

func TestDiscoverAnotherIssuer(t *testing.T) {
	w := newWorld(t)
	l := newLiar(t)
	l.metadata["issuer"] = "https://evil.example"
	w.net["id.example"] = l
	_, err := oidc.Discover(t.Context(), oidc.Config{ID: "id", Issuer: providerURL, HTTP: w.client()})
	if err == nil {
		t.Error("a provider that says it is another one is taken")
	}
}

// Without a handler of the application the answers are plain, and what an operator has to
// know is logged.
func TestOAuthDefaultAnswers(t *testing.T) {
	w := newWorld(t)
	l := newLiar(t)
	w.withOIDC(l, func(c *oauth.Client) { c.Failed = nil })
	b := w.browser()
	l.answer.Set("error", "access_denied")
	if _, status := b.start("/"); status != http.StatusForbidden {
		t.Errorf("declined: %d", status)
	}
	l.answer.Set("error", "server_error")
	if _, status := b.start("/"); status != http.StatusBadGateway || !strings.Contains(w.log.text.String(), "server_error") {
		t.Errorf("the provider's error: %d, %s", status, &w.log.text)
	}
	w.ok(w.store.Close())
	if _, status := b.start("/"); status != http.StatusServiceUnavailable {
		t.Errorf("a store that is down: %d", status)
	}
}

// A provider of plain OAuth is asked by a function who somebody is.
func TestOAuthUserInfo(t *testing.T) {
	w := newWorld(t)
	w.net["api.example"] = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer an access token" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		reply(rw, 200, map[string]any{"id": "1001", "login": "eve"})
	})
	l := newLiar(t)
	l.token["id_token"], l.token["scope"] = nil, "read:user"
	w.net["id.example"] = l
	c := &oauth.Client{
		Provider: oauth.Provider{
			ID: "id",
			Config: oauth2.Config{
				ClientID: clientID, RedirectURL: callbackURL, Scopes: []string{"read:user", "repo"},
				Endpoint: oauth2.Endpoint{AuthURL: providerURL + "/authorize", TokenURL: providerURL + "/token"},
			},
			Identify: func(ctx context.Context, a oauth.Answer) (oauth.Person, error) {
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/user", nil)
				if err != nil {
					return oauth.Person{}, err
				}
				res, err := a.API.Do(r)
				if err != nil {
					return oauth.Person{}, err
				}
				defer res.Body.Close()
				var said struct{ ID, Login string }
				err = json.NewDecoder(res.Body).Decode(&said)
				return oauth.Person{ID: said.ID, Profile: adapter.User{Name: said.Login}, Attributes: adapter.Attributes{"login": said.Login}}, err
			},
		},
		Store: w.store, Sessions: w.sessions, HTTP: w.client(), Failed: w.fail,
	}
	w.mux.HandleFunc("/start", c.Start)
	w.mux.HandleFunc("/callback", c.Callback)
	b := w.browser()
	b.start("/")
	if l.nonce != "" {
		t.Error("a nonce was sent")
	}
	if u := w.user(b.who()); u.Name != "eve" {
		t.Errorf("the user is %+v", u)
	}
	a, err := w.store.GetAccount(t.Context(), key("1001"))
	w.ok(err)
	if a.Type != adapter.AccountOAuth || a.Scope != "read:user" || a.Attributes["login"] != "eve" {
		t.Errorf("the account is %+v", a)
	}
}

// Each beginning is a write: a network has so many of them, and the store is not asked for more.
func TestOpenIDLimit(t *testing.T) {
	w := newWorld(t)
	c := w.withOIDC(newLiar(t), nil)
	b := w.browser()
	b.stopAt(providerURL)
	for range 300 {
		if _, status := b.start("/"); status != http.StatusSeeOther {
			t.Fatalf("got %d within the limit", status)
		}
	}
	before := w.calls()
	b.start("/")
	w.wantLimited()
	if after := w.calls(); after != before {
		t.Errorf("%d calls of the store for a request that has to wait", after-before)
	}
	w.advance(3 * time.Second)
	if _, status := b.start("/"); status != http.StatusSeeOther {
		t.Error("the limit does not pass")
	}
	c.Failed = nil
	if _, status := b.start("/"); status != http.StatusTooManyRequests {
		t.Errorf("got %d, want 429", status)
	}

	// A limit of the application's comes in its place, and another site's form uses up nothing.
	asked := 0
	c.Limit = func(*http.Request) time.Duration { asked++; return 0 }
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, siteURL+"/start", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w.mux.ServeHTTP(httptest.NewRecorder(), r)
	b.start("/")
	if asked != 1 {
		t.Errorf("the application's limit was asked %d times, want once", asked)
	}
}

// formPost goes to the provider and returns the form that its page sends to the callback.
func (b *browser) formPost(l *liar) url.Values {
	b.Helper()
	l.formPost = true
	stopped := b.stopAt(callbackURL)
	_, text, _ := b.send(http.MethodPost, siteURL+"/start", "application/x-www-form-urlencoded", "next=/settings")
	b.goOn()
	if *stopped != "" {
		b.Fatal("the provider answered by a link")
	}
	form, err := url.ParseQuery(text)
	b.ok(err)
	return form
}

// fromProvider sends a form as a browser does from a page of another site: without cookies
// that are SameSite=Lax, which the GET after a redirect has again.
func (b *browser) fromProvider(form url.Values) (where string, status int) {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, callbackURL, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", providerURL)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	rec := httptest.NewRecorder()
	b.mux.ServeHTTP(rec, r)
	if len(rec.Result().Cookies()) != 0 {
		b.Error("a form of another site sets a cookie")
	}
	if rec.Code != http.StatusSeeOther {
		return "", rec.Code
	}
	to := rec.Header().Get("Location")
	if path, _, _ := strings.Cut(to, "?"); path != callbackURL {
		b.Fatalf("the form leads to %s", to)
	}
	where, _, status = b.send(http.MethodGet, to, "", "")
	return where, status
}

// A provider that answers by a form signs in and links as others do.
func TestOpenIDFormPost(t *testing.T) {
	w := newWorld(t)
	l := newLiar(t)
	c := w.withOIDC(l, func(c *oauth.Client) { c.Provider.FormPost = true })
	b := w.browser()
	form := b.formPost(l)
	if l.mode != "form_post" {
		t.Errorf("the provider was asked for the mode %q", l.mode)
	}
	form.Set("user", `{"name":"a secret"}`) // which nobody vouches for
	before := w.calls()
	where, _ := b.fromProvider(form)
	if where != siteURL+"/settings" {
		t.Fatalf("the way ended at %s: %v", where, w.failed)
	}
	eve := b.who()
	if u := w.user(eve); u.Name != "Eve" || w.calls() == before {
		t.Errorf("the user is %+v", u)
	}
	b.fromProvider(form)
	w.wantFailure(oauth.ErrState)

	// Who is signed in is known, though the form comes without cookies.
	cleo, err := w.store.CreateUser(t.Context(), adapter.User{Name: "Cleo"})
	w.ok(err)
	b.post("/signin/"+cleo.ID, nil)
	b.fromProvider(b.formPost(l))
	w.wantFailure(signin.ErrTaken)
	l.claims["sub"], l.claims["email"] = "cleo", "cleo@example.com"
	b.fromProvider(b.formPost(l))
	if u, err := w.store.GetUserByAccount(t.Context(), key("cleo")); err != nil || u.ID != cleo.ID || b.who() != cleo.ID {
		t.Errorf("the account was not linked to who is signed in: %v, %v", err, w.failed)
	}

	// A provider that answers by a link all the same is understood.
	l.formPost = false
	if where, _ := b.start("/settings"); where != siteURL+"/settings" {
		t.Errorf("a link led to %s: %v", where, w.failed)
	}
	c.Provider.FormPost = false
	if _, status := b.fromProvider(form); status != http.StatusMethodNotAllowed {
		t.Errorf("a form of a provider that answers by links: %d", status)
	}
}

// A form does no more than a link would: forged, it is an answer to nothing.
func TestOpenIDForgedForms(t *testing.T) {
	w := newWorld(t)
	l := newLiar(t)
	w.withOIDC(l, func(c *oauth.Client) { c.Provider.FormPost = true })
	mine, other := w.browser(), w.browser()
	form := mine.formPost(l)
	before := w.calls()
	for name, forged := range map[string]url.Values{
		"another browser's": form, "nothing": {}, "no state": {"code": {"x"}}, "a state": {"state": {"x"}, "code": {"x"}},
		"two states": {"state": {form.Get("state"), "x"}, "code": {"x"}}, "two codes": {"state": form["state"], "code": {"1", "2"}},
	} {
		b := mine
		if name == "another browser's" {
			b = other
		}
		b.fromProvider(forged)
		w.wantFailure(oauth.ErrState)
		if b.who() != "" {
			t.Errorf("%s: somebody is signed in", name)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, callbackURL, strings.NewReader("code="+strings.Repeat("x", 10<<10)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.mux.ServeHTTP(httptest.NewRecorder(), r)
	w.wantFailure(oauth.ErrState)
	mine.fromProvider(form)
	if mine.who() == "" || w.calls() == before {
		t.Errorf("forgeries have used the answer up: %v", w.failed)
	}
}
