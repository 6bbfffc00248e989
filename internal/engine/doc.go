// Package engine starts the servers that the tests run on: Redis, a Redis
// Cluster, a Redis with Sentinels, MongoDB, DynamoDB Local and Fauna. Only tests
// import it.
//
//	func TestMain(m *testing.M) { engine.Main(m) }
//
//	func TestPing(t *testing.T) {
//		server := engine.Redis(t)
//		// ... connect to server.URL
//	}
//
// A test process starts each server once, when a test first asks for it, and its
// tests share it: each test uses keys, a database or a table of its own.
//
// # Which server
//
// If its environment variable has an address, the server there is used:
//
//	AUTHSTORE_REDIS_URL           redis://127.0.0.1:6379
//	AUTHSTORE_REDIS_CLUSTER_URL   redis+cluster://127.0.0.1:7000,127.0.0.1:7001
//	AUTHSTORE_REDIS_SENTINEL_URL  redis+sentinel://127.0.0.1:26379,127.0.0.1:26380?master_name=authstore
//	AUTHSTORE_MONGO_URL           mongodb://127.0.0.1:27017/?directConnection=true
//	AUTHSTORE_MONGO_THREE_URL     mongodb://127.0.0.1:27019,127.0.0.1:27020,127.0.0.1:27021/?replicaSet=rs0
//	AUTHSTORE_MONGO_STANDALONE_URL
//	AUTHSTORE_MONGO_AUTH_URL
//	AUTHSTORE_DYNAMODB_URL        http://127.0.0.1:8000
//	AUTHSTORE_FAUNA_URL           http://127.0.0.1:8443
//
// Otherwise it runs in a container, on loopback ports, of the image that
// AUTHSTORE_REDIS_IMAGE (_MONGO_, _DYNAMODB_, _FAUNA_) names, or of the official
// one. Where that isn't on the machine, but an image built by internal/images is,
// the latter serves.
//
// If there is neither Docker nor an image, the test is skipped with the reason; in
// CI (the environment variable CI is set) it fails. A server that is there, but
// doesn't work, always fails the test.
//
// # Cleaning up
//
// Every container carries the process it belongs to as a label. Main removes those
// of its process when the tests have ended. A process that ends in another way, by
// a panic, a timeout or a signal, is survived by a small watcher that does the
// same, and what even that leaves is removed by the next process that starts a
// container.
package engine
