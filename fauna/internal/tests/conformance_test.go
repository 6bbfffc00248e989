package fauna_test

import (
	"testing"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
)

func TestConformance(t *testing.T) {
	b := newTestbed(t)
	conformance.Run(t, b.harness(), sequence.Test(20), schemaAtOnce(b))
}
