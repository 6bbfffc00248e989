// Package adapter is the contract of authstore: the records of the Auth.js
// adapter model (users, linked accounts, sessions, verification tokens, passkey
// authenticators), the operations on them, and the rules that every store
// keeps. It imports the standard library only.
//
//	import (
//		"context"
//		"log"
//
//		"github.com/authstore/authstore/adapter"
//		_ "github.com/authstore/authstore/memory"
//	)
//
//	store, err := adapter.Open(context.Background(), "memory:")
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
// [Open] opens a store by URL; New of a store's package takes a client that the
// application has already. Code that needs a part of the model asks for a part:
// [Users], [Accounts], [Sessions], [VerificationTokens], [Authenticators].
//
// # What holds on every store
//
//   - Absence is [ErrNotFound] from reads and updates. Deletes of what is not there
//     return nil. A list of nothing is empty, without an error.
//   - E-mail address, user ID, (provider, provider account ID), session token and
//     credential ID are unique, under any races, in any number of processes.
//   - An update changes the fields that it names and no other, and never creates.
//   - A record is live strictly before its Expires, to the millisecond, by the clock
//     of [Options]. The store removes expired records later, by itself.
//   - Exactly one of any number of racing callers gets a one-time token.
//   - Reads see what a call that returned nil wrote, from any process.
//   - Nothing of a deleted user can be reached.
//   - A write that is cut short leaves a store in which all of this holds; the same
//     call repeated finishes the work or returns the true conflict.
//   - Adapters are safe for concurrent use. No record shares memory with the store.
//   - Times are UTC in milliseconds; the zero [time.Time] is "not set".
//
// # Errors
//
// Every error is one [*Error], with the backend, the operation and a kind for
// [errors.Is]: [ErrNotFound], [ErrExpired], [ErrConflict], [ErrInvalid],
// [ErrUnavailable], [ErrSetup], [ErrUnreadable], [ErrUnsupported], [ErrClosed], or the
// context's error. A retry may help with [ErrUnavailable] only, after which it is unknown
// whether a write was applied; a person has to fix [ErrSetup] and [ErrUnreadable].
// Details are in [*ConflictError], [*InvalidError], [*SetupError] and [*RecordError];
// the driver's error is found by [errors.As], and [Code] returns a stable code. No text
// contains a token, an e-mail address or a secret.
//
// # Read on
//
// docs/contract.md has all rules, the limits on sizes, and which optional interfaces
// ([Schema], [Repairer], [Enumerator], [Purger], [Pinger]; found with [As]) each store
// has. Whoever writes a backend uses package driver.
package adapter
