package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/redis"
	"github.com/authstore/authstore/redis/internal/hashslot"
)

// move is a slot that is moving from one server to another.
type move struct {
	*testing.T
	slot     int
	from, to *goredis.Client
	all      []*goredis.Client
}

// begin begins to move a slot.
func begin(t *testing.T, client goredis.UniversalClient, slot int) *move {
	t.Helper()
	m := &move{T: t, slot: slot, all: nodes(t, client)}
	for _, node := range m.all {
		if has(t, node, slot) {
			m.from = node
		} else {
			m.to = node
		}
	}
	check(t, m.from.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "MIGRATING", id(t, m.to)).Err())
	check(t, m.to.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "IMPORTING", id(t, m.from)).Err())
	t.Cleanup(m.end)
	return m
}

func id(t *testing.T, node *goredis.Client) string {
	t.Helper()
	id, err := node.Do(context.Background(), "CLUSTER", "MYID").Text()
	check(t, err)
	return id
}

// has reports whether a server says that it has a slot.
func has(t *testing.T, node *goredis.Client, slot int) bool {
	t.Helper()
	list, err := node.ClusterNodes(context.Background()).Result()
	check(t, err)
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if !strings.Contains(fields[2], "myself") {
			continue
		}
		for _, span := range fields[8:] {
			first, last, several := strings.Cut(span, "-")
			if !several {
				last = first
			}
			a, err1 := strconv.Atoi(first)
			b, err2 := strconv.Atoi(last)
			if err1 == nil && err2 == nil && a <= slot && slot <= b {
				return true
			}
		}
	}
	return false
}

// keys moves keys, as redis-cli does.
func (m *move) keys(keys ...string) {
	m.Helper()
	if len(keys) == 0 {
		return
	}
	host, port, _ := strings.Cut(m.to.Options().Addr, ":")
	args := []any{"MIGRATE", host, port, "", 0, 10000, "KEYS"}
	for _, k := range keys {
		args = append(args, k)
	}
	if err := m.from.Do(context.Background(), args...).Err(); err != nil {
		m.Errorf("MIGRATE: %v", err) // BUSYKEY: both servers have it
	}
}

// end moves what is left, and gives the slot to the other server.
func (m *move) end() {
	if m.to == nil {
		return
	}
	for {
		keys, err := m.from.ClusterGetKeysInSlot(context.Background(), m.slot, 100).Result()
		check(m.T, err)
		if len(keys) == 0 {
			break
		}
		if m.keys(keys...); m.Failed() {
			break
		}
	}
	for _, node := range append([]*goredis.Client{m.to, m.from}, m.all...) {
		check(m.T, node.Do(context.Background(), "CLUSTER", "SETSLOT", m.slot, "NODE", id(m.T, m.to)).Err())
	}
	m.to = nil
}

// inSlot returns IDs of users that are in one slot.
func inSlot(slot, n int) []string {
	ids := make([]string, 0, n)
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprint("m", i); hashslot.Of(id) == slot {
			ids = append(ids, id)
		}
	}
	return ids
}

// held is a call on a user whose keys are on two servers.
type held struct {
	name string
	call func(m member) error
	done func(m member) // fails the test unless everything is done
	read bool           // an answer must be right
}

// member is a user with an account, a passkey and three sessions.
type member struct {
	*testing.T
	adapter.Adapter
	id     string
	tokens [3]string // the last one was made elsewhere
}

func (m member) email() string { return m.id + "@example.com" }

func (m member) account() adapter.AccountKey {
	return adapter.AccountKey{Provider: "github", ProviderAccountID: m.id}
}

func (m member) create() {
	ctx := m.Context()
	_, _, err := m.CreateUserWithAccount(ctx, adapter.User{ID: m.id, Email: m.email()},
		adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: m.id})
	check(m.T, err)
	_, err = m.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: m.id, UserID: m.id, ProviderAccountID: "p", CredentialPublicKey: "k", CredentialDeviceType: "singleDevice"})
	check(m.T, err)
	for _, token := range m.tokens {
		_, err = m.CreateSession(ctx, adapter.Session{UserID: m.id, SessionToken: token, Expires: time.Now().Add(time.Hour)})
		check(m.T, err)
	}
}

func (m member) open(token string) error {
	_, _, err := m.GetSessionAndUser(m.Context(), token)
	return err
}

func (m member) expect(what string, err, want error) {
	m.Helper()
	if !errors.Is(err, want) {
		m.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func (m member) sessions() int {
	list, err := m.ListSessions(m.Context(), m.id)
	m.expect("ListSessions", err, nil)
	return len(list)
}

// holds has every call on a user.
var holds = []held{
	{"GetUser", func(m member) error { _, err := m.GetUser(m.Context(), m.id); return err }, func(member) {}, true},
	{"GetUserByEmail", func(m member) error { _, err := m.GetUserByEmail(m.Context(), m.email()); return err }, func(member) {}, true},
	{"GetUserByAccount", func(m member) error { _, err := m.GetUserByAccount(m.Context(), m.account()); return err }, func(member) {}, true},
	{"GetAccount", func(m member) error { _, err := m.GetAccount(m.Context(), m.account()); return err }, func(member) {}, true},
	{"ListAccounts", func(m member) error {
		list, err := m.ListAccounts(m.Context(), m.id)
		if err == nil && len(list) != 1 {
			err = fmt.Errorf("%d accounts", len(list))
		}
		return err
	}, func(member) {}, true},
	{"GetSessionAndUser", func(m member) error { return m.open(m.tokens[0]) }, func(member) {}, true},
	{"GetSessionAndUser (elsewhere)", func(m member) error { return m.open(m.tokens[2]) }, func(member) {}, true},
	{"ListSessions", func(m member) error {
		list, err := m.ListSessions(m.Context(), m.id)
		if err == nil && len(list) != 3 {
			err = fmt.Errorf("%d sessions", len(list))
		}
		return err
	}, func(member) {}, true},
	{"ListAuthenticators", func(m member) error {
		list, err := m.ListAuthenticators(m.Context(), m.id)
		if err == nil && len(list) != 1 {
			err = fmt.Errorf("%d authenticators", len(list))
		}
		return err
	}, func(member) {}, true},
	{"UpdateUser", func(m member) error {
		name := "Ada"
		_, err := m.UpdateUser(m.Context(), m.id, adapter.UserUpdate{Name: &name})
		return err
	}, func(m member) {
		u, err := m.GetUser(m.Context(), m.id)
		m.expect("GetUser", err, nil)
		if u.Name != "Ada" {
			m.Errorf("the name is %q", u.Name)
		}
	}, false},
	{"UpdateUser (e-mail)", func(m member) error {
		email := "new-" + m.email()
		_, err := m.UpdateUser(m.Context(), m.id, adapter.UserUpdate{Email: &email})
		return err
	}, func(m member) {
		_, err := m.GetUserByEmail(m.Context(), "new-"+m.email())
		m.expect("GetUserByEmail", err, nil)
	}, false},
	{"DeleteUser", func(m member) error { return m.DeleteUser(m.Context(), m.id) }, func(m member) {
		_, err := m.GetUser(m.Context(), m.id)
		m.expect("GetUser", err, adapter.ErrNotFound)
		for _, token := range m.tokens {
			m.expect("GetSessionAndUser", m.open(token), adapter.ErrNotFound)
		}
		_, err = m.CreateUser(m.Context(), adapter.User{ID: m.id, Email: m.email()})
		m.expect("CreateUser", err, nil)
		for _, token := range m.tokens {
			m.expect("GetSessionAndUser of the next user", m.open(token), adapter.ErrNotFound)
		}
	}, false},
	{"LinkAccount", func(m member) error {
		_, err := m.LinkAccount(m.Context(), adapter.Account{UserID: m.id, Type: adapter.AccountOAuth, Provider: "gitlab", ProviderAccountID: m.id})
		return err
	}, func(m member) {
		list, err := m.ListAccounts(m.Context(), m.id)
		m.expect("ListAccounts", err, nil)
		if len(list) != 2 {
			m.Errorf("%d accounts, want 2", len(list))
		}
	}, false},
	{"UpdateAccount", func(m member) error {
		scope := "all"
		_, err := m.UpdateAccount(m.Context(), m.account(), adapter.AccountUpdate{Scope: &scope})
		return err
	}, func(m member) {
		a, err := m.GetAccount(m.Context(), m.account())
		m.expect("GetAccount", err, nil)
		if a.Scope != "all" {
			m.Errorf("the scope is %q", a.Scope)
		}
	}, false},
	{"UnlinkAccount", func(m member) error { return m.UnlinkAccount(m.Context(), m.account()) }, func(m member) {
		_, err := m.GetAccount(m.Context(), m.account())
		m.expect("GetAccount", err, adapter.ErrNotFound)
	}, false},
	{"UpdateAuthenticatorCounter", func(m member) error {
		_, err := m.UpdateAuthenticatorCounter(m.Context(), m.id, 7)
		return err
	}, func(m member) {
		a, err := m.GetAuthenticator(m.Context(), m.id)
		m.expect("GetAuthenticator", err, nil)
		if a.Counter != 7 {
			m.Errorf("the counter is %d", a.Counter)
		}
	}, false},
	{"UpdateAuthenticator", func(m member) error {
		_, err := m.UpdateAuthenticator(m.Context(), m.id, adapter.AuthenticatorUpdate{CredentialBackedUp: new(true)})
		return err
	}, func(m member) {
		a, err := m.GetAuthenticator(m.Context(), m.id)
		m.expect("GetAuthenticator", err, nil)
		if !a.CredentialBackedUp {
			m.Errorf("it is not backed up")
		}
	}, false},
	{"CreateSession", func(m member) error {
		_, err := m.CreateSession(m.Context(), adapter.Session{UserID: m.id, Expires: time.Now().Add(time.Hour)})
		return err
	}, func(m member) {
		if n := m.sessions(); n < 4 {
			m.Errorf("%d sessions, want 4", n)
		}
	}, false},
	{"UpdateSession", func(m member) error {
		at := time.Now().Add(9 * time.Hour)
		_, err := m.UpdateSession(m.Context(), m.tokens[0], adapter.SessionUpdate{Expires: &at})
		return err
	}, func(m member) {
		s, _, err := m.GetSessionAndUser(m.Context(), m.tokens[0])
		m.expect("GetSessionAndUser", err, nil)
		if time.Until(s.Expires) < 8*time.Hour {
			m.Errorf("the session was not extended")
		}
	}, false},
	{"DeleteSession", func(m member) error { return m.DeleteSession(m.Context(), m.tokens[0]) }, func(m member) {
		m.expect("GetSessionAndUser", m.open(m.tokens[0]), adapter.ErrNotFound)
		m.expect("GetSessionAndUser of another", m.open(m.tokens[1]), nil)
	}, false},
	{"DeleteSession (elsewhere)", func(m member) error { return m.DeleteSession(m.Context(), m.tokens[2]) }, func(m member) {
		m.expect("GetSessionAndUser", m.open(m.tokens[2]), adapter.ErrNotFound)
	}, false},
	{"DeleteSessionByID", func(m member) error {
		return m.DeleteSessionByID(m.Context(), m.id, adapter.SessionID(m.tokens[2]))
	}, func(m member) { m.expect("GetSessionAndUser", m.open(m.tokens[2]), adapter.ErrNotFound) }, false},
	{"DeleteSessions", func(m member) error { return m.DeleteSessions(m.Context(), m.id) }, func(m member) {
		for _, token := range m.tokens {
			m.expect("GetSessionAndUser", m.open(token), adapter.ErrNotFound)
		}
		if n := m.sessions(); n != 0 {
			m.Errorf("%d sessions are listed", n)
		}
	}, false},
	{"DeleteSessions but one", func(m member) error { return m.DeleteSessions(m.Context(), m.id, m.tokens[0]) }, func(m member) {
		m.expect("GetSessionAndUser of the one", m.open(m.tokens[0]), nil)
		m.expect("GetSessionAndUser", m.open(m.tokens[1]), adapter.ErrNotFound)
		m.expect("GetSessionAndUser", m.open(m.tokens[2]), adapter.ErrNotFound)
		if n := m.sessions(); n != 1 {
			m.Errorf("%d sessions are listed, want the one", n)
		}
	}, false},
}

// A slot has moved half way, with any one of a user's keys moved or left, or all or none. Each
// call is right or ErrUnavailable, no key ends up on both servers, and afterwards each call does
// all of its work.
func TestAHalfMovedUserIsWholeOrUnavailable(t *testing.T) {
	store, client, prefix := cluster.newStore(t, redis.Options{})
	const slot = 4242
	splits := func(keys []string) [][]string {
		all := [][]string{nil, keys}
		for i := range keys {
			all = append(all, keys[i:i+1], slices.Delete(slices.Clone(keys), i, i+1))
		}
		return all
	}
	keysOf := func(m member) []string {
		var keys []string
		for _, kind := range []string{"u", "a", "w", "l"} {
			keys = append(keys, prefix+":"+kind+":{"+m.id+"}")
		}
		for _, token := range m.tokens {
			keys = append(keys, prefix+":s:{"+m.id+"}:"+adapter.SessionID(token))
		}
		return keys
	}
	n := len(splits(make([]string, 7)))
	ids := inSlot(slot, len(holds)*n)
	members := make([]member, len(ids))
	var making sync.WaitGroup
	for i, id := range ids {
		members[i] = member{t, store, id, [3]string{adapter.NewSessionToken(id, [32]byte{1}), adapter.NewSessionToken(id, [32]byte{2}), "elsewhere-" + prefix + id}}
		making.Go(members[i].create)
	}
	making.Wait()

	m := begin(t, client, slot)
	for i, who := range members {
		m.keys(splits(keysOf(who))[i%n]...)
	}
	answers := make([]error, len(ids))
	var calls sync.WaitGroup
	for i, who := range members {
		calls.Go(func() { answers[i] = holds[i/n].call(who) })
	}
	calls.Wait()
	m.end()

	unavailable := 0
	for i, who := range members {
		h := holds[i/n]
		if err := answers[i]; errors.Is(err, adapter.ErrUnavailable) {
			unavailable++
			who.expect(h.name+" again", h.call(who), nil)
		} else if err != nil {
			t.Errorf("%s with %d of the keys moved: got %v, want nil or ErrUnavailable", h.name, len(splits(keysOf(who))[i%n]), err)
		}
		if h.done(who); t.Failed() {
			t.Fatalf("%s, split %d", h.name, i%n)
		}
	}
	t.Logf("%d of %d calls were ErrUnavailable", unavailable, len(ids))
}

// Slots move by redis-cli while people sign up, in and out: no answer is wrong, and no
// reshard fails.
func TestReshardUnderLoad(t *testing.T) {
	const reshards, slots, workers = 6, 40, 8
	store, client, prefix := cluster.newStore(t, redis.Options{})
	server := cluster.server(t)
	hosts, _ := split(t, server.URL)
	ids := make([][]string, slots)
	for slot := range ids {
		ids[slot] = inSlot(slot, workers)
		company(t, client, prefix, ids[slot][0])
	}
	var calls, unavailable atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	for w := range workers {
		load.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				id := ids[random.IntN(slots)][w]
				l := lifetime{member: member{T: t, Adapter: store, id: id}, calls: &calls, unavailable: &unavailable}
				for i := range l.tokens {
					l.tokens[i] = adapter.NewSessionToken(id, [32]byte{byte(i), byte(random.Uint64()), byte(random.Uint64())})
				}
				l.tokens[2] += "-elsewhere"
				l.live()
			}
		})
	}
	for i := range reshards {
		if err := reshard(t, server, client, hosts[0], slots, i); err != nil {
			t.Errorf("reshard %d: %v", i, err)
			break
		}
	}
	close(stop)
	load.Wait()
	if out, err := server.Exec(t, "redis-cli", "--cluster", "check", hosts[0]); err != nil {
		t.Errorf("check: %v\n%s", err, out)
	}
	t.Logf("%d calls during %d reshards, %d attempts were ErrUnavailable", calls.Load(), reshards, unavailable.Load())
	if calls.Load() < 1000 {
		t.Errorf("only %d calls", calls.Load())
	}
}

// company writes other keys into the slot of a hash tag, so that moving it takes a while.
func company(t *testing.T, client goredis.UniversalClient, prefix, tag string) {
	t.Helper()
	_, err := client.Pipelined(t.Context(), func(p goredis.Pipeliner) error {
		for i := range 150 {
			p.Set(t.Context(), fmt.Sprintf("%s:company:{%s}:%d", prefix, hashslot.Tag(tag), i), "x", time.Hour)
		}
		return nil
	})
	check(t, err)
}

// reshard moves the first slots to another server.
func reshard(t *testing.T, server engine.Server, client goredis.UniversalClient, host string, slots, i int) error {
	masters := nodes(t, client)
	from := masters[slices.IndexFunc(masters, func(c *goredis.Client) bool { return has(t, c, 0) })]
	to := masters[i%len(masters)]
	if to.Options().Addr == from.Options().Addr {
		to = masters[(i+1)%len(masters)]
	}
	out, err := server.Exec(t, "redis-cli", "--cluster", "reshard", host, "--cluster-from", id(t, from), "--cluster-to", id(t, to),
		"--cluster-slots", strconv.Itoa(slots), "--cluster-yes")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out[max(0, len(out)-500):])
	}
	return nil
}

// lifetime is a member from the sign-up to the deletion.
type lifetime struct {
	member
	calls, unavailable *atomic.Int64
}

// do repeats a call until it is answered, and fails the test unless the answer is want, or
// after if an earlier attempt may have been applied.
func (l lifetime) do(name string, want, after error, call func() error) {
	for applied := false; ; applied = true {
		l.calls.Add(1)
		err := call()
		switch {
		case errors.Is(err, adapter.ErrUnavailable):
			l.unavailable.Add(1)
			continue
		case applied && after != nil && errors.Is(err, after), errors.Is(err, want) && (want != nil || err == nil):
		default:
			l.Errorf("%s: got %v, want %v", name, err, want)
		}
		return
	}
}

func (l lifetime) ok(name string, call func() error) { l.do(name, nil, nil, call) }

// made creates something unique, which a repetition may find.
func (l lifetime) made(name string, call func() error) { l.do(name, nil, adapter.ErrConflict, call) }

func (l lifetime) gone(name string, call func() error) { l.do(name, adapter.ErrNotFound, nil, call) }

func (l lifetime) opens(token string) func() error { return func() error { return l.open(token) } }

func (l lifetime) live() {
	ctx := context.WithoutCancel(l.Context())
	l.made("CreateUserWithAccount", func() error {
		_, _, err := l.CreateUserWithAccount(ctx, adapter.User{ID: l.id, Email: l.email()},
			adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: l.id})
		return err
	})
	l.made("CreateAuthenticator", func() error {
		_, err := l.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: l.id, UserID: l.id, ProviderAccountID: "p", CredentialPublicKey: "k", CredentialDeviceType: "singleDevice"})
		return err
	})
	for _, token := range l.tokens {
		l.made("CreateSession", func() error {
			_, err := l.CreateSession(ctx, adapter.Session{UserID: l.id, SessionToken: token, Expires: time.Now().Add(time.Hour)})
			return err
		})
		l.ok("GetSessionAndUser", l.opens(token))
	}
	for _, h := range holds {
		if h.read {
			l.ok(h.name, func() error { return h.call(l.member) })
		}
	}
	l.ok("UpdateAccount", func() error {
		scope := "all"
		_, err := l.UpdateAccount(ctx, l.account(), adapter.AccountUpdate{Scope: &scope})
		return err
	})
	l.made("UpdateAuthenticatorCounter", func() error {
		_, err := l.UpdateAuthenticatorCounter(ctx, l.id, 7)
		return err
	})
	l.ok("UpdateUser (e-mail)", func() error {
		email := "new-" + l.email()
		_, err := l.UpdateUser(ctx, l.id, adapter.UserUpdate{Email: &email})
		return err
	})
	l.gone("GetUserByEmail", func() error { _, err := l.GetUserByEmail(ctx, l.email()); return err })
	at := time.Now().Add(2 * time.Hour)
	l.ok("UpdateSession", func() error {
		_, err := l.UpdateSession(ctx, l.tokens[2], adapter.SessionUpdate{Expires: &at})
		return err
	})
	l.ok("DeleteSession", func() error { return l.DeleteSession(ctx, l.tokens[0]) })
	l.gone("GetSessionAndUser after DeleteSession", l.opens(l.tokens[0]))
	l.ok("GetSessionAndUser", l.opens(l.tokens[2]))
	l.ok("DeleteSessions", func() error { return l.DeleteSessions(ctx, l.id, l.tokens[1]) })
	l.gone("GetSessionAndUser after DeleteSessions", l.opens(l.tokens[2]))
	l.ok("GetSessionAndUser of the one that is kept", l.opens(l.tokens[1]))
	l.ok("DeleteUser", func() error { return l.DeleteUser(ctx, l.id) })
	l.gone("GetSessionAndUser after DeleteUser", l.opens(l.tokens[1]))
	l.gone("GetUserByAccount", func() error { _, err := l.GetUserByAccount(ctx, l.account()); return err })
}

// Writes that wait for replicas follow a slot that moves, at once.
func TestWritesThatWaitFollowASlot(t *testing.T) {
	store, _, prefix := cluster.newStore(t, redis.Options{WaitReplicas: 1, WaitTimeout: 10 * time.Second})
	other := cluster.open(t, cluster.server(t).URL) // so that the store's client learns nothing
	defer other.Close()
	const slot = 4243
	id := inSlot(slot, 1)[0]
	w := world{T: t, Adapter: store}
	send := func(token string) {
		_, err := w.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: id, Token: token, Expires: time.Now().Add(time.Hour)})
		w.must(err)
	}
	_, err := w.CreateUser(t.Context(), adapter.User{ID: id})
	w.must(err)
	send("t1")
	send("t2")

	m := begin(t, other, slot)
	m.keys(prefix + ":v:{" + id + "}")
	_, err = w.UseVerificationToken(t.Context(), id, "t1") // which has moved
	w.must(err)
	m.end()
	begun := time.Now()
	_, err = w.UseVerificationToken(t.Context(), id, "t2")
	w.must(err)
	name := "Ada"
	_, err = w.UpdateUser(t.Context(), id, adapter.UserUpdate{Name: &name})
	w.must(err)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v to follow the slot", took)
	}
}

// A lost connection is replaced for writes that wait as well.
func TestWritesThatWaitSurviveALostConnection(t *testing.T) {
	store, client, _ := cluster.newStore(t, redis.Options{WaitReplicas: 1, WaitTimeout: 10 * time.Second})
	w := world{T: t, Adapter: store}
	w.must(w.create())
	for range 3 {
		for _, node := range nodes(t, client) {
			_ = node.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err()
		}
		w.must(w.rename("B"))
	}
}
