package redis

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// With Options.WaitReplicas a write and WAIT go over one connection in one round trip, since
// WAIT covers what its own connection has written. On a Cluster that needs a connection to
// the server that has the key, on which the client does not follow a key that has moved.

// maxRedirects is how often a write follows its key to another server, or looks for it
// again.
const maxRedirects = 5

// processAndWait sends a command and makes the server wait for replicas.
func (s *store) processAndWait(ctx context.Context, key string, cmd redis.Cmder) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		s.sendAndWait(ctx, s.client.Pipeline(), cmd)
		return
	}
	node, err := cluster.MasterForKey(ctx, key)
	asking, pause := false, firstPause
	for range maxRedirects {
		if err != nil {
			cmd.SetErr(err)
			return
		}
		pipe := node.Pipeline()
		if asking {
			pipe.Do(ctx, "ASKING")
		}
		s.sendAndWait(ctx, pipe, cmd)
		var address string
		if asking, address = redirected(cmd.Err()); address == "" {
			if !canRetryElsewhere(cmd) || sleep(ctx, pause) != nil {
				return
			}
			pause *= 4
		}
		node, err = locate(ctx, cluster, key, address)
	}
}

// sendAndWait sends a command and WAIT. The command gets the error of both.
func (s *store) sendAndWait(ctx context.Context, pipe redis.Pipeliner, cmd redis.Cmder) {
	_ = pipe.Process(ctx, cmd)
	wait := pipe.Do(ctx, "WAIT", s.replicas, s.waitTimeout.Milliseconds())
	_, _ = pipe.Exec(ctx) // each command has its own error
	if cmd.Err() == nil || errors.Is(cmd.Err(), redis.Nil) {
		if err := s.acknowledged(wait); err != nil {
			cmd.SetErr(err)
		}
	}
}

// errReplicas says that the primary has a write, and too few replicas have it.
var errReplicas = errors.New("redis: the write was applied, but too few replicas acknowledged it in time")

// acknowledged returns nil if enough replicas have a write. A server that has stopped being
// a primary answers UNBLOCKED.
func (s *store) acknowledged(wait *redis.Cmd) error {
	n, err := wait.Int()
	if err == nil && n < s.replicas {
		return errReplicas
	}
	if redis.HasErrorPrefix(err, "UNBLOCKED") {
		return driver.Caused(adapter.ErrUnavailable, err)
	}
	return err
}

// redirected returns the address that a server redirects a command to, and whether ASKING
// has to go first.
func redirected(err error) (asking bool, address string) {
	asking = redis.HasErrorPrefix(err, "ASK ")
	if !asking && !redis.HasErrorPrefix(err, "MOVED ") {
		return false, ""
	}
	text := err.Error()
	return asking, text[strings.LastIndexByte(text, ' ')+1:]
}

// canRetryElsewhere reports whether a command can be sent to the server that has its key by
// now: the first server refused it, or is gone and the command can be repeated.
func canRetryElsewhere(cmd redis.Cmder) bool {
	err := cmd.Err()
	if err == nil || errors.Is(err, redis.Nil) || errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, errReplicas) {
		return false
	}
	if reply := redis.Error(nil); errors.As(err, &reply) {
		return redis.HasErrorPrefix(err, "READONLY") || redis.HasErrorPrefix(err, "CLUSTERDOWN") ||
			redis.HasErrorPrefix(err, "MASTERDOWN") || redis.HasErrorPrefix(err, "LOADING")
	}
	return !cmd.NoRetry()
}

// locate returns the server of a Cluster with an address, or without one the server that
// now has a key.
func locate(ctx context.Context, cluster *redis.ClusterClient, key, address string) (*redis.Client, error) {
	var found atomic.Pointer[redis.Client]
	err := cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error { // reloads the slots first
		if c.Options().Addr == address {
			found.Store(c)
		}
		return nil
	})
	if node := found.Load(); node != nil || err != nil {
		return node, err
	}
	return cluster.MasterForKey(ctx, key)
}
