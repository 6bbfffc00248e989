package redistest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy is a way to a server whose connections can die without a word, as those do that a
// NAT or a load balancer has forgotten.
type Proxy struct {
	Addr   string
	Opened atomic.Int64 // connections so far

	mu    sync.Mutex
	conns []*proxied
	mute  bool
}

type proxied struct {
	client, server net.Conn
	silent         atomic.Bool
}

// NewProxy returns a proxy of a server at an address.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String()}
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.conns {
			_, _ = c.client.Close(), c.server.Close()
		}
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.serve(conn, server)
		}
	}()
	return p
}

func (p *Proxy) serve(client net.Conn, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		_ = client.Close()
		return
	}
	p.Opened.Add(1)
	c := &proxied{client: client, server: server}
	p.mu.Lock()
	c.silent.Store(p.mute)
	p.conns = append(p.conns, c)
	p.mu.Unlock()
	go c.forward(server, client)
	go c.forward(client, server)
}

// Silence lets all connections that there are die without a word. Those that are made
// later live, unless all is true.
func (p *Proxy) Silence(all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = all
	for _, c := range p.conns {
		c.silent.Store(true)
	}
}

// forward drops what comes while the connection is silent, and does not say so by closing
// it either.
func (c *proxied) forward(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !c.silent.Load() {
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	if !c.silent.Load() {
		_, _ = to.Close(), from.Close()
	}
}
