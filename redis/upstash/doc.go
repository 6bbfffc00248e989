// Package upstash stores authentication data in Redis in the layout of Auth.js: that of
// @auth/upstash-redis-adapter, and for passkeys that of @auth/unstorage-adapter. It is for a
// Go service that shares a server with an Auth.js application. Without one, package redis
// is the better store.
//
//	import (
//		"log"
//
//		"github.com/redis/go-redis/v9"
//
//		"github.com/authstore/authstore/redis/upstash"
//	)
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	store, err := upstash.New(client, upstash.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
// [adapter.Open] opens the same by URL, and closes its client with the adapter:
//
//	redis+upstash://user:password@host:6379/0     one server
//	rediss+upstash://default:password@host:6379   with TLS, as Upstash has it
//
// The parameters prefix and request_timeout are [Options.BaseKeyPrefix] and
// [Options.RequestTimeout]; all others are those of go-redis.
//
// # Layout
//
// Every value is a string, and every record a JSON object with the names of Auth.js:
//
//	user:<id>                          a user
//	user:email:<address>               the ID of the user who has the address
//	user:account:<provider>:<account>  an account
//	user:session:<token>               a session; expires
//	user:token:<identifier>:<token>    a verification token; expires
//	authenticator:<credential ID>      an authenticator
//
// # Promises
//
// The whole contract of package adapter among Go programs, with two exceptions: session
// tokens are stored as they are, since Auth.js looks sessions up by them, and updates take
// two round trips. Every write is one atomic step, and a lost reply changes no answer.
//
// # Limits
//
// Auth.js keeps few of these rules, and can leave duplicates and orphans. CheckSchema lists
// them, Repair fixes what can be fixed, and PurgeExpired deletes what has no expiry.
//
// Nothing lists the records of a user: lists, DeleteUser, DeleteSessions, DeleteSessionByID
// and DeleteVerificationTokens scan the whole database, ten thousand keys a round trip. The
// layout is for one server of Redis 6.2 or later, or Valkey, also behind Sentinels.
//
// # Read on
//
// docs/upstash.md has every key and parameter, what is read from other programs, the round
// trips of each operation, and the rights that the server's user needs.
package upstash
