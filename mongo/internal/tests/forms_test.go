package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// count returns how many documents a collection has.
func count(t *testing.T, db *driver.Database, collection string) int64 {
	t.Helper()
	n, err := db.Collection(collection).CountDocuments(t.Context(), bson.D{})
	check(t, err)
	return n
}

// clear removes all documents.
func clear(t *testing.T, db *driver.Database) {
	t.Helper()
	for _, name := range []string{"users", "accounts", "sessions", "verification_tokens", "authenticators"} {
		_, err := db.Collection(name).DeleteMany(t.Context(), bson.D{})
		check(t, err)
	}
}

// repair runs Repair.
func repair(t *testing.T, store adapter.Adapter) []adapter.Repair {
	t.Helper()
	r, _ := adapter.As[adapter.Repairer](store)
	all, err := r.Repair(t.Context(), false)
	check(t, err)
	return all
}

// A user is one by whatever form of the ID another program uses, in _id and in userId.
func TestEveryFormOfAUserID(t *testing.T) {
	hex := foreignID.Hex()
	for _, stringIDs := range []bool{false, true} {
		store, db, _ := replicaSet.monitored(t, mongo.Options{StringIDs: stringIDs, Options: adapter.Options{PlainSessionTokens: true}})
		s := &scene{Adapter: store, db: db}
		for _, form := range []struct {
			id     string // in Go
			stored any    // _id
			owners []any  // userId
		}{
			{hex, foreignID, []any{foreignID, hex, strings.ToUpper(hex)}},
			{hex, hex, []any{foreignID, hex}},
			{"650000000000000000000012", "650000000000000000000012", []any{oid(t, "650000000000000000000012"), "650000000000000000000012"}},
			{"auth0|ada", "auth0|ada", []any{"auth0|ada", bson.Symbol("auth0|ada")}},
			{uuidText, uuidText, []any{uuidText, uuid(4), uuid(3)}},
			{uuidText, uuid(4), []any{uuidText, uuid(4), uuid(3)}},
			{uuidText, uuid(3), []any{uuidText, uuid(3)}},
			{"42", int32(42), []any{int32(42), int64(42), 42.0, parsed("42"), parsed("42.0"), "42"}},
			{"42", "42", []any{"42", int32(42), 42.0}},
			{"42", 42.0, []any{int32(42), 42.0, "42"}},
			{"42", parsed("42"), []any{int32(42), "42"}},
			{"-7", int64(-7), []any{int64(-7), "-7"}},
			{"1.5", 1.5, []any{1.5, "1.5", parsed("1.5")}},
			{"1152921504606847000", math.Ldexp(1, 60), []any{math.Ldexp(1, 60), "1152921504606847000"}},
			{"9223372036854775807", int64(math.MaxInt64), []any{int64(math.MaxInt64), "9223372036854775807"}},
			{"12345678901234567890", parsed("12345678901234567890"), []any{parsed("12345678901234567890"), "12345678901234567890"}},
			{"0", math.Copysign(0, -1), []any{int32(0), "0"}},
		} {
			for _, owner := range form.owners {
				upper, isText := owner.(string)
				if stringIDs && isText && strings.ToLower(upper) != upper {
					continue // where IDs are strings, that is another one
				}
				t.Run(fmt.Sprintf("stringIDs=%t, _id %T %v, userId %T %v", stringIDs, form.stored, form.stored, owner, owner), func(t *testing.T) {
					s.id = form.id
					clear(t, db)
					insert(t, db.Collection("users"), with(theUser, "_id", form.stored))
					insert(t, db.Collection("accounts"), with(theAccount, "userId", owner))
					insert(t, db.Collection("sessions"), with(theSession, "userId", owner))
					insert(t, db.Collection("verification_tokens"), theLink)
					insert(t, db.Collection("authenticators"), with(thePasskey, "userId", owner))
					s.isKnown(t)
				})
			}
		}
	}
}

// isKnown fails the test unless every call knows the user.
func (s *scene) isKnown(t *testing.T) {
	ctx := t.Context()
	s.reads(ctx).succeed(t)
	for name, read := range map[string]func() (string, error){
		"GetUser":          func() (string, error) { u, err := s.GetUser(ctx, s.id); return u.ID, err },
		"GetUserByEmail":   func() (string, error) { u, err := s.GetUserByEmail(ctx, "ada@example.com"); return u.ID, err },
		"GetUserByAccount": func() (string, error) { u, err := s.GetUserByAccount(ctx, theirKey); return u.ID, err },
		"GetAccount":       func() (string, error) { a, err := s.GetAccount(ctx, theirKey); return a.UserID, err },
		"GetSessionAndUser": func() (string, error) {
			se, u, err := s.GetSessionAndUser(ctx, "token")
			return cmpSame(se.UserID, u.ID), err
		},
		"GetAuthenticator": func() (string, error) { a, err := s.GetAuthenticator(ctx, "c"); return a.UserID, err },
	} {
		if id, err := read(); err != nil || id != s.id {
			t.Errorf("%s: the user %q, %v, want %q", name, id, err, s.id)
		}
	}
	s.updates(ctx).succeed(t)
	// Nobody takes the place of anything.
	if _, err := s.LinkAccount(ctx, adapter.Account{UserID: oid(t, "ff").Hex(), Type: "oauth", Provider: "github", ProviderAccountID: "1"}); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("LinkAccount of somebody else: %v", err)
	}
	if _, _, err := s.CreateUserWithAccount(ctx, adapter.User{}, measure.TypicalAccount("1")); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("CreateUserWithAccount of somebody else: %v", err)
	}
	if _, err := s.CreateAuthenticator(ctx, adapter.Authenticator{UserID: oid(t, "ff").Hex(), CredentialID: "c", CredentialPublicKey: "k"}); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("CreateAuthenticator of somebody else: %v", err)
	}
	before := everything(t, s.db)
	if found := repair(t, s.Adapter); len(found) > 0 {
		t.Errorf("Repair: %v, want nothing", found)
	}
	if !slices.Equal(everything(t, s.db), before) {
		t.Error("Repair has changed something")
	}
	// What Go adds is the user's too.
	steps{
		{"CreateSession", func() error {
			session, err := s.CreateSession(ctx, adapter.Session{UserID: s.id, Expires: noon})
			check(t, err)
			_, u, err := s.GetSessionAndUser(ctx, session.SessionToken)
			if err == nil && u.ID != s.id {
				err = fmt.Errorf("it opens for %s", u.ID)
			}
			return err
		}},
		{"LinkAccount", func() error {
			_, err := s.LinkAccount(ctx, adapter.Account{UserID: s.id, Type: "oauth", Provider: "google", ProviderAccountID: "g"})
			check(t, err)
			u, err := s.GetUserByAccount(ctx, adapter.AccountKey{Provider: "google", ProviderAccountID: "g"})
			if err == nil && u.ID != s.id {
				err = fmt.Errorf("it leads to %s", u.ID)
			}
			return err
		}},
		{"CreateAuthenticator", func() error {
			return failed(s.CreateAuthenticator(ctx, adapter.Authenticator{UserID: s.id, CredentialID: "c2", CredentialPublicKey: "k"}))
		}},
		{"DeleteSessionByID", func() error {
			check(t, s.DeleteSessionByID(ctx, s.id, adapter.SessionID("token")))
			return one(s.ListSessions(ctx, s.id))
		}},
		{"DeleteSessions", func() error { return s.DeleteSessions(ctx, s.id) }},
	}.succeed(t)
	if n := count(t, s.db, "sessions"); n != 0 {
		t.Errorf("%d sessions after DeleteSessions", n)
	}
	insert(t, s.db.Collection("sessions"), with(theSession, "userId", s.id))
	check(t, s.DeleteUser(ctx, s.id))
	check(t, s.UnlinkAccount(ctx, adapter.AccountKey{Provider: "nobody", ProviderAccountID: "1"}))
	check(t, s.DeleteVerificationTokens(ctx, "ada@example.com"))
	s.isEmpty(t)
}

// cmpSame returns two IDs that should be the same one.
func cmpSame(a, b string) string {
	if a != b {
		return a + " and " + b
	}
	return a
}

// An _id that no text leads to is an error that names it, and never a nil that leaves the
// user there.
func TestUserIDsThatCannotBe(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	for _, o := range oddValues {
		switch id := o.value.(type) {
		case bson.A, bson.Regex, bson.Undefined: // which the server takes for no _id
			continue
		case nil: // userId null is nobody's
			continue
		case bool, bson.DateTime, bson.Timestamp, bson.JavaScript, bson.CodeWithScope, bson.MinKey, bson.MaxKey, bson.DBPointer:
		case bson.D:
			if len(id) > 0 && strings.HasPrefix(id[0].Key, "$") || o.name == "an object with odd names" {
				continue
			}
		case float64:
			if !math.IsNaN(id) && !math.IsInf(id, 0) && id != 1e300 && id != 1e-300 {
				continue
			}
		case bson.Decimal128:
			if o.name == "a decimal" {
				continue
			}
		case bson.Binary:
			if id.Subtype == 4 || id.Subtype == 3 {
				continue
			}
		case string:
			if id == "text" {
				continue
			}
		default:
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			clear(t, s.db)
			insert(t, s.db.Collection("users"), with(theUser, "_id", o.value))
			insert(t, s.db.Collection("accounts"), with(theAccount, "userId", o.value))
			insert(t, s.db.Collection("sessions"), with(theSession, "userId", o.value))
			before := everything(t, s.db)
			for name, call := range map[string]func() error{
				"GetUserByEmail":              func() error { return failed(s.GetUserByEmail(ctx, "ada@example.com")) },
				"GetUserByAccount":            func() error { return failed(s.GetUserByAccount(ctx, theirKey)) },
				"GetSessionAndUser":           func() error { return failed2(s.GetSessionAndUser(ctx, "token")) },
				"CreateUser with the address": func() error { return failed(s.CreateUser(ctx, adapter.User{Email: "ada@example.com"})) },
				"sign-up with the account": func() error {
					return failed2(s.CreateUserWithAccount(ctx, adapter.User{}, measure.TypicalAccount("1")))
				},
			} {
				err := call()
				text := fmt.Sprint(err)
				if !errors.Is(err, adapter.ErrUnreadable) && !errors.Is(err, adapter.ErrConflict) && !errors.Is(err, adapter.ErrNotFound) || strings.Contains(text, "@example") {
					t.Errorf("%s: %v", name, err)
				}
				if name == "GetUserByEmail" && !errors.Is(err, adapter.ErrUnreadable) {
					t.Errorf("%s: %v, want the record named", name, err)
				}
			}
			found := repair(t, s.Adapter)
			if !slices.ContainsFunc(found, func(f adapter.Repair) bool { return strings.Contains(f.Object+f.Detail, "_id") && f.Action == "" }) {
				t.Errorf("Repair: %v, want the user named", found)
			}
			if o.value != nil && o.value != "" && !slices.Equal(everything(t, s.db), before) {
				t.Errorf("something has changed: %.2000s", everything(t, s.db))
			}
		})
	}
}

// Two users may have one ID in two forms. By that ID calls mean the one who has it in the
// usual form; the other is an error, and neither is taken for the other.
func TestTwoUsersWithOneID(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	hex := foreignID.Hex()
	insert(t, s.db.Collection("users"), theUser)
	insert(t, s.db.Collection("users"), bson.D{{Key: "_id", Value: hex}, {Key: "email", Value: "grace@example.com"}})
	insert(t, s.db.Collection("sessions"), with(theSession, "userId", hex))
	insert(t, s.db.Collection("sessions"), with(with(theSession, "userId", foreignID), "sessionToken", "ada's"))
	if u, err := s.GetUser(ctx, hex); err != nil || u.Email != "ada@example.com" {
		t.Errorf("GetUser: %+v, %v", u, err)
	}
	if _, u, err := s.GetSessionAndUser(ctx, "ada's"); err != nil || u.Email != "ada@example.com" {
		t.Errorf("GetSessionAndUser: %+v, %v", u, err)
	}
	if u, err := s.UpdateUser(ctx, hex, adapter.UserUpdate{Name: new("Ada")}); err != nil || u.Email != "ada@example.com" {
		t.Errorf("UpdateUser: %+v, %v", u, err)
	}
	before := everything(t, s.db)
	for name, call := range map[string]func() error{
		"GetUserByEmail":    func() error { return failed(s.GetUserByEmail(ctx, "grace@example.com")) },
		"GetSessionAndUser": func() error { return failed2(s.GetSessionAndUser(ctx, "token")) },
		"DeleteUser":        func() error { return s.DeleteUser(ctx, hex) },
	} {
		if err := call(); !errors.Is(err, adapter.ErrUnreadable) {
			t.Errorf("%s: %v, want an adapter.RecordError", name, err)
		}
	}
	if found := repair(t, s.Adapter); len(found) != 1 || found[0].Action != "" {
		t.Errorf("Repair: %v, want a person to decide", found)
	}
	if !slices.Equal(everything(t, s.db), before) {
		t.Error("something has changed")
	}
	clear(t, s.db)
	insert(t, s.db.Collection("users"), with(theUser, "_id", hex))
	for name, create := range map[string]func() error{
		"CreateUser": func() error { return failed(s.CreateUser(ctx, adapter.User{ID: hex})) },
		"CreateUserWithAccount": func() error {
			return failed2(s.CreateUserWithAccount(ctx, adapter.User{ID: hex}, measure.TypicalAccount("9")))
		},
	} {
		var conflict *adapter.ConflictError
		if err := create(); !errors.As(err, &conflict) || conflict.Field != adapter.FieldUserID {
			t.Errorf("%s with the ID of another one: %v", name, err)
		}
	}
	if n := count(t, s.db, "users") + count(t, s.db, "accounts"); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
}

// The ID at a provider may be a number of any type: it is found by its text, and nobody
// else can have it.
func TestEveryFormOfAProviderAccountID(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	for text, forms := range map[string][]any{
		"12345678":              {int32(12345678), int64(12345678), 12345678.0, parsed("12345678"), parsed("12345678.00"), "12345678"},
		"0":                     {int32(0), math.Copysign(0, -1), parsed("0")},
		"-5":                    {int32(-5)},
		"9007199254740993":      {int64(9007199254740993), parsed("9007199254740993")},
		"1152921504606846976":   {int64(1152921504606846976)},
		"1152921504606847000":   {math.Ldexp(1, 60)},
		"9223372036854775807":   {int64(math.MaxInt64)},
		"100000000000000000000": {1e20, parsed("100000000000000000000"), parsed("1E+20")},
		"108204268033311374519": {parsed("108204268033311374519")},
		"1.5":                   {1.5, parsed("1.5")},
		"0.1":                   {0.1, parsed("0.1")},
	} {
		for _, form := range forms {
			t.Run(fmt.Sprintf("%s as %T %v", text, form, form), func(t *testing.T) {
				key := adapter.AccountKey{Provider: "github", ProviderAccountID: text}
				s.set(t, "accounts", "providerAccountId", form)
				u, err := s.GetUserByAccount(ctx, key)
				if err != nil || u.ID != s.id {
					t.Errorf("GetUserByAccount: %q, %v", u.ID, err)
				}
				a, err := s.GetAccount(ctx, key)
				if err != nil || a.Key() != key {
					t.Errorf("GetAccount: %+v, %v", a, err)
				}
				all, err := s.ListAccounts(ctx, s.id)
				if one(all, err) != nil || all[0].Key() != key {
					t.Errorf("ListAccounts: %+v, %v", all, err)
				}
				if a, err = s.UpdateAccount(ctx, key, adapter.AccountUpdate{Scope: new("new")}); err != nil || a.Scope != "new" || a.Key() != key {
					t.Errorf("UpdateAccount: %+v, %v", a, err)
				}
				isStill(t, s.db.Collection("accounts"), bson.D{}, "providerAccountId", form)
				for name, take := range map[string]func() error{
					"LinkAccount": func() error {
						return failed(s.LinkAccount(ctx, adapter.Account{UserID: oid(t, "ff").Hex(), Type: "oauth", Provider: "github", ProviderAccountID: text}))
					},
					"CreateUserWithAccount": func() error {
						return failed2(s.CreateUserWithAccount(ctx, adapter.User{}, measure.TypicalAccount(text)))
					},
				} {
					var conflict *adapter.ConflictError
					if err := take(); !errors.As(err, &conflict) || conflict.Field != adapter.FieldAccount {
						t.Errorf("%s: %v, want the conflict", name, err)
					}
				}
				if n := count(t, s.db, "accounts") + count(t, s.db, "users"); n != 2 {
					t.Errorf("%d users and accounts, want 2", n)
				}
				if found := repair(t, s.Adapter); len(found) > 0 {
					t.Errorf("Repair: %v", found)
				}
				check(t, s.UnlinkAccount(ctx, key))
				if n := count(t, s.db, "accounts"); n != 0 {
					t.Errorf("UnlinkAccount: nil, and %d accounts are there", n)
				}
				if _, err := s.LinkAccount(ctx, adapter.Account{UserID: s.id, Type: "oauth", Provider: "github", ProviderAccountID: text}); err != nil {
					t.Errorf("LinkAccount when it is free: %v", err)
				}
			})
		}
	}
	// As text it is what signs in, also to JavaScript.
	s.set(t, "", "", nil)
	grace := oid(t, "ee")
	insert(t, s.db.Collection("users"), bson.D{{Key: "_id", Value: grace}, {Key: "email", Value: "grace@example.com"}})
	insert(t, s.db.Collection("accounts"), with(with(theAccount, "providerAccountId", int32(1)), "userId", grace))
	for range 2 {
		if u, err := s.GetUserByAccount(ctx, theirKey); err != nil || u.ID != s.id {
			t.Errorf("GetUserByAccount: %q, %v", u.ID, err)
		}
		if a, err := s.UpdateAccount(ctx, theirKey, adapter.AccountUpdate{Scope: new("new")}); err != nil || a.UserID != s.id {
			t.Errorf("UpdateAccount: %+v, %v", a, err)
		}
	}
	if found := repair(t, s.Adapter); len(found) != 1 || found[0].Action != "" {
		t.Errorf("Repair of two owners: %v, want a person to decide", found)
	}
	check(t, s.UnlinkAccount(ctx, theirKey))
	if n := count(t, s.db, "accounts"); n != 0 {
		t.Errorf("UnlinkAccount: nil, and %d accounts are there", n)
	}
}

// Only text and numbers are the ID of anybody at a provider.
func TestProviderAccountIDsThatCannotBe(t *testing.T) {
	s := newScene(t)
	for _, v := range []any{"", true, bson.D{}, bson.A{}, bson.A{"1"}, math.NaN(), foreignID, bson.DateTime(1), bson.MinKey{}} {
		s.set(t, "accounts", "providerAccountId", v)
		if all, err := s.ListAccounts(t.Context(), s.id); err != nil || len(all) > 0 {
			t.Errorf("ListAccounts with %v: %v, %v", v, all, err)
		}
		if found := repair(t, s.Adapter); len(found) != 1 || found[0].Action != "" || !strings.Contains(found[0].Detail, "providerAccountId") {
			t.Errorf("Repair with %v: %v, want the account named", v, found)
		}
		check(t, s.DeleteUser(t.Context(), s.id))
		if n := count(t, s.db, "accounts"); n != 0 {
			t.Errorf("%d accounts after DeleteUser", n)
		}
	}
}

// What another program keeps in the same collections is left alone by everything.
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
	clock := mongo.New(s.db, mongo.Options{Options: adapter.Options{Clock: func() time.Time { return noon.Add(time.Hour) }}})
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
	store := mongo.New(bare, mongo.Options{})
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

// An account of nobody is reported, and stops neither its owner nor the rest of Repair.
func TestAccountsOfNobody(t *testing.T) {
	for _, o := range append(slices.Clone(oddValues), odd{"missing", nil}) {
		switch o.value.(type) {
		case string, int32, int64, float64, bson.ObjectID, bson.Decimal128, bson.Symbol:
			continue
		}
		if o.name == "a UUID" || o.name == "an old UUID" || o.name == "a list of ObjectIDs" {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			s := newScene(t)
			ctx := t.Context()
			ownerless := with(theAccount, "userId", o.value)
			if o.name == "missing" {
				ownerless = ownerless[:len(ownerless)-1]
			}
			for name, signUp := range map[string]func() (string, error){
				"CreateUserWithAccount": func() (string, error) {
					u, _, err := s.CreateUserWithAccount(ctx, adapter.User{}, measure.TypicalAccount("1"))
					return u.ID, err
				},
				"LinkAccount": func() (string, error) {
					_, err := s.LinkAccount(ctx, adapter.Account{UserID: s.id, Type: "oauth", Provider: "github", ProviderAccountID: "1"})
					return s.id, err
				},
			} {
				clear(t, s.db)
				insert(t, s.db.Collection("users"), theUser)
				insert(t, s.db.Collection("accounts"), ownerless)
				insert(t, s.db.Collection("sessions"), with(theSession, "userId", oid(t, "dd"))) // of a user who is gone
				for read, call := range map[string]func() error{
					"GetUserByAccount": func() error { return failed(s.GetUserByAccount(ctx, theirKey)) },
					"GetAccount":       func() error { return failed(s.GetAccount(ctx, theirKey)) },
					"UpdateAccount":    func() error { return failed(s.UpdateAccount(ctx, theirKey, adapter.AccountUpdate{Scope: new("x")})) },
				} {
					if err := call(); !errors.Is(err, adapter.ErrNotFound) {
						t.Errorf("%s: %v", read, err)
					}
				}
				found := repair(t, s.Adapter)
				actions := 0
				for _, f := range found {
					if f.Action != "" {
						actions++
					}
				}
				if len(found) != 2 || actions != 1 || count(t, s.db, "sessions") != 0 || count(t, s.db, "accounts") != 1 {
					t.Errorf("Repair: %v, want the account reported and the session deleted", found)
				}
				id, err := signUp()
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if u, err := s.GetUserByAccount(ctx, theirKey); err != nil || u.ID != id {
					t.Errorf("GetUserByAccount after %s: %q, %v", name, u.ID, err)
				}
			}
		})
	}
}

// A userId in mixed case is a user's for JavaScript, and found by no index: it is named,
// and nothing is taken away.
func TestUserIDInMixedCase(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	mixed := strings.Replace(foreignID.Hex(), "a", "A", 1)
	s.set(t, "accounts", "userId", mixed)
	_, err := s.db.Collection("sessions").UpdateMany(ctx, bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "userId", Value: mixed}}}})
	check(t, err)
	before := everything(t, s.db)
	for name, call := range map[string]func() error{
		"GetAccount":        func() error { return failed(s.GetAccount(ctx, theirKey)) },
		"UpdateAccount":     func() error { return failed(s.UpdateAccount(ctx, theirKey, adapter.AccountUpdate{Scope: new("x")})) },
		"GetSessionAndUser": func() error { return failed2(s.GetSessionAndUser(ctx, "token")) },
		"UpdateSession":     func() error { return failed(s.UpdateSession(ctx, "token", adapter.SessionUpdate{Expires: new(noon)})) },
		"CreateUserWithAccount": func() error {
			return failed2(s.CreateUserWithAccount(ctx, adapter.User{}, measure.TypicalAccount("1")))
		},
	} {
		if err := call(); !errors.Is(err, adapter.ErrUnreadable) {
			t.Errorf("%s: %v, want an adapter.RecordError", name, err)
		}
	}
	if found := repair(t, s.Adapter); len(found) != 2 || found[0].Action+found[1].Action != "" {
		t.Errorf("Repair: %v, want both named", found)
	}
	if !slices.Equal(everything(t, s.db), before) {
		t.Error("something has changed")
	}
}

// An account's own field of the name expires takes it from nobody.
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

// Repair keeps, of two sessions with one token, the one that is live, and takes nobody for
// gone or for another whose ID is in another form.
func TestRepairOfTwinsInOtherForms(t *testing.T) {
	db := replicaSet.bare(t)
	store := mongo.New(db, mongo.Options{Options: adapter.Options{PlainSessionTokens: true}})
	hex := foreignID.Hex()
	insert(t, db.Collection("users"), theUser)
	insert(t, db.Collection("sessions"), with(theSession, "userId", hex))
	insert(t, db.Collection("sessions"), with(with(theSession, "userId", foreignID), "expires", bson.DateTime(1)))
	insert(t, db.Collection("accounts"), with(theAccount, "userId", hex))
	insert(t, db.Collection("accounts"), with(theAccount, "userId", foreignID))
	insert(t, db.Collection("accounts"), with(theAccount, "userId", nil))
	// Two users with one address: what belongs to one has the ID as text.
	insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: oid(t, "aa")}, {Key: "email", Value: "ada@example.com"}})
	found := repair(t, store)
	if len(found) != 4 { // a session, an account, a user, and the account of nobody
		t.Errorf("Repair: %v", found)
	}
	check(t, schemaOf(t, store).ApplySchema(t.Context()))
	if u, err := store.GetUserByEmail(t.Context(), "ada@example.com"); err != nil || u.ID != hex {
		t.Errorf("GetUserByEmail: %q, %v", u.ID, err)
	}
	if _, _, err := store.GetSessionAndUser(t.Context(), "token"); err != nil {
		t.Errorf("GetSessionAndUser: %v", err)
	}
	if u, err := store.GetUserByAccount(t.Context(), theirKey); err != nil || u.ID != hex {
		t.Errorf("GetUserByAccount: %q, %v", u.ID, err)
	}
}

// Session.ID is a digest, whoever stored the session and whatever its token looks like.
func TestSessionIDsAreDigests(t *testing.T) {
	ctx := t.Context()
	db := replicaSet.bare(t)
	digests := open(t, db, mongo.Options{})
	plain := mongo.New(db, mongo.Options{Options: adapter.Options{PlainSessionTokens: true}})
	u, err := digests.CreateUser(ctx, adapter.User{})
	check(t, err)
	tokens := []string{"4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b", adapter.SessionID("looks like a digest"), strings.Repeat("A", 43), "1", strings.Repeat("f", 64)}
	for _, token := range tokens {
		insert(t, db.Collection("sessions"), with(with(theSession, "userId", oid(t, u.ID)), "sessionToken", token))
	}
	own, err := digests.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: noon})
	check(t, err)
	ownPlain, err := plain.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: noon})
	check(t, err)
	want := []string{own.ID, ownPlain.ID}
	for _, token := range tokens {
		want = append(want, adapter.SessionID(token))
	}
	slices.Sort(want)
	for name, store := range map[string]adapter.Adapter{"digests": digests, "plain": plain} {
		all, err := store.ListSessions(ctx, u.ID)
		check(t, err)
		var got []string
		for _, s := range all {
			got = append(got, s.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: ListSessions has the IDs %v, want %v", name, got, want)
		}
	}
	if s, _, err := digests.GetSessionAndUser(ctx, own.SessionToken); err != nil || s.ID != own.ID {
		t.Errorf("GetSessionAndUser: the ID %q, %v", s.ID, err)
	}
	// A session that was stored before there was the mark gets it when it is extended.
	_, err = db.Collection("sessions").UpdateMany(ctx, bson.D{}, bson.D{{Key: "$unset", Value: bson.D{{Key: "authstoreDigest", Value: ""}}}})
	check(t, err)
	if _, err := digests.UpdateSession(ctx, own.SessionToken, adapter.SessionUpdate{Expires: new(noon)}); err != nil {
		t.Error(err)
	}
	all, err := digests.ListSessions(ctx, u.ID)
	check(t, err)
	if !slices.ContainsFunc(all, func(s adapter.Session) bool { return s.ID == own.ID }) {
		t.Errorf("ListSessions has not the ID of the session: %v", all)
	}
	for i, s := range all {
		store := []adapter.Adapter{digests, plain}[i%2]
		check(t, store.DeleteSessionByID(ctx, newID(9), s.ID)) // not of this user
		check(t, store.DeleteSessionByID(ctx, u.ID, s.ID))
		if n := count(t, db, "sessions"); n != int64(len(all)-i-1) {
			t.Errorf("%d sessions after one was ended by its ID, want %d", n, len(all)-i-1)
		}
	}
	// Nor does a finding have a token in it.
	for _, token := range tokens {
		insert(t, db.Collection("sessions"), with(with(theSession, "userId", oid(t, "dd")), "sessionToken", token))
		insert(t, db.Collection("sessions"), bson.D{{Key: "_id", Value: token}, {Key: "sessionToken", Value: token + "2"}, {Key: "userId", Value: oid(t, u.ID)}})
	}
	for _, f := range repair(t, digests) {
		for _, token := range tokens {
			if len(token) > 1 && strings.Contains(f.Object+f.Detail, token) {
				t.Errorf("a finding has a token in it: %v", f)
			}
		}
	}
}

// A counter that grows is none of a clone, however the credential comes and goes.
func TestCounterOfACredentialThatIsMade(t *testing.T) {
	db := replicaSet.bare(t)
	others := open(t, db, mongo.Options{})
	passkey := adapter.Authenticator{UserID: foreignID.Hex(), CredentialID: "c", CredentialPublicKey: "k", Counter: 1}
	store := meddled(t, db, "find", "authenticators", func() {
		if _, err := others.CreateAuthenticator(t.Context(), passkey); err != nil {
			t.Error(err)
		}
	})
	a, err := store.UpdateAuthenticatorCounter(t.Context(), "c", 1197)
	if err != nil || a.Counter != 1197 {
		t.Errorf("UpdateAuthenticatorCounter: %+v, %v, want no alarm", a, err)
	}
	// Without a fault, in a race.
	for round := range 100 {
		id := fmt.Sprint("race", round)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = others.CreateAuthenticator(t.Context(), adapter.Authenticator{UserID: foreignID.Hex(), CredentialID: id, CredentialPublicKey: "k", Counter: 1})
		})
		wg.Go(func() {
			if _, err := others.UpdateAuthenticatorCounter(t.Context(), id, 7); err != nil && !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("UpdateAuthenticatorCounter: %v", err)
			}
		})
		wg.Wait()
	}
}

// What is changed between the look at an odd record and the write to it is not lost.
func TestOddRecordsAreRaced(t *testing.T) {
	ctx := t.Context()
	db := replicaSet.bare(t)
	_ = open(t, db, mongo.Options{})
	insert(t, db.Collection("users"), theUser)
	insert(t, db.Collection("sessions"), with(with(theSession, "sessionToken", adapter.SessionID("token")), "expires", "2100-01-02T12:00:00Z"))
	reads := 0
	var store adapter.Adapter
	store = meddled(t, db, "findAndModify", "sessions", func() { reads++ })
	if _, err := store.UpdateSession(ctx, "token", adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "::1"}}); err != nil || reads == 0 {
		t.Errorf("UpdateSession: %v", err)
	}
	store = meddled(t, db, "find", "sessions", func() {
		_, err := db.Collection("sessions").UpdateMany(context.Background(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "expires", Value: bson.DateTime(1)}}}})
		check(t, err)
	})
	if _, err := store.UpdateSession(ctx, "token", adapter.SessionUpdate{Expires: new(noon)}); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("UpdateSession of a session that expired meanwhile: %v, want ErrNotFound", err)
	}
}

// A user with attributes may be let in by another program, by a password for instance.
func TestRepairKeepsUsersWithAttributes(t *testing.T) {
	for _, second := range []string{"ada@example.com", "Ada@example.com"} {
		db := replicaSet.bare(t)
		insert(t, db.Collection("users"), theUser)
		insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: oid(t, "aa")}, {Key: "email", Value: second}, {Key: "password", Value: "$2b$10$x"}})
		repair(t, mongo.New(db, mongo.Options{}))
		n, err := db.Collection("users").CountDocuments(t.Context(), bson.D{{Key: "password", Value: "$2b$10$x"}})
		check(t, err)
		if n != 1 {
			t.Errorf("Repair has deleted a user with a password, beside %s", second)
		}
	}
}
