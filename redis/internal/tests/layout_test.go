package redis_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// A passkey from before passkeys had times is read without them, and can be changed like any
// other.
func TestPasskeysWithoutTimes(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			ctx := t.Context()
			_, _, err := store.CreateUserWithAuthenticator(ctx, adapter.User{ID: "u"}, adapter.Authenticator{CredentialID: "c", CredentialPublicKey: "k", Attributes: adapter.Attributes{"a": "b"}})
			check(t, err)
			entry, err := client.Get(ctx, prefix+":c:{c}").Result()
			check(t, err)
			old := msgp.AppendMapHeader(nil, 6)
			for _, text := range []string{"p", "passkey", "k", "k", "n", "7", "d", "singleDevice", "h", "usb,nfc", "x", entry[:11]} {
				old = msgp.AppendString(old, text)
			}
			check(t, client.HSet(ctx, prefix+":w:{u}", "c", old).Err())

			want := adapter.Authenticator{
				CredentialID: "c", UserID: "u", ProviderAccountID: "passkey", CredentialPublicKey: "k",
				Counter: 7, CredentialDeviceType: "singleDevice", Transports: []string{"usb", "nfc"},
			}
			got, err := store.GetAuthenticator(ctx, "c")
			check(t, err)
			same(t, "GetAuthenticator", got, want)
			list, err := store.ListAuthenticators(ctx, "u")
			check(t, err)
			same(t, "ListAuthenticators", list, []adapter.Authenticator{want})

			before := adapter.Milliseconds(time.Now())
			got, err = store.UpdateAuthenticatorCounter(ctx, "c", 8)
			check(t, err)
			if got.UpdatedAt.Before(before) {
				t.Errorf("UpdatedAt is %v, want now", got.UpdatedAt)
			}
			want.Counter, want.UpdatedAt = 8, got.UpdatedAt
			same(t, "UpdateAuthenticatorCounter", got, want)
			got, err = store.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Transports: &[]string{}, Attributes: adapter.Attributes{"name": "phone"}})
			check(t, err)
			want.Transports, want.Attributes, want.UpdatedAt = nil, adapter.Attributes{"name": "phone"}, got.UpdatedAt
			same(t, "UpdateAuthenticator", got, want)
			check(t, store.DeleteUser(ctx, "u"))
			if n := client.Exists(ctx, prefix+":c:{c}").Val(); n != 0 {
				t.Error("its index entry is left")
			}
		})
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s\n  got:  %+v\n  want: %+v", what, got, want)
	}
}

// No attribute is taken for a field, whatever its name: not even for a field that a script
// reads to sign out, delete, expire or release.
func TestAttributesNamedAsFields(t *testing.T) {
	attributes := adapter.Attributes{".": "x", "..e": "x", "%2Ee": "x"}
	for letter := 'a'; letter <= 'z'; letter++ {
		attributes[string(letter)] = "0"
		attributes["."+string(letter)] = "1"
	}
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			w, ctx := world{T: t, Adapter: store}, t.Context()
			u, a, err := store.CreateUserWithAccount(ctx, adapter.User{ID: "u", Email: "ada@example.com", Attributes: attributes},
				adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1", Attributes: attributes})
			check(t, err)
			p, err := store.CreateAuthenticator(ctx, adapter.Authenticator{UserID: "u", CredentialID: "c", CredentialPublicKey: "k", Attributes: attributes})
			check(t, err)
			s, err := store.CreateSession(ctx, adapter.Session{UserID: "u", SessionToken: "elsewhere", Expires: time.Now().Add(time.Hour), Attributes: attributes})
			check(t, err)

			some := adapter.Attributes{"e": "2", "x": "2", "t": "2", "n": "2"}
			u, err = store.UpdateUser(ctx, "u", adapter.UserUpdate{Email: new("grace@example.com"), Attributes: some, RemoveAttributes: []string{"u", ".u"}})
			check(t, err)
			a, err = store.UpdateAccount(ctx, a.Key(), adapter.AccountUpdate{Attributes: some, RemoveAttributes: []string{"u", ".u"}})
			check(t, err)
			s, err = store.UpdateSession(ctx, "elsewhere", adapter.SessionUpdate{Attributes: some, RemoveAttributes: []string{"u", ".u"}})
			check(t, err)
			_, err = store.UpdateAuthenticatorCounter(ctx, "c", 5)
			check(t, err)
			p, err = store.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Attributes: some, RemoveAttributes: []string{"u", ".u"}})
			check(t, err)
			want := attributes.Clone()
			for name, v := range some {
				want[name] = v
			}
			delete(want, "u")
			delete(want, ".u")
			for what, got := range map[string]adapter.Attributes{"user": u.Attributes, "account": a.Attributes, "session": s.Attributes, "authenticator": p.Attributes} {
				same(t, what, got, want)
			}
			w.want("address", u.Email, "grace@example.com")
			w.want("counter", p.Counter, uint32(5))
			w.gone("GetUserByEmail", second(store.GetUserByEmail(ctx, "ada@example.com")))

			w.must(w.DeleteSessions(ctx, "u"))
			w.gone("GetSessionAndUser", w.open("elsewhere"))
			w.must(second(store.GetUserByEmail(ctx, "grace@example.com")))
			w.must(w.DeleteUser(ctx, "u"))
			all, _ := keysOf(t, client, prefix)
			for _, key := range all {
				if kind := key[len(prefix)+1:][:1]; kind != "r" { // what was answered
					t.Errorf("the key %q is left", key)
				}
			}
			_, err = store.CreateUser(ctx, adapter.User{Email: "grace@example.com"})
			w.must(err)
		})
	}
}

func second[T any](_ T, err error) error { return err }
