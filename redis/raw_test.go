package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// BenchmarkRaw measures every operation beside bare go-redis doing the least that
// could work for it, on the same server, the two in turns: the median of a call made
// alone, and the calls a second of 64 goroutines. Run it with -benchtime=1x.
func BenchmarkRaw(b *testing.B) {
	for _, row := range pairs {
		b.Run(row.name, func(b *testing.B) {
			e := newPair(b)
			ours, raw := row.ours(e), row.raw(e)
			for b.Loop() {
				e.compare(b, ours, raw)
			}
		})
	}
}

// pair is a store with one user on one server, and the same records as bare keys.
type pair struct {
	client  goredis.UniversalClient
	store   adapter.Adapter
	user    adapter.User
	account adapter.Account
	session adapter.Session
	passkey adapter.Authenticator
	expires time.Time
	count   atomic.Int64
	prefix  string
}

func newPair(b *testing.B) *pair {
	server := single.server(b)
	o, err := goredis.ParseURL(server.URL)
	check(b, err)
	o.PoolSize = 64
	e := &pair{client: goredis.NewClient(o), prefix: newPrefix(), expires: time.Now().Add(24 * time.Hour)}
	e.store = redis.New(e.client, redis.Options{Prefix: e.prefix})
	b.Cleanup(func() { check(b, e.client.Close()) })
	e.user, e.account, err = e.store.CreateUserWithAccount(b.Context(), typicalUser("ada"), typicalAccount("1"))
	check(b, err)
	e.session, err = e.store.CreateSession(b.Context(), typicalSession(e.user.ID, e.expires))
	check(b, err)
	e.passkey, err = e.store.CreateAuthenticator(b.Context(), adapter.Authenticator{CredentialID: "c", UserID: e.user.ID, CredentialPublicKey: "key"})
	check(b, err)
	e.bare(b)
	return e
}

func typicalUser(name string) adapter.User {
	return adapter.User{Name: "Ada Lovelace", Email: name + "@example.com", EmailVerified: time.Now(), Image: "https://example.com/avatars/ada.png"}
}

func typicalAccount(id string) adapter.Account {
	return adapter.Account{
		Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: id, TokenType: "bearer", Scope: "read:user,user:email",
		AccessToken: "gho_16C7e42F292c6912E7710c838347Ae178B4a",
	}
}

func typicalSession(userID string, expires time.Time) adapter.Session {
	return adapter.Session{UserID: userID, Expires: expires}
}

// bare writes what the bare commands read: values as long as the store's own.
func (e *pair) bare(b *testing.B) {
	ctx := b.Context()
	_, err := e.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		p.Set(ctx, e.raw("user"), value120, 0)
		p.Set(ctx, e.raw("session"), value120[:60], time.Hour)
		p.Set(ctx, e.raw("email"), e.user.ID, 0)
		p.HSet(ctx, e.raw("accounts"), "github:1", value120)
		p.HSet(ctx, e.raw("fields"), "name", "Ada", "email", "ada@example.com", "image", value120[:30], "verified", "1", "created", "1", "updated", "1")
		p.HSet(ctx, e.raw("passkeys"), "c", value120)
		p.ZAdd(ctx, e.raw("sessions"), goredis.Z{Score: 1, Member: "session"})
		return nil
	})
	check(b, err)
}

var value120 = fmt.Sprintf("%0120d", 7)

// raw returns a bare key; all of them are in one slot.
func (e *pair) raw(name string) string { return "raw:{" + e.prefix + "}:" + name }

func (e *pair) name() string { return "n" + strconv.FormatInt(e.count.Add(1), 10) }

const (
	rounds      = 8
	serialTime  = 60 * time.Millisecond
	loadTime    = 150 * time.Millisecond
	concurrency = 64
)

// compare measures both sides in turns and reports the figures and their ratios.
func (e *pair) compare(b *testing.B, ours, raw func(context.Context) error) {
	var latency [2][]time.Duration
	var calls [2]int64
	for range rounds {
		for i, call := range []func(context.Context) error{ours, raw} {
			latency[i] = append(latency[i], serial(b, call)...)
			calls[i] += load(b, call)
		}
	}
	p50 := func(i int) float64 {
		slices.Sort(latency[i])
		return float64(latency[i][len(latency[i])/2].Nanoseconds()) / 1000
	}
	perSecond := func(i int) float64 { return float64(calls[i]) / (rounds * loadTime.Seconds()) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p50(0), "p50-µs")
	b.ReportMetric(p50(1), "raw-p50-µs")
	b.ReportMetric(perSecond(0), "calls/s")
	b.ReportMetric(perSecond(1), "raw-calls/s")
	b.ReportMetric(float64(calls[0])/float64(calls[1]), "throughput-ratio")
	b.ReportMetric(p50(1)/p50(0), "p50-ratio")
}

// serial makes calls one after the other and returns how long each took.
func serial(b *testing.B, call func(context.Context) error) []time.Duration {
	var all []time.Duration
	for end := time.Now().Add(serialTime); time.Now().Before(end); {
		start := time.Now()
		check(b, call(b.Context()))
		all = append(all, time.Since(start))
	}
	return all
}

// load makes calls in many goroutines and returns how many they were.
func load(b *testing.B, call func(context.Context) error) int64 {
	var calls atomic.Int64
	var running sync.WaitGroup
	end := time.Now().Add(loadTime)
	for range concurrency {
		running.Go(func() {
			for time.Now().Before(end) {
				if err := call(b.Context()); err != nil {
					b.Error(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	running.Wait()
	return calls.Load()
}

type call = func(context.Context) error

// pairs has each operation and the bare commands that a careful application would use
// in its place: the same keys to read and write, atomic where the operation must be,
// with nothing checked beyond what the commands check.
var pairs = []struct {
	name      string
	ours, raw func(*pair) call
}{
	{"GetSessionAndUser", func(e *pair) call {
		return func(ctx context.Context) error {
			_, _, err := e.store.GetSessionAndUser(ctx, e.session.SessionToken)
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.client.MGet(ctx, e.raw("session"), e.raw("user")).Err() }
	}},
	{"GetUser", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetUser(ctx, e.user.ID); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.client.Get(ctx, e.raw("user")).Err() }
	}},
	{"GetUserByEmail", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetUserByEmail(ctx, e.user.Email); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.Get(ctx, e.raw("user")).Err()
		}
	}},
	{"GetUserByAccount", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetUserByAccount(ctx, e.account.Key()); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.Get(ctx, e.raw("user")).Err()
		}
	}},
	{"CreateUser", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.CreateUser(ctx, typicalUser(e.name())); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.claimAndWrite(ctx, e.name(), "user", "email") }
	}},
	{"CreateUserWithAccount", func(e *pair) call {
		return func(ctx context.Context) error {
			name := e.name()
			_, _, err := e.store.CreateUserWithAccount(ctx, typicalUser(name), typicalAccount(name))
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			return e.claimAndWrite(ctx, e.name(), "user", "email", "account", "index")
		}
	}},
	{"UpdateUser", func(e *pair) call {
		return func(ctx context.Context) error {
			_, err := e.store.UpdateUser(ctx, e.user.ID, adapter.UserUpdate{Name: new(e.name())})
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			return update.Run(ctx, e.client, []string{e.raw("fields")}, "name", e.name()).Err()
		}
	}},
	{"CreateUser+DeleteUser", func(e *pair) call {
		return func(ctx context.Context) error {
			u, err := e.store.CreateUser(ctx, typicalUser(e.name()))
			if err != nil {
				return err
			}
			return e.store.DeleteUser(ctx, u.ID)
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			name := e.name()
			if err := e.claimAndWrite(ctx, name, "user", "email"); err != nil {
				return err
			}
			keys := []string{e.raw(name + "user"), e.raw(name + "email"), e.raw(name + "accounts"), e.raw(name + "passkeys"), e.raw(name + "sessions")}
			return remove.Run(ctx, e.client, keys).Err()
		}
	}},
	{"LinkAccount+UnlinkAccount", func(e *pair) call {
		return func(ctx context.Context) error {
			a := typicalAccount(e.name())
			a.UserID = e.user.ID
			if _, err := e.store.LinkAccount(ctx, a); err != nil {
				return err
			}
			return e.store.UnlinkAccount(ctx, a.Key())
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			name := e.name()
			if err := e.claimAndWrite(ctx, name, "account", "index"); err != nil {
				return err
			}
			if err := e.client.Get(ctx, e.raw(name+"index")).Err(); err != nil {
				return err
			}
			return e.client.Del(ctx, e.raw(name+"account"), e.raw(name+"index")).Err()
		}
	}},
	{"GetAccount", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetAccount(ctx, e.account.Key()); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.HGet(ctx, e.raw("accounts"), "github:1").Err()
		}
	}},
	{"ListAccounts", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.ListAccounts(ctx, e.user.ID); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.client.HGetAll(ctx, e.raw("accounts")).Err() }
	}},
	{"UpdateAccount", func(e *pair) call {
		return func(ctx context.Context) error {
			_, err := e.store.UpdateAccount(ctx, e.account.Key(), adapter.AccountUpdate{AccessToken: new(e.name())})
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.HSet(ctx, e.raw("accounts"), "github:1", value120).Err()
		}
	}},
	{"CreateSession", func(e *pair) call {
		return func(ctx context.Context) error {
			_, err := e.store.CreateSession(ctx, typicalSession(e.user.ID, e.expires))
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.writeSession(ctx, e.name()) }
	}},
	{"UpdateSession", func(e *pair) call {
		return func(ctx context.Context) error {
			_, err := e.store.UpdateSession(ctx, e.session.SessionToken, adapter.SessionUpdate{Expires: &e.expires})
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("session")).Err(); err != nil {
				return err
			}
			return e.writeSession(ctx, "session")
		}
	}},
	{"CreateSession+DeleteSession", func(e *pair) call {
		return func(ctx context.Context) error {
			s, err := e.store.CreateSession(ctx, typicalSession(e.user.ID, e.expires))
			if err != nil {
				return err
			}
			return e.store.DeleteSession(ctx, s.SessionToken)
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			name := e.name()
			if err := e.writeSession(ctx, name); err != nil {
				return err
			}
			_, err := e.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
				p.Del(ctx, e.raw(name))
				p.ZRem(ctx, e.raw("sessions"), name)
				return nil
			})
			return err
		}
	}},
	{"ListSessions", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.ListSessions(ctx, e.user.ID); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			tokens, err := e.client.ZRange(ctx, e.raw("sessions"), 0, 0).Result()
			if err != nil {
				return err
			}
			return e.client.MGet(ctx, e.raw(tokens[0])).Err()
		}
	}},
	{"CreateVerificationToken", func(e *pair) call {
		return func(ctx context.Context) error {
			_, err := e.store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: e.name(), Token: "t", Expires: e.expires})
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.writeToken(ctx, e.name()) }
	}},
	{"CreateVerificationToken+UseVerificationToken", func(e *pair) call {
		return func(ctx context.Context) error {
			name := e.name()
			if _, err := e.store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: name, Token: "t", Expires: e.expires}); err != nil {
				return err
			}
			_, err := e.store.UseVerificationToken(ctx, name, "t")
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			name := e.name()
			if err := e.writeToken(ctx, name); err != nil {
				return err
			}
			return e.client.GetDel(ctx, e.raw(name)).Err()
		}
	}},
	{"GetAuthenticator", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetAuthenticator(ctx, "c"); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.HGet(ctx, e.raw("passkeys"), "c").Err()
		}
	}},
	{"UpdateAuthenticatorCounter", func(e *pair) call {
		var counter atomic.Uint32
		return func(ctx context.Context) error {
			_, err := e.store.UpdateAuthenticatorCounter(ctx, "c", counter.Add(1))
			if errors.Is(err, adapter.ErrConflict) { // a racing call was further
				return nil
			}
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.HSet(ctx, e.raw("passkeys"), "c", value120).Err()
		}
	}},
}

// claim is the least that makes keys only if none of them is there: on one round trip
// that takes a script.
var claim = goredis.NewScript(`
if redis.call('EXISTS', unpack(KEYS)) > 0 then return 0 end
for _, k in ipairs(KEYS) do redis.call('SET', k, ARGV[1]) end
return 1`)

func (e *pair) claimAndWrite(ctx context.Context, name string, keys ...string) error {
	for i, key := range keys {
		keys[i] = e.raw(name + key)
	}
	return claim.Run(ctx, e.client, keys, value120).Err()
}

// update is the least that changes one field of a record that is there, and returns
// the record.
var update = goredis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])`)

// remove is the least that finds what a user has and deletes it with the user.
var remove = goredis.NewScript(`
local accounts = redis.call('HKEYS', KEYS[3])
local passkeys = redis.call('HKEYS', KEYS[4])
local sessions = redis.call('ZRANGE', KEYS[5], 0, -1)
for _, s in ipairs(sessions) do redis.call('DEL', s) end
return redis.call('DEL', unpack(KEYS))`)

// writeSession writes a session that expires, into a list of the user's that holds no
// expired ones and expires too, in one transaction.
func (e *pair) writeSession(ctx context.Context, name string) error {
	return e.writeListed(ctx, e.raw(name), value120[:60], e.raw("sessions"), name)
}

// writeToken writes a token that expires, into its identifier's list.
func (e *pair) writeToken(ctx context.Context, name string) error {
	return e.writeListed(ctx, e.raw(name), value120[:40], e.raw("list-"+name), "t")
}

func (e *pair) writeListed(ctx context.Context, key, value, list, member string) error {
	now := time.Now()
	_, err := e.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		p.Set(ctx, key, value, time.Hour)
		p.ZRemRangeByScore(ctx, list, "-inf", strconv.FormatInt(now.UnixMilli(), 10))
		p.ZAdd(ctx, list, goredis.Z{Score: float64(now.Add(time.Hour).UnixMilli()), Member: member})
		p.PExpireAt(ctx, list, now.Add(time.Hour))
		return nil
	})
	return err
}
