package mongo_test

import (
	"testing"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
)

// sequences is how many random sequences each deployment runs, and each layout.
const sequences, layoutSequences = 20, 5

func TestConformance(t *testing.T) {
	conformance.Run(t, replicaSet.harness(t), sequence.Test(sequences))
}

func TestConformanceStandalone(t *testing.T) {
	conformance.Run(t, standalone.harness(t), sequence.Test(sequences))
}

func TestConformanceLayouts(t *testing.T) {
	for _, p := range presets {
		t.Run(p.name, func(t *testing.T) {
			d := replicaSet
			d.name, d.layout = d.name+" ("+p.name+")", p
			conformance.Run(t, d.harness(t), sequence.Test(layoutSequences))
		})
	}
}
