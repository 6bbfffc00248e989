package dynamodb_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

func ExampleNew() {
	ctx := context.Background()
	var cfg aws.Config // config.LoadDefaultConfig(ctx), of github.com/aws/aws-sdk-go-v2/config
	store, err := dynamodb.New(awsdynamodb.NewFromConfig(cfg), dynamodb.Options{NoIndex: true})
	if err != nil {
		log.Fatal(err)
	}
	if schema, ok := adapter.As[adapter.Schema](store); ok { // once, not at every start
		if err := schema.ApplySchema(ctx); err != nil {
			log.Fatal(err)
		}
	}
	user, err := store.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	session, err := store.CreateSession(ctx, adapter.Session{UserID: user.ID, Expires: time.Now().Add(30 * 24 * time.Hour)})
	fmt.Println(session.ID, err)
}

func ExamplePolicy() {
	policy, err := dynamodb.Policy(dynamodb.Options{NoIndex: true}, "arn:aws:dynamodb:eu-central-1:123456789012:table/next-auth", false)
	fmt.Println(strings.Contains(string(policy), `"dynamodb:GetItem"`), strings.Contains(string(policy), `"dynamodb:Scan"`), err)
	// Output: true false <nil>
}
