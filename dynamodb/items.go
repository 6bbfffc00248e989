package dynamodb

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
)

// The conditions of single writes. #pk is the partition key.
var (
	isAbsent = aws.String("attribute_not_exists(#pk)")
	isThere  = aws.String("attribute_exists(#pk)")
)

const (
	allOld       = types.ReturnValueAllOld
	allNew       = types.ReturnValueAllNew
	oldOnFailure = types.ReturnValuesOnConditionCheckFailureAllOld
)

// get reads an item, consistently. ErrNotFound if there is none.
func (s *store) get(ctx context.Context, k key) (item, error) {
	items, err := s.lookup.get(ctx, want{k})
	if err == nil && items[0] == nil {
		err = adapter.ErrNotFound
	}
	return items[0], err
}

// errUnprocessed is why a batch is sent again: the service did only a part of it.
var errUnprocessed = errors.New("the service did only a part of a batch")

// query selects a page of a partition.
type query struct {
	partition string
	prefix    string // of sort keys
	after     item   // the last key of the page before
	backward  bool
	fields    []string // nil: all
}

// page reads a page, consistently. The key that it returns is where the next page starts, nil
// after the last page.
func (s *store) page(ctx context.Context, q query) ([]item, item, error) {
	e := expression{names: map[string]string{"#pk": s.options.PartitionKey}, values: item{":pk": str(q.partition)}}
	condition := "#pk=:pk"
	if q.prefix != "" {
		e.names["#sk"], e.values[":sk"] = s.options.SortKey, str(q.prefix)
		condition += " AND begins_with(#sk,:sk)"
	}
	in := &dynamodb.QueryInput{
		TableName: s.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: &condition, ExpressionAttributeValues: e.values,
		ExclusiveStartKey: q.after, ScanIndexForward: aws.Bool(!q.backward),
	}
	if q.fields != nil {
		projection := ""
		for _, f := range q.fields {
			if projection != "" {
				projection += ","
			}
			projection += e.name(f)
		}
		in.ProjectionExpression = &projection
	}
	in.ExpressionAttributeNames = e.names
	out, err := try(ctx, func() (*dynamodb.QueryOutput, error) { return s.client.Query(ctx, in) })
	if err != nil {
		return nil, nil, err
	}
	return out.Items, out.LastEvaluatedKey, nil
}

// listItems reads all items of a user whose sort keys have a prefix.
func (s *store) listItems(ctx context.Context, userID, prefix string) ([]item, error) {
	q := query{partition: userPartition(userID), prefix: prefix}
	var all []item
	for {
		items, next, err := s.page(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if q.after = next; next == nil {
			return all, nil
		}
	}
}

// queryIndex returns the items under a key of the index, which may lag behind.
func (s *store) queryIndex(ctx context.Context, partition, sort string) ([]item, error) {
	if s.options.NoIndex {
		return nil, nil
	}
	in := &dynamodb.QueryInput{
		TableName: s.table, IndexName: &s.options.Index, KeyConditionExpression: aws.String("#pk=:pk AND #sk=:sk"),
		ExpressionAttributeNames:  map[string]string{"#pk": s.options.IndexPartitionKey, "#sk": s.options.IndexSortKey},
		ExpressionAttributeValues: item{":pk": str(partition), ":sk": str(sort)},
	}
	out, err := try(ctx, func() (*dynamodb.QueryOutput, error) { return s.client.Query(ctx, in) })
	if err != nil {
		return nil, err
	}
	return out.Items, nil
}

// put creates an item, and reports whether another one is in its place.
func (s *store) put(ctx context.Context, it item) (taken bool, err error) {
	_, err = try(ctx, func() (*dynamodb.PutItemOutput, error) {
		return s.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: s.table, Item: it, ConditionExpression: isAbsent, ExpressionAttributeNames: s.pkNames,
		}, once)
	})
	switch {
	case errors.As(err, new(*types.ConditionalCheckFailedException)):
		return true, nil
	case lost(err):
		if _, done := s.findWritten(ctx, s.keyOf(it), stampOf(it)); done {
			return false, nil
		}
	}
	return false, err
}

// findWritten looks for a write whose reply was lost, by the stamp of the item. If it is not
// found, the write was not applied, or somebody has written since, or it is still under way.
func (s *store) findWritten(ctx context.Context, k key, stamp string) (item, bool) {
	it, err := s.get(ctx, k)
	return it, err == nil && stampOf(it) == stamp
}

func stampOf(it item) string { return text(it[fieldStamp]) }

// deleteBatch deletes items by their keys, 25 by a request. Without a reply nobody knows: the request may
// still be under way, and take what somebody makes under the same keys. So it is not sent again, and
// a look at what is left could only tell what others have done.
func (s *store) deleteBatch(ctx context.Context, items []item) error {
	const most = 25
	for chunk := range slices.Chunk(items, most) {
		requests := make([]types.WriteRequest, len(chunk))
		for i, it := range chunk {
			requests[i].DeleteRequest = &types.DeleteRequest{Key: s.attributes(s.keyOf(it))}
		}
		if err := s.batchWrite(ctx, map[string][]types.WriteRequest{s.options.Table: requests}); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) batchWrite(ctx context.Context, requests map[string][]types.WriteRequest) error {
	r := newRetrier()
	for {
		out, err := try(ctx, func() (*dynamodb.BatchWriteItemOutput, error) {
			return s.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: requests}, once)
		})
		if err != nil {
			return err
		}
		if requests = out.UnprocessedItems; len(requests) == 0 {
			return nil
		}
		if err := r.again(ctx, errUnprocessed); err != nil {
			return err
		}
	}
}

// updateItem changes an item that is there, if a condition holds. If it does not, it returns
// false and the item as it is, nil if there is none.
func (s *store) updateItem(ctx context.Context, k key, c *changes, condition func(*expression) string) (it item, ok bool, err error) {
	e := expression{names: map[string]string{"#pk": s.options.PartitionKey}, values: item{}}
	update := c.update(&e)
	text := *isThere
	if condition != nil {
		text += " AND " + condition(&e)
	}
	out, err := try(ctx, func() (*dynamodb.UpdateItemOutput, error) {
		return s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: s.table, Key: s.attributes(k), UpdateExpression: &update, ConditionExpression: &text,
			ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
			ReturnValues: allNew, ReturnValuesOnConditionCheckFailure: oldOnFailure,
		}, once)
	})
	var failed *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &failed):
		return failed.Item, false, nil
	case lost(err):
		if it, done := s.findWritten(ctx, k, c.stamp()); done {
			return it, true, nil
		}
		return nil, false, err
	case err != nil:
		return nil, false, err
	}
	return out.Attributes, true, nil
}
