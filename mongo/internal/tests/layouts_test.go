package mongo_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/mongo"
)

// preset is a layout with the indexes that its program makes.
type preset struct {
	name string // in a URL
	mongo.Layout
	indexes []theirIndex
}

// theirIndex is an index of another program.
type theirIndex struct {
	collection string
	fields     []string
	unique     bool
	sparse     bool
}

// refuses reports whether an index lets only one user be without an address.
func (i theirIndex) refuses() bool { return i.unique && !i.sparse && i.fields[0] == "email" }

// Prisma's are those of prisma db push, TypeORM's of its synchronize, Better Auth's of its adapter.
var (
	prisma = preset{"prisma", mongo.Prisma(), []theirIndex{
		{"User", []string{"email"}, true, false},
		{"Account", []string{"provider", "providerAccountId"}, true, false},
		{"Session", []string{"sessionToken"}, true, false},
		{"VerificationToken", []string{"identifier", "token"}, true, false},
	}}
	typeORMv3 = preset{"typeormv3", mongo.TypeORMv3(), []theirIndex{
		{"users", []string{"email"}, true, true},
		{"accounts", []string{"compoundId"}, true, false},
		{"sessions", []string{"sessionToken"}, true, false},
		{"sessions", []string{"accessToken"}, true, false},
	}}
	prismaLegacy = preset{"prismalegacy", mongo.PrismaLegacy(), []theirIndex{
		{"users", []string{"email"}, true, false},
		{"accounts", []string{"compound_id"}, true, false},
		{"accounts", []string{"provider_account_id"}, false, false},
		{"accounts", []string{"provider_id"}, false, false},
		{"accounts", []string{"user_id"}, false, false},
		{"sessions", []string{"session_token"}, true, false},
		{"sessions", []string{"access_token"}, true, false},
	}}
	betterAuth = preset{"betterauth", mongo.BetterAuth(), []theirIndex{
		{"user", []string{"email"}, true, false},
		{"session", []string{"token"}, true, false},
		{"session", []string{"userId"}, false, false},
		{"account", []string{"userId"}, false, false},
		{"passkey", []string{"userId"}, false, false},
		{"passkey", []string{"credentialID"}, false, false},
	}}
	presets = []preset{prisma, typeORMv3, prismaLegacy, betterAuth}
)

// parameter is how a URL names the layout.
func (p preset) parameter() string {
	if p.name == "" {
		return ""
	}
	return "layout=" + p.name + "&"
}

// createIndexes makes the other program's indexes, but for those that let only one user be
// without an address.
func (p preset) createIndexes(ctx context.Context, db *driver.Database) error {
	for _, i := range p.indexes {
		if i.refuses() {
			continue
		}
		if err := i.create(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

func (i theirIndex) create(ctx context.Context, db *driver.Database) error {
	var keys bson.D
	for _, field := range i.fields {
		keys = append(keys, bson.E{Key: field, Value: 1})
	}
	o := options.Index().SetUnique(i.unique)
	if i.sparse {
		o.SetSparse(true)
	}
	_, err := db.Collection(i.collection).Indexes().CreateOne(ctx, driver.IndexModel{Keys: keys, Options: o})
	return err
}

// theirs are records as the programs of the layouts store them, and what Go reads.
var theirs = []struct {
	preset
	docs map[string]bson.D // by collection
	user adapter.User
	key  adapter.AccountKey
	want adapter.Account
	seen string // an attribute of the user that is a column of theirs
}{
	{prisma, map[string]bson.D{
		"User":          {{Key: "_id", Value: foreignID}, {Key: "name", Value: "Ada"}, {Key: "email", Value: "ada@example.com"}, {Key: "emailVerified", Value: noon}, {Key: "image", Value: nil}, {Key: "role", Value: "admin"}, {Key: "createdAt", Value: noon}, {Key: "updatedAt", Value: noon}},
		"Account":       {{Key: "_id", Value: foreignID}, {Key: "userId", Value: foreignID}, {Key: "type", Value: "oidc"}, {Key: "provider", Value: "google"}, {Key: "providerAccountId", Value: "117"}, {Key: "refresh_token", Value: nil}, {Key: "access_token", Value: "a"}, {Key: "expires_at", Value: int32(1700000000)}, {Key: "token_type", Value: "bearer"}, {Key: "scope", Value: "openid email"}, {Key: "createdAt", Value: noon}, {Key: "updatedAt", Value: noon}},
		"Session":       {{Key: "_id", Value: foreignID}, {Key: "sessionToken", Value: "theirs"}, {Key: "userId", Value: foreignID}, {Key: "expires", Value: noon}, {Key: "createdAt", Value: noon}, {Key: "updatedAt", Value: noon}},
		"Authenticator": {{Key: "_id", Value: "AAEC"}, {Key: "userId", Value: foreignID}, {Key: "providerAccountId", Value: "AAEC"}, {Key: "credentialPublicKey", Value: "k"}, {Key: "counter", Value: int32(3)}, {Key: "credentialDeviceType", Value: "singleDevice"}, {Key: "credentialBackedUp", Value: false}, {Key: "transports", Value: "usb,nfc"}},
	}, adapter.User{Name: "Ada", Email: "ada@example.com", EmailVerified: noon}, adapter.AccountKey{Provider: "google", ProviderAccountID: "117"},
		adapter.Account{Type: "oidc", AccessToken: "a", ExpiresAt: 1700000000, TokenType: "bearer", Scope: "openid email"}, "role"},
	{typeORMv3, map[string]bson.D{
		"users":    {{Key: "_id", Value: foreignID}, {Key: "name", Value: "Ada"}, {Key: "email", Value: "ada@example.com"}, {Key: "emailVerified", Value: noon}, {Key: "role", Value: "admin"}, {Key: "createdAt", Value: noon}, {Key: "updatedAt", Value: noon}},
		"accounts": {{Key: "_id", Value: foreignID}, {Key: "compoundId", Value: "c"}, {Key: "userId", Value: foreignID}, {Key: "providerType", Value: "oauth"}, {Key: "providerId", Value: "github"}, {Key: "providerAccountId", Value: int32(42)}, {Key: "refreshToken", Value: "r"}, {Key: "accessToken", Value: "a"}, {Key: "accessTokenExpires", Value: noon}, {Key: "createdAt", Value: noon}, {Key: "updatedAt", Value: noon}},
		"sessions": {{Key: "_id", Value: foreignID}, {Key: "userId", Value: foreignID}, {Key: "expires", Value: noon}, {Key: "sessionToken", Value: "theirs"}, {Key: "accessToken", Value: "s"}, {Key: "createdAt", Value: noon}, {Key: "updatedAt", Value: noon}},
	}, adapter.User{Name: "Ada", Email: "ada@example.com", EmailVerified: noon}, adapter.AccountKey{Provider: "github", ProviderAccountID: "42"},
		adapter.Account{Type: "oauth", RefreshToken: "r", AccessToken: "a", ExpiresAt: noon.Unix()}, "role"},
	{prismaLegacy, map[string]bson.D{
		"users":    {{Key: "_id", Value: foreignID}, {Key: "name", Value: "Ada"}, {Key: "email", Value: "ada@example.com"}, {Key: "email_verified", Value: noon}, {Key: "role", Value: "admin"}, {Key: "created_at", Value: noon}, {Key: "updated_at", Value: noon}},
		"accounts": {{Key: "_id", Value: foreignID}, {Key: "compound_id", Value: "c"}, {Key: "user_id", Value: foreignID}, {Key: "provider_type", Value: "oauth"}, {Key: "provider_id", Value: "github"}, {Key: "provider_account_id", Value: "42"}, {Key: "refresh_token", Value: nil}, {Key: "access_token", Value: "a"}, {Key: "access_token_expires", Value: nil}, {Key: "created_at", Value: noon}, {Key: "updated_at", Value: noon}},
		"sessions": {{Key: "_id", Value: foreignID}, {Key: "user_id", Value: foreignID}, {Key: "expires", Value: noon}, {Key: "session_token", Value: "theirs"}, {Key: "access_token", Value: "s"}, {Key: "created_at", Value: noon}, {Key: "updated_at", Value: noon}},
	}, adapter.User{Name: "Ada", Email: "ada@example.com", EmailVerified: noon}, adapter.AccountKey{Provider: "github", ProviderAccountID: "42"},
		adapter.Account{Type: "oauth", AccessToken: "a"}, "role"},
}

// Records of the other programs, which are not run here, are read, as their schemas make them: the
// engines of Prisma cannot be had everywhere, and what NextAuth.js 3 ran on is older than the server.
func TestTheirRecords(t *testing.T) {
	for _, test := range theirs {
		t.Run(test.name, func(t *testing.T) {
			db, ctx := replicaSet.bare(t), t.Context()
			for collection, doc := range test.docs {
				insert(t, db.Collection(collection), doc)
			}
			check(t, test.preset.createIndexes(ctx, db))
			store := open(t, db, mongo.Options{Layout: test.Layout})
			_, u, err := store.GetSessionAndUser(ctx, "theirs")
			check(t, err)
			if u.ID != foreignID.Hex() || u.Name != test.user.Name || u.Email != test.user.Email || !u.EmailVerified.Equal(test.user.EmailVerified) || !u.CreatedAt.Equal(noon) {
				t.Errorf("the user: %+v", u)
			}
			if len(u.Attributes) != 1 || u.Attributes[test.seen] != "admin" {
				t.Errorf("the attributes of the user: %v", u.Attributes)
			}
			a, err := store.GetAccount(ctx, test.key)
			check(t, err)
			test.want.Provider, test.want.ProviderAccountID, test.want.UserID = test.key.Provider, test.key.ProviderAccountID, u.ID
			test.want.CreatedAt, test.want.UpdatedAt = noon, noon
			if !reflect.DeepEqual(a, test.want) {
				t.Errorf("the account: %+v, want %+v", a, test.want)
			}
			if _, there := test.docs["Authenticator"]; there {
				got, err := store.UpdateAuthenticatorCounter(ctx, "AAEC", 4)
				if err != nil || got.Counter != 4 || !slices.Equal(got.Transports, []string{"usb", "nfc"}) {
					t.Errorf("the passkey: %+v, %v", got, err)
				}
			}
			problems, err := schemaOf(t, store).CheckSchema(ctx)
			if check(t, err); len(problems) > 0 {
				t.Errorf("CheckSchema: %v", problems)
			}
			check(t, store.DeleteUser(ctx, u.ID))
			for collection := range test.docs {
				if n := count(t, db, collection); n > 0 {
					t.Errorf("%d documents are left in %s", n, collection)
				}
			}
		})
	}
}

// What Go stores has what the other programs' schemas require, in their types.
func TestTheirRequirements(t *testing.T) {
	text, object, date, flag, number := bson.TypeString, bson.TypeObjectID, bson.TypeDateTime, bson.TypeBoolean, bson.TypeInt64
	for _, test := range []struct {
		preset
		want map[string]map[string]bson.Type
	}{
		{prisma, map[string]map[string]bson.Type{
			"User":              {"_id": object, "email": text, "emailVerified": date, "createdAt": date, "updatedAt": date},
			"Account":           {"_id": object, "userId": object, "type": text, "provider": text, "providerAccountId": text, "expires_at": number, "scope": text, "createdAt": date, "updatedAt": date},
			"Session":           {"_id": object, "sessionToken": text, "userId": object, "expires": date, "createdAt": date, "updatedAt": date},
			"VerificationToken": {"_id": object, "identifier": text, "token": text, "expires": date},
			"Authenticator":     {"_id": text, "userId": object, "providerAccountId": text, "credentialPublicKey": text, "counter": number, "credentialDeviceType": text, "credentialBackedUp": flag, "transports": text},
		}},
		{typeORMv3, map[string]map[string]bson.Type{
			"users":                {"_id": object, "email": text, "emailVerified": date, "createdAt": date, "updatedAt": date},
			"accounts":             {"compoundId": text, "userId": object, "providerType": text, "providerId": text, "providerAccountId": text, "refreshToken": text, "accessToken": text, "accessTokenExpires": date, "createdAt": date, "updatedAt": date},
			"sessions":             {"userId": object, "expires": date, "sessionToken": text, "accessToken": text, "createdAt": date, "updatedAt": date},
			"verificationRequests": {"identifier": text, "token": text, "expires": date, "createdAt": date, "updatedAt": date},
		}},
		{prismaLegacy, map[string]map[string]bson.Type{
			"users":                 {"email": text, "email_verified": date, "created_at": date, "updated_at": date},
			"accounts":              {"compound_id": text, "user_id": object, "provider_type": text, "provider_id": text, "provider_account_id": text, "refresh_token": text, "access_token": text, "access_token_expires": date, "created_at": date, "updated_at": date},
			"sessions":              {"user_id": object, "expires": date, "session_token": text, "access_token": text, "created_at": date, "updated_at": date},
			"verification_requests": {"identifier": text, "token": text, "expires": date, "created_at": date, "updated_at": date},
		}},
		{betterAuth, map[string]map[string]bson.Type{
			"user":    {"_id": object, "name": text, "email": text, "emailVerified": flag, "createdAt": date, "updatedAt": date},
			"account": {"_id": object, "accountId": text, "providerId": text, "userId": object, "accessToken": text, "refreshToken": text, "accessTokenExpiresAt": date, "scope": text, "createdAt": date, "updatedAt": date},
			"session": {"_id": object, "token": text, "userId": object, "expiresAt": date, "createdAt": date, "updatedAt": date},
			"passkey": {"_id": object, "credentialID": text, "publicKey": text, "userId": object, "counter": number, "deviceType": text, "backedUp": flag, "transports": text, "createdAt": date},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			db, ctx := replicaSet.bare(t), t.Context()
			store := open(t, db, mongo.Options{Layout: test.Layout})
			u, err := store.CreateUser(ctx, adapter.User{Email: "ada@example.com", EmailVerified: noon})
			check(t, err)
			_, err = store.LinkAccount(ctx, adapter.Account{UserID: u.ID, Type: "oauth", Provider: "github", ProviderAccountID: "42", AccessToken: "a", RefreshToken: "r", ExpiresAt: 1700000000, Scope: "user repo"})
			check(t, err)
			_, err = store.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: noon})
			check(t, err)
			_, err = store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "ada@example.com", Token: "t", Expires: noon})
			check(t, err)
			_, err = store.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: "AAEC", UserID: u.ID, ProviderAccountID: "AAEC", CredentialPublicKey: "k", CredentialDeviceType: "singleDevice", Transports: []string{"usb", "nfc"}})
			check(t, err)
			for collection, fields := range test.want {
				doc, err := db.Collection(collection).FindOne(ctx, bson.D{}).Raw()
				check(t, err)
				for name, want := range fields {
					if got := doc.Lookup(name).Type; got != want {
						t.Errorf("%s.%s is of the type %s, want %s", collection, name, got, want)
					}
				}
			}
		})
	}
}

// A value that a form cannot hold comes back, until the other program changes the field.
func TestWhatAFormCannotHold(t *testing.T) {
	db, ctx := replicaSet.bare(t), t.Context()
	store := open(t, db, mongo.Options{Layout: mongo.BetterAuth()})
	u, err := store.CreateUser(ctx, adapter.User{EmailVerified: noon})
	check(t, err)
	a, err := store.LinkAccount(ctx, adapter.Account{UserID: u.ID, Type: "oauth", Provider: "github", ProviderAccountID: "42", Scope: "user:a,b repo"})
	check(t, err)
	read := func(verified time.Time, scope string) {
		t.Helper()
		got, err := store.GetUser(ctx, u.ID)
		check(t, err)
		account, err := store.GetAccount(ctx, a.Key())
		check(t, err)
		if !got.EmailVerified.Equal(verified) || account.Scope != scope {
			t.Errorf("got %v and %q, want %v and %q", got.EmailVerified, account.Scope, verified, scope)
		}
	}
	read(noon, "user:a,b repo")
	set(t, db.Collection("account"), bson.D{}, "scope", "user,repo")
	set(t, db.Collection("user"), bson.D{}, "emailVerified", false)
	read(time.Time{}, "user repo")
	_, err = store.UpdateAccount(ctx, a.Key(), adapter.AccountUpdate{Scope: new("one two")})
	check(t, err)
	_, err = store.UpdateUser(ctx, u.ID, adapter.UserUpdate{EmailVerified: new(time.Time{})})
	check(t, err)
	read(time.Time{}, "one two")
	for _, collection := range []string{"user", "account"} {
		doc, err := db.Collection(collection).FindOne(ctx, bson.D{}).Raw()
		check(t, err)
		if strings.Contains(doc.String(), "authstore") {
			t.Errorf("%s has what is beside no field any more: %s", collection, doc)
		}
	}
	_, err = store.UpdateUser(ctx, u.ID, adapter.UserUpdate{Name: new("Ada")})
	check(t, err)
	_, err = store.UpdateUser(ctx, u.ID, adapter.UserUpdate{Name: new("")})
	check(t, err)
	doc, err := db.Collection("user").FindOne(ctx, bson.D{}).Raw()
	check(t, err)
	if name, ok := doc.Lookup("name").StringValueOK(); !ok || name != "" {
		t.Errorf("a name that was removed is %s, want an empty text, which Better Auth requires", doc.Lookup("name"))
	}
}

// The indexes that the other programs make serve, or a call says what to do about them.
func TestTheirIndexes(t *testing.T) {
	for _, p := range presets {
		t.Run(p.name, func(t *testing.T) {
			db, ctx := replicaSet.bare(t), t.Context()
			for _, i := range p.indexes {
				check(t, i.create(ctx, db))
			}
			store := open(t, db, mongo.Options{Layout: p.Layout})
			problems, err := schemaOf(t, store).CheckSchema(ctx)
			if check(t, err); len(problems) > 0 {
				t.Errorf("CheckSchema: %v", problems)
			}
			for _, i := range p.indexes {
				cursor, err := db.Collection(i.collection).Indexes().List(ctx)
				check(t, err)
				var all []struct{ Key bson.D }
				check(t, cursor.All(ctx, &all))
				n := 0
				for _, e := range all {
					if len(e.Key) == len(i.fields) && e.Key[0].Key == i.fields[0] {
						n++
					}
				}
				want := 1
				if i.fields[0] == "credentialID" && !i.unique {
					want = 2 // Better Auth lets a credential be there twice
				}
				if n != want {
					t.Errorf("%s has %d indexes on %v, want %d", i.collection, n, i.fields, want)
				}
			}
		})
	}
}

// A derived member that somebody else's record has, as only another program can have stored it, is
// in the way: a person has to look at it, and no retry helps.
func TestADerivedMemberThatIsTaken(t *testing.T) {
	db, ctx := replicaSet.bare(t), t.Context()
	check(t, typeORMv3.createIndexes(ctx, db))
	store := open(t, db, mongo.Options{Layout: mongo.TypeORMv3()})
	u, err := store.CreateUser(ctx, adapter.User{})
	check(t, err)
	github := adapter.Account{UserID: u.ID, Type: "oauth", Provider: "github", ProviderAccountID: "42"}
	_, err = store.LinkAccount(ctx, github)
	check(t, err)
	set(t, db.Collection("accounts"), bson.D{}, "providerAccountId", "43")
	_, err = store.LinkAccount(ctx, github)
	saysSetup(t, "LinkAccount", err, "compoundId")
}
