package signin

import (
	"context"
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Store is what the rules read and write: an [adapter.Adapter] is one.
type Store interface {
	adapter.Users
	adapter.Accounts
	adapter.Sessions
	adapter.Authenticators
}

var (
	// ErrNotLinked: the address of the profile is that of a user to whom the account or
	// passkey is not linked. The person signs in as before, and links it then.
	ErrNotLinked = errors.New("signin: the address belongs to a user who signs in another way: sign in that way, then link this one")
	// ErrTaken: the account or passkey is another user's.
	ErrTaken = errors.New("signin: this account or passkey belongs to another user: unlink it there first")
	// ErrUnverified: the user has an address that was never proved, and gets no further way
	// in until it is: see [SignUpOrInByEmail].
	ErrUnverified = errors.New("signin: the user's e-mail address was never verified: sign in by a link to it first")
)

// Result is who has signed in.
type Result struct {
	User    adapter.User
	Account adapter.Account // as stored; the zero value after SignUpOrInByEmail

	New       bool // the user was made by this call
	Linked    bool // the account was linked by this call to a user who was there before
	TakenOver bool // the address was proved for the first time: whoever had the user cannot sign in any more
}

// attempts is how often a call that has lost a race begins anew.
const attempts = 5

// SignUpOrIn returns the user that an account is linked to; if there is none it makes one from
// the profile, with the account.
//
// The account is what the provider answered; UserID is ignored. What is new in it is stored of
// a known one: see [Link]. The profile is for a new user only: one who is there keeps name,
// address and image. Its EmailVerified is when the provider has verified the address, as far as
// it says so and the application believes it; an address that is not verified is stored as such,
// and keeps others from signing up with it by an account (not its owner by a link). An
// application that wants none leaves Email empty.
//
// [ErrNotLinked] if the account is unknown and the address another user's.
//
// Two round trips, whether the user is new or not; four if it is refused.
func SignUpOrIn(ctx context.Context, store Store, profile adapter.User, account adapter.Account) (Result, error) {
	return retry(func() (Result, error) { return byAccount(ctx, store, clean(profile), account, false) })
}

// SignUpLinkOrIn is [SignUpOrIn], but an unknown account with the address of a user is linked to
// that user, if both profile and user have EmailVerified. It is for a provider that gives an
// address to its owner alone and says when it has made sure, as one does that runs the mailboxes
// itself: whoever can have a foreign address verified there gets into the account of its
// owner. In Auth.js it is allowDangerousEmailAccountLinking, which does not ask whether the
// address is verified.
//
// Five round trips if it links.
func SignUpLinkOrIn(ctx context.Context, store Store, profile adapter.User, account adapter.Account) (Result, error) {
	return retry(func() (Result, error) { return byAccount(ctx, store, clean(profile), account, true) })
}

// SignUpOrInByEmail returns the user with the address of the profile, which the person has just
// proved to own by a link to it; if there is none it makes one from the profile. Its Email and EmailVerified, which is when it was proved, are required, else [adapter.ErrInvalid].
//
// A user whose address was never proved is taken over: it stays, with its ID, but all its
// accounts, passkeys and sessions go, and then EmailVerified is set. Interrupted half way, the
// next call does it all again.
//
// One round trip; two if the user is new; six, and one for each account and passkey, if it is
// taken over.
func SignUpOrInByEmail(ctx context.Context, store Store, profile adapter.User) (Result, error) {
	profile = clean(profile)
	if profile.Email == "" {
		return Result{}, adapter.Invalid("User.Email", "must be the address that was proved")
	}
	if profile.EmailVerified.IsZero() {
		return Result{}, adapter.Invalid("User.EmailVerified", "must be when the address was proved")
	}
	return retry(func() (Result, error) { return byEmail(ctx, store, profile) })
}

// clean returns a profile in which nothing is verified but an address. A time without one would
// verify whatever address the user is given later.
func clean(profile adapter.User) adapter.User {
	profile.Email = adapter.NormalizeEmail(profile.Email)
	if profile.Email == "" {
		profile.EmailVerified = time.Time{}
	}
	return profile
}

// retry calls a function that decides by what it has read until nobody changes it meanwhile.
func retry(decide func() (Result, error)) (Result, error) {
	for n := 1; ; n++ {
		result, err := decide()
		raced := errors.Is(err, adapter.ErrConflict) || errors.Is(err, adapter.ErrNotFound)
		if !raced || n == attempts {
			return result, err
		}
	}
}

func byAccount(ctx context.Context, store Store, profile adapter.User, account adapter.Account, link bool) (Result, error) {
	result, err := signIn(ctx, store, account)
	if !errors.Is(err, adapter.ErrNotFound) {
		return result, err
	}
	account.UserID = ""
	user, stored, err := store.CreateUserWithAccount(ctx, profile, account)
	if errors.Is(err, adapter.ErrConflict) && profile.Email != "" {
		return ownerOfAddress(ctx, store, profile, account, link, err)
	}
	if err != nil {
		return Result{}, err
	}
	return Result{User: user, Account: stored, New: true}, nil
}

// ownerOfAddress decides what becomes of an unknown account after a conflict. The address is
// read before the account: whose sign-up has been seen by the one is seen by the other.
func ownerOfAddress(ctx context.Context, store Store, profile adapter.User, account adapter.Account, link bool, conflict error) (Result, error) {
	owner, err := store.GetUserByEmail(ctx, profile.Email)
	if errors.Is(err, adapter.ErrNotFound) {
		return Result{}, conflict
	}
	if err != nil {
		return Result{}, err
	}
	result, err := signIn(ctx, store, account)
	if !errors.Is(err, adapter.ErrNotFound) {
		return result, err
	}
	if !link || profile.EmailVerified.IsZero() || owner.EmailVerified.IsZero() {
		return Result{}, ErrNotLinked
	}
	account.UserID = owner.ID
	if account, err = store.LinkAccount(ctx, account); err != nil {
		return Result{}, err
	}
	return Result{User: owner, Account: account, Linked: true}, nil
}

// signIn returns the user that an account is linked to, and stores what is new in it.
func signIn(ctx context.Context, store Store, account adapter.Account) (Result, error) {
	user, err := store.GetUserByAccount(ctx, account.Key())
	if err != nil {
		return Result{}, err
	}
	stored, err := refresh(ctx, store, account)
	if err != nil {
		return Result{}, err
	}
	if stored.UserID != user.ID {
		return Result{}, adapter.ErrNotFound // it has changed hands between the two reads
	}
	return Result{User: user, Account: stored}, nil
}

func byEmail(ctx context.Context, store Store, profile adapter.User) (Result, error) {
	user, err := store.GetUserByEmail(ctx, profile.Email)
	switch {
	case errors.Is(err, adapter.ErrNotFound):
		user, err = store.CreateUser(ctx, profile)
		return Result{User: user, New: err == nil}, err
	case err != nil || !user.EmailVerified.IsZero():
		return Result{User: user}, err
	}
	user, err = takeOver(ctx, store, user.ID, profile)
	return Result{User: user, TakenOver: err == nil}, err
}

// takeOver gives a user to the person who has proved to own its address. A sign-in that began
// before may still start a session until the address is verified, which is what
// authhttp.Sessions.SignIn looks at: so sessions end before, lest a crash leave one with a
// verified user, and after.
func takeOver(ctx context.Context, store Store, id string, profile adapter.User) (adapter.User, error) {
	if err := removeWaysIn(ctx, store, id); err != nil {
		return adapter.User{}, err
	}
	if err := store.DeleteSessions(ctx, id); err != nil {
		return adapter.User{}, err
	}
	// With the address, for whoever had the user may have changed it meanwhile.
	user, err := store.UpdateUser(ctx, id, adapter.UserUpdate{Email: &profile.Email, EmailVerified: &profile.EmailVerified})
	if err != nil {
		return adapter.User{}, err
	}
	if err := store.DeleteSessions(ctx, id); err != nil {
		return adapter.User{}, err
	}
	return user, nil
}

func removeWaysIn(ctx context.Context, store Store, id string) error {
	accounts, err := store.ListAccounts(ctx, id)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		if err := store.UnlinkAccount(ctx, account.Key()); err != nil {
			return err
		}
	}
	passkeys, err := store.ListAuthenticators(ctx, id)
	if err != nil {
		return err
	}
	for _, passkey := range passkeys {
		if err := store.DeleteAuthenticator(ctx, passkey.CredentialID); err != nil {
			return err
		}
	}
	return nil
}
