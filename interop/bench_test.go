package interop

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/memory"
	"github.com/authstore/authstore/redis"
)

// BenchmarkPublished measures the look-up of a session by more and more callers at once, in Go and,
// on the same server, by the published adapter in one process of Node.js. Run it with
// -benchtime=1x.
func BenchmarkPublished(b *testing.B) {
	o := startOracle(b)
	for _, s := range []struct {
		name string
		on   store
		ours func(b *testing.B) adapter.Adapter // nil: what Go has in the layout of Auth.js
	}{
		{"MongoDB", mongoStore, nil},
		{"Redis", upstashStore, newRedisStore},
		{"DynamoDB Local", dynamoStore, nil},
	} {
		p := s.on.openBoth(b, o, false, true)
		theirs := measure.NewCrowd(b, p.Adapter, measure.CrowdSize)
		ours := theirs
		if s.ours != nil {
			ours = measure.NewCrowd(b, s.ours(b), measure.CrowdSize)
		}
		published := p.load(theirs.Tokens)
		published(b, 64, compiling)
		measure.Callers(b, s.name,
			measure.Side{Name: measure.Default, Load: measure.LoadOf(ours.Sessions(ours.Store))},
			measure.Side{Name: measure.JavaScript, Load: published})
	}
}

// compiling is how long Node.js is loaded before it is measured, since it compiles what it has run often.
const compiling = 5 * time.Second

// newRedisStore returns the store whose layout is not that of Auth.js.
func newRedisStore(b *testing.B) adapter.Adapter {
	store, err := redis.New(newRedis(b, engine.Redis(b).URL), redis.Options{Prefix: newName()})
	check(b, err)
	return store
}

// load returns callers of the JavaScript adapter.
func (p *pair) load(tokens []string) measure.Load {
	all := make([]any, len(tokens))
	for i, token := range tokens {
		all[i] = token
	}
	return func(t testing.TB, callers int, d time.Duration) (took []time.Duration) {
		answer, err := p.oracle.do("load", object{"handle": p.handle, "tokens": all, "callers": callers, "ms": d.Milliseconds()})
		check(t, err)
		for _, µs := range answer.([]any) {
			took = append(took, time.Duration(µs.(float64))*time.Microsecond)
		}
		return took
	}
}

// BenchmarkServed measures the same look-up through the adapter of npm and the service, beside the published
// adapter in the application's own process on the same server: calls a second, and the processor time
// that the service takes for one, its driver included. Run it with -benchtime=1x.
func BenchmarkServed(b *testing.B) {
	o := startOracle(b)
	for _, s := range []struct {
		served    store
		published *store
	}{
		{served: served("memory", false, func(testing.TB) adapter.Adapter { return memory.New(memory.Options{}) })},
		{served("MongoDB", false, newMongo), &mongoStore},
		{served("DynamoDB", false, newDynamoDB), &dynamoStore},
	} {
		p := s.served.openBoth(b, o, false, true)
		crowd := measure.NewCrowd(b, p.Adapter, measure.CrowdSize)
		var theirs *pair
		var tokens []string
		if s.published != nil {
			theirs = s.published.openBoth(b, o, false, true)
			tokens = measure.NewCrowd(b, theirs.Adapter, measure.CrowdSize).Tokens
		}
		for _, callers := range []int{16, 64} {
			b.Run(fmt.Sprintf("%s/callers=%d", s.served.name, callers), func(b *testing.B) {
				p.looksUp(b, crowd.Tokens, callers)
			})
			if theirs != nil {
				b.Run(fmt.Sprintf("%s published/callers=%d", s.published.name, callers), func(b *testing.B) {
					theirs.looksUp(b, tokens, callers)
				})
			}
		}
	}
}

// looksUp reports calls a second, and the processor time of this process for each, in which nothing
// runs but the service.
func (p *pair) looksUp(b *testing.B, tokens []string, callers int) {
	const window = 3 * time.Second
	p.load(tokens)(b, callers, compiling)
	calls, began := 0, processorTime(b)
	for b.Loop() {
		calls += len(p.load(tokens)(b, callers, window))
	}
	took := processorTime(b) - began
	b.ReportMetric(float64(calls)/(window.Seconds()*float64(b.N)), "calls/s")
	b.ReportMetric(float64(took.Microseconds())/(float64(calls)*loaded), "service-µs/call")
	b.ReportMetric(0, "ns/op")
}

// loaded is how much longer load.mjs makes calls than those that it counts.
const loaded = 1.25

// processorTime returns how long this process has computed.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
