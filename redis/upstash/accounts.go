package upstash

import (
	"context"
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
)

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	value, err := encodeAccount(a)
	if err != nil {
		return a, err
	}
	err = s.own(ctx, a.UserID, s.accountKeys(a), s.layout.key(lastAccount, a.UserID), value, time.Time{}, "")
	switch {
	case errors.Is(err, errAbsent):
		err = adapter.Invalid("Account.UserID", "must be the ID of a user")
	case errors.Is(err, errHeld):
		err = adapter.Conflict(adapter.FieldAccount)
	}
	return a, err
}

func (s *store) accountKeys(a adapter.Account) []string { return []string{s.layout.account(a.Key())} }

func encodeAccount(a adapter.Account) (string, error) {
	r := record{}
	r.setAccount(a)
	if err := r.setAttributes(a.Attributes, nil); err != nil {
		return "", err
	}
	return r.String()
}

func (s *store) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	f, err := s.owned(ctx, []string{s.layout.account(key)}, "")
	if err != nil {
		return adapter.Account{}, err
	}
	return s.accountWithKey(key, f.value)
}

// accountWithKey reads an account: what has another key is not it.
func (s *store) accountWithKey(key adapter.AccountKey, value string) (adapter.Account, error) {
	a, err := s.layout.decodeAccount(s.layout.account(key), value)
	if err == nil && a.Key() != key {
		err = adapter.ErrNotFound
	}
	return a, err
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return owns(ctx, s, accounts, userID, s.layout.decodeAccount, s.accountKeys)
}

func (s *store) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	var a adapter.Account
	err := s.update(ctx, []string{s.layout.account(key)}, "", func(value string) (after string, _ time.Time, err error) {
		if a, err = s.accountWithKey(key, value); err != nil {
			return "", time.Time{}, err
		}
		was, is := record{}, record{}
		was.setAccount(a)
		up.Apply(&a, s.options.Now())
		is.setAccount(a)
		after, err = changed(value, was, is, up.Attributes, up.RemoveAttributes)
		return after, time.Time{}, err
	})
	return a, err
}

func (s *store) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	return s.disown(ctx, []string{s.layout.account(key)}, "provider", key.Provider, lastAccount)
}
