package dynamodb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
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
)

// cost is what an operation takes of the service.
type cost struct {
	calls       int
	read, write float64 // capacity units
}

func (c cost) String() string { return fmt.Sprintf("%d %g/%g", c.calls, c.read, c.write) }

// meter has every call say what it consumed, and adds it up.
type meter struct {
	mu sync.Mutex
	cost
	transactions int
}

// add adds what a call says, as its kind of units. DynamoDB Local 3 says 2 for every
// transaction (awslabs/amazon-dynamodb-local-samples#31), so those are counted by the
// service's rule, two units for each item, all of which are smaller than 1 KB here. What
// they write to the index, which follows later, is counted by indexWrites.
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

// ask has a call return what it consumes.
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

// metered has a client's calls measured.
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
	var m meter
	all := map[string]cost{"GetSessionAndUser (eventually consistent)": l.eventually(t)}
	for _, plain := range []bool{false, true} {
		o := l.options
		o.Table, o.PlainSessionTokens = newTable(), plain
		store := l.newStore(t, o, metered(&m))
		for _, op := range operations(t, store, "ada") {
			name := op.name
			if plain {
				if !strings.Contains(name, "Session") {
					continue
				}
				name = strings.Replace(name+" (plain)", ") (", ", ", 1)
			}
			m.cost, m.transactions = cost{}, 0
			before := entries(t, o.Table)
			check(t, op.call(t.Context()))
			if m.transactions > 0 {
				m.write += indexWrites(before, entries(t, o.Table))
			}
			all[name] = m.cost
		}
	}
	return all
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

// entry is an item in the index, with all that is in it.
type entry struct{ key, content string }

// entries returns what is in the index, by the items' keys.
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

// indexWrites returns how many writes an index takes to come from one state to another:
// one for an entry that is new, gone or changed, two for one that has moved.
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
	check(t, applySchema(t.Context(), dynamodb.New(direct, o)))
	t.Cleanup(func() {
		_, err := direct.DeleteTable(context.Background(), &awsdynamodb.DeleteTableInput{TableName: &o.Table})
		check(t, err)
	})
	return dynamodb.New(newClient(t, options...), o)
}

// TestCosts measures every row of the package comment's table, through the client's
// middleware: calls, and capacity units as the service says. The figures of the Auth.js
// adapter are those that testdata/authjs measured.
func TestCosts(t *testing.T) {
	table := documented(t)
	got := map[string][3]string{}
	for i, l := range []layout{withoutIndex, withIndex} {
		for name, c := range l.costs(t) {
			row := got[name]
			row[i] = c.String()
			got[name] = row
		}
	}
	for name, theirs := range authjs(t) {
		row := got[name]
		row[2] = theirs.String()
		got[name] = row
	}
	for name, row := range got {
		if table[name] != row {
			t.Errorf("measured, and not what doc.go says:\n//\t%s\ndoc.go: %q", format(name, row), table[name])
		}
		delete(table, name)
	}
	for name := range table {
		t.Errorf("%s: doc.go has it, and nothing measures it", name)
	}
}

func format(name string, row [3]string) string {
	return strings.TrimRight(fmt.Sprintf("%-42s %-12s %-12s %s", name, row[0], row[1], row[2]), " ")
}

// documented returns the table of the package comment.
func documented(t *testing.T) map[string][3]string {
	source, err := os.ReadFile("doc.go")
	check(t, err)
	_, text, _ := strings.Cut(string(source), "# Costs")
	text, _, _ = strings.Cut(text, "\n// # ")
	table := map[string][3]string{}
	const figure = `\d+ [\d.]+/[\d.]+`
	for _, row := range regexp.MustCompile(`(?m)^//\t(\w+(?: \([\w ,-]+\))?) +(`+figure+`) +(`+figure+`)(?: +(`+figure+`))?$`).FindAllStringSubmatch(text, -1) {
		table[row[1]] = [3]string{row[2], row[3], row[4]}
	}
	if len(table) == 0 {
		t.Error("doc.go has no table of costs")
	}
	return table
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

type operation struct {
	name string
	call func(context.Context) error
}

// operations returns one call of every operation, in an order in which each finds its
// records.
func operations(t *testing.T, a adapter.Adapter, name string) []operation {
	hour := time.Now().Add(time.Hour)
	email := name + "@example.com"
	u, err := a.CreateUser(t.Context(), adapter.User{Email: "owner-" + email})
	check(t, err)
	account := adapter.Account{UserID: u.ID, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: name}
	signUp := adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "up-" + name}
	passkey := adapter.Authenticator{CredentialID: name, UserID: u.ID, CredentialPublicKey: "key"}
	generated, err := a.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: hour})
	check(t, err)
	byID, err := a.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: hour})
	check(t, err)
	elsewhere := "elsewhere-" + name
	link := adapter.VerificationToken{Identifier: email, Token: name, Expires: hour}
	_, err = a.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "owner-" + email, Token: name, Expires: hour})
	check(t, err)
	return []operation{
		{"CreateUser", func(ctx context.Context) error { _, err := a.CreateUser(ctx, adapter.User{Email: email}); return err }},
		{"CreateUserWithAccount", func(ctx context.Context) error {
			_, _, err := a.CreateUserWithAccount(ctx, adapter.User{Email: "up-" + email}, signUp)
			return err
		}},
		{"GetUser", func(ctx context.Context) error { _, err := a.GetUser(ctx, u.ID); return err }},
		{"GetUserByEmail", func(ctx context.Context) error { _, err := a.GetUserByEmail(ctx, email); return err }},
		{"GetUserByAccount", func(ctx context.Context) error { _, err := a.GetUserByAccount(ctx, signUp.Key()); return err }},
		{"UpdateUser", func(ctx context.Context) error {
			_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Name: &name})
			return err
		}},
		{"UpdateUser (e-mail)", func(ctx context.Context) error {
			_, err := a.UpdateUser(ctx, u.ID, adapter.UserUpdate{Email: new("new-" + email)})
			return err
		}},
		{"LinkAccount", func(ctx context.Context) error { _, err := a.LinkAccount(ctx, account); return err }},
		{"GetAccount", func(ctx context.Context) error { _, err := a.GetAccount(ctx, account.Key()); return err }},
		{"ListAccounts", func(ctx context.Context) error { _, err := a.ListAccounts(ctx, u.ID); return err }},
		{"UpdateAccount", func(ctx context.Context) error {
			_, err := a.UpdateAccount(ctx, account.Key(), adapter.AccountUpdate{Scope: &name})
			return err
		}},
		{"UnlinkAccount", func(ctx context.Context) error { return a.UnlinkAccount(ctx, account.Key()) }},
		{"CreateSession", func(ctx context.Context) error {
			_, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: hour})
			return err
		}},
		{"CreateSession (made elsewhere)", func(ctx context.Context) error {
			_, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, SessionToken: elsewhere, Expires: hour})
			return err
		}},
		{"GetSessionAndUser", func(ctx context.Context) error {
			_, _, err := a.GetSessionAndUser(ctx, generated.SessionToken)
			return err
		}},
		{"GetSessionAndUser (made elsewhere)", func(ctx context.Context) error {
			_, _, err := a.GetSessionAndUser(ctx, elsewhere)
			return err
		}},
		{"UpdateSession", func(ctx context.Context) error {
			_, err := a.UpdateSession(ctx, generated.SessionToken, adapter.SessionUpdate{Expires: &hour})
			return err
		}},
		{"UpdateSession (made elsewhere)", func(ctx context.Context) error {
			_, err := a.UpdateSession(ctx, elsewhere, adapter.SessionUpdate{Expires: new(hour.Add(time.Hour))})
			return err
		}},
		{"ListSessions", func(ctx context.Context) error { _, err := a.ListSessions(ctx, u.ID); return err }},
		{"DeleteSession", func(ctx context.Context) error { return a.DeleteSession(ctx, generated.SessionToken) }},
		{"DeleteSession (made elsewhere)", func(ctx context.Context) error { return a.DeleteSession(ctx, elsewhere) }},
		{"DeleteSessionByID", func(ctx context.Context) error { return a.DeleteSessionByID(ctx, u.ID, byID.ID) }},
		{"DeleteSessions", func(ctx context.Context) error { return a.DeleteSessions(ctx, u.ID) }},
		{"CreateVerificationToken", func(ctx context.Context) error { _, err := a.CreateVerificationToken(ctx, link); return err }},
		{"UseVerificationToken", func(ctx context.Context) error {
			_, err := a.UseVerificationToken(ctx, link.Identifier, link.Token)
			return err
		}},
		{"DeleteVerificationTokens", func(ctx context.Context) error { return a.DeleteVerificationTokens(ctx, "owner-"+link.Identifier) }},
		{"CreateAuthenticator", func(ctx context.Context) error { _, err := a.CreateAuthenticator(ctx, passkey); return err }},
		{"GetAuthenticator", func(ctx context.Context) error { _, err := a.GetAuthenticator(ctx, name); return err }},
		{"ListAuthenticators", func(ctx context.Context) error { _, err := a.ListAuthenticators(ctx, u.ID); return err }},
		{"UpdateAuthenticatorCounter", func(ctx context.Context) error {
			_, err := a.UpdateAuthenticatorCounter(ctx, name, 1)
			return err
		}},
		{"DeleteAuthenticator", func(ctx context.Context) error { return a.DeleteAuthenticator(ctx, name) }},
		{"DeleteUser", func(ctx context.Context) error { return a.DeleteUser(ctx, u.ID) }},
	}
}
