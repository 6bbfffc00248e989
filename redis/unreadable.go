package redis

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// unreadable returns the error for a record of a kind that cannot be read. It does not name
// the key, which may contain a token or an e-mail address.
func unreadable(kind, userID, field string) error {
	return &adapter.RecordError{
		Place: "under a key of the kind " + kind, UserID: userID,
		Field: cmp.Or(field, "(all of it)"), Want: "as this package writes it", Got: "something else",
	}
}

// recordKinds maps the kind of an index entry to the kind of record that it leads to.
var recordKinds = map[string]string{
	kindEmail: kindUser, kindAccount: kindAccounts, kindCredential: kindAuthenticators, kindToken: kindSession,
}

// unreadable returns the error for a script that could not read a record at its keys, or at
// those that they lead to.
func (s *store) unreadable(cmd *redis.Cmd) error {
	var kinds []string
	userID := ""
	for _, key := range declaredKeys(cmd) {
		kind, tag, _ := strings.Cut(strings.TrimPrefix(key, s.prefix), ":{")
		switch kind {
		case kindUser, kindAccounts, kindAuthenticators, kindSession:
			tag, _, _ = strings.Cut(tag, "}")
			userID = unescape(tag)
		case kindLinks:
		default:
			kind = recordKinds[kind]
		}
		if kind != "" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return unreadable(strings.Join(kinds, " or "), userID, "")
}

// declaredKeys returns the KEYS of a script.
func declaredKeys(cmd *redis.Cmd) (keys []string) {
	const first = 3 // after EVALSHA, the digest and the number of keys
	args := cmd.Args()
	if len(args) < first {
		return nil
	}
	n, _ := args[first-1].(int)
	for _, arg := range args[first:min(first+n, len(args))] {
		key, _ := arg.(string)
		keys = append(keys, key)
	}
	return keys
}

// unpackError matches the errors of Lua for a record that is not in the form that a script
// expects.
var unpackError = regexp.MustCompile(`^ERR .*(Missing bytes in input|Bad data format in input|attempt to )`)

// explainUnpacking returns the command of a script. If the script could not read a record,
// its error says so.
func (s *store) explainUnpacking(cmd *redis.Cmd) *redis.Cmd {
	if err := cmd.Err(); err != nil && unpackError.MatchString(err.Error()) {
		cmd.SetErr(driver.Caused(s.unreadable(cmd), err))
	}
	return cmd
}
