package redis_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// gate is a hook that can hold requests, so that calls come together behind one.
type gate struct {
	mu      sync.Mutex
	entered atomic.Int64
	shut    chan struct{} // nil: it is open
	shared  atomic.Int64  // requests of several calls
	before  func()        // each of these
	lost    bool          // their replies
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
	g.entered.Store(0)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.shut)
	g.shut = nil
}

func (g *gate) pass() {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if g.entered.Add(1); shut != nil {
		<-shut
	}
}

// holds waits until n requests have come to the gate.
func (g *gate) holds(t *testing.T, n int) {
	t.Helper()
	for begun := time.Now(); g.entered.Load() < int64(n); runtime.Gosched() {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("%d requests have been sent, want %d", g.entered.Load(), n)
		}
	}
}

func (g *gate) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (g *gate) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		g.pass()
		return next(ctx, cmd)
	}
}

func (g *gate) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		g.pass()
		if isShared(cmds) {
			g.shared.Add(1)
			if g.before != nil {
				g.before()
			}
			if g.lost {
				_ = next(ctx, cmds)
				for _, cmd := range cmds {
					cmd.SetErr(io.ErrUnexpectedEOF)
				}
				return io.ErrUnexpectedEOF
			}
		}
		return next(ctx, cmds)
	}
}

// isShared reports whether a pipeline is that of several calls. The client has its own, at the
// beginning of a connection.
func isShared(cmds []goredis.Cmder) bool {
	switch cmds[0].Name() {
	case "mget":
		return len(cmds) > 1 || len(cmds[0].Args()) > 3
	case "get", "evalsha":
		return len(cmds) > 1
	}
	return false
}

// together makes calls that wait for those before them, one on each server, and then share requests.
func (g *gate) together(t *testing.T, before []func(), calls []func()) {
	t.Helper()
	for range 20 {
		g.close()
		g.shared.Store(0)
		var running sync.WaitGroup
		for i, call := range before {
			running.Go(call)
			g.holds(t, i+1)
		}
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
		g.open()
		running.Wait()
		if g.shared.Load() > 0 {
			return
		}
	}
	t.Fatal("calls that are made together share no request")
}

// sharing is two adapters on the same keys: the calls of one share requests, those of the other
// do not.
type sharing struct {
	batched, plain adapter.Adapter
	client         goredis.UniversalClient
	prefix         string
	gate           *gate
}

func (top topology) sharing(t *testing.T, o redis.Options) sharing {
	t.Helper()
	o.BatchesInFlight, o.BatchSize = 1, 64
	batched, client, prefix := top.newStore(t, o)
	s := sharing{batched: batched, client: client, prefix: prefix, gate: &gate{}}
	client.AddHook(s.gate)
	other := top.open(t, top.server(t).URL)
	o.Prefix, o.NoBatching = prefix, true
	s.plain = open(t, other, o)
	t.Cleanup(func() {
		check(t, s.plain.Close())
		check(t, other.Close())
	})
	_, err := batched.GetUser(t.Context(), "nobody") // the client knows the servers of a Cluster then
	if !errors.Is(err, adapter.ErrNotFound) {
		t.Fatal(err)
	}
	check(t, batched.DeleteSession(t.Context(), adapter.NewSessionToken("nobody", [32]byte{1})))
	return s
}

// onEach returns the IDs of users, one on each server.
func (s sharing) onEach(t *testing.T) (ids []string) {
	t.Helper()
	cluster, ok := s.client.(*goredis.ClusterClient)
	if !ok {
		return []string{"x"}
	}
	seen := map[string]bool{}
	for i := 0; len(ids) < len(nodes(t, cluster)); i++ {
		id := fmt.Sprint("x", i)
		if at := s.at(t, id); !seen[at] {
			seen[at] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// at returns the address of the server that has a user.
func (s sharing) at(t *testing.T, id string) string {
	t.Helper()
	server, err := s.client.(*goredis.ClusterClient).MasterForKey(t.Context(), "{"+id+"}")
	check(t, err)
	return server.Options().Addr
}

// behind returns calls that occupy each server.
func (s sharing) behind(t *testing.T) (calls []func()) {
	for _, id := range s.onEach(t) {
		calls = append(calls, func() { _, _ = s.batched.GetUser(t.Context(), id) })
	}
	return calls
}

// answer is what a call returns, in a form that can be compared.
func answer(records ...any) string { return fmt.Sprintf("%+v", records) }

// Calls that share a request answer as they do alone, whatever is stored, and on a server that has
// lost its scripts.
func TestSharedRequestsAnswerAsThoseOfOneCall(t *testing.T) {
	for _, top := range topologies {
		t.Run(top.name, func(t *testing.T) {
			later := func() time.Time { return time.Now().Add(2 * time.Hour).Truncate(time.Second) }
			s := top.sharing(t, redis.Options{Options: adapter.Options{Clock: later}})
			ctx := t.Context()
			var ids, tokens []string
			for i := range 12 {
				id := fmt.Sprint("u", i)
				m := member{T: t, Adapter: s.plain, id: id, tokens: [3]string{adapter.NewSessionToken(id, [32]byte{1}), adapter.NewSessionToken(id, [32]byte{2}), "elsewhere-" + id}}
				m.Adapter = early{s.plain, time.Now().Add(4 * time.Hour)}
				if i%4 == 0 {
					m.Adapter = s.plain // its sessions have expired
				}
				m.create()
				ids, tokens = append(ids, id), append(tokens, m.tokens[0], m.tokens[2])
			}
			session := func(id string) string {
				return s.prefix + ":s:{" + id + "}:" + adapter.SessionID(adapter.NewSessionToken(id, [32]byte{1}))
			}
			user := func(id string) string { return s.prefix + ":u:{" + id + "}" }
			check(t, s.client.SetRange(ctx, session("u1"), 0, "generation-").Err())
			check(t, s.client.SetRange(ctx, session("u2"), 11, "\xc1").Err())
			check(t, s.client.SetRange(ctx, user("u3"), 11, "\xc1").Err())
			check(t, s.client.Del(ctx, user("u5")).Err())
			check(t, s.client.Del(ctx, user("u6")).Err())
			check(t, s.client.RPush(ctx, user("u6"), "a list").Err())
			check(t, s.client.HSet(ctx, s.prefix+":a:{u7}", "github:u7", "\xc1").Err())
			check(t, s.client.HDel(ctx, s.prefix+":w:{u7}", "u7").Err())
			check(t, s.client.Set(ctx, s.prefix+":e:{u9@example.com}", "short", 0).Err())
			check(t, s.client.Set(ctx, s.prefix+":p:{github:u9}", "12345678901nobody", 0).Err())
			check(t, s.client.Set(ctx, s.prefix+":c:{u9}", "12345678901u10", 0).Err())
			ids, tokens = append(ids, "nobody"), append(tokens, "nobody's", adapter.NewSessionToken("nobody", [32]byte{1}))
			s.gate.before = func() {
				for _, server := range nodes(t, s.client) {
					check(t, server.ScriptFlush(context.Background()).Err())
				}
			}
			for op, read := range map[string]struct {
				keys []string
				call func(a adapter.Adapter, key string) string
			}{
				"GetSessionAndUser": {tokens, func(a adapter.Adapter, key string) string { return answer(a.GetSessionAndUser(ctx, key)) }},
				"GetUser":           {ids, func(a adapter.Adapter, key string) string { return answer(a.GetUser(ctx, key)) }},
				"GetUserByEmail":    {ids, func(a adapter.Adapter, key string) string { return answer(a.GetUserByEmail(ctx, key+"@example.com")) }},
				"GetUserByAccount":  {ids, func(a adapter.Adapter, key string) string { return answer(a.GetUserByAccount(ctx, accountOf(key))) }},
				"GetAccount":        {ids, func(a adapter.Adapter, key string) string { return answer(a.GetAccount(ctx, accountOf(key))) }},
				"GetAuthenticator":  {ids, func(a adapter.Adapter, key string) string { return answer(a.GetAuthenticator(ctx, key)) }},
			} {
				t.Run(op, func(t *testing.T) {
					got := make([]string, len(read.keys))
					var calls []func()
					for i, key := range read.keys {
						calls = append(calls, func() { got[i] = read.call(s.batched, key) })
					}
					s.gate.together(t, s.behind(t), calls)
					for i, key := range read.keys {
						if want := read.call(s.plain, key); got[i] != want {
							t.Errorf("by %q\n  got:  %s\n  want: %s", key, got[i], want)
						}
					}
				})
			}
		})
	}
}

func accountOf(id string) adapter.AccountKey {
	return adapter.AccountKey{Provider: "github", ProviderAccountID: id}
}

// early makes sessions that expire at a time of its own.
type early struct {
	adapter.Adapter
	expires time.Time
}

func (e early) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s.Expires = e.expires
	return e.Adapter.CreateSession(ctx, s)
}

// What the server refuses to one call of a shared MGET is that call's alone.
func TestARefusedKeyIsItsOwnCallsAlone(t *testing.T) {
	s := single.sharing(t, redis.Options{})
	ids := []string{"u0", "u1", "u2", "u3", "refused"}
	tokens := make([]string, len(ids))
	for i, id := range ids {
		_, err := s.plain.CreateUser(t.Context(), adapter.User{ID: id})
		check(t, err)
		se, err := s.plain.CreateSession(t.Context(), adapter.Session{UserID: id, Expires: time.Now().Add(time.Hour)})
		check(t, err)
		tokens[i] = se.SessionToken
	}
	rights := []any{"acl", "setuser", s.prefix, "on", ">secret", "+@all", "%R~" + s.prefix + ":?:{u?}*"}
	check(t, s.client.Do(t.Context(), rights...).Err())
	t.Cleanup(func() { check(t, s.client.Do(context.Background(), "acl", "deluser", s.prefix).Err()) })
	client := as(t, s.client, s.prefix, "secret")
	s.gate = &gate{}
	client.AddHook(s.gate)
	s.batched = open(t, client, redis.Options{Prefix: s.prefix, BatchesInFlight: 1})
	t.Cleanup(func() {
		check(t, s.batched.Close())
		check(t, client.Close())
	})
	errs := make([]error, len(ids))
	var calls []func()
	for i, token := range tokens {
		calls = append(calls, func() { _, _, errs[i] = s.batched.GetSessionAndUser(t.Context(), token) })
	}
	before := func() { _, _ = s.batched.GetUser(t.Context(), "u0") }
	s.gate.together(t, []func(){before}, calls)
	for i, id := range ids {
		if refused := errs[i] != nil; refused != (id == "refused") {
			t.Errorf("the session of %q: %v", id, errs[i])
		}
	}
}

// Those who wait get ErrClosed, and the request that is on its way its answer.
func TestCloseWhileCallsWait(t *testing.T) {
	s := single.sharing(t, redis.Options{})
	_, err := s.plain.CreateUser(t.Context(), adapter.User{ID: "u"})
	check(t, err)
	s.gate.close()
	var running, waiting sync.WaitGroup
	running.Go(func() {
		if _, err := s.batched.GetUser(t.Context(), "u"); err != nil {
			t.Errorf("the call on its way: %v", err)
		}
	})
	s.gate.holds(t, 1)
	for range 8 {
		waiting.Go(func() {
			if _, err := s.batched.GetUser(t.Context(), "u"); !errors.Is(err, adapter.ErrClosed) {
				t.Errorf("a call that waits: %v", err)
			}
		})
	}
	running.Go(func() {
		for range 1000 {
			runtime.Gosched() // to where they wait
		}
		check(t, s.batched.Close())
	})
	waiting.Wait() // also without an answer
	s.gate.open()
	running.Wait()
}

// A request that hangs holds up those who come later for no longer than its callers wait for it.
func TestAHangingRequestHoldsUpNobodyForLong(t *testing.T) {
	s := single.sharing(t, redis.Options{})
	_, err := s.plain.CreateUser(t.Context(), adapter.User{ID: "u"})
	check(t, err)
	s.gate.close()
	var running sync.WaitGroup
	running.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		defer cancel()
		// The second attempt, after half of the time, is not behind the first.
		if _, err := s.batched.GetUser(ctx, "u"); err != nil {
			t.Errorf("the second attempt of a call that hangs: %v", err)
		}
	})
	s.gate.holds(t, 1)
	late := make(chan error)
	go func() {
		_, err := s.batched.GetUser(t.Context(), "u")
		late <- err
	}()
	s.gate.holds(t, 2) // it is sent although the first one still hangs
	s.gate.open()
	check(t, <-late)
	running.Wait()
}

// ofServer is a hook of one server, which answers nothing or fails.
type ofServer struct {
	bad  *atomic.Pointer[string] // its address
	addr string
	fail func() error
}

func (f ofServer) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (f ofServer) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if bad := f.bad.Load(); bad != nil && *bad == f.addr {
			return f.fail()
		}
		return next(ctx, cmd)
	}
}

func (f ofServer) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		if bad := f.bad.Load(); bad != nil && *bad == f.addr {
			err := f.fail()
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

// A server of a Cluster that fails, or does not answer, harms only those who ask for what it has.
func TestAServerHarmsOnlyItsOwnReads(t *testing.T) {
	for name, hangs := range map[string]bool{"it fails": false, "it hangs": true} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			fail := func() error {
				if hangs {
					<-release
				}
				return io.ErrUnexpectedEOF
			}
			var bad atomic.Pointer[string]
			hosts, _ := split(t, cluster.server(t).URL)
			client := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: hosts})
			client.OnNewNode(func(server *goredis.Client) { server.AddHook(ofServer{&bad, server.Options().Addr, fail}) })
			s := sharing{client: client, batched: open(t, client, redis.Options{Prefix: newPrefix()})}
			ids := make([]string, 48)
			for i := range ids {
				ids[i] = fmt.Sprint("u", i)
				_, err := s.batched.CreateUser(t.Context(), adapter.User{ID: ids[i]})
				check(t, err)
			}
			addr := s.at(t, ids[0])
			bad.Store(&addr)
			ctx, leave := context.WithCancel(t.Context())
			var own, others sync.WaitGroup
			for i := range 4 * len(ids) {
				id := ids[i%len(ids)]
				if s.at(t, id) == addr {
					own.Go(func() {
						_, err := s.batched.GetUser(ctx, id)
						if !errors.Is(err, adapter.ErrUnavailable) && !(hangs && (err == nil || errors.Is(err, context.Canceled))) {
							t.Errorf("a user of the server that is away: %v", err)
						}
					})
					continue
				}
				others.Go(func() {
					for range 20 {
						begun := time.Now()
						// In a second a call that hangs is made again, over another connection.
						if _, err := s.batched.GetUser(t.Context(), id); err != nil || time.Since(begun) > 950*time.Millisecond {
							t.Errorf("a user of another server: %v after %v", err, time.Since(begun))
						}
					}
				})
			}
			others.Wait()
			leave()
			own.Wait()
			close(release)
			check(t, s.batched.Close())
			check(t, client.Close())
		})
	}
}

// While a slot moves, reads that share a request are each right: MOVED and ASK are followed, and who has to
// wait for the rest of a user's keys waits alone.
func TestSharedRequestsWhileASlotMoves(t *testing.T) {
	s := cluster.sharing(t, redis.Options{})
	const slot = 4242
	var calls []func()
	var longest atomic.Int64
	for i, id := range append(inSlot(slot, 12), "a", "b", "c", "d") {
		m := member{T: t, Adapter: s.plain, id: id, tokens: [3]string{adapter.NewSessionToken(id, [32]byte{1}), adapter.NewSessionToken(id, [32]byte{2}), "elsewhere-" + id}}
		m.create()
		half := i == 0
		calls = append(calls, func() {
			begun := time.Now()
			got, u, err := s.batched.GetSessionAndUser(t.Context(), m.tokens[0])
			if half {
				m.expect("a read of a user of whom one key has moved", err, adapter.ErrUnavailable)
				return
			}
			if m.expect("a read beside it", err, nil); err == nil && (got.UserID != id || u.ID != id) {
				t.Errorf("got the session and the user of %s and %s, want %s", got.UserID, u.ID, id)
			}
			longest.Store(max(longest.Load(), int64(time.Since(begun))))
		})
	}
	move := begin(t, s.client, slot)
	ids := inSlot(slot, 12)
	move.keys(s.prefix + ":u:{" + ids[0] + "}")
	for _, id := range ids[1:6] {
		move.keys(s.prefix+":u:{"+id+"}", s.prefix+":s:{"+id+"}:"+adapter.SessionID(adapter.NewSessionToken(id, [32]byte{1})))
	}
	s.gate.together(t, s.behind(t), calls)
	if d := time.Duration(longest.Load()); d > 900*time.Millisecond {
		t.Errorf("a read beside one that has to wait took %v", d)
	}
	move.end()
	calls = calls[1:]
	s.gate.together(t, s.behind(t), calls) // the client learns of it by MOVED
}

// A client that asks the servers how to send commands sends MGET in no pipeline.
func TestSharedRequestsByAResolver(t *testing.T) {
	s := cluster.sharing(t, redis.Options{})
	client := s.client.(*goredis.ClusterClient)
	client.SetCommandInfoResolver(client.NewDynamicResolver())
	var calls []func()
	for i := range 12 {
		id := fmt.Sprint("u", i)
		_, err := s.plain.CreateUser(t.Context(), adapter.User{ID: id})
		check(t, err)
		session, err := s.plain.CreateSession(t.Context(), adapter.Session{UserID: id, Expires: time.Now().Add(time.Hour)})
		check(t, err)
		calls = append(calls, func() {
			if _, u, err := s.batched.GetSessionAndUser(t.Context(), session.SessionToken); err != nil || u.ID != id {
				t.Errorf("got the user %q, %v, want %s", u.ID, err, id)
			}
		})
	}
	s.gate.together(t, s.behind(t), calls)
}

// write is a call that changes something of a user, whose ID its tokens have in them.
type write struct {
	name    string
	prepare func(t *testing.T, s sharing, id string)
	call    func(ctx context.Context, a adapter.Adapter, id string) error
}

func own(id string) string { return adapter.NewSessionToken(id, [32]byte{1}) }

func elsewhere(id string) string { return "elsewhere-" + id }

func opens(token func(id string) string) func(ctx context.Context, a adapter.Adapter, id string) error {
	return func(ctx context.Context, a adapter.Adapter, id string) error {
		_, err := a.CreateSession(ctx, adapter.Session{UserID: id, SessionToken: token(id), Expires: time.Now().Add(time.Hour)})
		return err
	}
}

func extends(ctx context.Context, a adapter.Adapter, id string) error {
	got, err := a.UpdateSession(ctx, own(id), adapter.SessionUpdate{Attributes: adapter.Attributes{"agent": "new"}})
	if err == nil && got.Attributes["agent"] != "new" {
		err = fmt.Errorf("UpdateSession returned %v", got.Attributes)
	}
	return err
}

func closes(token func(id string) string) func(ctx context.Context, a adapter.Adapter, id string) error {
	return func(ctx context.Context, a adapter.Adapter, id string) error { return a.DeleteSession(ctx, token(id)) }
}

func mails(ctx context.Context, a adapter.Adapter, id string) error {
	_, err := a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: id, Token: "token", Expires: time.Now().Add(time.Hour)})
	return err
}

func exists(t *testing.T, s sharing, id string) {
	_, err := s.plain.CreateUser(t.Context(), adapter.User{ID: id})
	check(t, err)
}

func signedIn(t *testing.T, s sharing, id string) {
	exists(t, s, id)
	check(t, opens(own)(t.Context(), s.plain, id))
	check(t, opens(elsewhere)(t.Context(), s.plain, id))
}

func (s sharing) userKey(id string) string { return s.prefix + ":u:{" + id + "}" }

// nobody is a user who is not there.
func nobody(*testing.T, sharing, string) {}

var sharedWrites = []write{
	{"CreateSession", exists, opens(own)},
	{"CreateSession, elsewhere", exists, opens(elsewhere)},
	{"CreateSession of nobody", nobody, opens(own)},
	{"CreateSession of a taken token", signedIn, opens(own)},
	{"CreateSession of a taken token, elsewhere", signedIn, opens(elsewhere)},
	{"CreateSession of much", exists, func(ctx context.Context, a adapter.Adapter, id string) error {
		_, err := a.CreateSession(ctx, adapter.Session{
			UserID: id, SessionToken: own(id), Expires: time.Now().Add(time.Hour), Attributes: adapter.Attributes{"much": strings.Repeat("x", 32<<10)},
		})
		return err
	}},
	{"UpdateSession", signedIn, extends},
	{"UpdateSession of none", exists, extends},
	{"DeleteSession", signedIn, closes(own)},
	{"DeleteSession, elsewhere", signedIn, closes(elsewhere)},
	{"DeleteSession of none", exists, closes(own)},
	{"CreateVerificationToken", nobody, mails},
}

// failing are writes that the server begins and gives up.
var failing = []write{
	{"CreateSession of a user that cannot be read", func(t *testing.T, s sharing, id string) {
		check(t, s.client.RPush(t.Context(), s.userKey(id), "a list").Err())
	}, opens(own)},
	{"UpdateSession of one that cannot be read", func(t *testing.T, s sharing, id string) {
		signedIn(t, s, id)
		check(t, s.client.SetRange(t.Context(), s.prefix+":s:{"+id+"}:"+adapter.SessionID(own(id)), 11, "\xc1").Err())
	}, extends},
}

// state is what there is of a user.
func (s sharing) state(t *testing.T, id string) string {
	ctx := t.Context()
	var all []any
	for _, token := range []string{own(id), elsewhere(id)} {
		got, _, err := s.plain.GetSessionAndUser(ctx, token)
		all = append(all, len(got.Attributes), got.Attributes["agent"], err)
	}
	list, err := s.plain.ListSessions(ctx, id)
	all = append(all, len(list), err)
	for range 2 {
		_, err := s.plain.UseVerificationToken(ctx, id, "token")
		all = append(all, err)
	}
	return answer(all...)
}

// Writes that share a request do what they do alone, and answer so, also on a server that has lost
// its scripts, and when the reply is lost.
func TestSharedWritesDoAsThoseOfOneCall(t *testing.T) {
	for _, top := range topologies {
		for how, writes := range map[string][]write{"": slices.Concat(sharedWrites, failing), "scripts are lost": slices.Concat(sharedWrites, failing), "the reply is lost": sharedWrites} {
			t.Run(top.name+" "+how, func(t *testing.T) {
				s := top.sharing(t, redis.Options{})
				s.gate.lost = how == "the reply is lost"
				if how == "scripts are lost" {
					s.gate.before = func() {
						for _, server := range nodes(t, s.client) {
							check(t, server.ScriptFlush(context.Background()).Err())
						}
					}
				}
				var behind, calls []func()
				for _, id := range s.onEach(t) {
					behind = append(behind, func() { _ = s.batched.DeleteSession(t.Context(), own(id)) })
				}
				const round = 4 // of each write, one after the other at a server
				errs := make([]error, round*len(writes))
				for i := range errs {
					w, id := writes[i%len(writes)], fmt.Sprintf("b%02d", i)
					w.prepare(t, s, id)
					calls = append(calls, func() { errs[i] = w.call(t.Context(), s.batched, id) })
				}
				s.gate.together(t, behind, calls)
				for i, err := range errs {
					w, id, alone := writes[i%len(writes)], fmt.Sprintf("b%02d", i), fmt.Sprintf("a%02d", i)
					w.prepare(t, s, alone)
					want := w.call(t.Context(), s.plain, alone)
					got, as := answer(err, s.state(t, id)), answer(want, s.state(t, alone))
					if as = strings.ReplaceAll(as, alone, id); got != as {
						t.Errorf("%s\n  got:  %s\n  want: %s", w.name, got, as)
					}
				}
			})
		}
	}
}

// A write that waits for replicas shares no request: what WAIT says is of the writes of its connection.
func TestWritesThatWaitForReplicasShareNothing(t *testing.T) {
	plain, client, prefix := single.newStore(t, redis.Options{})
	_, err := plain.CreateUser(t.Context(), adapter.User{ID: "u"})
	check(t, err)
	waits := open(t, client, redis.Options{Prefix: prefix, WaitReplicas: 1, WaitTimeout: time.Millisecond, BatchesInFlight: 1})
	var running sync.WaitGroup
	for i := range 64 {
		running.Go(func() {
			token := adapter.NewSessionToken("u", [32]byte{byte(i)})
			_, err := waits.CreateSession(t.Context(), adapter.Session{UserID: "u", SessionToken: token, Expires: time.Now().Add(time.Hour)})
			if !errors.Is(err, adapter.ErrUnavailable) {
				t.Errorf("a write that no replica has: %v", err)
			}
		})
	}
	running.Wait()
	check(t, waits.Close())
}
