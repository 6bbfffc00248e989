package dynamodb_test

import (
	"testing"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
)

// sequences is how many random sequences each layout runs.
const sequences = 10

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Run(t, withIndex.harness(t), sequence.Test(sequences))
}

func TestConformanceNoIndex(t *testing.T) {
	t.Parallel()
	conformance.Run(t, withoutIndex.harness(t), sequence.Test(sequences))
}
