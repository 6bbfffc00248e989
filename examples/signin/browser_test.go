package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/authstore/authstore/adapter"
)

// findBrowser returns the browser to test with. Where there is none the test is
// skipped, but not where CI runs it: there it must not go missing unnoticed.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const reason = "no chromium, chromium-browser or google-chrome in PATH"
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return ""
}

// browser is a real browser with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func startBrowser(t *testing.T, path string) *browser {
	t.Helper()
	// Without UserDataDir the allocator makes a new profile and removes it.
	allocator, closeAllocator := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.Headless,
		chromedp.NoSandbox, // which root needs
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("password-store", "basic"),
	)
	t.Cleanup(closeAllocator)
	tab, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	// The browser lives as long as the context of its first use.
	bound := time.AfterFunc(time.Minute, closeBrowser)
	t.Cleanup(func() { bound.Stop() })
	if err := chromedp.Do(tab); err != nil {
		t.Fatal("the browser doesn't start: ", err)
	}
	return &browser{t, tab}
}

// do runs steps, which each wait for their element, within a bounded time.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\nthe page:\n%s", what, err, b.page())
	}
}

// page returns what the page says, for a test that has failed.
func (b *browser) page() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// text returns what an element says.
func (b *browser) text(selector chromedp.CSS) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Text(selector))
	if err != nil {
		b.t.Fatalf("%s: %v\nthe page:\n%s", selector, err, b.page())
	}
	return text
}

func (b *browser) wantText(selector chromedp.CSS, want string) {
	b.t.Helper()
	if got := b.text(selector); !strings.Contains(got, want) {
		b.t.Errorf("%s says %q, want %q", selector, got, want)
	}
}

// count returns how many elements there are.
func (b *browser) count(selector string) int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll('`+selector+`').length`))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func click(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return chromedp.Click(selector, chromedp.NodeVisible)
}

func see(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(selector)
}

// signIn goes the way of a person, and returns the link.
func (b *browser) signIn(site, email string) string {
	b.t.Helper()
	b.do("ask for a link", chromedp.Navigate(site),
		chromedp.SendKeys(chromedp.CSS("#email"), email), click(`form[action="/signin"] button`), see(".letter a"))
	b.wantText(".notice", "The link is on its way")
	b.wantText(".letter", email)
	link, err := chromedp.Run(b.ctx, chromedp.AttributeValue(chromedp.CSS(".letter a"), "href"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.do("open the link", click(".letter a"), see("#confirm"))
	b.wantText("main", email)
	b.do("confirm", click("#confirm"), see("#who"))
	b.wantText("#who", email)
	return link.Value
}

func TestInBrowsers(t *testing.T) {
	path := findBrowser(t)
	s := newSite(t, setup{localhost: true})
	a, b := startBrowser(t, path), startBrowser(t, path)

	link := a.signIn(s.url, "ada@example.com")
	b.signIn(s.url, "ada@example.com")

	a.do("look again", chromedp.Navigate(s.url), see("#others"))
	if n := a.count("#sessions li"); n != 2 {
		t.Errorf("%d sessions are listed, want 2", n)
	}
	a.wantText("#sessions li:first-child", "This browser")
	a.wantText("#sessions li:last-child", "Chrome on Linux")

	a.do("link an identity", click("#link"), see(".choice"), click(".choice"), see("button.unlink"))
	a.wantText(".notice", "Your identity is linked")
	a.wantText("#identities", "Ada Example")
	a.do("unlink it", click("button.unlink"), chromedp.WaitNotPresent(chromedp.CSS("button.unlink")), see(".notice"))
	a.wantText(".notice", "Your identity is unlinked")

	a.do("sign out everywhere", click("#everywhere"), see("#email"))
	a.wantText(".notice", "You are signed out everywhere")
	b.do("look from the other browser", chromedp.Reload(), see("#email"))
	b.wantText(".notice", "Your session has ended")

	a.do("use the link again", chromedp.Navigate(link), click("#confirm"), see("#problem"))
	a.wantText("#problem", "This link doesn’t work")
	a.do("go back", click("#problem a"), see("#email"))

	a.do("ask for a link", chromedp.SendKeys(chromedp.CSS("#email"), "ada@example.com"), click(`form[action="/signin"] button`), see(".notice"))
	s.clock.pass(linkLife)
	a.do("use it too late", click(".letter a"), click("#confirm"), see("#problem"))
	a.wantText("#problem", "This link has expired")
}

// withAuthenticator gives a browser an authenticator, such as a laptop has one.
func (b *browser) withAuthenticator() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		b.t.Fatal(err)
	}
	_, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			DefaultBackupEligibility: true, DefaultBackupState: true,
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestPasskeysInABrowser(t *testing.T) {
	s := newSite(t, setup{localhost: true})
	b := startBrowser(t, findBrowser(t))
	b.withAuthenticator()
	b.do("sign in with a passkey that there is not", chromedp.Navigate(s.url), click("#passkey"), see("#passkey-problem"))

	b.signIn(s.url, "ada@example.com")
	b.do("add a passkey", click("#passkey"), see("button.delete"))
	b.wantText(".notice", "Your passkey is ready")
	b.wantText(".passkey", "on all your devices")
	b.do("add it again", click("#passkey"), see("#passkey-problem"))
	if n := b.count(".passkey"); n != 1 {
		t.Errorf("%d passkeys are listed, want 1", n)
	}

	b.do("sign out", click("#signout"), see("#email"))
	b.do("go back", chromedp.NavigateBack(), see("#email"))
	if n := b.count("#who"); n != 0 {
		t.Error("the account is seen with back after signing out")
	}
	for range 2 { // the counter grows
		b.do("sign in with it", chromedp.Navigate(s.url), click("#passkey"), see("#who"))
		b.wantText("#who", "ada@example.com")
		b.do("sign out", click("#signout"), see("#email"))
	}

	b.do("sign in with it", click("#passkey"), see("#who"))
	b.do("delete it", click("button.delete"), chromedp.WaitNotPresent(chromedp.CSS("button.delete")), see(".notice"))
	b.do("sign out", click("#signout"), see("#email"))
	b.do("sign in with it", click("#passkey"), see("#passkey-problem"))
	b.wantText("#passkey-problem", "Nobody here has this passkey")
}

func TestProviderInABrowser(t *testing.T) {
	s := newSite(t, setup{localhost: true})
	b := startBrowser(t, findBrowser(t))
	b.do("sign up", chromedp.Navigate(s.url), click("#identity"), see(".choice"), click(".choice"), see("#who"))
	b.wantText("#who", "Ada Example")
	b.wantText("#identities", "Your only way in")
	b.do("sign out", click("#signout"), see("#email"))
	b.do("sign in", click("#identity"), see(".choice"), click(".choice"), see("#who"))
	b.wantText("#who", "Ada Example")
	b.do("sign out", click("#signout"), see("#email"))
	b.do("decline", click("#identity"), see(".choice"), click("main .quiet"), see("#email"))
	b.wantText(".notice", "You didn’t share your identity")
	if n := recordsOf[adapter.User](s); n != 1 {
		t.Errorf("%d users, want 1", n)
	}
}

// The policies of the page must not stand in its own way.
func TestBrowserTakesThePage(t *testing.T) {
	s := newSite(t, setup{})
	b := startBrowser(t, findBrowser(t))
	b.do("open the page", chromedp.Navigate(s.url), see("#email"))
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	font, err := chromedp.Run(ctx, chromedp.Evaluate[string](`getComputedStyle(document.querySelector(".card")).borderRadius`))
	if err != nil || font != "16px" {
		t.Errorf("the style sheet isn't applied: %q, %v", font, err)
	}
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector(".brand img").naturalWidth > 0`))
	if err != nil || !wide {
		t.Errorf("the icon isn't shown: %v", err)
	}
}
