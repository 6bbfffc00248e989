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

// maxLook is how many items one call of an enumeration looks at.
const maxLook = 1000

// EnumerateUsers implements adapter.Enumerator. It looks at as many items as the page may
// have users, and if no user is among them at more of them, call by call. A cursor is the
// partition of the last user of a page: the key at which the service stops may hold a token
// or an e-mail address.
func (s *store) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	after, err := s.behindCursor(cursor)
	if err != nil {
		return adapter.UserPage{}, err
	}
	for look := limit; ; look = min(2*look, maxLook) {
		users, next, err := s.scanUsers(ctx, after, look)
		if err != nil {
			return adapter.UserPage{}, err
		}
		if len(users) > 0 || next == nil {
			return s.userPage(users, next != nil, limit), nil
		}
		after = s.skipped(next)
	}
}

// userPage returns a page of the first users, and whether others follow.
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

// scanUsers returns the users among a number of items that follow a key, and the key of the
// last of them, nil at the end of the table.
func (s *store) scanUsers(ctx context.Context, after item, look int) ([]item, item, error) {
	in := &dynamodb.ScanInput{
		TableName: s.table, ConsistentRead: aws.Bool(true), ExclusiveStartKey: after, Limit: aws.Int32(int32(look)),
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

// skipped returns the key from which to go on after another one: in the partition of a user
// it is the one right before the user, who comes after all that belongs to it.
func (s *store) skipped(last item) item {
	k := s.keyOf(last)
	if strings.HasPrefix(k.partition, prefixUser) && k.sort < prefixUser {
		k.sort = prefixUser
	}
	return s.attributes(k)
}

// behindCursor returns the key after which a page begins, nil for the first page.
func (s *store) behindCursor(cursor string) (item, error) {
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
