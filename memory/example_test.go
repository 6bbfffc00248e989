package memory_test

import (
	"context"
	"fmt"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

func ExampleNew() {
	ctx := context.Background()
	a := memory.New(memory.Options{})
	defer a.Close()
	u, err := a.CreateUser(ctx, adapter.User{Email: "Ada@Example.com"})
	fmt.Println(u.Email, err)
	// Output: ada@example.com <nil>
}

// Two adapters on one store stand for two processes on one database.
func ExampleNewStore() {
	ctx := context.Background()
	store := memory.NewStore()
	first := memory.New(memory.Options{Store: store})
	second := memory.New(memory.Options{Store: store})
	defer first.Close()
	defer second.Close()

	u, _ := first.CreateUser(ctx, adapter.User{Name: "Ada"})
	u, err := second.GetUser(ctx, u.ID)
	fmt.Println(u.Name, err, len(store.Records()))
	// Output: Ada <nil> 1
}
