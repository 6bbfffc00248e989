package mongo_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/mongo"
)

// enumerated returns the IDs of all users, page by page, and the errors of those that
// cannot be read.
func enumerated(t *testing.T, store adapter.Adapter, limit int) (ids []string, unreadable []error) {
	t.Helper()
	e, ok := adapter.As[adapter.Enumerator](store)
	if !ok {
		t.Fatal("no adapter.Enumerator")
	}
	for cursor := ""; ; {
		page, err := e.EnumerateUsers(t.Context(), cursor, limit)
		check(t, err)
		if n := len(page.Users) + len(page.Unreadable); n > limit {
			t.Errorf("a page has %d users, want %d at most", n, limit)
		}
		for _, u := range page.Users {
			ids = append(ids, u.ID)
		}
		unreadable = append(unreadable, page.Unreadable...)
		if cursor = page.Next; cursor == "" {
			return ids, unreadable
		}
	}
}

// Users are enumerated whatever the type of their _id, in the order of the index.
func TestEnumerationOfEveryTypeOfID(t *testing.T) {
	for _, d := range []deployment{replicaSet, standalone} {
		store, db, _ := d.monitored(t, mongo.Options{})
		for _, id := range []any{
			foreignID, newOID(t, 2), uuid(4), bson.Binary{Subtype: 3, Data: []byte("0123456789abcdef")}, "auth0|ada", "42x", "ünï", bson.Symbol("symbol"),
			int32(42), int64(1) << 60, 1.5, parsed("12345678901234567890"), int32(-7), newOID(t, 1),
		} {
			insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: id}, {Key: "name", Value: "n"}})
		}
		want := []string{
			"-7", "1.5", "42", "1152921504606846976", "12345678901234567890", "42x", "auth0|ada", "symbol", "ünï",
			"30313233-3435-3637-3839-616263646566", uuidText, newID(1), newID(2), foreignID.Hex(),
		}
		for _, limit := range []int{1, 2, 3, 5, len(want), 1000} {
			got, unreadable := enumerated(t, store, limit)
			if !slices.Equal(got, want) || len(unreadable) > 0 {
				t.Errorf("%s, in pages of %d\n got:  %v, %v\n want: %v", d.name, limit, got, unreadable, want)
			}
		}
	}
}

func newOID(t *testing.T, n uint64) bson.ObjectID {
	t.Helper()
	return oid(t, newID(n))
}

// Documents that are not users are not enumerated, nor is an unfinished sign-up, unless
// only its last step is missing. A user that cannot be read is reported.
func TestEnumerationOfWhatIsNoUser(t *testing.T) {
	store, db, _ := replicaSet.monitored(t, mongo.Options{})
	state := func(id any, field string, credential any) bson.D {
		return bson.D{{Key: "_id", Value: id}, {Key: "email", Value: fmt.Sprint(id)}, {Key: "authstore", Value: bson.D{{Key: "nonce", Value: bson.NewObjectID()}, {Key: field, Value: credential}}}}
	}
	account := func(id bson.ObjectID) bson.D {
		return append(bson.D{{Key: "_id", Value: bson.NewObjectID()}}, accountOf(id, id.Hex())...)
	}
	passkey := func(id bson.ObjectID) bson.D {
		return bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "userId", Value: id}, {Key: "credentialID", Value: id.Hex()}}
	}
	short, keyed := account(oid(t, "aa")), passkey(oid(t, "bb"))
	insert(t, db.Collection("accounts"), short)
	insert(t, db.Collection("authenticators"), keyed)
	for _, doc := range []bson.D{
		{{Key: "_id", Value: oid(t, "ff")}},
		state(oid(t, "aa"), "signUp", short), state(oid(t, "bb"), "passkey", keyed),
		state(oid(t, "cc"), "signUp", account(oid(t, "cc"))), state(oid(t, "dd"), "passkey", passkey(oid(t, "dd"))), state(oid(t, "ee"), "deleted", true),
		{{Key: "_id", Value: oid(t, "ff").Hex()}}, // the first one's ID, in another form
		{{Key: "_id", Value: bson.D{{Key: "a", Value: 1}}}, {Key: "email", Value: "odd@example.com"}}, {{Key: "_id", Value: bson.D{{Key: "a", Value: 2}}}},
		{{Key: "_id", Value: strings.Repeat("x", 256)}, {Key: "email", Value: "long@example.com"}}, {{Key: "_id", Value: strings.Repeat("y", 1<<20)}},
	} {
		insert(t, db.Collection("users"), doc)
	}
	want := []string{oid(t, "aa").Hex(), oid(t, "bb").Hex(), oid(t, "ff").Hex()}
	for _, limit := range []int{1, 4, 1000} {
		got, unreadable := enumerated(t, store, limit)
		if !slices.Equal(got, want) || len(unreadable) != 3 {
			t.Errorf("in pages of %d\n got:  %v, unreadable %v\n want: %v, and 3", limit, got, unreadable, want)
		}
		for _, err := range unreadable {
			var record *adapter.RecordError
			if !errors.As(err, &record) || record.Field != "_id" || strings.Contains(err.Error(), "@example.com") {
				t.Errorf("got %v, want an adapter.RecordError of the _id", err)
			}
		}
	}
	if u, err := store.GetUser(t.Context(), oid(t, "bb").Hex()); err != nil || u.ID != oid(t, "bb").Hex() {
		t.Errorf("GetUser: %v", err)
	}
}

// A cursor works after its user was deleted, and in another process. Other text is refused.
func TestCursors(t *testing.T) {
	store, db, seen := replicaSet.monitored(t, mongo.Options{})
	ctx := t.Context()
	for n := range uint64(6) {
		_, err := store.CreateUser(ctx, adapter.User{ID: newID(n)})
		check(t, err)
	}
	e, _ := adapter.As[adapter.Enumerator](store)
	page, err := e.EnumerateUsers(ctx, "", 2)
	check(t, err)
	check(t, store.DeleteUser(ctx, newID(2)))
	others, _ := adapter.As[adapter.Enumerator](connect(t, db, mongo.Options{}))
	seen.take()
	page, err = others.EnumerateUsers(ctx, page.Next, 2)
	check(t, err)
	if len(page.Users) != 2 || page.Users[0].ID != newID(3) {
		t.Errorf("after the user of the cursor was deleted: %v, want those that follow", page.Users)
	}
	if n := len(seen.take()); n != 1 {
		t.Errorf("a page takes %d round trips, want 1", n)
	}
	start, err := base64.RawURLEncoding.DecodeString(page.Next)
	check(t, err)
	more, err := bson.Marshal(bson.D{{Key: "_id", Value: 1}, {Key: "email", Value: 1}})
	check(t, err)
	other, err := bson.Marshal(bson.D{{Key: "email", Value: 1}})
	check(t, err)
	for name, cursor := range map[string]string{
		"an ID": newID(2), "text": "no cursor", "another alphabet": "+/+/", "a number": "0", "cut": page.Next[:len(page.Next)-4], "longer": page.Next + "AAAA",
		"bytes behind it": base64.RawURLEncoding.EncodeToString(append(start, 0)), "two fields": base64.RawURLEncoding.EncodeToString(more),
		"another field": base64.RawURLEncoding.EncodeToString(other), "padding": page.Next + "=", "no document": base64.RawURLEncoding.EncodeToString([]byte{5, 0, 0, 0, 0}),
	} {
		_, err := e.EnumerateUsers(ctx, cursor, 2)
		var invalid *adapter.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "cursor" {
			t.Errorf("%s: got %v, want ErrInvalid for the cursor", name, err)
		}
	}
}

// A page is read from the index on _id, as far as needed, without sorting.
func TestAPageIsReadFromTheIndex(t *testing.T) {
	store, db, seen := replicaSet.monitored(t, mongo.Options{})
	for n := range uint64(200) {
		insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: newOID(t, n)}})
	}
	e, _ := adapter.As[adapter.Enumerator](store)
	page, err := e.EnumerateUsers(t.Context(), "", 10)
	check(t, err)
	seen.take()
	_, err = e.EnumerateUsers(t.Context(), page.Next, 10)
	check(t, err)
	query, err := withoutSession(seen.take()[0])
	check(t, err)
	var plan bson.Raw
	check(t, db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: query}, {Key: "verbosity", Value: "executionStats"}}).Decode(&plan))
	s := stages{figures: map[string]int64{}}
	s.visit(plan)
	if !slices.Contains(s.names, "IXSCAN") || slices.Contains(s.names, "SORT") || s.figures["totalDocsExamined"] > 11 {
		t.Errorf("the stages are %v, and %d documents were looked at", s.names, s.figures["totalDocsExamined"])
	}
}

// A collection may be stored in the order of its _id, without an index for that.
func TestEnumerationOfAClusteredCollection(t *testing.T) {
	db := replicaSet.bare(t)
	clustered := bson.D{{Key: "key", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "unique", Value: true}}
	check(t, db.CreateCollection(t.Context(), "users", options.CreateCollection().SetClusteredIndex(clustered)))
	store := open(t, db, mongo.Options{})
	var want []string
	for n := range uint64(5) {
		_, err := store.CreateUser(t.Context(), adapter.User{ID: newID(n)})
		check(t, err)
		want = append(want, newID(n))
	}
	if got, _ := enumerated(t, store, 2); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
