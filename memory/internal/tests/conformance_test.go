package memory_test

import (
	"context"
	"slices"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
)

func TestConformance(t *testing.T) { conformance.Run(t, harness, sequence.Test(100)) }

// A store that was opened by URL keeps the contract too. Each URL opens a new store, so the two
// adapters of a test are the same.
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
