// Package betterauth has the sessions of a Better Auth application that keeps them in Redis, its
// secondary storage (@better-auth/redis-storage): a Go service opens, makes, lists and ends them. Users,
// accounts and passkeys are in another store, the application's database, which is handed in.
//
//	import (
//		"log"
//
//		"github.com/redis/go-redis/v9"
//
//		"github.com/authstore/authstore/memory"
//		"github.com/authstore/authstore/redis/betterauth"
//	)
//
//	users := memory.New(memory.Options{}) // in its place: the application's users
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	store, err := betterauth.New(client, users, betterauth.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
// # Layout
//
// Strings of JSON under the application's prefix, better-auth: by default. All expire.
//
//	<token>                             a session, and a copy of its user
//	active-sessions-<user ID>           the tokens of a user's sessions, and when each expires
//	revoked-sessions-before-<user ID>   sessions that were made before this time are over
//	verification:<identifier>:<token>   a verification row
//
// # Promises
//
// Among Go programs, the contract of package adapter for sessions and verification tokens.
//
//   - A session and its entry in the list are made and deleted by one script. One that has ended is not
//     written back by an update that was under way.
//   - The user of a session is read from the store of users: who was deleted or has lost a role is
//     known at once, whatever the copy says.
//   - A change of a user changes the copies, and a user who is deleted has no session left.
//   - Members that Go does not know stay as the application has written them.
//
// # Limits
//
// The application reads, changes and writes in several steps. Go cannot keep it from
//
//   - writing back a single session that Go has just ended, if it was about to prolong it;
//   - losing entries of the list. Such sessions are not listed, and DeleteSessions does not end
//     them if some are to be kept;
//   - opening a session by the copy of the user that it has read a moment before.
//
// DeleteUser, and DeleteSessions with none to keep, end all of those by the time of revocation, which
// the application respects too. That time has the user's ID, and stays for a month.
//
// Tokens are stored as they are. Verification rows of the application, whose tokens are not hashed, are
// not used here. One server of Redis 6.2 or later, or Valkey, also behind Sentinels; no Cluster.
//
// # Read on
//
// docs/redis.md has the round trips, and what each side sees of the other.
package betterauth
