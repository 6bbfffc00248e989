package adapter

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

// secretLen is the length of 32 bytes in unpadded base64url.
const secretLen = 43

// NewSessionToken returns the token `<user id>.<random>` of a session: the user's
// ID as [url.PathEscape] writes it, and the secret in unpadded base64url
// (RFC 4648 section 5). All of it may stand in a cookie (RFC 6265 section 4.1.1).
func NewSessionToken(userID string, secret [32]byte) string {
	return url.PathEscape(userID) + "." + base64.RawURLEncoding.EncodeToString(secret[:])
}

// ParseSessionToken returns the user's ID from a token that [NewSessionToken]
// made, and false for a token of any other form. It proves nothing: the token is
// valid if the store has its session.
func ParseSessionToken(token string) (userID string, ok bool) {
	dot := len(token) - secretLen - 1
	if dot < 1 || token[dot] != '.' || !isSecret(token[dot+1:]) {
		return "", false
	}
	escaped := token[:dot]
	userID, err := url.PathUnescape(escaped)
	if err != nil || url.PathEscape(userID) != escaped {
		return "", false
	}
	return userID, true
}

// isSecret reports whether s is what 32 bytes look like in unpadded base64url.
// The last character holds 4 bits: the others are 0, so that one secret has one
// form.
func isSecret(s string) bool {
	var buf [32]byte
	n, err := base64.RawURLEncoding.Strict().Decode(buf[:], []byte(s))
	return err == nil && n == len(buf)
}

// SessionID returns the SHA-256 digest of a session token in unpadded base64url,
// 43 characters: what [Session.ID] is and what stores keep instead of the token.
func SessionID(token string) string {
	var text [128]byte // on the stack: this is on the hot path
	sum := sha256.Sum256(append(text[:0], token...))
	var id [secretLen]byte
	base64.RawURLEncoding.Encode(id[:], sum[:])
	return string(id[:])
}

// hashLen is the length of a SHA-256 digest in hexadecimal.
const hashLen = 2 * sha256.Size

// verificationKey returns what is stored for a verification token: itself if it is a
// hash already, as Auth.js hands it to its adapters, else its digest, so that what was
// sent to somebody is never in the store. The digest has another form than a hash has:
// handed in, it is hashed once more, and who reads the store cannot use it.
func verificationKey(token string) string {
	if isHash(token) {
		return token
	}
	return SessionID(token)
}

// isHash reports whether s has the form that [HashVerificationToken] gives.
func isHash(s string) bool {
	return len(s) == hashLen && strings.Trim(s, "0123456789abcdef") == ""
}

// HashVerificationToken returns what is stored for a verification token: the
// SHA-256 digest of token and secret in lower-case hexadecimal, as Auth.js makes
// it (packages/core/src/lib/actions/signin/send-token.ts). The secret is the
// application's own, the same wherever the token may be used.
func HashVerificationToken(token, secret string) string {
	sum := sha256.Sum256([]byte(token + secret))
	return hex.EncodeToString(sum[:])
}
