package attempt

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authstore/authstore/adapter"
)

// silent is a request that gets no answer the first n times.
func silent(n int) (do func(context.Context) (string, error), calls *int) {
	calls = new(int)
	return func(ctx context.Context) (string, error) {
		if *calls++; *calls > n {
			return "answer", nil
		}
		<-ctx.Done()
		return "", ctx.Err()
	}, calls
}

func TestAReadIsMadeOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		do, calls := silent(1)
		begun := time.Now()
		r, err := Read(t.Context(), Default, do)
		if r != "answer" || err != nil || *calls != 2 || time.Since(begun) != Short {
			t.Errorf("got %q, %v after %d attempts and %s", r, err, *calls, time.Since(begun))
		}
	})
}

func TestAReadKeepsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		do, calls := silent(1)
		if r, err := Read(ctx, Default, do); r != "answer" || err != nil {
			t.Errorf("got %q, %v after %d attempts", r, err, *calls)
		}
		do, calls = silent(3)
		begun := time.Now()
		_, err := Read(ctx, Default, do)
		if !errors.Is(err, context.DeadlineExceeded) || *calls != 2 || time.Since(begun) != 150*time.Millisecond {
			t.Errorf("got %v after %d attempts and %s", err, *calls, time.Since(begun))
		}
	})
}

func TestNoAnswerIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		do, calls := silent(9)
		begun := time.Now()
		_, err := Read(t.Context(), 4*time.Second, do)
		if !errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || *calls != 2 {
			t.Errorf("got %v after %d attempts and %s", err, *calls, time.Since(begun))
		}
		do, calls = silent(9)
		_, err = Write(t.Context(), 4*time.Second, do)
		if !errors.Is(err, adapter.ErrUnavailable) || *calls != 1 {
			t.Errorf("got %v after %d attempts", err, *calls)
		}
	})
}

func TestOtherErrorsAreNotTriedAgain(t *testing.T) {
	calls := 0
	_, err := Read(t.Context(), Default, func(context.Context) (int, error) {
		calls++
		return 0, adapter.ErrNotFound
	})
	if !errors.Is(err, adapter.ErrNotFound) || calls != 1 {
		t.Errorf("got %v after %d attempts", err, calls)
	}
}
