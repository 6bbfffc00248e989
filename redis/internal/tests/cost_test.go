package redis_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
)

// TestRoundTrips measures every row of the table in docs/redis.md, on one server and
// on a Cluster, through the client's hook.
func TestRoundTrips(t *testing.T) {
	table := measure.PageTable(t, "redis.md", "Round trips")
	got := map[string][]float64{}
	for _, top := range []topology{single, cluster} {
		for name, n := range top.roundTrips(t) {
			got[name] = append(got[name], float64(n))
		}
	}
	for name, row := range got {
		if !slices.Equal(table[name], row) {
			t.Errorf("%s: measured %v round trips, docs/redis.md says %v", name, row, table[name])
		}
		delete(table, name)
	}
	for name := range table {
		t.Errorf("%s: docs/redis.md has it, and nothing measures it", name)
	}
}

// roundTrips returns the least number of round trips of each operation over a few
// calls: the first call on a server may have to send it the script.
func (top topology) roundTrips(t *testing.T) map[string]int64 {
	namespace, err := top.harness(t).Namespace(t.Context())
	check(t, err)
	t.Cleanup(func() { check(t, namespace.Close()) })
	store, err := namespace.Open(adapter.Options{})
	check(t, err)
	least := map[string]int64{}
	for i := range 8 {
		for _, op := range measure.Operations(t, store, fmt.Sprint("n", i)) {
			before := namespace.RoundTrips()
			check(t, op.Call(t.Context()))
			n := namespace.RoundTrips() - before
			if old, seen := least[op.Name]; !seen || n < old {
				least[op.Name] = n
			}
		}
	}
	return least
}
