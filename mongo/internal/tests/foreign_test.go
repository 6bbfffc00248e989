package mongo_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// Documents of other programs are read as what they mean.
func TestDocumentsOfOthers(t *testing.T) {
	store, db, _ := replicaSet.monitored(t, mongo.Options{Options: adapter.Options{PlainSessionTokens: true}})
	ctx := t.Context()
	insert(t, db.Collection("users"), bson.D{
		{Key: "_id", Value: foreignID}, {Key: "id", Value: "old"}, {Key: "name", Value: nil}, {Key: "email", Value: "ada@example.com"},
		{Key: "emailVerified", Value: "2100-01-02T12:00:00.123Z"}, {Key: "createdAt", Value: noon.UnixMilli()}, {Key: "updatedAt", Value: float64(noon.UnixMilli())},
		{Key: "role", Value: "admin"}, {Key: "age", Value: int32(36)}, {Key: "score", Value: 1.5}, {Key: "big", Value: int64(math.MaxInt64)},
		{Key: "price", Value: decimal}, {Key: "team", Value: foreignID}, {Key: "key", Value: bson.Binary{Data: []byte("abc")}},
		{Key: "tags", Value: bson.A{"a", int32(1), nil}}, {Key: "nested", Value: bson.D{{Key: "at", Value: bson.NewDateTimeFromTime(noon)}}},
	})
	want := adapter.User{
		ID: foreignID.Hex(), Email: "ada@example.com", EmailVerified: noon, CreatedAt: noon, UpdatedAt: noon,
		Attributes: adapter.Attributes{
			"role": "admin", "age": int64(36), "score": 1.5, "big": int64(math.MaxInt64), "price": "12.50", "team": foreignID.Hex(), "key": "YWJj",
			"tags": []any{"a", int64(1), nil}, "nested": map[string]any{"at": noon},
		},
	}
	got, err := store.GetUser(ctx, want.ID)
	check(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("GetUser\n got:  %+v\n want: %+v", got, want)
	}

	// An update leaves alone what it does not name.
	_, err = store.UpdateUser(ctx, want.ID, adapter.UserUpdate{Name: new("Ada")})
	check(t, err)
	doc, err := db.Collection("users").FindOne(ctx, bson.D{{Key: "_id", Value: foreignID}}).Raw()
	check(t, err)
	for field, kind := range map[string]bson.Type{
		"id": bson.TypeString, "emailVerified": bson.TypeString, "price": bson.TypeDecimal128, "team": bson.TypeObjectID, "age": bson.TypeInt32, "key": bson.TypeBinary,
	} {
		if got := doc.Lookup(field).Type; got != kind {
			t.Errorf("the field %s is of the type %s after an update, and was of %s", field, got, kind)
		}
	}

	insert(t, db.Collection("accounts"), bson.D{
		{Key: "userId", Value: foreignID}, {Key: "type", Value: "oauth"}, {Key: "provider", Value: "github"}, {Key: "providerAccountId", Value: "1"},
		{Key: "expires_at", Value: 4102574400.75}, {Key: "scope", Value: nil}, {Key: "tenant", Value: "t"},
	})
	account, err := store.GetAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	if account.ExpiresAt != 4102574400 || account.Attributes["tenant"] != "t" || account.UserID != want.ID {
		t.Errorf("GetAccount: %+v", account)
	}

	// Dates in text expire too.
	for token, expires := range map[string]time.Time{"live": time.Now().Add(time.Hour), "dead": time.Now().Add(-time.Hour)} {
		insert(t, db.Collection("sessions"), bson.D{
			{Key: "sessionToken", Value: token}, {Key: "userId", Value: foreignID}, {Key: "expires", Value: expires.UTC().Format(time.RFC3339Nano)},
		})
	}
	if _, _, err := store.GetSessionAndUser(ctx, "live"); err != nil {
		t.Error(err)
	}
	if _, err := store.UpdateSession(ctx, "live", adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "::1"}}); err != nil {
		t.Error(err)
	}
	if _, _, err := store.GetSessionAndUser(ctx, "dead"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("GetSessionAndUser of an expired session: %v", err)
	}
	if _, err := store.UpdateSession(ctx, "dead", adapter.SessionUpdate{Expires: new(noon)}); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("UpdateSession of an expired session: %v", err)
	}
	insert(t, db.Collection("authenticators"), bson.D{
		{Key: "credentialID", Value: "c"}, {Key: "userId", Value: foreignID}, {Key: "counter", Value: int32(7)}, {Key: "transports", Value: "usb,nfc"},
	})
	passkey, err := store.UpdateAuthenticatorCounter(ctx, "c", 8)
	check(t, err)
	if !reflect.DeepEqual(passkey.Transports, []string{"usb", "nfc"}) || passkey.Counter != 8 {
		t.Errorf("the credential: %+v", passkey)
	}
}

// Documents of other programs in the same collections are left alone.
func TestDocumentsOfOtherPrograms(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	past := bson.NewDateTimeFromTime(time.Now().Add(-time.Hour))
	clear(t, s.db)
	// Not in the past for long: the server's own TTL monitor removes what has expired.
	for collection, docs := range map[string][]bson.D{
		"sessions": {
			{{Key: "_id", Value: "connect-mongo"}, {Key: "expires", Value: later}, {Key: "session", Value: `{"cookie":{}}`}},
			{{Key: "_id", Value: "connect-mongo 2"}, {Key: "expires", Value: later}, {Key: "session", Value: `{"cookie":{}}`}},
			{{Key: "token", Value: "better"}, {Key: "userId", Value: oid(t, "dd")}, {Key: "expiresAt", Value: past}},
			{{Key: "sessionToken", Value: nil}, {Key: "userId", Value: "gone"}},
		},
		"accounts": {
			{{Key: "balance", Value: 7}}, {{Key: "balance", Value: 8}},
			{{Key: "accountId", Value: "1"}, {Key: "providerId", Value: "github"}, {Key: "userId", Value: oid(t, "dd")}},
			{{Key: "providerId", Value: "github"}, {Key: "providerAccountId", Value: "1"}, {Key: "userId", Value: oid(t, "dd")}},
		},
		"verification_tokens": {{{Key: "code", Value: "1"}, {Key: "expires", Value: later}}, {{Key: "code", Value: "2"}}},
		"authenticators":      {{{Key: "totp", Value: "x"}, {Key: "userId", Value: oid(t, "dd")}}, {{Key: "totp", Value: "y"}}},
		"users":               {{{Key: "_id", Value: "settings"}, {Key: "theme", Value: "dark"}}},
	} {
		for _, doc := range docs {
			insert(t, s.db.Collection(collection), doc)
		}
	}
	before := everything(t, s.db)
	problems, err := schemaOf(t, s.Adapter).CheckSchema(ctx)
	check(t, err)
	if len(problems) > 0 {
		t.Errorf("CheckSchema: %v, want nothing", problems)
	}
	if found := repair(t, s.Adapter); len(found) > 0 {
		t.Errorf("Repair: %v, want nothing", found)
	}
	clock := connect(t, s.db, mongo.Options{Options: adapter.Options{Clock: func() time.Time { return noon.Add(time.Hour) }}})
	p, _ := adapter.As[adapter.Purger](clock)
	if n, err := p.PurgeExpired(ctx); err != nil || n != 0 {
		t.Errorf("PurgeExpired: %d, %v, want 0", n, err)
	}
	u, _, err := s.CreateUserWithAccount(ctx, measure.TypicalUser("new"), measure.TypicalAccount("1"))
	check(t, err)
	check(t, s.DeleteSessions(ctx, u.ID))
	check(t, s.DeleteUser(ctx, u.ID))
	if !slices.Equal(everything(t, s.db), before) {
		t.Errorf("something has changed:\n%s\nwant:\n%s", strings.Join(everything(t, s.db), "\n"), strings.Join(before, "\n"))
	}
	// Nor do they stand in the way of the indexes.
	bare := replicaSet.bare(t)
	for range 2 {
		for _, name := range []string{"sessions", "accounts", "verification_tokens", "authenticators"} {
			insert(t, bare.Collection(name), bson.D{{Key: "theirs", Value: true}})
		}
	}
	store := connect(t, bare, mongo.Options{})
	problems, err = schemaOf(t, store).CheckSchema(ctx)
	check(t, err)
	for _, p := range problems {
		if p.Blocking {
			t.Errorf("CheckSchema: %v", p)
		}
	}
	if found := repair(t, store); len(found) > 0 {
		t.Errorf("Repair: %v, want nothing", found)
	}
	check(t, schemaOf(t, store).ApplySchema(ctx))
	if n := count(t, bare, "sessions"); n != 2 {
		t.Errorf("%d documents, want 2", n)
	}
}

// PurgeExpired leaves documents of other programs in its collections alone.
func TestAPurgeLeavesOthersDocuments(t *testing.T) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{Options: adapter.Options{Clock: func() time.Time { return time.Now().Add(2 * time.Hour) }}})
	for _, name := range []string{"sessions", "verification_tokens"} {
		insert(t, db.Collection(name), bson.D{{Key: "note", Value: "another program's"}, {Key: "expires", Value: bson.NewDateTimeFromTime(time.Now().Add(time.Hour))}})
	}
	p, _ := adapter.As[adapter.Purger](store)
	if n, err := p.PurgeExpired(t.Context()); n != 0 || err != nil {
		t.Errorf("got %d, %v, want none", n, err)
	}
}

// Dates, numbers and lists of other programs are read as what they mean.
func TestOddValuesThatMeanSomething(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	dates := map[string]any{
		"a date": later, "a timestamp": bson.Timestamp{T: uint32(noon.Unix())}, "milliseconds": noon.UnixMilli(), "milliseconds, as a double": float64(noon.UnixMilli()), "milliseconds, as a decimal": parsed(fmt.Sprint(noon.UnixMilli())),
		"ISO": "2100-01-02T12:00:00.123Z", "a zone": "2100-01-02T14:00:00.123+02:00", "no zone": "2100-01-02T12:00:00", "toString": "Sat Jan 02 2100 14:00:00 GMT+0200 (Central European Summer Time)",
		"toUTCString": "Sat, 02 Jan 2100 12:00:00 GMT", "toLocaleString": "1/2/2100, 12:00:00 PM", "a space": "2100-01-02 12:00:00", "a day": "2100-01-02", "a symbol": bson.Symbol("2100-01-02T12:00:00Z"),
	}
	means := func(name string, got time.Time) {
		t.Helper()
		if got.Truncate(24*time.Hour) != noon.Truncate(24*time.Hour) || name != "a day" && got.Truncate(time.Second) != noon.Truncate(time.Second) {
			t.Errorf("%s: got %s", name, got)
		}
	}
	for name, v := range dates {
		for _, field := range []string{"emailVerified", "createdAt", "updatedAt"} {
			s.set(t, "users", field, v)
			u, err := s.GetUser(ctx, s.id)
			check(t, err)
			means(name, map[string]time.Time{"emailVerified": u.EmailVerified, "createdAt": u.CreatedAt, "updatedAt": u.UpdatedAt}[field])
		}
		s.set(t, "sessions", "expires", v)
		session, _, err := s.GetSessionAndUser(ctx, "token")
		check(t, err)
		means(name, session.Expires)
		updated, err := s.UpdateSession(ctx, "token", adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "::1"}})
		if err != nil || !updated.Expires.Equal(session.Expires) || updated.ID != adapter.SessionID("token") || updated.UserID != s.id {
			t.Errorf("UpdateSession with %s: %+v, %v", name, updated, err)
		}
		isStill(t, s.db.Collection("sessions"), bson.D{}, "expires", v)
		if _, err := s.UpdateSession(ctx, "token", adapter.SessionUpdate{Expires: new(noon.Add(time.Hour))}); err != nil {
			t.Errorf("UpdateSession of the expiry with %s: %v", name, err)
		}
		s.set(t, "verification_tokens", "expires", v)
		link, err := s.UseVerificationToken(ctx, "ada@example.com", adapter.HashVerificationToken("link", ""))
		check(t, err)
		means(name, link.Expires)
	}
	for name, past := range map[string]any{
		"ISO": "2020-01-02T12:00:00Z", "toUTCString": "Thu, 02 Jan 2020 12:00:00 GMT", "milliseconds": int64(1577966400000), "a double": 1577966400000.0,
		"a timestamp": bson.Timestamp{T: 1577966400}, "a date before 1970": bson.DateTime(-1),
	} {
		s.set(t, "sessions", "expires", past)
		if _, _, err := s.GetSessionAndUser(ctx, "token"); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("GetSessionAndUser, expired as %s: %v", name, err)
		}
		if _, err := s.UpdateSession(ctx, "token", adapter.SessionUpdate{Expires: new(noon)}); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("UpdateSession, expired as %s: %v", name, err)
		}
		if all, err := s.ListSessions(ctx, s.id); err != nil || len(all) > 0 {
			t.Errorf("ListSessions, expired as %s: %v, %v", name, all, err)
		}
		s.set(t, "verification_tokens", "expires", past)
		if _, err := s.UseVerificationToken(ctx, "ada@example.com", adapter.HashVerificationToken("link", "")); !errors.Is(err, adapter.ErrExpired) {
			t.Errorf("UseVerificationToken, expired as %s: %v", name, err)
		}
		if n, err := s.db.Collection("verification_tokens").CountDocuments(ctx, bson.D{}); err != nil || n != 0 {
			t.Errorf("%d tokens after one was used that had expired as %s: %v", n, name, err)
		}
	}
	account := func(field string, v, want any, got func(adapter.Account) any) {
		t.Helper()
		s.set(t, "accounts", field, v)
		a, err := s.GetAccount(ctx, theirKey)
		check(t, err)
		if !reflect.DeepEqual(got(a), want) {
			t.Errorf("%s as %v: got %v, want %v", field, v, got(a), want)
		}
	}
	expiresAt := func(a adapter.Account) any { return a.ExpiresAt }
	for _, v := range []any{int32(1714996800), int64(1714996800), 1714996800.9, "1714996800", "1714996800.5", parsed("1714996800"), bson.DateTime(1714996800000), "2024-05-06T12:00:00Z"} {
		account("expires_at", v, int64(1714996800), expiresAt)
	}
	for _, v := range []any{math.NaN(), "soon", bson.D{}, true, int64(-5), parsed("NaN"), int64(math.MaxInt64)} {
		account("expires_at", v, int64(0), expiresAt)
	}
	account("scope", bson.A{"user", "repo"}, "user repo", func(a adapter.Account) any { return a.Scope })
	account("access_token", bson.D{}, "", func(a adapter.Account) any { return a.AccessToken })
	account("session_state", int32(5), "5", func(a adapter.Account) any { return a.SessionState })
	passkey := func(field string, v, want any, got func(adapter.Authenticator) any) {
		t.Helper()
		s.set(t, "authenticators", field, v)
		a, err := s.GetAuthenticator(ctx, "c")
		check(t, err)
		if !reflect.DeepEqual(got(a), want) {
			t.Errorf("%s as %v: got %v, want %v", field, v, got(a), want)
		}
		if _, err = s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Attributes: adapter.Attributes{"a": 1}}); err != nil {
			t.Errorf("UpdateAuthenticator with %s as %v: %v", field, v, err)
		}
		isStill(t, s.db.Collection("authenticators"), bson.D{}, field, v)
		if a, err = s.UpdateAuthenticatorCounter(ctx, "c", 8); err != nil || a.Counter != 8 {
			t.Errorf("UpdateAuthenticatorCounter with %s as %v: %+v, %v", field, v, a, err)
		}
	}
	for _, v := range []any{int32(7), int64(7), 7.0, parsed("7"), parsed("7.0"), "7"} {
		passkey("counter", v, uint32(7), func(a adapter.Authenticator) any { return a.Counter })
	}
	passkey("transports", bson.A{"usb", "nfc"}, []string{"usb", "nfc"}, func(a adapter.Authenticator) any { return a.Transports })
	passkey("transports", "usb, nfc", []string{"usb", "nfc"}, func(a adapter.Authenticator) any { return a.Transports })
	passkey("transports", bson.A{int32(1)}, []string(nil), func(a adapter.Authenticator) any { return a.Transports })
	passkey("credentialBackedUp", int32(1), true, func(a adapter.Authenticator) any { return a.CredentialBackedUp })
	passkey("credentialBackedUp", "false", false, func(a adapter.Authenticator) any { return a.CredentialBackedUp })
	passkey("credentialPublicKey", bson.Binary{Data: []byte("abc")}, "YWJj", func(a adapter.Authenticator) any { return a.CredentialPublicKey })
}

// Attributes that a read returns can be written back, at any depth. Others are omitted, and
// stay in the document.
func TestAttributesCanBeWrittenBack(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	names := bson.D{}
	for _, name := range []string{"a.b", "$x", "@y", "data", "ttl", "type", "pk", "id", "userId2", "with space", "ünï", "authstoreNonce", strings.Repeat("n", 256), "ctl\x01", "__proto__", "constructor", ""} {
		names = append(names, bson.E{Key: name, Value: "v"})
	}
	values := append(slices.Clone(oddValues), odd{"odd names", names}, odd{"15 deep", nested(14)}, odd{"17 deep", nested(16)}, odd{"a list of lists", bson.A{bson.A{bson.A{}}}})
	for _, o := range values {
		t.Run(o.name, func(t *testing.T) {
			s.set(t, "", "", nil)
			for _, collection := range []string{"users", "accounts", "sessions", "authenticators"} {
				insertAs(t, s.db.Collection(collection), o.value)
			}
			u, err := s.GetUser(ctx, s.id)
			check(t, err)
			a, err := s.GetAccount(ctx, theirKey)
			check(t, err)
			session, _, err := s.GetSessionAndUser(ctx, "token")
			check(t, err)
			passkey, err := s.GetAuthenticator(ctx, "c")
			check(t, err)
			for name, write := range map[string]func() error{
				"UpdateUser": func() error { return failed(s.UpdateUser(ctx, s.id, adapter.UserUpdate{Attributes: u.Attributes})) },
				"UpdateAccount": func() error {
					return failed(s.UpdateAccount(ctx, theirKey, adapter.AccountUpdate{Attributes: a.Attributes}))
				},
				"UpdateSession": func() error {
					return failed(s.UpdateSession(ctx, "token", adapter.SessionUpdate{Attributes: session.Attributes}))
				},
				"UpdateAuthenticator": func() error {
					return failed(s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Attributes: passkey.Attributes}))
				},
				"LinkAccount": func() error {
					_, err := s.LinkAccount(ctx, adapter.Account{UserID: s.id, Type: "oauth", Provider: "other", ProviderAccountID: "1", Attributes: a.Attributes})
					check(t, s.UnlinkAccount(ctx, adapter.AccountKey{Provider: "other", ProviderAccountID: "1"}))
					return err
				},
			} {
				if err := write(); err != nil {
					t.Errorf("%s: %.300v", name, err)
				}
			}
			after, err := s.GetUser(ctx, s.id)
			check(t, err)
			if !reflect.DeepEqual(after.Attributes, u.Attributes) {
				t.Errorf("the attributes are %.300v after they were written back, and were %.300v", after.Attributes, u.Attributes)
			}
			if _, shown := u.Attributes["v"]; !shown && o.name != "odd names" { // what is hidden stays
				for _, collection := range []string{"users", "accounts", "sessions", "authenticators"} {
					isStill(t, s.db.Collection(collection), bson.D{}, "v", o.value)
				}
			}
			if o.name == "odd names" { // and so do their names
				doc, err := s.db.Collection("users").FindOne(ctx, bson.D{}).Raw()
				check(t, err)
				for _, name := range []string{"a.b", "@y", "data", "ttl", "ctl\x01", "authstoreNonce"} {
					if _, err := doc.LookupErr(name); err != nil {
						t.Errorf("the field %q is gone", name)
					}
				}
			}
		})
	}
}

// An attribute of an account that is named expires has no effect.
func TestAnAccountDoesNotExpire(t *testing.T) {
	s := newScene(t)
	s.set(t, "accounts", "expires", bson.DateTime(1))
	if _, err := s.LinkAccount(t.Context(), adapter.Account{UserID: oid(t, "ff").Hex(), Type: "oauth", Provider: "github", ProviderAccountID: "1"}); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("LinkAccount of somebody else: %v, want the conflict", err)
	}
	if u, err := s.GetUserByAccount(t.Context(), theirKey); err != nil || u.ID != s.id {
		t.Errorf("GetUserByAccount: %q, %v", u.ID, err)
	}
}
