package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authstore/authstore/adapter"
	_ "github.com/authstore/authstore/memory"
)

// Signing a person in with an e-mail link, from the first visit to the session.
func Example() {
	ctx := context.Background()
	store, err := adapter.Open(ctx, "memory:")
	if err != nil {
		panic(err)
	}
	defer store.Close()

	// The link that is sent holds the token; the store holds its hash.
	const email = "ada@example.com"
	links := adapter.Links{Store: store, Secret: "the application's own"}
	token, err := links.NewLink(ctx, email, time.Now().Add(15*time.Minute))
	if err != nil {
		panic(err)
	}

	// The link is followed: it works once.
	if _, err := links.UseLink(ctx, email, token); err != nil {
		panic(err)
	}
	user, err := store.CreateUser(ctx, adapter.User{Email: email, EmailVerified: time.Now()})
	if err != nil {
		panic(err)
	}
	session, err := store.CreateSession(ctx, adapter.Session{UserID: user.ID, Expires: time.Now().Add(30 * 24 * time.Hour)})
	if err != nil {
		panic(err)
	}

	// Every later request.
	_, user, err = store.GetSessionAndUser(ctx, session.SessionToken)
	fmt.Println(user.Email, err)
	// Output: ada@example.com <nil>
}

// A handler answers by the code of an error, and says no more to its client.
func ExampleCode() {
	ctx := context.Background()
	store, _ := adapter.Open(ctx, "memory:")
	defer store.Close()

	_, _, err := store.GetSessionAndUser(ctx, "no such token")
	switch code := adapter.Code(err); code {
	case "":
		fmt.Println(200)
	case "not_found":
		fmt.Println(401, code)
	case "unavailable", "deadline_exceeded":
		fmt.Println(503, code)
	default:
		fmt.Println(500, code)
	}
	// Output: 401 not_found
}

// The kind of an error says what to do.
func ExampleError() {
	ctx := context.Background()
	store, _ := adapter.Open(ctx, "memory:")
	defer store.Close()

	_, _, err := store.GetSessionAndUser(ctx, "no such token")
	if errors.Is(err, adapter.ErrNotFound) {
		fmt.Println("please sign in")
	}

	store.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
	_, err = store.CreateUser(ctx, adapter.User{Email: "Ada@Example.com"})
	var conflict *adapter.ConflictError
	if errors.As(err, &conflict) {
		fmt.Println(conflict.Field)
	}
	fmt.Println(err)
	// Output:
	// please sign in
	// User.Email
	// authstore: memory: CreateUser: conflict: User.Email is taken
}

// An update changes what it names.
func ExampleUserUpdate() {
	ctx := context.Background()
	store, _ := adapter.Open(ctx, "memory:")
	defer store.Close()

	u, _ := store.CreateUser(ctx, adapter.User{Name: "Ada", Attributes: adapter.Attributes{"role": "admin", "phone": "1"}})
	u, _ = store.UpdateUser(ctx, u.ID, adapter.UserUpdate{
		Image:            new("https://example.com/ada.png"),
		Attributes:       adapter.Attributes{"role": "user"},
		RemoveAttributes: []string{"phone"},
	})
	fmt.Println(u.Name, u.Image, u.Attributes)
	// Output: Ada https://example.com/ada.png map[role:user]
}

// The list of a person's sessions has no tokens: one is ended by its ID.
func ExampleSessions() {
	ctx := context.Background()
	store, _ := adapter.Open(ctx, "memory:")
	defer store.Close()

	u, _ := store.CreateUser(ctx, adapter.User{Name: "Ada"})
	for _, device := range []string{"phone", "laptop"} {
		store.CreateSession(ctx, adapter.Session{
			UserID: u.ID, Expires: time.Now().Add(time.Hour), Attributes: adapter.Attributes{"device": device},
		})
	}
	sessions, _ := store.ListSessions(ctx, u.ID)
	for _, s := range sessions {
		if s.Attributes["device"] == "phone" {
			store.DeleteSessionByID(ctx, u.ID, s.ID)
		}
	}
	sessions, _ = store.ListSessions(ctx, u.ID)
	fmt.Println(len(sessions), sessions[0].Attributes["device"], sessions[0].SessionToken == "")
	// Output: 1 laptop true
}

// Optional interfaces are found with As, also behind wrappers.
func ExampleAs() {
	ctx := context.Background()
	store, _ := adapter.Open(ctx, "memory:")
	defer store.Close()

	if p, ok := adapter.As[adapter.Pinger](store); ok {
		fmt.Println(p.Ping(ctx))
	}
	// Output: <nil>
}
