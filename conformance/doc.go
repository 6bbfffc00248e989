// Package conformance proves that a store keeps the contract of package adapter,
// whoever wrote it and wherever it lives. One call runs all of it:
//
//	import (
//		"context"
//		"testing"
//
//		"github.com/authstore/authstore/adapter"
//		"github.com/authstore/authstore/conformance"
//		"github.com/authstore/authstore/memory"
//	)
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, conformance.Harness{
//			Backend: "memory",
//			Engine:  "in process",
//			Namespace: func(context.Context) (conformance.Namespace, error) {
//				store := memory.NewStore()
//				return conformance.Namespace{Open: func(o adapter.Options) (adapter.Adapter, error) {
//					return memory.New(memory.Options{Options: o, Store: store}), nil
//				}}, nil
//			},
//		})
//	}
//
// The package imports the standard library, package adapter and go-cmp only.
// Random sequences of operations, which need a property-testing library, are in
// package conformance/sequence and are handed to Run as one more test.
//
// # Tests
//
// A test is a value, [Test]: a stable ID, the rule in one sentence, and where the
// rule is written (docs/contract.md). A failure prints all three, what was got and
// wanted, and how to run that test alone. Each test has a fresh, empty namespace
// of the store, a clock that stands still until it is moved, and IDs and secrets
// that are the same in every run. The clock starts at [Start], far in the future,
// so that a store which expires records by its own clock does not interfere.
// Nothing sleeps. A test that does not end is stopped by a watchdog and named.
//
// # What a harness leaves out
//
// Some tests need more than an adapter: a look at what is stored ([Dump]), faults
// ([Faults]), a count of round trips ([RoundTrips]), a store that is there ([Live],
// which recordings of one are not). A harness that leaves one out
// must say why in [Harness.LeftOut]; the tests are then reported as not provided.
// What is left out without a reason is skipped on a developer's machine and fails
// where the environment variable CI is set.
//
// # Flags of the test binary
//
//	-conformance.report=FILE   write a JSON report, see [File]
//	-conformance.timeout=2m    how long one test may take
//	-conformance.sessions=1000 how many sessions the user has who has many: with 200000, and
//	                           -run 'CAS-00[128]', half an hour does on every store but Fauna
package conformance
