package authhttp

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/authstore/authstore/adapter"
)

func newJWTs(c Cookie, secrets ...string) *JWTSessions {
	j := &JWTSessions{Secrets: secrets, Cookie: c, Clock: func() time.Time { return noon }}
	j.derive()
	return j
}

// encrypt makes a JWE by one of the keys.
func encrypt(t testing.TB, k jwtKey, plaintext string, options *jose.EncrypterOptions) string {
	t.Helper()
	if options == nil {
		options = &jose.EncrypterOptions{}
		if k.kid != "" {
			options.WithHeader("kid", k.kid)
		}
	}
	e, err := jose.NewEncrypter(k.enc, jose.Recipient{Algorithm: jose.DIRECT, Key: k.key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := e.Encrypt([]byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	s, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// adas are good claims.
func adas(change map[string]any) string {
	c := map[string]any{
		"sub": "7", "name": "Ada", "email": "ada@example.com", "picture": "https://example.com/a.png", "jti": "x",
		"iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(), "role": "admin", "logins": 3, "ratio": 0.5, "groups": []any{"a", 1, map[string]any{"b": 2}},
	}
	maps.Copy(c, change)
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestJWTClaims(t *testing.T) {
	j := newJWTs(AuthJSCookie(), secret)
	session, user, ok := j.read(encrypt(t, j.keys[0], adas(nil), nil))
	if !ok || session.UserID != "7" || !session.Expires.Equal(noon.Add(time.Hour)) || !session.CreatedAt.Equal(noon) {
		t.Errorf("got the session %+v, %v", session, ok)
	}
	if user.ID != "7" || user.Name != "Ada" || user.Email != "ada@example.com" || user.Image != "https://example.com/a.png" || len(user.Attributes) != 4 {
		t.Errorf("got the user %+v", user)
	}
	groups := user.Attributes["groups"].([]any)
	if user.Attributes["logins"] != int64(3) || user.Attributes["ratio"] != 0.5 || groups[1] != int64(1) || groups[2].(map[string]any)["b"] != int64(2) {
		t.Errorf("got the attributes %v", user.Attributes)
	}
	if user.Attributes["role"] != (adapter.Attributes{"role": "admin"})["role"] {
		t.Errorf("got the role %v", user.Attributes["role"])
	}

	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for _, test := range []struct {
		name   string
		change map[string]any
		want   bool
	}{
		{"expired within the tolerance", map[string]any{"exp": at(-14 * time.Second)}, true},
		{"expired", map[string]any{"exp": at(-15 * time.Second)}, false},
		{"no expiry", map[string]any{"exp": nil}, false},
		{"expiry in text", map[string]any{"exp": "9999999999"}, false},
		{"an expiry that is no time", map[string]any{"exp": 1e300}, false},
		{"to begin within the tolerance", map[string]any{"nbf": at(15 * time.Second)}, true},
		{"to begin later", map[string]any{"nbf": at(16 * time.Second)}, false},
		{"to begin at a text", map[string]any{"nbf": "0"}, false},
		{"issued at a text", map[string]any{"iat": "0"}, false},
		{"no subject", map[string]any{"sub": nil}, false},
		{"an empty subject", map[string]any{"sub": ""}, false},
		{"a subject that is a number", map[string]any{"sub": 7}, false},
		{"no name", map[string]any{"name": nil}, true},
	} {
		if _, _, ok := j.read(encrypt(t, j.keys[0], adas(test.change), nil)); ok != test.want {
			t.Errorf("%s: got %v, want %v", test.name, ok, test.want)
		}
	}
	for _, text := range []string{"", "null", "[]", "{", `"x"`, adas(nil) + adas(nil)} {
		if _, _, ok := j.read(encrypt(t, j.keys[0], text, nil)); ok {
			t.Errorf("%q is somebody", text)
		}
	}
}

func TestJWTKeys(t *testing.T) {
	renamed := AuthJSCookie()
	renamed.Name = "sid"
	insecure := AuthJSCookie()
	insecure.Insecure = true
	old, both := newJWTs(AuthJSCookie(), "old"), newJWTs(AuthJSCookie(), "new", "old")
	v4, v4Both := newJWTs(NextAuthCookie(), "old"), newJWTs(NextAuthCookie(), "new", "old")
	noID := &jose.EncrypterOptions{}
	otherID := new(jose.EncrypterOptions).WithHeader("kid", "another")
	zip := (&jose.EncrypterOptions{Compression: jose.DEFLATE}).WithHeader("kid", old.keys[0].kid)
	crit := new(jose.EncrypterOptions).WithHeader("crit", []string{"exp"})
	cbc128 := jwtKey{enc: jose.A128CBC_HS256, key: v4.keys[0].key}
	for _, test := range []struct {
		name    string
		reader  *JWTSessions
		key     jwtKey
		options *jose.EncrypterOptions
		want    bool
	}{
		{"A256CBC-HS512", old, old.keys[0], nil, true},
		{"A256GCM", old, old.keys[1], nil, true},
		{"of an older secret", both, old.keys[0], nil, true},
		{"of an older secret, without kid", both, old.keys[0], noID, false},
		{"of the newest secret, without kid", both, both.keys[0], noID, true},
		{"of a newer secret", old, both.keys[0], nil, false},
		{"with another's kid", old, old.keys[0], otherID, false},
		{"compressed", old, old.keys[0], zip, false},
		{"with a critical header", old, old.keys[0], crit, false},
		{"of another cookie", newJWTs(renamed, "old"), old.keys[0], nil, false},
		{"of another cookie, without kid", newJWTs(renamed, "old"), old.keys[0], noID, false},
		{"of the cookie without TLS", newJWTs(insecure, "old"), old.keys[0], nil, false},
		{"of version 4", old, v4.keys[0], nil, false},
		{"of version 5, to version 4", v4, old.keys[1], nil, false},
		{"of version 4, to itself", v4, v4.keys[0], nil, true},
		{"of version 4, an older secret", v4Both, v4.keys[0], nil, true},
		{"of version 4, another encryption", v4, cbc128, nil, false},
	} {
		_, _, ok := test.reader.read(encrypt(t, test.key, adas(nil), test.options))
		if ok != test.want {
			t.Errorf("%s: got %v, want %v", test.name, ok, test.want)
		}
	}
}

// cut cuts a value as Auth.js does.
func cut(name, value string, size int) []string {
	var all []string
	for i := 0; value != ""; i++ {
		n := min(size, len(value))
		all = append(all, name+"."+string(rune('0'+i))+"="+value[:n])
		value = value[n:]
	}
	return all
}

func TestJWTChunks(t *testing.T) {
	j := newJWTs(AuthJSCookie(), secret)
	name := j.cookie().name()
	value := encrypt(t, j.keys[0], adas(map[string]any{"long": strings.Repeat("x", 9000)}), nil)
	c := cut(name, value, 3936)
	if len(c) != 4 {
		t.Fatalf("got %d chunks, want 4", len(c))
	}
	small := encrypt(t, j.keys[0], adas(nil), nil)
	changed := "A"
	if small[len(small)-30] == 'A' {
		changed = "B"
	}
	w := newWorld(t)
	for _, test := range []struct {
		name, want string
		cookies    []string
	}{
		{"whole", "Ada", []string{name + "=" + small}},
		{"whole, beside others", "Ada", []string{name + "x=1", name + "=" + small, "y=2"}},
		{"chunks", "Ada", c},
		{"chunks in another order", "Ada", []string{c[2], c[0], c[3], c[1]}},
		{"none", "nobody", nil},
		{"empty", "nobody", []string{name + "="}},
		{"doubled", "nobody", []string{name + "=" + small, name + "=" + small}},
		{"the last is missing", "nobody", c[:3]},
		{"the first is missing", "nobody", c[1:]},
		{"one within is missing", "nobody", []string{c[0], c[1], c[3]}},
		{"one is doubled", "nobody", append([]string{c[1]}, c...)},
		{"one is another's", "nobody", []string{c[0], c[1], c[2], cut(name, small+strings.Repeat("x", 12000), 3936)[3]}},
		{"whole and chunks", "nobody", append([]string{name + "=" + small}, c...)},
		{"whole and an empty chunk", "nobody", []string{name + "=" + small, name + ".0="}},
		{"a chunk without a number", "nobody", append([]string{name + ".x=1"}, c...)},
		{"a chunk with a sign", "nobody", append([]string{name + ".-1=1"}, c...)},
		{"a chunk with a zero in front", "nobody", append([]string{name + ".04=1"}, c...)},
		{"a chunk too many", "nobody", append([]string{name + ".16=1"}, c...)},
		{"a number beyond all", "nobody", append([]string{name + ".99999999999999999999=1"}, c...)},
		{"not encrypted", "nobody", []string{name + "=e30.e30.e30"}},
		{"no JWT", "nobody", []string{name + "=x"}},
		{"cut short", "nobody", []string{name + "=" + small[:len(small)-1]}},
		{"a changed character", "nobody", []string{name + "=" + small[:len(small)-30] + changed + small[len(small)-29:]}},
		{"an encrypted key", "nobody", []string{name + "=" + strings.Replace(small, "..", ".AAAA.", 1)}},
		{"a part more", "nobody", []string{name + "=" + small + ".x"}},
	} {
		r := w.request("GET", "")
		if test.cookies != nil {
			r.Header.Set("Cookie", strings.Join(test.cookies, "; "))
		}
		w.same(test.name, serve(j.Load(who), r).Body.String(), test.want)
		code := map[string]int{"Ada": 200, "nobody": 401}[test.want]
		w.same(test.name+": status of Require", serve(j.Require(who), r).Code, code)
	}
}

func TestJWTBearer(t *testing.T) {
	j := newJWTs(AuthJSCookie(), secret)
	j.Bearer = true
	value := encrypt(t, j.keys[0], adas(nil), nil)
	w := newWorld(t)
	r := w.request("POST", "")
	r.Header.Set("Authorization", "Bearer "+value)
	rec := serve(j.Require(who), r)
	w.same("who", rec.Body.String(), "Ada")
	w.same("Cache-Control", rec.Header().Get("Cache-Control"), "no-store")
	r.Header.Set("Authorization", "Bearer "+encrypt(t, j.keys[0], adas(map[string]any{"long": strings.Repeat("x", maxJWT)}), nil))
	w.same("who, by an oversized one", serve(j.Load(who), r).Body.String(), "nobody")
}

// What cannot be decrypted is nobody's anyway: here the chunks alone are judged.
func TestChunksThatDoNotFit(t *testing.T) {
	for header, want := range map[string]string{
		"n.0=a; n.1=b":               "ab",
		"n.0=a; n.1=b; n.1=c; n.3=d": "",
		"n.0=a; n.01=b":              "",
		"n.0=a; n.+1=b":              "",
		"n.1=b":                      "",
		"n=a; n.0=a":                 "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", header)
		if got, ok := chunked(r, "n"); ok != (want != "") || ok && got != want {
			t.Errorf("%s: got %q, %v, want %q", header, got, ok, want)
		}
	}
}

// The zero value of Cookie is the one of Auth.js 5.
func TestJWTDefaultCookie(t *testing.T) {
	if got, want := newJWTs(Cookie{}, "x").keys[0].kid, newJWTs(AuthJSCookie(), "x").keys[0].kid; got != want {
		t.Errorf("got the key %s, want %s", got, want)
	}
	insecure := AuthJSCookie()
	insecure.Insecure = true
	if got, want := newJWTs(Cookie{Insecure: true}, "x").keys[0].kid, newJWTs(insecure, "x").keys[0].kid; got != want {
		t.Errorf("got the key %s, want %s", got, want)
	}
}
