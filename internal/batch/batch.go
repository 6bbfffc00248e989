// Package batch lets calls that are made at the same time share one request to a store.
//
// A call that comes while fewer requests are in flight than may be goes at once, alone. Those
// that come meanwhile wait, and go together when one returns: the busier the store, the more of
// them share a request. Nobody waits for a timer, or for company. A call only ever joins a
// request that is sent after it began, so it sees all that was written before it.
package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Group gathers calls of one kind. Keys are asked for in the order in which they came, equal
// ones once.
type Group[K comparable, V any] struct {
	ask            func(context.Context, []K) (map[K]V, error)
	inFlight, size int
	requests       sync.WaitGroup

	mu      sync.Mutex // of what follows, and of calls and requests
	sent    int        // requests in flight for which somebody waits
	waiting []*call[K, V]
	byKey   map[K]*call[K, V] // those that wait
	closed  bool
}

// call is one key, for all who ask for it together.
type call[K comparable, V any] struct {
	key     K
	callers int
	in      *request[K, V] // nil: it waits
	done    chan struct{}  // closed when there is an outcome
	outcome[V]
}

type outcome[V any] struct {
	value    V
	err      error
	panicked any
}

// request is one in flight.
type request[K comparable, V any] struct {
	calls  []*call[K, V]
	wanted int // calls for which somebody waits
	over   bool
	cancel context.CancelFunc
}

// New returns a group of which at most inFlight requests are made at a time, each for at
// most size keys. ask makes one, and returns what there is by key. Its context has no values and
// no deadline; it ends when all who wait for the request have left. Such a request does not
// count among those in flight any more: one that hangs holds up nobody who comes later.
func New[K comparable, V any](inFlight, size int, ask func(ctx context.Context, keys []K) (map[K]V, error)) *Group[K, V] {
	return &Group[K, V]{ask: ask, inFlight: inFlight, size: size, byKey: map[K]*call[K, V]{}}
}

// Get returns what ask does for a key: the zero value if it returns none, the error if it fails
// as a whole. A panic of ask is one of every caller's. Who leaves, as its context ends, harms no other.
// Callers with equal keys may get the same value, which none of them may change.
func (g *Group[K, V]) Get(ctx context.Context, key K) (V, error) { return g.GetBefore(ctx, key, nil) }

// ErrLate says that there was no outcome in time.
var ErrLate = errors.New("batch: no outcome in time")

// GetBefore is Get, and leaves with [ErrLate] as soon as late is ready.
func (g *Group[K, V]) GetBefore(ctx context.Context, key K, late <-chan time.Time) (V, error) {
	var none V
	if err := ctx.Err(); err != nil {
		return none, err
	}
	c, err := g.join(key)
	if err != nil {
		return none, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		g.leave(c)
		return none, ctx.Err()
	case <-late:
		g.leave(c)
		return none, ErrLate
	}
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.value, c.err
}

// Enter reports whether a call is alone: no request is in flight. Its caller makes that request, and calls Leave when
// it is over, or when he does not wait for it any more. It counts among those in flight; Close does not wait for it.
func (g *Group[K, V]) Enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.sent > 0 {
		return false
	}
	g.sent++
	return true
}

// IsBusy reports whether a call would not be alone: a request is in flight, or the group is closed.
func (g *Group[K, V]) IsBusy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed || g.sent > 0
}

// Leave ends what Enter began.
func (g *Group[K, V]) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent--
	g.send()
}

func (g *Group[K, V]) join(key K) (*call[K, V], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, adapter.ErrClosed
	}
	c := g.byKey[key]
	if c == nil {
		c = &call[K, V]{key: key, done: make(chan struct{})}
		g.byKey[key] = c
		g.waiting = append(g.waiting, c)
	}
	c.callers++
	g.send()
	return c, nil
}

func (g *Group[K, V]) leave(c *call[K, V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.callers--; c.callers > 0 || c.in == nil {
		return // what nobody waits for any more is not sent
	}
	if c.in.wanted--; c.in.wanted == 0 {
		c.in.cancel()
		g.end(c.in)
	}
}

// send makes requests for those who wait, as many as may be.
func (g *Group[K, V]) send() {
	for g.sent < g.inFlight {
		calls := g.next()
		if len(calls) == 0 {
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		r := &request[K, V]{calls: calls, wanted: len(calls), cancel: cancel}
		for _, c := range calls {
			c.in = r
		}
		g.sent++
		g.requests.Go(func() { g.do(ctx, r) })
	}
}

// next takes those who have waited longest.
func (g *Group[K, V]) next() (calls []*call[K, V]) {
	for len(g.waiting) > 0 && len(calls) < g.size {
		c := g.waiting[0]
		g.waiting[0], g.waiting = nil, g.waiting[1:]
		delete(g.byKey, c.key)
		if c.callers > 0 {
			calls = append(calls, c)
		}
	}
	return calls
}

var errExited = errors.New("batch: the goroutine of a request has exited")

func (g *Group[K, V]) do(ctx context.Context, r *request[K, V]) {
	keys := make([]K, len(r.calls))
	for i, c := range r.calls {
		keys[i] = c.key
	}
	answers, err := map[K]V(nil), errExited
	defer func() {
		var panicked any
		if p := recover(); p != nil {
			panicked = fmt.Sprintf("%v\n\n%s", p, debug.Stack())
		}
		r.cancel()
		for _, c := range r.calls {
			c.outcome = outcome[V]{answers[c.key], err, panicked}
			close(c.done)
		}
		runtime.Gosched() // who comes back at once goes with the others, not alone
		g.mu.Lock()
		defer g.mu.Unlock()
		g.end(r)
		if panicked != nil && r.wanted == 0 {
			panic(panicked) // there is no caller to have it
		}
	}()
	answers, err = g.ask(ctx, keys)
}

// end has a request count no more.
func (g *Group[K, V]) end(r *request[K, V]) {
	if !r.over {
		r.over = true
		g.sent--
		g.send()
	}
}

// Close waits for the requests in flight, whose callers get their answers. Those who wait for
// one to be sent get [adapter.ErrClosed], and so does every later call.
func (g *Group[K, V]) Close() {
	g.mu.Lock()
	waiting := g.waiting
	g.closed, g.waiting, g.byKey = true, nil, nil
	g.mu.Unlock()
	for _, c := range waiting {
		c.err = adapter.ErrClosed
		close(c.done)
	}
	g.requests.Wait()
}
