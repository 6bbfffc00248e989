// Package upstash keeps authentication data in Redis in the layout of Auth.js: that of
// @auth/upstash-redis-adapter, and for passkeys that of @auth/unstorage-adapter. It is for
// a service in Go that reads, updates and revokes what an Auth.js application has on the
// same server. Without one, package redis is the better store.
//
//	import (
//		"github.com/redis/go-redis/v9"
//
//		"github.com/authstore/authstore/redis/upstash"
//	)
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	store := upstash.New(client, upstash.Options{})
//	defer store.Close()
//
// or by URL, which closes its client with the adapter:
//
//	redis+upstash://user:password@host:6379/0     one server
//	rediss+upstash://default:password@host:6379   with TLS, as Upstash has it
//
// The parameter prefix is [Options.BaseKeyPrefix], request_timeout (2s)
// [Options.RequestTimeout]; all others are those of go-redis. In place of the host there
// may be the path of a socket, percent-encoded. The layout has no hash tags, so that it is
// for one server, with or without Sentinels.
//
// # Keys
//
// Every value is a string. The records are JSON objects with the names that Auth.js has;
// times are ISO strings with milliseconds.
//
//	user:<id>                              a user
//	user:email:<address>                   the ID of the user who has it
//	user:account:<provider>:<account>      an account
//	user:account:by-user-id:<id>           the key of the user's last account
//	user:session:<token>                   a session; expires
//	user:session:by-user-id:<id>           the key of the user's last session
//	user:token:<identifier>:<token>        a verification token; expires
//	authenticator:<credential ID>          an authenticator, "/" as ":"
//	authenticator:by-user-id:<id>          a JSON array of the user's credential IDs
//
// and three that JavaScript does not know:
//
//	authstore:reply:<random>               that a write was applied, for a minute
//	authstore:deletion:<id>                that the deletion of a user is not finished
//	authstore:removed:<id>                 a user whom Repair removed, for two days
//
// The beginnings of these keys are in [Options], under the names that they have in
// JavaScript. No user has an ID that begins like the rest of another key, such as
// "email:": it is refused. In the other keys such beginnings, ":" in a provider or in a
// verification token, and what is not base64 in a credential ID are percent-encoded:
// JavaScript does not find these.
//
// A record is what its JSON means, however it is spaced, ordered or escaped; of a name that
// is there twice the last one counts, as in JavaScript.
//
// Attributes are members beside the fields, under their own names: each kind of record has
// keys of its own, so that none needs more members than its fields. A text among them that
// looks like a time is named in the member authstoreText; without that, what looks like one
// is one, as it is to Auth.js. What this package does not know in a record stays as it was
// written. The text that goes with a verification token is its member value.
//
// # What other programs write
//
// A date is read in every form that JavaScript's Date takes, and as milliseconds; text also
// from a number or a bool, so that an ID may be one, as in the keys of JavaScript; scope and
// transports also from a list; expires_at also from text or a date. emailVerified true is
// the user's createdAt, or 1970. What a field for display cannot be read from is absent, and
// stays as it is written until that field is set. Members that no attribute can be (names
// that are empty or have control characters, numbers too large) are not in Attributes.
// __proto__ is stored as authstore__proto__, at every depth.
//
// An expiry, a user's ID or a counter that cannot be read is an adapter.RecordError, which
// names the record by its key, or a session by its Session.ID. Lists leave it out, signing
// out and deleting take it too, and CheckSchema lists it. A verification token like that is
// not used up.
//
// Keys of other programs with the same beginnings are left alone: of another type, no JSON,
// or JSON without the members by which a record is known. An address whose key in the index
// is another program's is taken.
//
// # Promises
//
// All of the contract in package adapter among Go programs, with two exceptions: session
// tokens are stored as they are (PlainSessionTokens is always on), since Auth.js looks
// sessions up by them; and updates cost two round trips. Every write is one atomic step.
// A reply that was lost does not change an answer, although go-redis repeats commands by
// itself, and a first attempt that arrives after the second one, within a minute, changes
// nothing; UseVerificationToken is not repeated, and without a reply it is
// adapter.ErrUnavailable.
//
// Whatever takes something away works when the server's memory is full, and Repair does;
// what needs more is adapter.ErrSetup, and has written nothing.
//
// What JavaScript writes is read as it means it, with these rules kept: an address leads
// only to a user who has it, a session, account or authenticator only to a user who is
// there, and what has expired is not there.
//
// # What a JavaScript writer can break
//
// It reads and writes in steps of their own, checks nothing, and writes whole records.
// While it writes to the same store:
//
//   - two sign-ups at once make two users with one address, and one of them is found;
//   - it gives an account to a second user without a word;
//   - racing uses of a verification token may all succeed, those in Go counted as one;
//   - an update that it makes at the same moment as one here may undo the latter, and
//     bring back a user or a session that is being deleted;
//   - its change of an e-mail address leaves the old one in the index, where JavaScript
//     goes on finding the user by it;
//   - its deleteUser leaves all sessions and accounts but the last. They open nothing;
//   - what it wrote last does not expire at the server: call PurgeExpired now and then.
//
// CheckSchema lists what it has broken, record by record, and Repair puts right what can
// be put right without knowing the application. Both read the whole store. What they
// take no note of is an account that changed hands.
//
// # Enumeration
//
// EnumerateUsers goes through the keys of the database with SCAN. A page costs one round
// trip, which looks at ten thousand keys, others' included, or at fewer if the page is full
// before. The order is that of the server's table of keys. A user may come more than once,
// also on one page. A value that is no JSON at the key of a user is among the unreadable.
//
// A cursor is good in any process with the same database and prefixes, as long as the server
// runs: after a restart or a failover its table has another order, and the cursor is
// adapter.ErrInvalid. Begin again. The server is known by the run_id that INFO has. Upstash's
// service documents INFO, but not whether run_id is in it; without, a cursor is good as long
// as the service has it so, which promises of SCAN what Redis does, and says nothing about
// restarts.
//
// # Repair
//
// It may run while the application does. What has changed since it was read is left to
// the next Repair, which is decided at the server, in one step with the change. Of users
// with one address Repair removes those whom nothing belongs to, whose records have nothing
// but what Auth.js writes, and whom no verified address leads to; and so it does with users
// of whom nothing is known. JavaScript may give such a user an account at that moment.
// That is why Repair keeps the record for two days, looks once more at its end, and puts
// the user back if something belongs to it by then. What is made later still leads
// nowhere until the next Repair. DeleteUser takes what is kept away too.
//
// CheckSchema and a dry run walk through all keys of the database, ten thousand a round
// trip, and a second time if there are records of users who are gone; Repair once more if
// it removes users. The walk takes about 200 bytes of memory a user with an account and a
// session, as measured with 100,000 of them, and before the collector has run 500; the
// findings come on top. What Repair puts right costs one round trip each, two for a user
// or an address, and for a deletion that was cut those of a walk.
//
// # Round trips
//
// As measured by the package's tests:
//
//	CreateUser                           1
//	CreateUserWithAccount                1
//	CreateUserWithAuthenticator          1
//	GetUser                              1
//	GetUserByEmail                       1
//	GetUserByAccount                     1
//	UpdateUser                           2
//	UpdateUser (e-mail)                  2
//	DeleteUser                           2
//	LinkAccount                          1
//	GetAccount                           1
//	ListAccounts                         1
//	UpdateAccount                        2
//	UnlinkAccount                        1
//	CreateSession                        1
//	CreateSession (made elsewhere)       1
//	GetSessionAndUser                    1
//	GetSessionAndUser (made elsewhere)   1
//	UpdateSession                        2
//	UpdateSession (made elsewhere)       2
//	ListSessions                         1
//	DeleteSession                        1
//	DeleteSession (made elsewhere)       1
//	DeleteSessionByID                    2
//	DeleteSessions                       1
//	CreateVerificationToken              1
//	UseVerificationToken                 1
//	DeleteVerificationTokens             1
//	CreateAuthenticator                  1
//	GetAuthenticator                     1
//	ListAuthenticators                   1
//	UpdateAuthenticatorCounter           2
//	UpdateAuthenticator                  2
//	DeleteAuthenticator                  1
//
// The layout has no list of what belongs to a user, and JavaScript would not keep one. The
// three lists, DeleteUser, DeleteSessions, DeleteSessionByID and DeleteVerificationTokens
// therefore walk through all keys of the database with SCAN, ten thousand a round trip: the
// numbers are those of fewer keys. They are for signing out and for account pages, not for
// every request.
//
// # Access
//
// The user of a server with access control needs no more than this. Before the keys goes
// what is [Options.BaseKeyPrefix], and select is for a database other than 0.
//
//	ACL SETUSER authstore on >password ~user:* ~authenticator:* ~authstore:*
//	  +ping +select +eval +evalsha +get +mget +set +del +exists +scan +info
//
// # Versions
//
// Redis 6.2 or later, or Valkey. Scripts touch keys that are not among their KEYS, where
// only a record says which; a proxy that forbids that does not serve. Dragonfly is told so
// in the first line of those scripts. The server must not evict keys, and what a failover
// can lose is what it can in package redis.
package upstash
