package redis

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// calls counts what runs in the background. Unlike a sync.WaitGroup it may be waited
// for while calls begin.
type calls struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n comes to 0; nil if nobody waits
}

func (c *calls) begin(f func()) {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	go func() {
		defer c.end()
		f()
	}()
}

func (c *calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// wait returns when nothing runs.
func (c *calls) wait() {
	c.mu.Lock()
	if c.n == 0 {
		c.mu.Unlock()
		return
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	<-idle
}

// await makes a call that ends when its context does. go-redis looks at a context
// before a command, not while it waits for a reply (only at its deadline, and only if
// the client was told to), so a server that does not answer would hold the caller for
// as long as the client's timeouts and retries take. The call then goes on in the
// background for that long; Close waits for it.
func await[R any](ctx context.Context, s *store, call func() R) (R, error) {
	if ctx.Done() == nil {
		return call(), nil
	}
	done := make(chan R, 1)
	s.calls.begin(func() { done <- call() })
	select {
	case r := <-done:
		return r, nil
	case <-ctx.Done():
		var none R
		return none, ctx.Err()
	}
}

// prompt awaits a command; empty makes one to hold the context's error.
func prompt[C redis.Cmder](ctx context.Context, s *store, call func() C, empty func(context.Context, ...any) C) C {
	cmd, err := await(ctx, s, call)
	if err != nil {
		cmd = empty(ctx)
		cmd.SetErr(err)
	}
	return cmd
}

// The commands that are not scripts.

func (s *store) get(ctx context.Context, key string) *redis.StringCmd {
	return prompt(ctx, s, func() *redis.StringCmd { return s.client.Get(ctx, key) }, redis.NewStringCmd)
}

func (s *store) mget(ctx context.Context, keys ...string) *redis.SliceCmd {
	return prompt(ctx, s, func() *redis.SliceCmd { return s.client.MGet(ctx, keys...) }, redis.NewSliceCmd)
}

func (s *store) hgetall(ctx context.Context, key string) *redis.MapStringStringCmd {
	return prompt(ctx, s, func() *redis.MapStringStringCmd { return s.client.HGetAll(ctx, key) }, redis.NewMapStringStringCmd)
}

func (s *store) members(ctx context.Context, key string) *redis.StringSliceCmd {
	return prompt(ctx, s, func() *redis.StringSliceCmd { return s.client.ZRange(ctx, key, 0, -1) }, redis.NewStringSliceCmd)
}

func (s *store) del(ctx context.Context, key string) *redis.IntCmd {
	return prompt(ctx, s, func() *redis.IntCmd { return s.client.Del(ctx, key) }, redis.NewIntCmd)
}

func (s *store) ping(ctx context.Context) *redis.StatusCmd {
	return prompt(ctx, s, func() *redis.StatusCmd { return s.client.Ping(ctx) }, redis.NewStatusCmd)
}

// forget deletes a session and takes it out of its user's list, which lie in one
// slot, by two commands sent together. Both may be repeated.
func (s *store) forget(ctx context.Context, key, list, member string) *redis.IntCmd {
	return prompt(ctx, s, func() *redis.IntCmd {
		pipe := s.client.Pipeline()
		pipe.Del(ctx, key)
		last := pipe.ZRem(ctx, list, member)
		if _, err := pipe.Exec(ctx); err != nil {
			last.SetErr(err)
		}
		return last
	}, redis.NewIntCmd)
}

// once is a command that the client does not repeat by itself: the second attempt of
// one that takes something away would find nothing.
type once struct{ *redis.StringCmd }

// NoRetry tells the client.
func (once) NoRetry() bool { return true }

// take gets a key's value and deletes the key, in one command.
func (s *store) take(ctx context.Context, key string) *redis.StringCmd {
	return prompt(ctx, s, func() *redis.StringCmd {
		cmd := redis.NewStringCmd(ctx, "GETDEL", key)
		if s.replicas == 0 {
			_ = s.client.Process(ctx, once{cmd}) // the command has the error
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
	_ = pipe.Process(ctx, once{cmd})
	wait := s.wait(ctx, pipe)
	_, _ = pipe.Exec(ctx) // each command has its own error
	if err := s.acknowledged(wait); cmd.Err() == nil && err != nil {
		cmd.SetErr(err)
	}
}
