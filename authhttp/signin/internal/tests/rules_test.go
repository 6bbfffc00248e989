package tests

import (
	"errors"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/signin"
)

// want fails unless a call returned this error, or none for nil.
func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got the error %v, want %v", err, target)
	}
}

const ada = "ada@example.com"

func TestAnAccountSignsUpAndThenIn(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		a := account("1")
		a.AccessToken, a.ExpiresAt, a.RefreshToken, a.Scope = "old", 100, "refresh", "email"
		first, err := signin.SignUpOrIn(t.Context(), store, verified(" Ada@Example.com"), a)
		check(t, err)
		if !first.New || first.Linked || first.User.Email != ada || !first.User.EmailVerified.Equal(noon) || first.Account.UserID != first.User.ID {
			t.Errorf("the sign-up is %+v", first)
		}
		// The address is another one by now, and nobody's business here.
		a = account("1")
		a.AccessToken, a.IDToken, a.Attributes = "new", "id", adapter.Attributes{"login": "ada"}
		second, err := signin.SignUpOrIn(t.Context(), store, verified("else@example.com"), a)
		check(t, err)
		if second.New || second.Linked || second.User.ID != first.User.ID || second.User.Email != ada {
			t.Errorf("the sign-in is %+v", second)
		}
		got := second.Account
		if got.AccessToken != "new" || got.ExpiresAt != 0 || got.IDToken != "id" || got.RefreshToken != "refresh" || got.Scope != "email" || got.Attributes["login"] != "ada" {
			t.Errorf("the account is %+v", got)
		}
		third, err := signin.SignUpOrIn(t.Context(), store, adapter.User{}, account("1"))
		check(t, err)
		if third.User.ID != first.User.ID || third.Account.AccessToken != "new" || !third.Account.UpdatedAt.Equal(got.UpdatedAt) {
			t.Errorf("a sign-in without anything new is %+v", third)
		}
	})
}

// An address that somebody has is nobody else's, whoever says it is verified.
func TestAnAddressOfAUserIsNotLinked(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		for _, test := range []struct {
			name              string
			owner, newcomer   time.Time
			linkedWhenAllowed bool
		}{
			{name: "neither"}, {name: "owner", owner: noon}, {name: "newcomer", newcomer: noon}, {name: "both", owner: noon, newcomer: noon, linkedWhenAllowed: true},
		} {
			email := test.name + "@example.com"
			owner, err := store.CreateUser(t.Context(), adapter.User{Email: email, EmailVerified: test.owner})
			check(t, err)
			profile := adapter.User{Email: email, EmailVerified: test.newcomer}
			_, err = signin.SignUpOrIn(t.Context(), store, profile, account(test.name))
			want(t, err, signin.ErrNotLinked)
			result, err := signin.SignUpLinkOrIn(t.Context(), store, profile, account(test.name))
			if !test.linkedWhenAllowed {
				want(t, err, signin.ErrNotLinked)
				_, err = store.GetAccount(t.Context(), account(test.name).Key())
				want(t, err, adapter.ErrNotFound)
				continue
			}
			check(t, err)
			if result.New || !result.Linked || result.User.ID != owner.ID || result.Account.UserID != owner.ID {
				t.Errorf("%s: linked is %+v, want the user %s", test.name, result, owner.ID)
			}
			result, err = signin.SignUpOrIn(t.Context(), store, profile, account(test.name))
			check(t, err)
			if result.User.ID != owner.ID {
				t.Errorf("%s: the next sign-in is %+v", test.name, result)
			}
		}
	})
}

func TestLinkToWhoIsSignedIn(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		ctx := t.Context()
		first, err := signin.SignUpOrIn(ctx, store, verified(ada), account("1"))
		check(t, err)
		a := account("2")
		a.RefreshToken = "refresh"
		linked, err := signin.Link(ctx, store, first.User, a)
		check(t, err)
		if !linked.Linked || linked.Account.UserID != first.User.ID {
			t.Errorf("linked is %+v", linked)
		}
		a.RefreshToken, a.AccessToken = "", "access"
		again, err := signin.Link(ctx, store, first.User, a)
		check(t, err)
		if again.Linked || again.Account.RefreshToken != "refresh" || again.Account.AccessToken != "access" {
			t.Errorf("linked again is %+v", again)
		}
		other, err := signin.SignUpOrIn(ctx, store, adapter.User{}, account("3"))
		check(t, err)
		_, err = signin.Link(ctx, store, other.User, a)
		want(t, err, signin.ErrTaken)
		result, err := signin.SignUpOrIn(ctx, store, verified("else@example.com"), a)
		check(t, err)
		if result.User.ID != first.User.ID {
			t.Error("the account has another user now")
		}
	})
}

func TestPasskeys(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		ctx := t.Context()
		id := store.NewID()
		user, key, err := signin.SignUpWithPasskey(ctx, store, adapter.User{ID: id, Email: ada}, passkey("k1"))
		check(t, err)
		if user.ID != id || key.UserID != id || !user.EmailVerified.IsZero() {
			t.Errorf("the user is %+v, the passkey %+v", user, key)
		}
		_, _, err = signin.SignUpWithPasskey(ctx, store, adapter.User{Email: " ADA@example.com"}, passkey("k2"))
		want(t, err, signin.ErrNotLinked)
		_, _, err = signin.SignUpWithPasskey(ctx, store, adapter.User{}, passkey("k1"))
		want(t, err, adapter.ErrConflict)

		_, err = signin.LinkPasskey(ctx, store, user, passkey("k2"))
		want(t, err, signin.ErrUnverified)
		_, err = signin.Link(ctx, store, user, account("1"))
		want(t, err, signin.ErrUnverified)
		none, err := store.CreateUser(ctx, adapter.User{})
		check(t, err)
		for range 2 {
			key, err = signin.LinkPasskey(ctx, store, none, passkey("k2"))
			check(t, err)
			if key.UserID != none.ID || key.CredentialPublicKey != "key" {
				t.Errorf("the passkey is %+v", key)
			}
		}
		_, err = signin.LinkPasskey(ctx, store, none, passkey("k1"))
		want(t, err, signin.ErrTaken)
	})
}

func TestAnAddressSignsUpAndThenIn(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		first, err := signin.SignUpOrInByEmail(t.Context(), store, adapter.User{Name: "Ada", Email: "Ada@Example.com ", EmailVerified: noon})
		check(t, err)
		if !first.New || first.TakenOver || first.User.Email != ada || !first.User.EmailVerified.Equal(noon) || first.User.Name != "Ada" {
			t.Errorf("the sign-up is %+v", first)
		}
		_, err = signin.Link(t.Context(), store, first.User, account("1"))
		check(t, err)
		second, err := signin.SignUpOrInByEmail(t.Context(), store, adapter.User{Name: "Eve", Email: ada, EmailVerified: noon.Add(time.Hour)})
		check(t, err)
		if second.New || second.TakenOver || second.User.ID != first.User.ID || second.User.Name != "Ada" || !second.User.EmailVerified.Equal(noon) {
			t.Errorf("the sign-in is %+v", second)
		}
		if _, err := store.GetAccount(t.Context(), account("1").Key()); err != nil {
			t.Errorf("a verified user has lost an account: %v", err)
		}
	})
}

// Whoever made a user with another person's address cannot get in any more when that person
// has come.
func TestTakeOver(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store adapter.Adapter) {
		ctx := t.Context()
		mallory, err := signin.SignUpOrIn(ctx, store, unverified(ada), account("1"))
		check(t, err)
		// By a program without these rules.
		more := account("2")
		more.UserID = mallory.User.ID
		_, err = store.LinkAccount(ctx, more)
		check(t, err)
		key := passkey("k")
		key.UserID = mallory.User.ID
		_, err = store.CreateAuthenticator(ctx, key)
		check(t, err)
		session, err := store.CreateSession(ctx, adapter.Session{UserID: mallory.User.ID, Expires: time.Now().Add(time.Hour)})
		check(t, err)

		result, err := signin.SignUpOrInByEmail(ctx, store, verified(ada))
		check(t, err)
		if result.New || !result.TakenOver || result.User.ID != mallory.User.ID || !result.User.EmailVerified.Equal(noon) {
			t.Errorf("taken over is %+v", result)
		}
		nothingLeft(t, store, session)
		_, err = signin.SignUpOrIn(ctx, store, unverified(ada), account("1"))
		want(t, err, signin.ErrNotLinked)
		_, err = signin.SignUpLinkOrIn(ctx, store, unverified(ada), account("1"))
		want(t, err, signin.ErrNotLinked)
		again, err := signin.SignUpOrIn(ctx, store, adapter.User{}, account("1"))
		check(t, err)
		if again.User.ID == result.User.ID {
			t.Error("the old account still leads to the user")
		}
	})
}

// nothingLeft checks that what a user had before a take-over is gone.
func nothingLeft(t *testing.T, store adapter.Adapter, session adapter.Session) {
	t.Helper()
	for _, id := range []string{"1", "2"} {
		_, err := store.GetUserByAccount(t.Context(), account(id).Key())
		want(t, err, adapter.ErrNotFound)
	}
	_, err := store.GetAuthenticator(t.Context(), "k")
	want(t, err, adapter.ErrNotFound)
	_, _, err = store.GetSessionAndUser(t.Context(), session.SessionToken)
	want(t, err, adapter.ErrNotFound)
}

func TestInput(t *testing.T) {
	store := inMemory(t)
	ctx := t.Context()
	for name, a := range map[string]adapter.Account{"no ID": account(""), "no provider": {ProviderAccountID: "1"}, "a NUL": account("\x00")} {
		if _, err := signin.SignUpOrIn(ctx, store, adapter.User{}, a); !errors.Is(err, adapter.ErrInvalid) || errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for field, profiles := range map[string][]adapter.User{
		"User.Email":         {{EmailVerified: noon}, {Email: " \t", EmailVerified: noon}, {Email: "\x00", EmailVerified: noon}},
		"User.EmailVerified": {{Email: ada}},
	} {
		for _, profile := range profiles {
			_, err := signin.SignUpOrInByEmail(ctx, store, profile)
			if invalid, ok := errors.AsType[*adapter.InvalidError](err); !ok || invalid.Field != field {
				t.Errorf("%+v: got %v", profile, err)
			}
		}
	}
	if all := users(t, store); len(all) != 0 {
		t.Errorf("%d users were made", len(all))
	}
	// A time without an address verifies nothing, and would verify the next address.
	result, err := signin.SignUpOrIn(ctx, store, adapter.User{Email: " ", EmailVerified: noon}, account("1"))
	check(t, err)
	if !result.User.EmailVerified.IsZero() {
		t.Error("a user without an address is verified")
	}
	// Whose account it is the caller does not say.
	a := account("2")
	a.UserID = result.User.ID
	result, err = signin.SignUpOrIn(ctx, store, adapter.User{}, a)
	check(t, err)
	if result.User.ID == a.UserID {
		t.Error("the account was linked to whom it named")
	}
	_, err = signin.SignUpOrIn(ctx, store, adapter.User{ID: result.User.ID}, account("3"))
	want(t, err, adapter.ErrConflict)
}
