package fault_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/memory"
)

// The reply to a write is lost: the caller is told that nobody knows, and the write was
// applied.
func ExampleWrap() {
	ctx := context.Background()
	faults := &fault.Injector{}
	store := fault.Wrap(memory.New(memory.Options{}), faults)
	defer store.Close()

	faults.Arm(fault.Plan{Step: 1, Mode: fault.LoseReply})
	_, err := store.CreateUser(ctx, adapter.User{ID: "ada"})
	fmt.Println(errors.Is(err, adapter.ErrUnavailable), faults.Disarm())

	u, err := store.GetUser(ctx, "ada")
	fmt.Println(u.ID, err, faults.Count())
	// Output:
	// true true
	// ada <nil> 2
}

// A driver's hook lets each round trip be a step.
func ExampleInjector_Step() {
	faults := &fault.Injector{}
	faults.Arm(fault.Plan{Step: 2, Once: true})
	for range 3 {
		fmt.Println(faults.Step(context.Background(), func(context.Context) error { return nil }))
	}
	// Output:
	// <nil>
	// fault: the connection was cut
	// <nil>
}
