package betterauth_test

import (
	"context"
	"log"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/betterauth"
)

// A service that signs somebody out of a Better Auth application everywhere.
func ExampleNew() {
	var users adapter.Adapter // the application's users, in its database
	client := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:6379"})
	defer client.Close()
	store, err := betterauth.New(client, users, betterauth.Options{}) // as redisStorage has it
	if err != nil {
		log.Print(err) // there are no users here
		return
	}
	defer store.Close()
	if err := store.DeleteSessions(context.Background(), "the user's ID"); err != nil {
		log.Print(err)
	}
}
