package authhttp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// sign returns Better Auth's signature of a cookie's value.
func sign(value, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(value))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// verify returns what comes before a signature, and false if none of the secrets has
// made it.
func verify(s string, secrets []string) (value string, ok bool) {
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 {
		return "", false
	}
	good := 0
	for _, secret := range secrets {
		good |= subtle.ConstantTimeCompare([]byte(sign(s[:dot], secret)), []byte(s[dot+1:]))
	}
	if good != 1 {
		return "", false
	}
	return s[:dot], true
}

// sessionToken is what the names of Better Auth's session cookies end in.
const sessionToken = "session_token"

// companion returns the name of another cookie of the application, "" if it cannot be
// told.
func (c Cookie) companion(kind string) string {
	base, ok := strings.CutSuffix(c.name(), sessionToken)
	if c.format != signed || !ok {
		return ""
	}
	return base + kind
}

// forgotten reports whether the browser is to forget the session when it ends: it is
// not prolonged then.
func (c Cookie) forgotten(r *http.Request) bool {
	name := c.companion("dont_remember")
	if name == "" {
		return false
	}
	for _, cookie := range r.CookiesNamed(name) {
		value, err := url.PathUnescape(cookie.Value)
		if err != nil {
			continue
		}
		if _, ok := verify(value, c.secrets); ok {
			return true
		}
	}
	return false
}

// clearCompanions takes away what the application has told the browser of the session
// before: that it is not to be remembered, and its copy.
func (c Cookie) clearCompanions(w http.ResponseWriter, r *http.Request) {
	forget, data := c.companion("dont_remember"), c.companion("session_data")
	if forget == "" {
		return
	}
	for _, cookie := range r.Cookies() {
		if cookie.Name == forget || cookie.Name == data || strings.HasPrefix(cookie.Name, data+".") {
			c.write(w, cookie.Name, "", -1)
		}
	}
}
