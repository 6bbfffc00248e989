package dynamodb

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
)

// backend is the name in errors.
const backend = "dynamodb"

func init() { adapter.Register("dynamodb", openURL) }

// Options configures an adapter. The zero value is the default.
type Options struct {
	adapter.Options

	// The names of the table, its keys, the index and its keys. "" is what the
	// Auth.js adapter takes: next-auth, pk, sk, GSI1, GSI1PK, GSI1SK.
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

	// Schema is how ApplySchema makes the table, and what CheckSchema wants of it.
	Schema SchemaOptions
}

// withDefaults returns the options with no name empty.
func (o Options) withDefaults() Options {
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
	return o.Schema.check()
}

// New returns an adapter on a client of the application's, such as a
// *dynamodb.Client. It panics on options that cannot work.
func New(client Client, o Options) adapter.Adapter {
	s, err := newStore(client, o)
	if err != nil {
		panic(err)
	}
	return adapter.Guard(s, backend, s.options.Options)
}

// store is the contract on a table, for valid input (see adapter.Guard).
type store struct {
	client  Client
	options Options
	table   *string
	keys    map[string]bool // the names of the key attributes
	pkNames map[string]string
	close   func() // nil: the client is the application's
}

func newStore(client Client, o Options) (*store, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &store{client: client, options: o, table: &o.Table, keys: map[string]bool{}, pkNames: map[string]string{"#pk": o.PartitionKey}}
	for _, name := range o.keyNames() {
		s.keys[name] = true
	}
	return s, nil
}

// openURL opens dynamodb://table. It reads the SDK's configuration, and connects to
// nothing.
func openURL(ctx context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
	u, err := adapter.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	options, load, err := parseURL(u, o)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, adapter.Caused(adapter.Invalid("URL", "needs a configuration of the AWS SDK that can be read"), err)
	}
	transport := ownTransport(cfg.HTTPClient)
	cfg.HTTPClient = &http.Client{Transport: transport}
	if cfg.Region == "" {
		return nil, adapter.Invalid("URL", "must have a region, or the AWS SDK's configuration must")
	}
	s, err := newStore(dynamodb.NewFromConfig(cfg), options)
	if err != nil {
		return nil, err
	}
	s.close = transport.CloseIdleConnections
	return adapter.Guard(s, backend, s.options.Options), nil
}

// ownTransport returns a transport like that of a client, which can be closed.
func ownTransport(client aws.HTTPClient) *http.Transport {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	return buildable.GetTransport()
}

// parseURL returns what a URL says: options, and where the SDK finds the service.
func parseURL(u *url.URL, o adapter.Options) (Options, []func(*config.LoadOptions) error, error) {
	options := Options{Options: o, Table: u.Host}
	if u.User != nil || u.Port() != "" || u.Path != "" && u.Path != "/" || u.Opaque != "" {
		return options, nil, adapter.Invalid("URL", "must be such as dynamodb://table?region=eu-central-1")
	}
	var load []func(*config.LoadOptions) error
	for name, values := range u.Query() {
		value, err := values[len(values)-1], error(nil)
		switch name {
		case "region":
			load = append(load, config.WithRegion(value))
		case "endpoint":
			load = append(load, config.WithBaseEndpoint(value))
		case "profile":
			load = append(load, config.WithSharedConfigProfile(value))
		case "index":
			options.Index = value
		case "no_index":
			options.NoIndex, err = strconv.ParseBool(value)
		case "eventually_consistent":
			options.EventuallyConsistent, err = strconv.ParseBool(value)
		default:
			return options, nil, adapter.Invalid("URL", "has a parameter that the package comment does not know")
		}
		if err != nil {
			return options, nil, adapter.Invalid("URL", "must have true or false as its "+name)
		}
	}
	return options, load, nil
}

// Close closes the idle connections of a client that was opened by URL.
func (s *store) Close() error {
	if s.close != nil {
		s.close()
	}
	return nil
}

// Ping implements adapter.Pinger: it reads a key that no record has.
func (s *store) Ping(ctx context.Context) error {
	_, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: s.table, Key: s.attributes(key{"PING", "PING"}), ConsistentRead: aws.Bool(true)})
	return adapter.WrapError(ctx, backend, "Ping", failure(err))
}
