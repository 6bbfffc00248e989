package client

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/batch"
)

// Sender is what sends one command: a client, or a pipeline that collects them.
type Sender interface {
	redis.Scripter
	// Do sends any command.
	Do(ctx context.Context, args ...any) *redis.Cmd
}

// Lookups are commands that read, of which those that wait at the same time share a pipeline:
// see package batch. On a Cluster only those do that are for one server, so that a server which
// does not answer holds up nobody else.
type Lookups[K comparable] struct {
	calls          *Calls
	inFlight, size int
	// send sends a command, and keyOf returns the key of Redis that says on which server.
	send  func(context.Context, Sender, K) *redis.Cmd
	keyOf func(K) string
	// located says that the client knows the servers of a Cluster: to ask for them takes requests.
	located atomic.Bool

	mu     sync.Mutex
	groups map[string]*batch.Group[K, found] // by the address of a server; "" if there is one only
	closed bool
}

// found is what was found by a command.
type found struct {
	value any
	err   error
	apart bool // the command has to be sent alone
}

// NewLookups returns lookups of which at most inFlight pipelines, each of at most size commands, are
// under way at a time on one server. With inFlight 0 each command goes alone.
func NewLookups[K comparable](c *Calls, inFlight, size int, send func(context.Context, Sender, K) *redis.Cmd, keyOf func(K) string) *Lookups[K] {
	return &Lookups[K]{calls: c, inFlight: inFlight, size: size, send: send, keyOf: keyOf, groups: map[string]*batch.Group[K, found]{}}
}

// Read returns the reply to a command. Equal commands may get the same one.
func (l *Lookups[K]) Read(ctx context.Context, key K) (any, error) {
	got, err := read(ctx, l.calls, func(late <-chan time.Time) (found, error) {
		return l.first(ctx, key, late)
	}, func(spare redis.UniversalClient) found {
		return l.outcome(ctx, l.send(ctx, spare, key))
	})
	if err != nil {
		return nil, err
	}
	return got.value, got.err
}

// first makes the first attempt at a command: alone, or together with others.
func (l *Lookups[K]) first(ctx context.Context, key K, late <-chan time.Time) (found, error) {
	group, err := l.group(ctx, key)
	if err != nil {
		return found{}, err
	}
	if group == nil {
		return l.alone(ctx, key, late)
	}
	if group.Enter() {
		defer group.Leave()
		return l.alone(ctx, key, late)
	}
	switch got, err := group.GetBefore(ctx, key, late); {
	case errors.Is(err, batch.ErrLate):
		return found{}, errTimeout
	case err == nil && got.apart:
		return l.alone(ctx, key, late)
	default:
		return got, err
	}
}

func (l *Lookups[K]) alone(ctx context.Context, key K, late <-chan time.Time) (found, error) {
	got, err := await(ctx, l.calls, late, func() found { return l.outcome(ctx, l.send(ctx, l.calls.client, key)) })
	if err == nil && got.err == nil && !l.located.Load() {
		l.located.Store(true)
	}
	return got, err
}

// outcome returns the reply to a command.
func (l *Lookups[K]) outcome(ctx context.Context, cmd *redis.Cmd) found {
	l.calls.explainError(ctx, cmd)
	return found{value: cmd.Val(), err: cmd.Err()}
}

// group returns those that a command may go together with: nil if it has to go alone.
func (l *Lookups[K]) group(ctx context.Context, key K) (*batch.Group[K, found], error) {
	if l.inFlight == 0 {
		return nil, nil
	}
	address := ""
	if cluster, ok := l.calls.client.(*redis.ClusterClient); ok {
		if !l.located.Load() {
			return nil, nil
		}
		server, err := cluster.MasterForKey(ctx, l.keyOf(key))
		if err != nil {
			return nil, nil //nolint:nilerr // the client says so again, or finds a server by then
		}
		address = server.Options().Addr
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, adapter.ErrClosed
	}
	group := l.groups[address]
	if group == nil {
		group = batch.New(l.inFlight, l.size, l.ask)
		l.groups[address] = group
	}
	return group, nil
}

// ask sends several commands in one pipeline. What that does not answer is sent again alone: the client repeats
// by what is said of one command. It does not repeat the pipeline: a ClusterClient would do so if its first command
// is to be repeated, and send one that was redirected twice, at the same time and into the same memory.
func (l *Lookups[K]) ask(ctx context.Context, keys []K) (map[K]found, error) {
	pipe, cmds := l.calls.client.Pipeline(), make([]*redis.Cmd, len(keys))
	for i, key := range keys {
		cmds[i] = l.send(ctx, NoRetry{pipe}, key)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	answers := make(map[K]found, len(keys))
	for i, key := range keys {
		value, err := cmds[i].Result()
		answers[key] = found{value, err, err != nil && err != redis.Nil}
	}
	return answers, nil
}

// Close has those who wait get [adapter.ErrClosed], and waits for the pipelines that are under way.
func (l *Lookups[K]) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	var closing sync.WaitGroup
	for _, group := range l.groups {
		closing.Go(group.Close)
	}
	closing.Wait()
}
