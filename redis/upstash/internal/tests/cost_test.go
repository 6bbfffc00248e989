package upstash_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
)

// TestRoundTrips measures every row of the table in docs/upstash.md, through the
// client's hook. The first calls may have to send the server a script: the least of a few counts.
func TestRoundTrips(t *testing.T) {
	namespace, err := harness(t).Namespace(t.Context())
	check(t, err)
	t.Cleanup(func() { check(t, namespace.Close()) })
	store, err := namespace.Open(adapter.Options{})
	check(t, err)
	got := map[string][]float64{}
	for i := range 8 {
		for _, op := range measure.Operations(t, store, fmt.Sprint("n", i)) {
			before := namespace.RoundTrips()
			check(t, op.Call(t.Context()))
			n := float64(namespace.RoundTrips() - before)
			if old := got[op.Name]; old == nil || n < old[0] {
				got[op.Name] = []float64{n}
			}
		}
	}
	if diff := cmp.Diff(measure.PageTable(t, "upstash.md", "Round trips"), got); diff != "" {
		t.Errorf("round trips (-docs/upstash.md +measured)\n%s", diff)
	}
}
