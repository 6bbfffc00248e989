package dynamodb

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// connections sees to it that a request which had no answer is not followed by another
// one over a connection that died with it: what forgot one idle connection forgot all.
type connections struct {
	suspicious atomic.Bool // the idle connections may be dead
	mu         sync.Mutex  // for writing own
	own        atomic.Pointer[ownClient]
}

// ownClient stands in for a client of the SDK's, which cannot close what is idle.
type ownClient struct {
	of     dynamodb.HTTPClient
	client *http.Client
}

// suspect has the next request made over a new connection.
func (c *connections) suspect() { c.suspicious.Store(true) }

// client returns the client for a request that would be made with the given one.
func (c *connections) client(given dynamodb.HTTPClient) dynamodb.HTTPClient {
	if c.suspicious.Load() && c.suspicious.CompareAndSwap(true, false) {
		return c.renewed(given)
	}
	if own := c.own.Load(); own != nil && own.of == given {
		return own.client
	}
	return given
}

// renewed closes what is idle, as far as the client can.
func (c *connections) renewed(given dynamodb.HTTPClient) dynamodb.HTTPClient {
	if buildable, ok := given.(*awshttp.BuildableClient); ok {
		given = c.standIn(buildable)
	}
	if pool, ok := given.(interface{ CloseIdleConnections() }); ok {
		pool.CloseIdleConnections()
	}
	return given
}

// standIn returns a client like the SDK's own, of the same transport.
func (c *connections) standIn(buildable *awshttp.BuildableClient) *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.own.Load()
	if own == nil || own.of != buildable {
		c.close()
		own = &ownClient{buildable, clientOf(buildable)}
		c.own.Store(own)
	}
	return own.client
}

// close closes the idle connections of the client that stands in.
func (c *connections) close() {
	if own := c.own.Load(); own != nil {
		own.client.CloseIdleConnections()
	}
}

// clientOf returns a client of the transport of the SDK's, which can be closed. It
// follows no redirection: a request is signed for one host.
func clientOf(client aws.HTTPClient) *http.Client {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	return &http.Client{
		Transport: buildable.GetTransport(), Timeout: buildable.GetTimeout(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
