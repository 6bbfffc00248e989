package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
)

// A call is made beside its caller, who leaves when its context ends. What is on its way
// then may take some time more, so that its connection can be used again: a connection
// with an answer outstanding cannot. The driver does so too for a context with a
// deadline, but it then also repeats a command without a pause until that deadline.
// Nothing is sent any more for a caller who has left.

// linger is how long an answer is awaited after its caller has left: as long as the
// driver waits.
const linger = 400 * time.Millisecond

// much is how many times longer those calls may take that delete what can be many.
const much = 6

// read makes a call that changes nothing, or nothing that another reader would not change
// too. Without an answer in time it is made once more, on a fresh connection.
func read[R any](ctx context.Context, s *store, do func(context.Context) (R, error)) (R, error) {
	limit := s.limit(ctx, 1)
	begun, again := time.Now(), false
	r, err := attempt.Read(ctx, limit, func(bounded context.Context) (R, error) {
		if again && s.lines.suspect(begun) {
			return beside(bounded, s, afterwards(do))
		}
		again = true
		return beside(bounded, s, do)
	})
	return r, s.late(ctx, limit, err)
}

// reconnecting is how long the driver takes to have connections again after it found some
// broken: it looks after the server twice a second then.
const reconnecting = 3 * time.Second

// afterwards makes a read after connections were closed, which the driver finds out one by
// one: until then calls fail.
func afterwards[R any](do func(context.Context) (R, error)) func(context.Context) (R, error) {
	return func(ctx context.Context) (R, error) {
		for begun := time.Now(); ; {
			r, err := do(ctx)
			if !errors.Is(err, adapter.ErrUnavailable) || time.Since(begun) > reconnecting || pause(ctx) != nil {
				return r, err
			}
		}
	}
}

func write[R any](ctx context.Context, s *store, do func(context.Context) (R, error)) (R, error) {
	return writeWithin(ctx, s, s.limit(ctx, 1), do)
}

func writeWithin[R any](ctx context.Context, s *store, limit time.Duration, do func(context.Context) (R, error)) (R, error) {
	r, err := attempt.Write(ctx, limit, func(bounded context.Context) (R, error) { return beside(bounded, s, do) })
	return r, s.late(ctx, limit, err)
}

func writeOnly(ctx context.Context, s *store, do func(context.Context) error) error {
	_, err := write(ctx, s, nothing(do))
	return err
}

func deleteMuch(ctx context.Context, s *store, do func(context.Context) error) error {
	_, err := writeWithin(ctx, s, s.limit(ctx, much), nothing(do))
	return err
}

func nothing(do func(context.Context) error) func(context.Context) (struct{}, error) {
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) }
}

// limit returns how long a call may take: until its context's deadline, if it has one.
func (s *store) limit(ctx context.Context, times time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return times * s.requestTimeout
}

// errLeft says that a call was left without an answer.
var errLeft = errors.New("mongo: no answer in time")

// beside makes a call beside its caller.
func beside[R any](ctx context.Context, s *store, do func(context.Context) (R, error)) (R, error) {
	type outcome struct {
		r   R
		err error
	}
	done := make(chan outcome, 1)
	var none R
	if !s.running.begin() {
		return none, adapter.ErrClosed
	}
	inner, leave := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer s.running.Done()
		r, err := do(lingering{inner, ctx})
		done <- outcome{r, err}
	}()
	select {
	case o := <-done:
		leave()
		return o.r, o.err
	case <-ctx.Done():
		time.AfterFunc(linger, leave)
		return none, errLeft
	}
}

// running counts the calls that are being made.
type running struct {
	sync.WaitGroup
	mu     sync.Mutex // so that none begins while they are waited for
	closed bool
}

// begin counts a call, unless there must be no more.
func (r *running) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.Add(1)
	}
	return !r.closed
}

// end waits for all calls. No more begin.
func (r *running) end() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Wait()
}

// late returns the error of a call. If it was left without an answer that is the context's,
// or the limit's; or what somebody has to mend, as far as it is known.
func (s *store) late(ctx context.Context, limit time.Duration, err error) error {
	if secondary := s.health.secondary(); secondary != nil && !errors.Is(err, adapter.ErrSetup) && !errors.Is(err, errLeft) {
		return secondary
	}
	if !errors.Is(err, errLeft) {
		return s.judge(err)
	}
	cause := s.judge(s.health.cause())
	switch ended := ctx.Err(); {
	case errors.Is(cause, adapter.ErrSetup):
		return cause
	case ended != nil:
		return ended
	case cause != nil:
		return cause
	}
	return fmt.Errorf("%w: no answer within %s", adapter.ErrUnavailable, limit)
}

// judge takes back what was said of servers that close connections, if they once did not.
func (s *store) judge(err error) error {
	if errors.Is(err, errWantsTLS) && s.checked.Load() != nil {
		return driver.Caused(fmt.Errorf("%w: the connection was closed", adapter.ErrUnavailable), err)
	}
	return err
}

// lingering is the context of a call whose caller may leave before it. It says that it
// has ended when the caller left, so that nothing more is begun, and ends what is on its
// way some time later. It is one of package context, but for what it says, since a context
// that is none costs a goroutine wherever the driver makes one of it.
type lingering struct {
	context.Context
	caller context.Context
}

// Err implements context.Context.
func (l lingering) Err() error {
	if l.Context.Err() != nil || l.caller.Err() != nil { // also after the call, whose contexts are ended then
		return context.Canceled
	}
	return nil
}

// alone returns the context of a call for the driver: without its deadline, see undated,
// and without the driver's session that it may have. In a transaction of the caller's an
// answer would promise nothing, and a conflict would end the transaction.
func alone(ctx context.Context) context.Context { return undated{sessionless(ctx)} }

func sessionless(ctx context.Context) context.Context {
	if mongo.SessionFromContext(ctx) != nil {
		ctx = mongo.NewSessionContext(ctx, nil)
	}
	return ctx
}

// undated is a context that ends when its parent does, without saying when that will
// be. The driver repeats a command without a pause until the deadline of a context; of
// one that has none it repeats it once. The error is that of a call which was left:
// after one that took too long, the driver would take the server for lost.
type undated struct{ context.Context }

// Deadline implements context.Context.
func (undated) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err implements context.Context.
func (u undated) Err() error {
	if u.Context.Err() != nil {
		return context.Canceled
	}
	return nil
}

// lines are the connections of a client that was opened by URL. The pool gives out the
// one that was used last, and all that were made before a NAT or a load balancer forgot
// them are as dead as that.
type lines struct {
	mu    sync.Mutex
	all   map[*line]struct{}
	heard atomic.Int64 // when anything was received, in nanoseconds
}

// stale is how long a connection that may be dead was not used before.
const stale = 5 * time.Second

// line is one connection.
type line struct {
	net.Conn
	of    *lines
	heard atomic.Int64
}

// DialContext implements options.Dialer.
func (l *lines) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	made := &line{Conn: conn, of: l}
	made.hear()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[*line]struct{}{}
	}
	l.all[made] = struct{}{}
	return made, nil
}

func (l *line) hear() {
	now := time.Now().UnixNano()
	l.heard.Store(now)
	l.of.heard.Store(now)
}

func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.hear()
	}
	return n, err
}

func (l *line) Close() error {
	l.of.mu.Lock()
	delete(l.of.all, l)
	l.of.mu.Unlock()
	return l.Conn.Close()
}

// suspect closes the connections that a read which began then, and has no answer, gives
// reason to think dead: those that were silent for long before, and all if the server has
// said nothing at all since, although it was given time. It reports whether there were any.
func (l *lines) suspect(begun time.Time) bool {
	before := begun.Add(-stale)
	if l.heard.Load() < begun.UnixNano() && time.Since(begun) >= attempt.Short {
		before = begun
	}
	l.mu.Lock()
	var dead []*line
	for line := range l.all {
		if line.heard.Load() < before.UnixNano() {
			dead = append(dead, line)
		}
	}
	l.mu.Unlock()
	for _, line := range dead {
		_ = line.Close()
	}
	return len(dead) > 0
}
