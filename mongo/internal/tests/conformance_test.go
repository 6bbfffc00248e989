package mongo_test

import (
	"testing"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
)

// sequences is how many random sequences each deployment runs.
const sequences = 20

func TestConformance(t *testing.T) {
	conformance.Run(t, replicaSet.harness(t), sequence.Test(sequences))
}

func TestConformanceStandalone(t *testing.T) {
	conformance.Run(t, standalone.harness(t), sequence.Test(sequences))
}
