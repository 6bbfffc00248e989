package upstash

import (
	"context"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	b, err := s.ownedAccount(a)
	if err != nil {
		return a, err
	}
	return a, s.createOwned(ctx, a.UserID, b)
}

func (s *store) ownedAccount(a adapter.Account) (ownedRecord, error) {
	r := record{}
	setAccount(r, a)
	value, err := r.WithAttributes(a.Attributes, nil)
	return ownedRecord{
		record: driver.AccountRecord, field: adapter.FieldAccount,
		keys: s.accountKeys(a), list: s.layout.key(lastAccount, a.UserID), value: value,
	}, err
}

func (s *store) accountKeys(a adapter.Account) []string { return []string{s.layout.account(a.Key())} }

func (s *store) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	f, err := s.getOwned(ctx, []string{s.layout.account(key)}, "")
	if err != nil {
		return adapter.Account{}, err
	}
	return s.accountWithKey(key, f.value)
}

// accountWithKey reads an account. A record with another key in it is not the account.
func (s *store) accountWithKey(key adapter.AccountKey, value string) (adapter.Account, error) {
	a, err := s.layout.decodeAccount(s.layout.account(key), value)
	if err == nil && a.Key() != key {
		err = adapter.ErrNotFound
	}
	return a, err
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return listOwned(ctx, s, accounts, userID, s.layout.decodeAccount, s.accountKeys)
}

func (s *store) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	var a adapter.Account
	err := s.updateOwned(ctx, []string{s.layout.account(key)}, "", func(value string) (after string, _ time.Time, err error) {
		if a, err = s.accountWithKey(key, value); err != nil {
			return "", time.Time{}, err
		}
		oldFields, newFields := record{}, record{}
		setAccount(oldFields, a)
		up.Apply(&a, s.options.Now())
		setAccount(newFields, a)
		after, err = jsonrecord.Changed(value, oldFields, newFields, up.Attributes, up.RemoveAttributes, nil)
		return after, time.Time{}, err
	})
	return a, err
}

func (s *store) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	return s.deleteOwned(ctx, []string{s.layout.account(key)}, "provider", key.Provider, lastAccount)
}
