package upstash

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/authstore/authstore/adapter"
)

// kind is a kind of key.
type kind int

const (
	users kind = iota
	emails
	accounts
	lastAccount
	sessions
	lastSession
	links
	authenticators
	authenticatorList
	replies   // of writes, for their repetition; unknown to JavaScript
	deletions // that are not finished; unknown to JavaScript
	removals  // users that Repair removed, for a while; unknown to JavaScript
	kinds     // the number of kinds
)

// layout has the prefix of each kind of key.
type layout struct {
	base   string
	prefix [kinds]string
}

// newLayout returns the layout of options, which have their defaults.
func newLayout(o Options) (layout, error) {
	l := layout{base: o.BaseKeyPrefix, prefix: [kinds]string{
		users:             o.UserKeyPrefix,
		emails:            o.EmailKeyPrefix,
		accounts:          o.AccountKeyPrefix,
		lastAccount:       o.AccountByUserIDPrefix,
		sessions:          o.SessionKeyPrefix,
		lastSession:       o.SessionByUserIDKeyPrefix,
		links:             o.VerificationTokenKeyPrefix,
		authenticators:    o.AuthenticatorKeyPrefix,
		authenticatorList: o.AuthenticatorUserKeyPrefix,
		replies:           "authstore:reply:",
		deletions:         "authstore:deletion:",
		removals:          "authstore:removed:",
	}}
	for k := range l.prefix {
		l.prefix[k] = l.base + l.prefix[k]
	}
	return l, l.validate()
}

// validate refuses prefixes by which two records could have one key.
func (l layout) validate() error {
	for k, p := range l.prefix {
		if strings.Contains(p, "%") {
			return adapter.Invalid("Options", `must not contain "%" in a prefix`)
		}
		for other, q := range l.prefix {
			if other != k && p == q {
				return adapter.Invalid("Options", "must not have the same prefix twice")
			}
			if p != q && strings.HasPrefix(q, p) && !kind(k).escapes() {
				return adapter.Invalid("Options", "must not have a prefix that begins with that of e-mail addresses, of tokens or of a list")
			}
		}
	}
	return nil
}

// escapes reports whether the prefix of a kind may be the beginning of another one, as in
// the defaults. What follows the prefix is then refused or escaped if it could be taken for
// a key of the other kind.
func (k kind) escapes() bool {
	return k == users || k == accounts || k == sessions || k == authenticators
}

// collides reports whether a key of a kind could be taken for a key of another kind.
func (l layout) collides(k kind, rest string) bool {
	key := l.prefix[k] + rest
	for _, p := range l.prefix {
		if len(p) > len(l.prefix[k]) && strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// prefixes returns the prefixes of some kinds, and the longer prefixes of other kinds that
// begin with one of them.
func (l layout) prefixes(kinds ...kind) (ours, others []string) {
	for _, k := range kinds {
		ours = append(ours, l.prefix[k])
	}
	for k, p := range l.prefix {
		begins := func(q string) bool { return strings.HasPrefix(p, q) }
		if !slices.Contains(kinds, kind(k)) && slices.ContainsFunc(ours, begins) {
			others = append(others, p)
		}
	}
	return ours, others
}

// key returns a key. One that no JavaScript writer makes, but that could be taken for
// something else, has its first byte after the prefix escaped.
func (l layout) key(k kind, rest string) string {
	if k.escapes() && rest != "" && (rest[0] == '%' || l.collides(k, rest)) {
		return fmt.Sprintf("%s%%%02X%s", l.prefix[k], rest[0], rest[1:])
	}
	return l.prefix[k] + rest
}

// user returns the key of a user, and false for an ID that no user of this layout can have,
// since the key would be that of another record.
func (l layout) user(id string) (string, bool) {
	return l.prefix[users] + id, !l.collides(users, id)
}

// token returns the session token in a key.
func (l layout) token(key string) string {
	rest := strings.TrimPrefix(key, l.prefix[sessions])
	if len(rest) > 2 && rest[0] == '%' {
		if first, err := url.PathUnescape(rest[:3]); err == nil {
			return first + rest[3:]
		}
	}
	return rest
}

// escaper escapes the separator of two parts of a key. The last ":" is the separator, or in
// the key of an account the first one.
var escaper = strings.NewReplacer("%", "%25", ":", "%3A")

func (l layout) account(k adapter.AccountKey) string {
	return l.key(accounts, escaper.Replace(k.Provider)+":"+k.ProviderAccountID)
}

func (l layout) session(token string) string { return l.key(sessions, token) }

func (l layout) link(identifier, token string) string {
	return l.key(links, identifier+":"+escaper.Replace(token))
}

// folded are the characters that the keys of the unstorage adapter do not preserve.
const folded = `/\:?%`

var foldedEscaper = strings.NewReplacer("%", "%25", "/", "%2F", `\`, "%5C", ":", "%3A", "?", "%3F")

// authenticator returns the keys that a credential can have. unstorage replaces each "/" in
// a key by ":", several by one, and removes those at the ends. If two base64 IDs differ
// only in this, the first one has the key that they share, and the second one a key of its
// own, which JavaScript does not find.
func (l layout) authenticator(id string) []string {
	own := l.key(authenticators, "%"+foldedEscaper.Replace(id))
	parts := strings.FieldsFunc(id, func(r rune) bool { return r == '/' })
	shared := strings.Join(parts, ":")
	switch {
	case strings.ContainsAny(id, folded[1:]) || shared == "":
		return []string{own}
	case strings.ReplaceAll(id, "/", ":") == shared:
		return []string{l.key(authenticators, shared)}
	}
	return []string{l.key(authenticators, shared), own}
}

// reply returns a new key for the reply of a write.
func (l layout) reply() string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return l.prefix[replies] + base64.RawURLEncoding.EncodeToString(b[:])
}

// glob returns a pattern for the keys that begin with a prefix.
func glob(prefix string) string { return globEscaper.Replace(prefix) + "*" }

var globEscaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`)
