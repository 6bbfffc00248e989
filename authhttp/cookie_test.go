package authhttp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
)

const secret = "a secret of thirty-two characters"

func TestCookieNames(t *testing.T) {
	for want, c := range map[string]Cookie{
		"__Host-session":                     {},
		"session":                            {Insecure: true},
		"__Secure-authjs.session-token":      AuthJSCookie(),
		"__Secure-next-auth.session-token":   NextAuthCookie(),
		"__Secure-better-auth.session_token": BetterAuthCookie(secret),
	} {
		if got := c.name(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	c := AuthJSCookie()
	c.Insecure = true
	rec := httptest.NewRecorder()
	c.set(rec, "a%b", day)
	if got, want := rec.Header().Get("Set-Cookie"), "authjs.session-token=a%25b; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c = BetterAuthCookie(secret)
	c.Domain, c.SameSite = "site.example", http.SameSiteStrictMode
	rec = httptest.NewRecorder()
	c.set(rec, "x", day)
	if got := rec.Header().Get("Set-Cookie"); !strings.HasSuffix(got, "; Path=/; Domain=site.example; Max-Age=86400; HttpOnly; Secure; SameSite=Strict") {
		t.Errorf("got %s", got)
	}
}

// A forgery is a Cookie header made of a good value.
type forgery struct {
	name   string
	header func(name, value string) string
}

var forgeries = []forgery{
	{"empty", func(n, _ string) string { return n + "=" }},
	{"doubled", func(n, v string) string { return n + "=" + v + "; " + n + "=" + v }},
	{"doubled by another", func(n, v string) string { return n + "=x; " + n + "=" + v }},
	{"quoted", func(n, v string) string { return n + `="` + v + `"` }},
	{"oversized", func(n, v string) string { return n + "=" + v + strings.Repeat("x", maxCookie) }},
	{"cut short", func(n, v string) string { return n + "=" + v[:len(v)-1] }},
	{"cut in front", func(n, v string) string { return n + "=" + v[1:] }},
	{"extended", func(n, v string) string { return n + "=" + v + "x" }},
	{"name of plain HTTP", func(n, v string) string {
		return strings.TrimPrefix(strings.TrimPrefix(n, hostPrefix), securePrefix) + "=" + v
	}},
	{"name in capitals", func(n, v string) string { return strings.ToUpper(n) + "=" + v }},
	{"name extended", func(n, v string) string { return n + "x=" + v }},
	{"chunk", func(n, v string) string { return n + ".0=" + v }},
	{"broken escape", func(n, v string) string { return n + "=" + v + "%" }},
	{"escaped NUL", func(n, v string) string { return n + "=" + v + "%00" }},
}

func TestForgeriesAreNobody(t *testing.T) {
	for name, c := range map[string]Cookie{"own": {}, "Auth.js": AuthJSCookie(), "NextAuth.js": NextAuthCookie(), "Better Auth": BetterAuthCookie(secret, "older")} {
		w := newWorld(t)
		w.Cookie = c
		value, _ := w.signedIn()
		w.same(name, w.sees(value), "Ada")
		for _, f := range forgeries {
			r := w.request("GET", "")
			r.Header.Set("Cookie", f.header(c.name(), value))
			w.same(name+": "+f.name, serve(w.Load(who), r).Body.String(), "nobody")
		}
	}
}

func TestBetterAuthForgeriesReachNoStore(t *testing.T) {
	w := newWorld(t)
	w.Cookie, w.Bearer = BetterAuthCookie(secret, "older"), true
	value, session := w.signedIn()
	token := session.SessionToken
	good := token + "." + sign(token, secret)
	for name, value := range map[string]string{
		"no signature":              token,
		"an empty signature":        token + ".",
		"another secret":            token + "." + sign(token, "another"),
		"an empty secret":           token + "." + sign(token, ""),
		"another token":             strings.Repeat("A", 32) + "." + sign(token, secret),
		"another token's signature": token + "." + sign("x", secret),
		"no token":                  "." + sign("", secret),
		"no padding":                strings.TrimSuffix(good, "="),
		"URL-safe base64":           strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(good),
		"a bit of the padding":      flipLast(good),
		"lower case":                strings.ToLower(good),
		"two signatures":            good + "." + sign("x", secret),
		"the signature in front":    sign(token, secret) + "." + token,
		"escaped twice":             strings.ReplaceAll(escape(good), "%", "%25"),
	} {
		r := w.request("GET", escape(value))
		if name == "escaped twice" {
			r = w.request("GET", value)
		}
		w.same(name, serve(w.Load(who), r).Body.String(), "nobody")
		r = w.request("GET", "")
		r.Header.Set("Authorization", "Bearer "+value)
		if name != "escaped twice" {
			w.same(name+", as a bearer token", serve(w.Load(who), r).Body.String(), "nobody")
		}
	}
	w.same("calls", w.store.taken(), "")

	w.same("who, by the cookie", w.sees(value), "Ada")
	w.same("who, by an older secret", w.sees(escape(token+"."+sign(token, "older"))), "Ada")
	w.same("who, by a cookie that is not escaped", w.sees(good), "Ada")
	for _, header := range []string{good, escape(good)} {
		r := w.request("GET", "")
		r.Header.Set("Authorization", "Bearer "+header)
		w.same("who, by a bearer token", serve(w.Load(who), r).Body.String(), "Ada")
	}
	w.same("the length of the token", len(token), 32)
	w.same("whether it has a dot", strings.Contains(token, "."), false)
}

// A token may have dots, as those of other sites of Better Auth have.
func TestSignedTokenWithDots(t *testing.T) {
	c := BetterAuthCookie(secret)
	if got, ok := c.decode(c.Encode("7.x.y")); got != "7.x.y" || !ok {
		t.Errorf("got %q, %v", got, ok)
	}
}

// flipLast changes bits of a signature's last character that stand for nothing.
func flipLast(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.IndexByte(alphabet, s[len(s)-2])
	return s[:len(s)-2] + string(alphabet[i^1]) + "="
}

func TestNotToBeRemembered(t *testing.T) {
	w := newWorld(t)
	w.Cookie = BetterAuthCookie(secret)
	value, first := w.signedIn()
	w.same("Expires", first.Expires, noon.Add(7*day))
	w.clock.advance(2 * day)
	forget := w.Cookie.companion("dont_remember")
	request := func(value2 string) *http.Request {
		r := w.request("POST", value)
		r.Header.Set("Cookie", r.Header.Get("Cookie")+"; "+forget+"="+value2+"; "+w.Cookie.companion("session_data")+".1=x")
		return r
	}
	signedTrue := escape("true." + sign("true", secret))
	w.same("who", serve(w.Load(who), request(signedTrue)).Body.String(), "Ada")
	w.same("calls", w.store.taken(), "get")
	w.same("who", serve(w.Load(who), request("true.x")).Body.String(), "Ada")
	w.same("calls, with a forged one", w.store.taken(), "get update")

	for name, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"SignIn":  func(rw http.ResponseWriter, r *http.Request) error { _, err := w.SignIn(rw, r, w.ada); return err },
		"SignOut": w.SignOut,
	} {
		rec := httptest.NewRecorder()
		w.ok(f(rec, request(signedTrue)))
		all := strings.Join(rec.Header()["Set-Cookie"], "\n")
		for _, cookie := range []string{forget, w.Cookie.companion("session_data") + ".1"} {
			if !strings.Contains(all, cookie+"=; Path=/; Max-Age=0;") {
				t.Errorf("%s: %s is not taken away: %s", name, cookie, all)
			}
		}
	}
}

// A user's ID that needs escapes in the token needs them once more beside JavaScript.
func TestEscapedIDs(t *testing.T) {
	for name, c := range map[string]Cookie{"own": {}, "Auth.js": AuthJSCookie(), "Better Auth": BetterAuthCookie(secret)} {
		w := newWorld(t)
		w.Cookie = c
		u, err := w.all.CreateUser(t.Context(), adapter.User{ID: "a b;c/ü%", Name: "Eve"})
		w.ok(err)
		rec := httptest.NewRecorder()
		_, err = w.SignIn(rec, w.request("POST", ""), u)
		w.ok(err)
		r := w.request("GET", "")
		for _, cookie := range rec.Result().Cookies() {
			r.AddCookie(cookie)
		}
		w.same(name, serve(w.Load(who), r).Body.String(), "Eve")
	}
}
