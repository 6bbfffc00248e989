package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/repair"
)

// SchemaOptions is how the table is made. The zero value is a table on demand, without anything
// that costs extra.
type SchemaOptions struct {
	// ReadUnits and WriteUnits are the provisioned capacity units of the table, and of its
	// index each. Both 0: on demand. CheckSchema does not compare them with an existing table,
	// since an operator or auto scaling may change them at any time.
	ReadUnits, WriteUnits int64

	// PointInTimeRecovery makes the service keep backups of the last 35 days.
	PointInTimeRecovery bool

	// DeletionProtection makes the service refuse to delete the table.
	DeletionProtection bool
}

func (o SchemaOptions) check() error {
	if o.ReadUnits < 0 || o.WriteUnits < 0 || (o.ReadUnits == 0) != (o.WriteUnits == 0) {
		return adapter.Invalid("Options.Schema", "must have both ReadUnits and WriteUnits, or neither")
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

// problem is a difference between a table and what it must be, and how ApplySchema mends it.
type problem struct {
	adapter.SchemaProblem
	mend func(context.Context) error // nil: somebody has to
}

// CheckSchema implements adapter.Schema. If the table itself is right, it reads all of it and
// reports the records that break a rule: see findings.
func (s *store) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	problems, err := s.problems(ctx)
	if err != nil {
		return nil, err
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
		return nil, err
	}
	return append(all, repair.Problems(found)...), nil
}

// ApplySchema implements adapter.Schema. It waits until the table and its index can be used,
// which takes long for a large table.
func (s *store) ApplySchema(ctx context.Context) error {
	return s.apply(ctx)
}

// maxMends is more than the number of possible problems: each is mended at most once, unless
// somebody else undoes it.
const maxMends = 20

// apply mends the first problem until there is none.
func (s *store) apply(ctx context.Context) error {
	var lost error
	for range maxMends {
		problems, err := s.problems(ctx)
		if err != nil || len(problems) == 0 {
			return err
		}
		p := problems[0]
		if p.mend == nil {
			return adapter.Setup(p.Object, p.Detail)
		}
		if lost = p.mend(ctx); lost != nil && !raced(lost) {
			return lost
		}
	}
	changing := unavailableBecause("the table is being changed by somebody else, or the account has reached a quota")
	if lost == nil {
		return changing
	}
	return driver.Caused(changing, lost)
}

// raced reports whether somebody else is changing the table.
func raced(err error) bool {
	return errors.As(err, new(*types.ResourceInUseException)) || errors.As(err, new(*types.LimitExceededException)) || alreadyOn(err)
}

// alreadyOn reports whether the time to live to be enabled is enabled already.
func alreadyOn(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException" && api.ErrorMessage() == "TimeToLive is already enabled"
}

// problems returns the differences, in the order in which they have to be mended.
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
	detail, differs := otherKeys(t, t.KeySchema, keyOptions{o.PartitionKey, o.SortKey, "Options.PartitionKey and SortKey", "partition_key", "sort_key"})
	add(differs, "table", detail+", or use another table", nil)
	switch t.TableStatus {
	case types.TableStatusInaccessibleEncryptionCredentials:
		add(true, "table", "cannot use its KMS key: enable the key, and allow it by its policy", nil)
	case types.TableStatusArchiving, types.TableStatusArchived:
		add(true, "table", fmt.Sprintf("is %s, as its KMS key could not be used: restore it from the backup", t.TableStatus), nil)
	default:
		add(t.TableStatus != types.TableStatusActive, "table", fmt.Sprintf("is %s: wait", t.TableStatus), s.waitUntilReady)
	}
	add(o.Schema.DeletionProtection && !aws.ToBool(t.DeletionProtectionEnabled), "table", "can be deleted", s.enableProtection)
	if !o.NoIndex {
		all = append(all, s.indexProblems(t)...)
	}
	return all
}

func (s *store) indexProblems(t *types.TableDescription) []problem {
	o := s.options
	part := "index " + o.Index
	for _, index := range t.GlobalSecondaryIndexes {
		if aws.ToString(index.IndexName) != o.Index {
			continue
		}
		detail, differs := otherKeys(t, index.KeySchema, keyOptions{o.IndexPartitionKey, o.IndexSortKey, "Options.IndexPartitionKey and IndexSortKey", "index_partition_key", "index_sort_key"})
		switch {
		case differs:
			return []problem{s.problem(part, detail+", or delete the index", nil)}
		case index.Projection == nil || index.Projection.ProjectionType != types.ProjectionTypeAll:
			return []problem{s.problem(part, "must project all attributes: delete the index", nil)}
		case index.IndexStatus != types.IndexStatusActive:
			return []problem{s.problem(part, fmt.Sprintf("is %s: wait", index.IndexStatus), s.waitUntilReady)}
		}
		return nil
	}
	for _, index := range t.LocalSecondaryIndexes {
		if aws.ToString(index.IndexName) == o.Index {
			return []problem{s.problem(part, "is a local one, which cannot be changed: name another one by Options.Index (index=… in the URL)", nil)}
		}
	}
	return []problem{s.problem(part, "is missing", s.createIndex(t))}
}

// keyOptions are the required names of two keys, and the options and parameters that set them.
type keyOptions struct{ partition, sort, options, partitionParameter, sortParameter string }

// otherKeys reports whether a schema differs from a partition and a sort key with the required
// names, both strings, and what to do about it.
func otherKeys(t *types.TableDescription, schema []types.KeySchemaElement, want keyOptions) (detail string, differs bool) {
	texts := map[string]bool{}
	for _, a := range t.AttributeDefinitions {
		texts[aws.ToString(a.AttributeName)] = a.AttributeType == types.ScalarAttributeTypeS
	}
	names := make([]string, len(schema))
	served := len(schema) == 2 && schema[0].KeyType == types.KeyTypeHash && schema[1].KeyType == types.KeyTypeRange
	for i, k := range schema {
		names[i] = aws.ToString(k.AttributeName)
		served = served && texts[names[i]]
	}
	if served && names[0] == want.partition && names[1] == want.sort {
		return "", false
	}
	detail = fmt.Sprintf("must have the keys %s and %s, both strings: ", want.partition, want.sort)
	if !served {
		return detail + "it does not have two string keys, which cannot be changed", true
	}
	if isField(names[0]) || isField(names[1]) {
		return detail + fmt.Sprintf("it has %s and %s, which records have as fields", names[0], names[1]), true
	}
	return detail + fmt.Sprintf("it has %s and %s: set %s to them (%s=%s&%s=%s in the URL)", names[0], names[1], want.options,
		want.partitionParameter, url.QueryEscape(names[0]), want.sortParameter, url.QueryEscape(names[1])), true
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
			return []problem{s.problem("expiry", fmt.Sprintf("uses the attribute %s, not %s: turn it off", name, fieldExpires), nil)}, nil
		}
		return nil, nil
	case types.TimeToLiveStatusDisabling:
		return []problem{s.problem("expiry", "is being turned off: wait", nil)}, nil
	}
	return []problem{s.problem("expiry", "is off, so expired items stay", s.enableTTL)}, nil
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
	return []problem{s.problem("point-in-time recovery", "is off", s.enableBackups)}, nil
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

// createIndex returns what adds the index to a table that may have other indexes, with the
// billing of the table.
func (s *store) createIndex(t *types.TableDescription) func(context.Context) error {
	o := s.options
	return func(ctx context.Context) error {
		_, err := s.client.UpdateTable(ctx, &dynamodb.UpdateTableInput{
			TableName: s.table, AttributeDefinitions: definitions(o.keyNames()...),
			GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{
				IndexName: &o.Index, KeySchema: keySchema(o.IndexPartitionKey, o.IndexSortKey),
				Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}, ProvisionedThroughput: o.Schema.throughputLike(t),
			}}},
		})
		return err
	}
}

// throughputLike returns the throughput of an index: none if the table is on demand, and the
// table's if the options have none.
func (o SchemaOptions) throughputLike(t *types.TableDescription) *types.ProvisionedThroughput {
	switch units := t.ProvisionedThroughput; {
	case t.BillingModeSummary != nil && t.BillingModeSummary.BillingMode == types.BillingModePayPerRequest:
		return nil
	case o.ReadUnits == 0 && units != nil:
		return &types.ProvisionedThroughput{ReadCapacityUnits: units.ReadCapacityUnits, WriteCapacityUnits: units.WriteCapacityUnits}
	}
	return o.throughput()
}

func (s *store) enableProtection(ctx context.Context) error {
	_, err := s.client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: s.table, DeletionProtectionEnabled: aws.Bool(true)})
	return err
}

func (s *store) enableTTL(ctx context.Context) error {
	_, err := s.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               s.table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(fieldExpires), Enabled: aws.Bool(true)},
	})
	return err
}

func (s *store) enableBackups(ctx context.Context) error {
	_, err := s.client.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
		TableName:                        s.table,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	})
	return err
}

// waitUntilReady waits until the table and its index can be used, or the table is gone.
func (s *store) waitUntilReady(ctx context.Context) error {
	const every = time.Second
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, every) {
		out, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: s.table})
		if errors.As(err, new(*types.ResourceNotFoundException)) {
			return nil
		}
		if err != nil || isReady(out.Table) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// isReady reports whether nothing of a table is being changed.
func isReady(t *types.TableDescription) bool {
	switch t.TableStatus {
	case types.TableStatusCreating, types.TableStatusUpdating, types.TableStatusDeleting:
		return false
	}
	for _, index := range t.GlobalSecondaryIndexes {
		if index.IndexStatus != types.IndexStatusActive {
			return false
		}
	}
	return true
}
