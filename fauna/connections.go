package fauna

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

// connections are those of a client: a pool, and for a query that is tried once more one
// of its own, since what forgot one idle connection, such as a load balancer or a pause of
// the process, forgot all of them.
type connections struct {
	pool, single *http.Transport
}

const (
	// poolSize is how many connections are kept, as many as there may be calls at once.
	poolSize = 100
	idleTime = 90 * time.Second
	dialTime = 10 * time.Second
	// A connection of HTTP/2 that is silent is asked whether it lives.
	pingAfter = 5 * time.Second
	pingTime  = 2 * time.Second
)

// newConnections makes transports of its own: http.DefaultTransport is whatever the
// program has put there.
func newConnections() *connections {
	dialer := &net.Dialer{Timeout: dialTime}
	pool := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTime,
		MaxIdleConns: poolSize, MaxIdleConnsPerHost: poolSize, IdleConnTimeout: idleTime,
		ForceAttemptHTTP2: true, HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTime},
	}
	single := pool.Clone()
	single.DisableKeepAlives = true
	return &connections{pool, single}
}

// client returns an HTTP client that follows no redirection: the secret is for one host.
func (c *connections) client() *http.Client {
	return &http.Client{
		Transport:     c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// close closes what is idle.
func (c *connections) close() { c.pool.CloseIdleConnections() }

type afreshKey struct{}

// afresh returns a context whose requests take a connection of their own.
func afresh(ctx context.Context) context.Context { return context.WithValue(ctx, afreshKey{}, true) }

type snapshotKey struct{}

// atSnapshot returns a context for reads that are not linearized, whatever the client says:
// the driver has no such option for one query.
func atSnapshot(ctx context.Context) context.Context {
	return context.WithValue(ctx, snapshotKey{}, true)
}

func (c *connections) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Value(snapshotKey{}) != nil {
		req = req.Clone(req.Context())
		req.Header.Del(fauna.HeaderLinearized)
	}
	transport := c.pool
	if req.Context().Value(afreshKey{}) != nil {
		c.close()
		transport = c.single
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if !isFauna(resp) {
		_ = resp.Body.Close()
		return nil, &foreignAnswer{resp.StatusCode, resp.Header.Get("Content-Type")}
	}
	return legible(resp)
}

// farTime is a time beyond the year 9999 or before the year 0, such as the last one that
// JavaScript has, which stands for never. In JSON no string can have this in it.
var farTime = regexp.MustCompile(`\{"@(?:time|date)":("[+-][^"\\]*")\}`)

// legible makes text of times that the driver cannot read: it would refuse all of the
// answer for one of them.
func legible(resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(farTime.ReplaceAll(body, []byte("$1"))))
	return resp, nil
}

// isFauna reports whether a response may be a Fauna server's, or that of a gateway to one
// that it cannot reach now.
func isFauna(resp *http.Response) bool {
	switch status := resp.StatusCode; {
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests:
		return true
	case status/100 == 3, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return false
	}
	return strings.Contains(resp.Header.Get("Content-Type"), "json")
}

// foreignAnswer is a response that no Fauna server gives.
type foreignAnswer struct {
	status      int
	contentType string
}

func (a *foreignAnswer) Error() string {
	return fmt.Sprintf("fauna: an answer of status %d and type %q is not a Fauna server's", a.status, a.contentType)
}
