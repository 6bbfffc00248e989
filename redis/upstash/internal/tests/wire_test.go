package upstash_test

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis/upstash"
)

// TestCutsOnTheWire runs the suite's cuts and repetitions below the client's retries, so that its
// repetition of a command is part of what is tested (R7).
func TestCutsOnTheWire(t *testing.T) {
	h, url := harness(t), engine.Redis(t).URL
	h.Namespace = func(context.Context) (conformance.Namespace, error) {
		faults, prefix := &fault.Injector{}, newPrefix()
		o, err := goredis.ParseURL(url)
		check(t, err)
		o.Dialer, o.MinRetryBackoff, o.MaxRetryBackoff = redistest.Dial(faults), time.Millisecond, time.Millisecond
		client := goredis.NewClient(o)
		return conformance.Namespace{
			Open: func(o adapter.Options) (adapter.Adapter, error) {
				return upstash.New(client, upstash.Options{Options: o, BaseKeyPrefix: prefix})
			},
			Dump: func(ctx context.Context) ([]string, error) {
				client := newClient(t)
				defer client.Close()
				return redistest.Dump(ctx, client, prefix)
			},
			Faults:      faults,
			PlainTokens: true,
			Close: func() error {
				_ = client.Close()
				return redistest.Remove(newClient(t), prefix)
			},
		}, nil
	}
	redistest.CheckCuts(t, h)
}
