package redis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// crowd is a store with many users, each with an account and a session.
type crowd struct {
	store  adapter.Adapter
	users  []adapter.User
	tokens []string
}

// newCrowd makes users, 64 at a time.
func newCrowd(b *testing.B, client goredis.UniversalClient, size int) *crowd {
	c := &crowd{
		store: redis.New(client, redis.Options{Prefix: newPrefix()}),
		users: make([]adapter.User, size), tokens: make([]string, size),
	}
	expires := time.Now().Add(24 * time.Hour)
	spread(size, func(i int) {
		name := "person" + strconv.Itoa(i)
		u, _, err := c.store.CreateUserWithAccount(context.Background(), typicalUser(name), typicalAccount(name))
		if err != nil {
			b.Error(err)
			return
		}
		s, err := c.store.CreateSession(context.Background(), typicalSession(u.ID, expires))
		if err != nil {
			b.Error(err)
		}
		c.users[i], c.tokens[i] = u, s.SessionToken
	})
	if b.Failed() {
		b.FailNow()
	}
	return c
}

// spread calls f for 0 to n-1, 64 at a time.
func spread(n int, f func(i int)) {
	var running sync.WaitGroup
	for worker := range concurrency {
		running.Go(func() {
			for i := worker; i < n; i += concurrency {
				f(i)
			}
		})
	}
	running.Wait()
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
		c := newCrowd(b, client, size)
		ours := usedMemory(b, client) - before

		before = usedMemory(b, client)
		prefix := newPrefix()
		spread(size, func(i int) { check(b, writeUpstash(client, prefix, i, c.users[i])) })
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
	ctx, name := context.Background(), "person"+strconv.Itoa(i)
	account := typicalAccount(name)
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

// BenchmarkScale measures the median of every operation with a million users beside
// that with a thousand, in turns on one server. Run it with -benchtime=1x -timeout 30m.
func BenchmarkScale(b *testing.B) {
	client := single.open(b, single.server(b).URL)
	defer client.Close()
	small, large := newCrowd(b, client, 1_000), newCrowd(b, client, 1_000_000)
	for _, op := range crowdOps {
		b.Run(op.name, func(b *testing.B) {
			for b.Loop() {
				var latency [2][]time.Duration
				for range 2 * rounds {
					for i, c := range []*crowd{small, large} {
						latency[i] = append(latency[i], serial(b, func(ctx context.Context) error {
							return op.call(ctx, c, rand.IntN(len(c.users)))
						})...)
					}
				}
				p50 := func(i int) float64 {
					slices.Sort(latency[i])
					return float64(latency[i][len(latency[i])/2].Nanoseconds()) / 1000
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(p50(0), "p50-µs-at-1,000")
				b.ReportMetric(p50(1), "p50-µs-at-1,000,000")
				b.ReportMetric(p50(1)/p50(0), "ratio")
			}
		})
	}
}

// crowdOps are calls on the i-th user of a crowd that leave it as it was.
var crowdOps = []struct {
	name string
	call func(ctx context.Context, c *crowd, i int) error
}{
	{"GetSessionAndUser", func(ctx context.Context, c *crowd, i int) error {
		_, _, err := c.store.GetSessionAndUser(ctx, c.tokens[i])
		return err
	}},
	{"GetUser", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.GetUser(ctx, c.users[i].ID)
		return err
	}},
	{"GetUserByEmail", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.GetUserByEmail(ctx, c.users[i].Email)
		return err
	}},
	{"GetUserByAccount", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.GetUserByAccount(ctx, c.key(i))
		return err
	}},
	{"UpdateUser", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.UpdateUser(ctx, c.users[i].ID, adapter.UserUpdate{Name: &c.users[i].Name})
		return err
	}},
	{"UpdateUser+email", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.UpdateUser(ctx, c.users[i].ID, adapter.UserUpdate{Email: new("x" + c.users[i].Email)})
		if err == nil {
			_, err = c.store.UpdateUser(ctx, c.users[i].ID, adapter.UserUpdate{Email: &c.users[i].Email})
		}
		return err
	}},
	{"CreateUserWithAccount+DeleteUser", func(ctx context.Context, c *crowd, i int) error {
		name := fmt.Sprint("new", i)
		u, _, err := c.store.CreateUserWithAccount(ctx, typicalUser(name), typicalAccount(name))
		if err != nil {
			return err
		}
		return c.store.DeleteUser(ctx, u.ID)
	}},
	{"LinkAccount+UnlinkAccount", func(ctx context.Context, c *crowd, i int) error {
		a := typicalAccount(fmt.Sprint("second", i))
		a.UserID = c.users[i].ID
		if _, err := c.store.LinkAccount(ctx, a); err != nil {
			return err
		}
		return c.store.UnlinkAccount(ctx, a.Key())
	}},
	{"GetAccount", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.GetAccount(ctx, c.key(i))
		return err
	}},
	{"ListAccounts", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.ListAccounts(ctx, c.users[i].ID)
		return err
	}},
	{"UpdateAccount", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.UpdateAccount(ctx, c.key(i), adapter.AccountUpdate{Scope: new("read:user")})
		return err
	}},
	{"CreateSession+DeleteSession", func(ctx context.Context, c *crowd, i int) error {
		s, err := c.store.CreateSession(ctx, typicalSession(c.users[i].ID, time.Now().Add(time.Hour)))
		if err != nil {
			return err
		}
		return c.store.DeleteSession(ctx, s.SessionToken)
	}},
	{"UpdateSession", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.UpdateSession(ctx, c.tokens[i], adapter.SessionUpdate{Expires: new(time.Now().Add(24 * time.Hour))})
		return err
	}},
	{"ListSessions", func(ctx context.Context, c *crowd, i int) error {
		_, err := c.store.ListSessions(ctx, c.users[i].ID)
		return err
	}},
	{"CreateVerificationToken+UseVerificationToken", func(ctx context.Context, c *crowd, i int) error {
		v := adapter.VerificationToken{Identifier: c.users[i].Email, Token: "t", Expires: time.Now().Add(time.Hour)}
		if _, err := c.store.CreateVerificationToken(ctx, v); err != nil {
			return err
		}
		_, err := c.store.UseVerificationToken(ctx, v.Identifier, v.Token)
		return err
	}},
	{"CreateAuthenticator+DeleteAuthenticator", func(ctx context.Context, c *crowd, i int) error {
		a := adapter.Authenticator{CredentialID: fmt.Sprint("c", i), UserID: c.users[i].ID, CredentialPublicKey: "key"}
		if _, err := c.store.CreateAuthenticator(ctx, a); err != nil {
			return err
		}
		return c.store.DeleteAuthenticator(ctx, a.CredentialID)
	}},
}

// key returns the key of the i-th user's account.
func (c *crowd) key(i int) adapter.AccountKey {
	return typicalAccount("person" + strconv.Itoa(i)).Key()
}
