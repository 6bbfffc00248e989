package dynamodb_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// dropAfter deletes a table when the test has ended, protected or not.
func dropAfter(t testing.TB, table string) {
	t.Cleanup(func() {
		ctx, client := context.Background(), newClient(t)
		_, err := client.UpdateTable(ctx, &awsdynamodb.UpdateTableInput{TableName: &table, DeletionProtectionEnabled: aws.Bool(false)})
		check(t, err)
		_, err = client.DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: &table})
		check(t, err)
	})
}

// problems returns the problems of CheckSchema as one text.
func problems(t *testing.T, a adapter.Adapter) (text string, blocking bool) {
	t.Helper()
	schema, _ := adapter.As[adapter.Schema](a)
	found, err := schema.CheckSchema(t.Context())
	check(t, err)
	var all []string
	for _, p := range found {
		all = append(all, p.Object+" "+p.Detail)
		blocking = blocking || p.Blocking
	}
	return strings.Join(all, "\n"), blocking
}

// ApplySchema adds to the table what the options require, step by step, and CheckSchema lists
// each.
func TestSchemaIsApplied(t *testing.T) {
	o := dynamodb.Options{Table: newTable(), NoIndex: true}
	dropAfter(t, o.Table)
	want := func(problem string) {
		t.Helper()
		a := open(t, newClient(t), o)
		if got, blocking := problems(t, a); !strings.Contains(got, problem) || blocking {
			t.Errorf("got the problems %q, blocking: %t, want one that says %q and can be mended", got, blocking, problem)
		}
		check(t, applySchema(t.Context(), a))
		if got, _ := problems(t, a); got != "" {
			t.Errorf("got %q after ApplySchema, want no problem", got)
		}
	}
	want("is missing")
	o.NoIndex = false
	want("index GSI1 is missing")
	o.Schema.DeletionProtection = true
	want("can be deleted")
	out, err := newClient(t).DescribeTimeToLive(t.Context(), &awsdynamodb.DescribeTimeToLiveInput{TableName: &o.Table})
	check(t, err)
	if got := out.TimeToLiveDescription; got.TimeToLiveStatus != types.TimeToLiveStatusEnabled || *got.AttributeName != "expires" {
		t.Errorf("got the expiry %+v, want it by expires", got)
	}
}

func TestSchemaIsProvisioned(t *testing.T) {
	o := dynamodb.Options{Table: newTable(), Schema: dynamodb.SchemaOptions{ReadUnits: 5, WriteUnits: 7}}
	dropAfter(t, o.Table)
	check(t, applySchema(t.Context(), open(t, newClient(t), o)))
	out, err := newClient(t).DescribeTable(t.Context(), &awsdynamodb.DescribeTableInput{TableName: &o.Table})
	check(t, err)
	for _, got := range []*types.ProvisionedThroughputDescription{out.Table.ProvisionedThroughput, out.Table.GlobalSecondaryIndexes[0].ProvisionedThroughput} {
		if *got.ReadCapacityUnits != 5 || *got.WriteCapacityUnits != 7 {
			t.Errorf("got %d and %d units, want 5 and 7", *got.ReadCapacityUnits, *got.WriteCapacityUnits)
		}
	}
	for _, other := range []dynamodb.SchemaOptions{{}, {ReadUnits: 1, WriteUnits: 1}} {
		o.Schema = other
		if got, _ := problems(t, open(t, newClient(t), o)); got != "" {
			t.Errorf("got the problems %q with %+v, want none: the table is billed as it is", got, other)
		}
	}
}

// An index is added with the billing of the table, whatever the options say.
func TestAnIndexIsBilledAsItsTable(t *testing.T) {
	provisioned := dynamodb.SchemaOptions{ReadUnits: 5, WriteUnits: 7}
	for _, tt := range []struct {
		made, wanted dynamodb.SchemaOptions
		units        int64
	}{{provisioned, dynamodb.SchemaOptions{}, 5}, {provisioned, dynamodb.SchemaOptions{ReadUnits: 1, WriteUnits: 1}, 1}, {dynamodb.SchemaOptions{}, provisioned, 0}} {
		o := dynamodb.Options{Table: newTable(), NoIndex: true, Schema: tt.made}
		dropAfter(t, o.Table)
		check(t, applySchema(t.Context(), open(t, newClient(t), o)))
		o.NoIndex, o.Schema = false, tt.wanted
		check(t, applySchema(t.Context(), open(t, newClient(t), o)))
		out, err := newClient(t).DescribeTable(t.Context(), &awsdynamodb.DescribeTableInput{TableName: &o.Table})
		check(t, err)
		var got int64
		if units := out.Table.GlobalSecondaryIndexes[0].ProvisionedThroughput; units != nil {
			got = aws.ToInt64(units.ReadCapacityUnits)
		}
		if got != tt.units {
			t.Errorf("a table of %+v: got an index of %d units with %+v, want %d", tt.made, got, tt.wanted, tt.units)
		}
	}
}

// table makes a table unlike that of ApplySchema.
func table(t *testing.T, change func(*awsdynamodb.CreateTableInput)) (name string) {
	client, s := newClient(t), types.ScalarAttributeTypeS
	key := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	name = newTable()
	in := &awsdynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: key("pk", "sk"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("GSI1"), KeySchema: key("GSI1PK", "GSI1SK"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}},
	}
	for _, attribute := range []string{"pk", "sk", "GSI1PK", "GSI1SK"} {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(attribute), AttributeType: s})
	}
	change(in)
	_, err := client.CreateTable(t.Context(), in)
	check(t, err)
	dropAfter(t, name)
	return name
}

// rename changes the names of the keys of a table or its index.
func rename(in *awsdynamodb.CreateTableInput, keys []types.KeySchemaElement, names ...string) {
	for i, name := range names {
		for j, a := range in.AttributeDefinitions {
			if *a.AttributeName == *keys[i].AttributeName {
				in.AttributeDefinitions[j].AttributeName = aws.String(name)
			}
		}
		keys[i].AttributeName = aws.String(name)
	}
}

// What is wrong with a table is reported by the first call that needs it, and by CheckSchema
// with the remedy.
func TestTablesThatWereMadeOtherwise(t *testing.T) {
	for name, tt := range map[string]struct {
		change        func(*awsdynamodb.CreateTableInput)
		check         []string // what CheckSchema says
		mends         bool
		call          []string // what a call says
		byIndexOnly   bool     // only calls that read the index fail
		servesForNone bool     // no call fails
		notBy         string   // the call that is not refused
	}{
		"other names of keys": {
			change: func(in *awsdynamodb.CreateTableInput) { rename(in, in.KeySchema, "key", "range") },
			check:  []string{"has key and range", "Options.PartitionKey", "partition_key=key&sort_key=range"},
			call:   []string{"Options.PartitionKey", "partition_key"},
		},
		"names of keys that are fields": {
			change: func(in *awsdynamodb.CreateTableInput) { rename(in, in.KeySchema, "id", "range") },
			check:  []string{"has id and range, which records have as fields", "use another table"},
			call:   []string{"Options.PartitionKey"},
		},
		"a key that is a number": {
			change: func(in *awsdynamodb.CreateTableInput) {
				in.AttributeDefinitions[0].AttributeType = types.ScalarAttributeTypeN
			},
			check: []string{"cannot be changed"},
			call:  []string{"all strings"},
		},
		"one key": {
			change: func(in *awsdynamodb.CreateTableInput) {
				in.KeySchema, in.AttributeDefinitions = in.KeySchema[:1], append(in.AttributeDefinitions[:1], in.AttributeDefinitions[2:]...)
			},
			check: []string{"cannot be changed"},
			call:  []string{"Options.PartitionKey"}, notBy: "CreateUser",
		},
		"no index": {
			change: func(in *awsdynamodb.CreateTableInput) {
				in.GlobalSecondaryIndexes, in.AttributeDefinitions = nil, in.AttributeDefinitions[:2]
			},
			check: []string{"index GSI1 is missing"}, mends: true,
			call: []string{"no index GSI1", "ApplySchema", "NoIndex"}, byIndexOnly: true,
		},
		"other names of the index's keys": {
			change: func(in *awsdynamodb.CreateTableInput) { rename(in, in.GlobalSecondaryIndexes[0].KeySchema, "a", "b") },
			check:  []string{"has a and b", "Options.IndexPartitionKey", "index_partition_key=a&index_sort_key=b"},
			call:   []string{"IndexPartitionKey"}, byIndexOnly: true,
		},
		"an index by a number": {
			change: func(in *awsdynamodb.CreateTableInput) {
				in.AttributeDefinitions[2].AttributeType = types.ScalarAttributeTypeN
			},
			check: []string{"cannot be changed", "delete the index"},
			call:  []string{"IndexPartitionKey"}, byIndexOnly: true,
		},
		"an index of keys only": {
			change: func(in *awsdynamodb.CreateTableInput) {
				in.GlobalSecondaryIndexes[0].Projection.ProjectionType = types.ProjectionTypeKeysOnly
			},
			check: []string{"must project all attributes"}, servesForNone: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, newClient(t), dynamodb.Options{Table: table(t, tt.change)})
			got, blocking := problems(t, a)
			for _, want := range tt.check {
				if !strings.Contains(got, want) || blocking == tt.mends {
					t.Errorf("got the problems %q, blocking: %t, want one that says %q", got, blocking, want)
				}
			}
			_, byKey := a.GetUser(t.Context(), "u")
			_, byIndex := a.GetUserByEmail(t.Context(), "ada@example.com")
			_, write := a.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
			calls := map[string]error{"GetUserByEmail": byIndex, "GetUser": byKey, "CreateUser": write}
			delete(calls, tt.notBy)
			if tt.byIndexOnly {
				delete(calls, "GetUser")
				delete(calls, "CreateUser")
			}
			for call, err := range calls {
				if tt.servesForNone != !errors.Is(err, adapter.ErrSetup) {
					t.Errorf("%s: got %v, want ErrSetup: %t", call, err, !tt.servesForNone)
				}
				for _, want := range tt.call {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%s: got %v, want it to say %q", call, err, want)
					}
				}
			}
		})
	}
}

// described is a service with a table in some state.
type described struct {
	dynamodb.Client
	table types.TableDescription
	ttl   types.TimeToLiveDescription
}

func (d described) DescribeTable(context.Context, *awsdynamodb.DescribeTableInput, ...func(*awsdynamodb.Options)) (*awsdynamodb.DescribeTableOutput, error) {
	return &awsdynamodb.DescribeTableOutput{Table: &d.table}, nil
}

func (d described) DescribeTimeToLive(context.Context, *awsdynamodb.DescribeTimeToLiveInput, ...func(*awsdynamodb.Options)) (*awsdynamodb.DescribeTimeToLiveOutput, error) {
	return &awsdynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: &d.ttl}, nil
}

// The states of a table and its parts that DynamoDB Local does not have.
func TestStatesOfATable(t *testing.T) {
	model := dynamodb.Options{Table: newTable()}
	dropAfter(t, model.Table)
	check(t, applySchema(t.Context(), open(t, newClient(t), model)))
	made, err := newClient(t).DescribeTable(t.Context(), &awsdynamodb.DescribeTableInput{TableName: &model.Table})
	check(t, err)
	for name, tt := range map[string]struct {
		change   func(*described)
		want     string
		blocking bool
	}{
		"being made":            {func(d *described) { d.table.TableStatus = types.TableStatusCreating }, "is CREATING: wait", false},
		"being deleted":         {func(d *described) { d.table.TableStatus = types.TableStatusDeleting }, "is DELETING: wait", false},
		"without its key":       {func(d *described) { d.table.TableStatus = types.TableStatusInaccessibleEncryptionCredentials }, "KMS key", true},
		"archived":              {func(d *described) { d.table.TableStatus = types.TableStatusArchived }, "restore it", true},
		"an index in the works": {func(d *described) { d.table.GlobalSecondaryIndexes[0].IndexStatus = types.IndexStatusCreating }, "is CREATING: wait", false},
		"expiry off":            {func(d *described) { d.ttl.TimeToLiveStatus = types.TimeToLiveStatusDisabled }, "expiry is off", false},
		"expiry going off":      {func(d *described) { d.ttl.TimeToLiveStatus = types.TimeToLiveStatusDisabling }, "being turned off", true},
		"expiry by another":     {func(d *described) { d.ttl.AttributeName = aws.String("ttl") }, "uses the attribute ttl", true},
		"a local index": {func(d *described) {
			d.table.GlobalSecondaryIndexes, d.table.LocalSecondaryIndexes = nil, []types.LocalSecondaryIndexDescription{{IndexName: aws.String("GSI1")}}
		}, "is a local one", true},
	} {
		t.Run(name, func(t *testing.T) {
			d := described{table: *made.Table, ttl: types.TimeToLiveDescription{TimeToLiveStatus: types.TimeToLiveStatusEnabled, AttributeName: aws.String("expires")}}
			d.table.GlobalSecondaryIndexes = slices.Clone(d.table.GlobalSecondaryIndexes)
			tt.change(&d)
			if got, blocking := problems(t, open(t, d, model)); !strings.Contains(got, tt.want) || blocking != tt.blocking {
				t.Errorf("got the problems %q, blocking: %t, want one that says %q, blocking: %t", got, blocking, tt.want, tt.blocking)
			}
		})
	}
}

// What ApplySchema cannot mend is blocking, and ApplySchema says so and changes nothing.
func TestSchemaThatCannotServe(t *testing.T) {
	other := func(name string, change func(*dynamodb.Options)) dynamodb.Options {
		o := dynamodb.Options{Table: newTable()}
		dropAfter(t, o.Table)
		made := o
		change(&made)
		check(t, applySchema(t.Context(), open(t, newClient(t), made)))
		return o
	}
	expiry := other("expiry", func(o *dynamodb.Options) {})
	client := newClient(t)
	for _, spec := range []types.TimeToLiveSpecification{
		{AttributeName: aws.String("expires"), Enabled: aws.Bool(false)}, {AttributeName: aws.String("until"), Enabled: aws.Bool(true)},
	} {
		_, err := client.UpdateTimeToLive(t.Context(), &awsdynamodb.UpdateTimeToLiveInput{TableName: &expiry.Table, TimeToLiveSpecification: &spec})
		check(t, err)
	}
	for problem, o := range map[string]dynamodb.Options{
		"must have the keys pk and sk":         other("keys", func(o *dynamodb.Options) { o.PartitionKey, o.SortKey = "p", "s" }),
		"must have the keys GSI1PK and GSI1SK": other("index", func(o *dynamodb.Options) { o.IndexPartitionKey, o.IndexSortKey = "p", "s" }),
		"uses the attribute until":             expiry,
	} {
		a := open(t, newClient(t), o)
		got, blocking := problems(t, a)
		if !strings.Contains(got, problem) || !blocking {
			t.Errorf("got the problems %q, blocking: %t, want one that says %q and blocks", got, blocking, problem)
		}
		if err := applySchema(t.Context(), a); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("ApplySchema: got %v, want an error that says %q", err, problem)
		}
		if again, _ := problems(t, a); again != got {
			t.Errorf("got %q after ApplySchema, want %q as before", again, got)
		}
	}
}

// Any number of processes may apply the schema at once.
func TestSchemaIsAppliedInARace(t *testing.T) {
	o := dynamodb.Options{Table: newTable()}
	dropAfter(t, o.Table)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := applySchema(t.Context(), open(t, newClient(t), o)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, _ := problems(t, open(t, newClient(t), o)); got != "" {
		t.Errorf("got %q, want no problem", got)
	}
}

func TestPointInTimeRecovery(t *testing.T) {
	service := &created{}
	a := open(t, service, dynamodb.Options{Schema: dynamodb.SchemaOptions{PointInTimeRecovery: true}})
	check(t, applySchema(t.Context(), a))
	if !service.backup {
		t.Error("got no point-in-time recovery, want it")
	}
	service.backup = false
	if got, blocking := problems(t, a); !strings.Contains(got, "point-in-time recovery is off") || blocking {
		t.Errorf("got the problems %q, blocking: %t, want that recovery is off", got, blocking)
	}
}
