// Package dynamodb stores authentication data in one table of Amazon DynamoDB, in the
// layout of the Auth.js adapter, with which the table can be shared.
//
//	import (
//		"context"
//		"log"
//
//		"github.com/aws/aws-sdk-go-v2/config"
//		"github.com/aws/aws-sdk-go-v2/service/dynamodb"
//
//		authdynamodb "github.com/authstore/authstore/dynamodb"
//	)
//
//	cfg, err := config.LoadDefaultConfig(context.Background())
//	if err != nil {
//		log.Fatal(err)
//	}
//	store, err := authdynamodb.New(dynamodb.NewFromConfig(cfg), authdynamodb.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
// Or by URL, with the SDK's default chain of credentials, if dynamodb/open is imported:
//
//	dynamodb://next-auth?region=eu-central-1
//	dynamodb://next-auth?region=local&endpoint=http://127.0.0.1:8000
//
// ApplySchema ([adapter.Schema]) makes the table, or what [CloudFormation] or [Terraform]
// print does. [Policy] prints the privileges that the application needs.
//
// # Layout
//
// The records of a user are in its partition (pk USER#id): the user, and under sk
// ACCOUNT#provider#account, AUTHENTICATOR#credential and SESSION#digest what belongs to it.
// Verification tokens are at VT#identifier, VT#digest. A guard (EMAIL#email and so on) makes
// a value unique among all users and leads to the user who has it. The index GSI1 is for the
// Auth.js adapter; [Options.NoIndex] leaves it out. Items expire by the attribute expires.
//
// # Promises
//
// All of the contract in package adapter. A write of several items is one transaction.
// Contention and throttling are waited out for 30 seconds. Reads are strongly consistent; those
// by a key that are made at the same time share requests: see [Options.NoBatching].
// No write is applied twice: a single write whose reply was lost, and which cannot be found
// afterwards, is adapter.ErrUnavailable. So is a deletion without a reply that is no transaction.
//
// # Limits
//
// An item has at most 400 KB; a larger record is adapter.ErrInvalid. A number has no type:
// whole-numbered floats come back as integers. Operations by e-mail address, by account or
// by credential take two requests, and DeleteUser one more for each 25 sessions or 49
// accounts beyond what fits into a transaction. EnumerateUsers reads the whole table.
//
// # Read on
//
// The page docs/dynamodb.md has every parameter of the URL, the items attribute by
// attribute, the requests and capacity units of each operation, how records of other
// programs are read, and what Repair does.
package dynamodb
