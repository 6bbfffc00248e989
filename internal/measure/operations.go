package measure

import (
	"context"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Operation is one call of the contract, by its method's name and, in parentheses, what
// is special about it.
type Operation struct {
	Name string
	Call Call
}

// Call makes one call.
type Call = func(context.Context) error

// Operations returns one call of every operation, in an order in which each finds its
// records.
func Operations(t testing.TB, a adapter.Adapter, name string) []Operation {
	t.Helper()
	hour := time.Now().Add(time.Hour)
	email := name + "@example.com"
	u, err := a.CreateUser(t.Context(), adapter.User{Email: "owner-" + email})
	check(t, err)
	account := adapter.Account{UserID: u.ID, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: name}
	signUp := adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "up-" + name}
	passkey := adapter.Authenticator{CredentialID: name, UserID: u.ID, CredentialPublicKey: "key"}
	keyed := adapter.Authenticator{CredentialID: "up-" + name, CredentialPublicKey: "key"}
	generated, err := a.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: hour})
	check(t, err)
	byID, err := a.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: hour})
	check(t, err)
	elsewhere := "elsewhere-" + name
	link := adapter.VerificationToken{Identifier: email, Token: name, Expires: hour}
	return []Operation{
		{"CreateUser", func(ctx context.Context) error { _, err := a.CreateUser(ctx, adapter.User{Email: email}); return err }},
		{"CreateUserWithAccount", func(ctx context.Context) error {
			_, _, err := a.CreateUserWithAccount(ctx, adapter.User{Email: "up-" + email}, signUp)
			return err
		}},
		{"CreateUserWithAuthenticator", func(ctx context.Context) error {
			_, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{Email: "keyed-" + email}, keyed)
			return err
		}},
		{"GetUser", func(ctx context.Context) error { _, err := a.GetUser(ctx, u.ID); return err }},
		{"GetUserByEmail", func(ctx context.Context) error { _, err := a.GetUserByEmail(ctx, email); return err }},
		{"GetUserByAccount", func(ctx context.Context) error { _, err := a.GetUserByAccount(ctx, signUp.Key()); return err }},
		{"UpdateUser", func(ctx context.Context) error {
			_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Name: &name})
			return err
		}},
		{"UpdateUser (e-mail)", func(ctx context.Context) error {
			_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Email: new("new-" + email)})
			return err
		}},
		{"LinkAccount", func(ctx context.Context) error { _, err := a.LinkAccount(ctx, account); return err }},
		{"GetAccount", func(ctx context.Context) error { _, err := a.GetAccount(ctx, account.Key()); return err }},
		{"ListAccounts", func(ctx context.Context) error { _, err := a.ListAccounts(ctx, u.ID); return err }},
		{"UpdateAccount", func(ctx context.Context) error {
			_, err := a.UpdateAccount(ctx, account.Key(), adapter.AccountUpdate{Scope: &name})
			return err
		}},
		{"UnlinkAccount", func(ctx context.Context) error { return a.UnlinkAccount(ctx, account.Key()) }},
		{"CreateSession", func(ctx context.Context) error {
			_, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: hour})
			return err
		}},
		{"CreateSession (made elsewhere)", func(ctx context.Context) error {
			_, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, SessionToken: elsewhere, Expires: hour})
			return err
		}},
		{"GetSessionAndUser", func(ctx context.Context) error {
			_, _, err := a.GetSessionAndUser(ctx, generated.SessionToken)
			return err
		}},
		{"GetSessionAndUser (made elsewhere)", func(ctx context.Context) error {
			_, _, err := a.GetSessionAndUser(ctx, elsewhere)
			return err
		}},
		{"UpdateSession", func(ctx context.Context) error {
			_, err := a.UpdateSession(ctx, generated.SessionToken, adapter.SessionUpdate{Expires: &hour})
			return err
		}},
		{"UpdateSession (made elsewhere)", func(ctx context.Context) error {
			_, err := a.UpdateSession(ctx, elsewhere, adapter.SessionUpdate{Expires: &hour})
			return err
		}},
		{"ListSessions", func(ctx context.Context) error { _, err := a.ListSessions(ctx, u.ID); return err }},
		{"DeleteSession", func(ctx context.Context) error { return a.DeleteSession(ctx, generated.SessionToken) }},
		{"DeleteSession (made elsewhere)", func(ctx context.Context) error { return a.DeleteSession(ctx, elsewhere) }},
		{"DeleteSessionByID", func(ctx context.Context) error { return a.DeleteSessionByID(ctx, u.ID, byID.ID) }},
		{"DeleteSessions", func(ctx context.Context) error { return a.DeleteSessions(ctx, u.ID) }},
		{"CreateVerificationToken", func(ctx context.Context) error { _, err := a.CreateVerificationToken(ctx, link); return err }},
		{"UseVerificationToken", func(ctx context.Context) error {
			_, err := a.UseVerificationToken(ctx, link.Identifier, link.Token)
			return err
		}},
		{"DeleteVerificationTokens", func(ctx context.Context) error { return a.DeleteVerificationTokens(ctx, link.Identifier) }},
		{"CreateAuthenticator", func(ctx context.Context) error { _, err := a.CreateAuthenticator(ctx, passkey); return err }},
		{"GetAuthenticator", func(ctx context.Context) error { _, err := a.GetAuthenticator(ctx, name); return err }},
		{"ListAuthenticators", func(ctx context.Context) error { _, err := a.ListAuthenticators(ctx, u.ID); return err }},
		{"UpdateAuthenticatorCounter", func(ctx context.Context) error {
			_, err := a.UpdateAuthenticatorCounter(ctx, name, 1)
			return err
		}},
		{"UpdateAuthenticator", func(ctx context.Context) error {
			_, err := a.UpdateAuthenticator(ctx, name, adapter.AuthenticatorUpdate{CredentialBackedUp: new(true)})
			return err
		}},
		{"DeleteAuthenticator", func(ctx context.Context) error { return a.DeleteAuthenticator(ctx, name) }},
		{"DeleteUser", func(ctx context.Context) error { return a.DeleteUser(ctx, u.ID) }},
	}
}
