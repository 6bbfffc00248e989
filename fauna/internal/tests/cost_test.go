package fauna_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/fauna"
	"github.com/authstore/authstore/internal/silent"
)

// cost is the number of queries of an operation, and of the operations that the server bills.
type cost struct{ Queries, Compute, Read, Write int }

// meter is a transport that counts.
type meter struct {
	next http.RoundTripper
	mu   sync.Mutex
	cost
}

func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := silent.Whole(m.next.RoundTrip(req))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var a answer
	if err := json.Unmarshal(body, &a); err != nil || a.Stats == nil && a.Error == nil {
		return nil, fmt.Errorf("an answer without the cost: %s, %v", body, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Queries++
	if a.Stats == nil {
		return resp, nil
	}
	m.Compute += a.Stats.ComputeOps
	m.Read += a.Stats.ReadOps
	m.Write += a.Stats.WriteOps
	return resp, nil
}

// take returns the cost since the last call, and begins again.
func (m *meter) take() cost {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() { m.cost = cost{} }()
	return m.cost
}

// TestCost measures every row of the table in docs/fauna.md, by the transport.
func TestCost(t *testing.T) {
	b := newTestbed(t)
	wire, done, err := b.recording("cost")
	check(t, err)
	m := &meter{next: wire}
	a := open(t, b.client(m), fauna.Options{Options: b.options()})
	table := documented(t)
	seen := map[string]bool{}
	for _, op := range operations(t, a) {
		m.take()
		check(t, op.call(t.Context()))
		got := m.take()
		if got != table[op.name] {
			t.Errorf("| %s | %d | %d | %d | %d |   measured, %s says %v", op.name, got.Queries, got.Compute, got.Read, got.Write, page, table[op.name])
		}
		seen[op.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if !seen[name] {
			t.Errorf("%s: %s has it, and nothing measures it", name, page)
		}
	}
	check(t, done())
}

// page is where the table of costs is.
const page = "docs/fauna.md"

// costRow is a row of the table: an operation, and what it costs.
var costRow = regexp.MustCompile(`(?m)^\| (\w+(?: \([\w -]+\))?) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$`)

// documented returns the table of costs.
func documented(t *testing.T) map[string]cost {
	source, err := os.ReadFile(filepath.Join("../../..", page))
	check(t, err)
	table := map[string]cost{}
	for _, row := range costRow.FindAllStringSubmatch(string(source), -1) {
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(row[i+2])
		}
		table[row[1]] = cost{n[0], n[1], n[2], n[3]}
	}
	return table
}

type operation struct {
	name string
	call func(context.Context) error
}

// operations returns one call of every operation, in an order in which each finds its
// records.
func operations(t *testing.T, a adapter.Adapter) []operation {
	hour := conformance.Start.Add(time.Hour)
	ctx := t.Context()
	u, err := a.CreateUser(ctx, adapter.User{Email: "owner@example.com"})
	check(t, err)
	account := adapter.Account{UserID: u.ID, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"}
	signUp := adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "2"}
	passkey := adapter.Authenticator{CredentialID: "c", UserID: u.ID, CredentialPublicKey: "key"}
	var sessions []adapter.Session
	for range 3 {
		s, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: hour})
		check(t, err)
		sessions = append(sessions, s)
	}
	link := adapter.VerificationToken{Identifier: "ada@example.com", Token: "t", Expires: hour}
	other := adapter.VerificationToken{Identifier: "ada@example.com", Token: "u", Expires: hour}
	_, err = a.CreateVerificationToken(ctx, other)
	check(t, err)
	return []operation{
		{"CreateUser", func(ctx context.Context) error {
			_, err := a.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
			return err
		}},
		{"CreateUserWithAccount", func(ctx context.Context) error {
			_, _, err := a.CreateUserWithAccount(ctx, adapter.User{Email: "grace@example.com"}, signUp)
			return err
		}},
		{"CreateUserWithAuthenticator", func(ctx context.Context) error {
			_, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{Email: "alan@example.com"}, adapter.Authenticator{CredentialID: "d", CredentialPublicKey: "key"})
			return err
		}},
		{"GetUser", func(ctx context.Context) error { _, err := a.GetUser(ctx, u.ID); return err }},
		{"GetUserByEmail", func(ctx context.Context) error { _, err := a.GetUserByEmail(ctx, u.Email); return err }},
		{"GetUserByAccount", func(ctx context.Context) error { _, err := a.GetUserByAccount(ctx, signUp.Key()); return err }},
		{"UpdateUser", func(ctx context.Context) error {
			_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Name: new("Ada")})
			return err
		}},
		{"UpdateUser (e-mail)", func(ctx context.Context) error {
			_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Email: new("new@example.com")})
			return err
		}},
		{"LinkAccount", func(ctx context.Context) error { _, err := a.LinkAccount(ctx, account); return err }},
		{"GetAccount", func(ctx context.Context) error { _, err := a.GetAccount(ctx, account.Key()); return err }},
		{"ListAccounts", func(ctx context.Context) error { _, err := a.ListAccounts(ctx, u.ID); return err }},
		{"UpdateAccount", func(ctx context.Context) error {
			_, err := a.UpdateAccount(ctx, account.Key(), adapter.AccountUpdate{Scope: new("openid")})
			return err
		}},
		{"UnlinkAccount", func(ctx context.Context) error { return a.UnlinkAccount(ctx, account.Key()) }},
		{"CreateSession", func(ctx context.Context) error {
			_, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: hour})
			return err
		}},
		{"GetSessionAndUser", func(ctx context.Context) error {
			_, _, err := a.GetSessionAndUser(ctx, sessions[0].SessionToken)
			return err
		}},
		{"UpdateSession", func(ctx context.Context) error {
			_, err := a.UpdateSession(ctx, sessions[0].SessionToken, adapter.SessionUpdate{Expires: &hour})
			return err
		}},
		{"ListSessions", func(ctx context.Context) error { _, err := a.ListSessions(ctx, u.ID); return err }},
		{"DeleteSession", func(ctx context.Context) error { return a.DeleteSession(ctx, sessions[0].SessionToken) }},
		{"DeleteSessionByID", func(ctx context.Context) error { return a.DeleteSessionByID(ctx, u.ID, sessions[1].ID) }},
		{"DeleteSessions", func(ctx context.Context) error { return a.DeleteSessions(ctx, u.ID) }},
		{"CreateVerificationToken", func(ctx context.Context) error { _, err := a.CreateVerificationToken(ctx, link); return err }},
		{"UseVerificationToken", func(ctx context.Context) error {
			_, err := a.UseVerificationToken(ctx, link.Identifier, link.Token)
			return err
		}},
		{"DeleteVerificationTokens", func(ctx context.Context) error { return a.DeleteVerificationTokens(ctx, link.Identifier) }},
		{"CreateAuthenticator", func(ctx context.Context) error { _, err := a.CreateAuthenticator(ctx, passkey); return err }},
		{"GetAuthenticator", func(ctx context.Context) error { _, err := a.GetAuthenticator(ctx, "c"); return err }},
		{"ListAuthenticators", func(ctx context.Context) error { _, err := a.ListAuthenticators(ctx, u.ID); return err }},
		{"UpdateAuthenticatorCounter", func(ctx context.Context) error {
			_, err := a.UpdateAuthenticatorCounter(ctx, "c", 1)
			return err
		}},
		{"UpdateAuthenticator", func(ctx context.Context) error {
			_, err := a.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{CredentialBackedUp: new(true)})
			return err
		}},
		{"DeleteAuthenticator", func(ctx context.Context) error { return a.DeleteAuthenticator(ctx, "c") }},
		{"EnumerateUsers (3 users)", func(ctx context.Context) error {
			_, err := users(t, a).EnumerateUsers(ctx, "", 3)
			return err
		}},
		{"DeleteUser", func(ctx context.Context) error { return a.DeleteUser(ctx, u.ID) }},
	}
}
