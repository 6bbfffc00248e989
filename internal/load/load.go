// Package load has callers make a call again and again, at the same time, and says how long each
// one took: for benchmarks, and for authstore bench.
package load

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Call makes the i-th call. Each of n callers makes every n-th, beginning with its own number.
type Call = func(ctx context.Context, i int) error

// ErrFailed is what a call returns that has failed and does not count. Any other error ends all.
var ErrFailed = errors.New("load: the call has failed")

// Run has callers make a call for a time, and returns how long each took that ended in it, the
// shortest first. They begin somewhat before what counts does, and end after it, so that there are
// as many at all times. The first error but [ErrFailed] ends it.
func Run(ctx context.Context, callers int, d time.Duration, call Call) ([]time.Duration, error) {
	begin := time.Now().Add(d / 4)
	end := begin.Add(d)
	took := make([][]time.Duration, callers)
	err := Repeat(ctx, callers, call, func(caller int, sent, answered time.Time, ok bool) bool {
		if ok && !answered.Before(begin) && answered.Before(end) {
			took[caller] = append(took[caller], answered.Sub(sent))
		}
		return answered.Before(end)
	})
	all := slices.Concat(took...)
	slices.Sort(all)
	return all, err
}

// Repeat has each of the callers make one call after the other for as long as more says so, which
// is told when one was sent and answered, and whether it did what it should: see [ErrFailed].
func Repeat(ctx context.Context, callers int, call Call, more func(caller int, sent, answered time.Time, ok bool) bool) error {
	g, ctx := errgroup.WithContext(ctx)
	for caller := range callers {
		g.Go(func() error {
			sent := time.Now()
			for i := caller; ; i += callers {
				err := call(ctx, i)
				if err != nil && !errors.Is(err, ErrFailed) {
					return err
				}
				answered := time.Now()
				if !more(caller, sent, answered, err == nil) {
					return nil
				}
				sent = answered
			}
		})
	}
	return g.Wait()
}

// Percentile returns one of durations that are sorted and not none.
func Percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[len(sorted)*percent/100]
}
