// Package dynamodb keeps authentication data in one table of Amazon DynamoDB, in the
// layout of the Auth.js adapter, with which it can be shared.
//
//	import (
//		"context"
//		"log"
//
//		"github.com/aws/aws-sdk-go-v2/config"
//		"github.com/aws/aws-sdk-go-v2/service/dynamodb"
//
//		authdynamodb "github.com/authstore/authstore/dynamodb"
//	)
//
//	cfg, err := config.LoadDefaultConfig(context.Background())
//	if err != nil {
//		log.Fatal(err)
//	}
//	store := authdynamodb.New(dynamodb.NewFromConfig(cfg), authdynamodb.Options{})
//	defer store.Close()
//
// or by URL, with the SDK's default chain of credentials, where dynamodb/open is imported:
//
//	import _ "github.com/authstore/authstore/dynamodb/open"
//
//	dynamodb://next-auth?region=eu-central-1
//	dynamodb://next-auth?region=local&endpoint=http://127.0.0.1:8000
//
// Where a URL has its host is the name of the table, in upper and lower case as it is, or
// its ARN, which has the region in it: dynamodb://arn:aws:dynamodb:eu-central-1:…:table/users.
// The parameters, with special characters percent-encoded:
//
//	region                 where the table is; else the SDK's configuration says
//	endpoint               the address of the service, if it is another one than the region's
//	profile                a profile of the SDK's shared configuration
//	partition_key          Options.PartitionKey
//	sort_key               Options.SortKey
//	index                  Options.Index
//	index_partition_key    Options.IndexPartitionKey
//	index_sort_key         Options.IndexSortKey
//	no_index               Options.NoIndex: true or false
//	eventually_consistent  Options.EventuallyConsistent: true or false
//	request_timeout        Options.RequestTimeout: a duration such as 5s
//
// What is misspelt, given twice or empty is an error that names it. ApplySchema
// (adapter.Schema) makes the table, or what [CloudFormation] or [Terraform] print does;
// [Policy] prints what the application must be allowed.
//
// # The table
//
// Keys pk and sk, an index GSI1 with the keys GSI1PK and GSI1SK, expiry by expires:
//
//	record         pk                        sk                        GSI1PK            GSI1SK
//	user           USER#id                   USER#id                   USER#email        USER#email
//	account        USER#id                   ACCOUNT#provider#account  ACCOUNT#provider  ACCOUNT#account
//	authenticator  USER#id                   AUTHENTICATOR#credential
//	session        USER#id                   SESSION#token             SESSION#token     SESSION#token (1)
//	verification   VT#identifier             VT#token
//	guards:
//	e-mail         EMAIL#email               GUARD
//	account        ACCOUNT#provider#account  GUARD
//	authenticator  AUTHENTICATOR#credential  GUARD
//	session        SESSION#token             GUARD                                                   (2)
//	deleted user   DELETED#digest of id      TOMBSTONE
//
// A session's token is its SHA-256 digest, which signs nobody in. (1) Only where
// Options.PlainSessionTokens keeps the token itself is the session in the index, since
// the Auth.js adapter looks for the token there. (2) Only for a token that was made
// elsewhere: a generated one names its user.
//
// A guard keeps unique what is unique over all users, and serves the consistent look-up
// that an index does not offer. It is written in the transaction that writes the record,
// leads to the user, by userId, and says nothing else: what others change in a record is
// read from the record. A guard is in a partition of its own and not in the index, so the
// Auth.js adapter never meets one.
//
// In ACCOUNT#provider#account a provider with a "#" in it is replaced by "%" and its
// SHA-256 digest, and so is any part that begins with "%" or is too long for a sort key.
// All other parts stand as they are. No text can make the key of another record.
//
// Attributes have the names that they have in Auth.js: id, name, email, emailVerified,
// image, userId, type, provider, providerAccountId, refresh_token, access_token,
// expires_at, token_type, scope, id_token, session_state, sessionToken, expires,
// identifier, token, and for authenticators credentialID, credentialPublicKey, counter,
// credentialDeviceType, credentialBackedUp, transports. Times are text as JavaScript writes
// it, expires is a number of seconds. Added are createdAt and updatedAt, value in a
// verification token, and these, which the Auth.js adapter hands on as further properties
// of the record:
//
//	authstoreStamp     random, new with each write
//	authstoreExpires   the expiry in milliseconds; expires is the next whole second
//	authstoreGuard     true in a session that has a guard
//	authstoreTime.x    where in the list or object x times are, as they are stored as text;
//	                   false for a text x that looks like a time and is none
//	authstorex         the attribute x, where an item needs the name x for itself: those of
//	                   the four keys, type, expires, and in an account providerId
//
// # Access patterns
//
//	operation                   call                         keys
//	CreateUser                  TransactWriteItems           user, guard
//	CreateUserWithAccount       TransactWriteItems           user, account, two guards
//	CreateUserWithAuthenticator TransactWriteItems           user, authenticator, two guards
//	  each with an ID           TransactWriteItems           the same, tombstone
//	GetUser                     GetItem                      user
//	GetUserByEmail              GetItem, GetItem             guard; user
//	GetUserByAccount            GetItem, BatchGetItem        guard; account and user
//	UpdateUser                  UpdateItem                   user
//	  with an e-mail address    GetItem, TransactWriteItems  user; user, two guards
//	DeleteUser                  Query, TransactWriteItems    partition; all but the sessions, tombstone
//	  and while there is more   BatchWriteItem, …            25 sessions; 49 accounts
//	LinkAccount                 TransactWriteItems           account, guard
//	GetAccount                  GetItem, BatchGetItem        guard; account and user
//	ListAccounts                Query                        partition, ACCOUNT#
//	UpdateAccount               GetItem, UpdateItem          guard; account
//	UnlinkAccount               GetItem, TransactWriteItems  guard; account, guard
//	CreateSession               PutItem                      session
//	  made elsewhere            TransactWriteItems           session, guard
//	GetSessionAndUser           BatchGetItem                 session and user
//	  made elsewhere            GetItem, BatchGetItem        guard; session and user
//	  made elsewhere, plain     Query, BatchGetItem          index; session and user
//	UpdateSession               UpdateItem                   session
//	  made elsewhere            UpdateItem, UpdateItem       guard; session
//	DeleteSession               DeleteItem                   session
//	  made elsewhere            GetItem, TransactWriteItems  guard; session, guard
//	ListSessions                Query                        partition, SESSION#
//	DeleteSessionByID           DeleteItem                   session
//	  of no such key            DeleteItem, Query            session; partition, SESSION#
//	  plain                     Query, DeleteItem            partition, SESSION#; session
//	DeleteSessions              Query, BatchWriteItem        partition, SESSION#; 25 sessions
//	  made elsewhere            Query, TransactWriteItems    partition, SESSION#; 50 sessions, guards
//	CreateVerificationToken     PutItem                      verification
//	UseVerificationToken        DeleteItem                   verification
//	  of an odd expiry          DeleteItem, DeleteItem       verification
//	DeleteVerificationTokens    Query, BatchWriteItem        partition; 25 tokens
//	CreateAuthenticator         TransactWriteItems           authenticator, guard
//	GetAuthenticator            GetItem, BatchGetItem        guard; authenticator and user
//	ListAuthenticators          Query                        partition, AUTHENTICATOR#
//	UpdateAuthenticatorCounter  GetItem, UpdateItem          guard; authenticator
//	UpdateAuthenticator         GetItem, UpdateItem          guard; authenticator
//	DeleteAuthenticator         GetItem, TransactWriteItems  guard; authenticator, guard
//	EnumerateUsers              Scan                         as many items as users are asked for
//	  of which none is a user   Scan, …                      up to 1,000 items each
//
// Reads are strongly consistent, but for the index, whose answer is believed only if a
// consistent read agrees, and for GetSessionAndUser with [Options.EventuallyConsistent].
// Nothing scans but EnumerateUsers, CheckSchema and Repair. Why some operations take two calls where the contract has one is in
// docs/adr/0008 and docs/adr/0013.
//
// # Costs
//
// Calls, and read and write capacity units on small records, as the package's tests
// measure them: without the index, with it, and of @auth/dynamodb-adapter, which needs the
// index and reads without consistency. Transactions are counted by the service's rule, two
// units for each item. "Plain" is Options.PlainSessionTokens, "eventually" is
// Options.EventuallyConsistent.
//
//	                                            no index         index            Auth.js
//	                                         calls read write calls read write calls read write
//	CreateUser                                    1    0     4     1    0     5     1    0     2
//	CreateUser (with ID)                          1    0     6     1    0     7
//	CreateUserWithAccount                         1    0     8     1    0    10
//	CreateUserWithAuthenticator                   1    0     8     1    0     9
//	GetUser                                       1    1     0     1    1     0     1  0.5     0
//	GetUserByEmail                                2    2     0     2    2     0     1  0.5     0
//	GetUserByAccount                              2    3     0     2    3     0     2    1     0
//	UpdateUser                                    1    0     1     1    0     2     1    0     2
//	UpdateUser (e-mail)                           2    1     6     2    1     8
//	DeleteUser                                    2    1     6     2    1     7     2  0.5     2
//	LinkAccount                                   1    0     4     1    0     5     1    0     2
//	GetAccount                                    2    3     0     2    3     0
//	ListAccounts                                  1    1     0     1    1     0
//	UpdateAccount                                 2    1     1     2    1     2
//	UnlinkAccount                                 2    1     4     2    1     5     2  0.5     2
//	CreateSession                                 1    0     1     1    0     1     1    0     2
//	CreateSession (made elsewhere plain)          1    0     4     1    0     5
//	CreateSession (made elsewhere)                1    0     4     1    0     4
//	CreateSession (plain)                         1    0     1     1    0     2
//	GetSessionAndUser                             1    2     0     1    2     0     2    1     0
//	GetSessionAndUser (eventually)                1    1     0     1    1     0
//	GetSessionAndUser (made elsewhere plain)      2    3     0     2  2.5     0
//	GetSessionAndUser (made elsewhere)            2    3     0     2    3     0
//	GetSessionAndUser (plain)                     1    2     0     1    2     0
//	UpdateSession                                 1    0     1     1    0     1     2  0.5     2
//	UpdateSession (made elsewhere plain)          2    0     2     2    0     3
//	UpdateSession (made elsewhere)                2    0     2     2    0     2
//	UpdateSession (plain)                         1    0     1     1    0     2
//	DeleteSession                                 1    0     1     1    0     1     2  0.5     2
//	DeleteSession (made elsewhere plain)          2    1     4     2  0.5     5
//	DeleteSession (made elsewhere)                2    1     4     2    1     4
//	DeleteSession (plain)                         1    0     1     1    0     2
//	ListSessions                                  1    1     0     1    1     0
//	ListSessions (plain)                          1    1     0     1    1     0
//	DeleteSessionByID                             1    0     1     1    0     1
//	DeleteSessionByID (plain)                     2    1     1     2    1     2
//	DeleteSessions                                2    1     1     2    1     1
//	DeleteSessions (plain)                        2    1     1     2    1     2
//	CreateVerificationToken                       1    0     1     1    0     1     1    0     1
//	UseVerificationToken                          1    0     1     1    0     1     1    0     1
//	DeleteVerificationTokens                      2    1     1     2    1     1
//	CreateAuthenticator                           1    0     4     1    0     4
//	GetAuthenticator                              2    3     0     2    3     0
//	ListAuthenticators                            1    1     0     1    1     0
//	UpdateAuthenticatorCounter                    2    1     1     2    1     1
//	UpdateAuthenticator                           2    1     1     2    1     1
//	DeleteAuthenticator                           2    1     4     2    1     4
//
// The higher figures buy this: CreateUser and LinkAccount give an address and an account
// one owner under races, where theirs give it to any number; two more units, where
// CreateUser is given an ID, see to it that nothing of a deleted user comes to the next one
// with that ID; and reads see what was written.
//
// # Promises
//
// All of the contract in package adapter. Where more than one item changes it is one
// transaction, with a ClientRequestToken: a request that is repeated since its reply was
// lost, by the SDK or after a while of throttling, is answered as the first was. A single
// write is sent again only if it was certainly not done: refused, or without a connection.
// If its reply was lost, the item is looked at: if it has the stamp of the write, the call
// has succeeded; if not, it is adapter.ErrUnavailable, and the write was not done, or
// somebody has written since, or it is still under way. UseVerificationToken without a
// reply is adapter.ErrUnavailable, and the token may be used up.
//
// A conflict of transactions and throttling are no answers. The call goes on, with
// growing waits of full jitter, for 30 seconds or as long as its context, and is then
// adapter.ErrUnavailable.
//
// DeleteUser removes user, guards, accounts and authenticators in one transaction, as far
// as there is room in it, and the rest after that. Cut anywhere, nothing leads to the
// user any more. The transaction leaves a tombstone for 400 days, by which CreateUser, if it
// is given the same ID, knows that it has to remove first what was left, and what was written since.
//
// A session, account or authenticator of a user who does not exist is stored and leads
// nowhere: to check would take two more write units. It holds nothing either: who wants
// its account, credential or token gets it, and what is left of the dead goes. If nobody
// ever had the ID, a user who is given it later finds them.
//
// # All users
//
// EnumerateUsers (adapter.Enumerator) reads the table in its own order, which is that of a
// hash of the keys and stays, consistently: a unit for each 4 KB of all that is in the
// table, whatever the pages. A call looks at as many items as the page may have users. Of
// those a half or less are users, the others belong to users or are guards, so a page is
// shorter than its limit. Where not one is a user the page goes on, with twice as many items
// a call, up to 1,000, and past all that belongs to one user at once. No user comes twice. A
// cursor is good for ever, also if its user is deleted: it is a user's ID, and so holds no
// token and no address. It needs dynamodb:Scan, which [Policy] prints with what the schema
// needs: give it to who exports, not to the application.
//
// # Time and connections
//
// Without an answer a request ends after ten seconds, or [Options.RequestTimeout], or as
// soon as the context's deadline says, and is adapter.ErrUnavailable. A read is made once
// more after a second, or half of its time if that is less, over a new connection: one that
// a NAT or a load balancer has forgotten costs that moment. The other idle connections,
// which died with it, are closed, those of an HTTP client of the application's with them.
// The SDK's own client cannot do that; another one with its transport takes its place from
// then on.
//
// # Operation
//
// What a person has to mend is adapter.ErrSetup, from any call and from Ping, which reads
// one key and so needs dynamodb:GetItem only. It says what is wrong and what to do: no
// credentials, or expired or refused ones; a clock that is wrong; the action and the
// resource that the IAM policy does not allow; a KMS key that cannot be used; no region; no
// table or index, and keys of other names; a host that does not exist; TLS against plain
// text and the other way round; an unknown authority; an answer that is not DynamoDB's.
// adapter.ErrUnavailable is what another time may be different: throttling, faults of the
// service, refused and broken connections, an index that is still being built. The
// service's own error can be had by errors.As.
//
// CheckSchema names what of a table is otherwise than it must be. How the table is billed,
// and its units, are no part of that: [SchemaOptions] are for making it.
//
// What answers must return the item for which a condition fails. DAX does not for single
// writes, nor does DynamoDB Local of before 2023; that is an adapter.ErrSetup as well, by
// one more delete of nothing at the first condition that fails without an item.
//
// The SDK warns in the application's log of each failed condition, since no checksum comes
// with an error (https://github.com/aws/aws-sdk-go-v2/issues/3545). The adapter has it check
// the answers that have one.
//
// # Sharing the table with the Auth.js adapter
//
// What that adapter and other programs write is read as it stands: items without keys in
// the index, accounts with the index keys of the time before its version 4, and with
// providerId and providerType where provider and type are missing. Where a field is of
// another form than it should be, what it means is said by these rules:
//
//   - IDs are those of the key: of the user, whatever the attributes id and userId are, and
//     of provider and account where their attributes are no text. An account whose
//     providerAccountId is a number is found by its text.
//   - emailVerified, createdAt and updatedAt are dates in every form that JavaScript takes,
//     and numbers of milliseconds. An emailVerified that is true is the time of createdAt,
//     or 1970. expires_at may be text, a fraction or a date.
//   - Other fields are text: numbers and booleans are converted. scope and transports may
//     be lists or sets. What is left is absent, and stays in the item.
//   - expires is a number of seconds, with or without a fraction, text of a date, or a
//     number of milliseconds if it is past the year 9999 in seconds.
//   - Sets are lists. Bytes, names and values that an attribute cannot have, the names of
//     driver.Reserved, and those that an item needs for itself are not in
//     Attributes, and stay in the item.
//
// An expires, an authenticator's counter or its credentialPublicKey that cannot be read is
// an *adapter.RecordError before anything is written, and a token with it is not used up.
// Lists leave such a record out, deletions do not, and CheckSchema tells where it is.
//
// An item in the partition of a user that has none of the fields by which a record is known
// (expires, sessionToken or the type SESSION of a session; provider, providerId or
// providerAccountId of an account; credentialID) is another program's, whatever its sort
// key: it is not listed, and nothing deletes it. So are items under other keys.
//
// The adapter's records have no guards: they are found through the index, by up to three
// calls more, and perhaps a moment late; and it keeps nothing unique, against our records
// neither. What it deletes leaves our guards alone, which then lead nowhere, and their
// values can be had again. A session's ID is a digest whatever is stored. Sessions are
// shared with Options.PlainSessionTokens only.
//
// An attribute __proto__ is stored as authstore__proto__, at every depth: JavaScript would
// make other properties of it. One that is named type, expires or as a key is a property
// authstoretype, authstoreexpires or authstorepk to JavaScript, which would take it for the
// item's own, and the service an expires for the time to delete the item. All other names
// are stored as they are: dots, dollar signs and URLs mean nothing to DynamoDB.
//
// CheckSchema lists, and Repair (adapter.Repairer) mends, what it has broken: records
// without guards, guards of what is gone, users with one address, what is left of deleted
// users, users that an update of nobody made, and addresses that the index does not have.
// Such a user has no address, name, createdAt or anything else but an ID and emailVerified,
// and nothing belongs to it. An account that it gave to a second owner is left to a person.
// What Repair cannot mend does not keep it from the rest.
//
// Repair may run while others write. Each mend is one transaction, on the condition that
// what it relies on is still so; if it is not, the next Repair sees what it is. A user to
// whom nothing belongs is put back if something does by the time that it is deleted. What
// is written for it after that, by a program that read the user before, is an orphan, as
// with DeleteUser; so is what was written right before, if Repair dies between the two.
//
// Both read all of the table, consistently, for a unit each 4 KB, and keep about 1.3 KB a
// user with an account and a session, and 0.7 KB a problem. A mend costs Repair these:
//
//	a record of nobody         GetItem, TransactWriteItems
//	a user to delete           Query, GetItem, TransactWriteItems, Query
//	an address to be found by  TransactWriteItems
//	an account without guard   TransactWriteItems
//	  either, where the guard leads elsewhere: a read and TransactWriteItems more
//	a guard of what is gone    TransactWriteItems
//
// # Limits
//
// An item is at most 400 KB: a record that is larger is adapter.ErrInvalid, before the
// call where its size is known, which it is not in an update, and stays as it was. A number has 38 digits and
// no type, so whole-numbered floats come back as integers. The service removes what has expired within days; until then it is there and never returned.
//
// # Versions
//
// The service, or a DynamoDB Local that has ReturnValuesOnConditionCheckFailure, which
// came in 2023. The suite passes on the version in the README's table. DynamoDB Local has
// no point-in-time recovery.
package dynamodb
