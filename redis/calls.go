package redis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/redis/internal/client"
)

// How one request is sent, awaited and repeated: scripts, and after them the plain commands.

// write runs a script that changes data and keeps its reply in the slot of a user or an
// identifier: the client repeats commands by itself, and the first attempt may arrive last.
func (s *store) write(ctx context.Context, script *client.Script, tag string, keys []string, args ...any) *redis.Cmd {
	return s.run(ctx, script, append(keys, s.replyKey(tag)), args...)
}

// share is write for a short script: those that wait at the same time share a request.
func (s *store) share(ctx context.Context, script *client.Script, tag string, keys []string, args ...any) *redis.Cmd {
	w := &client.Write{Script: script, Keys: append(keys, s.replyKey(tag)), Args: s.arguments(args)}
	return s.explainUnpacking(s.writes.Do(ctx, w, func() *redis.Cmd {
		return retryMoving(ctx, func() *redis.Cmd { return s.send(ctx, script, w.Keys, w.Args) })
	}))
}

// run runs a script on the slot of its keys.
func (s *store) run(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	all := s.arguments(args)
	return s.explainUnpacking(client.Do(ctx, &s.calls, func() *redis.Cmd {
		return retryMoving(ctx, func() *redis.Cmd { return s.send(ctx, script, keys, all) })
	}, redis.NewCmd))
}

// query runs a script that changes nothing.
func (s *store) query(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	all := s.arguments(args)
	return s.explainUnpacking(client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.Cmd {
		return retryMoving(ctx, func() *redis.Cmd { return script.Run(ctx, c, keys, all...) })
	}, redis.NewCmd))
}

// runOnce runs a script that the client must not repeat by itself: the second attempt of
// one that takes something away would find nothing.
func (s *store) runOnce(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	all := s.arguments(args)
	return s.explainUnpacking(client.Do(ctx, &s.calls, func() *redis.Cmd {
		return script.Run(ctx, sender{store: s, once: true}, keys, all...)
	}, redis.NewCmd))
}

// arguments returns the arguments that every script gets, followed by args.
func (s *store) arguments(args []any) []any {
	return append(append(make([]any, 0, len(args)+2), s.prefix, s.single), args...)
}

// send sends a script the way the client does it, unless replicas have to be waited for.
func (s *store) send(ctx context.Context, script *client.Script, keys []string, args []any) *redis.Cmd {
	if s.replicas == 0 {
		return script.Run(ctx, s.client, keys, args...)
	}
	return script.Run(ctx, sender{store: s}, keys, args...)
}

// sender sends scripts once only, or waits for replicas.
type sender struct {
	redis.Scripter // its other methods are not called
	*store
	once bool
}

func (s sender) EvalSha(ctx context.Context, hash string, keys []string, args ...any) *redis.Cmd {
	return s.process(ctx, "evalsha", hash, keys, args)
}

func (s sender) Eval(ctx context.Context, text string, keys []string, args ...any) *redis.Cmd {
	return s.process(ctx, "eval", text, keys, args)
}

func (s sender) process(ctx context.Context, name, script string, keys []string, args []any) *redis.Cmd {
	all := append(make([]any, 0, 3+len(keys)+len(args)), name, script, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	result := redis.NewCmd(ctx, append(all, args...)...)
	var cmd redis.Cmder = result
	if s.once {
		cmd = noRetry{result}
	}
	if s.replicas == 0 {
		_ = s.client.Process(ctx, cmd) // the command has the error
	} else {
		s.processAndWait(ctx, keys[0], cmd)
	}
	return result
}

// noRetry is a command that the client does not repeat by itself.
type noRetry struct{ *redis.Cmd }

// NoRetry tells the client so.
func (noRetry) NoRetry() bool { return true }

// reshardWait is how long a call waits while a Cluster moves its keys to another server.
const reshardWait = time.Second

// retryMoving repeats a call while the server refuses it because only some of its keys have
// moved.
func retryMoving[C redis.Cmder](ctx context.Context, call func() C) C {
	var begun time.Time
	for pause := firstPause; ; pause *= 2 {
		cmd := call()
		if !redis.HasErrorPrefix(cmd.Err(), "TRYAGAIN") {
			return cmd // nearly always, and without a look at the clock
		}
		if begun.IsZero() {
			begun = time.Now()
		}
		if time.Since(begun) > reshardWait || sleep(ctx, pause) != nil {
			return cmd
		}
	}
}

// sleep waits for d, or until the context ends.
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

func (s *store) hgetall(ctx context.Context, key string) *redis.MapStringStringCmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.MapStringStringCmd { return c.HGetAll(ctx, key) }, redis.NewMapStringStringCmd)
}

func (s *store) zmembers(ctx context.Context, key string) *redis.StringSliceCmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.StringSliceCmd { return c.ZRange(ctx, key, 0, -1) }, redis.NewStringSliceCmd)
}

func (s *store) del(ctx context.Context, key string) *redis.IntCmd {
	return client.Do(ctx, &s.calls, func() *redis.IntCmd { return s.client.Del(ctx, key) }, redis.NewIntCmd)
}

func (s *store) ping(ctx context.Context) *redis.StatusCmd {
	return client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.StatusCmd { return c.Ping(ctx) }, redis.NewStatusCmd)
}
