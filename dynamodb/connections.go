package dynamodb

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// connections makes sure that, after a request without an answer, the next one uses a new
// connection: a NAT or load balancer that has forgotten one idle connection has forgotten all.
type connections struct {
	suspicious atomic.Bool // the idle connections may be dead
	mu         sync.Mutex  // for writing own
	own        atomic.Pointer[replacement]
}

// replacement is used in place of a client of the SDK's, which cannot close idle connections.
type replacement struct {
	original dynamodb.HTTPClient
	client   *http.Client
}

// suspect makes the next request use a new connection.
func (c *connections) suspect() { c.suspicious.Store(true) }

// client returns the client to use in place of the given one.
func (c *connections) client(given dynamodb.HTTPClient) dynamodb.HTTPClient {
	if c.suspicious.Load() && c.suspicious.CompareAndSwap(true, false) {
		return c.renewed(given)
	}
	if own := c.own.Load(); own != nil && own.original == given {
		return own.client
	}
	return given
}

// renewed closes the idle connections, if the client can.
func (c *connections) renewed(given dynamodb.HTTPClient) dynamodb.HTTPClient {
	if buildable, ok := given.(*awshttp.BuildableClient); ok {
		given = c.replace(buildable)
	}
	if pool, ok := given.(interface{ CloseIdleConnections() }); ok {
		pool.CloseIdleConnections()
	}
	return given
}

// replace returns a client with the transport of one of the SDK's.
func (c *connections) replace(buildable *awshttp.BuildableClient) *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.own.Load()
	if own == nil || own.original != buildable {
		c.close()
		own = &replacement{buildable, clientOf(buildable)}
		c.own.Store(own)
	}
	return own.client
}

// close closes the idle connections of the replacement.
func (c *connections) close() {
	if own := c.own.Load(); own != nil {
		own.client.CloseIdleConnections()
	}
}

// clientOf returns a client with the transport of one of the SDK's, whose idle connections can
// be closed. It follows no redirects: a request is signed for one host.
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

// inMemory is a client that gives each request a body of its own, which net/http knows to be in
// memory: it sends headers and body together, and sends them again if the idle connection turns out
// to be closed before a byte of them was written.
//
// It sends the SDK's own body by itself, and looks for its end afterwards. The SDK closes that body
// as soon as it has the reply's headers. If that is first, the look is an error (smithy-go 1.28:
// WriteTo of a closed body returns io.EOF), over which net/http closes the connection that the reply
// is being read from: https://github.com/aws/aws-sdk-go-v2/issues/2737.
type inMemory struct{ client dynamodb.HTTPClient }

func (c inMemory) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.ContentLength <= 0 {
		return c.client.Do(r)
	}
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return nil, err
	}
	own := *r
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	own.Body, _ = own.GetBody()
	return c.client.Do(&own)
}
