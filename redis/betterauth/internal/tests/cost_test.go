package betterauth_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/memory"
	"github.com/authstore/authstore/redis/betterauth"
)

// TestRoundTrips measures every row of the table in docs/redis.md: requests to Redis, and calls of
// the store of users. What is not in it is one call of that store. The first calls may have to send the server a script:
// the least of a few counts.
func TestRoundTrips(t *testing.T) {
	client, prefix, requests, calls := newClient(t), newPrefix(), &fault.Injector{}, &fault.Injector{}
	t.Cleanup(func() { check(t, redistest.Remove(client, prefix)) })
	client.AddHook(redistest.Steps{Injector: requests})
	store, err := betterauth.New(client, fault.Wrap(memory.New(memory.Options{}), calls), betterauth.Options{KeyPrefix: prefix})
	check(t, err)
	t.Cleanup(func() { _ = store.Close() })
	got := map[string][]float64{}
	for i := range 4 {
		for _, op := range measure.Operations(t, store, fmt.Sprint("n", i)) {
			r, c := requests.Count(), calls.Count()
			check(t, op.Call(t.Context()))
			n := []float64{float64(requests.Count() - r), float64(calls.Count() - c)}
			if old := got[op.Name]; old == nil || n[0] < old[0] {
				got[op.Name] = n
			}
		}
	}
	want := measure.PageTable(t, "redis.md", "Beside Better Auth")
	for name, n := range got {
		if want[name] == nil && cmp.Equal(n, []float64{0, 1}) {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trips (-docs/redis.md +measured)\n%s", diff)
	}
}
