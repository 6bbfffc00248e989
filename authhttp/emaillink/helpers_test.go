package emaillink

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/memory"
)

const ada = "ada@example.com"

// clock is a clock that tests set.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// spy is a store that notes the calls of its one-time tokens and users, and fails those that a
// test names.
type spy struct {
	adapter.Adapter
	mu    sync.Mutex
	calls []string
	fail  map[string]error
}

func (s *spy) call(op string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, op)
	return s.fail[op]
}

// taken returns the calls since the last time.
func (s *spy) taken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.calls, " ")
	s.calls = nil
	return all
}

func (s *spy) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	if err := s.call("create"); err != nil {
		return adapter.VerificationToken{}, err
	}
	return s.Adapter.CreateVerificationToken(ctx, t)
}

func (s *spy) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	if err := s.call("use"); err != nil {
		return adapter.VerificationToken{}, err
	}
	return s.Adapter.UseVerificationToken(ctx, identifier, token)
}

func (s *spy) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	if err := s.call("void"); err != nil {
		return err
	}
	return s.Adapter.DeleteVerificationTokens(ctx, identifier)
}

func (s *spy) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	if err := s.call("user"); err != nil {
		return adapter.User{}, err
	}
	return s.Adapter.GetUserByEmail(ctx, email)
}

func (s *spy) CreateSession(ctx context.Context, session adapter.Session) (adapter.Session, error) {
	if err := s.call("session"); err != nil {
		return adapter.Session{}, err
	}
	return s.Adapter.CreateSession(ctx, session)
}

// site is a site that people sign in to by links.
type site struct {
	*testing.T
	*Links
	*httptest.Server
	clock   *clock
	store   *spy
	records *memory.Store
	log     *logText

	mu    sync.Mutex
	mails []mailed
}

// logText is what was logged.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type mailed struct{ address, link string }

// newSite starts a site, changed as a test says.
func newSite(t *testing.T, change func(*Links)) *site {
	t.Helper()
	s := &site{T: t, clock: new(clock), log: new(logText), records: memory.NewStore()}
	s.clock.ms.Store(time.Date(2041, 5, 6, 12, 0, 0, 0, time.UTC).UnixMilli())
	store := memory.New(memory.Options{Options: adapter.Options{Clock: s.clock.now}, Store: s.records})
	t.Cleanup(func() { _ = store.Close() })
	s.store = &spy{Adapter: store, fail: map[string]error{}}
	mux := http.NewServeMux()
	s.Server = httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	sessions := &authhttp.Sessions{Store: s.store, Clock: s.clock.now, Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	s.Links = &Links{
		Store: s.store, Sessions: sessions, Secret: "secret", URL: s.Server.URL + "/signin/confirm", Send: s.send, Clock: s.clock.now,
		Page: func(w http.ResponseWriter, _ *http.Request, l Link) {
			fmt.Fprintf(w, "sign in as %s, same browser: %v", l.Address, l.SameBrowser)
		},
	}
	if change != nil {
		change(s.Links)
	}
	mux.Handle("/signin/confirm", s.Links)
	mux.HandleFunc("/signin", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Ask(w, r, r.FormValue("email"), r.FormValue("next")); err != nil {
			s.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, "sent")
	})
	mux.Handle("/", sessions.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, user, _ := authhttp.Current(r.Context())
		fmt.Fprintf(w, "%s is %s", r.URL, user.Email)
	})))
	return s
}

func (s *site) send(_ context.Context, address, link string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, mailed{address, link})
	return nil
}

// link returns the link of the last mail.
func (s *site) link() string {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mails) == 0 {
		s.Fatal("no mail was sent")
	}
	return s.mails[len(s.mails)-1].link
}

func (s *site) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) same(what string, got, want any) {
	s.Helper()
	if got != want {
		s.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// browser is somebody's.
type browser struct {
	*site
	client *http.Client
}

func (s *site) browser() *browser {
	c := *s.Client()
	jar, err := cookiejar.New(nil)
	s.ok(err)
	c.Jar = jar
	return &browser{s, &c}
}

// answer is what a site answers at last, after redirects.
type answer struct {
	status int
	body   string
	header http.Header
	url    string // of the page, without the host
}

// do sends a request. Headers are names and values in turn.
func (b *browser) do(method, target string, form url.Values, headers ...string) answer {
	b.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.Server.URL + target
	}
	r, err := http.NewRequestWithContext(b.Context(), method, target, strings.NewReader(form.Encode()))
	b.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	response, err := b.client.Do(r)
	b.ok(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	b.ok(err)
	return answer{response.StatusCode, strings.TrimSpace(string(body)), response.Header, strings.TrimPrefix(response.Request.URL.String(), b.Server.URL)}
}

func (b *browser) ask(email, next string) answer {
	b.Helper()
	return b.do("POST", "/signin", url.Values{"email": {email}, "next": {next}})
}

// asked asks for a link and returns it.
func (b *browser) asked(email, next string) string {
	b.Helper()
	b.same("the answer", b.ask(email, next).body, "sent")
	return b.link()
}

// who returns whom the site takes the browser for.
func (b *browser) who() string {
	b.Helper()
	_, email, _ := strings.Cut(b.do("GET", "/who", nil).body, " is ")
	return email
}
