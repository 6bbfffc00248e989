package interop

import (
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/measure"
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
		measure.Callers(b, s.name,
			measure.Side{Name: measure.Default, Load: measure.LoadOf(ours.Sessions(ours.Store))},
			measure.Side{Name: measure.JavaScript, Load: p.load(theirs.Tokens)})
	}
}

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
