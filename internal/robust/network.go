package robust

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Network breaks connections, each in one of its ways, all with a chance of one in so
// many writes to the connection; 0 never. A write is a request, or some in a pipeline.
//
// It stands in the client's process, below its driver, and so can do what a proxy cannot:
// it knows where a request ends, and reaches connections between any two nodes.
type Network struct {
	LoseReply    int // the request arrives; the connection breaks before the reply does
	LateReply    int // the reply waits for Delay, as a stopped server's does
	LateRequest  int // the request arrives after Delay, though its connection is broken at once
	Reset        int // the connection breaks before the request is sent
	Slow         int // the request waits for a part of Delay
	Delay        time.Duration
	Seed         uint64
	hits, writes atomic.Int64
}

// Dial connects to a server.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	inner, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: inner, network: n}, nil
}

// Hits returns how often something was broken.
func (n *Network) Hits() int { return int(n.hits.Load()) }

// errBroken is what a driver is told of a connection that breaks, and takes for what it
// is: it looks for the system's error.
var errBroken = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

type conn struct {
	net.Conn
	network *Network

	mu       sync.Mutex
	late     time.Time // replies come after it
	patience time.Time // the client does not wait longer; zero: for ever
	gone     bool      // replies do not come
	alone    bool      // the inner connection is closed by somebody else
}

// chance draws one of the ways to break, which is "" nearly always.
func (n *Network) chance() string {
	random := rand.New(rand.NewPCG(n.Seed, uint64(n.writes.Add(1))))
	for _, way := range []struct {
		name string
		in   int
	}{{"lose reply", n.LoseReply}, {"late reply", n.LateReply}, {"late request", n.LateRequest}, {"reset", n.Reset}, {"slow", n.Slow}} {
		if way.in > 0 && random.IntN(way.in) == 0 {
			n.hits.Add(1)
			return way.name
		}
	}
	return ""
}

func (c *conn) Write(b []byte) (int, error) {
	switch c.network.chance() {
	case "lose reply":
		c.mu.Lock()
		c.gone = true
		c.mu.Unlock()
	case "late reply":
		c.mu.Lock()
		c.late = time.Now().Add(c.network.Delay)
		c.mu.Unlock()
	case "late request":
		return len(b), c.sendLater(append([]byte(nil), b...))
	case "reset":
		_ = c.Conn.Close()
		return 0, errBroken
	case "slow":
		time.Sleep(rand.N(c.network.Delay/4 + 1))
	}
	return c.Conn.Write(b)
}

// sendLater sends a request when its client has given it up. It counts as written: a client that
// is told that nothing was may send it again, as net/http does.
func (c *conn) sendLater(b []byte) error {
	c.mu.Lock()
	c.alone = true
	c.mu.Unlock()
	time.AfterFunc(c.network.Delay, func() {
		_, _ = c.Conn.Write(b)
		_ = c.Conn.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = c.Conn.Read(make([]byte, 1)) // it was answered
		_ = c.Conn.Close()
	})
	return errBroken
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	late, gone := c.late, c.gone
	c.late = time.Time{}
	c.mu.Unlock()
	if gone {
		_ = c.Conn.Close()
		return 0, errBroken
	}
	if late.IsZero() {
		return n, err
	}
	return n, cmp.Or(c.wait(late), err)
}

// wait waits for a late reply for as long as the client does.
func (c *conn) wait(late time.Time) error {
	c.mu.Lock()
	patience := c.patience
	c.mu.Unlock()
	if patience.IsZero() || late.Before(patience) {
		time.Sleep(time.Until(late))
		return nil
	}
	time.Sleep(time.Until(patience))
	return os.ErrDeadlineExceeded
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.patience = t
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.alone {
		return nil
	}
	return c.Conn.Close()
}
