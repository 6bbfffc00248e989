package adapter

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
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

// HashVerificationToken returns what is stored for a verification token: the
// SHA-256 digest of token and secret in lower-case hexadecimal, as Auth.js makes
// it (packages/core/src/lib/actions/signin/send-token.ts). The secret is the
// application's own, the same wherever the token may be used.
func HashVerificationToken(token, secret string) string {
	sum := sha256.Sum256([]byte(token + secret))
	return hex.EncodeToString(sum[:])
}
