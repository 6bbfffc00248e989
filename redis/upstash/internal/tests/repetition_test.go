package upstash_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/internal/redistest"
)

// tape records the scripts that are sent, to send them once more.
type tape struct{ commands [][]any }

func (*tape) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (*tape) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (r *tape) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if cmd.Name() == "evalsha" {
			r.commands = append(r.commands, slices.Clone(cmd.Args()))
		}
		return next(ctx, cmd)
	}
}

// A first attempt that arrives after the second one was answered, and after other writes,
// changes nothing.
func TestALateFirstAttemptDoesNothing(t *testing.T) {
	store, client, prefix := newStore(t)
	other := newClient(t)
	t.Cleanup(func() { check(t, other.Close()) })
	soon := time.Now().Add(time.Hour)
	link := adapter.VerificationToken{Identifier: "ada", Token: adapter.HashVerificationToken("t", ""), Expires: soon}
	account := adapter.Account{UserID: "a", Type: "oauth", Provider: "p", ProviderAccountID: "1"}
	session := adapter.Session{UserID: "a", SessionToken: "s", Expires: soon}
	passkey := adapter.Authenticator{UserID: "a", CredentialID: "c", ProviderAccountID: "c", CredentialPublicKey: "k"}
	user := func(id string) error {
		_, err := store.CreateUser(t.Context(), adapter.User{ID: id, Email: id + "@example.com"})
		return err
	}
	second := func(_ any, err error) error { return err }
	rename := func(name string) func() error {
		return func() error { return second(store.UpdateUser(t.Context(), "a", adapter.UserUpdate{Name: &name})) }
	}
	create := map[string]func() error{
		"user":    func() error { return user("u") },
		"link":    func() error { return second(store.CreateVerificationToken(t.Context(), link)) },
		"account": func() error { return second(store.LinkAccount(t.Context(), account)) },
		"session": func() error { return second(store.CreateSession(t.Context(), session)) },
		"passkey": func() error { return second(store.CreateAuthenticator(t.Context(), passkey)) },
		"name":    rename("Ada"),
	}
	remove := map[string]func() error{
		"user":    func() error { return store.DeleteUser(t.Context(), "u") },
		"link":    func() error { return second(store.UseVerificationToken(t.Context(), "ada", link.Token)) },
		"account": func() error { return store.UnlinkAccount(t.Context(), account.Key()) },
		"session": func() error { return store.DeleteSession(t.Context(), "s") },
		"passkey": func() error { return store.DeleteAuthenticator(t.Context(), "c") },
		"name":    rename("Grace"),
	}
	check(t, user("a"))
	late := &tape{}
	client.AddHook(late)
	for name := range create {
		for order, calls := range map[string][2]func() error{"created late": {create[name], remove[name]}, "removed late": {remove[name], create[name]}} {
			if order == "removed late" {
				check(t, create[name]())
			}
			late.commands = nil
			check(t, calls[0]())
			commands := late.commands
			check(t, calls[1]())
			before := dump(t, other, prefix)
			for _, args := range commands {
				if name == "link" && order == "removed late" {
					continue // UseVerificationToken is not repeated
				}
				_ = other.Do(t.Context(), args...).Err()
			}
			if diff := gocmp.Diff(before, dump(t, other, prefix)); diff != "" {
				t.Errorf("%s, %s (-before +after)\n%s", name, order, diff)
			}
			_ = remove[name]()
		}
	}
}

// dump returns what is stored, without the replies of writes.
func dump(t *testing.T, client *goredis.Client, prefix string) []string {
	t.Helper()
	all, err := redistest.Dump(t.Context(), client, prefix)
	check(t, err)
	all = slices.DeleteFunc(all, func(record string) bool { return strings.HasPrefix(record, prefix+"authstore:reply:") })
	slices.Sort(all)
	return all
}

// The replies of writes are kept for a minute.
func TestRepliesExpire(t *testing.T) {
	store, client, prefix := newStore(t)
	for _, op := range measure.Operations(t, store, "n") {
		check(t, op.Call(t.Context()))
	}
	replies := client.Keys(t.Context(), prefix+"authstore:reply:*").Val()
	for _, key := range replies {
		if left := client.PTTL(t.Context(), key).Val(); left <= 0 || left > time.Minute {
			t.Errorf("a reply expires in %v, want within a minute", left)
		}
	}
	if len(replies) < 15 {
		t.Errorf("got %d replies, want one for each write", len(replies))
	}
}
