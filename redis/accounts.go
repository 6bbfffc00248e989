package redis

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	err := s.createOwned(ctx, a.UserID, ownedAccount(a))
	if errors.Is(err, errNoUser) {
		err = adapter.Invalid("Account.UserID", "must be the ID of a user")
	}
	return a, err
}

func (s *store) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	id, record, _, err := s.getOwned(ctx, kindAccount, kindAccounts, accountField(key))
	if err != nil {
		return adapter.Account{}, err
	}
	return decodeAccount(id, key, record)
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return listOwned(ctx, s, kindAccounts, userID, func(field, record string) (adapter.Account, error) {
		return decodeAccount(userID, accountKey(field), record)
	})
}

func (s *store) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	changes, err := encodeAccountUpdate(up, s.options.Now())
	if err != nil {
		return adapter.Account{}, err
	}
	_, id, record, err := s.updateOwned(ctx, ownedUpdate, kindAccount, kindAccounts, accountField(key), changes)
	if err != nil {
		return adapter.Account{}, err
	}
	return decodeAccount(id, key, record)
}

func (s *store) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	return s.deleteOwned(ctx, kindAccount, kindAccounts, accountField(key))
}
