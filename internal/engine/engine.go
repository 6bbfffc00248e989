package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a server for tests.
type Server struct {
	URL     string // where it is: for Redis and MongoDB a URL to open, else that of its API
	Version string // what it says of itself; empty if it doesn't say

	container *container // nil if it was there before
	probe     func(context.Context, Server) (version string, err error)
}

// Await waits until a server that was killed answers again.
func (s Server) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return wait(ctx, func() error {
		_, err := s.probe(ctx, s)
		return err
	})
}

// Redis returns a Redis server.
func Redis(t testing.TB) Server { t.Helper(); return redisServer.get(t) }

// RedisDurable returns a Redis server that runs again when it was killed, and has lost
// nothing that it has answered.
func RedisDurable(t testing.TB) Server { t.Helper(); return redisDurable.get(t) }

// RedisCluster returns a Redis Cluster of three masters and three replicas.
func RedisCluster(t testing.TB) Server { t.Helper(); return redisCluster.get(t) }

// RedisSentinel returns a master and a replica that three Sentinels watch. The
// URL's hosts are the Sentinels, and its master_name is what they call the master.
func RedisSentinel(t testing.TB) Server { t.Helper(); return redisSentinel.get(t) }

// Mongo returns a MongoDB replica set of one member. Its TTL monitor runs every
// second.
func Mongo(t testing.TB) Server { t.Helper(); return mongoReplicaSet.get(t) }

// MongoThree returns a MongoDB replica set of three members, which elect another primary
// within seconds.
func MongoThree(t testing.TB) Server { t.Helper(); return mongoThree.get(t) }

// MongoStandalone returns a MongoDB server that is no replica set, and so has no
// transactions. It runs again when it was killed.
func MongoStandalone(t testing.TB) Server { t.Helper(); return mongoStandalone.get(t) }

// MongoAuth returns a MongoDB server that wants authentication. The user of its URL may do
// everything.
func MongoAuth(t testing.TB) Server { t.Helper(); return mongoAuth.get(t) }

// MongoDurable returns a MongoDB server without a replica set that runs again when it was
// killed.
func MongoDurable(t testing.TB) Server { t.Helper(); return mongoDurable.get(t) }

// DynamoDB returns a DynamoDB Local. It takes any credentials and region, all of
// which see the same tables.
func DynamoDB(t testing.TB) Server { t.Helper(); return dynamoDB.get(t) }

// DynamoDBDurable returns one that runs again when it was killed, with what it has stored.
func DynamoDBDurable(t testing.TB) Server { t.Helper(); return dynamoDBDurable.get(t) }

// Fauna returns a Fauna server, whose root key is "secret".
func Fauna(t testing.TB) Server { t.Helper(); return fauna.get(t) }

// HasFauna reports whether there is a Fauna server in the environment, or an image of
// one on this machine. Where there is none, recordings of one serve.
func HasFauna(t testing.TB) bool {
	if os.Getenv(fauna.address) != "" {
		return true
	}
	d, err := dial()
	if err != nil {
		return false
	}
	_, ok := d.present(t.Context(), fauna.image)
	return ok
}

// kind is a kind of server. Its image, command and so on are those of a container.
type kind struct {
	name    string // for messages
	address string // the environment variable that may have the address of one
	image   string // in images.txt

	port       int      // the port in the container, published as any free one; or
	ports      int      // how many ports it has, published under the numbers that they have there
	entrypoint []string // nil: that of the image
	command    func(ports string) []string
	healthy    func(ports string) []string // fails, in the container, until the server is ready; nil if probe tells

	url   func(hosts []string) string
	probe func(context.Context, Server) (version string, err error) // fails if the server doesn't answer

	once   sync.Once
	server Server
	err    error
}

// startTimeout is how long a server may take to start, downloads not counted.
const startTimeout = 2 * time.Minute

// missing is the reason why there is no server of a kind on this machine.
type missing struct{ reason string }

func (m missing) Error() string { return m.reason }

// get returns the one server of the kind that this process has, or ends the test.
func (k *kind) get(t testing.TB) Server {
	t.Helper()
	if !mainRuns {
		t.Fatal("engine: containers would be left over, as this package's tests don't have: func TestMain(m *testing.M) { engine.Main(m) }")
	}
	k.once.Do(func() { k.server, k.err = k.find() })
	if k.err != nil {
		end := t.Fatalf
		if errors.As(k.err, new(missing)) && os.Getenv("CI") == "" {
			end = t.Skipf
		}
		end("no %s: %v", k.name, k.err)
	}
	return k.server
}

func (k *kind) find() (Server, error) {
	address := os.Getenv(k.address)
	if address == "" {
		return k.start()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s := Server{URL: address, probe: k.probe}
	var err error
	if s.Version, err = k.probe(ctx, s); err != nil {
		return s, fmt.Errorf("%s: %w", k.address, err)
	}
	return s, nil
}

func (k *kind) start() (Server, error) {
	d, err := dial()
	if err != nil {
		return Server{}, err
	}
	image, err := d.image(k.image)
	if err != nil {
		return Server{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c, err := d.run(ctx, k, image)
	if err != nil {
		return Server{}, err
	}
	s := Server{URL: k.url(c.hosts), container: c, probe: k.probe}
	err = wait(ctx, func() error {
		err := k.ready(ctx, c, &s)
		if err != nil && !c.running(ctx) {
			cancel() // it won't become ready
		}
		return err
	})
	if err != nil {
		return Server{}, fmt.Errorf("%s: %w\n%s", image, err, c.tail())
	}
	return s, nil
}

// ready fails until the server in a container works, and then has its version.
func (k *kind) ready(ctx context.Context, c *container, s *Server) (err error) {
	if k.healthy != nil {
		if err := c.exec(ctx, k.healthy(c.ports)); err != nil {
			return err
		}
	}
	s.Version, err = k.probe(ctx, *s)
	return err
}

// wait calls f until it succeeds. When the time is over it returns the last error.
func wait(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// join is the hosts of a URL that has several.
func join(hosts []string) string { return strings.Join(hosts, ",") }
