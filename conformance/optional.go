package conformance

import (
	"time"

	"github.com/authstore/authstore/adapter"
)

// optionalTests are the rules for what an adapter may have beyond the contract.
var optionalTests = []Test{
	{ID: "EXT-001", Rule: "A Pinger says nothing against a store that answers.", Source: "adapter.Pinger", Run: func(t *T) {
		t.ok("Ping", optional[adapter.Pinger](t, Ping).Ping(t.ctx))
	}},
	{ID: "EXT-002", Rule: "A Purger removes what has expired, to the millisecond, counts it, and leaves all else.", Source: "adapter.Purger", Run: func(t *T) {
		p := optional[adapter.Purger](t, Purge)
		u := t.user(ada)
		t.session(u.ID)
		t.session(u.ID)
		t.link(email(ada), "expired")
		t.Clock.Advance(time.Millisecond)
		live := t.session(u.ID)
		t.link(email(ada), "live")
		t.purges(p, 0)
		t.Clock.Advance(time.Hour - time.Millisecond)
		t.purges(p, 3)
		t.purges(p, 0)
		t.sessions(u.ID, live)
		t.equal("usable", t.usable(t.ctx, t.Second(), email(ada), "expired"), false)
		t.equal("usable", t.usable(t.ctx, t.store, email(ada), "live"), true)
		t.sameUser(u)
	}},
	{ID: "EXT-003", Rule: "A schema that was applied has nothing missing, and applying it again changes nothing.", Source: "adapter.Schema", Run: func(t *T) {
		s := optional[adapter.Schema](t, SetUp)
		u := t.user(ada)
		for range 2 {
			t.ok("ApplySchema", s.ApplySchema(t.ctx))
			problems, err := s.CheckSchema(t.ctx)
			t.ok("CheckSchema", err)
			t.equal("problems of CheckSchema", len(problems), 0)
		}
		t.sameUser(u)
	}},
	{ID: "EXT-004", Rule: "A Repairer finds nothing in what was written by the contract alone, and changes nothing.", Source: "adapter.Repairer", Run: repairNothing},
}

// optional returns an optional interface of the test's adapter, or ends the test
// as not provided.
func optional[I any](t *T, f Feature) I {
	t.Helper()
	i, ok := adapter.As[I](t.store)
	if !ok {
		t.Skip(t.harness.whyNot(f))
	}
	return i
}

// purges fails the test unless a purge removes a number of records.
func (t *T) purges(p adapter.Purger, want int) {
	t.Helper()
	got, err := p.PurgeExpired(t.ctx)
	t.ok("PurgeExpired", err)
	t.equal("records removed by PurgeExpired", got, want)
}

// repairNothing lets a store be repaired in which each operation has left what it leaves.
func repairNothing(t *T) {
	r := optional[adapter.Repairer](t, Mend)
	kept, gone := t.newStage(ada), t.newStage(grace)
	for _, op := range gone.operations() {
		t.ok(op.name, op.call(t.ctx, t.store))
	}
	nameless, err := t.store.CreateUser(t.ctx, adapter.User{})
	t.ok("CreateUser", err)
	moved := t.user(alan)
	moved, err = t.store.UpdateUser(t.ctx, moved.ID, adapter.UserUpdate{Email: new(email("moved"))})
	t.ok("UpdateUser", err)
	t.expiring(nameless.ID, 1)
	t.Clock.Advance(time.Minute)
	for _, dryRun := range []bool{true, false} {
		found, err := r.Repair(t.ctx, dryRun)
		t.ok("Repair", err)
		if len(found) > 0 {
			t.Errorf("Repair\n  got:  %v\n  want: no findings", found)
		}
	}
	t.sameUser(nameless)
	t.sameUser(moved)
	t.whole(kept)
}
