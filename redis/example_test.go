package redis_test

import (
	"context"
	"fmt"
	"log"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// An application's own client serves the adapter too.
func ExampleNew() {
	ctx := context.Background()
	client := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:6379"})
	defer client.Close()
	store, err := redis.New(client, redis.Options{Prefix: "app"})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close() // the client stays open

	user, err := store.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	session, err := store.CreateSession(ctx, adapter.Session{UserID: user.ID, Expires: time.Now().Add(30 * 24 * time.Hour)})
	fmt.Println(session.ID, err)
}

// A Cluster whose writes wait until one replica has them, so that a failover loses none.
func ExampleNew_cluster() {
	client := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{"10.0.0.1:6379", "10.0.0.2:6379"}})
	defer client.Close()
	store, err := redis.New(client, redis.Options{WaitReplicas: 1, WaitTimeout: 500 * time.Millisecond})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
}
