package betterauth_test

import (
	"testing"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, harness(t), sequence.Test(20))
}
