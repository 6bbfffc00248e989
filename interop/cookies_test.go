package interop

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/memory"
)

// loader is the middleware of authhttp.
type loader interface {
	Load(http.Handler) http.Handler
}

// person returns the name of who Go takes a request for, "" for nobody.
func person(t *testing.T, l loader, header, authorization string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://site.example/", nil)
	if header != "" {
		r.Header.Set("Cookie", header)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	name := ""
	l.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, user, err := authhttp.Current(r.Context()); err == nil {
			name = user.Name
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	return name
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// ask runs an operation of cookies.mjs.
func (o *oracle) ask(t *testing.T, op string, args object) any {
	t.Helper()
	v, err := o.do(op, args)
	check(t, err)
	return v
}

// site is a store with Ada in it, and Go's sessions on it.
func site(t *testing.T, c authhttp.Cookie) (*authhttp.Sessions, adapter.Adapter, adapter.User) {
	t.Helper()
	store := memory.New(memory.Options{Options: adapter.Options{PlainSessionTokens: true}})
	t.Cleanup(func() { _ = store.Close() })
	u, err := store.CreateUser(t.Context(), adapter.User{Name: "Ada"})
	check(t, err)
	return &authhttp.Sessions{Store: store, Cookie: c, Bearer: true}, store, u
}

// signedIn signs somebody in by Go, and returns the Cookie header of the browser.
func signedIn(t *testing.T, s *authhttp.Sessions, u adapter.User) (string, adapter.Session) {
	t.Helper()
	rec := httptest.NewRecorder()
	session, err := s.SignIn(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://site.example/", nil), u)
	check(t, err)
	header, _, _ := strings.Cut(rec.Header().Get("Set-Cookie"), ";")
	return header, session
}

const (
	appSecret = "the secret of the application, which is long enough"
	forged    = "forgeries refused"
)

// TestInteropCookies has the packages of npm make cookies that Go reads, and read those
// that Go makes.
func TestInteropCookies(t *testing.T) {
	o := startOracle(t)
	t.Cleanup(func() { writeReport(t) })
	for version, c := range map[int]authhttp.Cookie{5: authhttp.AuthJSCookie(), 4: authhttp.NextAuthCookie()} {
		t.Run(fmt.Sprintf("Auth.js %d", version), func(t *testing.T) {
			databaseCookies(t, o, version, c)
			jwtCookies(t, o, version, c)
		})
	}
	t.Run("Better Auth", func(t *testing.T) { betterAuthCookies(t, o) })
}

// databaseCookies are those of Auth.js with sessions in the database.
func databaseCookies(t *testing.T, o *oracle, version int, c authhttp.Cookie) {
	family := fmt.Sprintf("Auth.js %d, database", version)
	expires := adapter.Milliseconds(time.Now().Add(20 * 24 * time.Hour))
	random := adapter.Options{}.WithDefaults().NewID()
	insecure := c
	insecure.Insecure = true
	// made returns Go's sessions, and a cookie for one of them that the application has set, as it
	// does anew at each reading of the session.
	made := func(t *testing.T, c authhttp.Cookie, token string) (*authhttp.Sessions, string) {
		t.Helper()
		s, store, u := site(t, c)
		_, err := store.CreateSession(t.Context(), adapter.Session{SessionToken: token, UserID: u.ID, Expires: expires})
		check(t, err)
		given := nameOf(c) + "=" + strings.ReplaceAll(url.QueryEscape(token), "+", "%20")
		answer := o.ask(t, "session", object{
			"version": version, "secret": appSecret, "header": given, "token": token, "expires": expires, "insecure": c.Insecure,
		}).(object)
		same(t, "who it is to the application", answer["name"], "Ada")
		return s, answer["header"].(string)
	}
	for _, test := range []struct {
		name, token string
		cookie      authhttp.Cookie
	}{
		{"over TLS", random, c},
		{"without TLS", random, insecure},
		{"a token with separators", "with%20, ü; and =dots.and+more", c},
	} {
		try(t, family, jsToGo, test.name, func(t *testing.T) {
			s, header := made(t, test.cookie, test.token)
			same(t, "whether it has the name", valueOf(header, test.cookie) != "", true)
			same(t, "who it is to Go", person(t, s, header, ""), "Ada")
		})
	}
	for _, test := range []struct {
		name, id string
		cookie   authhttp.Cookie
	}{{"over TLS", "", c}, {"without TLS", "", insecure}, {"a user ID with separators", "a b;c/ü%", c}} {
		try(t, family, goToJS, test.name, func(t *testing.T) {
			s, store, _ := site(t, test.cookie)
			u, err := store.CreateUser(t.Context(), adapter.User{ID: test.id, Name: "Ada"})
			check(t, err)
			header, session := signedIn(t, s, u)
			answer := o.ask(t, "session", object{
				"version": version, "secret": appSecret, "header": header, "token": session.SessionToken, "expires": session.Expires, "insecure": test.cookie.Insecure,
			}).(object)
			same(t, "who it is to the application", answer["name"], "Ada")
			same(t, "who it is to Go", person(t, s, answer["header"].(string), ""), "Ada")
		})
	}
	s, header := made(t, c, random)
	same(t, "who, by the cookie that forgeries are made of", person(t, s, header, ""), "Ada")
	refuse(t, family, s, forgeries(c, valueOf(header, c)))
}

// valueOf returns the value of a cookie in a Cookie header.
func valueOf(header string, c authhttp.Cookie) string {
	for part := range strings.SplitSeq(header, "; ") {
		if value, ok := strings.CutPrefix(part, nameOf(c)+"="); ok {
			return value
		}
	}
	return ""
}

// nameOf returns the name that a cookie has.
func nameOf(c authhttp.Cookie) string {
	if c.Insecure {
		return strings.TrimPrefix(c.Name, "__Secure-")
	}
	return c.Name
}

// forgeries returns Cookie headers that are made of a good cookie's value by who has no secret.
func forgeries(c authhttp.Cookie, value string) map[string]string {
	half := len(value) / 2
	reversed := []byte(value)
	slices.Reverse(reversed)
	is := func(value string) string { return c.Name + "=" + value }
	return map[string]string{
		"empty":                        is(""),
		"doubled":                      is(value) + "; " + is(value),
		"doubled, another in front":    is("x") + "; " + is(value),
		"doubled, another behind":      is(value) + "; " + is("x"),
		"doubled, an empty one":        is("") + "; " + is(value),
		"twice in one":                 is(value + value),
		"in a list":                    is(value + "," + value),
		"quoted":                       is(`"` + value + `"`),
		"oversized":                    is(value + strings.Repeat("A", 5000)),
		"cut short":                    is(value[:len(value)-1]),
		"cut in front":                 is(value[1:]),
		"half of it":                   is(value[:half]),
		"extended":                     is(value + "x"),
		"extended by a dot":            is(value + "."),
		"a space within":               is(value[:half] + " " + value[half:]),
		"a changed character":          is(flip(value)),
		"reversed":                     is(string(reversed)),
		"in the other case":            is(swapCase(value)),
		"broken escapes":               is(value + "%"),
		"an escaped NUL":               is(value + "%00"),
		"escaped twice":                is(fmt.Sprintf("%%25%02X", value[0]) + value[1:]),
		"under the name of plain HTTP": strings.TrimPrefix(c.Name, "__Secure-") + "=" + value,
		"under the prefix __Host-":     "__Host-" + strings.TrimPrefix(c.Name, "__Secure-") + "=" + value,
		"under its name in capitals":   strings.ToUpper(c.Name) + "=" + value,
		"under a longer name":          c.Name + "s=" + value,
		"under a shorter name":         c.Name[:len(c.Name)-1] + "=" + value,
	}
}

// swapCase has letters in the other case.
func swapCase(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsUpper(c) {
			return unicode.ToLower(c)
		}
		return unicode.ToUpper(c)
	}, s)
}

// jwtCookies are those of Auth.js with sessions in JWTs, which Go reads only.
func jwtCookies(t *testing.T, o *oracle, version int, c authhttp.Cookie) {
	family := fmt.Sprintf("Auth.js %d, JWT", version)
	insecure := c
	insecure.Insecure = true
	renamed := c
	renamed.Name = "sid"
	ada := object{"sub": "7", "name": "Ada", "role": "admin"}
	long := object{"sub": "7", "name": "Ada", "groups": strings.Repeat("group ", 1500)}
	makes := func(t *testing.T, name, secret string, token object, maxAge int) string {
		t.Helper()
		return o.ask(t, "jwt", object{"version": version, "name": name, "secret": secret, "token": token, "maxAge": maxAge}).(string)
	}
	plainName := strings.TrimPrefix(c.Name, "__Secure-")
	reader := func(c authhttp.Cookie, secrets ...string) loader {
		return &authhttp.JWTSessions{Secrets: secrets, Cookie: c, Bearer: true}
	}
	for _, test := range []struct {
		name   string
		cookie string
		reader loader
		token  object
		maxAge int
	}{
		{"a cookie over TLS", c.Name, reader(c, appSecret), ada, 60},
		{"a cookie without TLS", plainName, reader(insecure, appSecret), ada, 60},
		{"a cookie of another name", "sid", reader(renamed, appSecret), ada, 60},
		{"in chunks", c.Name, reader(c, appSecret), long, 60},
		{"of an older secret", c.Name, reader(c, "new", appSecret), ada, 60},
		{"expired within the tolerance", c.Name, reader(c, appSecret), ada, -5},
	} {
		try(t, family, jsToGo, test.name, func(t *testing.T) {
			header := makes(t, test.cookie, appSecret, test.token, test.maxAge)
			same(t, "who", person(t, test.reader, header, ""), "Ada")
			if test.token["groups"] == nil {
				_, value, _ := strings.Cut(header, "=")
				same(t, "who, as a bearer token", person(t, test.reader, "", "Bearer "+value), "Ada")
			} else {
				same(t, "whether it is in chunks", strings.Contains(header, c.Name+".2="), true)
			}
		})
	}
	try(t, family, jsToGo, "as the application has set it anew", func(t *testing.T) {
		answer := o.ask(t, "session", object{"version": version, "secret": appSecret, "header": makes(t, c.Name, appSecret, ada, 60)}).(object)
		same(t, "who it is to the application", answer["name"], "Ada")
		same(t, "who it is to Go", person(t, reader(c, appSecret), answer["header"].(string), ""), "Ada")
	})

	good, chunks := makes(t, c.Name, appSecret, ada, 60), strings.Split(makes(t, c.Name, appSecret, long, 60), "; ")
	_, value, _ := strings.Cut(good, "=")
	parts := strings.Split(value, ".")
	bad := forgeries(c, value)
	maps.Copy(bad, map[string]string{
		"of another secret":              makes(t, c.Name, "another", ada, 60),
		"expired":                        makes(t, c.Name, appSecret, ada, -60),
		"without a subject":              makes(t, c.Name, appSecret, object{"name": "Ada"}, 60),
		"of the other version":           o.ask(t, "jwt", object{"version": 9 - version, "name": c.Name, "secret": appSecret, "token": ada, "maxAge": 60}).(string),
		"a changed ciphertext":           c.Name + "=" + strings.Join([]string{parts[0], parts[1], parts[2], flip(parts[3]), parts[4]}, "."),
		"a changed initialization":       c.Name + "=" + strings.Join([]string{parts[0], parts[1], flip(parts[2]), parts[3], parts[4]}, "."),
		"a changed tag":                  c.Name + "=" + strings.Join([]string{parts[0], parts[1], parts[2], parts[3], flip(parts[4])}, "."),
		"an encrypted key that is taken": c.Name + "=" + strings.Join([]string{parts[0], "AAAA", parts[2], parts[3], parts[4]}, "."),
		"a header without encryption":    c.Name + "=eyJhbGciOiJub25lIn0." + strings.Join(parts[1:], "."),
		"an unsigned JWT":                c.Name + "=eyJhbGciOiJub25lIn0.eyJzdWIiOiI3IiwibmFtZSI6IkFkYSIsImV4cCI6OTk5OTk5OTk5OX0.",
		"without a chunk":                chunks[0] + "; " + chunks[2],
		"chunks in each other's place":   strings.NewReplacer(".0=", ".1=", ".1=", ".0=").Replace(strings.Join(chunks, "; ")),
		"whole and in chunks":            good + "; " + strings.Join(chunks, "; "),
	})
	if version == 5 {
		same(t, "who", person(t, reader(renamed, appSecret), "sid="+value, ""), "") // the keys are another cookie's
	}
	refuse(t, family, reader(c, appSecret), bad)
}

// flip changes a character in the middle of a text.
func flip(s string) string {
	i, c := len(s)/2, "A"
	if s[i] == 'A' {
		c = "B"
	}
	return s[:i] + c + s[i+1:]
}

// refuse fails the test if a forged Cookie header is somebody's, or Authorization header where
// the family is one of bearer tokens.
func refuse(t *testing.T, family string, l loader, headers map[string]string) {
	t.Helper()
	if len(headers) < 20 {
		t.Errorf("%d forgeries of %s, want 20", len(headers), family)
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		header, authorization := headers[name], ""
		if isBearer := strings.HasSuffix(family, "bearer"); isBearer {
			header, authorization = "", header
		}
		try(t, family, forged, name, func(t *testing.T) { same(t, "who", person(t, l, header, authorization), "") })
	}
}

// betterAuthCookies are those of an application of Better Auth.
func betterAuthCookies(t *testing.T, o *oracle) {
	const family, bearers = "Better Auth, cookie", "Better Auth, bearer"
	app := o.ask(t, "betterAuth", object{"secret": appSecret})
	c := authhttp.BetterAuthCookie(appSecret)
	s, store, u := site(t, c)

	// Ada signs up in the application, and Go finds the session in its store.
	body, err := json.Marshal(map[string]any{"name": "Ada", "email": "ada@example.com", "password": "a long password"})
	check(t, err)
	signedUp := o.ask(t, "betterAuthFetch", object{"handle": app, "path": "/sign-up/email", "body": string(body)}).(object)
	same(t, "the status of a sign-up", signedUp["status"], float64(http.StatusOK))
	made := o.ask(t, "betterAuthSessions", object{"handle": app}).([]any)[0].(object)
	token := made["token"].(string)
	_, err = store.CreateSession(t.Context(), adapter.Session{SessionToken: token, UserID: u.ID, Expires: made["expiresAt"].(time.Time)})
	check(t, err)
	header := signedUp["header"].(string)
	value := valueOf(header, c)

	try(t, family, jsToGo, "the cookie of a sign-up", func(t *testing.T) {
		same(t, "who", person(t, s, header, ""), "Ada")
	})
	try(t, bearers, jsToGo, "the token of a sign-up", func(t *testing.T) {
		same(t, "who", person(t, s, "", "Bearer "+signedUp["bearer"].(string)), "Ada")
	})
	try(t, family, jsToGo, "without TLS", func(t *testing.T) {
		insecure := c
		insecure.Insecure = true
		app := o.ask(t, "betterAuth", object{"secret": appSecret, "insecure": true})
		answer := o.ask(t, "betterAuthFetch", object{"handle": app, "path": "/sign-up/email", "body": string(body)}).(object)
		made := o.ask(t, "betterAuthSessions", object{"handle": app}).([]any)[0].(object)
		_, err := store.CreateSession(t.Context(), adapter.Session{SessionToken: made["token"].(string), UserID: u.ID, Expires: made["expiresAt"].(time.Time)})
		check(t, err)
		same(t, "who over TLS", person(t, s, answer["header"].(string), ""), "")
		s.Cookie = insecure
		defer func() { s.Cookie = c }()
		same(t, "who", person(t, s, answer["header"].(string), ""), "Ada")
	})
	try(t, family, jsToGo, "of an older secret", func(t *testing.T) {
		s.Cookie = authhttp.BetterAuthCookie("a newer secret", appSecret)
		defer func() { s.Cookie = c }()
		same(t, "who", person(t, s, header, ""), "Ada")
	})
	try(t, family, jsToGo, "of a list of secrets", func(t *testing.T) {
		newer := "the second secret of the application, long enough"
		rotated := o.ask(t, "betterAuth", object{"secrets": []any{object{"version": 2, "value": newer}, object{"version": 1, "value": appSecret}}})
		answer := o.ask(t, "betterAuthFetch", object{"handle": rotated, "path": "/sign-up/email", "body": string(body)}).(object)
		made := o.ask(t, "betterAuthSessions", object{"handle": rotated}).([]any)[0].(object)
		_, err := store.CreateSession(t.Context(), adapter.Session{SessionToken: made["token"].(string), UserID: u.ID, Expires: made["expiresAt"].(time.Time)})
		check(t, err)
		s.Cookie = authhttp.BetterAuthCookie(newer, appSecret)
		defer func() { s.Cookie = c }()
		same(t, "who", person(t, s, answer["header"].(string), ""), "Ada")
	})
	try(t, family, jsToGo, "a session that is not to be remembered is not prolonged", func(t *testing.T) {
		in := `{"email":"ada@example.com","password":"a long password","rememberMe":false}`
		answer := o.ask(t, "betterAuthFetch", object{"handle": app, "path": "/sign-in/email", "body": in}).(object)
		all := o.ask(t, "betterAuthSessions", object{"handle": app}).([]any)
		made := all[len(all)-1].(object)
		expires := made["expiresAt"].(time.Time)
		_, err := store.CreateSession(t.Context(), adapter.Session{SessionToken: made["token"].(string), UserID: u.ID, Expires: expires})
		check(t, err)
		header := answer["header"].(string)
		same(t, "who", person(t, s, header, ""), "Ada")
		got, _, err := store.GetSessionAndUser(t.Context(), made["token"].(string))
		check(t, err)
		same(t, "Expires", got.Expires, adapter.Milliseconds(expires))
	})

	goHeader, session := signedIn(t, s, u)
	o.ask(t, "betterAuthPut", object{"handle": app, "token": session.SessionToken, "userId": made["userId"], "expires": session.Expires})
	whom := func(t *testing.T, request object) string {
		t.Helper()
		request["handle"], request["path"] = app, "/get-session"
		answer := o.ask(t, "betterAuthFetch", request).(object)
		var got *struct{ User struct{ Name string } }
		check(t, json.Unmarshal([]byte(answer["body"].(string)), &got))
		if got == nil {
			return ""
		}
		return got.User.Name
	}
	try(t, family, goToJS, "the cookie of SignIn", func(t *testing.T) {
		same(t, "who it is to the application", whom(t, object{"header": goHeader}), "Ada")
		same(t, "who it is with another signature", whom(t, object{"header": flip(goHeader)}), "")
	})
	try(t, bearers, goToJS, "the token of SignIn", func(t *testing.T) {
		same(t, "who it is to the application", whom(t, object{"authorization": "Bearer " + s.Cookie.Encode(session.SessionToken)}), "Ada")
	})

	unescaped, err := url.PathUnescape(value)
	check(t, err)
	_, signature, _ := strings.Cut(unescaped, ".")
	is := func(value string) string { return c.Name + "=" + url.QueryEscape(value) }
	unsigned := map[string]string{ // without the secret, or with another one
		"the token alone":             token,
		"an empty signature":          token + ".",
		"a changed signature":         token + "." + flip(signature),
		"a changed token":             flip(token) + "." + signature,
		"another session's signature": token + "." + signatureOf(s.Cookie, session.SessionToken),
		"signed with another secret":  token + "." + signatureOf(authhttp.BetterAuthCookie("another"), token),
		"without a token":             "." + signature,
		"two signatures":              unescaped + "." + signature,
		"the signature in front":      signature + "." + token,
		"base64 without padding":      strings.TrimSuffix(unescaped, "="),
		"base64 for URLs":             token + "." + strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(signature),
	}
	bad, badBearers := forgeries(c, value), map[string]string{
		"no token":             "Bearer",
		"an empty token":       "Bearer ",
		"no scheme":            unescaped,
		"another scheme":       "Basic " + unescaped,
		"the scheme twice":     "Bearer Bearer " + unescaped,
		"two tokens":           "Bearer " + unescaped + " " + unescaped,
		"a list":               "Bearer " + unescaped + "," + unescaped,
		"quoted":               `Bearer "` + unescaped + `"`,
		"oversized":            "Bearer " + unescaped + strings.Repeat("A", 5000),
		"cut short":            "Bearer " + unescaped[:len(unescaped)-1],
		"cut in front":         "Bearer " + unescaped[1:],
		"in the other case":    "Bearer " + swapCase(unescaped),
		"broken escapes":       "Bearer " + value + "%",
		"escaped twice":        "Bearer " + url.QueryEscape(value),
		"the name of a cookie": "Bearer " + c.Name + "=" + value,
	}
	for name, value := range unsigned {
		bad[name], badBearers[name] = is(value), "Bearer "+value
	}
	refuse(t, family, s, bad)
	refuse(t, bearers, s, badBearers)
}

// signatureOf returns the signature of a token.
func signatureOf(c authhttp.Cookie, token string) string {
	value, err := url.PathUnescape(c.Encode(token))
	if err != nil {
		panic(err)
	}
	return strings.TrimPrefix(value, token+".")
}
