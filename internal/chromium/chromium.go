// Package chromium lets tests do what a person does in a real browser: a headless Chromium, driven
// over the DevTools protocol.
package chromium

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// find returns the browser to test with. Where there is none the test is skipped, but not
// where CI runs it: there it must not go missing unnoticed.
func find(t *testing.T) string {
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

// Browser is a browser with a profile of its own, which ends with the test.
type Browser struct {
	T   *testing.T
	Tab context.Context //nolint:containedctx // chromedp's form of a tab
}

// Start starts the browser that is installed.
func Start(t *testing.T) *Browser {
	t.Helper()
	path := find(t)
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
	return &Browser{t, tab}
}

// Do runs steps, which each wait for their element, within a bounded time.
func (b *Browser) Do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.Tab, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.T.Fatalf("%s: %v\nthe page:\n%s", what, err, b.page())
	}
}

// page returns what the page says, for a test that has failed.
func (b *Browser) page() string {
	ctx, cancel := context.WithTimeout(b.Tab, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// Text returns what an element says.
func (b *Browser) Text(selector chromedp.CSS) string {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.Tab, 20*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Text(selector))
	if err != nil {
		b.T.Fatalf("%s: %v\nthe page:\n%s", selector, err, b.page())
	}
	return text
}

// WantText checks that an element says something.
func (b *Browser) WantText(selector chromedp.CSS, want string) {
	b.T.Helper()
	if got := b.Text(selector); !strings.Contains(got, want) {
		b.T.Errorf("%s says %q, want %q", selector, got, want)
	}
}

// Count returns how many elements there are.
func (b *Browser) Count(selector string) int {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.Tab, 20*time.Second)
	defer cancel()
	n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll('`+selector+`').length`))
	if err != nil {
		b.T.Fatal(err)
	}
	return n
}

// Click clicks an element once it is seen.
func Click(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return chromedp.Click(selector, chromedp.NodeVisible)
}

// See waits until an element is seen.
func See(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(selector)
}

// WithAuthenticator gives a browser an authenticator, such as a laptop has one.
func (b *Browser) WithAuthenticator() {
	b.T.Helper()
	if _, err := chromedp.Call(b.Tab, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		b.T.Fatal(err)
	}
	_, err := chromedp.Call(b.Tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			DefaultBackupEligibility: true, DefaultBackupState: true,
		},
	})
	if err != nil {
		b.T.Fatal(err)
	}
}
