package dynamodb

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/authstore/authstore/adapter"
)

// How long contention and throttling are waited out, beside the context: it is no
// answer to the caller that others call too. The waits are of full jitter.
const (
	patience  = 30 * time.Second
	firstWait = 10 * time.Millisecond
	maxWait   = time.Second
	soon      = 100 * time.Millisecond
)

// retrier counts the tries of one call.
type retrier struct {
	until time.Time
	wait  time.Duration
}

func newRetrier() *retrier { return &retrier{until: time.Now().Add(patience), wait: firstWait} }

// again waits for the next try. It returns the error that the call ends with if there
// is none: cause is why the last one failed.
func (r *retrier) again(ctx context.Context, cause error) error {
	if time.Now().After(r.until) {
		return adapter.Caused(adapter.ErrUnavailable, cause)
	}
	timer := time.NewTimer(rand.N(r.wait))
	defer timer.Stop()
	r.wait = min(2*r.wait, maxWait)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try makes a call until it is not refused for contention or throttling.
func try[T any](ctx context.Context, call func() (T, error)) (T, error) {
	out, err := call()
	if err == nil || !busy(err) {
		return out, err
	}
	r := newRetrier()
	for {
		if err := r.again(ctx, err); err != nil {
			return out, err
		}
		if out, err = call(); err == nil || !busy(err) {
			return out, err
		}
	}
}
