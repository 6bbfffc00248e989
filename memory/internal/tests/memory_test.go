package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpenTakesNothingButItsScheme(t *testing.T) {
	a, err := adapter.Open(t.Context(), "memory:")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	for _, url := range []string{"memory:shared", "memory://host", "memory:/path", "memory:?ttl=1"} {
		if _, err := adapter.Open(t.Context(), url); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid: it says something that would be ignored", url, err)
		}
	}
}

// An application that only creates sessions and tokens stores those that are live, and a few.
func TestCreatesRemoveWhatHasExpired(t *testing.T) {
	ctx := t.Context()
	now := time.Now()
	store := memory.NewStore()
	a := memory.New(memory.Options{Store: store, Options: adapter.Options{Clock: func() time.Time { return now }}})
	u, err := a.CreateUser(ctx, adapter.User{})
	if err != nil {
		t.Fatal(err)
	}
	const each = 1000
	for i := range each {
		now = now.Add(time.Second)
		create(t, a, u.ID, i, now.Add(10*time.Second))
	}
	if got := len(store.Records()); got > 1+2*12 {
		t.Errorf("got %d records after %d sessions and tokens of which 10 live at a time, want about 20", got, 2*each)
	}
}

// create creates a session and a verification token with the same expiry.
func create(t *testing.T, a adapter.Adapter, userID string, i int, expires time.Time) {
	t.Helper()
	_, err := a.CreateSession(t.Context(), adapter.Session{UserID: userID, Expires: expires})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.CreateVerificationToken(t.Context(), adapter.VerificationToken{
		Identifier: "ada@example.com", Token: time.Duration(i).String(), Expires: expires,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOptionalCallsEndWithTheirContext(t *testing.T) {
	a := memory.New(memory.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pinger, _ := adapter.As[adapter.Pinger](a)
	purger, _ := adapter.As[adapter.Purger](a)
	_, purge := purger.PurgeExpired(ctx)
	for op, err := range map[string]error{"Ping": pinger.Ping(ctx), "PurgeExpired": purge} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", op, err)
		}
	}
}
