// Package memory keeps authentication data in the memory of the process: the
// embedded default, for tests, examples and programs that need no more.
//
//	import "github.com/authstore/authstore/memory"
//
//	store := memory.New(memory.Options{})
//	defer store.Close()
//
// or, by URL, each time with an empty store of its own:
//
//	store, err := adapter.Open(ctx, "memory:")
//
// # Promises
//
// All of the contract in package adapter, exactly: every operation is one atomic
// step. Several adapters may share one [Store], each with its own options, as
// several processes share a database. It is the model that other backends are
// compared with.
//
// # Costs
//
// Nothing is ever waited for but a lock. Reads run in parallel, writes one at a
// time. An operation takes constant time, plus what a user's own records take to
// list or delete, plus O(log n) for the expiry of n sessions and tokens. What has
// expired is removed by the creates that follow, two records each at the most, so
// the store does not grow without end and no goroutine is needed. DeleteUser is one
// step however many records the user has.
//
// # Limits
//
// What the process ends with is gone. All data must fit in memory.
package memory
