package redis

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/hashslot"
)

// The kinds of keys, and of index entries. The same letters are in lua/.
const (
	kindUser           = "u" // string: the user
	kindAccounts       = "a" // hash: the user's accounts
	kindAuthenticators = "w" // hash: the user's authenticators
	kindSession        = "s" // string: a session, after the tag its stored token
	kindSessions       = "l" // sorted set: the user's sessions by expiry
	kindAside          = "o" // sorted set: sessions that are over, to be tidied up
	kindDeleted        = "d" // list: what a deletion that was cut has to release

	kindEmail      = "e" // string: index entry of an e-mail address
	kindAccount    = "p" // string: index entry of a provider's account
	kindCredential = "c" // string: index entry of a credential ID
	kindToken      = "t" // string: index entry of a session token made elsewhere

	kindLinks = "v" // hash: an identifier's verification tokens

	kindAnswer = "r" // string: the answer to a write, by its nonce
	kindMarks  = "x" // sorted set: a slot's revoked claims by time
)

// key returns the key of a kind for the thing in the hash tag.
func (s *store) key(kind, tag string) string { return s.prefix + kind + ":{" + tag + "}" }

// escaper keeps a hash tag in one piece, and the parts of a key apart.
var escaper = strings.NewReplacer("%", "%25", ":", "%3A", "{", "%7B", "}", "%7D")

func escape(v string) string {
	if !strings.ContainsAny(v, "%:{}") {
		return v
	}
	return escaper.Replace(v)
}

// unescape undoes escape. What it is given comes from the store: an entry that is
// not ours leads nowhere as it is.
func unescape(v string) string {
	if u, err := url.PathUnescape(v); err == nil {
		return u
	}
	return v
}

// accountField names an account in its user's hash and in the index.
func accountField(k adapter.AccountKey) string {
	return escape(k.Provider) + ":" + escape(k.ProviderAccountID)
}

// nonceLen is the length of a nonce in an index entry.
const nonceLen = 11

// newNonce returns what tells one write from another: 64 random bits.
func newNonce() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// besideKey returns the key of something in the slot of a tag which does not have the tag
// in it: it may outlive the user.
func (s *store) besideKey(kind, tag string) string {
	if s.isSingle() {
		return s.prefix + kind
	}
	return s.key(kind, hashslot.Tag(tag))
}

// answerKey returns the key of the answer to a new write, in the slot of its user or
// identifier.
func (s *store) answerKey(tag string) string { return s.besideKey(kindAnswer, tag) + ":" + newNonce() }

// cut returns the generation that the value of a user or of a session begins with, and
// the record.
func cut(value string) (generation, record string) {
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

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
