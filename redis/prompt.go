package redis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/redis/internal/client"
)

// The commands that are not scripts.

func (s *store) get(ctx context.Context, key string) *redis.StringCmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.StringCmd { return c.Get(ctx, key) }, redis.NewStringCmd)
}

func (s *store) mget(ctx context.Context, keys ...string) *redis.SliceCmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.SliceCmd {
		return together(ctx, func() *redis.SliceCmd { return c.MGet(ctx, keys...) })
	}, redis.NewSliceCmd)
}

func (s *store) hgetall(ctx context.Context, key string) *redis.MapStringStringCmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.MapStringStringCmd { return c.HGetAll(ctx, key) }, redis.NewMapStringStringCmd)
}

func (s *store) members(ctx context.Context, key string) *redis.StringSliceCmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.StringSliceCmd { return c.ZRange(ctx, key, 0, -1) }, redis.NewStringSliceCmd)
}

func (s *store) del(ctx context.Context, key string) *redis.IntCmd {
	return client.Prompt(ctx, &s.calls, func() *redis.IntCmd { return s.client.Del(ctx, key) }, redis.NewIntCmd)
}

func (s *store) ping(ctx context.Context) *redis.StatusCmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.StatusCmd { return c.Ping(ctx) }, redis.NewStatusCmd)
}

// passage is how long a call waits for keys that a cluster moves to another server.
const passage = time.Second

// together makes a call again that a server refused because some of its keys are still,
// or already, on another one.
func together[C redis.Cmder](ctx context.Context, call func() C) C {
	for begun, pause := time.Now(), firstPause; ; pause *= 2 {
		cmd := call()
		if !redis.HasErrorPrefix(cmd.Err(), "TRYAGAIN") || time.Since(begun) > passage || sleep(ctx, pause) != nil {
			return cmd
		}
	}
}

// sleep waits, unless the context ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
