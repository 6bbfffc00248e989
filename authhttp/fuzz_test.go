package authhttp

import (
	"net/http"
	"strings"
	"testing"
)

// Only what was signed with the secret has a token, and Encode gives it back.
func FuzzCookieDecode(f *testing.F) {
	for _, value := range []string{"", "x", "a%2Eb", "%", "x." + sign("x", secret), escape("x." + sign("x", secret)), "true.%3D", strings.Repeat("x", 2000)} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, c := range []Cookie{{}, AuthJSCookie(), BetterAuthCookie(secret)} {
			token, ok := c.decode(value)
			if ok != (token != "") || len(token) > maxToken {
				t.Fatalf("%s: got %q, %v", c.name(), token, ok)
			}
			if !ok {
				continue
			}
			if c.format == signed && !strings.HasSuffix(c.Encode(token), escape(sign(token, secret))) {
				t.Fatalf("%s is not signed", c.name())
			}
			if len(c.Encode(token)) > maxCookie {
				continue // nobody has been given it
			}
			if again, ok := c.decode(c.Encode(token)); !ok || again != token {
				t.Fatalf("%s: %q comes back as %q, %v", c.name(), token, again, ok)
			}
		}
	})
}

// However the headers are put together, a token is what stands in one of them, once.
func FuzzHeaders(f *testing.F) {
	f.Add("__Host-session=x", "Bearer y")
	f.Add("__Host-session=x; __Host-session=y", "bearer")
	f.Add(`__Host-session="x"`, "Basic x")
	f.Add("__Host-session =x", "") // net/http takes no notice of white space around a name
	bare := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "")
	f.Fuzz(func(t *testing.T, cookie, authorization string) {
		r := &http.Request{Header: http.Header{"Cookie": {cookie}, "Authorization": {authorization}}}
		s := &Sessions{Bearer: true}
		token, inCookie := s.token(r)
		switch {
		case token == "":
		case inCookie && (len(r.CookiesNamed(ownName)) != 1 || !strings.Contains(bare.Replace(cookie), ownName+"="+bare.Replace(token))):
			t.Fatalf("the cookie %q has the token %q", cookie, token)
		case !inCookie && !strings.HasSuffix(strings.TrimRight(authorization, " "), " "+token):
			t.Fatalf("the header %q has the token %q", authorization, token)
		}
	})
}

// Chunks make a value only if they are all there, and then it is they in order.
func FuzzChunks(f *testing.F) {
	f.Add("n=x")
	f.Add("n.0=x; n.1=y")
	f.Add("n.1=y; n.0=x; m=z")
	f.Add("n.0=x; n.2=y")
	f.Add("n.00=x; n=")
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Header: http.Header{"Cookie": {header}}}
		value, ok := chunked(r, "n")
		if !ok {
			return
		}
		var want strings.Builder
		for _, suffix := range append([]string{""}, indexes...) {
			for _, cookie := range r.CookiesNamed("n" + suffix) {
				want.WriteString(cookie.Value)
			}
		}
		if value == "" || len(value) > maxJWT || value != want.String() {
			t.Fatalf("got %q, want %q", value, want.String())
		}
	})
}

// indexes are what the names of chunks end in.
var indexes = []string{".0", ".1", ".2", ".3", ".4", ".5", ".6", ".7", ".8", ".9", ".10", ".11", ".12", ".13", ".14", ".15"}

// Nothing but what a key has made is somebody's, and nobody's claims make it panic.
func FuzzJWT(f *testing.F) {
	j := newJWTs(AuthJSCookie(), secret)
	f.Add("", adas(nil))
	f.Add("a.b.c.d.e", `{"sub":"7","exp":1e400}`)
	f.Add(encrypt(f, newJWTs(AuthJSCookie(), "another").keys[0], adas(nil), nil), `{"sub":"7","exp":9e9,"a":[{"b":1e999}]}`)
	f.Fuzz(func(t *testing.T, value, claims string) {
		if _, _, ok := j.read(value); ok {
			t.Fatalf("%q is somebody", value)
		}
		session, user, ok := j.read(encrypt(t, j.keys[0], claims, nil))
		if ok && (user.ID == "" || session.UserID != user.ID || session.Expires.IsZero()) {
			t.Fatalf("%q is %+v", claims, user)
		}
	})
}
