package dynamodb_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/dynamodb"
	_ "github.com/authstore/authstore/dynamodb/open"
	"github.com/authstore/authstore/internal/engine"
)

// TestMain sets the credentials of stores that are opened by URL.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_EC2_METADATA_DISABLED": "true"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	engine.Main(m)
}

// layout is a kind of table.
type layout struct {
	name    string
	options dynamodb.Options
}

var (
	withIndex    = layout{name: "dynamodb"}
	withoutIndex = layout{"dynamodb (no index)", dynamodb.Options{NoIndex: true}}

	layouts = []layout{withIndex, withoutIndex}
)

// budget has the operations that cost more than the contract's table says, since DynamoDB finds
// items only by their keys: docs/adr/0008.
var budget = map[string]int{
	"GetUserByEmail": 2, "GetUserByAccount": 2, "GetAccount": 2, "GetAuthenticator": 2,
	"UpdateAccount": 2, "UnlinkAccount": 2,
	"UpdateAuthenticatorCounter": 2, "UpdateAuthenticator": 2, "DeleteAuthenticator": 2, "DeleteVerificationTokens": 2,
}

func check(t testing.TB, err error) {
	t.Helper()
	var op *smithy.OperationError // the adapter's own errors keep back what the service said
	switch {
	case errors.As(err, &op):
		t.Fatalf("%v, from %v", err, op)
	case err != nil:
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
	return clientOn(engine.DynamoDB(t), options...)
}

func clientOn(server engine.Server, options ...func(*awsdynamodb.Options)) *awsdynamodb.Client {
	return awsdynamodb.New(awsdynamodb.Options{
		Region: "us-east-1", Credentials: credentials, BaseEndpoint: aws.String(server.URL), HTTPClient: sharedHTTP,
	}, options...)
}

// sharedHTTP keeps connections for as many callers as race.
var sharedHTTP = awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
	tr.MaxIdleConnsPerHost = 128
})

// killing is locked by a test that kills the server, which the tests of all layouts share.
var killing sync.Mutex

// harness runs the suite on a layout, in a table of its own for each test.
func (l layout) harness(t testing.TB) conformance.Harness {
	leftOut := map[conformance.Feature]string{
		conformance.Purge:   "DynamoDB removes what has expired by itself",
		conformance.Foreign: "an item without its keys is none, and IDs are text",
	}
	if l.options.NoIndex {
		leftOut[conformance.Foreign] = "without the index nothing finds what has no guard"
	}
	return conformance.Harness{
		ShowCauses: true,
		Backend:    l.name,
		Engine:     "DynamoDB Local " + engine.DynamoDB(t).Version,
		Budget:     budget,
		MaxRecord:  400 << 10,
		LeftOut:    leftOut,
		Namespace: func(ctx context.Context) (conformance.Namespace, error) {
			faults := &fault.Injector{}
			if !conformance.Needs(ctx, conformance.Restart) {
				return l.namespace(ctx, engine.DynamoDB(t), faults, newClient(t, steps(faults)))
			}
			durable := engine.DynamoDBDurable(t)
			killing.Lock()
			n, err := l.namespace(ctx, durable, faults, clientOn(durable, steps(faults)))
			if err != nil {
				killing.Unlock()
				return n, err
			}
			remove := n.Close
			n.Close = func() error {
				defer killing.Unlock()
				return remove()
			}
			n.Restart = func(ctx context.Context) error { return durable.Restart(ctx, t) }
			return n, err
		},
	}
}

// namespace returns a new table.
func (l layout) namespace(ctx context.Context, server engine.Server, faults *fault.Injector, client dynamodb.Client) (conformance.Namespace, error) {
	o, direct := l.options, clientOn(server)
	o.Table = newTable()
	a, err := dynamodb.New(direct, o)
	if err == nil {
		err = applySchema(ctx, a)
	}
	if err != nil {
		return conformance.Namespace{}, err
	}
	n := conformance.Namespace{
		Open: func(options adapter.Options) (adapter.Adapter, error) {
			o := o
			o.Options = options
			return dynamodb.New(client, o)
		},
		Dump:       func(ctx context.Context) ([]string, error) { return dump(ctx, direct, o.Table) },
		Faults:     faults,
		RoundTrips: faults.Count,
		URL:        l.url(server, o.Table),
		Close: func() error {
			_, err := direct.DeleteTable(context.WithoutCancel(ctx), &awsdynamodb.DeleteTableInput{TableName: &o.Table})
			return err
		},
	}
	if !o.NoIndex {
		n.Foreign = foreign{direct, &o.Table}.writer()
	}
	return n, nil
}

// url opens a table.
func (l layout) url(server engine.Server, table string) string {
	query := url.Values{"region": {"us-east-1"}, "endpoint": {server.URL}, "no_index": {strconv.FormatBool(l.options.NoIndex)}}
	return "dynamodb://" + table + "?" + query.Encode()
}

// open returns an adapter on a client.
func open(t testing.TB, client dynamodb.Client, o dynamodb.Options) adapter.Adapter {
	t.Helper()
	a, err := dynamodb.New(client, o)
	check(t, err)
	return a
}

func applySchema(ctx context.Context, a adapter.Adapter) error {
	schema, _ := adapter.As[adapter.Schema](a)
	return schema.ApplySchema(ctx)
}

// steps makes every request a step of an injector, above the SDK's own retries.
func steps(faults *fault.Injector) func(*awsdynamodb.Options) {
	step := middleware.InitializeMiddlewareFunc("steps", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		var out middleware.InitializeOutput
		var metadata middleware.Metadata
		var answer error
		injected := faults.Step(ctx, func(ctx context.Context) error {
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

// foreign is another program on a table: it writes as the Auth.js adapter does.
type foreign struct {
	client *awsdynamodb.Client
	table  *string
}

func (f foreign) writer() *conformance.ForeignWriter {
	return &conformance.ForeignWriter{Put: f.put, Has: f.has}
}

// put writes a record. That adapter has no authenticators: an application that stores some in
// this layout must write their guards as well, or nothing finds them.
func (f foreign) put(ctx context.Context, r conformance.ForeignRecord) error {
	it, err := foreignItem(r)
	if err != nil {
		return err
	}
	if r.Kind == "Authenticator" {
		guard := item{"pk": describe(it["sk"]), "sk": "GUARD", "userId": r.Members["userId"], "authstoreStamp": "foreign"}
		if _, err := f.client.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: f.table, Item: guard.attributes()}); err != nil {
			return err
		}
	}
	_, err = f.client.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: f.table, Item: it})
	return err
}

func (f foreign) has(ctx context.Context, r conformance.ForeignRecord) (bool, error) {
	it, err := foreignItem(r)
	if err != nil {
		return false, err
	}
	out, err := f.client.GetItem(ctx, &awsdynamodb.GetItemInput{
		TableName: f.table, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{"pk": it["pk"], "sk": it["sk"]},
	})
	return err == nil && len(out.Item) > 0, err
}

// foreignItem returns a record as an item. A record without a value for its key has none in
// this layout.
func foreignItem(r conformance.ForeignRecord) (map[string]types.AttributeValue, error) {
	part := func(name string) string {
		switch v := r.Members[name].(type) {
		case string, bool, int64:
			return fmt.Sprint(v)
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return ""
	}
	var keys, need []string // pk, sk, GSI1PK, GSI1SK
	var kind any
	switch r.Kind {
	case "User":
		kind, need, keys = "USER", []string{"id"}, []string{"USER#" + part("id"), "USER#" + part("id")}
		if email := part("email"); email != "" {
			keys = append(keys, "USER#"+email, "USER#"+email)
		}
	case "Account":
		provider := cmp.Or(part("provider"), part("providerId"))
		need = []string{"userId", "providerAccountId"}
		keys = []string{"USER#" + part("userId"), "ACCOUNT#" + provider + "#" + part("providerAccountId"), "ACCOUNT#" + provider, "ACCOUNT#" + part("providerAccountId")}
	case "Session":
		token := "SESSION#" + part("sessionToken")
		kind, need, keys = "SESSION", []string{"userId", "sessionToken"}, []string{"USER#" + part("userId"), token, token, token}
	case "VerificationToken":
		kind, need, keys = "VT", []string{"identifier", "token"}, []string{"VT#" + part("identifier"), "VT#" + part("token")}
	case "Authenticator":
		need, keys = []string{"userId", "credentialID"}, []string{"USER#" + part("userId"), "AUTHENTICATOR#" + part("credentialID")}
	}
	for _, name := range need {
		if part(name) == "" {
			return nil, errors.ErrUnsupported
		}
	}
	it := map[string]types.AttributeValue{}
	if kind != nil {
		it["type"] = &types.AttributeValueMemberS{Value: fmt.Sprint(kind)}
	}
	for name, v := range r.Members {
		stored, err := foreignValue(v)
		if err != nil {
			return nil, err
		}
		if at, ok := v.(time.Time); ok && name == "expires" {
			stored = &types.AttributeValueMemberN{Value: strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', -1, 64)}
		}
		it[name] = stored
	}
	for i, name := range []string{"pk", "sk", "GSI1PK", "GSI1SK"}[:len(keys)] {
		it[name] = &types.AttributeValueMemberS{Value: keys[i]}
	}
	return it, nil
}

// foreignValue returns a value as the Auth.js adapter stores it, except for dates of expiry.
// DynamoDB has no NaN.
func foreignValue(v any) (types.AttributeValue, error) {
	switch v := v.(type) {
	case string:
		return &types.AttributeValueMemberS{Value: v}, nil
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}, nil
	case int64:
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.ErrUnsupported
		}
		return &types.AttributeValueMemberN{Value: strconv.FormatFloat(v, 'g', -1, 64)}, nil
	case time.Time:
		return &types.AttributeValueMemberS{Value: v.UTC().Format("2006-01-02T15:04:05.000Z")}, nil
	case []any:
		list := &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
		for _, e := range v {
			stored, err := foreignValue(e)
			if err != nil {
				return nil, err
			}
			list.Value = append(list.Value, stored)
		}
		return list, nil
	case map[string]any:
		object := &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}
		for name, e := range v {
			stored, err := foreignValue(e)
			if err != nil {
				return nil, err
			}
			object.Value[name] = stored
		}
		return object, nil
	case nil:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	}
	return nil, errors.ErrUnsupported
}

// dump returns every item of a table as text.
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

// item is an item of another program: strings, numbers, booleans and nil.
type item map[string]any

func (i item) attributes() map[string]types.AttributeValue {
	all := map[string]types.AttributeValue{}
	for name, v := range i {
		switch v := v.(type) {
		case string:
			all[name] = &types.AttributeValueMemberS{Value: v}
		case int, float64:
			all[name] = &types.AttributeValueMemberN{Value: fmt.Sprint(v)}
		case bool:
			all[name] = &types.AttributeValueMemberBOOL{Value: v}
		case nil:
			all[name] = &types.AttributeValueMemberNULL{Value: true}
		}
	}
	return all
}

// shared is a table to which other programs write as well.
type shared struct {
	adapter.Adapter
	t      *testing.T
	client *awsdynamodb.Client
	table  string
}

func newShared(t *testing.T, options ...func(*dynamodb.Options)) shared {
	o := dynamodb.Options{Table: newTable()}
	o.PlainSessionTokens = true
	for _, change := range options {
		change(&o)
	}
	return shared{withIndex.newStore(t, o), t, newClient(t), o.Table}
}

// put writes an item as it is.
func (s shared) put(i item) {
	s.t.Helper()
	_, err := s.client.PutItem(s.t.Context(), &awsdynamodb.PutItemInput{TableName: &s.table, Item: i.attributes()})
	check(s.t, err)
}

// remove deletes an item, as the Auth.js adapter does: by its key, without a guard.
func (s shared) remove(pk, sk string) {
	s.t.Helper()
	_, err := s.client.DeleteItem(s.t.Context(), &awsdynamodb.DeleteItemInput{TableName: &s.table, Key: item{"pk": pk, "sk": sk}.attributes()})
	check(s.t, err)
}

func (s shared) dump() []string {
	s.t.Helper()
	all, err := dump(s.t.Context(), s.client, s.table)
	check(s.t, err)
	return all
}

func errOf[T any](_ T, err error) error { return err }
