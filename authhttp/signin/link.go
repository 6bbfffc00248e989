package signin

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

// Link links an account to who is signed in, as authhttp.User returns them. What the
// account's provider says of a name or an address changes nothing of the user.
//
// An account that is linked to this user already is brought up to date: a new access token
// comes with what belongs to it (ExpiresAt, also if it is not known any more), and every other
// field that is not empty is stored, so that a refresh token stays that the provider gave only
// once.
//
// [ErrTaken] if the account is another user's, [ErrUnverified] if the user's address was never
// proved.
//
// One round trip; three if the account is linked already.
func Link(ctx context.Context, store Store, user adapter.User, account adapter.Account) (Result, error) {
	if err := mayLink(user); err != nil {
		return Result{}, err
	}
	account.UserID = user.ID
	return retry(func() (Result, error) {
		stored, err := store.LinkAccount(ctx, account)
		if err == nil {
			return Result{User: user, Account: stored, Linked: true}, nil
		}
		if !errors.Is(err, adapter.ErrConflict) {
			return Result{}, err
		}
		known, err := store.GetAccount(ctx, account.Key())
		if err != nil {
			return Result{}, err
		}
		if known.UserID != user.ID {
			return Result{}, ErrTaken
		}
		stored, err = refresh(ctx, store, account)
		return Result{User: user, Account: stored}, err
	})
}

// LinkPasskey stores a passkey of who is signed in, after it was registered. One that this user
// has already is returned as it is stored.
//
// [ErrTaken] if the credential is another user's, [ErrUnverified] if the user's address was
// never proved.
//
// One round trip; two if the credential has a user.
func LinkPasskey(ctx context.Context, store Store, user adapter.User, passkey adapter.Authenticator) (adapter.Authenticator, error) {
	if err := mayLink(user); err != nil {
		return adapter.Authenticator{}, err
	}
	passkey.UserID = user.ID
	stored, err := store.CreateAuthenticator(ctx, passkey)
	if !errors.Is(err, adapter.ErrConflict) {
		return stored, err
	}
	known, err := store.GetAuthenticator(ctx, passkey.CredentialID)
	if err == nil && known.UserID != user.ID {
		return adapter.Authenticator{}, ErrTaken
	}
	return known, err
}

// SignUpWithPasskey makes a user with a passkey, in one atomic step. The profile's ID is the
// user handle that the passkey was registered with: see [adapter.Users.NewID]. An address in the
// profile is only typed in, and stays unverified unless the person has proved it.
//
// [ErrNotLinked] if the address is another user's; the store's [adapter.ErrConflict] if the
// ID or the credential is taken.
//
// One round trip.
func SignUpWithPasskey(ctx context.Context, store Store, profile adapter.User, passkey adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	passkey.UserID = ""
	user, stored, err := store.CreateUserWithAuthenticator(ctx, clean(profile), passkey)
	if conflict, ok := errors.AsType[*adapter.ConflictError](err); ok && conflict.Field == adapter.FieldUserEmail {
		err = ErrNotLinked
	}
	return user, stored, err
}

// mayLink reports whether a user may get one more way in.
func mayLink(user adapter.User) error {
	if user.Email != "" && user.EmailVerified.IsZero() {
		return ErrUnverified
	}
	return nil
}

// refresh stores what a provider has answered anew, and returns the whole account.
func refresh(ctx context.Context, store Store, account adapter.Account) (adapter.Account, error) {
	up, changes := news(account)
	if !changes {
		return store.GetAccount(ctx, account.Key())
	}
	return store.UpdateAccount(ctx, account.Key(), up)
}

// news returns the update that an answer of a provider makes.
func news(account adapter.Account) (up adapter.AccountUpdate, changes bool) {
	given := func(text string) *string {
		if text == "" {
			return nil
		}
		changes = true
		return &text
	}
	up.RefreshToken = given(account.RefreshToken)
	up.AccessToken = given(account.AccessToken)
	up.TokenType = given(account.TokenType)
	up.Scope = given(account.Scope)
	up.IDToken = given(account.IDToken)
	up.SessionState = given(account.SessionState)
	if up.AccessToken != nil {
		up.ExpiresAt = &account.ExpiresAt // the old token's would be wrong
	}
	up.Attributes = account.Attributes
	return up, changes || len(account.Attributes) > 0
}
