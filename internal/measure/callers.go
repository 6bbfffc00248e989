package measure

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/load"
)

// Read reads what the i-th user of a crowd has.
type Read = func(ctx context.Context, i int) error

// Load has callers read for a time, and returns how long each read took that ended in it.
type Load = func(t testing.TB, callers int, d time.Duration) []time.Duration

// Side is one of the ways to make a read that are compared.
type Side struct {
	Name string // in front of its figures
	// Open makes a client of its own, and returns a read by it and what closes it. Nil if the
	// side runs in another process.
	Open func(b *testing.B) (read Read, closing func())
	Load Load // nil: that of Open's read
}

// The names of sides.
const (
	Default    = ""          // the store as it is
	Unshared   = "unshared-" // the store with NoBatching
	Raw        = "raw-"      // the bare driver
	JavaScript = "javascript-"
)

// CrowdSize is how many users a crowd has for [Callers]. Each caller has some of its own.
const CrowdSize = 1024

// Sessions returns the look-up of the crowd's sessions with their users, by a store.
func (c *Crowd) Sessions(store adapter.Sessions) Read {
	return func(ctx context.Context, i int) error {
		_, _, err := store.GetSessionAndUser(ctx, c.Tokens[i])
		return err
	}
}

// Callers measures a read that more and more callers make at once, each of users of its own:
// throughput and latencies of every side, in turns, how the first compares with the last, and
// what memory and how many goroutines most callers take. Run it with -benchtime=1x.
func Callers(b *testing.B, store string, sides ...Side) {
	all := []int{1, 8, 64, 256}
	for _, callers := range all {
		b.Run(fmt.Sprintf("store=%s/callers=%d", store, callers), func(b *testing.B) {
			for b.Loop() {
				compareSides(b, callers, sides)
				if callers == slices.Max(all) {
					footprints(b, callers, sides)
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func compareSides(b *testing.B, callers int, sides []Side) {
	loads := make([]Load, len(sides))
	for i, side := range sides {
		if loads[i] = side.Load; loads[i] == nil {
			read, closing := side.Open(b)
			defer closing()
			loads[i] = LoadOf(read)
		}
	}
	turns, turn := turnsOf(b, callers, loads)
	took := make([][]time.Duration, len(sides))
	for n := range turns {
		for i := range sides {
			i = (i + n) % len(sides)
			took[i] = append(took[i], loads[i](b, callers, turn)...)
		}
	}
	for i, side := range sides {
		if len(took[i]) == 0 {
			b.Fatalf("%sno read has ended", side.Name)
		}
		slices.Sort(took[i])
		b.ReportMetric(float64(len(took[i]))/(float64(turns)*turn.Seconds()), side.Name+"calls/s")
		b.ReportMetric(percentile(took[i], 50), side.Name+"p50-µs")
		b.ReportMetric(percentile(took[i], 99), side.Name+"p99-µs")
	}
	first, last := took[0], took[len(took)-1]
	b.ReportMetric(float64(len(first))/float64(len(last)), "throughput-ratio")
	b.ReportMetric(percentile(last, 50)/percentile(first, 50), "p50-ratio")
}

// percentile returns one of durations that are sorted, in microseconds.
func percentile(sorted []time.Duration, percent int) float64 {
	return float64(load.Percentile(sorted, percent).Nanoseconds()) / 1000
}

// turnsOf returns how often and how long each side is loaded: in short turns, since a machine
// that others use too is not the same a moment later, but long enough for each caller to make
// some calls. What it takes to find out does not count: a server that has just begun gets faster
// with each call.
func turnsOf(t testing.TB, callers int, loads []Load) (turns int, turn time.Duration) {
	turn = minTurn
	for _, load := range loads {
		n := max(1, len(load(t, callers, warmUpTime)))
		turn = max(turn, 4*time.Duration(callers)*warmUpTime/time.Duration(n))
	}
	turn = min(turn, maxTurn)
	return max(minTurns, int(loadTime/turn)), turn
}

// LoadOf returns the load of goroutines that make a read.
func LoadOf(read Read) Load {
	return func(t testing.TB, callers int, d time.Duration) []time.Duration {
		took, err := load.Run(t.Context(), callers, d, ofCrowd(read))
		if err != nil {
			t.Error(err)
		}
		return took
	}
}

// ofCrowd returns a read of a crowd that has no end.
func ofCrowd(read Read) load.Call {
	return func(ctx context.Context, i int) error { return read(ctx, i%CrowdSize) }
}

// busyWhile has goroutines read until f returns, and returns how often they did.
func busyWhile(b *testing.B, callers int, read Read, f func()) int64 {
	var running sync.WaitGroup
	var over atomic.Bool
	var reads atomic.Int64
	running.Go(func() {
		err := load.Repeat(b.Context(), callers, ofCrowd(read), func(int, time.Time, time.Time, bool) bool {
			reads.Add(1)
			return !over.Load()
		})
		if err != nil {
			b.Error(err)
		}
	})
	f()
	over.Store(true)
	running.Wait()
	return reads.Load()
}

// footprintSamples is how often is looked for the most of what is in use.
const footprintSamples = 10

// footprints reports the memory and the goroutines that each side has while callers read, with
// its client and its connections.
func footprints(b *testing.B, callers int, sides []Side) {
	for _, side := range sides {
		if side.Open == nil {
			continue
		}
		idle := use()
		read, closing := side.Open(b)
		if err := read(b.Context(), 0); err != nil { // all wait for the first call of a store
			b.Error(err)
		}
		var most usage
		busyWhile(b, callers, read, func() {
			for range footprintSamples {
				time.Sleep(minTurn)
				now := use()
				most = usage{max(most.kB, now.kB), max(most.goroutines, now.goroutines)}
			}
		})
		closing()
		b.ReportMetric(most.kB-idle.kB, side.Name+"kB")
		b.ReportMetric(most.goroutines-idle.goroutines, side.Name+"goroutines")
	}
}

// usage is what the process has in use.
type usage struct {
	kB         float64 // of what can be reached, and of stacks
	goroutines float64
}

func use() usage {
	runtime.GC() // what the next two say is as of the last collection
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return usage{
		kB:         float64(samples[0].Value.Uint64()+samples[1].Value.Uint64()) / 1000,
		goroutines: float64(runtime.NumGoroutine()),
	}
}
