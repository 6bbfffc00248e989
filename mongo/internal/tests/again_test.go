package mongo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// set changes a document.
func set(t *testing.T, c *driver.Collection, filter bson.D, field string, value any) {
	t.Helper()
	_, err := c.UpdateOne(t.Context(), filter, bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}})
	check(t, err)
}

func accountOf(owner bson.ObjectID, id string) bson.D {
	return bson.D{{Key: "userId", Value: owner}, {Key: "provider", Value: "github"}, {Key: "providerAccountId", Value: id}, {Key: "type", Value: "oauth"}}
}

// A sign-up whose account or passkey another program has given to somebody else is none.
func TestASignUpWhoseAccountIsAnothers(t *testing.T) {
	for name, b := range signUps {
		t.Run(name, func(t *testing.T) { isAnothers(t, b) })
	}
}

func isAnothers(t *testing.T, b bringing) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{})
	cut, other := oid(t, "aa"), oid(t, "bb")
	brings := b.document(cut, "1")
	insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: other}})
	insert(t, db.Collection("users"), b.unfinishedUser(cut, "ada@example.com", brings))
	insert(t, db.Collection(b.collection), brings)
	set(t, db.Collection(b.collection), bson.D{}, "userId", other)
	if u, err := store.GetUser(t.Context(), cut.Hex()); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("GetUser: got %q, %v, want ErrNotFound", u.ID, err)
	}
	u, err := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	got, err := store.GetUserByEmail(t.Context(), "ada@example.com")
	check(t, err)
	if got.ID != u.ID {
		t.Errorf("got the user %s, want %s", got.ID, u.ID)
	}
}

// A sign-up that comes to its end while somebody removes it, who takes its call for gone,
// stays.
func TestWhoHasBecomeAUserStays(t *testing.T) {
	db := replicaSet.bare(t)
	open(t, db, mongo.Options{})
	id := oid(t, "aa")
	insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: id}, {Key: "email", Value: "ada@example.com"}, {Key: "authstore", Value: bson.D{
		{Key: "nonce", Value: bson.NewObjectID()}, {Key: "signUp", Value: append(bson.D{{Key: "_id", Value: bson.NewObjectID()}}, accountOf(id, "1")...)},
	}}})
	store := meddled(t, db, "delete", "users", func() {
		_, err := db.Collection("users").UpdateOne(t.Context(), bson.D{}, bson.D{{Key: "$unset", Value: bson.D{{Key: "authstore", Value: ""}}}})
		check(t, err)
	})
	if _, err := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"}); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("CreateUser: got %v, want ErrConflict", err)
	}
	u, err := store.GetUserByEmail(t.Context(), "ada@example.com")
	check(t, err)
	if u.ID != id.Hex() {
		t.Errorf("got the user %s, want %s", u.ID, id.Hex())
	}
}

// An account of nobody that gets a user while somebody takes its place stays that user's.
func TestWhatGivesWayIsLookedAtAgain(t *testing.T) {
	db := replicaSet.bare(t)
	open(t, db, mongo.Options{})
	owner, other := oid(t, "aa"), oid(t, "bb")
	for _, id := range []bson.ObjectID{owner, other} {
		insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: id}})
	}
	insert(t, db.Collection("accounts"), accountOf(oid(t, "dead"), "1"))
	store := meddled(t, db, "delete", "accounts", func() { set(t, db.Collection("accounts"), bson.D{}, "userId", owner) })
	_, err := store.LinkAccount(t.Context(), adapter.Account{UserID: other.Hex(), Type: "oauth", Provider: "github", ProviderAccountID: "1"})
	if !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("LinkAccount: got %v, want ErrConflict", err)
	}
	got, err := store.GetUserByAccount(t.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	if got.ID != owner.Hex() {
		t.Errorf("got the user %s, want %s", got.ID, owner.Hex())
	}
}

// A client may read from secondaries, and wait for nobody: the store does not.
func TestTheClientsConcernsAreNotUsed(t *testing.T) {
	seen := &commands{}
	db := replicaSet.bare(t, options.Client().SetMonitor(seen.monitor()).SetReadPreference(readpref.Nearest()).
		SetReadConcern(readconcern.Available()).SetWriteConcern(writeconcern.W1()))
	store := open(t, db, mongo.Options{})
	ops := measure.Operations(t, store, "n")
	seen.take()
	reads, writes := 0, 0
	for _, op := range ops {
		check(t, op.Call(t.Context()))
		for i, command := range seen.take() {
			mode, _ := command.Lookup("$readPreference", "mode").StringValueOK()
			if mode == "nearest" {
				t.Errorf("%s reads from the nearest server", op.Name)
			}
			first, _ := command.IndexErr(0)
			switch level, _ := command.Lookup("readConcern", "level").StringValueOK(); first.Key() {
			case "find", "aggregate":
				if reads++; level != "local" {
					t.Errorf("%s reads with the read concern %q", op.Name, level)
				}
			default:
				// The steps of a sign-up, and the last of a deletion, say their own.
				if w := command.Lookup("writeConcern", "w"); !strings.HasPrefix(op.Name, "CreateUserWith") && (op.Name != "DeleteUser" || i < 4) {
					if writes++; w.Type != bson.TypeString || w.StringValue() != "majority" {
						t.Errorf("%s writes with the write concern %s", op.Name, command.Lookup("writeConcern"))
					}
				}
			}
		}
	}
	if reads < 10 || writes < 10 {
		t.Errorf("got %d reads and %d writes, want more", reads, writes)
	}
}

// A counter of another type that another program moves on, between the look at it and the
// update, must be exceeded too.
func TestAnOddCounterIsLookedAtAgain(t *testing.T) {
	db := replicaSet.bare(t)
	open(t, db, mongo.Options{})
	n := 0
	client, err := driver.Connect(options.Client().ApplyURI(replicaSet.server(t).URL).SetMonitor(&event.CommandMonitor{
		Started: func(_ context.Context, e *event.CommandStartedEvent) {
			if e.CommandName != "findAndModify" {
				return
			}
			if n++; n == 2 { // the first one asks for the usual type
				set(t, db.Collection("authenticators"), bson.D{}, "counter", 20.0)
			}
		},
	}))
	check(t, err)
	t.Cleanup(func() { check(t, client.Disconnect(context.Background())) })
	store := mongo.New(client.Database(db.Name()), mongo.Options{})
	u, err := store.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	_, err = store.CreateAuthenticator(t.Context(), adapter.Authenticator{CredentialID: "c", UserID: u.ID, CredentialPublicKey: "key"})
	check(t, err)
	set(t, db.Collection("authenticators"), bson.D{}, "counter", 7.0)
	if _, err := store.UpdateAuthenticatorCounter(t.Context(), "c", 10); !errors.Is(err, adapter.ErrConflict) || n < 2 {
		t.Errorf("got %v after %d commands, want ErrConflict", err, n)
	}
}

// What another program keeps in the collections of sessions and tokens is not purged.
func TestAPurgeLeavesOthersDocuments(t *testing.T) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{Options: adapter.Options{Clock: func() time.Time { return time.Now().Add(2 * time.Hour) }}})
	for _, name := range []string{"sessions", "verification_tokens"} {
		insert(t, db.Collection(name), bson.D{{Key: "note", Value: "another program's"}, {Key: "expires", Value: bson.NewDateTimeFromTime(time.Now().Add(time.Hour))}})
	}
	p, _ := adapter.As[adapter.Purger](store)
	if n, err := p.PurgeExpired(t.Context()); n != 0 || err != nil {
		t.Errorf("got %d, %v, want none", n, err)
	}
}

// Repair looks again at what it takes away or writes.
func TestRepairLooksAgain(t *testing.T) {
	expires := bson.E{Key: "expires", Value: bson.NewDateTimeFromTime(noon)}
	owner := oid(t, "aa")
	for name, c := range map[string]struct {
		before              func(db *driver.Database)
		command, collection string
		meddle              func(db *driver.Database)
		left                string // the collection in which a document is that meets the filter then
		filter              bson.D
	}{
		"an account that has a user": {
			func(db *driver.Database) {
				insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: owner}})
				insert(t, db.Collection("accounts"), accountOf(oid(t, "dead"), "1"))
			}, "delete", "accounts", func(db *driver.Database) { set(t, db.Collection("accounts"), bson.D{}, "userId", owner) },
			"accounts", bson.D{{Key: "userId", Value: owner}},
		},
		"a user who is there": {
			func(db *driver.Database) {
				insert(t, db.Collection("sessions"), bson.D{{Key: "userId", Value: oid(t, "dead")}, {Key: "sessionToken", Value: "s"}, expires})
				insert(t, db.Collection("accounts"), accountOf(owner, "1"))
			}, "delete", "sessions", func(db *driver.Database) { insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: owner}}) },
			"accounts", bson.D{{Key: "userId", Value: owner}},
		},
		"an address that was changed": {
			func(db *driver.Database) {
				insert(t, db.Collection("users"), bson.D{{Key: "_id", Value: owner}, {Key: "email", Value: "Ada@example.com"}})
			}, "update", "users", func(db *driver.Database) { set(t, db.Collection("users"), bson.D{}, "email", "other@example.com") },
			"users", bson.D{{Key: "email", Value: "other@example.com"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := replicaSet.bare(t)
			open(t, db, mongo.Options{})
			c.before(db)
			met := false
			store := meddled(t, db, c.command, c.collection, func() { met = true; c.meddle(db) })
			r, _ := adapter.As[adapter.Repairer](store)
			_, err := r.Repair(t.Context(), false)
			check(t, err)
			n, err := db.Collection(c.left).CountDocuments(t.Context(), c.filter)
			check(t, err)
			if n != 1 || !met {
				t.Errorf("there are %d of it, want 1 (raced: %t)", n, met)
			}
		})
	}
}
