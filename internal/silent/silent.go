// Package silent has, for tests, what goes wrong between a client and its server. A [Proxy]
// is one of TCP whose connections can die without a word, as those do that a NAT or a load
// balancer has forgotten: what is sent is lost, nothing comes, and nobody hears that they
// are closed. [Serve] is a server that says anything, [Dialer] one whose names are not
// found, or not looked up at all.
package silent

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is a proxy on a port of its own.
type Proxy struct {
	Addr string // where it listens: host:port

	target   string
	listener net.Listener
	made     atomic.Int64
	silenced atomic.Bool
	delay    atomic.Int64

	mu  sync.Mutex
	all []*connection
}

// connection is one connection through the proxy.
type connection struct {
	net.Conn
	dead atomic.Bool
}

// New returns a proxy in front of a server, until the test ends.
func New(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), target: target, listener: listener}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.each(func(c *connection) { _ = c.Close() })
		running.Wait()
	})
	return p
}

// Made returns how many connections were made so far.
func (p *Proxy) Made() int { return int(p.made.Load()) }

// Kill has all connections that there are die silently. Later ones live.
func (p *Proxy) Kill() { p.each(func(c *connection) { c.dead.Store(true) }) }

// Silence has all connections die, also those that are made until Restore.
func (p *Proxy) Silence() {
	p.silenced.Store(true)
	p.Kill()
}

// Restore lets connections live that are made from now on.
func (p *Proxy) Restore() { p.silenced.Store(false) }

// Delay holds up every answer for some time from now on.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

func (p *Proxy) each(f func(*connection)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.all {
		f(c)
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", p.target, 10*time.Second)
	if err != nil {
		return
	}
	defer server.Close()
	c := &connection{Conn: client}
	c.dead.Store(p.silenced.Load())
	p.made.Add(1)
	p.mu.Lock()
	p.all = append(p.all, c)
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.pass(client, server, func() { time.Sleep(time.Duration(p.delay.Load())) })
		_ = client.Close()
	}()
	c.pass(server, client, func() {})
	_ = server.Close()
	<-done
}

// pass copies from one side to the other. Of a dead connection everything is swallowed.
func (c *connection) pass(to io.Writer, from io.Reader, wait func()) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		wait()
		if c.dead.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
