// Package memory stores users, accounts, sessions, verification tokens and passkeys in
// the memory of the process, for tests, examples and programs that need no more.
//
//	import "github.com/authstore/authstore/memory"
//
//	store := memory.New(memory.Options{})
//	defer store.Close()
//
// Or by URL, which opens a new, empty store each time:
//
//	store, err := adapter.Open(ctx, "memory:")
//
// # Promises
//
// All of the contract in package adapter: every operation is one atomic step. Several
// adapters may share one [Store], each with its own options, as several processes share
// a database. Other backends are compared with this one.
//
// # Costs
//
// Calls wait for nothing but a lock. Reads run in parallel, writes one at a time. An
// operation takes constant time, plus the time to list or delete a user's records, plus
// O(log n) for the expiry of n sessions and tokens; a page of EnumerateUsers takes O(n) of
// the number of users. Each create removes up to two expired records, so that the store
// does not grow without end and needs no goroutine.
//
// # Limits
//
// All data must fit in memory, and is gone when the process ends.
package memory
