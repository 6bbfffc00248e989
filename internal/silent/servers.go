package silent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Serve returns the address of a server, until the test ends. A connection is closed when
// serve returns.
func Serve(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); serve(conn) }()
		}
	}()
	return listener.Addr().String()
}

// Deliver sends what was late by a connection that was kept for it, waits until the server has done it,
// and closes the connection.
func Deliver(conn net.Conn, b []byte) error {
	defer conn.Close()
	if _, err := conn.Write(b); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	return err
}

// Whole reads a response to its end, as a part of its round trip: what breaks meanwhile is the error.
func Whole(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// Answers of a name server to a query.
var (
	// NoAnswer is none.
	NoAnswer = func([]byte) []byte { return nil }
	// NoSuchName says that there is no such name (RFC 1035, section 4.1.1).
	NoSuchName = func(query []byte) []byte {
		query[2], query[3] = query[2]|0x80, 0x83
		return query
	}
)

// Dialer returns a dialer whose names are looked up by a server of its own, which has one
// answer for every query.
func Dialer(t testing.TB, answer func(query []byte) []byte) *net.Dialer {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { _ = server.Close(); running.Wait() })
	running.Go(func() {
		for {
			packet := make([]byte, 512)
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			if reply := answer(packet[:n]); reply != nil {
				_, _ = server.WriteTo(reply, from)
			}
		}
	})
	return &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}}
}
