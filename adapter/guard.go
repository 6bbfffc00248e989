package adapter

import (
	"cmp"
	"context"
	"sync/atomic"
)

// Guard puts in front of a backend the rules that are the same for every store,
// so that a backend sees valid input only and keeps to its own job:
//
//   - input is checked and brought into its stored form: times in milliseconds,
//     e-mail addresses normalised, attributes copied, IDs, session tokens and
//     CreatedAt and UpdatedAt filled in; what breaks a rule is [ErrInvalid];
//   - a verification token that is not hashed is: the store has its hash, the caller
//     what was handed in;
//   - a key that no record can have is absent, without asking the store;
//   - calls with an ended context or after Close do not reach the store;
//   - errors are wrapped as [*Error] and classified.
//
// The options must be those that inner uses, with their defaults filled in.
// Optional interfaces of inner are found with [As].
func Guard(inner Adapter, backend string, o Options) Adapter {
	return &guard{inner: inner, backend: backend, options: o.WithDefaults()}
}

type guard struct {
	inner   Adapter
	backend string
	options Options
	closed  atomic.Bool
}

func (g *guard) Unwrap() Adapter { return g.inner }

// Close closes inner once.
func (g *guard) Close() error {
	if g.closed.Swap(true) {
		return nil
	}
	return g.wrap(context.Background(), "Close", g.inner.Close())
}

// enter returns why a call must not reach the store, input being what is wrong
// with what it was given.
func (g *guard) enter(ctx context.Context, op string, input error) error {
	if g.closed.Load() {
		return g.wrap(ctx, op, ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return g.wrap(ctx, op, err)
	}
	return g.wrap(ctx, op, input)
}

func (g *guard) wrap(ctx context.Context, op string, err error) error {
	return WrapError(ctx, g.backend, op, err)
}

// result returns what inner answered: with an error the zero value, whatever inner
// gave beside it.
func result[T any](ctx context.Context, g *guard, op string, v T, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, g.wrap(ctx, op, err)
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
	return g.wrap(ctx, op, inner())
}

// list runs a list. What no record can be named by has nothing.
func list[T any](ctx context.Context, g *guard, op string, input error, inner func() ([]T, error)) ([]T, error) {
	if err := g.enter(ctx, op, nil); err != nil || input != nil {
		return nil, err
	}
	records, err := inner()
	return result(ctx, g, op, records, err)
}

// newID is the key of a context's value.
type newID struct{}

// withNewID returns the context for making a user, which says whether the ID has yet to
// be made.
func withNewID(ctx context.Context, u User) context.Context {
	if u.ID != "" {
		return ctx
	}
	return context.WithValue(ctx, newID{}, true)
}

// IsNewID reports, to a backend behind [Guard], whether the ID of the user that it is to
// make comes from [Options.NewID]. Then nobody had it before, and there is nothing in the
// store that a deleted user of that ID has left.
func IsNewID(ctx context.Context) bool { return ctx.Value(newID{}) != nil }

func (g *guard) CreateUser(ctx context.Context, u User) (User, error) {
	const op = "CreateUser"
	inner := withNewID(ctx, u)
	u, err := g.options.normalizeUser(u)
	if err := g.enter(ctx, op, err); err != nil {
		return User{}, err
	}
	u, err = g.inner.CreateUser(inner, u)
	return result(ctx, g, op, u, err)
}

func (g *guard) CreateUserWithAccount(ctx context.Context, u User, a Account) (User, Account, error) {
	const op = "CreateUserWithAccount"
	inner := withNewID(ctx, u)
	u, a, err := g.options.normalizeSignUp(u, a)
	if err := g.enter(ctx, op, err); err != nil {
		return User{}, Account{}, err
	}
	u, a, err = g.inner.CreateUserWithAccount(inner, u, a)
	if err != nil {
		return User{}, Account{}, g.wrap(ctx, op, err)
	}
	return u, a, nil
}

func (g *guard) GetUser(ctx context.Context, id string) (User, error) {
	const op = "GetUser"
	if err := g.enter(ctx, op, knownUser(id)); err != nil {
		return User{}, err
	}
	u, err := g.inner.GetUser(ctx, id)
	return result(ctx, g, op, u, err)
}

func (g *guard) GetUserByEmail(ctx context.Context, email string) (User, error) {
	const op = "GetUserByEmail"
	email = NormalizeEmail(email)
	if err := g.enter(ctx, op, known(FieldUserEmail, email, maxEmail)); err != nil {
		return User{}, err
	}
	u, err := g.inner.GetUserByEmail(ctx, email)
	return result(ctx, g, op, u, err)
}

func (g *guard) GetUserByAccount(ctx context.Context, key AccountKey) (User, error) {
	const op = "GetUserByAccount"
	if err := g.enter(ctx, op, knownAccount(key)); err != nil {
		return User{}, err
	}
	u, err := g.inner.GetUserByAccount(ctx, key)
	return result(ctx, g, op, u, err)
}

func (g *guard) UpdateUser(ctx context.Context, id string, up UserUpdate) (User, error) {
	const op = "UpdateUser"
	up, err := normalizeUserUpdate(up)
	if err := g.enter(ctx, op, cmp.Or(err, knownUser(id))); err != nil {
		return User{}, err
	}
	u, err := g.inner.UpdateUser(ctx, id, up)
	return result(ctx, g, op, u, err)
}

func (g *guard) DeleteUser(ctx context.Context, id string) error {
	return g.remove(ctx, "DeleteUser", knownUser(id), func() error {
		return g.inner.DeleteUser(ctx, id)
	})
}

func (g *guard) LinkAccount(ctx context.Context, a Account) (Account, error) {
	const op = "LinkAccount"
	a, err := g.options.normalizeAccount(a)
	if err := g.enter(ctx, op, err); err != nil {
		return Account{}, err
	}
	a, err = g.inner.LinkAccount(ctx, a)
	return result(ctx, g, op, a, err)
}

func (g *guard) GetAccount(ctx context.Context, key AccountKey) (Account, error) {
	const op = "GetAccount"
	if err := g.enter(ctx, op, knownAccount(key)); err != nil {
		return Account{}, err
	}
	a, err := g.inner.GetAccount(ctx, key)
	return result(ctx, g, op, a, err)
}

func (g *guard) ListAccounts(ctx context.Context, userID string) ([]Account, error) {
	return list(ctx, g, "ListAccounts", knownUser(userID), func() ([]Account, error) {
		return g.inner.ListAccounts(ctx, userID)
	})
}

func (g *guard) UpdateAccount(ctx context.Context, key AccountKey, up AccountUpdate) (Account, error) {
	const op = "UpdateAccount"
	up, err := normalizeAccountUpdate(up)
	if err := g.enter(ctx, op, cmp.Or(err, knownAccount(key))); err != nil {
		return Account{}, err
	}
	a, err := g.inner.UpdateAccount(ctx, key, up)
	return result(ctx, g, op, a, err)
}

func (g *guard) UnlinkAccount(ctx context.Context, key AccountKey) error {
	return g.remove(ctx, "UnlinkAccount", knownAccount(key), func() error {
		return g.inner.UnlinkAccount(ctx, key)
	})
}

func (g *guard) CreateSession(ctx context.Context, s Session) (Session, error) {
	const op = "CreateSession"
	s, err := g.options.normalizeSession(s)
	if err := g.enter(ctx, op, err); err != nil {
		return Session{}, err
	}
	s, err = g.inner.CreateSession(ctx, s)
	return result(ctx, g, op, s, err)
}

func (g *guard) GetSessionAndUser(ctx context.Context, token string) (Session, User, error) {
	const op = "GetSessionAndUser"
	if err := g.enter(ctx, op, knownSession(token)); err != nil {
		return Session{}, User{}, err
	}
	s, u, err := g.inner.GetSessionAndUser(ctx, token)
	if err != nil {
		return Session{}, User{}, g.wrap(ctx, op, err)
	}
	return s, u, nil
}

func (g *guard) UpdateSession(ctx context.Context, token string, up SessionUpdate) (Session, error) {
	const op = "UpdateSession"
	up, err := normalizeSessionUpdate(up)
	if err := g.enter(ctx, op, cmp.Or(err, knownSession(token))); err != nil {
		return Session{}, err
	}
	s, err := g.inner.UpdateSession(ctx, token, up)
	return result(ctx, g, op, s, err)
}

func (g *guard) DeleteSession(ctx context.Context, token string) error {
	return g.remove(ctx, "DeleteSession", knownSession(token), func() error {
		return g.inner.DeleteSession(ctx, token)
	})
}

func (g *guard) ListSessions(ctx context.Context, userID string) ([]Session, error) {
	return list(ctx, g, "ListSessions", knownUser(userID), func() ([]Session, error) {
		return g.inner.ListSessions(ctx, userID)
	})
}

func (g *guard) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	input := cmp.Or(knownUser(userID), known("Session.ID", sessionID, secretLen))
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

func (g *guard) CreateVerificationToken(ctx context.Context, t VerificationToken) (VerificationToken, error) {
	const op = "CreateVerificationToken"
	t, err := g.options.normalizeVerificationToken(t)
	if err := g.enter(ctx, op, err); err != nil {
		return VerificationToken{}, err
	}
	token := t.Token
	t.Token = verificationKey(token)
	t, err = g.inner.CreateVerificationToken(ctx, t)
	t.Token = token
	return result(ctx, g, op, t, err)
}

func (g *guard) UseVerificationToken(ctx context.Context, identifier, token string) (VerificationToken, error) {
	const op = "UseVerificationToken"
	input := cmp.Or(knownIdentifier(identifier), known(FieldVerificationToken, token, maxIdentifier))
	if err := g.enter(ctx, op, input); err != nil {
		return VerificationToken{}, err
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

func (g *guard) CreateAuthenticator(ctx context.Context, a Authenticator) (Authenticator, error) {
	const op = "CreateAuthenticator"
	a, err := normalizeAuthenticator(a)
	if err := g.enter(ctx, op, err); err != nil {
		return Authenticator{}, err
	}
	a, err = g.inner.CreateAuthenticator(ctx, a)
	return result(ctx, g, op, a, err)
}

func (g *guard) GetAuthenticator(ctx context.Context, credentialID string) (Authenticator, error) {
	const op = "GetAuthenticator"
	if err := g.enter(ctx, op, knownCredential(credentialID)); err != nil {
		return Authenticator{}, err
	}
	a, err := g.inner.GetAuthenticator(ctx, credentialID)
	return result(ctx, g, op, a, err)
}

func (g *guard) ListAuthenticators(ctx context.Context, userID string) ([]Authenticator, error) {
	return list(ctx, g, "ListAuthenticators", knownUser(userID), func() ([]Authenticator, error) {
		return g.inner.ListAuthenticators(ctx, userID)
	})
}

func (g *guard) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (Authenticator, error) {
	const op = "UpdateAuthenticatorCounter"
	if err := g.enter(ctx, op, knownCredential(credentialID)); err != nil {
		return Authenticator{}, err
	}
	a, err := g.inner.UpdateAuthenticatorCounter(ctx, credentialID, counter)
	return result(ctx, g, op, a, err)
}

func (g *guard) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	return g.remove(ctx, "DeleteAuthenticator", knownCredential(credentialID), func() error {
		return g.inner.DeleteAuthenticator(ctx, credentialID)
	})
}
