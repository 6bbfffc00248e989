package dynamodb_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// variants are the tables that the templates can print.
var variants = map[string]dynamodb.Options{
	"default":  {},
	"no index": {NoIndex: true},
	"all": {
		Table: "users", PartitionKey: "p", SortKey: "s", Index: "byKey", IndexPartitionKey: "ip", IndexSortKey: "is",
		Schema: dynamodb.SchemaOptions{ReadUnits: 5, WriteUnits: 7, PointInTimeRecovery: true, DeletionProtection: true},
	},
}

// cloudTable is what the test reads of a CloudFormation template.
type cloudTable struct {
	TableName              string
	AttributeDefinitions   []struct{ AttributeName, AttributeType string }
	KeySchema              []struct{ AttributeName, KeyType string }
	BillingMode            string
	ProvisionedThroughput  *struct{ ReadCapacityUnits, WriteCapacityUnits int64 }
	GlobalSecondaryIndexes []struct {
		IndexName             string
		KeySchema             []struct{ AttributeName, KeyType string }
		Projection            struct{ ProjectionType string }
		ProvisionedThroughput *struct{ ReadCapacityUnits, WriteCapacityUnits int64 }
	}
	TimeToLiveSpecification struct {
		AttributeName string
		Enabled       bool
	}
	PointInTimeRecoverySpecification struct{ PointInTimeRecoveryEnabled bool }
	DeletionProtectionEnabled        bool
}

// The table of the template is the one that ApplySchema makes.
func TestCloudFormation(t *testing.T) {
	for name, o := range variants {
		t.Run(name, func(t *testing.T) {
			text, err := dynamodb.CloudFormation(o)
			check(t, err)
			var template struct {
				Resources map[string]struct {
					Type       string
					Properties cloudTable
				}
			}
			decode(t, text, &template)
			table := template.Resources["Authstore"]
			if table.Type != "AWS::DynamoDB::Table" {
				t.Fatalf("got %s, want a table", text)
			}
			made := &created{}
			check(t, applySchema(t.Context(), open(t, made, o)))
			same(t, "the table", table.Properties, made.asCloud(t))
		})
	}
}

// decode reads JSON.
func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// same compares two values by their JSON.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	a, err := json.MarshalIndent(got, "", " ")
	check(t, err)
	b, err := json.MarshalIndent(want, "", " ")
	check(t, err)
	if string(a) != string(b) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, a, b)
	}
}

// created is a service without tables that remembers what it is told to make. It stands in for
// the point-in-time recovery that DynamoDB Local does not have.
type created struct {
	dynamodb.Client
	table  *awsdynamodb.CreateTableInput
	ttl    *types.TimeToLiveSpecification
	backup bool
}

func (c *created) Scan(context.Context, *awsdynamodb.ScanInput, ...func(*awsdynamodb.Options)) (*awsdynamodb.ScanOutput, error) {
	return &awsdynamodb.ScanOutput{}, nil
}

func (c *created) DescribeTable(context.Context, *awsdynamodb.DescribeTableInput, ...func(*awsdynamodb.Options)) (*awsdynamodb.DescribeTableOutput, error) {
	if c.table == nil {
		return nil, &types.ResourceNotFoundException{}
	}
	table := &types.TableDescription{
		AttributeDefinitions: c.table.AttributeDefinitions, KeySchema: c.table.KeySchema, TableStatus: types.TableStatusActive,
		BillingModeSummary: &types.BillingModeSummary{BillingMode: c.table.BillingMode}, DeletionProtectionEnabled: c.table.DeletionProtectionEnabled,
	}
	for _, index := range c.table.GlobalSecondaryIndexes {
		table.GlobalSecondaryIndexes = append(table.GlobalSecondaryIndexes, types.GlobalSecondaryIndexDescription{
			IndexName: index.IndexName, KeySchema: index.KeySchema, Projection: index.Projection, IndexStatus: types.IndexStatusActive,
		})
	}
	return &awsdynamodb.DescribeTableOutput{Table: table}, nil
}

func (c *created) CreateTable(_ context.Context, in *awsdynamodb.CreateTableInput, _ ...func(*awsdynamodb.Options)) (*awsdynamodb.CreateTableOutput, error) {
	c.table = in
	return &awsdynamodb.CreateTableOutput{}, nil
}

func (c *created) DescribeTimeToLive(context.Context, *awsdynamodb.DescribeTimeToLiveInput, ...func(*awsdynamodb.Options)) (*awsdynamodb.DescribeTimeToLiveOutput, error) {
	out := &awsdynamodb.DescribeTimeToLiveOutput{}
	if c.ttl != nil {
		out.TimeToLiveDescription = &types.TimeToLiveDescription{AttributeName: c.ttl.AttributeName, TimeToLiveStatus: types.TimeToLiveStatusEnabling}
	}
	return out, nil
}

func (c *created) UpdateTimeToLive(_ context.Context, in *awsdynamodb.UpdateTimeToLiveInput, _ ...func(*awsdynamodb.Options)) (*awsdynamodb.UpdateTimeToLiveOutput, error) {
	c.ttl = in.TimeToLiveSpecification
	return &awsdynamodb.UpdateTimeToLiveOutput{}, nil
}

func (c *created) DescribeContinuousBackups(context.Context, *awsdynamodb.DescribeContinuousBackupsInput, ...func(*awsdynamodb.Options)) (*awsdynamodb.DescribeContinuousBackupsOutput, error) {
	status := types.PointInTimeRecoveryStatusDisabled
	if c.backup {
		status = types.PointInTimeRecoveryStatusEnabled
	}
	return &awsdynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &types.ContinuousBackupsDescription{
		PointInTimeRecoveryDescription: &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: status},
	}}, nil
}

func (c *created) UpdateContinuousBackups(_ context.Context, in *awsdynamodb.UpdateContinuousBackupsInput, _ ...func(*awsdynamodb.Options)) (*awsdynamodb.UpdateContinuousBackupsOutput, error) {
	c.backup = *in.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled
	return &awsdynamodb.UpdateContinuousBackupsOutput{}, nil
}

// asCloud returns the table in the terms of CloudFormation.
func (c *created) asCloud(t *testing.T) (table cloudTable) {
	text, err := json.Marshal(c.table) // the names are the same
	check(t, err)
	decode(t, text, &table)
	table.TimeToLiveSpecification.AttributeName, table.TimeToLiveSpecification.Enabled = *c.ttl.AttributeName, *c.ttl.Enabled
	table.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled = c.backup
	return table
}

// cfn-lint knows what CloudFormation takes. make setup installs it.
func TestCloudFormationLint(t *testing.T) {
	lint := cfnLint(t)
	for name, o := range variants {
		text, err := dynamodb.CloudFormation(o)
		check(t, err)
		file := filepath.Join(t.TempDir(), "table.json")
		check(t, os.WriteFile(file, text, 0o600))
		if out, err := lint(file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// cfnLint returns how cfn-lint is run, and ends the test where it is not there.
func cfnLint(t *testing.T) func(file string) *exec.Cmd {
	installed, err := filepath.Abs("../../../build/cfn-lint")
	check(t, err)
	run := func(args ...string) *exec.Cmd {
		main := "import sys; from cfnlint.runner import main; sys.exit(main())"
		cmd := exec.CommandContext(t.Context(), "python3", append([]string{"-c", main}, args...)...)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+installed)
		return cmd
	}
	if out, err := run("--version").CombinedOutput(); err != nil {
		end := t.Skipf
		if os.Getenv("CI") != "" {
			end = t.Fatalf
		}
		end("no cfn-lint, which make setup installs: %v\n%s", err, out)
	}
	return func(file string) *exec.Cmd { return run(file) }
}

func TestTerraform(t *testing.T) {
	type index struct {
		Name       string
		HashKey    string `json:"hash_key"`
		RangeKey   string `json:"range_key"`
		Projection string `json:"projection_type"`
		Read       int64  `json:"read_capacity"`
		Write      int64  `json:"write_capacity"`
	}
	type table struct {
		Name      string
		HashKey   string `json:"hash_key"`
		RangeKey  string `json:"range_key"`
		Billing   string `json:"billing_mode"`
		Attribute []struct{ Name, Type string }
		Read      int64  `json:"read_capacity"`
		Write     int64  `json:"write_capacity"`
		Index     *index `json:"global_secondary_index"`
		TTL       struct {
			Attribute string `json:"attribute_name"`
			Enabled   bool
		}
		Recovery  struct{ Enabled bool } `json:"point_in_time_recovery"`
		Protected bool                   `json:"deletion_protection_enabled"`
	}
	for name, o := range variants {
		t.Run(name, func(t *testing.T) {
			text, err := dynamodb.Terraform(o)
			check(t, err)
			var file struct {
				Resource struct {
					Tables map[string]table `json:"aws_dynamodb_table"`
				}
			}
			decode(t, text, &file)
			made := &created{}
			check(t, applySchema(t.Context(), open(t, made, o)))
			cloud := made.asCloud(t)
			want := table{
				Name: cloud.TableName, HashKey: cloud.KeySchema[0].AttributeName, RangeKey: cloud.KeySchema[1].AttributeName,
				Billing: cloud.BillingMode, Protected: cloud.DeletionProtectionEnabled,
			}
			for _, a := range cloud.AttributeDefinitions {
				want.Attribute = append(want.Attribute, struct{ Name, Type string }{a.AttributeName, a.AttributeType})
			}
			if p := cloud.ProvisionedThroughput; p != nil {
				want.Read, want.Write = p.ReadCapacityUnits, p.WriteCapacityUnits
			}
			for _, i := range cloud.GlobalSecondaryIndexes {
				want.Index = &index{i.IndexName, i.KeySchema[0].AttributeName, i.KeySchema[1].AttributeName, i.Projection.ProjectionType, want.Read, want.Write}
			}
			want.TTL.Attribute, want.TTL.Enabled = cloud.TimeToLiveSpecification.AttributeName, cloud.TimeToLiveSpecification.Enabled
			want.Recovery.Enabled = cloud.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled
			same(t, "the table", file.Resource.Tables["authstore"], want)
		})
	}
}

// A table that is given by its ARN is made with its name.
func TestTemplatesOfAnARN(t *testing.T) {
	o := dynamodb.Options{Table: "arn:aws:dynamodb:eu-central-1:123456789012:table/users"}
	for name, template := range map[string]func(dynamodb.Options) ([]byte, error){"CloudFormation": dynamodb.CloudFormation, "Terraform": dynamodb.Terraform} {
		text, err := template(o)
		check(t, err)
		if !strings.Contains(string(text), `"users"`) || strings.Contains(string(text), o.Table) {
			t.Errorf("%s: got %s, want the table users", name, text)
		}
	}
}

func TestTemplatesRefuseWhatCannotWork(t *testing.T) {
	bad := dynamodb.Options{PartitionKey: "sk"}
	_, err1 := dynamodb.CloudFormation(bad)
	_, err2 := dynamodb.Terraform(bad)
	_, err3 := dynamodb.Policy(bad, "arn", false)
	for _, err := range []error{err1, err2, err3} {
		if !isInvalid(err) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	}
}

// What a store prints are the templates of its options, with the table's own ARN if it has one.
func TestPrintedSchema(t *testing.T) {
	const arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/people"
	for table, in := range map[string]string{"people": "arn:aws:dynamodb:*:*:table/people", arn: arn} {
		o := dynamodb.Options{Table: table, NoIndex: true}
		printer, _ := adapter.As[adapter.SchemaPrinter](open(t, newClient(t), o))
		texts, err := printer.PrintSchema(t.Context())
		check(t, err)
		got := map[string]string{}
		for _, text := range texts {
			got[text.Name] = text.Text
		}
		for name, write := range map[string]func() ([]byte, error){
			"cloudformation": func() ([]byte, error) { return dynamodb.CloudFormation(o) },
			"terraform":      func() ([]byte, error) { return dynamodb.Terraform(o) },
			"policy":         func() ([]byte, error) { return dynamodb.Policy(o, in, false) },
			"schema-policy":  func() ([]byte, error) { return dynamodb.Policy(o, in, true) },
		} {
			want, err := write()
			check(t, err)
			if got[name] != string(want) {
				t.Errorf("%s of %s: got %s, want %s", name, table, got[name], want)
			}
		}
	}
}
