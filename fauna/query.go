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

// reply is the object that a query answers with.
type reply map[string]any

const (
	// patience is how long a transaction is repeated that others get in the way of, and
	// hurry how long one that can be done in another way.
	patience = 30 * time.Second
	hurry    = 300 * time.Millisecond
	// firstPause is the most that is waited before the first repetition; each later one
	// may wait twice as long, up to lastPause.
	firstPause = 10 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// errNoAnswer is a response without the object that every query answers with, such as
// one of a proxy.
var errNoAnswer = errors.New("fauna: the response is not the answer to a query")

// query runs a query, one of the constants in queries.go, as one transaction. Nothing is
// repeated but a transaction of which the server says that it was not applied.
func (s *store) query(ctx context.Context, fql string, a args) (reply, error) {
	return s.repeat(ctx, patience, fql, a)
}

// repeat is query with another patience.
func (s *store) repeat(ctx context.Context, patience time.Duration, fql string, a args) (reply, error) {
	if s.closed.Load() {
		return nil, adapter.ErrClosed
	}
	q, err := fauna.FQL(fql, s.complete(a))
	if err != nil {
		return nil, err
	}
	request := s.write
	if reads[fql] {
		request = s.read
	}
	pause, start := firstPause, time.Now()
	for {
		answer, err := request(ctx, q)
		if !contended(err) || time.Since(start) > patience || sleep(ctx, rand.N(pause)) != nil {
			return answer, failure(err)
		}
		if reads[fql] && time.Since(start) > hurry {
			ctx = s.unhindered(ctx)
		}
		pause = min(2*pause, lastPause)
	}
}

// unhindered returns a context for a read that no writer gets in the way of: it sees the
// store as it was at some moment after this call, instead of when it is answered. That
// moment is after what the ping has seen, whose time the driver hands on.
func (s *store) unhindered(ctx context.Context) context.Context {
	if q, err := fauna.FQL(ping, nil); err == nil {
		_, _ = s.read(ctx, q)
	}
	return wire.AtSnapshot(ctx)
}

// read sends a query that changes nothing, once more over a connection of its own if it
// has no answer in time.
func (s *store) read(ctx context.Context, q *fauna.Query) (reply, error) {
	first := true
	return attempt.Read(ctx, s.limited(ctx), func(ctx context.Context) (reply, error) {
		if !first {
			s.suspect.Store(true)
		}
		first = false
		return s.send(ctx, q)
	})
}

// write sends a query once. Where it has no answer, the next one does not trust the
// connections.
func (s *store) write(ctx context.Context, q *fauna.Query) (reply, error) {
	return attempt.Write(ctx, s.limited(ctx), func(bounded context.Context) (reply, error) {
		answer, err := s.send(bounded, q)
		if err != nil && bounded.Err() != nil && ctx.Err() == nil {
			s.suspect.Store(true)
		}
		return answer, err
	})
}

// limited returns how long a query may take beside its context.
func (s *store) limited(ctx context.Context) time.Duration {
	if s.limit > 0 {
		return s.limit
	}
	if _, bounded := ctx.Deadline(); bounded {
		return math.MaxInt64
	}
	return attempt.Default
}

// send sends a query once. On a response that is JSON but no answer, such as one without
// its cost, the driver panics.
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
		ctx = wire.Afresh(ctx)
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

// complete adds the names of the collections, which are arguments too, and has documents in
// the form in which they are sent.
func (s *store) complete(a args) args {
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

// pageSize is how many documents a query lists or deletes at most.
const pageSize = 500

// sweep runs a query that deletes n documents at a time until none is left. If a
// transaction of so many is too large or takes too long, it has fewer. Somebody who adds
// documents all the time gets in its way, which soon is an error: see contended.
func (s *store) sweep(ctx context.Context, fql string, a args) error {
	for n := pageSize; ; {
		a["n"] = n
		r, err := s.repeat(ctx, hurry, fql, a)
		switch {
		case tooMuch(err) && n > 1:
			n = max(n/4, 1)
		case err != nil:
			return err
		case r["more"] != true:
			return nil
		}
	}
}

// clear deletes the documents of a collection that a query lists now. Nobody gets in its
// way who adds more.
func (s *store) clear(ctx context.Context, collection, fql string, a args, wanted func(doc) bool) error {
	documents, err := list(ctx, s, fql, a, func(d doc) (string, bool) { return d.takeText(fieldID), wanted(d) })
	if err != nil {
		return err
	}
	return s.delete(ctx, collection, documents)
}

// delete deletes documents of a collection, as many at a time as the server can.
func (s *store) delete(ctx context.Context, collection string, documents []string) error {
	for n := pageSize; len(documents) > 0; {
		n = min(n, len(documents))
		_, err := s.query(ctx, deleteDocuments, args{"name": collection, "documents": documents[:n]})
		switch {
		case tooMuch(err) && n > 1:
			n = max(n/4, 1)
		case err != nil:
			return err
		default:
			documents = documents[n:]
		}
	}
	return nil
}

// list returns the records of a query's page, and of those that follow it, without those
// that cannot be decoded: one record hides no other.
func list[T any](ctx context.Context, s *store, fql string, a args, decode func(doc) (T, bool)) ([]T, error) {
	a["n"] = pageSize
	r, err := s.query(ctx, fql, a)
	if err != nil {
		return nil, err
	}
	var all []T
	for {
		records, after := page(r)
		for _, d := range records {
			if record, ok := decode(d); ok {
				all = append(all, record)
			}
		}
		if after == "" {
			return all, nil
		}
		if r, err = s.query(ctx, nextPage, args{"after": after}); err != nil {
			return nil, err
		}
	}
}

// page returns the documents of a page and what leads to the next one. The first page
// of a set has a type of the driver's own.
func page(r reply) (records []doc, after string) {
	var data []any
	switch p := r["page"].(type) {
	case *fauna.Page:
		data, after = p.Data, p.After
	case map[string]any:
		data, _ = p["data"].([]any)
		after, _ = p["after"].(string)
	}
	for _, d := range data {
		records = append(records, fields(d))
	}
	return records, after
}
