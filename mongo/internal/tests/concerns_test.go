package mongo_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// With LinearizableReads every read has that read concern, and every operation works.
func TestLinearizableReads(t *testing.T) {
	store, _, seen := threeMembers.monitored(t, mongo.Options{LinearizableReads: true})
	ops := measure.Operations(t, store, "linear")
	seen.take()
	for _, op := range ops {
		check(t, op.Call(t.Context()))
		for _, command := range seen.take() {
			first, _ := command.IndexErr(0)
			if name := first.Key(); name != "find" && name != "aggregate" {
				continue
			}
			if level, _ := command.Lookup("readConcern", "level").StringValueOK(); level != "linearizable" {
				t.Errorf("%s: the command %s has the read concern %q", op.Name, first.Key(), level)
			}
		}
	}
}

// A standalone server cannot make linearizable reads, and the error says so.
func TestLinearizableReadsOfAStandalone(t *testing.T) {
	db := standalone.bare(t)
	open(t, db, mongo.Options{})
	_, err := connect(t, db, mongo.Options{LinearizableReads: true}).GetUser(t.Context(), newID(1))
	saysSetup(t, "GetUser", err, "LinearizableReads")
}

// The client may read from secondaries and not wait for writes; the store does not.
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

// The steps of a sign-up have their write concerns although the package sends the commands
// itself.
func TestWriteConcernsOfASignUp(t *testing.T) {
	for name, c := range map[string]struct {
		option *writeconcern.WriteConcern
		want   string // of the account
	}{
		"default":   {nil, `{"w": "majority"}`},
		"journaled": {&writeconcern.WriteConcern{W: 1, Journal: new(true)}, `{"w": {"$numberInt":"1"},"j": true}`},
		"none":      {writeconcern.Journaled(), `{"j": true}`},
	} {
		t.Run(name, func(t *testing.T) {
			store, _, seen := replicaSet.monitored(t, mongo.Options{WriteConcern: c.option})
			_, err := store.GetUser(t.Context(), newID(1)) // connects
			if !errors.Is(err, adapter.ErrNotFound) {
				t.Fatal(err)
			}
			seen.take()
			_, _, err = store.CreateUserWithAccount(t.Context(), measure.TypicalUser("ada"), measure.TypicalAccount("1"))
			check(t, err)
			var got []string
			for _, command := range seen.take() {
				got = append(got, command.Lookup("writeConcern").String())
			}
			if want := []string{`{"w": {"$numberInt":"1"}}`, c.want, `{"w": {"$numberInt":"1"}}`}; !slices.Equal(got, want) {
				t.Errorf("got the write concerns %v, want %v", got, want)
			}
		})
	}
}
