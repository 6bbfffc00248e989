package redis_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/redis"
	"github.com/authstore/authstore/redis/internal/redistest"
)

// wire is a connection whose commands are steps of an injector, below the client's own
// retries: what is lost here go-redis sends again. What it says to make the connection
// is no step.
type wire struct {
	net.Conn
	faults *fault.Injector
	lost   bool // the next reply
}

// silence is how long a connection on which nothing is answered lasts.
const silence = 300 * time.Millisecond

func (w *wire) Write(b []byte) (int, error) {
	if !counts(b) {
		return w.Conn.Write(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), silence)
	defer cancel()
	n, sent := len(b), false
	err := w.faults.Step(ctx, func() (err error) {
		n, err = w.Conn.Write(b)
		sent = true
		return err
	})
	if err == nil {
		return n, nil
	}
	if sent {
		w.lost = true
		return n, nil
	}
	_ = w.Close()
	return 0, err
}

func (w *wire) Read(b []byte) (int, error) {
	if !w.lost {
		return w.Conn.Read(b)
	}
	_, _ = w.Conn.Read(b) // the server has done it
	_ = w.Close()
	return 0, io.EOF
}

// counts reports whether a buffer begins with a command of the package.
func counts(b []byte) bool {
	parts := bytes.SplitN(b, []byte("\r\n"), 4)
	if len(parts) < 4 || len(b) == 0 || b[0] != '*' {
		return false
	}
	switch strings.ToLower(string(parts[2])) {
	case "get", "mget", "getdel", "del", "hgetall", "zrange", "zrem", "eval", "evalsha", "wait":
		return true
	}
	return false
}

// dial returns a dialer whose connections are wires.
func dial(faults *fault.Injector) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: conn, faults: faults}, nil
	}
}

// onWire returns a harness whose faults hit the connections of the topology.
func (top topology) onWire(t *testing.T, open func(url string, faults *fault.Injector) goredis.UniversalClient) conformance.Harness {
	h, url := top.harness(t), top.server(t).URL
	h.Namespace = func(context.Context) (conformance.Namespace, error) {
		faults, prefix := &fault.Injector{}, newPrefix()
		client := open(url, faults)
		return conformance.Namespace{
			Open: func(o adapter.Options) (adapter.Adapter, error) {
				return redis.New(client, redis.Options{Options: o, Prefix: prefix}), nil
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

// TestCutsOnTheWire runs the suite's cuts below the client's retries, so that its own
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
			o.Dialer, o.MinRetryBackoff, o.MaxRetryBackoff = dial(faults), soon, soon
			return goredis.NewClient(o)
		}},
		{cluster, func(url string, faults *fault.Injector) goredis.UniversalClient {
			hosts, _ := split(t, url)
			return goredis.NewClusterClient(&goredis.ClusterOptions{
				Addrs: hosts, Dialer: dial(faults), MinRetryBackoff: soon, MaxRetryBackoff: soon,
			})
		}},
	} {
		t.Run(top.name, func(t *testing.T) {
			var cuts []conformance.Test
			for _, test := range conformance.Tests() {
				if strings.HasPrefix(test.ID, "CUT-") {
					cuts = append(cuts, test)
				}
			}
			report := conformance.Check(t.Context(), top.onWire(t, top.open), cuts...)
			for _, r := range report.Results {
				if r.Status != conformance.Passed {
					t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Detail)
				}
			}
			if len(cuts) == 0 {
				t.Error("the suite has no cuts")
			}
		})
	}
}
