package memory

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// backend is the name in errors, and the URL scheme.
const backend = "memory"

func init() { driver.Register(backend, open) }

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// Store holds the data. Nil: a new, empty store.
	Store *Store
}

// WithDefaults returns the options with all defaults filled in.
func (o Options) WithDefaults() Options {
	o.Options = o.Options.WithDefaults()
	if o.Store == nil {
		o.Store = NewStore()
	}
	return o
}

// New returns an adapter on the store of the options. It cannot fail.
func New(o Options) adapter.Adapter {
	o = o.WithDefaults()
	return driver.Guard(&memory{Store: o.Store, options: o.Options}, backend, o.Options, nil)
}

// open opens the URL "memory:", which has no parameters.
func open(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
	u, err := driver.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if u.Opaque != "" || u.Host != "" || u.Path != "" || u.RawQuery != "" {
		return nil, adapter.Invalid("URL", "must be memory: and nothing else")
	}
	return New(Options{Options: o}), nil
}

// memory is the contract on a Store, for valid input (see driver.Guard).
type memory struct {
	*Store
	options adapter.Options
}

// Close does nothing: the store may be shared, and has nothing to release.
func (m *memory) Close() error { return nil }

// Ping returns nil: the store is always available.
func (m *memory) Ping(context.Context) error { return nil }
