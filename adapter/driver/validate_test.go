package driver

import (
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/authstore/authstore/adapter"
)

// FuzzGuardUser checks that what is taken is in normal form: taking it again
// changes nothing. What is refused says which field.
func FuzzGuardUser(f *testing.F) {
	f.Add("id", "Ada", "ada@example.com", "role", "admin", int64(0), 1.5)
	f.Add("", "\x00", "A@B", "a.b", "\xff", int64(1)<<62, 1e200)
	f.Add("a\nb", "", " ", "$set", "", int64(-1), 0.5)
	f.Fuzz(func(t *testing.T, id, name, email, attribute, value string, n int64, x float64) {
		o := adapter.Options{}.WithDefaults()
		in := adapter.User{ID: id, Name: name, Email: email, Attributes: adapter.Attributes{
			attribute: value, "list": []any{n, x, map[string]any{attribute: value}},
		}}
		once, err := normalizeUser(o, in)
		if err != nil {
			var invalid *adapter.InvalidError
			if !errors.As(err, &invalid) || invalid.Field == "" || invalid.Reason == "" {
				t.Fatalf("got %#v, want an InvalidError with field and reason", err)
			}
			return
		}
		if !utf8.ValidString(once.ID+once.Name+once.Email) || once.ID == "" && id != "" {
			t.Errorf("%+v was taken", once)
		}
		twice, err := normalizeUser(o, once)
		if err != nil || !reflect.DeepEqual(once, twice) {
			t.Errorf("taken again: got %+v, %v, want %+v", twice, err, once)
		}
	})
}

// FuzzKnownKeys checks that a key is either taken by writes and looked up by reads,
// or neither.
func FuzzKnownKeys(f *testing.F) {
	f.Add("github", "1")
	f.Add("", "\x00")
	f.Fuzz(func(t *testing.T, provider, id string) {
		o := adapter.Options{}.WithDefaults()
		key := adapter.AccountKey{Provider: provider, ProviderAccountID: id}
		_, err := normalizeAccount(o, adapter.Account{UserID: "u", Type: adapter.AccountOAuth, Provider: provider, ProviderAccountID: id})
		if read := knownAccount(key); (err == nil) != (read == nil) {
			t.Errorf("%q: a write says %v, a read says %v", key, err, read)
		}
	})
}
