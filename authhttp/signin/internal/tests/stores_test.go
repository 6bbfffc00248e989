package tests

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	_ "github.com/authstore/authstore/dynamodb/open"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/memory"
	_ "github.com/authstore/authstore/mongo"
	_ "github.com/authstore/authstore/redis"
	_ "github.com/authstore/authstore/redis/upstash"
)

func TestMain(m *testing.M) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_EC2_METADATA_DISABLED": "true"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	engine.Main(m)
}

// stores are those that the rules are tried on, with the URL of a part that nobody else uses.
// Fauna is not among them: its server cannot be had everywhere, and races are in no recording.
var stores = []struct {
	name string
	url  func(t *testing.T, part string) string
}{
	{"memory", func(*testing.T, string) string { return "memory:" }},
	{"redis", func(t *testing.T, part string) string { return engine.Redis(t).URL + "?prefix=" + part }},
	{"redis cluster", func(t *testing.T, part string) string { return engine.RedisCluster(t).URL + "?prefix=" + part }},
	{"upstash", func(t *testing.T, part string) string {
		return strings.Replace(engine.Redis(t).URL, "redis://", "redis+upstash://", 1) + "?prefix=" + part
	}},
	{"mongo", func(t *testing.T, part string) string { return database(t, engine.Mongo(t).URL, part) }},
	{"mongo standalone", func(t *testing.T, part string) string { return database(t, engine.MongoStandalone(t).URL, part) }},
	{"dynamodb", func(t *testing.T, part string) string {
		return "dynamodb://" + part + "?region=local&endpoint=" + url.QueryEscape(engine.DynamoDB(t).URL)
	}},
}

func database(t *testing.T, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	check(t, err)
	u.Path = "/" + name
	return u.String()
}

var parts atomic.Int64

// onEveryStore runs a test on each store, on an empty part of it.
func onEveryStore(t *testing.T, test func(t *testing.T, store adapter.Adapter)) {
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			part := fmt.Sprintf("signin-%d-%d", os.Getpid(), parts.Add(1))
			store, err := adapter.Open(t.Context(), s.url(t, part))
			check(t, err)
			t.Cleanup(func() { check(t, store.Close()) })
			if schema, ok := adapter.As[adapter.Schema](store); ok {
				check(t, schema.ApplySchema(t.Context()))
			}
			test(t, store)
		})
	}
}

func inMemory(t *testing.T) adapter.Adapter {
	store := memory.New(memory.Options{})
	t.Cleanup(func() { check(t, store.Close()) })
	return store
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// users returns all users of a store.
func users(t *testing.T, store adapter.Adapter) []adapter.User {
	t.Helper()
	enumerator, ok := adapter.As[adapter.Enumerator](store)
	if !ok {
		t.Fatal("the store has no Enumerator")
	}
	var all []adapter.User
	for cursor := ""; ; {
		page, err := enumerator.EnumerateUsers(t.Context(), cursor, 100)
		check(t, err)
		all = append(all, page.Users...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

var noon = time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)

// account returns an account at a provider.
func account(id string) adapter.Account {
	return adapter.Account{Type: adapter.AccountOIDC, Provider: "example", ProviderAccountID: id}
}

// verified and unverified are what providers tell of a person.
func verified(email string) adapter.User {
	return adapter.User{Name: "Ada", Email: email, EmailVerified: noon}
}

func unverified(email string) adapter.User { return adapter.User{Name: "Ada", Email: email} }

// passkey returns a credential.
func passkey(id string) adapter.Authenticator {
	return adapter.Authenticator{CredentialID: id, CredentialPublicKey: "key", CredentialDeviceType: "singleDevice"}
}
