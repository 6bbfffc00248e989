package mongo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// TestRoundTrips measures every row of the table in docs/mongo.md.
func TestRoundTrips(t *testing.T) {
	for _, d := range []deployment{replicaSet, standalone} {
		t.Run(d.name, func(t *testing.T) {
			table := measure.PageTable(t, "mongo.md", "Round trips")
			store, _, seen := d.monitored(t, mongo.Options{})
			_, err := store.GetUser(t.Context(), newID(1)) // connects
			if err == nil {
				t.Fatal("there is a user before any was made")
			}
			for _, op := range measure.Operations(t, store, "n") {
				seen.take()
				check(t, op.Call(t.Context()))
				if n := float64(len(seen.take())); !slices.Equal(table[op.Name], []float64{n}) {
					t.Errorf("%s: measured %v round trips, docs/mongo.md says %v", op.Name, n, table[op.Name])
				}
				delete(table, op.Name)
			}
			for name := range table {
				t.Errorf("%s: docs/mongo.md has it, and nothing measures it", name)
			}
		})
	}
}

// TestEveryQueryUsesAnIndex has the server explain each query that the package sends, among
// the records of other users.
func TestEveryQueryUsesAnIndex(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%t", plain), func(t *testing.T) {
			store, db, seen := replicaSet.monitored(t, mongo.Options{Options: adapter.Options{PlainSessionTokens: plain}})
			crowd(t, store)
			seen.take()
			explained := 0
			explain := func(doing string) {
				for _, command := range seen.take() {
					query, err := withoutSession(command)
					check(t, err)
					if name := query[0].Key; name == "insert" || name == "getMore" {
						continue
					}
					explained++
					var plan bson.Raw
					check(t, db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: query}, {Key: "verbosity", Value: "executionStats"}}).Decode(&plan))
					seen.take()
					checkPlan(t, doing, query, plan)
				}
			}
			ops := measure.Operations(t, store, "explained")
			seen.take()
			for _, op := range ops {
				// What an operation removes is explained before it is gone.
				if strings.HasPrefix(op.Name, "Delete") || strings.HasPrefix(op.Name, "U") {
					continue
				}
				check(t, op.Call(t.Context()))
				explain(op.Name)
			}
			for _, op := range ops {
				if strings.HasPrefix(op.Name, "Delete") || strings.HasPrefix(op.Name, "U") {
					check(t, op.Call(t.Context()))
					explain(op.Name)
				}
			}
			others(t, store, explain)
			if explained < 30 {
				t.Errorf("only %d commands were explained", explained)
			}
		})
	}
}

// crowd creates users with records of every type.
func crowd(t *testing.T, store adapter.Adapter) {
	for i := range 40 {
		for _, op := range measure.Operations(t, store, fmt.Sprint("crowd", i)) {
			if strings.HasPrefix(op.Name, "Create") || op.Name == "LinkAccount" {
				check(t, op.Call(t.Context()))
			}
		}
	}
}

// others makes calls that send further queries in special cases.
func others(t *testing.T, store adapter.Adapter, explain func(string)) {
	ctx := t.Context()
	u, err := store.CreateUser(ctx, adapter.User{Email: "others@example.com"})
	check(t, err)
	kept, err := store.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	explain("CreateSession")
	check(t, store.DeleteSessions(ctx, u.ID, kept.SessionToken))
	explain("DeleteSessions but for one")
	if _, err := store.CreateUser(ctx, adapter.User{Email: u.Email}); err == nil {
		t.Error("two users have one address")
	}
	explain("CreateUser with a taken address")
	if _, err := store.CreateUser(ctx, adapter.User{ID: u.ID}); err == nil {
		t.Error("two users have one ID")
	}
	explain("CreateUser with a taken ID")
	if _, err := store.CreateSession(ctx, adapter.Session{UserID: newID(7), SessionToken: kept.SessionToken, Expires: kept.Expires}); err == nil {
		t.Error("two sessions have one token")
	}
	purger, _ := adapter.As[adapter.Purger](store)
	_, err = purger.PurgeExpired(ctx)
	check(t, err)
	explain("PurgeExpired")
}

// withoutSession returns a command without the parts about the session in which it was
// sent.
func withoutSession(command bson.Raw) (query bson.D, err error) {
	if err := bson.Unmarshal(command, &query); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(query, func(e bson.E) bool {
		return slices.Contains([]string{"lsid", "$db", "$clusterTime", "$readPreference", "txnNumber", "writeConcern", "readConcern"}, e.Key)
	}), nil
}

// stages collects the names of all stages of a plan, and the maximum of each figure, which
// is that of the whole plan.
type stages struct {
	names   []string
	figures map[string]int64
}

func (s *stages) visit(doc bson.Raw) {
	elements, _ := doc.Elements()
	for _, e := range elements {
		switch v := e.Value(); {
		case e.Key() == "rejectedPlans" || e.Key() == "allPlansExecution":
		case v.Type == bson.TypeEmbeddedDocument:
			s.visit(v.Document())
		case v.Type == bson.TypeArray:
			s.visit(bson.Raw(v.Array()))
		case e.Key() == "stage":
			s.names = append(s.names, v.StringValue())
		default:
			if n, ok := v.AsInt64OK(); ok {
				s.figures[e.Key()] = max(n, s.figures[e.Key()])
			}
		}
	}
}

// maxForms is the maximum number of forms of an ID in a query. Each takes a look-up in the
// index.
const maxForms = 3

// checkPlan fails the test if a plan reads a collection, or more keys than documents,
// one, and those for which it looks.
func checkPlan(t *testing.T, doing string, query bson.D, plan bson.Raw) {
	t.Helper()
	s := stages{figures: map[string]int64{}}
	s.visit(plan)
	name := fmt.Sprintf("%s: %s %v", doing, query[0].Key, query[0].Value)
	if slices.Contains(s.names, "COLLSCAN") || s.figures["collectionScans"] > 0 {
		t.Errorf("%s reads the whole collection:\n%s", name, plan)
	}
	if len(s.names) == 0 {
		t.Errorf("%s: the server explains no plan:\n%s", name, plan)
	}
	keys, docs := s.figures["totalKeysExamined"], s.figures["totalDocsExamined"]
	if keys > docs+1+maxForms {
		t.Errorf("%s examines %d keys for %d documents:\n%s", name, keys, docs, plan)
	}
}
