package dynamodb

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
)

// item is an item of the table.
type item = map[string]types.AttributeValue

// key is the primary key of an item.
type key struct{ partition, sort string }

// The prefixes of keys. The text up to the first "#" says the kind, so no text after it can
// make a key of another kind.
const (
	prefixUser          = "USER#"
	prefixAccount       = "ACCOUNT#"
	prefixSession       = "SESSION#"
	prefixAuthenticator = "AUTHENTICATOR#"
	prefixToken         = "VT#"
	prefixEmail         = "EMAIL#"   // partitions of guards
	prefixDeleted       = "DELETED#" // partitions of tombstones
)

// The sort keys of items that are alone in their partition.
const (
	sortGuard     = "GUARD"
	sortTombstone = "TOMBSTONE"
)

// maxPartition is the maximum length of a partition key, in bytes.
const maxPartition = 2048

// maxPart is the longest text that is stored unchanged in a sort key, which has at most 1,024
// bytes.
const maxPart = 1000

// lastPart returns a text as the last part of a key. A text that is too long is replaced by "%"
// and its digest, and so is one that begins with "%", which could be taken for such a digest.
func lastPart(text string) string {
	if len(text) <= maxPart && !strings.HasPrefix(text, "%") {
		return text
	}
	return "%" + digest(text)
}

// firstPart returns a text as a part of a key that is followed by "#" and another part.
func firstPart(text string) string {
	if !strings.Contains(text, "#") {
		return lastPart(text)
	}
	return "%" + digest(text)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func userPartition(id string) string { return prefixUser + id }
func userKey(id string) key          { return key{prefixUser + id, prefixUser + id} }
func sessionSort(stored string) string {
	return prefixSession + lastPart(stored)
}
func accountSort(k adapter.AccountKey) string {
	return prefixAccount + firstPart(k.Provider) + "#" + lastPart(k.ProviderAccountID)
}
func authenticatorSort(credentialID string) string {
	return prefixAuthenticator + lastPart(credentialID)
}

// emailGuard is the key of the guard of an e-mail address.
func emailGuard(email string) key { return key{prefixEmail + email, sortGuard} }

// recordGuard is the key of the guard of a record, by the record's sort key.
func recordGuard(sort string) key { return key{sort, sortGuard} }

func tokenKey(identifier, token string) key {
	return key{prefixToken + identifier, prefixToken + token}
}

// tombstoneKey is the key of the tombstone of a deleted user, which has the digest of the ID.
func tombstoneKey(id string) key { return key{prefixDeleted + digest(id), sortTombstone} }

// attributes returns the attributes of a key.
func (s *store) attributes(k key) item {
	return item{s.options.PartitionKey: str(k.partition), s.options.SortKey: str(k.sort)}
}

// keyOf returns the key of an item.
func (s *store) keyOf(it item) key {
	return key{text(it[s.options.PartitionKey]), text(it[s.options.SortKey])}
}

// withKey sets the key of an item.
func (s *store) withKey(it item, k key) item {
	it[s.options.PartitionKey], it[s.options.SortKey] = str(k.partition), str(k.sort)
	return it
}

// index sets the key of an item in the index, if there is an index.
func (s *store) index(it item, partition, sort string) {
	if !s.options.NoIndex {
		it[s.options.IndexPartitionKey], it[s.options.IndexSortKey] = str(partition), str(sort)
	}
}

// newID returns an ID such as the Auth.js adapter gives accounts: a random UUID. Nothing is
// looked up by it.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newStamp returns 128 random bits, which tell one write from another.
func newStamp() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hasPrefix(k key, prefix string) bool { return strings.HasPrefix(k.sort, prefix) }

// partitionUser returns the ID of the user in whose partition a record is.
func partitionUser(k key) string { return strings.TrimPrefix(k.partition, prefixUser) }

// The forms of [Options.Table], except for the length of a name: counting is slow in a regular
// expression.
var (
	tableName = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)
	tableARN  = regexp.MustCompile(`^arn:[\w-]+:dynamodb:([\w-]+):\d{12}:table/([a-zA-Z0-9_.-]+)$`)
)

func isTable(table string) bool {
	name := nameOf(table)
	return 3 <= len(name) && len(name) <= 255 && tableName.MatchString(name)
}

// nameOf returns the name of a table that may be given by its ARN.
func nameOf(table string) string {
	if arn := tableARN.FindStringSubmatch(table); arn != nil {
		return arn[2]
	}
	return table
}

// The stored names of fields, in the layout of the Auth.js adapter.
const (
	fieldType    = "type"
	fieldID      = "id"
	fieldUserID  = "userId"
	fieldExpires = "expires" // epoch seconds, the table's TTL attribute
	fieldCreated = "createdAt"
	fieldUpdated = "updatedAt"

	userName     = "name"
	userEmail    = "email"
	userVerified = "emailVerified"
	userImage    = "image"

	accountProvider     = "provider"
	accountID           = "providerAccountId"
	accountRefreshToken = "refresh_token"
	accountAccessToken  = "access_token"
	accountExpiresAt    = "expires_at"
	accountTokenType    = "token_type"
	accountScope        = "scope"
	accountIDToken      = "id_token"
	accountSessionState = "session_state"

	// Before version 4 of NextAuth.js.
	accountProviderV3 = "providerId"
	accountTypeV3     = "providerType"

	sessionToken = "sessionToken"

	tokenIdentifier = "identifier"
	tokenToken      = "token"
	tokenValue      = "value"

	credentialID         = "credentialID"
	credentialPublicKey  = "credentialPublicKey"
	credentialCounter    = "counter"
	credentialDeviceType = "credentialDeviceType"
	credentialBackedUp   = "credentialBackedUp"
	credentialTransports = "transports"
)

// The names that this package adds. No attribute of a record begins with reserved.
const (
	reserved    = "authstore"
	fieldStamp  = reserved + "Stamp"   // of the last write
	fieldMillis = reserved + "Expires" // the expiry in milliseconds
	fieldGuard  = reserved + "Guard"   // there if a session has a guard
	fieldTimes  = reserved + "Time."   // and a name: where times are in that attribute, see marks
)

// The values of the attribute type, beside those of adapter.AccountType.
const (
	typeUser    = "USER"
	typeSession = "SESSION"
	typeToken   = "VT"
)

// isField reports whether a name is that of a field, or would be with the prefix of escaped
// attributes, so that no key attribute can have it.
func isField(name string) bool {
	for _, r := range []driver.Record{driver.UserRecord, driver.AccountRecord, driver.SessionRecord, driver.AuthenticatorRecord} {
		if driver.Reserved(r, name) {
			return true
		}
	}
	switch name {
	case tokenIdentifier, tokenToken, tokenValue, accountProviderV3, accountTypeV3:
		return true
	}
	switch escaped := reserved + name; escaped {
	case fieldStamp, fieldMillis, fieldGuard:
		return true
	default:
		return strings.HasPrefix(escaped, fieldTimes)
	}
}

// layout says which names items need for themselves, so that attributes cannot have them: those
// of keys, of the type, of the expiry, by which the service deletes any item, and of the field
// of older accounts.
func (s *store) layout(r driver.Record) attribute.Layout {
	return func(name string) bool {
		return s.keys[name] || name == fieldType || name == fieldExpires || name == accountProviderV3 && r == driver.AccountRecord
	}
}

// keyFields are the attributes of a key, and others: a projection.
func (s *store) keyFields(also ...string) []string {
	return append([]string{s.options.PartitionKey, s.options.SortKey}, also...)
}
