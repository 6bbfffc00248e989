package dynamodb

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
)

// item is an item of the table.
type item = map[string]types.AttributeValue

// key is where an item is.
type key struct{ partition, sort string }

// What keys begin with: up to their first "#" they are of one kind, so that no text
// behind it can make a key of another kind.
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

// maxPartition is how many bytes a partition key has at most.
const maxPartition = 2048

// maxPart is the longest text that stands in a sort key as it is. A sort key has at
// most 1,024 bytes.
const maxPart = 1000

// last returns a text as the last part of a key. One that is too long is replaced by
// its digest after a "%", and so is one that begins with "%", which could be taken
// for such a digest.
func last(text string) string {
	if len(text) <= maxPart && !strings.HasPrefix(text, "%") {
		return text
	}
	return "%" + digest(text)
}

// first returns a text as a part of a key that another one follows after a "#".
func first(text string) string {
	if !strings.Contains(text, "#") {
		return last(text)
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
	return prefixSession + last(stored)
}
func accountSort(k adapter.AccountKey) string {
	return prefixAccount + first(k.Provider) + "#" + last(k.ProviderAccountID)
}
func authenticatorSort(credentialID string) string { return prefixAuthenticator + last(credentialID) }

// emailGuard is the guard of an e-mail address.
func emailGuard(email string) key { return key{prefixEmail + email, sortGuard} }

// recordGuard is the guard of a record that is unique over all users, by the
// record's sort key.
func recordGuard(sort string) key { return key{sort, sortGuard} }

func tokenKey(identifier, token string) key {
	return key{prefixToken + identifier, prefixToken + token}
}

// tombstoneKey is where a deleted user's ID is remembered, by its digest.
func tombstoneKey(id string) key { return key{prefixDeleted + digest(id), sortTombstone} }

// attributes returns a key as the attributes that it consists of.
func (s *store) attributes(k key) item {
	return item{s.options.PartitionKey: str(k.partition), s.options.SortKey: str(k.sort)}
}

// keyOf returns where an item is.
func (s *store) keyOf(it item) key {
	return key{text(it[s.options.PartitionKey]), text(it[s.options.SortKey])}
}

// place gives an item its key.
func (s *store) place(it item, k key) item {
	it[s.options.PartitionKey], it[s.options.SortKey] = str(k.partition), str(k.sort)
	return it
}

// index gives an item its key in the index, if there is an index.
func (s *store) index(it item, partition, sort string) {
	if !s.options.NoIndex {
		it[s.options.IndexPartitionKey], it[s.options.IndexSortKey] = str(partition), str(sort)
	}
}

// newID returns an ID such as the Auth.js adapter gives accounts: a random UUID. Nobody
// looks anything up by it.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newStamp returns what tells one write from another: 128 random bits.
func newStamp() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hasPrefix(k key, prefix string) bool { return strings.HasPrefix(k.sort, prefix) }

// inPartitionOf returns the user in whose partition a record is.
func inPartitionOf(at key) string { return strings.TrimPrefix(at.partition, prefixUser) }
