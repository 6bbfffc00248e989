package mongo

import (
	"errors"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
)

func shapesOf(t testing.TB, l Layout) shapes {
	t.Helper()
	all, err := l.shapes()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every preset is a layout, by its name in a URL, in any case.
func TestPresets(t *testing.T) {
	for name, preset := range presets {
		shapesOf(t, preset())
		l := Layout{IDs: UUIDs}
		if err := l.setPreset(strings.ToUpper(name)); err != nil || l.IDs != UUIDs || l.Users.Collection != preset().Users.Collection {
			t.Errorf("%s: got %+v, %v", name, l, err)
		}
	}
	if got, want := shapesOf(t, Layout{}), shapesOf(t, AuthJS()); got.users.collection != want.users.collection || got.tokens.collection != want.tokens.collection {
		t.Error("the zero value is not the layout of Auth.js")
	}
}

// Who changes a preset changes nobody else's.
func TestPresetsAreCopies(t *testing.T) {
	BetterAuth().Accounts.Fields["provider"] = Field{Name: "changed"}
	if got := BetterAuth().Accounts.Fields["provider"].Name; got != "providerId" {
		t.Errorf("got %q", got)
	}
}

// What a layout cannot mean is refused with the place.
func TestLayoutsThatAreRefused(t *testing.T) {
	fields := func(name string, f Field) map[string]Field { return map[string]Field{name: f} }
	for want, l := range map[string]Layout{
		`Users.Fields["mail"] is no field`:               {Users: Record{Fields: fields("mail", Field{Name: "email"})}},
		`Users.Fields["name"] cannot have this form`:     {Users: Record{Fields: fields("name", Field{Form: Commas})}},
		`Users.Fields["email"] cannot be required`:       {Users: Record{Fields: fields("email", Field{Required: true})}},
		`Sessions.Fields["expires"] cannot lie in _id`:   {Sessions: Record{Fields: fields("expires", Field{Name: "_id"})}},
		`Users must have each name once`:                 {Users: Record{Fields: fields("name", Field{Name: "image"})}},
		`Accounts must have each name once`:              {Accounts: Record{Fields: fields("scope", Field{Name: "a.b"})}},
		`Sessions must have each name once`:              {Sessions: Record{Derived: []Member{{Name: "authstoreKey"}}}},
		`Authenticators must have each name once`:        {Authenticators: Record{Derived: []Member{{Name: "userId"}}}},
		`must not have the same collection twice`:        {Users: Record{Collection: "sessions"}},
		`must have ObjectIDs, StringIDs or UUIDs as IDs`: {IDs: 7},
	} {
		_, err := l.shapes()
		var invalid *adapter.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "Options.Layout" || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want that it says %s", err, want)
		}
	}
}

// Names that a layout has for itself are free for attributes: these are stored under others.
func TestAttributesBesideALayout(t *testing.T) {
	sessions := shapesOf(t, TypeORMv3()).sessions
	for name, want := range map[string]string{"accessToken": "authstoreaccessToken", "role": "role"} {
		stored := sessions.storedName(name)
		if back, ok := sessions.attributeName(stored); stored != want || !ok || back != name {
			t.Errorf("%s is stored as %s, want %s, and read as %s, %t", name, stored, want, back, ok)
		}
	}
}

// Every text is read as what was written, no two are stored as one, and the base64 of Auth.js is
// stored as SimpleWebAuthn has it.
func FuzzBase64URL(f *testing.F) {
	for _, text := range []string{"", "c", "credential", "+/8=", "-_8", "=", "==", "=c", "AAEC", "AAE=", "AAE", "AAF=", "ab c", "é"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := fromBase64URL(base64URL(text)); got != text {
			t.Errorf("%q is stored as %q, which is read as %q", text, base64URL(text), got)
		}
	})
}

func TestBase64URL(t *testing.T) {
	for text, want := range map[string]string{"+/8=": "-_8", "AAEC": "AAEC", "AAE": "=AAE", "c": "c"} {
		if got := base64URL(text); got != want {
			t.Errorf("%q is stored as %q, want %q", text, got, want)
		}
	}
}

// An account has the compound ID of NextAuth.js 3, and no two accounts have the same.
func TestCompoundIDs(t *testing.T) {
	of := func(provider, id string) any {
		return compound("compoundId").Value(func(field string) any { return map[string]string{"provider": provider, "providerAccountId": id}[field] })
	}
	if got, want := of("github", "42"), "de71e247475d7d9e09413c4d6a7cb64743ccdb2ad95469f6fa9c4e865bcd7945"; got != want { // printf github:42 | sha256sum
		t.Errorf("got %v, want %s", got, want)
	}
	seen := map[any]bool{}
	for _, key := range [][2]string{{"a", "b:c"}, {"a:b", "c"}, {"a:", "b:c"}, {"a", ":b:c"}} {
		if id := of(key[0], key[1]); seen[id] {
			t.Errorf("%q has the compound ID of another account", key)
		} else {
			seen[id] = true
		}
	}
}
