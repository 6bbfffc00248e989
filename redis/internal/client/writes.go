package client

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Write is a script that changes data, and knows when it is sent a second time.
type Write struct {
	Script *Script
	Keys   []string // the first one says on which server of a Cluster it is sent
	Args   []any
}

// Writes are short scripts that change data, of which those that wait at the same time share a
// pipeline.
type Writes struct{ *shared[*Write, *redis.Cmd] }

// NewWrites returns writes of which at most inFlight pipelines, each of at most size scripts, are
// under way at a time on one server. With inFlight 0 each script goes alone.
func NewWrites(c *Calls, inFlight, size int) *Writes {
	w := &Writes{}
	w.shared = newShared(c, inFlight, size, w.ask, func(cmd *redis.Cmd) bool { return cmd != nil })
	return w
}

// largeWrite is the length of arguments, in bytes, with which a script goes alone.
const largeWrite = 16 << 10

// Do returns the reply to a script. alone sends it by itself.
func (w *Writes) Do(ctx context.Context, one *Write, alone func() *redis.Cmd) *redis.Cmd {
	if one.size() > largeWrite {
		return Do(ctx, w.calls, alone, redis.NewCmd)
	}
	cmd, err := within(w.calls.limit, func(late <-chan time.Time) (*redis.Cmd, error) {
		return w.send(ctx, one, one.Keys[0], late, func() (*redis.Cmd, bool) {
			cmd := alone()
			return cmd, cmd.Err() == nil
		})
	})
	return withError(ctx, w.calls, cmd, explainTimeout(err), redis.NewCmd)
}

// size returns the length of the arguments that are text.
func (w *Write) size() (n int) {
	for _, arg := range w.Args {
		switch arg := arg.(type) {
		case string:
			n += len(arg)
		case []byte:
			n += len(arg)
		}
	}
	return n
}

// ask sends several scripts in one pipeline. Those that were not executed, or have no answer, are
// left out: they are sent again alone. Another error is final, since a script that is sent again
// takes the first attempt for done.
func (w *Writes) ask(ctx context.Context, all []*Write) (map[*Write]*redis.Cmd, error) {
	pipe, answers := w.calls.client.Pipeline(), make(map[*Write]*redis.Cmd, len(all))
	cmds := make([]*redis.Cmd, len(all))
	for i, one := range all {
		cmds[i] = one.Script.EvalSha(ctx, NoRetry{pipe}, one.Keys, one.Args...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for i, one := range all {
		if isAnswer(cmds[i].Err()) {
			answers[one] = cmds[i]
		}
	}
	return answers, nil
}

// isAnswer reports whether an error is what a server says of a script that it has executed.
func isAnswer(err error) bool {
	var said redis.Error
	if err == nil {
		return true
	}
	if !errors.As(err, &said) {
		return false
	}
	_, moved := redis.IsMovedError(err)
	_, asks := redis.IsAskError(err)
	return !moved && !asks && !redis.HasErrorPrefix(err, "NOSCRIPT") && !redis.IsLoadingError(err) && !redis.IsReadOnlyError(err) &&
		!redis.IsClusterDownError(err) && !redis.IsMasterDownError(err) && !redis.IsTryAgainError(err) &&
		!redis.IsMaxClientsError(err) && !redis.IsNoReplicasError(err)
}
