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

// unreadable returns the error for a record of a kind that cannot be read. Its key is not
// named, since there may be a token or an address in it.
func unreadable(kind, userID, field string) error {
	return &adapter.RecordError{
		Place: "under a key of the kind " + kind, UserID: userID,
		Field: cmp.Or(field, "(all of it)"), Want: "as this package writes it", Got: "something else",
	}
}

// recordKinds has the kind of the records that index entries of a kind lead to.
var recordKinds = map[string]string{
	kindEmail: kindUser, kindAccount: kindAccounts, kindCredential: kindAuthenticators, kindToken: kindSession,
}

// unreadable returns the error for a script that could not read a record under its keys, or
// under those that they lead to.
func (s *store) unreadable(cmd *redis.Cmd) error {
	var kinds []string
	userID := ""
	for _, key := range keysOf(cmd) {
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

// keysOf returns the keys that a script was given.
func keysOf(cmd *redis.Cmd) (keys []string) {
	const first = 3 // after EVALSHA, the digest and how many there are
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

// unpacking is what Lua says of a record that is not what a script takes it for.
var unpacking = regexp.MustCompile(`^ERR .*(Missing bytes in input|Bad data format in input|attempt to )`)

// judged returns the command of a script, whose error says so if it could not read a record.
func (s *store) judged(cmd *redis.Cmd) *redis.Cmd {
	if err := cmd.Err(); err != nil && unpacking.MatchString(err.Error()) {
		cmd.SetErr(driver.Caused(s.unreadable(cmd), err))
	}
	return cmd
}
