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

// checkAnswers adds the checks of an answer to the SDK's middleware.
func checkAnswers(stack *middleware.Stack) error {
	const checksum = "DynamoDB:ResponseChecksumValidation"
	if m, ok := stack.Deserialize.Get(checksum); ok {
		if _, err := stack.Deserialize.Swap(checksum, checksumIfPresent{m}); err != nil {
			return err
		}
	}
	return stack.Deserialize.Insert(onlyDynamoDB{}, "OperationDeserializer", middleware.After)
}

// checksumIfPresent applies the SDK's checksum validation to answers that have a checksum only.
// The SDK takes a missing one for 0, and so logs a warning at each error of the service,
// including conditions that are meant to fail sometimes:
// https://github.com/aws/aws-sdk-go-v2/issues/3545.
type checksumIfPresent struct {
	middleware.DeserializeMiddleware
}

func (m checksumIfPresent) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
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

// onlyDynamoDB rejects answers that cannot be DynamoDB's. With status 200 they would be taken
// for a missing item or a successful write.
type onlyDynamoDB struct{}

func (onlyDynamoDB) ID() string { return "authstore:ByDynamoDB" }

func (onlyDynamoDB) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	if resp, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
		err = foreign(resp)
	}
	return out, metadata, err
}

// foreign returns an error for an answer that DynamoDB does not give: neither of the service's
// content type nor a JSON object. Transient errors of proxies pass.
func foreign(resp *smithyhttp.Response) error {
	const enough = 512
	kind := resp.Header.Get("Content-Type")
	if strings.HasPrefix(kind, "application/x-amz-json") || isTransientStatus(resp.StatusCode) {
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

// tlsMessage is what servers that speak TLS answer to plain text. Some also cut the connection,
// so that the text does not arrive.
var tlsMessage = regexp.MustCompile(`(?i)HTTP request (was sent )?to (an )?HTTPS`)

type readCloser struct {
	io.Reader
	io.Closer
}

// isTransientStatus reports whether a request with this status may succeed later.
func isTransientStatus(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// foreignAnswer is the answer of something that is not DynamoDB.
type foreignAnswer struct {
	status   int
	wantsTLS bool
}

func (e *foreignAnswer) Error() string {
	return fmt.Sprintf("the answer, with status %d, is not one of DynamoDB", e.status)
}

// condition is the condition of a write.
type condition struct {
	key    item // with the key attributes
	text   *string
	wanted types.ReturnValuesOnConditionCheckFailure
}

// conditions returns the condition of each step of a transaction.
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

// requireOldItem returns the error of a write. If a condition failed and the engine returned no
// item with it because it never does, the error says that instead: the missing item would be
// taken for a value that is free.
func (r *requests) requireOldItem(ctx context.Context, err error, all ...condition) error {
	if err == nil {
		return nil
	}
	for i, old := range failedConditions(err) {
		switch {
		case i >= len(all) || all[i].wanted != oldOnFailure:
		case len(old.item) > 0:
			r.returnsOld.Store(true)
		case old.failed:
			if lacking := r.checkReturnsOld(ctx, all[i]); lacking != nil {
				return lacking
			}
		}
	}
	return err
}

// failedCondition is whether the condition of a step failed, with the item that is there.
type failedCondition struct {
	failed bool
	item   item
}

// failedConditions returns which conditions of a write failed.
func failedConditions(err error) []failedCondition {
	var single *types.ConditionalCheckFailedException
	if errors.As(err, &single) {
		return []failedCondition{{true, single.Item}}
	}
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return nil
	}
	all := make([]failedCondition, len(canceled.CancellationReasons))
	for i, reason := range canceled.CancellationReasons {
		all[i] = failedCondition{aws.ToString(reason.Code) == "ConditionalCheckFailed", reason.Item}
	}
	return all
}

// errNoOld is the error of an engine that does not return the item.
var errNoOld = adapter.Setup("the engine does not return items as requested (ReturnValues, ReturnValuesOnConditionCheckFailure)",
	"call the service itself and not DAX, or a DynamoDB Local of 2023 or later")

// requires reports whether a condition begins with another one.
func requires(condition, other *string) bool {
	return strings.HasPrefix(aws.ToString(condition), *other)
}

// checkReturnsOld returns errNoOld if there must have been an item for which a condition
// failed. If there may have been none, and the engine has never returned one, it is tested with
// a delete that does nothing: of an existing item, on the condition that it does not exist.
func (r *requests) checkReturnsOld(ctx context.Context, c condition) error {
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
