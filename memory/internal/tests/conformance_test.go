package memory_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/conformance/sequence"
	"github.com/authstore/authstore/memory"
)

func TestConformance(t *testing.T) { conformance.Run(t, harness, sequence.Test(100)) }

// noOther is why there is nothing to mend.
const noOther = "no other program writes to it"

// harness runs the suite on one Store a test. A Store has no steps in it, so the
// fault injector hits whole operations.
var harness = conformance.Harness{
	Backend: "memory",
	Engine:  "in process",
	LeftOut: map[conformance.Feature]string{
		conformance.SetUp:   "a store in memory needs no set-up",
		conformance.Mend:    noOther,
		conformance.Foreign: noOther,
		conformance.ByURL:   "each URL opens a store of its own",
		conformance.Restart: "a store in memory ends with its process",
	},
	Namespace: func(context.Context) (conformance.Namespace, error) {
		store, faults := memory.NewStore(), &fault.Injector{}
		return conformance.Namespace{
			Open: func(o adapter.Options) (adapter.Adapter, error) {
				return fault.Wrap(memory.New(memory.Options{Options: o, Store: store}), faults), nil
			},
			Dump: func(context.Context) ([]string, error) {
				var all []string
				for _, r := range store.Records() {
					all = append(all, fmt.Sprintf("%+v", r))
				}
				return all, nil
			},
			Faults:     faults,
			RoundTrips: faults.Count,
		}, nil
	},
}

// What is opened by URL keeps the contract too. Each such store is a new one, so a test's
// two adapters are the same.
func TestConformanceByURL(t *testing.T) {
	byURL := conformance.Harness{Backend: "memory (by URL)", Namespace: func(ctx context.Context) (conformance.Namespace, error) {
		var store adapter.Adapter
		return conformance.Namespace{Open: func(o adapter.Options) (_ adapter.Adapter, err error) {
			if store == nil {
				store, err = adapter.Open(ctx, "memory:", o)
			}
			return store, err
		}}, nil
	}}
	for _, test := range conformance.Tests() {
		if !slices.Contains([]string{"USR-001", "ACC-001", "SES-001"}, test.ID) {
			continue
		}
		for _, result := range conformance.Check(t.Context(), byURL, test).Results {
			if result.Status != conformance.Passed {
				t.Errorf("%s: %s: %s", result.ID, result.Status, result.Detail)
			}
		}
	}
}
