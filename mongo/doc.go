// Package mongo stores users, accounts, sessions, verification tokens and passkeys in MongoDB.
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
//	store, err := authmongo.New(client.Database("app"), authmongo.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
// [adapter.Open] opens the same by URL, connects with the first call, and closes its client
// with the adapter:
//
//	mongodb://user:password@host1,host2/app?replicaSet=rs0
//	mongodb+srv://user:password@cluster.example.com/app
//
// The parameters layout, ids, skipSchemaCheck, linearizableReads and requestTimeout are fields of
// [Options]; all others are the driver's. Create the indexes before the first call
// ([adapter.Schema]): without them every call is an [adapter.ErrSetup].
//
// # Layout
//
// The collections are those of the Auth.js adapter (@auth/mongodb-adapter), which can use them
// at the same time: users, accounts, sessions and verification_tokens, and authenticators,
// which that adapter lacks. Beside its fields there are createdAt, updatedAt and attributes.
// IDs of users are ObjectIDs, 24 hexadecimal digits in Go. A [Layout] has other collections,
// names and IDs: presets are those of [Prisma], [TypeORMv3], [PrismaLegacy] and [BetterAuth],
// and docs/layouts.md has what each side sees of the other's records.
//
// # Promises and limits
//
// The whole contract of package adapter, on replica sets and standalone servers of MongoDB 4.4
// or later, without transactions. Most operations take one round trip, a sign-up with an
// account or a passkey three, a deletion of many records two, and DeleteUser four, in eight
// commands. A write that is cut off between two of its steps breaks no rule, and a lost reply
// changes no answer where the driver has retryable writes, which a standalone server does not
// support.
//
// Reads by a key that are called at the same time share requests, which costs a single caller
// some microseconds: see docs/mongo.md, Shared requests, and [Options.NoBatching].
//
// Reads go to the primary, and writes wait for the majority. A primary that was cut off, and
// does not know yet that it was replaced, answers reads with old data unless
// [Options.LinearizableReads] is set.
//
// The page docs/mongo.md has every field and index, the round trips of each operation, the
// privileges that the server's user needs, how documents of other programs are read, and what
// failovers, lost replies, sharding and other indexes on the same collections do.
package mongo
