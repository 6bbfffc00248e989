// Package fauna stores users, accounts, sessions, verification tokens and passkeys in Fauna, by FQL v10.
//
//	import (
//		"log"
//		"os"
//
//		"github.com/fauna/fauna-go/v3"
//
//		authfauna "github.com/authstore/authstore/fauna"
//	)
//
//	client := fauna.NewClient(os.Getenv("FAUNA_SECRET"), fauna.DefaultTimeouts(), append(authfauna.ClientOptions(),
//		fauna.URL("https://fauna.example.com"))...)
//	store, err := authfauna.New(client, authfauna.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
// Or by URL, with the secret in the environment variable FAUNA_SECRET:
//
//	fauna://host:443            with TLS
//	fauna+http://host:8443      without
//
// # Layout
//
// The collections and fields are those of the Auth.js adapter for FQL v10 (@auth/fauna-adapter 3),
// which can share the database: User, Account, Session, VerificationToken, and Authenticator, which
// that adapter lacks. Beside its fields there are createdAt, updatedAt, a ttl on what expires, and
// attributes as fields of the document. IDs of users are Fauna's: decimal numbers below 2^63.
// Apply the schema before the first call ([adapter.Schema]).
//
// # Promises
//
// All of the contract in package adapter. Each operation is one query, and each query is one
// strictly serializable transaction. Unique constraints decide races. A transaction that
// conflicted with others (409) was not applied and is repeated, for at most 30 seconds; a query
// that changes nothing is sent once more if no answer comes within a second. No other query is sent
// twice, so a lost reply is adapter.ErrUnavailable, never a false conflict.
//
// Some of this needs a client that was made with [ClientOptions].
//
// # Limits
//
//   - A user with more than 500 accounts, passkeys and sessions is deleted by several queries,
//     500 documents each. The user is gone with the first; GetAccount and GetAuthenticator
//     may find later ones until the last. Where 500 are too large, a query has fewer.
//   - A collection that defines the types of its fields must allow others, and have document_ttls true.
//   - CheckSchema reads the first 10,000 sessions and verification tokens.
//   - The suite has passed on the Fauna server published as open source in 2025, on one node, and on no other.
//
// # Read on
//
// docs/fauna.md has every parameter of the URL, the documents field by field, how records of other
// programs are read, and the cost of each operation.
package fauna
