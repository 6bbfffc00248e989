// Bare is what the session check is measured beside: a function that makes the same read with the
// AWS SDK alone, and with PING in its environment one before the first request, as that one does.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambdaurl"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client, table := dynamodb.NewFromConfig(cfg), os.Getenv("TABLE")
	if os.Getenv("PING") != "" {
		if _, err := client.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: &table, Key: key("PING", "PING")}); err != nil {
			log.Fatal(err)
		}
	}
	lambdaurl.Start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := "USER#" + r.FormValue("user")
		out, err := client.BatchGetItem(r.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			table: {ConsistentRead: aws.Bool(true), Keys: []map[string]types.AttributeValue{key(user, user), key(user, "SESSION#"+r.FormValue("session"))}},
		}})
		if err != nil || len(out.Responses[table]) != 2 {
			http.Error(w, fmt.Sprint("nobody: ", err), http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintln(w, user)
	}))
}

func key(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}}
}
