package dynamodb

import (
	"cmp"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// backend is the name in errors.
const backend = "dynamodb"

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// The names of the table, its keys, the index and its keys. The defaults are those of the
	// Auth.js adapter: next-auth, pk, sk, GSI1, GSI1PK, GSI1SK. The table may also be given by
	// its ARN; a table of another account must be.
	Table             string
	PartitionKey      string
	SortKey           string
	Index             string
	IndexPartitionKey string
	IndexSortKey      string

	// NoIndex leaves out the index and its keys, which only the Auth.js adapter needs. Users
	// and accounts then cost half as much to write, and no partition of the index holds every
	// account of one provider.
	NoIndex bool

	// EventuallyConsistent makes GetSessionAndUser read with eventual consistency, for half the
	// read units. A session may then be valid for a moment after it was deleted, which the
	// contract does not allow. All other reads stay consistent.
	EventuallyConsistent bool

	// RequestTimeout limits each request to the service; without an answer by then the call is
	// adapter.ErrUnavailable. 0: until the deadline of the call's context, or 10 seconds if it
	// has none. It is not negative.
	RequestTimeout time.Duration

	// NoBatching gives every read a request of its own. Otherwise reads by a key that are made
	// at the same time share one: see docs/dynamodb.md, Shared requests.
	NoBatching bool

	// BatchesInFlight is how many requests are in flight before further reads wait for one to
	// return and share the next one. The default is 2. More shorten the waits where the process
	// has processors to spare.
	BatchesInFlight int

	// BatchSize is how many reads share a request at most. The default is 50, which is also the
	// limit: DynamoDB accepts 100 keys, and a session is read with its user.
	BatchSize int

	// Schema is how ApplySchema makes the table, and what CheckSchema requires of it.
	Schema SchemaOptions
}

// WithDefaults returns the options with all defaults filled in.
func (o Options) WithDefaults() Options {
	o.Options = o.Options.WithDefaults()
	for _, name := range []struct {
		field *string
		value string
	}{
		{&o.Table, "next-auth"}, {&o.PartitionKey, "pk"}, {&o.SortKey, "sk"},
		{&o.Index, "GSI1"}, {&o.IndexPartitionKey, "GSI1PK"}, {&o.IndexSortKey, "GSI1SK"},
	} {
		if *name.field == "" {
			*name.field = name.value
		}
	}
	o.BatchesInFlight = cmp.Or(o.BatchesInFlight, batchesInFlight)
	o.BatchSize = cmp.Or(o.BatchSize, maxBatchSize)
	return o
}

// keyNames returns the names of the key attributes.
func (o Options) keyNames() []string {
	return []string{o.PartitionKey, o.SortKey, o.IndexPartitionKey, o.IndexSortKey}
}

// check returns what is wrong with the options.
func (o Options) check() error {
	seen := map[string]bool{}
	for _, name := range o.keyNames() {
		if seen[name] || isField(name) {
			return adapter.Invalid("Options", "must give each key attribute a name that no other attribute has")
		}
		seen[name] = true
	}
	if !isTable(o.Table) {
		return adapter.Invalid("Options.Table", "must be a table's name of 3 to 255 letters, digits, _, - and ., or its ARN")
	}
	if o.RequestTimeout < 0 {
		return adapter.Invalid("Options.RequestTimeout", "must not be negative")
	}
	if o.BatchesInFlight < 0 {
		return adapter.Invalid("Options.BatchesInFlight", "must not be negative")
	}
	if o.BatchSize < 0 || o.BatchSize > maxBatchSize {
		return adapter.Invalid("Options.BatchSize", "must be from 1 to 50")
	}
	return o.Schema.check()
}

// New returns an adapter on a client of the application's, such as a *dynamodb.Client; Close
// leaves the client open. Nothing is sent. The error is adapter.ErrInvalid for a client that
// is nil, for a key that has the name of another key or of a field, for a Table that is
// neither a name nor an ARN, for a negative RequestTimeout or BatchesInFlight, for a BatchSize that is
// negative or above 50, and for a Schema with units of one kind only.
func New(client Client, o Options) (adapter.Adapter, error) {
	if c, isSDK := client.(*dynamodb.Client); client == nil || isSDK && c == nil {
		return nil, adapter.Invalid("client", "must not be nil")
	}
	s, err := newStore(client, o)
	if err != nil {
		return nil, err
	}
	return driver.Guard(s, backend, s.options.Options, failure), nil
}

// store implements the contract for valid input (see driver.Guard).
type store struct {
	client  *requests
	options Options
	table   *string
	keys    map[string]bool // the names of the key attributes
	pkNames map[string]string
	close   func() // nil: the client is the application's

	lookup, eventual *lookup // consistent, and as Options.EventuallyConsistent allows
}

func newStore(client Client, o Options) (*store, error) {
	o = o.WithDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &store{
		client: &requests{client: client, options: o}, options: o, table: &o.Table,
		keys: map[string]bool{}, pkNames: map[string]string{"#pk": o.PartitionKey},
	}
	for _, name := range o.keyNames() {
		s.keys[name] = true
	}
	s.lookup, s.eventual = s.newLookup(true), s.newLookup(false)
	return s, nil
}

// Close waits for the reads that are on their way, and closes the idle connections of a client that
// was opened by URL.
func (s *store) Close() error {
	s.lookup.close()
	s.eventual.close()
	if s.close != nil {
		s.close()
	}
	s.client.connections.close()
	return nil
}

// Ping implements adapter.Pinger. It reads a key that no item has, and so needs the privilege
// dynamodb:GetItem.
func (s *store) Ping(ctx context.Context) error {
	_, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: s.table, Key: s.attributes(key{"PING", "PING"}), ConsistentRead: aws.Bool(true)})
	return err
}

// Client is what the adapter needs of a client: a *dynamodb.Client, or a wrapper of one. Only
// ApplySchema, CheckSchema, Repair and EnumerateUsers make the calls of TableClient.
type Client interface {
	// BatchGetItem: a session and its user, and what several calls read at the same time.
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	// BatchWriteItem: deletes of many sessions or tokens.
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
	// DeleteItem: a session or a token.
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	// GetItem: a user, a guard or a tombstone.
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	// PutItem: a new session or token.
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	// Query: a partition, or the index.
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	// TransactWriteItems: records with their guards.
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
	// UpdateItem: a user or a session.
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TableClient
}

// TableClient is what the adapter needs to set up the table and to read all of it.
type TableClient interface {
	// Scan: all of the table, for CheckSchema, Repair and EnumerateUsers.
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
	// CreateTable: with its index.
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	// DescribeTable: keys, index, billing and status.
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	// UpdateTable: adds the index, protects from deletion.
	UpdateTable(context.Context, *dynamodb.UpdateTableInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateTableOutput, error)
	// DescribeTimeToLive: by which attribute items expire.
	DescribeTimeToLive(context.Context, *dynamodb.DescribeTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error)
	// UpdateTimeToLive: has items expire.
	UpdateTimeToLive(context.Context, *dynamodb.UpdateTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateTimeToLiveOutput, error)
	// DescribeContinuousBackups: with SchemaOptions.PointInTimeRecovery only.
	DescribeContinuousBackups(context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error)
	// UpdateContinuousBackups: with SchemaOptions.PointInTimeRecovery only.
	UpdateContinuousBackups(context.Context, *dynamodb.UpdateContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateContinuousBackupsOutput, error)
}
