package measure

import (
	"slices"
	"testing"
	"time"
)

// coldStarts is how often each side starts.
const coldStarts = 40

// ColdStart measures what the first call of a process without a connection takes: to make a
// client, to connect, and the read. Sides are measured in turns. What a lone
// caller takes afterwards is measured by [Callers]. Run it with -benchtime=1x.
func ColdStart(b *testing.B, store string, sides ...Side) {
	b.Run("store="+store, func(b *testing.B) {
		for b.Loop() {
			took := make([][]time.Duration, len(sides))
			for n := range coldStarts {
				for i := range sides {
					i = (i + n) % len(sides)
					begun := time.Now()
					read, closing := sides[i].Open(b)
					check(b, read(b.Context(), n))
					took[i] = append(took[i], time.Since(begun))
					closing()
				}
			}
			for i, side := range sides {
				slices.Sort(took[i])
				b.ReportMetric(percentile(took[i], 50), side.Name+"cold-p50-µs")
			}
		}
		b.ReportMetric(0, "ns/op")
	})
}
