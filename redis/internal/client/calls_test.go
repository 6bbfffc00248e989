package client

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestACallThatIsLeftGoesOnAndIsWaitedFor(t *testing.T) {
	var calls Calls
	ctx, cancel := context.WithCancel(t.Context())
	begun, answer := make(chan struct{}), make(chan struct{})
	go func() {
		<-begun
		cancel()
	}()
	if _, err := Await(ctx, &calls, func() int {
		close(begun)
		<-answer
		return 1
	}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Await: %v, want that the context was cancelled", err)
	}
	waited := make(chan struct{})
	go func() {
		calls.Wait()
		close(waited)
	}()
	n, err := Await(t.Context(), &calls, func() int { return 2 }) // while the other is stuck
	if n != 2 || err != nil {
		t.Errorf("Await = %d, %v", n, err)
	}
	select {
	case <-waited:
		t.Error("Wait has returned before the call that was left")
	default:
	}
	close(answer)
	<-waited
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := goleak.IgnoreCurrent()
	var calls Calls
	var running sync.WaitGroup
	for range 64 {
		running.Go(func() {
			for i := range 100 {
				if n, err := Await(t.Context(), &calls, func() int { return i }); n != i || err != nil {
					t.Errorf("Await = %d, %v, want %d", n, err, i)
				}
			}
		})
	}
	running.Wait()
	calls.Wait()
	goleak.VerifyNone(t, before)
}
