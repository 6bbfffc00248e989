package betterauth

import (
	"crypto/rand"
	"strings"
)

// layout is the prefix of all keys.
type layout string

// What keys begin with that are no tokens.
const (
	listPrefix         = "active-sessions-"
	revokedPrefix      = "revoked-sessions-before-"
	verificationPrefix = "verification:"
	ownPrefix          = "authstore:" // of this package's own keys
)

func (l layout) session(token string) string { return string(l) + token }
func (l layout) list(userID string) string   { return string(l) + listPrefix + userID }

// revoked is when all sessions of a user were ended.
func (l layout) revoked(userID string) string { return string(l) + revokedPrefix + userID }

// link is a verification row. A stored token has no colon.
func (l layout) link(identifier, token string) string {
	return string(l) + verificationPrefix + identifier + ":" + token
}

// links is the index of an identifier's tokens, by expiry.
func (l layout) links(identifier string) string {
	return string(l) + ownPrefix + "tokens:" + identifier
}

// reply is where a script keeps for a minute that it has run.
func (l layout) reply() string { return string(l) + ownPrefix + "reply:" + rand.Text() }

// possible reports whether a session can have a token: its key is no other record's.
func possible(token string) bool {
	for _, prefix := range []string{listPrefix, revokedPrefix, verificationPrefix, ownPrefix} {
		if strings.HasPrefix(token, prefix) {
			return false
		}
	}
	return true
}
