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
