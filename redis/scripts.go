package redis

import (
	"context"
	"embed"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

//go:embed lua/*.lua
var lua embed.FS

// The scripts, each one atomic step in one hash slot, or over all of them on a
// single server.
var (
	claimScript     = load("claim")
	verifyScript    = load("verify")
	takeoverScript  = load("takeover")
	releaseScript   = load("release")
	userCreate      = load("user_create")
	userByEmail     = load("user_by_email")
	userUpdate      = load("user_update")
	userDelete      = load("user_delete")
	usersScan       = load("users_scan")
	ownedCreate     = load("owned_create")
	ownedGet        = load("owned_get")
	ownedUpdate     = load("owned_update")
	ownedCount      = load("owned_count")
	ownedDelete     = load("owned_delete")
	sessionCreate   = load("session_create")
	sessionGet      = load("session_get")
	sessionUpdate   = load("session_update")
	sessionTouch    = load("session_touch")
	sessionDelete   = load("session_delete")
	sessionsList    = load("sessions_list")
	sessionsDelete  = load("sessions_delete")
	sessionsDismiss = load("sessions_dismiss")
	linkCreate      = load("link_create")
	linkUse         = load("link_use")
	linksDelete     = load("links_delete")
)

func load(name string) *client.Script { return &client.Script{Lua: &lua, Name: name} }

// write runs a script that keeps its answer in the slot of a user or an identifier: the
// client repeats commands by itself, and their first attempt may arrive last.
func (s *store) write(ctx context.Context, script *client.Script, tag string, keys []string, args ...any) *redis.Cmd {
	return s.run(ctx, script, append(keys, s.answerKey(tag)), args...)
}

// run runs a script on the slot of its keys.
func (s *store) run(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	all := s.arguments(args)
	return s.judged(client.Prompt(ctx, &s.calls, func() *redis.Cmd {
		return together(ctx, func() *redis.Cmd { return s.send(ctx, script, keys, all) })
	}, redis.NewCmd))
}

// query runs a script that changes nothing.
func (s *store) query(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	all := s.arguments(args)
	return s.judged(client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.Cmd {
		return together(ctx, func() *redis.Cmd { return script.Run(ctx, c, keys, all...) })
	}, redis.NewCmd))
}

// send sends a script, by the client's own way of doing it where that serves.
func (s *store) send(ctx context.Context, script *client.Script, keys []string, args []any) *redis.Cmd {
	if s.replicas == 0 {
		return script.Run(ctx, s.client, keys, args...)
	}
	return script.Run(ctx, sender{store: s}, keys, args...)
}

// runOnce runs a script that the client must not repeat by itself: the second attempt of
// one that takes something away would find nothing.
func (s *store) runOnce(ctx context.Context, script *client.Script, keys []string, args ...any) *redis.Cmd {
	all := s.arguments(args)
	return s.judged(client.Prompt(ctx, &s.calls, func() *redis.Cmd {
		return script.Run(ctx, sender{store: s, once: true}, keys, all...)
	}, redis.NewCmd))
}

// sender sends scripts that are to be sent once, or waited for.
type sender struct {
	redis.Scripter // what else a Scripter does is not called
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
		cmd = unrepeated{result}
	}
	if s.replicas == 0 {
		_ = s.client.Process(ctx, cmd) // the command has the error
	} else {
		s.processAndWait(ctx, keys[0], cmd)
	}
	return result
}

// unrepeated is a command that the client does not repeat by itself.
type unrepeated struct{ *redis.Cmd }

// NoRetry tells the client.
func (unrepeated) NoRetry() bool { return true }

// arguments returns what every script is given, and args.
func (s *store) arguments(args []any) []any {
	return append(append(make([]any, 0, len(args)+2), s.prefix, s.single), args...)
}

// goneError says that a write was applied whose record is gone by now: its reply was lost,
// and the client asked again.
type goneError struct{}

func (goneError) Error() string { return "redis: the write was applied, and the record is gone since" }

// status returns the reply of a script that answers {status, …}, where … may have lists
// in it, which are flattened, or the same as words of one string.
func (s *store) status(cmd *redis.Cmd) (string, []string, error) {
	reply, err := cmd.Result()
	if err != nil {
		return "", nil, err
	}
	flat := flatten(nil, reply)
	if text, ok := reply.(string); ok {
		flat = strings.Fields(text)
	}
	if len(flat) == 0 {
		return "", nil, s.unreadable(cmd)
	}
	return flat[0], flat[1:], nil
}

// flatten appends the strings of a reply to all.
func flatten(all []string, reply any) []string {
	switch reply := reply.(type) {
	case string:
		return append(all, reply)
	case []any:
		for _, part := range reply {
			all = flatten(all, part)
		}
	}
	return all
}

// found returns the reply of a script that answers with a list, or nil for what is
// not there.
func found(cmd *redis.Cmd) ([]string, error) {
	reply, err := cmd.StringSlice()
	if errors.Is(err, redis.Nil) {
		return nil, adapter.ErrNotFound
	}
	return reply, err
}
