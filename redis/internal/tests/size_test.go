package redis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/redis"
)

// BenchmarkBytes measures what a user with one account and one session takes in the
// server's memory, beside the same data in the layout of @auth/upstash-redis-adapter.
// Run it with -benchtime=1x.
func BenchmarkBytes(b *testing.B) {
	const size = 100_000
	client := single.open(b, single.server(b).URL)
	defer client.Close()
	for b.Loop() {
		before := usedMemory(b, client)
		c := measure.NewCrowd(b, redis.New(client, redis.Options{Prefix: newPrefix()}), size)
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

// BenchmarkScale measures the median of every operation with a million users beside
// that with a thousand. Run it with -benchtime=1x -timeout 30m.
func BenchmarkScale(b *testing.B) {
	client := single.open(b, single.server(b).URL)
	defer client.Close()
	crowd := func(size int) *measure.Crowd {
		return measure.NewCrowd(b, redis.New(client, redis.Options{Prefix: newPrefix()}), size)
	}
	measure.Scale(b, crowd(1_000), crowd(1_000_000))
}
