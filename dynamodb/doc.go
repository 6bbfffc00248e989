// Package dynamodb keeps authentication data in one table of Amazon DynamoDB.
package dynamodb
