// Package wire has the connections to a Fauna server: one that has died is left for another,
// and what no Fauna server answers is named.
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

// Connections are those of a client: a pool, and for a query that is tried once more one
// of its own, since what forgot one idle connection, such as a load balancer or a pause of
// the process, forgot all of them.
type Connections struct {
	Pool, Single *http.Transport
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

// New makes transports of its own: http.DefaultTransport is whatever the
// program has put there.
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

// Client returns an HTTP client that follows no redirection: the secret is for one host.
func (c *Connections) Client() *http.Client {
	return &http.Client{
		Transport:     c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes what is idle.
func (c *Connections) Close() { c.Pool.CloseIdleConnections() }

type afreshKey struct{}

// Afresh returns a context whose requests take a connection of their own.
func Afresh(ctx context.Context) context.Context { return context.WithValue(ctx, afreshKey{}, true) }

type snapshotKey struct{}

// AtSnapshot returns a context for reads that are not linearized, whatever the client says:
// the driver has no such option for one query.
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
	if req.Context().Value(afreshKey{}) != nil {
		c.Close()
		transport = c.Single
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if !isFauna(resp) {
		_ = resp.Body.Close()
		return nil, &ForeignAnswer{resp.StatusCode, resp.Header.Get("Content-Type")}
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

// ForeignAnswer is a response that no Fauna server gives.
type ForeignAnswer struct {
	Status      int
	ContentType string
}

// Error says what came instead.
func (a *ForeignAnswer) Error() string {
	return fmt.Sprintf("fauna: an answer of status %d and type %q is not a Fauna server's", a.Status, a.ContentType)
}
