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
	return u, a, s.signUp(ctx, createUserWithAccount, u, adapter.FieldAccount, s.newAccount(a))
}

func (s *store) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	if _, err := driver.Identify(s.options, &u); err != nil {
		return u, a, err
	}
	a.UserID = u.ID
	return u, a, s.signUp(ctx, createUserWithAuthenticator, u, adapter.FieldCredentialID, s.newAuthenticator(a))
}

// signUp runs a query that creates a user with what it brings, whose key is a field. An ID
// that no document can have is refused.
func (s *store) signUp(ctx context.Context, fql string, u adapter.User, field string, a args) error {
	if !isID(u.ID) {
		return adapter.Invalid("User.ID", "must be a Fauna ID, a decimal number up to 9223372036854775807")
	}
	a["id"], a["user"] = u.ID, encodeUser(u)
	r, err := s.query(ctx, fql, a)
	switch {
	case err != nil:
		return err
	case r["left"] == true:
		return adapter.Conflict(adapter.FieldUserID)
	case r["taken"] == true:
		return adapter.Conflict(field)
	}
	return nil
}

func (s *store) NewID() string { return s.options.NewID() }

func (s *store) GetUser(ctx context.Context, id string) (adapter.User, error) {
	if !isID(id) {
		return adapter.User{}, adapter.ErrNotFound
	}
	return s.user(ctx, getUser, args{"id": id})
}

func (s *store) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return s.user(ctx, getUserByEmail, args{"email": email})
}

func (s *store) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	return s.user(ctx, getUserByAccount, keyed(key))
}

func (s *store) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if !isID(id) {
		return adapter.User{}, adapter.ErrNotFound
	}
	return s.user(ctx, updateUser, args{"id": id, "changes": encodeUserUpdate(up, s.options.Now())})
}

// user runs a query that answers with a user.
func (s *store) user(ctx context.Context, fql string, a args) (adapter.User, error) {
	d, err := s.one(ctx, fql, a, "user")
	if err != nil {
		return adapter.User{}, err
	}
	return decodeUser(d), nil
}

// one runs a query that answers with one document, or that there is none.
func (s *store) one(ctx context.Context, fql string, a args, name string) (doc, error) {
	r, err := s.query(ctx, fql, a)
	if err != nil {
		return nil, err
	}
	d := fields(r[name])
	if d == nil {
		return nil, adapter.ErrNotFound
	}
	return d, nil
}

func (s *store) DeleteUser(ctx context.Context, id string) error {
	if !isID(id) {
		return nil
	}
	err := s.sweep(ctx, deleteUser, args{"id": id})
	if !contended(err) {
		return err
	}
	// Whoever goes on signing in is refused as soon as there is no user.
	if _, err := s.query(ctx, dropUser, args{"id": id}); err != nil {
		return err
	}
	for _, name := range []string{s.names.Accounts, s.names.Authenticators, s.names.Sessions} {
		if err := s.clear(ctx, name, ownDocuments, args{"id": id, "name": name}, func(doc) bool { return true }); err != nil {
			return err
		}
	}
	return nil
}
