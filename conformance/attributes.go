package conformance

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

var attributeTests = []Test{
	{ID: "ATT-001", Rule: "An attribute of every type comes back with its value and its type.", Source: "adapter.Attributes", Run: func(t *T) {
		t.keepsAttributes(adapter.Attributes{
			"string": "text", "true": true, "false": false, "int": int64(42), "negative": int64(-42), "zero": int64(0),
			"float": 0.1, "time": Start.Add(time.Millisecond), "nil": nil,
			"list": []any{"a", int64(1), 0.5, true, nil, Start, []any{"b"}, map[string]any{"c": "d"}},
			"map":  map[string]any{"a": "b", "n": int64(1), "f": 0.5, "t": Start, "nil": nil, "list": []any{}, "map": map[string]any{"deep": "er"}},
		})
	}},
	{ID: "ATT-002", Rule: "Text that looks like something else stays text.", Source: "adapter.Attributes", Run: func(t *T) {
		t.keepsAttributes(adapter.Attributes{
			"date": "2100-01-02T03:04:05.678Z", "day": "2100-01-02", "number": "42", "float": "4.2", "bool": "true", "null": "null",
			"json": `{"a":1}`, "list": "[]", "empty": "", "space": " ", "hex": "507f1f77bcf86cd799439011", "base64": "AAEC",
			"nested": []any{"2100-01-02T03:04:05.678Z", map[string]any{"date": "2100-01-02T03:04:05Z"}},
		})
	}},
	{ID: "ATT-003", Rule: "Whole numbers are exact over the range of int64.", Source: "adapter.Attributes", Run: func(t *T) {
		t.keepsAttributes(adapter.Attributes{
			"max": int64(math.MaxInt64), "min": int64(math.MinInt64), "js": int64(1<<53 + 1), "-js": int64(-1<<53 - 1),
			"int32": int64(math.MaxInt32), "int32+1": int64(math.MaxInt32 + 1), "list": []any{int64(math.MaxInt64 - 1)},
		})
	}},
	{ID: "ATT-004", Rule: "Fractions are exact over their range; a whole-numbered one may come back as int64.", Source: "adapter.Attributes", Run: func(t *T) {
		t.keepsAttributes(adapter.Attributes{
			"tenth": 0.1, "third": 1.0 / 3, "negative": -2.5, "small": 1e-130, "large": 9.99999999999999e125, "pi": math.Pi,
			"whole": 3.0, "big": 1e100, "2^53": float64(1 << 53), "list": []any{2.0, 2.5},
		})
	}},
	{ID: "ATT-005", Rule: "An attribute that is nil is there, and one that is absent is not.", Source: "adapter.Attributes", Run: func(t *T) {
		u := t.userWith(adapter.Attributes{"nil": nil})
		got, err := t.Second().GetUser(t.ctx, u.ID)
		t.ok("GetUser", err)
		_, there := got.Attributes["nil"]
		_, absent := got.Attributes["absent"]
		t.equal("there, absent", []bool{there, absent}, []bool{true, false})
	}},
	{ID: "ATT-006", Rule: "Empty texts, lists and maps are kept, and are not nil.", Source: "adapter.Attributes", Run: func(t *T) {
		t.keepsAttributes(adapter.Attributes{
			"text": "", "list": []any{}, "map": map[string]any{},
			"nested": []any{"", []any{}, map[string]any{}, nil}, "deep": map[string]any{"text": "", "list": []any{}, "map": map[string]any{}},
		})
	}},
	{ID: "ATT-007", Rule: "An update by code that knows one attribute keeps those that it does not know.", Source: "docs/contract.md R13", Run: func(t *T) {
		t.updatesAttributes(fullAttributes(), adapter.Attributes{"role": "user"}, nil)
	}},
	{ID: "ATT-008", Rule: "An update of a field keeps all attributes.", Source: "docs/contract.md R13", Run: func(t *T) {
		t.updatesAttributes(fullAttributes(), nil, nil)
	}},
	{ID: "ATT-009", Rule: "An update removes the attributes that it names and no other; a name that is not there is no error.", Source: "adapter.UserUpdate", Run: func(t *T) {
		t.updatesAttributes(fullAttributes(), adapter.Attributes{"new": "one"}, []string{"role", "address", "manager", "absent"})
		t.updatesAttributes(adapter.Attributes{"only": "one"}, nil, []string{"only"})
	}},
	{ID: "ATT-010", Rule: "An update may change the type of an attribute, and replaces lists and maps whole.", Source: "adapter.UserUpdate", Run: func(t *T) {
		t.updatesAttributes(fullAttributes(), adapter.Attributes{
			"role": int64(1), "active": "yes", "logins": nil, "manager": "someone", "seen": "never",
			"groups": []any{"one"}, "address": map[string]any{"street": "Bahnhofstrasse"},
		}, nil)
	}},
	{ID: "ATT-011", Rule: "Names and values may be in any script, and names compare exactly.", Source: "adapter.Attributes", Run: func(t *T) {
		t.keepsAttributes(adapter.Attributes{
			"größe": "groß", "שם": "עדה", "名前": "エイダ", "👩‍💻": "👩🏽‍💻🏳️‍🌈", "with space": "a\tb\nc\r\n", "Role": "upper", "role": "lower",
			"a-b": "1", "a_b": "2", "a#b": "3", "a:b": "4", "a/b": "5", "a|b": "6", "a%b": "7", "a\"b'c": "8", "a\\b": "9", "a[0]": "10", "0": "11",
			"e\u0301": "decomposed", "\u00e9": "composed", "__proto__": "12", "constructor": "13", strings.Repeat("n", 255): "long",
			"nested": map[string]any{"größe": "x", "a#b": []any{"\u202eright to left\u202c", "\ufeffbom", "\ufffd"}},
		})
	}},
	{ID: "ATT-012", Rule: "Accounts keep their attributes as users do.", Source: "adapter.Attributes", Run: func(t *T) {
		acc := plainAccount(t.user(ada).ID, "github", "1")
		acc.Attributes = fullAttributes()
		_, err := t.store.LinkAccount(t.ctx, acc)
		t.ok("LinkAccount", err)
		_, err = t.Second().UpdateAccount(t.ctx, acc.Key(), adapter.AccountUpdate{Attributes: adapter.Attributes{"role": "user"}, RemoveAttributes: []string{"active"}})
		t.ok("UpdateAccount", err)
		got, err := t.store.GetAccount(t.ctx, acc.Key())
		t.ok("GetAccount", err)
		t.equal("Attributes", got.Attributes, changed(fullAttributes(), adapter.Attributes{"role": "user"}, []string{"active"}))
	}},
	{ID: "ATT-013", Rule: "Sessions keep their attributes as users do.", Source: "adapter.Attributes", Run: func(t *T) {
		s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: t.user(ada).ID, Expires: Start.Add(time.Hour), Attributes: fullAttributes()})
		t.ok("CreateSession", err)
		_, err = t.Second().UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Attributes: adapter.Attributes{"role": "user"}, RemoveAttributes: []string{"active"}})
		t.ok("UpdateSession", err)
		got, _, err := t.store.GetSessionAndUser(t.ctx, s.SessionToken)
		t.ok("GetSessionAndUser", err)
		t.equal("Attributes", got.Attributes, changed(fullAttributes(), adapter.Attributes{"role": "user"}, []string{"active"}))
	}},
	{ID: "ATT-014", Rule: "Go's other integers are kept as int64, and lists of strings as lists.", Source: "adapter.Attributes", Run: func(t *T) {
		u := t.userWith(adapter.Attributes{
			"int": 1, "int8": int8(-8), "int16": int16(16), "int32": int32(-32), "uint": uint(1), "uint8": uint8(8), "uint16": uint16(16),
			"uint32": uint32(32), "uint64": uint64(math.MaxInt64), "float32": float32(0.5), "strings": []string{"a", "b"}, "attributes": adapter.Attributes{"a": 1},
		})
		t.equal("Attributes", u.Attributes, adapter.Attributes{
			"int": int64(1), "int8": int64(-8), "int16": int64(16), "int32": int64(-32), "uint": int64(1), "uint8": int64(8), "uint16": int64(16),
			"uint32": int64(32), "uint64": int64(math.MaxInt64), "float32": 0.5, "strings": []any{"a", "b"}, "attributes": map[string]any{"a": int64(1)},
		})
		t.sameUser(u)
	}},
	{ID: "ATT-015", Rule: "A value of a type or a size that not every store can keep is refused, and nothing is written.", Source: "adapter.Attributes", Run: func(t *T) {
		deep := any("bottom")
		for range 16 {
			deep = []any{deep}
		}
		for name, v := range map[string]any{
			"bytes": []byte("x"), "struct": struct{ A int }{1}, "pointer": new("x"), "func": func() {}, "complex": 1i, "map of ints": map[int]any{1: 2},
			"uint64": uint64(math.MaxInt64 + 1), "NaN": math.NaN(), "Inf": math.Inf(1), "-Inf": math.Inf(-1), "tiny": 9e-131, "huge": 1e126,
			"nested": []any{map[string]any{"bad": make(chan int)}}, "deep": deep, "NUL": "a\x00b", "UTF-8": "\xff", "year": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
			"long": strings.Repeat("x", 64<<10), "long list": make([]any, 64<<10),
		} {
			t.refusesAttributes("a value: "+name, adapter.Attributes{"bad": v, "good": "x"})
		}
	}},
	{ID: "ATT-016", Rule: "A name that not every store can keep is refused, and nothing is written.", Source: "adapter.Attributes", Run: func(t *T) {
		for _, name := range []string{"", "a\x00b", "a\nb", "\xff", strings.Repeat("n", 256)} {
			t.refusesAttributes("a name", adapter.Attributes{name: "x", "good": "x"})
			t.refusesAttributes("a nested name", adapter.Attributes{"good": []any{map[string]any{name: "x"}}})
		}
	}},
	{ID: "ATT-017", Rule: "The name of a field of the record is refused as an attribute, and nothing is written.", Source: "driver.Reserved", Run: func(t *T) {
		for _, name := range []string{"id", "email", "emailVerified", "name", "image", "createdAt", "updatedAt", "authstoreX", "authstore"} {
			t.refusesAttributes("the name "+name, adapter.Attributes{name: "x"})
		}
	}},
	{ID: "ATT-018", Rule: "An attribute may have the name of another record's field, or one that a store needs for itself, in every record.", Source: "driver.Reserved", Run: func(t *T) {
		u := t.userWith(namesElsewhere(driver.UserRecord))
		t.equal("Attributes of the user", u.Attributes, namesElsewhere(driver.UserRecord))
		t.sameUser(u)
		acc, s, a := plainAccount(u.ID, "github", "1"), adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour)}, plainAuthenticator(u.ID, "c")
		acc.Attributes, s.Attributes, a.Attributes = namesElsewhere(driver.AccountRecord), namesElsewhere(driver.SessionRecord), namesElsewhere(driver.AuthenticatorRecord)
		acc, err := t.store.LinkAccount(t.ctx, acc)
		t.ok("LinkAccount", err)
		t.equal("Attributes of the account", acc.Attributes, namesElsewhere(driver.AccountRecord))
		t.sameAccount(acc)
		s, err = t.store.CreateSession(t.ctx, s)
		t.ok("CreateSession", err)
		t.equal("Attributes of the session", s.Attributes, namesElsewhere(driver.SessionRecord))
		t.sameSession(s)
		a, err = t.store.CreateAuthenticator(t.ctx, a)
		t.ok("CreateAuthenticator", err)
		t.equal("Attributes of the authenticator", a.Attributes, namesElsewhere(driver.AuthenticatorRecord))
		t.sameAuthenticator(a)
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		t.noUser(u.ID)
		t.noAuthenticator("c")
		t.signedOut(t.store, s.SessionToken)
	}},
	{ID: "ATT-021", Rule: "Attributes of such names are set, changed and removed by updates of every record, and nothing else is.", Source: "driver.Reserved", Run: func(t *T) {
		u := t.user(ada)
		acc, s, a := t.account(u.ID, "github", "1"), t.session(u.ID), t.authenticator(u.ID, "c")
		for name := range inOrder(namesElsewhere(driver.UserRecord)) {
			t.replaced(name, func(set adapter.Attributes, remove []string) (adapter.Attributes, error) {
				got, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Attributes: set, RemoveAttributes: remove})
				return got.Attributes, err
			})
		}
		for name := range inOrder(namesElsewhere(driver.AccountRecord)) {
			t.replaced(name, func(set adapter.Attributes, remove []string) (adapter.Attributes, error) {
				got, err := t.store.UpdateAccount(t.ctx, acc.Key(), adapter.AccountUpdate{Attributes: set, RemoveAttributes: remove})
				return got.Attributes, err
			})
		}
		for name := range inOrder(namesElsewhere(driver.SessionRecord)) {
			t.replaced(name, func(set adapter.Attributes, remove []string) (adapter.Attributes, error) {
				got, err := t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Attributes: set, RemoveAttributes: remove})
				return got.Attributes, err
			})
		}
		a, err := t.store.UpdateAuthenticator(t.ctx, "c", adapter.AuthenticatorUpdate{RemoveAttributes: slices.Collect(maps.Keys(a.Attributes))})
		t.ok("UpdateAuthenticator", err)
		for name := range inOrder(namesElsewhere(driver.AuthenticatorRecord)) {
			t.replaced(name, func(set adapter.Attributes, remove []string) (adapter.Attributes, error) {
				got, err := t.store.UpdateAuthenticator(t.ctx, "c", adapter.AuthenticatorUpdate{Attributes: set, RemoveAttributes: remove})
				return got.Attributes, err
			})
		}
		t.sameUser(u)
		t.sameAccount(acc)
		t.sameSession(s)
		t.sameAuthenticator(a)
	}},
	{ID: "ATT-022", Rule: "Names that a store's query language gives a meaning are names like others, at every depth.", Source: "adapter.Attributes", Run: func(t *T) {
		t.keepsAttributes(queryNames())
		t.updatesAttributes(queryNames(), adapter.Attributes{"a.b": "changed", "$set": int64(2)}, []string{"https://app.example.com/roles", "a%2Eb", ".", "$"})
		t.updatesAttributes(adapter.Attributes{"a": map[string]any{"b": "stays"}, "https://app": "stays"}, adapter.Attributes{"a.b": "own", "a.c": "own"}, []string{"https://app/roles"})
		t.updatesAttributes(adapter.Attributes{"a": map[string]any{"b": "stays"}, "a.b": "goes"}, nil, []string{"a.b"})
	}},
	{ID: "ATT-019", Rule: "An update that sets and removes the same attribute is refused, and nothing is changed.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.userWith(adapter.Attributes{"role": "admin"})
		for _, remove := range []string{"role", "email", "a\nb", ""} {
			_, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: new("changed"), Attributes: adapter.Attributes{"role": "user"}, RemoveAttributes: []string{remove}})
			t.invalid("UpdateUser", err, "User.RemoveAttributes")
		}
		t.sameUser(u)
	}},
	{ID: "ATT-020", Rule: "Sixteen levels and nearly 64 KiB of attributes are kept.", Source: "adapter, Limits", Run: func(t *T) {
		deep := any("bottom")
		for range 15 {
			deep = map[string]any{"down": deep}
		}
		t.keepsAttributes(adapter.Attributes{"deep": deep, "long": strings.Repeat("é", 30<<10)})
	}},
}

// queryNames returns attributes whose names mean something to some store.
func queryNames() adapter.Attributes {
	a := adapter.Attributes{}
	for i, name := range []string{
		"https://app.example.com/roles", "a.b", ".", "..", "a.", ".a", "$", "$set", "$$ROOT", "a$", "a.$b", "$a.b", "@", "@ref", "@int", "@object", "#n", ":v",
		"%", "%2E", "a%2Eb", "a%2eb", "%24set", "%25", "%252E", "a%", "a\u002eb", "a.b%", "a[0]", "a.0", "__proto__", "constructor",
	} {
		a[name] = int64(i)
	}
	nested := map[string]any(a.Clone())
	a["nested"] = nested
	a["list"] = []any{map[string]any{"a.b": map[string]any{"$c": "d"}}}
	return a
}

// namesElsewhere returns attributes with the names of fields that another record has, of what
// stores and other programs call theirs.
func namesElsewhere(r driver.Record) adapter.Attributes {
	a := adapter.Attributes{}
	for _, name := range []string{
		"_id", "userId", "user", "type", "expires", "provider", "providerAccountId", "scope", "sessionToken", "token", "identifier", "email", "name", "image",
		"credentialID", "counter", "transports", "pk", "sk", "GSI1PK", "GSI1SK", "coll", "data", "ts", "ttl", "value", "providerId", "providerType", "_class", "__v",
	} {
		if !driver.Reserved(r, name) {
			a[name] = "of " + name
		}
	}
	return a
}

// replaced fails the test unless updates set, change and remove one attribute of a record
// that has no other.
func (t *T) replaced(name string, update func(set adapter.Attributes, remove []string) (adapter.Attributes, error)) {
	t.Helper()
	for _, v := range []any{"text", int64(7), nil} {
		got, err := update(adapter.Attributes{name: v}, nil)
		t.ok("an update that sets "+name, err)
		t.equal("Attributes", got, adapter.Attributes{name: v})
	}
	got, err := update(nil, []string{name})
	t.ok("an update that removes "+name, err)
	t.equal("Attributes", got, adapter.Attributes(nil))
}

// userWith creates a user with attributes.
func (t *T) userWith(a adapter.Attributes) adapter.User {
	t.Helper()
	u, err := t.store.CreateUser(t.ctx, adapter.User{Email: email(ada), Attributes: a})
	t.ok("CreateUser", err)
	return u
}

// keepsAttributes fails the test unless a user comes back with its attributes,
// given at once or by an update.
func (t *T) keepsAttributes(want adapter.Attributes) {
	t.Helper()
	u := t.userWith(want)
	t.sameAttributes("CreateUser", u.Attributes, want)
	got, err := t.Second().GetUser(t.ctx, u.ID)
	t.ok("GetUser", err)
	t.sameAttributes("GetUser", got.Attributes, want)
	other, err := t.store.CreateUser(t.ctx, adapter.User{})
	t.ok("CreateUser", err)
	got, err = t.store.UpdateUser(t.ctx, other.ID, adapter.UserUpdate{Attributes: want})
	t.ok("UpdateUser", err)
	t.sameAttributes("UpdateUser", got.Attributes, want)
	got, err = t.Second().GetUser(t.ctx, other.ID)
	t.ok("GetUser", err)
	t.sameAttributes("GetUser after UpdateUser", got.Attributes, want)
}

// sameAttributes compares attributes. A whole-numbered float64 may have become an
// int64, and not the other way round.
func (t *T) sameAttributes(what string, got, want adapter.Attributes) {
	t.Helper()
	if diff := cmp.Diff(asRead(want, got), any(map[string]any(got))); diff != "" {
		t.Errorf("the attributes of %s\n  difference (-want +got):\n%s", what, diff)
	}
}

// asRead returns want with each whole-numbered float64 as int64 that is one in got.
func asRead(want, got any) any {
	switch want := want.(type) {
	case float64:
		if got, ok := got.(int64); ok && float64(got) == want && int64(want) == got {
			return got
		}
	case []any:
		got, _ := got.([]any)
		all := make([]any, len(want))
		for i, v := range want {
			if all[i] = v; i < len(got) {
				all[i] = asRead(v, got[i])
			}
		}
		return all
	case adapter.Attributes:
		return asReadMap(want, got)
	case map[string]any:
		return asReadMap(want, got)
	}
	return want
}

func asReadMap(want map[string]any, got any) map[string]any {
	read, _ := got.(map[string]any)
	if a, ok := got.(adapter.Attributes); ok {
		read = a
	}
	all := make(map[string]any, len(want))
	for name, v := range want {
		all[name] = asRead(v, read[name])
	}
	return all
}

// updatesAttributes fails the test unless an update of attributes does what it
// says and no more.
func (t *T) updatesAttributes(before, set adapter.Attributes, remove []string) {
	t.Helper()
	u, err := t.store.CreateUser(t.ctx, adapter.User{Attributes: before})
	t.ok("CreateUser", err)
	up := adapter.UserUpdate{Name: new("changed"), Attributes: set, RemoveAttributes: remove}
	got, err := t.Second().UpdateUser(t.ctx, u.ID, up)
	t.ok("UpdateUser", err)
	want := changed(before, set, remove)
	t.equal("Attributes of UpdateUser", got.Attributes, want)
	got, err = t.store.GetUser(t.ctx, u.ID)
	t.ok("GetUser", err)
	t.equal("Attributes of GetUser", got.Attributes, want)
	t.equal("Name", got.Name, "changed")
}

// changed returns attributes with some set and some removed.
func changed(before, set adapter.Attributes, remove []string) adapter.Attributes {
	after := before.Clone()
	maps.Copy(after, set)
	for _, name := range remove {
		delete(after, name)
	}
	if len(after) == 0 {
		return nil
	}
	return after
}

// refusesAttributes fails the test unless every write refuses attributes and
// writes nothing.
func (t *T) refusesAttributes(what string, a adapter.Attributes) {
	t.Helper()
	id := t.NewID()
	_, err := t.store.CreateUser(t.ctx, adapter.User{ID: id, Attributes: a})
	t.invalid("CreateUser with "+what, err, "User.Attributes")
	t.noUser(id)
	u, err := t.store.CreateUser(t.ctx, adapter.User{})
	t.ok("CreateUser", err)
	_, err = t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: new("changed"), Attributes: a})
	t.invalid("UpdateUser with "+what, err, "User.Attributes")
	t.sameUser(u)
}
