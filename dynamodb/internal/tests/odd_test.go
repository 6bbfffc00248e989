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

// A value of any type in any field that the contract can do without keeps nobody out, and
// what is read can be written back.
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
			if got := s.at("USER#u", github); got != "" {
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

// What an odd value means is read.
func TestOddValuesAreConverted(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	user := theirUser("u", ada)
	user["emailVerified"], user["createdAt"], user["name"], user["image"] = true, "Thu, 01 Jan 2026 00:00:00 GMT", 7, true
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
	if err := errOf(s.GetAccount(ctx, accountKey)); !errors.Is(err, adapter.ErrNotFound) || s.at("USER#u", github) != "" {
		t.Errorf("an account that was unlinked: got %v, want ErrNotFound", err)
	}
}

// An authenticator whose counter cannot be read is not counted on, and one that can is.
func TestOddAuthenticators(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	s.put(theirNobody("u"))
	for credential, counter := range map[string]types.AttributeValue{
		"text": &types.AttributeValueMemberS{Value: "5"}, "whole": &types.AttributeValueMemberN{Value: "5"}, "map": oddValues["M"], "bool": oddValues["BOOL"],
	} {
		check(t, errOf(s.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: credential, UserID: "u", CredentialPublicKey: "key"})))
		s.putAttributes(item{"pk": "USER#u", "sk": "AUTHENTICATOR#" + credential, "credentialID": credential, "credentialPublicKey": "key"},
			map[string]types.AttributeValue{"counter": counter, "transports": oddValues["SS"], "credentialBackedUp": oddValues["N"]})
	}
	for credential, want := range map[string]error{"text": nil, "whole": nil, "map": adapter.ErrUnreadable, "bool": adapter.ErrUnreadable} {
		for _, err := range []error{errOf(s.UpdateAuthenticatorCounter(ctx, credential, 6)), errOf(s.GetAuthenticator(ctx, credential))} {
			if !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", credential, err, want)
			}
		}
	}
	if err := errOf(s.UpdateAuthenticatorCounter(ctx, "text", 6)); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("a counter that does not grow: got %v, want ErrConflict", err)
	}
	all, err := s.ListAuthenticators(ctx, "u")
	check(t, err)
	if len(all) != 2 || len(all[0].Transports) != 2 {
		t.Errorf("got %+v, want the two that can be read", all)
	}
	if got := s.left(); len(got) != 2 {
		t.Errorf("got %q, want the two that cannot be read", got)
	}
	check(t, s.DeleteAuthenticator(ctx, "map"))
	check(t, s.DeleteUser(ctx, "u"))
}

// What others change in a record is what is read, and stays when it is updated.
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
	if a.AccessToken != "gho_2" || !strings.Contains(s.at("USER#"+sc.user.ID, github), "gho_2") {
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

// Who was deleted or unlinked by them, and signed up there again, is found although our
// guard leads to what was there before.
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
	if a.UserID != "v" || !strings.Contains(s.at(github, "GUARD"), "userId: v") {
		t.Errorf("got %+v, want v's account, with a guard", a)
	}
	s.remove("USER#v", github)
	s.put(theirAccount("w", "github", "1"))
	check(t, s.UnlinkAccount(ctx, accountKey))
	if s.at("USER#w", github) != "" && s.at("USER#v", github) != "" {
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
	if s.at("USER#u", github) != "" {
		t.Error("the account is still linked")
	}
}

// A session's ID shows no token, whatever is stored, and ends the session.
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

// No finding shows a token or an address.
func TestFindingsShowNoToken(t *testing.T) {
	s := newShared(t)
	s.put(theirSession("gone", theirToken, 4102444800))
	s.put(theirSession("gone", theirToken+"2", "tomorrow"))
	s.put(item{"pk": "VT#" + ada, "sk": "VT#" + theirHash, "expires": true})
	s.put(theirAccount("gone", "email", ada))
	found, err := s.repairer(&meanwhile{}).Repair(t.Context(), true)
	check(t, err)
	for _, f := range found {
		if text := fmt.Sprint(f); strings.Contains(text, theirToken) || strings.Contains(text, theirHash) || strings.Contains(text, ada) {
			t.Errorf("got %s, want no token and no address", text)
		}
	}
	if len(found) < 4 {
		t.Errorf("got %d findings, want one for each record", len(found))
	}
}

// Names that JavaScript takes for a prototype are stored under others, at every depth.
func TestPrototypesAreStoredAside(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	deep := map[string]any{"__proto__": map[string]any{"admin": true}, "constructor": "x", "at": []any{map[string]any{"__proto__": time.UnixMilli(0).UTC()}}}
	want := adapter.Attributes{"__proto__": map[string]any{"admin": true, "since": time.UnixMilli(0).UTC()}, "authority": deep}
	check(t, errOf(s.CreateUser(ctx, adapter.User{ID: "u", Attributes: want})))
	got, err := s.GetUser(ctx, "u")
	check(t, err)
	same(t, "the attributes", got.Attributes, want)
	if stored := s.at("USER#u", "USER#u"); strings.Contains(stored, "{__proto__") || strings.Contains(stored, " __proto__") {
		t.Errorf("got %s, want no name that JavaScript takes for a prototype", stored)
	}
	_, err = s.UpdateUser(ctx, "u", adapter.UserUpdate{RemoveAttributes: []string{"__proto__"}, Attributes: adapter.Attributes{"authority": "none"}})
	check(t, err)
	if stored := s.at("USER#u", "USER#u"); strings.Contains(stored, "__proto__") {
		t.Errorf("got %s, want it removed", stored)
	}
}

// An attribute whose name an item needs for itself is stored under another one, with the marks
// of its times, and what the item has for itself is no attribute.
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
			if got := s.at("USER#u", sort); !strings.Contains(got, want) {
				t.Errorf("got %s, want %s in it", got, want)
			}
		}
	}
	check(t, errOf(s.UpdateUser(ctx, "u", adapter.UserUpdate{RemoveAttributes: []string{"type", "expires", "GSI1PK"}})))
	if got := s.at("USER#u", "USER#u"); strings.Contains(got, "authstoretype") || strings.Contains(got, "authstoreTime") || strings.Contains(got, "authstoreexpires") ||
		!strings.Contains(got, " type: USER,") || !strings.Contains(got, "GSI1PK: USER#") {
		t.Errorf("got %s, want the attributes removed and nothing else", got)
	}
}

// Who has nothing but an attribute with such a name was not made by an update of nobody.
func TestAUserWithSuchAnAttributeIsNoGhost(t *testing.T) {
	s := newShared(t)
	s.put(theirGhost("u"))
	check(t, errOf(s.UpdateUser(t.Context(), "u", adapter.UserUpdate{Attributes: adapter.Attributes{"type": "admin"}})))
	found, err := s.repairer(&meanwhile{}).Repair(t.Context(), false)
	check(t, err)
	if len(found) != 0 || s.at("USER#u", "USER#u") == "" {
		t.Errorf("got %v, want the user left alone", found)
	}
}

// Authenticators of before they had times and attributes are read, and get a time when they
// are changed. One that cannot be read is not changed.
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
		if stored := s.at("USER#u", "AUTHENTICATOR#"+credential); strings.Contains(stored, "transports") || strings.Contains(stored, " expires") {
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
	if stored := s.at("USER#u", "AUTHENTICATOR#odd"); strings.Contains(stored, "authstoreStamp: 1,") == false || strings.Contains(stored, "updatedAt") {
		t.Errorf("got %s, want it as it was", stored)
	}
	got, err = s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Attributes: many})
	check(t, err)
	if len(got.Attributes) != len(many)+2 {
		t.Errorf("got %d attributes, want %d", len(got.Attributes), len(many)+2)
	}
}

// Repair takes only what leads nowhere, and what it cannot mend does not keep it from the
// rest.
func TestRepairTakesOnlyWhatLeadsNowhere(t *testing.T) {
	kept := map[string]item{
		"a name":              {"pk": "USER#1", "sk": "USER#1", "id": "1", "name": "Ada"},
		"an address":          {"pk": "USER#2", "sk": "USER#2", "id": "2", "email": "2@example.com"},
		"no type":             {"pk": "USER#3", "sk": "USER#3", "id": "3", "createdAt": "2026-01-01T00:00:00.000Z"},
		"another type":        {"pk": "USER#4", "sk": "USER#4", "id": "4", "type": "admin"},
		"a type of null":      {"pk": "USER#5", "sk": "USER#5", "id": "5", "type": nil, "name": "Ada"},
		"a number for a type": {"pk": "USER#6", "sk": "USER#6", "id": "6", "type": 1},
		"something else":      {"pk": "USER#7", "sk": "USER#7", "id": "7", "plan": "pro"},
		"their user":          theirNobody("8"),
		"an image":            {"pk": "USER#9", "sk": "USER#9", "id": "9", "image": "https://example.com/9.png"},
		// Other programs' items.
		"an order":               {"pk": "USER#nobody", "sk": "ORDER#1", "total": 1},
		"an account of theirs":   {"pk": "USER#nobody", "sk": "ACCOUNT#billing", "userId": "nobody", "plan": "pro"},
		"a session of theirs":    {"pk": "USER#nobody", "sk": "SESSION#2026-01-01", "minutes": 5},
		"a guard of theirs":      {"pk": "CASTLE#1", "sk": "GUARD", "userId": "nobody", "authstoreStamp": "1"},
		"a guard in their words": {"pk": "ACCOUNT#1", "sk": "GUARD", "name": "Bob"},
		"a profile":              {"pk": "USER#nobody", "sk": "PROFILE"},
		"an organization":        {"pk": "ORG#1", "sk": "ORG#1", "type": "ORG"},
		"a tombstone of theirs":  {"pk": "DELETED#1", "sk": "2026"},
	}
	s := newShared(t)
	for _, i := range kept {
		s.put(i)
	}
	s.put(theirGhost("ghost"))
	s.put(item{"pk": "USER#long", "sk": "USER#long", "email": strings.Repeat("x", 2100) + "@example.com"}) // no key of a guard
	s.put(stamped(guard("EMAIL#stray@example.com", "ghost"), "1"))
	found, err := s.repairer(&meanwhile{}).Repair(t.Context(), false)
	check(t, err)
	for name, i := range kept {
		if s.at(i["pk"].(string), i["sk"].(string)) == "" {
			t.Errorf("%s is gone", name)
		}
	}
	if s.at("USER#ghost", "USER#ghost") != "" || s.at("EMAIL#stray@example.com", "GUARD") != "" {
		t.Error("what leads nowhere is left")
	}
	for _, f := range found {
		if strings.Contains(f.Object, "long") && f.Action != "" {
			t.Errorf("got %v, want that a person has to", f)
		}
	}
	check(t, s.DeleteUser(t.Context(), "nobody"))
	for _, name := range []string{"an order", "an account of theirs", "a session of theirs", "a profile"} {
		if i := kept[name]; s.at(i["pk"].(string), i["sk"].(string)) == "" {
			t.Errorf("%s was deleted with a user", name)
		}
	}
}
