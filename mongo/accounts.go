package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
)

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	return result(a, s.insertOwned(ctx, (*collections).uniqueAccounts, insertOnce, "Account.UserID", a.UserID, func(id any) bson.D { return s.encodeAccount(id, a) }))
}

func (s *shape) byAccount(key adapter.AccountKey) bson.D {
	return bson.D{{Key: s.in("provider"), Value: key.Provider}, {Key: s.in("providerAccountId"), Value: oneOf(accountForms(key.ProviderAccountID))}}
}

// accountWithUser returns an account and its user, or ErrNotFound if either does not exist.
func (s *store) accountWithUser(ctx context.Context, key adapter.AccountKey) (account, user bson.Raw, err error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return nil, nil, failure(err)
	}
	account, user, err = withUser(ctx, s, c, c.accounts, s.lookups.accounts, key)
	return account, user, failure(err)
}

func (s *store) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	account, _, err := s.accountWithUser(ctx, key)
	if err != nil {
		return adapter.Account{}, err
	}
	return s.decodeAccount(account)
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return list(ctx, s, userID, func(c *collections) *collection { return c.accounts }, s.decodeAccount)
}

func (s *store) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return adapter.Account{}, err
	}
	return writer[adapter.Account]{
		coll: c.accounts, key: c.accounts.byAccount(key), usual: bson.D{s.usualOwner(c.accounts)}, needs: c.accounts.ins("userId"),
		write: updateWith(s.accountUpdate(up)), read: s.decodeAccount,
		allow: func(a adapter.Account) error { return requireOwner(a.UserID) },
	}.do(ctx)
}

func (s *store) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	ctx, c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	for _, form := range accountForms(key.ProviderAccountID) { // $in would not determine the shard
		filter := bson.D{{Key: c.accounts.in("provider"), Value: key.Provider}, {Key: c.accounts.in("providerAccountId"), Value: form}}
		if err := c.remove(ctx, c.uniqueAccounts(), filter); err != nil {
			return err
		}
	}
	return nil
}
