package memory_test

import (
	"context"
	"fmt"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/memory"
)

// onlyWriter is the reason why nothing can be broken by other programs.
const onlyWriter = "no other program writes to it"

// harness runs the suite on one Store a test. A Store has no steps in it, so the
// fault injector hits whole operations.
var harness = conformance.Harness{
	Backend: "memory",
	Engine:  "in process",
	LeftOut: map[conformance.Feature]string{
		conformance.SetUp:   "a store in memory needs no set-up",
		conformance.Mend:    onlyWriter,
		conformance.Foreign: onlyWriter,
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
