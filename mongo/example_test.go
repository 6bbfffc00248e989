package mongo_test

import (
	"context"
	"log"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/mongo"
)

// An application's own client serves the adapter too. The indexes are made once, in a
// step of the deployment.
func ExampleNew() {
	ctx := context.Background()
	client, err := driver.Connect(options.Client().ApplyURI("mongodb://127.0.0.1:27017/?replicaSet=rs0"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Disconnect(ctx)
	store, err := mongo.New(client.Database("app"), mongo.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if schema, ok := adapter.As[adapter.Schema](store); ok {
		if err := schema.ApplySchema(ctx); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := store.CreateUser(ctx, adapter.User{Email: "ada@example.com"}); err != nil {
		log.Fatal(err)
	}
}

// Sessions that a JavaScript application with the Auth.js adapter reads too are stored
// with their tokens as they are.
func ExampleNew_sharedWithAuthJS() {
	var db *driver.Database // the application's
	store, err := mongo.New(db, mongo.Options{Options: adapter.Options{PlainSessionTokens: true}})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
}

func ExampleLayout() {
	var db *driver.Database // the application's
	layout := mongo.Prisma()
	layout.Users.Collection = "users"                                       // @@map("users")
	layout.Users.Fields = map[string]mongo.Field{"image": {Name: "avatar"}} // @map("avatar")
	store, err := mongo.New(db, mongo.Options{Layout: layout})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
}
