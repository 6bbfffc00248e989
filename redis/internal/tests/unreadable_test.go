package redis_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// A session that cannot be read is an adapter.RecordError, and can be ended like the others.
func TestASessionThatCannotBeRead(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			w := world{T: t, Adapter: store, token: adapter.NewSessionToken("u", [32]byte{1})}
			w.must(w.create())
			w.must(w.signIn(w.token))
			w.must(w.signIn("elsewhere"))
			key := prefix + ":s:{u}:" + adapter.SessionID(w.token)
			value, err := client.GetRange(t.Context(), key, 0, 10).Result() // its generation
			check(t, err)
			for _, record := range []string{"\x81\xa1t\xa4soon", "\x81\xa1t\xa3soon", "\xc1", "\x01"} {
				check(t, client.Set(t.Context(), key, value+record, 0).Err())
				saysUnreadable(t, "GetSessionAndUser", w.open(w.token), "u", w.token)
				_, err := w.UpdateSession(t.Context(), w.token, adapter.SessionUpdate{Attributes: adapter.Attributes{"device": "phone"}})
				saysUnreadable(t, "UpdateSession", err, "u", w.token)
			}
			w.must(w.DeleteSessions(t.Context(), "u"))
			w.over(w.token, "elsewhere")
			if client.Exists(t.Context(), key).Val() != 0 {
				t.Error("it is left")
			}
		})
	}
}

// saysUnreadable fails the test unless an error names a user's record that cannot be read, and
// contains no secret.
func saysUnreadable(t *testing.T, call string, err error, userID, secret string) {
	t.Helper()
	var record *adapter.RecordError
	if !errors.As(err, &record) || record.UserID != userID || record.Place == "" || record.Field == "" || strings.Contains(err.Error(), secret) {
		t.Errorf("%s: got %v, want an *adapter.RecordError", call, err)
	}
}

// A record of any kind that a script cannot read is an adapter.RecordError too.
func TestRecordsThatScriptsCannotRead(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			ctx, key := t.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}
			_, _, err := store.CreateUserWithAccount(ctx, adapter.User{ID: "u", Email: "ada@example.com"},
				adapter.Account{Type: adapter.AccountOAuth, Provider: key.Provider, ProviderAccountID: key.ProviderAccountID})
			check(t, err)
			check(t, client.HSet(ctx, prefix+":a:{u}", "github:1", "\xc1").Err())
			userID := "u"
			if top.name == single.name {
				userID = "" // the script finds whose the account is
			}
			_, err = store.UpdateAccount(ctx, key, adapter.AccountUpdate{Scope: new("mail")})
			saysUnreadable(t, "UpdateAccount", err, userID, "ada@")
			value, err := client.GetRange(ctx, prefix+":u:{u}", 0, 10).Result()
			check(t, err)
			check(t, client.Set(ctx, prefix+":u:{u}", value+"\xc1", 0).Err())
			_, err = store.UpdateUser(ctx, "u", adapter.UserUpdate{Name: new("Ada")})
			saysUnreadable(t, "UpdateUser", err, "u", "ada@")
			_, err = store.GetUserByEmail(ctx, "ada@example.com")
			saysUnreadable(t, "GetUserByEmail", err, map[string]string{single.name: "", cluster.name: "u"}[top.name], "ada@")
		})
	}
}
