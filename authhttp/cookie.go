package authhttp

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxCookie = 4096 // bytes of name and value that browsers keep
	maxToken  = 1024 // bytes of a session token

	hostPrefix   = "__Host-"
	securePrefix = "__Secure-"
	ownName      = hostPrefix + "session"
)

// Cookie is the cookie that holds a session token. The zero value is the package's
// own; [AuthJSCookie], [NextAuthCookie] and [BetterAuthCookie] are those of other
// programs, whose fields can be changed as the application has changed them.
type Cookie struct {
	// Name is the whole name, with the prefix that it has over TLS. Empty:
	// "__Host-session".
	Name string

	// Insecure is for a site without TLS, such as http://localhost: the name has no
	// prefix, and the cookie is not Secure.
	Insecure bool

	// Domain lets other hosts of a domain have the cookie. A name with __Host- cannot.
	Domain string

	// SameSite is http.SameSiteLaxMode when zero.
	SameSite http.SameSite

	format  format
	v4      bool // of NextAuth.js 4
	secrets []string
}

// format is how a cookie's value is written.
type format int

const (
	plain   format = iota // the token
	escaped               // as encodeURIComponent writes it
	signed                // with a signature, and then as encodeURIComponent writes it
)

// AuthJSCookie is the session cookie of Auth.js 5 with sessions in the database: its Store has
// been opened in the layout of the application's adapter, with PlainSessionTokens, as
// docs/authjs.md says. For sessions in JWTs it is the Cookie of [JWTSessions].
func AuthJSCookie() Cookie { return Cookie{Name: "__Secure-authjs.session-token", format: escaped} }

// NextAuthCookie is the session cookie of NextAuth.js 4, for the same stores and [JWTSessions].
func NextAuthCookie() Cookie {
	return Cookie{Name: "__Secure-next-auth.session-token", format: escaped, v4: true}
}

// BetterAuthCookie is the session cookie of Better Auth, which is signed with the
// application's secret. Older secrets still read. Without a secret, or with an empty
// one, anybody could sign: it panics.
//
// A session that is not to be remembered has a second cookie, dont_remember, in whose
// presence nothing is prolonged. It is found by the name if that ends in
// "session_token", as it does also with another cookiePrefix.
func BetterAuthCookie(secret string, older ...string) Cookie {
	secrets := append([]string{secret}, older...)
	mustHaveSecrets(secrets)
	return Cookie{Name: "__Secure-better-auth.session_token", format: signed, secrets: secrets}
}

func mustHaveSecrets(secrets []string) {
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		panic("authhttp: a secret is empty or missing: is it in the environment?")
	}
}

// check panics if no browser would keep the cookie.
func (c Cookie) check() {
	if c.Domain != "" && strings.HasPrefix(c.name(), hostPrefix) {
		panic("authhttp: a cookie whose name begins with __Host- has no Domain: name it __Secure-…")
	}
}

// name is the name in use.
func (c Cookie) name() string {
	name := c.Name
	if name == "" {
		name = ownName
	}
	if c.Insecure {
		name = strings.TrimPrefix(strings.TrimPrefix(name, hostPrefix), securePrefix)
	}
	return name
}

// value returns the cookie's value, and false unless it is there exactly once.
func (c Cookie) value(r *http.Request) (string, bool) {
	if len(r.Header["Cookie"]) == 0 {
		return "", false
	}
	found := r.CookiesNamed(c.name())
	if len(found) != 1 || found[0].Quoted {
		return "", false
	}
	return found[0].Value, true
}

// Encode returns a session token as the cookie has it, which is also how a client
// sends it after "Bearer".
func (c Cookie) Encode(token string) string {
	switch c.format {
	case signed:
		return escape(token + "." + sign(token, c.secrets[0]))
	case escaped:
		return escape(token)
	}
	return token
}

// decode returns the token in a value, and false if it is none or is signed by
// somebody else.
func (c Cookie) decode(value string) (token string, ok bool) {
	if len(value) > maxCookie {
		return "", false // whoever has signed it: it is not worth the time
	}
	token = value
	if c.format != plain {
		var err error
		if token, err = url.PathUnescape(value); err != nil {
			return "", false
		}
	}
	if c.format == signed {
		if token, ok = verify(token, c.secrets); !ok {
			return "", false
		}
	}
	if token == "" || len(token) > maxToken {
		return "", false
	}
	return token, true
}

// escape writes a text so that encodeURIComponent of JavaScript reads it.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// set gives the browser a token.
func (c Cookie) set(w http.ResponseWriter, token string, maxAge time.Duration) {
	c.write(w, c.name(), c.Encode(token), max(1, int(maxAge/time.Second)))
}

// clear takes the cookie away.
func (c Cookie) clear(w http.ResponseWriter) { c.write(w, c.name(), "", -1) }

// write sets a cookie in the place of what this answer has said of it before.
func (c Cookie) write(w http.ResponseWriter, name, value string, maxAge int) {
	h := w.Header()
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool { return strings.HasPrefix(line, name+"=") })
	sameSite := c.SameSite
	if sameSite == 0 {
		sameSite = http.SameSiteLaxMode
	}
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", Domain: c.Domain, MaxAge: maxAge,
		HttpOnly: true, Secure: !c.Insecure, SameSite: sameSite,
	})
	noStore(w)
}

const bearerScheme = "bearer "

// hasBearer reports whether a request has a bearer token, a good one or not.
func hasBearer(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Authorization"], isBearer)
}

func isBearer(header string) bool {
	return len(header) >= len(bearerScheme) && strings.EqualFold(header[:len(bearerScheme)], bearerScheme)
}

// bearerToken returns what comes after "Bearer", "" if there are several headers.
func bearerToken(r *http.Request) string {
	headers := r.Header["Authorization"]
	if len(headers) != 1 || !isBearer(headers[0]) {
		return ""
	}
	return strings.Trim(headers[0][len(bearerScheme):], " ")
}
