package client

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
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

// Lookups are commands that read, of which those that wait at the same time share a pipeline. On
// one server those that are MGETs are one, of all their keys, which takes it and the client much
// less time than as many of two keys each.
type Lookups[K Lookup] struct{ *shared[K, found] }

// found is what was found by a command.
type found struct {
	value any
	err   error
	apart bool // the command has to be sent alone
}

// NewLookups returns lookups of which at most inFlight pipelines, each of at most size commands, are
// under way at a time on one server. With inFlight 0 each command goes alone.
func NewLookups[K Lookup](c *Calls, inFlight, size int) *Lookups[K] {
	l := &Lookups[K]{}
	l.shared = newShared(c, inFlight, size, l.ask, func(f found) bool { return !f.apart })
	return l
}

// Read returns the reply to a command. Equal commands may get the same one.
func (l *Lookups[K]) Read(ctx context.Context, key K) (any, error) {
	got, err := read(ctx, l.calls, func(late <-chan time.Time) (found, error) {
		return l.send(ctx, key, key.Place(), late, func() (found, bool) {
			got := l.outcome(ctx, key.Send(ctx, l.calls.client))
			return got, got.err == nil
		})
	}, func(spare redis.UniversalClient) found {
		return l.outcome(ctx, key.Send(ctx, spare))
	})
	if err != nil {
		return nil, err
	}
	return got.value, got.err
}

// outcome returns the reply to a command.
func (l *Lookups[K]) outcome(ctx context.Context, cmd *redis.Cmd) found {
	l.calls.explainError(ctx, cmd)
	return found{value: cmd.Val(), err: cmd.Err()}
}

// ask sends several commands in one pipeline. What that does not answer is sent again alone.
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
