package batch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authstore/authstore/adapter"
)

// turn is how long a store takes to answer.
const turn = time.Second

// store answers each key by its text, a turn after it was asked.
type store struct {
	mu    sync.Mutex
	asked []string // the keys of each request
	fail  func(ctx context.Context, keys []int) error
}

func (s *store) ask(ctx context.Context, keys []int) (map[int]string, error) {
	s.mu.Lock()
	s.asked = append(s.asked, fmt.Sprint(keys))
	s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(ctx, keys); err != nil {
			return nil, err
		}
	}
	select {
	case <-time.After(turn):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	answers := map[int]string{}
	for _, key := range keys {
		if key >= 0 {
			answers[key] = fmt.Sprint("answer ", key)
		}
	}
	return answers, nil
}

func (s *store) requests(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.asked, want) {
		t.Errorf("the requests are %q, want %q", s.asked, want)
	}
}

// result is what a caller got, and when.
type result struct {
	value string
	err   error
	after time.Duration
}

// callers makes a call for each key, one after the other, none of which waits for the one
// before it, and returns what they get.
func callers(ctx context.Context, g *Group[int, string], keys ...int) (wait func() []result) {
	results, begun := make([]result, len(keys)), time.Now()
	var running sync.WaitGroup
	for i, key := range keys {
		running.Go(func() {
			value, err := g.Get(ctx, key)
			results[i] = result{value, err, time.Since(begun)}
		})
		synctest.Wait()
	}
	return func() []result {
		running.Wait()
		return results
	}
}

func numbers(from, to int) (all []int) {
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

func answered(t *testing.T, r result, key int, after time.Duration) {
	t.Helper()
	if r.err != nil || r.value != fmt.Sprint("answer ", key) || r.after != after {
		t.Errorf("the caller of %d got %+v, want its answer after %s", key, r, after)
	}
}

// inTime runs a test by a clock of its own.
func inTime(t *testing.T, inFlight, size int, f func(t *testing.T, g *Group[int, string], s *store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		g := New(inFlight, size, s.ask)
		defer g.Close()
		f(t, g, s)
	})
}

func TestWhoComesMeanwhileGoesTogether(t *testing.T) {
	inTime(t, 2, 10, func(t *testing.T, g *Group[int, string], s *store) {
		for i, r := range callers(t.Context(), g, 0, 1, 2, 3, 4)() {
			after := 2 * turn
			if i < 2 {
				after = turn
			}
			answered(t, r, i, after)
		}
		s.requests(t, "[0]", "[1]", "[2 3 4]")
	})
}

// Who waits is served in turn, and who comes while no more wait than fit waits for one.
func TestNobodyIsOvertaken(t *testing.T) {
	inTime(t, 1, 3, func(t *testing.T, g *Group[int, string], s *store) {
		wait := callers(t.Context(), g, numbers(0, 7)...)
		time.Sleep(turn + turn/2) // 1, 2, 3 are on their way, and 4, 5, 6 wait
		late := callers(t.Context(), g, 7, 5)
		for key, r := range wait() {
			answered(t, r, key, time.Duration(1+(key+2)/3)*turn)
		}
		r := late()
		answered(t, r[0], 7, 2*turn+turn/2)
		answered(t, r[1], 5, turn+turn/2) // together with who asked before
		s.requests(t, "[0]", "[1 2 3]", "[4 5 6]", "[7]")
	})
}

func TestEqualKeysAreAskedForOnce(t *testing.T) {
	inTime(t, 1, 2, func(t *testing.T, g *Group[int, string], s *store) {
		for i, r := range callers(t.Context(), g, 0, 1, 1, 1, 2, 1)() {
			if i > 0 {
				answered(t, r, []int{0, 1, 1, 1, 2, 1}[i], 2*turn)
			}
		}
		s.requests(t, "[0]", "[1 2]")
	})
}

// An answer is never of a request that was sent before the call.
func TestNobodyJoinsWhatIsOnItsWay(t *testing.T) {
	inTime(t, 1, 10, func(t *testing.T, g *Group[int, string], s *store) {
		for i, r := range callers(t.Context(), g, 0, 0)() {
			answered(t, r, 0, time.Duration(i+1)*turn)
		}
		s.requests(t, "[0]", "[0]")
	})
}

func TestWhoLeavesHarmsNobody(t *testing.T) {
	inTime(t, 1, 10, func(t *testing.T, g *Group[int, string], s *store) {
		impatient, cancel := context.WithTimeout(t.Context(), turn+turn/2)
		defer cancel()
		first := callers(t.Context(), g, 0)
		left := callers(impatient, g, 1, 2)
		stays := callers(t.Context(), g, 2, 3)
		first()
		for _, r := range left() {
			if !errors.Is(r.err, context.DeadlineExceeded) || r.after != turn+turn/2 {
				t.Errorf("who left got %+v, want the context's error when it ended", r)
			}
		}
		for i, r := range stays() {
			answered(t, r, 2+i, 2*turn)
		}
		s.requests(t, "[0]", "[1 2 3]")
	})
}

// A request that hangs ends when all have left, and holds up nobody who comes then, even if
// it does not end at once.
func TestARequestThatAllHaveLeft(t *testing.T) {
	inTime(t, 1, 10, func(t *testing.T, g *Group[int, string], s *store) {
		var ended time.Duration
		begun := time.Now()
		s.fail = func(ctx context.Context, keys []int) error {
			if keys[0] != 0 {
				return nil
			}
			<-ctx.Done()
			ended = time.Since(begun)
			time.Sleep(9 * turn)
			return ctx.Err()
		}
		impatient, cancel := context.WithTimeout(t.Context(), 3*turn)
		defer cancel()
		left := callers(impatient, g, 0)
		stays := callers(t.Context(), g, 1)
		left()
		answered(t, stays()[0], 1, 4*turn)
		answered(t, callers(t.Context(), g, 2)()[0], 2, turn)
		if ended != 3*turn {
			t.Errorf("its context ended after %s, want %s", ended, 3*turn)
		}
		g.Close()
		if time.Since(begun) != 12*turn {
			t.Errorf("Close returned after %s, want %s, when the request was over", time.Since(begun), 12*turn)
		}
	})
}

func TestWhatNobodyWaitsForIsNotSent(t *testing.T) {
	inTime(t, 1, 10, func(t *testing.T, g *Group[int, string], s *store) {
		impatient, cancel := context.WithTimeout(t.Context(), turn/2)
		defer cancel()
		first := callers(t.Context(), g, 0)
		left := callers(impatient, g, 1, 2)
		left()
		again := callers(t.Context(), g, 2) // somebody else does
		first()
		again()
		s.requests(t, "[0]", "[2]")
		if _, err := g.Get(impatient, 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with an ended context: %v", err)
		}
		s.requests(t, "[0]", "[2]")
	})
}

func TestTheErrorOfARequestIsEachCallers(t *testing.T) {
	inTime(t, 1, 10, func(t *testing.T, g *Group[int, string], s *store) {
		broken := errors.New("broken")
		s.fail = func(_ context.Context, keys []int) error {
			if slices.Contains(keys, 1) {
				return broken
			}
			return nil
		}
		results := callers(t.Context(), g, 0, 1, 2)()
		answered(t, results[0], 0, turn)
		for _, r := range results[1:] {
			if !errors.Is(r.err, broken) {
				t.Errorf("got %+v, want the error", r)
			}
		}
		if r := callers(t.Context(), g, -1)()[0]; r.value != "" || r.err != nil {
			t.Errorf("for what there is no answer: %+v, want the zero value", r)
		}
	})
}

func TestAPanicIsEachCallers(t *testing.T) {
	inTime(t, 1, 10, func(t *testing.T, g *Group[int, string], s *store) {
		s.fail = func(_ context.Context, keys []int) error {
			switch {
			case slices.Contains(keys, 1):
				panic("out of cheese")
			case slices.Contains(keys, 3):
				runtime.Goexit()
			}
			return nil
		}
		first := callers(t.Context(), g, 0)
		var running sync.WaitGroup
		for range 2 {
			running.Go(func() {
				defer func() {
					if p := fmt.Sprint(recover()); !strings.Contains(p, "out of cheese") || !strings.Contains(p, "TestAPanicIsEachCallers") {
						t.Errorf("got the panic %s, want that of the request, and where it was", p)
					}
				}()
				_, err := g.Get(t.Context(), 1)
				t.Errorf("no panic, but %v", err)
			})
		}
		first()
		running.Wait()
		answered(t, callers(t.Context(), g, 2)()[0], 2, turn)
		if r := callers(t.Context(), g, 3)()[0]; r.err == nil {
			t.Errorf("of a goroutine that exited: %+v, want an error", r)
		}
		answered(t, callers(t.Context(), g, 4)()[0], 4, turn)
	})
}

func TestClose(t *testing.T) {
	inTime(t, 1, 10, func(t *testing.T, g *Group[int, string], s *store) {
		begun := time.Now()
		sent := callers(t.Context(), g, 0)
		waiting := callers(t.Context(), g, 1, 1, 2)
		g.Close()
		if time.Since(begun) != turn {
			t.Errorf("Close returned after %s, want %s, when the request in flight had its answer", time.Since(begun), turn)
		}
		answered(t, sent()[0], 0, turn)
		for _, r := range waiting() {
			if !errors.Is(r.err, adapter.ErrClosed) || r.after != 0 {
				t.Errorf("who waited got %+v, want ErrClosed at once", r)
			}
		}
		if _, err := g.Get(t.Context(), 3); !errors.Is(err, adapter.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		g.Close()
		s.requests(t, "[0]")
	})
}

type callerKey struct{}

func TestTheContextIsOfNoCaller(t *testing.T) {
	inTime(t, 1, 10, func(t *testing.T, g *Group[int, string], s *store) {
		s.fail = func(ctx context.Context, _ []int) error {
			if _, dated := ctx.Deadline(); dated || ctx.Value(callerKey{}) != nil {
				t.Error("the context has a caller's deadline or values")
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), callerKey{}, true), 9*turn)
		defer cancel()
		answered(t, callers(ctx, g, 0)()[0], 0, turn)
	})
}

// Many callers, some of whom leave, get answers of their own.
func TestManyCallers(t *testing.T) {
	var most, now atomic.Int64
	g := New(3, 16, func(ctx context.Context, keys []int) (map[int]string, error) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		if len(keys) == 0 || len(keys) > 16 {
			t.Errorf("a request has %d keys", len(keys))
		}
		time.Sleep(time.Duration(rand.IntN(50)) * time.Microsecond)
		answers := map[int]string{}
		for _, key := range keys {
			if _, twice := answers[key]; twice {
				t.Errorf("the key %d is there twice", key)
			}
			answers[key] = fmt.Sprint("answer ", key)
		}
		return answers, ctx.Err()
	})
	var running sync.WaitGroup
	var answers, left atomic.Int64
	for range 64 {
		running.Go(func() {
			for range 200 {
				key := rand.IntN(100)
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(4) == 0 {
					time.AfterFunc(time.Duration(rand.IntN(100))*time.Microsecond, cancel)
				}
				value, err := g.Get(ctx, key)
				switch {
				case err == nil && value == fmt.Sprint("answer ", key):
					answers.Add(1)
				case errors.Is(err, context.Canceled) && ctx.Err() != nil:
					left.Add(1)
				default:
					t.Errorf("the caller of %d got %q, %v", key, value, err)
				}
				cancel()
			}
		})
	}
	running.Wait()
	g.Close()
	if now.Load() != 0 || answers.Load() == 0 || left.Load() == 0 {
		t.Errorf("%d requests are in flight after Close; %d callers had answers, %d left", now.Load(), answers.Load(), left.Load())
	}
	t.Logf("at most %d requests at a time", most.Load())
}

// Who is alone makes the request himself. It counts among those in flight until he leaves, and others go together then.
func TestACallThatIsAlone(t *testing.T) {
	inTime(t, 2, 10, func(t *testing.T, g *Group[int, string], s *store) {
		for i, want := range []bool{true, false} {
			if g.IsBusy() == want || g.Enter() != want {
				t.Fatalf("with %d requests in flight a call is alone: %t", i, !want)
			}
		}
		wait := callers(t.Context(), g, 1, 2, 3) // one may be in flight beside it
		time.Sleep(turn / 2)
		s.requests(t, "[1]")
		g.Leave()
		for i, r := range wait() {
			answered(t, r, 1+i, []time.Duration{turn, turn * 3 / 2, turn * 3 / 2}[i])
		}
		s.requests(t, "[1]", "[2 3]")
		synctest.Wait()
		if g.IsBusy() || !g.Enter() {
			t.Error("a call after them is not alone")
		}
		g.Close() // although it is under way
		g.Leave()
		if !g.IsBusy() || g.Enter() {
			t.Error("a call is made after Close")
		}
	})
}

func TestWhoIsLateLeaves(t *testing.T) {
	inTime(t, 1, 10, func(t *testing.T, g *Group[int, string], s *store) {
		var ended time.Duration
		begun := time.Now()
		s.fail = func(ctx context.Context, keys []int) error {
			<-ctx.Done()
			ended = time.Since(begun)
			return ctx.Err()
		}
		if _, err := g.GetBefore(t.Context(), 0, time.After(turn/2)); !errors.Is(err, ErrLate) {
			t.Errorf("got %v, want ErrLate", err)
		}
		synctest.Wait()
		if ended != turn/2 {
			t.Errorf("the request that all have left ended after %s, want %s", ended, turn/2)
		}
	})
}
