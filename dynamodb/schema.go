package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// SchemaOptions is how a table is made. The zero value is a table on demand, with
// nothing that costs extra.
type SchemaOptions struct {
	// ReadUnits and WriteUnits provision the table, and as much for its index. Both 0:
	// on demand.
	ReadUnits, WriteUnits int64

	// PointInTimeRecovery has the service keep backups of the last 35 days.
	PointInTimeRecovery bool

	// DeletionProtection has the service refuse to delete the table.
	DeletionProtection bool
}

func (o SchemaOptions) check() error {
	if o.ReadUnits < 0 || o.WriteUnits < 0 || (o.ReadUnits == 0) != (o.WriteUnits == 0) {
		return adapter.Invalid("Options.Schema", "must have both ReadUnits and WriteUnits, or none")
	}
	return nil
}

func (o SchemaOptions) billing() types.BillingMode {
	if o.ReadUnits > 0 {
		return types.BillingModeProvisioned
	}
	return types.BillingModePayPerRequest
}

func (o SchemaOptions) throughput() *types.ProvisionedThroughput {
	if o.ReadUnits == 0 {
		return nil
	}
	return &types.ProvisionedThroughput{ReadCapacityUnits: &o.ReadUnits, WriteCapacityUnits: &o.WriteUnits}
}

// problem is a difference, and how ApplySchema mends it.
type problem struct {
	adapter.SchemaProblem
	mend func(context.Context) error // nil: somebody has to
}

// CheckSchema implements adapter.Schema. Where the table itself is as it must be, it reads
// all of it and reports the records that break a rule: see findings.
func (s *store) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	problems, err := s.problems(ctx)
	if err != nil {
		return nil, adapter.WrapError(ctx, backend, "CheckSchema", failure(err))
	}
	var all []adapter.SchemaProblem
	for _, p := range problems {
		p.Blocking = p.mend == nil
		all = append(all, p.SchemaProblem)
	}
	if len(problems) > 0 {
		return all, nil // the table comes first
	}
	found, err := s.findings(ctx)
	if err != nil {
		return nil, adapter.WrapError(ctx, backend, "CheckSchema", failure(err))
	}
	return append(all, repair.Problems(found)...), nil
}

// ApplySchema implements adapter.Schema. It waits until the table can be used, with
// its index, which on a large table takes long.
func (s *store) ApplySchema(ctx context.Context) error {
	return adapter.WrapError(ctx, backend, "ApplySchema", failure(s.apply(ctx)))
}

// maxMends is more than there can be problems: each is mended at most once, unless
// somebody else undoes it.
const maxMends = 20

// apply mends the first problem until there is none.
func (s *store) apply(ctx context.Context) error {
	for range maxMends {
		problems, err := s.problems(ctx)
		if err != nil || len(problems) == 0 {
			return err
		}
		p := problems[0]
		if p.mend == nil {
			return adapter.Setup(p.Object, p.Detail)
		}
		if err := p.mend(ctx); err != nil && !raced(err) {
			return err
		}
	}
	return unavailableSince("the table is being changed by somebody else, or the account has reached a quota")
}

// raced reports whether somebody else is changing the table.
func raced(err error) bool {
	return errors.As(err, new(*types.ResourceInUseException)) || errors.As(err, new(*types.LimitExceededException)) || alreadyOn(err)
}

// alreadyOn reports whether an expiry that was to be turned on is.
func alreadyOn(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException" && api.ErrorMessage() == "TimeToLive is already enabled"
}

// problems returns the differences, those that have to be mended first in front.
func (s *store) problems(ctx context.Context) ([]problem, error) {
	out, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: s.table})
	if errors.As(err, new(*types.ResourceNotFoundException)) {
		return []problem{s.problem("table", "is missing", s.createTable)}, nil
	}
	if err != nil {
		return nil, err
	}
	table := out.Table
	problems := s.tableProblems(table)
	for _, more := range []func(context.Context) ([]problem, error){s.ttlProblems, s.backupProblems} {
		found, err := more(ctx)
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
	}
	return problems, nil
}

// problem returns a problem of the table, or of a part of it.
func (s *store) problem(part, detail string, mend func(context.Context) error) problem {
	object := "table " + s.options.Table
	if part != "table" {
		object += ", " + part
	}
	return problem{adapter.SchemaProblem{Object: object, Detail: detail}, mend}
}

func (s *store) tableProblems(t *types.TableDescription) []problem {
	var all []problem
	add := func(differs bool, part, detail string, mend func(context.Context) error) {
		if differs {
			all = append(all, s.problem(part, detail, mend))
		}
	}
	o := s.options
	add(!isKeys(t, t.KeySchema, o.PartitionKey, o.SortKey), "table",
		fmt.Sprintf("must have the keys %s and %s, both strings: it cannot be changed, use another one", o.PartitionKey, o.SortKey), nil)
	billing := types.BillingModeProvisioned
	if t.BillingModeSummary != nil {
		billing = t.BillingModeSummary.BillingMode
	}
	add(billing != o.Schema.billing(), "table", fmt.Sprintf("is billed as %s and not as %s: change the table or Options.Schema", billing, o.Schema.billing()), nil)
	add(t.TableStatus != types.TableStatusActive, "table", fmt.Sprintf("is %s: wait", t.TableStatus), s.wait)
	add(o.Schema.DeletionProtection && !aws.ToBool(t.DeletionProtectionEnabled), "table", "can be deleted", s.protect)
	if !o.NoIndex {
		all = append(all, s.indexProblems(t)...)
	}
	return all
}

func (s *store) indexProblems(t *types.TableDescription) []problem {
	o := s.options
	part := "index " + o.Index
	for _, index := range t.GlobalSecondaryIndexes {
		switch {
		case aws.ToString(index.IndexName) != o.Index:
			continue
		case !isKeys(t, index.KeySchema, o.IndexPartitionKey, o.IndexSortKey):
			return []problem{s.problem(part, fmt.Sprintf("must have the keys %s and %s, both strings: delete the index", o.IndexPartitionKey, o.IndexSortKey), nil)}
		case index.Projection == nil || index.Projection.ProjectionType != types.ProjectionTypeAll:
			return []problem{s.problem(part, "must hold all attributes: delete the index", nil)}
		case index.IndexStatus != types.IndexStatusActive:
			return []problem{s.problem(part, fmt.Sprintf("is %s: wait", index.IndexStatus), s.wait)}
		}
		return nil
	}
	return []problem{s.problem(part, "is missing", s.createIndex)}
}

// isKeys reports whether a schema is a partition and a sort key of these names, both
// strings.
func isKeys(t *types.TableDescription, schema []types.KeySchemaElement, partition, sort string) bool {
	strings := map[string]bool{}
	for _, a := range t.AttributeDefinitions {
		strings[aws.ToString(a.AttributeName)] = a.AttributeType == types.ScalarAttributeTypeS
	}
	return len(schema) == 2 && strings[partition] && strings[sort] &&
		aws.ToString(schema[0].AttributeName) == partition && schema[0].KeyType == types.KeyTypeHash &&
		aws.ToString(schema[1].AttributeName) == sort && schema[1].KeyType == types.KeyTypeRange
}

func (s *store) ttlProblems(ctx context.Context) ([]problem, error) {
	out, err := s.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: s.table})
	if err != nil {
		return nil, err
	}
	ttl := out.TimeToLiveDescription
	if ttl == nil {
		ttl = &types.TimeToLiveDescription{TimeToLiveStatus: types.TimeToLiveStatusDisabled}
	}
	switch ttl.TimeToLiveStatus {
	case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
		if name := aws.ToString(ttl.AttributeName); name != fieldExpires {
			return []problem{s.problem("expiry", fmt.Sprintf("is by the attribute %s and not by %s: turn it off", name, fieldExpires), nil)}, nil
		}
		return nil, nil
	case types.TimeToLiveStatusDisabling:
		return []problem{s.problem("expiry", "is being turned off: wait", nil)}, nil
	}
	return []problem{s.problem("expiry", "is off, so what has expired stays", s.expire)}, nil
}

func (s *store) backupProblems(ctx context.Context) ([]problem, error) {
	if !s.options.Schema.PointInTimeRecovery {
		return nil, nil
	}
	out, err := s.client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: s.table})
	if err != nil {
		return nil, err
	}
	if d := out.ContinuousBackupsDescription; d != nil && d.PointInTimeRecoveryDescription != nil &&
		d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled {
		return nil, nil
	}
	return []problem{s.problem("point-in-time recovery", "is off", s.backUp)}, nil
}

func keySchema(partition, sort string) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange},
	}
}

func definitions(names ...string) []types.AttributeDefinition {
	all := make([]types.AttributeDefinition, len(names))
	for i := range names {
		all[i] = types.AttributeDefinition{AttributeName: &names[i], AttributeType: types.ScalarAttributeTypeS}
	}
	return all
}

func (s *store) createTable(ctx context.Context) error {
	o := s.options
	in := &dynamodb.CreateTableInput{
		TableName: s.table, AttributeDefinitions: definitions(o.PartitionKey, o.SortKey), KeySchema: keySchema(o.PartitionKey, o.SortKey),
		BillingMode: o.Schema.billing(), ProvisionedThroughput: o.Schema.throughput(), DeletionProtectionEnabled: &o.Schema.DeletionProtection,
	}
	if !o.NoIndex {
		in.AttributeDefinitions = definitions(o.keyNames()...)
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
			IndexName: &o.Index, KeySchema: keySchema(o.IndexPartitionKey, o.IndexSortKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}, ProvisionedThroughput: o.Schema.throughput(),
		}}
	}
	_, err := s.client.CreateTable(ctx, in)
	return err
}

func (s *store) createIndex(ctx context.Context) error {
	o := s.options
	_, err := s.client.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName: s.table, AttributeDefinitions: definitions(o.keyNames()...),
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{
			IndexName: &o.Index, KeySchema: keySchema(o.IndexPartitionKey, o.IndexSortKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}, ProvisionedThroughput: o.Schema.throughput(),
		}}},
	})
	return err
}

func (s *store) protect(ctx context.Context) error {
	_, err := s.client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: s.table, DeletionProtectionEnabled: aws.Bool(true)})
	return err
}

func (s *store) expire(ctx context.Context) error {
	_, err := s.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               s.table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(fieldExpires), Enabled: aws.Bool(true)},
	})
	return err
}

func (s *store) backUp(ctx context.Context) error {
	_, err := s.client.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
		TableName:                        s.table,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	})
	return err
}

// wait waits until table and index can be used.
func (s *store) wait(ctx context.Context) error {
	const every = time.Second
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, every) {
		out, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: s.table})
		if err != nil {
			return err
		}
		ready := out.Table.TableStatus == types.TableStatusActive
		for _, index := range out.Table.GlobalSecondaryIndexes {
			ready = ready && index.IndexStatus == types.IndexStatusActive
		}
		if ready {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
