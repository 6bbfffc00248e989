package redis_test

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis"
)

// onWire returns a harness whose faults hit the connections of the topology.
func (top topology) onWire(t *testing.T, open func(url string, faults *fault.Injector) goredis.UniversalClient) conformance.Harness {
	h, url := top.harness(t), top.server(t).URL
	h.Namespace = func(context.Context) (conformance.Namespace, error) {
		faults, prefix := &fault.Injector{}, newPrefix()
		client := open(url, faults)
		return conformance.Namespace{
			Open: func(o adapter.Options) (adapter.Adapter, error) {
				return redis.New(client, redis.Options{Options: o, Prefix: prefix})
			},
			Dump: func(ctx context.Context) ([]string, error) {
				client := top.open(t, url)
				defer client.Close()
				return redistest.Dump(ctx, client, prefix+":")
			},
			Faults: faults,
			Close:  client.Close,
		}, nil
	}
	return h
}

// TestCutsOnTheWire runs the suite's cuts and repetitions below the client's retries, so that its
// repetition of a command is part of what is tested (R7).
func TestCutsOnTheWire(t *testing.T) {
	const soon = time.Millisecond // between retries
	for _, top := range []struct {
		topology
		open func(url string, faults *fault.Injector) goredis.UniversalClient
	}{
		{single, func(url string, faults *fault.Injector) goredis.UniversalClient {
			o, err := goredis.ParseURL(url)
			check(t, err)
			o.Dialer, o.MinRetryBackoff, o.MaxRetryBackoff = redistest.Dial(faults), soon, soon
			return goredis.NewClient(o)
		}},
		{cluster, func(url string, faults *fault.Injector) goredis.UniversalClient {
			hosts, _ := split(t, url)
			return goredis.NewClusterClient(&goredis.ClusterOptions{
				Addrs: hosts, Dialer: redistest.Dial(faults), MinRetryBackoff: soon, MaxRetryBackoff: soon,
			})
		}},
	} {
		t.Run(top.name, func(t *testing.T) {
			redistest.CheckCuts(t, top.onWire(t, top.open))
		})
	}
}
