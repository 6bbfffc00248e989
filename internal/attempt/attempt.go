// Package attempt bounds how long a request to a store takes. A connection can die
// without a word: a NAT or a load balancer forgets it, a frozen process wakes up after
// its peer has gone. Who waits on it for as long as the caller does turns a moment into a
// failed request.
package attempt

import (
	"context"
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// The limits.
const (
	// Short is how long the first attempt of a read waits for its answer.
	Short = time.Second
	// Default is how long a request takes in all if the caller's context has no deadline
	// and nothing else was asked for.
	Default = 10 * time.Second
)

// Read makes a read. The first attempt gets [Short], or half of the time that is left if
// that is less; without an answer by then the read is made once more, which the driver
// does on another connection. Both together take no longer than limit, or the context's
// deadline. Without an answer it is adapter.ErrUnavailable, or the context's error.
func Read[R any](ctx context.Context, limit time.Duration, do func(context.Context) (R, error)) (R, error) {
	first, cancel := context.WithTimeout(ctx, patience(ctx, limit))
	r, err := do(first)
	late := err != nil && ctx.Err() == nil && first.Err() != nil
	cancel()
	if !late {
		return r, err
	}
	return Write(ctx, limit, do)
}

// patience returns how long the first attempt of a read may take.
func patience(ctx context.Context, limit time.Duration) time.Duration {
	left := limit
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	return min(Short, left/2)
}

// Write makes a request once, which takes no longer than limit, or the context's
// deadline. Without an answer by then it is adapter.ErrUnavailable, or the context's
// error: a write may have been applied.
func Write[R any](ctx context.Context, limit time.Duration, do func(context.Context) (R, error)) (R, error) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := do(bounded)
	if err != nil && ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) && !errors.Is(err, adapter.ErrUnavailable) {
		err = driver.Caused(adapter.ErrUnavailable, err)
	}
	return r, err
}
