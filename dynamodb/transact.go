package dynamodb

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// maxSteps is how many items one transaction may have.
const maxSteps = 100

// step is one item of a transaction.
type step struct {
	write types.TransactWriteItem
	// failed is called if the condition does not hold, with the item that is there.
	// It returns the error that the call ends with, or nil if the transaction is to be
	// built anew and tried again.
	failed func(ctx context.Context, old item) error
	stamp  string // of the item that it writes
}

// maxAttempts is how often a transaction is sent whose reply is lost each time.
const maxAttempts = 3

// transact does all steps or none. Steps are built for each try. A request whose
// reply was lost is repeated with its ClientRequestToken, and answered as the first one
// was, for ten minutes; after that the stamps tell. If the repetition is refused, nobody
// knows: the first one may be on its way still, and be done when what it was refused for
// is gone. That is ErrUnavailable.
func (s *store) transact(ctx context.Context, build func() ([]step, error)) error {
	r := newRetrier()
	in := &dynamodb.TransactWriteItemsInput{}
	for doubts := 0; ; {
		steps, err := build()
		if err != nil || len(steps) == 0 {
			return err
		}
		writes := make([]types.TransactWriteItem, len(steps))
		for i, st := range steps {
			writes[i] = st.write
		}
		if !reflect.DeepEqual(in.TransactItems, writes) {
			in = &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String(newStamp()), TransactItems: writes}
		}
		_, err = s.client.TransactWriteItems(ctx, in, once)
		if err == nil {
			return nil
		}
		again, end := outcome(ctx, err, steps)
		switch {
		case lost(err) && !errors.Is(err, adapter.ErrUnavailable):
			doubts++
			again = doubts < maxAttempts
		case doubts > 0 && isRefused(err) && (again || end != nil):
			return driver.Caused(adapter.ErrUnavailable, err)
		}
		if !again {
			return end
		}
		if !busy(err) { // somebody was first: no reason to wait long
			r.wait = min(r.wait, soon)
		}
		if err := r.again(ctx, err); err != nil {
			return err
		}
	}
}

// isRefused reports whether a transaction was not done because a condition did not hold.
func isRefused(err error) bool {
	var canceled *types.TransactionCanceledException
	return errors.As(err, &canceled) && slices.ContainsFunc(canceled.CancellationReasons, func(r types.CancellationReason) bool {
		return aws.ToString(r.Code) == "ConditionalCheckFailed"
	})
}

// outcome returns whether a transaction that failed is worth another try, and if it is
// not, the error. There is none if it failed because it was done before.
func outcome(ctx context.Context, err error, steps []step) (again bool, end error) {
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return busy(err), err
	}
	unmet := map[int]item{}
	for i, reason := range canceled.CancellationReasons {
		if aws.ToString(reason.Code) == "ConditionalCheckFailed" && i < len(steps) {
			if stamp := steps[i].stamp; stamp != "" && stampOf(reason.Item) == stamp {
				return false, nil
			}
			unmet[i] = reason.Item
		}
	}
	again = busy(err)
	for _, i := range slices.Sorted(maps.Keys(unmet)) {
		if steps[i].failed == nil {
			continue
		}
		if end := steps[i].failed(ctx, unmet[i]); end != nil {
			return false, end
		}
		again = true
	}
	return again, err
}

// create is a step that makes an item where there is none, or in the place of one
// that was read.
func (s *store) create(it, read item, failed func(context.Context, item) error) step {
	put := &types.Put{
		TableName: s.table, Item: it, ConditionExpression: isAbsent, ExpressionAttributeNames: s.pkNames,
		ReturnValuesOnConditionCheckFailure: oldOnFailure,
	}
	if read != nil {
		put.ConditionExpression, put.ExpressionAttributeNames, put.ExpressionAttributeValues = s.asRead(read)
	}
	return step{write: types.TransactWriteItem{Put: put}, failed: failed, stamp: stampOf(it)}
}

// replaceRead is a step that puts an item in the place of one which is as it was read.
func (s *store) replaceRead(it, read item, failed func(context.Context, item) error) step {
	put := &types.Put{TableName: s.table, Item: it, ReturnValuesOnConditionCheckFailure: oldOnFailure}
	put.ConditionExpression, put.ExpressionAttributeNames, put.ExpressionAttributeValues = s.asRead(read)
	return step{write: types.TransactWriteItem{Put: put}, failed: failed, stamp: stampOf(it)}
}

// stillStamped returns the condition that an item is there and has a stamp, or has
// none if the stamp is "", as items of the Auth.js adapter.
func (s *store) stillStamped(stamp string) (*string, map[string]string, item) {
	names := map[string]string{"#pk": s.options.PartitionKey, "#s": fieldStamp}
	if stamp == "" {
		return aws.String("attribute_exists(#pk) AND attribute_not_exists(#s)"), names, nil
	}
	return aws.String("attribute_exists(#pk) AND #s=:s"), names, item{":s": str(stamp)}
}

// refresh returns what a step does whose item was changed by somebody else: the item is
// taken as it is now. ErrNotFound if it is gone.
func refresh(current *item) func(context.Context, item) error {
	return func(_ context.Context, now item) error {
		if len(now) == 0 {
			return adapter.ErrNotFound
		}
		*current = now
		return nil
	}
}

// change is a step that changes an item which has a stamp still: field by field, so
// that a field which the Auth.js adapter changes meanwhile stays, or by putting another
// in its place if the fields are too many.
func (s *store) change(k key, c *changes, read item, failed func(context.Context, item) error) step {
	if c.many() {
		return s.replaceRead(c.apply(read), read, failed)
	}
	condition, names, values := s.stillStamped(stampOf(read))
	e := expression{names: names, values: values}
	if values == nil {
		e.values = item{}
	}
	update := c.update(&e)
	return step{write: types.TransactWriteItem{Update: &types.Update{
		TableName: s.table, Key: s.attributes(k), UpdateExpression: &update, ConditionExpression: condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values, ReturnValuesOnConditionCheckFailure: oldOnFailure,
	}}, failed: failed, stamp: c.stamp()}
}

// remove is a step that deletes an item, if it is there.
func (s *store) remove(k key) step {
	return step{write: types.TransactWriteItem{Delete: &types.Delete{TableName: s.table, Key: s.attributes(k)}}}
}

// removeOf is a step that deletes an item of a user's, or nothing if it is not there.
func (s *store) removeOf(userID string, k key, failed func(context.Context, item) error) step {
	return step{write: types.TransactWriteItem{Delete: &types.Delete{
		TableName: s.table, Key: s.attributes(k), ConditionExpression: aws.String("attribute_not_exists(#pk) OR #u=:u"),
		ExpressionAttributeNames:            map[string]string{"#pk": s.options.PartitionKey, "#u": fieldUserID},
		ExpressionAttributeValues:           item{":u": str(userID)},
		ReturnValuesOnConditionCheckFailure: oldOnFailure,
	}}, failed: failed}
}
