package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

// keyed returns the arguments that name an account.
func keyed(key adapter.AccountKey) args {
	return args{"provider": key.Provider, "providerAccountId": key.ProviderAccountID}
}

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	return a, s.own(ctx, linkAccount, a.UserID, "Account", args{"account": encodeAccount(a)})
}

// own runs a query that gives a user a record.
func (s *store) own(ctx context.Context, fql, userID, record string, a args) error {
	unknown := adapter.Invalid(record+".UserID", "must be the ID of a user")
	if !isID(userID) {
		return unknown
	}
	a["id"] = userID
	r, err := s.query(ctx, fql, a)
	if err == nil && r["owner"] != true {
		return unknown
	}
	return err
}

func (s *store) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	return s.account(ctx, getAccount, keyed(key))
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	if !isID(userID) {
		return nil, nil
	}
	return list(ctx, s, listAccounts, args{"id": userID}, decodeAccount)
}

func (s *store) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	a := keyed(key)
	a["changes"] = encodeAccountUpdate(up, s.options.Now())
	return s.account(ctx, updateAccount, a)
}

// account runs a query that answers with an account.
func (s *store) account(ctx context.Context, fql string, a args) (adapter.Account, error) {
	d, err := s.one(ctx, fql, a, "account")
	if err != nil {
		return adapter.Account{}, err
	}
	return decodeAccount(d), nil
}

func (s *store) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	_, err := s.query(ctx, unlinkAccount, keyed(key))
	return err
}
