package emaillink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
)

func TestSignInByLink(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	link := b.asked(" Ada@Example.com", "/orders?page=2")
	s.same("calls of asking", s.store.taken(), "create")
	s.same("the address", s.mails[0].address, ada)

	page := b.do("GET", link, nil)
	s.same("the page", page.body, "sign in as ada@example.com, same browser: true")
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'",
	} {
		s.same(name, page.header.Get(name), want)
	}
	s.same("who, by the page alone", b.who(), "")
	s.same("calls of the page", s.store.taken(), "")

	after := b.do("POST", link, nil)
	s.same("where it leads to", after.url, "/orders?page=2")
	s.same("who", b.who(), ada)
	s.same("calls of the link", s.store.taken(), "use void user session")
	user, err := s.store.Adapter.GetUserByEmail(t.Context(), ada)
	s.ok(err)
	s.same("EmailVerified", user.EmailVerified, s.clock.now())

	other := s.browser()
	link = other.asked(ada, "//evil.example")
	for _, r := range s.records.Records() {
		if token, ok := r.(adapter.VerificationToken); ok {
			s.same("what is stored of where to go", token.Value, "/")
		}
	}
	s.same("where the next one leads to", other.do("POST", link, nil).url, "/")
	s.same("users", records[adapter.User](s), 1)
}

// records returns how many records of a type there are.
func records[T any](s *site) (n int) {
	for _, r := range s.records.Records() {
		if _, ok := r.(T); ok {
			n++
		}
	}
	return n
}

func TestOpeningALinkDoesNotUseIt(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	link := b.asked(ada, "")
	scanner := s.browser()
	for _, method := range []string{"GET", "HEAD", "GET"} {
		s.same(method, scanner.do(method, link, nil).status, http.StatusOK)
	}
	s.same("another browser's page", scanner.do("GET", link, nil).body, "sign in as ada@example.com, same browser: false")
	for _, method := range []string{"PUT", "DELETE", "OPTIONS"} {
		a := scanner.do(method, link, nil)
		s.same(method, a.status, http.StatusMethodNotAllowed)
		s.same("Allow", a.header.Get("Allow"), "GET, HEAD, POST")
	}
	b.do("POST", link, nil)
	s.same("who", b.who(), ada)
}

func TestLinksThatDoNotWork(t *testing.T) {
	tests := []struct {
		name string
		link func(s *site, b *browser) string
		want error
	}{
		{"used", func(s *site, b *browser) string {
			link := b.asked(ada, "")
			s.browser().do("POST", link, nil)
			return link
		}, ErrUsed},
		{"void, since another one was used", func(s *site, b *browser) string {
			first, second := b.asked(ada, ""), b.asked(ada, "")
			s.browser().do("POST", second, nil)
			return first
		}, ErrUsed},
		{"expired", func(s *site, b *browser) string {
			link := b.asked(ada, "")
			s.clock.advance(15 * time.Minute)
			return link
		}, ErrExpired},
		{"of another address", func(_ *site, b *browser) string {
			b.asked(ada, "")
			return strings.Replace(b.asked("mallory@example.com", ""), "mallory", "ada", 1)
		}, ErrUsed},
		{"with the stored hash", func(s *site, b *browser) string {
			b.asked(ada, "")
			for _, r := range s.records.Records() {
				if token, ok := r.(adapter.VerificationToken); ok {
					return "/signin/confirm?email=" + ada + "&token=" + token.Token
				}
			}
			return ""
		}, ErrUsed},
		{"without a token", func(*site, *browser) string { return "/signin/confirm?email=" + ada }, ErrIncomplete},
		{"with an empty token", func(*site, *browser) string { return "/signin/confirm?token=&email=" + ada }, ErrIncomplete},
		{"with two tokens", func(_ *site, b *browser) string { return b.asked(ada, "") + "&token=x" }, ErrIncomplete},
		{"with two addresses", func(_ *site, b *browser) string { return b.asked(ada, "") + "&email=" + ada }, ErrIncomplete},
		{"with a token that is too long", func(*site, *browser) string {
			return "/signin/confirm?email=" + ada + "&token=" + strings.Repeat("x", maxToken+1)
		}, ErrIncomplete},
		{"without an address", func(*site, *browser) string { return "/signin/confirm?token=x" }, ErrIncomplete},
		{"that is damaged", func(_ *site, b *browser) string { return b.asked(ada, "") + "%" }, ErrIncomplete},
		{"with a NUL", func(_ *site, b *browser) string { return b.asked(ada, "") + "%00" }, ErrUsed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, nil)
			b := s.browser()
			link := test.link(s, b)
			s.same("GET", b.do("GET", link, nil).status == http.StatusOK, test.want != ErrIncomplete)
			a := b.do("POST", link, nil)
			s.same("status", a.status, Status(test.want))
			s.same("text", a.body, test.want.Error())
			s.same("who", b.who(), "")
		})
	}
}

func TestALinkWorksUntilItExpires(t *testing.T) {
	s := newSite(t, func(l *Links) { l.MaxAge = time.Hour })
	b := s.browser()
	link := b.asked(ada, "")
	s.clock.advance(time.Hour - time.Millisecond)
	b.do("POST", link, nil)
	s.same("who", b.who(), ada)
}

// A slow mail does not make the one that was sent before it void.
func TestEarlierLinksWork(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	first := b.asked(ada, "/first")
	b.asked(ada, "/second")
	s.same("where the first one leads to", b.do("POST", first, nil).url, "/first")
}

func TestRacingUses(t *testing.T) {
	s := newSite(t, nil)
	link := s.browser().asked(ada, "")
	var group sync.WaitGroup
	var won, lost atomic.Int64
	for range 20 {
		b := s.browser()
		group.Go(func() {
			switch b.do("POST", link, nil).status {
			case http.StatusOK:
				won.Add(1)
			case http.StatusForbidden:
				lost.Add(1)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 || lost.Load() != 19 {
		t.Errorf("%d of 20 were let in and %d refused, want 1 and 19", won.Load(), lost.Load())
	}
	s.same("sessions", records[adapter.Session](s), 1)
}

// Asking tells nothing about who has an account: answers and calls are the same.
func TestAskingTellsNothing(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.do("POST", b.asked(ada, ""), nil)
	s.store.taken()
	known := s.browser().ask(ada, "")
	calls := s.store.taken()
	unknown := s.browser().ask("ben@example.com", "")
	s.same("calls", s.store.taken(), calls)
	s.same("status", unknown.status, known.status)
	s.same("body", unknown.body, known.body)
	for _, a := range []answer{known, unknown} {
		a.header.Del("Date")
		a.header.Del("Set-Cookie") // a random text
	}
	s.same("headers", fmt.Sprint(unknown.header), fmt.Sprint(known.header))
}

func TestTakeOver(t *testing.T) {
	s := newSite(t, nil)
	mallory, _, err := s.store.CreateUserWithAccount(t.Context(), adapter.User{Email: ada}, adapter.Account{Type: adapter.AccountOAuth, Provider: "p", ProviderAccountID: "1"})
	s.ok(err)
	session, err := s.store.CreateSession(t.Context(), adapter.Session{UserID: mallory.ID, Expires: s.clock.now().Add(time.Hour)})
	s.ok(err)
	b := s.browser()
	b.do("POST", b.asked(ada, ""), nil)
	s.same("who", b.who(), ada)
	if _, _, err := s.store.GetSessionAndUser(t.Context(), session.SessionToken); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("whoever had the user is signed in still: %v", err)
	}
	if accounts, err := s.store.ListAccounts(t.Context(), mallory.ID); err != nil || len(accounts) != 0 {
		t.Errorf("whoever had the user has %v, %v", accounts, err)
	}
}

// Another site can neither have a person asked for nor signed in to somebody else's account.
func TestOtherSites(t *testing.T) {
	s := newSite(t, nil)
	victim := s.browser()
	link := s.browser().asked("mallory@example.com", "")
	s.store.taken()
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		a := victim.do("POST", link, nil, headers...)
		s.same("status of using", a.status, http.StatusForbidden)
		s.same("text", a.body, authhttp.ErrCrossOrigin.Error())
		s.same("status of asking", victim.do("POST", "/signin", url.Values{"email": {ada}}, headers...).status, http.StatusForbidden)
	}
	s.same("who", victim.who(), "")
	s.same("calls", s.store.taken(), "")
	for _, method := range []string{"GET", "HEAD"} { // as a picture
		s.same(method, victim.do(method, "/signin?email="+ada, nil).status, http.StatusMethodNotAllowed)
	}
	s.same("mails", len(s.mails), 1)
	s.same("who, of the same site", func() string { victim.do("POST", link, nil, "Sec-Fetch-Site", "same-origin"); return victim.who() }(), "mallory@example.com")

	trusting := newSite(t, func(l *Links) {
		l.Sessions.CrossOrigin = new(http.CrossOriginProtection)
		if err := l.Sessions.CrossOrigin.AddTrustedOrigin("https://other.example"); err != nil {
			t.Fatal(err)
		}
	})
	a := trusting.browser().do("POST", "/signin", url.Values{"email": {ada}}, "Sec-Fetch-Site", "cross-site", "Origin", "https://other.example")
	trusting.same("a site that is trusted", a.status, http.StatusOK)
}

// Whoever plants a session in a browser is not in the one that begins there.
func TestFixation(t *testing.T) {
	s := newSite(t, nil)
	attacker, victim := s.browser(), s.browser()
	attacker.do("POST", attacker.asked("mallory@example.com", ""), nil)
	site, err := url.Parse(s.Server.URL)
	s.ok(err)
	planted := attacker.client.Jar.Cookies(site)
	victim.client.Jar.SetCookies(site, planted)
	s.same("who before", victim.who(), "mallory@example.com")
	victim.do("POST", victim.asked(ada, ""), nil)
	s.same("who the victim is", victim.who(), ada)
	s.same("who the attacker is", attacker.who(), "")
}

func TestSameBrowser(t *testing.T) {
	s := newSite(t, func(l *Links) { l.SameBrowser = true })
	b, other := s.browser(), s.browser()
	first := b.asked(ada, "/first")
	second := b.asked(ada, "")
	other.asked("ben@example.com", "")
	s.store.taken()
	stranger := s.browser()
	for _, thief := range []*browser{other, stranger} {
		for _, link := range []string{first, second, withBrowser(t, first, "")} {
			for _, method := range []string{"GET", "POST"} {
				a := thief.do(method, link, nil)
				if a.status == http.StatusOK || method == "POST" && thief.who() != "" {
					t.Fatalf("%s of another browser: %d, %s", method, a.status, a.body)
				}
			}
		}
	}
	s.same("text", stranger.do("POST", first, nil).body, ErrOtherBrowser.Error())
	s.same("calls", s.store.taken(), "") // nothing was used up
	// What the link says of the browser is for the message alone.
	u, err := url.Parse(first)
	s.ok(err)
	for _, c := range other.client.Jar.Cookies(u) {
		if c.Name == "__Host-emaillink" {
			s.same("a forged name", other.do("POST", withBrowser(t, first, nameOf(c.Value)), nil).body, ErrUsed.Error())
		}
	}
	s.same("calls", s.store.taken(), "use")

	s.same("where the first one leads to", b.do("POST", first, nil).url, "/first")
	s.same("who", b.who(), ada)
}

// withBrowser returns a link that says of another browser that it has asked; of none for "".
func withBrowser(t *testing.T, link, name string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("browser", name)
	if name == "" {
		query.Del("browser")
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func TestBrowserCookie(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	cookie := b.ask(ada, "").header.Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-emaillink=") || !strings.HasSuffix(cookie, "; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("the cookie is %s", cookie)
	}
	s.same("the next one", b.ask(ada, "").header.Get("Set-Cookie"), cookie)
	value, _, _ := strings.Cut(strings.TrimPrefix(cookie, "__Host-emaillink="), ";")
	if strings.Contains(s.link(), value) {
		t.Error("the link has what the browser is known by")
	}
	for _, planted := range []string{"", "x", strings.Repeat("a", 26), strings.Repeat("A", 27), value + "; __Host-emaillink=" + value} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "/", nil)
		s.ok(err)
		r.Header.Set("Cookie", "__Host-emaillink="+planted)
		s.same("a planted one", s.Links.browser(r), "")
	}
	plain := &Links{URL: "http://localhost:8080/x"}
	plain.prepare()
	s.same("the name without TLS", plain.cookieName(), "emaillink")
}

func TestLimits(t *testing.T) {
	s := newSite(t, nil)
	var link string
	for range toAddress {
		link = s.browser().asked(ada, "")
	}
	s.clock.advance(time.Minute)
	a := s.browser().ask("ADA@example.com", "")
	s.same("status", a.status, http.StatusTooManyRequests)
	s.same("Retry-After", a.header.Get("Retry-After"), "120")
	s.same("text", a.body, "that was asked for too often: try again in 2m0s")
	s.same("mails", len(s.mails), toAddress)
	b := s.browser()
	b.do("POST", link, nil)
	s.same("who, by a link that was sent", b.who(), ada)
	s.clock.advance(2 * time.Minute)
	s.browser().asked(ada, "")

	allow := newLimits(s.clock.now)
	ask := func(remote, address string) time.Duration {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "/", nil)
		s.ok(err)
		r.RemoteAddr = remote
		return allow(r, address)
	}
	for i := range fromNetwork {
		s.same("the wait", ask("[2001:db8::1]:1", fmt.Sprint("a", i)), time.Duration(0))
	}
	s.same("the wait of the network", ask("[2001:db8::2]:2", "b"), 30*time.Second)
	s.same("the wait of another one", ask("[2001:db8:1::2]:2", "b"), time.Duration(0))
	for i := range 2 * fromNetwork {
		s.same("the wait behind a proxy", ask("10.0.0.1:1", fmt.Sprint("c", i)), time.Duration(0))
	}

	own := newSite(t, func(l *Links) {
		l.Limit = func(_ *http.Request, address string) time.Duration {
			if address == ada {
				return time.Hour
			}
			return 0
		}
	})
	own.same("status by the application's limit", own.browser().ask(ada, "").status, http.StatusTooManyRequests)
	own.browser().asked("ben@example.com", "")
}

func TestFailures(t *testing.T) {
	down := fmt.Errorf("memory: %w", adapter.ErrUnavailable)
	for _, op := range []string{"create", "use", "void", "user", "session"} {
		t.Run(op, func(t *testing.T) {
			s := newSite(t, nil)
			b := s.browser()
			if op == "create" {
				s.store.fail[op] = down
				a := b.ask(ada, "")
				s.same("status", a.status, http.StatusServiceUnavailable)
				s.same("text", a.body, "please try again in a moment")
				s.same("mails", len(s.mails), 0)
				return
			}
			link := b.asked(ada, "")
			s.store.fail[op] = down
			s.same("status", b.do("POST", link, nil).status, http.StatusServiceUnavailable)
			s.same("who", b.who(), "")
			if text := s.log.String(); !strings.Contains(text, "code=unavailable") || strings.Contains(text, "ada") || strings.Contains(text, "token") {
				t.Errorf("the log is %s", text)
			}
		})
	}
	t.Run("the mail", func(t *testing.T) {
		s := newSite(t, func(l *Links) {
			l.Send = func(_ context.Context, address, _ string) error { return errors.New("no such mailbox: " + address) }
		})
		a := s.browser().ask(ada, "")
		s.same("status", a.status, http.StatusServiceUnavailable)
		if text := s.log.String(); strings.Contains(text, "ada") || !strings.Contains(text, "errorString") || strings.Contains(a.body, "ada") {
			t.Errorf("the log is %s, the answer %s", text, a.body)
		}
	})
	t.Run("a page of its own", func(t *testing.T) {
		s := newSite(t, func(l *Links) {
			l.Failed = func(w http.ResponseWriter, _ *http.Request, err error) {
				w.WriteHeader(Status(err))
				fmt.Fprint(w, "sorry: ", errors.Is(err, ErrIncomplete), errors.Is(err, ErrAddress))
			}
		})
		s.same("a link", s.browser().do("GET", "/signin/confirm", nil).body, "sorry: true false")
		s.same("an address", s.browser().ask("ada", "").body, "sorry: false true")
	})
	t.Run("the visitor has gone", func(t *testing.T) {
		s := newSite(t, nil)
		s.Links.log(nil, fmt.Errorf("memory: %w", context.Canceled))
		s.same("the log", s.log.String(), "")
	})
}

// A site that only some may sign in to.
func TestUser(t *testing.T) {
	refused := errors.New("not invited")
	s := newSite(t, func(l *Links) {
		l.User = func(_ context.Context, profile adapter.User) (adapter.User, error) {
			if profile.Email != ada || profile.EmailVerified.IsZero() {
				return adapter.User{}, refused
			}
			return adapter.User{ID: "7", Email: ada, EmailVerified: profile.EmailVerified}, nil
		}
		l.Failed = func(w http.ResponseWriter, _ *http.Request, err error) { fmt.Fprint(w, errors.Is(err, refused)) }
	})
	_, err := s.store.CreateUser(t.Context(), adapter.User{ID: "7", Email: ada})
	s.ok(err)
	b := s.browser()
	s.same("who is not invited", b.do("POST", b.asked("ben@example.com", ""), nil).body, "true")
	s.same("who", b.who(), "")
	b.do("POST", b.asked(ada, ""), nil)
	s.same("who", b.who(), ada)
	s.same("users", records[adapter.User](s), 1)
}

func TestAddresses(t *testing.T) {
	for raw, want := range map[string]string{
		"ada@example.com": ada, " Ada.Lovelace+Test@Example.COM\t": "ada.lovelace+test@example.com", "ünal@bücher.example": "ünal@bücher.example",
		"": "", "ada": "", "ada@": "", "@example.com": "", "ada@@example.com": "", "Ada <ada@example.com>": "", "<ada@example.com>": "",
		`"ada@victim.example"@example.com`: "", `"ada lovelace"@example.com`: "", "ada@example.com, ben@example.com": "",
		"ada@example.com\r\nBcc: ben@example.com": "", "ada(comment)@example.com": "", "ada@example.com\x00": "", "ada@\xffexample.com": "",
		strings.Repeat("a", 250) + "@example.com": "",
	} {
		got, ok := parseAddress(raw)
		if ok != (want != "") || ok && got != want {
			t.Errorf("parseAddress(%q) = %q, %v, want %q", raw, got, ok, want)
		}
	}
	s := newSite(t, nil)
	s.same("status", s.browser().ask("ada", "").status, http.StatusUnprocessableEntity)
	s.same("calls", s.store.taken(), "")
}

func TestLinksThatCannotWork(t *testing.T) {
	for name, change := range map[string]func(*Links){
		"Store": func(l *Links) { l.Store = nil }, "Sessions": func(l *Links) { l.Sessions = nil }, "Secret": func(l *Links) { l.Secret = "" },
		"Send": func(l *Links) { l.Send = nil }, "Page": func(l *Links) { l.Page = nil },
		"URL": func(l *Links) { l.URL = "/signin/confirm" }, "URL with a query": func(l *Links) { l.URL += "?a=b" }, "URL of a script": func(l *Links) { l.URL = "javascript:x" },
		"URL with a password": func(l *Links) { l.URL = "https://a:b@site.example/" }, "no URL": func(l *Links) { l.URL = "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, change)
			for range 2 { // each time
				func() {
					defer func() {
						if recover() == nil {
							t.Error("it works")
						}
					}()
					s.check()
				}()
			}
		})
	}
}

// Auth.js makes links with the same hash of the same token, and neither value nor browser.
func TestLinksOfAuthJS(t *testing.T) {
	s := newSite(t, nil)
	token, err := adapter.Links{Store: s.store, Secret: "secret"}.NewLink(t.Context(), ada, s.clock.now().Add(time.Hour))
	s.ok(err)
	b := s.browser()
	a := b.do("POST", "/signin/confirm?"+url.Values{"callbackUrl": {"https://evil.example"}, "token": {token}, "email": {ada}}.Encode(), nil)
	s.same("where it leads to", a.url, "/")
	s.same("who", b.who(), ada)

	link, err := url.Parse(b.asked(ada, ""))
	s.ok(err)
	_, err = adapter.Links{Store: s.store, Secret: "secret"}.UseLink(t.Context(), ada, link.Query().Get("token"))
	s.ok(err)
}
