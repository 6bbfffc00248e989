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

// shared are commands of which those that wait at the same time share a pipeline: see package
// batch. On a Cluster only those do that are for one server, so that a server which does not answer
// holds up nobody else.
//
// What a pipeline does not answer is sent again alone: the client repeats by what is said of one command.
// It does not repeat the pipeline (see NoRetry): a ClusterClient would do so if its first command is to be
// repeated, and send one that was redirected twice, at the same time and into the same memory.
type shared[K comparable, V any] struct {
	calls          *Calls
	inFlight, size int // 0 in flight: each command goes alone
	ask            func(context.Context, []K) (map[K]V, error)
	answered       func(V) bool // by a pipeline
	// located says that the client knows the servers of a Cluster: to ask for them takes requests.
	located atomic.Bool

	mu     sync.Mutex
	groups map[string]*batch.Group[K, V] // by the address of a server; "" if there is one only
	closed bool
}

func newShared[K comparable, V any](c *Calls, inFlight, size int, ask func(context.Context, []K) (map[K]V, error), answered func(V) bool) *shared[K, V] {
	return &shared[K, V]{calls: c, inFlight: inFlight, size: size, ask: ask, answered: answered, groups: map[string]*batch.Group[K, V]{}}
}

// send sends a command alone, or together with others. place is the key that says on which server
// of a Cluster. alone reports whether the server has answered.
func (s *shared[K, V]) send(ctx context.Context, command K, place string, late <-chan time.Time, alone func() (V, bool)) (V, error) {
	group, err := s.group(ctx, place)
	switch {
	case err != nil:
		var none V
		return none, err
	case group == nil:
		return s.alone(ctx, late, alone)
	case group.Enter():
		defer group.Leave()
		return s.alone(ctx, late, alone)
	}
	got, err := group.GetBefore(ctx, command, late)
	switch {
	case errors.Is(err, batch.ErrLate):
		return got, errTimeout
	case err == nil && !s.answered(got):
		return s.alone(ctx, late, alone)
	}
	return got, err
}

func (s *shared[K, V]) alone(ctx context.Context, late <-chan time.Time, alone func() (V, bool)) (V, error) {
	return await(ctx, s.calls, late, func() V {
		got, answered := alone()
		if answered && !s.located.Load() {
			s.located.Store(true)
		}
		return got
	})
}

// group returns those that a command may go together with: nil if it has to go alone.
func (s *shared[K, V]) group(ctx context.Context, place string) (*batch.Group[K, V], error) {
	if s.inFlight == 0 {
		return nil, nil
	}
	address := ""
	if cluster, ok := s.calls.client.(*redis.ClusterClient); ok {
		if !s.located.Load() {
			return nil, nil
		}
		server, err := cluster.MasterForKey(ctx, place)
		if err != nil {
			return nil, nil //nolint:nilerr // the client says so again, or finds a server by then
		}
		address = server.Options().Addr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, adapter.ErrClosed
	}
	group := s.groups[address]
	if group == nil {
		group = batch.New(s.inFlight, s.size, s.ask)
		s.groups[address] = group
	}
	return group, nil
}

// Close has those who wait get [adapter.ErrClosed], and waits for the pipelines that are under way.
func (s *shared[K, V]) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	var closing sync.WaitGroup
	for _, group := range s.groups {
		closing.Go(group.Close)
	}
	closing.Wait()
}
