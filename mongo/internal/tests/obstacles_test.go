package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// calls makes every call that writes, for one user with all kinds of records. All values
// except the keys are the same as those of other users. Later calls work without what a
// refused one would have created.
func calls(ctx context.Context, store adapter.Adapter, n int) []measure.Operation {
	key := adapter.AccountKey{Provider: "github", ProviderAccountID: fmt.Sprint(n)}
	account := adapter.Account{
		UserID: newID(uint64(1000 + n)), Type: "oauth", Provider: key.Provider, ProviderAccountID: key.ProviderAccountID, AccessToken: "a", ExpiresAt: 1, Scope: "user",
	}
	signUp := account
	signUp.UserID, signUp.ProviderAccountID = "", fmt.Sprint("signed up ", n)
	user := adapter.User{ID: account.UserID, Name: "Ada", Email: fmt.Sprintf("ada%d@example.com", n), Image: "https://example.com/ada.png"}
	token := fmt.Sprint("session", n)
	passkey := fmt.Sprint("passkey", n)
	call := func(name string, f func(context.Context) error) measure.Operation {
		return measure.Operation{Name: name, Call: f}
	}
	return []measure.Operation{
		call("CreateUser", func(ctx context.Context) error { _, err := store.CreateUser(ctx, user); return err }),
		call("CreateUser without an address", func(ctx context.Context) error { _, err := store.CreateUser(ctx, adapter.User{}); return err }),
		call("CreateUserWithAccount", func(ctx context.Context) error {
			_, _, err := store.CreateUserWithAccount(ctx, adapter.User{Name: "Ada", Email: "signedup" + user.Email, Image: user.Image}, signUp)
			return err
		}),
		call("UpdateUser", func(ctx context.Context) error {
			_, err := store.UpdateUser(ctx, user.ID, adapter.UserUpdate{Name: new("Bob")})
			return err
		}),
		call("UpdateUser (e-mail)", func(ctx context.Context) error {
			_, err := store.UpdateUser(ctx, user.ID, adapter.UserUpdate{Email: new("new" + user.Email)})
			return err
		}),
		call("UpdateUser (no e-mail)", func(ctx context.Context) error {
			_, err := store.UpdateUser(ctx, user.ID, adapter.UserUpdate{Email: new("")})
			return err
		}),
		call("LinkAccount", func(ctx context.Context) error { _, err := store.LinkAccount(ctx, account); return err }),
		call("LinkAccount, the second one", func(ctx context.Context) error {
			second := account
			second.Provider = "google"
			_, err := store.LinkAccount(ctx, second)
			return err
		}),
		call("UpdateAccount", func(ctx context.Context) error {
			_, err := store.UpdateAccount(ctx, key, adapter.AccountUpdate{AccessToken: new("b")})
			return err
		}),
		call("CreateSession", func(ctx context.Context) error {
			_, err := store.CreateSession(ctx, adapter.Session{SessionToken: token, UserID: user.ID, Expires: noon})
			return err
		}),
		call("CreateSession, the second one", func(ctx context.Context) error {
			_, err := store.CreateSession(ctx, adapter.Session{UserID: user.ID, Expires: noon})
			return err
		}),
		call("UpdateSession", func(ctx context.Context) error {
			_, err := store.UpdateSession(ctx, token, adapter.SessionUpdate{Expires: new(noon.Add(time.Hour))})
			return err
		}),
		call("CreateVerificationToken", func(ctx context.Context) error {
			_, err := store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada@example.com", Token: fmt.Sprint("token", n), Expires: noon})
			return err
		}),
		call("CreateAuthenticator", func(ctx context.Context) error {
			_, err := store.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: passkey, UserID: user.ID, ProviderAccountID: passkey, CredentialPublicKey: "k", CredentialDeviceType: "singleDevice"})
			return err
		}),
		call("CreateAuthenticator, another user's", func(ctx context.Context) error {
			_, err := store.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: passkey + "b", UserID: newID(uint64(9000 + n)), ProviderAccountID: passkey, CredentialPublicKey: "k", CredentialDeviceType: "singleDevice"})
			return err
		}),
		call("CreateUserWithAuthenticator", func(ctx context.Context) error {
			_, _, err := store.CreateUserWithAuthenticator(ctx, adapter.User{Name: "Ada", Email: "keyed" + user.Email, Image: user.Image}, adapter.Authenticator{CredentialID: passkey + "c", ProviderAccountID: passkey, CredentialPublicKey: "k", CredentialDeviceType: "singleDevice"})
			return err
		}),
		call("UpdateAuthenticator", func(ctx context.Context) error {
			_, err := store.UpdateAuthenticator(ctx, passkey, adapter.AuthenticatorUpdate{CredentialBackedUp: new(true), Transports: &[]string{"usb"}})
			return err
		}),
		call("UpdateAuthenticatorCounter", func(ctx context.Context) error {
			_, err := store.UpdateAuthenticatorCounter(ctx, passkey, 5)
			return err
		}),
		call("UnlinkAccount", func(ctx context.Context) error { return store.UnlinkAccount(ctx, key) }),
		call("DeleteUser, who is not there", func(ctx context.Context) error { return store.DeleteUser(ctx, newID(uint64(5000+n))) }),
		call("DeleteUser", func(ctx context.Context) error { return store.DeleteUser(ctx, user.ID) }),
	}
}

// unbothered fails the test unless every operation returns nil or an ErrSetup with the
// texts, after a few commands, and users can be deleted. It returns the number of refused
// calls.
func unbothered(t *testing.T, store adapter.Adapter, seen *commands, n int, texts ...string) (refused int) {
	t.Helper()
	for _, op := range calls(t.Context(), store, n) {
		seen.take()
		err := op.Call(t.Context())
		if n := len(seen.take()); n > 12 { // DeleteUser's eight, and a mark that is refused
			t.Errorf("%s: %d commands", op.Name, n)
		}
		if err == nil || refused > 0 && errors.Is(err, adapter.ErrNotFound) {
			continue
		}
		refused++
		saysSetup(t, op.Name, err, texts...)
		if strings.HasPrefix(op.Name, "DeleteUser") {
			t.Errorf("%s: %v", op.Name, err)
		}
	}
	return refused
}

func listed(t *testing.T, store adapter.Adapter, texts ...string) (there bool, all []adapter.SchemaProblem) {
	t.Helper()
	all, err := schemaOf(t, store).CheckSchema(t.Context())
	check(t, err)
	for _, p := range all {
		has := p.Blocking
		for _, text := range texts {
			has = has && strings.Contains(p.Object+" "+p.Detail, text)
		}
		there = there || has
	}
	return there, all
}

var caseless = options.Collation{Locale: "en", Strength: 2}

// If a unique index of the application's refuses a write, the call names it at once.
// Nothing loops or panics, and a user can be deleted regardless.
func TestUniqueIndexesOfOthers(t *testing.T) {
	unique := func() *options.IndexOptionsBuilder { return options.Index().SetUnique(true) }
	for _, test := range []struct {
		name       string
		collection string
		keys       bson.D
		options    *options.IndexOptionsBuilder
		harmless   bool
	}{
		{name: "username", collection: "users", keys: ascending("username"), options: unique()},
		{name: "id", collection: "users", keys: ascending("id"), options: unique()},
		{name: "down", collection: "users", keys: bson.D{{Key: "username", Value: -1}}, options: unique()},
		{name: "nested", collection: "users", keys: ascending("profile.nick"), options: unique()},
		{name: "compound", collection: "users", keys: ascending("tenant", "username"), options: unique()},
		{name: "compound with the address", collection: "users", keys: ascending("email", "tenant"), options: unique()},
		{name: "name", collection: "users", keys: ascending("name"), options: unique()},
		{name: "image", collection: "users", keys: ascending("image"), options: unique().SetSparse(true)},
		{name: "a plain second one on the address", collection: "users", keys: ascending("email"), options: unique().SetName("old")},
		{name: "without case", collection: "users", keys: ascending("name"), options: unique().SetCollation(&caseless)},
		{name: "partial on our own, without case", collection: "users", keys: ascending("name"), options: unique().SetCollation(&caseless).SetPartialFilterExpression(bson.D{{Key: "name", Value: bson.D{{Key: "$exists", Value: true}}}})},
		{name: "partial on what is missing", collection: "users", keys: ascending("username"), options: unique().SetPartialFilterExpression(bson.D{{Key: "createdAt", Value: bson.D{{Key: "$exists", Value: true}}}})},
		{name: "compoundId of version 3", collection: "accounts", keys: ascending("compoundId"), options: unique()},
		{name: "one account each", collection: "accounts", keys: ascending("userId"), options: unique().SetName("one")},
		{name: "provider", collection: "accounts", keys: ascending("provider"), options: unique()},
		{name: "access_token", collection: "accounts", keys: ascending("access_token"), options: unique()},
		{name: "accessToken of version 3", collection: "sessions", keys: ascending("accessToken"), options: unique()},
		{name: "one session each", collection: "sessions", keys: ascending("userId"), options: unique().SetName("one")},
		{name: "expiry", collection: "sessions", keys: ascending("expires", "ip"), options: unique()},
		{name: "identifier", collection: "verification_tokens", keys: ascending("identifier"), options: unique()},
		{name: "id of a passkey", collection: "authenticators", keys: ascending("id"), options: unique()},
		{name: "counter", collection: "authenticators", keys: ascending("counter"), options: unique()},

		{name: "partial", collection: "users", keys: ascending("username"), options: unique().SetPartialFilterExpression(bson.D{{Key: "username", Value: bson.D{{Key: "$exists", Value: true}}}}), harmless: true},
		{name: "partial by type", collection: "users", keys: ascending("username"), options: unique().SetPartialFilterExpression(bson.D{{Key: "username", Value: bson.D{{Key: "$type", Value: "string"}}}}), harmless: true},
		{name: "sparse", collection: "users", keys: ascending("username"), options: unique().SetSparse(true), harmless: true},
		{name: "more than ours", collection: "accounts", keys: ascending("userId", "provider", "providerAccountId"), options: unique(), harmless: true},
		{name: "token alone", collection: "verification_tokens", keys: ascending("token"), options: unique(), harmless: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, db, seen := replicaSet.monitored(t, mongo.Options{})
			makeIndex(t, db.Collection(test.collection), test.keys, test.options)
			if test.name != "name" { // which another user has
				_, err := store.CreateUser(t.Context(), adapter.User{ID: newID(1), Name: "Eve"})
				check(t, err)
			}
			there, problems := listed(t, store, "of "+test.collection, "unique on", test.keys[0].Key)
			if there == test.harmless {
				t.Errorf("CheckSchema before: listed %t: %+v", there, problems)
			}
			refused := 0
			for i := range 3 {
				refused += unbothered(t, store, seen, i, "unique index", test.collection, test.keys[0].Key)
			}
			if test.harmless != (refused == 0) {
				t.Errorf("%d calls were refused", refused)
			}
		})
	}
}

// A duplicate value in an application's own field is none of the contract's conflicts.
func TestUniqueAttributes(t *testing.T) {
	store, db, seen := replicaSet.monitored(t, mongo.Options{})
	ctx := t.Context()
	makeIndex(t, db.Collection("users"), ascending("username"), options.Index().SetUnique(true).SetSparse(true))
	taken := adapter.Attributes{"username": "ada"}
	_, err := store.CreateUser(ctx, adapter.User{Attributes: taken})
	check(t, err)
	u, err := store.CreateUser(ctx, adapter.User{Email: "bob@example.com"})
	check(t, err)
	seen.take()
	_, err = store.CreateUser(ctx, adapter.User{Attributes: taken})
	saysSetup(t, "CreateUser", err, "username_1", "users")
	_, err = store.UpdateUser(ctx, u.ID, adapter.UserUpdate{Attributes: taken})
	saysSetup(t, "UpdateUser", err, "username_1", "users")
	_, err = store.UpdateUser(ctx, u.ID, adapter.UserUpdate{Attributes: taken, Email: new("b@example.com")})
	saysSetup(t, "UpdateUser with an address", err, "username_1")
	_, _, err = store.CreateUserWithAccount(ctx, adapter.User{Attributes: taken}, measure.TypicalAccount("1"))
	saysSetup(t, "CreateUserWithAccount", err, "username_1")
	if n := len(seen.take()); n != 7 { // one each, and one after those that the driver repeats
		t.Errorf("%d commands, want 7", n)
	}
}

// An e-mail address that an index considers equal to another, because of a collation, is
// refused by that index and not a conflict.
func TestAddressesAlikeByCollation(t *testing.T) {
	store, db, seen := replicaSet.monitored(t, mongo.Options{})
	ctx := t.Context()
	insert(t, db.Collection("users"), bson.D{{Key: "email", Value: "Ada@Example.com"}})
	makeIndex(t, db.Collection("users"), ascending("email"), options.Index().SetName("caseless").SetUnique(true).SetCollation(&caseless).
		SetPartialFilterExpression(bson.D{{Key: "email", Value: bson.D{{Key: "$exists", Value: true}}}}))
	u, err := store.CreateUser(ctx, adapter.User{})
	check(t, err)
	seen.take()
	_, err = store.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
	saysSetup(t, "CreateUser", err, `"caseless"`, "email", "collation")
	_, _, err = store.CreateUserWithAccount(ctx, adapter.User{Email: "ada@example.com"}, measure.TypicalAccount("1"))
	saysSetup(t, "CreateUserWithAccount", err, `"caseless"`)
	_, err = store.UpdateUser(ctx, u.ID, adapter.UserUpdate{Email: new("ada@example.com")})
	saysSetup(t, "UpdateUser", err, `"caseless"`)
	if strings.Contains(err.Error(), "@example.com") {
		t.Errorf("the error has an address in it: %v", err)
	}
	if n := len(seen.take()); n != 5 { // one each, and one after those that the driver repeats
		t.Errorf("%d commands, want 5", n)
	}
	if there, all := listed(t, store, "caseless"); !there {
		t.Errorf("CheckSchema does not list it: %+v", all)
	}
}

// If a validator of the application's refuses a write, the call names its collection and
// the fields. Nothing is left half done, and a user can be deleted regardless.
func TestValidatorsOfOthers(t *testing.T) {
	schema := func(rest ...bson.E) bson.D {
		return bson.D{{Key: "$jsonSchema", Value: append(bson.D{{Key: "bsonType", Value: "object"}}, rest...)}}
	}
	field := func(name string, kind string) bson.E {
		return bson.E{Key: "properties", Value: bson.D{{Key: name, Value: bson.D{{Key: "bsonType", Value: kind}}}}}
	}
	for _, test := range []struct {
		name, collection, field string
		validator               bson.D
	}{
		{"required", "users", "username", schema(bson.E{Key: "required", Value: bson.A{"username"}})},
		{"no more fields", "users", "authstore", schema(bson.E{Key: "additionalProperties", Value: false}, bson.E{Key: "properties", Value: bson.D{
			{Key: "_id", Value: bson.D{}}, {Key: "name", Value: bson.D{}}, {Key: "email", Value: bson.D{}}, {Key: "emailVerified", Value: bson.D{}}, {Key: "image", Value: bson.D{}},
			{Key: "createdAt", Value: bson.D{}}, {Key: "updatedAt", Value: bson.D{}}, {Key: "age", Value: bson.D{}}, {Key: "admin", Value: bson.D{}}, {Key: "tags", Value: bson.D{}},
		}})},
		{"an account's type", "accounts", "expires_at", schema(field("expires_at", "string"))},
		{"an account's field", "accounts", "compoundId", schema(bson.E{Key: "required", Value: bson.A{"compoundId"}})},
		{"a session's field", "sessions", "ip", schema(bson.E{Key: "required", Value: bson.A{"ip"}})},
		{"a token's expiry", "verification_tokens", "expires", schema(field("expires", "string"))},
		{"a passkey's counter", "authenticators", "counter", schema(field("counter", "string"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, db, seen := replicaSet.monitored(t, mongo.Options{})
			before, err := store.CreateUser(t.Context(), adapter.User{Email: "before@example.com"})
			check(t, err)
			expires := bson.NewDateTimeFromTime(time.Now().Add(time.Hour))
			insert(t, db.Collection("sessions"), bson.D{{Key: "userId", Value: oid(t, before.ID)}, {Key: "sessionToken", Value: "s"}, {Key: "expires", Value: expires}})
			check(t, db.RunCommand(t.Context(), bson.D{{Key: "collMod", Value: test.collection}, {Key: "validator", Value: test.validator}}).Err())
			if there, all := listed(t, store, "collection "+test.collection, "validator"); !there {
				t.Errorf("CheckSchema does not list it: %+v", all)
			}
			if unbothered(t, store, seen, 1, "validator of the collection "+test.collection, test.field) == 0 {
				t.Error("no call was refused")
			}
			check(t, store.DeleteUser(t.Context(), before.ID))
			if n, err := db.Collection("sessions").CountDocuments(t.Context(), bson.D{{Key: "userId", Value: oid(t, before.ID)}}); n != 0 || err != nil {
				t.Errorf("%d sessions of a deleted user are left, %v", n, err)
			}
			for credential, b := range signUps {
				user := measure.TypicalUser("half-" + credential)
				_, err = b.call(t.Context(), store, user, "half")
				if n, failed := db.Collection("users").CountDocuments(t.Context(), bson.D{{Key: "email", Value: user.Email}}); failed != nil || (err == nil) != (n == 1) {
					t.Errorf("a sign-up with %s: %v, and there are %d such users, %v", credential, err, n, failed)
				}
			}
		})
	}
}
