package measure

import (
	"context"
	"flag"
	"math/rand/v2"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

var soak = flag.Duration("measure.soak", 10*time.Second, "how long BenchmarkSoak takes")

// Connections counts those that it has dialed and that are open.
type Connections struct{ open atomic.Int64 }

// DialContext is a dialer's.
func (c *Connections) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return &counted{Conn: conn, of: c}, nil
}

type counted struct {
	net.Conn
	of     *Connections
	closed atomic.Bool
}

func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.of.open.Add(-1)
	}
	return c.Conn.Close()
}

// soakSamples is how often is looked at what is in use.
const soakSamples = 60

// Soak has 64 callers call everything that leaves a crowd as it was, every other time the look-up of
// a session, and fails the benchmark if memory, goroutines or connections grow. Run it with
// -benchtime=1x.
func Soak(b *testing.B, c *Crowd, connections *Connections) {
	call := func(ctx context.Context, i int) error {
		if rand.IntN(2) == 0 {
			return c.Sessions(c.Store)(ctx, i)
		}
		return crowdOps[rand.IntN(len(crowdOps))].call(ctx, c, i)
	}
	for b.Loop() {
		samples := map[string][]float64{}
		calls := busyWhile(b, concurrency, call, func() {
			for range soakSamples {
				time.Sleep(*soak / soakSamples)
				now := use()
				samples["kB"] = append(samples["kB"], now.kB)
				samples["goroutines"] = append(samples["goroutines"], now.goroutines)
				samples["connections"] = append(samples["connections"], float64(connections.open.Load()))
			}
		})
		b.ReportMetric(float64(calls)/soak.Seconds(), "calls/s")
		for what, all := range samples {
			begin, end := ends(all)
			b.ReportMetric(begin, what+"-at-first")
			b.ReportMetric(end, what+"-at-last")
			if grew(begin, end, slack[what]) {
				b.Errorf("%s grew from %.0f to %.0f: %.0f", what, begin, end, all)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}

// slack is what may be more at the end, beside a tenth, by chance.
var slack = map[string]float64{"kB": 1000, "goroutines": 8, "connections": 4}

func grew(begin, end, slack float64) bool { return end > begin*1.1+slack }

// ends returns the median of the second fifth of samples and that of the last. What is in use grows
// in the first, until each caller has a connection.
func ends(samples []float64) (begin, end float64) {
	fifth := len(samples) / 5
	return median(samples[fifth : 2*fifth]), median(samples[len(samples)-fifth:])
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
