package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/authstore/authstore/adapter"
)

var callMutants = []mutant{
	{"a context that has ended is ignored", []string{"CTX-001", "CTX-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return ignoresContext{base{inner}}
	}},
	{"a deadline is an ErrUnavailable, and not the context's error", []string{"CTX-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return hidesDeadline{base{inner}}
	}},
	{"Close does nothing", []string{"CLO-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return staysOpen{base{inner}}
	}},
	{"closing twice is ErrClosed", []string{"CLO-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &closesOnce{base: base{inner}}
	}},
	{"Close closes all adapters on the store", []string{"CLO-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return closesAll{base{inner}, e.sharing(inner)}
	}},
	{"a call beside Close fails in a way of its own", []string{"CLO-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &pullsAway{base: base{inner}}
	}},
	{"errors are plain", []string{"ERR-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return plainErrors{base{inner}}
	}},
	{"errors are wrapped once more", []string{"ERR-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return wrapsErrors{base{inner}}
	}},
	{"a conflict quotes the e-mail address", []string{"ERR-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return quotesEmail{base{inner}}
	}},
	{"an error quotes the session token", []string{"ERR-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return quotesToken{base{inner}}
	}},
	{"the source of IDs is ignored", []string{"OPT-001"}, func(_ adapter.Adapter, e *env) adapter.Adapter {
		return e.with(func(o *adapter.Options) { o.NewID = nil })
	}},
	{"the source of secrets is ignored", []string{"OPT-001"}, func(_ adapter.Adapter, e *env) adapter.Adapter {
		return e.with(func(o *adapter.Options) { o.NewSecret = nil })
	}},
	{"without a source of secrets all tokens are the same", []string{"OPT-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		if e.options.NewSecret != nil {
			return inner
		}
		return e.with(func(o *adapter.Options) { o.NewSecret = func() (none [32]byte) { return none } })
	}},
	{"without a source of IDs all IDs are the same", []string{"OPT-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		if e.options.NewID != nil {
			return inner
		}
		return e.with(func(o *adapter.Options) { o.NewID = func() string { return "1" } })
	}},
	{"Ping fails", []string{"EXT-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return failsPing{base{inner}}
	}},
	{"PurgeExpired purges by a clock that is ahead", []string{"EXT-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		ahead, _ := adapter.As[adapter.Purger](e.behind(-ages))
		return purgesLive{base{inner}, ahead}
	}},
	{"ApplySchema leaves something missing", []string{"EXT-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return lacksIndex{base{inner}}
	}},
	{"Repair takes a user without a name for a ghost", []string{"EXT-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &repairsTooMuch{base: base{inner}}
	}},
}

type ignoresContext struct{ base }

func (m ignoresContext) GetUser(ctx context.Context, id string) (adapter.User, error) {
	return m.Adapter.GetUser(context.WithoutCancel(ctx), id)
}

// repairsTooMuch deletes users who have neither name nor address.
type repairsTooMuch struct {
	base
	mu       sync.Mutex
	nameless []string
}

func (m *repairsTooMuch) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u, err := m.Adapter.CreateUser(ctx, u)
	if err == nil && u.Name == "" && u.Email == "" {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.nameless = append(m.nameless, u.ID)
	}
	return u, err
}

func (m *repairsTooMuch) CheckSchema(context.Context) ([]adapter.SchemaProblem, error) {
	return nil, nil
}

func (m *repairsTooMuch) ApplySchema(context.Context) error { return nil }

func (m *repairsTooMuch) Repair(ctx context.Context, dryRun bool) ([]adapter.Repair, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range m.nameless {
		if err := m.DeleteUser(ctx, id); err != nil && !dryRun {
			return nil, err
		}
	}
	return nil, nil
}

type hidesDeadline struct{ base }

func (m hidesDeadline) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if errors.Is(err, context.DeadlineExceeded) {
		err = &adapter.Error{Backend: "mutant", Op: "GetUser", Err: adapter.ErrUnavailable}
	}
	return u, err
}

type staysOpen struct{ base }

func (m staysOpen) Close() error { return nil }

type closesOnce struct {
	base
	closed bool
}

func (m *closesOnce) Close() error {
	if m.closed {
		return fail(context.Background(), "Close", adapter.ErrClosed)
	}
	m.closed = true
	return m.Adapter.Close()
}

type closesAll struct {
	base
	all *shared
}

// sharing notes an adapter among those on the store.
func (e *env) sharing(a adapter.Adapter) *shared {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	e.shared.open = append(e.shared.open, a)
	return e.shared
}

func (m closesAll) Close() error {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	for _, a := range m.all.open {
		_ = a.Close()
	}
	return nil
}

type pullsAway struct {
	base
	closed atomic.Bool
}

func (m *pullsAway) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	pause()
	if err == nil && m.closed.Load() {
		return adapter.User{}, fail(ctx, "GetUser", errors.New("use of a closed connection"))
	}
	return u, err
}

func (m *pullsAway) Close() error {
	m.closed.Store(true)
	return m.Adapter.Close()
}

type plainErrors struct{ base }

func (m plainErrors) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u, err := m.Adapter.CreateUser(ctx, u)
	return u, errors.Unwrap(err)
}

type wrapsErrors struct{ base }

func (m wrapsErrors) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u, err := m.Adapter.CreateUser(ctx, u)
	if err != nil {
		err = fmt.Errorf("cannot create a user: %w", err)
	}
	return u, err
}

type quotesEmail struct{ base }

func (m quotesEmail) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	created, err := m.Adapter.CreateUser(ctx, u)
	if errors.Is(err, adapter.ErrConflict) {
		err = fail(ctx, "CreateUser", fmt.Errorf("%w: duplicate key %q", adapter.ErrConflict, u.Email))
	}
	return created, err
}

type quotesToken struct{ base }

func (m quotesToken) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	if errors.Is(err, adapter.ErrNotFound) {
		err = fail(ctx, "GetSessionAndUser", fmt.Errorf("%w: %s", adapter.ErrNotFound, token))
	}
	return s, u, err
}

type failsPing struct{ base }

func (m failsPing) Ping(ctx context.Context) error {
	return fail(ctx, "Ping", adapter.ErrUnavailable)
}

type purgesLive struct {
	base
	ahead adapter.Purger
}

func (m purgesLive) PurgeExpired(ctx context.Context) (int, error) {
	return m.ahead.PurgeExpired(ctx)
}

type lacksIndex struct{ base }

func (m lacksIndex) ApplySchema(context.Context) error { return nil }

func (m lacksIndex) CheckSchema(context.Context) ([]adapter.SchemaProblem, error) {
	return []adapter.SchemaProblem{{Object: "users", Detail: "has no index on email"}}, nil
}
