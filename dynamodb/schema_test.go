package dynamodb_test

import (
	"context"
	"errors"
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

// problems returns what CheckSchema says, in one text.
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

// The table grows to what the options want, step by step, and CheckSchema names each.
func TestSchemaIsApplied(t *testing.T) {
	o := dynamodb.Options{Table: newTable(), NoIndex: true}
	dropAfter(t, o.Table)
	want := func(problem string) {
		t.Helper()
		a := dynamodb.New(newClient(t), o)
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
	check(t, applySchema(t.Context(), dynamodb.New(newClient(t), o)))
	out, err := newClient(t).DescribeTable(t.Context(), &awsdynamodb.DescribeTableInput{TableName: &o.Table})
	check(t, err)
	for _, got := range []*types.ProvisionedThroughputDescription{out.Table.ProvisionedThroughput, out.Table.GlobalSecondaryIndexes[0].ProvisionedThroughput} {
		if *got.ReadCapacityUnits != 5 || *got.WriteCapacityUnits != 7 {
			t.Errorf("got %d and %d units, want 5 and 7", *got.ReadCapacityUnits, *got.WriteCapacityUnits)
		}
	}
	o.Schema = dynamodb.SchemaOptions{}
	if got, blocking := problems(t, dynamodb.New(newClient(t), o)); !strings.Contains(got, "is billed as PROVISIONED") || !blocking {
		t.Errorf("got the problems %q, blocking: %t, want that the table is billed otherwise", got, blocking)
	}
}

// What ApplySchema cannot mend blocks, and ApplySchema says so and changes nothing.
func TestSchemaThatCannotServe(t *testing.T) {
	other := func(name string, change func(*dynamodb.Options)) dynamodb.Options {
		o := dynamodb.Options{Table: newTable()}
		dropAfter(t, o.Table)
		made := o
		change(&made)
		check(t, applySchema(t.Context(), dynamodb.New(newClient(t), made)))
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
		"by the attribute until":               expiry,
	} {
		a := dynamodb.New(newClient(t), o)
		got, blocking := problems(t, a)
		if !strings.Contains(got, problem) || !blocking {
			t.Errorf("got the problems %q, blocking: %t, want one that says %q and blocks", got, blocking, problem)
		}
		if err := applySchema(t.Context(), a); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("ApplySchema: got %v, want that the table %s", err, problem)
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
			if err := applySchema(t.Context(), dynamodb.New(newClient(t), o)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, _ := problems(t, dynamodb.New(newClient(t), o)); got != "" {
		t.Errorf("got %q, want no problem", got)
	}
}

func TestPointInTimeRecovery(t *testing.T) {
	service := &created{}
	a := dynamodb.New(service, dynamodb.Options{Schema: dynamodb.SchemaOptions{PointInTimeRecovery: true}})
	check(t, applySchema(t.Context(), a))
	if !service.backup {
		t.Error("got no point-in-time recovery, want it")
	}
	service.backup = false
	if got, blocking := problems(t, a); !strings.Contains(got, "point-in-time recovery is off") || blocking {
		t.Errorf("got the problems %q, blocking: %t, want that recovery is off", got, blocking)
	}
}

func isInvalid(err error) bool { return errors.Is(err, adapter.ErrInvalid) }

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, o := range map[string]dynamodb.Options{
		"one name for two keys":       {PartitionKey: "GSI1PK"},
		"a key named as a field":      {SortKey: "email"},
		"a key named as an addition":  {IndexSortKey: "authstoreStamp"},
		"units for reading only":      {Schema: dynamodb.SchemaOptions{ReadUnits: 5}},
		"less than no units at all":   {Schema: dynamodb.SchemaOptions{ReadUnits: -1, WriteUnits: -1}},
		"a key named as a credential": {PartitionKey: "credentialID"},
	} {
		func() {
			defer func() {
				if err, _ := recover().(error); !isInvalid(err) {
					t.Errorf("%s: got %v, want a panic with ErrInvalid", name, err)
				}
			}()
			dynamodb.New(newClient(t), o)
		}()
	}
}
