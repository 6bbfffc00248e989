package conformance_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/conformance/sequence"
	"github.com/authstore/authstore/memory"
)

var whole = flag.Bool("mutants.whole", false,
	"run the whole suite on each broken adapter, instead of the tests that must catch it")

func TestMain(m *testing.M) {
	flag.Parse()
	// The sequences that fail here are meant to: they need not be kept, or short.
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "0"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// mutant is a broken adapter: a correct one with one bug in front.
type mutant struct {
	bug  string   // what it does wrong
	ids  []string // the tests that must catch it, all of them
	make func(inner adapter.Adapter, e *env) adapter.Adapter
}

// mutants are all broken adapters. Each test of the suite must catch one of them, or
// nothing shows that it can fail.
var mutants = slices.Concat(
	userMutants,
	accountMutants,
	sessionMutants,
	tokenMutants,
	passkeyMutants,
	attributeMutants,
	timeMutants,
	valueMutants,
	inputMutants,
	callMutants,
	enumerationMutants,
	importMutants,
	crashMutants,
	raceMutants,
	batchMutants,
	heldUpMutants,
	keyMutants,
	crowdMutants,
	costMutants,
	foreignMutants,
	openingMutants,
)

// sequences is how many random sequences of operations a store must stand.
const sequences = 50

// suite is every test.
var suite = append(conformance.Tests(), sequence.Test(sequences))

// base is what every bug is in front of.
type base struct{ adapter.Adapter }

func (b base) Unwrap() adapter.Adapter { return b.Adapter }

// env is what a bug may need beside the adapter that it is in front of.
type env struct {
	store   *memory.Store
	docs    *documents // instead of store, where other programs write
	faults  *fault.Injector
	options adapter.Options // of this adapter
	byURL   bool            // whether it was opened by URL
	query   string          // of that URL
	shared  *shared         // what is gone when the store is killed
}

// shared is what the adapters on one store have in common.
type shared struct {
	sync.Map
	mu   sync.Mutex
	open []adapter.Adapter
}

// inner opens a correct adapter on the store, in which each operation is one step
// and one round trip.
func (e *env) inner(o adapter.Options) adapter.Adapter {
	if e.docs != nil {
		return fault.Wrap(newShelf(e.docs, o), e.faults)
	}
	return fault.Wrap(memory.New(memory.Options{Options: o, Store: e.store}), e.faults)
}

// with opens another correct adapter on the store, with other options.
func (e *env) with(change func(*adapter.Options)) adapter.Adapter {
	o := e.options.WithDefaults()
	change(&o)
	return e.inner(o)
}

// behind opens an adapter whose clock is behind the one of this adapter.
func (e *env) behind(d time.Duration) adapter.Adapter {
	return e.with(func(o *adapter.Options) {
		now := o.Clock
		o.Clock = func() time.Time { return now().Add(-d) }
	})
}

// now is the time of this adapter.
func (e *env) now() time.Time { return e.options.WithDefaults().Now() }

// stored returns the records of a type in the store that are wanted, without a
// round trip.
func stored[R any](e *env, wanted func(R) bool) []R {
	var all []R
	for _, r := range e.store.Records() {
		if record, ok := r.(R); ok && wanted(record) {
			all = append(all, record)
		}
	}
	return all
}

// innermost returns the adapter behind all others, which takes what is stored as it is.
func innermost(a adapter.Adapter) adapter.Adapter {
	for {
		outer, ok := a.(adapter.Unwrapper)
		if !ok {
			return a
		}
		a = outer.Unwrap()
	}
}

// dump returns what there is in the store, and what bugs keep beside it.
func (e *env) dump() []string {
	var all []string
	for _, r := range e.store.Records() {
		all = append(all, fmt.Sprintf("%+v", r))
	}
	return append(all, e.dumpShared()...)
}

func (e *env) dumpShared() (all []string) {
	e.shared.Range(func(key, value any) bool {
		all = append(all, fmt.Sprintf("%+v %+v", key, value))
		return true
	})
	return all
}

// fail returns the error of an operation as a correct adapter does.
func fail(ctx context.Context, op string, err error) error {
	return driver.Wrap(ctx, "mutant", op, err)
}

// isConflict reports whether err is a conflict on a field.
func isConflict(err error, field string) bool {
	var c *adapter.ConflictError
	return errors.As(err, &c) && c.Field == field
}

// pause lets racing calls come between two steps of a bug.
func pause() { time.Sleep(time.Millisecond) }

// noSchema is why the harness leaves out what a store needs to be set up and shared.
const noSchema = "a memory store needs no set-up, and no other program writes to it"

// harness runs the suite on a memory store with a bug in front.
func harness(bug func(inner adapter.Adapter, e *env) adapter.Adapter) conformance.Harness {
	return conformance.Harness{
		Backend: "mutant",
		Engine:  "in process",
		LeftOut: map[conformance.Feature]string{conformance.SetUp: noSchema, conformance.Mend: noSchema, conformance.Foreign: noSchema},
		Namespace: func(context.Context) (conformance.Namespace, error) {
			e := env{store: memory.NewStore(), faults: &fault.Injector{}, shared: &shared{}}
			return conformance.Namespace{
				Open: func(o adapter.Options) (adapter.Adapter, error) {
					e := e
					e.options = o
					return bug(e.inner(o), &e), nil
				},
				Dump:       func(context.Context) ([]string, error) { return e.dump(), nil },
				Faults:     e.faults,
				RoundTrips: e.faults.Count,
				URL:        register(e, bug),
				Restart: func(context.Context) error {
					e.shared.Clear()
					return nil
				},
			}, nil
		},
	}
}

// sharedHarness runs the suite on a store that other programs write to, with a bug in front.
func sharedHarness(bug func(inner adapter.Adapter, e *env) adapter.Adapter) conformance.Harness {
	return conformance.Harness{
		Backend: "mutant (shared)",
		Engine:  "in process",
		Namespace: func(context.Context) (conformance.Namespace, error) {
			e := env{docs: &documents{}, faults: &fault.Injector{}, shared: &shared{}}
			return conformance.Namespace{
				Open: func(o adapter.Options) (adapter.Adapter, error) {
					e := e
					e.options = o
					return bug(e.inner(o), &e), nil
				},
				Dump:       func(context.Context) ([]string, error) { return append(e.docs.dump(), e.dumpShared()...), nil },
				Faults:     e.faults,
				RoundTrips: e.faults.Count,
				Foreign:    &conformance.ForeignWriter{Put: e.docs.put, Has: e.docs.has},
			}, nil
		},
	}
}

func healthy(inner adapter.Adapter, _ *env) adapter.Adapter { return inner }

// find returns the tests with IDs.
func find(t *testing.T, ids []string) []conformance.Test {
	t.Helper()
	var found []conformance.Test
	for _, test := range suite {
		if slices.Contains(ids, test.ID) {
			found = append(found, test)
		}
	}
	if len(found) != len(ids) || len(ids) == 0 {
		t.Fatalf("%d of the tests %q are in the suite", len(found), ids)
	}
	return found
}

// failed returns the IDs of the tests that failed.
func failed(r conformance.Report) []string {
	var ids []string
	for _, result := range r.Results {
		if result.Status == conformance.Failed {
			ids = append(ids, result.ID)
		}
	}
	return ids
}

// TestMutants proves that the suite finds bugs: each adapter with one fails, in the
// tests that are to catch it. The same tests pass where there is no bug.
func TestMutants(t *testing.T) {
	t.Parallel()
	t.Cleanup(outliving.Wait)
	t.Run("healthy", func(t *testing.T) {
		for _, result := range conformance.Check(t.Context(), harness(healthy), suite...).Results {
			leftOut := result.Status == conformance.NotProvided && result.Detail == noSchema
			if result.Status != conformance.Passed && !leftOut {
				t.Errorf("%s without a bug: %s: %s", result.ID, result.Status, result.Detail)
			}
		}
	})
	t.Run("healthy, shared", func(t *testing.T) {
		for _, result := range conformance.Check(t.Context(), sharedHarness(healthy), forOthers()...).Results {
			if result.Status != conformance.Passed {
				t.Errorf("%s without a bug: %s: %s", result.ID, result.Status, result.Detail)
			}
		}
	})
	var (
		mu     sync.Mutex
		caught = map[string][]string{} // by bug
	)
	t.Run("broken", func(t *testing.T) {
		for _, m := range mutants {
			t.Run(m.bug, func(t *testing.T) {
				t.Parallel()
				ids := m.check(t)
				mu.Lock()
				defer mu.Unlock()
				caught[m.bug] = ids
			})
		}
	})
	if len(caught) != len(mutants) {
		t.Errorf("%d broken adapters of different names, of %d", len(caught), len(mutants))
	}
	expected := map[string][]string{}
	for _, m := range mutants {
		expected[m.bug] = m.ids
		t.Logf("%s\tcatches: %s", strings.Join(caught[m.bug], " "), m.bug)
	}
	if ids := idle(expected); len(ids) > 0 {
		t.Errorf("no broken adapter shows that these tests can fail: %s", strings.Join(ids, " "))
	}
}

// harness runs the suite on the broken adapter.
func (m mutant) harness() conformance.Harness {
	if strings.HasPrefix(m.ids[0], "FOR-") {
		return sharedHarness(m.make)
	}
	return harness(m.make)
}

// forOthers returns the tests of stores that other programs write to.
func forOthers() []conformance.Test {
	return slices.DeleteFunc(slices.Clone(suite), func(test conformance.Test) bool { return !strings.HasPrefix(test.ID, "FOR-") })
}

// check fails the test unless the suite catches the bug. It returns the IDs of the
// tests that failed.
func (m mutant) check(t *testing.T) []string {
	tests := find(t, m.ids)
	if *whole {
		tests = suite
	}
	ids := failed(conformance.Check(t.Context(), m.harness(), tests...))
	for _, id := range m.ids {
		if !slices.Contains(ids, id) && !m.losesRace(t, id) {
			t.Errorf("%s passes", id)
		}
	}
	return ids
}

// losesRace reports whether a test of races catches the bug when it is run again.
// Whether calls meet is chance, on a busy machine more than else: a race that was missed
// once is no hole in the suite, one that is missed four times is.
func (m mutant) losesRace(t *testing.T, id string) bool {
	if !strings.HasPrefix(id, "RAC-") && !strings.HasPrefix(id, "BAT-") {
		return false
	}
	for range 3 {
		if len(failed(conformance.Check(t.Context(), m.harness(), find(t, []string{id})...))) > 0 {
			return true
		}
	}
	return false
}

// idle returns the IDs of the tests that catch nothing.
func idle(caught map[string][]string) []string {
	busy := map[string]bool{}
	for _, ids := range caught {
		for _, id := range ids {
			busy[id] = true
		}
	}
	var rest []string
	for _, test := range suite {
		if !busy[test.ID] {
			rest = append(rest, test.ID)
		}
	}
	return rest
}
