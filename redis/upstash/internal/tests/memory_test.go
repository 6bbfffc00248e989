package upstash_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Deletions work on a server whose memory is full. What needs memory is ErrSetup, and has
// written nothing.
func TestFullMemory(t *testing.T) {
	store, client, prefix := newStore(t)
	all := whole("a").with(whole("b")).with(broken("b")).with(keys{
		"authenticator:c": jsPasskey("c", "a"), "authenticator:d": jsPasskey("d", "a"), "authenticator:by-user-id:a": `["c","d"]`, "user:session:s2": jsSession("s2", "a"),
	})
	all.put(t, client, prefix)
	hash := adapter.HashVerificationToken("t", "")
	_, err := store.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: hash, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	// Loads the scripts, which need memory too.
	check(t, store.DeleteUser(t.Context(), "nobody"))
	check(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err())
	t.Cleanup(func() { check(t, client.ConfigSet(context.Background(), "maxmemory", "0").Err()) })

	name := "Grace"
	_, errU := store.UpdateUser(t.Context(), "a", adapter.UserUpdate{Name: &name})
	_, errC := store.CreateUser(t.Context(), adapter.User{ID: "new"})
	_, errS := store.CreateSession(t.Context(), adapter.Session{UserID: "a", Expires: time.Now().Add(time.Hour)})
	for _, err := range []error{errU, errC, errS} {
		if !errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "memory") {
			t.Errorf("got %v, want ErrSetup that says what is full", err)
		}
	}
	all.with(keys{"user:new": ""}).are(t, client, prefix)

	_, err = store.UseVerificationToken(t.Context(), "ada", hash)
	check(t, err)
	check(t, store.DeleteAuthenticator(t.Context(), "c"))
	keys{"authenticator:c": "", "authenticator:by-user-id:a": `["d"]`}.are(t, client, prefix)
	check(t, store.UnlinkAccount(t.Context(), adapter.AccountKey{Provider: "p", ProviderAccountID: "a"}))
	check(t, store.DeleteSession(t.Context(), "s2"))
	check(t, store.DeleteSessions(t.Context(), "a"))
	check(t, store.DeleteVerificationTokens(t.Context(), "ada"))
	check(t, store.DeleteUser(t.Context(), "a"))
	gone := keys{"user:session:s2": "", "authenticator:d": "", "authenticator:by-user-id:a": "", "authstore:deletion:a": ""}
	for key := range whole("a") {
		gone[key] = ""
	}
	gone.are(t, client, prefix)
	check(t, client.ConfigSet(t.Context(), "maxmemory", "0").Err())
}
