package measure

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Crowd is a store with many users, each with an account and a session.
type Crowd struct {
	Store  adapter.Adapter
	Users  []adapter.User
	Tokens []string // of the sessions
}

// NewCrowd makes users, 64 at a time.
func NewCrowd(b *testing.B, store adapter.Adapter, size int) *Crowd {
	b.Helper()
	c := &Crowd{Store: store, Users: make([]adapter.User, size), Tokens: make([]string, size)}
	expires := time.Now().Add(24 * time.Hour)
	Spread(size, func(i int) {
		name := PersonName(i)
		u, _, err := c.Store.CreateUserWithAccount(context.Background(), TypicalUser(name), TypicalAccount(name))
		if err != nil {
			b.Error(err)
			return
		}
		s, err := c.Store.CreateSession(context.Background(), TypicalSession(u.ID, expires))
		if err != nil {
			b.Error(err)
		}
		c.Users[i], c.Tokens[i] = u, s.SessionToken
	})
	if b.Failed() {
		b.FailNow()
	}
	return c
}

// PersonName returns the name of the i-th user of a crowd.
func PersonName(i int) string { return "person" + strconv.Itoa(i) }

// key returns the key of the i-th user's account.
func (c *Crowd) key(i int) adapter.AccountKey { return TypicalAccount(PersonName(i)).Key() }

// Spread calls f for 0 to n-1, 64 at a time.
func Spread(n int, f func(i int)) {
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

const (
	scaleTurns = 16
	scaleTurn  = 60 * time.Millisecond
)

var users = flag.Int("measure.users", 20_000, "how many users the large crowd of BenchmarkScale has")

// Scale measures the median of every operation on a large crowd beside that on one of a
// thousand, in turns on one server. Run it with -benchtime=1x.
func Scale(b *testing.B, crowd func(size int) *Crowd) {
	small, large := crowd(1000), crowd(*users)
	for _, op := range crowdOps {
		b.Run(op.name, func(b *testing.B) {
			for b.Loop() {
				var latency [2][]time.Duration
				for range scaleTurns {
					for i, c := range []*Crowd{small, large} {
						latency[i] = append(latency[i], serial(b, func(ctx context.Context) error {
							return op.call(ctx, c, rand.IntN(len(c.Users)))
						}, scaleTurn)...)
					}
				}
				p50 := func(i int) float64 {
					slices.Sort(latency[i])
					return percentile(latency[i], 50)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(p50(0), fmt.Sprintf("p50-µs-at-%d", len(small.Users)))
				b.ReportMetric(p50(1), fmt.Sprintf("p50-µs-at-%d", len(large.Users)))
				b.ReportMetric(p50(1)/p50(0), "ratio")
			}
		})
	}
}

// crowdOps are calls on the i-th user of a crowd that leave it as it was.
var crowdOps = []struct {
	name string
	call func(ctx context.Context, c *Crowd, i int) error
}{
	{"GetSessionAndUser", func(ctx context.Context, c *Crowd, i int) error {
		_, _, err := c.Store.GetSessionAndUser(ctx, c.Tokens[i])
		return err
	}},
	{"GetUser", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.GetUser(ctx, c.Users[i].ID)
		return err
	}},
	{"GetUserByEmail", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.GetUserByEmail(ctx, c.Users[i].Email)
		return err
	}},
	{"GetUserByAccount", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.GetUserByAccount(ctx, c.key(i))
		return err
	}},
	{"UpdateUser", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.UpdateUser(ctx, c.Users[i].ID, adapter.UserUpdate{Name: &c.Users[i].Name})
		return err
	}},
	{"UpdateUser+email", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.UpdateUser(ctx, c.Users[i].ID, adapter.UserUpdate{Email: new("x" + c.Users[i].Email)})
		if err == nil {
			_, err = c.Store.UpdateUser(ctx, c.Users[i].ID, adapter.UserUpdate{Email: &c.Users[i].Email})
		}
		return err
	}},
	{"CreateUserWithAccount+DeleteUser", func(ctx context.Context, c *Crowd, i int) error {
		name := fmt.Sprint("new", i)
		u, _, err := c.Store.CreateUserWithAccount(ctx, TypicalUser(name), TypicalAccount(name))
		if err != nil {
			return err
		}
		return c.Store.DeleteUser(ctx, u.ID)
	}},
	{"LinkAccount+UnlinkAccount", func(ctx context.Context, c *Crowd, i int) error {
		a := TypicalAccount(fmt.Sprint("second", i))
		a.UserID = c.Users[i].ID
		if _, err := c.Store.LinkAccount(ctx, a); err != nil {
			return err
		}
		return c.Store.UnlinkAccount(ctx, a.Key())
	}},
	{"GetAccount", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.GetAccount(ctx, c.key(i))
		return err
	}},
	{"ListAccounts", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.ListAccounts(ctx, c.Users[i].ID)
		return err
	}},
	{"UpdateAccount", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.UpdateAccount(ctx, c.key(i), adapter.AccountUpdate{Scope: new("read:user")})
		return err
	}},
	{"CreateSession+DeleteSession", func(ctx context.Context, c *Crowd, i int) error {
		s, err := c.Store.CreateSession(ctx, TypicalSession(c.Users[i].ID, time.Now().Add(time.Hour)))
		if err != nil {
			return err
		}
		return c.Store.DeleteSession(ctx, s.SessionToken)
	}},
	{"UpdateSession", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.UpdateSession(ctx, c.Tokens[i], adapter.SessionUpdate{Expires: new(time.Now().Add(24 * time.Hour))})
		return err
	}},
	{"ListSessions", func(ctx context.Context, c *Crowd, i int) error {
		_, err := c.Store.ListSessions(ctx, c.Users[i].ID)
		return err
	}},
	{"CreateVerificationToken+UseVerificationToken", func(ctx context.Context, c *Crowd, i int) error {
		v := adapter.VerificationToken{Identifier: c.Users[i].Email, Token: "t", Expires: time.Now().Add(time.Hour)}
		if _, err := c.Store.CreateVerificationToken(ctx, v); err != nil {
			return err
		}
		_, err := c.Store.UseVerificationToken(ctx, v.Identifier, v.Token)
		return err
	}},
	{"CreateAuthenticator+DeleteAuthenticator", func(ctx context.Context, c *Crowd, i int) error {
		a := adapter.Authenticator{CredentialID: fmt.Sprint("c", i), UserID: c.Users[i].ID, CredentialPublicKey: "key"}
		if _, err := c.Store.CreateAuthenticator(ctx, a); err != nil {
			return err
		}
		return c.Store.DeleteAuthenticator(ctx, a.CredentialID)
	}},
}
