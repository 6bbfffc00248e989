package measure

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What counts is what ends while all callers are there, each of whom has users of its own.
func TestLoad(t *testing.T) {
	const callers, takes = 8, 10 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		reading := map[int]bool{}
		took := LoadOf(func(_ context.Context, i int) error {
			mu.Lock()
			if reading[i] {
				t.Errorf("two callers read what user %d has", i)
			}
			reading[i] = true
			mu.Unlock()
			time.Sleep(takes)
			mu.Lock()
			defer mu.Unlock()
			delete(reading, i)
			return nil
		})(t, callers, 10*time.Second)
		if want := callers * 1000; len(took) != want {
			t.Errorf("got %d calls in ten seconds, want %d", len(took), want)
		}
		for _, d := range took {
			if d != takes {
				t.Errorf("got %v for a call, want %v", d, takes)
			}
		}
	})
}

// A turn is long enough for some calls of each caller on the slowest side, and short enough.
func TestTurns(t *testing.T) {
	for name, test := range map[string]struct {
		takes []time.Duration // by side
		turns int
		turn  time.Duration
	}{
		"fast":      {[]time.Duration{time.Millisecond, time.Millisecond}, int(loadTime / minTurn), minTurn},
		"one slow":  {[]time.Duration{time.Millisecond, 100 * time.Millisecond}, 5, 400 * time.Millisecond},
		"very slow": {[]time.Duration{10 * time.Second}, minTurns, maxTurn},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var loads []Load
				for _, d := range test.takes {
					loads = append(loads, LoadOf(func(context.Context, int) error { time.Sleep(d); return nil }))
				}
				if turns, turn := turnsOf(t, 8, loads); turns != test.turns || turn != test.turn {
					t.Errorf("got %d of %v, want %d of %v", turns, turn, test.turns, test.turn)
				}
			})
		})
	}
}
