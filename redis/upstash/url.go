package upstash

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
)

func init() {
	for _, scheme := range []string{"redis+upstash", "rediss+upstash"} {
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
	a, err := open(c.(*redis.Client), Options{Options: o, BaseKeyPrefix: p.Prefix, RequestTimeout: p.RequestTimeout}, true)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return a, nil
}
