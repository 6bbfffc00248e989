// Package robust looks for histories that break the contract. Client processes, each with
// an adapter of its own, call the operations of the contract on few keys while something
// breaks: servers are stopped or replaced, replies are lost or late. What they
// called, and what they were answered, is a history. It is legal if the calls can be put
// in an order, in which each one lies between its beginning and its end, such that a model
// of docs/contract.md gives the same answers (linearizability, Herlihy and Wing 1990).
// github.com/anishathalye/porcupine looks for such an order.
//
//	go test ./internal/robust -run 'TestHistories/redis$' -robust.time 60s
//	make robust TIME=1h
//
// Keys are used in worlds: a world is a few users, addresses, accounts, sessions, tokens
// and credentials on which every client makes some ten calls within a moment. So each
// history is short, and there are many of them.
//
// An answer that is no answer ([adapter.ErrUnavailable], or the context's end) leaves the
// call open for ever: it may have been applied, may be later, or never.
//
// # Files
//
//	call.go     what is called and answered
//	model.go    the contract as a model
//	world.go    the keys of a world, and what its clients call
//	worker.go   a client process
//	network.go  connections that lose, delay and break
//	run.go      processes, faults and the check of a run
//	report.go   what is said of an illegal history
package robust
