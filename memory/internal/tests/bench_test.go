package memory_test

import (
	"context"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/memory"
)

// Benchmark measures every operation, without the fault injector of the suite's
// harness in front.
func Benchmark(b *testing.B) {
	conformance.Benchmark(b, conformance.Harness{
		Backend: "memory",
		Engine:  "in process",
		Namespace: func(context.Context) (conformance.Namespace, error) {
			return conformance.Namespace{Open: func(o adapter.Options) (adapter.Adapter, error) {
				return memory.New(memory.Options{Options: o}), nil
			}}, nil
		},
	})
}
