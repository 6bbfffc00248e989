package fauna_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

func TestContentionIsWaitedOut(t *testing.T) {
	refused := scriptedAnswer{status: 409, body: contended}
	a, count := scripted(t, refused, refused, refused, scriptedAnswer{status: 200, body: nobody})
	if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) || count.Load() != 4 {
		t.Errorf("got %v after %d requests, want ErrNotFound after 4", err, count.Load())
	}

	a, _ = scripted(t, refused)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := a.GetUserByEmail(ctx, "ada@example.com")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 2*time.Second {
		t.Errorf("got %v after %v, want the context's error at its deadline", err, time.Since(start))
	}
}

// A request whose reply was lost is not sent again, since its outcome is unknown.
func TestNothingIsRepeatedBlindly(t *testing.T) {
	lost := errors.New("connection reset by peer")
	a, count := scripted(t, scriptedAnswer{err: lost})
	ids := func(n uint64) string { return newID(n) }
	hour := time.Now().Add(time.Hour)
	for op, call := range map[string]func(context.Context) error{
		"CreateUser": func(ctx context.Context) error {
			_, err := a.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
			return err
		},
		"CreateUserWithAuthenticator": func(ctx context.Context) error {
			_, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{}, passkey("", "c"))
			return err
		},
		"UpdateAuthenticator": func(ctx context.Context) error {
			_, err := a.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{CredentialBackedUp: new(true)})
			return err
		},
		"UpdateUser": func(ctx context.Context) error {
			_, err := a.UpdateUser(ctx, ids(1), adapter.UserUpdate{Name: new("Ada")})
			return err
		},
		"DeleteUser": func(ctx context.Context) error { return a.DeleteUser(ctx, ids(1)) },
		"CreateSession": func(ctx context.Context) error {
			_, err := a.CreateSession(ctx, adapter.Session{UserID: ids(1), Expires: hour})
			return err
		},
		"UseVerificationToken": func(ctx context.Context) error {
			_, err := a.UseVerificationToken(ctx, "ada", "t")
			return err
		},
		"UpdateAuthenticatorCounter": func(ctx context.Context) error {
			_, err := a.UpdateAuthenticatorCounter(ctx, "c", 1)
			return err
		},
	} {
		before := count.Load()
		err := call(t.Context())
		if !errors.Is(err, adapter.ErrUnavailable) || !errors.Is(err, lost) || count.Load() != before+1 {
			t.Errorf("%s: got %v after %d requests, want ErrUnavailable with its cause after one", op, err, count.Load()-before)
		}
	}
}

// The driver caches something of its first query without a lock, which the race detector would
// see here.
func TestAClientMayBeSharedAtOnce(t *testing.T) {
	a, count := scripted(t, scriptedAnswer{status: 200, body: nobody})
	var calls sync.WaitGroup
	for range 32 {
		calls.Go(func() {
			if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		})
	}
	calls.Wait()
	if count.Load() != 32 {
		t.Errorf("%d requests for 32 calls: New must send nothing", count.Load())
	}
}
