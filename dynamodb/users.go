package dynamodb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (s *store) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	isNew, err := driver.Identify(s.options.Options, &u)
	if err != nil {
		return adapter.User{}, err
	}
	return u, s.createUser(ctx, u, isNew)
}

func (s *store) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	isNew, err := driver.Identify(s.options.Options, &u)
	if err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	a.UserID = u.ID
	record, err := s.encodeAccount(a, newStamp())
	if err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	return u, a, s.createUser(ctx, u, isNew, s.claimRecord(record, adapter.FieldAccount))
}

func (s *store) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	isNew, err := driver.Identify(s.options.Options, &u)
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	a.UserID = u.ID
	record, err := s.encodeAuthenticator(a, newStamp())
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	return u, a, s.createUser(ctx, u, isNew, s.claimRecord(record, adapter.FieldCredentialID))
}

func (s *store) NewID() string { return s.options.NewID() }

// createUser stores a user and what the user brings, with their guards. An ID that was
// deleted has a tombstone: what was left of its last user, and what was written since,
// goes first. An ID that was made for this user has none.
func (s *store) createUser(ctx context.Context, u adapter.User, isNew bool, brings ...*claim) error {
	stamp := newStamp()
	user, err := s.encodeUser(u, stamp)
	if err != nil {
		return err
	}
	claims := brings
	if u.Email != "" {
		claims = append([]*claim{s.claimEmail(u.Email, u.ID, stamp)}, brings...)
	}
	var swept string // the stamp of the tombstone after which nothing was left
	return s.transact(ctx, func() ([]step, error) {
		steps := []step{s.create(user, nil, func(context.Context, item) error { return adapter.Conflict(adapter.FieldUserID) })}
		for _, c := range claims {
			steps = append(steps, c.steps(s)...)
		}
		if isNew {
			return steps, nil
		}
		return append(steps, s.rise(u.ID, swept, func(ctx context.Context, tombstone item) error {
			if swept = stampOf(tombstone); swept == "" {
				return nil
			}
			return s.sweep(ctx, u.ID, nil)
		})), nil
	})
}

func (s *store) GetUser(ctx context.Context, id string) (adapter.User, error) {
	it, err := s.get(ctx, userKey(id))
	if err != nil {
		return adapter.User{}, err
	}
	return s.decodeUser(it)
}

// GetUserByEmail takes two calls, or up to four for a user without a guard, which the
// Auth.js adapter has made: the index is asked after the guard, and believed only if
// the user agrees.
func (s *store) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	guard, err := s.get(ctx, emailGuard(email))
	if err == nil {
		var u adapter.User
		if u, err = s.GetUser(ctx, text(guard[fieldUserID])); err == nil && u.Email == email {
			return u, nil
		}
	}
	if absence(err) != nil {
		return adapter.User{}, err
	}
	found, err := s.indexed(ctx, prefixUser+email, prefixUser+email)
	if err != nil {
		return adapter.User{}, err
	}
	for _, it := range found { // one who gave the address up has its key still
		id := inPartitionOf(s.keyOf(it))
		if s.keyOf(it) != userKey(id) || text(it[userEmail]) != email {
			continue
		}
		u, err := s.GetUser(ctx, id)
		if err == nil && u.Email == email {
			return u, nil
		}
		if absence(err) != nil {
			return adapter.User{}, err
		}
	}
	return adapter.User{}, adapter.ErrNotFound
}

// GetUserByAccount takes two calls: the account's guard, and then the account with its
// user.
func (s *store) GetUserByAccount(ctx context.Context, k adapter.AccountKey) (adapter.User, error) {
	found, err := s.findAccount(ctx, k)
	if err != nil {
		return adapter.User{}, err
	}
	return s.decodeUser(found.user)
}

func (s *store) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	c := s.encodeUserUpdate(up, newStamp())
	var it item
	var err error
	if up.Email != nil || c.many() {
		it, err = s.rewriteUser(ctx, id, c, up.Email)
	} else {
		var ok bool
		if it, ok, err = s.updateItem(ctx, userKey(id), c, nil); err == nil && !ok {
			err = adapter.ErrNotFound
		}
	}
	switch {
	case isTooLarge(err):
		return adapter.User{}, tooLarge("User")
	case err != nil:
		return adapter.User{}, err
	}
	return s.decodeUser(it)
}

// rewriteUser changes a user in one step with the guards of its old and its new
// address. Email is nil if the address stays.
func (s *store) rewriteUser(ctx context.Context, id string, c *changes, email *string) (item, error) {
	current, err := s.get(ctx, userKey(id))
	if err != nil {
		return nil, err
	}
	var claimed *claim
	if email != nil && *email != "" {
		claimed = s.claimEmail(*email, id, text(c.set[fieldStamp]))
	}
	var after item
	var foreign string // an address of the user's whose guard is another's
	err = s.transact(ctx, func() ([]step, error) {
		after = c.apply(current)
		if err := checkSize("User", after); err != nil {
			return nil, err
		}
		steps := []step{s.change(userKey(id), c, current, refresh(&current))}
		old := text(current[userEmail])
		if email == nil || old == *email {
			return steps, nil
		}
		if claimed != nil {
			steps = append(steps, claimed.steps(s)...)
		}
		if old != "" && old != foreign {
			steps = append(steps, s.removeOf(id, emailGuard(old), func(context.Context, item) error {
				foreign = old
				return nil
			}))
		}
		return steps, nil
	})
	return after, err
}

// rise is a step of making a user: its ID has no tombstone, or the one after which
// all was swept, which goes.
func (s *store) rise(id, swept string, failed func(context.Context, item) error) step {
	at := s.attributes(tombstoneKey(id))
	if swept == "" {
		return step{write: types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: s.table, Key: at, ConditionExpression: isAbsent, ExpressionAttributeNames: s.pkNames,
			ReturnValuesOnConditionCheckFailure: oldOnFailure,
		}}, failed: failed}
	}
	return step{write: types.TransactWriteItem{Delete: &types.Delete{
		TableName: s.table, Key: at, ConditionExpression: aws.String("#s=:s"),
		ExpressionAttributeNames: map[string]string{"#s": fieldStamp}, ExpressionAttributeValues: item{":s": str(swept)},
		ReturnValuesOnConditionCheckFailure: oldOnFailure,
	}}, failed: failed}
}
