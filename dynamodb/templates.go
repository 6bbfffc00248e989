package dynamodb

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
)

// PrintSchema implements adapter.SchemaPrinter. A table that is given by its name alone is meant
// in every account and region.
func (s *store) PrintSchema(context.Context) ([]adapter.SchemaText, error) {
	arn := s.options.Table
	if !tableARN.MatchString(arn) {
		arn = "arn:aws:dynamodb:*:*:table/" + arn
	}
	policy := func(withSchema bool) func(Options) ([]byte, error) {
		return func(o Options) ([]byte, error) { return Policy(o, arn, withSchema) }
	}
	all := []adapter.SchemaText{
		{Name: "cloudformation", Use: "a template for AWS CloudFormation"},
		{Name: "terraform", Use: "a Terraform configuration, for authstore.tf.json"},
		{Name: "policy", Use: "the IAM policy of the application"},
		{Name: "schema-policy", Use: "the IAM policy of who makes, checks and repairs the table"},
	}
	for i, write := range []func(Options) ([]byte, error){CloudFormation, Terraform, policy(false), policy(true)} {
		text, err := write(s.options)
		if err != nil {
			return nil, err
		}
		all[i].Text = string(text)
	}
	return all, nil
}

// CloudFormation returns the table as an AWS CloudFormation template, in JSON. ErrInvalid for
// the options that New refuses.
func CloudFormation(o Options) ([]byte, error) {
	s, err := newStore(nil, o)
	if err != nil {
		return nil, err
	}
	o = s.options
	table := map[string]any{
		"TableName":                 nameOf(o.Table),
		"AttributeDefinitions":      mapEach(s.keyAttributeNames(), func(name string) any { return object{"AttributeName": name, "AttributeType": "S"} }),
		"KeySchema":                 cloudKeys(o.PartitionKey, o.SortKey),
		"BillingMode":               o.Schema.billing(),
		"TimeToLiveSpecification":   object{"AttributeName": fieldExpires, "Enabled": true},
		"DeletionProtectionEnabled": o.Schema.DeletionProtection,
		"PointInTimeRecoverySpecification": object{
			"PointInTimeRecoveryEnabled": o.Schema.PointInTimeRecovery,
		},
	}
	index := object{
		"IndexName": o.Index, "KeySchema": cloudKeys(o.IndexPartitionKey, o.IndexSortKey), "Projection": object{"ProjectionType": types.ProjectionTypeAll},
	}
	if o.Schema.ReadUnits > 0 {
		units := object{"ReadCapacityUnits": o.Schema.ReadUnits, "WriteCapacityUnits": o.Schema.WriteUnits}
		table["ProvisionedThroughput"], index["ProvisionedThroughput"] = units, units
	}
	if !o.NoIndex {
		table["GlobalSecondaryIndexes"] = []any{index}
	}
	return printJSON(object{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Description":              "The table of authstore",
		"Resources": object{"Authstore": object{
			"Type": "AWS::DynamoDB::Table", "Properties": table, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
		}},
		"Outputs": object{"TableArn": object{"Value": object{"Fn::GetAtt": []string{"Authstore", "Arn"}}}},
	})
}

// Terraform returns the table as a Terraform configuration in JSON syntax: the content of a
// file such as authstore.tf.json. ErrInvalid for the options that New refuses.
func Terraform(o Options) ([]byte, error) {
	s, err := newStore(nil, o)
	if err != nil {
		return nil, err
	}
	o = s.options
	table := object{
		"name":                        nameOf(o.Table),
		"attribute":                   mapEach(s.keyAttributeNames(), func(name string) any { return object{"name": name, "type": "S"} }),
		"hash_key":                    o.PartitionKey,
		"range_key":                   o.SortKey,
		"billing_mode":                o.Schema.billing(),
		"ttl":                         object{"attribute_name": fieldExpires, "enabled": true},
		"deletion_protection_enabled": o.Schema.DeletionProtection,
		"point_in_time_recovery":      object{"enabled": o.Schema.PointInTimeRecovery},
	}
	index := object{"name": o.Index, "hash_key": o.IndexPartitionKey, "range_key": o.IndexSortKey, "projection_type": types.ProjectionTypeAll}
	if o.Schema.ReadUnits > 0 {
		for _, billed := range []object{table, index} {
			billed["read_capacity"], billed["write_capacity"] = o.Schema.ReadUnits, o.Schema.WriteUnits
		}
	}
	if !o.NoIndex {
		table["global_secondary_index"] = index
	}
	return printJSON(object{
		"resource": object{"aws_dynamodb_table": object{"authstore": table}},
		"output":   object{"table_arn": object{"value": "${aws_dynamodb_table.authstore.arn}"}},
	})
}

// The actions that an adapter needs: IAM has one for each step of a transaction. The last two
// groups are for ApplySchema, CheckSchema, Repair and EnumerateUsers.
var (
	tableActions  = []string{"BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"}
	indexActions  = []string{"Query"}
	schemaActions = []string{"CreateTable", "DescribeTable", "DescribeTimeToLive", "Scan", "UpdateTable", "UpdateTimeToLive"}
	backupActions = []string{"DescribeContinuousBackups", "UpdateContinuousBackups"}
)

// Policy returns the least IAM policy that an adapter needs for a table's ARN, in JSON. With
// withSchema it also allows what ApplySchema, CheckSchema, Repair and EnumerateUsers need; an
// application that does not make its table should not have that. ErrInvalid for the options
// that New refuses.
func Policy(o Options, tableARN string, withSchema bool) ([]byte, error) {
	s, err := newStore(nil, o)
	if err != nil {
		return nil, err
	}
	o = s.options
	statements := []any{allow("Table", tableARN, tableActions)}
	if !o.NoIndex {
		statements = append(statements, allow("Index", tableARN+"/index/"+o.Index, indexActions))
	}
	if withSchema {
		actions := schemaActions
		if o.Schema.PointInTimeRecovery {
			actions = append(actions[:len(actions):len(actions)], backupActions...)
		}
		statements = append(statements, allow("Schema", tableARN, actions))
	}
	return printJSON(object{"Version": "2012-10-17", "Statement": statements})
}

func allow(id, resource string, actions []string) object {
	return object{
		"Sid": id, "Effect": "Allow", "Resource": resource,
		"Action": mapEach(actions, func(a string) any { return "dynamodb:" + a }),
	}
}

type object = map[string]any

// keyAttributeNames returns the names of the key attributes of the table and its index.
func (s *store) keyAttributeNames() []string {
	names := s.options.keyNames()
	if s.options.NoIndex {
		names = names[:2]
	}
	return names
}

func cloudKeys(partition, sort string) []any {
	return []any{
		object{"AttributeName": partition, "KeyType": types.KeyTypeHash}, object{"AttributeName": sort, "KeyType": types.KeyTypeRange},
	}
}

func mapEach(names []string, f func(string) any) []any {
	all := make([]any, len(names))
	for i, name := range names {
		all[i] = f(name)
	}
	return all
}

// printJSON returns a document as indented JSON.
func printJSON(document object) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(document)
	return []byte(b.String()), err
}
