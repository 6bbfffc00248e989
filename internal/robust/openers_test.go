package robust_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	goredis "github.com/redis/go-redis/v9"
	mongodriver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/robust"
	"github.com/authstore/authstore/mongo"
	"github.com/authstore/authstore/redis"
)

// openers has how a client process opens its adapter: with the driver's defaults, and
// connections that break.
var openers = map[string]robust.Opener{
	"redis": openRedis, "redis-cluster": openRedis, "redis-sentinel": openRedis, "mongo": openMongo, "dynamodb": openDynamoDB,
}

func network(c robust.Config) *robust.Network {
	if c.Network == nil {
		return &robust.Network{}
	}
	return c.Network
}

func openRedis(_ context.Context, c robust.Config) (adapter.Adapter, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	o := &goredis.UniversalOptions{
		Addrs: strings.Split(u.Host, ","), MasterName: u.Query().Get("master_name"), IsClusterMode: u.Scheme == "redis+cluster",
		Dialer: network(c).Dial,
	}
	return redis.New(goredis.NewUniversalClient(o), redis.Options{
		Options: clock(c), Prefix: c.Space, WaitReplicas: c.Options["WaitReplicas"],
	})
}

func openMongo(_ context.Context, c robust.Config) (adapter.Adapter, error) {
	client, err := mongodriver.Connect(options.Client().ApplyURI(c.URL).SetDialer(dialer{network(c)}))
	if err != nil {
		return nil, err
	}
	return mongo.New(client.Database(c.Space), mongo.Options{Options: clock(c), LinearizableReads: c.Options["LinearizableReads"] > 0})
}

type dialer struct{ n *robust.Network }

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d.n.Dial(ctx, network, address)
}

func openDynamoDB(_ context.Context, c robust.Config) (adapter.Adapter, error) {
	transport := &throttle{RoundTripper: &http.Transport{DialContext: network(c).Dial, MaxIdleConnsPerHost: 64}, in: c.Options["Throttle"], seed: c.Seed + uint64(c.Worker)}
	client := awsdynamodb.New(awsdynamodb.Options{
		Region: "us-east-1", BaseEndpoint: &c.URL, HTTPClient: &http.Client{Transport: transport},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
	return dynamodb.New(client, dynamodb.Options{Options: clock(c), Table: c.Space})
}

func clock(c robust.Config) adapter.Options {
	if c.Ahead == 0 {
		return adapter.Options{}
	}
	return adapter.Options{Clock: c.Now}
}

// throttle answers one request in so many as an overloaded service does: before or after
// it was applied.
type throttle struct {
	http.RoundTripper
	in   int
	seed uint64
	n    atomic.Uint64
}

func (t *throttle) RoundTrip(req *http.Request) (*http.Response, error) {
	random := rand.New(rand.NewPCG(t.seed, t.n.Add(1)))
	if t.in == 0 || random.IntN(t.in) > 0 {
		return t.RoundTripper.RoundTrip(req)
	}
	switch random.IntN(3) {
	case 0: // not applied
		return refuse(req, http.StatusBadRequest, "ProvisionedThroughputExceededException"), nil
	case 1:
		return refuse(req, http.StatusBadRequest, "TransactionInProgressException"), nil
	}
	resp, err := t.RoundTripper.RoundTrip(req) // applied, and the answer is lost in an error
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	return refuse(req, http.StatusInternalServerError, "InternalServerError"), nil
}

func refuse(req *http.Request, status int, code string) *http.Response {
	body := `{"__type":"com.amazonaws.dynamodb.v20120810#` + code + `","message":"test"}`
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(bytes.NewBufferString(body)),
	}
}
