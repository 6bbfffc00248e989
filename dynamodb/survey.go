package dynamodb

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
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
		_, err = s.decodeUser(it)
		s.seeUser(v, id, it)
	case inUser:
		err = s.seeOwned(v, id, k, it)
	case k.sort == sortGuard:
		v.guards[k] = guard{text(it[fieldUserID]), stampOf(it)}
	case strings.HasPrefix(k.partition, prefixToken):
		_, err = decodeToken(it)
	}
	if err != nil {
		v.unread = append(v.unread, err)
	}
}

func (s *store) seeUser(v *survey, id string, it item) {
	u := &person{text(it[userEmail]), text(it[s.options.IndexPartitionKey]), stampOf(it), isGhost(it)}
	v.users[id] = u
	if email := adapter.NormalizeEmail(u.email); email != "" {
		v.emails[email] = append(v.emails[email], id)
	}
}

// isGhost reports whether an item in the place of a user is none that was created.
func isGhost(user item) bool { return text(user[fieldType]) != typeUser }

// seeOwned takes note of what is in the partition of a user. What is not of this layout
// belongs to the user too.
func (s *store) seeOwned(v *survey, id string, k key, it item) (err error) {
	v.owns[id]++
	switch {
	case strings.HasPrefix(k.sort, prefixAccount):
		_, err = s.decodeAccount(it)
		v.owned[k] = "account " + text(it[accountProvider]) + " " + text(it[accountID])
	case strings.HasPrefix(k.sort, prefixSession):
		_, err = s.decodeSession(it)
		v.owned[k] = "session " + s.sessionIDOf(it)
	case strings.HasPrefix(k.sort, prefixAuthenticator):
		_, err = decodeAuthenticator(it)
		v.owned[k] = "authenticator " + text(it[credentialID])
	}
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
