package dynamodb_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/engine"
)

// recorder notes the actions of IAM that calls need.
type recorder struct {
	mu             sync.Mutex
	table, ofIndex map[string]bool
}

func newRecorder() *recorder { return &recorder{table: map[string]bool{}, ofIndex: map[string]bool{}} }

func (r *recorder) record(operation string, input any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch in := input.(type) {
	case *awsdynamodb.TransactWriteItemsInput:
		for _, i := range in.TransactItems {
			switch {
			case i.Put != nil:
				r.table["PutItem"] = true
			case i.Update != nil:
				r.table["UpdateItem"] = true
			case i.Delete != nil:
				r.table["DeleteItem"] = true
			case i.ConditionCheck != nil:
				r.table["ConditionCheckItem"] = true
			}
		}
	case *awsdynamodb.QueryInput:
		if in.IndexName != nil {
			r.ofIndex["Query"] = true
		} else {
			r.table["Query"] = true
		}
	default:
		r.table[operation] = true
	}
}

func recorded(r *recorder) func(*awsdynamodb.Options) {
	record := middleware.InitializeMiddlewareFunc("recorder", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		r.record(middleware.GetOperationName(ctx), in.Parameters)
		return next.HandleInitialize(ctx, in)
	})
	return func(o *awsdynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error { return s.Initialize.Add(record, middleware.After) })
	}
}

// The policy names the actions of the calls that the suite makes, and no other.
func TestPolicyIsTheLeast(t *testing.T) {
	const arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/next-auth"
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			h := l.harness(t)
			h.Namespace = func(ctx context.Context) (conformance.Namespace, error) {
				faults := &fault.Injector{}
				return l.namespace(ctx, engine.DynamoDB(t), faults, newClient(t, steps(faults), recorded(r)))
			}
			var tests []conformance.Test
			for _, test := range conformance.Tests() {
				// Every operation, on what is there and on what is not; the rest repeats them.
				if strings.HasPrefix(test.ID, "RTT-") || strings.HasPrefix(test.ID, "SES-") || strings.HasPrefix(test.ID, "USR-") {
					tests = append(tests, test)
				}
			}
			for _, result := range conformance.Check(t.Context(), h, tests...).Results {
				if result.Status == conformance.Failed {
					t.Errorf("%s: %s", result.ID, result.Detail)
				}
			}
			want := map[string][]string{arn: actions(r.table)}
			if !l.options.NoIndex {
				want[arn+"/index/GSI1"] = actions(r.ofIndex)
			}
			same(t, "the policy's actions", policy(t, l.options, arn, false), want)
		})
	}
}

// The part for the schema names the calls of CheckSchema and ApplySchema.
func TestPolicyForTheSchemaIsTheLeast(t *testing.T) {
	const arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/next-auth"
	r := newRecorder()
	client := newClient(t, recorded(r))
	o := dynamodb.Options{Table: newTable(), NoIndex: true}
	dropAfter(t, o.Table)
	check(t, applySchema(t.Context(), open(t, client, o)))
	o.NoIndex = false
	check(t, applySchema(t.Context(), open(t, client, o)))
	schema, _ := adapter.As[adapter.Schema](open(t, client, o))
	_, err := schema.CheckSchema(t.Context())
	check(t, err)
	both := policy(t, o, arn, true)[arn]
	data := policy(t, o, arn, false)[arn]
	got := slices.DeleteFunc(both, func(a string) bool { return slices.Contains(data, a) })
	same(t, "the actions for the schema", got, actions(r.table))

	o.Schema.PointInTimeRecovery = true
	text, err := dynamodb.Policy(o, arn, true)
	check(t, err)
	for _, action := range []string{"DescribeContinuousBackups", "UpdateContinuousBackups"} {
		if !strings.Contains(string(text), action) {
			t.Errorf("got a policy without %s, want it for point-in-time recovery", action)
		}
	}
}

// actions returns names as the policy has them.
func actions(names map[string]bool) []string {
	var all []string
	for name := range names {
		all = append(all, "dynamodb:"+name)
	}
	slices.Sort(all)
	return all
}

// policy returns the actions of a policy by resource.
func policy(t *testing.T, o dynamodb.Options, arn string, withSchema bool) map[string][]string {
	t.Helper()
	text, err := dynamodb.Policy(o, arn, withSchema)
	check(t, err)
	var document struct {
		Version   string
		Statement []struct {
			Effect, Resource string
			Action           []string
		}
	}
	decode(t, text, &document)
	if document.Version != "2012-10-17" {
		t.Errorf("got version %s, want 2012-10-17", document.Version)
	}
	all := map[string][]string{}
	for _, s := range document.Statement {
		if s.Effect != "Allow" {
			t.Errorf("got %s, want Allow", s.Effect)
		}
		all[s.Resource] = append(all[s.Resource], s.Action...)
		slices.Sort(all[s.Resource])
	}
	return all
}
