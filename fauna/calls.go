package fauna

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna/internal/wire"
	"github.com/authstore/authstore/internal/attempt"
)

// args are the arguments of a query.
type args map[string]any

// reply is the object that a query returns.
type reply map[string]any

const (
	// patience is how long a transaction that conflicts with others is repeated, and
	// shortPatience how long one for which there is another way.
	patience      = 30 * time.Second
	shortPatience = 300 * time.Millisecond
	// firstPause is the longest pause before the first repetition. It doubles with each
	// further one, up to lastPause.
	firstPause = 10 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// errNoAnswer is a response without the object that every query returns, such as a proxy's.
var errNoAnswer = errors.New("fauna: the response is not the answer to a query")

// query runs one of the constants in queries.go as one transaction. It repeats only a
// transaction that the server says was not applied.
func (s *store) query(ctx context.Context, fql string, a args) (reply, error) {
	return s.repeat(ctx, patience, fql, a)
}

// repeat is query with its own limit for repetitions.
func (s *store) repeat(ctx context.Context, patience time.Duration, fql string, a args) (reply, error) {
	if s.closed.Load() {
		return nil, adapter.ErrClosed
	}
	q, err := fauna.FQL(fql, s.bind(a))
	if err != nil {
		return nil, err
	}
	request := s.write
	if readOnly[fql] {
		request = s.read
	}
	pause, start := firstPause, time.Now()
	for {
		answer, err := request(ctx, q)
		if !contended(err) || time.Since(start) > patience || sleep(ctx, rand.N(pause)) != nil {
			return answer, failure(err)
		}
		if readOnly[fql] && time.Since(start) > shortPatience {
			ctx = s.snapshot(ctx)
		}
		pause = min(2*pause, lastPause)
	}
}

// snapshot returns a context for a read that cannot conflict with writers: it sees the store
// as it was at some moment after this call began, instead of when the read is answered. That
// moment is not before the ping's transaction, whose time the driver sends along.
func (s *store) snapshot(ctx context.Context) context.Context {
	if q, err := fauna.FQL(ping, nil); err == nil {
		_, _ = s.read(ctx, q)
	}
	return wire.AtSnapshot(ctx)
}

// read sends a query that changes nothing, and sends it once more on a new connection if no
// answer comes in time.
func (s *store) read(ctx context.Context, q *fauna.Query) (reply, error) {
	first := true
	return attempt.Read(ctx, s.timeout(ctx), func(ctx context.Context) (reply, error) {
		if !first {
			s.suspect.Store(true)
		}
		first = false
		return s.send(ctx, q)
	})
}

// write sends a query once. If no answer comes, the next query uses a new connection.
func (s *store) write(ctx context.Context, q *fauna.Query) (reply, error) {
	return attempt.Write(ctx, s.timeout(ctx), func(bounded context.Context) (reply, error) {
		answer, err := s.send(bounded, q)
		if err != nil && bounded.Err() != nil && ctx.Err() == nil {
			s.suspect.Store(true)
		}
		return answer, err
	})
}

// timeout returns how long a query may take, apart from its context's deadline.
func (s *store) timeout(ctx context.Context) time.Duration {
	if s.requestTimeout > 0 {
		return s.requestTimeout
	}
	if _, bounded := ctx.Deadline(); bounded {
		return math.MaxInt64
	}
	return attempt.Default
}

// send sends a query once. The driver panics on a response that is JSON but not an answer,
// such as one without statistics.
func (s *store) send(ctx context.Context, q *fauna.Query) (answer reply, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			answer, err = nil, errors.Join(errNoAnswer, p)
		default:
			panic(p)
		}
	}()
	if s.suspect.Load() && s.suspect.CompareAndSwap(true, false) {
		ctx = wire.OnNewConnection(ctx)
	}
	r, err := s.client.Query(q, fauna.QueryContext(ctx))
	if err != nil {
		return nil, err
	}
	object, ok := r.Data.(map[string]any)
	if !ok {
		return nil, errNoAnswer
	}
	return object, nil
}

// bind adds the names of the collections to the arguments, and encodes documents for the
// wire.
func (s *store) bind(a args) args {
	if a == nil {
		a = args{}
	}
	for name, v := range a {
		if d, is := v.(doc); is {
			a[name] = tagged(map[string]any(d))
		}
	}
	a["users"], a["accounts"], a["sessions"] = s.names.Users, s.names.Accounts, s.names.Sessions
	a["tokens"], a["authenticators"] = s.names.VerificationTokens, s.names.Authenticators
	return a
}

// sleep waits, and returns the context's error if it ends meanwhile.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// queryDocument runs a query that returns one document under a name, or null.
func (s *store) queryDocument(ctx context.Context, fql string, a args, name string) (doc, error) {
	r, err := s.query(ctx, fql, a)
	if err != nil {
		return nil, err
	}
	d := fields(r[name])
	if d == nil {
		return nil, adapter.ErrNotFound
	}
	return d, nil
}

// changeReadable runs a query that changes a document, unless a field of it has a form that FQL
// cannot read. Then check decides whether the document can be read and is live, and a second
// query changes it unless another call has changed it in between.
func (s *store) changeReadable(ctx context.Context, fql string, a args, name string, check func(doc) error) (doc, error) {
	for {
		r, err := s.query(ctx, fql, a)
		if err != nil {
			return nil, err
		}
		d := fields(r[name])
		switch {
		case d == nil:
			return nil, adapter.ErrNotFound
		case r["odd"] != true:
			return d, nil
		}
		object, _ := r[name].(map[string]any)
		a["seen"] = object["ts"]
		if err := check(d); err != nil {
			return nil, err
		}
	}
}
