package dynamodb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/measure"
)

// cost is what an operation consumes.
type cost struct {
	calls       int
	read, write float64 // capacity units
}

func (c cost) figures() []float64 { return []float64{float64(c.calls), c.read, c.write} }

// meter makes every request return what it consumed, and adds it up.
type meter struct {
	mu sync.Mutex
	cost
	transactions int
}

// add adds what a request says it consumed. DynamoDB Local 3 says 2 for every transaction
// (awslabs/amazon-dynamodb-local-samples#31), so those are counted by the rule of the service,
// two units for each item, all of which are smaller than 1 KB here. What they write to the
// index, which follows later, is counted by indexWrites.
func (m *meter) add(input, output any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	sum := func(units *float64, consumed ...types.ConsumedCapacity) {
		for _, c := range consumed {
			*units += aws.ToFloat64(c.CapacityUnits)
		}
	}
	one := func(units *float64, c *types.ConsumedCapacity) {
		if c != nil {
			sum(units, *c)
		}
	}
	switch out := output.(type) {
	case *awsdynamodb.GetItemOutput:
		one(&m.read, out.ConsumedCapacity)
	case *awsdynamodb.QueryOutput:
		one(&m.read, out.ConsumedCapacity)
	case *awsdynamodb.BatchGetItemOutput:
		sum(&m.read, out.ConsumedCapacity...)
	case *awsdynamodb.PutItemOutput:
		one(&m.write, out.ConsumedCapacity)
	case *awsdynamodb.UpdateItemOutput:
		one(&m.write, out.ConsumedCapacity)
	case *awsdynamodb.DeleteItemOutput:
		one(&m.write, out.ConsumedCapacity)
	case *awsdynamodb.BatchWriteItemOutput:
		sum(&m.write, out.ConsumedCapacity...)
	case *awsdynamodb.TransactWriteItemsOutput:
		m.write += 2 * float64(len(input.(*awsdynamodb.TransactWriteItemsInput).TransactItems))
		m.transactions++
	}
}

// ask makes a request return what it consumes.
func ask(input any) {
	const total = types.ReturnConsumedCapacityTotal
	switch in := input.(type) {
	case *awsdynamodb.GetItemInput:
		in.ReturnConsumedCapacity = total
	case *awsdynamodb.QueryInput:
		in.ReturnConsumedCapacity = total
	case *awsdynamodb.BatchGetItemInput:
		in.ReturnConsumedCapacity = total
	case *awsdynamodb.PutItemInput:
		in.ReturnConsumedCapacity = total
	case *awsdynamodb.UpdateItemInput:
		in.ReturnConsumedCapacity = total
	case *awsdynamodb.DeleteItemInput:
		in.ReturnConsumedCapacity = total
	case *awsdynamodb.BatchWriteItemInput:
		in.ReturnConsumedCapacity = total
	case *awsdynamodb.TransactWriteItemsInput:
		in.ReturnConsumedCapacity = total
	}
}

// metered measures the requests of a client.
func metered(m *meter) func(*awsdynamodb.Options) {
	measure := middleware.InitializeMiddlewareFunc("meter", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		ask(in.Parameters)
		out, metadata, err := next.HandleInitialize(ctx, in)
		m.add(in.Parameters, out.Result)
		return out, metadata, err
	})
	return func(o *awsdynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error { return s.Initialize.Add(measure, middleware.Before) })
	}
}

// costs measures every operation on a layout.
func (l layout) costs(t *testing.T) map[string]cost {
	all := map[string]cost{"GetSessionAndUser (eventually)": l.eventually(t)}
	for _, plain := range []bool{false, true} {
		var m meter
		o := l.options
		o.Table, o.PlainSessionTokens = newTable(), plain
		store := l.newStore(t, o, metered(&m))
		for _, op := range slices.Concat(measure.Operations(t, store, "ada"), moreOperations(t, store)) {
			name := op.Name
			if plain {
				if !strings.Contains(name, "Session") {
					continue
				}
				name = strings.Replace(name+" (plain)", ") (", " ", 1)
			}
			all[name] = m.measure(t, o.Table, op.Call)
		}
	}
	return all
}

// moreOperations are operations that do more than those of package measure.
func moreOperations(t *testing.T, a adapter.Adapter) []measure.Operation {
	hour := time.Now().Add(time.Hour)
	_, err := a.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: hour})
	check(t, err)
	_, err = a.CreateSession(t.Context(), adapter.Session{UserID: "u", SessionToken: "later", Expires: hour})
	check(t, err)
	return []measure.Operation{
		{Name: "CreateUser (with ID)", Call: func(ctx context.Context) error {
			_, err := a.CreateUser(ctx, adapter.User{ID: "ada", Email: "with-id@example.com"})
			return err
		}},
		{Name: "DeleteVerificationTokens", Call: func(ctx context.Context) error { return a.DeleteVerificationTokens(ctx, "ada") }},
		{Name: "UpdateSession (made elsewhere)", Call: func(ctx context.Context) error {
			_, err := a.UpdateSession(ctx, "later", adapter.SessionUpdate{Expires: new(hour.Add(time.Hour))})
			return err
		}},
	}
}

// measure returns what a call consumes.
func (m *meter) measure(t *testing.T, table string, call measure.Call) cost {
	m.cost, m.transactions = cost{}, 0
	before := entries(t, table)
	check(t, call(t.Context()))
	if m.transactions > 0 {
		m.write += indexWrites(before, entries(t, table))
	}
	return m.cost
}

// eventually measures the option EventuallyConsistent.
func (l layout) eventually(t *testing.T) cost {
	var m meter
	o := l.options
	o.Table, o.EventuallyConsistent = newTable(), true
	store := l.newStore(t, o, metered(&m))
	u, err := store.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	s, err := store.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	m.cost = cost{}
	_, _, err = store.GetSessionAndUser(t.Context(), s.SessionToken)
	check(t, err)
	return m.cost
}

// entry is an item of the index, with its content.
type entry struct{ key, content string }

// entries returns the items of the index by their keys.
func entries(t testing.TB, table string) map[string]entry {
	items, err := newClient(t).Scan(t.Context(), &awsdynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	check(t, err)
	all := map[string]entry{}
	for _, it := range items.Items {
		if it["GSI1PK"] != nil {
			all[describe(it["pk"])+" "+describe(it["sk"])] = entry{describe(it["GSI1PK"]) + " " + describe(it["GSI1SK"]), describe(&types.AttributeValueMemberM{Value: it})}
		}
	}
	return all
}

// indexWrites returns how many writes an index takes from one state to another: one for an
// entry that is new, gone or changed, two for one that has moved.
func indexWrites(before, after map[string]entry) float64 {
	writes := 0.0
	for k, old := range before {
		switch now, there := after[k]; {
		case there && now.key != old.key:
			writes += 2
		case now != old:
			writes++
		}
	}
	for k := range after {
		if _, was := before[k]; !was {
			writes++
		}
	}
	return writes
}

// newStore returns an adapter on a new table.
func (l layout) newStore(t testing.TB, o dynamodb.Options, options ...func(*awsdynamodb.Options)) adapter.Adapter {
	o.NoIndex = l.options.NoIndex
	direct := newClient(t)
	check(t, applySchema(t.Context(), open(t, direct, o)))
	t.Cleanup(func() {
		_, err := direct.DeleteTable(context.Background(), &awsdynamodb.DeleteTableInput{TableName: &o.Table})
		check(t, err)
	})
	return open(t, newClient(t, options...), o)
}

// page has the table of costs.
const page = "dynamodb.md"

// TestCosts measures every row of the page's table, through the client's middleware: calls,
// and read and write units as the service says. The figures of the Auth.js adapter are those
// that testdata/authjs measured.
func TestCosts(t *testing.T) {
	t.Parallel()
	table := measure.PageTable(t, page, "Costs")
	got := map[string][]float64{}
	for _, costs := range []map[string]cost{withoutIndex.costs(t), withIndex.costs(t), authjs(t)} {
		for name, c := range costs {
			got[name] = append(got[name], c.figures()...)
		}
	}
	for name, row := range got {
		if !slices.Equal(table[name], row) {
			t.Errorf("docs/%s has %v, and measured is\n%s", page, table[name], pageRow(name, row))
		}
		delete(table, name)
	}
	for name := range table {
		t.Errorf("%s: docs/%s has it, and nothing measures it", name, page)
	}
}

// pageRow returns a row as it stands in the page.
func pageRow(name string, row []float64) string {
	text := "| " + name + " |"
	for _, figure := range row {
		text += fmt.Sprintf(" %v |", figure)
	}
	return text
}

// authjs returns what the operations of the Auth.js adapter cost.
func authjs(t *testing.T) map[string]cost {
	recorded, err := os.ReadFile("testdata/authjs/costs.json")
	check(t, err)
	var file struct {
		Operations map[string]struct {
			Calls       int
			Read, Write float64
		}
	}
	check(t, json.Unmarshal(recorded, &file))
	all := map[string]cost{}
	for name, c := range file.Operations {
		all[name] = cost{c.Calls, c.Read, c.Write}
	}
	return all
}
