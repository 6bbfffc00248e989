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

// With Options.WaitReplicas a write and WAIT go over one connection in one round trip:
// WAIT is about what its own connection has written. On a Cluster that takes a connection
// to the server that has the key, on which the client follows no key that has moved.

// redirects is how often a write follows its key, or looks for it anew.
const redirects = 5

// processAndWait sends a command and has the server wait for replicas.
func (s *store) processAndWait(ctx context.Context, key string, cmd redis.Cmder) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		s.sendAndWait(ctx, s.client.Pipeline(), cmd)
		return
	}
	node, err := cluster.MasterForKey(ctx, key)
	asking, pause := false, firstPause
	for range redirects {
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
			if !elsewhere(cmd) || sleep(ctx, pause) != nil {
				return
			}
			pause *= 4
		}
		node, err = locate(ctx, cluster, key, address)
	}
}

// sendAndWait sends a command and WAIT. The command has the error of both.
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

// errReplicas says that too few replicas have a write, which the primary has.
var errReplicas = errors.New("redis: the write was applied, but too few replicas acknowledged it in time")

// acknowledged returns nil if enough replicas have a write. A server that is not a primary
// any more says UNBLOCKED.
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

// redirected returns where a server sends a command to, and whether that is for the time
// that a slot moves.
func redirected(err error) (asking bool, address string) {
	asking = redis.HasErrorPrefix(err, "ASK ")
	if !asking && !redis.HasErrorPrefix(err, "MOVED ") {
		return false, ""
	}
	text := err.Error()
	return asking, text[strings.LastIndexByte(text, ' ')+1:]
}

// elsewhere reports whether a command may be tried on the server that has its key by now:
// the one that it was sent to did not take it, or is gone and the command may be repeated.
func elsewhere(cmd redis.Cmder) bool {
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

// locate returns the server of a cluster with an address, or without one the server that
// has a key as the cluster says now.
func locate(ctx context.Context, cluster *redis.ClusterClient, key, address string) (*redis.Client, error) {
	var found atomic.Pointer[redis.Client]
	err := cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error { // asks the cluster first
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
