package dynamodb

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
)

// survey is what the whole table has, as far as a repair has to know.
type survey struct {
	users    map[string]*person // by ID
	owned    []belonging        // accounts, sessions, authenticators
	guards   map[key]item       // where they are, and whom they lead to
	unread   []error            // why records cannot be read
	emails   map[string][]string
	accounts map[string][]belonging // by sort key
}

// person is a user.
type person struct {
	item  item
	email string // as it is stored
	ghost bool   // no item of a user that was created
	owns  int
}

// belonging is a record in the partition of a user.
type belonging struct {
	item   item
	at     key
	userID string
}

// survey reads the whole table.
func (s *store) survey(ctx context.Context) (*survey, error) {
	v := &survey{users: map[string]*person{}, guards: map[key]item{}, emails: map[string][]string{}, accounts: map[string][]belonging{}}
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
			break
		}
	}
	for _, b := range v.owned {
		if u := v.users[b.userID]; u != nil {
			u.owns++
		}
		if isOwned(b.at) {
			v.accounts[b.at.sort] = append(v.accounts[b.at.sort], b)
		}
	}
	for id, u := range v.users {
		if email := adapter.NormalizeEmail(u.email); email != "" {
			v.emails[email] = append(v.emails[email], id)
		}
	}
	return v, nil
}

// see takes note of an item.
func (s *store) see(v *survey, it item) {
	k := s.keyOf(it)
	id, inUser := strings.CutPrefix(k.partition, prefixUser)
	var err error
	switch {
	case inUser && k == userKey(id):
		_, err = s.decodeUser(it)
		v.users[id] = &person{item: it, email: text(it[userEmail]), ghost: text(it[fieldType]) != typeUser}
	case inUser:
		switch {
		case strings.HasPrefix(k.sort, prefixAccount):
			_, err = s.decodeAccount(it)
		case strings.HasPrefix(k.sort, prefixSession):
			_, err = s.decodeSession(it)
		case strings.HasPrefix(k.sort, prefixAuthenticator):
			_, err = decodeAuthenticator(it)
		default:
			return // not of this layout
		}
		v.owned = append(v.owned, belonging{it, k, id})
	case k.sort == sortGuard:
		v.guards[k] = item{fieldUserID: it[fieldUserID], fieldStamp: it[fieldStamp]}
	case strings.HasPrefix(k.partition, prefixToken):
		_, err = decodeToken(it)
	}
	if err != nil {
		v.unread = append(v.unread, err)
	}
}
