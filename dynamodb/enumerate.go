package dynamodb

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
)

// maxScan is how many items one request of an enumeration reads at most.
const maxScan = 1000

// EnumerateUsers implements adapter.Enumerator. A request reads as many items as the page may
// have users; while it finds no user, the next one reads twice as many. A cursor is the
// partition of the last user of a page: the key at which the service stops may hold a token or
// an e-mail address.
func (s *store) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	after, err := s.decodeCursor(cursor)
	if err != nil {
		return adapter.UserPage{}, err
	}
	for size := limit; ; size = min(2*size, maxScan) {
		users, next, err := s.scanUsers(ctx, after, size)
		if err != nil {
			return adapter.UserPage{}, err
		}
		if len(users) > 0 || next == nil {
			return s.userPage(users, next != nil, limit), nil
		}
		after = s.resumeAfter(next)
	}
}

// userPage returns a page of at most limit users; more says whether others follow.
func (s *store) userPage(users []item, more bool, limit int) (page adapter.UserPage) {
	if len(users) > limit {
		users, more = users[:limit], true
	}
	for _, it := range users {
		if u, err := s.decodeUser(it); err != nil {
			page.Unreadable = append(page.Unreadable, err)
		} else {
			page.Users = append(page.Users, u)
		}
	}
	if more {
		page.Next = base64.RawURLEncoding.EncodeToString([]byte(s.keyOf(users[len(users)-1]).partition))
	}
	return page
}

// scanUsers returns the users among the next items after a key, and the key of the last of
// these items, nil at the end of the table.
func (s *store) scanUsers(ctx context.Context, after item, size int) ([]item, item, error) {
	in := &dynamodb.ScanInput{
		TableName: s.table, ConsistentRead: aws.Bool(true), ExclusiveStartKey: after, Limit: aws.Int32(int32(size)),
		FilterExpression:          aws.String("#pk=#sk AND begins_with(#pk,:user) AND #pk<>:user"),
		ExpressionAttributeNames:  map[string]string{"#pk": s.options.PartitionKey, "#sk": s.options.SortKey},
		ExpressionAttributeValues: item{":user": str(prefixUser)},
	}
	out, err := try(ctx, func() (*dynamodb.ScanOutput, error) { return s.client.Scan(ctx, in) })
	if err != nil {
		return nil, nil, err
	}
	return out.Items, out.LastEvaluatedKey, nil
}

// resumeAfter returns the key from which to go on after another one. In the partition of a user
// that is right before the user, who comes after all that belongs to it.
func (s *store) resumeAfter(last item) item {
	k := s.keyOf(last)
	if strings.HasPrefix(k.partition, prefixUser) && k.sort < prefixUser {
		k.sort = prefixUser
	}
	return s.attributes(k)
}

// decodeCursor returns the key after which a page begins, nil for the first page.
func (s *store) decodeCursor(cursor string) (item, error) {
	if cursor == "" {
		return nil, nil
	}
	partition, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	id, isUser := strings.CutPrefix(string(partition), prefixUser)
	if err != nil || !isUser || id == "" || !utf8.ValidString(id) || len(partition) > maxPartition {
		return nil, adapter.Invalid("cursor", "must be one that EnumerateUsers returned")
	}
	return s.attributes(userKey(id)), nil
}
