package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/mongo"
)

// turnstile is a client whose commands can be held, so that calls come together behind one.
type turnstile struct {
	commands
	armed         atomic.Bool
	entered, open chan struct{}
	hold, held    atomic.Bool // all commands that are of one call; there is one
	hangs, never  chan struct{}
	prepare       func() // each attempt to have calls share a request; nil: nothing
}

func (s *turnstile) monitor() *event.CommandMonitor {
	noted := s.commands.monitor()
	return &event.CommandMonitor{Started: func(ctx context.Context, e *event.CommandStartedEvent) {
		noted.Started(ctx, e)
		if s.armed.CompareAndSwap(true, false) {
			close(s.entered)
			<-s.open
			return
		}
		if isShared := e.CommandName == "aggregate" && asksForMany(e.Command); s.hold.Load() && !isShared {
			if s.held.CompareAndSwap(false, true) {
				close(s.hangs)
			}
			<-s.never
		}
	}}
}

// together makes calls that wait for the one before them, and then share a request. It returns the
// commands of that: the first is of the call before.
func (s *turnstile) together(t *testing.T, before func(), calls []func()) []bson.Raw {
	t.Helper()
	for range 20 {
		if s.prepare != nil {
			s.prepare()
		}
		s.take()
		s.entered, s.open = make(chan struct{}), make(chan struct{})
		s.armed.Store(true)
		var running sync.WaitGroup
		running.Go(before)
		<-s.entered
		var begun atomic.Int64
		for _, call := range calls {
			running.Go(func() {
				begun.Add(1)
				call()
			})
		}
		for begun.Load() < int64(len(calls)) {
			runtime.Gosched()
		}
		for range 1000 {
			runtime.Gosched() // to where they wait: nothing else tells
		}
		close(s.open)
		running.Wait()
		if sent := s.take(); len(sent) > 1 && slices.ContainsFunc(sent, asksForMany) {
			return sent
		}
	}
	t.Fatal("calls that are made together share no request")
	return nil
}

// asksForMany reports whether a command looks for several keys, or writes several documents.
func asksForMany(command bson.Raw) bool {
	for _, of := range []string{"documents", "deletes"} {
		written, _ := command.Lookup(of).ArrayOK()
		if several, _ := written.Values(); len(several) > 1 {
			return true
		}
	}
	return strings.Contains(command.String(), "$in")
}

// sharing returns two adapters on one database: the calls of one share requests, those of the
// other do not.
func sharing(t *testing.T) (batched, plain adapter.Adapter, db *driver.Database, s *turnstile) {
	s = &turnstile{}
	db = replicaSet.bare(t, options.Client().SetMonitor(s.monitor()))
	o := mongo.Options{Options: adapter.Options{PlainSessionTokens: true}, BatchesInFlight: 1, BatchSize: 64}
	batched = open(t, db, o)
	o.NoBatching = true
	return batched, connect(t, db, o), db, s
}

// answer is what a call returns, in a form that can be compared.
func answer(records ...any) string { return fmt.Sprintf("%+v", records) }

// Calls that share a request answer as they do alone, whatever other programs have stored.
func TestSharedRequestsAnswerAsThoseOfOneCall(t *testing.T) {
	batched, plain, db, s := sharing(t)
	ctx := t.Context()
	ada, grace, twin, dead, cut, gone := oid(t, "abcdefabcdefabcdef"), uuid(4), bson.NewObjectID(), bson.NewObjectID(), bson.NewObjectID(), bson.NewObjectID()
	for i, user := range []bson.D{
		{{Key: "_id", Value: ada}, {Key: "email", Value: "ada@example.com"}, {Key: "name", Value: 1}},
		{{Key: "_id", Value: grace}, {Key: "email", Value: "grace@example.com"}},
		{{Key: "_id", Value: twin}, {Key: "email", Value: "twin@example.com"}}, {{Key: "_id", Value: twin.Hex()}, {Key: "email", Value: "other-twin@example.com"}},
		{{Key: "_id", Value: int32(12)}, {Key: "email", Value: bson.A{"list@example.com", "second@example.com"}}},
		{{Key: "_id", Value: dead}, {Key: "authstore", Value: bson.D{{Key: "nonce", Value: bson.NewObjectID()}, {Key: "deleted", Value: true}}}},
	} {
		insert(t, db.Collection("users"), append(user, bson.E{Key: "n", Value: i}))
	}
	brings := append(bson.D{{Key: "_id", Value: bson.NewObjectID()}}, accountOf(cut, "cut")...)
	insert(t, db.Collection("accounts"), brings)
	unfinished := func() { // a sign-up whose last step is missing: who reads it takes that step
		_, err := db.Collection("users").DeleteMany(ctx, where("_id", cut))
		check(t, err)
		insert(t, db.Collection("users"), where("_id", cut, "email", "cut@example.com", "authstore", where("nonce", bson.NewObjectID(), "signUp", brings)))
	}
	owners := map[string]any{
		"ada": ada, "as text": ada.Hex(), "as upper text": strings.ToUpper(ada.Hex()), "in mixed case": strings.ToUpper(ada.Hex()[:12]) + ada.Hex()[12:],
		"uuid": grace, "twin": twin, "twin in text": twin.Hex(), "number": int64(12), "dead": dead, "gone": gone, "cut": cut, "null": nil, "list": bson.A{ada},
	}
	var names []string
	for name, owner := range owners {
		names = append(names, name)
		insert(t, db.Collection("sessions"), where("sessionToken", name, "userId", owner, "expires", noon, "n", name))
		insert(t, db.Collection("accounts"), where("provider", "p", "providerAccountId", name, "userId", owner, "type", "oauth"))
		insert(t, db.Collection("authenticators"), where("credentialID", name, "userId", owner, "counter", 1))
	}
	insert(t, db.Collection("sessions"), where("sessionToken", "soon", "userId", ada, "expires", "soon"))
	insert(t, db.Collection("sessions"), where("sessionToken", "past", "userId", ada, "expires", time.UnixMilli(1)))
	insert(t, db.Collection("sessions"), where("sessionToken", bson.A{"in a list", "too"}, "userId", ada, "expires", noon))
	insert(t, db.Collection("accounts"), where("provider", "p", "providerAccountId", 3, "userId", grace, "type", "oauth"))
	insert(t, db.Collection("accounts"), where("provider", "p", "providerAccountId", "3", "userId", ada, "type", "oauth"))
	insert(t, db.Collection("accounts"), where("provider", "p", "providerAccountId", 4.0, "userId", ada, "type", "oauth"))
	insert(t, db.Collection("accounts"), where("provider", "other", "providerAccountId", "ada", "userId", grace, "type", "oauth"))
	insert(t, db.Collection("authenticators"), where("credentialID", "odd", "userId", ada, "counter", "many"))
	names = append(names, "soon", "past", "in a list", "nobody", "3", "4", "odd", "other")

	byAccount := func(name string) adapter.AccountKey {
		if name == "other" {
			return adapter.AccountKey{Provider: "other", ProviderAccountID: "ada"}
		}
		return adapter.AccountKey{Provider: "p", ProviderAccountID: name}
	}
	for op, read := range map[string]struct {
		keys []string
		call func(a adapter.Adapter, key string) string
	}{
		"GetSessionAndUser": {names, func(a adapter.Adapter, key string) string { return answer(a.GetSessionAndUser(ctx, key)) }},
		"GetUserByAccount":  {names, func(a adapter.Adapter, key string) string { return answer(a.GetUserByAccount(ctx, byAccount(key))) }},
		"GetAccount":        {names, func(a adapter.Adapter, key string) string { return answer(a.GetAccount(ctx, byAccount(key))) }},
		"GetAuthenticator":  {names, func(a adapter.Adapter, key string) string { return answer(a.GetAuthenticator(ctx, key)) }},
		"GetUser": {
			[]string{ada.Hex(), strings.ToUpper(ada.Hex()), uuidText, twin.Hex(), "12", dead.Hex(), gone.Hex(), cut.Hex(), "nobody"},
			func(a adapter.Adapter, key string) string {
				return answer(a.GetUser(ctx, key))
			},
		},
		"GetUserByEmail": {
			[]string{"ada@example.com", "grace@example.com", "twin@example.com", "other-twin@example.com", "list@example.com", "second@example.com", "cut@example.com", "nobody@example.com"},
			func(a adapter.Adapter, key string) string { return answer(a.GetUserByEmail(ctx, key)) },
		},
	} {
		t.Run(op, func(t *testing.T) {
			unfinished()
			got := make([]string, len(read.keys))
			var calls []func()
			for i, key := range read.keys {
				calls = append(calls, func() { got[i] = read.call(batched, key) })
			}
			for _, command := range s.together(t, func() { read.call(batched, "nothing") }, calls) {
				if asksForMany(command) {
					usesIndexes(t, db, command)
				}
			}
			for i, key := range read.keys {
				if want := read.call(plain, key); got[i] != want {
					t.Errorf("by %q\n  got:  %s\n  want: %s", key, got[i], want)
				}
			}
		})
	}
}

// usesIndexes fails the test if a command reads whole collections.
func usesIndexes(t *testing.T, db *driver.Database, command bson.Raw) {
	t.Helper()
	query, err := withoutSession(command)
	check(t, err)
	plan, err := db.RunCommand(t.Context(), where("explain", query, "verbosity", "executionStats")).Raw()
	check(t, err)
	s := stages{figures: map[string]int64{}}
	if s.visit(plan); slices.Contains(s.names, "COLLSCAN") || s.figures["collectionScans"] > 0 {
		t.Errorf("a shared request reads a whole collection:\n%s", plan)
	}
}

// What is too large for one reply takes several, and a session that is too large together with its user
// is an error to nobody else.
func TestSharedRequestsOfLargeDocuments(t *testing.T) {
	batched, _, db, s := sharing(t)
	ctx := t.Context()
	const n = 24
	large := strings.Repeat("x", 1<<20)
	for i := range n {
		id := bson.NewObjectID()
		insert(t, db.Collection("users"), where("_id", id, "large", large))
		insert(t, db.Collection("sessions"), where("sessionToken", fmt.Sprint("s", i), "userId", id, "expires", noon))
	}
	errs := make([]error, n+1)
	var calls []func()
	read := func(i int) { _, _, errs[i] = batched.GetSessionAndUser(ctx, fmt.Sprint("s", i)) }
	for i := range n {
		calls = append(calls, func() { read(i) })
	}
	before := func() { _, _, _ = batched.GetSessionAndUser(ctx, "nothing") }
	if sent := s.together(t, before, calls); len(sent) >= n {
		t.Errorf("%d commands, want fewer than calls", len(sent))
	}
	check(t, errors.Join(errs...))

	huge := bson.NewObjectID()
	insert(t, db.Collection("users"), where("_id", huge, "large", strings.Repeat("x", 9<<20)))
	insert(t, db.Collection("sessions"), where("sessionToken", fmt.Sprint("s", n), "userId", huge, "expires", noon, "large", strings.Repeat("x", 9<<20)))
	s.together(t, before, append(calls, func() { read(n) }))
	check(t, errors.Join(errs[:n]...))
	if errs[n] == nil {
		t.Error("a session that has 18 MB with its user is read")
	}
}

// Those who wait get ErrClosed, and the request that is on its way its answer.
func TestCloseWhileCallsWait(t *testing.T) {
	batched, _, db, s := sharing(t)
	id := bson.NewObjectID()
	insert(t, db.Collection("users"), where("_id", id))
	_, err := batched.GetUser(t.Context(), id.Hex())
	check(t, err)
	s.entered, s.open = make(chan struct{}), make(chan struct{})
	s.armed.Store(true)
	var running sync.WaitGroup
	running.Go(func() {
		if _, err := batched.GetUser(t.Context(), id.Hex()); err != nil {
			t.Errorf("the call on its way: %v", err)
		}
	})
	<-s.entered
	var waiting sync.WaitGroup
	for range 8 {
		waiting.Go(func() {
			if _, err := batched.GetUser(t.Context(), id.Hex()); !errors.Is(err, adapter.ErrClosed) {
				t.Errorf("a call that waits: %v", err)
			}
		})
	}
	running.Go(func() {
		for range 1000 {
			runtime.Gosched() // to where they wait
		}
		check(t, batched.Close())
	})
	waiting.Wait() // also without an answer
	close(s.open)
	running.Wait()
}

// A request that hangs holds up those who come later for no longer than its callers wait for it.
func TestAHangingRequestHoldsUpNobodyForLong(t *testing.T) {
	batched, _, db, s := sharing(t)
	id := bson.NewObjectID()
	insert(t, db.Collection("users"), where("_id", id))
	_, err := batched.GetUser(t.Context(), id.Hex())
	check(t, err)
	s.entered, s.open = make(chan struct{}), make(chan struct{})
	s.armed.Store(true)
	var running sync.WaitGroup
	running.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		// The second attempt, after half of the time, is not behind the first.
		if _, err := batched.GetUser(ctx, id.Hex()); err != nil {
			t.Errorf("the second attempt of a call that hangs: %v", err)
		}
	})
	<-s.entered
	_, err = batched.GetUser(t.Context(), id.Hex())
	check(t, err)
	running.Wait()
	close(s.open)
}

// A call stays in its caller's goroutine while it waits for a request that it shares. With one of
// its own it goes beside the caller, who leaves when the context ends, however long that takes.
func TestWhoHasToAskForMoreLeavesInTime(t *testing.T) {
	const token = "token"
	twin, cut := bson.NewObjectID(), bson.NewObjectID()
	brings := append(bson.D{{Key: "_id", Value: bson.NewObjectID()}}, accountOf(cut, "cut")...)
	for name, test := range map[string]struct {
		owner  any // of the session that is looked for; nil: there is none, and nobody else asks
		stored any // its token
		users  []bson.D
		first  bool // it is the adapter's first call
	}{
		"nobody else asks":                                   {},
		"the adapter's first call":                           {first: true},
		"the user has the ID in another form":                {owner: twin.Hex(), stored: token, users: []bson.D{where("_id", twin)}},
		"another user has the ID in a form that comes first": {owner: twin.Hex(), stored: token, users: []bson.D{where("_id", twin.Hex()), where("_id", twin)}},
		"a sign-up lacks its last step": {
			owner: cut, stored: token, users: []bson.D{where("_id", cut, "authstore", where("nonce", bson.NewObjectID(), "signUp", brings))},
		},
		"a session is found by none of the keys": {owner: twin, stored: bson.A{token, "another"}, users: []bson.D{where("_id", twin)}},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, db, s := sharing(t)
			for _, user := range test.users {
				insert(t, db.Collection("users"), user)
			}
			read := func(ctx context.Context, token string) error {
				_, _, err := a.GetSessionAndUser(ctx, token)
				return err
			}
			if test.first {
				a = connect(t, db, mongo.Options{})
			} else if err := read(t.Context(), "nobody's"); !errors.Is(err, adapter.ErrNotFound) {
				t.Fatal(err)
			}
			s.hangs, s.never = make(chan struct{}), make(chan struct{})
			var running sync.WaitGroup
			defer running.Wait()
			defer close(s.never)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			left := make(chan error, 1)
			call := func() { left <- read(ctx, token) }
			if test.owner == nil {
				s.hold.Store(true)
				running.Go(call)
			} else {
				insert(t, db.Collection("sessions"), where("sessionToken", test.stored, "userId", test.owner, "expires", noon))
				others := func() { _ = read(t.Context(), "nobody's") }
				s.entered, s.open = make(chan struct{}), make(chan struct{})
				s.armed.Store(true)
				running.Go(others)
				<-s.entered
				running.Go(others)
				running.Go(call)
				for range 1000 {
					runtime.Gosched() // to where they wait
				}
				s.hold.Store(true)
				close(s.open)
			}
			select {
			case <-s.hangs:
			case err := <-left:
				t.Fatalf("got %v before the request was answered", err)
			}
			leave()
			select {
			case err := <-left:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want the context's error", err)
				}
			case <-time.After(5 * time.Second):
				t.Error("the caller waits for the request, although the context has ended")
			}
		})
	}
}
