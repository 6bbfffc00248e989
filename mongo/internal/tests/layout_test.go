package mongo_test

import (
	"fmt"
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

// Names that JavaScript takes for the prototype of an object are stored under others, at
// every depth, and come back.
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

// Names that the server or Auth.js would misread are escaped in the store.
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

// An attribute with the name of a field of another record is not taken for that field, by
// reads or by Repair.
func TestAttributesCalledLikeFields(t *testing.T) {
	store, db, _ := replicaSet.monitored(t, mongo.Options{Layout: mongo.Layout{IDs: mongo.StringIDs}})
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
	again := connect(t, bare, mongo.Options{SkipSchemaCheck: true})
	repair(t, again)
	a, err := again.GetAccount(ctx, theirKey)
	check(t, err)
	if a.Scope != "1" {
		t.Errorf("Repair has kept the account %s, want the newer one, whatever expires is in it", a.Scope)
	}
}

// A passkey that was stored without times has none until it is changed, and a verification
// token that was stored without a value has none.
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

// Session.ID is a digest, whoever stored the session and whatever its token looks like.
func TestSessionIDsAreDigests(t *testing.T) {
	ctx := t.Context()
	db := replicaSet.bare(t)
	digests := open(t, db, mongo.Options{})
	plain := connect(t, db, mongo.Options{Options: adapter.Options{PlainSessionTokens: true}})
	u, err := digests.CreateUser(ctx, adapter.User{})
	check(t, err)
	tokens := []string{"4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b", adapter.SessionID("looks like a digest"), strings.Repeat("A", 43), "1", strings.Repeat("f", 64)}
	for _, token := range tokens {
		insert(t, db.Collection("sessions"), withField(withField(theSession, "userId", oid(t, u.ID)), "sessionToken", token))
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
		insert(t, db.Collection("sessions"), withField(withField(theSession, "userId", oid(t, "dd")), "sessionToken", token))
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

// insertAs gives every document of a collection an attribute v with a value or, for an
// object of odd names, the attributes in it.
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
