package redis_test

import (
	"testing"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
)

// sequences is how many random sequences each topology runs.
const sequences = 20

func TestConformance(t *testing.T) {
	conformance.Run(t, single.harness(t), sequence.Test(sequences))
}

func TestConformanceSentinel(t *testing.T) {
	conformance.Run(t, sentinel.harness(t), sequence.Test(sequences))
}

func TestConformanceCluster(t *testing.T) {
	conformance.Run(t, cluster.harness(t), sequence.Test(sequences))
}
