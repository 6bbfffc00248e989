package signin_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp/signin"
	"github.com/authstore/authstore/memory"
)

// A person signs in by two providers. The second one is linked when they have signed in by the
// first.
func Example() {
	ctx := context.Background()
	store := memory.New(memory.Options{})
	defer store.Close()
	// The provider "first" has verified the address, and the application believes it.
	profile := adapter.User{Name: "Ada", Email: "ada@example.com", EmailVerified: time.Now()}
	first := adapter.Account{Type: adapter.AccountOIDC, Provider: "first", ProviderAccountID: "1001"}
	second := adapter.Account{Type: adapter.AccountOAuth, Provider: "second", ProviderAccountID: "ada"}

	result, err := signin.SignUpOrIn(ctx, store, profile, first)
	fmt.Println(result.New, err)
	result, err = signin.SignUpOrIn(ctx, store, profile, first)
	fmt.Println(result.New, err)
	_, err = signin.SignUpOrIn(ctx, store, profile, second)
	fmt.Println(errors.Is(err, signin.ErrNotLinked))
	if _, err := signin.Link(ctx, store, result.User, second); err != nil {
		log.Fatal(err)
	}
	same, err := signin.SignUpOrIn(ctx, store, profile, second)
	fmt.Println(same.User.ID == result.User.ID, err)
	// Output:
	// true <nil>
	// false <nil>
	// true
	// true <nil>
}

// A person has followed a link to their address.
func ExampleSignUpOrInByEmail() {
	store := memory.New(memory.Options{})
	defer store.Close()
	result, err := signin.SignUpOrInByEmail(context.Background(), store, adapter.User{Email: "ada@example.com", EmailVerified: time.Now()})
	fmt.Println(result.New, result.User.EmailVerified.IsZero(), err)
	// Output: true false <nil>
}
