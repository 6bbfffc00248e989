// Package client is what the layouts have in common: calls that end when their context
// does, commands that are sent once, and the errors of the client as the contract's kinds.
package client

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Calls counts what runs in the background. Unlike a sync.WaitGroup it may be waited
// for while calls begin. The zero value is ready.
type Calls struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n comes to 0; nil if nobody waits
}

func (c *Calls) begin(f func()) {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	perform(func() {
		defer c.end()
		f()
	})
}

func (c *Calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// Wait returns when nothing runs.
func (c *Calls) Wait() {
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

// rest is how long a goroutine waits for its next job.
const rest = 100 * time.Millisecond

// jobs are handed over to goroutines that wait for one.
var jobs = make(chan func())

// perform runs a job in a goroutine that has done one before, if one is waiting. Its
// stack is as large by then as a command needs; that of a new one is moved several times
// on the way there, which takes more of the processor than all else that Await does.
func perform(job func()) {
	select {
	case jobs <- job:
	default:
		go work(job)
	}
}

func work(job func()) {
	timer := time.NewTimer(rest)
	defer timer.Stop()
	for {
		job()
		timer.Reset(rest)
		select {
		case job = <-jobs:
		case <-timer.C:
			return
		}
	}
}

// Await makes a call that ends when its context does. go-redis looks at a context
// before a command, not while it waits for a reply (only at its deadline, and only if
// the client was told to), so a server that does not answer would hold the caller for
// as long as the client's timeouts and retries take. The call then goes on in the
// background for that long; [Calls.Wait] waits for it.
func Await[R any](ctx context.Context, c *Calls, call func() R) (R, error) {
	if ctx.Done() == nil {
		return call(), nil
	}
	done := make(chan R, 1)
	c.begin(func() { done <- call() })
	select {
	case r := <-done:
		return r, nil
	case <-ctx.Done():
		var none R
		return none, ctx.Err()
	}
}

// Prompt awaits a command; empty makes one to hold the context's error.
func Prompt[C redis.Cmder](ctx context.Context, c *Calls, call func() C, empty func(context.Context, ...any) C) C {
	cmd, err := Await(ctx, c, call)
	if err != nil {
		cmd = empty(ctx)
		cmd.SetErr(err)
	}
	return cmd
}

// Once is a command that the client does not repeat by itself: the second attempt of
// one that takes something away would find nothing.
type Once struct{ *redis.StringCmd }

// NoRetry tells the client.
func (Once) NoRetry() bool { return true }
