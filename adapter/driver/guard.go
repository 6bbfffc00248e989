package driver

import (
	"cmp"
	"context"
	"sync/atomic"

	"github.com/authstore/authstore/adapter"
)

// Guard puts in front of a backend the rules that are the same for every store,
// so that a backend sees valid input only and keeps to its own job:
//
//   - input is checked and brought into its stored form: times in milliseconds,
//     e-mail addresses normalised, attributes copied, session tokens and
//     CreatedAt and UpdatedAt filled in; what breaks a rule is [adapter.ErrInvalid];
//   - a verification token that is not hashed is: the store has its hash, the caller
//     what was handed in;
//   - a key that no record can have is absent, without asking the store;
//   - calls with an ended context or after Close do not reach the store;
//   - errors are wrapped as [*adapter.Error] and classified.
//
// A user who is to be made may have no ID: see [Identify].
//
// The options must be those that inner uses, with their defaults filled in. failure says
// of what kind an error of inner is: it returns those of package adapter as they are, and
// [Caused] for what it knows of its driver's. Nil: inner returns no other errors. Optional
// interfaces of inner are found with [adapter.As], which guards them as well.
func Guard(inner adapter.Adapter, backend string, o adapter.Options, failure func(error) error) adapter.Adapter {
	if failure == nil {
		failure = func(err error) error { return err }
	}
	return &guard{inner: inner, backend: backend, options: o.WithDefaults(), failure: failure}
}

type guard struct {
	inner   adapter.Adapter
	backend string
	options adapter.Options
	failure func(error) error
	closed  atomic.Bool
}

func (g *guard) Unwrap() adapter.Adapter { return g.inner }

// Close closes inner once.
func (g *guard) Close() error {
	if g.closed.Swap(true) {
		return nil
	}
	return g.failed(context.Background(), "Close", g.inner.Close())
}

// enter returns why a call must not reach the store, input being what is wrong
// with what it was given.
func (g *guard) enter(ctx context.Context, op string, input error) error {
	if g.closed.Load() {
		return g.wrap(ctx, op, adapter.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return g.wrap(ctx, op, err)
	}
	return g.wrap(ctx, op, input)
}

func (g *guard) wrap(ctx context.Context, op string, err error) error {
	return Wrap(ctx, g.backend, op, err)
}

// failed returns an error of inner as that of an operation, and nil for nil.
func (g *guard) failed(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	return g.wrap(ctx, op, g.failure(err))
}

// result returns what inner answered: with an error the zero value, whatever inner
// gave beside it.
func result[T any](ctx context.Context, g *guard, op string, v T, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, g.failed(ctx, op, err)
	}
	return v, nil
}

// remove runs a delete. What no record can be named by is not there: nil.
func (g *guard) remove(ctx context.Context, op string, input error, inner func() error) error {
	if err := g.enter(ctx, op, nil); err != nil {
		return err
	}
	if input != nil {
		return nil
	}
	return g.failed(ctx, op, inner())
}

// list runs a list. What no record can be named by has nothing.
func list[T any](ctx context.Context, g *guard, op string, input error, inner func() ([]T, error)) ([]T, error) {
	if err := g.enter(ctx, op, nil); err != nil || input != nil {
		return nil, err
	}
	records, err := inner()
	return result(ctx, g, op, records, err)
}

// Identify gives a new user without an ID one, and reports whether it did: then nobody had
// the ID before, and there is nothing in the store that a deleted user of that ID has left.
// Backends call it before they make a user. [adapter.ErrInvalid] if [adapter.Options.NewID]
// makes none that an ID can be.
func Identify(o adapter.Options, u *adapter.User) (isNew bool, err error) {
	if u.ID != "" {
		return false, nil
	}
	c := checker{record: string(UserRecord)}
	u.ID = o.NewID()
	c.key("ID", u.ID, maxID)
	return true, c.err
}

func (g *guard) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	const op = "CreateUser"
	u, err := normalizeUser(g.options, u)
	if err := g.enter(ctx, op, err); err != nil {
		return adapter.User{}, err
	}
	u, err = g.inner.CreateUser(ctx, u)
	return result(ctx, g, op, u, err)
}

func (g *guard) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	const op = "CreateUserWithAccount"
	u, a, err := normalizeSignUp(g.options, u, a)
	if err := g.enter(ctx, op, err); err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	u, a, err = g.inner.CreateUserWithAccount(ctx, u, a)
	if err != nil {
		return adapter.User{}, adapter.Account{}, g.failed(ctx, op, err)
	}
	return u, a, nil
}

func (g *guard) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	const op = "CreateUserWithAuthenticator"
	u, a, err := normalizePasskeySignUp(g.options, u, a)
	if err := g.enter(ctx, op, err); err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	u, a, err = g.inner.CreateUserWithAuthenticator(ctx, u, a)
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, g.failed(ctx, op, err)
	}
	return u, a, nil
}

func (g *guard) NewID() string { return g.inner.NewID() }

func (g *guard) GetUser(ctx context.Context, id string) (adapter.User, error) {
	const op = "GetUser"
	if err := g.enter(ctx, op, knownUser(id)); err != nil {
		return adapter.User{}, err
	}
	u, err := g.inner.GetUser(ctx, id)
	return result(ctx, g, op, u, err)
}

func (g *guard) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	const op = "GetUserByEmail"
	email = adapter.NormalizeEmail(email)
	if err := g.enter(ctx, op, known(adapter.FieldUserEmail, email, maxEmail)); err != nil {
		return adapter.User{}, err
	}
	u, err := g.inner.GetUserByEmail(ctx, email)
	return result(ctx, g, op, u, err)
}

func (g *guard) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	const op = "GetUserByAccount"
	if err := g.enter(ctx, op, knownAccount(key)); err != nil {
		return adapter.User{}, err
	}
	u, err := g.inner.GetUserByAccount(ctx, key)
	return result(ctx, g, op, u, err)
}

func (g *guard) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	const op = "UpdateUser"
	up, err := normalizeUserUpdate(up)
	if err := g.enter(ctx, op, cmp.Or(err, knownUser(id))); err != nil {
		return adapter.User{}, err
	}
	u, err := g.inner.UpdateUser(ctx, id, up)
	return result(ctx, g, op, u, err)
}

func (g *guard) DeleteUser(ctx context.Context, id string) error {
	return g.remove(ctx, "DeleteUser", knownUser(id), func() error {
		return g.inner.DeleteUser(ctx, id)
	})
}

func (g *guard) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	const op = "LinkAccount"
	a, err := normalizeAccount(g.options, a)
	if err := g.enter(ctx, op, cmp.Or(checkOwner(AccountRecord, a.UserID), err)); err != nil {
		return adapter.Account{}, err
	}
	a, err = g.inner.LinkAccount(ctx, a)
	return result(ctx, g, op, a, err)
}

func (g *guard) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	const op = "GetAccount"
	if err := g.enter(ctx, op, knownAccount(key)); err != nil {
		return adapter.Account{}, err
	}
	a, err := g.inner.GetAccount(ctx, key)
	return result(ctx, g, op, a, err)
}

func (g *guard) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return list(ctx, g, "ListAccounts", knownUser(userID), func() ([]adapter.Account, error) {
		return g.inner.ListAccounts(ctx, userID)
	})
}

func (g *guard) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	const op = "UpdateAccount"
	up, err := normalizeAccountUpdate(up)
	if err := g.enter(ctx, op, cmp.Or(err, knownAccount(key))); err != nil {
		return adapter.Account{}, err
	}
	a, err := g.inner.UpdateAccount(ctx, key, up)
	return result(ctx, g, op, a, err)
}

func (g *guard) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	return g.remove(ctx, "UnlinkAccount", knownAccount(key), func() error {
		return g.inner.UnlinkAccount(ctx, key)
	})
}

func (g *guard) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	const op = "CreateSession"
	s, err := normalizeSession(g.options, s)
	if err := g.enter(ctx, op, err); err != nil {
		return adapter.Session{}, err
	}
	s, err = g.inner.CreateSession(ctx, s)
	return result(ctx, g, op, s, err)
}

func (g *guard) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	const op = "GetSessionAndUser"
	if err := g.enter(ctx, op, knownSession(token)); err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	s, u, err := g.inner.GetSessionAndUser(ctx, token)
	if err != nil {
		return adapter.Session{}, adapter.User{}, g.failed(ctx, op, err)
	}
	return s, u, nil
}

func (g *guard) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	const op = "UpdateSession"
	up, err := normalizeSessionUpdate(up)
	if err := g.enter(ctx, op, cmp.Or(err, knownSession(token))); err != nil {
		return adapter.Session{}, err
	}
	s, err := g.inner.UpdateSession(ctx, token, up)
	return result(ctx, g, op, s, err)
}

func (g *guard) DeleteSession(ctx context.Context, token string) error {
	return g.remove(ctx, "DeleteSession", knownSession(token), func() error {
		return g.inner.DeleteSession(ctx, token)
	})
}

func (g *guard) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	return list(ctx, g, "ListSessions", knownUser(userID), func() ([]adapter.Session, error) {
		return g.inner.ListSessions(ctx, userID)
	})
}

func (g *guard) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	input := cmp.Or(knownUser(userID), known("Session.ID", sessionID, sessionIDLen))
	return g.remove(ctx, "DeleteSessionByID", input, func() error {
		return g.inner.DeleteSessionByID(ctx, userID, sessionID)
	})
}

func (g *guard) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	possible := make([]string, 0, len(keep))
	for _, token := range keep {
		if knownSession(token) == nil {
			possible = append(possible, token)
		}
	}
	return g.remove(ctx, "DeleteSessions", knownUser(userID), func() error {
		return g.inner.DeleteSessions(ctx, userID, possible...)
	})
}

func (g *guard) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	const op = "CreateVerificationToken"
	t, err := normalizeVerificationToken(g.options, t)
	if err := g.enter(ctx, op, err); err != nil {
		return adapter.VerificationToken{}, err
	}
	token := t.Token
	t.Token = verificationKey(token)
	t, err = g.inner.CreateVerificationToken(ctx, t)
	t.Token = token
	return result(ctx, g, op, t, err)
}

func (g *guard) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	const op = "UseVerificationToken"
	input := cmp.Or(knownIdentifier(identifier), known(adapter.FieldVerificationToken, token, maxIdentifier))
	if err := g.enter(ctx, op, input); err != nil {
		return adapter.VerificationToken{}, err
	}
	t, err := g.inner.UseVerificationToken(ctx, identifier, verificationKey(token))
	t.Token = token
	return result(ctx, g, op, t, err)
}

func (g *guard) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	return g.remove(ctx, "DeleteVerificationTokens", knownIdentifier(identifier), func() error {
		return g.inner.DeleteVerificationTokens(ctx, identifier)
	})
}

func (g *guard) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	const op = "CreateAuthenticator"
	a, err := normalizeAuthenticator(g.options, a)
	if err := g.enter(ctx, op, cmp.Or(checkOwner(AuthenticatorRecord, a.UserID), err)); err != nil {
		return adapter.Authenticator{}, err
	}
	a, err = g.inner.CreateAuthenticator(ctx, a)
	return result(ctx, g, op, a, err)
}

func (g *guard) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	const op = "GetAuthenticator"
	if err := g.enter(ctx, op, knownCredential(credentialID)); err != nil {
		return adapter.Authenticator{}, err
	}
	a, err := g.inner.GetAuthenticator(ctx, credentialID)
	return result(ctx, g, op, a, err)
}

func (g *guard) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return list(ctx, g, "ListAuthenticators", knownUser(userID), func() ([]adapter.Authenticator, error) {
		return g.inner.ListAuthenticators(ctx, userID)
	})
}

func (g *guard) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	const op = "UpdateAuthenticatorCounter"
	if err := g.enter(ctx, op, knownCredential(credentialID)); err != nil {
		return adapter.Authenticator{}, err
	}
	a, err := g.inner.UpdateAuthenticatorCounter(ctx, credentialID, counter)
	return result(ctx, g, op, a, err)
}

func (g *guard) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	const op = "UpdateAuthenticator"
	up, err := normalizeAuthenticatorUpdate(up)
	if err := g.enter(ctx, op, cmp.Or(err, knownCredential(credentialID))); err != nil {
		return adapter.Authenticator{}, err
	}
	a, err := g.inner.UpdateAuthenticator(ctx, credentialID, up)
	return result(ctx, g, op, a, err)
}

func (g *guard) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	return g.remove(ctx, "DeleteAuthenticator", knownCredential(credentialID), func() error {
		return g.inner.DeleteAuthenticator(ctx, credentialID)
	})
}
