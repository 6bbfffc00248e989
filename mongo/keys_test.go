package mongo

import (
	"strings"
	"testing"
)

func TestStoredNames(t *testing.T) {
	users := shapesOf(t, Layout{}).users
	for name, want := range map[string]string{
		"role": "role", "https://app.example.com/roles": "https://app%2Eexample%2Ecom/roles", ".": "%2E", "$set": "%24set", "a$": "a$", "$.$": "%24%2E$",
		"%": "%", "100%": "100%", "%2e": "%2e", "%25": "%25", "a%24": "a%24", "%2E": "%252E", "%24": "%2524", "%252E": "%25252E", "%25.": "%25%2E",
		"_id": "authstore_id", "userId": "authstoreuserId", "__proto__": "authstore__proto__", "__proto__.x": "__proto__%2Ex", "userid": "userid",
	} {
		if got := users.storedName(name); got != want {
			t.Errorf("%q is stored as %q, want %q", name, got, want)
		}
	}
	for _, stored := range []string{"a.b", "$set", "_id", "userId"} {
		if name, ok := users.attributeName(stored); ok {
			t.Errorf("another program's %q is the attribute %q", stored, name)
		}
	}
	if name, ok := memberName("_id"); !ok || name != "_id" {
		t.Errorf("within an attribute _id is %q, %t", name, ok)
	}
}

// Every name comes back, and every one that the server takes is that of an attribute.
func FuzzStoredNames(f *testing.F) {
	users := shapesOf(f, Layout{}).users
	for _, name := range []string{"a.b", "$set", "%2E", "%24", "%252E", "%25%2E", "%%2E", "%2.", "$%24.", "%25252Ex%2524", "_id", "__proto__"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		stored := storedMember(name)
		if strings.Contains(stored, ".") || strings.HasPrefix(stored, "$") {
			t.Errorf("%q is stored as %q", name, stored)
		}
		if got, ok := memberName(stored); !ok || got != name {
			t.Errorf("%q is stored as %q, which is read as %q, %t", name, stored, got, ok)
		}
		if got, ok := unescaped(name); ok && escaped(got) != name {
			t.Errorf("%q is read as %q, which is stored as %q", name, got, escaped(got))
		}
		if strings.HasPrefix(name, "authstore") {
			return
		}
		if got, ok := users.attributeName(users.storedName(name)); !ok || got != name {
			t.Errorf("%q is stored as %q, which is read as %q, %t", name, users.storedName(name), got, ok)
		}
	})
}
