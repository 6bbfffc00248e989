package adapter

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
)

// Opener opens a store by URL. It connects lazily, and closes what it opened
// when the adapter is closed. No error of it may hold the URL's password.
type Opener func(ctx context.Context, u *url.URL, o Options) (Adapter, error)

var openers = struct {
	sync.RWMutex
	byScheme map[string]Opener
}{byScheme: map[string]Opener{}}

// Register makes a backend known to [Open] under a URL scheme. Backends call it
// when they are imported, as drivers of database/sql do. It panics if the scheme
// is taken.
func Register(scheme string, open Opener) {
	openers.Lock()
	defer openers.Unlock()
	if _, taken := openers.byScheme[scheme]; taken {
		panic("authstore: Register called twice for the scheme " + scheme)
	}
	openers.byScheme[scheme] = open
}

// Open opens the store that a URL names, such as "memory:". The backend's package
// must be imported. At most one Options may be given; without, the defaults hold.
// What else a URL can say is in the backend's package comment.
func Open(ctx context.Context, rawURL string, options ...Options) (Adapter, error) {
	u, opener, err := find(rawURL)
	if err != nil {
		return nil, WrapError(ctx, "adapter", "Open", err)
	}
	var o Options
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		return nil, WrapError(ctx, u.Scheme, "Open", Invalid("Options", "must be given at most once"))
	}
	a, err := opener(ctx, u, o)
	if err != nil {
		return nil, WrapError(ctx, u.Scheme, "Open", err)
	}
	return a, nil
}

// find returns the opener for a URL. Its errors do not quote the URL, which may
// hold a password.
func find(rawURL string) (*url.URL, Opener, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return nil, nil, Invalid("URL", "must be a URL such as memory:")
	}
	openers.RLock()
	defer openers.RUnlock()
	opener, ok := openers.byScheme[u.Scheme]
	if !ok {
		return nil, nil, Invalid("URL", fmt.Sprintf(
			"must have the scheme of an imported backend, which are %q: import the backend's package", slices.Sorted(maps.Keys(openers.byScheme))))
	}
	return u, opener, nil
}
