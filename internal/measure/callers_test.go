package measure

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

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
