package conformance

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Benchmark measures the operations of the contract on one store, each alone
// (serial) and by many at once (parallel). An operation that uses a record up is
// measured together with the one that makes it.
func Benchmark(b *testing.B, h Harness) {
	for _, bench := range benchmarks {
		b.Run(bench.name+"/serial", func(b *testing.B) {
			call := newBench(b, h).prepare(bench)
			for b.Loop() {
				call(b)
			}
		})
		b.Run(bench.name+"/parallel", func(b *testing.B) {
			call := newBench(b, h).prepare(bench)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					call(b)
				}
			})
		})
	}
}

// bench is a store with one user, who has one record of each type.
type bench struct {
	b       *testing.B
	ctx     context.Context
	store   adapter.Adapter
	user    adapter.User
	account adapter.Account
	session adapter.Session
	count   atomic.Uint64
	expires time.Time
}

func newBench(b *testing.B, h Harness) *bench {
	b.Helper()
	ctx := b.Context()
	namespace, err := h.Namespace(ctx)
	check(b, err)
	store, err := namespace.Open(adapter.Options{})
	check(b, err)
	b.Cleanup(func() {
		check(b, store.Close())
		if namespace.Close != nil {
			check(b, namespace.Close())
		}
	})
	e := &bench{b: b, ctx: ctx, store: store, expires: time.Now().Add(24 * time.Hour)}
	e.user, e.account, err = store.CreateUserWithAccount(ctx,
		adapter.User{Name: "Ada Lovelace", Email: email(ada), EmailVerified: time.Now(), Image: "https://example.com/ada.png"},
		adapter.Account{Type: adapter.AccountOIDC, Provider: "github", ProviderAccountID: "1"})
	check(b, err)
	e.session, err = store.CreateSession(ctx, adapter.Session{UserID: e.user.ID, Expires: e.expires})
	check(b, err)
	_, err = store.CreateAuthenticator(ctx, fullAuthenticator(e.user.ID, "credential"))
	check(b, err)
	return e
}

// prepare returns the call that a benchmark repeats.
func (e *bench) prepare(bench benchmark) func(*testing.B) {
	op := bench.op(e)
	e.b.ReportAllocs()
	e.b.ResetTimer()
	return func(b *testing.B) { check(b, op()) }
}

// check ends a benchmark whose calls fail: its figures would mean nothing.
func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// name returns a name that no other call has returned.
func (e *bench) name() string { return "n" + strconv.FormatUint(e.count.Add(1), 10) }

// benchmark is one row: op returns the call to repeat.
type benchmark struct {
	name string
	op   func(e *bench) func() error
}

var benchmarks = []benchmark{
	{"GetSessionAndUser", func(e *bench) func() error {
		return func() error {
			_, _, err := e.store.GetSessionAndUser(e.ctx, e.session.SessionToken)
			return err
		}
	}},
	{"GetSessionAndUser+attributes", func(e *bench) func() error {
		_, err := e.store.UpdateUser(e.ctx, e.user.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"role": "admin"}})
		check(e.b, err)
		_, err = e.store.UpdateSession(e.ctx, e.session.SessionToken, adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "::1"}})
		check(e.b, err)
		return func() error {
			_, _, err := e.store.GetSessionAndUser(e.ctx, e.session.SessionToken)
			return err
		}
	}},
	{"CreateUser", func(e *bench) func() error {
		return func() error {
			_, err := e.store.CreateUser(e.ctx, adapter.User{Email: email(e.name())})
			return err
		}
	}},
	{"CreateUserWithAccount", func(e *bench) func() error {
		return func() error {
			name := e.name()
			_, _, err := e.store.CreateUserWithAccount(e.ctx, adapter.User{Email: email(name)}, plainAccount("", "github", name))
			return err
		}
	}},
	{"GetUser", func(e *bench) func() error {
		return func() error {
			_, err := e.store.GetUser(e.ctx, e.user.ID)
			return err
		}
	}},
	{"GetUserByEmail", func(e *bench) func() error {
		return func() error {
			_, err := e.store.GetUserByEmail(e.ctx, e.user.Email)
			return err
		}
	}},
	{"GetUserByAccount", func(e *bench) func() error {
		return func() error {
			_, err := e.store.GetUserByAccount(e.ctx, e.account.Key())
			return err
		}
	}},
	{"UpdateUser", func(e *bench) func() error {
		return func() error {
			_, err := e.store.UpdateUser(e.ctx, e.user.ID, adapter.UserUpdate{Name: new(e.name())})
			return err
		}
	}},
	{"UpdateUser+email", func(e *bench) func() error {
		u, err := e.store.CreateUser(e.ctx, adapter.User{})
		check(e.b, err)
		return func() error {
			_, err := e.store.UpdateUser(e.ctx, u.ID, adapter.UserUpdate{Email: new(email(e.name()))})
			return err
		}
	}},
	{"CreateUser+DeleteUser", func(e *bench) func() error {
		return func() error {
			u, err := e.store.CreateUser(e.ctx, adapter.User{Email: email(e.name())})
			if err != nil {
				return err
			}
			return e.store.DeleteUser(e.ctx, u.ID)
		}
	}},
	{"LinkAccount+UnlinkAccount", func(e *bench) func() error {
		return func() error {
			acc, err := e.store.LinkAccount(e.ctx, plainAccount(e.user.ID, "gitlab", e.name()))
			if err != nil {
				return err
			}
			return e.store.UnlinkAccount(e.ctx, acc.Key())
		}
	}},
	{"GetAccount", func(e *bench) func() error {
		return func() error {
			_, err := e.store.GetAccount(e.ctx, e.account.Key())
			return err
		}
	}},
	{"ListAccounts", func(e *bench) func() error {
		return func() error {
			_, err := e.store.ListAccounts(e.ctx, e.user.ID)
			return err
		}
	}},
	{"UpdateAccount", func(e *bench) func() error {
		return func() error {
			_, err := e.store.UpdateAccount(e.ctx, e.account.Key(), adapter.AccountUpdate{AccessToken: new(e.name())})
			return err
		}
	}},
	{"CreateSession+DeleteSession", func(e *bench) func() error {
		return func() error {
			s, err := e.store.CreateSession(e.ctx, adapter.Session{UserID: e.user.ID, Expires: e.expires})
			if err != nil {
				return err
			}
			return e.store.DeleteSession(e.ctx, s.SessionToken)
		}
	}},
	{"UpdateSession", func(e *bench) func() error {
		return func() error {
			_, err := e.store.UpdateSession(e.ctx, e.session.SessionToken, adapter.SessionUpdate{Expires: &e.expires})
			return err
		}
	}},
	{"ListSessions", func(e *bench) func() error {
		return func() error {
			_, err := e.store.ListSessions(e.ctx, e.user.ID)
			return err
		}
	}},
	{"CreateVerificationToken+UseVerificationToken", func(e *bench) func() error {
		return func() error {
			name := e.name()
			_, err := e.store.CreateVerificationToken(e.ctx, adapter.VerificationToken{Identifier: email(ada), Token: name, Expires: e.expires})
			if err != nil {
				return err
			}
			_, err = e.store.UseVerificationToken(e.ctx, email(ada), name)
			return err
		}
	}},
	{"GetAuthenticator", func(e *bench) func() error {
		return func() error {
			_, err := e.store.GetAuthenticator(e.ctx, "credential")
			return err
		}
	}},
	{"CreateAuthenticator+DeleteAuthenticator", func(e *bench) func() error {
		return func() error {
			name := e.name()
			_, err := e.store.CreateAuthenticator(e.ctx, adapter.Authenticator{CredentialID: name, UserID: e.user.ID, CredentialPublicKey: "key"})
			if err != nil {
				return err
			}
			return e.store.DeleteAuthenticator(e.ctx, name)
		}
	}},
}
