package dynamodb

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// survey is what the whole table has, as far as a repair has to know: no items, as the
// table may be larger than the memory. What is mended is read again.
type survey struct {
	users    map[string]*person // by ID
	owned    map[key]string     // accounts, sessions, authenticators: what tells them apart, without a token
	owns     map[string]int     // how much is in the partition of a user, by ID
	guards   map[key]guard
	unread   []error             // why records cannot be read
	emails   map[string][]string // IDs, by what adapter.NormalizeEmail returns
	accounts map[string][]string // IDs of users, by the sort key of an account or authenticator
}

// person is a user.
type person struct {
	email string // as it is stored
	index string // the e-mail address in the index
	stamp string
	ghost bool // no item of a user that was created
}

// guard is whom a guard leads to.
type guard struct{ owner, stamp string }

// survey reads the whole table.
func (s *store) survey(ctx context.Context) (*survey, error) {
	v := &survey{
		users: map[string]*person{}, owned: map[key]string{}, owns: map[string]int{}, guards: map[key]guard{},
		emails: map[string][]string{}, accounts: map[string][]string{},
	}
	in := &dynamodb.ScanInput{TableName: s.table, ConsistentRead: aws.Bool(true)}
	for {
		out, err := try(ctx, func() (*dynamodb.ScanOutput, error) { return s.client.Scan(ctx, in) })
		if err != nil {
			return nil, err
		}
		for _, it := range out.Items {
			s.see(v, it)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return v, nil
		}
	}
}

// see takes note of an item.
func (s *store) see(v *survey, it item) {
	k := s.keyOf(it)
	id, inUser := strings.CutPrefix(k.partition, prefixUser)
	var err error
	switch {
	case inUser && k == userKey(id):
		s.seeUser(v, id, it)
	case inUser:
		err = s.seeOwned(v, id, k, it)
	case k.sort == sortGuard && isGuard(it) && guards(k):
		v.guards[k] = guard{text(it[fieldUserID]), stampOf(it)}
	case strings.HasPrefix(k.partition, prefixToken) && hasPrefix(k, prefixToken):
		_, err = s.decodeToken(it)
	}
	if err != nil {
		v.unread = append(v.unread, err)
	}
}

// guards reports whether a key is one of a guard of this package: what else lies in the
// table is not its business.
func guards(k key) bool {
	for _, prefix := range []string{prefixEmail, prefixAccount, prefixAuthenticator, prefixSession} {
		if strings.HasPrefix(k.partition, prefix) {
			return true
		}
	}
	return false
}

// isGuard reports whether an item was written as a guard.
func isGuard(it item) bool { return text(it[fieldUserID]) != "" && stampOf(it) != "" }

func (s *store) seeUser(v *survey, id string, it item) {
	u := &person{text(it[userEmail]), text(it[s.options.IndexPartitionKey]), stampOf(it), s.isGhost(it)}
	v.users[id] = u
	if email := adapter.NormalizeEmail(u.email); email != "" {
		v.emails[email] = append(v.emails[email], id)
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

// seeOwned takes note of what is in the partition of a user. What is not of this layout
// belongs to the user too.
func (s *store) seeOwned(v *survey, id string, k key, it item) (err error) {
	v.owns[id]++
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
	v.owned[k] = s.describe(it)
	if isOwned(k) {
		v.accounts[k.sort] = append(v.accounts[k.sort], id)
	}
	return err
}

// inUse reports whether there is a user, who was created or has something.
func (v *survey) inUse(id string) bool {
	u := v.users[id]
	return u != nil && (!u.ghost || v.owns[id] > 0)
}
