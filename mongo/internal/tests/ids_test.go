package mongo_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// A user is found in whatever form another program stores the ID, in _id and in userId.
func TestEveryFormOfAUserID(t *testing.T) {
	hex := foreignID.Hex()
	for _, ids := range []mongo.IDForm{mongo.ObjectIDs, mongo.StringIDs, mongo.UUIDs} {
		store, db, _ := replicaSet.monitored(t, mongo.Options{Layout: mongo.Layout{IDs: ids}, Options: adapter.Options{PlainSessionTokens: true}})
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
				if ids != mongo.ObjectIDs && isText && strings.ToLower(upper) != upper {
					continue // only where IDs are ObjectIDs it is the same one
				}
				t.Run(fmt.Sprintf("IDs %d, _id %T %v, userId %T %v", ids, form.stored, form.stored, owner, owner), func(t *testing.T) {
					s.id = form.id
					clear(t, db)
					insert(t, db.Collection("users"), withField(theUser, "_id", form.stored))
					insert(t, db.Collection("accounts"), withField(theAccount, "userId", owner))
					insert(t, db.Collection("sessions"), withField(theSession, "userId", owner))
					insert(t, db.Collection("verification_tokens"), theLink)
					insert(t, db.Collection("authenticators"), withField(thePasskey, "userId", owner))
					s.isKnown(t)
				})
			}
		}
	}
}

// isKnown fails the test unless every call finds the user.
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
	if _, err := s.LinkAccount(ctx, adapter.Account{UserID: s.NewID(), Type: "oauth", Provider: "github", ProviderAccountID: "1"}); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("LinkAccount of somebody else: %v", err)
	}
	if _, _, err := s.CreateUserWithAccount(ctx, adapter.User{}, measure.TypicalAccount("1")); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("CreateUserWithAccount of somebody else: %v", err)
	}
	if _, err := s.CreateAuthenticator(ctx, adapter.Authenticator{UserID: s.NewID(), CredentialID: "c", CredentialPublicKey: "k"}); !errors.Is(err, adapter.ErrConflict) {
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
			return exactlyOne(s.ListSessions(ctx, s.id))
		}},
		{"DeleteSessions", func() error { return s.DeleteSessions(ctx, s.id) }},
	}.succeed(t)
	if n := count(t, s.db, "sessions"); n != 0 {
		t.Errorf("%d sessions after DeleteSessions", n)
	}
	insert(t, s.db.Collection("sessions"), withField(theSession, "userId", s.id))
	check(t, s.DeleteUser(ctx, s.id))
	check(t, s.UnlinkAccount(ctx, adapter.AccountKey{Provider: "nobody", ProviderAccountID: "1"}))
	check(t, s.DeleteVerificationTokens(ctx, "ada@example.com"))
	s.isEmpty(t)
}

// cmpSame returns two IDs that should be the same.
func cmpSame(a, b string) string {
	if a != b {
		return a + " and " + b
	}
	return a
}

// An _id without a text is an error that names it. A deletion never returns nil and leaves
// the user.
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
			insert(t, s.db.Collection("users"), withField(theUser, "_id", o.value))
			insert(t, s.db.Collection("accounts"), withField(theAccount, "userId", o.value))
			insert(t, s.db.Collection("sessions"), withField(theSession, "userId", o.value))
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

// Two users may have the same ID in two forms. Calls by that ID mean the one with the usual
// form; the other is an error, and neither is taken for the other.
func TestTwoUsersWithOneID(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	hex := foreignID.Hex()
	insert(t, s.db.Collection("users"), theUser)
	insert(t, s.db.Collection("users"), bson.D{{Key: "_id", Value: hex}, {Key: "email", Value: "grace@example.com"}})
	insert(t, s.db.Collection("sessions"), withField(theSession, "userId", hex))
	insert(t, s.db.Collection("sessions"), withField(withField(theSession, "userId", foreignID), "sessionToken", "ada's"))
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
	insert(t, s.db.Collection("users"), withField(theUser, "_id", hex))
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

// An account's ID at its provider may be a number of any type. It is found by its text, and
// nobody else can have it.
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
				if exactlyOne(all, err) != nil || all[0].Key() != key {
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
	insert(t, s.db.Collection("accounts"), withField(withField(theAccount, "providerAccountId", int32(1)), "userId", grace))
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

// Only text and numbers are IDs at a provider.
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

// A userId in mixed case is an ObjectID to JavaScript, and not found by an index: it is
// reported, and nothing is deleted.
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

func TestStringIDs(t *testing.T) {
	store, db, _ := replicaSet.monitored(t, mongo.Options{Layout: mongo.Layout{IDs: mongo.StringIDs}})
	ctx := t.Context()
	u, err := store.CreateUser(ctx, adapter.User{ID: "auth0|Ada Lovelace", Email: "ada@example.com"})
	check(t, err)
	session, err := store.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	if _, got, err := store.GetSessionAndUser(ctx, session.SessionToken); err != nil || got.ID != u.ID {
		t.Errorf("GetSessionAndUser: %q, %v", got.ID, err)
	}
	generated, err := store.CreateUser(ctx, adapter.User{})
	check(t, err)
	doc, err := db.Collection("users").FindOne(ctx, bson.D{{Key: "_id", Value: generated.ID}}).Raw()
	if err != nil || doc.Lookup("_id").StringValue() != generated.ID {
		t.Errorf("a generated ID: %v, %v", doc, err)
	}
	if _, err := connect(t, db, mongo.Options{}).CreateUser(ctx, adapter.User{ID: u.ID}); !errors.Is(err, adapter.ErrInvalid) {
		t.Errorf("CreateUser with a string ID where IDs are ObjectIDs: %v", err)
	}
}
