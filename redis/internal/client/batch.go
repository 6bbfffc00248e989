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

// Lookup is a command that looks for a record.
type Lookup interface {
	comparable
	// Send sends the command, or adds it to a pipeline.
	Send(ctx context.Context, to Sender) *redis.Cmd
	// Place returns the key that says on which server of a Cluster it is sent.
	Place() string
	// MGET returns the two keys that the command reads, if it is an MGET of two.
	MGET() (first, second string, ok bool)
}

// Lookups are commands that read, of which those that wait at the same time share a pipeline:
// see package batch. On a Cluster only those do that are for one server, so that a server which
// does not answer holds up nobody else. On one server those that are MGETs are one, of all their
// keys, which takes it and the client much less time than as many of two keys each.
type Lookups[K Lookup] struct {
	calls          *Calls
	inFlight, size int
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
func NewLookups[K Lookup](c *Calls, inFlight, size int) *Lookups[K] {
	return &Lookups[K]{calls: c, inFlight: inFlight, size: size, groups: map[string]*batch.Group[K, found]{}}
}

// Read returns the reply to a command. Equal commands may get the same one.
func (l *Lookups[K]) Read(ctx context.Context, key K) (any, error) {
	got, err := read(ctx, l.calls, func(late <-chan time.Time) (found, error) {
		return l.first(ctx, key, late)
	}, func(spare redis.UniversalClient) found {
		return l.outcome(ctx, key.Send(ctx, spare))
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
	got, err := await(ctx, l.calls, late, func() found { return l.outcome(ctx, key.Send(ctx, l.calls.client)) })
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
		server, err := cluster.MasterForKey(ctx, key.Place())
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
	pipe, answers := l.calls.client.Pipeline(), make(map[K]found, len(keys))
	together, others := l.split(keys)
	var all *redis.Cmd
	if len(together) > 0 {
		all = sendMGET(ctx, pipe, together)
	}
	cmds := make([]*redis.Cmd, len(others))
	for i, key := range others {
		cmds[i] = key.Send(ctx, NoRetry{pipe})
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	if all != nil {
		shareOut(all, together, answers)
	}
	for i, key := range others {
		value, err := cmds[i].Result()
		answers[key] = found{value, err, err != nil && err != redis.Nil}
	}
	return answers, nil
}

// split returns the commands that can be one MGET, which are on one server, and the others.
func (l *Lookups[K]) split(keys []K) (together, others []K) {
	if !l.calls.single {
		return nil, keys
	}
	for _, key := range keys {
		if _, _, ok := key.MGET(); ok {
			together = append(together, key)
		} else {
			others = append(others, key)
		}
	}
	return together, others
}

// sendMGET sends one MGET of two keys for each command.
func sendMGET[K Lookup](ctx context.Context, to Processor, commands []K) *redis.Cmd {
	args := make([]any, 1, 1+2*len(commands))
	args[0] = "mget"
	for _, c := range commands {
		first, second, _ := c.MGET()
		args = append(args, first, second)
	}
	return NoRetry{to}.Do(ctx, args...)
}

// shareOut gives each command its two values of the reply. Without a reply each is sent alone, since
// one key may be what the server has refused.
func shareOut[K Lookup](reply *redis.Cmd, commands []K, answers map[K]found) {
	values, err := reply.Slice()
	for i, c := range commands {
		if err != nil || len(values) != 2*len(commands) {
			answers[c] = found{apart: true}
			continue
		}
		answers[c] = found{value: values[2*i : 2*i+2 : 2*i+2]}
	}
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
