package driver

import (
	"context"
	"net/url"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/internal/registry"
)

// Opener opens a store by URL, which it gets as it was given: several hosts, the path
// of a socket or a ";" are not what net/url takes, or not what every version of it does.
// [ParseURL] serves where a URL is what net/url says. It connects lazily, and closes what
// it opened when the adapter is closed. No error of it may hold the URL's password.
type Opener func(ctx context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error)

// Register makes a backend known to [adapter.Open] under a URL scheme. Backends call it
// when they are imported, as drivers of database/sql do. It panics if the scheme
// is taken.
func Register(scheme string, open Opener) {
	wrapped := func(ctx context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
		a, err := open(ctx, rawURL, o)
		if err != nil {
			return nil, Wrap(ctx, scheme, "Open", err)
		}
		return a, nil
	}
	if !registry.Add(scheme, wrapped) {
		panic("authstore: Register called twice for the scheme " + scheme)
	}
}

// ParseURL parses a URL for an [Opener]. Its error does not quote the URL, which may
// hold a password.
func ParseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, adapter.Invalid("URL", "must be a URL, in which special characters of a user name or password are percent-encoded")
	}
	return u, nil
}
