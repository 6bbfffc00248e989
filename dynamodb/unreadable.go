package dynamodb

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
)

// unreadable returns the error for a required field of a record.
func (s *store) unreadable(it item, field, want string) error {
	k := s.keyOf(it)
	e := &adapter.RecordError{Place: "table " + s.options.Table + ", " + s.describe(it), Field: field, Want: want, Got: typeName(it[field])}
	if !strings.HasPrefix(k.partition, prefixToken) {
		e.UserID = partitionUser(k)
	}
	return e
}

// describe returns what an item is, without a token or an e-mail address.
func (s *store) describe(it item) string {
	switch k := s.keyOf(it); {
	case strings.HasPrefix(k.partition, prefixToken):
		return "verification token with the SHA-256 digest " + adapter.SessionID(strings.TrimPrefix(k.sort, prefixToken))
	case hasPrefix(k, prefixSession):
		return "session " + s.sessionIDOf(it)
	case hasPrefix(k, prefixAccount), hasPrefix(k, prefixAuthenticator):
		kind, id, _ := strings.Cut(k.sort, "#")
		return strings.ToLower(kind) + " " + unmailed(id)
	}
	return "user"
}

// unmailed returns a text, or its digest if it may be an e-mail address.
func unmailed(text string) string {
	if strings.Contains(text, "@") {
		return "%" + digest(text)
	}
	return text
}

// typeName returns the type of a value, for people.
func typeName(v types.AttributeValue) string {
	switch v.(type) {
	case nil:
		return "absent"
	case *types.AttributeValueMemberS:
		return "other text"
	case *types.AttributeValueMemberN:
		return "another number"
	case *types.AttributeValueMemberBOOL:
		return "true or false"
	case *types.AttributeValueMemberNULL:
		return "null"
	case *types.AttributeValueMemberM:
		return "a map"
	case *types.AttributeValueMemberL:
		return "a list"
	case *types.AttributeValueMemberB:
		return "bytes"
	}
	return "a set"
}
