package dynamodb_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// Records are stored as the Auth.js adapter stores them, key by key.
func TestOurRecordsHaveTheirLayout(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	_, _, err := s.CreateUserWithAccount(ctx, adapter.User{ID: "u", Email: "ada@example.com", Name: "Ada", EmailVerified: time.UnixMilli(0)},
		adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1", ExpiresAt: 4102444800})
	check(t, err)
	_, err = s.CreateSession(ctx, adapter.Session{UserID: "u", SessionToken: theirToken, Expires: time.UnixMilli(4102444800250)})
	check(t, err)
	_, err = s.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada", Token: theirHash, Expires: time.UnixMilli(4102444800250)})
	check(t, err)
	user := theirUser("u", "ada@example.com")
	user["emailVerified"] = "1970-01-01T00:00:00.000Z"
	session := theirSession("u", theirToken, 4102444801)
	for _, want := range []item{
		user, theirAccount("u", "github", "1"), session,
		{"pk": "VT#ada", "sk": "VT#" + theirHash, "type": "VT", "identifier": "ada", "token": theirHash, "expires": 4102444801},
	} {
		for _, name := range []string{"image", "access_token", "token_type", "scope"} { // are not set
			delete(want, name)
		}
		out, err := s.client.GetItem(ctx, &awsdynamodb.GetItemInput{TableName: &s.table, Key: item{"pk": want["pk"], "sk": want["sk"]}.attributes()})
		check(t, err)
		for name, v := range want.attributes() {
			if got := out.Item[name]; name == "id" && want["type"] == "oauth" {
				if len(describe(got)) != len(describe(v)) {
					t.Errorf("the account's id: got %s, want a UUID", describe(got))
				}
			} else if fmt.Sprintf("%T", got) != fmt.Sprintf("%T", v) || describe(got) != describe(v) {
				t.Errorf("%s of %s: got %s, want %s", name, want["sk"], describe(got), describe(v))
			}
		}
		for name := range out.Item {
			if _, theirs := want[name]; !theirs && name != "createdAt" && name != "updatedAt" && !strings.HasPrefix(name, "authstore") {
				t.Errorf("%s has an attribute %s more than theirs", want["sk"], name)
			}
		}
	}
}

// The Auth.js adapter never finds a guard: neither in the index nor in a user's partition.
func TestGuardsAreOutOfTheirWay(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	_, _, err := s.CreateUserWithAccount(ctx, adapter.User{ID: "u", Email: "ada@example.com"},
		adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	_, err = s.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Scope: new("all")})
	check(t, err)
	_, err = s.CreateSession(ctx, adapter.Session{UserID: "u", SessionToken: theirToken, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	_, err = s.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: "c", UserID: "u", CredentialPublicKey: "key"})
	check(t, err)
	guards := 0
	for _, it := range s.dump() {
		if !strings.Contains(it, "sk: GUARD") {
			continue
		}
		guards++
		if strings.Contains(it, "GSI1PK") || strings.Contains(it, "pk: USER#") {
			t.Errorf("got the guard %s, want it out of the index and of the user's partition", it)
		}
	}
	if guards != 4 {
		t.Errorf("got %d guards, want those of address, account, session and credential", guards)
	}
}

// Names that JavaScript takes for a prototype are escaped, at every depth.
func TestPrototypesAreStoredAside(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	deep := map[string]any{"__proto__": map[string]any{"admin": true}, "constructor": "x", "at": []any{map[string]any{"__proto__": time.UnixMilli(0).UTC()}}}
	want := adapter.Attributes{"__proto__": map[string]any{"admin": true, "since": time.UnixMilli(0).UTC()}, "authority": deep}
	check(t, errOf(s.CreateUser(ctx, adapter.User{ID: "u", Attributes: want})))
	got, err := s.GetUser(ctx, "u")
	check(t, err)
	same(t, "the attributes", got.Attributes, want)
	if stored := s.itemText("USER#u", "USER#u"); strings.Contains(stored, "{__proto__") || strings.Contains(stored, " __proto__") {
		t.Errorf("got %s, want no name that JavaScript takes for a prototype", stored)
	}
	_, err = s.UpdateUser(ctx, "u", adapter.UserUpdate{RemoveAttributes: []string{"__proto__"}, Attributes: adapter.Attributes{"authority": "none"}})
	check(t, err)
	if stored := s.itemText("USER#u", "USER#u"); strings.Contains(stored, "__proto__") {
		t.Errorf("got %s, want it removed", stored)
	}
}

// An attribute with a name that an item needs for itself is escaped, with the marks of its
// times; what the item has for itself is no attribute.
func TestNamesThatItemsNeedAreStoredAside(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	at := time.UnixMilli(1).UTC()
	want := adapter.Attributes{
		"type": "2026-01-02T03:04:05.000Z", "expires": []any{at}, "GSI1PK": map[string]any{"pk": at}, "providerId": "p", "userId": "v", "a.b": int64(1), "$set": at,
	}
	check(t, errOf(s.CreateUser(ctx, adapter.User{ID: "u", Email: ada, Attributes: want})))
	s.putAttributes(theirAccount("u", "github", "1"), map[string]types.AttributeValue{"expires": oddValues["N"], "providerId": oddValues["S"]})
	check(t, errOf(s.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Attributes: adapter.Attributes{"expires": at, "providerId": "p"}})))
	u, err := s.GetUserByEmail(ctx, ada)
	check(t, err)
	same(t, "the user's attributes", u.Attributes, want)
	a, err := s.GetAccount(ctx, accountKey)
	check(t, err)
	same(t, "the account's attributes", a.Attributes, adapter.Attributes{"expires": at, "providerId": "p"})
	for sort, stored := range map[string][]string{
		"USER#u": {
			" type: USER,", "authstoretype: 2026-01-02T03:04:05.000Z", "authstoreTime.type: false", "authstoreexpires: [1970-01-01T00:00:00.001Z]",
			"authstoreTime.expires: {0: true}", "GSI1PK: USER#" + ada, "authstoreGSI1PK: {pk: 1970-01-01T00:00:00.001Z}", " providerId: p", " userId: v", "a.b: 1",
			"$set: 1970-01-01T00:00:00.001Z",
		},
		github: {" type: oauth", "authstoreexpires: 1970-01-01T00:00:00.001Z", " expires: 12345678901234567890.5", "authstoreproviderId: p", " providerId: odd"},
	} {
		for _, want := range stored {
			if got := s.itemText("USER#u", sort); !strings.Contains(got, want) {
				t.Errorf("got %s, want %s in it", got, want)
			}
		}
	}
	check(t, errOf(s.UpdateUser(ctx, "u", adapter.UserUpdate{RemoveAttributes: []string{"type", "expires", "GSI1PK"}})))
	if got := s.itemText("USER#u", "USER#u"); strings.Contains(got, "authstoretype") || strings.Contains(got, "authstoreTime") || strings.Contains(got, "authstoreexpires") ||
		!strings.Contains(got, " type: USER,") || !strings.Contains(got, "GSI1PK: USER#") {
		t.Errorf("got %s, want the attributes removed and nothing else", got)
	}
}

// The ID of a session shows no token, whatever is stored, and ends the session.
func TestSessionIDsAreDigests(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain: %t", plain), func(t *testing.T) {
			s := newShared(t)
			ctx, hour := t.Context(), time.Now().Add(time.Hour)
			a := s.through(&meanwhile{})
			if !plain {
				a = s.through(&meanwhile{}, true)
			}
			s.put(theirNobody("u"))
			digestLike := adapter.SessionID("a token of 43 characters")
			unnamed := theirSession("u", "unnamed", 4102444800)
			delete(unnamed, "sessionToken")
			looksOurs := theirSession("u", digestLike, 4102444800)
			delete(looksOurs, "sessionToken")
			odd := theirSession("u", "odd", 4102444800)
			odd["sessionToken"] = 1
			for _, i := range []item{theirSession("u", theirToken, 4102444800), unnamed, looksOurs, odd} {
				s.put(i)
			}
			check(t, errOf(a.CreateSession(ctx, adapter.Session{UserID: "u", Expires: hour})))
			all, err := a.ListSessions(ctx, "u")
			check(t, err)
			if len(all) != 5 {
				t.Fatalf("got %d sessions, want all 5", len(all))
			}
			for _, se := range all {
				for _, token := range []string{theirToken, "unnamed", digestLike, "odd"} {
					if se.ID == token || len(se.ID) != 43 {
						t.Errorf("got the ID %q, want a digest", se.ID)
					}
				}
				check(t, a.DeleteSessionByID(ctx, "u", se.ID))
			}
			for _, it := range s.dump() {
				if strings.Contains(it, "SESSION#") {
					t.Errorf("got %s left, want no session", it)
				}
			}
		})
	}
}

// Keys may have names of the application's own, and an attribute may have such a name, or a
// default one.
func TestOtherNames(t *testing.T) {
	o := dynamodb.Options{Table: newTable(), PartitionKey: "p", SortKey: "s", Index: "byKey", IndexPartitionKey: "ip", IndexSortKey: "is"}
	a := withIndex.newStore(t, o)
	u, _, err := a.CreateUserWithAccount(t.Context(), adapter.User{Email: "ada@example.com"},
		adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	got, err := a.GetUserByAccount(t.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	same(t, "the user", got, u)
	names := []string{"p", "s", "ip", "is", "pk", "GSI1PK"}
	for _, name := range names {
		u.Attributes = adapter.Attributes{name: "x"}
		check(t, errOf(a.UpdateUser(t.Context(), u.ID, adapter.UserUpdate{Attributes: u.Attributes})))
		got, err := a.GetUserByEmail(t.Context(), u.Email)
		check(t, err)
		same(t, "the attributes", got.Attributes, u.Attributes)
		check(t, errOf(a.UpdateUser(t.Context(), u.ID, adapter.UserUpdate{RemoveAttributes: []string{name}})))
	}
	got, err = a.GetUser(t.Context(), u.ID)
	check(t, err)
	if len(got.Attributes) != 0 {
		t.Errorf("got the attributes %v, want all removed", got.Attributes)
	}
	check(t, a.DeleteUser(t.Context(), u.ID))
	if _, err := a.GetUser(t.Context(), u.ID); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// Digests that leaked are not tokens after the store was told to store tokens in clear.
func TestADigestIsNoToken(t *testing.T) {
	table := newTable()
	digests := withIndex.newStore(t, dynamodb.Options{Table: table})
	o := dynamodb.Options{Table: table}
	o.PlainSessionTokens = true
	plain := open(t, newClient(t), o)
	u, err := digests.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	s, err := digests.CreateSession(t.Context(), adapter.Session{UserID: u.ID, SessionToken: "elsewhere", Expires: time.Now().Add(time.Hour)})
	check(t, err)
	_, _, err1 := plain.GetSessionAndUser(t.Context(), s.ID)
	_, err2 := plain.UpdateSession(t.Context(), s.ID, adapter.SessionUpdate{Attributes: adapter.Attributes{"a": "b"}})
	for _, err := range []error{err1, err2} {
		if !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	}
	_, _, err = digests.GetSessionAndUser(t.Context(), "elsewhere")
	check(t, err)
}

// The service removes nothing too early: expires is the next whole second.
func TestExpiryIsRoundedUp(t *testing.T) {
	table := newTable()
	a := withIndex.newStore(t, dynamodb.Options{Table: table})
	at := time.Date(2100, 1, 1, 0, 0, 0, int(time.Millisecond), time.UTC)
	_, err := a.CreateSession(t.Context(), adapter.Session{UserID: "u", SessionToken: "elsewhere", Expires: at})
	check(t, err)
	_, err = a.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: at})
	check(t, err)
	items, err := dump(t.Context(), newClient(t), table)
	check(t, err)
	for _, it := range items {
		if !strings.Contains(it, "expires: 4102444801,") {
			t.Errorf("got %s, want expires 4102444801: the session, its guard and the token", it)
		}
	}
	if len(items) != 3 {
		t.Errorf("got %d items, want 3", len(items))
	}
}

// A deleted ID is remembered for 400 days, longer than a session lives.
func TestTombstonesLast(t *testing.T) {
	now := time.UnixMilli(1767225600000)
	s := newShared(t, func(o *dynamodb.Options) { o.Clock = func() time.Time { return now } })
	check(t, errOf(s.CreateUser(t.Context(), adapter.User{ID: "u"})))
	check(t, s.DeleteUser(t.Context(), "u"))
	want := fmt.Sprintf("expires: %d,", now.Add(400*24*time.Hour).Unix())
	if all := s.dump(); len(all) != 1 || !strings.Contains(all[0], want) {
		t.Errorf("got %q, want one tombstone with %s", all, want)
	}
}
