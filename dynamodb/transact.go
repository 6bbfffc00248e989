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
	// failed is called with the item that is there if the condition does not hold. It returns
	// the error that the call ends with, or nil if the transaction is to be built and sent
	// again.
	failed func(ctx context.Context, old item) error
	stamp  string // of the item that it writes
}

// otherwise returns the step with another function for a condition that does not hold.
func (st step) otherwise(failed func(context.Context, item) error) step {
	st.failed = failed
	return st
}

// maxAttempts is how often a transaction is sent if its reply is lost each time.
const maxAttempts = 3

// transact does all steps or none. It calls build for the steps of each attempt. A request
// whose reply was lost is repeated with its ClientRequestToken, which makes the service answer
// as it did the first time, for ten minutes; after that the stamps tell. If the repetition is
// refused, the outcome is unknown: the first request may still be under way, and be applied
// when the obstacle is gone. That is ErrUnavailable.
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
			r.wait = min(r.wait, maxContentionWait)
		}
		if err := r.again(ctx, err); err != nil {
			return err
		}
	}
}

// isRefused reports whether a transaction was not applied because a condition did not hold.
func isRefused(err error) bool {
	var canceled *types.TransactionCanceledException
	return errors.As(err, &canceled) && slices.ContainsFunc(canceled.CancellationReasons, func(r types.CancellationReason) bool {
		return aws.ToString(r.Code) == "ConditionalCheckFailed"
	})
}

// outcome returns whether a failed transaction is worth another attempt, and if it is not, the
// error, which is nil if the transaction failed because it had been applied before.
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

// create is a step that puts an item where there is none (read is nil), or in the place of one
// that is as it was read.
func (s *store) create(it, read item, failed func(context.Context, item) error) step {
	condition, names, values := s.asRead(read)
	return step{write: types.TransactWriteItem{Put: &types.Put{
		TableName: s.table, Item: it, ConditionExpression: condition, ExpressionAttributeNames: names,
		ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: oldOnFailure,
	}}, failed: failed, stamp: stampOf(it)}
}

// stillStamped returns the condition that an item is there and has a stamp; or that it has
// none, as items of the Auth.js adapter, if the stamp is "".
func (s *store) stillStamped(stamp string) (*string, map[string]string, item) {
	names := map[string]string{"#pk": s.options.PartitionKey, "#s": fieldStamp}
	if stamp == "" {
		return aws.String("attribute_exists(#pk) AND attribute_not_exists(#s)"), names, nil
	}
	return aws.String("attribute_exists(#pk) AND #s=:s"), names, item{":s": str(stamp)}
}

// change is a step that changes an item that still has its stamp. It does so attribute by
// attribute, so that what the Auth.js adapter changes meanwhile stays, or by replacing the item
// if the changes are too many.
func (s *store) change(k key, c *changes, read item, failed func(context.Context, item) error) step {
	if c.many() {
		return s.create(c.apply(read), read, failed)
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

// remove is a step that deletes an item, whether or not it is there.
func (s *store) remove(k key) step {
	return step{write: types.TransactWriteItem{Delete: &types.Delete{TableName: s.table, Key: s.attributes(k)}}}
}

// removeThere is a step that deletes an item that must be there.
func (s *store) removeThere(k key, failed func(context.Context, item) error) step {
	gone := s.remove(k)
	gone.write.Delete.ConditionExpression, gone.write.Delete.ExpressionAttributeNames = isThere, s.pkNames
	return gone.otherwise(failed)
}

// removeOwnedBy is a step that deletes an item that must not be another user's, if it is there.
func (s *store) removeOwnedBy(userID string, k key, failed func(context.Context, item) error) step {
	return step{write: types.TransactWriteItem{Delete: &types.Delete{
		TableName: s.table, Key: s.attributes(k), ConditionExpression: aws.String("attribute_not_exists(#pk) OR #u=:u"),
		ExpressionAttributeNames:            map[string]string{"#pk": s.options.PartitionKey, "#u": fieldUserID},
		ExpressionAttributeValues:           item{":u": str(userID)},
		ReturnValuesOnConditionCheckFailure: oldOnFailure,
	}}, failed: failed}
}

// errChanged says that something that a step relies on has changed meanwhile.
var errChanged = errors.New("changed meanwhile")

func changed(context.Context, item) error { return errChanged }

// check is a step that changes nothing: the transaction ends with errChanged if a condition of
// an item does not hold.
func (s *store) check(k key, condition *string, names map[string]string, values item) step {
	return step{write: types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: s.table, Key: s.attributes(k), ConditionExpression: condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}, failed: changed}
}

// absent is a step that makes sure that there is no item.
func (s *store) absent(k key) step { return s.check(k, isAbsent, s.pkNames, nil) }

// absentOr is absent, where failed is called with the item that is there.
func (s *store) absentOr(k key, failed func(context.Context, item) error) step {
	st := s.absent(k).otherwise(failed)
	st.write.ConditionCheck.ReturnValuesOnConditionCheckFailure = oldOnFailure
	return st
}

// removeRead is a step that deletes an item that is as it was read.
func (s *store) removeRead(it item) step {
	condition, names, values := s.asRead(it)
	return step{write: types.TransactWriteItem{Delete: &types.Delete{
		TableName: s.table, Key: s.attributes(s.keyOf(it)), ConditionExpression: condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}, failed: changed}
}

// maxConditions is how many attributes a condition compares. DynamoDB accepts 300 operators.
const maxConditions = 100

// asRead is the condition that an item is as it was read, and that there is none for nil. It
// compares attributes, since programs that know no stamps may have written last.
func (s *store) asRead(it item) (*string, map[string]string, item) {
	if it == nil {
		return isAbsent, s.pkNames, nil
	}
	e := expression{names: map[string]string{"#pk": s.options.PartitionKey}, values: item{}}
	condition := *isThere
	compared := append([]string{fieldStamp, fieldType, userEmail, userName}, slices.Sorted(maps.Keys(it))...)
	for _, name := range compared[:min(len(compared), maxConditions)] {
		if v := it[name]; v != nil {
			condition += " AND " + e.name(name) + "=" + e.value(v)
		} else {
			condition += " AND attribute_not_exists(" + e.name(name) + ")"
		}
	}
	return &condition, e.names, e.values
}
