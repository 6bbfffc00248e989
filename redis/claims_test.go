package redis

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
)

// A claim that is refused again and again is made again after a pause, and not for ever;
// and what only a person can mend is said, not that there are too many calls.
func TestARefusedClaimIsNotMadeWithoutAPause(t *testing.T) {
	for status, want := range map[string]struct {
		calls int
		err   error
	}{"REVOKED": {60, adapter.ErrUnavailable}, "LATE": {2, adapter.ErrSetup}} {
		synctest.Test(t, func(t *testing.T) {
			s, calls := &store{single: "1"}, 0
			_, _, err := s.fulfil(t.Context(), func() []claim { return nil }, func([]claim, string) (string, []string, error) {
				calls++
				return status, []string{kindEmail}, nil
			})
			if !errors.Is(err, want.err) || calls < 2 || calls > want.calls {
				t.Errorf("%s: got %v after %d calls, want %v after at most %d", status, err, calls, want.err, want.calls)
			}
		})
	}
}

// A call whose context ends while it waits for another claim ends with it.
func TestThePauseEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), revokeAfter)
		defer cancel()
		_, _, err := (&store{single: "1"}).fulfil(ctx, func() []claim { return nil }, func([]claim, string) (string, []string, error) {
			return "REVOKED", []string{kindEmail}, nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the deadline has passed", err)
		}
	})
}

// A call whose keys are on their way to another server is made again until they are there.
func TestACallWaitsForKeysThatMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		cmd := retryMoving(t.Context(), func() *redis.Cmd {
			cmd := redis.NewCmd(t.Context())
			if calls++; calls < 4 {
				cmd.SetErr(answer("TRYAGAIN Multiple keys request during rehashing of slot"))
			}
			return cmd
		})
		if cmd.Err() != nil || calls != 4 {
			t.Errorf("got %v after %d calls, want an answer", cmd.Err(), calls)
		}
	})
}
