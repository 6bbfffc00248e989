package mongo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/mongo"
)

// odd is a value that another program has stored.
type odd struct {
	name  string
	value any
}

func parsed(text string) bson.Decimal128 {
	d, err := bson.ParseDecimal128(text)
	if err != nil {
		panic(err)
	}
	return d
}

func uuid(subtype byte) bson.Binary {
	return bson.Binary{Subtype: subtype, Data: []byte("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00")}
}

const uuidText = "123e4567-e89b-12d3-a456-426614174000"

// nested returns an object that is n deep.
func nested(n int) bson.D {
	d := bson.D{{Key: "end", Value: true}}
	for range n {
		d = bson.D{{Key: "in", Value: d}}
	}
	return d
}

// oddValues has one of every type that BSON knows, and what is strange in a type.
var oddValues = []odd{
	{"null", nil}, {"undefined", bson.Undefined{}}, {"true", true}, {"false", false},
	{"an int32", int32(7)}, {"a negative int32", int32(-7)}, {"an int64", int64(1) << 60}, {"the lowest int64", int64(math.MinInt64)},
	{"a double", 1.5}, {"a large double", 1e300}, {"a small double", 1e-300}, {"NaN", math.NaN()}, {"an infinite double", math.Inf(1)}, {"minus zero", math.Copysign(0, -1)},
	{"a decimal", decimal}, {"a decimal that is NaN", parsed("NaN")}, {"an infinite decimal", parsed("-Infinity")}, {"a large decimal", parsed("1E+6000")},
	{"no text", ""}, {"text", "text"}, {"text with NUL", "a\x00b"}, {"long text", strings.Repeat("x", 100_000)},
	{"a date", bson.NewDateTimeFromTime(noon)}, {"the first date", bson.DateTime(math.MinInt64)}, {"the last date", bson.DateTime(math.MaxInt64)},
	{"the last date of JavaScript", bson.DateTime(8.64e15)}, {"a date before Christ", bson.DateTime(-62135596800001)},
	{"an ObjectID", foreignID}, {"a UUID", uuid(4)}, {"an old UUID", uuid(3)}, {"bytes", bson.Binary{Data: []byte("abc")}}, {"encrypted bytes", bson.Binary{Subtype: 6, Data: []byte("abc")}},
	{"a timestamp", bson.Timestamp{T: 4102574400, I: 1}}, {"a pattern", bson.Regex{Pattern: "^a", Options: "i"}}, {"a symbol", bson.Symbol("sym")},
	{"code", bson.JavaScript("1")}, {"code with a scope", bson.CodeWithScope{Code: "1", Scope: bson.D{}}}, {"the least key", bson.MinKey{}}, {"the greatest key", bson.MaxKey{}},
	{"a pointer", bson.DBPointer{DB: "users", Pointer: foreignID}}, {"a reference", bson.D{{Key: "$ref", Value: "users"}, {Key: "$id", Value: foreignID}}},
	{"an empty list", bson.A{}}, {"a list", bson.A{"a", int32(1), nil}}, {"a list of dates", bson.A{bson.NewDateTimeFromTime(noon)}}, {"a list of ObjectIDs", bson.A{foreignID}},
	{"an empty object", bson.D{}}, {"an object", bson.D{{Key: "en", Value: "Ada"}}}, {"an object with odd names", bson.D{{Key: "a.b", Value: 1}, {Key: "$c", Value: 2}, {Key: "", Value: 3}}},
	{"a deep object", nested(40)}, {"a large list", slices.Repeat(bson.A{"0123456789"}, 10_000)}, {"a list of patterns", bson.A{bson.Regex{Pattern: "a"}}},
}

// raw returns a value as it is in a document.
func raw(t *testing.T, v any) bson.RawValue {
	t.Helper()
	doc, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
	check(t, err)
	return bson.Raw(doc).Lookup("v")
}

// isStill fails the test unless a field of a document is what was stored there.
func isStill(t *testing.T, c *driver.Collection, filter bson.D, field string, v any) {
	t.Helper()
	doc, err := c.FindOne(t.Context(), filter).Raw()
	check(t, err)
	got, want := doc.Lookup(field), raw(t, v)
	if got.Type != want.Type || !bytes.Equal(got.Value, want.Value) {
		t.Errorf("the field %s is of the type %s, want what was stored, of the type %s", field, got.Type, want.Type)
	}
}

// with returns a document with a field more, or with another value of it.
func with(doc bson.D, field string, v any) bson.D {
	doc = slices.DeleteFunc(slices.Clone(doc), func(e bson.E) bool { return e.Key == field })
	return append(doc, bson.E{Key: field, Value: v})
}

// steps are calls that are made one after the other, and have all to succeed.
type steps []struct {
	name string
	call func() error
}

func (all steps) succeed(t *testing.T) {
	t.Helper()
	for _, c := range all {
		if err := c.call(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func failed[T any](_ T, err error) error          { return err }
func failed2[T, U any](_ T, _ U, err error) error { return err }

// one reports whether a list has one record.
func one[T any](all []T, err error) error {
	if err == nil && len(all) != 1 {
		return fmt.Errorf("%d records, want 1", len(all))
	}
	return err
}

// scene is a user of another program, with one record of each type, session tokens as
// they are.
type scene struct {
	adapter.Adapter
	db *driver.Database
	id string
}

var (
	theirKey   = adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}
	later      = bson.NewDateTimeFromTime(noon)
	theUser    = bson.D{{Key: "_id", Value: foreignID}, {Key: "email", Value: "ada@example.com"}}
	theAccount = bson.D{{Key: "userId", Value: foreignID}, {Key: "type", Value: "oauth"}, {Key: "provider", Value: "github"}, {Key: "providerAccountId", Value: "1"}}
	theSession = bson.D{{Key: "sessionToken", Value: "token"}, {Key: "userId", Value: foreignID}, {Key: "expires", Value: later}}
	theLink    = bson.D{{Key: "identifier", Value: "ada@example.com"}, {Key: "token", Value: adapter.HashVerificationToken("link", "")}, {Key: "expires", Value: later}}
	thePasskey = bson.D{{Key: "credentialID", Value: "c"}, {Key: "userId", Value: foreignID}, {Key: "counter", Value: int32(7)}}
)

func newScene(t *testing.T) *scene {
	store, db, _ := replicaSet.monitored(t, mongo.Options{Options: adapter.Options{PlainSessionTokens: true}})
	return &scene{store, db, foreignID.Hex()}
}

// set stores the records, one of them with another value in a field.
func (s *scene) set(t *testing.T, collection, field string, v any) {
	t.Helper()
	for name, doc := range map[string]bson.D{
		"users": theUser, "accounts": theAccount, "sessions": theSession, "verification_tokens": theLink, "authenticators": thePasskey,
	} {
		_, err := s.db.Collection(name).DeleteMany(t.Context(), bson.D{})
		check(t, err)
		if name == collection {
			doc = with(doc, field, v)
		}
		insert(t, s.db.Collection(name), doc)
	}
}

// reads are the calls that read every record.
func (s *scene) reads(ctx context.Context) steps {
	return steps{
		{"GetUser", func() error { return failed(s.GetUser(ctx, s.id)) }},
		{"GetUserByEmail", func() error { return failed(s.GetUserByEmail(ctx, "ada@example.com")) }},
		{"GetUserByAccount", func() error { return failed(s.GetUserByAccount(ctx, theirKey)) }},
		{"GetAccount", func() error { return failed(s.GetAccount(ctx, theirKey)) }},
		{"ListAccounts", func() error { return one(s.ListAccounts(ctx, s.id)) }},
		{"GetSessionAndUser", func() error { return failed2(s.GetSessionAndUser(ctx, "token")) }},
		{"ListSessions", func() error { return one(s.ListSessions(ctx, s.id)) }},
		{"GetAuthenticator", func() error { return failed(s.GetAuthenticator(ctx, "c")) }},
		{"ListAuthenticators", func() error { return one(s.ListAuthenticators(ctx, s.id)) }},
	}
}

// updates are the calls that change every record, and name none of the odd fields.
func (s *scene) updates(ctx context.Context) steps {
	attributes := adapter.Attributes{"changed": true}
	return steps{
		{"UpdateUser", func() error { return failed(s.UpdateUser(ctx, s.id, adapter.UserUpdate{Attributes: attributes})) }},
		{"UpdateAccount", func() error {
			return failed(s.UpdateAccount(ctx, theirKey, adapter.AccountUpdate{Attributes: attributes}))
		}},
		{"UpdateSession", func() error {
			return failed(s.UpdateSession(ctx, "token", adapter.SessionUpdate{Attributes: attributes}))
		}},
		{"UpdateAuthenticatorCounter", func() error { return failed(s.UpdateAuthenticatorCounter(ctx, "c", 8)) }},
		{"UpdateAuthenticator", func() error {
			return failed(s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Attributes: attributes}))
		}},
	}
}

// removals are the calls that remove every record.
func (s *scene) removals(ctx context.Context) steps {
	return steps{
		{"UseVerificationToken", func() error {
			return failed(s.UseVerificationToken(ctx, "ada@example.com", adapter.HashVerificationToken("link", "")))
		}},
		{"UnlinkAccount", func() error { return s.UnlinkAccount(ctx, theirKey) }},
		{"DeleteAuthenticator", func() error { return s.DeleteAuthenticator(ctx, "c") }},
		{"DeleteSession", func() error { return s.DeleteSession(ctx, "token") }},
		{"DeleteUser", func() error { return s.DeleteUser(ctx, s.id) }},
	}
}

// isEmpty fails the test if a document is left.
func (s *scene) isEmpty(t *testing.T) {
	t.Helper()
	if left := everything(t, s.db); len(left) > 0 {
		t.Errorf("still there: %.300s", left)
	}
}

// A field that the contract can do without keeps nobody out, whatever is in it, and stays
// as it is until it is named.
func TestNoFieldLocksOut(t *testing.T) {
	s := newScene(t)
	fields := map[string][]string{
		"users":               {"name", "emailVerified", "image", "createdAt", "extra", "__proto__", "userId", "type"},
		"accounts":            {"type", "refresh_token", "access_token", "expires_at", "token_type", "scope", "id_token", "session_state", "createdAt", "extra", "expires"},
		"sessions":            {"createdAt", "extra"},
		"verification_tokens": {"createdAt", "userId", "extra", "value"},
		"authenticators":      {"providerAccountId", "credentialPublicKey", "credentialDeviceType", "credentialBackedUp", "transports", "createdAt", "extra", "expires"},
	}
	for _, o := range oddValues {
		t.Run(o.name, func(t *testing.T) {
			s.set(t, "", "", nil)
			for collection, all := range fields {
				set := bson.D{{Key: "updatedAt", Value: o.value}}
				for _, field := range all {
					set = append(set, bson.E{Key: field, Value: o.value})
				}
				_, err := s.db.Collection(collection).UpdateMany(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: set}})
				check(t, err)
			}
			s.reads(t.Context()).succeed(t)
			s.updates(t.Context()).succeed(t)
			for collection, all := range fields {
				for _, field := range all {
					isStill(t, s.db.Collection(collection), bson.D{}, field, o.value)
				}
			}
			s.removals(t.Context()).succeed(t)
			s.isEmpty(t)
		})
	}
}

// A field that the contract needs, with a value that it cannot have, is an error that
// names the record, before anything is written. It ends no sign-out.
func TestUnreadableRecords(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	readable := map[string][]string{
		"expires": {"the first date", "a date before Christ", // the server may remove these meanwhile
			"a date", "an int32", "a negative int32", "a timestamp", "a double", "minus zero", "a small double", "a decimal"},
		"counter": {"null", "undefined", "an int32", "minus zero"},
	}
	for _, test := range []struct {
		collection, field string
		of                string // the user's ID that the error names
		calls             steps
		ends              steps
	}{
		{"sessions", "expires", s.id, steps{
			{"GetSessionAndUser", func() error { return failed2(s.GetSessionAndUser(ctx, "token")) }},
			{"UpdateSession", func() error {
				return failed(s.UpdateSession(ctx, "token", adapter.SessionUpdate{Attributes: adapter.Attributes{"a": 1}}))
			}},
			{"UpdateSession of the expiry", func() error {
				return failed(s.UpdateSession(ctx, "token", adapter.SessionUpdate{Expires: new(noon)}))
			}},
		}, steps{
			{"DeleteSession", func() error { return s.DeleteSession(ctx, "token") }},
			{"DeleteSessionByID", func() error { return s.DeleteSessionByID(ctx, s.id, adapter.SessionID("token")) }},
			{"DeleteSessions", func() error { return s.DeleteSessions(ctx, s.id) }},
			{"DeleteUser", func() error { return s.DeleteUser(ctx, s.id) }},
		}},
		{"verification_tokens", "expires", "", steps{
			{"UseVerificationToken", func() error {
				return failed(s.UseVerificationToken(ctx, "ada@example.com", adapter.HashVerificationToken("link", "")))
			}},
		}, steps{
			{"DeleteVerificationTokens", func() error { return s.DeleteVerificationTokens(ctx, "ada@example.com") }},
		}},
		{"authenticators", "counter", s.id, steps{
			{"GetAuthenticator", func() error { return failed(s.GetAuthenticator(ctx, "c")) }},
			{"UpdateAuthenticatorCounter", func() error { return failed(s.UpdateAuthenticatorCounter(ctx, "c", 9)) }},
			{"UpdateAuthenticatorCounter to 0", func() error { return failed(s.UpdateAuthenticatorCounter(ctx, "c", 0)) }},
			{"UpdateAuthenticator", func() error {
				return failed(s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{CredentialBackedUp: new(true)}))
			}},
		}, steps{
			{"DeleteAuthenticator", func() error { return s.DeleteAuthenticator(ctx, "c") }},
			{"DeleteUser", func() error { return s.DeleteUser(ctx, s.id) }},
		}},
	} {
		for _, o := range oddValues {
			if slices.Contains(readable[test.field], o.name) {
				continue
			}
			t.Run(test.collection+"."+test.field+" as "+o.name, func(t *testing.T) {
				s.set(t, test.collection, test.field, o.value)
				doc, err := s.db.Collection(test.collection).FindOne(ctx, bson.D{}).Raw()
				check(t, err)
				before := everything(t, s.db)
				for _, c := range test.calls {
					err := c.call()
					var record *adapter.RecordError
					if !errors.As(err, &record) || !errors.Is(err, adapter.ErrUnreadable) {
						t.Errorf("%s: got %v, want an adapter.RecordError", c.name, err)
						continue
					}
					if record.Field != test.field || record.UserID != test.of || !strings.Contains(record.Place, test.collection) || !strings.Contains(record.Place, doc.Lookup("_id").ObjectID().Hex()) {
						t.Errorf("%s: got %+v", c.name, *record)
					}
					if text := err.Error(); strings.Contains(text, "token ") || strings.Contains(text, "@") {
						t.Errorf("%s: the error %s", c.name, text)
					}
				}
				if !slices.Equal(everything(t, s.db), before) {
					t.Error("something was written")
				}
				problems, err := schemaOf(t, s.Adapter).CheckSchema(ctx)
				check(t, err)
				if len(problems) != 1 || !strings.Contains(problems[0].Object+problems[0].Detail, doc.Lookup("_id").ObjectID().Hex()) {
					t.Errorf("CheckSchema: %v, want the record", problems)
				}
				if test.collection == "sessions" {
					insert(t, s.db.Collection("sessions"), with(theSession, "sessionToken", "other"))
					if err := one(s.ListSessions(ctx, s.id)); err != nil {
						t.Errorf("ListSessions: %v", err)
					}
				}
				for _, end := range test.ends {
					s.set(t, test.collection, test.field, o.value)
					check(t, end.call())
					n, err := s.db.Collection(test.collection).CountDocuments(ctx, bson.D{})
					check(t, err)
					if n != 0 {
						t.Errorf("%s: nil, and the record is there", end.name)
					}
				}
			})
		}
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

// What a read returns among the attributes can be written back, at any depth; the rest is
// left out of them, and stays in the document.
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

// insertAs gives every document of a collection an attribute v with a value, or for an
// object of odd names these.
func insertAs(t *testing.T, c *driver.Collection, v any) {
	t.Helper()
	doc, err := c.FindOneAndDelete(t.Context(), bson.D{}).Raw()
	check(t, err)
	var stored bson.D
	check(t, bson.Unmarshal(doc, &stored))
	stored = append(stored, bson.E{Key: "v", Value: v})
	if names, ok := v.(bson.D); ok && len(names) > 10 {
		for _, e := range names {
			if e.Key != "type" && e.Key != "" && !strings.HasPrefix(e.Key, "$") { // the server takes no such name at the top
				stored = append(stored, e)
			}
		}
	}
	insert(t, c, stored)
}

// Names that JavaScript takes for an object's prototype are stored under others, at every
// depth, and come back.
func TestNamesOfPrototypes(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	attributes := adapter.Attributes{
		"__proto__": map[string]any{"isAdmin": true}, "constructor": "c",
		"list": []any{map[string]any{"__proto__": "deep", "n": int64(1)}}, "object": map[string]any{"__proto__": map[string]any{"__proto__": "deeper"}},
	}
	u, err := s.CreateUser(ctx, adapter.User{Attributes: attributes})
	check(t, err)
	got, err := s.GetUser(ctx, u.ID)
	check(t, err)
	if !reflect.DeepEqual(got.Attributes, attributes) {
		t.Errorf("got %v, want %v", got.Attributes, attributes)
	}
	for _, doc := range everything(t, s.db) {
		if strings.Contains(doc, `"__proto__"`) {
			t.Errorf("stored: %s", doc)
		}
	}
	got, err = s.UpdateUser(ctx, u.ID, adapter.UserUpdate{RemoveAttributes: []string{"__proto__"}})
	check(t, err)
	if _, there := got.Attributes["__proto__"]; there || got.Attributes["constructor"] != "c" {
		t.Errorf("after RemoveAttributes: %v", got.Attributes)
	}
	// Of another program it is an attribute too, which goes when it is removed.
	_, err = s.db.Collection("users").UpdateByID(ctx, oid(t, u.ID), bson.D{{Key: "$set", Value: bson.D{{Key: "__proto__", Value: "theirs"}}}})
	check(t, err)
	if got, err = s.GetUser(ctx, u.ID); err != nil || got.Attributes["__proto__"] != "theirs" {
		t.Errorf("got %v, %v", got.Attributes, err)
	}
	if got, err = s.UpdateUser(ctx, u.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"__proto__": "ours"}}); err != nil || got.Attributes["__proto__"] != "ours" {
		t.Errorf("after it was set: %v, %v", got.Attributes, err)
	}
	if got, err = s.UpdateUser(ctx, u.ID, adapter.UserUpdate{RemoveAttributes: []string{"__proto__"}}); err != nil || got.Attributes["__proto__"] != nil {
		t.Errorf("after it was removed: %v, %v", got.Attributes, err)
	}
}

// Names in which the server, or Auth.js, takes a part for something else have another form
// in the store.
func TestNamesInTheStore(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	users := s.db.Collection("users")
	names := adapter.Attributes{
		"https://app.example.com/roles": "1", "$set": "2", "_id": "3", "userId": "4", "50%": "5", "%2E": "6",
		"nested": map[string]any{"a.b": map[string]any{"$c": "7"}, "_id": "8", "userId": "9"},
	}
	stored := map[string]string{
		"https://app%2Eexample%2Ecom/roles": "1", "%24set": "2", "authstore_id": "3", "authstoreuserId": "4", "50%": "5", "%252E": "6",
	}
	u, err := s.CreateUser(ctx, adapter.User{})
	check(t, err)
	if u, err = s.UpdateUser(ctx, u.ID, adapter.UserUpdate{Attributes: names}); err != nil || !reflect.DeepEqual(u.Attributes, names) {
		t.Errorf("UpdateUser: %v, %v, want %v", u.Attributes, err, names)
	}
	doc, err := users.FindOne(ctx, bson.D{{Key: "_id", Value: oid(t, u.ID)}}).Raw()
	check(t, err)
	for name, want := range stored {
		if got, _ := doc.Lookup(name).StringValueOK(); got != want {
			t.Errorf("the document has %q in the field %q, want %q: %s", got, name, want, doc)
		}
	}
	for _, path := range [][]string{{"nested", "a%2Eb", "%24c"}, {"nested", "_id"}, {"nested", "userId"}} {
		if _, err := doc.LookupErr(path...); err != nil {
			t.Errorf("the document has no %v: %s", path, doc)
		}
	}
	for name := range names {
		if u, err = s.UpdateUser(ctx, u.ID, adapter.UserUpdate{RemoveAttributes: []string{name}}); err != nil {
			t.Errorf("UpdateUser without %s: %v", name, err)
		}
	}
	if len(u.Attributes) > 0 {
		t.Errorf("after all were removed: %v", u.Attributes)
	}

	// Fields of another program that have such names themselves are no attributes, and stay.
	s.set(t, "", "", nil)
	_, err = users.DeleteMany(ctx, bson.D{})
	check(t, err)
	theirs := slices.Concat(theUser, bson.D{
		{Key: "a.b", Value: "theirs"}, {Key: "userId", Value: "theirs"}, {Key: "a", Value: bson.D{{Key: "b", Value: "theirs"}}}, {Key: "deep", Value: bson.D{{Key: "c.d", Value: "theirs"}}},
	})
	insert(t, users, theirs)
	for _, up := range []adapter.UserUpdate{
		{}, {RemoveAttributes: []string{"a.b", "userId", "_id"}}, {Attributes: adapter.Attributes{"a.b": "ours", "userId": "ours"}}, {RemoveAttributes: []string{"a.b", "userId"}},
	} {
		want := adapter.Attributes{"a": map[string]any{"b": "theirs"}}
		for name, v := range up.Attributes {
			want[name] = v
		}
		got, err := s.UpdateUser(ctx, s.id, up)
		if err != nil || !reflect.DeepEqual(got.Attributes, want) {
			t.Errorf("UpdateUser: %v, %v, want %v", got.Attributes, err, want)
		}
		doc, err := users.FindOne(ctx, bson.D{}).Raw()
		check(t, err)
		for _, e := range theirs {
			if got, want := doc.Lookup(e.Key), raw(t, e.Value); !got.Equal(want) {
				t.Errorf("%s is %s, want %s", e.Key, got, want)
			}
		}
	}
}

// An attribute that is called like a field of another record is taken for none in what a
// person reads, or by Repair.
func TestAttributesCalledLikeFields(t *testing.T) {
	store, db, _ := replicaSet.monitored(t, mongo.Options{StringIDs: true})
	ctx := t.Context()
	_, err := store.CreateUser(ctx, adapter.User{ID: "ada", Attributes: adapter.Attributes{"sessionToken": "secret"}})
	check(t, err)
	insert(t, db.Collection("accounts"), bson.D{{Key: "_id", Value: "a"}, {Key: "userId", Value: bson.A{}}, {Key: "provider", Value: "github"}, {Key: "providerAccountId", Value: "1"}, {Key: "sessionToken", Value: "secret"}})
	problems, err := schemaOf(t, store).CheckSchema(ctx)
	check(t, err)
	if len(problems) != 1 || problems[0].Object != `accounts, _id "a"` {
		t.Errorf("CheckSchema: %v, want the account", problems)
	}

	bare := replicaSet.bare(t) // without indexes
	insert(t, bare.Collection("users"), theUser)
	for n, expires := range []string{"2100-01-01", "2000-01-01"} {
		insert(t, bare.Collection("accounts"), slices.Concat(theAccount, bson.D{{Key: "expires", Value: expires}, {Key: "scope", Value: fmt.Sprint(n)}}))
	}
	again := mongo.New(bare, mongo.Options{SkipSchemaCheck: true})
	repair(t, again)
	a, err := again.GetAccount(ctx, theirKey)
	check(t, err)
	if a.Scope != "1" {
		t.Errorf("Repair has kept the account %s, want the newer one, whatever expires is in it", a.Scope)
	}
}
