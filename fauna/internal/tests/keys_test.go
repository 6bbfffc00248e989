package fauna_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/fauna"
)

// reservedNames are the names of fields and methods that the server reserves at the top of a
// document, which an attribute may have.
var reservedNames = []string{"coll", "ts", "ttl", "data", "delete", "update", "replace", "updateData", "replaceData", "exists"}

// everyName returns attributes with names that have a meaning to the server or its driver.
func everyName(prefix string) adapter.Attributes {
	a := adapter.Attributes{}
	for _, name := range append([]string{"@ref", "@set", "@int", "@object", "@", "a.b", "$", "toString", "isEmpty", "cause"}, reservedNames...) {
		a[name] = prefix + name
	}
	nested := map[string]any(a.Clone())
	nested["@int"], nested["exists"] = map[string]any{"@ref": nil, "@bytes": int64(1)}, []any{map[string]any{"@time": 1.5}}
	a["nested"] = nested
	a["null"], a["exists"] = nil, nil
	return a
}

// Names that the server reserves are stored as others at the top of a document, and attributes of
// all names can be set, changed and removed.
func TestNamesOfTheServersOwn(t *testing.T) {
	s := newFixture(t, "server-names", fauna.Options{})
	ctx := t.Context()
	u, account, err := s.CreateUserWithAccount(ctx, adapter.User{Attributes: everyName("")}, adapter.Account{
		Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1", Attributes: everyName("")})
	check(t, err)
	session, err := s.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: conformance.Start.Add(time.Hour), Attributes: everyName("")})
	check(t, err)
	key := passkey(u.ID, "c")
	key.Attributes = everyName("")
	_, err = s.CreateAuthenticator(ctx, key)
	check(t, err)

	read := func() map[string]adapter.Attributes {
		account, err := s.GetAccount(ctx, account.Key())
		check(t, err)
		session, u, err := s.GetSessionAndUser(ctx, session.SessionToken)
		check(t, err)
		key, err := s.UpdateAuthenticatorCounter(ctx, "c", 0) // of a counter that does not grow
		takenField(t, "UpdateAuthenticatorCounter", err, adapter.FieldCounter)
		key, err = s.GetAuthenticator(ctx, "c")
		check(t, err)
		return map[string]adapter.Attributes{"user": u.Attributes, "account": account.Attributes, "session": session.Attributes, "passkey": key.Attributes}
	}
	all := func(a adapter.Attributes) map[string]adapter.Attributes {
		return map[string]adapter.Attributes{"user": a, "account": a, "session": a, "passkey": a}
	}
	same(t, "the attributes", read(), all(everyName("")))
	stored := s.fql(`["User", "Account", "Session", "Authenticator"].map(name => Object.keys(Collection(name).all().first()!.data))`, nil).([]any)
	for _, name := range reservedNames {
		for _, names := range stored {
			if slices.Contains(names.([]any), any(name)) || name != "exists" && !slices.Contains(names.([]any), any("authstore"+name)) {
				t.Errorf("the stored names are %v, want authstore%s and no %s", names, name, name)
			}
		}
	}
	update := func(set adapter.Attributes, remove []string) {
		_, err := s.UpdateUser(ctx, u.ID, adapter.UserUpdate{Attributes: set, RemoveAttributes: remove})
		check(t, err)
		_, err = s.UpdateAccount(ctx, account.Key(), adapter.AccountUpdate{Attributes: set, RemoveAttributes: remove})
		check(t, err)
		_, err = s.UpdateSession(ctx, session.SessionToken, adapter.SessionUpdate{Attributes: set, RemoveAttributes: remove})
		check(t, err)
		_, err = s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Attributes: set, RemoveAttributes: remove})
		check(t, err)
	}
	update(everyName("new "), nil)
	same(t, "the attributes after an update", read(), all(everyName("new ")))
	update(nil, slices.Collect(maps.Keys(everyName(""))))
	same(t, "the attributes after all were removed", read(), all(nil))
}

// Fields of another program with names that the server reserves are not attributes, disturb no
// call, and stay.
func TestForeignNamesOfTheServersOwn(t *testing.T) {
	s := newPlainFixture(t, "foreign-server-names")
	ctx := t.Context()
	s.fql(`
		Collection("User").create({ id: ${id} })
		Collection("Account").create({ userId: ${id}, type: "oauth", provider: "github", providerAccountId: "1" })
		Collection("Session").create({ userId: ${id}, sessionToken: "token", expires: Time("2101-01-01T00:00:00Z") })
		Collection("Authenticator").create({ userId: ${id}, credentialID: "c", credentialPublicKey: "key", counter: 1 })
		null`, map[string]any{"id": ada})
	theirs := func(names []string) {
		s.fql(`
			["User", "Account", "Session", "Authenticator"].forEach(name => {
				let d: Any = Collection(name).all().first()
				d.replaceData(Object.assign(d.data, Object.fromEntries(${names}.map(name => [name, "theirs"]))))
			})
			null`, map[string]any{"names": names})
	}
	for _, name := range reservedNames {
		theirs([]string{name})
		_, err := s.UpdateSession(ctx, "token", adapter.SessionUpdate{})
		check(t, err)
		s.fql(`
			let d: Any = Collection("Session").all().first()
			d.replaceData(Object.assign(d.data, Object.fromEntries([[${name}, null]])))
			null`, map[string]any{"name": name})
	}
	theirs(reservedNames)
	key := adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}
	set := adapter.Attributes{"exists": "ours", "ttl": "ours"}
	u, err := s.UpdateUser(ctx, ada, adapter.UserUpdate{Attributes: set})
	check(t, err)
	account, err := s.UpdateAccount(ctx, key, adapter.AccountUpdate{Attributes: set})
	check(t, err)
	session, err := s.UpdateSession(ctx, "token", adapter.SessionUpdate{Attributes: set, Expires: new(conformance.Start.Add(time.Hour))})
	check(t, err)
	_, err = s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Attributes: set})
	check(t, err)
	passkey, err := s.UpdateAuthenticatorCounter(ctx, "c", 2)
	check(t, err)
	for name, got := range map[string]adapter.Attributes{"user": u.Attributes, "account": account.Attributes, "session": session.Attributes, "passkey": passkey.Attributes} {
		same(t, name, got, set)
	}
	_, _, err = s.GetSessionAndUser(ctx, "token")
	check(t, err)
	same(t, "whether the other program's stay", s.fql(`
		["User", "Account", "Session", "Authenticator"].map(name => {
			let d: Any = Collection(name).all().first()
			${names}.every(name => Object.select(d.data, [name]) == "theirs")
		})`, map[string]any{"names": reservedNames}), []any{true, true, true, true})
	check(t, s.DeleteUser(ctx, ada))
	same(t, "what is left", s.fql(`["User", "Account", "Session", "Authenticator"].map(name => Collection(name).all().count())`, nil), []any{int64(0), int64(0), int64(0), int64(0)})
}

// Names that JavaScript takes for an object's prototype are stored as others at every depth, and
// what is read can be written back.
func TestNamesOfPrototypes(t *testing.T) {
	s := newFixture(t, "prototypes", fauna.Options{})
	ctx := t.Context()
	attributes := adapter.Attributes{
		"__proto__": map[string]any{"admin": true, "__proto__": nil}, "constructor": "x", "toString": int64(1), "nested": map[string]any{"__proto__": map[string]any{"__proto__": []any{map[string]any{"__proto__": "deep"}}}},
	}
	u, err := s.CreateUser(ctx, adapter.User{Attributes: attributes})
	check(t, err)
	got, err := s.GetUser(ctx, u.ID)
	check(t, err)
	same(t, "the attributes", got.Attributes, attributes)
	got, err = s.UpdateUser(ctx, u.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"__proto__": "y"}, RemoveAttributes: []string{"nested"}})
	check(t, err)
	same(t, "the attributes after an update", got.Attributes, adapter.Attributes{"__proto__": "y", "constructor": "x", "toString": int64(1)})
	stored := s.fql(`Object.keys(Collection("User").all().first()!.data)`, nil)
	if slices.Contains(stored.([]any), any("__proto__")) || !slices.Contains(stored.([]any), any("authstore__proto__")) {
		t.Errorf("the stored names are %v", stored)
	}
	s.fql(`
		let u: Any = Collection("User").all().first()
		u.update({ __proto__: { admin: true } })
		null`, nil)
	got, err = s.GetUser(ctx, u.ID)
	check(t, err)
	same(t, "the attributes beside another program's", got.Attributes, adapter.Attributes{"__proto__": "y", "constructor": "x", "toString": int64(1)})
	_, err = s.UpdateUser(ctx, u.ID, adapter.UserUpdate{Attributes: got.Attributes})
	check(t, err)
}
