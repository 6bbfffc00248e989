package redis

import (
	"embed"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

//go:embed lua/*.lua
var lua embed.FS

// The scripts. Each is one atomic step in one hash slot, or on a single server over all keys.
var (
	claimEntry      = load("claim")
	verifyEntry     = load("verify")
	takeOverEntry   = load("takeover")
	releaseEntry    = load("release")
	userCreate      = load("user_create")
	userByEmail     = load("user_by_email")
	userUpdate      = load("user_update")
	userDelete      = load("user_delete")
	usersScan       = load("users_scan")
	ownedCreate     = load("owned_create")
	ownedGet        = load("owned_get")
	ownedUpdate     = load("owned_update")
	counterUpdate   = load("counter_update")
	ownedDelete     = load("owned_delete")
	sessionCreate   = load("session_create")
	sessionGet      = load("session_get")
	sessionUpdate   = load("session_update")
	sessionTouch    = load("session_touch")
	sessionDelete   = load("session_delete")
	sessionsList    = load("sessions_list")
	sessionsDelete  = load("sessions_delete")
	sessionsCleanUp = load("sessions_cleanup")
	linkCreate      = load("link_create")
	linkUse         = load("link_use")
	linksDelete     = load("links_delete")
)

// load returns the script of a file in lua/.
func load(name string) *client.Script { return &client.Script{Lua: &lua, Name: name} }

// changedError is the answer to a repeated update whose first attempt was applied, if
// others have changed or deleted the record since.
type changedError struct{}

func (changedError) Error() string {
	return "redis: the write was applied, and the record was changed or deleted since"
}

// statusReply returns the reply of a script that returns {status, …}, flattened, or the
// same as words in one string.
func (s *store) statusReply(cmd *redis.Cmd) (string, []string, error) {
	reply, err := cmd.Result()
	if err != nil {
		return "", nil, err
	}
	flat := flatten(nil, reply)
	if text, ok := reply.(string); ok {
		flat = strings.Fields(text)
	}
	if len(flat) == 0 {
		return "", nil, s.unreadable(cmd)
	}
	return flat[0], flat[1:], nil
}

// flatten appends the strings in a reply to all.
func flatten(all []string, reply any) []string {
	switch reply := reply.(type) {
	case string:
		return append(all, reply)
	case []any:
		for _, part := range reply {
			all = flatten(all, part)
		}
	}
	return all
}

// listReply returns the reply of a script that returns a list, or nil for not found.
func listReply(reply any, err error) ([]string, error) {
	if errors.Is(err, redis.Nil) {
		return nil, adapter.ErrNotFound
	}
	return flatten(nil, reply), err
}

// textReply returns a reply that is a string, a number or nil.
func textReply(reply any, err error) (string, error) {
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	text, _ := reply.(string)
	return text, err
}
