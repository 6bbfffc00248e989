package fault

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// Wrap puts an injector in front of an adapter: every operation of the contract is
// one step of it. What a fault hits is [adapter.ErrUnavailable].
func Wrap(a adapter.Adapter, i *Injector) adapter.Adapter {
	return &wrapper{Adapter: a, injector: i}
}

type wrapper struct {
	adapter.Adapter
	injector *Injector
}

func (w *wrapper) Unwrap() adapter.Adapter { return w.Adapter }

// step runs one operation as a step.
func (w *wrapper) step(ctx context.Context, op string, do func(context.Context) error) error {
	var answer error
	fault := w.injector.Step(ctx, func(ctx context.Context) error {
		answer = do(ctx)
		return nil
	})
	if fault != nil {
		return driver.Wrap(ctx, "fault", op, driver.Caused(adapter.ErrUnavailable, fault))
	}
	return answer
}

// step1 is step for an operation with a result.
func step1[T any](ctx context.Context, w *wrapper, op string, do func(context.Context) (T, error)) (T, error) {
	var result, none T
	err := w.step(ctx, op, func(ctx context.Context) (err error) {
		result, err = do(ctx)
		return err
	})
	if err != nil {
		return none, err
	}
	return result, nil
}

func (w *wrapper) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	return step1(ctx, w, "CreateUser", func(ctx context.Context) (adapter.User, error) {
		return w.Adapter.CreateUser(ctx, u)
	})
}

func (w *wrapper) CreateUserWithAccount(ctx context.Context, u adapter.User, acc adapter.Account) (adapter.User, adapter.Account, error) {
	type both struct {
		first  adapter.User
		second adapter.Account
	}
	b, err := step1(ctx, w, "CreateUserWithAccount", func(ctx context.Context) (b both, err error) {
		b.first, b.second, err = w.Adapter.CreateUserWithAccount(ctx, u, acc)
		return b, err
	})
	return b.first, b.second, err
}

func (w *wrapper) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, auth adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	type both struct {
		first  adapter.User
		second adapter.Authenticator
	}
	b, err := step1(ctx, w, "CreateUserWithAuthenticator", func(ctx context.Context) (b both, err error) {
		b.first, b.second, err = w.Adapter.CreateUserWithAuthenticator(ctx, u, auth)
		return b, err
	})
	return b.first, b.second, err
}

func (w *wrapper) GetUser(ctx context.Context, id string) (adapter.User, error) {
	return step1(ctx, w, "GetUser", func(ctx context.Context) (adapter.User, error) {
		return w.Adapter.GetUser(ctx, id)
	})
}

func (w *wrapper) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return step1(ctx, w, "GetUserByEmail", func(ctx context.Context) (adapter.User, error) {
		return w.Adapter.GetUserByEmail(ctx, email)
	})
}

func (w *wrapper) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	return step1(ctx, w, "GetUserByAccount", func(ctx context.Context) (adapter.User, error) {
		return w.Adapter.GetUserByAccount(ctx, key)
	})
}

func (w *wrapper) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	return step1(ctx, w, "UpdateUser", func(ctx context.Context) (adapter.User, error) {
		return w.Adapter.UpdateUser(ctx, id, up)
	})
}

func (w *wrapper) DeleteUser(ctx context.Context, id string) error {
	return w.step(ctx, "DeleteUser", func(ctx context.Context) error {
		return w.Adapter.DeleteUser(ctx, id)
	})
}

func (w *wrapper) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	return step1(ctx, w, "LinkAccount", func(ctx context.Context) (adapter.Account, error) {
		return w.Adapter.LinkAccount(ctx, acc)
	})
}

func (w *wrapper) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	return step1(ctx, w, "GetAccount", func(ctx context.Context) (adapter.Account, error) {
		return w.Adapter.GetAccount(ctx, key)
	})
}

func (w *wrapper) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return step1(ctx, w, "ListAccounts", func(ctx context.Context) ([]adapter.Account, error) {
		return w.Adapter.ListAccounts(ctx, userID)
	})
}

func (w *wrapper) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	return step1(ctx, w, "UpdateAccount", func(ctx context.Context) (adapter.Account, error) {
		return w.Adapter.UpdateAccount(ctx, key, up)
	})
}

func (w *wrapper) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	return w.step(ctx, "UnlinkAccount", func(ctx context.Context) error {
		return w.Adapter.UnlinkAccount(ctx, key)
	})
}

func (w *wrapper) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	return step1(ctx, w, "CreateSession", func(ctx context.Context) (adapter.Session, error) {
		return w.Adapter.CreateSession(ctx, s)
	})
}

func (w *wrapper) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	type both struct {
		first  adapter.Session
		second adapter.User
	}
	b, err := step1(ctx, w, "GetSessionAndUser", func(ctx context.Context) (b both, err error) {
		b.first, b.second, err = w.Adapter.GetSessionAndUser(ctx, token)
		return b, err
	})
	return b.first, b.second, err
}

func (w *wrapper) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	return step1(ctx, w, "UpdateSession", func(ctx context.Context) (adapter.Session, error) {
		return w.Adapter.UpdateSession(ctx, token, up)
	})
}

func (w *wrapper) DeleteSession(ctx context.Context, token string) error {
	return w.step(ctx, "DeleteSession", func(ctx context.Context) error {
		return w.Adapter.DeleteSession(ctx, token)
	})
}

func (w *wrapper) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	return step1(ctx, w, "ListSessions", func(ctx context.Context) ([]adapter.Session, error) {
		return w.Adapter.ListSessions(ctx, userID)
	})
}

func (w *wrapper) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	return w.step(ctx, "DeleteSessionByID", func(ctx context.Context) error {
		return w.Adapter.DeleteSessionByID(ctx, userID, sessionID)
	})
}

func (w *wrapper) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	return w.step(ctx, "DeleteSessions", func(ctx context.Context) error {
		return w.Adapter.DeleteSessions(ctx, userID, keep...)
	})
}

func (w *wrapper) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	return step1(ctx, w, "CreateVerificationToken", func(ctx context.Context) (adapter.VerificationToken, error) {
		return w.Adapter.CreateVerificationToken(ctx, t)
	})
}

func (w *wrapper) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	return step1(ctx, w, "UseVerificationToken", func(ctx context.Context) (adapter.VerificationToken, error) {
		return w.Adapter.UseVerificationToken(ctx, identifier, token)
	})
}

func (w *wrapper) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	return w.step(ctx, "DeleteVerificationTokens", func(ctx context.Context) error {
		return w.Adapter.DeleteVerificationTokens(ctx, identifier)
	})
}

func (w *wrapper) CreateAuthenticator(ctx context.Context, auth adapter.Authenticator) (adapter.Authenticator, error) {
	return step1(ctx, w, "CreateAuthenticator", func(ctx context.Context) (adapter.Authenticator, error) {
		return w.Adapter.CreateAuthenticator(ctx, auth)
	})
}

func (w *wrapper) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	return step1(ctx, w, "GetAuthenticator", func(ctx context.Context) (adapter.Authenticator, error) {
		return w.Adapter.GetAuthenticator(ctx, credentialID)
	})
}

func (w *wrapper) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return step1(ctx, w, "ListAuthenticators", func(ctx context.Context) ([]adapter.Authenticator, error) {
		return w.Adapter.ListAuthenticators(ctx, userID)
	})
}

func (w *wrapper) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	return step1(ctx, w, "UpdateAuthenticatorCounter", func(ctx context.Context) (adapter.Authenticator, error) {
		return w.Adapter.UpdateAuthenticatorCounter(ctx, credentialID, counter)
	})
}

func (w *wrapper) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	return step1(ctx, w, "UpdateAuthenticator", func(ctx context.Context) (adapter.Authenticator, error) {
		return w.Adapter.UpdateAuthenticator(ctx, credentialID, up)
	})
}

func (w *wrapper) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	return w.step(ctx, "DeleteAuthenticator", func(ctx context.Context) error {
		return w.Adapter.DeleteAuthenticator(ctx, credentialID)
	})
}
