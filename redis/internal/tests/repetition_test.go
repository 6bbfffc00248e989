package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/redis"
)

// rig makes one write of a client go wrong on the wire, below the client's retries: the reply is
// lost, after something else was done, or the request arrives last of all.
type rig struct {
	mu      sync.Mutex
	mark    []byte // in the request to go wrong; nil if none is
	late    bool
	between func() // runs before the client notices that the reply is lost

	held    []byte // the late request
	address string // its server
}

type rigged struct {
	net.Conn
	*rig
	lost   bool
	missed sync.Once
}

func (r *rig) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &rigged{Conn: conn, rig: r}, nil
}

func (c *rigged) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark == nil || !bytes.Contains(b, c.mark) {
		return c.Conn.Write(b)
	}
	c.mark, c.lost = nil, true
	if c.late {
		c.held, c.address = bytes.Clone(b), c.RemoteAddr().String()
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *rigged) Read(b []byte) (int, error) {
	if !c.lost {
		return c.Conn.Read(b)
	}
	c.missed.Do(func() {
		if !c.late {
			_, _ = c.Conn.Read(b) // the server has applied it
			c.between()
		}
		_ = c.Close()
	})
	return 0, io.EOF
}

// arrive delivers the late request.
func (r *rig) arrive(t *testing.T) {
	t.Helper()
	if r.held == nil {
		t.Fatal("no request was held")
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.address)
	check(t, err)
	defer conn.Close()
	_, err = conn.Write(r.held)
	check(t, err)
	_, err = conn.Read(make([]byte, 4096))
	check(t, err)
}

// client returns a client of a topology on the rig.
func (r *rig) client(t *testing.T, top topology) goredis.UniversalClient {
	const soon = time.Millisecond // between retries
	if top.name == cluster.name {
		hosts, _ := split(t, top.server(t).URL)
		return goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: hosts, Dialer: r.dial, MinRetryBackoff: soon, MaxRetryBackoff: soon})
	}
	o, err := goredis.ParseURL(top.server(t).URL)
	check(t, err)
	o.Dialer, o.MinRetryBackoff, o.MaxRetryBackoff = r.dial, soon, soon
	return goredis.NewClient(o)
}

// repeated is a call that the client makes twice, and what another one does in between. The
// effect of the other one must remain.
type repeated struct {
	name           string
	setUp          func(w world)
	call           func(w world) error
	between, check func(w world)

	unknown bool // the lost reply cannot be given again
}

// world is a store with a user, and the test.
type world struct {
	*testing.T
	adapter.Adapter
	token string
}

func (w world) must(err error) {
	w.Helper()
	if err != nil {
		w.Error(err)
	}
}

func (w world) want(what string, got, want any) {
	w.Helper()
	if got != want {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (w world) user() adapter.User {
	w.Helper()
	u, err := w.GetUser(w.Context(), "u")
	w.must(err)
	return u
}

func (w world) gone(what string, err error) {
	w.Helper()
	if !errors.Is(err, adapter.ErrNotFound) {
		w.Errorf("%s: got %v, want ErrNotFound", what, err)
	}
}

func (w world) rename(name string) error {
	u, err := w.UpdateUser(w.Context(), "u", adapter.UserUpdate{Name: &name})
	if err == nil && u.Name != name {
		err = fmt.Errorf("it answered with the name %q, want %q", u.Name, name)
	}
	return err
}

func (w world) move(email string) error {
	u, err := w.UpdateUser(w.Context(), "u", adapter.UserUpdate{Email: &email})
	if err == nil && u.Email != email {
		err = errors.New("it answered with another address")
	}
	return err
}

var github = adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}

func (w world) link() error {
	_, err := w.LinkAccount(w.Context(), adapter.Account{UserID: "u", Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"})
	return err
}

func (w world) unlink() error { return w.UnlinkAccount(w.Context(), github) }

func (w world) scope(scope string) error {
	_, err := w.UpdateAccount(w.Context(), github, adapter.AccountUpdate{Scope: &scope})
	return err
}

func (w world) passkey() error {
	_, err := w.CreateAuthenticator(w.Context(), adapter.Authenticator{
		CredentialID: "c", UserID: "u", ProviderAccountID: "p", CredentialPublicKey: "k", CredentialDeviceType: "singleDevice",
	})
	return err
}

func (w world) count(n uint32) error {
	_, err := w.UpdateAuthenticatorCounter(w.Context(), "c", n)
	return err
}

func (w world) backUp(is bool) error {
	_, err := w.UpdateAuthenticator(w.Context(), "c", adapter.AuthenticatorUpdate{CredentialBackedUp: &is})
	return err
}

func (w world) signIn(token string) error {
	_, err := w.CreateSession(w.Context(), adapter.Session{UserID: "u", SessionToken: token, Expires: time.Now().Add(time.Hour)})
	return err
}

func (w world) open(token string) error {
	_, _, err := w.GetSessionAndUser(w.Context(), token)
	return err
}

func (w world) extend(d time.Duration) error {
	at := time.Now().Add(d)
	_, err := w.UpdateSession(w.Context(), w.token, adapter.SessionUpdate{Expires: &at})
	return err
}

func (w world) send() error {
	_, err := w.CreateVerificationToken(w.Context(), adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: time.Now().Add(time.Hour)})
	return err
}

func (w world) use() error {
	_, err := w.UseVerificationToken(w.Context(), "ada", "t")
	return err
}

func (w world) create() error {
	_, err := w.CreateUser(w.Context(), adapter.User{ID: "u", Email: "ada@example.com"})
	return err
}

func nothing(world) {}

// repetitions has every kind of write.
var repetitions = []repeated{
	{"UpdateUser", nothing, func(w world) error { return w.rename("A") }, func(w world) { w.must(w.rename("B")) },
		func(w world) { w.want("name", w.user().Name, "B") }, true},
	{"UpdateUser after a deletion", nothing, func(w world) error { return w.rename("A") }, func(w world) { w.must(w.DeleteUser(w.Context(), "u")) },
		func(w world) { w.gone("GetUser", w.rename("C")) }, true},
	{"UpdateUser (e-mail)", nothing, func(w world) error { return w.move("a@example.com") }, func(w world) { w.must(w.move("b@example.com")) },
		func(w world) {
			w.want("address", w.user().Email, "b@example.com")
			_, err := w.GetUserByEmail(w.Context(), "a@example.com")
			w.gone("GetUserByEmail", err)
		}, true},
	{"UpdateUser (e-mail) before another field", nothing, func(w world) error { return w.move("a@example.com") }, func(w world) { w.must(w.rename("B")) },
		func(w world) {
			w.want("name", w.user().Name, "B")
			w.want("address", w.user().Email, "a@example.com")
			_, err := w.CreateUser(w.Context(), adapter.User{ID: "v", Email: "a@example.com"})
			w.want("another's sign-up with the address is a conflict", errors.Is(err, adapter.ErrConflict), true)
			found, err := w.GetUserByEmail(w.Context(), "a@example.com")
			w.must(err)
			w.want("who has the address", found.ID, "u")
		}, true},
	{"CreateUser after a deletion", func(w world) { w.must(w.DeleteUser(w.Context(), "u")) }, world.create,
		func(w world) { w.must(w.DeleteUser(w.Context(), "u")) },
		func(w world) {
			_, err := w.GetUser(w.Context(), "u")
			w.gone("GetUser", err)
			_, err = w.CreateUser(w.Context(), adapter.User{ID: "v", Email: "ada@example.com"})
			w.must(err)
		}, false},
	{"CreateUser after a change", func(w world) { w.must(w.DeleteUser(w.Context(), "u")) }, world.create,
		func(w world) { w.must(w.move("b@example.com")) }, func(w world) { w.want("address", w.user().Email, "b@example.com") }, false},
	{"DeleteUser", nothing, func(w world) error { return w.DeleteUser(w.Context(), "u") }, func(w world) { w.must(w.create()) },
		func(w world) { w.want("ID", w.user().ID, "u") }, false},
	{"LinkAccount", nothing, world.link, func(w world) { w.must(w.unlink()) }, func(w world) {
		_, err := w.GetAccount(w.Context(), github)
		w.gone("GetAccount", err)
	}, false},
	{"UnlinkAccount", func(w world) { w.must(w.link()) }, world.unlink, func(w world) { w.must(w.link()) }, func(w world) {
		_, err := w.GetAccount(w.Context(), github)
		w.must(err)
	}, false},
	{"UpdateAccount", func(w world) { w.must(w.link()) }, func(w world) error { return w.scope("A") }, func(w world) { w.must(w.scope("B")) },
		func(w world) {
			a, err := w.GetAccount(w.Context(), github)
			w.must(err)
			w.want("scope", a.Scope, "B")
		}, true},
	{"UpdateAccount after its end", func(w world) { w.must(w.link()) }, func(w world) error { return w.scope("A") }, func(w world) { w.must(w.unlink()) },
		func(w world) { w.gone("UpdateAccount", w.scope("C")) }, true},
	{"UpdateSession after its end", func(w world) { w.must(w.signIn(w.token)) }, func(w world) error { return w.extend(2 * time.Hour) },
		func(w world) { w.must(w.DeleteSessions(w.Context(), "u")) }, func(w world) { w.gone("UpdateSession", w.extend(time.Hour)) }, true},
	{"UpdateAuthenticatorCounter after its end", func(w world) { w.must(w.passkey()) }, func(w world) error { return w.count(5) },
		func(w world) { w.must(w.DeleteAuthenticator(w.Context(), "c")) }, func(w world) { w.gone("UpdateAuthenticatorCounter", w.count(9)) }, true},
	{"CreateAuthenticator", nothing, world.passkey, func(w world) { w.must(w.DeleteAuthenticator(w.Context(), "c")) },
		func(w world) { w.gone("UpdateAuthenticatorCounter", w.count(1)) }, false},
	{"DeleteAuthenticator", func(w world) { w.must(w.passkey()) }, func(w world) error { return w.DeleteAuthenticator(w.Context(), "c") },
		func(w world) { w.must(w.passkey()) }, func(w world) { w.must(w.count(1)) }, false},
	{"UpdateAuthenticatorCounter", func(w world) { w.must(w.passkey()) }, func(w world) error { return w.count(5) }, func(w world) { w.must(w.count(6)) },
		func(w world) {
			a, err := w.GetAuthenticator(w.Context(), "c")
			w.must(err)
			w.want("counter", a.Counter, uint32(6))
		}, false},
	{"UpdateAuthenticatorCounter beside UpdateAuthenticator", func(w world) { w.must(w.passkey()) }, func(w world) error { return w.count(5) },
		func(w world) { w.must(w.backUp(true)) }, func(w world) {
			a, err := w.GetAuthenticator(w.Context(), "c")
			w.must(err)
			w.want("backed up", a.CredentialBackedUp, true)
			w.want("counter", a.Counter, uint32(5))
		}, true},
	{"UpdateAuthenticator", func(w world) { w.must(w.passkey()) }, func(w world) error { return w.backUp(true) }, func(w world) { w.must(w.backUp(false)) },
		func(w world) {
			a, err := w.GetAuthenticator(w.Context(), "c")
			w.must(err)
			w.want("backed up", a.CredentialBackedUp, false)
		}, true},
	{"UpdateAuthenticator after its end", func(w world) { w.must(w.passkey()) }, func(w world) error { return w.backUp(true) },
		func(w world) { w.must(w.DeleteAuthenticator(w.Context(), "c")) }, func(w world) { w.gone("UpdateAuthenticator", w.backUp(true)) }, true},
	{"CreateUserWithAuthenticator after its end", nothing, func(w world) error {
		_, _, err := w.CreateUserWithAuthenticator(w.Context(), adapter.User{ID: "v"}, adapter.Authenticator{CredentialID: "c", CredentialPublicKey: "k"})
		return err
	}, func(w world) { w.must(w.DeleteUser(w.Context(), "v")) }, func(w world) { w.must(w.passkey()) }, false},
	{"CreateSession", nothing, func(w world) error { return w.signIn(w.token) }, func(w world) { w.must(w.DeleteSession(w.Context(), w.token)) },
		func(w world) { w.gone("GetSessionAndUser", w.open(w.token)) }, false},
	{"UpdateSession", func(w world) { w.must(w.signIn(w.token)) }, func(w world) error { return w.extend(2 * time.Hour) },
		func(w world) { w.must(w.extend(5 * time.Hour)) }, func(w world) {
			s, _, err := w.GetSessionAndUser(w.Context(), w.token)
			w.must(err)
			w.want("extended", time.Until(s.Expires) > 4*time.Hour, true)
		}, true},
	{"DeleteSession", func(w world) { w.must(w.signIn(w.token)) }, func(w world) error { return w.DeleteSession(w.Context(), w.token) },
		func(w world) { w.must(w.signIn(w.token)) }, func(w world) { w.must(w.open(w.token)) }, false},
	{"DeleteSessionByID", func(w world) { w.must(w.signIn(w.token)) },
		func(w world) error { return w.DeleteSessionByID(w.Context(), "u", adapter.SessionID(w.token)) },
		func(w world) { w.must(w.signIn(w.token)) }, func(w world) { w.must(w.open(w.token)) }, false},
	{"DeleteSessions", nothing, func(w world) error { return w.DeleteSessions(w.Context(), "u") },
		func(w world) { w.must(w.signIn(w.token)) }, func(w world) { w.must(w.open(w.token)) }, false},
	{"DeleteSessions but one", func(w world) { w.must(w.signIn(w.token)) }, func(w world) error { return w.DeleteSessions(w.Context(), "u", w.token) },
		func(w world) { w.must(w.DeleteSessions(w.Context(), "u")) }, func(w world) { w.gone("GetSessionAndUser", w.open(w.token)) }, false},
	{"CreateVerificationToken", nothing, world.send, func(w world) { w.must(w.use()) },
		func(w world) { w.gone("UseVerificationToken", w.use()) }, false},
	{"DeleteVerificationTokens", nothing, func(w world) error { return w.DeleteVerificationTokens(w.Context(), "ada") },
		func(w world) { w.must(w.send()) }, func(w world) { w.must(w.use()) }, false},
}

// A reply is lost, another call is made, and the client repeats the first one. The repetition
// gets the first reply, or adapter.ErrUnavailable if that is not known any more, and nothing is
// done twice. The same holds if an attempt that the client gave up arrives last.
func TestARepetitionIsNoSecondWrite(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		for _, elsewhere := range []bool{false, true} {
			for _, late := range []bool{false, true} {
				for _, r := range repetitions {
					if elsewhere && !strings.Contains(r.name, "Session") {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/elsewhere=%v/late=%v", top.name, r.name, elsewhere, late), func(t *testing.T) {
						r.run(t, top, elsewhere, late)
					})
				}
			}
		}
	}
}

func (r repeated) run(t *testing.T, top topology, elsewhere, late bool) {
	wire := &rig{late: late}
	client, other := wire.client(t, top), top.open(t, top.server(t).URL)
	defer client.Close()
	defer other.Close()
	for _, fault := range []bool{false, true} { // the first time to load the scripts
		prefix := newPrefix()
		w := world{T: t, Adapter: open(t, other, redis.Options{Prefix: prefix}), token: adapter.NewSessionToken("u", [32]byte{1})}
		if elsewhere {
			w.token = "made-elsewhere-" + prefix
		}
		w.must(w.create())
		r.setUp(w)
		first := w
		first.Adapter = open(t, client, redis.Options{Prefix: prefix})
		if fault {
			wire.between, wire.mark = func() { r.between(w) }, []byte(prefix+":r:")
		}
		var want error
		if fault && !late && r.unknown {
			want = adapter.ErrUnavailable
		}
		if err := r.call(first); !errors.Is(err, want) {
			t.Errorf("the call: got %v, want %v", err, want)
		}
		if fault && wire.mark != nil {
			t.Fatal("nothing went wrong: the call wrote nothing")
		}
		if fault && late || !fault {
			r.between(w)
		}
		if fault && late {
			wire.arrive(t)
		}
		r.check(w)
	}
}

// A deletion whose reply is lost deletes the index entries when the client repeats it.
func TestADeletionWhoseReplyIsLostLeavesNothing(t *testing.T) {
	wire := &rig{between: func() {}}
	client, other := wire.client(t, cluster), cluster.open(t, cluster.server(t).URL)
	defer client.Close()
	defer other.Close()
	for _, lost := range []bool{false, true} { // the first time to load the scripts
		prefix := newPrefix()
		w := world{T: t, Adapter: open(t, client, redis.Options{Prefix: prefix})}
		w.must(w.create())
		w.must(w.link())
		w.must(w.passkey())
		if lost {
			wire.mark = []byte(prefix + ":r:")
		}
		w.must(w.DeleteUser(t.Context(), "u"))
		if wire.mark != nil {
			t.Fatal("no reply was lost")
		}
		all, _ := keysOf(t, other, prefix)
		for _, key := range all {
			if !strings.HasPrefix(key, prefix+":r:") {
				t.Errorf("%s is left", key)
			}
		}
	}
}

// Replies, also refusals, are kept for a minute.
func TestRepliesExpire(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			w := world{T: t, Adapter: store}
			for _, op := range measure.Operations(t, store, "n") {
				check(t, op.Call(t.Context()))
			}
			w.must(w.create())
			if err := w.create(); !errors.Is(err, adapter.ErrConflict) {
				t.Errorf("CreateUser: got %v, want ErrConflict", err)
			}
			w.gone("UpdateSession", w.extend(time.Hour))
			all, _ := keysOf(t, client, prefix)
			replies := 0
			for _, key := range all {
				if !strings.HasPrefix(key, prefix+":r:") {
					continue
				}
				replies++
				if left := client.PTTL(t.Context(), key).Val(); left <= 0 || left > time.Minute {
					t.Errorf("a reply expires in %v, want within a minute", left)
				}
			}
			if replies < 20 {
				t.Errorf("got %d replies, want one for each write", replies)
			}
		})
	}
}

// A write whose reply the server has evicted recognizes its repetition by what it wrote.
func TestARepetitionWhoseReplyWasEvicted(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		for name, call := range map[string]func(w world) error{
			"CreateUser": func(w world) error {
				_, err := w.CreateUser(w.Context(), adapter.User{ID: "v", Email: "grace@example.com"})
				return err
			},
			"CreateUserWithAccount": func(w world) error {
				_, _, err := w.CreateUserWithAccount(w.Context(), adapter.User{ID: "v"}, adapter.Account{Type: adapter.AccountOAuth, Provider: "gitlab", ProviderAccountID: "1"})
				return err
			},
			"CreateUserWithAuthenticator": func(w world) error {
				_, _, err := w.CreateUserWithAuthenticator(w.Context(), adapter.User{ID: "v"}, adapter.Authenticator{CredentialID: "v", CredentialPublicKey: "k"})
				return err
			},
			"LinkAccount":                    world.link,
			"CreateAuthenticator":            world.passkey,
			"CreateSession":                  func(w world) error { return w.signIn(w.token) },
			"CreateSession (made elsewhere)": func(w world) error { return w.signIn("elsewhere") },
		} {
			t.Run(top.name+"/"+name, func(t *testing.T) {
				wire := &rig{}
				client, other := wire.client(t, top), top.open(t, top.server(t).URL)
				defer client.Close()
				defer other.Close()
				for _, lost := range []bool{false, true} { // the first time to load the scripts
					prefix := newPrefix()
					w := world{T: t, Adapter: open(t, client, redis.Options{Prefix: prefix}), token: adapter.NewSessionToken("u", [32]byte{1})}
					w.must(w.create())
					evicted := 0
					if lost {
						wire.mark, wire.between = []byte(prefix+":r:"), func() {
							all, _ := keysOf(t, other, prefix+":r")
							for _, key := range all {
								evicted += int(other.Del(t.Context(), key).Val())
							}
						}
					}
					w.must(call(w))
					if lost && evicted == 0 {
						t.Error("no reply was evicted")
					}
				}
			})
		}
	}
}
