// Package wire manages the connections to a Fauna server: it replaces dead ones, and reports
// responses that are not a Fauna server's.
package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/fauna/fauna-go/v3"
)

// Connections are those of a client: a pool, and one of its own for each query that is sent
// again, since a load balancer or a pause of the process that drops one idle connection drops
// all of them.
type Connections struct {
	Pool, Single *http.Transport
}

const (
	// poolSize is how many idle connections are kept.
	poolSize = 100
	idleTime = 90 * time.Second
	dialTime = 10 * time.Second
	// A silent HTTP/2 connection is pinged.
	pingAfter = 5 * time.Second
	pingTime  = 2 * time.Second
)

// New returns connections on transports of their own, whatever the program has made of
// http.DefaultTransport.
func New() *Connections {
	dialer := &net.Dialer{Timeout: dialTime}
	pool := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTime,
		MaxIdleConns: poolSize, MaxIdleConnsPerHost: poolSize, IdleConnTimeout: idleTime,
		ForceAttemptHTTP2: true, HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTime},
	}
	single := pool.Clone()
	single.DisableKeepAlives = true
	return &Connections{pool, single}
}

// Client returns an HTTP client that follows no redirects: the secret is for one host.
func (c *Connections) Client() *http.Client {
	return &http.Client{
		Transport:     c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes idle connections.
func (c *Connections) Close() { c.Pool.CloseIdleConnections() }

type newConnectionKey struct{}

// OnNewConnection returns a context whose requests open connections of their own.
func OnNewConnection(ctx context.Context) context.Context {
	return context.WithValue(ctx, newConnectionKey{}, true)
}

type snapshotKey struct{}

// AtSnapshot returns a context for reads that are not linearized, whatever the client's option
// is: the driver has no such option per query.
func AtSnapshot(ctx context.Context) context.Context {
	return context.WithValue(ctx, snapshotKey{}, true)
}

// RoundTrip implements http.RoundTripper.
func (c *Connections) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Value(snapshotKey{}) != nil {
		req = req.Clone(req.Context())
		req.Header.Del(fauna.HeaderLinearized)
	}
	transport := c.Pool
	if req.Context().Value(newConnectionKey{}) != nil {
		c.Close()
		transport = c.Single
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if !mayBeFauna(resp) {
		_ = resp.Body.Close()
		return nil, &ForeignAnswer{resp.StatusCode, resp.Header.Get("Content-Type")}
	}
	return rewriteTimes(resp)
}

// outOfRangeTime matches a time after the year 9999 or before the year 0, such as JavaScript's
// last one, which is used for "never". No string in JSON can contain this.
var outOfRangeTime = regexp.MustCompile(`\{"@(?:time|date)":("[+-][^"\\]*")\}`)

// rewriteTimes makes text of times that the driver cannot parse: it would reject the whole
// answer because of one.
func rewriteTimes(resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(outOfRangeTime.ReplaceAll(body, []byte("$1"))))
	return resp, nil
}

// mayBeFauna reports whether a response may be a Fauna server's, or that of a gateway in front
// of one.
func mayBeFauna(resp *http.Response) bool {
	switch status := resp.StatusCode; {
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests:
		return true
	case status/100 == 3, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return false
	}
	return strings.Contains(resp.Header.Get("Content-Type"), "json")
}

// ForeignAnswer is a response that is not a Fauna server's.
type ForeignAnswer struct {
	Status      int
	ContentType string
}

// Error names the status and the content type.
func (a *ForeignAnswer) Error() string {
	return fmt.Sprintf("fauna: a response of status %d and type %q is not a Fauna server's", a.Status, a.ContentType)
}
