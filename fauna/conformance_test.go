package fauna_test

import (
	"testing"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, newBed(t).harness(), sequence.Test(20))
}
