package driver

import (
	"crypto/sha256"
	"strings"

	"github.com/authstore/authstore/adapter"
)

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
	return adapter.SessionID(token)
}

// isHash reports whether s has the form that [adapter.HashVerificationToken] gives.
func isHash(s string) bool {
	return len(s) == hashLen && strings.Trim(s, "0123456789abcdef") == ""
}
