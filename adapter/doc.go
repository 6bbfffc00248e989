// Package adapter is the contract of authstore: the records of the Auth.js
// adapter model (users, linked accounts, sessions, verification tokens, passkey
// authenticators), the operations on them, and the rules that every store
// keeps. It imports the standard library only.
//
// # Using a store
//
// A store is opened by URL, or made by its package from a client that the
// application has already:
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
// Code that needs a part of the model asks for a part: [Users], [Accounts],
// [Sessions], [VerificationTokens], [Authenticators]. [Adapter] is all of them.
//
// # What holds on every store
//
//   - Absence is [ErrNotFound] from reads and updates. Deletes of what is not
//     there return nil. A list of nothing is empty, without an error.
//   - E-mail, user ID, (provider, provider account ID), session token and
//     credential ID are unique, under any races, in any number of processes.
//   - An update changes the fields that it names and no other, also when two
//     updates race. It never creates a record.
//   - Expiry is exact to the millisecond by the adapter's clock: a record is
//     live strictly before its Expires. The store removes expired records by
//     itself, later.
//   - A one-time token is used by exactly one of any number of racing callers.
//   - What a call that returned nil wrote, the next read sees, from anywhere.
//   - A deleted user leaves nothing that can be reached: no session, account or
//     authenticator.
//   - A write that was interrupted leaves a store in which all of this still
//     holds; the same call repeated finishes the work or says the true conflict.
//   - Adapters are safe for concurrent use. Values in, values out: no record
//     handed in or returned shares memory with the store.
//
// # Times
//
// Times are UTC with milliseconds, no more and no less: a time handed in is
// converted to UTC and cut to the millisecond, as JavaScript's Date and BSON's
// date have it. The zero time.Time means "not set".
//
// # E-mail addresses
//
// E-mail addresses are compared case-insensitively and kept in the form that
// [NormalizeEmail] gives, as Auth.js lower-cases them before it stores them.
//
// # Session tokens
//
// A generated session token is `<user id>.<random>`: the user's ID,
// percent-encoded where a cookie needs it, and 256 random bits. The ID in front
// lets every store find session and user in one round trip; the random part
// alone is the secret. Tokens of any other form work too, at two round trips
// where a store needs them. Stores keep the SHA-256 digest of a token
// ([Options.PlainSessionTokens] keeps the token, to share sessions with an
// Auth.js application), so a list of sessions has no tokens in it: sessions are
// told apart by [Session.ID], which is that digest and opens nothing.
//
// # Round trips
//
// The comments of the operations say what each costs at the least. A store whose layout
// takes more for some of them, three at the most, has them in the table of its package
// comment. GetSessionAndUser takes one on every store, for a token that was generated here.
//
// # Limits
//
// The same on every store, so that data can move between them. Sizes are in
// bytes of UTF-8.
//
//	user ID, provider                          255
//	e-mail address                             320
//	provider account ID, identifier, token     512
//	session token                             1024
//	credential ID                             1364   (1023 bytes in base64)
//	every other string                       65536
//	all attributes of one call together      65536
//	nesting of attributes                       16
//
// A key that breaks a limit, is not valid UTF-8 or holds a control character is
// refused by writes ([ErrInvalid]). To reads, updates and deletes it is the key
// of no record.
//
// # Errors
//
// Every error is one [*Error], which names the backend and the operation. Test
// for its kind with [errors.Is]: [ErrNotFound], [ErrExpired], [ErrConflict],
// [ErrInvalid], [ErrUnavailable], [ErrSetup], [ErrUnreadable], [ErrClosed], or the
// context's error. A retry may mend what is [ErrUnavailable]; of a write it is then not
// known whether it was applied. A person has to mend what is [ErrSetup] or
// [ErrUnreadable]. What and where is in [*ConflictError], [*InvalidError], [*SetupError]
// and [*RecordError]; the driver's own error is reachable with [errors.As]. [Code] returns
// a stable code of the kind. No error text holds a token, an e-mail address or a secret.
//
// # Records of other programs
//
// A store may be shared with a program that does not keep this contract, such as an
// Auth.js application. A field with another type of value than it should have is
// converted where that has one meaning: dates as text or milliseconds, numbers as text,
// a list of scopes. Otherwise it is absent, unless the contract needs it, as it does the
// expiry of a session or a verification token: then the record is [ErrUnreadable]. Such a
// record can be ended and deleted. Members that no attribute can be stay in the store and
// are not shown, so that [Attributes] which were read can be written back.
//
// # Optional interfaces
//
// [Schema], [Repairer], [Enumerator], [Purger] and [Pinger] are found with [As], also
// through wrappers that have an Unwrap method ([Unwrapper]). What a store has not, it
// cannot do: see docs/contract.md.
//
// # Writing a backend
//
// What only backends need is in package driver.
package adapter
