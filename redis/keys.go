package redis

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/hashslot"
)

// The kinds of keys and of index entries. The scripts in lua/ have the same letters.
const (
	kindUser           = "u" // string: the user
	kindAccounts       = "a" // hash: the user's accounts
	kindAuthenticators = "w" // hash: the user's authenticators
	kindSession        = "s" // string: a session; its stored token follows the tag
	kindSessions       = "l" // sorted set: the user's sessions by expiry
	kindEnded          = "o" // sorted set: sessions that have ended and are still to be deleted
	kindUnreleased     = "d" // list: index entries that an interrupted deletion has still to release

	kindEmail      = "e" // string: index entry of an e-mail address
	kindAccount    = "p" // string: index entry of a provider's account
	kindCredential = "c" // string: index entry of a credential ID
	kindToken      = "t" // string: index entry of a session token made elsewhere

	kindLinks = "v" // hash: an identifier's verification tokens

	kindReply   = "r" // string: the reply of a write, by its nonce
	kindRevoked = "x" // sorted set: the revoked claims of a slot, by time
)

// key returns the key of a kind with a hash tag.
func (s *store) key(kind, tag string) string { return s.prefix + kind + ":{" + tag + "}" }

// escaper escapes what would end a hash tag or separate the parts of a key.
var escaper = strings.NewReplacer("%", "%25", ":", "%3A", "{", "%7B", "}", "%7D")

// escape escapes a part of a key.
func escape(v string) string {
	if !strings.ContainsAny(v, "%:{}") {
		return v
	}
	return escaper.Replace(v)
}

// unescape undoes escape. Its input comes from the store: an entry that this package did
// not write stays as it is, and leads nowhere.
func unescape(v string) string {
	if u, err := url.PathUnescape(v); err == nil {
		return u
	}
	return v
}

// accountField returns the name of an account in its user's hash and in the index.
func accountField(k adapter.AccountKey) string {
	return escape(k.Provider) + ":" + escape(k.ProviderAccountID)
}

// accountKey undoes accountField.
func accountKey(field string) adapter.AccountKey {
	provider, id, _ := strings.Cut(field, ":")
	return adapter.AccountKey{Provider: unescape(provider), ProviderAccountID: unescape(id)}
}

// plainPrefix begins a stored token that is the token itself. No digest has this character.
const plainPrefix = "~"

// storedToken returns the stored form of a session token.
func (s *store) storedToken(token string) string {
	if s.options.PlainSessionTokens {
		return plainPrefix + token
	}
	return adapter.SessionID(token)
}

// sessionID returns the ID of a session by its stored token. It is a digest even if an
// adapter with other options stored the session.
func sessionID(stored string) string {
	if token, ok := strings.CutPrefix(stored, plainPrefix); ok {
		return adapter.SessionID(token)
	}
	return stored
}

// nonceLen is the length of a nonce, in bytes.
const nonceLen = 11

// newNonce returns 64 random bits, which tell one write, claim or generation from another.
func newNonce() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// splitNonce splits a value that begins with a nonce: a user or a session, which begins
// with its generation, or an index entry.
func splitNonce(value string) (nonce, rest string) {
	n := min(nonceLen, len(value))
	return value[:n], value[n:]
}

// owner returns the escaped ID of the user that an index entry leads to.
func owner(entry string) string {
	if len(entry) < nonceLen {
		return ""
	}
	return entry[nonceLen:]
}

// sessionKey returns the key of a session, by its user's escaped ID and its stored token.
func (s *store) sessionKey(id, stored string) string { return s.key(kindSession, id) + ":" + stored }

// linkKeys returns the key of an identifier's verification tokens.
func (s *store) linkKeys(tag string) []string { return []string{s.key(kindLinks, tag)} }

// slotKey returns a key in the slot of a hash tag without the tag itself: it may outlive
// the user.
func (s *store) slotKey(kind, tag string) string {
	if s.isSingle() {
		return s.prefix + kind
	}
	return s.key(kind, hashslot.Tag(tag))
}

// replyKey returns a new key for the reply of a write, in the slot of its user or
// identifier.
func (s *store) replyKey(tag string) string { return s.slotKey(kindReply, tag) + ":" + newNonce() }

// userKeys returns the keys of a script on a user: those of the given kinds; or, without an
// ID, the index entry by which the script finds them.
func (s *store) userKeys(index, id string, kinds ...string) []string {
	if id == "" {
		return []string{index}
	}
	keys := make([]string, len(kinds), len(kinds)+1)
	for i, kind := range kinds {
		keys[i] = s.key(kind, id)
	}
	return keys
}

// sessionKeys returns the keys of a script on a session: others of the user, the session
// and the user's list; or, without an ID, the index entry by which the script finds them.
func (s *store) sessionKeys(index, id, stored string, others ...string) []string {
	keys := s.userKeys(index, id, others...)
	if id == "" {
		return keys
	}
	return append(keys, s.sessionKey(id, stored), s.key(kindSessions, id))
}
