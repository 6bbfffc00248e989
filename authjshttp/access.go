package authjshttp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// minSecret is how long a secret has to be: 192 bits in base64.
const minSecret = 32

const (
	bearerScheme = "Bearer "
	signedScheme = "Authstore-HMAC-SHA256 "
)

var errSecret = errors.New("authjshttp: each secret must have at least 32 characters: openssl rand -base64 32 makes one")

// access decides who may call.
type access struct {
	secrets []string
	digests [][32]byte // of the secrets: all of one length
	signed  bool
	window  time.Duration
	now     func() time.Time
	origins *http.CrossOriginProtection
	seen    replays
}

func newAccess(o Options) (*access, error) {
	a := &access{secrets: o.Secrets, signed: o.Signed, window: o.Window, now: o.Clock, origins: http.NewCrossOriginProtection()}
	if o.Signed && len(o.Secrets) == 0 {
		return nil, errors.New("authjshttp: signed requests need a secret")
	}
	for _, secret := range o.Secrets {
		if len(secret) < minSecret {
			return nil, errSecret
		}
		a.digests = append(a.digests, sha256.Sum256([]byte(secret)))
	}
	return a, nil
}

func denied(message string) error { return refused(http.StatusUnauthorized, kindUnauthorized, message) }

// head checks what can be checked before the body is read.
func (a *access) head(r *http.Request) error {
	switch {
	case len(a.secrets) == 0:
		return a.local(r)
	case a.signed:
		if !strings.HasPrefix(r.Header.Get("Authorization"), signedScheme) {
			return denied("requests must be signed: give the client signed: true")
		}
		return nil
	}
	return a.bearer(r.Header.Get("Authorization"))
}

// bearer compares with each secret, in a time that does not depend on which one it is.
func (a *access) bearer(header string) error {
	token, ok := strings.CutPrefix(header, bearerScheme)
	if !ok {
		return denied("the request has no bearer token: give the client the secret of the service")
	}
	digest, same := sha256.Sum256([]byte(token)), 0
	for _, d := range a.digests {
		same |= subtle.ConstantTimeCompare(digest[:], d[:])
	}
	if same != 1 {
		return denied("the secret is not one of the service's")
	}
	return nil
}

// local admits programs on this machine: no other one, not behind a proxy, and no page in a
// browser, whatever name it has given to this address.
func (a *access) local(r *http.Request) error {
	forwarded := r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != ""
	if forwarded || !isLoopback(r.RemoteAddr) || !isLoopback(r.Host) || a.origins.Check(r) != nil {
		return denied("the service has no secret, so it serves programs on its own machine only")
	}
	return nil
}

// isLoopback reports whether a host, with a port or without, is this machine.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// signature is of a request that was taken: its answer is signed with the same secret.
type signature struct{ secret, text string }

// body checks the signature of a request, which is nil where none is asked for.
func (a *access) body(r *http.Request, method string, body []byte) (*signature, error) {
	if !a.signed {
		return nil, nil
	}
	sent, text, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), signedScheme), ":")
	i := a.signer(text, requestText(sent, method, r.Header.Get(keyHeader), body))
	if i < 0 {
		return nil, denied("the signature is wrong: client and service need the same secret")
	}
	ms, err := strconv.ParseInt(sent, 10, 64)
	if now := a.now(); err != nil || now.Sub(time.UnixMilli(ms)).Abs() > a.window {
		return nil, denied("the signature is too old, or of the future: the clocks of client and service must agree within " + a.window.String())
	}
	if !a.seen.add(text, a.now(), 2*a.window) {
		return nil, denied("the request was taken already")
	}
	return &signature{a.secrets[i], text}, nil
}

// signer returns which secret has signed a text, -1 if none has.
func (a *access) signer(signature string, text []byte) int {
	found := -1
	for i, secret := range a.secrets {
		if hmac.Equal([]byte(sign(secret, text)), []byte(signature)) {
			found = i
		}
	}
	return found
}

func sign(secret string, text []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(text)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// requestText is what a request's signature is of. Only the body can have a line feed.
func requestText(sent, method, key string, body []byte) []byte {
	return append([]byte("authstore request "+Version+"\n"+sent+"\n"+method+"\n"+key+"\n"), body...)
}

// answerText is what an answer's signature is of: it answers this request and no other.
func (s *signature) answerText(status int, body []byte) []byte {
	return append([]byte("authstore answer "+Version+"\n"+s.text+"\n"+strconv.Itoa(status)+"\n"), body...)
}

// replays are the signatures that were taken lately.
type replays struct {
	mu          sync.Mutex
	began       time.Time
	last, older map[string]struct{}
}

// add takes a signature, and reports whether it was not taken before, within a time at least.
func (s *replays) add(signature string, now time.Time, keep time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.began) > keep || s.last == nil {
		s.older, s.last, s.began = s.last, map[string]struct{}{}, now
	}
	_, last := s.last[signature]
	_, older := s.older[signature]
	if last || older {
		return false
	}
	s.last[signature] = struct{}{}
	return true
}
