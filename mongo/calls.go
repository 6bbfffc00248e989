package mongo

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

// timed is a store whose calls end when their context does, and take no longer than they
// may: see wait.go.
type timed struct{ *store }

func (s timed) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	made, err := write(ctx, s.store, func(ctx context.Context) (pair[adapter.User, adapter.Account], error) {
		return both(s.store.CreateUserWithAccount(ctx, u, a))
	})
	return made.first, made.second, err
}

func (s timed) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	made, err := write(ctx, s.store, func(ctx context.Context) (pair[adapter.User, adapter.Authenticator], error) {
		return both(s.store.CreateUserWithAuthenticator(ctx, u, a))
	})
	return made.first, made.second, err
}

func (s timed) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	got, err := read(ctx, s.store, func(ctx context.Context) (pair[adapter.Session, adapter.User], error) {
		return both(s.store.GetSessionAndUser(ctx, token))
	})
	return got.first, got.second, err
}

// pair is two results.
type pair[A, B any] struct {
	first  A
	second B
}

func both[A, B any](a A, b B, err error) (pair[A, B], error) { return pair[A, B]{a, b}, err }

func (s timed) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.CreateUser(ctx, u) })
}

func (s timed) GetUser(ctx context.Context, id string) (adapter.User, error) {
	return read(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.GetUser(ctx, id) })
}

func (s timed) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return read(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.GetUserByEmail(ctx, email) })
}

func (s timed) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	return read(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.GetUserByAccount(ctx, key) })
}

func (s timed) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.UpdateUser(ctx, id, up) })
}

func (s timed) DeleteUser(ctx context.Context, id string) error {
	return deleteMuch(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteUser(ctx, id) })
}

func (s timed) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Account, error) { return s.store.LinkAccount(ctx, a) })
}

func (s timed) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	return read(ctx, s.store, func(ctx context.Context) (adapter.Account, error) { return s.store.GetAccount(ctx, key) })
}

func (s timed) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return read(ctx, s.store, func(ctx context.Context) ([]adapter.Account, error) { return s.store.ListAccounts(ctx, userID) })
}

func (s timed) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Account, error) { return s.store.UpdateAccount(ctx, key, up) })
}

func (s timed) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	return writeOnly(ctx, s.store, func(ctx context.Context) error { return s.store.UnlinkAccount(ctx, key) })
}

func (s timed) CreateSession(ctx context.Context, session adapter.Session) (adapter.Session, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Session, error) { return s.store.CreateSession(ctx, session) })
}

func (s timed) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Session, error) { return s.store.UpdateSession(ctx, token, up) })
}

func (s timed) DeleteSession(ctx context.Context, token string) error {
	return writeOnly(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteSession(ctx, token) })
}

func (s timed) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	return read(ctx, s.store, func(ctx context.Context) ([]adapter.Session, error) { return s.store.ListSessions(ctx, userID) })
}

func (s timed) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	return writeOnly(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteSessionByID(ctx, userID, sessionID) })
}

func (s timed) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	return deleteMuch(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteSessions(ctx, userID, keep...) })
}

func (s timed) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.VerificationToken, error) {
		return s.store.CreateVerificationToken(ctx, t)
	})
}

func (s timed) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.VerificationToken, error) {
		return s.store.UseVerificationToken(ctx, identifier, token)
	})
}

func (s timed) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	return deleteMuch(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteVerificationTokens(ctx, identifier) })
}

func (s timed) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Authenticator, error) { return s.store.CreateAuthenticator(ctx, a) })
}

func (s timed) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	return read(ctx, s.store, func(ctx context.Context) (adapter.Authenticator, error) {
		return s.store.GetAuthenticator(ctx, credentialID)
	})
}

func (s timed) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return read(ctx, s.store, func(ctx context.Context) ([]adapter.Authenticator, error) {
		return s.store.ListAuthenticators(ctx, userID)
	})
}

func (s timed) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Authenticator, error) {
		return s.store.UpdateAuthenticatorCounter(ctx, credentialID, counter)
	})
}

func (s timed) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Authenticator, error) {
		return s.store.UpdateAuthenticator(ctx, credentialID, up)
	})
}

func (s timed) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	return read(ctx, s.store, func(ctx context.Context) (adapter.UserPage, error) { return s.store.EnumerateUsers(ctx, cursor, limit) })
}

func (s timed) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	return writeOnly(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteAuthenticator(ctx, credentialID) })
}
