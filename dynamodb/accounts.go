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
	return a, s.own(ctx, record, accounts)
}

// GetAccount takes two calls: the account's guard, and then the account with its user. For
// an account that the Auth.js adapter has made it takes three, and one more in its layout
// before version 4.
func (s *store) GetAccount(ctx context.Context, k adapter.AccountKey) (adapter.Account, error) {
	found, err := s.findAccount(ctx, k)
	if err != nil {
		return adapter.Account{}, err
	}
	return s.decodeAccount(found.record)
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return listOwned(ctx, s, userID, prefixAccount, s.decodeAccount)
}

// UpdateAccount takes two calls: the user, in whose partition the account is, is not known
// before the first.
func (s *store) UpdateAccount(ctx context.Context, k adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	it, err := s.updateAccount(ctx, k, s.encodeAccountUpdate(up, newStamp()))
	switch {
	case isTooLarge(err):
		return adapter.Account{}, tooLarge("Account")
	case err != nil:
		return adapter.Account{}, err
	}
	return s.decodeAccount(it)
}

// updateAccount changes an account. While it is unlinked and linked again, its guard may
// lead nowhere, and what the index finds then have another guard: that one is followed.
func (s *store) updateAccount(ctx context.Context, k adapter.AccountKey, c *changes) (item, error) {
	for r := newRetrier(); ; {
		it, err := s.updateGuarded(ctx, k, c)
		if errors.Is(err, adapter.ErrNotFound) {
			it, err = s.updateIndexed(ctx, k, c)
		}
		if !errors.Is(err, adapter.ErrConflict) {
			return it, err
		}
		if err := r.again(ctx, errChanged); err != nil {
			return nil, err
		}
	}
}

func (s *store) updateGuarded(ctx context.Context, k adapter.AccountKey, c *changes) (item, error) {
	at, err := s.behind(ctx, accountSort(k))
	if err != nil {
		return nil, err
	}
	return s.updateOwned(ctx, at, accounts, c)
}

// updateIndexed changes an account that had no guard. ErrConflict if it has one by now.
func (s *store) updateIndexed(ctx context.Context, k adapter.AccountKey, c *changes) (item, error) {
	found, err := s.findIndexed(ctx, k)
	if err != nil {
		return nil, err
	}
	return s.adopt(ctx, found, accounts, c)
}

// updateOwned changes a record where a guard says that it is.
func (s *store) updateOwned(ctx context.Context, at key, kind kind, c *changes) (item, error) {
	if c.many() {
		return s.rewrite(ctx, at, kind, c)
	}
	it, ok, err := s.updateItem(ctx, at, c, nil)
	if err == nil && !ok {
		err = adapter.ErrNotFound
	}
	return it, err
}

// UnlinkAccount takes two calls, as UpdateAccount does.
func (s *store) UnlinkAccount(ctx context.Context, k adapter.AccountKey) error {
	at, err := s.behind(ctx, accountSort(k))
	if err == nil {
		if err = s.disown(ctx, at); err == nil {
			return nil
		}
	}
	if !errors.Is(err, adapter.ErrNotFound) {
		return err
	}
	found, err := s.findIndexed(ctx, k)
	if err == nil {
		err = s.disown(ctx, found.at)
	}
	return absence(err)
}
