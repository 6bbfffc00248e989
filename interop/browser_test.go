package interop

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

// tab is the tab of a real browser with an authenticator, such as a laptop has one.
type tab struct {
	*testing.T
	ctx context.Context
}

func openTab(t *testing.T) *tab {
	t.Helper()
	allocator, closeAllocator := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(findBrowser(t)),
		chromedp.Headless,
		chromedp.NoSandbox, // which root needs
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("password-store", "basic"),
	)
	t.Cleanup(closeAllocator)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	bound := time.AfterFunc(2*time.Minute, closeBrowser)
	t.Cleanup(func() { bound.Stop() })
	check(t, chromedp.Do(ctx))
	_, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{})
	check(t, err)
	_, err = chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		},
	})
	check(t, err)
	return &tab{t, ctx}
}

// findBrowser returns the browser to test with. Where there is none the test is skipped, but not where
// CI runs it.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("make setup installs a browser")
	}
	t.Skip("make setup installs a browser")
	return ""
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	check(b.T, chromedp.Do(ctx, steps...))
}

// press presses a button of passkeys.mjs, and returns what the page then says: whose address the session has.
func (b *tab) press(button string) string {
	b.Helper()
	b.do(chromedp.Click(chromedp.CSS("#"+button)), chromedp.WaitVisible(chromedp.CSS("#done:not(:empty)")))
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("#done")))
	check(b.T, err)
	return strings.TrimSpace(text)
}

// TestPasskeysInABrowser signs somebody up and in with a passkey, in a real browser, by an application of
// @auth/core on the service.
func TestPasskeysInABrowser(t *testing.T) {
	o := startOracle(t)
	for _, s := range servedStores {
		t.Run(s.name, func(t *testing.T) {
			p := s.openBoth(t, o, false, true)
			a := startApp(&scene{T: t, pair: p}, object{})
			b, email := openTab(t), "ada@example.com"
			page := strings.Replace(strings.TrimSuffix(a.url, "/auth"), "127.0.0.1", "localhost", 1) + "/passkeys"
			b.do(chromedp.Navigate(page), chromedp.SendKeys(chromedp.CSS("#email"), email))
			a.same("who has signed up", b.press("register"), email)
			u, err := a.GetUserByEmail(ctx(t), email)
			a.ok(err)
			a.same("who has signed out", b.press("signout"), "nobody")
			for range 2 { // the counter grows
				a.same("who has signed in", b.signIn(email), email)
				a.same("who has signed out", b.press("signout"), "nobody")
			}
			keys, err := a.ListAuthenticators(ctx(t), u.ID)
			a.ok(err)
			if len(keys) != 1 || keys[0].Counter < 2 {
				t.Errorf("the passkeys are %+v, want one that was counted", keys)
			}
			owner, err := a.GetUserByAccount(ctx(t), adapter.AccountKey{Provider: "webauthn", ProviderAccountID: keys[0].CredentialID})
			a.ok(err)
			a.same("whose account it is", owner.ID, u.ID)
		})
	}
}

// signIn signs in, again if need be: @simplewebauthn/server 9 refuses one genuine signature in 128, whose
// numbers have a leading zero.
func (b *tab) signIn(email string) string {
	b.Helper()
	for range 3 {
		if b.press("authenticate") == email {
			return email
		}
	}
	return "nobody, three times"
}
