package load

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What counts is what ends while all callers are there, each of whom has numbers of its own.
func TestRun(t *testing.T) {
	const callers, takes = 8, 10 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[int]bool{}
		took, err := Run(t.Context(), callers, 10*time.Second, func(_ context.Context, i int) error {
			mu.Lock()
			if seen[i] {
				t.Errorf("the call %d is made twice", i)
			}
			seen[i] = true
			mu.Unlock()
			time.Sleep(takes)
			return nil
		})
		if want := callers * 1000; err != nil || len(took) != want {
			t.Fatalf("got %d calls in ten seconds and %v, want %d", len(took), err, want)
		}
		if took[0] != takes || Percentile(took, 99) != takes {
			t.Errorf("got %v to %v for a call, want %v", took[0], took[len(took)-1], takes)
		}
	})
}

// An error of one ends all.
func TestRunFails(t *testing.T) {
	failed := errors.New("failed")
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		_, err := Run(t.Context(), 3, time.Hour, func(ctx context.Context, i int) error {
			if i == 1 {
				return failed
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, failed) || time.Since(begun) > time.Second {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
	})
}

// What fails by itself does not count, and ends nothing.
func TestFailedCallsDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took, err := Run(t.Context(), 2, time.Second, func(_ context.Context, i int) error {
			time.Sleep(10 * time.Millisecond)
			if i%2 == 1 {
				return ErrFailed
			}
			return nil
		})
		if err != nil || len(took) != 100 {
			t.Errorf("got %d calls and %v, want those of one caller", len(took), err)
		}
	})
}

func TestPercentile(t *testing.T) {
	sorted := make([]time.Duration, 200)
	for i := range sorted {
		sorted[i] = time.Duration(i)
	}
	if p50, p99 := Percentile(sorted, 50), Percentile(sorted, 99); p50 != 100 || p99 != 198 {
		t.Errorf("got %d and %d", p50, p99)
	}
}
