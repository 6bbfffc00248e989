// Package fauna keeps authentication data in Fauna, by FQL v10.
//
//	import (
//		"os"
//
//		"github.com/fauna/fauna-go/v3"
//
//		authfauna "github.com/authstore/authstore/fauna"
//	)
//
//	client := fauna.NewClient(os.Getenv("FAUNA_SECRET"), fauna.DefaultTimeouts(), append(authfauna.ClientOptions(),
//		fauna.URL("https://fauna.example.com"))...)
//	store := authfauna.New(client, authfauna.Options{})
//	defer store.Close()
//
// or by URL, which closes its connections with the adapter:
//
//	fauna://host:443            with TLS
//	fauna+http://host:8443      without
//
// The secret is not in the URL: it is the environment variable FAUNA_SECRET, or the one
// that the parameter secret_env names. timeout is Options.RequestTimeout, of which the
// server has four fifths for the query (10s); users, accounts, sessions,
// verification_tokens and authenticators are names of collections.
// The driver's own log of requests, which hold tokens, is off; on a client of the
// application's it is what FAUNA_DEBUG says.
//
// # Documents
//
// The layout is that of the Auth.js adapter for FQL v10 (@auth/fauna-adapter 3), whose
// documents are read, and which reads these. The collections, whose names are options:
//
//	User                id, name, email, emailVerified, image
//	Account             userId, type, provider, providerAccountId, refresh_token, access_token, expires_at, …
//	Session             userId, sessionToken, expires
//	VerificationToken   identifier, token, expires; and value, which the Auth.js adapter has not
//	Authenticator       userId, credentialID, credentialPublicKey, counter, …: it has none of these
//
// and beside them createdAt and updatedAt, and a ttl on sessions and tokens, by which the
// server removes them an hour after they have expired: the hour is for clocks that
// differ, since expiry is the adapter's clock's to judge. Attributes are fields of the
// document. Fauna drops a null from an object, so what has one has a field
// "authstoreNulls:" and the attribute's stored name, with the paths where to put them back.
//
// sessionToken is the token's digest unless [adapter.Options] PlainSessionTokens is set, with
// which an Auth.js application shares its sessions.
//
// Names of attributes are stored as they are, with two exceptions. Those that Fauna has for
// itself at the top of a document (coll, data, ts, ttl, and delete, exists, replace, replaceData,
// update, updateData) are stored there as authstorecoll and so on; and __proto__, which
// JavaScript takes for the prototype of an object, is authstore__proto__, at every depth.
//
// IDs of users are Fauna's, decimal numbers below 2^63. They are made here, at random
// from 10^18 upwards; another form is adapter.ErrInvalid.
//
// # Documents of other programs
//
// What another program has written is read as follows, and stays as it is when something
// else is updated.
//
//   - userId may be a reference to the document of a user instead of its ID.
//   - providerAccountId may be a number; it is the same account as the number's text.
//   - Dates (a user's, an account's, the expiry) may be a Time, a Date, text in the forms
//     that JavaScript takes, or milliseconds; expires_at may be any of these or text of a
//     number. emailVerified may be true: since the user's createdAt, or 1970.
//   - Numbers and bools are text where text is due; scope may be a list, transports too.
//     Anything else in a field for display is absent.
//   - Attributes are what an update would take. Left out are references, sets and bytes,
//     NaN and infinities, and names that are reserved, that Fauna has for itself or that no
//     attribute has.
//   - An expires that cannot be read, as if it were not there, is an
//     *adapter.RecordError from GetSessionAndUser, UpdateSession and
//     UseVerificationToken, which change nothing then; so is the counter of an
//     authenticator. Lists leave the document out and deletes delete it. CheckSchema lists
//     the first whose expires cannot be read.
//   - The ID of a session whose token is stored as it is, is the token's digest.
//   - An account or an authenticator of a user who is not there, or of nobody, holds no key:
//     who links, signs up or registers with it takes its place.
//   - Fields that are named like what Fauna has for itself stay too.
//   - An authenticator without createdAt and updatedAt has none.
//
// An update of a session, or the use of a token, whose expiry is no Time takes two
// queries; so do an update of an authenticator whose counter is no Number, and
// DeleteSessionByID of a session whose token is stored as it is.
//
// # Promises
//
// All of the contract in package adapter. Every operation is one query, and every query
// is one strictly serializable transaction: it is applied as a whole or not at all. The
// unique constraints decide races over e-mail addresses, accounts, tokens and credentials.
//
// Of a transaction that others got in the way of (409) the server says that it was not
// applied; it is repeated with random pauses within the context, for at most 30 seconds.
// A deletion that others get in the way of all the time, by signing in over and over, lists
// what there is and deletes that by its documents, after 300 ms; and a read then sees the
// store as it was at some moment since the call (X-Linearized is left out).
// Nothing else is repeated here but deletes that were too large or too slow, in smaller
// parts, by the driver what was throttled (429), and a query that changes nothing and has
// no answer after a second, once, over a connection of its own.
// So a reply that is lost is adapter.ErrUnavailable, never a false conflict, and whether
// the write was applied is not known. A write that arrives late was never answered nil.
//
// Some of these take a client with [ClientOptions]. Without Linearized a read on a cluster
// may be a little behind what another process wrote. With the server's own repetitions a
// 409 may hide a time-out, and a create that was applied after all be a conflict with
// itself. With an HTTPClient of the application's a query that is tried once more may
// meet another connection that has died; a read beside those who write without end may be
// adapter.ErrUnavailable; what is no Fauna server is adapter.ErrUnavailable;
// and a document that has a time beyond the year 9999 cannot be read. If the client has no
// transport, that is http.DefaultTransport, whatever the program has put there. One opened
// by URL never uses that.
//
// What a person has to mend is adapter.ErrSetup: a wrong secret, a role that may not, a
// collection or an index that is missing, TLS where there is none, and so on.
//
// # Round trips and cost
//
// Queries, and the operations that the server bills, as measured by the package's tests
// on records of little more than their keys:
//
//	                            queries   compute   read   write
//	CreateUser                        1         1      2       1
//	CreateUserWithAccount             1         1      5       2
//	CreateUserWithAuthenticator       1         1      3       2
//	GetUser                           1         1      1       0
//	GetUserByEmail                    1         1      2       0
//	GetUserByAccount                  1         1      3       0
//	UpdateUser                        1         1      1       1
//	UpdateUser (e-mail)               1         1      1       1
//	LinkAccount                       1         1      4       1
//	GetAccount                        1         1      2       0
//	ListAccounts                      1         1      3       0
//	UpdateAccount                     1         1      2       1
//	UnlinkAccount                     1         1      3       1
//	CreateSession                     1         1      1       1
//	GetSessionAndUser                 1         1      3       0
//	UpdateSession                     1         1      3       1
//	ListSessions                      1         1      7       0
//	DeleteSession                     1         1      1       1
//	DeleteSessionByID                 1         1      2       1
//	DeleteSessions                    1         1      4       2
//	CreateVerificationToken           1         1      0       1
//	UseVerificationToken              1         1      2       1
//	DeleteVerificationTokens          1         1      1       1
//	CreateAuthenticator               1         1      2       1
//	GetAuthenticator                  1         1      2       0
//	ListAuthenticators                1         1      3       0
//	UpdateAuthenticatorCounter        1         1      2       1
//	UpdateAuthenticator               1         1      2       1
//	DeleteAuthenticator               1         1      1       1
//	EnumerateUsers (3 users)          1         1     12       0
//	DeleteUser                        1         1      7       1
//
// EnumerateUsers reads the users of a page and the one after them, and 8 more. Their order
// is that of their IDs as numbers, and nobody comes twice. A cursor is the ID at which the
// page begins: it is good for ever, in any process. Where so many users are too large for
// an answer or take too long the page has a quarter, by another query.
//
// DeleteUser, DeleteSessions and DeleteVerificationTokens delete 500 documents a query,
// the user with the first of them, from where on nothing of it can be reached: a user
// with 10,000 sessions is deleted by 21 queries. Where so many are too large for a
// transaction (16 MB) the next try has a quarter. Lists have 500 documents a query too.
//
// A call waits for the server, whose transactions come in steps of about 10 ms: on loopback
// reads took 10 ms and writes 10 to 20 ms at the median. Of its own the adapter adds some
// 30 allocations to the driver's 210. The benchmark Raw has each operation beside the same
// query sent by the bare driver; the medians differ by less than their noise.
//
// # Limits
//
// A user with more than 500 accounts and authenticators loses the later ones by later
// queries; if the call is cut between them, GetAccount and GetAuthenticator still find
// those until it is repeated. The user's ID is taken while there are sessions left.
//
// A collection that defines the types of its fields must allow others too, and have
// document_ttls true.
//
// DeleteSessionByID with PlainSessionTokens lists the sessions first. CheckSchema looks at
// the first 10,000 sessions and tokens, 500 a query.
//
// # Set-up
//
// The adapter implements [adapter.Schema] by queries, for which a key of the role server
// is enough. It adds what the layout of the Auth.js adapter lacks: unique accounts,
// tokens and credentials, authenticators, and an index of tokens by identifier. Nothing
// is ever dropped. A unique constraint that comes to documents among which there are
// doubles lets those be.
//
// # Versions
//
// github.com/fauna/fauna-go/v3 3.0.2, and the Fauna server that was published as open
// source in 2025, one node, on which the suite has passed. Up to a hundred idle
// connections are kept.
package fauna
