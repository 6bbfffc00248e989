package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// bare returns a database without anything in it.
func (d deployment) bare(t testing.TB, with ...*options.ClientOptions) *driver.Database {
	client, err := driver.Connect(append([]*options.ClientOptions{options.Client().ApplyURI(d.server(t).URL)}, with...)...)
	check(t, err)
	db := &database{Database: client.Database(fmt.Sprintf("t%d_%d", os.Getpid(), numbers.Add(1)))}
	t.Cleanup(func() { check(t, db.remove()) })
	return db.Database
}

// open returns an adapter on a new database, and makes the indexes.
func open(t testing.TB, db *driver.Database, o mongo.Options) adapter.Adapter {
	store := mongo.New(db, o)
	check(t, schemaOf(t, store).ApplySchema(t.Context()))
	return store
}

// severed returns an adapter on a database of its own, whose connections break when a
// command or reply is lost.
func (d deployment) severed(t testing.TB) (adapter.Adapter, *fault.Injector) {
	faults := &fault.Injector{}
	db := d.bare(t, options.Client().SetDialer(&dialer{faults: faults, real: true}))
	return open(t, db, mongo.Options{}), faults
}

func schemaOf(t testing.TB, a adapter.Adapter) adapter.Schema {
	schema, ok := adapter.As[adapter.Schema](a)
	if !ok {
		t.Fatal("the adapter has no Schema")
	}
	return schema
}

// A reply that is lost with its connection does not change an answer: the driver sends
// the command again, and the server knows it.
func TestLostReplies(t *testing.T) {
	store, faults := replicaSet.severed(t)
	for _, op := range measure.Operations(t, store, "lost") {
		faults.Arm(fault.Plan{Step: 1, Mode: fault.LoseReply, Once: true})
		err := op.Call(t.Context())
		if hit := faults.Disarm(); !hit || err != nil {
			t.Errorf("%s with its first reply lost: %v (lost: %t)", op.Name, err, hit)
		}
	}
}

// What a call has answered is there, whatever becomes of a transaction of the caller's.
func TestCallsTakeNoPartInATransaction(t *testing.T) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{})
	session, err := db.Client().StartSession()
	check(t, err)
	defer session.EndSession(t.Context())
	check(t, session.StartTransaction())
	ctx := driver.NewSessionContext(t.Context(), session)
	insert(t, db.Collection("orders"), bson.D{})
	_, err = db.Collection("orders").DeleteMany(ctx, bson.D{}) // the transaction has begun
	check(t, err)
	for _, op := range measure.Operations(t, store, "alone") {
		if err := op.Call(ctx); err != nil {
			t.Errorf("%s: %v", op.Name, err)
		}
	}
	u, _, err := store.CreateUserWithAccount(ctx, measure.TypicalUser("ada"), measure.TypicalAccount("1"))
	check(t, err)
	check(t, session.AbortTransaction(ctx))
	if _, err = store.GetUser(t.Context(), u.ID); err != nil {
		t.Errorf("after the transaction was aborted: %v", err)
	}
}

// Documents go when their time has passed, without any call.
func TestTheServerRemovesWhatHasExpired(t *testing.T) {
	for _, d := range []deployment{replicaSet, standalone} {
		t.Run(d.name, func(t *testing.T) {
			store, db, _ := d.monitored(t, mongo.Options{})
			ctx := t.Context()
			u, err := store.CreateUser(ctx, adapter.User{})
			check(t, err)
			for _, expires := range []time.Time{time.Now().Add(time.Second), time.Now().Add(time.Hour)} {
				_, err = store.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: expires})
				check(t, err)
				_, err = store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: "i", Token: expires.String(), Expires: expires})
				check(t, err)
			}
			count := func() (n [2]int64) {
				for i, name := range []string{"sessions", "verification_tokens"} {
					n[i], err = db.Collection(name).CountDocuments(ctx, bson.D{})
					check(t, err)
				}
				return n
			}
			if n := count(); n != [2]int64{2, 2} {
				t.Fatalf("sessions and tokens: %v, want 2 and 2", n)
			}
			for limit := time.Now().Add(time.Minute); count() != [2]int64{1, 1}; {
				if time.Now().After(limit) {
					t.Fatalf("sessions and tokens after a minute: %v, want 1 and 1", count())
				}
			}
		})
	}
}

// Without the indexes nothing would be unique: no call is made.
func TestRefusesToWorkWithoutIndexes(t *testing.T) {
	db := replicaSet.bare(t)
	ctx := t.Context()
	store := mongo.New(db, mongo.Options{})
	_, err := store.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
	var missing *adapter.SetupError
	if !errors.As(err, &missing) || strings.Count(missing.Problem, "index of") != 10 || !strings.Contains(missing.Remedy, "ApplySchema") {
		t.Fatalf("CreateUser without indexes: %v", err)
	}
	unchecked := mongo.New(db, mongo.Options{SkipSchemaCheck: true})
	_, err = unchecked.CreateUser(ctx, adapter.User{})
	check(t, err)
	check(t, schemaOf(t, store).ApplySchema(ctx))
	_, err = store.CreateUser(ctx, adapter.User{})
	check(t, err)
}

// CheckSchema names what is wrong and changes nothing, and ApplySchema does not touch
// what stands in its way.
func TestCheckSchema(t *testing.T) {
	db := replicaSet.bare(t)
	ctx := t.Context()
	schema := schemaOf(t, mongo.New(db, mongo.Options{}))
	users := db.Collection("users")
	_, err := users.InsertMany(ctx, []any{
		bson.D{{Key: "_id", Value: "first"}, {Key: "email", Value: "twice@example.com"}},
		bson.D{{Key: "_id", Value: "second"}, {Key: "email", Value: "twice@example.com"}},
		bson.D{{Key: "_id", Value: "mixed"}, {Key: "email", Value: "Ada@Example.com"}},
		bson.D{{Key: "_id", Value: "none"}}, bson.D{{Key: "_id", Value: "null"}, {Key: "email", Value: nil}},
	})
	check(t, err)
	_, err = db.Collection("sessions").Indexes().CreateOne(ctx, driver.IndexModel{Keys: bson.D{{Key: "sessionToken", Value: 1}}})
	check(t, err)

	problems, err := schema.CheckSchema(ctx)
	check(t, err)
	for _, want := range []struct {
		object, detail string
		blocking       bool
	}{
		{"index of users on email", "is missing", false},
		{"index of users on email", `["first", "second"]`, true},
		{"users", `"mixed"`, true},
		{"index of sessions on sessionToken", "is not unique", false},
		{"index of verification_tokens on expires", "is missing", false},
	} {
		found := false
		for _, p := range problems {
			found = found || p.Object == want.object && strings.Contains(p.Detail, want.detail) && p.Blocking == want.blocking
		}
		if !found {
			t.Errorf("CheckSchema does not say of the %s: %s (blocking: %t)", want.object, want.detail, want.blocking)
		}
	}
	for _, p := range problems {
		if strings.Contains(strings.ToLower(p.Object+p.Detail), "@example.com") {
			t.Errorf("a problem has an e-mail address in it: %+v", p)
		}
	}
	if len(problems) != 12 {
		t.Errorf("%d problems, want 12: %+v", len(problems), problems)
	}
	if specs, err := users.Indexes().ListSpecifications(ctx); err != nil || len(specs) != 1 {
		t.Errorf("indexes of users after CheckSchema: %v, %v", specs, err)
	}
	if err := schema.ApplySchema(ctx); err == nil || !strings.Contains(err.Error(), "CheckSchema") {
		t.Errorf("ApplySchema with duplicates: %v", err)
	}
	if n, err := users.CountDocuments(ctx, bson.D{}); err != nil || n != 5 {
		t.Errorf("users after ApplySchema: %d, %v", n, err)
	}
	_, err = users.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{"second", "mixed"}}}}})
	check(t, err)
	check(t, schema.ApplySchema(ctx))
	if problems, err := schema.CheckSchema(ctx); err != nil || len(problems) != 0 {
		t.Errorf("CheckSchema after all was mended: %+v, %v", problems, err)
	}
}

// Many processes that start at once may all apply the schema.
func TestApplySchemaRaces(t *testing.T) {
	db := replicaSet.bare(t)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			schema, _ := adapter.As[adapter.Schema](mongo.New(db, mongo.Options{}))
			errs <- schema.ApplySchema(t.Context())
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestStringIDs(t *testing.T) {
	store, db, _ := replicaSet.monitored(t, mongo.Options{StringIDs: true})
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
	if _, err := mongo.New(db, mongo.Options{}).CreateUser(ctx, adapter.User{ID: u.ID}); !errors.Is(err, adapter.ErrInvalid) {
		t.Errorf("CreateUser with a string ID where IDs are ObjectIDs: %v", err)
	}
}

func TestOpenByURL(t *testing.T) {
	server := replicaSet.server(t).URL
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := t.Context()
	name := fmt.Sprintf("t%d_%d", os.Getpid(), numbers.Add(1))
	url := strings.Replace(server, "/?", "/"+name+"?", 1)
	store, err := adapter.Open(ctx, url+"&stringIDs=true")
	check(t, err)
	check(t, schemaOf(t, store).ApplySchema(ctx))
	u, err := store.CreateUser(ctx, adapter.User{ID: "ada"})
	check(t, err)
	pinger, _ := adapter.As[adapter.Pinger](store)
	check(t, pinger.Ping(ctx))
	check(t, store.Close())
	if _, err := store.GetUser(ctx, u.ID); !errors.Is(err, adapter.ErrClosed) {
		t.Errorf("GetUser after Close: %v", err)
	}
	client, err := driver.Connect(options.Client().ApplyURI(server))
	check(t, err)
	check(t, client.Database(name).Drop(ctx))
	check(t, client.Disconnect(context.Background()))
}

func TestOpenByURLConnectsLazily(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := t.Context()
	for _, url := range []string{"mongodb://127.0.0.1:1/app?serverSelectionTimeoutMS=200", "mongodb+srv://nowhere.invalid/app"} {
		store, err := adapter.Open(ctx, url)
		check(t, err)
		if _, err := store.GetUser(ctx, newID(1)); err == nil || errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("GetUser of %s: %v", url, err)
		}
		check(t, store.Close())
	}
	for _, url := range []string{"mongodb://127.0.0.1:1", "mongodb://127.0.0.1:1/app?stringIDs=perhaps", "mongodb+srv://u:secret@host"} {
		_, err := adapter.Open(ctx, url)
		if !errors.Is(err, adapter.ErrInvalid) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open of %s: %v", url, err)
		}
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	for name, o := range map[string]mongo.Options{
		"two collections of one name": {Collections: mongo.Collections{Users: "sessions"}},
		"a system collection":         {Collections: mongo.Collections{Users: "system.users"}},
		"no acknowledgement":          {WriteConcern: writeconcern.Unacknowledged()},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: New takes it", name)
				}
			}()
			mongo.New(nil, o)
		}()
	}
}
