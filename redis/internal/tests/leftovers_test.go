package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis"
	"github.com/authstore/authstore/redis/internal/hashslot"
)

// faulty returns a store whose client's commands are steps of an injector.
func (top topology) faulty(t *testing.T) (world, *fault.Injector, goredis.UniversalClient, string) {
	t.Helper()
	store, client, prefix := top.newStore(t, redis.Options{})
	faults := &fault.Injector{}
	client.AddHook(redistest.Steps{Injector: faults})
	return world{T: t, Adapter: store, token: adapter.NewSessionToken("u", [32]byte{1})}, faults, top.open(t, top.server(t).URL), prefix
}

// cut makes a call that is cut at its second step.
func (w world) cut(faults *fault.Injector, call func() error) {
	w.Helper()
	faults.Arm(fault.Plan{Step: 2, Mode: fault.LoseCommand})
	err := call()
	if hit := faults.Disarm(); !hit || !errors.Is(err, adapter.ErrUnavailable) {
		w.Fatalf("the call that is cut: got %v, want ErrUnavailable", err)
	}
}

// A revoked claim stays so beside others of its slot, for as long as its write may come, and
// not for ever.
func TestMarksStayForAnHour(t *testing.T) {
	w, faults, client, prefix := cluster.faulty(t)
	defer client.Close()
	marks := prefix + ":x:{" + hashslot.Tag("u") + "}"
	now := time.Now()
	for mark, age := range map[string]time.Duration{"recent": 59 * time.Minute, "past": 61 * time.Minute} {
		check(t, client.ZAdd(t.Context(), marks, goredis.Z{Score: float64(now.Add(-age).UnixMilli()), Member: mark}).Err())
	}
	w.cut(faults, w.create)
	_, err := w.CreateUser(t.Context(), adapter.User{ID: "v", Email: "ada@example.com"})
	w.must(err)
	got := client.ZRange(t.Context(), marks, 0, -1).Val()
	if len(got) != 2 || !slices.Contains(got, "recent") {
		t.Errorf("got the marks %q, want the recent one and a new one", got)
	}
}

// belated lets writes that fulfil claims come after their deadline.
type belated struct{}

func (belated) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (belated) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (belated) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if args := cmd.Args(); strings.HasPrefix(cmd.Name(), "eval") {
			if keys := args[2].(int); keys >= 3 { // those of claims have fewer
				args[3+keys+3] = "1" // after the prefix, whether there is one server, and the ID
			}
		}
		return next(ctx, cmd)
	}
}

// A write that comes so late that the mark of its claim may be gone does nothing.
func TestAWriteAfterItsDeadlineIsRefused(t *testing.T) {
	for name, call := range map[string]func(w world) error{
		"CreateUser": func(w world) error {
			_, err := w.CreateUser(w.Context(), adapter.User{ID: "v", Email: "grace@example.com"})
			return err
		},
		"UpdateUser":          func(w world) error { return w.move("grace@example.com") },
		"LinkAccount":         world.link,
		"CreateAuthenticator": world.passkey,
		"CreateSession":       func(w world) error { return w.signIn("elsewhere") },
	} {
		t.Run(name, func(t *testing.T) {
			store, client, _ := cluster.newStore(t, redis.Options{})
			w := world{T: t, Adapter: store}
			w.must(w.create())
			client.AddHook(belated{})
			if err := call(w); !errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "clocks") {
				t.Errorf("got %v, want ErrSetup that names the clocks", err)
			}
		})
	}
}

// A session that a sign-out has ended, which a list that was evicted no longer shows, holds
// its token no longer, and no other sign-out brings it back.
func TestWhatIsOverStaysOverWhateverWasEvicted(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			w := world{T: t, Adapter: store, token: adapter.NewSessionToken("u", [32]byte{1})}
			w.must(w.create())
			for _, token := range []string{w.token, "elsewhere"} {
				w.must(w.signIn(token))
			}
			check(t, client.Del(t.Context(), prefix+":l:{u}").Err())
			w.must(w.DeleteSessions(t.Context(), "u"))
			if client.Exists(t.Context(), prefix+":s:{u}:"+adapter.SessionID("elsewhere")).Val() == 0 {
				t.Fatal("the session is gone, want it left")
			}
			w.must(w.DeleteSessions(t.Context(), "u", w.token, "elsewhere"))
			w.over(w.token, "elsewhere")
			_, err := w.CreateUser(t.Context(), adapter.User{ID: "v"})
			w.must(err)
			_, err = w.CreateSession(t.Context(), adapter.Session{UserID: "v", SessionToken: "elsewhere", Expires: time.Now().Add(time.Hour)})
			w.must(err)
			s, _, err := w.GetSessionAndUser(t.Context(), "elsewhere")
			w.must(err)
			w.want("the user of the token", s.UserID, "v")
		})
	}
}

// What a call that was cut leaves to be tidied up goes by itself if nobody comes.
func TestWhatACutLeavesExpires(t *testing.T) {
	left := func(t *testing.T, client goredis.UniversalClient, key string, most time.Duration) {
		t.Helper()
		if got := client.PTTL(t.Context(), key).Val(); got <= 0 || got > most {
			t.Errorf("%s expires in %v, want within %v", key, got, most)
		}
	}
	t.Run("DeleteUser", func(t *testing.T) {
		w, faults, client, prefix := cluster.faulty(t)
		defer client.Close()
		w.must(w.create())
		w.must(w.DeleteUser(t.Context(), "u")) // the server has the script
		w.must(w.create())
		w.must(w.link())
		w.cut(faults, func() error { return w.DeleteUser(t.Context(), "u") })
		left(t, client, prefix+":d:{u}", 7*24*time.Hour)
	})
	t.Run("DeleteSessions", func(t *testing.T) {
		w, faults, client, prefix := single.faulty(t)
		defer client.Close()
		w.must(w.create())
		w.must(w.signIn(w.token))
		multiply(t, client, prefix, 3000)
		w.must(w.DeleteSessions(t.Context(), "nobody")) // the server has the script
		w.cut(faults, func() error { return w.DeleteSessions(t.Context(), "u") })
		left(t, client, prefix+":o:{u}", 24*time.Hour)
	})
}

// A deletion whose reply is lost takes the index entries along when the client repeats it.
func TestADeletionWhoseReplyIsLostLeavesNothing(t *testing.T) {
	wire := &rig{between: func() {}}
	client, other := wire.client(t, cluster), cluster.open(t, cluster.server(t).URL)
	defer client.Close()
	defer other.Close()
	for _, lost := range []bool{false, true} { // the first time, to have the scripts at the server
		prefix := newPrefix()
		w := world{T: t, Adapter: redis.New(client, redis.Options{Prefix: prefix})}
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

// Answers, and refusals, are kept for a minute.
func TestAnswersExpire(t *testing.T) {
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
			answers := 0
			for _, key := range all {
				if !strings.HasPrefix(key, prefix+":r:") {
					continue
				}
				answers++
				if left := client.PTTL(t.Context(), key).Val(); left <= 0 || left > time.Minute {
					t.Errorf("an answer expires in %v, want within a minute", left)
				}
			}
			if answers < 20 {
				t.Errorf("got %d answers, want one for each write", answers)
			}
		})
	}
}

// A write whose answer the server has evicted knows its own repetition by what it wrote.
func TestARepetitionWhoseAnswerWasEvicted(t *testing.T) {
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
				for _, lost := range []bool{false, true} { // the first time, to have the scripts at the server
					prefix := newPrefix()
					w := world{T: t, Adapter: redis.New(client, redis.Options{Prefix: prefix}), token: adapter.NewSessionToken("u", [32]byte{1})}
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
						t.Error("no answer was evicted")
					}
				}
			})
		}
	}
}

// An adapter whose clock is ahead tidies nothing up that is valid by another's.
func TestAClockAheadTidiesUpNothingThatIsValid(t *testing.T) {
	client := single.open(t, single.server(t).URL)
	defer client.Close()
	const ahead, lasts, many = 45 * time.Minute, 10 * time.Minute, 100
	prefix := newPrefix()
	late := skewed(client, prefix, ahead)
	w := world{T: t, Adapter: skewed(client, prefix, 0)}
	w.must(w.create())
	w.must(w.signIn(""))
	_, err := w.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: time.Now().Add(lasts)})
	w.must(err)
	_, err = w.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(lasts)})
	w.must(err)
	for i := range many {
		_, err := late.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(ahead + lasts)})
		w.must(err)
		_, err = late.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: fmt.Sprint(i), Expires: time.Now().Add(ahead + lasts)})
		w.must(err)
	}
	list, err := w.ListSessions(t.Context(), "u")
	w.must(err)
	w.want("sessions listed", len(list), many+2)
	w.must(w.use())
}
