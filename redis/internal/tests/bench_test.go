package redis_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis"
)

// BenchmarkRaw measures every operation beside bare go-redis. Run it with
// -benchtime=1x.
func BenchmarkRaw(b *testing.B) {
	measure.Beside(b, func(b *testing.B) (*measure.Stage, map[string]measure.Call) {
		e := newPair(b)
		return e.Stage, e.bare()
	})
}

// pair is a store with one user, and the same records as bare keys.
type pair struct {
	*measure.Stage
	client goredis.UniversalClient
	prefix string
}

func newPair(b *testing.B) *pair {
	e := &pair{client: newBenchClient(b), prefix: newPrefix()}
	b.Cleanup(func() { check(b, e.client.Close()) })
	e.Stage = measure.NewStage(b, open(b, e.client, redis.Options{Prefix: e.prefix}))
	e.write(b)
	return e
}

// write writes what the bare commands read: values as long as the store's own.
func (e *pair) write(b *testing.B) {
	ctx := b.Context()
	_, err := e.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		p.Set(ctx, e.raw("user"), value120, 0)
		p.Set(ctx, e.raw("session"), value120[:60], time.Hour)
		p.Set(ctx, e.raw("email"), e.User.ID, 0)
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

// bare has the commands that a careful application would use for each operation: the
// same keys to read and write, atomic where the operation must be, with nothing checked
// beyond what the commands check.
func (e *pair) bare() map[string]measure.Call {
	return map[string]measure.Call{
		"GetSessionAndUser": func(ctx context.Context) error { return e.client.MGet(ctx, e.raw("session"), e.raw("user")).Err() },
		"GetUser":           func(ctx context.Context) error { return e.client.Get(ctx, e.raw("user")).Err() },
		"GetUserByEmail": func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.Get(ctx, e.raw("user")).Err()
		},
		"GetUserByAccount": func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.Get(ctx, e.raw("user")).Err()
		},
		"CreateUser": func(ctx context.Context) error { return e.claimAndWrite(ctx, e.Name(), "user", "email") },
		"CreateUserWithAccount": func(ctx context.Context) error {
			return e.claimAndWrite(ctx, e.Name(), "user", "email", "account", "index")
		},
		"UpdateUser": func(ctx context.Context) error {
			return update.Run(ctx, e.client, []string{e.raw("fields")}, "name", e.Name()).Err()
		},
		"CreateUser+DeleteUser": func(ctx context.Context) error {
			name := e.Name()
			if err := e.claimAndWrite(ctx, name, "user", "email"); err != nil {
				return err
			}
			keys := []string{e.raw(name + "user"), e.raw(name + "email"), e.raw(name + "accounts"), e.raw(name + "passkeys"), e.raw(name + "sessions")}
			return remove.Run(ctx, e.client, keys).Err()
		},
		"LinkAccount+UnlinkAccount": func(ctx context.Context) error {
			name := e.Name()
			if err := e.claimAndWrite(ctx, name, "account", "index"); err != nil {
				return err
			}
			if err := e.client.Get(ctx, e.raw(name+"index")).Err(); err != nil {
				return err
			}
			return e.client.Del(ctx, e.raw(name+"account"), e.raw(name+"index")).Err()
		},
		"GetAccount": func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.HGet(ctx, e.raw("accounts"), "github:1").Err()
		},
		"ListAccounts": func(ctx context.Context) error { return e.client.HGetAll(ctx, e.raw("accounts")).Err() },
		"UpdateAccount": func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.HSet(ctx, e.raw("accounts"), "github:1", value120).Err()
		},
		"CreateSession": func(ctx context.Context) error { return e.createSession(ctx, newToken()) },
		"UpdateSession": func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("session")).Err(); err != nil {
				return err
			}
			return e.writeSession(ctx, "session")
		},
		"CreateSession+DeleteSession": func(ctx context.Context) error {
			token := newToken()
			if err := e.createSession(ctx, token); err != nil {
				return err
			}
			_, err := e.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
				p.Del(ctx, e.raw(token))
				p.ZRem(ctx, e.raw("sessions"), token)
				return nil
			})
			return err
		},
		"ListSessions": func(ctx context.Context) error {
			tokens, err := e.client.ZRange(ctx, e.raw("sessions"), 0, 0).Result()
			if err != nil {
				return err
			}
			return e.client.MGet(ctx, e.raw(tokens[0])).Err()
		},
		"CreateVerificationToken": func(ctx context.Context) error { return e.writeToken(ctx, e.Name()) },
		"CreateVerificationToken+UseVerificationToken": func(ctx context.Context) error {
			name := e.Name()
			if err := e.writeToken(ctx, name); err != nil {
				return err
			}
			return e.client.GetDel(ctx, e.raw(name)).Err()
		},
		"GetAuthenticator": func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.HGet(ctx, e.raw("passkeys"), "c").Err()
		},
		"UpdateAuthenticatorCounter": func(ctx context.Context) error {
			if err := e.client.Get(ctx, e.raw("email")).Err(); err != nil {
				return err
			}
			return e.client.HSet(ctx, e.raw("passkeys"), "c", value120).Err()
		},
	}
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

// session is the least that writes a session only if its user is there and its token is
// not taken, into a list of the user's that holds no expired ones and expires too.
var session = goredis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PXAT', ARGV[3]) then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[4])
return redis.call('PEXPIREAT', KEYS[3], ARGV[3])`)

func (e *pair) createSession(ctx context.Context, token string) error {
	keys := []string{e.raw("user"), e.raw(token), e.raw("sessions")}
	return session.Run(ctx, e.client, keys, value120[:60], time.Now().UnixMilli(), e.Expires.UnixMilli(), token).Err()
}

// newToken returns a random token, as long as one that is stored.
func newToken() string { return (rand.Text() + rand.Text())[:43] }

// writeSession writes a session that is there again.
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

// BenchmarkBytes measures what a user with one account and one session takes in the
// server's memory, beside the same data in the layout of @auth/upstash-redis-adapter.
// Run it with -benchtime=1x.
func BenchmarkBytes(b *testing.B) {
	const size = 100_000
	client := single.open(b, single.server(b).URL)
	defer client.Close()
	for b.Loop() {
		before := usedMemory(b, client)
		c := measure.NewCrowd(b, open(b, client, redis.Options{Prefix: newPrefix()}), size)
		ours := usedMemory(b, client) - before

		before = usedMemory(b, client)
		prefix := newPrefix()
		measure.Spread(size, func(i int) { check(b, writeUpstash(client, prefix, i, c.Users[i])) })
		theirs := usedMemory(b, client) - before

		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(ours)/size, "bytes/user")
		b.ReportMetric(float64(theirs)/size, "upstash-bytes/user")
	}
}

// usedMemory returns the server's used_memory.
func usedMemory(b *testing.B, client goredis.UniversalClient) int64 {
	info, err := client.Info(b.Context(), "memory").Result()
	check(b, err)
	n, err := strconv.ParseInt(regexp.MustCompile(`used_memory:(\d+)`).FindStringSubmatch(info)[1], 10, 64)
	check(b, err)
	return n
}

// writeUpstash writes a user, its account and a session as that adapter does: JSON
// strings, an index of the last account and the last session.
func writeUpstash(client goredis.UniversalClient, prefix string, i int, u adapter.User) error {
	ctx, name := context.Background(), measure.PersonName(i)
	account := measure.TypicalAccount(name)
	token := fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i)
	const iso = "2006-01-02T15:04:05.000Z07:00"
	user, err := json.Marshal(map[string]any{
		"id": u.ID, "name": u.Name, "email": u.Email, "emailVerified": u.EmailVerified.Format(iso), "image": u.Image,
	})
	if err != nil {
		return err
	}
	accountKey, sessionKey := prefix+":user:account:github:"+name, prefix+":user:session:"+token
	stored, err := json.Marshal(map[string]any{
		"id": accountKey, "userId": u.ID, "type": account.Type, "provider": account.Provider, "providerAccountId": name,
		"access_token": account.AccessToken, "token_type": account.TokenType, "scope": account.Scope,
	})
	if err != nil {
		return err
	}
	session, err := json.Marshal(map[string]any{
		"id": sessionKey, "sessionToken": token, "userId": u.ID, "expires": time.Now().Add(24 * time.Hour).Format(iso),
	})
	if err != nil {
		return err
	}
	_, err = client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		p.Set(ctx, prefix+":user:"+u.ID, user, 0)
		p.Set(ctx, prefix+":user:email:"+u.Email, u.ID, 0)
		p.Set(ctx, accountKey, stored, 0)
		p.Set(ctx, prefix+":user:account:by-user-id:"+u.ID, accountKey, 0)
		p.Set(ctx, sessionKey, session, 0)
		p.Set(ctx, prefix+":user:session:by-user-id:"+u.ID, sessionKey, 0)
		return nil
	})
	return err
}

// BenchmarkCallers measures the look-up of a session by more and more callers at once, beside bare
// go-redis. Run it with -benchtime=1x.
func BenchmarkCallers(b *testing.B) { measure.Callers(b, "Redis", sides(b)...) }

// BenchmarkColdStart measures a process that makes one call. Run it with -benchtime=1x.
func BenchmarkColdStart(b *testing.B) { measure.ColdStart(b, "Redis", sides(b)...) }

// sides are the ways to look up the sessions of a crowd: those of the bare client are values as
// long as the store's own.
func sides(b *testing.B) []measure.Side {
	client, prefix := newBenchClient(b), newPrefix()
	b.Cleanup(func() { check(b, redistest.Remove(client, prefix+":")) })
	crowd := measure.NewCrowd(b, open(b, client, redis.Options{Prefix: prefix}), measure.CrowdSize)
	raw := func(i int) (session, user string) {
		slot := fmt.Sprintf("%s:raw:{%d}:", prefix, i)
		return slot + "session", slot + "user"
	}
	measure.Spread(measure.CrowdSize, func(i int) {
		session, user := raw(i)
		check(b, client.Set(b.Context(), session, value120[:60], time.Hour).Err())
		check(b, client.Set(b.Context(), user, value120, time.Hour).Err())
	})
	store := func(o redis.Options) func(b *testing.B) (measure.Read, func()) {
		return func(b *testing.B) (measure.Read, func()) {
			own := newBenchClient(b)
			store := open(b, own, o)
			return crowd.Sessions(store), func() {
				check(b, store.Close())
				check(b, own.Close())
			}
		}
	}
	return []measure.Side{
		{Name: measure.Default, Open: store(redis.Options{Prefix: prefix})},
		{Name: measure.Unshared, Open: store(redis.Options{Prefix: prefix, NoBatching: true})},
		{Name: measure.Raw, Open: func(b *testing.B) (measure.Read, func()) {
			own := newBenchClient(b)
			return func(ctx context.Context, i int) error {
				session, user := raw(i)
				return own.MGet(ctx, session, user).Err()
			}, func() { check(b, own.Close()) }
		}},
	}
}

// newBenchClient returns a client with a connection for each of 64 callers.
func newBenchClient(b *testing.B, with ...func(*goredis.Options)) *goredis.Client {
	o, err := goredis.ParseURL(single.server(b).URL)
	check(b, err)
	o.PoolSize = 64
	for _, f := range with {
		f(o)
	}
	return goredis.NewClient(o)
}

// BenchmarkScale measures the median of every operation with many users beside that with a thousand.
// Run it with -benchtime=1x, and a million by -measure.users=1000000.
func BenchmarkScale(b *testing.B) {
	client := newBenchClient(b)
	defer client.Close()
	measure.Scale(b, func(size int) *measure.Crowd {
		return measure.NewCrowd(b, open(b, client, redis.Options{Prefix: newPrefix()}), size)
	})
}

// BenchmarkSoak has 64 callers call everything, for ten seconds or -measure.soak, and fails if memory,
// goroutines or connections grow. Run it with -benchtime=1x.
func BenchmarkSoak(b *testing.B) {
	var connections measure.Connections
	client := newBenchClient(b, func(o *goredis.Options) { o.Dialer = connections.DialContext })
	prefix := newPrefix()
	b.Cleanup(func() { check(b, redistest.Remove(client, prefix+":")) })
	measure.Soak(b, measure.NewCrowd(b, open(b, client, redis.Options{Prefix: prefix}), measure.CrowdSize), &connections)
}
