package sequence

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
)

// Test returns the test, which tries a number of random sequences, one at least.
func Test(sequences int) conformance.Test {
	sequences = max(sequences, 1)
	return conformance.Test{
		ID:     "SEQ-001",
		Rule:   "A store answers every sequence of operations as a model of the contract does.",
		Source: "docs/contract.md",
		Needs:  []conformance.Feature{conformance.Live},
		Run: func(t *conformance.T) {
			done, runs, failed := 0, 0, false
			both := t.Both()
			rapid.Check(t, func(rt *rapid.T) {
				if done == sequences && !failed {
					return // rapid's own number is a flag of the process
				}
				runs++ // one that failed is run again, on records of its own
				defer func() { failed = failed || rt.Failed() }()
				newSequence(t, both, fmt.Sprintf("s%d-", runs)).run(rt)
				done++
			})
		},
	}
}

// sequence is one run on a store, with records that no other run has.
type sequence struct {
	ctx   context.Context
	both  [2]adapter.Adapter
	clock *conformance.Clock
	model *model

	// The keys of the run. Those that the store generates are added.
	ids         []string
	emails      []string
	accounts    []adapter.AccountKey
	tokens      []string
	identifiers []string
	links       []string
	credentials []string
}

func newSequence(t *conformance.T, both [2]adapter.Adapter, prefix string) *sequence {
	return &sequence{
		ctx:   t.Context(),
		both:  both,
		clock: t.Clock,
		model: newModel(t.Clock.Now),

		ids:         []string{t.NewID(), t.NewID()},
		emails:      []string{prefix + "ada@example.com", prefix + "grace@example.com"},
		accounts:    []adapter.AccountKey{{Provider: "github", ProviderAccountID: prefix + "a"}, {Provider: "github", ProviderAccountID: prefix + "b"}, {Provider: "google", ProviderAccountID: prefix + "a"}},
		tokens:      []string{prefix + "t", prefix + "u"},
		identifiers: []string{prefix + "ada", prefix + "grace"},
		links:       []string{"l", "m"},
		credentials: []string{prefix + "c", prefix + "d"},
	}
}

// run makes random calls until rapid has enough or an answer is wrong.
func (s *sequence) run(rt *rapid.T) {
	s.begin(rt)
	actions := s.actions()
	actions[""] = s.compare
	rt.Repeat(actions)
	for _, identifier := range s.identifiers {
		for _, link := range s.links {
			s.use(rt, linkKey{identifier, link})
		}
	}
}

// one draws one of the adapters.
func (s *sequence) one(rt *rapid.T) adapter.Adapter {
	return s.both[rapid.IntRange(0, 1).Draw(rt, "adapter")]
}

// answered notes a call, and fails the run unless its answer is one of those that
// the model has. It reports whether the call succeeded.
//
// What ends a run says nothing of its records: rapid takes another text for another
// failure.
func (s *sequence) answered(rt *rapid.T, op string, err error, may ...string) bool {
	got := describe(err)
	rt.Logf("%s: %s", op, got)
	if !slices.Contains(may, got) {
		rt.Logf("  want: %q", may)
		rt.Fatalf("%s answers what the model does not", op)
	}
	return err == nil
}

// same fails the run unless a call returned what the model has.
func (s *sequence) same(rt *rapid.T, op string, got, want any) {
	if reflect.DeepEqual(want, got) {
		return // as a rule, and much faster
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		rt.Logf("difference (-want +got):\n%s", diff)
		rt.Fatalf("%s returns what the model does not have", op)
	}
}

// read is a call that changes nothing, with what the model answers.
type read struct {
	op     string
	key    any
	call   func(a adapter.Adapter) (any, error)
	want   any
	answer string

	got any
	err error
}

// compare fails the run unless all reads show what the model has.
func (s *sequence) compare(rt *rapid.T) {
	reads := slices.Concat(s.readUsers(), s.readAccounts(), s.readSessions(), s.readAuthenticators())
	var all sync.WaitGroup
	for i := range reads {
		all.Go(func() {
			r := &reads[i]
			r.got, r.err = r.call(s.both[i%2])
		})
	}
	all.Wait()
	for _, r := range reads {
		if got := describe(r.err); got != r.answer {
			rt.Logf("%s of %+v: %s\n  want: %s", r.op, r.key, got, r.answer)
			rt.Fatalf("%s, after it, answers what the model does not", r.op)
		}
		if r.err == nil {
			s.same(rt, r.op+", after it,", r.got, r.want)
		}
	}
}

func (s *sequence) readUsers() (reads []read) {
	for _, id := range s.ids {
		u, is := s.model.users[id]
		reads = append(reads, read{
			op: "GetUser", key: id, want: u, answer: there(is),
			call: func(a adapter.Adapter) (any, error) { return a.GetUser(s.ctx, id) },
		}, read{
			op: "ListAccounts", key: id, want: s.model.accountsOf(id), answer: success,
			call: func(a adapter.Adapter) (any, error) {
				all, err := a.ListAccounts(s.ctx, id)
				return sortAccounts(all), err
			},
		}, read{
			op: "ListSessions", key: id, want: s.model.sessionsOf(id), answer: success,
			call: func(a adapter.Adapter) (any, error) {
				all, err := a.ListSessions(s.ctx, id)
				return sortSessions(all), err
			},
		}, read{
			op: "ListAuthenticators", key: id, want: s.model.authenticatorsOf(id), answer: success,
			call: func(a adapter.Adapter) (any, error) {
				all, err := a.ListAuthenticators(s.ctx, id)
				return sortAuthenticators(all), err
			},
		})
	}
	for _, email := range s.emails {
		u, answer := s.model.userByEmail(email)
		reads = append(reads, read{
			op: "GetUserByEmail", key: email, want: u, answer: answer,
			call: func(a adapter.Adapter) (any, error) { return a.GetUserByEmail(s.ctx, email) },
		})
	}
	return reads
}

func (s *sequence) readAccounts() (reads []read) {
	for _, key := range s.accounts {
		a, is := s.model.accounts[key]
		u, answer := s.model.userByAccount(key)
		reads = append(reads, read{
			op: "GetAccount", key: key, want: a, answer: there(is),
			call: func(a adapter.Adapter) (any, error) { return a.GetAccount(s.ctx, key) },
		}, read{
			op: "GetUserByAccount", key: key, want: u, answer: answer,
			call: func(a adapter.Adapter) (any, error) { return a.GetUserByAccount(s.ctx, key) },
		})
	}
	return reads
}

// opened is what GetSessionAndUser returns.
type opened struct {
	Session adapter.Session
	User    adapter.User
}

func (s *sequence) readSessions() (reads []read) {
	for _, token := range s.tokens {
		session, answer := s.model.session(token)
		reads = append(reads, read{
			op: "GetSessionAndUser", key: token, want: opened{session, s.model.users[session.UserID]}, answer: answer,
			call: func(a adapter.Adapter) (any, error) {
				session, u, err := a.GetSessionAndUser(s.ctx, token)
				return opened{session, u}, err
			},
		})
	}
	return reads
}

func (s *sequence) readAuthenticators() (reads []read) {
	for _, id := range s.credentials {
		a, is := s.model.authenticators[id]
		reads = append(reads, read{
			op: "GetAuthenticator", key: id, want: a, answer: there(is),
			call: func(a adapter.Adapter) (any, error) { return a.GetAuthenticator(s.ctx, id) },
		})
	}
	return reads
}
