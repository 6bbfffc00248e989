package adapter

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Opener opens a store by URL, which it gets as it was given: several hosts, the path
// of a socket or a ";" are not what net/url takes, or not what every version of it does.
// [ParseURL] serves where a URL is what net/url says. It connects lazily, and closes what
// it opened when the adapter is closed. No error of it may hold the URL's password.
type Opener func(ctx context.Context, rawURL string, o Options) (Adapter, error)

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
	scheme, opener, err := find(rawURL)
	if err != nil {
		return nil, WrapError(ctx, "adapter", "Open", err)
	}
	var o Options
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		return nil, WrapError(ctx, scheme, "Open", Invalid("Options", "must be given at most once"))
	}
	a, err := opener(ctx, rawURL, o)
	if err != nil {
		return nil, WrapError(ctx, scheme, "Open", err)
	}
	return a, nil
}

// ParseURL parses a URL for an [Opener]. Its error does not quote the URL, which may
// hold a password.
func ParseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, Invalid("URL", "must be a URL, in which special characters of a user name or password are percent-encoded")
	}
	return u, nil
}

// find returns a URL's scheme and the opener for it. Its errors do not quote the URL,
// which may hold a password.
func find(rawURL string) (string, Opener, error) {
	scheme, ok := schemeOf(rawURL)
	if !ok {
		return "", nil, Invalid("URL", "must be a URL such as memory:")
	}
	openers.RLock()
	defer openers.RUnlock()
	opener, ok := openers.byScheme[scheme]
	if !ok {
		return "", nil, Invalid("URL", fmt.Sprintf(
			"must have the scheme of an imported backend, which are %q: import the backend's package", slices.Sorted(maps.Keys(openers.byScheme))))
	}
	return scheme, opener, nil
}

// schemeOf returns a URL's scheme in lower case (RFC 3986, section 3.1).
func schemeOf(rawURL string) (string, bool) {
	scheme, _, found := strings.Cut(rawURL, ":")
	scheme = strings.ToLower(scheme)
	for i, c := range []byte(scheme) {
		isLetter := 'a' <= c && c <= 'z'
		if !isLetter && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(c))) {
			return "", false
		}
	}
	return scheme, found && scheme != ""
}
