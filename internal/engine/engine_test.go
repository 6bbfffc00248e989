package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func TestMain(m *testing.M) { Main(m) }

// within is a context for what must not take longer.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// redisClient connects to a Redis of any kind.
func redisClient(t *testing.T, s Server) redis.UniversalClient {
	t.Helper()
	o, err := redisOptions(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewUniversalClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// checkVersion fails for an empty version of a server of ours.
func checkVersion(t *testing.T, s Server) {
	t.Helper()
	if s.Version == "" {
		t.Errorf("the server at %s has no version", s.URL)
	}
}

func TestRedis(t *testing.T) {
	s := Redis(t)
	checkVersion(t, s)
	if again := Redis(t); again.URL != s.URL {
		t.Errorf("the second call has a server at %s, the first at %s", again.URL, s.URL)
	}
	if err := redisClient(t, s).Ping(within(t, 10*time.Second)).Err(); err != nil {
		t.Error(err)
	}
}

func TestRedisCluster(t *testing.T) {
	s := RedisCluster(t)
	checkVersion(t, s)
	ctx := within(t, 30*time.Second)
	client := redisClient(t, s).(*redis.ClusterClient)

	for i := range 20 { // in several slots, of every node most likely
		key := fmt.Sprintf("engine-test-%d", i)
		if err := client.Set(ctx, key, i, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	}
	client.ReloadState(ctx)
	masters, replicas := make(chan string, 9), make(chan string, 9)
	visit := func(seen chan string) func(context.Context, *redis.Client) error {
		return func(ctx context.Context, node *redis.Client) error {
			seen <- node.Options().Addr
			return node.Ping(ctx).Err()
		}
	}
	if err := errors.Join(client.ForEachMaster(ctx, visit(masters)), client.ForEachSlave(ctx, visit(replicas))); err != nil {
		t.Fatal(err)
	}
	if os.Getenv(redisCluster.address) == "" && (len(masters) != 3 || len(replicas) != 3) {
		t.Errorf("a client sees %d masters and %d replicas, not 3 and 3", len(masters), len(replicas))
	}
	if n, err := client.Wait(ctx, 1, 10*time.Second).Result(); err != nil || n < 1 {
		t.Errorf("WAIT for one replica: got %d, %v", n, err)
	}
}

func TestRedisSentinel(t *testing.T) {
	s := RedisSentinel(t)
	checkVersion(t, s)
	ctx := within(t, time.Minute)
	client := redisClient(t, s)
	if err := client.Set(ctx, "engine-test", "before", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if s.container == nil {
		t.Skip("no failover of a server that isn't ours")
	}
	o, err := redisOptions(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	sentinel := redis.NewSentinelClient(&redis.Options{Addr: o.Addrs[0]})
	defer sentinel.Close()
	before, err := sentinel.GetMasterAddrByName(ctx, o.MasterName).Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := sentinel.Failover(ctx, o.MasterName).Err(); err != nil {
		t.Fatal(err)
	}
	err = wait(ctx, func() error {
		after, err := sentinel.GetMasterAddrByName(ctx, o.MasterName).Result()
		if err == nil && strings.Join(after, ":") == strings.Join(before, ":") {
			err = errors.New("the master is still the same")
		}
		if err != nil {
			return err
		}
		return client.Set(ctx, "engine-test", "after", time.Minute).Err()
	})
	if err != nil {
		t.Errorf("no write after a failover: %v", err)
	}
}

func TestPause(t *testing.T) {
	s := Redis(t)
	client := redisClient(t, s)
	if err := s.Pause(t); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(within(t, 500*time.Millisecond)).Err(); err == nil {
		t.Error("a paused server answers")
	}
	if err := s.Unpause(t); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(within(t, 10*time.Second)).Err(); err != nil {
		t.Errorf("the server doesn't go on: %v", err)
	}
}

// without ends a test for want of something: as skipped, and in CI, which has it all,
// as failed.
func without(t *testing.T, reason any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// needDocker ends a test that is about containers where there are none.
func needDocker(t *testing.T) docker {
	t.Helper()
	d, err := dial()
	if err != nil {
		without(t, err)
	}
	return d
}

// needImage skips the test of an engine that no backend runs on yet, or that a backend
// has recordings of (Fauna), in CI too, unless the machine has it. Its callers are the
// list of these engines.
func needImage(t *testing.T, k *kind) {
	t.Helper()
	if os.Getenv(k.address) != "" {
		return
	}
	if _, ok := needDocker(t).present(t.Context(), k.image); !ok {
		t.Skipf("no image of %s on this machine", k.name)
	}
}

func mongoClient(t *testing.T, s Server) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client
}

// inTransaction inserts a document into a collection in a transaction.
func inTransaction(ctx context.Context, client *mongo.Client, collection *mongo.Collection) error {
	session, err := client.StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(ctx)
	_, err = session.WithTransaction(ctx, func(ctx context.Context) (any, error) {
		return collection.InsertOne(ctx, bson.D{{Key: "expires", Value: time.Now()}})
	})
	return err
}

func TestMongo(t *testing.T) {
	s := Mongo(t)
	checkVersion(t, s)
	ctx := within(t, 30*time.Second)
	client := mongoClient(t, s)
	database := client.Database("engine_test")
	defer func() { _ = database.Drop(ctx) }()
	collection := database.Collection("expiring")

	_, err := collection.Indexes().CreateOne(ctx, mongo.IndexModel{
		Keys:    bson.D{{Key: "expires", Value: 1}},
		Options: options.Index().SetExpireAfterSeconds(0),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := inTransaction(ctx, client, collection); err != nil {
		t.Fatalf("a transaction on a replica set: %v", err)
	}
	if s.container == nil {
		t.Skip("the TTL monitor of a server that isn't ours may be slow")
	}
	err = wait(ctx, func() error {
		n, err := collection.CountDocuments(ctx, bson.D{})
		if err == nil && n > 0 {
			err = errors.New("the TTL monitor doesn't run every second")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestMongoThree(t *testing.T) {
	s := MongoThree(t)
	checkVersion(t, s)
	ctx := within(t, 30*time.Second)
	client := mongoClient(t, s)
	var hello struct{ Hosts []string }
	if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		t.Fatal(err)
	}
	if len(hello.Hosts) != 3 {
		t.Errorf("the replica set has %d members, want 3", len(hello.Hosts))
	}
	database := client.Database("engine_test")
	defer func() { _ = database.Drop(ctx) }()
	if err := inTransaction(ctx, client, database.Collection("c")); err != nil {
		t.Errorf("a transaction: %v", err)
	}
}

func TestMongoStandalone(t *testing.T) {
	s := MongoStandalone(t)
	checkVersion(t, s)
	ctx := within(t, 30*time.Second)
	client := mongoClient(t, s)
	if err := client.Ping(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := inTransaction(ctx, client, client.Database("engine_test").Collection("c")); err == nil {
		t.Error("a standalone server has transactions")
	}
}

func TestDynamoDB(t *testing.T) {
	s := DynamoDB(t)
	if s.container != nil {
		checkVersion(t, s)
	}
	req, err := http.NewRequestWithContext(within(t, 30*time.Second), http.MethodPost, s.URL, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	// DynamoDB Local doesn't check signatures, but wants to see one.
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20300101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), "TableNames") {
		t.Errorf("ListTables: got %s %s, %v", resp.Status, body, err)
	}
}

func TestFauna(t *testing.T) {
	needImage(t, fauna)
	s := Fauna(t)
	if err := answers(within(t, 30*time.Second), s.URL+"/ping", http.StatusOK); err != nil {
		t.Error(err)
	}
}

func TestAddressInTheEnvironment(t *testing.T) {
	address := Redis(t).URL
	find := func(address string) (Server, error) {
		t.Setenv("AUTHSTORE_ENGINE_TEST_URL", address)
		return (&kind{name: "Redis", address: "AUTHSTORE_ENGINE_TEST_URL", probe: redisVersion}).find()
	}

	s, err := find(address)
	if err != nil {
		t.Fatal(err)
	}
	if s.URL != address || s.Version == "" || s.container != nil {
		t.Errorf("got %+v", s)
	}

	// A server that is named but isn't there is a failure, not a reason to skip.
	_, err = find("redis://:secret@127.0.0.1:1")
	if err == nil || errors.As(err, new(missing)) || !strings.HasPrefix(err.Error(), "AUTHSTORE_ENGINE_TEST_URL: ") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(fmt.Sprint(err), "secret") {
		t.Errorf("the error shows the password: %v", err)
	}
}

func TestServerThatDoesNotStart(t *testing.T) {
	needDocker(t)
	k := &kind{
		name:    "Redis",
		image:   "redis",
		port:    6379,
		command: func(string) []string { return []string{"sh", "-c", "echo the reason; sleep 1; exit 1"} },
		url:     redisServer.url,
		probe:   redisVersion,
	}
	began := time.Now()
	_, err := k.start()
	if err == nil || errors.As(err, new(missing)) || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("got %v, not a failure that shows what the container printed", err)
	}
	if d := time.Since(began); d > startTimeout/2 {
		t.Errorf("it took %v to see that the container has ended", d)
	}
}
