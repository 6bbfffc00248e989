package dynamodb

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/repair"
)

// The graph of a table holds no items, as the table may be larger than the memory: what is
// mended is read again. A user and a guard are known again by their stamp.
type (
	graph  = repair.Graph[string]
	person = repair.User[string]
	record = repair.Record[string]
	entry  = repair.Entry[string]
	task   = repair.Task[string]
)

// survey reads the whole table.
func (s *store) survey(ctx context.Context) (*graph, error) {
	g := &graph{Users: map[string]*person{}, UserNoun: "user ", EntryNoun: "guard"}
	in := &dynamodb.ScanInput{TableName: s.table, ConsistentRead: aws.Bool(true)}
	for {
		out, err := try(ctx, func() (*dynamodb.ScanOutput, error) { return s.client.Scan(ctx, in) })
		if err != nil {
			return nil, err
		}
		for _, it := range out.Items {
			s.addItem(g, it)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return g, nil
		}
	}
}

func (s *store) addItem(g *graph, it item) {
	k := s.keyOf(it)
	id, inUser := strings.CutPrefix(k.partition, prefixUser)
	var err error
	switch {
	case inUser && k == userKey(id):
		u := userOf(g, id)
		owns := u.Owns
		*u = s.person(id, it)
		u.Owns = owns
	case inUser:
		err = s.addOwned(g, userOf(g, id), k, it)
	case k.sort == sortGuard && isGuard(it) && kindOf(k.partition) != 0:
		g.Entries = append(g.Entries, entry{
			Kind: kindOf(k.partition), Key: strings.TrimPrefix(k.partition, prefixEmail), Owner: userOf(g, text(it[fieldUserID])), Ref: stampOf(it),
		})
	case strings.HasPrefix(k.partition, prefixToken) && hasPrefix(k, prefixToken):
		_, err = s.decodeToken(it)
	}
	var e *adapter.RecordError
	if errors.As(err, &e) {
		g.Unread = append(g.Unread, repair.Unread{Place: e.Place, Err: e})
	}
}

// userOf returns the user with an ID, who may be gone.
func userOf(g *graph, id string) *person {
	u := g.Users[id]
	if u == nil {
		u = &person{Name: id}
		g.Users[id] = u
	}
	return u
}

// kindOf returns the kind of what a guard's partition or a record's sort key is for, 0 if
// it is not of this package: what else lies in the table is not its business.
func kindOf(key string) repair.Kind {
	switch {
	case strings.HasPrefix(key, prefixEmail):
		return repair.Address
	case strings.HasPrefix(key, prefixAccount):
		return repair.Account
	case strings.HasPrefix(key, prefixAuthenticator):
		return repair.Authenticator
	case strings.HasPrefix(key, prefixSession):
		return repair.Session
	}
	return 0
}

// recordKey is where a record is.
func recordKey(r *record) key { return key{userPartition(r.Owner.Name), r.Key} }

// isGuard reports whether an item was written as a guard.
func isGuard(it item) bool { return text(it[fieldUserID]) != "" && stampOf(it) != "" }

// person returns what an item says of a user.
func (s *store) person(id string, it item) person {
	email, at := text(it[userEmail]), it[userVerified]
	index := prefixUser + adapter.NormalizeEmail(email)
	return person{
		Name: id, Email: email, There: true, Blank: s.isGhost(it), Ghost: s.isGhost(it), More: s.hasMore(it), Verified: at != nil && !verified(at, time.Time{}).IsZero(),
		Misfiled: !s.options.NoIndex && text(it[s.options.IndexPartitionKey]) != index, Ref: stampOf(it),
	}
}

// isGhost reports whether an item in the place of a user is what an update of a user who is
// not there has made: it has nothing that a user is known by, and nothing that an
// application gave it.
func (s *store) isGhost(user item) bool {
	for name, v := range user {
		switch name {
		case s.options.PartitionKey, s.options.SortKey, fieldID, fieldUpdated, userVerified:
			continue
		}
		if _, null := v.(*types.AttributeValueMemberNULL); !null && !strings.HasPrefix(s.layout(driver.UserRecord).Name(name), reserved) {
			return false
		}
	}
	return true
}

// hasMore reports whether an application gave a user an attribute.
func (s *store) hasMore(user item) bool {
	layout := s.layout(driver.UserRecord)
	for name, v := range user {
		if _, null := v.(*types.AttributeValueMemberNULL); !null && !layout(name) && !driver.Reserved(driver.UserRecord, layout.Name(name)) {
			return true
		}
	}
	return false
}

// addOwned takes note of what is in the partition of a user. What is not of this layout
// belongs to the user too.
func (s *store) addOwned(g *graph, u *person, k key, it item) (err error) {
	u.Owns++
	switch {
	case !s.isRecord(it):
		return nil
	case hasPrefix(k, prefixAccount):
		_, err = s.decodeAccount(it)
	case hasPrefix(k, prefixSession):
		_, err = s.decodeSession(it)
	case hasPrefix(k, prefixAuthenticator):
		_, err = s.decodeAuthenticator(it)
	}
	g.Records = append(g.Records, record{Kind: kindOf(k.sort), Guarded: isOwned(k), Key: k.sort, ID: u.Name, Place: s.describe(it), Owner: u})
	return err
}
