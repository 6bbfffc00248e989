package sequence_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
	"github.com/authstore/authstore/memory"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The sequences that fail here are meant to: they need not be kept, or short.
	setFlag("rapid.nofailfile", "true")
	setFlag("rapid.shrinktime", "1s")
	os.Exit(m.Run())
}

func setFlag(name, value string) {
	if err := flag.Set(name, value); err != nil {
		panic(err)
	}
}

// harness runs a test on memory, with a bug in front of each adapter.
func harness(bug func(o adapter.Options, s *memory.Store) adapter.Adapter) conformance.Harness {
	return conformance.Harness{
		Backend: "memory",
		Engine:  "in process",
		Namespace: func(context.Context) (conformance.Namespace, error) {
			store := memory.NewStore()
			return conformance.Namespace{
				Open: func(o adapter.Options) (adapter.Adapter, error) { return bug(o, store), nil },
			}, nil
		},
	}
}

func open(o adapter.Options, s *memory.Store) adapter.Adapter {
	return memory.New(memory.Options{Options: o, Store: s})
}

func TestMemory(t *testing.T) { passes(t, open) }

func passes(t *testing.T, store func(o adapter.Options, s *memory.Store) adapter.Adapter) {
	t.Helper()
	r := conformance.Check(t.Context(), harness(store), sequence.Test(100)).Results[0]
	if r.Status != conformance.Passed {
		t.Errorf("%s: %s: %s", r.ID, r.Status, r.Detail)
	}
}

// free makes other choices than memory where the contract leaves one: it takes what
// is for a user who is not there, and a second one-time token for the first.
type free struct{ adapter.Adapter }

// unless returns nil for the refusal of a field, unless the record's key is taken.
func unless(taken bool, err error, field string) error {
	var i *adapter.InvalidError
	if !taken && errors.As(err, &i) && i.Field == field {
		return nil
	}
	return err
}

func (f free) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	_, taken := f.GetAccount(ctx, a.Key())
	got, err := f.Adapter.LinkAccount(ctx, a)
	return got, unless(taken == nil, err, "Account.UserID")
}

func (f free) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	_, _, taken := f.GetSessionAndUser(ctx, s.SessionToken)
	got, err := f.Adapter.CreateSession(ctx, s)
	return got, unless(taken == nil, err, "Session.UserID")
}

func (f free) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	_, taken := f.GetAuthenticator(ctx, a.CredentialID)
	got, err := f.Adapter.CreateAuthenticator(ctx, a)
	return got, unless(taken == nil, err, "Authenticator.UserID")
}

func (f free) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	_, err := f.UseVerificationToken(ctx, v.Identifier, v.Token)
	if err != nil && !errors.Is(err, adapter.ErrNotFound) {
		return adapter.VerificationToken{}, err
	}
	return f.Adapter.CreateVerificationToken(ctx, v)
}

func TestChoices(t *testing.T) {
	passes(t, func(o adapter.Options, s *memory.Store) adapter.Adapter { return free{open(o, s)} })
}

// late has a second adapter, whose clock is behind.
type late struct {
	adapter.Adapter
	late adapter.Adapter
}

func newLate(o adapter.Options, s *memory.Store, by time.Duration) late {
	slow := o
	slow.Clock = func() time.Time { return o.Clock().Add(-by) }
	return late{open(o, s), open(slow, s)}
}

// revives updates sessions that expired within the last hour.
type revives struct{ late }

func (r revives) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, err := r.Adapter.UpdateSession(ctx, token, up)
	if errors.Is(err, adapter.ErrNotFound) {
		return r.late.late.UpdateSession(ctx, token, up)
	}
	return s, err
}

// lingers opens sessions a millisecond too long.
type lingers struct{ late }

func (l lingers) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	return l.late.late.GetSessionAndUser(ctx, token)
}

// keepsOne keeps the first of the sessions that DeleteSessions is to keep.
type keepsOne struct{ adapter.Adapter }

func (k keepsOne) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	return k.Adapter.DeleteSessions(ctx, userID, keep[:min(1, len(keep))]...)
}

// keepsAddress ignores that an address is taken away.
type keepsAddress struct{ adapter.Adapter }

func (k keepsAddress) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if up.Email != nil && *up.Email == "" {
		up.Email = nil
	}
	return k.Adapter.UpdateUser(ctx, id, up)
}

// accepts takes a counter that was shown before.
type accepts struct{ adapter.Adapter }

func (a accepts) UpdateAuthenticatorCounter(ctx context.Context, id string, counter uint32) (adapter.Authenticator, error) {
	if stored, err := a.GetAuthenticator(ctx, id); err == nil && stored.Counter == counter {
		return stored, nil
	}
	return a.Adapter.UpdateAuthenticatorCounter(ctx, id, counter)
}

// TestBugs shows that sequences find what is wrong now and then only, in sequences
// that are the same in every run.
func TestBugs(t *testing.T) {
	setFlag("rapid.seed", "1")
	defer setFlag("rapid.seed", "0")
	tests := []struct {
		name string
		bug  func(o adapter.Options, s *memory.Store) adapter.Adapter
		call string // that differs
	}{
		{"an expired session is revived", func(o adapter.Options, s *memory.Store) adapter.Adapter {
			return revives{newLate(o, s, time.Hour)}
		}, "UpdateSession"},
		{"a session lives too long", func(o adapter.Options, s *memory.Store) adapter.Adapter {
			return lingers{newLate(o, s, time.Millisecond)}
		}, "GetSessionAndUser"},
		{"one session is kept", func(o adapter.Options, s *memory.Store) adapter.Adapter { return keepsOne{open(o, s)} }, "after it"},
		{"an address is kept", func(o adapter.Options, s *memory.Store) adapter.Adapter { return keepsAddress{open(o, s)} }, "UpdateUser"},
		{"a counter is shown twice", func(o adapter.Options, s *memory.Store) adapter.Adapter { return accepts{open(o, s)} }, "UpdateAuthenticatorCounter"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := conformance.Check(t.Context(), harness(test.bug), sequence.Test(100)).Results[0]
			if r.Status != conformance.Failed || !strings.Contains(r.Detail, test.call) || strings.Contains(r.Detail, "flaky") {
				t.Errorf("got %s, want a failure of %s:\n%s", r.Status, test.call, r.Detail)
			}
		})
	}
}
