package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	return a, s.createOwned(ctx, linkAccount, a.UserID, "Account", adapter.FieldAccount, s.createAccountArgs(a))
}

// createAccountArgs returns the arguments that create an account.
func (s *store) createAccountArgs(a adapter.Account) args {
	created := accountArgs(a.Key())
	created["name"], created["brought"] = s.names.Accounts, encodeAccount(a)
	return created
}

func (s *store) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	return s.queryAccount(ctx, getAccount, accountArgs(key))
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	if !isID(userID) {
		return nil, nil
	}
	return list(ctx, s, listAccounts, args{"id": userID}, func(d doc) (adapter.Account, bool) {
		return decodeAccount(d), true
	})
}

func (s *store) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	a := accountArgs(key)
	a["changes"] = encodeAccountUpdate(up, s.options.Now())
	return s.queryAccount(ctx, updateAccount, a)
}

// queryAccount runs a query that returns an account.
func (s *store) queryAccount(ctx context.Context, fql string, a args) (adapter.Account, error) {
	d, err := s.queryDocument(ctx, fql, a, "account")
	if err != nil {
		return adapter.Account{}, err
	}
	return decodeAccount(d), nil
}

func (s *store) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	_, err := s.query(ctx, unlinkAccount, accountArgs(key))
	return err
}
