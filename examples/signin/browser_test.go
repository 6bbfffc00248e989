package main

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/chromium"
)

// browser is a real browser, and what this page has people do in it.
type browser struct{ *chromium.Browser }

func startBrowser(t *testing.T) browser { return browser{chromium.Start(t)} }

// signIn goes the way of a person, and returns the link.
func (b browser) signIn(site, email string) string {
	b.T.Helper()
	b.Do("ask for a link", chromedp.Navigate(site),
		chromedp.SendKeys(chromedp.CSS("#email"), email), chromium.Click(`form[action="/signin"] button`), chromium.See(".letter a"))
	b.WantText(".notice", "The link is on its way")
	b.WantText(".letter", email)
	link, err := chromedp.Run(b.Tab, chromedp.AttributeValue(chromedp.CSS(".letter a"), "href"))
	if err != nil {
		b.T.Fatal(err)
	}
	b.Do("open the link", chromium.Click(".letter a"), chromium.See("#confirm"))
	b.WantText("main", email)
	b.Do("confirm", chromium.Click("#confirm"), chromium.See("#who"))
	b.WantText("#who", email)
	return link.Value
}

func TestInBrowsers(t *testing.T) {
	s := newSite(t, setup{localhost: true})
	a, b := startBrowser(t), startBrowser(t)

	link := a.signIn(s.url, "ada@example.com")
	b.signIn(s.url, "ada@example.com")

	a.Do("look again", chromedp.Navigate(s.url), chromium.See("#others"))
	if n := a.Count("#sessions li"); n != 2 {
		t.Errorf("%d sessions are listed, want 2", n)
	}
	a.WantText("#sessions li:first-child", "This browser")
	a.WantText("#sessions li:last-child", "Chrome on Linux")

	a.Do("link an identity", chromium.Click("#link"), chromium.See(".choice"), chromium.Click(".choice"), chromium.See("button.unlink"))
	a.WantText(".notice", "Your identity is linked")
	a.WantText("#identities", "Ada Example")
	a.Do("unlink it", chromium.Click("button.unlink"), chromedp.WaitNotPresent(chromedp.CSS("button.unlink")), chromium.See(".notice"))
	a.WantText(".notice", "Your identity is unlinked")

	a.Do("sign out everywhere", chromium.Click("#everywhere"), chromium.See("#email"))
	a.WantText(".notice", "You are signed out everywhere")
	b.Do("look from the other browser", chromedp.Reload(), chromium.See("#email"))
	b.WantText(".notice", "Your session has ended")

	a.Do("use the link again", chromedp.Navigate(link), chromium.Click("#confirm"), chromium.See("#problem"))
	a.WantText("#problem", "This link doesn’t work")
	a.Do("go back", chromium.Click("#problem a"), chromium.See("#email"))

	a.Do("ask for a link", chromedp.SendKeys(chromedp.CSS("#email"), "ada@example.com"), chromium.Click(`form[action="/signin"] button`), chromium.See(".notice"))
	s.clock.pass(linkLife)
	a.Do("use it too late", chromium.Click(".letter a"), chromium.Click("#confirm"), chromium.See("#problem"))
	a.WantText("#problem", "This link has expired")
}

func TestPasskeysInABrowser(t *testing.T) {
	s := newSite(t, setup{localhost: true})
	b := startBrowser(t)
	b.WithAuthenticator()
	b.Do("sign in with a passkey that there is not", chromedp.Navigate(s.url), chromium.Click("#passkey"), chromium.See("#passkey-problem"))

	b.signIn(s.url, "ada@example.com")
	b.Do("add a passkey", chromium.Click("#passkey"), chromium.See("button.delete"))
	b.WantText(".notice", "Your passkey is ready")
	b.WantText(".passkey", "on all your devices")
	b.Do("add it again", chromium.Click("#passkey"), chromium.See("#passkey-problem"))
	if n := b.Count(".passkey"); n != 1 {
		t.Errorf("%d passkeys are listed, want 1", n)
	}

	b.Do("sign out", chromium.Click("#signout"), chromium.See("#email"))
	b.Do("go back", chromedp.NavigateBack(), chromium.See("#email"))
	if n := b.Count("#who"); n != 0 {
		t.Error("the account is seen with back after signing out")
	}
	for range 2 { // the counter grows
		b.Do("sign in with it", chromedp.Navigate(s.url), chromium.Click("#passkey"), chromium.See("#who"))
		b.WantText("#who", "ada@example.com")
		b.Do("sign out", chromium.Click("#signout"), chromium.See("#email"))
	}

	b.Do("sign in with it", chromium.Click("#passkey"), chromium.See("#who"))
	b.Do("delete it", chromium.Click("button.delete"), chromedp.WaitNotPresent(chromedp.CSS("button.delete")), chromium.See(".notice"))
	b.Do("sign out", chromium.Click("#signout"), chromium.See("#email"))
	b.Do("sign in with it", chromium.Click("#passkey"), chromium.See("#passkey-problem"))
	b.WantText("#passkey-problem", "Nobody here has this passkey")
}

func TestProviderInABrowser(t *testing.T) {
	s := newSite(t, setup{localhost: true})
	b := startBrowser(t)
	b.Do("sign up", chromedp.Navigate(s.url), chromium.Click("#identity"), chromium.See(".choice"), chromium.Click(".choice"), chromium.See("#who"))
	b.WantText("#who", "Ada Example")
	b.WantText("#identities", "Your only way in")
	b.Do("sign out", chromium.Click("#signout"), chromium.See("#email"))
	b.Do("sign in", chromium.Click("#identity"), chromium.See(".choice"), chromium.Click(".choice"), chromium.See("#who"))
	b.WantText("#who", "Ada Example")
	b.Do("sign out", chromium.Click("#signout"), chromium.See("#email"))
	b.Do("decline", chromium.Click("#identity"), chromium.See(".choice"), chromium.Click("main .quiet"), chromium.See("#email"))
	b.WantText(".notice", "You didn’t share your identity")
	if n := recordsOf[adapter.User](s); n != 1 {
		t.Errorf("%d users, want 1", n)
	}
}

// The policies of the page must not stand in its own way.
func TestBrowserTakesThePage(t *testing.T) {
	s := newSite(t, setup{})
	b := startBrowser(t)
	b.Do("open the page", chromedp.Navigate(s.url), chromium.See("#email"))
	ctx, cancel := context.WithTimeout(b.Tab, 20*time.Second)
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
