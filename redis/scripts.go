package redis

import (
	"context"
	"embed"
	"errors"

	"github.com/redis/go-redis/v9"
	"github.com/tinylib/msgp/msgp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

//go:embed lua/*.lua
var lua embed.FS

// The scripts, each one atomic step in one hash slot, or over all of them on a
// single server.
var (
	claimScript        = load("claim")
	verifyScript       = load("verify")
	takeoverScript     = load("takeover")
	releaseScript      = load("release")
	userCreate         = load("user_create")
	userByEmail        = load("user_by_email")
	userUpdate         = load("user_update")
	userDelete         = load("user_delete")
	ownedCreate        = load("owned_create")
	ownedGet           = load("owned_get")
	ownedUpdate        = load("owned_update")
	ownedCount         = load("owned_count")
	ownedDelete        = load("owned_delete")
	sessionCreate      = load("session_create")
	sessionGet         = load("session_get")
	sessionUpdate      = load("session_update")
	sessionTouch       = load("session_touch")
	sessionDelete      = load("session_delete")
	sessionsList       = load("sessions_list")
	sessionsDelete     = load("sessions_delete")
	verificationCreate = load("token_create")
	verificationDelete = load("tokens_delete")
)

func load(name string) *redis.Script { return client.Script(lua, name) }

// run runs a script on the slot of its first key. EVALSHA comes first; the text is
// sent only to a server that does not have it.
func (s *store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) *redis.Cmd {
	all := make([]any, 0, len(args)+2)
	all = append(append(all, s.prefix, s.single), args...)
	return client.Prompt(ctx, &s.calls, func() *redis.Cmd {
		if s.replicas == 0 {
			return script.Run(ctx, s.client, keys, all...)
		}
		return s.runAndWait(ctx, script, keys, all)
	}, redis.NewCmd)
}

// runAndWait runs a script and has the server wait for replicas, on the same
// connection and in the same round trip.
func (s *store) runAndWait(ctx context.Context, script *redis.Script, keys []string, args []any) *redis.Cmd {
	pipe, err := s.pipelineFor(ctx, keys[0])
	if err != nil {
		return failed(ctx, err)
	}
	cmd := script.EvalSha(ctx, pipe, keys, args...)
	wait := s.wait(ctx, pipe)
	_, _ = pipe.Exec(ctx)
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		cmd = script.Eval(ctx, pipe, keys, args...)
		wait = s.wait(ctx, pipe)
		_, _ = pipe.Exec(ctx)
	}
	if err := s.acknowledged(wait); cmd.Err() == nil && err != nil {
		return failed(ctx, err)
	}
	return cmd
}

func failed(ctx context.Context, err error) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(err)
	return cmd
}

// wait adds WAIT to a pipeline.
func (s *store) wait(ctx context.Context, pipe redis.Pipeliner) *redis.Cmd {
	return pipe.Do(ctx, "WAIT", s.replicas, s.waitTimeout.Milliseconds())
}

// errReplicas says that too few replicas have a write, which the primary has.
var errReplicas = errors.New("redis: the write was applied, but too few replicas acknowledged it in time")

func (s *store) acknowledged(wait *redis.Cmd) error {
	n, err := wait.Int()
	if err == nil && n < s.replicas {
		err = errReplicas
	}
	return err
}

// pipelineFor returns a pipeline on the server that has a key.
func (s *store) pipelineFor(ctx context.Context, key string) (redis.Pipeliner, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return s.client.Pipeline(), nil
	}
	node, err := cluster.MasterForKey(ctx, key)
	if err != nil {
		return nil, err
	}
	return node.Pipeline(), nil
}

// status returns the reply of a script that answers {status, …}, where … may have lists
// in it, which are flattened, or one string, which is short for {"OK", string}.
func status(cmd *redis.Cmd) (string, []string, error) {
	reply, err := cmd.Result()
	if err != nil {
		return "", nil, err
	}
	if text, ok := reply.(string); ok {
		return "OK", []string{text}, nil
	}
	flat := flatten(nil, reply)
	if len(flat) == 0 {
		return "", nil, client.ErrRecord
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

// packed returns strings as a MessagePack list.
func packed(v ...string) []byte {
	b := msgp.AppendArrayHeader(nil, uint32(len(v)))
	for _, e := range v {
		b = msgp.AppendString(b, e)
	}
	return b
}
