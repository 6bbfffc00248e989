package interop

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/chromium"
)

// press presses a button of passkeys.mjs, and returns what the page then says: whose address the session has.
func press(b *chromium.Browser, button string) string {
	b.T.Helper()
	b.Do(button, chromium.Click(chromedp.CSS("#"+button)), chromium.See("#done:not(:empty)"))
	return strings.TrimSpace(b.Text("#done"))
}

// TestPasskeysInABrowser signs somebody up and in with a passkey, in a real browser, by an application of
// @auth/core on the service.
func TestPasskeysInABrowser(t *testing.T) {
	o := startOracle(t)
	for _, s := range servedStores {
		t.Run(s.name, func(t *testing.T) {
			p := s.openBoth(t, o, false, true)
			a := startApp(&scene{T: t, pair: p}, object{})
			b, email := chromium.Start(t), "ada@example.com"
			b.WithAuthenticator()
			page := strings.Replace(strings.TrimSuffix(a.url, "/auth"), "127.0.0.1", "localhost", 1) + "/passkeys"
			b.Do("the page", chromedp.Navigate(page), chromedp.SendKeys(chromedp.CSS("#email"), email))
			a.same("who has signed up", press(b, "register"), email)
			u, err := a.GetUserByEmail(ctx(t), email)
			a.ok(err)
			a.same("who has signed out", press(b, "signout"), "nobody")
			for range 2 { // the counter grows
				a.same("who has signed in", authenticate(b, email), email)
				a.same("who has signed out", press(b, "signout"), "nobody")
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

// authenticate signs in, again if need be: @simplewebauthn/server 9 refuses one genuine signature in 128, whose
// numbers have a leading zero.
func authenticate(b *chromium.Browser, email string) string {
	b.T.Helper()
	for range 3 {
		if press(b, "authenticate") == email {
			return email
		}
	}
	return "nobody, three times"
}
