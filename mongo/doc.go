// Package mongo keeps authentication data in MongoDB, in the collections of the Auth.js
// adapter (@auth/mongodb-adapter), which can work on them at the same time.
//
//	import (
//		"log"
//
//		"go.mongodb.org/mongo-driver/v2/mongo"
//		"go.mongodb.org/mongo-driver/v2/mongo/options"
//
//		authmongo "github.com/authstore/authstore/mongo"
//	)
//
//	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://127.0.0.1:27017/?replicaSet=rs0"))
//	if err != nil {
//		log.Fatal(err)
//	}
//	store := authmongo.New(client.Database("app"), authmongo.Options{})
//	defer store.Close()
//
// or by URL, which connects with the first call and closes its client with the adapter:
//
//	mongodb://user:password@host1,host2/app?replicaSet=rs0
//	mongodb+srv://user:password@cluster.example.com/app
//
// The parameters stringIDs, skipSchemaCheck, linearizableReads and requestTimeout (10s) are
// those of [Options]; all others are the driver's and reach it as they were given: several
// hosts with or without ports, IPv6 addresses in brackets, the path of a socket with "/" as
// %2F. What neither has, what is there twice, an empty value, ";" between parameters and a
// user name or password with special characters that are not percent-encoded are refused
// when the store is opened. Where the URL does not say else, the client has at most 10
// connections (or minPoolSize), closes those that are idle for a minute, and gives up after 5
// seconds without a server.
//
// # Collections
//
//	users                _id, name, email, emailVerified, image
//	accounts             userId, type, provider, providerAccountId, refresh_token, access_token,
//	                     expires_at (seconds), token_type, scope, id_token, session_state
//	sessions             sessionToken, userId, expires
//	verification_tokens  identifier, token, expires
//	authenticators       credentialID, userId, providerAccountId, credentialPublicKey, counter,
//	                     credentialDeviceType, credentialBackedUp, transports
//
// Beside these fields lie createdAt, updatedAt, and the attributes under their own names,
// but for those that the server or Auth.js would take for something else. A "." is %2E, a
// "$" at the beginning %24, and a name that has such a text itself has 25 after its %:
//
//	https://app.example.com/roles   https://app%2Eexample%2Ecom/roles
//	$set                            %24set
//	a%2Eb                           a%252Eb
//	100%, a%20b                     as they are
//	_id, userId                     authstore_id, authstoreuserId, at the top of a document
//	__proto__                       authstore__proto__
//
// IDs of users are ObjectIDs and 24 hexadecimal digits in Go (or strings, with
// [Options.StringIDs]); times are BSON dates; what is empty is not stored. A sessionToken
// is the digest of the token, beside authstoreDigest: true, unless the application shares its
// sessions with Auth.js (adapter.Options.PlainSessionTokens).
//
// # Other writers
//
// What another program has stored is read as what it means, and no field that the contract
// can do without keeps a record from being read:
//
//   - name, image, type, the tokens, token_type, session_state and the fields of a credential:
//     text; numbers, true and false, ObjectIDs and binary data as text; else absent.
//   - scope and transports also as lists of text.
//   - dates: BSON dates and timestamps, milliseconds since 1970 as any number, text in the
//     forms that JavaScript's Date takes (without a zone in UTC), from the year 1 to 9999; else
//     absent. emailVerified may be true or false: true is since createdAt, or 1970.
//   - expires_at: seconds as any number or text, a date; else absent.
//   - every other field is an attribute, if one can have its name and value: see
//     adapter.Attributes. A name with a ".", or with a "$" at the beginning, is none, nor is
//     the userId of a user. ObjectIDs, UUIDs, decimals and symbols are their text, other binary
//     data base64; patterns, code, timestamps, pointers and the least and greatest key are no
//     attributes, nor what holds one. What is left out stays in the document through updates.
//
// A userId may be the text of an ObjectID (in lower or upper case) where the user has an
// ObjectID, or the reverse; it is that user. So may an _id or userId be text of any form, a
// UUID (binary subtype 4 or 3) or a number: in Go it is its text, by which all calls find it.
// If two users have one ID, in two forms, calls by it mean the one with the usual form (an
// ObjectID, or text with [Options.StringIDs]) and the other one is unreadable. A
// providerAccountId may be a number of any type, which is taken and found by its text.
//
// What the contract needs and cannot be read is an [*adapter.RecordError] with collection, _id
// and user: an expiry, a signature counter, an _id that no text leads to, a userId in mixed
// case. It comes before anything is written, lists leave the record out, every deletion takes
// it, and CheckSchema names it. A record whose userId names nobody signs nobody in, is
// reported, and gives way to whoever signs up with its key.
//
// Documents without the fields by which records are found (sessionToken; provider and
// providerAccountId; identifier and token; credentialID) belong to another program, such as
// connect-mongo: no call and no Repair touches them, but for those with a userId that DeleteUser
// and DeleteSessions of that user take. The TTL indexes are the server's: they remove any
// document whose expires has passed, as connect-mongo's own does.
//
// Session.ID is a digest whoever stored the session: without authstoreDigest the sessionToken
// is taken for a token, whatever it looks like. Updates leave alone what they do not name.
//
// # Indexes
//
// [adapter.Schema] makes and checks them. Without them nothing is unique and nothing
// expires, so the first call looks for them (five round trips) and every call is an
// [adapter.ErrSetup] until they are there; see [Options.SkipSchemaCheck]. An index that does as
// much serves, whatever its name and whoever made it: unique and sparse, or unique without a
// condition as long as no document lacks the field. ApplySchema makes all that it can,
// and its error lists the rest with what to do about it.
//
//	users                email, unique, of those that have one
//	accounts             provider and providerAccountId, unique; userId
//	sessions             sessionToken, unique; userId; expires, TTL
//	verification_tokens  identifier and token, unique; expires, TTL
//	authenticators       credentialID, unique; userId
//
// The unique ones have the documents whose first field is text, so that those of other
// programs which lack it are no twins of each other.
//
// E-mail addresses are stored in the form of adapter.NormalizeEmail, which is in lower case,
// as Auth.js lower-cases them; the index compares them byte by byte. An address that another
// program stored in mixed case is not found: CheckSchema names its user.
//
// An application may have other unique indexes and validators on the same collections. They
// refuse what this package writes unless they have only documents with fields of the
// application's own, and take those that lack them: a call that meets one is an
// adapter.ErrSetup that names index or validator and fields, nothing is left half done, and
// CheckSchema lists it beforehand, as it does views, capped and time-series collections, and
// collections with a collation. DeleteUser works whatever there is.
//
// CheckSchema also lists, and Repair (adapter.Repairer) removes or mends, what a writer
// without the indexes has left: documents with one unique key, and what belongs to users
// who are gone. Both read whole collections: half a million users with an account and a
// session in half a minute, on two processors. What is in memory is what they find. Repair
// takes about a millisecond a finding more, and looks again at what it took: a user is put
// back to whom somebody linked an account meanwhile. If it dies between the two, that account
// leads nowhere.
//
// # Promises
//
// All of the contract in package adapter, on replica sets and on standalone servers. Nothing
// depends on which it is, so a sharded cluster does too, though it has not been tested. Reads
// go to the primary, and what a call has answered the majority has, whatever the client says.
// Every operation is one atomic write to one document but for two: a sign-up with an account
// or a passkey takes three writes, the deletion of a user five, of which three go out at
// once, and both keep every rule when they are cut between any two of them (claims.go, docs/adr/0007). Signing
// out everywhere is one command, which removes all sessions that were made before it.
//
// No transactions are used: one whose process died would hold up every write to the same
// user for a minute. A call takes no part in a transaction of the caller's, whose session
// its context may have.
//
// A reply that was lost does not change an answer where the driver repeats writes by itself:
// on replica sets and sharded clusters, unless retryWrites=false. On a standalone server,
// which has no retryable writes, the call is adapter.ErrUnavailable, and the write may have
// been applied. The steps of a sign-up with an account or a passkey need none: they are
// repeated on every server.
//
// A call ends when its context does, also while a mongodb+srv name is looked up, and after
// ten seconds if that has no deadline ([Options.RequestTimeout]); those that delete all of a
// user, after a minute. PurgeExpired, CheckSchema, ApplySchema and Repair have no limit but
// their context's. A call tries a lost server once more, waiting for a new primary for as long
// as the client's server selection timeout says; it does not repeat a command until the
// context's deadline, as the driver otherwise would. A connection whose answer is still to
// come when its caller leaves is used again if it comes within 0.4 seconds.
//
// A connection can die without a word: a NAT forgets it, a frozen process wakes up. A read
// that has no answer after a second, or half of the time until its deadline, is made once
// more. If the store was opened by URL that is on a fresh connection: those that may be dead
// too are closed. An application's own client may give out another dead one; let it close
// idle ones sooner than what is between it and the server does (SetMaxConnIdleTime). Writes
// are not made again by this package: without an answer they are adapter.ErrUnavailable, and
// may have been applied.
//
// adapter.ErrUnavailable is what another attempt can mend, and says why: a refused connection,
// an election, no answer. What a person has to mend is an adapter.ErrSetup that says what to
// do: wrong credentials, a missing privilege, TLS against plain, an unknown authority, a host
// name or SRV record that does not exist, another replica set, a direct connection to a
// secondary, another server than MongoDB or one that is too old, a full disk. A direct
// connection of the application's own client to a secondary is not noticed by reads.
//
// # Privileges
//
// The application needs, for each of the five collections:
//
//	{resource: {db: "app", collection: "users"}, actions: ["find", "insert", "update", "remove", "listIndexes"]}
//
// listIndexes is for the first call, unless [Options.SkipSchemaCheck] is set. ApplySchema,
// CheckSchema and Repair need also createIndex and createCollection for each, and
// listCollections on the database, which is collection "". The built-in role readWrite has all
// of it.
//
// # Round trips
//
// As measured by the package's tests:
//
//	CreateUser                           1
//	CreateUserWithAccount                3
//	CreateUserWithAuthenticator          3
//	GetUser                              1
//	GetUserByEmail                       1
//	GetUserByAccount                     1
//	UpdateUser                           1
//	UpdateUser (e-mail)                  1
//	DeleteUser                           5
//	LinkAccount                          1
//	GetAccount                           1
//	ListAccounts                         1
//	UpdateAccount                        1
//	UnlinkAccount                        1
//	CreateSession                        1
//	CreateSession (made elsewhere)       1
//	GetSessionAndUser                    1
//	GetSessionAndUser (made elsewhere)   1
//	UpdateSession                        1
//	UpdateSession (made elsewhere)       1
//	DeleteSession                        1
//	DeleteSession (made elsewhere)       1
//	ListSessions                         1
//	DeleteSessionByID                    1
//	DeleteSessions                       1
//	CreateVerificationToken              1
//	UseVerificationToken                 1
//	DeleteVerificationTokens             1
//	CreateAuthenticator                  1
//	GetAuthenticator                     1
//	ListAuthenticators                   1
//	UpdateAuthenticatorCounter           1
//	UpdateAuthenticator                  1
//	DeleteAuthenticator                  1
//
// A conflict costs one more, to see whether what has the key is alive, and so does an
// UpdateUser that finds nobody, to see whether a sign-up is a step short, and a GetUser, to
// see whether the ID has another form. UpdateAccount,
// UpdateSession, UseVerificationToken, UpdateAuthenticatorCounter and UpdateAuthenticator cost
// one more if there is no such record, and two if it has an odd value that can be read; so does a read of a user
// whose ID has another form in userId, or not the usual one. Lists come in one reply of up to
// 16 MB; DeleteSessionByID costs two where tokens are stored as they are, or there is none.
//
// # Enumeration
//
// EnumerateUsers (adapter.Enumerator) returns users in the order of their _id, which for
// ObjectIDs is about that in which they signed up. Nobody comes twice. A page takes one round
// trip, one more for each 16 MB of users, one if there are users on it whose ID is not in the
// usual form, and up to four for each sign-up on it that was cut; it reads the index from
// where the page begins. A cursor is the _id of the user with whom the next page begins, who
// may be gone by then. It is good in any process, for as long as there is the collection, and
// tells no more than an _id does. A user whose _id takes more than 4 KB, as no ID does, is
// left out.
//
// # Limits
//
// Reads are local to the primary. A primary that was cut off, and does not know yet that
// another one has been elected, still shows what has been changed there, to clients that
// reach it alone: a session that was ended opens for that long. [Options.LinearizableReads]
// has each read confirmed by the majority first: measured on three members, a session's
// look-up took 12.2 instead of 0.8 milliseconds. A read may also show what a write is about
// to leave: one that has not been answered yet, or was cut, is undone if the primary fails
// before the majority has it.
//
// An account, session or credential of an unknown user is stored, and leads nowhere: to
// check the user would cost a round trip. It goes with the next DeleteUser of that ID, and
// gives way to whoever wants its key. If an application gives the ID of a deleted user to
// another one, which the IDs made here never are, it comes to that one. While a deletion is
// cut short, lists by the user's ID still show what is left; no session opens, and no account
// or passkey leads to the user. A user's ID is taken until its deletion is finished; if a failover undoes its last
// step, which the majority is not waited for, until DeleteUser is called again, or Repair.
// Where an index or a validator of the application's refuses the mark of a deletion that has
// begun, the ID is free at once, and a deletion that is cut leaves what leads nowhere.
//
// A sign-up with an account or a passkey that dies before it has written that holds up
// whoever wants the same e-mail address, ID, account or passkey next, for a tenth of a second.
//
// The TTL monitor runs once a minute by the server's clock; reads compare with the
// adapter's, to the millisecond. A date in text never expires by itself.
//
// On a sharded collection a unique index must begin with the shard key: shard users by _id
// only if nobody has an e-mail address, accounts by provider and providerAccountId, sessions
// by sessionToken. Collections that are not sharded have no such limit.
//
// # Versions
//
// MongoDB 4.4 or later. The suite passes on the version in the README's table.
package mongo
