package adapter

import (
	"context"
	"fmt"
	"strings"

	"github.com/authstore/authstore/adapter/internal/registry"
)

// Open opens the store that a URL names, such as "memory:". The backend's package
// must be imported. At most one Options may be given; without, the defaults hold.
// What else a URL can say is in the backend's page in docs.
func Open(ctx context.Context, rawURL string, options ...Options) (Adapter, error) {
	scheme, open, err := find(rawURL)
	if err != nil {
		return nil, &Error{Backend: "adapter", Op: "Open", Err: err}
	}
	var o Options
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		return nil, &Error{Backend: scheme, Op: "Open", Err: Invalid("Options", "must be given at most once")}
	}
	return open(ctx, rawURL, o)
}

// find returns a URL's scheme and the opener for it, whose errors are [*Error]. Its errors
// do not quote the URL, which may hold a password.
func find(rawURL string) (string, func(context.Context, string, Options) (Adapter, error), error) {
	scheme, ok := schemeOf(rawURL)
	if !ok {
		return "", nil, Invalid("URL", "must be a URL such as memory:")
	}
	found, schemes := registry.Find(scheme)
	open, ok := found.(func(context.Context, string, Options) (Adapter, error))
	if !ok {
		return "", nil, Invalid("URL", fmt.Sprintf(
			"must have the scheme of an imported backend, which are %q: import the backend's package", schemes))
	}
	return scheme, open, nil
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
