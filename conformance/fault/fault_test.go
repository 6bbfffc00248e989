package fault_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/memory"
)

// steps runs three steps and returns which of them were applied, and which failed.
func steps(ctx context.Context, i *fault.Injector) (applied, failed [3]bool) {
	for n := range 3 {
		err := i.Step(ctx, func(context.Context) error {
			applied[n] = true
			return nil
		})
		failed[n] = err != nil
	}
	return applied, failed
}

func TestPlans(t *testing.T) {
	for name, tt := range map[string]struct {
		plan            fault.Plan
		applied, failed [3]bool
		hit             bool
	}{
		"command lost, cut":   {fault.Plan{Step: 2}, [3]bool{true, false, false}, [3]bool{false, true, true}, true},
		"command lost, once":  {fault.Plan{Step: 2, Once: true}, [3]bool{true, false, true}, [3]bool{false, true, false}, true},
		"reply lost, cut":     {fault.Plan{Step: 2, Mode: fault.LoseReply}, [3]bool{true, true, false}, [3]bool{false, true, true}, true},
		"reply lost, once":    {fault.Plan{Step: 1, Mode: fault.LoseReply, Once: true}, [3]bool{true, true, true}, [3]bool{true, false, false}, true},
		"beyond the last one": {fault.Plan{Step: 4}, [3]bool{true, true, true}, [3]bool{}, false},
	} {
		i := &fault.Injector{}
		i.Arm(tt.plan)
		applied, failed := steps(t.Context(), i)
		if hit := i.Disarm(); applied != tt.applied || failed != tt.failed || hit != tt.hit {
			t.Errorf("%s: applied %v, failed %v, hit %v; want %v, %v, %v", name, applied, failed, hit, tt.applied, tt.failed, tt.hit)
		}
		if _, failed := steps(t.Context(), i); failed != [3]bool{} || i.Count() != 6 {
			t.Errorf("%s: after Disarm failed %v, %d steps counted; want none and 6", name, failed, i.Count())
		}
	}
}

func TestMeanwhileComesBetweenTheStepAndItsEnd(t *testing.T) {
	i := &fault.Injector{}
	var seen []string
	i.Arm(fault.Plan{Step: 1, Mode: fault.LoseReply, Once: true, Meanwhile: func() {
		_ = i.Step(t.Context(), func(context.Context) error { seen = append(seen, "other"); return nil })
	}})
	err := i.Step(t.Context(), func(context.Context) error { seen = append(seen, "applied"); return nil })
	if !errors.Is(err, fault.ErrInjected) || !slices.Equal(seen, []string{"applied", "other"}) {
		t.Errorf("got %v and the steps %q", err, seen)
	}
}

func TestAStepThatIsHeldUpIsDoneLast(t *testing.T) {
	i := &fault.Injector{}
	var seen []string
	i.Arm(fault.Plan{Step: 1, Mode: fault.HoldUp, Meanwhile: func() {
		_ = i.Step(t.Context(), func(context.Context) error { seen = append(seen, "other"); return nil })
	}})
	for _, name := range []string{"held up", "next"} {
		if err := i.Step(t.Context(), func(context.Context) error { seen = append(seen, name); return nil }); err != nil {
			t.Errorf("%s: got %v, want no error", name, err)
		}
	}
	if !i.Disarm() || !slices.Equal(seen, []string{"other", "held up", "next"}) {
		t.Errorf("got the steps %q", seen)
	}
}

func TestALateStepIsDoneWhenItIsDelivered(t *testing.T) {
	i := &fault.Injector{}
	done := 0
	ctx, cancel := context.WithCancel(t.Context())
	step := func() error {
		return i.Step(ctx, func(ctx context.Context) error { done++; return ctx.Err() })
	}
	i.Arm(fault.Plan{Step: 1, Mode: fault.Late, Once: true})
	if err := step(); !errors.Is(err, fault.ErrLate) || !errors.Is(err, fault.ErrInjected) || done != 0 {
		t.Errorf("got %v, and it was done %d times, want ErrLate and 0", err, done)
	}
	if err := step(); err != nil || done != 1 {
		t.Errorf("the next step: got %v, and %d were done, want 1", err, done)
	}
	cancel()
	i.Deliver()
	i.Deliver()
	if done != 2 {
		t.Errorf("%d were done, want 2: the late one once", done)
	}
}

func TestHangEndsWithItsContext(t *testing.T) {
	i := &fault.Injector{}
	i.Arm(fault.Plan{Step: 1, Mode: fault.Hang})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	applied, failed := steps(ctx, i)
	if applied != [3]bool{} || failed != [3]bool{true, true, true} {
		t.Errorf("applied %v, failed %v, want all to hang", applied, failed)
	}
}

func TestWrapKeepsResultsAndErrors(t *testing.T) {
	i := &fault.Injector{}
	a := fault.Wrap(memory.New(memory.Options{}), i)
	defer a.Close()
	u, err := a.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	if err != nil || u.Email != "ada@example.com" {
		t.Fatalf("got %+v, %v", u, err)
	}
	if _, err := a.CreateUser(t.Context(), u); !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("got %v, want the answer of the adapter behind", err)
	}
	if _, ok := adapter.As[adapter.Pinger](a); !ok {
		t.Error("the optional interfaces of the adapter behind are not found")
	}

	i.Arm(fault.Plan{Step: 1, Mode: fault.LoseReply})
	lost, err := a.CreateUser(t.Context(), adapter.User{ID: "lost"})
	if !errors.Is(err, adapter.ErrUnavailable) || !errors.Is(err, fault.ErrInjected) || lost.ID != "" {
		t.Errorf("got %+v, %v, want nothing and ErrUnavailable", lost, err)
	}
	i.Disarm()
	if _, err := a.GetUser(t.Context(), "lost"); err != nil {
		t.Errorf("got %v, want the user whose reply was lost", err)
	}
}
