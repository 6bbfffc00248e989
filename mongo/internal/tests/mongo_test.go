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
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// The writes of a call do not depend on the caller's transaction.
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

// The server removes expired documents without any call.
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

func TestOpenByURL(t *testing.T) {
	server := replicaSet.server(t).URL
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := t.Context()
	name := fmt.Sprintf("t%d_%d", os.Getpid(), numbers.Add(1))
	url := strings.Replace(server, "/?", "/"+name+"?", 1)
	store, err := adapter.Open(ctx, url+"&ids=string")
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
	for _, url := range []string{"mongodb://127.0.0.1:1", "mongodb://127.0.0.1:1/app?ids=perhaps", "mongodb+srv://u:secret@host"} {
		_, err := adapter.Open(ctx, url)
		if !errors.Is(err, adapter.ErrInvalid) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open of %s: %v", url, err)
		}
	}
}

// New refuses what cannot work, and says which option it is.
func TestNewRefusesWhatCannotWork(t *testing.T) {
	client, err := driver.Connect(options.Client().ApplyURI("mongodb://127.0.0.1:1"))
	check(t, err)
	t.Cleanup(func() { check(t, client.Disconnect(context.Background())) })
	db := client.Database("app")
	for _, test := range []struct {
		field   string
		db      *driver.Database
		options mongo.Options
	}{
		{"db", nil, mongo.Options{}},
		{"Options.RequestTimeout", db, mongo.Options{RequestTimeout: -1}},
		{"Options.BatchesInFlight", db, mongo.Options{BatchesInFlight: -1}},
		{"Options.BatchSize", db, mongo.Options{BatchSize: -1}},
		{"Options.WriteConcern", db, mongo.Options{WriteConcern: writeconcern.Unacknowledged()}},
		{"Options.Layout", db, mongo.Options{Layout: mongo.Layout{Users: mongo.Record{Collection: "sessions"}}}},
		{"Options.Layout", db, mongo.Options{Layout: mongo.Layout{Users: mongo.Record{Collection: "system.users"}}}},
		{"Options.Layout", db, mongo.Options{Layout: mongo.Layout{Users: mongo.Record{Collection: "$users"}}}},
	} {
		store, err := mongo.New(test.db, test.options)
		var invalid *adapter.InvalidError
		if store != nil || !errors.As(err, &invalid) || invalid.Field != test.field {
			t.Errorf("%+v: got %v, %v, want that %s is invalid", test.options, store, err, test.field)
		}
	}
}
