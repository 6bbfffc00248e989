package fauna

import (
	"context"
	"strconv"

	"github.com/authstore/authstore/adapter"
)

// keyed returns the arguments that name an account.
func keyed(key adapter.AccountKey) args {
	return args{"provider": key.Provider, "providerAccountId": key.ProviderAccountID, "numbers": numbers(key.ProviderAccountID)}
}

// numbers returns the numbers that are written like an account's ID: other programs store
// them as such, and the server takes one with a fraction for another one without.
func numbers(id string) []any {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != id {
		return []any{}
	}
	return []any{n, float64(n)}
}

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	return a, s.own(ctx, linkAccount, a.UserID, "Account", adapter.FieldAccount, s.newAccount(a))
}

// newAccount returns the arguments with which an account is created.
func (s *store) newAccount(a adapter.Account) args {
	of := keyed(a.Key())
	of["name"], of["brought"] = s.names.Accounts, encodeAccount(a)
	return of
}

// own runs a query that gives a user a record, whose key is a field.
func (s *store) own(ctx context.Context, fql, userID, record, field string, a args) error {
	unknown := adapter.Invalid(record+".UserID", "must be the ID of a user")
	if !isID(userID) {
		return unknown
	}
	a["id"] = userID
	r, err := s.query(ctx, fql, a)
	switch {
	case err != nil:
		return err
	case r["owner"] != true:
		return unknown
	case r["taken"] == true:
		return adapter.Conflict(field)
	}
	return nil
}

func (s *store) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	return s.account(ctx, getAccount, keyed(key))
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
