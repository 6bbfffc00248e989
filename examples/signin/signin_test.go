package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

func TestSignInByLink(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	v.get("/").want(t, http.StatusOK, signedOutPage, "No mail yet")

	link := v.ask("  Ada@Example.com ")
	v.get(link).want(t, http.StatusOK, "ada@example.com", "Yes, sign me in")
	v.confirm(link).want(t, http.StatusOK, accountPageIs, "ada@example.com", "Firefox on Windows", "This browser")

	_, u := v.user()
	if u.Email != "ada@example.com" || !u.EmailVerified.Equal(s.clock.Now()) {
		t.Errorf("the user is %+v, want a verified address", u)
	}
}

func TestSecondSignInIsTheSameUser(t *testing.T) {
	s := newSite(t, setup{})
	a, b := s.visitor(), s.visitor()
	a.signIn("ada@example.com")
	b.confirm(b.ask("ADA@Example.com")).want(t, http.StatusOK, accountPageIs)
	_, first := a.user()
	_, second := b.user()
	if first.ID != second.ID || recordsOf[adapter.User](s) != 1 {
		t.Errorf("two users, want one: %q and %q", first.ID, second.ID)
	}
}

func TestOpeningALinkDoesNotUseIt(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	link := v.ask("ada@example.com")
	for range 3 {
		s.visitor().get(link).want(t, http.StatusOK, "Yes, sign me in") // mail software
	}
	s.visitor().do(v.request(http.MethodHead, link, nil)).want(t, http.StatusOK)
	v.confirm(link).want(t, http.StatusOK, accountPageIs)
}

func TestLinkWorksInAnotherBrowser(t *testing.T) {
	s := newSite(t, setup{})
	link := s.visitor().ask("ada@example.com")
	s.visitor().confirm(link).want(t, http.StatusOK, accountPageIs, "ada@example.com")
}

func TestLinksThatDoNotWork(t *testing.T) {
	const dead = "This link doesn’t work"
	tests := []struct {
		name   string
		link   func(s *site, v *visitor) string
		status int
		text   string
	}{
		{"used", func(s *site, v *visitor) string {
			link := v.ask("ada@example.com")
			s.visitor().confirm(link).want(s.t, http.StatusOK, accountPageIs)
			return link
		}, http.StatusForbidden, dead},
		{"expired", func(s *site, v *visitor) string {
			link := v.ask("ada@example.com")
			s.clock.pass(linkLife)
			return link
		}, http.StatusGone, "This link has expired"},
		{"void since another one was used", func(s *site, v *visitor) string {
			link := v.ask("ada@example.com")
			s.visitor().confirm(v.ask("ada@example.com"))
			return link
		}, http.StatusForbidden, dead},
		{"forged", func(_ *site, v *visitor) string {
			v.ask("ada@example.com")
			return "/signin/confirm?email=ada@example.com&token=AAAAAAAAAAAAAAAAAAAAAAAAAA"
		}, http.StatusForbidden, dead},
		{"made from the stored hash", func(s *site, v *visitor) string {
			v.ask("ada@example.com")
			for _, r := range s.records.Records() {
				if token, ok := r.(adapter.VerificationToken); ok {
					return "/signin/confirm?email=ada@example.com&token=" + token.Token
				}
			}
			return ""
		}, http.StatusForbidden, dead},
		{"turned to another address", func(_ *site, v *visitor) string {
			v.ask("ada@example.com")
			return strings.Replace(v.ask("mallory@example.com"), "mallory", "ada", 1)
		}, http.StatusForbidden, dead},
		{"without a token", func(*site, *visitor) string {
			return "/signin/confirm?email=ada@example.com"
		}, http.StatusBadRequest, "This link is incomplete"},
		{"empty", func(*site, *visitor) string { return "/signin/confirm" }, http.StatusBadRequest, "This link is incomplete"},
		{"that can't be a key", func(*site, *visitor) string {
			return "/signin/confirm?email=%FF%00&token=" + strings.Repeat("x", 2000)
		}, http.StatusBadRequest, "This link is incomplete"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, setup{})
			v := s.visitor()
			a := v.confirm(test.link(s, v))
			a.want(t, test.status, test.text, "Back to the start", `href="`+s.url+`/"`)
			v.wantSignedIn(false)
		})
	}
}

func TestLinkWorksUntilItExpires(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	link := v.ask("ada@example.com")
	s.clock.pass(linkLife - time.Millisecond)
	v.confirm(link).want(t, http.StatusOK, accountPageIs)
}

func TestIncompleteLinksOpenAClearPage(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	for _, query := range []string{"", "?email=ada@example.com", "?token=x", "?email=nobody&token=x"} {
		v.get("/signin/confirm"+query).want(t, http.StatusBadRequest, "This link is incomplete")
	}
}

func TestRacingUsesOfOneLink(t *testing.T) {
	s := newSite(t, setup{})
	link := s.visitor().ask("ada@example.com")
	var group sync.WaitGroup
	var won, lost atomic.Int32
	for range 20 {
		v := s.visitor()
		group.Go(func() {
			switch a := v.confirm(link); a.status {
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
	if n := recordsOf[adapter.Session](s); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}

func TestBadAddressIsAskedForAgain(t *testing.T) {
	v := newSite(t, setup{}).visitor()
	a := v.post("/signin", "email", `"><script>alert(1)</script>`)
	a.want(t, http.StatusUnprocessableEntity, "doesn’t look like an e-mail address", `aria-invalid="true"`, "No mail yet")

	response, err := v.client.Do(v.request(http.MethodPost, "/signin", map[string][]string{"email": {`"><script>alert(1)</script>`}}))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw := make([]byte, 1<<16)
	n, _ := response.Body.Read(raw)
	if strings.Contains(string(raw[:n]), "<script") {
		t.Error("what was typed is on the page as markup")
	}
}

func TestMailIsShownToTheBrowserThatAsked(t *testing.T) {
	s := newSite(t, setup{})
	a, b := s.visitor(), s.visitor()
	link := a.ask("ada@example.com")
	b.ask("ben@example.com")
	b.get("/").wantNot(t, "ada@example.com", link)
	s.visitor().get("/").want(t, http.StatusOK, "No mail yet")
	a.get("/").want(t, http.StatusOK, link)
	a.get("/").wantNot(t, "ben@example.com")
}

func TestMailboxIsBounded(t *testing.T) {
	var m mailbox
	for i := range 3 * maxLetters {
		m.add(letter{Link: fmt.Sprint(i), browser: "b"})
	}
	if len(m.letters) != maxShown {
		t.Errorf("%d letters of one browser are kept, want %d", len(m.letters), maxShown)
	}
	for i := range 3 * maxLetters {
		m.add(letter{Link: "x", browser: fmt.Sprint("b", i)})
	}
	m.add(letter{Link: fmt.Sprint(3*maxLetters - 3), browser: "b"})
	m.add(letter{Link: fmt.Sprint(3*maxLetters - 2), browser: "b"})
	m.add(letter{Link: fmt.Sprint(3*maxLetters - 1), browser: "b"})
	if len(m.letters) != maxLetters {
		t.Errorf("%d letters are kept, want %d", len(m.letters), maxLetters)
	}
	shown := m.of("b")
	if len(shown) != maxShown || shown[0].Link != fmt.Sprint(3*maxLetters-1) {
		t.Errorf("shown are %v, want the newest %d", shown, maxShown)
	}
	if others := m.of(""); others != nil {
		t.Errorf("a browser without a cookie is shown %v", others)
	}
}

func TestAskingTellsNothingAboutWhoHasAnAccount(t *testing.T) {
	s := newSite(t, setup{})
	s.visitor().signIn("ada@example.com")
	token := func(a answer) string {
		link := a.links(t)[0]
		return link[strings.LastIndex(link, "=")+1:]
	}
	known := s.visitor().post("/signin", "email", "ada@example.com")
	unknown := s.visitor().post("/signin", "email", "ben@example.com")
	asker := regexp.MustCompile(`browser=[^&]+`) // who asked, which differs
	known.body, unknown.body = asker.ReplaceAllString(known.body, ""), asker.ReplaceAllString(unknown.body, "")
	same := strings.NewReplacer("ben@", "ada@", "ben%40", "ada%40", token(unknown), token(known)).Replace(unknown.body)
	if known.status != unknown.status || known.body != same {
		t.Errorf("the answers differ:\n%s\n%s", known.body, same)
	}
}

func TestStoreHasNoTokenInClear(t *testing.T) {
	s := newSite(t, setup{})
	v := s.visitor()
	link := v.ask("ada@example.com")
	token := link[strings.LastIndex(link, "=")+1:]
	v.confirm(link).want(t, http.StatusOK, accountPageIs)
	link2 := s.visitor().ask("ben@example.com")
	token2 := link2[strings.LastIndex(link2, "=")+1:]
	for _, r := range s.records.Records() {
		text := fmt.Sprintf("%+v", r)
		if strings.Contains(text, token) || strings.Contains(text, token2) || strings.Contains(text, v.token()) {
			t.Errorf("a token is stored in clear: %s", text)
		}
	}
}

// late is a store in which somebody else makes the user between the look-up and the
// creation.
type late struct{ adapter.Adapter }

func (l late) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	_, err := l.Adapter.CreateUser(ctx, u)
	if err != nil {
		return u, err
	}
	return l.Adapter.CreateUser(ctx, adapter.User{Email: u.Email})
}

func (l late) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	_, _, err := l.Adapter.CreateUserWithAccount(ctx, u, a)
	if err != nil {
		return u, a, err
	}
	return l.Adapter.CreateUserWithAccount(ctx, u, a)
}

func TestUserIsMadeMeanwhile(t *testing.T) {
	s := newSite(t, setup{wrap: func(a adapter.Adapter) adapter.Adapter { return late{a} }})
	s.visitor().signIn("ada@example.com")
	s.visitor().consent("1001").want(t, http.StatusOK, accountPageIs, "Ada Example")
	if n := recordsOf[adapter.User](s); n != 2 {
		t.Errorf("%d users, want 2", n)
	}
}

// An account that somebody made with another person's address is worth nothing to
// them once that person comes.
func TestUnverifiedAddressIsTakenOver(t *testing.T) {
	s := newSite(t, setup{})
	ctx := t.Context()
	u, mallorys, err := s.store.CreateUserWithAccount(ctx,
		adapter.User{Name: "Mallory", Email: "ada@example.com"}, account(people[2]))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.store.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: "c", UserID: u.ID, CredentialPublicKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	mallory := s.visitor()
	mallory.consent(people[2].ID).want(t, http.StatusOK, accountPageIs)

	ada := s.visitor()
	ada.signIn("ada@example.com")

	mallory.wantSignedIn(false)
	if _, err := s.store.GetAccount(ctx, mallorys.Key()); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("the identity is still linked: %v", err)
	}
	if _, err := s.store.GetAuthenticator(ctx, "c"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("the passkey is still there: %v", err)
	}
	if _, got := ada.user(); got.ID != u.ID || got.EmailVerified.IsZero() {
		t.Errorf("got %+v, want the user %s with a verified address", got, u.ID)
	}
	mallory.consent(people[2].ID)
	if _, got := mallory.user(); got.ID == u.ID {
		t.Error("the old identity still leads to the account")
	}
}

func TestVerifiedUserKeepsWhatIsLinked(t *testing.T) {
	s := newSite(t, setup{})
	a, b := s.visitor(), s.visitor()
	a.signIn("ada@example.com")
	a.consent("1001").want(t, http.StatusOK, "Your identity is linked")
	b.signIn("ada@example.com").want(t, http.StatusOK, "Ada Example")
	a.wantSignedIn(true)
}

func TestLinksToOneAddressAreLimited(t *testing.T) {
	s := newSite(t, setup{})
	for range 5 {
		s.visitor().ask("ada@example.com") // each from another browser
	}
	refused := s.visitor().post("/signin", "email", " Ada@Example.com")
	refused.want(t, http.StatusTooManyRequests, "That was often")
	if refused.header.Get("Retry-After") == "" {
		t.Error("nothing says for how long")
	}
	s.visitor().ask("ben@example.com")
	s.clock.pass(linkLife)
	s.visitor().ask("ada@example.com")
}
