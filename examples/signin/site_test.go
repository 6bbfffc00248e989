package main

import (
	"bytes"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// buffer is what concurrent requests log to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// site is the program, served to a test.
type site struct {
	t       *testing.T
	url     string
	server  *httptest.Server
	store   adapter.Adapter // behind what the program sees
	records *memory.Store
	clock   *clock
	log     *buffer
}

// setup is what differs from test to test.
type setup struct {
	tls bool
	// localhost has the site at a name for which browsers make passkeys.
	localhost bool
	wrap      func(adapter.Adapter) adapter.Adapter // what the program sees of the store
}

func newSite(t *testing.T, o setup) *site {
	t.Helper()
	s := &site{
		t: t, server: httptest.NewUnstartedServer(nil), records: memory.NewStore(), log: &buffer{},
		clock: &clock{now: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)},
	}
	s.store = memory.New(memory.Options{Options: adapter.Options{Clock: s.clock.Now}, Store: s.records})
	seen := s.store
	if o.wrap != nil {
		seen = o.wrap(s.store)
	}
	s.url = "http://" + s.server.Listener.Addr().String()
	if o.tls {
		s.url = "https://" + s.server.Listener.Addr().String()
	}
	if o.localhost {
		s.url = strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	}
	base, err := parseBase(s.url)
	if err != nil {
		t.Fatal(err)
	}
	s.server.Config.Handler, err = newServer(config{
		Store: seen, Base: base, Secret: "a secret", Now: s.clock.Now, Log: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if o.tls {
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	t.Cleanup(s.server.Close)
	return s
}

// visitor is a browser, as far as a test without one needs it.
type visitor struct {
	site   *site
	client *http.Client
	agent  string
}

const (
	firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
	safari  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)

func (s *site) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &visitor{site: s, client: &http.Client{Jar: jar, Transport: s.server.Client().Transport, Timeout: 20 * time.Second}, agent: firefox}
}

// answer is what a visitor sees at last, after redirects.
type answer struct {
	status int
	place  string // path and query
	header http.Header
	body   string
}

func (v *visitor) request(method, path string, form url.Values) *http.Request {
	v.site.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = v.site.url + path
	}
	r, err := http.NewRequestWithContext(v.site.t.Context(), method, path, strings.NewReader(form.Encode()))
	if err != nil {
		v.site.t.Fatal(err)
	}
	r.Header.Set("User-Agent", v.agent)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (v *visitor) do(r *http.Request) answer {
	v.site.t.Helper()
	response, err := v.client.Do(r)
	if err != nil {
		v.site.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.site.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Request.URL.RequestURI(), response.Header, html.UnescapeString(string(body))}
}

func (v *visitor) get(path string) answer {
	v.site.t.Helper()
	return v.do(v.request(http.MethodGet, path, nil))
}

// post sends a form of names and values in turn.
func (v *visitor) post(path string, form ...string) answer {
	v.site.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	return v.do(v.request(http.MethodPost, path, values))
}

func (a answer) want(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d, at %s", a.status, status, a.place)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("the page at %s doesn't say %q:\n%s", a.place, text, a.body)
		}
	}
}

func (a answer) wantNot(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("the page at %s says %q:\n%s", a.place, text, a.body)
		}
	}
}

const (
	linkLife    = 15 * time.Minute
	sessionLife = 30 * day
	day         = 24 * time.Hour
)

// Texts that tell the pages apart.
const (
	signedOutPage = "Send me a link"
	accountPageIs = "Where you’re signed in"
)

var linkPattern = regexp.MustCompile(`href="(http[^"]*/signin/confirm[^"]*)"`)

// ask asks for a link and returns the one in the mailbox.
func (v *visitor) ask(email string) string {
	v.site.t.Helper()
	a := v.post("/signin", "email", email)
	a.want(v.site.t, http.StatusOK, "The link is on its way")
	return a.links(v.site.t)[0]
}

// links returns the links of a page's mailbox.
func (a answer) links(t *testing.T) []string {
	t.Helper()
	var links []string
	for _, match := range linkPattern.FindAllStringSubmatch(a.body, -1) {
		links = append(links, match[1])
	}
	if links == nil {
		t.Fatalf("no link on the page:\n%s", a.body)
	}
	return links
}

// confirm presses the button of the page that a link opens.
func (v *visitor) confirm(link string) answer {
	v.site.t.Helper()
	return v.post(link)
}

// signIn signs in by a link, which another browser asked for, since a page of
// somebody who is signed in shows no mailbox.
func (v *visitor) signIn(email string) answer {
	v.site.t.Helper()
	a := v.confirm(v.site.visitor().ask(email))
	a.want(v.site.t, http.StatusOK, accountPageIs, email)
	return a
}

// consent starts at the button and answers at the provider, "" to decline.
func (v *visitor) consent(person string) answer {
	v.site.t.Helper()
	next := ""
	if strings.Contains(v.get("/").body, `name="next" value="/?done=linked"`) {
		next = "/?done=linked"
	}
	a := v.post("/identity", "next", next)
	a.want(v.site.t, http.StatusOK, "Who are you?")
	return v.post("/login/username", "request", a.request(v.site.t), "person", person)
}

// request returns the provider's name of what it was asked.
func (a answer) request(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(a.place)
	if err != nil || u.Query().Get("authRequestID") == "" {
		t.Fatalf("the provider was not asked: %s", a.place)
	}
	return u.Query().Get("authRequestID")
}

// issue returns the end of a flow: the provider's answer to what it was asked, which the
// visitor doesn't follow.
func (v *visitor) issue(request, person string) string {
	v.site.t.Helper()
	end := ""
	stay := *v.client
	stay.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/identity/callback" {
			end = r.URL.RequestURI()
			return http.ErrUseLastResponse
		}
		return nil
	}
	visitor := visitor{site: v.site, client: &stay}
	visitor.post("/login/username", "request", request, "person", person)
	if end == "" {
		v.site.t.Fatal("the provider did not answer")
	}
	return end
}

// account returns the record of somebody's identity.
func account(p person) adapter.Account {
	return adapter.Account{Type: adapter.AccountOIDC, Provider: exampleIDName, ProviderAccountID: p.ID}
}

// token returns the visitor's session token.
func (v *visitor) token() string {
	u, err := url.Parse(v.site.url)
	if err != nil {
		v.site.t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(u) {
		if strings.HasSuffix(c.Name, "session") {
			return c.Value
		}
	}
	return ""
}

// user returns who the visitor is signed in as.
func (v *visitor) user() (adapter.Session, adapter.User) {
	v.site.t.Helper()
	session, user, err := v.site.store.GetSessionAndUser(v.site.t.Context(), v.token())
	if err != nil {
		v.site.t.Fatal(err)
	}
	return session, user
}

func (v *visitor) wantSignedIn(is bool) {
	v.site.t.Helper()
	if is {
		v.get("/").want(v.site.t, http.StatusOK, accountPageIs)
	} else {
		v.get("/").want(v.site.t, http.StatusOK, signedOutPage)
	}
}

// recordsOf returns how many records of a type the store has.
func recordsOf[T any](s *site) int {
	n := 0
	for _, r := range s.records.Records() {
		if _, ok := r.(T); ok {
			n++
		}
	}
	return n
}
