// Package sequence compares a store with a model of the contract, by random
// sequences of all its operations. It is a package of its own because it needs a
// library for that, pgregory.net/rapid, which package conformance does without:
//
//	import (
//		"testing"
//
//		"github.com/authstore/authstore/conformance"
//		"github.com/authstore/authstore/conformance/sequence"
//	)
//
//	var harness conformance.Harness // of your store
//
//	func TestConformance(t *testing.T) { conformance.Run(t, harness, sequence.Test(100)) }
//
// A sequence works on a few keys only, so that its calls meet each other, by two
// adapters on one store, while the clock moves. Each answer, and after each step
// everything that can be read, must be what the model says: a handful of maps,
// searched from one end to the other. Where the contract leaves a choice, such as
// what becomes of an account of a user who is not there, the model takes any of the
// answers.
//
// # How many
//
// [Test] takes the number of sequences, since only the caller knows what a call
// costs. A sequence has 30 steps on average, and each step is followed by some 40
// reads that are made at once. So 100 sequences take a second or two where a call
// takes no time, which is what rapid itself makes of a test; where a write takes
// 20 ms, one sequence takes a second or two, and 20 leave room in the time that the
// suite gives a test. More than 100 need the flag -rapid.checks too.
//
// # A failure
//
// The sequence that failed is made shorter as long as it still fails, for half a
// minute at most (-rapid.shrinktime), and its calls are printed with what they
// answered. It is also written to testdata/rapid, from where the next run takes it
// first; -rapid.nofailfile turns that off.
package sequence
