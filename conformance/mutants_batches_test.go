package conformance_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
)

// batchMutants answer reads at the same time together, and wrongly.
var batchMutants = []mutant{
	{"two reads at the same time get each other's session", []string{"BAT-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &swapsAnswers{base: base{inner}}
	}},
	{"two reads of one key at the same time get one map", []string{"BAT-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &sharesMemory{base: base{inner}}
	}},
	{"a caller who leaves ends the request for all", []string{"BAT-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &sharesErrors{base: base{inner}, kind: context.Canceled}
	}},
	{"a key that is not there is the error of all", []string{"BAT-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &sharesErrors{base: base{inner}, kind: adapter.ErrNotFound}
	}},
	{"a record that cannot be read is the error of all", []string{"FOR-028"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &sharesErrors{base: base{inner}, kind: adapter.ErrUnreadable}
	}},
	{"a read joins one of the same key that is on its way", []string{"BAT-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &joinsLate{base: base{inner}, flights: map[string]*flight{}}
	}},
	{"a read that waits when the adapter is closed waits on", []string{"BAT-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return waitsOn{base{inner}}
	}},
	{"a read beside Close gets nothing, and no error", []string{"BAT-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return answersNothing{base{inner}}
	}},
	{"a request goes on after its callers have left, and after Close", []string{"BAT-007"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return outlives{base{inner}}
	}},
	{"a taken token is the conflict of all who sign in", []string{"BAT-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &sharesErrors{base: base{inner}, kind: adapter.ErrConflict}
	}},
	{"a caller who leaves ends the write for all", []string{"BAT-009"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &sharesErrors{base: base{inner}, kind: context.Canceled}
	}},
}

// crowd is the calls that are made at the same time.
type crowd struct {
	mu  sync.Mutex
	now int
	u   *adapter.User // of one of them
	err error         // of one of them
}

// enter returns what is to be called at the end of a call.
func (c *crowd) enter() (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.now--; c.now == 0 {
			c.u, c.err = nil, nil
		}
	}
}

type swapsAnswers struct {
	base
	crowd crowd
}

func (m *swapsAnswers) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	defer m.crowd.enter()()
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	pause()
	m.crowd.mu.Lock()
	defer m.crowd.mu.Unlock()
	if other := m.crowd.u; other != nil && err == nil {
		m.crowd.u = &u
		return s, *other, nil
	}
	m.crowd.u = &u
	return s, u, err
}

// sharesMemory returns to those who read at the same time what the first one got.
type sharesMemory struct {
	base
	crowd crowd
}

func (m *sharesMemory) GetUser(ctx context.Context, id string) (adapter.User, error) {
	defer m.crowd.enter()()
	u, err := m.Adapter.GetUser(ctx, id)
	pause()
	m.crowd.mu.Lock()
	defer m.crowd.mu.Unlock()
	if first := m.crowd.u; err == nil && first != nil && first.ID == id {
		return *first, nil
	}
	if err == nil {
		m.crowd.u = &u
	}
	return u, err
}

// sharesErrors returns to those who read at the same time an error of one of them.
type sharesErrors struct {
	base
	kind  error
	crowd crowd
}

func (m *sharesErrors) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	defer m.crowd.enter()()
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	if m.kind == context.Canceled {
		pause()
		err = errors.Join(err, ctx.Err())
	}
	m.crowd.share(m.kind, err)
	pause()
	if shared := m.crowd.shared(); shared != nil {
		return adapter.Session{}, adapter.User{}, fail(ctx, "GetSessionAndUser", shared)
	}
	return s, u, err
}

func (m *sharesErrors) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	defer m.crowd.enter()()
	s, err := m.Adapter.CreateSession(ctx, s)
	if m.kind == context.Canceled {
		pause()
		err = errors.Join(err, ctx.Err())
	}
	m.crowd.share(m.kind, err)
	pause()
	if shared := m.crowd.shared(); shared != nil {
		return adapter.Session{}, fail(ctx, "CreateSession", shared)
	}
	return s, err
}

func (c *crowd) share(kind, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(err, kind) {
		c.err = err
	}
}

func (c *crowd) shared() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// flight is a read that others may join.
type flight struct {
	done chan struct{}
	u    adapter.User
	err  error
}

type joinsLate struct {
	base
	mu      sync.Mutex
	flights map[string]*flight
}

func (m *joinsLate) GetUser(ctx context.Context, id string) (adapter.User, error) {
	m.mu.Lock()
	f := m.flights[id]
	if f != nil {
		m.mu.Unlock()
		<-f.done
		return f.u, f.err
	}
	f = &flight{done: make(chan struct{})}
	m.flights[id] = f
	m.mu.Unlock()
	f.u, f.err = m.Adapter.GetUser(ctx, id)
	pause()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.flights, id)
	close(f.done)
	return f.u, f.err
}

// waitsOn has who reads beside Close wait until the context ends.
type waitsOn struct{ base }

func (m waitsOn) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if errors.Is(err, adapter.ErrClosed) {
		<-ctx.Done()
		return adapter.User{}, fail(ctx, "GetUser", ctx.Err())
	}
	return u, err
}

type answersNothing struct{ base }

func (m answersNothing) GetAuthenticator(ctx context.Context, id string) (adapter.Authenticator, error) {
	pause()
	a, err := m.Adapter.GetAuthenticator(ctx, id)
	if errors.Is(err, adapter.ErrClosed) {
		return adapter.Authenticator{}, nil
	}
	return a, err
}

// outlives makes a request beside its caller, which nobody ends.
type outlives struct{ base }

func (m outlives) GetUser(ctx context.Context, id string) (adapter.User, error) {
	if ctx.Err() == nil {
		outliving.Go(outlive)
	}
	return m.Adapter.GetUser(ctx, id)
}

// outliving are the goroutines of mutants that nobody ends, which the tests wait for.
var outliving sync.WaitGroup

// outlive takes longer than a goroutine may outlive Close.
func outlive() { time.Sleep(time.Second) }
