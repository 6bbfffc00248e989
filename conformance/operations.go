package conformance

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/authstore/authstore/adapter"
)

// operation is one call of the contract, on records that exist (see stage).
type operation struct {
	name string
	call func(ctx context.Context, a adapter.Adapter) error
}

// stage holds one record of each type, and values that are not taken.
type stage struct {
	user          adapter.User
	account       adapter.Account
	session       adapter.Session
	link          adapter.VerificationToken
	authenticator adapter.Authenticator
	freeID        string
	free          string // a name that nothing uses
}

// newStage creates one record of each type, named after name.
func (t *T) newStage(name string) stage {
	t.Helper()
	u := t.user(name)
	return stage{
		user:          u,
		account:       t.account(u.ID, "github", name),
		session:       t.session(u.ID),
		link:          t.link(email(name), "token-"+name),
		authenticator: t.authenticator(u.ID, "credential-"+name),
		freeID:        t.NewID(),
		free:          "free-" + name,
	}
}

// answered returns the error of a read, or that it did not return its record.
func answered(err error, rightly bool) error {
	if err == nil && !rightly {
		return errors.New("an answer without the record that is there")
	}
	return err
}

// operations returns every operation of the contract but Close, in the order in
// which each finds its record: what deletes comes last.
func (s stage) operations() []operation {
	key := s.account.Key()
	live := s.session.Expires
	return []operation{
		{"CreateUser", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.CreateUser(ctx, adapter.User{ID: s.freeID, Email: email(s.free)})
			return err
		}},
		{"CreateUserWithAccount", func(ctx context.Context, a adapter.Adapter) error {
			_, _, err := a.CreateUserWithAccount(ctx, adapter.User{Email: email("both-" + s.free)}, plainAccount("", "github", "both-"+s.free))
			return err
		}},
		{"CreateUserWithAuthenticator", func(ctx context.Context, a adapter.Adapter) error {
			_, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{Email: email("passkey-" + s.free)}, plainAuthenticator("", "passkey-"+s.free))
			return err
		}},
		{"GetUser", func(ctx context.Context, a adapter.Adapter) error {
			u, err := a.GetUser(ctx, s.user.ID)
			return answered(err, u.ID == s.user.ID)
		}},
		{"GetUserByEmail", func(ctx context.Context, a adapter.Adapter) error {
			u, err := a.GetUserByEmail(ctx, s.user.Email)
			return answered(err, u.ID == s.user.ID)
		}},
		{"GetUserByAccount", func(ctx context.Context, a adapter.Adapter) error {
			u, err := a.GetUserByAccount(ctx, key)
			return answered(err, u.ID == s.user.ID)
		}},
		{"UpdateUser", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UpdateUser(ctx, s.user.ID, adapter.UserUpdate{Name: new("changed")})
			return err
		}},
		{"LinkAccount", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.LinkAccount(ctx, plainAccount(s.user.ID, "gitlab", s.free))
			return err
		}},
		{"GetAccount", func(ctx context.Context, a adapter.Adapter) error {
			acc, err := a.GetAccount(ctx, key)
			return answered(err, acc.Key() == key)
		}},
		{"ListAccounts", func(ctx context.Context, a adapter.Adapter) error {
			all, err := a.ListAccounts(ctx, s.user.ID)
			return answered(err, slices.ContainsFunc(all, func(acc adapter.Account) bool { return acc.Key() == key }))
		}},
		{"UpdateAccount", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UpdateAccount(ctx, key, adapter.AccountUpdate{AccessToken: new("changed")})
			return err
		}},
		{"CreateSession", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.CreateSession(ctx, adapter.Session{UserID: s.user.ID, SessionToken: "session-" + s.free, Expires: live})
			return err
		}},
		{"GetSessionAndUser", func(ctx context.Context, a adapter.Adapter) error {
			got, u, err := a.GetSessionAndUser(ctx, s.session.SessionToken)
			return answered(err, got.ID == s.session.ID && u.ID == s.user.ID)
		}},
		{"UpdateSession", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UpdateSession(ctx, s.session.SessionToken, adapter.SessionUpdate{Expires: new(live.Add(time.Hour))})
			return err
		}},
		{"ListSessions", func(ctx context.Context, a adapter.Adapter) error {
			all, err := a.ListSessions(ctx, s.user.ID)
			return answered(err, slices.ContainsFunc(all, func(got adapter.Session) bool { return got.ID == s.session.ID }))
		}},
		{"CreateVerificationToken", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: email(s.free), Token: "token-" + s.free, Expires: live})
			return err
		}},
		{"CreateAuthenticator", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.CreateAuthenticator(ctx, fullAuthenticator(s.user.ID, "credential-"+s.free))
			return err
		}},
		{"GetAuthenticator", func(ctx context.Context, a adapter.Adapter) error {
			got, err := a.GetAuthenticator(ctx, s.authenticator.CredentialID)
			return answered(err, got.CredentialID == s.authenticator.CredentialID)
		}},
		{"ListAuthenticators", func(ctx context.Context, a adapter.Adapter) error {
			all, err := a.ListAuthenticators(ctx, s.user.ID)
			return answered(err, slices.ContainsFunc(all, func(got adapter.Authenticator) bool {
				return got.CredentialID == s.authenticator.CredentialID
			}))
		}},
		{"UpdateAuthenticatorCounter", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UpdateAuthenticatorCounter(ctx, s.authenticator.CredentialID, s.authenticator.Counter+1)
			return err
		}},
		{"UpdateAuthenticator", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UpdateAuthenticator(ctx, s.authenticator.CredentialID, adapter.AuthenticatorUpdate{CredentialBackedUp: new(false)})
			return err
		}},
		{"UseVerificationToken", func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UseVerificationToken(ctx, s.link.Identifier, s.link.Token)
			return err
		}},
		{"DeleteVerificationTokens", func(ctx context.Context, a adapter.Adapter) error {
			return a.DeleteVerificationTokens(ctx, s.link.Identifier)
		}},
		{"DeleteAuthenticator", func(ctx context.Context, a adapter.Adapter) error {
			return a.DeleteAuthenticator(ctx, s.authenticator.CredentialID)
		}},
		{"DeleteSession", func(ctx context.Context, a adapter.Adapter) error {
			return a.DeleteSession(ctx, s.session.SessionToken)
		}},
		{"DeleteSessionByID", func(ctx context.Context, a adapter.Adapter) error {
			return a.DeleteSessionByID(ctx, s.user.ID, s.session.ID)
		}},
		{"DeleteSessions", func(ctx context.Context, a adapter.Adapter) error {
			return a.DeleteSessions(ctx, s.user.ID)
		}},
		{"UnlinkAccount", func(ctx context.Context, a adapter.Adapter) error {
			return a.UnlinkAccount(ctx, key)
		}},
		{"DeleteUser", func(ctx context.Context, a adapter.Adapter) error {
			return a.DeleteUser(ctx, s.user.ID)
		}},
	}
}
