package upstash_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
)

const later = `"expires":"2041-05-06T12:00:00.000Z"`

// spellings are ways to write one session of user 1000. cjson refuses some of them.
var spellings = map[string]string{
	"as JavaScript does":     `{"sessionToken":"s","userId":"1000",` + later + `}`,
	"with spaces":            "{ \"sessionToken\" : \"s\",\n\t\"userId\" : \"1000\" , " + later + " } ",
	"escaped":                `{"sessionT\u006fken":"\u0073","user\u0049d":"\u0031000",` + later + `}`,
	"another order":          `{` + later + `,"userId":"1000","sessionToken":"s"}`,
	"the last one counts":    `{"userId":"1001","sessionToken":"x","userId":"1000","sessionToken":"s",` + later + `}`,
	"a number":               `{"sessionToken":"s","userId":1000,` + later + `}`,
	"a number otherwise":     `{"sessionToken":"s","userId":1e3,` + later + `}`,
	"a fraction":             `{"sessionToken":"s","userId":1000.0,` + later + `}`,
	"half a surrogate pair":  `{"sessionToken":"s","userId":"1000",` + later + `,"agent":"cut \ud83d"}`,
	"an escaped backslash":   `{"sessionToken":"s","userId":"1000",` + later + `,"agent":"\\ud83d \ud83d"}`,
	"nested deeper than Lua": `{"sessionToken":"s","userId":"1000",` + later + `,"deep":` + strings.Repeat("[", 1500) + strings.Repeat("]", 1500) + `}`,
	"a large number":         `{"sessionToken":"s","userId":"1000",` + later + `,"n":1e999}`,
	"odd members":            `{"sessionToken":"s","userId":"1000",` + later + `,"createdAt":{},"updatedAt":"soon","a.b":1,"$x":[],"":null}`,
}

func TestARecordIsWhatItsJSONMeans(t *testing.T) {
	for name, session := range spellings {
		t.Run(name, func(t *testing.T) {
			store, client, prefix := newStore(t)
			user := keys{"user:1000": jsUser("1000", mail), "user:email:" + mail: "1000"}
			put := user.with(keys{"user:session:s": session})
			gone := keys{"user:session:s": ""}
			put.put(t, client, prefix)
			se, u, err := store.GetSessionAndUser(t.Context(), "s")
			check(t, err)
			if se.UserID != "1000" || u.ID != "1000" || se.ID != adapter.SessionID("s") {
				t.Errorf("got %v of %v", se, u)
			}
			all, err := store.ListSessions(t.Context(), "1000")
			check(t, err)
			if len(all) != 1 {
				t.Errorf("got the sessions %v, want one", all)
			}
			expires := time.Now().Add(time.Hour)
			_, err = store.UpdateSession(t.Context(), "s", adapter.SessionUpdate{Expires: &expires, Attributes: se.Attributes})
			check(t, err)
			for _, end := range []func() error{
				func() error { return store.DeleteSessions(t.Context(), "1000") },
				func() error { return store.DeleteSession(t.Context(), "s") },
				func() error { return store.DeleteSessionByID(t.Context(), "1000", adapter.SessionID("s")) },
				func() error { return store.DeleteUser(t.Context(), "1000") },
			} {
				put.put(t, client, prefix)
				check(t, end())
				gone.are(t, client, prefix)
			}
			gone.with(keys{"authstore:deletion:1000": "", "user:email:" + mail: ""}).are(t, client, prefix)
		})
	}
}

// Accounts, authenticators, tokens and users in the forms of another program.
func TestRecordsInAnotherSpelling(t *testing.T) {
	store, client, prefix := newStore(t)
	keys{
		"user:12":                     `{ "id" : 12, "email" : "\u0061da@example.com" }`,
		"user:email:" + mail:          `"12"`, // JSON, as a client may write it
		"user:account:p:34":           `{"userId":12, "provider":"p", "providerAccountId":34, "cut":"\ud83d"}`,
		"user:account:p:35":           `{"userId":"12", "provider":"\u0070", "providerAccountId":"35", "deep":` + strings.Repeat("[", 1500) + strings.Repeat("]", 1500) + `}`,
		"authenticator:c":             `{"credentialID":"\u0063","userId":12,"credentialPublicKey":"k","counter":"3","transports":["usb","nfc"],"credentialBackedUp":"true"}`,
		"authenticator:by-user-id:12": "[ 1e20 , \"c\" ]",
		"user:token:ada:t":            `{ "identifier" : "\u0061da", "token" : "t", "expires" : "May 6, 2041" }`,
	}.put(t, client, prefix)
	u, err := store.GetUserByEmail(t.Context(), mail)
	check(t, err)
	key := adapter.AccountKey{Provider: "p", ProviderAccountID: "34"}
	v, err := store.GetUserByAccount(t.Context(), key)
	check(t, err)
	if u.ID != "12" || v.ID != "12" {
		t.Errorf("got the users %q and %q", u.ID, v.ID)
	}
	_, err = store.CreateUser(t.Context(), adapter.User{Email: mail})
	wantConflict(t, err)
	_, err = store.LinkAccount(t.Context(), adapter.Account{UserID: "12", Type: "oauth", Provider: "p", ProviderAccountID: "34"})
	wantConflict(t, err)
	all, err := store.ListAccounts(t.Context(), "12")
	check(t, err)
	if len(all) != 2 {
		t.Errorf("got the accounts %v, want two", all)
	}
	a, err := store.UpdateAuthenticatorCounter(t.Context(), "c", 4)
	check(t, err)
	if !slices.Equal(a.Transports, []string{"usb", "nfc"}) || !a.CredentialBackedUp {
		t.Errorf("got %v", a)
	}
	_, err = store.CreateAuthenticator(t.Context(), adapter.Authenticator{UserID: "12", CredentialID: "d", ProviderAccountID: "d", CredentialPublicKey: "k"})
	check(t, err)
	keys{"authenticator:by-user-id:12": `[ 1e20 , "c" ,"d"]`}.are(t, client, prefix)
	for _, account := range all {
		check(t, store.UnlinkAccount(t.Context(), account.Key()))
	}
	check(t, store.DeleteAuthenticator(t.Context(), "c"))
	keys{"user:account:p:34": "", "user:account:p:35": "", "authenticator:c": ""}.are(t, client, prefix)
	// The guard hashes a token that is not a hash: it is written as its hash.
	hash := adapter.HashVerificationToken("t", "")
	keys{"user:token:ada:" + hash: `{"identifier":"ada","token":"` + hash + `","expires":"May 6, 2041"}`}.put(t, client, prefix)
	_, err = store.UseVerificationToken(t.Context(), "ada", hash)
	check(t, err)
	if _, err = store.UseVerificationToken(t.Context(), "ada", hash); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("used twice: got %v, want ErrNotFound", err)
	}
}

func wantConflict(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
}

// A field for display never fails a read, and stays as it is.
func TestOddValues(t *testing.T) {
	store, client, prefix := newStore(t)
	const user = `{"id":"a","name":5,"image":{"url":"x"},"email":"ada@example.com","emailVerified":%s,"createdAt":{},"updatedAt":"soon","":1,"\n":1,"n":1e999,"$odd":1,"a.b":2,"type":"x","ok":3}`
	for verified, want := range map[string]time.Time{
		"true": time.UnixMilli(0).UTC(), "false": {}, "{}": {}, `"soon"`: {}, "[]": {}, "1714996800000": noon, "1714996800000.5": noon, `"2024-05-06 12:00:00"`: noon,
		`"Mon May 06 2024 14:00:00 GMT+0200 (Central European Summer Time)"`: noon, `"2024-05-06T12:00:00.000Z"`: noon, "null": {},
	} {
		keys{"user:a": fmt.Sprintf(user, verified), "user:email:" + mail: "a", "user:session:s": jsSession("s", "a")}.put(t, client, prefix)
		_, u, err := store.GetSessionAndUser(t.Context(), "s")
		check(t, err)
		if u.Name != "5" || u.Image != "" || !u.EmailVerified.Equal(want) || !u.CreatedAt.IsZero() {
			t.Errorf("emailVerified %s: got %+v", verified, u)
		}
		if !gocmp.Equal(u.Attributes, adapter.Attributes{"ok": int64(3), "$odd": int64(1), "a.b": int64(2), "type": "x"}) {
			t.Errorf("got the attributes %v", u.Attributes)
		}
		_, err = store.UpdateUser(t.Context(), "a", adapter.UserUpdate{Attributes: u.Attributes})
		check(t, err)
		value, err := client.Get(t.Context(), prefix+"user:a").Result()
		check(t, err)
		for _, member := range []string{`"name":5`, `"image":{"url":"x"}`, `"emailVerified":` + verified, `"createdAt":{}`, `"":1`, `"\n":1`, `"n":1e999`} {
			if !strings.Contains(value, member) {
				t.Errorf("after an update: got %s, want %s in it", value, member)
			}
		}
	}
	for member, want := range map[string]adapter.Account{
		`"expires_at":"1714996800"`:               {ExpiresAt: noon.Unix()},
		`"expires_at":"2024-05-06T12:00:00.000Z"`: {ExpiresAt: noon.Unix()},
		`"expires_at":1714996800.5`:               {ExpiresAt: noon.Unix()},
		`"expires_at":"NaN"`:                      {},
		`"expires_at":{}`:                         {},
		`"scope":["read","write"]`:                {Scope: "read write"},
		`"scope":{}`:                              {},
		`"access_token":5`:                        {AccessToken: "5"},
		`"type":[]`:                               {},
	} {
		keys{"user:account:p:1": `{"userId":"a","provider":"p","providerAccountId":"1",` + member + `}`}.put(t, client, prefix)
		got, err := store.GetAccount(t.Context(), adapter.AccountKey{Provider: "p", ProviderAccountID: "1"})
		check(t, err)
		want.UserID, want.Provider, want.ProviderAccountID = "a", "p", "1"
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", member, diff)
		}
	}
}

var noon = time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)

// No attribute is stored as __proto__, which JavaScript takes for the prototype of an object.
func TestNoPrototype(t *testing.T) {
	store, client, prefix := newStore(t)
	at := adapter.Attributes{
		"__proto__": map[string]any{"admin": true}, "constructor": "c", "deep": []any{map[string]any{"__proto__": "2041-05-06T12:00:00.678Z", "authstore__proto__": int64(1)}},
	}
	u, err := store.CreateUser(t.Context(), adapter.User{Attributes: at})
	check(t, err)
	value, err := client.Get(t.Context(), prefix+"user:"+u.ID).Result()
	check(t, err)
	if strings.Contains(value, `"__proto__"`) {
		t.Errorf("got %s, which has a prototype", value)
	}
	got, err := store.GetUser(t.Context(), u.ID)
	check(t, err)
	if diff := gocmp.Diff(at, got.Attributes); diff != "" {
		t.Errorf("attributes (-want +got)\n%s", diff)
	}
	_, err = store.UpdateUser(t.Context(), u.ID, adapter.UserUpdate{RemoveAttributes: []string{"__proto__", "deep"}})
	check(t, err)
	got, err = store.GetUser(t.Context(), u.ID)
	check(t, err)
	if diff := gocmp.Diff(adapter.Attributes{"constructor": "c"}, got.Attributes); diff != "" {
		t.Errorf("attributes (-want +got)\n%s", diff)
	}
}

// An attribute of a user, whatever its name, keeps Repair from removing the user.
func TestRepairKeepsWhoHasAttributes(t *testing.T) {
	for _, name := range []string{"authstore__proto__", "type", "a.b"} {
		store, client, prefix := newStore(t)
		twins.with(keys{"user:b": `{"id":"b","email":"` + mail + `","` + name + `":{"passwordHash":"x"}}`}).put(t, client, prefix)
		repair(t, store, false)
		if client.Exists(t.Context(), prefix+"user:b").Val() != 1 {
			t.Errorf("%s: the user is gone", name)
		}
	}
}

// Values of other programs under the same prefixes.
var others = keys{
	"user:settings:1": `{"theme":"dark"}`, "user:counter": "17", "user:session:cache": "abc", "user:account:total": "[1,2]", "user:account:x:y": `{"sum":1}`,
	"user:email:verification-sent": "12", "user:email:queue": `{"to":"x"}`, "user:account:by-user-id:page": "3", "user:session:by-user-id:last": `{"a":1}`,
	"authenticator:config": `{"rp":"x"}`, "authenticator:by-user-id:seen": "yes", "user:token:count": "4", "user:token:a:b": `{"csrf":"x"}`,
	"user:account:q:1": `{"provider":"q","providerAccountId":"1"}`, "user:session:nobody": `{"sessionToken":"nobody",` + later + `}`,
	"user:c": `{"id":"c","password":"x"}`, "user:d": `{"id":"d","image":"x"}`,
}

func TestRepairLeavesWhatIsAnothers(t *testing.T) {
	store, client, prefix := newStore(t)
	theirs := others.with(keys{
		"user:a": jsUser("a", mail), "user:b": `{"id":"b","email":"` + mail + `","passwordHash":"x"}`, "user:email:" + mail: "b",
		"user:account:p:1": jsAccount("1", "a"), "user:account:by-user-id:a": "@user:account:p:1",
		"user:session:s":   jsSession("s", "hash"),
		"user:account:p:2": jsAccount("2", "gone"),
	})
	theirs.put(t, client, prefix)
	hashes := []string{"user:hash", "user:email:hash@example.com", "user:account:by-user-id:e", "user:session:by-user-id:e", "authenticator:by-user-id:e", "user:session:h", "user:account:p:h", "authstore:deletion:h"}
	for _, key := range hashes {
		check(t, client.HSet(t.Context(), prefix+key, "a", "b").Err())
	}
	keys{"user:e": jsUser("e", "")}.put(t, client, prefix)
	found := repair(t, store, false)
	theirs.with(keys{"user:account:p:2": ""}).are(t, client, prefix)
	var done []string
	for _, f := range found {
		if f.Action != "" {
			done = append(done, f.Object)
		}
		if strings.Contains(f.Detail, "delete it") && f.Action == "" {
			t.Errorf("got %v, which suggests to delete what may be another program's", f)
		}
	}
	if diff := gocmp.Diff([]string{"account p 2"}, done); diff != "" {
		t.Errorf("what was done (-want +got)\n%s", diff)
	}
	// They do not disturb calls either.
	_, err := store.CreateSession(t.Context(), adapter.Session{UserID: "e", Expires: time.Now().Add(time.Hour)})
	check(t, err)
	_, err = store.LinkAccount(t.Context(), adapter.Account{UserID: "e", Type: "oauth", Provider: "p", ProviderAccountID: "e"})
	check(t, err)
	_, err = store.CreateAuthenticator(t.Context(), adapter.Authenticator{UserID: "e", CredentialID: "e", ProviderAccountID: "e", CredentialPublicKey: "k"})
	check(t, err)
	_, _, err = store.GetSessionAndUser(t.Context(), "h")
	wantAbsent(t, err)
	_, err = store.GetUser(t.Context(), "hash")
	wantAbsent(t, err)
	_, err = store.GetUserByEmail(t.Context(), "hash@example.com")
	wantAbsent(t, err)
	_, err = store.CreateUser(t.Context(), adapter.User{Email: "hash@example.com"})
	wantConflict(t, err)
	check(t, store.DeleteAuthenticator(t.Context(), "e"))
	check(t, store.DeleteUser(t.Context(), "e"))
	check(t, store.DeleteUser(t.Context(), "hash"))
	check(t, store.DeleteSession(t.Context(), "h"))
	for _, key := range hashes {
		typ, err := client.Type(t.Context(), prefix+key).Result()
		check(t, err)
		if typ != "hash" {
			t.Errorf("%s: got type %s, want the hash of another program", key, typ)
		}
	}
}

func wantAbsent(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}
