package mongo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	batching "github.com/authstore/authstore/internal/batch"
)

// Calls that look for a document by its key share a request with those that do so at the same
// time: see package batch. What they share is that first look and nothing else. Whose document it
// is, whether it can be read, and what has to be done about it, each call finds out for itself.
//
// So do calls that insert or delete a session or a one-time token: what they share is one
// retryable write of several documents. What the server refuses of it is each call's own.

// The defaults of Options.BatchesInFlight and Options.BatchSize.
const (
	batchesInFlight = 2
	batchSize       = 100
)

// lookups are the looks that calls share.
type lookups struct {
	users, emails, sessions, authenticators *lookup[string]
	accounts                                *lookup[adapter.AccountKey]
}

func (s *store) newLookups(o Options) lookups {
	owned := func(of func(*collections) *collection, field string) *lookup[string] {
		return newLookup(s, o, lookup[string]{
			one: func(ctx context.Context, c *collections, key string) (bson.Raw, error) {
				return c.joined(ctx, of(c), bson.D{{Key: field, Value: key}})
			},
			many: func(ctx context.Context, c *collections, keys []string) (*mongo.Cursor, error) {
				return c.allJoined(ctx, of(c), anyOf(field, keys))
			},
			keyOf: func(doc bson.Raw) (string, bool) { return doc.Lookup(field).StringValueOK() },
		})
	}
	email := s.users.in("email")
	// Amazon DocumentDB uses a partial index only where its condition is repeated.
	isIndexed := bson.E{Key: "$and", Value: bson.A{bson.D{{Key: email, Value: isText}}}}
	return lookups{
		sessions:       owned(func(c *collections) *collection { return c.sessions }, s.sessions.in("sessionToken")),
		authenticators: owned(func(c *collections) *collection { return c.authenticators }, s.authenticators.in("credentialID")),
		accounts: newLookup(s, o, lookup[adapter.AccountKey]{
			one: func(ctx context.Context, c *collections, key adapter.AccountKey) (bson.Raw, error) {
				return c.joined(ctx, c.accounts, c.accounts.byAccount(key))
			},
			many: func(ctx context.Context, c *collections, keys []adapter.AccountKey) (*mongo.Cursor, error) {
				return c.allJoined(ctx, c.accounts, c.accounts.byAccounts(keys))
			},
			keyOf: s.accounts.accountKey,
			rank:  s.accounts.accountRank,
		}),
		emails: newLookup(s, o, lookup[string]{
			one: func(ctx context.Context, c *collections, address string) (bson.Raw, error) {
				return c.users.FindOne(ctx, append(bson.D{{Key: email, Value: address}}, isIndexed)).Raw()
			},
			many: func(ctx context.Context, c *collections, addresses []string) (*mongo.Cursor, error) {
				return c.users.Find(ctx, append(anyOf(email, addresses), isIndexed), options.Find().SetBatchSize(batch))
			},
			keyOf: func(user bson.Raw) (string, bool) { return user.Lookup(email).StringValueOK() },
		}),
		users: newLookup(s, o, lookup[string]{
			one: s.findInTurn,
			many: func(ctx context.Context, c *collections, ids []string) (*mongo.Cursor, error) {
				var forms bson.A
				for _, id := range ids {
					forms = append(forms, s.ids(id)...)
				}
				return c.users.Find(ctx, anyOf("_id", forms), options.Find().SetBatchSize(batch))
			},
			keyOf: func(user bson.Raw) (string, bool) { return keyText(user.Lookup("_id")) },
			rank:  func(id string, user bson.Raw) int { return rank(s.ids(id), user) },
		}),
	}
}

func (l lookups) close() {
	for _, g := range []interface{ close() }{l.users, l.emails, l.sessions, l.authenticators, l.accounts} {
		g.close()
	}
}

// lookup looks for documents by a key that they have.
type lookup[K comparable] struct {
	one  func(context.Context, *collections, K) (bson.Raw, error)
	many func(context.Context, *collections, []K) (*mongo.Cursor, error)
	// keyOf returns the key by which a document was found.
	keyOf func(bson.Raw) (K, bool)
	// rank says which of several documents with one key comes first: the one whose rank is the
	// least. Nil: any.
	rank func(K, bson.Raw) int

	group *batching.Group[K, found] // nil: all look alone
}

// found is what was found for a key.
type found struct {
	doc   bson.Raw // nil: nothing
	apart bool     // it is not known yet: the key has to be looked for alone
}

func newLookup[K comparable](s *store, o Options, l lookup[K]) *lookup[K] {
	if !o.NoBatching {
		l.group = batching.New(o.BatchesInFlight, o.BatchSize, func(ctx context.Context, keys []K) (map[K]found, error) {
			ctx, done := lasting(ctx)
			defer done()
			return l.ask(ctx, s.checked.Load(), keys)
		})
	}
	return &l
}

func (l *lookup[K]) close() {
	if l.group != nil {
		l.group.Close()
	}
}

// get returns the document with a key. Equal keys may get the same one.
func (l *lookup[K]) get(ctx context.Context, c *collections, key K) (bson.Raw, error) {
	stays := beside(ctx)
	switch {
	case stays != nil && (l.group == nil || !l.group.IsBusy()):
		return nil, stays
	case l.group == nil:
		return l.one(ctx, c, key)
	case stays == nil && l.group.Enter():
		return l.alone(ctx, c, key)
	}
	switch got, err := l.group.Get(callerOf(ctx), key); {
	case err != nil:
		return nil, err
	case got.apart && stays != nil:
		return nil, stays
	case got.apart:
		// At the same time as those who shared the request, of whom one may have a document over
		// which the server closes connections.
		return withConnection(ctx, func() (bson.Raw, error) { return l.one(ctx, c, key) })
	case got.doc == nil:
		return nil, adapter.ErrNotFound
	default:
		return got.doc, nil
	}
}

// alone looks for a key after Enter.
func (l *lookup[K]) alone(ctx context.Context, c *collections, key K) (bson.Raw, error) {
	leave := sync.OnceFunc(l.group.Leave)
	stop := context.AfterFunc(callerOf(ctx), leave) // the request may go on for a while
	defer func() {
		stop()
		leave()
	}()
	return withConnection(ctx, func() (bson.Raw, error) { return l.one(ctx, c, key) })
}

// ask looks for several keys at once.
func (l *lookup[K]) ask(ctx context.Context, c *collections, keys []K) (map[K]found, error) {
	if len(keys) == 1 {
		doc, err := l.one(ctx, c, keys[0])
		return map[K]found{keys[0]: {doc: doc}}, err
	}
	var docs []bson.Raw
	cursor, err := l.many(ctx, c, keys)
	if err == nil {
		docs, err = documents(ctx, cursor)
	}
	if isOfOne(err) {
		return apart(keys), nil
	}
	if err != nil {
		return nil, err
	}
	return l.sort(keys, docs), nil
}

// sort returns the documents by key. If there is one that was found by none of the keys as
// they are read here, what has no document has to be looked for alone.
func (l *lookup[K]) sort(keys []K, docs []bson.Raw) map[K]found {
	answers := map[K]found{}
	for _, key := range keys {
		answers[key] = found{}
	}
	stray := false
	for _, doc := range docs {
		key, ok := l.keyOf(doc)
		other, asked := answers[key]
		switch {
		case !ok || !asked:
			stray = true
		case other.doc == nil || l.rank != nil && l.rank(key, doc) < l.rank(key, other.doc):
			answers[key] = found{doc: doc}
		}
	}
	for key, answer := range answers {
		if stray && answer.doc == nil {
			answers[key] = found{apart: true}
		}
	}
	return answers
}

func apart[K comparable](keys []K) map[K]found {
	answers := map[K]found{}
	for _, key := range keys {
		answers[key] = found{apart: true}
	}
	return answers
}

// isOfOne reports whether the server may refuse a request for what is in one document only:
// with its user it is larger than a document can be. To some of these it closes the connection.
func isOfOne(err error) bool {
	if mongo.IsNetworkError(err) && !mongo.IsTimeout(err) {
		return true
	}
	_, said := replyOf(err)
	return said && !slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(failure(err), kind) })
}

// documents returns all documents of a cursor. Its own All makes a reader of 4 KB for each.
func documents(ctx context.Context, cursor *mongo.Cursor) (docs []bson.Raw, err error) {
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		docs = append(docs, slices.Clone(cursor.Current))
	}
	return docs, cursor.Err()
}

// anyOf matches the documents that have one of several values in a field.
func anyOf[V any](field string, values []V) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$in", Value: values}}}}
}

// byAccounts matches the accounts with any of the keys.
func (s *shape) byAccounts(keys []adapter.AccountKey) bson.D {
	ids := map[string]bson.A{}
	for _, key := range keys {
		ids[key.Provider] = append(ids[key.Provider], accountForms(key.ProviderAccountID)...)
	}
	var of bson.A
	for provider, forms := range ids {
		of = append(of, append(bson.D{{Key: s.in("provider"), Value: provider}}, anyOf(s.in("providerAccountId"), forms)...))
	}
	return bson.D{{Key: "$or", Value: of}}
}

func (s *shape) accountKey(account bson.Raw) (adapter.AccountKey, bool) {
	provider, isText := account.Lookup(s.in("provider")).StringValueOK()
	id, ok := accountText(account.Lookup(s.in("providerAccountId")))
	return adapter.AccountKey{Provider: provider, ProviderAccountID: id}, isText && ok
}

// accountRank has an ID that is text come before numbers, as sortOrder does.
func (s *shape) accountRank(_ adapter.AccountKey, account bson.Raw) int {
	if account.Lookup(s.in("providerAccountId")).Type == bson.TypeString {
		return 0
	}
	return 1
}

// lasting returns the context of a request whose callers may leave before it. The request has
// some time more then, as one of a single call has: see runDetached.
func lasting(ctx context.Context) (context.Context, func()) {
	inner, leave := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(linger, leave) })
	return withoutDeadline{lingering{inner, ctx}}, func() {
		stop()
		leave()
	}
}

// callerOf returns the context of the caller of a call that is made beside it: it ends when
// the caller leaves.
func callerOf(ctx context.Context) context.Context {
	if caller, ok := ctx.Value(callerKey{}).(context.Context); ok {
		return caller
	}
	return ctx
}

// writes are the writes that calls share.
type writes struct {
	sessions, tokens *inserts
	ended            *batching.Group[string, error] // sessions, by their stored tokens
}

func (s *store) newWrites(o Options) writes {
	if o.NoBatching {
		return writes{}
	}
	return writes{
		sessions: newInserts(s, o, func(c *collections) *collection { return c.sessions }),
		tokens:   newInserts(s, o, func(c *collections) *collection { return c.tokens }),
		ended: batching.New(o.BatchesInFlight, o.BatchSize, func(ctx context.Context, tokens []string) (map[string]error, error) {
			ctx, done := lasting(ctx)
			defer done()
			return nil, deleteByToken(ctx, s.checked.Load().sessions, tokens)
		}),
	}
}

func (w writes) close() {
	if w.ended != nil {
		w.sessions.Close()
		w.tokens.Close()
		w.ended.Close()
	}
}

// inserts gathers documents for one collection. Its values say why one was refused.
type inserts struct {
	*batching.Group[*insertion, error]
}

type insertion struct{ doc any }

func newInserts(s *store, o Options, of func(*collections) *collection) *inserts {
	return &inserts{batching.New(o.BatchesInFlight, o.BatchSize, func(ctx context.Context, all []*insertion) (map[*insertion]error, error) {
		ctx, done := lasting(ctx)
		defer done()
		coll := of(s.checked.Load())
		if len(all) == 1 {
			return map[*insertion]error{all[0]: insertOnce(ctx, coll, all[0].doc)}, nil
		}
		return insertEach(ctx, coll, all)
	})}
}

// insert is an inserter: insertOnce, together with others.
func (i *inserts) insert(ctx context.Context, coll *collection, doc any) error {
	if i == nil {
		return insertOnce(ctx, coll, doc)
	}
	refused, err := i.Get(callerOf(ctx), &insertion{doc})
	return cmp.Or(err, refused)
}

// insertEach inserts documents by a retryable write, and returns the errors of those that the
// server refused. They are not inserted later: see fence.
func insertEach(ctx context.Context, coll *collection, all []*insertion) (refused map[*insertion]error, err error) {
	docs := make([]any, len(all))
	for i, insertion := range all {
		docs[i] = insertion.doc
	}
	err = writeOnce(ctx, coll, func(ctx context.Context) (nothing bool, err error) {
		_, err = coll.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
		var bulk mongo.BulkWriteException
		if !errors.As(err, &bulk) {
			return false, err
		}
		if bulk.WriteConcernError != nil { // nobody knows of any of them
			return false, mongo.WriteException{WriteConcernError: bulk.WriteConcernError, Labels: bulk.Labels}
		}
		refused = map[*insertion]error{}
		for _, e := range bulk.WriteErrors {
			refused[all[e.Index]] = withCollection(coll, mongo.WriteException{WriteErrors: mongo.WriteErrors{e.WriteError}, Labels: bulk.Labels})
		}
		return true, nil
	})
	return refused, err
}

// deleteSession deletes a session by its stored token.
func (w writes) deleteSession(ctx context.Context, c *collections, token string) error {
	if w.ended == nil {
		return deleteByToken(ctx, c.sessions, []string{token})
	}
	_, err := w.ended.Get(callerOf(ctx), token)
	return err
}

// deleteByToken deletes sessions by their stored tokens, as deleteOne does.
func deleteByToken(ctx context.Context, sessions *collection, tokens []string) error {
	byToken := func(token string) bson.D { return bson.D{{Key: sessions.in("sessionToken"), Value: token}} }
	if len(tokens) == 1 {
		_, err := deleteOne(ctx, sessions, byToken(tokens[0]))
		return err
	}
	models := make([]mongo.WriteModel, len(tokens))
	for i, token := range tokens {
		models[i] = mongo.NewDeleteOneModel().SetFilter(byToken(token))
	}
	return writeOnce(ctx, sessions, func(ctx context.Context) (nothing bool, err error) {
		result, err := sessions.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		return err == nil && result.DeletedCount < int64(len(tokens)), err
	})
}
