package dynamodb_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/engine"
)

func TestMain(m *testing.M) { engine.Main(m) }

// layout is one way to keep the table.
type layout struct {
	name    string
	options dynamodb.Options
}

var (
	withIndex    = layout{name: "dynamodb"}
	withoutIndex = layout{"dynamodb (no index)", dynamodb.Options{NoIndex: true}}

	layouts = []layout{withIndex, withoutIndex}
)

// budget has the operations that cost more than the contract's table says, because
// DynamoDB reaches items by their keys only: docs/adr/0008.
var budget = map[string]int{
	"GetUserByEmail": 2, "GetUserByAccount": 2,
	"UpdateAccount": 2, "UnlinkAccount": 2,
	"UpdateAuthenticatorCounter": 2, "DeleteAuthenticator": 2, "DeleteVerificationTokens": 2,
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var tables atomic.Int64

// newTable returns the name of a table that no other test uses.
func newTable() string { return fmt.Sprintf("test-%d-%d", os.Getpid(), tables.Add(1)) }

var credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
})

// newClient returns a client of the server, with changes to its options.
func newClient(t testing.TB, options ...func(*awsdynamodb.Options)) *awsdynamodb.Client {
	return awsdynamodb.New(awsdynamodb.Options{
		Region: "local", Credentials: credentials, BaseEndpoint: aws.String(engine.DynamoDB(t).URL), HTTPClient: sharedHTTP,
	}, options...)
}

// sharedHTTP keeps connections for as many callers as race.
var sharedHTTP = awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
	tr.MaxIdleConnsPerHost = 128
})

// harness runs the suite on a layout, in a table of its own for each test.
func (l layout) harness(t testing.TB) conformance.Harness {
	return conformance.Harness{
		Backend: l.name,
		Engine:  "DynamoDB Local " + engine.DynamoDB(t).Version,
		Budget:  budget,
		LeftOut: map[conformance.Feature]string{
			conformance.Purge: "DynamoDB removes what has expired by itself",
		},
		Namespace: func(ctx context.Context) (conformance.Namespace, error) {
			faults := &fault.Injector{}
			return l.namespace(ctx, t, faults, newClient(t, steps(faults)))
		},
	}
}

// namespace returns a new table.
func (l layout) namespace(ctx context.Context, t testing.TB, faults *fault.Injector, client dynamodb.Client) (conformance.Namespace, error) {
	o, direct := l.options, newClient(t)
	o.Table = newTable()
	if err := applySchema(ctx, dynamodb.New(direct, o)); err != nil {
		return conformance.Namespace{}, err
	}
	return conformance.Namespace{
		Open: func(options adapter.Options) (adapter.Adapter, error) {
			o := o
			o.Options = options
			return dynamodb.New(client, o), nil
		},
		Dump:       func(ctx context.Context) ([]string, error) { return dump(ctx, direct, o.Table) },
		Faults:     faults,
		RoundTrips: faults.Count,
		Close: func() error {
			_, err := direct.DeleteTable(context.WithoutCancel(ctx), &awsdynamodb.DeleteTableInput{TableName: &o.Table})
			return err
		},
	}, nil
}

func applySchema(ctx context.Context, a adapter.Adapter) error {
	schema, _ := adapter.As[adapter.Schema](a)
	return schema.ApplySchema(ctx)
}

// steps lets every call be a step of an injector, above the SDK's own retries.
func steps(faults *fault.Injector) func(*awsdynamodb.Options) {
	step := middleware.InitializeMiddlewareFunc("steps", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		var out middleware.InitializeOutput
		var metadata middleware.Metadata
		var answer error
		injected := faults.Step(ctx, func() error {
			out, metadata, answer = next.HandleInitialize(ctx, in)
			return nil
		})
		if injected != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, injected
		}
		return out, metadata, answer
	})
	return func(o *awsdynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error { return s.Initialize.Add(step, middleware.Before) })
	}
}

// dump returns every item of a table as text. It scans, as nothing else does.
func dump(ctx context.Context, client *awsdynamodb.Client, table string) ([]string, error) {
	var all []string
	pages := awsdynamodb.NewScanPaginator(client, &awsdynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, it := range page.Items {
			all = append(all, describe(&types.AttributeValueMemberM{Value: it}))
		}
	}
	return all, nil
}

// describe returns a value as text.
func describe(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprint(v.Value)
	case *types.AttributeValueMemberL:
		var all []string
		for _, e := range v.Value {
			all = append(all, describe(e))
		}
		return "[" + strings.Join(all, ", ") + "]"
	case *types.AttributeValueMemberM:
		var all []string
		for name, e := range v.Value {
			all = append(all, name+": "+describe(e))
		}
		slices.Sort(all)
		return "{" + strings.Join(all, ", ") + "}"
	}
	return fmt.Sprintf("%T", v)
}
