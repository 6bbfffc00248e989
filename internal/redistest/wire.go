package redistest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/silent"
)

// wire is a connection whose commands are steps of an injector, below the client's own
// retries: what is lost here go-redis sends again. What it says to make the connection
// is no step.
type wire struct {
	net.Conn
	faults *fault.Injector
	lost   bool // the next reply
	late   bool // what was sent: it is kept open for it
}

// silence is how long a connection on which nothing is answered lasts.
const silence = 300 * time.Millisecond

func (w *wire) Write(b []byte) (int, error) {
	if !counts(b) {
		return w.Conn.Write(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), silence)
	defer cancel()
	b, n, sent := slices.Clone(b), len(b), false
	err := w.faults.Step(ctx, func(context.Context) (err error) {
		if w.late {
			return silent.Deliver(w.Conn, b)
		}
		n, err = w.Conn.Write(b)
		sent = true
		return err
	})
	if err == nil {
		return n, nil
	}
	if sent {
		w.lost = true
		return n, nil
	}
	w.late = errors.Is(err, fault.ErrLate)
	_ = w.Close()
	return 0, err
}

// Close leaves a connection open on which something is on its way.
func (w *wire) Close() error {
	if w.late {
		return nil
	}
	return w.Conn.Close()
}

func (w *wire) Read(b []byte) (int, error) {
	if !w.lost {
		return w.Conn.Read(b)
	}
	_, _ = w.Conn.Read(b) // the server has done it
	_ = w.Close()
	return 0, io.EOF
}

// counts reports whether a buffer begins with a command of a layout.
func counts(b []byte) bool {
	parts := bytes.SplitN(b, []byte("\r\n"), 4)
	if len(parts) < 4 || len(b) == 0 || b[0] != '*' {
		return false
	}
	switch strings.ToLower(string(parts[2])) {
	case "get", "set", "mget", "getdel", "del", "hgetall", "zrange", "zrem", "eval", "evalsha", "wait":
		return true
	}
	return false
}

// Dial returns a dialer whose connections are wires.
func Dial(faults *fault.Injector) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: conn, faults: faults}, nil
	}
}

// CheckCuts runs the suite's cuts and repetitions on a harness and fails the test unless all
// pass.
func CheckCuts(t *testing.T, h conformance.Harness) {
	t.Helper()
	checkThose(t, h, true, func(id string) bool { return strings.HasPrefix(id, "CUT-") || strings.HasPrefix(id, "REP-") })
}

// CheckAll runs the suite on a harness and fails the test unless all passes that is
// provided.
func CheckAll(t *testing.T, h conformance.Harness) {
	t.Helper()
	checkThose(t, h, false, func(string) bool { return true })
}

// checkThose runs some tests. If it is strict, each has to be provided too.
func checkThose(t *testing.T, h conformance.Harness, strict bool, is func(id string) bool) {
	t.Helper()
	var tests []conformance.Test
	for _, test := range conformance.Tests() {
		if is(test.ID) {
			tests = append(tests, test)
		}
	}
	passed := 0
	for _, r := range conformance.Check(t.Context(), h, tests...).Results {
		switch {
		case r.Status == conformance.Passed:
			passed++
		case r.Status == conformance.Failed || strict:
			t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Detail)
		}
	}
	if passed == 0 {
		t.Fatal("no test of the suite has run")
	}
}
