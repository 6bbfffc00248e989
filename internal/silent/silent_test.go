package silent

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo is a server that answers with what it gets.
func echo(t *testing.T) string {
	return Serve(t, func(conn net.Conn) { _, _ = io.Copy(conn, conn) })
}

func ask(t *testing.T, conn net.Conn, wait time.Duration) error {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	return err
}

func TestConnectionsDieSilently(t *testing.T) {
	p := New(t, echo(t))
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	first := dial()
	if err := ask(t, first, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if err := ask(t, first, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a dead connection: %v", err)
	}
	if err := ask(t, dial(), 10*time.Second); err != nil {
		t.Errorf("a new connection: %v", err)
	}
	p.Silence()
	if err := ask(t, dial(), 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a new connection amid silence: %v", err)
	}
	p.Restore()
	if err := ask(t, dial(), 10*time.Second); err != nil || p.Made() != 4 {
		t.Errorf("a new connection after it: %v, the proxy has made %d", err, p.Made())
	}
}

func TestNames(t *testing.T) {
	_, err := Dialer(t, NoSuchName).DialContext(t.Context(), "tcp", "db.test:1")
	var name *net.DNSError
	if !errors.As(err, &name) || !name.IsNotFound {
		t.Errorf("a name that is not there: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = Dialer(t, NoAnswer).DialContext(ctx, "tcp", "db.test:1"); !errors.As(err, &name) || !name.Timeout() {
		t.Errorf("a name server that is silent: %v", err)
	}
}
