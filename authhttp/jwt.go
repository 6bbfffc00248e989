package authhttp

import (
	"bytes"
	"crypto"
	"crypto/hkdf"
	"crypto/sha256"
	_ "crypto/sha512" // for crypto.SHA512
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/authstore/authstore/adapter"
)

const (
	maxJWT    = 32 << 10
	maxChunks = 16

	// tolerance is how far the clock of the application may be off, as Auth.js has it.
	tolerance = 15
)

// JWTSessions knows people by sessions that an Auth.js application keeps in encrypted
// JWTs, its strategy "jwt". There is no store: a session cannot be listed or ended
// before it expires, and what it says of the person is as old as the cookie. Only
// Secrets are required. It is not changed or copied once it is in use.
//
// [Current] returns a session with UserID, CreatedAt (when the cookie was made) and
// Expires, and a user with ID, Name, Email and Image, and every other claim in
// Attributes. A JWT without a subject, which is the user's ID, or an expiry is nobody's.
type JWTSessions struct {
	// Secrets are the application's (AUTH_SECRET), the newest first. A JWT of version 5
	// says which one it was made with, and is taken for one of the newest if it does
	// not; for version 4, which says nothing, each is tried. Load panics if one is empty.
	Secrets []string

	// Cookie is AuthJSCookie() or NextAuthCookie(), for whose version the JWTs are. The
	// keys depend on its name. The zero value is AuthJSCookie().
	Cookie Cookie

	// Bearer has a JWT taken from an Authorization header too, as in Sessions.
	Bearer bool

	// Denied answers those whom Require does not let in. Nil: 401.
	Denied http.Handler

	// CrossOrigin says which requests of other sites are let through. Nil: none that
	// may change something.
	CrossOrigin *http.CrossOriginProtection

	// Clock gives the time. Nil: time.Now.
	Clock func() time.Time

	once sync.Once
	keys []jwtKey
}

// Load is middleware that lets [Current] know who is signed in, and everybody in.
func (j *JWTSessions) Load(next http.Handler) http.Handler {
	j.derive()
	return guard(j.CrossOrigin, j.Bearer, load(j, false, j.fail, next))
}

// Require is middleware that lets those in who are signed in. It needs no Load in
// front.
func (j *JWTSessions) Require(next http.Handler) http.Handler {
	return j.Load(require(j.Denied, j.Bearer, j.fail, next))
}

// fail is for errors that a JWT cannot have.
func (j *JWTSessions) fail(w http.ResponseWriter, _ *http.Request, _ error) {
	http.Error(w, "please try again in a moment", http.StatusServiceUnavailable)
}

func (j *JWTSessions) load(w http.ResponseWriter, r *http.Request) (adapter.Session, adapter.User, error) {
	vary(w, j.Bearer)
	value, ok := "", false
	if j.Bearer && hasBearer(r) {
		value = bearerToken(r)
		ok = value != "" && len(value) <= maxJWT
	} else {
		value, ok = chunked(r, j.cookie().name())
	}
	if !ok {
		return adapter.Session{}, adapter.User{}, errNobody
	}
	session, user, ok := j.read(value)
	if !ok {
		return adapter.Session{}, adapter.User{}, errNobody
	}
	noStore(w)
	return session, user, nil
}

func (j *JWTSessions) cookie() Cookie {
	if j.Cookie.Name == "" {
		c := AuthJSCookie()
		c.Insecure = j.Cookie.Insecure
		return c
	}
	return j.Cookie
}

// jwtKey is a key of one secret for one encryption.
type jwtKey struct {
	enc jose.ContentEncryption
	key []byte
	kid string // "" for version 4
}

// derive makes the keys from the secrets.
func (j *JWTSessions) derive() {
	j.once.Do(func() {
		mustHaveSecrets(j.Secrets)
		c := j.cookie()
		if c.format != escaped {
			panic("authhttp: JWTSessions.Cookie is not AuthJSCookie or NextAuthCookie")
		}
		for _, secret := range j.Secrets {
			if c.v4 {
				j.keys = append(j.keys, deriveKey(jose.A256GCM, secret, "", "NextAuth.js Generated Encryption Key", 32, 0))
				continue
			}
			info := "Auth.js Generated Encryption Key (" + c.name() + ")"
			j.keys = append(j.keys,
				deriveKey(jose.A256CBC_HS512, secret, c.name(), info, 64, crypto.SHA512),
				deriveKey(jose.A256GCM, secret, c.name(), info, 32, crypto.SHA256))
		}
	})
}

// deriveKey makes a key; its ID is the thumbprint of RFC 7638, if there is a hash for it.
func deriveKey(enc jose.ContentEncryption, secret, salt, info string, length int, thumbprint crypto.Hash) jwtKey {
	key, err := hkdf.Key(sha256.New, []byte(secret), []byte(salt), info, length)
	if err != nil {
		panic("authhttp: " + err.Error()) // the length is no length of HKDF
	}
	k := jwtKey{enc: enc, key: key}
	if thumbprint != 0 {
		h := thumbprint.New()
		h.Write([]byte(`{"k":"` + base64.RawURLEncoding.EncodeToString(key) + `","kty":"oct"}`))
		k.kid = base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	}
	return k
}

// read returns whose JWT it is, and false if it is nobody's.
func (j *JWTSessions) read(value string) (adapter.Session, adapter.User, bool) {
	text, err := j.decrypt(value)
	if err != nil {
		return adapter.Session{}, adapter.User{}, false
	}
	claims, err := parseClaims(text)
	if err != nil {
		return adapter.Session{}, adapter.User{}, false
	}
	return claims.person(now(j.Clock))
}

var errKey = errors.New("no key fits")

func (j *JWTSessions) decrypt(value string) ([]byte, error) {
	if _, rest, _ := strings.Cut(value, "."); !strings.HasPrefix(rest, ".") {
		return nil, errKey // RFC 7516 section 5.2, 10: there is no encrypted key, and go-jose does not look
	}
	jwe, err := jose.ParseEncryptedCompact(value, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256CBC_HS512, jose.A256GCM})
	if err != nil {
		return nil, err
	}
	if _, compressed := jwe.Header.ExtraHeaders["zip"]; compressed {
		return nil, errKey // Auth.js compresses nothing, and a bomb is small
	}
	enc, _ := jwe.Header.ExtraHeaders["enc"].(string)
	for _, k := range j.candidates(jose.ContentEncryption(enc), jwe.Header.KeyID) {
		if text, err := jwe.Decrypt(k.key); err == nil {
			return text, nil
		}
	}
	return nil, errKey
}

// candidates returns the keys that may have made a JWT.
func (j *JWTSessions) candidates(enc jose.ContentEncryption, kid string) []jwtKey {
	var keys []jwtKey
	for _, k := range j.keys {
		switch {
		case k.enc != enc:
		case k.kid == "":
			keys = append(keys, k) // version 4
		case kid == "" || kid == k.kid:
			return []jwtKey{k}
		}
	}
	return keys
}

// claims are those of a JWT, with numbers as json.Number.
type claims map[string]any

func parseClaims(text []byte) (claims, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var c claims
	if err := dec.Decode(&c); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	return c, nil
}

// registered are the claims that have a field of their own.
var registered = map[string]bool{
	"sub": true, "name": true, "email": true, "picture": true, "exp": true, "iat": true, "nbf": true, "jti": true,
}

// person returns whose claims they are, and false if that is nobody, or they are not
// valid now. The times are judged as jose does (lib/jwt_claims_set).
func (c claims) person(now time.Time) (adapter.Session, adapter.User, bool) {
	seconds := float64(now.Unix())
	id := c.text("sub")
	exp, expires := c.seconds("exp")
	iat, issued := c.seconds("iat")
	nbf, begins := c.seconds("nbf")
	switch {
	case id == "", !expires, exp <= seconds-tolerance:
		return adapter.Session{}, adapter.User{}, false
	case c["iat"] != nil && !issued, c["nbf"] != nil && !begins, begins && nbf > seconds+tolerance:
		return adapter.Session{}, adapter.User{}, false
	}
	session := adapter.Session{UserID: id, Expires: atSecond(exp)}
	if issued {
		session.CreatedAt = atSecond(iat)
	}
	user := adapter.User{ID: id, Name: c.text("name"), Email: c.text("email"), Image: c.text("picture")}
	for name, v := range c {
		if !registered[name] {
			if user.Attributes == nil {
				user.Attributes = adapter.Attributes{}
			}
			user.Attributes[name] = attribute(v)
		}
	}
	return session, user, true
}

func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

func (c claims) seconds(name string) (float64, bool) {
	n, ok := c[name].(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil && f > -maxSecond && f < maxSecond
}

// maxSecond is in the year 9999.
const maxSecond = 253402300799

func atSecond(s float64) time.Time { return time.UnixMilli(int64(s * 1000)).UTC() }

// attribute returns a claim's value as attributes have it.
func attribute(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = attribute(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = attribute(v[name])
		}
	}
	return v
}

// chunked returns the value of a cookie that Auth.js may have cut into chunks, name.0,
// name.1 and so on, and false unless it is there once, whole or in all its chunks.
func chunked(r *http.Request, name string) (string, bool) {
	var chunks [maxChunks]string
	whole, parts, last := "", 0, -1
	for _, cookie := range r.Cookies() {
		suffix, ok := strings.CutPrefix(cookie.Name, name)
		switch {
		case !ok, suffix != "" && suffix[0] != '.':
			continue // another cookie
		case cookie.Value == "", cookie.Quoted, len(cookie.Name)+len(cookie.Value) > maxCookie:
			return "", false
		case suffix == "":
			if whole != "" {
				return "", false
			}
			whole = cookie.Value
			continue
		}
		i, ok := chunkIndex(suffix[1:])
		if !ok || chunks[i] != "" {
			return "", false
		}
		chunks[i], parts, last = cookie.Value, parts+1, max(last, i)
	}
	if whole != "" {
		return whole, parts == 0
	}
	value := strings.Join(chunks[:parts], "")
	return value, parts > 0 && last == parts-1 && len(value) <= maxJWT
}

// chunkIndex returns the number of a chunk, which has one form.
func chunkIndex(s string) (int, bool) {
	i, err := strconv.Atoi(s)
	return i, err == nil && i >= 0 && i < maxChunks && strconv.Itoa(i) == s
}
