package dynamodb_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// The items that @auth/dynamodb-adapter 2.11.3 writes.
func theirUser(id, email string) item {
	return item{
		"pk": "USER#" + id, "sk": "USER#" + id, "GSI1PK": "USER#" + email, "GSI1SK": "USER#" + email, "type": "USER",
		"id": id, "email": email, "emailVerified": nil, "name": "Ada", "image": nil,
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
	s.putAttributes(theirUser("u", "ada@example.com"), item{"role": "admin"}.attributes())
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

// The Auth.js adapter's expiries are read to the millisecond, and apply to updates too.
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

// When the Auth.js adapter changes the expiry of a session, that holds, although the one in
// milliseconds is still there.
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

// Records of the Auth.js adapter before version 4, and some without keys in the index.
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

// What the Auth.js adapter deletes leaves guards behind: they lead nowhere, and their values
// can be taken again.
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

// oddValues are of every type that an attribute of an item can have.
var oddValues = map[string]types.AttributeValue{
	"S":    &types.AttributeValueMemberS{Value: "odd"},
	"N":    &types.AttributeValueMemberN{Value: "12345678901234567890.5"},
	"BOOL": &types.AttributeValueMemberBOOL{Value: true},
	"NULL": &types.AttributeValueMemberNULL{Value: true},
	"M":    &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"a": &types.AttributeValueMemberB{Value: []byte{0xff}}}},
	"L":    &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberN{Value: "1"}}},
	"SS":   &types.AttributeValueMemberSS{Value: []string{"user", "repo"}},
	"NS":   &types.AttributeValueMemberNS{Value: []string{"1", "2"}},
	"B":    &types.AttributeValueMemberB{Value: []byte{0xff, 0}},
	"BS":   &types.AttributeValueMemberBS{Value: [][]byte{{0xff}}},
}

// putAttributes writes an item with attributes of any type.
func (s shared) putAttributes(i item, also map[string]types.AttributeValue) {
	s.t.Helper()
	all := i.attributes()
	maps.Copy(all, also)
	_, err := s.client.PutItem(s.t.Context(), &awsdynamodb.PutItemInput{TableName: &s.table, Item: all})
	check(s.t, err)
}

// A value of any type in an optional field fails no read, and what is read can be written back.
func TestOddValuesKeepNobodyOut(t *testing.T) {
	userFields := []string{"type", "id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt", "authstoreStamp", "role", "data", "ttl", "a.b", "$a"}
	accountFields := []string{
		"type", "id", "userId", "provider", "providerAccountId", "refresh_token", "access_token", "expires_at", "token_type", "scope", "id_token",
		"session_state", "createdAt", "updatedAt", "providerId", "providerType", "role",
	}
	sessionFields := []string{"type", "userId", "createdAt", "updatedAt", "authstoreExpires", "authstoreTime.ip", "ip"}
	for kind, odd := range oddValues {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, ctx := newShared(t), t.Context()
			all := func(names []string) map[string]types.AttributeValue {
				m := map[string]types.AttributeValue{}
				for _, name := range names {
					m[name] = odd
				}
				return m
			}
			account := all(accountFields)
			if kind == "S" { // it would be another account
				delete(account, "provider")
				delete(account, "providerAccountId")
				delete(account, "providerId")
			}
			s.putAttributes(theirUser("u", ada), all(userFields))
			s.putAttributes(theirAccount("u", "github", "1"), account)
			s.putAttributes(theirSession("u", theirToken, 4102444800), all(sessionFields))
			session, u, err := s.GetSessionAndUser(ctx, theirToken)
			check(t, err)
			byAccount, err := s.GetUserByAccount(ctx, accountKey)
			check(t, err)
			if u.ID != "u" || byAccount.ID != "u" || session.UserID != "u" {
				t.Errorf("got the users %q, %q and %q, want u", u.ID, byAccount.ID, session.UserID)
			}
			found, err := s.GetAccount(ctx, accountKey)
			check(t, err)
			accounts, err := s.ListAccounts(ctx, "u")
			check(t, err)
			sessions, err := s.ListSessions(ctx, "u")
			check(t, err)
			if len(accounts) != 1 || len(sessions) != 1 || found.Key() != accountKey {
				t.Errorf("got %d accounts, %d sessions and %v, want one of each", len(accounts), len(sessions), found.Key())
			}
			// What was read can be written back.
			check(t, errOf(s.UpdateUser(ctx, "u", adapter.UserUpdate{Attributes: u.Attributes})))
			check(t, errOf(s.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Attributes: found.Attributes})))
			check(t, errOf(s.UpdateSession(ctx, theirToken, adapter.SessionUpdate{Attributes: session.Attributes})))
			again, err := s.GetUser(ctx, "u")
			check(t, err)
			same(t, "the attributes that were written back", again.Attributes, u.Attributes)
			check(t, s.UnlinkAccount(ctx, accountKey))
			if got := s.itemText("USER#u", github); got != "" {
				t.Errorf("got the account %s after it was unlinked", got)
			}
			check(t, s.DeleteUser(ctx, "u"))
			for _, it := range s.dump() {
				if !strings.Contains(it, "sk: TOMBSTONE") {
					t.Errorf("got %s left, want the tombstone only", it)
				}
			}
		})
	}
}

// Values of other types are converted.
func TestOddValuesAreConverted(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	user := theirUser("u", ada)
	user["emailVerified"], user["createdAt"], user["name"], user["image"], user["role"] = true, "Thu, 01 Jan 2026 00:00:00 GMT", 7, true, "admin"
	s.put(user)
	account := theirAccount("u", "github", "1")
	account["providerAccountId"], account["expires_at"] = 1, "4102444800"
	s.putAttributes(account, map[string]types.AttributeValue{"scope": oddValues["SS"]})
	u, err := s.GetUserByAccount(ctx, accountKey)
	check(t, err)
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	same(t, "the user", u, adapter.User{
		ID: "u", Email: ada, Name: "7", Image: "true", EmailVerified: created, CreatedAt: created, Attributes: adapter.Attributes{"role": "admin"},
	})
	a, err := s.GetAccount(ctx, accountKey)
	check(t, err)
	if a.ProviderAccountID != "1" || a.ExpiresAt != 4102444800 || len(strings.Fields(a.Scope)) != 2 {
		t.Errorf("got %+v, want the ID, the expiry and the scope converted", a)
	}
	check(t, errOf(s.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Scope: new("all")})))
	check(t, s.UnlinkAccount(ctx, accountKey))
	if err := errOf(s.GetAccount(ctx, accountKey)); !errors.Is(err, adapter.ErrNotFound) || s.itemText("USER#u", github) != "" {
		t.Errorf("an account that was unlinked: got %v, want ErrNotFound", err)
	}
}

// Changes of other programs are read, and stay when the record is updated.
func TestTheirChangesAreRead(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	sc := newScene(t, s)
	set := func(sort, field string, v any) {
		t.Helper()
		_, err := s.client.UpdateItem(ctx, &awsdynamodb.UpdateItemInput{
			TableName: &s.table, Key: item{"pk": "USER#" + sc.user.ID, "sk": sort}.attributes(), UpdateExpression: new("SET #f = :v"),
			ExpressionAttributeNames: map[string]string{"#f": field}, ExpressionAttributeValues: item{":v": v}.attributes(),
		})
		check(t, err)
	}
	set(github, "access_token", "gho_2")
	set("AUTHENTICATOR#c", "counter", 9)
	a, err := s.GetAccount(ctx, accountKey)
	check(t, err)
	if a.AccessToken != "gho_2" {
		t.Errorf("got the token %q, want theirs", a.AccessToken)
	}
	a, err = s.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Scope: new("all")})
	check(t, err)
	if a.AccessToken != "gho_2" || !strings.Contains(s.itemText("USER#"+sc.user.ID, github), "gho_2") {
		t.Errorf("got %+v, want their token kept", a)
	}
	c, err := s.GetAuthenticator(ctx, "c")
	check(t, err)
	if c.Counter != 9 {
		t.Errorf("got the counter %d, want theirs", c.Counter)
	}
	if err := errOf(s.UpdateAuthenticatorCounter(ctx, "c", 8)); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("a counter below theirs: got %v, want ErrConflict", err)
	}
	if got := s.left(); len(got) != 0 {
		t.Errorf("got %q to repair, want nothing", got)
	}
}

// A user or account that the Auth.js adapter deleted and created again is found, although the
// guard leads to the old one.
func TestWhoSignsUpThereAgainIsFound(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	sc := newScene(t, s)
	s.remove("USER#"+sc.user.ID, github)
	s.remove("USER#"+sc.user.ID, "USER#"+sc.user.ID)
	s.put(theirUser("v", ada))
	s.put(theirAccount("v", "github", "1"))
	byEmail, err := s.GetUserByEmail(ctx, ada)
	check(t, err)
	byAccount, err := s.GetUserByAccount(ctx, accountKey)
	check(t, err)
	if byEmail.ID != "v" || byAccount.ID != "v" {
		t.Errorf("got %q and %q, want v", byEmail.ID, byAccount.ID)
	}
	a, err := s.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Scope: new("all")})
	check(t, err)
	if a.UserID != "v" || !strings.Contains(s.itemText(github, "GUARD"), "userId: v") {
		t.Errorf("got %+v, want v's account, with a guard", a)
	}
	s.remove("USER#v", github)
	s.put(theirAccount("w", "github", "1"))
	check(t, s.UnlinkAccount(ctx, accountKey))
	if s.itemText("USER#w", github) != "" && s.itemText("USER#v", github) != "" {
		t.Error("the account is still linked")
	}
}

// Accounts of the Auth.js adapter before its version 4.
func TestAccountsOfBeforeVersion4(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	s.put(theirUser("u", ada))
	account := item{
		"pk": "USER#u", "sk": github, "GSI1PK": "ACCOUNT#1", "GSI1SK": "ACCOUNT#github", "id": "x", "userId": "u",
		"providerId": "github", "providerType": "oauth", "providerAccountId": 1, "accessToken": "gho_1", "accessTokenExpires": nil,
	}
	s.put(account)
	u, err := s.GetUserByAccount(ctx, accountKey)
	check(t, err)
	a, err := s.GetAccount(ctx, accountKey)
	check(t, err)
	want := adapter.Account{
		UserID: "u", Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1",
		Attributes: adapter.Attributes{"accessToken": "gho_1", "accessTokenExpires": nil, "providerType": "oauth"},
	}
	same(t, "the account", a, want)
	if u.ID != "u" {
		t.Errorf("got the user %q, want u", u.ID)
	}
	check(t, errOf(s.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Attributes: a.Attributes})))
	check(t, s.UnlinkAccount(ctx, accountKey))
	if s.itemText("USER#u", github) != "" {
		t.Error("the account is still linked")
	}
}

// Authenticators from before they had times and attributes are read, and get a time when they
// are changed. An unreadable one is not changed.
func TestOlderAuthenticators(t *testing.T) {
	now := time.UnixMilli(4102444800000).UTC()
	s, ctx := newShared(t, func(o *dynamodb.Options) { o.Clock = func() time.Time { return now } }), t.Context()
	s.put(theirNobody("u"))
	store := func(credential string, counter any) {
		s.put(stamped(guard("AUTHENTICATOR#"+credential, "u"), "1"))
		s.put(stamped(item{
			"pk": "USER#u", "sk": "AUTHENTICATOR#" + credential, "userId": "u", "credentialID": credential, "credentialPublicKey": "key", "counter": counter,
			"credentialBackedUp": true, "transports": "usb,nfc",
		}, "1"))
	}
	store("c", 7)
	store("text", "7")
	store("odd", true)
	want := adapter.Authenticator{
		CredentialID: "c", UserID: "u", CredentialPublicKey: "key", Counter: 7, CredentialBackedUp: true, Transports: []string{"usb", "nfc"},
	}
	got, err := s.GetAuthenticator(ctx, "c")
	check(t, err)
	same(t, "the authenticator", got, want)
	up := adapter.AuthenticatorUpdate{Transports: &[]string{}, Attributes: adapter.Attributes{"name": "phone", "expires": now}}
	up.Apply(&want, now)
	for _, credential := range []string{"c", "text"} {
		got, err := s.UpdateAuthenticator(ctx, credential, up)
		check(t, err)
		want.CredentialID = credential
		same(t, "the authenticator after an update", got, want)
		if stored := s.itemText("USER#u", "AUTHENTICATOR#"+credential); strings.Contains(stored, "transports") || strings.Contains(stored, " expires") {
			t.Errorf("got %s, want no transports, and no expiry", stored)
		}
	}
	many := adapter.Attributes{}
	for i := range 300 {
		many[fmt.Sprint("n", i)] = int64(i)
	}
	for _, attributes := range []adapter.Attributes{up.Attributes, many} {
		err = errOf(s.UpdateAuthenticator(ctx, "odd", adapter.AuthenticatorUpdate{Attributes: attributes}))
		isUnreadable(t, err, adapter.RecordError{Place: "table " + s.table + ", authenticator odd", UserID: "u", Field: "counter"})
	}
	if stored := s.itemText("USER#u", "AUTHENTICATOR#odd"); strings.Contains(stored, "authstoreStamp: 1,") == false || strings.Contains(stored, "updatedAt") {
		t.Errorf("got %s, want it as it was", stored)
	}
	got, err = s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Attributes: many})
	check(t, err)
	if len(got.Attributes) != len(many)+2 {
		t.Errorf("got %d attributes, want %d", len(got.Attributes), len(many)+2)
	}
}
