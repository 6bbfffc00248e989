package upstash_test

import (
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// An index entry that leads to one of two users with an address stays when the other one gives
// the address up. An entry that leads to a user without the address does not take it.
func TestTheIndexOfAnotherStays(t *testing.T) {
	store, client, prefix := newStore(t)
	two := keys{"user:a": jsUser("a", mail), "user:b": jsUser("b", mail), "user:email:" + mail: "b"}
	for name, leave := range map[string]func() error{
		"UpdateUser": func() error {
			_, err := store.UpdateUser(t.Context(), "a", adapter.UserUpdate{Email: new("new@example.com")})
			return err
		},
		"DeleteUser": func() error { return store.DeleteUser(t.Context(), "a") },
	} {
		t.Run(name, func(t *testing.T) {
			two.put(t, client, prefix)
			check(t, leave())
			keys{"user:email:" + mail: "b"}.are(t, client, prefix)
		})
	}
	two.with(keys{"user:email:old@example.com": "a"}).put(t, client, prefix)
	u, err := store.CreateUser(t.Context(), adapter.User{Email: "old@example.com"})
	check(t, err)
	keys{"user:email:old@example.com": u.ID}.are(t, client, prefix)
}

// A record of a user who is gone does not take its key.
func TestKeysOfOrphansAreFree(t *testing.T) {
	store, client, prefix := newStore(t)
	keys{
		"user:b": jsUser("b", ""), "user:account:p:1": jsAccount("1", "dead"), "user:session:s": jsSession("s", "dead"), "authenticator:c": jsPasskey("c", "dead"),
	}.put(t, client, prefix)
	_, err := store.LinkAccount(t.Context(), adapter.Account{UserID: "b", Type: adapter.AccountOAuth, Provider: "p", ProviderAccountID: "1"})
	check(t, err)
	_, err = store.CreateSession(t.Context(), adapter.Session{UserID: "b", SessionToken: "s", Expires: time.Now().Add(time.Hour)})
	check(t, err)
	_, err = store.CreateAuthenticator(t.Context(), adapter.Authenticator{UserID: "b", CredentialID: "c", CredentialPublicKey: "k"})
	check(t, err)
}
