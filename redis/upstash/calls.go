package upstash

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

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

// applied runs a script that makes a change only if something is as it was, and reports
// whether it made the change.
func (s *store) applied(ctx context.Context, script *client.Script, keys []string, args ...any) (bool, error) {
	n, err := s.run(ctx, script, keys, args...).Int()
	return n == 1, client.Failure(err)
}

// get returns the string at a key, or adapter.ErrNotFound, which it also is for another
// type: another program stored that.
func (s *store) get(ctx context.Context, key string) (string, error) {
	cmd := client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.StringCmd { return c.Get(ctx, key) }, redis.NewStringCmd)
	v, err := cmd.Result()
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		err = adapter.ErrNotFound
	}
	return v, client.Failure(err)
}
