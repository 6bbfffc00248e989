package conformance

import (
	"context"
	"slices"
	"time"

	"github.com/authstore/authstore/adapter"
)

// manyForBudget is how many sessions a user has whose removal is counted, and
// fewForBudget how few round trips that may take: what grows by a round trip for
// each record takes more.
const (
	manyForBudget = 100
	fewForBudget  = 20
)

var roundTripTests = []Test{
	oneRoundTrip("RTT-001", "CreateUser"),
	oneRoundTrip("RTT-002", "CreateUserWithAccount"),
	oneRoundTrip("RTT-003", "GetUser"),
	oneRoundTrip("RTT-004", "GetUserByEmail"),
	oneRoundTrip("RTT-005", "GetUserByAccount"),
	oneRoundTrip("RTT-006", "UpdateUser"),
	oneRoundTrip("RTT-007", "LinkAccount"),
	oneRoundTrip("RTT-008", "GetAccount"),
	oneRoundTrip("RTT-009", "ListAccounts"),
	oneRoundTrip("RTT-010", "UpdateAccount"),
	oneRoundTrip("RTT-011", "UnlinkAccount"),
	oneRoundTrip("RTT-012", "CreateSession"),
	roundTrips("RTT-013", "GetSessionAndUser with a generated token takes exactly one round trip, on every store.", func(t *T) {
		op := func(s stage) operation { return s.operation("GetSessionAndUser") }
		t.atMost(1, op(t.newStage(ada)), op(t.newStage(grace)))
	}),
	oneRoundTrip("RTT-014", "UpdateSession"),
	oneRoundTrip("RTT-015", "DeleteSession"),
	oneRoundTrip("RTT-016", "ListSessions"),
	oneRoundTrip("RTT-017", "DeleteSessionByID"),
	oneRoundTrip("RTT-018", "CreateVerificationToken"),
	oneRoundTrip("RTT-019", "UseVerificationToken"),
	oneRoundTrip("RTT-020", "DeleteVerificationTokens"),
	oneRoundTrip("RTT-021", "CreateAuthenticator"),
	oneRoundTrip("RTT-022", "GetAuthenticator"),
	oneRoundTrip("RTT-023", "ListAuthenticators"),
	oneRoundTrip("RTT-024", "UpdateAuthenticatorCounter"),
	oneRoundTrip("RTT-025", "DeleteAuthenticator"),
	oneRoundTrip("RTT-026", "CreateUserWithAuthenticator"),
	oneRoundTrip("RTT-027", "UpdateAuthenticator"),
	roundTrips("RTT-101", "UpdateUser with a new e-mail address takes at most three round trips.", func(t *T) {
		op := func(s stage) operation {
			return operation{"UpdateUser", func(ctx context.Context, a adapter.Adapter) error {
				_, err := a.UpdateUser(ctx, s.user.ID, adapter.UserUpdate{Email: new(email(s.free))})
				return err
			}}
		}
		t.atMost(3, op(t.newStage(ada)), op(t.newStage(grace)))
	}),
	roundTrips("RTT-102", "GetSessionAndUser with a token that was made elsewhere takes at most two round trips.", func(t *T) {
		op := func(token string) operation {
			u := t.user(token)
			_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: token, Expires: Start.Add(time.Hour)})
			t.ok("CreateSession", err)
			return operation{"GetSessionAndUser", func(ctx context.Context, a adapter.Adapter) error {
				_, _, err := a.GetSessionAndUser(ctx, token)
				return err
			}}
		}
		t.atMost(2, op("b4b6b1f0-7d43-4ac3-a5ed-0b3d4a8a2a11"), op("4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b"))
	}),
	roundTrips("RTT-103", "DeleteSessionByID takes at most two round trips where tokens are stored as they are.", func(t *T) {
		o := t.Options()
		o.PlainSessionTokens = true
		plain := t.Open(o)
		op := func(name string) operation {
			u := t.user(name)
			s, err := plain.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour)})
			t.ok("CreateSession", err)
			return operation{"DeleteSessionByID", func(ctx context.Context, _ adapter.Adapter) error {
				return plain.DeleteSessionByID(ctx, u.ID, s.ID)
			}}
		}
		t.atMost(max(2, t.budget("DeleteSessionByID")), op(ada), op(grace))
	}),
	roundTrips("RTT-104", "DeleteSessions takes no round trip for each session.", func(t *T) {
		op := func(name string) operation {
			id := t.loaded(name)
			return operation{"DeleteSessions", func(ctx context.Context, a adapter.Adapter) error { return a.DeleteSessions(ctx, id) }}
		}
		t.atMost(fewForBudget, op(ada), op(grace))
	}),
	roundTrips("RTT-105", "DeleteUser takes no round trip for each record.", func(t *T) {
		op := func(name string) operation {
			id := t.loaded(name)
			t.manyAccounts(id, name, manyForBudget/2)
			t.manyAuthenticators(id, name, manyForBudget/10)
			return operation{"DeleteUser", func(ctx context.Context, a adapter.Adapter) error { return a.DeleteUser(ctx, id) }}
		}
		t.atMost(fewForBudget, op(ada), op(grace))
	}),
}

func roundTrips(id, rule string, run func(*T)) Test {
	return Test{ID: id, Rule: rule, Source: "docs/contract.md R18", Needs: []Feature{RoundTrips}, Run: run}
}

// oneRoundTrip returns the test of an operation that takes one round trip, or what
// the harness says.
func oneRoundTrip(id, op string) Test {
	return roundTrips(id, op+" takes one round trip, or as many as the store's documentation says.", func(t *T) {
		t.atMost(t.budget(op), t.newStage(ada).operation(op), t.newStage(grace).operation(op))
	})
}

// budget returns how many round trips an operation may take.
func (t *T) budget(op string) int {
	if n, ok := t.harness.Budget[op]; ok {
		return n
	}
	return 1
}

// operation returns the operation of a name.
func (s stage) operation(name string) operation {
	all := s.operations()
	return all[slices.IndexFunc(all, func(op operation) bool { return op.name == name })]
}

// atMost counts the round trips of the second of two calls: the first may connect,
// or teach the store a script.
func (t *T) atMost(most int, first, second operation) {
	t.Helper()
	t.ok(first.name, first.call(t.ctx, t.store))
	before := t.namespace.RoundTrips()
	err := second.call(t.ctx, t.store)
	took := t.namespace.RoundTrips() - before
	t.among(second.name, err)
	if took < 1 || took > int64(most) {
		t.Errorf("%s\n  got:  %d round trips\n  want: at least 1 and at most %d", second.name, took, most)
	}
}

// loaded creates a user with many sessions and returns its ID.
func (t *T) loaded(name string) string {
	t.Helper()
	u := t.user(name)
	t.ok("CreateSession", t.parallel(manyForBudget, func(int) error {
		_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour)})
		return err
	}))
	return u.ID
}
