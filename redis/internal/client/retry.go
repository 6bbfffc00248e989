package client

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

const (
	// maxRetryTime is how long an update retries while others win the races for the same
	// record. Each of these completes.
	maxRetryTime = 6 * time.Second
	// firstPause is the longest pause before the first retry; it doubles for each later one,
	// up to lastPause.
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

// errContention says that a call kept losing races. Trying again is right.
var errContention = errors.New("too many concurrent calls for the same key")

// Retry makes attempts until one returns that it need not be made again.
func Retry(ctx context.Context, attempt func() (again bool, err error)) error {
	for begun, pause := time.Now(), firstPause; time.Since(begun) < maxRetryTime; pause = min(2*pause, lastPause) {
		again, err := attempt()
		if !again {
			return err
		}
		timer := time.NewTimer(mathrand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
	return driver.Caused(adapter.ErrUnavailable, errContention)
}
