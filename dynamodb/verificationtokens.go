package dynamodb

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	taken, err := s.put(ctx, s.encodeToken(t, newStamp()))
	if err == nil && taken != nil {
		err = adapter.Conflict(adapter.FieldVerificationToken)
	}
	return t, failure(err)
}

// once has a client make one attempt: the second one of a call that takes something
// away would find nothing, and could not tell who took it.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

// UseVerificationToken is not repeated if its reply is lost: it is then ErrUnavailable,
// and the token may be used up.
func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	out, err := try(ctx, func() (*dynamodb.DeleteItemOutput, error) {
		return s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: s.table, Key: s.attributes(tokenKey(identifier, token)),
			ConditionExpression: isThere, ExpressionAttributeNames: s.pkNames, ReturnValues: allOld,
		}, once)
	})
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return adapter.VerificationToken{}, adapter.ErrNotFound
	}
	if err != nil {
		return adapter.VerificationToken{}, failure(err)
	}
	t, err := decodeToken(out.Attributes)
	if err == nil && !s.options.Now().Before(t.Expires) {
		return adapter.VerificationToken{}, adapter.ErrExpired
	}
	return t, err
}

// DeleteVerificationTokens takes two calls, and one more for each 25 tokens, since
// DynamoDB deletes by key.
func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	q := query{partition: prefixToken + identifier, fields: s.keyFields()}
	for {
		items, next, err := s.page(ctx, q)
		if err != nil {
			return failure(err)
		}
		keys := make([]key, len(items))
		for i, it := range items {
			keys[i] = s.keyOf(it)
		}
		if err := s.deleteBatch(ctx, keys); err != nil {
			return failure(err)
		}
		if q.after = next; next == nil {
			return nil
		}
	}
}

// keyFields are the attributes to read where keys are all that is wanted, and those
// given.
func (s *store) keyFields(also ...string) []string {
	return append([]string{s.options.PartitionKey, s.options.SortKey}, also...)
}
