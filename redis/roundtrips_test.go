package redis_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// TestRoundTrips measures every row of the package comment's table, on one server and
// on a Cluster, through the client's hook.
func TestRoundTrips(t *testing.T) {
	table := documented(t)
	got := map[string][2]int64{}
	for i, top := range []topology{single, cluster} {
		for name, n := range top.roundTrips(t) {
			row := got[name]
			row[i] = n
			got[name] = row
		}
	}
	for name, row := range got {
		if table[name] != row {
			t.Errorf("%s: measured %d and %d round trips, doc.go says %d and %d", name, row[0], row[1], table[name][0], table[name][1])
		}
		delete(table, name)
	}
	for name := range table {
		t.Errorf("%s: doc.go has it, and nothing measures it", name)
	}
}

// documented returns the table of the package comment.
func documented(t *testing.T) map[string][2]int64 {
	source, err := os.ReadFile("doc.go")
	check(t, err)
	_, text, _ := strings.Cut(string(source), "# Round trips")
	text, _, _ = strings.Cut(text, "\n// # ")
	table := map[string][2]int64{}
	for _, row := range regexp.MustCompile(`(?m)^//\t(\w+(?: \([\w -]+\))?) +(\d) +(\d)$`).FindAllStringSubmatch(text, -1) {
		one, _ := strconv.ParseInt(row[2], 10, 64)
		many, _ := strconv.ParseInt(row[3], 10, 64)
		table[row[1]] = [2]int64{one, many}
	}
	if len(table) == 0 {
		t.Fatal("doc.go has no table of round trips")
	}
	return table
}

// roundTrips returns the least number of round trips of each operation over a few
// calls: the first call on a server may have to send it the script.
func (top topology) roundTrips(t *testing.T) map[string]int64 {
	namespace, err := top.harness(t).Namespace(t.Context())
	check(t, err)
	t.Cleanup(func() { check(t, namespace.Close()) })
	store, err := namespace.Open(adapter.Options{})
	check(t, err)
	least := map[string]int64{}
	for i := range 8 {
		for _, op := range operations(t, store, fmt.Sprint("n", i)) {
			before := namespace.RoundTrips()
			check(t, op.call(t.Context()))
			n := namespace.RoundTrips() - before
			if old, seen := least[op.name]; !seen || n < old {
				least[op.name] = n
			}
		}
	}
	return least
}

type operation struct {
	name string
	call func(context.Context) error
}

// operations returns one call of every operation, in an order in which each finds its
// records.
func operations(t *testing.T, a adapter.Adapter, name string) []operation {
	hour := time.Now().Add(time.Hour)
	email := name + "@example.com"
	u, err := a.CreateUser(t.Context(), adapter.User{Email: "owner-" + email})
	check(t, err)
	account := adapter.Account{UserID: u.ID, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: name}
	signUp := adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "up-" + name}
	passkey := adapter.Authenticator{CredentialID: name, UserID: u.ID, CredentialPublicKey: "key"}
	generated, err := a.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: hour})
	check(t, err)
	byID, err := a.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: hour})
	check(t, err)
	elsewhere := "elsewhere-" + name
	link := adapter.VerificationToken{Identifier: email, Token: name, Expires: hour}
	return []operation{
		{"CreateUser", func(ctx context.Context) error { _, err := a.CreateUser(ctx, adapter.User{Email: email}); return err }},
		{"CreateUserWithAccount", func(ctx context.Context) error {
			_, _, err := a.CreateUserWithAccount(ctx, adapter.User{Email: "up-" + email}, signUp)
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
		{"DeleteAuthenticator", func(ctx context.Context) error { return a.DeleteAuthenticator(ctx, name) }},
		{"DeleteUser", func(ctx context.Context) error { return a.DeleteUser(ctx, u.ID) }},
	}
}
