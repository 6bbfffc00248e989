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

// printed returns the commands that the store on a database prints under a name.
func printed(t *testing.T, db *driver.Database, name string) (commands []bson.D) {
	t.Helper()
	printer, _ := adapter.As[adapter.SchemaPrinter](connect(t, db, mongo.Options{}))
	texts, err := printer.PrintSchema(t.Context())
	check(t, err)
	for _, text := range texts {
		for line := range strings.Lines(text.Text) {
			if text.Name != name {
				continue
			}
			var command bson.D
			check(t, bson.UnmarshalExtJSON([]byte(strings.TrimSuffix(strings.TrimPrefix(line, "db.runCommand("), ")\n")), false, &command))
			commands = append(commands, command)
		}
	}
	if len(commands) == 0 {
		t.Fatalf("nothing is printed under the name %s", name)
	}
	return commands
}

// leastPrivileges are those of a role that is printed.
func leastPrivileges(t *testing.T, db *driver.Database, name string) bson.A {
	t.Helper()
	return printed(t, db, name)[0][1].Value.(bson.A)
}

// The indexes that are printed are those that the package needs.
func TestPrintedIndexes(t *testing.T) {
	db := replicaSet.bare(t)
	for _, command := range printed(t, db, "indexes") {
		check(t, db.RunCommand(t.Context(), command).Err())
	}
	schema, _ := adapter.As[adapter.Schema](connect(t, db, mongo.Options{}))
	if problems, err := schema.CheckSchema(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("CheckSchema: %+v, %v", problems, err)
	}
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

// The privileges that are printed are enough, and each of them is needed.
func TestLeastPrivileges(t *testing.T) {
	server := authenticated.server(t).URL
	db := authenticated.bare(t)
	ctx := t.Context()
	administrator, err := adapter.Open(ctx, userURL(t, server, db, "schema", leastPrivileges(t, db, "schema-role")))
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
	store, err := adapter.Open(ctx, userURL(t, server, db, "application", leastPrivileges(t, db, "role")))
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
		less := leastPrivileges(t, db, "role")
		for i, privilege := range less {
			kept := bson.A{}
			for _, a := range privilege.(bson.D)[1].Value.(bson.A) {
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
