package tests

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/internal/flow"
	"github.com/authstore/authstore/authhttp/passkey"
	"github.com/authstore/authstore/authhttp/signin"
)

var relyingParty = virtualwebauthn.RelyingParty{ID: "site.example", Name: "The site", Origin: siteURL}

// withPasskeys adds passkeys to the site.
func (w *world) withPasskeys(change func(*webauthn.Config)) *passkey.Passkeys {
	w.Helper()
	config := &webauthn.Config{RPID: "site.example", RPDisplayName: "The site", RPOrigins: []string{siteURL}}
	if change != nil {
		change(config)
	}
	rp, err := webauthn.New(config)
	w.ok(err)
	p := &passkey.Passkeys{Store: w.store, Sessions: w.sessions, WebAuthn: rp, Failed: w.fail}
	w.mux.HandleFunc("/register/begin", p.BeginRegistration)
	w.mux.HandleFunc("/register/finish", p.FinishRegistration)
	w.mux.HandleFunc("/signup/begin", p.BeginSignUp)
	w.mux.HandleFunc("/signup/finish", p.FinishSignUp)
	w.mux.HandleFunc("/passkey/begin", p.BeginSignIn)
	w.mux.HandleFunc("/passkey/finish", p.FinishSignIn)
	return p
}

// securityKey is an authenticator with one passkey.
type securityKey struct {
	t  *testing.T
	rp virtualwebauthn.RelyingParty
	virtualwebauthn.Authenticator
	cred virtualwebauthn.Credential
}

func newKey(t *testing.T) *securityKey {
	k := &securityKey{t: t, rp: relyingParty, Authenticator: virtualwebauthn.NewAuthenticator(), cred: newCredential(t)}
	k.Aaguid = [16]byte{0xad, 0xce, 15: 1}
	return k
}

// newCredential makes a credential whose coordinates begin with no zero byte: virtualwebauthn
// (v1.0.3) leaves such bytes out, which is no COSE key then (RFC 9053, section 7.1.1).
func newCredential(t *testing.T) virtualwebauthn.Credential {
	t.Helper()
	for {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := key.PublicKey.Bytes() // 4, X, Y (SEC 1, section 2.3.3)
		if err != nil {
			t.Fatal(err)
		}
		if point[1] == 0 || point[33] == 0 {
			continue
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return virtualwebauthn.NewCredentialWithImportedKey(virtualwebauthn.KeyTypeEC2, der)
	}
}

// create makes the passkey that options ask for.
func (k *securityKey) create(options string) string {
	k.t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(options)
	if err != nil {
		k.t.Fatal(err)
	}
	k.Options.UserHandle = []byte(o.UserID)
	return virtualwebauthn.CreateAttestationResponse(k.rp, k.Authenticator, k.cred, *o)
}

// sign answers a challenge. The counter grows.
func (k *securityKey) sign(options string) string {
	k.t.Helper()
	k.cred.Counter++
	return k.signAgain(options)
}

func (k *securityKey) signAgain(options string) string {
	k.t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(options)
	if err != nil {
		k.t.Fatal(err)
	}
	return virtualwebauthn.CreateAssertionResponse(k.rp, k.Authenticator, k.cred, *o)
}

// ask sends JSON to the site as its script does.
func (b *browser) ask(path, body string) (text string, status int) {
	b.Helper()
	_, text, status = b.send(http.MethodPost, siteURL+path, "application/json", body)
	return text, status
}

// must is ask for what has to work.
func (b *browser) must(path, body string) string {
	b.Helper()
	text, status := b.ask(path, body)
	if status != http.StatusOK {
		b.Fatalf("%s: %d %s %v", path, status, text, b.failed)
	}
	return text
}

// signUp signs a person up with a passkey, and returns its ID.
func (b *browser) signUp(k *securityKey, name string) string {
	b.Helper()
	options := b.must("/signup/begin", `{"name":"`+name+`"}`)
	var answer struct{ ID string }
	b.ok(json.Unmarshal([]byte(b.must("/signup/finish", k.create(options))), &answer))
	return answer.ID
}

func TestPasskeySignsUpAndIn(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	k := newKey(t)
	b := w.browser()
	id := b.signUp(k, " Ada ")
	ada := w.user(b.who())
	if ada.Name != "Ada" || ada.Email != "" || string(k.Options.UserHandle) != ada.ID {
		t.Errorf("the user is %+v, the handle %q", ada, k.Options.UserHandle)
	}
	stored, err := w.store.GetAuthenticator(t.Context(), id)
	w.ok(err)
	if stored.UserID != ada.ID || stored.Attributes[passkey.AttrAAGUID] != "adce0000-0000-0000-0000-000000000001" {
		t.Errorf("the passkey is %+v", stored)
	}

	other := w.browser()
	other.must("/passkey/finish", k.sign(other.must("/passkey/begin", "")))
	if other.who() != ada.ID {
		t.Error("the passkey signs in somebody else")
	}
	used, err := w.store.GetAuthenticator(t.Context(), id)
	w.ok(err)
	last, ok := used.Attributes[passkey.AttrLastUsed].(time.Time)
	if used.Counter != 1 || !ok || time.Since(last) > time.Minute {
		t.Errorf("after a sign-in the passkey is %+v", used)
	}
	w.wantUsers(1)
}

func TestPasskeyOptions(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	b := w.browser()
	type options struct {
		Challenge              string
		User                   struct{ ID, Name string }
		AuthenticatorSelection struct{ ResidentKey, UserVerification string }
		Attestation            string
		UserVerification       string
		RPID                   string
		AllowCredentials       []any
		ExcludeCredentials     []struct{ ID string }
	}
	var created, asked options
	w.ok(json.Unmarshal([]byte(b.must("/signup/begin", `{"name":"Ada"}`)), &created))
	if created.AuthenticatorSelection.ResidentKey != "required" || created.AuthenticatorSelection.UserVerification != "required" || created.User.Name != "Ada" {
		t.Errorf("the options of a new passkey are %+v", created)
	}
	w.ok(json.Unmarshal([]byte(b.must("/passkey/begin", "")), &asked))
	if asked.UserVerification != "required" || asked.RPID != "site.example" || len(asked.AllowCredentials) != 0 || asked.Challenge == created.Challenge {
		t.Errorf("the options of a sign-in are %+v", asked)
	}
	k := newKey(t)
	b.signUp(k, "Ada")
	var second options
	w.ok(json.Unmarshal([]byte(b.must("/register/begin", "")), &second))
	if len(second.ExcludeCredentials) != 1 {
		t.Errorf("the options of a second passkey are %+v", second)
	}
}

func TestPasskeyIsRegistered(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	cleo, err := w.store.CreateUser(t.Context(), adapter.User{Name: "Cleo"})
	w.ok(err)
	b, k := w.browser(), newKey(t)
	if _, status := b.ask("/register/begin", ""); status == http.StatusOK {
		t.Error("a passkey is registered for nobody")
	}
	w.wantFailure(adapter.ErrNotFound)
	b.post("/signin/"+cleo.ID, nil)
	b.must("/register/finish", k.create(b.must("/register/begin", "")))
	if all, err := w.store.ListAuthenticators(t.Context(), cleo.ID); err != nil || len(all) != 1 {
		t.Errorf("cleo has %v, %v", all, err)
	}

	dora, err := w.store.CreateUser(t.Context(), adapter.User{Name: "Dora"})
	w.ok(err)
	other := w.browser()
	other.post("/signin/"+dora.ID, nil)
	other.ask("/register/finish", k.create(other.must("/register/begin", "")))
	w.wantFailure(signin.ErrTaken)

	// Who has an address that was never verified gets no further way in.
	mallory, err := w.store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	w.ok(err)
	other.post("/signin/"+mallory.ID, nil)
	other.ask("/register/finish", newKey(t).create(other.must("/register/begin", "")))
	w.wantFailure(signin.ErrUnverified, "ada@")

	// Somebody else has signed in since the beginning.
	options := other.must("/register/begin", "")
	other.post("/signin/"+dora.ID, nil)
	other.ask("/register/finish", newKey(t).create(options))
	w.wantFailure(passkey.ErrChallenge)

	// Who is signed in does not sign up.
	other.ask("/signup/begin", `{"name":"Dora"}`)
	w.wantFailure(passkey.ErrSignedIn)
	w.wantUsers(3)
}

// Each beginning is a write: a network has so many of them, of whatever kind.
func TestPasskeyLimit(t *testing.T) {
	w := newWorld(t)
	p := w.withPasskeys(nil)
	b := w.browser()
	for range 150 {
		b.must("/passkey/begin", "")
		b.must("/signup/begin", `{"name":"Ada"}`)
	}
	before := w.calls()
	for path, body := range map[string]string{"/passkey/begin": "", "/signup/begin": `{"name":"Ada"}`, "/register/begin": ""} {
		b.ask(path, body)
		w.wantLimited()
	}
	if after := w.calls(); after != before {
		t.Errorf("%d calls of the store for requests that have to wait", after-before)
	}
	p.Failed = nil
	if text, status := b.ask("/passkey/begin", ""); status != http.StatusTooManyRequests || text != `{"error":"limited"}` {
		t.Errorf("got %d, %s", status, text)
	}
	w.advance(3 * time.Second)
	b.must("/passkey/begin", "")

	p.Limit = func(*http.Request) time.Duration { return time.Minute }
	if _, status := w.browser().ask("/passkey/begin", ""); status != http.StatusTooManyRequests {
		t.Errorf("the application's limit is not asked: %d", status)
	}
}

// A challenge is one browser's, for one purpose, for a while, and once.
func TestPasskeyChallenges(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	k := newKey(t)
	w.browser().signUp(k, "Ada")
	refused := func(b *browser, path, body string) {
		t.Helper()
		if _, status := b.ask(path, body); status == http.StatusOK {
			t.Errorf("%s has worked", path)
		}
		w.wantFailure(passkey.ErrChallenge)
		if b.who() != "" {
			t.Errorf("%s has signed in", path)
		}
	}

	b := w.browser()
	assertion := k.sign(b.must("/passkey/begin", ""))
	refused(w.browser(), "/passkey/finish", assertion) // a stolen one
	thief := w.browser()
	thief.must("/passkey/begin", "")
	refused(thief, "/passkey/finish", assertion)
	b.must("/passkey/finish", assertion)
	b.post("/signout", nil)
	refused(b, "/passkey/finish", assertion)

	b = w.browser()
	creation := newKey(t).create(b.must("/signup/begin", `{"name":"Eve"}`))
	refused(w.browser(), "/signup/finish", creation)
	b.must("/signup/finish", creation)
	b.post("/signout", nil)
	refused(b, "/signup/finish", creation)

	b = w.browser()
	late := k.sign(b.must("/passkey/begin", ""))
	lateSignUp := newKey(t).create(b.must("/signup/begin", `{"name":"Eve"}`))
	w.advance(flow.Life)
	refused(b, "/passkey/finish", late)
	refused(b, "/signup/finish", lateSignUp)

	b = w.browser()
	options := b.must("/signup/begin", `{"name":"Eve"}`) // the challenge of a sign-up signs nobody in
	refused(b, "/passkey/finish", k.sign(options))
	w.wantUsers(2)
}

// Of racing answers to one challenge one counts.
func TestPasskeyRacingAnswers(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	b := w.browser()
	k := newKey(t)
	creation := k.create(b.must("/signup/begin", `{"name":"Ada"}`))
	race := func(path, body string) (won int) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range 20 {
			wg.Go(func() {
				if _, status := b.ask(path, body); status == http.StatusOK {
					mu.Lock()
					won++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return won
	}
	if won := race("/signup/finish", creation); won != 1 {
		t.Errorf("%d sign-ups with one passkey", won)
	}
	w.wantUsers(1)
	b.post("/signout", nil)
	if won := race("/passkey/finish", k.sign(b.must("/passkey/begin", ""))); won != 1 {
		t.Errorf("%d sign-ins with one answer", won)
	}
}

// A counter that does not grow is the sign of a clone, in whatever order the two sign in.
func TestPasskeyClone(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	k := newKey(t)
	id := w.browser().signUp(k, "Ada")
	b := w.browser()
	for range 5 {
		b.must("/passkey/finish", k.sign(b.must("/passkey/begin", "")))
	}
	clone := *k
	clone.cred.Counter = 3
	for range 2 { // 4 and 5
		thief := w.browser()
		thief.ask("/passkey/finish", clone.sign(thief.must("/passkey/begin", "")))
		w.wantFailure(passkey.ErrCloned)
		if thief.who() != "" {
			t.Error("a clone signs in")
		}
	}
	k.cred.Counter = 0 // one that does not count any more
	b.ask("/passkey/finish", k.signAgain(b.must("/passkey/begin", "")))
	w.wantFailure(passkey.ErrCloned)
	stored, err := w.store.GetAuthenticator(t.Context(), id)
	w.ok(err)
	if stored.Counter != 5 {
		t.Errorf("the counter is %d", stored.Counter)
	}
}

// Authenticators that never count, as most that synchronize passkeys do not, sign in.
func TestPasskeyWithoutCounter(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	k := newKey(t)
	k.Options.BackupEligible = true
	id := w.browser().signUp(k, "Ada")
	for _, backedUp := range []bool{true, false, true} {
		k.Options.BackupState = backedUp
		b := w.browser()
		b.must("/passkey/finish", k.signAgain(b.must("/passkey/begin", "")))
		stored, err := w.store.GetAuthenticator(t.Context(), id)
		w.ok(err)
		c, err := passkey.ToCredential(stored)
		w.ok(err)
		if stored.CredentialBackedUp != backedUp || stored.CredentialDeviceType != "multiDevice" || c.Flags.BackupState != backedUp {
			t.Errorf("backed up %v: %+v", backedUp, stored)
		}
	}
	k.Options.BackupEligible = false // which never changes
	k.Options.BackupState = false
	b := w.browser()
	b.ask("/passkey/finish", k.signAgain(b.must("/passkey/begin", "")))
	w.wantFailure(passkey.ErrRefused)
}

func TestPasskeyForgeries(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	k := newKey(t)
	ben := newKey(t)
	id := w.browser().signUp(k, "Ada")
	w.browser().signUp(ben, "Ben")
	edit := func(assertion, field string, change func([]byte) []byte) string {
		var all map[string]any
		w.ok(json.Unmarshal([]byte(assertion), &all))
		response := all["response"].(map[string]any)
		raw, err := protocol.ParseCredentialRequestResponseBytes([]byte(assertion))
		w.ok(err)
		value := map[string][]byte{"signature": raw.Response.Signature, "userHandle": raw.Response.UserHandle}[field]
		response[field] = protocol.URLEncodedBase64(change(value)).String()
		text, err := json.Marshal(all)
		w.ok(err)
		return string(text)
	}
	for name, test := range map[string]struct {
		forge func(options string) string
		want  error
	}{
		"another key": {func(o string) string { f := *newKey(t); f.cred.ID, f.Options = k.cred.ID, k.Options; return f.sign(o) }, passkey.ErrRefused},
		"a changed signature": {func(o string) string {
			return edit(k.sign(o), "signature", func(s []byte) []byte { s[len(s)-1] ^= 1; return s })
		}, passkey.ErrRefused},
		"another's handle": {func(o string) string {
			return edit(k.sign(o), "userHandle", func([]byte) []byte { return ben.Options.UserHandle })
		}, passkey.ErrRefused},
		"no handle":          {func(o string) string { return edit(k.sign(o), "userHandle", func([]byte) []byte { return nil }) }, passkey.ErrRefused},
		"another site":       {func(o string) string { f := *k; f.rp.Origin = "https://evil.example"; return f.sign(o) }, passkey.ErrRefused},
		"another party":      {func(o string) string { f := *k; f.rp.ID = "evil.example"; return f.sign(o) }, passkey.ErrRefused},
		"nobody verified":    {func(o string) string { f := *k; f.Options.UserNotVerified = true; return f.sign(o) }, passkey.ErrRefused},
		"nobody present":     {func(o string) string { f := *k; f.Options.UserNotPresent = true; return f.sign(o) }, passkey.ErrRefused},
		"an unknown passkey": {func(o string) string { f := newKey(t); f.Options = k.Options; return f.sign(o) }, passkey.ErrUnknown},
		"no JSON":            {func(string) string { return "{" }, passkey.ErrRefused},
		"too much":           {func(o string) string { return k.sign(o) + strings.Repeat(" ", 40<<10) }, passkey.ErrRefused},
		"a new passkey": {func(o string) string {
			return newKey(t).create(`{"challenge":"AAAAAAAAAAAAAAAAAAAAAA","user":{"id":""}}`)
		}, passkey.ErrRefused},
	} {
		b := w.browser()
		text, _ := b.ask("/passkey/finish", test.forge(b.must("/passkey/begin", "")))
		if b.who() != "" {
			t.Errorf("%s: signed in, %s", name, text)
		}
		w.wantFailure(test.want, id)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	if stored, err := w.store.GetAuthenticator(t.Context(), id); err != nil || stored.Counter != 0 {
		t.Errorf("a forgery has moved the counter: %+v, %v", stored, err)
	}
	b := w.browser()
	for _, name := range []string{`{"name":""}`, `{"name":"  "}`, `{}`, `x`, `{"name":"` + strings.Repeat("a", 65) + `"}`} {
		b.ask("/signup/begin", name)
		w.wantFailure(passkey.ErrName)
	}
	w.wantUsers(2)
}

func TestPasskeyForgedRequests(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	for _, path := range []string{"/register/begin", "/register/finish", "/signup/begin", "/signup/finish", "/passkey/begin", "/passkey/finish"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, siteURL+path, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		rec := httptest.NewRecorder()
		w.mux.ServeHTTP(rec, r)
		if rec.Code != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, rec.Code)
		}
		rec = httptest.NewRecorder()
		w.mux.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, siteURL+path, nil))
		if rec.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, rec.Code)
		}
	}
}

// Who is deleted, or whose passkey is, signs in no more.
func TestPasskeyOfNobody(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	k, other := newKey(t), newKey(t)
	b := w.browser()
	id := b.signUp(k, "Ada")
	ada := b.who()
	b.must("/register/finish", other.create(b.must("/register/begin", "")))
	w.ok(w.store.DeleteAuthenticator(t.Context(), id))
	b = w.browser()
	b.ask("/passkey/finish", k.sign(b.must("/passkey/begin", "")))
	w.wantFailure(passkey.ErrUnknown)
	w.ok(w.store.DeleteUser(t.Context(), ada))
	b.ask("/passkey/finish", other.sign(b.must("/passkey/begin", "")))
	w.wantFailure(passkey.ErrUnknown)
}

// The application may settle for less than a PIN or a finger.
func TestPasskeyWithoutVerification(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(func(c *webauthn.Config) { c.AuthenticatorSelection.UserVerification = protocol.VerificationPreferred })
	k := newKey(t)
	k.Options.UserNotVerified = true
	w.browser().signUp(k, "Ada")
	b := w.browser()
	b.must("/passkey/finish", k.sign(b.must("/passkey/begin", "")))
	if b.who() == "" {
		t.Error("nobody is signed in")
	}
}

// A user whose ID is longer than a user handle may be has its digest there.
func TestPasskeyOfALongID(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	u, err := w.store.CreateUser(t.Context(), adapter.User{ID: strings.Repeat("u", 200)})
	w.ok(err)
	b, k := w.browser(), newKey(t)
	b.post("/signin/"+u.ID, nil)
	b.must("/register/finish", k.create(b.must("/register/begin", "")))
	if len(k.Options.UserHandle) != 32 {
		t.Errorf("the handle has %d bytes", len(k.Options.UserHandle))
	}
	b = w.browser()
	b.must("/passkey/finish", k.sign(b.must("/passkey/begin", "")))
	if b.who() != u.ID {
		t.Error("not signed in")
	}
}

// Everything of a credential comes back from the store.
func TestCredentialComesBack(t *testing.T) {
	w := newWorld(t)
	u, err := w.store.CreateUser(t.Context(), adapter.User{})
	w.ok(err)
	c := webauthn.Credential{
		ID: bytes.Repeat([]byte{0xfb, 0xff}, 40), PublicKey: []byte{1, 2, 0xff},
		AttestationType: "basic_full", AttestationFormat: "packed",
		Transport: []protocol.AuthenticatorTransport{protocol.USB, protocol.Hybrid},
		Flags:     webauthn.NewCredentialFlags(0x5d),
		Authenticator: webauthn.Authenticator{
			AAGUID: bytes.Repeat([]byte{7}, 16), SignCount: 42, Attachment: protocol.CrossPlatform,
		},
		Attestation: webauthn.CredentialAttestation{
			ClientDataJSON: []byte("{}"), ClientDataHash: []byte{2}, AuthenticatorData: []byte{3}, PublicKeyAlgorithm: -7, Object: []byte{4},
		},
		Extensions: webauthn.CredentialExtensions{RK: new(true), MinPinLength: new(uint(4)), HMACSecret: new(false)},
	}
	a, err := passkey.FromCredential(c)
	w.ok(err)
	a.UserID = u.ID
	_, err = w.store.CreateAuthenticator(t.Context(), a)
	w.ok(err)
	stored, err := w.store.GetAuthenticator(t.Context(), a.CredentialID)
	w.ok(err)
	got, err := passkey.ToCredential(stored)
	w.ok(err)
	equal := cmp.Comparer(func(a, b webauthn.CredentialFlags) bool { return a.ProtocolValue() == b.ProtocolValue() })
	if diff := cmp.Diff(c, got, equal); diff != "" {
		t.Error(diff)
	}
	stored.CredentialBackedUp, stored.CredentialDeviceType = false, "singleDevice" // what the record's own fields say counts
	if got, err = passkey.ToCredential(stored); err != nil || got.Flags.BackupState || got.Flags.BackupEligible || !got.Flags.UserVerified {
		t.Errorf("the flags are %+v, %v", got.Flags, err)
	}
}

// What another program has written signs in without attributes, in any form of base64.
func TestCredentialOfAnotherProgram(t *testing.T) {
	w := newWorld(t)
	w.withPasskeys(nil)
	k := newKey(t)
	id := w.browser().signUp(k, "Ada")
	stored, err := w.store.GetAuthenticator(t.Context(), id)
	w.ok(err)
	stored.Attributes = nil
	stored.CredentialPublicKey = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(stored.CredentialPublicKey), "=")
	w.ok(w.store.DeleteAuthenticator(t.Context(), id))
	_, err = w.store.CreateAuthenticator(t.Context(), stored)
	w.ok(err)
	b := w.browser()
	b.must("/passkey/finish", k.sign(b.must("/passkey/begin", "")))
	if b.who() != stored.UserID {
		t.Error("not signed in")
	}
	if _, err := passkey.ToCredential(adapter.Authenticator{CredentialID: "!"}); err == nil {
		t.Error("a credential ID that is no base64 is read")
	}
	if _, err := passkey.ToCredential(adapter.Authenticator{CredentialPublicKey: "!"}); err == nil {
		t.Error("a public key that is no base64 is read")
	}
}

// broken is a store that stores nothing of a sign-in.
type broken struct{ adapter.Adapter }

func (broken) UpdateAuthenticator(context.Context, string, adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	return adapter.Authenticator{}, adapter.ErrUnavailable
}

// The answers to a script are codes.
func TestPasskeyDefaultAnswers(t *testing.T) {
	w := newWorld(t)
	p := w.withPasskeys(nil)
	p.Failed = nil
	k := newKey(t)
	w.browser().signUp(k, "Ada")
	b := w.browser()
	for _, test := range []struct {
		path, body, want string
		status           int
	}{
		{"/register/begin", "", `{"error":"nobody"}`, 401},
		{"/signup/begin", "{}", `{"error":"name"}`, 422},
		{"/passkey/finish", "{}", `{"error":"refused"}`, 403},
		{"/passkey/finish", k.signAgain(`{"challenge":"AAAAAAAAAAAAAAAAAAAAAA"}`), `{"error":"challenge"}`, 403},
	} {
		if text, status := b.ask(test.path, test.body); text != test.want || status != test.status {
			t.Errorf("%s: %d %s", test.path, status, text)
		}
	}
	p.Store = broken{w.store}
	text, status := b.ask("/passkey/finish", k.sign(b.must("/passkey/begin", "")))
	if text != `{"error":"unavailable"}` || status != 503 || b.who() != "" {
		t.Errorf("a store that is down: %d %s", status, text)
	}
	if !strings.Contains(w.log.text.String(), "unavailable") || strings.Contains(w.log.text.String(), url.QueryEscape(string(k.cred.ID))) {
		t.Errorf("the log is %s", &w.log.text)
	}
	if errors.Is(passkey.ErrCloned, passkey.ErrRefused) {
		t.Error("a clone is told like a forgery")
	}
}
