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

	// Store is where the data is. Nil: a new, empty store.
	Store *Store
}

// WithDefaults returns the options with nothing nil.
func (o Options) WithDefaults() Options {
	o.Options = o.Options.WithDefaults()
	if o.Store == nil {
		o.Store = NewStore()
	}
	return o
}

// New returns an adapter on the store that the options name.
func New(o Options) adapter.Adapter {
	o = o.WithDefaults()
	return driver.Guard(&memory{Store: o.Store, options: o.Options}, backend, o.Options, nil)
}

// open serves URLs of the form "memory:", which say nothing else.
func open(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
	u, err := driver.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if u.Opaque != "" || u.Host != "" || u.Path != "" || u.RawQuery != "" {
		return nil, adapter.Invalid("URL", "must be memory: and nothing more")
	}
	return New(Options{Options: o}), nil
}

// memory is the contract on a Store, for valid input (see driver.Guard).
type memory struct {
	*Store
	options adapter.Options
}

// Close does nothing: the store may be shared, and the garbage collector has it.
func (m *memory) Close() error { return nil }

// Ping returns nil: the store is always there.
func (m *memory) Ping(context.Context) error { return nil }
