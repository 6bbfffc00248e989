package mongo_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// commands are those that a client has sent.
type commands struct {
	mu  sync.Mutex
	all []bson.Raw
}

// monitor keeps every command of the package.
func (c *commands) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		if slices.Contains(uncounted, e.CommandName) {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, slices.Clone(e.Command))
	}}
}

// take returns the commands since the last call.
func (c *commands) take() []bson.Raw {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

// monitored returns an adapter on a database of its own, whose commands are kept.
func (d deployment) monitored(t testing.TB, o mongo.Options) (adapter.Adapter, *driver.Database, *commands) {
	seen := &commands{}
	db := d.bare(t, options.Client().SetMonitor(seen.monitor()))
	return open(t, db, o), db, seen
}

// TestRoundTrips measures every row of the package comment's table.
func TestRoundTrips(t *testing.T) {
	for _, d := range []deployment{replicaSet, standalone} {
		t.Run(d.name, func(t *testing.T) {
			table := measure.Documented(t, "Round trips")
			store, _, seen := d.monitored(t, mongo.Options{})
			_, err := store.GetUser(t.Context(), newID(1)) // connects
			if err == nil {
				t.Fatal("there is a user before any was made")
			}
			for _, op := range measure.Operations(t, store, "n") {
				seen.take()
				check(t, op.Call(t.Context()))
				if n := float64(len(seen.take())); !slices.Equal(table[op.Name], []float64{n}) {
					t.Errorf("%s: measured %v round trips, doc.go says %v", op.Name, n, table[op.Name])
				}
				delete(table, op.Name)
			}
			for name := range table {
				t.Errorf("%s: doc.go has it, and nothing measures it", name)
			}
		})
	}
}
