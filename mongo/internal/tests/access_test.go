package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/mongo"
)

// authenticated is a server that requires authentication.
var authenticated = deployment{name: "mongo (with authentication)", server: engine.MongoAuth}

// leastPrivileges is the role in docs/mongo.md.
func leastPrivileges(db string, schema bool) bson.A {
	all := bson.A{}
	grant := func(collection string, actions ...string) {
		all = append(all, bson.D{{Key: "resource", Value: bson.D{{Key: "db", Value: db}, {Key: "collection", Value: collection}}}, {Key: "actions", Value: actions}})
	}
	for _, collection := range []string{"users", "accounts", "sessions", "verification_tokens", "authenticators"} {
		actions := []string{"find", "insert", "update", "remove", "listIndexes"}
		if schema {
			actions = append(actions, "createIndex", "createCollection")
		}
		grant(collection, actions...)
	}
	if schema {
		grant("", "listCollections")
	}
	return all
}

// userURL creates a user with privileges, and returns a URL for that user.
func userURL(t *testing.T, server string, db *driver.Database, name string, privileges bson.A) string {
	t.Helper()
	check(t, db.RunCommand(t.Context(), bson.D{{Key: "createRole", Value: name}, {Key: "privileges", Value: privileges}, {Key: "roles", Value: bson.A{}}}).Err())
	check(t, db.RunCommand(t.Context(), bson.D{{Key: "createUser", Value: name}, {Key: "pwd", Value: "hunter2"}, {Key: "roles", Value: bson.A{name}}}).Err())
	t.Cleanup(func() {
		check(t, db.RunCommand(context.Background(), bson.D{{Key: "dropUser", Value: name}}).Err())
		check(t, db.RunCommand(context.Background(), bson.D{{Key: "dropRole", Value: name}}).Err())
	})
	_, at, _ := strings.Cut(host(t, server), "@")
	return fmt.Sprintf("mongodb://%s:hunter2@%s/%s?directConnection=true", name, at, db.Name())
}

// The privileges in docs/mongo.md are enough, and each of them is needed.
func TestLeastPrivileges(t *testing.T) {
	server := authenticated.server(t).URL
	db := authenticated.bare(t)
	ctx := t.Context()
	administrator, err := adapter.Open(ctx, userURL(t, server, db, "schema", leastPrivileges(db.Name(), true)))
	check(t, err)
	defer func() { check(t, administrator.Close()) }()
	schema, _ := adapter.As[adapter.Repairer](administrator)
	check(t, schema.ApplySchema(ctx))
	if problems, err := schema.CheckSchema(ctx); err != nil || len(problems) > 0 {
		t.Errorf("CheckSchema: %+v, %v", problems, err)
	}
	insert(t, db.Collection("sessions"), bson.D{{Key: "userId", Value: bson.NewObjectID()}, {Key: "sessionToken", Value: "s"}, {Key: "expires", Value: bson.NewDateTimeFromTime(noon)}})
	if repaired, err := schema.Repair(ctx, false); err != nil || len(repaired) != 1 {
		t.Errorf("Repair: %+v, %v", repaired, err)
	}
	store, err := adapter.Open(ctx, userURL(t, server, db, "application", leastPrivileges(db.Name(), false)))
	check(t, err)
	defer func() { check(t, store.Close()) }()
	for n := range 2 {
		for _, op := range calls(ctx, store, n) {
			if err := op.Call(ctx); err != nil {
				t.Errorf("%s: %v", op.Name, err)
			}
		}
	}
	purger, _ := adapter.As[adapter.Purger](store)
	_, err = purger.PurgeExpired(ctx)
	check(t, err)
	check(t, pingOf(t, store))
	for _, action := range []string{"find", "insert", "update", "remove", "listIndexes"} {
		less := leastPrivileges(db.Name(), false)
		for i, privilege := range less {
			kept := []string{}
			for _, a := range privilege.(bson.D)[1].Value.([]string) {
				if a != action {
					kept = append(kept, a)
				}
			}
			less[i].(bson.D)[1].Value = kept
		}
		without, err := adapter.Open(ctx, userURL(t, server, db, "without_"+action, less))
		check(t, err)
		missed := 0
		for _, op := range calls(ctx, without, 7) {
			err := op.Call(ctx)
			if err == nil || errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrConflict) {
				continue
			}
			missed++
			saysSetup(t, op.Name+" without "+action, err, "privilege")
			if strings.Contains(err.Error(), "@") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: data is in %v", op.Name, err)
			}
		}
		if missed == 0 {
			t.Errorf("nothing needs the privilege %s", action)
		}
		check(t, without.Close())
	}
}

func TestAuthentication(t *testing.T) {
	_, at, _ := strings.Cut(host(t, authenticated.server(t).URL), "@")
	for user, want := range map[string]string{"root:hunter2@": "authentication failed", "nobody:hunter2@": "authentication failed", "": "requires authentication"} {
		store, err := adapter.Open(t.Context(), "mongodb://"+user+at+"/app?directConnection=true")
		check(t, err)
		_, err = store.GetUser(t.Context(), newID(1))
		saysSetup(t, "GetUser as "+user, err, want)
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is in %v", err)
		}
		if err := pingOf(t, store); user != "" {
			saysSetup(t, "Ping as "+user, err, want)
		}
		check(t, store.Close())
	}
	// A client of the application's.
	client, err := driver.Connect(options.Client().ApplyURI("mongodb://root:hunter2@" + at + "/?directConnection=true"))
	check(t, err)
	defer func() { check(t, client.Disconnect(context.Background())) }()
	_, err = connect(t, client.Database("app"), mongo.Options{}).GetUser(t.Context(), newID(1))
	saysSetup(t, "GetUser with a client", err, "authentication failed")
}
