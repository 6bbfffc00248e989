package sequence_test

import (
	"fmt"

	"github.com/authstore/authstore/conformance/sequence"
)

// The test is handed to [conformance.Run] after the harness.
func ExampleTest() {
	test := sequence.Test(100)
	fmt.Println(test.ID, test.Rule)
	// Output: SEQ-001 A store answers every sequence of operations as a model of the contract does.
}
