package dynamodb

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
)

// requests is the client that a store uses. It passes requests to the application's client,
// limits the time of each, makes sure that DynamoDB answers and not something else, and
// explains errors that a person has to mend.
type requests struct {
	client      Client
	options     Options
	connections connections
	// returnsOld is whether the engine is known to return the item for which a condition
	// failed: see requireOldItem.
	returnsOld atomic.Bool
}

// call is a method of a client.
type call[I, O any] = func(context.Context, *I, ...func(*dynamodb.Options)) (*O, error)

// read makes a request that changes nothing.
func read[I, O any](ctx context.Context, r *requests, do call[I, O], in *I, o []func(*dynamodb.Options)) (*O, error) {
	o = append(slices.Clip(o), r.setUp)
	return inTime(ctx, r, func(ctx context.Context) (*O, error) { return do(ctx, in, o...) })
}

// inTime makes a request that changes nothing, or takes part in one. Without an answer in time it
// does so once more, over another connection.
func inTime[O any](ctx context.Context, r *requests, do func(context.Context) (O, error)) (O, error) {
	attempts := 0
	out, err := attempt.Read(ctx, r.limit(ctx), func(ctx context.Context) (O, error) {
		if attempts++; attempts > 1 {
			r.connections.suspect()
		}
		return do(ctx)
	})
	return out, r.cause(ctx, err)
}

// write makes a request once.
func write[I, O any](ctx context.Context, r *requests, do call[I, O], in *I, o []func(*dynamodb.Options)) (*O, error) {
	o = append(slices.Clip(o), r.setUp)
	out, err := attempt.Write(ctx, r.limit(ctx), func(bounded context.Context) (*O, error) {
		out, err := do(bounded, in, o...)
		if err != nil && bounded.Err() != nil && ctx.Err() == nil {
			r.connections.suspect()
		}
		return out, err
	})
	return out, r.cause(ctx, err)
}

// limit returns how long a request may take, apart from its context.
func (r *requests) limit(ctx context.Context) time.Duration {
	if r.options.RequestTimeout > 0 {
		return r.options.RequestTimeout
	}
	if _, bounded := ctx.Deadline(); bounded {
		return math.MaxInt64
	}
	return attempt.Default
}

// setUp sets the client's options for one request.
func (r *requests) setUp(o *dynamodb.Options) {
	o.HTTPClient = inMemory{r.connections.client(o.HTTPClient)}
	o.APIOptions = append(slices.Clip(o.APIOptions), checkAnswers)
}

// region returns the client's region, "" if it is not known.
func (r *requests) region() string {
	if c, ok := r.client.(interface{ Options() dynamodb.Options }); ok {
		return c.Options().Region
	}
	return ""
}

func (r *requests) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	return write(ctx, r, r.client.BatchWriteItem, in, o)
}

func (r *requests) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, o ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	out, err := write(ctx, r, r.client.DeleteItem, in, o)
	if err == nil && in.ReturnValues == allOld && len(out.Attributes) == 0 && in.ConditionExpression != nil && !requires(in.ConditionExpression, isAbsent) {
		err = errNoOld
	}
	return out, r.requireOldItem(ctx, err, condition{in.Key, in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure})
}

func (r *requests) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return read(ctx, r, r.client.GetItem, in, o)
}

func (r *requests) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	out, err := write(ctx, r, r.client.PutItem, in, o)
	return out, r.requireOldItem(ctx, err, condition{in.Item, in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure})
}

func (r *requests) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return read(ctx, r, r.client.Query, in, o)
}

func (r *requests) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	out, err := write(ctx, r, r.client.TransactWriteItems, in, o)
	return out, r.requireOldItem(ctx, err, conditions(in.TransactItems)...)
}

func (r *requests) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	out, err := write(ctx, r, r.client.UpdateItem, in, o)
	if err == nil && in.ReturnValues == allNew && len(out.Attributes) == 0 {
		err = errNoOld
	}
	return out, r.requireOldItem(ctx, err, condition{in.Key, in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure})
}

func (r *requests) Scan(ctx context.Context, in *dynamodb.ScanInput, o ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return read(ctx, r, r.client.Scan, in, o)
}

func (r *requests) CreateTable(ctx context.Context, in *dynamodb.CreateTableInput, o ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error) {
	return write(ctx, r, r.client.CreateTable, in, o)
}

func (r *requests) DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, o ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	return read(ctx, r, r.client.DescribeTable, in, o)
}

func (r *requests) UpdateTable(ctx context.Context, in *dynamodb.UpdateTableInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateTableOutput, error) {
	return write(ctx, r, r.client.UpdateTable, in, o)
}

func (r *requests) DescribeTimeToLive(ctx context.Context, in *dynamodb.DescribeTimeToLiveInput, o ...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error) {
	return read(ctx, r, r.client.DescribeTimeToLive, in, o)
}

func (r *requests) UpdateTimeToLive(ctx context.Context, in *dynamodb.UpdateTimeToLiveInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateTimeToLiveOutput, error) {
	return write(ctx, r, r.client.UpdateTimeToLive, in, o)
}

func (r *requests) DescribeContinuousBackups(ctx context.Context, in *dynamodb.DescribeContinuousBackupsInput, o ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	return read(ctx, r, r.client.DescribeContinuousBackups, in, o)
}

func (r *requests) UpdateContinuousBackups(ctx context.Context, in *dynamodb.UpdateContinuousBackupsInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateContinuousBackupsOutput, error) {
	return write(ctx, r, r.client.UpdateContinuousBackups, in, o)
}

// How long contention and throttling are waited out, unless the context ends before. The waits
// have full jitter.
const (
	patience          = 30 * time.Second
	firstWait         = 10 * time.Millisecond
	maxWait           = time.Second
	maxContentionWait = 100 * time.Millisecond
)

// retrier spaces the attempts of one call.
type retrier struct {
	until time.Time
	wait  time.Duration
}

func newRetrier() *retrier { return &retrier{until: time.Now().Add(patience), wait: firstWait} }

// again waits for the next attempt. It returns the error that the call ends with if there is to
// be none; cause is why the last attempt failed.
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

// try makes a request until it is not refused because of contention or throttling.
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

// lost reports whether a failed write may have been applied: its reply was lost, or the service
// failed. A request that was refused was not applied, and neither was one without a connection.
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
		return faultCodes[api.ErrorCode()]
	}
	return !errors.As(err, &connection) || connection.Op != "dial"
}

// sparing is a retryer that repeats nothing after some errors.
type sparing struct {
	aws.Retryer
	after func(error) bool
}

func (s sparing) IsErrorRetryable(err error) bool {
	return !s.after(err) && s.Retryer.IsErrorRetryable(err)
}

// once makes the client repeat only what was certainly not applied. A write applied twice would
// undo what others wrote in between, or bring back a record that was deleted.
func once(o *dynamodb.Options) { o.Retryer = sparing{o.Retryer, lost} }
