// Package fault makes a store fail on purpose, to prove what a backend does when
// it does.
//
// A backend under test lets each step of its work, which is each round trip to its
// server, pass through [Injector.Step]: in a hook of its driver (go-redis), in the
// transport of its HTTP client (DynamoDB, Fauna) or in a proxy. A backend without a
// server is put behind [Wrap], which makes every operation of the contract one
// step. The injector counts the steps, so it is the counter of round trips too.
package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrInjected is behind every error that this package makes.
var ErrInjected = errors.New("fault: the connection was cut")

// ErrLate is the error of a step that [Injector.Deliver] carries out: a connection that it would
// be sent by has to be kept until then.
var ErrLate = fmt.Errorf("%w, and what was sent is still on its way", ErrInjected)

// Mode says what happens to a step.
type Mode int

// The modes.
const (
	// LoseCommand fails the step before it reaches the store.
	LoseCommand Mode = iota
	// LoseReply fails the step after the store has applied it.
	LoseReply
	// Hang does not answer until the context ends; the store sees nothing.
	Hang
	// HoldUp carries the step out, after [Plan.Meanwhile]: nothing is lost.
	HoldUp
	// Late fails the step, which reaches the store when [Injector.Deliver] is called.
	Late
)

// String names the mode.
func (m Mode) String() string {
	return [...]string{"command lost", "reply lost", "no answer", "held up", "command late"}[m]
}

// Plan is a fault to come.
type Plan struct {
	Step int // the step to hit, counted from 1 at [Injector.Arm]
	Mode Mode
	// Once hits that step only, so that a driver's retry gets through. Otherwise
	// the connection stays cut: every later step loses its command (or hangs)
	// until [Injector.Disarm], as in a process that died there.
	Once bool
	// Meanwhile, if it is set, is what others do after the step has been hit and before
	// its caller learns of it. It may arm another plan.
	Meanwhile func()
}

// Injector carries out one plan at a time and counts steps. The zero value is
// ready and lets everything pass. It is safe for concurrent use.
type Injector struct {
	mu    sync.Mutex
	count int64 // all steps
	plan  *Plan
	step  int      // steps since Arm
	late  []func() // that are to be delivered
}

// Arm sets the plan, in place of an earlier one.
func (i *Injector) Arm(p Plan) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.plan, i.step = &p, 0
}

// Disarm lets everything pass again and reports whether the plan hit a step.
func (i *Injector) Disarm() (hit bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	hit = i.plan != nil && i.step >= i.plan.Step
	i.plan = nil
	return hit
}

// Deliver carries out the steps that were late, in their order.
func (i *Injector) Deliver() {
	i.mu.Lock()
	late := i.late
	i.late = nil
	i.mu.Unlock()
	for _, do := range late {
		do()
	}
}

// Count returns how many steps there have been.
func (i *Injector) Count() int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.count
}

// Step runs do, or fails as the plan says. Its error is [ErrInjected], [ErrLate], or the
// context's after a hang. The context of do has the values of ctx; that of a late step does not end.
func (i *Injector) Step(ctx context.Context, do func(context.Context) error) error {
	mode, meanwhile, hit := i.next()
	if !hit {
		return do(ctx)
	}
	if mode == LoseReply {
		_ = do(ctx) // whatever it says is lost
	}
	if meanwhile != nil {
		meanwhile()
	}
	switch mode {
	case Hang:
		<-ctx.Done()
		return ctx.Err()
	case HoldUp:
		return do(ctx)
	case Late:
		i.mu.Lock()
		defer i.mu.Unlock()
		i.late = append(i.late, func() { _ = do(context.WithoutCancel(ctx)) })
		return ErrLate
	}
	return ErrInjected
}

// next counts a step and says what the plan has for it.
func (i *Injector) next() (mode Mode, meanwhile func(), hit bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	i.step++
	switch p := i.plan; {
	case p == nil, i.step < p.Step:
		return 0, nil, false
	case i.step == p.Step:
		return p.Mode, p.Meanwhile, true
	case p.Once, p.Mode == HoldUp:
		return 0, nil, false
	case p.Mode == Hang:
		return Hang, nil, true
	default:
		return LoseCommand, nil, true
	}
}
