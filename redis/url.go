package redis

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
)

func init() {
	for _, scheme := range []string{"redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"} {
		driver.Register(scheme, func(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
			return openURL(rawURL, o)
		})
	}
}

// openURL opens a client by URL, and an adapter that owns it.
func openURL(rawURL string, o adapter.Options) (adapter.Adapter, error) {
	c, p, err := client.Open(rawURL)
	if err != nil {
		return nil, err
	}
	a, err := open(c, Options{Options: o, Prefix: p.Prefix, RequestTimeout: p.RequestTimeout, NoBatching: p.NoBatching}, true)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return a, nil
}
