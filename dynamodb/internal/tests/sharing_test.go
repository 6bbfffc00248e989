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

// item is an item as somebody else writes it: strings, numbers, booleans and nil.
type item map[string]any

func (i item) attributes() map[string]types.AttributeValue {
	all := map[string]types.AttributeValue{}
	for name, v := range i {
		switch v := v.(type) {
		case string:
			all[name] = &types.AttributeValueMemberS{Value: v}
		case int, float64:
			all[name] = &types.AttributeValueMemberN{Value: fmt.Sprint(v)}
		case bool:
			all[name] = &types.AttributeValueMemberBOOL{Value: v}
		case nil:
			all[name] = &types.AttributeValueMemberNULL{Value: true}
		}
	}
	return all
}

// shared is a table into which others write too.
type shared struct {
	adapter.Adapter
	t      *testing.T
	client *awsdynamodb.Client
	table  string
}

func newShared(t *testing.T, options ...func(*dynamodb.Options)) shared {
	o := dynamodb.Options{Table: newTable()}
	o.PlainSessionTokens = true
	for _, change := range options {
		change(&o)
	}
	return shared{withIndex.newStore(t, o), t, newClient(t), o.Table}
}

// put writes an item as it is.
func (s shared) put(i item) {
	s.t.Helper()
	_, err := s.client.PutItem(s.t.Context(), &awsdynamodb.PutItemInput{TableName: &s.table, Item: i.attributes()})
	check(s.t, err)
}

// remove deletes an item, as the Auth.js adapter does: by its key, without a guard.
func (s shared) remove(pk, sk string) {
	s.t.Helper()
	_, err := s.client.DeleteItem(s.t.Context(), &awsdynamodb.DeleteItemInput{TableName: &s.table, Key: item{"pk": pk, "sk": sk}.attributes()})
	check(s.t, err)
}

// The items that @auth/dynamodb-adapter 2.11.3 writes.
func theirUser(id, email string) item {
	return item{
		"pk": "USER#" + id, "sk": "USER#" + id, "GSI1PK": "USER#" + email, "GSI1SK": "USER#" + email, "type": "USER",
		"id": id, "email": email, "emailVerified": nil, "name": "Ada", "image": nil, "role": "admin",
	}
}

func theirAccount(userID, provider, account string) item {
	return item{
		"pk": "USER#" + userID, "sk": "ACCOUNT#" + provider + "#" + account, "GSI1PK": "ACCOUNT#" + provider, "GSI1SK": "ACCOUNT#" + account,
		"id": "2b5f0a3e-8a3f-4a52-9d8e-0b9f6a1d7c11", "userId": userID, "type": "oauth", "provider": provider, "providerAccountId": account,
		"access_token": "gho_1", "expires_at": 4102444800, "token_type": "bearer", "scope": "read:user",
	}
}

func theirSession(userID, token string, expires any) item {
	return item{
		"pk": "USER#" + userID, "sk": "SESSION#" + token, "GSI1PK": "SESSION#" + token, "GSI1SK": "SESSION#" + token, "type": "SESSION",
		"sessionToken": token, "userId": userID, "expires": expires,
	}
}

const theirToken = "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b"

// theirHash is the token t as Auth.js hands it to its adapter.
var theirHash = adapter.HashVerificationToken("t", "")

var accountKey = adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}

func TestTheirRecordsAreRead(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	s.put(theirUser("u", "ada@example.com"))
	s.put(theirAccount("u", "github", "1"))
	s.put(theirSession("u", theirToken, 4102444800.25))
	want := adapter.User{ID: "u", Name: "Ada", Email: "ada@example.com", Attributes: adapter.Attributes{"role": "admin"}}
	byEmail, err1 := s.GetUserByEmail(ctx, "ada@example.com")
	byAccount, err2 := s.GetUserByAccount(ctx, accountKey)
	session, bySession, err3 := s.GetSessionAndUser(ctx, theirToken)
	check(t, errors.Join(err1, err2, err3))
	for _, got := range []adapter.User{byEmail, byAccount, bySession} {
		same(t, "the user", got, want)
	}
	same(t, "the session", session, adapter.Session{
		ID: adapter.SessionID(theirToken), SessionToken: theirToken, UserID: "u", Expires: time.UnixMilli(4102444800250).UTC(),
	})
	account, err := s.GetAccount(ctx, accountKey)
	check(t, err)
	same(t, "the account", account, adapter.Account{
		UserID: "u", Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1",
		AccessToken: "gho_1", ExpiresAt: 4102444800, TokenType: "bearer", Scope: "read:user",
	})

	// They can be updated and removed.
	account, err = s.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{AccessToken: new("gho_2")})
	check(t, err)
	if account.AccessToken != "gho_2" || account.Scope != "read:user" {
		t.Errorf("got the account %+v, want its access token changed", account)
	}
	_, err = s.UpdateUser(ctx, "u", adapter.UserUpdate{Email: new("new@example.com")})
	check(t, err)
	if _, err := s.GetUserByEmail(ctx, "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("the old address: got %v, want ErrNotFound", err)
	}
	_, err = s.UpdateSession(ctx, theirToken, adapter.SessionUpdate{Expires: new(time.UnixMilli(4102444800500))})
	check(t, err)
	check(t, s.UnlinkAccount(ctx, accountKey))
	check(t, s.DeleteSession(ctx, theirToken))
	check(t, s.DeleteUser(ctx, "u"))
	for _, it := range s.dump() {
		if !strings.Contains(it, "sk: TOMBSTONE") {
			t.Errorf("got %s left, want the tombstone only", it)
		}
	}
}

func (s shared) dump() []string {
	s.t.Helper()
	all, err := dump(s.t.Context(), s.client, s.table)
	check(s.t, err)
	return all
}

// What they write of an expiry is read to the millisecond, and is the expiry for updates
// too.
func TestTheirExpiries(t *testing.T) {
	at := time.UnixMilli(4102444800250).UTC()
	for name, expires := range map[string]any{
		"a fraction": 4102444800.25, "a whole number": 4102444800, "text": "2100-01-01T00:00:00.250Z", "text of whole seconds": "2100-01-01T00:00:00Z",
	} {
		t.Run(name, func(t *testing.T) {
			now := at.Add(-time.Hour)
			s := newShared(t, func(o *dynamodb.Options) { o.Clock = func() time.Time { return now } })
			s.put(theirUser("u", "ada@example.com"))
			s.put(theirSession("u", theirToken, expires))
			got, _, err := s.GetSessionAndUser(t.Context(), theirToken)
			check(t, err)
			if got.Expires.Truncate(time.Second) != at.Truncate(time.Second) {
				t.Fatalf("got the expiry %v, want about %v", got.Expires, at)
			}
			touch := func() error {
				_, err := s.UpdateSession(t.Context(), theirToken, adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "::1"}})
				return err
			}
			now = got.Expires.Add(-time.Millisecond)
			check(t, touch())
			now = got.Expires
			if err := touch(); !errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrExpired) {
				t.Errorf("UpdateSession at its expiry: got %v, want ErrNotFound", err)
			}
			if _, _, err := s.GetSessionAndUser(t.Context(), theirToken); !errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrExpired) {
				t.Errorf("GetSessionAndUser at its expiry: got %v, want ErrNotFound", err)
			}
			s.put(item{"pk": "VT#ada", "sk": "VT#" + theirHash, "type": "VT", "identifier": "ada", "token": theirHash, "expires": expires})
			if _, err := s.UseVerificationToken(t.Context(), "ada", theirHash); !errors.Is(err, adapter.ErrExpired) {
				t.Errorf("UseVerificationToken at its expiry: got %v, want ErrExpired", err)
			}
		})
	}
}

// When they move the expiry of our session, theirs holds, although ours to the
// millisecond is still there.
func TestTheirExpiryReplacesOurs(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	_, err := s.CreateUser(ctx, adapter.User{ID: "u"})
	check(t, err)
	_, err = s.CreateSession(ctx, adapter.Session{UserID: "u", SessionToken: theirToken, Expires: time.UnixMilli(4102444800250)})
	check(t, err)
	_, err = s.client.UpdateItem(ctx, &awsdynamodb.UpdateItemInput{
		TableName: &s.table, Key: item{"pk": "USER#u", "sk": "SESSION#" + theirToken}.attributes(), UpdateExpression: new("SET expires = :e"),
		ExpressionAttributeValues: item{":e": 4102448400.5}.attributes(),
	})
	check(t, err)
	got, _, err := s.GetSessionAndUser(ctx, theirToken)
	check(t, err)
	if want := time.UnixMilli(4102448400500); !got.Expires.Equal(want) {
		t.Errorf("got the expiry %v, want theirs, %v", got.Expires, want)
	}
}

// Records of before their version 4, and some without keys in the index.
func TestOlderRecords(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	user := theirUser("u", "ada@example.com")
	delete(user, "GSI1PK")
	delete(user, "GSI1SK")
	s.put(user)
	reversed := theirAccount("u", "github", "1")
	reversed["GSI1PK"], reversed["GSI1SK"] = "ACCOUNT#1", "ACCOUNT#github"
	s.put(reversed)
	unindexed := theirAccount("u", "gitlab", "2")
	delete(unindexed, "GSI1PK")
	delete(unindexed, "GSI1SK")
	s.put(unindexed)
	u, err := s.GetUserByAccount(ctx, accountKey)
	check(t, err)
	if u.ID != "u" {
		t.Errorf("got the user %q, want u", u.ID)
	}
	all, err := s.ListAccounts(ctx, "u")
	check(t, err)
	if len(all) != 2 {
		t.Errorf("got %d accounts, want both", len(all))
	}
	_, err = s.GetUser(ctx, "u")
	check(t, err)
	for _, err := range []error{
		errOf(s.GetUserByEmail(ctx, "ada@example.com")), errOf(s.GetAccount(ctx, adapter.AccountKey{Provider: "gitlab", ProviderAccountID: "2"})),
		errOf(s.GetAccount(ctx, adapter.AccountKey{Provider: "1", ProviderAccountID: "github"})),
	} {
		if !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("what nothing leads to: got %v, want ErrNotFound", err)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }

// What the contract needs and cannot be read is an error that says where it is, and not
// its value.
func TestUnreadableRecords(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	s.put(theirUser("u", "ada@example.com"))
	for token, expires := range map[string]any{"4": nil, "5": true, "6": "tomorrow", "7": -1e20} {
		s.put(theirSession("u", token, expires))
		_, _, err := s.GetSessionAndUser(ctx, token)
		isUnreadable(t, err, adapter.RecordError{Place: "table " + s.table + ", session " + adapter.SessionID(token), UserID: "u", Field: "expires"})
		isUnreadable(t, errOf(s.UpdateSession(ctx, token, adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "::1"}})),
			adapter.RecordError{Place: "table " + s.table + ", session " + adapter.SessionID(token), UserID: "u", Field: "expires"})
		if strings.Contains(s.at("USER#u", "SESSION#"+token), "ip") {
			t.Errorf("an update of a session that cannot be read changed it")
		}
	}
	s.put(theirSession("u", "8", 4102444800))
	all, err := s.ListSessions(ctx, "u")
	check(t, err)
	if len(all) != 1 {
		t.Errorf("got %d sessions, want the one that can be read", len(all))
	}
	link := item{"pk": "VT#ada@example.com", "sk": "VT#9", "type": "VT", "identifier": "ada@example.com", "token": "9"}
	s.put(link)
	want := adapter.RecordError{Place: "table " + s.table + ", verification token with the SHA-256 digest " + adapter.SessionID(adapter.HashVerificationToken("9", "")), Field: "expires"}
	link["sk"] = "VT#" + adapter.HashVerificationToken("9", "")
	s.put(link)
	for range 2 { // it is not used up
		isUnreadable(t, errOf(s.UseVerificationToken(ctx, "ada@example.com", adapter.HashVerificationToken("9", ""))), want)
	}
	check(t, s.DeleteSessions(ctx, "u"))
	check(t, s.DeleteUser(ctx, "u"))
	check(t, s.DeleteVerificationTokens(ctx, "ada@example.com"))
	for _, it := range s.dump() {
		if !strings.Contains(it, "sk: TOMBSTONE") {
			t.Errorf("got %s left, want the tombstone only", it)
		}
	}
}

func isUnreadable(t *testing.T, err error, want adapter.RecordError) {
	t.Helper()
	var got *adapter.RecordError
	if !errors.As(err, &got) || !errors.Is(err, adapter.ErrUnreadable) || got.Place != want.Place || got.UserID != want.UserID || got.Field != want.Field {
		t.Errorf("got %v, want that %s of %s cannot be read", err, want.Field, want.Place)
	} else if strings.Contains(err.Error(), "tomorrow") || strings.Contains(err.Error(), "ada@") {
		t.Errorf("%v holds the value or an address", err)
	}
}

// Our records are items as theirs are, key by key.
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
		for _, name := range []string{"image", "role", "access_token", "token_type", "scope"} { // are not set
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

// A guard is never what their adapter finds: neither in the index nor in a user's
// partition.
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

// What their adapter deletes leaves our guards alone: they lead nowhere, and their
// values can be had again.
func TestGuardsThatAreLeftAlone(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	_, _, err := s.CreateUserWithAccount(ctx, adapter.User{ID: "u", Email: "ada@example.com"},
		adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	_, err = s.CreateSession(ctx, adapter.Session{UserID: "u", SessionToken: theirToken, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	s.remove("USER#u", "ACCOUNT#github#1") // unlinkAccount
	if _, err := s.GetUserByAccount(ctx, accountKey); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("an account that they unlinked: got %v, want ErrNotFound", err)
	}
	s.remove("USER#u", "SESSION#"+theirToken)
	s.remove("USER#u", "USER#u") // deleteUser
	if _, err := s.GetUserByEmail(ctx, "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("the address of a user whom they deleted: got %v, want ErrNotFound", err)
	}
	v, _, err := s.CreateUserWithAccount(ctx, adapter.User{ID: "v", Email: "ada@example.com"},
		adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	_, err = s.CreateSession(ctx, adapter.Session{UserID: "v", SessionToken: theirToken, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	byEmail, err1 := s.GetUserByEmail(ctx, "ada@example.com")
	byAccount, err2 := s.GetUserByAccount(ctx, accountKey)
	_, bySession, err3 := s.GetSessionAndUser(ctx, theirToken)
	check(t, errors.Join(err1, err2, err3))
	for _, got := range []adapter.User{byEmail, byAccount, bySession} {
		same(t, "the user", got, v)
	}
}
