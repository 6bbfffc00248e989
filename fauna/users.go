package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (s *store) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if _, err := driver.Identify(s.options, &u); err != nil {
		return u, err
	}
	return u, s.signUp(ctx, createUser, u, "", args{})
}

func (s *store) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	if _, err := driver.Identify(s.options, &u); err != nil {
		return u, a, err
	}
	a.UserID = u.ID
	return u, a, s.signUp(ctx, createUserWithAccount, u, adapter.FieldAccount, s.createAccountArgs(a))
}

func (s *store) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	if _, err := driver.Identify(s.options, &u); err != nil {
		return u, a, err
	}
	a.UserID = u.ID
	return u, a, s.signUp(ctx, createUserWithAuthenticator, u, adapter.FieldCredentialID, s.createAuthenticatorArgs(a))
}

func (s *store) NewID() string { return s.options.NewID() }

func (s *store) GetUser(ctx context.Context, id string) (adapter.User, error) {
	if !isID(id) {
		return adapter.User{}, adapter.ErrNotFound
	}
	return s.queryUser(ctx, getUser, args{"id": id})
}

func (s *store) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return s.queryUser(ctx, getUserByEmail, args{"email": email})
}

func (s *store) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	return s.queryUser(ctx, getUserByAccount, accountArgs(key))
}

func (s *store) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if !isID(id) {
		return adapter.User{}, adapter.ErrNotFound
	}
	return s.queryUser(ctx, updateUser, args{"id": id, "changes": encodeUserUpdate(up, s.options.Now())})
}

// queryUser runs a query that returns a user.
func (s *store) queryUser(ctx context.Context, fql string, a args) (adapter.User, error) {
	d, err := s.queryDocument(ctx, fql, a, "user")
	if err != nil {
		return adapter.User{}, err
	}
	return decodeUser(d), nil
}

func (s *store) DeleteUser(ctx context.Context, id string) error {
	if !isID(id) {
		return nil
	}
	err := s.sweep(ctx, deleteUser, args{"id": id})
	if !contended(err) {
		return err
	}
	// Sign-ins conflict with the deletion. Without the user they are refused.
	if _, err := s.query(ctx, deleteUserOnly, args{"id": id}); err != nil {
		return err
	}
	for _, name := range []string{s.names.Accounts, s.names.Authenticators, s.names.Sessions} {
		if err := s.deleteListed(ctx, name, listOwned, args{"id": id, "name": name}, func(doc) bool { return true }); err != nil {
			return err
		}
	}
	return nil
}
