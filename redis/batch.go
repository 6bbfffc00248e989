package redis

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/redis/internal/client"
)

// The defaults of Options.BatchesInFlight and Options.BatchSize.
const (
	batchesInFlight = 2
	batchSize       = 100
)

// look is a command that looks for a record. Those that are made at the same time share a request:
// see client.Lookups.
type look struct {
	script     *client.Script // nil: GET of the first key, or MGET of both
	key, other string         // other is "" if there is one key
	args       [3]string      // of the script, without those that every one gets
}

// look returns the reply to a command that looks for a record.
func (s *store) look(ctx context.Context, l look) (any, error) { return s.looks.Read(ctx, l) }

// sendLook sends the command, or adds it to a pipeline.
func (s *store) sendLook(ctx context.Context, c client.Sender, l look) *redis.Cmd {
	switch {
	case l.script != nil:
		keys := []string{l.key, l.other}
		if l.other == "" {
			keys = keys[:1]
		}
		args := []any{s.prefix, s.single, l.args[0], l.args[1], l.args[2]}
		return s.explainUnpacking(retryMoving(ctx, func() *redis.Cmd { return l.script.Run(ctx, c, keys, args...) }))
	case l.other != "":
		return retryMoving(ctx, func() *redis.Cmd { return c.Do(ctx, "mget", l.key, l.other) })
	}
	return c.Do(ctx, "get", l.key)
}

// place returns the key that says on which server of a Cluster the command is sent.
func (l look) place() string { return l.key }
