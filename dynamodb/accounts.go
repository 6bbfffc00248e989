package dynamodb

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	record, err := s.encodeAccount(a, newStamp())
	if err != nil {
		return adapter.Account{}, err
	}
	return a, failure(s.own(ctx, record, accounts))
}

// GetAccount takes one call. For an account that the Auth.js adapter has made it takes
// three, and one more in its layout before version 4.
func (s *store) GetAccount(ctx context.Context, k adapter.AccountKey) (adapter.Account, error) {
	found, err := s.findAccount(ctx, k)
	if err != nil {
		return adapter.Account{}, failure(err)
	}
	return s.decodeAccount(found.record)
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return listOwned(ctx, s, userID, prefixAccount, s.decodeAccount)
}

func (s *store) UpdateAccount(ctx context.Context, k adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	c, err := s.encodeAccountUpdate(up, newStamp())
	if err != nil {
		return adapter.Account{}, err
	}
	found, err := s.findAccount(ctx, k)
	if err != nil {
		return adapter.Account{}, failure(err)
	}
	after, err := s.rewrite(ctx, found, accounts, func(old item) (item, error) { return c.apply(old), nil })
	if err != nil {
		return adapter.Account{}, failure(err)
	}
	return s.decodeAccount(after)
}

func (s *store) UnlinkAccount(ctx context.Context, k adapter.AccountKey) error {
	found, err := s.findAccount(ctx, k)
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return failure(err)
	}
	return failure(s.disown(ctx, found))
}
