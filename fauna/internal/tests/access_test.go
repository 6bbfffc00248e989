package fauna_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna"
)

// root returns the server outside the test's own database. It is useless with recordings.
func (b *testbed) root() *testbed {
	return &testbed{url: b.url, secret: "secret", transport: b.transport}
}

// key returns the secret of a new key of a database, "" for recordings.
func (b *testbed) key(t *testing.T, role, database string) string {
	if !b.live() {
		return ""
	}
	secret, _ := b.root().run(t, `Key.create({ role: ${role}, database: ${database} }).secret`, map[string]any{"role": role, "database": database}).(string)
	return secret
}

// database creates a database, and returns its name and a function that deletes it.
func (b *testbed) database(t *testing.T) (name string, drop func()) {
	if !b.live() {
		return "", func() {}
	}
	name = databaseName()
	b.root().run(t, `Database.create({ name: ${name} }).name`, map[string]any{"name": name})
	drop = func() { b.root().run(t, `Database.byName(${name})?.delete()`, map[string]any{"name": name}) }
	t.Cleanup(drop)
	return name, drop
}

// TestRefusals has the mistakes that an operator can make at the server.
func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		secret func(t *testing.T, b *testbed) string
		words  string
	}{
		"wrong-secret": {func(*testing.T, *testbed) string { return "fnAFAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }, "refuses the secret"},
		"no-secret":    {func(*testing.T, *testbed) string { return "hunter2" }, "refuses the secret"},
		"read-only": {func(t *testing.T, b *testbed) string {
			database, _ := b.database(t)
			b.createSchema(t, database)
			return b.key(t, "server-readonly", database)
		}, "role may not"},
		"client-role": {func(t *testing.T, b *testbed) string {
			database, _ := b.database(t)
			b.createSchema(t, database)
			return b.key(t, "client", database)
		}, "role may not"},
		"no-schema": {func(t *testing.T, b *testbed) string {
			database, _ := b.database(t)
			return b.key(t, "server", database)
		}, "run CheckSchema and ApplySchema"},
		"dropped-database": {func(t *testing.T, b *testbed) string {
			database, drop := b.database(t)
			secret := b.key(t, "server", database)
			drop()
			return secret
		}, "refuses the secret"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestbed(t)
			wire, done, err := b.recording("refused-" + name)
			check(t, err)
			t.Cleanup(func() { check(t, done()) })
			secret := test.secret(t, b)
			a := open(t, newClient(b.address(), secret, wire), fauna.Options{Options: b.options()})
			_, err = a.CreateUser(t.Context(), adapter.User{})
			if !errors.Is(err, adapter.ErrSetup) || errors.Is(err, adapter.ErrUnavailable) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("CreateUser: got %v, want ErrSetup: %s", err, test.words)
			} else if secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("%v has the secret in it", err)
			}
			pinger, _ := adapter.As[adapter.Pinger](a)
			if err := pinger.Ping(t.Context()); strings.Contains(test.words, "secret") && !errors.Is(err, adapter.ErrSetup) {
				t.Errorf("Ping: got %v, want ErrSetup", err)
			}
		})
	}
}

// address returns the URL of the server, or one that stands for it.
func (b *testbed) address() string {
	if !b.live() {
		return "http://fauna.test"
	}
	return b.url
}

// createSchema creates the collections in a database.
func (b *testbed) createSchema(t *testing.T, database string) {
	if b.live() {
		applySchema(t, open(t, newClient(b.url, b.key(t, "server", database), b.transport), fauna.Options{}))
	}
}
