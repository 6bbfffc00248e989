package conformance_test

import (
	"context"
	"fmt"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/memory"
)

// The suite can be run, in whole or in part, outside of a test.
func ExampleCheck() {
	h := conformance.Harness{
		Backend: "memory",
		Engine:  "in process",
		Namespace: func(context.Context) (conformance.Namespace, error) {
			store := memory.NewStore()
			return conformance.Namespace{Open: func(o adapter.Options) (adapter.Adapter, error) {
				return memory.New(memory.Options{Options: o, Store: store}), nil
			}}, nil
		},
	}
	for _, test := range conformance.Tests() {
		if test.ID == "SES-001" {
			for _, r := range conformance.Check(context.Background(), h, test).Results {
				fmt.Println(r.ID, r.Status, r.Rule)
			}
		}
	}
	// Output: SES-001 passed A session comes back from every read as it was written, field by field.
}

// A test of one's own is a value, too, and is handed to Run after the harness.
func ExampleTest() {
	test := conformance.Test{
		ID:     "OWN-001",
		Rule:   "A user without an e-mail address is nobody's.",
		Source: "our own rules",
		Run: func(t *conformance.T) {
			u, err := t.Store().CreateUser(t.Context(), adapter.User{Name: "Ada"})
			if err != nil || u.Email != "" {
				t.Errorf("got %+v, %v", u, err)
			}
		},
	}
	h := conformance.Harness{Backend: "memory", Namespace: func(context.Context) (conformance.Namespace, error) {
		return conformance.Namespace{Open: func(o adapter.Options) (adapter.Adapter, error) {
			return memory.New(memory.Options{Options: o}), nil
		}}, nil
	}}
	fmt.Println(conformance.Check(context.Background(), h, test).Results[0].Status)
	// Output: passed
}
