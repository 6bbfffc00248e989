package mongo_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// dialer makes connections whose commands are steps of an injector, below the driver's own
// retries: the driver sends again what is lost here.
type dialer struct {
	faults *fault.Injector
	real   bool // what is lost looks like a lost server
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	lost := error(errLeft)
	if d.real {
		lost = io.ErrUnexpectedEOF
	}
	return &wire{Conn: conn, faults: d.faults, failure: lost, closed: make(chan struct{})}, nil
}

// errLeft is the error of a connection whose call has returned: the driver replaces the
// connection without checking whether the server is lost, which would take half a second.
var errLeft = fmt.Errorf("%w: %w", fault.ErrInjected, context.Canceled)

// wire is a connection whose commands can be lost.
type wire struct {
	net.Conn
	faults  *fault.Injector
	failure error
	lost    atomic.Bool // the next reply
	once    sync.Once
	closed  chan struct{}
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

func (w *wire) Write(b []byte) (int, error) {
	if !counts(b) {
		return w.Conn.Write(b)
	}
	sent := false
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-w.closed: // by the driver, when the call's context has ended
			cancel()
		case <-ctx.Done():
		}
	}()
	err := w.faults.Step(ctx, func() error {
		_, err := w.Conn.Write(b)
		sent = true
		return err
	})
	if err != nil && sent {
		w.lost.Store(true)
		return len(b), nil
	}
	if err != nil {
		return 0, w.failure
	}
	return len(b), nil
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if w.lost.Load() {
		return 0, w.failure // the server has done it
	}
	return n, err
}

// uncounted are the driver's own commands.
var uncounted = []string{"hello", "isMaster", "ismaster", "ping", "endSessions", "killCursors", "listIndexes"}

// counts reports whether a message is a command of the package: an OP_MSG whose first
// section begins with the name of one (the MongoDB Wire Protocol).
func counts(b []byte) bool {
	const header, opMsg = 16, 2013
	if len(b) < header+5 || binary.LittleEndian.Uint32(b[12:]) != opMsg {
		return false
	}
	first, err := bson.Raw(b[header+5:]).IndexErr(0)
	return err == nil && !slices.Contains(uncounted, first.Key())
}

// severed returns an adapter on a database of its own, whose connections break when a
// command or reply is lost.
func (d deployment) severed(t testing.TB) (adapter.Adapter, *fault.Injector) {
	faults := &fault.Injector{}
	db := d.bare(t, options.Client().SetDialer(&dialer{faults: faults, real: true}))
	return open(t, db, mongo.Options{}), faults
}

// A reply that is lost with its connection does not change an answer: the driver sends the
// command again, and the server recognizes it.
func TestLostReplies(t *testing.T) {
	store, faults := replicaSet.severed(t)
	for _, op := range measure.Operations(t, store, "lost") {
		faults.Arm(fault.Plan{Step: 1, Mode: fault.LoseReply, Once: true})
		err := op.Call(t.Context())
		if hit := faults.Disarm(); !hit || err != nil {
			t.Errorf("%s with its first reply lost: %v (lost: %t)", op.Name, err, hit)
		}
	}
}
