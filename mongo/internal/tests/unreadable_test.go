package mongo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

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

// nested returns an object of depth n.
func nested(n int) bson.D {
	d := bson.D{{Key: "end", Value: true}}
	for range n {
		d = bson.D{{Key: "in", Value: d}}
	}
	return d
}

// oddValues has one value of every BSON type, and the unusual values of some.
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

// isStill fails the test unless a field of a document has the value that was stored.
func isStill(t *testing.T, c *driver.Collection, filter bson.D, field string, v any) {
	t.Helper()
	doc, err := c.FindOne(t.Context(), filter).Raw()
	check(t, err)
	got, want := doc.Lookup(field), raw(t, v)
	if got.Type != want.Type || !bytes.Equal(got.Value, want.Value) {
		t.Errorf("the field %s is of the type %s, want what was stored, of the type %s", field, got.Type, want.Type)
	}
}

// withField returns a document with a field added or replaced.
func withField(doc bson.D, field string, v any) bson.D {
	doc = slices.DeleteFunc(slices.Clone(doc), func(e bson.E) bool { return e.Key == field })
	return append(doc, bson.E{Key: field, Value: v})
}

// steps are calls that are made one after the other, and must all succeed.
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

func failed[T any](_ T, err error) error { return err }

func failed2[T, U any](_ T, _ U, err error) error { return err }

// exactlyOne returns an error unless a list has one record.
func exactlyOne[T any](all []T, err error) error {
	if err == nil && len(all) != 1 {
		return fmt.Errorf("%d records, want 1", len(all))
	}
	return err
}

// scene is a user of another program, with one record of each type and plain session
// tokens.
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
			doc = withField(doc, field, v)
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
		{"ListAccounts", func() error { return exactlyOne(s.ListAccounts(ctx, s.id)) }},
		{"GetSessionAndUser", func() error { return failed2(s.GetSessionAndUser(ctx, "token")) }},
		{"ListSessions", func() error { return exactlyOne(s.ListSessions(ctx, s.id)) }},
		{"GetAuthenticator", func() error { return failed(s.GetAuthenticator(ctx, "c")) }},
		{"ListAuthenticators", func() error { return exactlyOne(s.ListAuthenticators(ctx, s.id)) }},
	}
}

// updates are the calls that change every record, without naming any of the odd fields.
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

// A field that the contract can do without never makes a record unreadable, whatever its
// value, and is kept until an update names it.
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

// A field that the contract needs, with a value that it cannot have, is an error that names
// the record, before anything is written. Sign-outs and deletions include the record.
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
					insert(t, s.db.Collection("sessions"), withField(theSession, "sessionToken", "other"))
					if err := exactlyOne(s.ListSessions(ctx, s.id)); err != nil {
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

// A change between the read of an odd record and the write to it is not lost.
func TestOddRecordsAreRaced(t *testing.T) {
	ctx := t.Context()
	db := replicaSet.bare(t)
	_ = open(t, db, mongo.Options{})
	insert(t, db.Collection("users"), theUser)
	insert(t, db.Collection("sessions"), withField(withField(theSession, "sessionToken", adapter.SessionID("token")), "expires", "2100-01-02T12:00:00Z"))
	reads := 0
	var store adapter.Adapter
	store = meddled(t, db, "findAndModify", "sessions", func() { reads++ })
	if _, err := store.UpdateSession(ctx, "token", adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "::1"}}); err != nil || reads == 0 {
		t.Errorf("UpdateSession: %v", err)
	}
	store = meddledAt(t, db, 3, "findAndModify", "sessions", func() {
		_, err := db.Collection("sessions").UpdateMany(context.Background(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "expires", Value: bson.DateTime(1)}}}})
		check(t, err)
	})
	if _, err := store.UpdateSession(ctx, "token", adapter.SessionUpdate{Expires: new(noon)}); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("UpdateSession of a session that expired meanwhile: %v, want ErrNotFound", err)
	}
}

// A counter of an unusual type that another program increases between the read and the
// update must be exceeded too.
func TestAnOddCounterIsLookedAtAgain(t *testing.T) {
	db := replicaSet.bare(t)
	open(t, db, mongo.Options{})
	n := 0
	client, err := driver.Connect(options.Client().ApplyURI(replicaSet.server(t).URL).SetMonitor(&event.CommandMonitor{
		Started: func(_ context.Context, e *event.CommandStartedEvent) {
			if e.CommandName != "findAndModify" {
				return
			}
			if n++; n == 3 { // the first one asks for the usual type, the second one reads
				set(t, db.Collection("authenticators"), bson.D{}, "counter", 20.0)
			}
		},
	}))
	check(t, err)
	t.Cleanup(func() { check(t, client.Disconnect(context.Background())) })
	store := connect(t, client.Database(db.Name()), mongo.Options{})
	u, err := store.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	_, err = store.CreateAuthenticator(t.Context(), adapter.Authenticator{CredentialID: "c", UserID: u.ID, CredentialPublicKey: "key"})
	check(t, err)
	set(t, db.Collection("authenticators"), bson.D{}, "counter", 7.0)
	if _, err := store.UpdateAuthenticatorCounter(t.Context(), "c", 10); !errors.Is(err, adapter.ErrConflict) || n < 3 {
		t.Errorf("got %v after %d commands, want ErrConflict", err, n)
	}
}

// A counter that grows is not a clone's, even if the credential is created and deleted
// meanwhile.
func TestCounterOfACredentialThatIsMade(t *testing.T) {
	db := replicaSet.bare(t)
	others := open(t, db, mongo.Options{})
	passkey := adapter.Authenticator{UserID: foreignID.Hex(), CredentialID: "c", CredentialPublicKey: "k", Counter: 1}
	store := meddledAt(t, db, 2, "findAndModify", "authenticators", func() {
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
