package dynamodb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/authstore/authstore/adapter"
)

// checkAnswers adds what looks at the answer of a request before the SDK reads it.
func checkAnswers(stack *middleware.Stack) error {
	const checksum = "DynamoDB:ResponseChecksumValidation"
	if m, ok := stack.Deserialize.Get(checksum); ok {
		if _, err := stack.Deserialize.Swap(checksum, whereSummed{m}); err != nil {
			return err
		}
	}
	return stack.Deserialize.Insert(byDynamoDB{}, "OperationDeserializer", middleware.After)
}

// whereSummed is the SDK's check of checksums for the answers that have one. The SDK
// takes none for one of 0, and so logs a warning at each error of the service, such as
// at each condition that is meant to fail sometimes:
// https://github.com/aws/aws-sdk-go-v2/issues/3545.
type whereSummed struct {
	middleware.DeserializeMiddleware
}

func (m whereSummed) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	var body io.ReadCloser
	out, metadata, err := m.DeserializeMiddleware.HandleDeserialize(ctx, in, middleware.DeserializeHandlerFunc(
		func(ctx context.Context, in middleware.DeserializeInput) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if resp, ok := out.RawResponse.(*smithyhttp.Response); ok && resp.Header.Get("X-Amz-Crc32") == "" {
				body = resp.Body
			}
			return out, metadata, err
		}))
	if body != nil {
		out.RawResponse.(*smithyhttp.Response).Body = body
	}
	return out, metadata, err
}

// byDynamoDB lets through what DynamoDB can have answered. Anything else that says 200
// would be an item that is not there, or a write that was done.
type byDynamoDB struct{}

func (byDynamoDB) ID() string { return "authstore:ByDynamoDB" }

func (byDynamoDB) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	if resp, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
		err = foreign(resp)
	}
	return out, metadata, err
}

// foreign returns an error for what DynamoDB does not answer: neither what it says to be
// of the service's type nor an object in JSON. Errors of proxies in between pass.
func foreign(resp *smithyhttp.Response) error {
	const enough = 512
	kind := resp.Header.Get("Content-Type")
	if strings.HasPrefix(kind, "application/x-amz-json") || passes(resp.StatusCode) {
		return nil
	}
	ahead := bufio.NewReaderSize(resp.Body, enough)
	begin, err := ahead.Peek(enough)
	resp.Body = readCloser{ahead, resp.Body}
	if strings.HasPrefix(strings.TrimSpace(string(begin)), "{") || err != nil && !errors.Is(err, io.EOF) && strings.Contains(kind, "json") {
		return nil // an error comes again when the body is read
	}
	return &foreignAnswer{resp.StatusCode, tlsMessage.Match(begin) || resp.StatusCode == http.StatusBadRequest && kind == "" && resp.ProtoMinor == 0}
}

// tlsMessage is what servers that speak TLS tell who does not. Some cut the connection
// too, so that the text does not arrive.
var tlsMessage = regexp.MustCompile(`(?i)HTTP request (was sent )?to (an )?HTTPS`)

type readCloser struct {
	io.Reader
	io.Closer
}

// passes reports whether a status is one that another time will be different.
func passes(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// foreignAnswer is the answer of something that is not DynamoDB.
type foreignAnswer struct {
	status   int
	wantsTLS bool
}

func (e *foreignAnswer) Error() string {
	return fmt.Sprintf("the answer with the status %d is not one of DynamoDB", e.status)
}

// condition is a condition of a write.
type condition struct {
	key    item // with the key attributes
	text   *string
	wanted types.ReturnValuesOnConditionCheckFailure
}

// conditions returns the conditions of a transaction, one for each step.
func conditions(steps []types.TransactWriteItem) []condition {
	all := make([]condition, len(steps))
	for i, st := range steps {
		switch {
		case st.Put != nil:
			all[i] = condition{st.Put.Item, st.Put.ConditionExpression, st.Put.ReturnValuesOnConditionCheckFailure}
		case st.Update != nil:
			all[i] = condition{st.Update.Key, st.Update.ConditionExpression, st.Update.ReturnValuesOnConditionCheckFailure}
		case st.Delete != nil:
			all[i] = condition{st.Delete.Key, st.Delete.ConditionExpression, st.Delete.ReturnValuesOnConditionCheckFailure}
		case st.ConditionCheck != nil:
			all[i] = condition{st.ConditionCheck.Key, st.ConditionCheck.ConditionExpression, st.ConditionCheck.ReturnValuesOnConditionCheckFailure}
		}
	}
	return all
}

// withOld returns the error of a write, and instead of it that the engine returns no
// old items if a condition failed without one and that is why. An answer without the
// item would be taken for one that there is none: for a value that is free.
func (r *requests) withOld(ctx context.Context, err error, all ...condition) error {
	if err == nil {
		return nil
	}
	for i, old := range failedOn(err) {
		switch {
		case i >= len(all) || all[i].wanted != oldOnFailure:
		case len(old.item) > 0:
			r.returnsOld.Store(true)
		case old.failed:
			if lacking := r.lacksOld(ctx, all[i]); lacking != nil {
				return lacking
			}
		}
	}
	return err
}

// refused is a step whose condition failed, with the item that it failed for.
type refused struct {
	failed bool
	item   item
}

// failedOn returns which conditions of a write failed.
func failedOn(err error) []refused {
	var single *types.ConditionalCheckFailedException
	if errors.As(err, &single) {
		return []refused{{true, single.Item}}
	}
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return nil
	}
	all := make([]refused, len(canceled.CancellationReasons))
	for i, reason := range canceled.CancellationReasons {
		all[i] = refused{aws.ToString(reason.Code) == "ConditionalCheckFailed", reason.Item}
	}
	return all
}

// errNoOld is what is wrong with an engine that leaves out the item.
var errNoOld = adapter.Setup("the engine does not return items as asked to (ReturnValues, ReturnValuesOnConditionCheckFailure)",
	"call the service itself and not DAX, or a DynamoDB Local of 2023 or later")

// requires reports whether a condition begins with another one.
func requires(condition, other *string) bool {
	return strings.HasPrefix(aws.ToString(condition), *other)
}

// lacksOld returns errNoOld if there must have been an item for which a condition
// failed. Where there may have been none, an engine that never returned one is asked: to
// delete what is there if it is not there, which does nothing.
func (r *requests) lacksOld(ctx context.Context, c condition) error {
	if requires(c.text, isAbsent) {
		return errNoOld
	}
	if r.returnsOld.Load() {
		return nil
	}
	key := item{r.options.PartitionKey: c.key[r.options.PartitionKey], r.options.SortKey: c.key[r.options.SortKey]}
	_, err := write(ctx, r, r.client.DeleteItem, &dynamodb.DeleteItemInput{
		TableName: &r.options.Table, Key: key, ReturnValuesOnConditionCheckFailure: oldOnFailure,
		ConditionExpression: isAbsent, ExpressionAttributeNames: map[string]string{"#pk": r.options.PartitionKey},
	}, nil)
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return err
	}
	if len(failed.Item) == 0 {
		return errNoOld
	}
	r.returnsOld.Store(true)
	return nil
}
