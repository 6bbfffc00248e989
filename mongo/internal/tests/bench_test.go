package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// BenchmarkRaw measures every operation beside the bare driver, on a replica set of three
// members. Run it with -benchtime=1x.
func BenchmarkRaw(b *testing.B) {
	measure.Beside(b, func(b *testing.B) (*measure.Stage, map[string]measure.Call) {
		p := newPair(b)
		return p.Stage, p.bare()
	})
}

// pair is a store with one user, and the same documents in a database of the bare driver,
// with the same indexes.
type pair struct {
	*measure.Stage
	raw   *driver.Database
	id    bson.ObjectID // of the user
	token string        // of the session, as it is stored
}

func newPair(b *testing.B) *pair {
	store, db := threeMembers.benchmarkStore(b)
	p := &pair{Stage: measure.NewStage(b, store)}
	_, p.raw = threeMembers.benchmarkStore(b)
	for _, name := range []string{"users", "accounts", "sessions", "authenticators"} {
		doc, err := db.Collection(name).FindOne(b.Context(), bson.D{}).Raw()
		check(b, err)
		_, err = p.raw.Collection(name).InsertOne(b.Context(), doc)
		check(b, err)
	}
	p.id, _ = bson.ObjectIDFromHex(p.User.ID)
	p.token = p.Session.ID
	return p
}

// benchmarkStore returns an adapter on a database of its own. All writes wait for the
// majority, including those of the bare driver.
func (d deployment) benchmarkStore(b *testing.B) (adapter.Adapter, *driver.Database) {
	db := d.bare(b, options.Client().SetWriteConcern(writeconcern.Majority()))
	return open(b, db, mongo.Options{}), db
}

func where(pairs ...any) bson.D {
	var d bson.D
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return d
}

// user, account and session return documents of the same size as the store's own.
func (p *pair) user(id bson.ObjectID, name string) bson.D {
	u := measure.TypicalUser(name)
	return where("_id", id, "name", u.Name, "email", u.Email, "emailVerified", u.EmailVerified, "image", u.Image, "createdAt", time.Now(), "updatedAt", time.Now())
}

func (p *pair) account(id bson.ObjectID, name string) bson.D {
	a := measure.TypicalAccount(name)
	return where("userId", id, "type", a.Type, "provider", a.Provider, "providerAccountId", name, "access_token", a.AccessToken,
		"token_type", a.TokenType, "scope", a.Scope, "createdAt", time.Now(), "updatedAt", time.Now())
}

func (p *pair) session(token string) bson.D {
	return where("sessionToken", token, "userId", p.id, "expires", p.Expires, "createdAt", time.Now(), "updatedAt", time.Now())
}

func (p *pair) insert(ctx context.Context, collection string, doc bson.D) error {
	_, err := p.raw.Collection(collection).InsertOne(ctx, doc)
	return err
}

func (p *pair) delete(ctx context.Context, collection string, filter bson.D) error {
	_, err := p.raw.Collection(collection).DeleteOne(ctx, filter)
	return err
}

func (p *pair) deleteAll(ctx context.Context, collection string, filter bson.D) error {
	_, err := p.raw.Collection(collection).DeleteMany(ctx, filter)
	return err
}

func (p *pair) find(ctx context.Context, collection string, filter bson.D) error {
	return p.raw.Collection(collection).FindOne(ctx, filter).Err()
}

func (p *pair) list(ctx context.Context, collection string) error {
	cursor, err := p.raw.Collection(collection).Find(ctx, where("userId", p.id))
	if err != nil {
		return err
	}
	var all []bson.Raw
	return cursor.All(ctx, &all)
}

// lookup reads a document joined with its user.
func (p *pair) lookup(ctx context.Context, collection string, filter bson.D) error {
	_, err := lookup(ctx, p.raw.Collection(collection), filter)
	return err
}

func lookup(ctx context.Context, c *driver.Collection, filter bson.D) (found []bson.Raw, err error) {
	cursor, err := c.Aggregate(ctx, bson.A{
		where("$match", filter),
		where("$lookup", where("from", "users", "localField", "userId", "foreignField", "_id", "as", "user")),
	})
	if err != nil {
		return nil, err
	}
	err = cursor.All(ctx, &found)
	return found, err
}

func (p *pair) update(ctx context.Context, collection string, filter, set bson.D) error {
	return p.raw.Collection(collection).FindOneAndUpdate(ctx, filter, where("$set", set), options.FindOneAndUpdate().SetReturnDocument(options.After)).Err()
}

// together makes calls in one transaction.
func (p *pair) together(ctx context.Context, calls ...measure.Call) error {
	session, err := p.raw.Client().StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(ctx)
	_, err = session.WithTransaction(ctx, func(ctx context.Context) (any, error) {
		for _, call := range calls {
			if err := call(ctx); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	return err
}

// bare returns the commands that a careful application would use for each operation,
// without checks beyond those of the commands and the indexes.
func (p *pair) bare() map[string]measure.Call {
	key := where("provider", "github", "providerAccountId", "1")
	byToken := where("sessionToken", p.token)
	var counter atomic.Int64
	return map[string]measure.Call{
		"GetSessionAndUser": func(ctx context.Context) error { return p.lookup(ctx, "sessions", byToken) },
		"GetUser":           func(ctx context.Context) error { return p.find(ctx, "users", where("_id", p.id)) },
		"GetUserByEmail":    func(ctx context.Context) error { return p.find(ctx, "users", where("email", p.User.Email)) },
		"GetUserByAccount":  func(ctx context.Context) error { return p.lookup(ctx, "accounts", key) },
		"CreateUser":        func(ctx context.Context) error { return p.insert(ctx, "users", p.user(bson.NewObjectID(), p.Name())) },
		"CreateUserWithAccount": func(ctx context.Context) error {
			id, name := bson.NewObjectID(), p.Name()
			return p.together(ctx,
				func(ctx context.Context) error { return p.insert(ctx, "users", p.user(id, name)) },
				func(ctx context.Context) error { return p.insert(ctx, "accounts", p.account(id, name)) })
		},
		"UpdateUser": func(ctx context.Context) error {
			return p.update(ctx, "users", where("_id", p.id), where("name", p.Name(), "updatedAt", time.Now()))
		},
		"CreateUser+DeleteUser": func(ctx context.Context) error {
			id := bson.NewObjectID()
			if err := p.insert(ctx, "users", p.user(id, p.Name())); err != nil {
				return err
			}
			owned := func(collection string) measure.Call {
				return func(ctx context.Context) error { return p.deleteAll(ctx, collection, where("userId", id)) }
			}
			return p.together(ctx, owned("sessions"), owned("accounts"), owned("authenticators"),
				func(ctx context.Context) error { return p.delete(ctx, "users", where("_id", id)) })
		},
		"LinkAccount+UnlinkAccount": func(ctx context.Context) error {
			name := p.Name()
			if err := p.insert(ctx, "accounts", p.account(p.id, name)); err != nil {
				return err
			}
			return p.delete(ctx, "accounts", where("provider", "github", "providerAccountId", name))
		},
		// An account or a credential without its user is none.
		"GetAccount":   func(ctx context.Context) error { return p.lookup(ctx, "accounts", key) },
		"ListAccounts": func(ctx context.Context) error { return p.list(ctx, "accounts") },
		"UpdateAccount": func(ctx context.Context) error {
			return p.update(ctx, "accounts", key, where("access_token", p.Name(), "updatedAt", time.Now()))
		},
		"CreateSession": func(ctx context.Context) error { return p.insert(ctx, "sessions", p.session(p.token+p.Name())) },
		"UpdateSession": func(ctx context.Context) error {
			return p.update(ctx, "sessions", append(byToken[:1:1], bson.E{Key: "expires", Value: where("$gt", time.Now())}), where("expires", p.Expires, "updatedAt", time.Now()))
		},
		"CreateSession+DeleteSession": func(ctx context.Context) error {
			token := p.token + p.Name()
			if err := p.insert(ctx, "sessions", p.session(token)); err != nil {
				return err
			}
			return p.delete(ctx, "sessions", where("sessionToken", token))
		},
		"ListSessions": func(ctx context.Context) error { return p.list(ctx, "sessions") },
		"CreateVerificationToken": func(ctx context.Context) error {
			return p.insert(ctx, "verification_tokens", where("identifier", p.Name(), "token", "t", "expires", p.Expires, "createdAt", time.Now()))
		},
		"CreateVerificationToken+UseVerificationToken": func(ctx context.Context) error {
			name := p.Name()
			if err := p.insert(ctx, "verification_tokens", where("identifier", name, "token", "t", "expires", p.Expires, "createdAt", time.Now())); err != nil {
				return err
			}
			return p.raw.Collection("verification_tokens").FindOneAndDelete(ctx, where("identifier", name, "token", "t")).Err()
		},
		"GetAuthenticator": func(ctx context.Context) error { return p.lookup(ctx, "authenticators", where("credentialID", "c")) },
		"UpdateAuthenticatorCounter": func(ctx context.Context) error {
			n := counter.Add(1)
			err := p.update(ctx, "authenticators", where("credentialID", "c", "counter", where("$lt", n)), where("counter", n, "updatedAt", time.Now()))
			if errors.Is(err, driver.ErrNoDocuments) { // a racing call was further
				return p.find(ctx, "authenticators", where("credentialID", "c"))
			}
			return err
		},
	}
}

// BenchmarkCallers measures the look-up of a session by more and more callers at once, with and
// without shared requests, beside the bare driver. Run it with -benchtime=1x.
func BenchmarkCallers(b *testing.B) { measure.Callers(b, "MongoDB", replicaSet.sides(b)...) }

// BenchmarkColdStart measures a process that makes one call. Run it with -benchtime=1x.
func BenchmarkColdStart(b *testing.B) { measure.ColdStart(b, "MongoDB", replicaSet.sides(b)...) }

// sides are the ways to look up the sessions of a crowd.
func (d deployment) sides(b *testing.B) []measure.Side {
	db := d.bare(b)
	crowd := measure.NewCrowd(b, open(b, db, mongo.Options{}), measure.CrowdSize)
	connected := func(b *testing.B) (own *driver.Database, disconnect func()) {
		client, err := driver.Connect(options.Client().ApplyURI(d.server(b).URL))
		check(b, err)
		return client.Database(db.Name()), func() { check(b, client.Disconnect(context.Background())) }
	}
	store := func(o mongo.Options) func(b *testing.B) (measure.Read, func()) {
		return func(b *testing.B) (measure.Read, func()) {
			own, disconnect := connected(b)
			store := connect(b, own, o)
			return crowd.Sessions(store), func() {
				check(b, store.Close())
				disconnect()
			}
		}
	}
	return []measure.Side{
		{Name: measure.Default, Open: store(mongo.Options{})},
		{Name: measure.Unshared, Open: store(mongo.Options{NoBatching: true})},
		{Name: measure.Raw, Open: func(b *testing.B) (measure.Read, func()) {
			own, disconnect := connected(b)
			return func(ctx context.Context, i int) error {
				return bareSession(ctx, own, adapter.SessionID(crowd.Tokens[i]))
			}, disconnect
		}},
	}
}

// bareSession does the least that a careful application would.
func bareSession(ctx context.Context, db *driver.Database, token string) error {
	found, err := lookup(ctx, db.Collection("sessions"), where("sessionToken", token))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d sessions", len(found))
	}
	return err
}

// BenchmarkScale measures the median of every operation with many users and with a thousand. Run it
// with -benchtime=1x, and a million by -measure.users=1000000.
func BenchmarkScale(b *testing.B) {
	measure.Scale(b, func(size int) *measure.Crowd {
		store, db := replicaSet.benchmarkStore(b)
		return measure.Copies(b, store, size, func() string { return bson.NewObjectID().Hex() }, func() measure.Bulk { return copies(b, db) })
	})
}

// copies returns what writes copies of the documents that are in a database.
func copies(b *testing.B, db *driver.Database) measure.Bulk {
	originals := map[string]bson.D{}
	for _, name := range []string{"users", "accounts", "sessions"} {
		var original bson.D
		check(b, db.Collection(name).FindOne(b.Context(), bson.D{}).Decode(&original))
		originals[name] = original
	}
	return func(ctx context.Context, renames []measure.Rename) error {
		for name, original := range originals {
			docs := make([]any, len(renames))
			for i, rename := range renames {
				docs[i] = renamed(original, rename)
			}
			if _, err := db.Collection(name).InsertMany(ctx, docs, options.InsertMany().SetOrdered(false)); err != nil {
				return err
			}
		}
		return nil
	}
}

// renamed returns a copy of a document, with an _id of its own.
func renamed(original bson.D, rename measure.Rename) bson.D {
	doc := slices.Clone(original)
	for i, field := range doc {
		switch v := field.Value.(type) {
		case string:
			doc[i].Value = rename(v)
		case bson.ObjectID:
			id, _ := bson.ObjectIDFromHex(rename(v.Hex()))
			if id == v { // that of an account or a session
				id = bson.NewObjectID()
			}
			doc[i].Value = id
		}
	}
	return doc
}

// BenchmarkSoak has 64 callers call everything, for ten seconds or -measure.soak, and fails if memory,
// goroutines or connections grow. Run it with -benchtime=1x.
func BenchmarkSoak(b *testing.B) {
	var connections measure.Connections
	db := replicaSet.bare(b, options.Client().SetDialer(&connections))
	measure.Soak(b, measure.NewCrowd(b, open(b, db, mongo.Options{}), measure.CrowdSize), &connections)
}

// BenchmarkLayouts measures the look-up of a session under each layout, in turns, on a replica set
// of three members.
func BenchmarkLayouts(b *testing.B) {
	layouts := append([]preset{{name: "authjs"}}, presets...)
	reads, took := make([]measure.Call, len(layouts)), make([][]time.Duration, len(layouts))
	for i, p := range layouts {
		store := open(b, threeMembers.bare(b), mongo.Options{Layout: p.Layout})
		u, err := store.CreateUser(b.Context(), measure.TypicalUser("ada"))
		check(b, err)
		session, err := store.CreateSession(b.Context(), measure.TypicalSession(u.ID, time.Now().Add(time.Hour)))
		check(b, err)
		reads[i] = func(ctx context.Context) error {
			_, _, err := store.GetSessionAndUser(ctx, session.SessionToken)
			return err
		}
	}
	for b.Loop() {
		for i, read := range reads {
			begun := time.Now()
			check(b, read(b.Context()))
			took[i] = append(took[i], time.Since(begun))
		}
	}
	for i, all := range took {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Nanoseconds())/1e3, layouts[i].name+"-µs")
	}
}

// BenchmarkTokenIndex measures the look-up of a session by its token as Better Auth makes it, in a
// collection with and without the index on it, of 100,000 sessions. Run it with -benchtime=20x.
func BenchmarkTokenIndex(b *testing.B) {
	for _, indexed := range []bool{false, true} {
		b.Run(fmt.Sprintf("indexed=%t", indexed), func(b *testing.B) {
			sessions := replicaSet.bare(b).Collection("session")
			if indexed {
				check(b, theirIndex{"session", []string{"token"}, true, false}.create(b.Context(), sessions.Database()))
			}
			var docs []any
			for i := range 100_000 {
				docs = append(docs, where("token", fmt.Sprintf("token-%d", i), "userId", bson.NewObjectID(), "expiresAt", noon, "createdAt", noon, "updatedAt", noon))
			}
			_, err := sessions.InsertMany(b.Context(), docs)
			check(b, err)
			for b.Loop() {
				check(b, sessions.FindOne(b.Context(), where("token", "token-50000")).Err())
			}
		})
	}
}

// BenchmarkLinearizableReads measures the look-up of a session on three members, with and
// without LinearizableReads.
func BenchmarkLinearizableReads(b *testing.B) {
	for name, linearizable := range map[string]bool{"local": false, "linearizable": true} {
		db := threeMembers.bare(b)
		store := open(b, db, mongo.Options{LinearizableReads: linearizable})
		u, err := store.CreateUser(b.Context(), adapter.User{})
		check(b, err)
		session, err := store.CreateSession(b.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
		check(b, err)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _, err := store.GetSessionAndUser(b.Context(), session.SessionToken)
				check(b, err)
			}
		})
	}
}
