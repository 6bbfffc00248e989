package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
)

// connectAttempt is an attempt to connect, which several calls may wait for.
type connectAttempt struct {
	done chan struct{}
	db   *mongo.Database
	err  error
}

// open returns the collections, and connects first if necessary. A caller who returns
// earlier leaves the attempt to others, because it cannot be cancelled.
func (s *store) open(ctx context.Context) (*collections, error) {
	s.mu.Lock()
	c := s.attempt
	if c == nil {
		c = &connectAttempt{done: make(chan struct{})}
		s.attempt = c
		go s.connectBeside(c, s.connect)
	}
	s.mu.Unlock()
	select {
	case <-c.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.err != nil {
		return nil, c.err
	}
	return s.collectionsOf(c.db), nil
}

// connectBeside connects. After a failure the next call tries again.
func (s *store) connectBeside(c *connectAttempt, connect func() (*mongo.Database, error)) {
	defer close(c.done)
	c.db, c.err = connect()
	if c.err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.attempt == c {
			s.attempt = nil
		}
	}
}

func (s *store) collectionsOf(db *mongo.Database) *collections {
	o := options.Collection().SetReadPreference(readpref.Primary()).SetReadConcern(s.readConcern).SetWriteConcern(s.writeConcern)
	of := func(s *shape, with ...options.Lister[options.CollectionOptions]) *collection {
		return &collection{db.Collection(s.collection, append([]options.Lister[options.CollectionOptions]{o}, with...)...), s}
	}
	return &collections{
		soon:  of(s.users, options.Collection().SetWriteConcern(writeconcern.W1())),
		users: of(s.users), accounts: of(s.accounts), sessions: of(s.sessions), tokens: of(s.tokens), authenticators: of(s.authenticators),
	}
}

// Defaults for a client that is opened by URL. They suit a process that may be one of many,
// and may be frozen between requests.
const (
	maxPoolSize            = 10
	maxConnIdleTime        = time.Minute
	connectTimeout         = 5 * time.Second
	serverSelectionTimeout = 5 * time.Second
)

// dial creates the client. It looks up a mongodb+srv name, which can take long.
func (s *store) dial(uri, database string) (*mongo.Database, error) {
	client, err := mongo.Connect(clientOptions(uri).SetDialer(&s.connections).SetServerMonitor(s.health.monitor()))
	if err != nil {
		return nil, refusedURL(err)
	}
	s.owned = client
	return client.Database(database), nil
}

// clientOptions returns the options of a client that is opened by URL.
func clientOptions(uri string) *options.ClientOptions {
	given := options.Client().ApplyURI(uri)
	largest := uint64(maxPoolSize)
	if given.MinPoolSize != nil {
		largest = max(largest, *given.MinPoolSize)
	}
	return options.MergeClientOptions(options.Client().
		SetMaxPoolSize(largest).SetMaxConnIdleTime(maxConnIdleTime).
		SetConnectTimeout(connectTimeout).SetServerSelectionTimeout(serverSelectionTimeout), given)
}

// connections are those of a client that was opened by URL. The pool hands out the one that
// was used last; if a NAT or a load balancer has forgotten that one, all older ones are
// dead too.
type connections struct {
	mu         sync.Mutex
	all        map[*trackedConn]struct{}
	lastActive atomic.Int64 // when anything was received last, in nanoseconds
}

// stale is for how long a connection that may be dead must have been unused.
const stale = 5 * time.Second

// trackedConn is one connection.
type trackedConn struct {
	net.Conn
	pool       *connections
	lastActive atomic.Int64
}

// DialContext implements options.Dialer.
func (l *connections) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	made := &trackedConn{Conn: conn, pool: l}
	made.noteActivity()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[*trackedConn]struct{}{}
	}
	l.all[made] = struct{}{}
	return made, nil
}

func (l *trackedConn) noteActivity() {
	now := time.Now().UnixNano()
	l.lastActive.Store(now)
	l.pool.lastActive.Store(now)
}

func (l *trackedConn) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.noteActivity()
	}
	return n, err
}

func (l *trackedConn) Close() error {
	l.pool.mu.Lock()
	delete(l.pool.all, l)
	l.pool.mu.Unlock()
	return l.Conn.Close()
}

// closeSuspects closes the connections that may be dead, since a read that began at begun
// has no answer: those that had been silent for long before, and all of them if nothing at
// all was received since, although there was enough time. It reports whether there were
// any.
func (l *connections) closeSuspects(begun time.Time) bool {
	before := begun.Add(-stale)
	if l.lastActive.Load() < begun.UnixNano() && time.Since(begun) >= attempt.Short {
		before = begun
	}
	l.mu.Lock()
	var dead []*trackedConn
	for line := range l.all {
		if line.lastActive.Load() < before.UnixNano() {
			dead = append(dead, line)
		}
	}
	l.mu.Unlock()
	for _, line := range dead {
		_ = line.Close()
	}
	return len(dead) > 0
}

// health is what the monitor of a client that was opened by URL knows about its servers.
type health struct {
	mu       sync.Mutex
	failures map[string]error // the last one of each server, or nil if it answers

	isSecondary atomic.Bool // the only server is a secondary
	wasPrimary  atomic.Bool
}

func (h *health) monitor() *event.ServerMonitor {
	return &event.ServerMonitor{
		ServerHeartbeatFailed:    func(e *event.ServerHeartbeatFailedEvent) { h.note(e.ConnectionID, e.Failure) },
		ServerHeartbeatSucceeded: func(e *event.ServerHeartbeatSucceededEvent) { h.note(e.ConnectionID, nil) },
		TopologyDescriptionChanged: func(e *event.TopologyDescriptionChangedEvent) {
			isOnly := e.NewDescription.Kind == "Single" && len(e.NewDescription.Servers) == 1
			h.isSecondary.Store(isOnly && e.NewDescription.Servers[0].Kind == "RSSecondary")
			if isOnly && e.NewDescription.Servers[0].Kind == "RSPrimary" {
				h.wasPrimary.Store(true)
			}
		},
	}
}

// note remembers the outcome of a check of a server. That the check was cancelled says nothing
// of the server: when the other side closes a connection, the driver now and then reports the
// end of a context of its own instead. What is known of the server stays.
func (h *health) note(connection string, failure error) {
	address, _, _ := strings.Cut(connection, "[-")
	h.mu.Lock()
	defer h.mu.Unlock()
	if errors.Is(failure, context.Canceled) && h.failures[address] != nil {
		return
	}
	if h.failures == nil {
		h.failures = map[string]error{}
	}
	h.failures[address] = failure
}

// cause returns why no server can be reached, as an ErrSetup or ErrUnavailable, or nil if
// one can be reached or the reason is unknown.
func (h *health) cause() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var failed []error
	for _, failure := range h.failures {
		if failure == nil {
			return nil
		}
		failed = append(failed, failure)
	}
	if len(failed) == 0 {
		return nil
	}
	if setup := diagnoseAll(failed); setup != nil {
		return driver.Caused(setup, failed[0])
	}
	if reason(failed[0]) == "" {
		return nil
	}
	return driver.Caused(unavailable(failed[0]), failed[0])
}

// explain returns the cause of a call that found no server and does not know why, or else its
// error.
func (h *health) explain(err error) error {
	if !errors.As(err, new(topology.ServerSelectionError)) || errors.Is(err, adapter.ErrSetup) {
		return err
	}
	if cause := h.cause(); errors.Is(cause, adapter.ErrSetup) {
		return cause
	}
	return err
}

// secondary returns the error of a direct connection to a secondary, which takes no writes
// and answers with old data, or nil if it is none.
func (h *health) secondary() error {
	switch {
	case !h.isSecondary.Load():
		return nil
	case h.wasPrimary.Load():
		return fmt.Errorf("%w: the server is currently a secondary", adapter.ErrUnavailable)
	}
	return errSecondary
}
