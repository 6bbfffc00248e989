package dynamodb

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
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
		return driver.Caused(adapter.ErrUnavailable, cause)
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

// lost reports whether nobody knows if the service has done what failed: the reply was
// lost, or the service failed over it. A request that was refused was not done, and
// neither was one for which there was no connection.
func lost(err error) bool {
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	var connection *net.OpError
	switch {
	case err == nil, errors.Is(err, adapter.ErrSetup):
		return false
	case errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError:
		return true
	case errors.As(err, &api):
		return unavailable[api.ErrorCode()]
	}
	return !errors.As(err, &connection) || connection.Op != "dial"
}

// cautious is a client's retryer that repeats only what was certainly not done. The second
// one of a write that was done would undo what others wrote in between, and could arrive
// when its record was deleted again.
type cautious struct{ aws.Retryer }

func (c cautious) IsErrorRetryable(err error) bool {
	return !lost(err) && c.Retryer.IsErrorRetryable(err)
}

// once has a client make a write at most once.
func once(o *dynamodb.Options) { o.Retryer = cautious{o.Retryer} }
