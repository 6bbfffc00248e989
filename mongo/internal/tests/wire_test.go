package mongo_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/internal/silent"
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
	late    atomic.Bool // what was sent: it is kept open for it
	once    sync.Once
	closed  chan struct{}
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	if w.late.Load() {
		return nil
	}
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
	b = slices.Clone(b)
	err := w.faults.Step(ctx, func(context.Context) error {
		if w.late.Load() {
			return silent.Deliver(w.Conn, b)
		}
		_, err := w.Conn.Write(b)
		sent = true
		return err
	})
	if err != nil && sent {
		w.lost.Store(true)
		return len(b), nil
	}
	if err != nil {
		w.late.Store(errors.Is(err, fault.ErrLate))
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

// breaking returns the options of a client whose connections break. If one breaks while the driver
// is between two checks of its server, the driver does not cut short the second (ProcessError and
// contextDoneListener in its package topology), and has no server until that ends: after the
// heartbeat interval, by default 10 s.
func breaking(by options.ContextDialer) *options.ClientOptions {
	return options.Client().SetDialer(by).SetHeartbeatInterval(time.Second)
}

// severed returns an adapter on a database of its own, whose connections break when a
// command or reply is lost.
func (d deployment) severed(t testing.TB) (adapter.Adapter, *fault.Injector) {
	faults := &fault.Injector{}
	db := d.bare(t, breaking(&dialer{faults: faults, real: true}))
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

// delayer makes connections, and holds back the first command of a name when it is armed: its
// connection breaks for the client, and the server gets the command when it is released.
type delayer struct {
	mu      sync.Mutex
	holds   func(command []byte) bool // nil: none is held back
	release func() error
}

func (d *delayer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &delayed{Conn: conn, by: d}, err
}

func (d *delayer) arm(command string) {
	d.armFor(func(b []byte) bool { return nameOf(b) == command })
}

func (d *delayer) armFor(holds func(command []byte) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holds, d.release = holds, nil
}

// deliver sends the command that is held back, and waits for the server's answer.
func (d *delayer) deliver(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.release == nil {
		t.Fatal("no command was held back")
	}
	check(t, d.release())
}

// delayed is a connection of a delayer.
type delayed struct {
	net.Conn
	by   *delayer
	held atomic.Bool
}

func (c *delayed) Write(b []byte) (int, error) {
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	if c.by.holds == nil || !counts(b) || !c.by.holds(b) {
		return c.Conn.Write(b)
	}
	command := slices.Clone(b)
	c.by.holds = nil
	c.held.Store(true)
	c.by.release = func() error {
		if _, err := c.Conn.Write(command); err != nil {
			return err
		}
		_, err := io.ReadAtLeast(c.Conn, make([]byte, 1<<16), 16)
		return errors.Join(err, c.Conn.Close())
	}
	return 0, io.ErrUnexpectedEOF
}

// Close leaves a connection open to the server whose command is held back.
func (c *delayed) Close() error {
	if c.held.Load() {
		return nil
	}
	return c.Conn.Close()
}

// nameOf returns the name of a command.
func nameOf(b []byte) string {
	const header = 16
	first, err := bson.Raw(b[header+5:]).IndexErr(0)
	if err != nil {
		return ""
	}
	return first.Key()
}

// A first attempt that arrives when its repetition was refused is not executed any more: what
// was refused stays so.
func TestARefusedWriteIsNotExecutedLate(t *testing.T) {
	late := &delayer{}
	store := open(t, replicaSet.bare(t, breaking(late)), mongo.Options{})
	ctx := t.Context()
	const address, other = "ada@example.com", "grace@example.com"
	user := func(email string) adapter.User {
		u, err := store.CreateUser(ctx, adapter.User{Email: email})
		check(t, err)
		return u
	}
	ada, grace := user(address), user(other)
	key := adapter.AccountKey{Provider: "github", ProviderAccountID: "ada"}
	account := func(id string) adapter.Account {
		return adapter.Account{UserID: id, Type: adapter.AccountOAuth, Provider: key.Provider, ProviderAccountID: key.ProviderAccountID}
	}
	passkey := adapter.Authenticator{UserID: ada.ID, CredentialID: "c", ProviderAccountID: "c", CredentialPublicKey: "key", Counter: 10}
	link := adapter.VerificationToken{Identifier: address, Token: "token", Expires: time.Now().Add(time.Hour)}
	for _, test := range []struct {
		name, command string
		before        func() error // what is in the way
		call          func() error
		refused       error
		after         func() error // nothing is in the way any more
		undone        func() error // ErrNotFound unless the call was executed
	}{
		{"CreateUser", "insert", nil, func() error {
			_, err := store.CreateUser(ctx, adapter.User{Email: other, Name: "late"})
			return err
		}, adapter.ErrConflict, func() error { return store.DeleteUser(ctx, grace.ID) }, func() error {
			_, err := store.GetUserByEmail(ctx, other)
			return err
		}},
		{"CreateVerificationToken", "insert", func() error {
			_, err := store.CreateVerificationToken(ctx, link)
			return err
		}, func() error {
			_, err := store.CreateVerificationToken(ctx, link)
			return err
		}, adapter.ErrConflict, func() error { return store.DeleteVerificationTokens(ctx, address) }, func() error {
			_, err := store.UseVerificationToken(ctx, address, "token")
			return err
		}},
		{"LinkAccount", "insert", func() error {
			_, err := store.LinkAccount(ctx, account(ada.ID))
			return err
		}, func() error {
			_, err := store.LinkAccount(ctx, account(ada.ID))
			return err
		}, adapter.ErrConflict, func() error { return store.UnlinkAccount(ctx, key) }, func() error {
			_, err := store.GetAccount(ctx, key)
			return err
		}},
		{"UnlinkAccount", "findAndModify", nil, func() error { return store.UnlinkAccount(ctx, key) }, nil, func() error {
			_, err := store.LinkAccount(ctx, account(ada.ID))
			return err
		}, func() error {
			_, err := store.GetAccount(ctx, key)
			if err == nil {
				return adapter.ErrNotFound // it is still there, as it should be
			}
			return nil
		}},
		{"UpdateUser", "findAndModify", func() error {
			grace = user(other)
			return nil
		}, func() error {
			_, err := store.UpdateUser(ctx, ada.ID, adapter.UserUpdate{Email: new(other)})
			return err
		}, adapter.ErrConflict, func() error { return store.DeleteUser(ctx, grace.ID) }, func() error {
			_, err := store.GetUserByEmail(ctx, other)
			return err
		}},
		{"UseVerificationToken", "findAndModify", nil, func() error {
			_, err := store.UseVerificationToken(ctx, address, "token")
			return err
		}, adapter.ErrNotFound, func() error {
			_, err := store.CreateVerificationToken(ctx, link)
			return err
		}, func() error {
			_, err := store.UseVerificationToken(ctx, address, "token")
			if err == nil {
				return adapter.ErrNotFound // it was still there, as it should be
			}
			return nil
		}},
		{"UpdateAuthenticatorCounter", "findAndModify", func() error {
			_, err := store.CreateAuthenticator(ctx, passkey)
			return err
		}, func() error {
			_, err := store.UpdateAuthenticatorCounter(ctx, "c", 5)
			return err
		}, adapter.ErrConflict, func() error {
			check(t, store.DeleteAuthenticator(ctx, "c"))
			fresh := passkey
			fresh.Counter = 1
			_, err := store.CreateAuthenticator(ctx, fresh)
			return err
		}, func() error {
			got, err := store.GetAuthenticator(ctx, "c")
			if err == nil && got.Counter == 1 {
				return adapter.ErrNotFound
			}
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.before != nil {
				check(t, test.before())
			}
			late.arm(test.command)
			if err := test.call(); !errors.Is(err, test.refused) {
				t.Fatalf("got %v, want %v", err, test.refused)
			}
			check(t, test.after())
			late.deliver(t)
			if err := test.undone(); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("it was executed late: %v", err)
			}
		})
	}
}

// What several callers write together, and what of it was refused, is not written by a first attempt
// that arrives when its repetition was answered.
func TestASharedWriteIsNotExecutedLate(t *testing.T) {
	late, gate := &delayer{}, &turnstile{}
	db := replicaSet.bare(t, breaking(late).SetMonitor(gate.monitor()))
	store := open(t, db, mongo.Options{Options: adapter.Options{PlainSessionTokens: true}, BatchesInFlight: 1})
	ctx := t.Context()
	user, err := store.CreateUser(ctx, adapter.User{})
	check(t, err)
	const callers = 3
	var attempt atomic.Int64
	name := func(i int) string { return fmt.Sprintf("together-%d-%d", attempt.Load(), i) }
	link := func(i int) adapter.VerificationToken {
		return adapter.VerificationToken{Identifier: name(i), Token: "token", Expires: time.Now().Add(time.Hour)}
	}
	makeLink := func(i int) error {
		_, err := store.CreateVerificationToken(ctx, link(i))
		return err
	}
	session := func(i int) adapter.Session {
		return adapter.Session{UserID: user.ID, SessionToken: name(i), Expires: time.Now().Add(time.Hour)}
	}
	makeSession := func(i int) error {
		_, err := store.CreateSession(ctx, session(i))
		return err
	}
	for _, test := range []struct {
		name    string
		command string
		alone   func(i int) error // before the others
		before  func(i int) error // what is in the way of the first, or is there for those after it
		call    func(i int) error
		refused error // to the first
		after   func(i int) error
		there   func(i int) error // the record
		want    error
	}{
		{"CreateVerificationToken", "insert", makeLink, func(i int) error {
			if i > 0 {
				return nil
			}
			return makeLink(i)
		}, makeLink, adapter.ErrConflict, func(i int) error { return store.DeleteVerificationTokens(ctx, name(i)) }, func(i int) error {
			_, err := store.UseVerificationToken(ctx, name(i), "token")
			return err
		}, adapter.ErrNotFound},
		{"CreateSession", "insert", makeSession, func(i int) error {
			if i > 0 {
				return nil
			}
			return makeSession(i)
		}, makeSession, adapter.ErrConflict, func(i int) error { return store.DeleteSession(ctx, name(i)) }, func(i int) error {
			_, _, err := store.GetSessionAndUser(ctx, name(i))
			return err
		}, adapter.ErrNotFound},
		{"DeleteSession", "delete", func(i int) error { return store.DeleteSession(ctx, name(i)) }, func(i int) error {
			if i == 0 {
				return nil
			}
			return makeSession(i)
		}, func(i int) error { return store.DeleteSession(ctx, name(i)) }, nil, makeSession, func(i int) error {
			_, _, err := store.GetSessionAndUser(ctx, name(i))
			return err
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			errs := make([]error, callers)
			var calls []func()
			for i := range callers {
				calls = append(calls, func() { errs[i] = test.call(i) })
			}
			gate.prepare = func() {
				attempt.Add(1)
				for i := range callers {
					check(t, test.before(i))
				}
				late.armFor(func(b []byte) bool { return nameOf(b) == test.command && isForMany(b) })
			}
			gate.together(t, func() { check(t, test.alone(callers)) }, calls)
			for i, err := range errs {
				if want := test.refused; i == 0 && !errors.Is(err, want) || i > 0 && err != nil {
					t.Fatalf("the call %d: got %v", i, err)
				}
			}
			for i := range callers {
				check(t, test.after(i))
			}
			late.deliver(t)
			for i := range callers {
				if err := test.there(i); !errors.Is(err, test.want) {
					t.Errorf("the record of call %d afterwards: got %v, want %v", i, err, test.want)
				}
			}
		})
	}
}

// isForMany reports whether the message of a command has records of several callers of the test above.
func isForMany(message []byte) bool { return bytes.Count(message, []byte("together-")) > 1 }

// A deletion of many records that arrives when its repetition was answered deletes nothing that
// was written since.
func TestALateDeletionTakesNothingNewer(t *testing.T) {
	late := &delayer{}
	store := open(t, replicaSet.bare(t, breaking(late)), mongo.Options{})
	ctx := t.Context()
	const id, address, token = "64b7f0a1c2d3e4f5a6b7c8d9", "ada@example.com", "token"
	key := adapter.AccountKey{Provider: "github", ProviderAccountID: "ada"}
	session := adapter.Session{UserID: id, SessionToken: token, Expires: time.Now().Add(time.Hour)}
	write := func() {
		_, _, err := store.CreateUserWithAccount(ctx, adapter.User{ID: id, Email: address}, adapter.Account{
			Type: adapter.AccountOAuth, Provider: key.Provider, ProviderAccountID: key.ProviderAccountID})
		check(t, err)
		_, err = store.CreateSession(ctx, session)
		check(t, err)
		_, err = store.CreateAuthenticator(ctx, adapter.Authenticator{UserID: id, CredentialID: "c", ProviderAccountID: "c", CredentialPublicKey: "key"})
		check(t, err)
		_, err = store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: address, Token: token, Expires: time.Now().Add(time.Hour)})
		check(t, err)
	}
	clear := func() {
		check(t, store.DeleteUser(ctx, id))
		check(t, store.DeleteVerificationTokens(ctx, address))
	}
	for name, call := range map[string]func() error{
		"DeleteUser":               func() error { return store.DeleteUser(ctx, id) },
		"DeleteSessions":           func() error { return store.DeleteSessions(ctx, id) },
		"DeleteVerificationTokens": func() error { return store.DeleteVerificationTokens(ctx, address) },
	} {
		t.Run(name, func(t *testing.T) {
			write()
			late.arm("delete")
			check(t, call())
			clear()
			write()
			late.deliver(t)
			_, _, err := store.GetSessionAndUser(ctx, token)
			check(t, err)
			_, err = store.GetAccount(ctx, key)
			check(t, err)
			_, err = store.GetAuthenticator(ctx, "c")
			check(t, err)
			_, err = store.UseVerificationToken(ctx, address, token)
			check(t, err)
			clear()
		})
	}
}

// More records than one command deletes are all deleted.
func TestManyRecordsAreDeleted(t *testing.T) {
	db := replicaSet.bare(t)
	store := open(t, db, mongo.Options{})
	u, err := store.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	docs := make([]any, 10_001)
	for i := range docs {
		docs[i] = bson.D{{Key: "userId", Value: oid(t, u.ID)}, {Key: "sessionToken", Value: fmt.Sprint(i)}, {Key: "expires", Value: time.Now().Add(time.Hour)}}
	}
	_, err = db.Collection("sessions").InsertMany(t.Context(), docs)
	check(t, err)
	check(t, store.DeleteSessions(t.Context(), u.ID))
	if n := count(t, db, "sessions"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}
