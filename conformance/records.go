package conformance

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/authstore/authstore/adapter"
)

// The people of the tests. Their addresses are in the domain that RFC 2606 keeps
// for examples.
const (
	ada   = "ada"
	grace = "grace"
	alan  = "alan"
)

func email(name string) string { return name + "@example.com" }

// fullUser returns a user in which every field is set.
func fullUser(name string) adapter.User {
	return adapter.User{
		Name:          "Ada 👩‍💻 Lovelace, עדה",
		Email:         email(name),
		EmailVerified: Start.Add(-time.Hour + time.Millisecond),
		Image:         "https://example.com/ada.png?size=96&v=2#top",
		Attributes:    fullAttributes(),
		CreatedAt:     Start.Add(-48 * time.Hour),
		UpdatedAt:     Start.Add(-24 * time.Hour),
	}
}

// fullAttributes returns one attribute of every type.
func fullAttributes() adapter.Attributes {
	return adapter.Attributes{
		"role":    "admin",
		"active":  true,
		"logins":  int64(42),
		"balance": 2.5,
		"seen":    Start.Add(-time.Minute),
		"manager": nil,
		"groups":  []any{"staff", int64(7), nil, map[string]any{"deep": true}},
		"address": map[string]any{"city": "Zürich", "geo": []any{47.5, 8.25}, "zip": nil},
	}
}

// fullAccount returns an account in which every field is set.
func fullAccount(userID, provider, id string) adapter.Account {
	return adapter.Account{
		UserID:            userID,
		Type:              adapter.AccountOIDC,
		Provider:          provider,
		ProviderAccountID: id,
		RefreshToken:      "refresh-" + id,
		AccessToken:       "access-" + id,
		ExpiresAt:         4102444800,
		TokenType:         "bearer",
		Scope:             "openid email profile",
		IDToken:           "header.payload.signature-" + id,
		SessionState:      "state-" + id,
		Attributes:        adapter.Attributes{"tenant": "t-1", "level": int64(3)},
		CreatedAt:         Start.Add(-48 * time.Hour),
		UpdatedAt:         Start.Add(-24 * time.Hour),
	}
}

// fullAuthenticator returns a credential in which every field is set.
func fullAuthenticator(userID, credentialID string) adapter.Authenticator {
	return adapter.Authenticator{
		CredentialID:         credentialID,
		UserID:               userID,
		ProviderAccountID:    credentialID,
		CredentialPublicKey:  "pQECAyYgASFYIA+/==",
		Counter:              7,
		CredentialDeviceType: "multiDevice",
		CredentialBackedUp:   true,
		Transports:           []string{"internal", "hybrid"},
		Attributes:           adapter.Attributes{"name": "Ada's phone", "aaguid": "08987058-cadc-4b81-b6e1-30de50dcbe96", "flags": int64(29)},
		CreatedAt:            Start.Add(-48 * time.Hour),
		UpdatedAt:            Start.Add(-24 * time.Hour),
	}
}

// plainAuthenticator returns a credential with nothing but its key.
func plainAuthenticator(userID, credentialID string) adapter.Authenticator {
	return adapter.Authenticator{CredentialID: credentialID, UserID: userID, CredentialPublicKey: "key"}
}

// user creates a user with an e-mail address and nothing else.
func (t *T) user(name string) adapter.User {
	t.Helper()
	u, err := t.store.CreateUser(t.ctx, adapter.User{Email: email(name)})
	t.ok("CreateUser", err)
	return u
}

// account links an account with nothing but its key to a user.
func (t *T) account(userID, provider, id string) adapter.Account {
	t.Helper()
	a, err := t.store.LinkAccount(t.ctx, plainAccount(userID, provider, id))
	t.ok("LinkAccount", err)
	return a
}

func plainAccount(userID, provider, id string) adapter.Account {
	return adapter.Account{UserID: userID, Type: adapter.AccountOAuth, Provider: provider, ProviderAccountID: id}
}

// session creates a session that lives for an hour.
func (t *T) session(userID string) adapter.Session {
	t.Helper()
	s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: userID, Expires: t.Clock.Now().Add(time.Hour)})
	t.ok("CreateSession", err)
	return s
}

// link creates a verification token that lives for an hour.
func (t *T) link(identifier, token string) adapter.VerificationToken {
	t.Helper()
	v, err := t.store.CreateVerificationToken(t.ctx, adapter.VerificationToken{
		Identifier: identifier, Token: token, Expires: t.Clock.Now().Add(time.Hour),
	})
	t.ok("CreateVerificationToken", err)
	return v
}

// authenticator creates a credential in which every field is set.
func (t *T) authenticator(userID, credentialID string) adapter.Authenticator {
	t.Helper()
	a, err := t.store.CreateAuthenticator(t.ctx, fullAuthenticator(userID, credentialID))
	t.ok("CreateAuthenticator", err)
	return a
}

// signedIn fails the test unless a token opens the session of a user.
func (t *T) signedIn(a adapter.Adapter, token, userID string) {
	t.Helper()
	s, u, err := a.GetSessionAndUser(t.ctx, token)
	if err != nil || s.UserID != userID || u.ID != userID || s.SessionToken != token {
		t.Errorf("GetSessionAndUser\n  got:  session of %q, user %q, error %v\n  want: the session and user %q", s.UserID, u.ID, err, userID)
	}
}

// signedOut fails the test unless a token opens nothing.
func (t *T) signedOut(a adapter.Adapter, token string) {
	t.Helper()
	_, _, err := a.GetSessionAndUser(t.ctx, token)
	t.absent("GetSessionAndUser", err)
}

// usable reports whether a verification token can be used, and uses it.
func (t *T) usable(ctx context.Context, a adapter.Adapter, identifier, token string) bool {
	_, err := a.UseVerificationToken(ctx, identifier, token)
	if err != nil {
		t.is("UseVerificationToken", err, adapter.ErrNotFound)
	}
	return err == nil
}

// inOrder yields what a map has in the order of its keys, so that each run makes the same
// calls.
func inOrder[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// numbered returns a name with a number.
func numbered(name string, i int) string { return fmt.Sprintf("%s-%d", name, i) }

// race calls f for 0 to n-1 at once, and returns their errors.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start, done := make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			<-start
			for range rand.N(n) { // else the last one would nearly always be the first
				runtime.Gosched()
			}
			errs[i] = f(i)
			done <- struct{}{}
		}()
	}
	close(start)
	for range n {
		<-done
	}
	return errs
}
