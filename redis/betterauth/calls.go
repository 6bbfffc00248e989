package betterauth

import (
	"context"
	"embed"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/redis/internal/client"
)

//go:embed lua/*.lua
var lua embed.FS

// The scripts. Each is one atomic step.
var (
	sessionCreate  = load("session_create")
	sessionGet     = load("session_get")
	sessionUpdate  = load("session_update")
	sessionDelete  = load("session_delete")
	sessionsList   = load("sessions_list")
	sessionsDelete = load("sessions_delete")
	copiesUpdate   = load("copies_update")
	linkCreate     = load("link_create")
	linkUse        = load("link_use")
	linksDelete    = load("links_delete")
)

// load returns the script of a file in lua/.
func load(name string) *client.Script { return &client.Script{Lua: &lua, Name: name} }

// run runs a script.
func (s *store) run(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	return client.Do(ctx, &s.calls, func() *redis.Cmd { return script.Run(ctx, s.client, keys, args...) }, redis.NewCmd)
}

// query runs a script that changes nothing.
func (s *store) query(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.Cmd { return script.Run(ctx, c, keys, args...) }, redis.NewCmd)
}

// runOnce runs a script that the client must not repeat by itself: the second attempt of
// one that takes something away would find nothing.
func (s *store) runOnce(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	return client.Do(ctx, &s.calls, func() *redis.Cmd {
		return script.Run(ctx, client.NoRetry{Processor: s.client}, keys, args...)
	}, redis.NewCmd)
}
