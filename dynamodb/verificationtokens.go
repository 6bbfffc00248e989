package dynamodb

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
)

// CreateVerificationToken takes one request. Where there is a token already, a second one deletes
// it if it has expired, and a third one creates the new one unless there is one still.
func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	it := s.encodeToken(t, newStamp())
	taken, err := s.put(ctx, it)
	if taken {
		if _, _, err = s.take(ctx, tokenKey(t.Identifier, t.Token), hasExpired(s.options.Now())); err == nil {
			taken, err = s.put(ctx, it)
		}
	}
	if taken && err == nil {
		err = adapter.Conflict(adapter.FieldVerificationToken)
	}
	return t, err
}

// UseVerificationToken takes one request, which is not repeated if its reply is lost, since
// nobody could tell who took the token: that is ErrUnavailable, and the token may be used up. A
// token whose expiry another program wrote in another form takes a second request; a token with
// an unreadable expiry is not used up.
func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	k := tokenKey(identifier, token)
	it, ok, err := s.take(ctx, k, hasSeconds)
	for r := newRetrier(); err == nil && !ok; {
		if len(it) == 0 {
			return adapter.VerificationToken{}, adapter.ErrNotFound
		}
		if _, err := s.decodeToken(it); err != nil {
			return adapter.VerificationToken{}, err
		}
		if it, ok, err = s.take(ctx, k, is(fieldExpires, it)); err == nil && !ok {
			err = r.again(ctx, errChanged)
		}
	}
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	t, err := s.decodeToken(it)
	if err == nil && !s.options.Now().Before(t.Expires) {
		return adapter.VerificationToken{}, adapter.ErrExpired
	}
	return t, err
}

// hasSeconds is the condition that the expiry is a number of seconds.
func hasSeconds(e *expression) string {
	return e.name(fieldExpires) + " BETWEEN " + e.value(number(0)) + " AND " + e.value(number(maxSeconds))
}

// hasExpired is the condition that the expiry is a number of seconds, and over.
func hasExpired(now time.Time) func(*expression) string {
	return func(e *expression) string { return hasSeconds(e) + " AND NOT (" + isLive(now)(e) + ")" }
}

// take deletes an item and returns it, if a condition holds. If it does not, it returns false
// and the item as it is, nil if there is none.
func (s *store) take(ctx context.Context, k key, condition func(*expression) string) (it item, ok bool, err error) {
	e := expression{names: map[string]string{"#pk": s.options.PartitionKey}, values: item{}}
	text := *isThere + " AND " + condition(&e)
	out, err := try(ctx, func() (*dynamodb.DeleteItemOutput, error) {
		return s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: s.table, Key: s.attributes(k), ConditionExpression: &text, ExpressionAttributeNames: e.names,
			ExpressionAttributeValues: e.used(), ReturnValues: allOld, ReturnValuesOnConditionCheckFailure: oldOnFailure,
		}, once)
	})
	var failed *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &failed):
		return failed.Item, false, nil
	case err != nil:
		return nil, false, err
	}
	return out.Attributes, true, nil
}

// DeleteVerificationTokens takes two requests, and one more for each further 25 tokens, since
// DynamoDB deletes by key.
func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	q := query{partition: prefixToken + identifier, prefix: prefixToken, fields: s.keyFields()}
	for {
		items, next, err := s.page(ctx, q)
		if err != nil {
			return err
		}
		if err := s.deleteBatch(ctx, items); err != nil {
			return err
		}
		if q.after = next; next == nil {
			return nil
		}
	}
}
