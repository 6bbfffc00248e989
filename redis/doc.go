// Package redis stores authentication data in Redis or Valkey: one server, a Sentinel set,
// or a Cluster.
//
//	import (
//		"log"
//
//		"github.com/redis/go-redis/v9"
//
//		authredis "github.com/authstore/authstore/redis"
//	)
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	store, err := authredis.New(client, authredis.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
// [adapter.Open] opens the same by URL, and closes its client with the adapter:
//
//	redis://user:password@host:6379/0              one server; rediss:// with TLS
//	redis+cluster://host1:6379,host2,[::1]:6380    a Cluster
//	redis+sentinel://host1:26379,host2/0?master_name=mymaster
//
// The parameters prefix, request_timeout and no_batching are [Options.Prefix],
// [Options.RequestTimeout] and [Options.NoBatching]; all others are those of go-redis.
//
// # Layout
//
// All records of a user are in the hash slot of its ID, where one script can change them:
//
//	authstore:u:{id}          the user
//	authstore:a:{id}          its accounts
//	authstore:w:{id}          its authenticators
//	authstore:s:{id}:token    one of its sessions
//	authstore:l:{id}          the list of its sessions
//
// An e-mail address, an account, a credential ID and a session token that was made
// elsewhere each have an index entry, in a hash slot of their own. It leads to the user, and
// counts only if the user's record agrees.
//
// # Promises
//
// The whole contract of package adapter. Each operation takes one round trip on one server,
// and at most three on a Cluster, where no script reaches two slots: there a unique value is
// claimed first, and every rule holds if a call is cut between any two steps. A lost reply
// changes no answer.
//
// # Limits
//
// Redis replicates asynchronously: a failover can lose writes that were answered.
// [Options.WaitReplicas] makes that unlikely, not impossible. The server must not evict keys
// that have no expiry: its maxmemory-policy is noeviction or a volatile one. It must be
// Redis 6.2 or later, or Valkey.
//
// # Read on
//
// docs/redis.md has every key and parameter, the round trips of each operation, the rights that
// the server's user needs, and what happens when replies are lost, slots move or a primary fails.
package redis
