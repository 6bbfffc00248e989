package dynamodb

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/dynamodb/internal/awsconfig"
)

// backend is the name in errors.
const backend = "dynamodb"

func init() { driver.Register("dynamodb", openURL) }

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// The names of the table, its keys, the index and its keys. "" is what the
	// Auth.js adapter takes: next-auth, pk, sk, GSI1, GSI1PK, GSI1SK. The table may be
	// given by its ARN, as one of another account must be.
	Table             string
	PartitionKey      string
	SortKey           string
	Index             string
	IndexPartitionKey string
	IndexSortKey      string

	// NoIndex leaves out the index, which only the Auth.js adapter needs, and its
	// keys: what was in the index costs half to write, and no partition of it holds
	// every account of one provider.
	NoIndex bool

	// EventuallyConsistent lets GetSessionAndUser read what was true a moment ago,
	// for half the read units. A session may then open for a moment after it was
	// ended, which the contract does not allow. All other reads stay consistent.
	EventuallyConsistent bool

	// RequestTimeout is how long a request takes at most; without an answer by then the
	// call is adapter.ErrUnavailable. 0: as long as the context of the call has a deadline
	// for, or 10 seconds if it has none.
	RequestTimeout time.Duration

	// Schema is how ApplySchema makes the table, and what CheckSchema wants of it.
	Schema SchemaOptions
}

// WithDefaults returns the options with no name empty.
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
	return o
}

// keyNames returns the names of the attributes that are keys.
func (o Options) keyNames() []string {
	return []string{o.PartitionKey, o.SortKey, o.IndexPartitionKey, o.IndexSortKey}
}

// check returns what is wrong with the options: two keys of one name, or a key that
// has the name of something else.
func (o Options) check() error {
	seen := map[string]bool{}
	for _, name := range o.keyNames() {
		if seen[name] || isField(name) {
			return adapter.Invalid("Options", "must name each key attribute unlike any other attribute")
		}
		seen[name] = true
	}
	if !isTable(o.Table) {
		return adapter.Invalid("Options.Table", "must be a table's name of 3 to 255 letters, digits, _, - and ., or its ARN")
	}
	if o.RequestTimeout < 0 {
		return adapter.Invalid("Options.RequestTimeout", "must not be negative")
	}
	return o.Schema.check()
}

// New returns an adapter on a client of the application's, such as a
// *dynamodb.Client. It panics on options that cannot work.
func New(client Client, o Options) adapter.Adapter {
	s, err := newStore(client, o)
	if err != nil {
		panic(err)
	}
	return driver.Guard(s, backend, s.options.Options, failure)
}

// store is the contract on a table, for valid input (see driver.Guard).
type store struct {
	client  Client // requests
	options Options
	table   *string
	keys    map[string]bool // the names of the key attributes
	pkNames map[string]string
	close   func() // nil: the client is the application's

	requests *requests
}

func newStore(client Client, o Options) (*store, error) {
	o = o.WithDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &requests{client: client, options: o}
	s := &store{client: r, requests: r, options: o, table: &o.Table, keys: map[string]bool{}, pkNames: map[string]string{"#pk": o.PartitionKey}}
	for _, name := range o.keyNames() {
		s.keys[name] = true
	}
	return s, nil
}

// openURL opens dynamodb://table. It reads the SDK's configuration, and connects to
// nothing.
func openURL(ctx context.Context, raw string, o adapter.Options) (adapter.Adapter, error) {
	l, err := parseURL(raw, o)
	if err != nil {
		return nil, err
	}
	if awsconfig.Load == nil {
		return nil, errNoOpener
	}
	cfg, err := awsconfig.Load(ctx, l.region, l.profile)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, errNoRegion
	}
	client := clientOf(cfg.HTTPClient)
	cfg.HTTPClient = client
	s, err := newStore(dynamodb.NewFromConfig(cfg, l.client), l.options)
	if err != nil {
		return nil, err
	}
	s.close = client.CloseIdleConnections
	return driver.Guard(s, backend, s.options.Options, failure), nil
}

// errNoOpener is a program that has no loader of the SDK's configuration.
var errNoOpener = invalidURL(`needs a package that opens it: import _ "github.com/authstore/authstore/dynamodb/open"`)

// errNoRegion is a client that does not know where the table is.
var errNoRegion = adapter.Setup("no region is set", "name the table's region by region=… in the URL, AWS_REGION, or the AWS SDK's configuration")

// Close closes the idle connections of a client that was opened by URL.
func (s *store) Close() error {
	if s.close != nil {
		s.close()
	}
	s.requests.connections.close()
	return nil
}

// Ping implements adapter.Pinger: it reads a key that no record has, for which it must be
// allowed what GetUser must.
func (s *store) Ping(ctx context.Context) error {
	_, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: s.table, Key: s.attributes(key{"PING", "PING"}), ConsistentRead: aws.Bool(true)})
	return err
}
