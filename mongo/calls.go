package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	xdriver "go.mongodb.org/mongo-driver/v2/x/mongo/driver"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attempt"
)

// A call runs in a goroutine beside its caller, who returns when the context ends. The
// request that is under way then may take a little longer, so that its connection can be
// reused: a connection with an outstanding answer cannot. The driver does this too for a
// context with a deadline, but it would also repeat a command without a pause until that
// deadline. Nothing more is sent for a caller who has returned. A call that only waits for a
// request which it shares stays with its caller: see runSharing.

// timed is a store whose calls end when their context does, or after their time limit.
type timed struct{ *store }

func (s timed) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	made, err := write(ctx, s.store, func(ctx context.Context) (pair[adapter.User, adapter.Account], error) {
		return newPair(s.store.CreateUserWithAccount(ctx, u, a))
	})
	return made.first, made.second, err
}

func (s timed) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	made, err := write(ctx, s.store, func(ctx context.Context) (pair[adapter.User, adapter.Authenticator], error) {
		return newPair(s.store.CreateUserWithAuthenticator(ctx, u, a))
	})
	return made.first, made.second, err
}

func (s timed) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	got, err := readShared(ctx, s.store, func(ctx context.Context) (pair[adapter.Session, adapter.User], error) {
		return newPair(s.store.GetSessionAndUser(ctx, token))
	})
	return got.first, got.second, err
}

// pair is two results.
type pair[A, B any] struct {
	first  A
	second B
}

func newPair[A, B any](a A, b B, err error) (pair[A, B], error) { return pair[A, B]{a, b}, err }

func (s timed) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.CreateUser(ctx, u) })
}

func (s timed) GetUser(ctx context.Context, id string) (adapter.User, error) {
	return readShared(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.GetUser(ctx, id) })
}

func (s timed) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return readShared(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.GetUserByEmail(ctx, email) })
}

func (s timed) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	return readShared(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.GetUserByAccount(ctx, key) })
}

func (s timed) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.User, error) { return s.store.UpdateUser(ctx, id, up) })
}

func (s timed) DeleteUser(ctx context.Context, id string) error {
	return deleteAll(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteUser(ctx, id) })
}

func (s timed) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Account, error) { return s.store.LinkAccount(ctx, a) })
}

func (s timed) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	return readShared(ctx, s.store, func(ctx context.Context) (adapter.Account, error) { return s.store.GetAccount(ctx, key) })
}

func (s timed) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return read(ctx, s.store, func(ctx context.Context) ([]adapter.Account, error) { return s.store.ListAccounts(ctx, userID) })
}

func (s timed) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Account, error) { return s.store.UpdateAccount(ctx, key, up) })
}

func (s timed) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	return writeNoResult(ctx, s.store, func(ctx context.Context) error { return s.store.UnlinkAccount(ctx, key) })
}

func (s timed) CreateSession(ctx context.Context, session adapter.Session) (adapter.Session, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Session, error) { return s.store.CreateSession(ctx, session) })
}

func (s timed) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Session, error) { return s.store.UpdateSession(ctx, token, up) })
}

func (s timed) DeleteSession(ctx context.Context, token string) error {
	return writeNoResult(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteSession(ctx, token) })
}

func (s timed) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	return read(ctx, s.store, func(ctx context.Context) ([]adapter.Session, error) { return s.store.ListSessions(ctx, userID) })
}

func (s timed) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	return writeNoResult(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteSessionByID(ctx, userID, sessionID) })
}

func (s timed) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	return deleteAll(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteSessions(ctx, userID, keep...) })
}

func (s timed) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.VerificationToken, error) {
		return s.store.CreateVerificationToken(ctx, t)
	})
}

func (s timed) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.VerificationToken, error) {
		return s.store.UseVerificationToken(ctx, identifier, token)
	})
}

func (s timed) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	return deleteAll(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteVerificationTokens(ctx, identifier) })
}

func (s timed) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Authenticator, error) { return s.store.CreateAuthenticator(ctx, a) })
}

func (s timed) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	return readShared(ctx, s.store, func(ctx context.Context) (adapter.Authenticator, error) {
		return s.store.GetAuthenticator(ctx, credentialID)
	})
}

func (s timed) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return read(ctx, s.store, func(ctx context.Context) ([]adapter.Authenticator, error) {
		return s.store.ListAuthenticators(ctx, userID)
	})
}

func (s timed) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Authenticator, error) {
		return s.store.UpdateAuthenticatorCounter(ctx, credentialID, counter)
	})
}

func (s timed) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	return write(ctx, s.store, func(ctx context.Context) (adapter.Authenticator, error) {
		return s.store.UpdateAuthenticator(ctx, credentialID, up)
	})
}

func (s timed) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	return read(ctx, s.store, func(ctx context.Context) (adapter.UserPage, error) { return s.store.EnumerateUsers(ctx, cursor, limit) })
}

func (s timed) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	return writeNoResult(ctx, s.store, func(ctx context.Context) error { return s.store.DeleteAuthenticator(ctx, credentialID) })
}

// linger is how long an answer is awaited after its caller has returned: as long as the
// driver would wait.
const linger = 400 * time.Millisecond

// deleteFactor is by how much the time limit is longer for calls that may delete many
// records.
const deleteFactor = 6

// read runs a call that changes nothing, or only what any other reader would change too.
// Without an answer in time it is sent once more, on a fresh connection.
func read[R any](ctx context.Context, s *store, do func(context.Context) (R, error)) (R, error) {
	return readBy(ctx, s, runDetached, do)
}

// readShared is read for a call that looks for one document by its key: it stays with its caller
// as long as it only waits for a request that it shares.
func readShared[R any](ctx context.Context, s *store, do func(context.Context) (R, error)) (R, error) {
	return readBy(ctx, s, runSharing, do)
}

// readBy is read whose first attempt is run in a way of its own.
func readBy[R any](ctx context.Context, s *store, first func(context.Context, *store, func(context.Context) (R, error)) (R, error), do func(context.Context) (R, error)) (R, error) {
	limit := s.limit(ctx)
	begun, again := time.Now(), false
	r, err := attempt.Read(ctx, limit, func(bounded context.Context) (R, error) {
		if !again {
			again = true
			return first(bounded, s, do)
		}
		if s.connections.closeSuspects(begun) {
			return runDetached(bounded, s, untilReconnected(do))
		}
		return runDetached(bounded, s, do)
	})
	return r, s.callError(ctx, limit, err)
}

// reconnectTime is how long the driver takes to have connections again after some were
// broken: it then probes the server twice a second.
const reconnectTime = 3 * time.Second

// untilReconnected repeats a read after connections were closed, because the driver
// discovers them one by one, and calls fail until then.
func untilReconnected[R any](do func(context.Context) (R, error)) func(context.Context) (R, error) {
	return func(ctx context.Context) (R, error) {
		for begun := time.Now(); ; {
			r, err := do(ctx)
			if !errors.Is(err, adapter.ErrUnavailable) || time.Since(begun) > reconnectTime || pause(ctx) != nil {
				return r, err
			}
		}
	}
}

func write[R any](ctx context.Context, s *store, do func(context.Context) (R, error)) (R, error) {
	return writeWithin(ctx, s, s.limit(ctx), do)
}

func writeWithin[R any](ctx context.Context, s *store, limit time.Duration, do func(context.Context) (R, error)) (R, error) {
	r, err := attempt.Write(ctx, limit, func(bounded context.Context) (R, error) { return runDetached(bounded, s, do) })
	return r, s.callError(ctx, limit, err)
}

func writeNoResult(ctx context.Context, s *store, do func(context.Context) error) error {
	_, err := write(ctx, s, noResult(do))
	return err
}

func deleteAll(ctx context.Context, s *store, do func(context.Context) error) error {
	_, err := writeWithin(ctx, s, s.deleteLimit(ctx), noResult(do))
	return err
}

func noResult(do func(context.Context) error) func(context.Context) (struct{}, error) {
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) }
}

// limit returns the time limit of a call: that of the store, or until the deadline of its
// context if that is sooner.
func (s *store) limit(ctx context.Context) time.Duration {
	return min(s.requestTimeout, s.deleteLimit(ctx))
}

// deleteLimit returns that of a call that may delete many records: until the deadline of its
// context if there is one, since only its caller knows how many there may be.
func (s *store) deleteLimit(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return deleteFactor * s.requestTimeout
}

// errLeft says that the caller returned without an answer.
var errLeft = errors.New("mongo: no answer in time")

// runDetached runs a call beside its caller, see above.
func runDetached[R any](ctx context.Context, s *store, do func(context.Context) (R, error)) (R, error) {
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

// errBeside says that a call has to make a request of its own, for which it goes beside its caller.
var errBeside = errors.New("mongo: a request of its own")

// runSharing runs a call in its caller's goroutine, which most need no other for: what they wait
// for, they share. One that would make a request of its own is run anew beside the caller.
func runSharing[R any](ctx context.Context, s *store, do func(context.Context) (R, error)) (R, error) {
	r, err := do(sharing{ctx})
	switch {
	case errors.Is(err, errBeside):
		return runDetached(ctx, s, do)
	case err != nil && ctx.Err() != nil:
		return r, errLeft
	}
	return r, err
}

// sharing is the context of a call in its caller's goroutine.
type sharing struct{ context.Context }

// sharingKey is the key of whether a context is one.
type sharingKey struct{}

// Value implements context.Context.
func (s sharing) Value(key any) any {
	switch key {
	case sharingKey{}:
		return true
	case callerKey{}:
		return s.Context
	}
	return s.Context.Value(key)
}

// beside returns errBeside in the caller's goroutine. A call that may share asks before each
// request of its own.
func beside(ctx context.Context) error {
	if ctx.Value(sharingKey{}) != nil {
		return errBeside
	}
	return nil
}

// running counts the calls that are under way.
type running struct {
	sync.WaitGroup
	mu     sync.Mutex // so that none begins during end
	closed bool
}

// begin counts a call, and returns false after end.
func (r *running) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.Add(1)
	}
	return !r.closed
}

// end waits for all calls. No more can begin.
func (r *running) end() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Wait()
}

// callError returns the error of a call. If the caller returned without an answer, that is
// the context's error or that of the time limit, or what a person has to fix, as far as it
// is known.
func (s *store) callError(ctx context.Context, limit time.Duration, err error) error {
	if secondary := s.health.secondary(); secondary != nil && !errors.Is(err, adapter.ErrSetup) && !errors.Is(err, errLeft) {
		return secondary
	}
	if !errors.Is(err, errLeft) {
		return s.withoutTLSHint(s.health.explain(err))
	}
	cause := s.withoutTLSHint(s.health.cause())
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

// withoutTLSHint removes the remark that the server may want TLS if an earlier call
// succeeded.
func (s *store) withoutTLSHint(err error) error {
	if errors.Is(err, errWantsTLS) && s.checked.Load() != nil {
		return driver.Caused(fmt.Errorf("%w: the connection was closed", adapter.ErrUnavailable), err)
	}
	return err
}

// lingering is the context of a call whose caller may return before it. Its Err reports the
// end as soon as the caller has returned, so that nothing more is begun; the request that
// is under way is cancelled some time later. It embeds a context of package context because
// others cost a goroutine wherever the driver derives a context from them.
type lingering struct {
	context.Context
	caller context.Context
}

// callerKey is the key of the caller's context in the context of a call.
type callerKey struct{}

// Value implements context.Context.
func (l lingering) Value(key any) any {
	if key == (callerKey{}) {
		return l.caller
	}
	return l.Context.Value(key)
}

// Err implements context.Context.
func (l lingering) Err() error {
	if l.Context.Err() != nil || l.caller.Err() != nil { // also after the call, when both contexts have ended
		return context.Canceled
	}
	return nil
}

// driverContext returns the context of a call for the driver: without a deadline (see
// withoutDeadline) and without the driver's session. In the caller's transaction an answer
// would promise nothing, and a conflict would abort the transaction.
func driverContext(ctx context.Context) context.Context { return withoutDeadline{withoutSession(ctx)} }

func withoutSession(ctx context.Context) context.Context {
	if mongo.SessionFromContext(ctx) != nil {
		ctx = mongo.NewSessionContext(ctx, nil)
	}
	return ctx
}

// withoutDeadline is a context that ends when its parent does, without saying in advance
// when. The driver repeats a command without a pause until the deadline of its context, and
// only once if there is none. Err is always context.Canceled, because after
// DeadlineExceeded the driver would consider the server lost.
type withoutDeadline struct{ context.Context }

// Deadline implements context.Context.
func (withoutDeadline) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err implements context.Context.
func (u withoutDeadline) Err() error {
	if u.Context.Err() != nil {
		return context.Canceled
	}
	return nil
}

// A walk is a call that reads whole collections: CheckSchema, Repair and PurgeExpired. It
// has no time limit; each of its requests has that of a call that may delete many records.

// walker is the context key of the store that walks.
type walker struct{}

// walk returns the context of a walk.
func (s *store) walk(ctx context.Context) context.Context {
	return context.WithValue(withoutSession(ctx), walker{}, s)
}

// request makes one request. As part of a walk it runs beside its caller, with a time limit
// of its own, and its context is not that of a walk any more.
func request[R any](ctx context.Context, do func(context.Context) (R, error)) (R, error) {
	s, _ := ctx.Value(walker{}).(*store)
	if s == nil {
		return do(ctx)
	}
	return writeWithin(ctx, s, s.deleteLimit(ctx), func(ctx context.Context) (R, error) {
		return do(context.WithValue(ctx, walker{}, nil))
	})
}

func requestOnly(ctx context.Context, do func(context.Context) error) error {
	_, err := request(ctx, noResult(do))
	return err
}

// eachFound calls do for every document that a query finds. The document is valid until do
// returns.
func eachFound(ctx context.Context, query func(context.Context) (*mongo.Cursor, error), do func(bson.Raw) error) error {
	cursor, err := request(ctx, query)
	if err != nil {
		return err
	}
	for {
		there, err := next(ctx, cursor)
		if err != nil || !there {
			return err
		}
		if err := do(cursor.Current); err != nil {
			_ = requestOnly(ctx, cursor.Close)
			return err
		}
	}
}

// next advances a cursor. At its end it is closed, even if the caller has returned.
func next(ctx context.Context, cursor *mongo.Cursor) (bool, error) {
	advance := func(ctx context.Context) (bool, error) {
		there := cursor.Next(ctx)
		if !there {
			_ = cursor.Close(ctx)
		}
		return there, cursor.Err()
	}
	if cursor.RemainingBatchLength() > 0 {
		return advance(ctx) // without a request
	}
	return request(ctx, advance)
}

// has reports whether a filter finds a document in a collection.
func has(ctx context.Context, c *collection, filter bson.D) (bool, error) {
	err := requestOnly(ctx, func(ctx context.Context) error { return c.FindOne(ctx, filter).Err() })
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}

// findOne returns a document of a collection.
func findOne(ctx context.Context, c *collection, filter bson.D) (bson.Raw, error) {
	return request(ctx, func(ctx context.Context) (bson.Raw, error) { return c.FindOne(ctx, filter).Raw() })
}

// inParallel calls f for all collections at once, and returns the first error.
func inParallel(all []*collection, f func(*collection) error) error {
	errs := make(chan error, len(all))
	for _, c := range all {
		go func() { errs <- f(c) }()
	}
	var first error
	for range all {
		first = cmp.Or(first, <-errs)
	}
	return first
}

// deleteMany deletes all documents that a filter finds, by their _ids: the server cannot number
// a command on many documents. So neither one that is repeated because its connection broke, nor its
// first attempt that arrives later, must find what was written since. It deletes even if it found
// none, which only a primary that the majority follows confirms.
func deleteMany(ctx context.Context, coll *collection, filter bson.D) error {
	var ids bson.A
	err := repeatable(ctx, func() (err error) {
		ids, err = idsOf(ctx, coll, filter)
		return err
	})
	for first := true; err == nil && (first || len(ids) > 0); first = false {
		n := min(len(ids), deleteSize)
		found := append(slices.Clone(filter), bson.E{Key: "_id", Value: bson.D{{Key: "$in", Value: ids[:n]}}})
		err = repeatable(ctx, func() error {
			_, err := coll.DeleteMany(ctx, found)
			return err
		})
		ids = ids[n:]
	}
	return err
}

// deleteSize is how many documents deleteMany deletes with one command.
const deleteSize = 10_000

// idsOf returns the _ids of all documents that a filter finds.
func idsOf(ctx context.Context, coll *collection, filter bson.D) (bson.A, error) {
	cursor, err := coll.Find(ctx, filter, options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}).SetBatchSize(batch))
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	ids := bson.A{}
	for cursor.Next(ctx) {
		ids = append(ids, clone(cursor.Current.Lookup("_id")))
	}
	return ids, cursor.Err()
}

// deleteDead deletes all documents that a filter finds, which finds none that is written later.
func deleteDead(ctx context.Context, coll *collection, filter bson.D) (n int, err error) {
	err = repeatable(ctx, func() error {
		done, err := coll.DeleteMany(ctx, filter)
		if err == nil {
			n = int(done.DeletedCount)
		}
		return err
	})
	return n, err
}

// repeatable runs an idempotent write, and repeats it if the connection or the primary is
// lost. The driver's retryable writes would do so too, but for each of them the server
// stores a record, which is another write.
func repeatable(ctx context.Context, call func() error) error {
	connected := func() error {
		_, err := withConnection(ctx, func() (struct{}, error) { return struct{}{}, call() })
		return err
	}
	err := connected()
	if !isRepeatable(err) || ctx.Err() != nil {
		return err
	}
	return connected()
}

// pause waits for another call to make progress.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(5 * time.Millisecond):
		return nil
	}
}

// withConnection makes a request, and makes it again if the driver gives it no connection, because
// it has just closed all that it had: another call found one broken, or was not let in.
func withConnection[R any](ctx context.Context, request func() (R, error)) (R, error) {
	for since := time.Now(); ; {
		r, err := request()
		if !errors.As(err, new(xdriver.RetryablePoolError)) || time.Since(since) > maxRetryTime || pause(ctx) != nil {
			return r, err
		}
	}
}

// inSession makes retryable writes in a session of the driver that is theirs alone, so that
// fence can end what is left of them.
func inSession(ctx context.Context, coll *collection, write func(context.Context) error) error {
	session, err := coll.Database().Client().StartSession(options.Session().SetCausalConsistency(false))
	if err != nil {
		return err
	}
	ctx = mongo.NewSessionContext(ctx, session)
	defer session.EndSession(ctx)
	return write(ctx)
}

// writeOnce makes a retryable write, which reports whether it did nothing: the server refused
// it, or there was nothing to write to. Then it does nothing later either, see fence.
func writeOnce(ctx context.Context, coll *collection, write func(context.Context) (nothing bool, err error)) error {
	return inSession(ctx, coll, func(ctx context.Context) error {
		nothing, err := write(ctx)
		if !nothing {
			return err
		}
		_, failed := fence(ctx, coll, byID(bson.ObjectID{}))
		if errors.Is(failed, mongo.ErrNoDocuments) || isUntargeted(failed) {
			failed = nil
		}
		return cmp.Or(failed, err)
	})
}

// deleteOne deletes a document, and reports whether there was one.
func deleteOne(ctx context.Context, coll *collection, filter bson.D) (deleted bool, err error) {
	err = writeOnce(ctx, coll, func(ctx context.Context) (nothing bool, err error) {
		result, err := coll.DeleteOne(ctx, filter)
		deleted = err == nil && result.DeletedCount > 0
		return err == nil && !deleted, err
	})
	return deleted, err
}

// findAndDelete deletes a document, and returns it, or nil if there was none.
func findAndDelete(ctx context.Context, coll *collection, filter bson.D) (gone bson.Raw, err error) {
	err = writeOnce(ctx, coll, func(ctx context.Context) (nothing bool, err error) {
		gone, err = coll.FindOneAndDelete(ctx, filter).Raw()
		if errors.Is(err, mongo.ErrNoDocuments) {
			return true, nil
		}
		return false, err
	})
	return gone, err
}

// fence returns the document that a filter finds, by a retryable write that changes nothing.
//
// The driver repeats a write whose connection broke, and the server knows a repetition of what
// it has done, but keeps no record of what it refused. If a repetition is refused, the first
// attempt may still be on its way, and would be executed if nothing were in its way by then. The
// server takes no write of a session after a later one: this is the later one.
func fence(ctx context.Context, coll *collection, filter bson.D) (bson.Raw, error) {
	nothing := bson.D{{Key: "$unset", Value: bson.D{{Key: stateField + "Nothing", Value: ""}}}}
	o := options.FindOneAndUpdate()
	if order := sortOrder(coll, filter); order != nil {
		o.SetSort(order)
	}
	return coll.FindOneAndUpdate(ctx, filter, nothing, o).Raw()
}
