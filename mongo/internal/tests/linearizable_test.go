package mongo_test

import (
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// With LinearizableReads every read asks for it, and every operation works.
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

// A standalone server has no majority to ask: that is said.
func TestLinearizableReadsOfAStandalone(t *testing.T) {
	db := standalone.bare(t)
	open(t, db, mongo.Options{})
	_, err := mongo.New(db, mongo.Options{LinearizableReads: true}).GetUser(t.Context(), newID(1))
	saysSetup(t, "GetUser", err, "LinearizableReads")
}

// BenchmarkLinearizableReads measures a session's look-up on three members, by both kinds
// of reads.
func BenchmarkLinearizableReads(b *testing.B) {
	for name, linearizable := range map[string]bool{"local": false, "linearizable": true} {
		db := threeMembers.bare(b)
		store := open(b, db, mongo.Options{LinearizableReads: linearizable})
		u, err := store.CreateUser(b.Context(), adapter.User{})
		check(b, err)
		session, err := store.CreateSession(b.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
		check(b, err)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _, err := store.GetSessionAndUser(b.Context(), session.SessionToken)
				check(b, err)
			}
		})
	}
}
