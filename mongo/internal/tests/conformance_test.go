package mongo_test

import (
	"flag"
	"slices"
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

var allLayouts = flag.Bool("layouts.all", false, "run the suite under every layout, and not only under those least like Auth.js")

// TestConformanceLayouts runs the suite under layouts of other programs: those of NextAuth.js 3,
// which differ in names alone, by make layouts.
func TestConformanceLayouts(t *testing.T) {
	for _, p := range presets {
		if !*allLayouts && !slices.Contains([]string{"prisma", "betterauth"}, p.name) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			d := replicaSet
			d.name, d.layout, d.limit = d.name+" ("+p.name+")", p, 0
			conformance.Run(t, d.harness(t), sequence.Test(layoutSequences))
		})
	}
}
