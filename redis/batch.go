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
	store      *store
	script     *client.Script // nil: GET of the first key, or MGET of both
	key, other string         // other is "" if there is one key
	args       [3]string      // of the script, without those that every one gets
}

// look returns the reply to a command that looks for a record.
func (s *store) look(ctx context.Context, l look) (any, error) {
	l.store = s
	return s.looks.Read(ctx, l)
}

// Send implements client.Lookup.
func (l look) Send(ctx context.Context, to client.Sender) *redis.Cmd {
	switch first, second, both := l.MGET(); {
	case l.script != nil:
		keys := []string{l.key, l.other}
		if l.other == "" {
			keys = keys[:1]
		}
		args := []any{l.store.prefix, l.store.single, l.args[0], l.args[1], l.args[2]}
		return l.store.explainUnpacking(retryMoving(ctx, func() *redis.Cmd { return l.script.Run(ctx, to, keys, args...) }))
	case both:
		return retryMoving(ctx, func() *redis.Cmd { return to.Do(ctx, "mget", first, second) })
	default:
		return to.Do(ctx, "get", l.key)
	}
}

// Place implements client.Lookup.
func (l look) Place() string { return l.key }

// MGET implements client.Lookup.
func (l look) MGET() (first, second string, ok bool) {
	return l.key, l.other, l.script == nil && l.other != ""
}
