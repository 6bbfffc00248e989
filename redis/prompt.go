package redis

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/redis/internal/client"
)

// The commands that are not scripts.

func (s *store) get(ctx context.Context, key string) *redis.StringCmd {
	return client.Prompt(ctx, &s.calls, func() *redis.StringCmd { return s.client.Get(ctx, key) }, redis.NewStringCmd)
}

func (s *store) mget(ctx context.Context, keys ...string) *redis.SliceCmd {
	return client.Prompt(ctx, &s.calls, func() *redis.SliceCmd { return s.client.MGet(ctx, keys...) }, redis.NewSliceCmd)
}

func (s *store) hgetall(ctx context.Context, key string) *redis.MapStringStringCmd {
	return client.Prompt(ctx, &s.calls, func() *redis.MapStringStringCmd { return s.client.HGetAll(ctx, key) }, redis.NewMapStringStringCmd)
}

func (s *store) members(ctx context.Context, key string) *redis.StringSliceCmd {
	return client.Prompt(ctx, &s.calls, func() *redis.StringSliceCmd { return s.client.ZRange(ctx, key, 0, -1) }, redis.NewStringSliceCmd)
}

func (s *store) del(ctx context.Context, key string) *redis.IntCmd {
	return client.Prompt(ctx, &s.calls, func() *redis.IntCmd { return s.client.Del(ctx, key) }, redis.NewIntCmd)
}

func (s *store) ping(ctx context.Context) *redis.StatusCmd {
	return client.Prompt(ctx, &s.calls, func() *redis.StatusCmd { return s.client.Ping(ctx) }, redis.NewStatusCmd)
}

// forget deletes a session and takes it out of its user's list, which lie in one
// slot, by two commands sent together. Both may be repeated.
func (s *store) forget(ctx context.Context, key, list, member string) *redis.IntCmd {
	return client.Prompt(ctx, &s.calls, func() *redis.IntCmd {
		pipe := s.client.Pipeline()
		pipe.Del(ctx, key)
		last := pipe.ZRem(ctx, list, member)
		if _, err := pipe.Exec(ctx); err != nil {
			last.SetErr(err)
		}
		return last
	}, redis.NewIntCmd)
}

// take gets a key's value and deletes the key, in one command.
func (s *store) take(ctx context.Context, key string) *redis.StringCmd {
	return client.Prompt(ctx, &s.calls, func() *redis.StringCmd {
		cmd := redis.NewStringCmd(ctx, "GETDEL", key)
		if s.replicas == 0 {
			_ = s.client.Process(ctx, client.Once{StringCmd: cmd}) // the command has the error
			return cmd
		}
		s.takeAndWait(ctx, key, cmd)
		return cmd
	}, redis.NewStringCmd)
}

func (s *store) takeAndWait(ctx context.Context, key string, cmd *redis.StringCmd) {
	pipe, err := s.pipelineFor(ctx, key)
	if err != nil {
		cmd.SetErr(err)
		return
	}
	_ = pipe.Process(ctx, client.Once{StringCmd: cmd})
	wait := s.wait(ctx, pipe)
	_, _ = pipe.Exec(ctx) // each command has its own error
	if err := s.acknowledged(wait); cmd.Err() == nil && err != nil {
		cmd.SetErr(err)
	}
}
