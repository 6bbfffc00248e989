// Package client is shared by both layouts: it opens clients by URL, ends calls with their
// context or after a time limit, sends scripts, and classifies errors.
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

// Calls makes the calls of a store. Each call runs in the background, so that a server
// which does not answer does not hold its caller. The zero value is ready, for calls that
// need no client and have no time limit.
type Calls struct {
	client           redis.UniversalClient
	limit            time.Duration // of a call; 0 is none
	single, failover bool          // the client is of one server; Sentinels name it
	answered         atomic.Bool   // the server has answered once

	mu      sync.Mutex
	spare   redis.UniversalClient // for second attempts; nil until one is made
	workers int
	jobs    chan func()   // to idle workers
	stop    chan struct{} // closed to stop these
	idle    chan struct{} // closed when no worker is left; nil if nobody waits
}

// Use sets the client of the calls, and the time limit of each. 0 is [attempt.Default].
func (c *Calls) Use(client redis.UniversalClient, limit time.Duration) {
	c.client, c.limit = client, limit
	if limit == 0 {
		c.limit = attempt.Default
	}
	if one, ok := client.(*redis.Client); ok {
		c.single, c.failover = true, one.Options().Addr == "FailoverClient"
	}
}

// workerIdle is how long a worker waits for its next job.
const workerIdle = 100 * time.Millisecond

// submit runs a job on an idle worker, or else on a new one. The stack of a worker that has
// run before is as large as a command needs; growing that of a new goroutine takes more CPU
// time than everything else here.
func (c *Calls) submit(job func()) {
	c.mu.Lock()
	if c.jobs == nil {
		c.jobs, c.stop = make(chan func()), make(chan struct{})
	}
	jobs, stop := c.jobs, c.stop
	c.mu.Unlock()
	select {
	case jobs <- job:
		return
	default:
	}
	c.mu.Lock()
	c.workers++
	c.mu.Unlock()
	go c.worker(job, jobs, stop)
}

func (c *Calls) worker(job func(), jobs chan func(), stop chan struct{}) {
	defer c.workerDone()
	timer := time.NewTimer(workerIdle)
	defer timer.Stop()
	for {
		job()
		timer.Reset(workerIdle)
		select {
		case job = <-jobs:
		case <-stop:
			return
		case <-timer.C:
			return
		}
	}
}

func (c *Calls) workerDone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.workers--; c.workers == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// Wait returns when no call is running. New calls may begin meanwhile.
func (c *Calls) Wait() {
	c.mu.Lock()
	if c.stop != nil {
		close(c.stop)
		c.jobs, c.stop = nil, nil
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

// errTimeout says that a call got no answer in time.
var errTimeout = errors.New("redis: no answer in the time that a request may take")

// timers are reused, which costs less than a new timer for each call.
var timers = sync.Pool{New: func() any { return time.NewTimer(time.Hour) }}

// within calls f with a channel that is ready after a time; 0 is never.
func within[R any](d time.Duration, f func(late <-chan time.Time) (R, error)) (R, error) {
	if d <= 0 {
		return f(nil)
	}
	timer := timers.Get().(*time.Timer)
	timer.Reset(d)
	defer func() {
		timer.Stop()
		timers.Put(timer)
	}()
	return f(timer.C)
}

// await makes a call and returns when it is done, when its context ends, or with errTimeout
// when it is late. go-redis checks a context before a command, not while it waits for the reply
// (only at its deadline, and only if the client is configured so). A server that does not
// answer would therefore hold the caller for as long as the client's timeouts and retries
// take. The call goes on in the background for that long; [Calls.Wait] waits for it.
func await[R any](ctx context.Context, c *Calls, late <-chan time.Time, call func() R) (r R, err error) {
	done := make(chan R, 1)
	c.submit(func() { done <- call() })
	select {
	case r = <-done:
		return r, nil
	case <-ctx.Done():
		return r, ctx.Err()
	case <-late:
		return r, errTimeout
	}
}

// Await makes a call, and returns before it is done if its context ends or its time is up.
func Await[R any](ctx context.Context, c *Calls, call func() R) (R, error) {
	if ctx.Done() == nil && c.limit == 0 {
		return call(), nil
	}
	r, err := within(c.limit, func(late <-chan time.Time) (R, error) { return await(ctx, c, late, call) })
	return r, explainTimeout(err)
}

func explainTimeout(err error) error {
	if err == errTimeout {
		return unavailable(err, "no answer in time")
	}
	return err
}

// Do awaits a command. empty makes a command to hold an error.
func Do[C redis.Cmder](ctx context.Context, c *Calls, call func() C, empty func(context.Context, ...any) C) C {
	cmd, err := Await(ctx, c, call)
	return withError(ctx, c, cmd, err, empty)
}

// Read is Do for a command that changes nothing, which is sent again if no answer comes.
func Read[C redis.Cmder](ctx context.Context, c *Calls, call func(redis.UniversalClient) C, empty func(context.Context, ...any) C) C {
	cmd, err := readAlone(ctx, c, call)
	return withError(ctx, c, cmd, err, empty)
}

// ReadAll is Read for a pipeline of commands.
func ReadAll[C redis.Cmder](ctx context.Context, c *Calls, fill func(redis.Pipeliner) []C) ([]C, error) {
	cmds, err := readAlone(ctx, c, func(client redis.UniversalClient) []C {
		pipe := client.Pipeline()
		cmds := fill(pipe)
		_, _ = pipe.Exec(ctx) // each command has its own error
		return cmds
	})
	for _, cmd := range cmds {
		c.explainError(ctx, cmd)
	}
	return cmds, err
}

func readAlone[R any](ctx context.Context, c *Calls, call func(redis.UniversalClient) R) (R, error) {
	return read(ctx, c, func(late <-chan time.Time) (R, error) {
		return await(ctx, c, late, func() R { return call(c.client) })
	}, call)
}

// read makes a call that changes nothing. Since a connection can be dead without notice,
// the first attempt gets a second, or half of the time left if that is less. Without an
// answer by then a second attempt is made over a new connection. (attempt.Read does the
// same with a context of its own, which would make the read that every request makes
// slower.)
func read[R any](ctx context.Context, c *Calls, first func(late <-chan time.Time) (R, error), again func(redis.UniversalClient) R) (R, error) {
	limit := firstAttempt(ctx, c.limit)
	r, err := within(limit, first)
	if left := c.limit - limit; err == errTimeout && left > 0 && limit >= minAttempt {
		r, err = within(left, func(late <-chan time.Time) (R, error) {
			return await(ctx, c, late, func() R { return again(c.spareClient()) })
		})
	}
	return r, explainTimeout(err)
}

// minAttempt is the shortest first attempt. Less time would not do to open a connection,
// which would then be thrown away.
const minAttempt = 100 * time.Millisecond

// firstAttempt returns the time limit of the first attempt of a read, or of the only one.
func firstAttempt(ctx context.Context, limit time.Duration) time.Duration {
	left := limit
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	if left < 2*minAttempt {
		return limit
	}
	return min(attempt.Short, left/2)
}

// withError returns a command with its error explained, or a new one with the error of a
// call that was abandoned.
func withError[C redis.Cmder](ctx context.Context, c *Calls, cmd C, err error, empty func(context.Context, ...any) C) C {
	if err != nil {
		cmd = empty(ctx)
		cmd.SetErr(err)
		return cmd
	}
	c.explainError(ctx, cmd)
	return cmd
}

// explainError explains the error of a command, and remembers that the server has answered.
func (c *Calls) explainError(ctx context.Context, cmd redis.Cmder) {
	switch err := cmd.Err(); {
	case err != nil && err != redis.Nil:
		cmd.SetErr(c.explain(ctx, err))
	case !c.answered.Load():
		c.answered.Store(true)
	}
}

// spareIdle is how long a connection of the client for second attempts may have been idle:
// less than a first attempt waits, so that it was alive when that began.
const spareIdle = minAttempt / 2

// spareClient returns a client for second attempts, whose connections are new or were just
// used: all connections of the store's own client may have died together.
func (c *Calls) spareClient() redis.UniversalClient {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spare == nil {
		c.spare = newSpare(c.client)
	}
	if c.spare == nil {
		return c.client
	}
	return c.spare
}

// newSpare returns another client of the same servers, nil for an unknown type of client.
func newSpare(client redis.UniversalClient) redis.UniversalClient {
	switch client := client.(type) {
	case *redis.Client:
		o := *client.Options()
		o.MinIdleConns, o.ConnMaxIdleTime, o.PipelinePoolSize = 0, spareIdle, -1
		o.ClientSideCacheConfig, o.ClientSideCache = nil, nil
		return redis.NewClient(&o)
	case *redis.ClusterClient:
		o := *client.Options()
		o.MinIdleConns, o.ConnMaxIdleTime, o.PipelinePoolSize = 0, spareIdle, -1
		return redis.NewClusterClient(&o)
	}
	return nil
}

// Ping asks whether the server answers.
func (c *Calls) Ping(ctx context.Context) error {
	cmd := Read(ctx, c, func(client redis.UniversalClient) *redis.StatusCmd { return client.Ping(ctx) }, redis.NewStatusCmd)
	return Failure(cmd.Err())
}

// Processor is what a command is sent by: a client, or a pipeline that collects commands.
type Processor interface {
	redis.Scripter
	// Process sends any command.
	Process(ctx context.Context, cmd redis.Cmder) error
}

// NoRetry sends scripts and other commands that a client must not repeat by itself: the second attempt
// of one that takes something away would find nothing.
type NoRetry struct{ Processor }

// EvalSha runs a script that the server has.
func (c NoRetry) EvalSha(ctx context.Context, hash string, keys []string, args ...any) *redis.Cmd {
	return c.script(ctx, "evalsha", hash, keys, args)
}

// Eval runs a script by its text.
func (c NoRetry) Eval(ctx context.Context, text string, keys []string, args ...any) *redis.Cmd {
	return c.script(ctx, "eval", text, keys, args)
}

func (c NoRetry) script(ctx context.Context, name, script string, keys []string, args []any) *redis.Cmd {
	all := append(make([]any, 0, 3+len(keys)+len(args)), name, script, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	cmd.SetFirstKeyPos(3)
	_ = c.Process(ctx, noRetry{cmd}) // the command has the error
	return cmd
}

// Do sends any command.
func (c NoRetry) Do(ctx context.Context, args ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, args...)
	_ = c.Process(ctx, noRetry{cmd}) // the command has the error
	return cmd
}

type noRetry struct{ *redis.Cmd }

// NoRetry tells the client so.
func (noRetry) NoRetry() bool { return true }
