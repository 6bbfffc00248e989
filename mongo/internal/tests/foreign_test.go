package mongo_test

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/mongo"
)

var (
	foreignID, _ = bson.ObjectIDFromHex("65a0c0de00000000000000aa")
	noon         = time.Date(2100, 1, 2, 12, 0, 0, 123e6, time.UTC)
	decimal, _   = bson.ParseDecimal128("12.50")
)

func insert(t *testing.T, c *driver.Collection, doc bson.D) {
	t.Helper()
	_, err := c.InsertOne(t.Context(), doc)
	check(t, err)
}

// What other programs wrote is read as what it can be.
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

// A credential that was stored without times has none until it is changed, and a one-time
// token without a value has none.
func TestRecordsWithoutTimes(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	s.set(t, "", "", nil)
	want := adapter.Authenticator{CredentialID: "c", UserID: s.id, Counter: 7}
	got, err := s.GetAuthenticator(ctx, "c")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("GetAuthenticator: %+v, %v, want %+v", got, err, want)
	}
	for name, update := range map[string]func() (adapter.Authenticator, error){
		"UpdateAuthenticatorCounter": func() (adapter.Authenticator, error) { return s.UpdateAuthenticatorCounter(ctx, "c", 8) },
		"UpdateAuthenticator": func() (adapter.Authenticator, error) {
			return s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Transports: &[]string{"usb"}})
		},
	} {
		s.set(t, "", "", nil)
		if got, err := update(); err != nil || !got.CreatedAt.IsZero() || time.Since(got.UpdatedAt) > time.Minute {
			t.Errorf("%s: %+v, %v, want the time of the update alone", name, got, err)
		}
	}
	link, err := s.UseVerificationToken(ctx, "ada@example.com", adapter.HashVerificationToken("link", ""))
	if err != nil || link.Value != "" || !link.CreatedAt.IsZero() {
		t.Errorf("UseVerificationToken: %+v, %v", link, err)
	}
}
