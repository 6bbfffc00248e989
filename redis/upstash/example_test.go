package upstash_test

import (
	"context"
	"fmt"
	"log"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/upstash"
)

// A service that sees who is signed in to an Auth.js application, by the cookie which that
// has set, and signs people out.
func ExampleNew() {
	ctx := context.Background()
	client := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:6379"})
	defer client.Close()
	store, err := upstash.New(client, upstash.Options{BaseKeyPrefix: "app:"}) // as the JavaScript adapter has it
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	session, user, err := store.GetSessionAndUser(ctx, "the value of the cookie authjs.session-token")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.Email, store.DeleteSessions(ctx, user.ID, session.SessionToken))
}

// What JavaScript has broken is listed first, and then put right.
func ExampleOptions() {
	ctx := context.Background()
	client := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:6379"})
	defer client.Close()
	store, err := upstash.New(client, upstash.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if repairer, ok := adapter.As[adapter.Repairer](store); ok {
		for _, dryRun := range []bool{true, false} {
			found, err := repairer.Repair(ctx, dryRun)
			fmt.Println(found, err)
		}
	}
}
