package fauna_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna"
)

// root returns the server without the test's own database, for what a test makes beside
// it. There is none for recordings.
func (b *bed) root() *bed { return &bed{url: b.url, secret: "secret", transport: b.transport} }

// key returns the secret of a new key of a database, "" for recordings.
func (b *bed) key(t *testing.T, role, database string) string {
	if !b.live() {
		return ""
	}
	secret, _ := b.root().run(t, `Key.create({ role: ${role}, database: ${database} }).secret`, map[string]any{"role": role, "database": database}).(string)
	return secret
}

// database makes a database, and returns its name and what deletes it.
func (b *bed) database(t *testing.T) (name string, drop func()) {
	if !b.live() {
		return "", func() {}
	}
	name = databaseName()
	b.root().run(t, `Database.create({ name: ${name} }).name`, map[string]any{"name": name})
	drop = func() { b.root().run(t, `Database.byName(${name})?.delete()`, map[string]any{"name": name}) }
	t.Cleanup(drop)
	return name, drop
}

// TestRefusals has what an operator can have got wrong at the server.
func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		secret func(t *testing.T, b *bed) string
		words  string
	}{
		"wrong-secret": {func(*testing.T, *bed) string { return "fnAFAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }, "refuses the secret"},
		"no-secret":    {func(*testing.T, *bed) string { return "hunter2" }, "refuses the secret"},
		"read-only": {func(t *testing.T, b *bed) string {
			database, _ := b.database(t)
			b.applied(t, database)
			return b.key(t, "server-readonly", database)
		}, "role may not"},
		"client-role": {func(t *testing.T, b *bed) string {
			database, _ := b.database(t)
			b.applied(t, database)
			return b.key(t, "client", database)
		}, "role may not"},
		"no-schema": {func(t *testing.T, b *bed) string {
			database, _ := b.database(t)
			return b.key(t, "server", database)
		}, "check the schema, and apply it"},
		"dropped-database": {func(t *testing.T, b *bed) string {
			database, drop := b.database(t)
			secret := b.key(t, "server", database)
			drop()
			return secret
		}, "refuses the secret"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			wire, done, err := b.wire("refused-" + name)
			check(t, err)
			t.Cleanup(func() { check(t, done()) })
			secret := test.secret(t, b)
			a := fauna.New(newClient(b.address(), secret, wire), fauna.Options{Options: b.options()})
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

// address is where the server is, or what stands for it.
func (b *bed) address() string {
	if !b.live() {
		return "http://fauna.test"
	}
	return b.url
}

// applied makes the collections in a database.
func (b *bed) applied(t *testing.T, database string) {
	if b.live() {
		applySchema(t, fauna.New(newClient(b.url, b.key(t, "server", database), b.transport), fauna.Options{}))
	}
}

// A unique field, or a type, of the application's own is named where a record does not
// meet it.
func TestConstraintsOfTheApplication(t *testing.T) {
	s := newStage(t, "constraints", fauna.Options{Collections: names})
	ctx := t.Context()
	s.fql(`
		Collection.create({ name: "People", constraints: [{ unique: [".phone"] }, { check: { name: "adult", body: "(u) => u.age == null || u.age >= 18" } }] })
		null`, nil)
	check(t, schemaOf(t, s).ApplySchema(ctx))
	u, err := s.CreateUser(ctx, adapter.User{Attributes: adapter.Attributes{"phone": "555", "age": 20}})
	check(t, err)
	other, err := s.CreateUser(ctx, adapter.User{})
	check(t, err)
	setup := func(op string, err error, words string) {
		t.Helper()
		if !errors.Is(err, adapter.ErrSetup) || errors.Is(err, adapter.ErrConflict) || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "555") {
			t.Errorf("%s: got %v, want ErrSetup that names %s", op, err, words)
		}
	}
	_, err = s.CreateUser(ctx, adapter.User{Attributes: adapter.Attributes{"phone": "555"}})
	setup("CreateUser", err, "phone")
	_, err = s.UpdateUser(ctx, other.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"phone": "555"}})
	setup("UpdateUser", err, "phone")
	_, err = s.UpdateUser(ctx, other.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"age": 7}})
	setup("UpdateUser", err, "adult")
	_, _, err = s.CreateUserWithAccount(ctx, adapter.User{Attributes: adapter.Attributes{"phone": "555"}}, typicalAccount("1"))
	setup("CreateUserWithAccount", err, "phone")
	_, err = s.GetAccount(ctx, typicalAccount("1").Key())
	absent(t, "GetAccount after a sign-up that was refused", err)
	check(t, s.DeleteUser(ctx, u.ID))
	_, err = s.UpdateUser(ctx, other.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"phone": "555"}})
	check(t, err)
}
