package measure

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Stage is a store with one user, who has one record of each type.
type Stage struct {
	Store   adapter.Adapter
	User    adapter.User
	Account adapter.Account
	Session adapter.Session
	Passkey adapter.Authenticator
	Expires time.Time // of all that expires: a day from now

	count atomic.Int64
}

// NewStage writes the records.
func NewStage(b *testing.B, store adapter.Adapter) *Stage {
	b.Helper()
	s := &Stage{Store: store, Expires: time.Now().Add(24 * time.Hour)}
	var err error
	s.User, s.Account, err = store.CreateUserWithAccount(b.Context(), TypicalUser("ada"), TypicalAccount("1"))
	check(b, err)
	s.Session, err = store.CreateSession(b.Context(), TypicalSession(s.User.ID, s.Expires))
	check(b, err)
	s.Passkey, err = store.CreateAuthenticator(b.Context(), adapter.Authenticator{CredentialID: "c", UserID: s.User.ID, CredentialPublicKey: "key"})
	check(b, err)
	return s
}

// Name returns a name that no other call has returned.
func (s *Stage) Name() string { return "n" + strconv.FormatInt(s.count.Add(1), 10) }

// TypicalUser returns a user as a provider describes one.
func TypicalUser(name string) adapter.User {
	return adapter.User{Name: "Ada Lovelace", Email: name + "@example.com", EmailVerified: time.Now(), Image: "https://example.com/avatars/ada.png"}
}

// TypicalAccount returns an account with one token.
func TypicalAccount(id string) adapter.Account {
	return adapter.Account{
		Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: id, TokenType: "bearer", Scope: "read:user,user:email",
		AccessToken: "gho_16C7e42F292c6912E7710c838347Ae178B4a",
	}
}

// TypicalSession returns a session whose token is generated.
func TypicalSession(userID string, expires time.Time) adapter.Session {
	return adapter.Session{UserID: userID, Expires: expires}
}

// Beside measures every operation beside the bare calls of a driver that do the least
// that could work for it, on the same server, the two in turns: the median of a call
// made alone, its allocations, and the calls a second of 64 goroutines. stage returns a
// new stage for each, and the bare calls by operation. Run it with -benchtime=1x.
func Beside(b *testing.B, stage func(b *testing.B) (*Stage, map[string]Call)) {
	for _, op := range measured {
		b.Run(op.name, func(b *testing.B) {
			s, bare := stage(b)
			raw := bare[op.name]
			if raw == nil {
				b.Fatal("there are no bare calls to compare it with")
			}
			ours := op.call(s)
			for b.Loop() {
				compare(b, ours, raw)
			}
		})
	}
}

const concurrency = 64

// What one side gets.
const (
	warmUpTime = 300 * time.Millisecond
	aloneTime  = 500 * time.Millisecond // altogether
	loadTime   = 2 * time.Second        // altogether
	minTurn    = 40 * time.Millisecond  // of load
	maxTurn    = 2 * time.Second
	minTurns   = 4
)

// compare measures both sides in turns and reports the figures and their ratios. Who is first
// changes.
func compare(b *testing.B, ours, raw Call) {
	both := []Call{ours, raw}
	loads := []Load{LoadOf(always(ours)), LoadOf(always(raw))}
	turns, turn := turnsOf(b, concurrency, loads)
	var latency [2][]time.Duration
	var calls [2]int
	for n := range turns {
		inTurn := func(f func(i int)) {
			f(n % 2)
			f(1 - n%2)
		}
		inTurn(func(i int) { latency[i] = append(latency[i], serial(b, both[i], aloneTime/time.Duration(turns))...) })
		inTurn(func(i int) { calls[i] += len(loads[i](b, concurrency, turn)) })
	}
	p50 := func(i int) float64 {
		slices.Sort(latency[i])
		return percentile(latency[i], 50)
	}
	perSecond := func(i int) float64 { return float64(calls[i]) / (float64(turns) * turn.Seconds()) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p50(0), "p50-µs")
	b.ReportMetric(p50(1), "raw-p50-µs")
	b.ReportMetric(perSecond(0), "calls/s")
	b.ReportMetric(perSecond(1), "raw-calls/s")
	b.ReportMetric(float64(calls[0])/float64(calls[1]), "throughput-ratio")
	b.ReportMetric(p50(1)/p50(0), "p50-ratio")
	b.ReportMetric(allocations(b, ours)/allocations(b, raw), "allocs-ratio")
}

// always makes the same call, whoever it is about.
func always(call Call) Read { return func(ctx context.Context, _ int) error { return call(ctx) } }

// allocations returns how many allocations a call makes.
func allocations(b *testing.B, call Call) float64 {
	return testing.AllocsPerRun(20, func() { check(b, call(b.Context())) })
}

// serial makes calls one after the other for a time and returns how long each took. The
// first is not among them: it would find the processor as the other side has left it.
func serial(b *testing.B, call Call, d time.Duration) []time.Duration {
	check(b, call(b.Context()))
	var all []time.Duration
	for end := time.Now().Add(d); len(all) == 0 || time.Now().Before(end); {
		start := time.Now()
		check(b, call(b.Context()))
		all = append(all, time.Since(start))
	}
	return all
}

// measured has the operations; one that uses a record up is measured together with the
// one that makes it.
var measured = []struct {
	name string
	call func(*Stage) Call
}{
	{"GetSessionAndUser", func(s *Stage) Call {
		return func(ctx context.Context) error {
			_, _, err := s.Store.GetSessionAndUser(ctx, s.Session.SessionToken)
			return err
		}
	}},
	{"GetUser", func(s *Stage) Call {
		return func(ctx context.Context) error { _, err := s.Store.GetUser(ctx, s.User.ID); return err }
	}},
	{"GetUserByEmail", func(s *Stage) Call {
		return func(ctx context.Context) error { _, err := s.Store.GetUserByEmail(ctx, s.User.Email); return err }
	}},
	{"GetUserByAccount", func(s *Stage) Call {
		return func(ctx context.Context) error { _, err := s.Store.GetUserByAccount(ctx, s.Account.Key()); return err }
	}},
	{"CreateUser", func(s *Stage) Call {
		return func(ctx context.Context) error { _, err := s.Store.CreateUser(ctx, TypicalUser(s.Name())); return err }
	}},
	{"CreateUserWithAccount", func(s *Stage) Call {
		return func(ctx context.Context) error {
			name := s.Name()
			_, _, err := s.Store.CreateUserWithAccount(ctx, TypicalUser(name), TypicalAccount(name))
			return err
		}
	}},
	{"UpdateUser", func(s *Stage) Call {
		return func(ctx context.Context) error {
			_, err := s.Store.UpdateUser(ctx, s.User.ID, adapter.UserUpdate{Name: new(s.Name())})
			return err
		}
	}},
	{"CreateUser+DeleteUser", func(s *Stage) Call {
		return func(ctx context.Context) error {
			u, err := s.Store.CreateUser(ctx, TypicalUser(s.Name()))
			if err != nil {
				return err
			}
			return s.Store.DeleteUser(ctx, u.ID)
		}
	}},
	{"LinkAccount+UnlinkAccount", func(s *Stage) Call {
		return func(ctx context.Context) error {
			a := TypicalAccount(s.Name())
			a.UserID = s.User.ID
			if _, err := s.Store.LinkAccount(ctx, a); err != nil {
				return err
			}
			return s.Store.UnlinkAccount(ctx, a.Key())
		}
	}},
	{"GetAccount", func(s *Stage) Call {
		return func(ctx context.Context) error { _, err := s.Store.GetAccount(ctx, s.Account.Key()); return err }
	}},
	{"ListAccounts", func(s *Stage) Call {
		return func(ctx context.Context) error { _, err := s.Store.ListAccounts(ctx, s.User.ID); return err }
	}},
	{"UpdateAccount", func(s *Stage) Call {
		return func(ctx context.Context) error {
			_, err := s.Store.UpdateAccount(ctx, s.Account.Key(), adapter.AccountUpdate{AccessToken: new(s.Name())})
			return err
		}
	}},
	{"CreateSession", func(s *Stage) Call {
		return func(ctx context.Context) error {
			_, err := s.Store.CreateSession(ctx, TypicalSession(s.User.ID, s.Expires))
			return err
		}
	}},
	{"UpdateSession", func(s *Stage) Call {
		return func(ctx context.Context) error {
			_, err := s.Store.UpdateSession(ctx, s.Session.SessionToken, adapter.SessionUpdate{Expires: &s.Expires})
			return err
		}
	}},
	{"CreateSession+DeleteSession", func(s *Stage) Call {
		return func(ctx context.Context) error {
			made, err := s.Store.CreateSession(ctx, TypicalSession(s.User.ID, s.Expires))
			if err != nil {
				return err
			}
			return s.Store.DeleteSession(ctx, made.SessionToken)
		}
	}},
	{"ListSessions", func(s *Stage) Call {
		return func(ctx context.Context) error { _, err := s.Store.ListSessions(ctx, s.User.ID); return err }
	}},
	{"CreateVerificationToken", func(s *Stage) Call {
		return func(ctx context.Context) error {
			_, err := s.Store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: s.Name(), Token: "t", Expires: s.Expires})
			return err
		}
	}},
	{"CreateVerificationToken+UseVerificationToken", func(s *Stage) Call {
		return func(ctx context.Context) error {
			name := s.Name()
			if _, err := s.Store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: name, Token: "t", Expires: s.Expires}); err != nil {
				return err
			}
			_, err := s.Store.UseVerificationToken(ctx, name, "t")
			return err
		}
	}},
	{"GetAuthenticator", func(s *Stage) Call {
		return func(ctx context.Context) error { _, err := s.Store.GetAuthenticator(ctx, "c"); return err }
	}},
	{"UpdateAuthenticatorCounter", func(s *Stage) Call {
		var counter atomic.Uint32
		return func(ctx context.Context) error {
			_, err := s.Store.UpdateAuthenticatorCounter(ctx, "c", counter.Add(1))
			if errors.Is(err, adapter.ErrConflict) { // a racing call was further
				return nil
			}
			return err
		}
	}},
}
