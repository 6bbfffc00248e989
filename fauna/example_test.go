package fauna_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	driver "github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna"
)

// A client of the application's own, made with what the adapter wants of it.
func ExampleNew() {
	client := driver.NewClient(os.Getenv("FAUNA_SECRET"), driver.DefaultTimeouts(), append(fauna.ClientOptions(),
		driver.URL("https://fauna.example.com"))...)
	store, err := fauna.New(client, fauna.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close() // the client stays open

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, user, err := store.GetSessionAndUser(ctx, "the cookie's value")
	switch {
	case errors.Is(err, adapter.ErrNotFound):
		fmt.Println("not signed in")
	case err != nil:
		log.Print(err)
	default:
		fmt.Println("signed in as", user.Email)
	}
}

// The set-up of a new database, with a key of the role server.
func ExampleOptions() {
	client := driver.NewClient(os.Getenv("FAUNA_SECRET"), driver.DefaultTimeouts(), append(fauna.ClientOptions(),
		driver.URL("https://fauna.example.com"))...)
	store, err := fauna.New(client, fauna.Options{Collections: fauna.Collections{Users: "People"}})
	if err != nil {
		log.Fatal(err)
	}
	schema, _ := adapter.As[adapter.Schema](store)
	if err := schema.ApplySchema(context.Background()); err != nil {
		log.Fatal(err)
	}
}
