// Package client is what the layouts have in common: opening clients by URL, calls that
// end when their context does or their time is up, commands that are sent once, and the
// errors of the client as the contract's kinds.
package client

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/internal/attempt"
)

// Calls are the calls of a store. Each is made in the background, so that its caller is
// not held by a server that does not answer. The zero value is ready, for calls that need
// no client and take as long as they do.
type Calls struct {
	client           redis.UniversalClient
	limit            time.Duration // of a call in all; 0 is none
	single, failover bool          // the client is of one server; which Sentinels name
	answered         atomic.Bool   // the server has, once

	mu      sync.Mutex
	spare   redis.UniversalClient // for second attempts; nil until there is one
	workers int
	jobs    chan func()   // to workers that wait for one
	leave   chan struct{} // closed when these are to go
	idle    chan struct{} // closed when there is no worker; nil if nobody waits
}

// Use says on which client the calls are made, and how long each may take. 0 is
// [attempt.Default].
func (c *Calls) Use(client redis.UniversalClient, limit time.Duration) {
	c.client, c.limit = client, limit
	if limit == 0 {
		c.limit = attempt.Default
	}
	if one, ok := client.(*redis.Client); ok {
		c.single, c.failover = true, one.Options().Addr == "FailoverClient"
	}
}

// rest is how long a worker waits for its next job.
const rest = 100 * time.Millisecond

// perform runs a job in a goroutine that has done one before, if one is waiting. Its
// stack is as large by then as a command needs; that of a new one is moved several times
// on the way there, which takes more of the processor than all else here.
func (c *Calls) perform(job func()) {
	c.mu.Lock()
	if c.jobs == nil {
		c.jobs, c.leave = make(chan func()), make(chan struct{})
	}
	jobs, leave := c.jobs, c.leave
	c.mu.Unlock()
	select {
	case jobs <- job:
		return
	default:
	}
	c.mu.Lock()
	c.workers++
	c.mu.Unlock()
	go c.work(job, jobs, leave)
}

func (c *Calls) work(job func(), jobs chan func(), leave chan struct{}) {
	defer c.left()
	timer := time.NewTimer(rest)
	defer timer.Stop()
	for {
		job()
		timer.Reset(rest)
		select {
		case job = <-jobs:
		case <-leave:
			return
		case <-timer.C:
			return
		}
	}
}

func (c *Calls) left() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.workers--; c.workers == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// Wait returns when nothing runs any more. It may be called while calls begin.
func (c *Calls) Wait() {
	c.mu.Lock()
	if c.leave != nil {
		close(c.leave)
		c.jobs, c.leave = nil, nil
	}
	spare := c.spare
	c.spare = nil
	if c.workers > 0 && c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	if spare != nil {
		_ = spare.Close()
	}
	if idle != nil {
		<-idle
	}
}

// errLate is why a call has ended that got no answer.
var errLate = errors.New("redis: no answer in the time that a request may take")

// timers are used again: a new one for each call costs more.
var timers = sync.Pool{New: func() any { return time.NewTimer(time.Hour) }}

// await makes a call that ends when its context does, or late when its time is up. go-redis
// looks at a context before a command, not while it waits for a reply (only at its
// deadline, and only if the client was told to), so a server that does not answer would
// hold the caller for as long as the client's timeouts and retries take. The call then goes
// on in the background for that long; [Calls.Wait] waits for it.
func await[R any](ctx context.Context, c *Calls, limit time.Duration, call func() R) (r R, err error) {
	done := make(chan R, 1)
	c.perform(func() { done <- call() })
	var up <-chan time.Time
	if limit > 0 {
		timer := timers.Get().(*time.Timer)
		timer.Reset(limit)
		up = timer.C
		defer func() {
			timer.Stop()
			timers.Put(timer)
		}()
	}
	select {
	case r = <-done:
		return r, nil
	case <-ctx.Done():
		return r, ctx.Err()
	case <-up:
		return r, errLate
	}
}

// Await makes a call that ends when its context does, or its time is up.
func Await[R any](ctx context.Context, c *Calls, call func() R) (R, error) {
	if ctx.Done() == nil && c.limit == 0 {
		return call(), nil
	}
	r, err := await(ctx, c, c.limit, call)
	if err == errLate {
		err = unavailable(err, "no answer in time")
	}
	return r, err
}

// Prompt awaits a command; empty makes one to hold an error.
func Prompt[C redis.Cmder](ctx context.Context, c *Calls, call func() C, empty func(context.Context, ...any) C) C {
	cmd, err := Await(ctx, c, call)
	return answer(ctx, c, cmd, err, empty)
}

// Read is Prompt for a command that changes nothing.
func Read[C redis.Cmder](ctx context.Context, c *Calls, call func(redis.UniversalClient) C, empty func(context.Context, ...any) C) C {
	cmd, err := read(ctx, c, call)
	return answer(ctx, c, cmd, err, empty)
}

// ReadAll is Read for many commands in one pipeline.
func ReadAll[C redis.Cmder](ctx context.Context, c *Calls, fill func(redis.Pipeliner) []C) ([]C, error) {
	cmds, err := read(ctx, c, func(client redis.UniversalClient) []C {
		pipe := client.Pipeline()
		cmds := fill(pipe)
		_, _ = pipe.Exec(ctx) // each command has its own error
		return cmds
	})
	for _, cmd := range cmds {
		c.explained(ctx, cmd)
	}
	return cmds, err
}

// read awaits what changes nothing. A connection can die without a word; so the first
// attempt gets a second, or half of the time that is left if that is less, and without an
// answer by then another one is made on a fresh connection. (As attempt.Read does, with no
// context of its own on the way that a session of a request is read.)
func read[R any](ctx context.Context, c *Calls, call func(redis.UniversalClient) R) (R, error) {
	begun := time.Now()
	first := patience(ctx, c.limit)
	r, err := await(ctx, c, first, func() R { return call(c.client) })
	if left := c.limit - time.Since(begun); err == errLate && left > 0 && first >= shortest {
		r, err = await(ctx, c, left, func() R { return call(c.fresh()) })
	}
	if err == errLate {
		err = unavailable(err, "no answer in time")
	}
	return r, err
}

// shortest is the least that a first attempt gets. Half of less is no time to open a
// connection in: it would only be thrown away.
const shortest = 100 * time.Millisecond

// patience returns how long the first attempt of a read may take, or the only one.
func patience(ctx context.Context, limit time.Duration) time.Duration {
	left := limit
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	if left < 2*shortest {
		return limit
	}
	return min(attempt.Short, left/2)
}

// answer returns a command with its error explained, or one that holds the error of a call
// that was left.
func answer[C redis.Cmder](ctx context.Context, c *Calls, cmd C, err error, empty func(context.Context, ...any) C) C {
	if err != nil {
		cmd = empty(ctx)
		cmd.SetErr(err)
		return cmd
	}
	c.explained(ctx, cmd)
	return cmd
}

// explained has a command's error explained, and remembers that the server has answered.
func (c *Calls) explained(ctx context.Context, cmd redis.Cmder) {
	switch err := cmd.Err(); {
	case err != nil && err != redis.Nil:
		cmd.SetErr(c.explain(ctx, err))
	case !c.answered.Load():
		c.answered.Store(true)
	}
}

// spareRest is how long a connection of the client for second attempts may have rested:
// less than a first attempt waits, so that it lived when that began.
const spareRest = shortest / 2

// fresh returns a client for second attempts, whose connections are new or have just been
// used: those of the store's own client may all have died together.
func (c *Calls) fresh() redis.UniversalClient {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spare == nil {
		c.spare = copied(c.client)
	}
	if c.spare == nil {
		return c.client
	}
	return c.spare
}

// copied returns a client of the same servers, nil if that cannot be had.
func copied(client redis.UniversalClient) redis.UniversalClient {
	switch client := client.(type) {
	case *redis.Client:
		o := *client.Options()
		o.MinIdleConns, o.ConnMaxIdleTime, o.PipelinePoolSize = 0, spareRest, -1
		o.ClientSideCacheConfig, o.ClientSideCache = nil, nil
		return redis.NewClient(&o)
	case *redis.ClusterClient:
		o := *client.Options()
		o.MinIdleConns, o.ConnMaxIdleTime, o.PipelinePoolSize = 0, spareRest, -1
		return redis.NewClusterClient(&o)
	}
	return nil
}

// Ping asks whether the server answers.
func (c *Calls) Ping(ctx context.Context) error {
	cmd := Read(ctx, c, func(client redis.UniversalClient) *redis.StatusCmd { return client.Ping(ctx) }, redis.NewStatusCmd)
	return Failure(cmd.Err())
}

// Once is a command that the client does not repeat by itself: the second attempt of
// one that takes something away would find nothing.
type Once struct{ *redis.StringCmd }

// NoRetry tells the client.
func (Once) NoRetry() bool { return true }

// ScriptsOnce runs scripts on a client that then does not repeat them by itself.
type ScriptsOnce struct{ redis.UniversalClient }

// EvalSha runs a script that the server has.
func (c ScriptsOnce) EvalSha(ctx context.Context, hash string, keys []string, args ...any) *redis.Cmd {
	return c.once(ctx, "evalsha", hash, keys, args)
}

// Eval runs a script by its text.
func (c ScriptsOnce) Eval(ctx context.Context, text string, keys []string, args ...any) *redis.Cmd {
	return c.once(ctx, "eval", text, keys, args)
}

func (c ScriptsOnce) once(ctx context.Context, name, script string, keys []string, args []any) *redis.Cmd {
	all := []any{name, script, len(keys)}
	for _, key := range keys {
		all = append(all, key)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	cmd.SetFirstKeyPos(3)
	_ = c.Process(ctx, noRetry{cmd}) // the command has the error
	return cmd
}

type noRetry struct{ *redis.Cmd }

// NoRetry tells the client.
func (noRetry) NoRetry() bool { return true }
