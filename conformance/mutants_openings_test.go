package conformance_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/memory"
)

// byURL are the stores of the harness that can be opened by URL: mutant:1, mutant:2, …
var (
	byURL  sync.Map
	number atomic.Int64
)

func init() {
	driver.Register("mutant", func(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
		address, query, _ := strings.Cut(rawURL, "?")
		open, ok := byURL.Load(address)
		if !ok {
			return nil, adapter.Invalid("URL", "must be that of a store")
		}
		return open.(func(query string, o adapter.Options) (adapter.Adapter, error))(query, o)
	})
}

// register returns a URL by which a store is opened with a bug in front.
func register(e env, bug func(inner adapter.Adapter, e *env) adapter.Adapter) string {
	url := fmt.Sprintf("mutant:%d", number.Add(1))
	byURL.Store(url, func(query string, o adapter.Options) (adapter.Adapter, error) {
		e := e
		e.options, e.byURL, e.query = o, true, query
		a := bug(e.inner(o), &e)
		if _, takes := a.(anyParameter); query != "" && !takes {
			return nil, adapter.Invalid("URL", "must have no parameters")
		}
		return a, nil
	})
	return url
}

var openingMutants = []mutant{
	{"a URL opens a store of its own", []string{"OPN-001"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		if e.byURL {
			return memory.New(memory.Options{Options: e.options})
		}
		return inner
	}},
	{"a store that is opened by URL has its own clock", []string{"OPN-001"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		if e.byURL {
			return memory.New(memory.Options{Store: e.store})
		}
		return inner
	}},
	{"a URL may say anything", []string{"OPN-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter { return anyParameter{base{inner}} }},
	{"sessions are kept by the process", []string{"CRS-001"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return sessionsInProcess{base{inner}, e}
	}},
	{"that a session was deleted is kept by the process", []string{"CRS-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deletionsInProcess{base{inner}, e}
	}},
}

type anyParameter struct{ base }

// sessionsInProcess stores a session when it is read for the first time.
type sessionsInProcess struct {
	base
	e *env
}

func (m sessionsInProcess) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s, err := m.Adapter.CreateSession(ctx, s)
	if err == nil {
		m.e.shared.Store("session "+s.SessionToken, true)
	}
	return s, err
}

func (m sessionsInProcess) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if _, there := m.e.shared.Load("session " + token); !there {
		return adapter.Session{}, adapter.User{}, fail(ctx, "GetSessionAndUser", adapter.ErrNotFound)
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}

// deletionsInProcess removes a session from the store when somebody asks for it.
type deletionsInProcess struct {
	base
	e *env
}

func (m deletionsInProcess) DeleteSession(_ context.Context, token string) error {
	m.e.shared.Store("deleted "+token, true)
	return nil
}

func (m deletionsInProcess) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if _, gone := m.e.shared.Load("deleted " + token); gone {
		return adapter.Session{}, adapter.User{}, fail(ctx, "GetSessionAndUser", adapter.ErrNotFound)
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}
