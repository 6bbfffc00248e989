package dynamodb_test

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"go.uber.org/goleak"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/engine"
)

// A store that is opened by URL works, and leaves no goroutine behind.
func TestOpenByURL(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			table := newTable()
			dropAfter(t, table)
			query := url.Values{"region": {"us-east-1"}, "endpoint": {engine.DynamoDB(t).URL}}
			before := goleak.IgnoreCurrent()
			if l.options.NoIndex {
				query.Set("no_index", "true")
			}
			a, err := adapter.Open(t.Context(), "dynamodb://"+table+"?"+query.Encode())
			check(t, err)
			check(t, applySchema(t.Context(), a))
			pinger, _ := adapter.As[adapter.Pinger](a)
			check(t, pinger.Ping(t.Context()))
			u, err := a.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
			check(t, err)
			_, err = a.GetUser(t.Context(), u.ID)
			check(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			_, _ = a.GetUser(ctx, "nobody") // may be left half way
			check(t, a.Close())
			goleak.VerifyNone(t, before)
		})
	}
}

// Opening connects to nothing: a serverless start pays for what it uses.
func TestOpenIsLazy(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	a, err := adapter.Open(t.Context(), "dynamodb://users?region=local&endpoint=http://127.0.0.1:1&eventually_consistent=true&index=byKey")
	check(t, err)
	if _, err := a.GetUser(t.Context(), "u"); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable: nothing listens there", err)
	}
	check(t, a.Close())
}

func TestOpenRefusesWhatItCannotServe(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "none")
	for url, kind := range map[string]error{
		"dynamodb://key:hunter2@users?region=local": adapter.ErrInvalid, "dynamodb://users?region=local&colour=hunter2": adapter.ErrInvalid,
		"dynamodb://users?profile=hunter2": adapter.ErrInvalid, "dynamodb://users?region=local&partition_key=email": adapter.ErrInvalid,
		"dynamodb://users": adapter.ErrSetup, // no region
	} {
		checkRefused(t, url, kind)
	}
	t.Setenv("AWS_PROFILE", "hunter2")
	checkRefused(t, "dynamodb://users?region=local", adapter.ErrSetup)
	t.Setenv("AWS_CONFIG_FILE", "dynamodb_test.go")
	checkRefused(t, "dynamodb://users?region=local", adapter.ErrSetup)
}

func checkRefused(t *testing.T, url string, kind error) {
	t.Helper()
	a, err := adapter.Open(t.Context(), url)
	if !errors.Is(err, kind) || a != nil {
		t.Errorf("%s: got %v, %v, want %v", url, a, err, kind)
	} else if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%q holds the password", err)
	}
}

// A missing table is not a missing record, and the service's error is available.
func TestAMissingTable(t *testing.T) {
	table := newTable()
	a := open(t, newClient(t), dynamodb.Options{Table: table})
	_, read := a.GetUser(t.Context(), "u")
	_, byIndex := a.GetUserByEmail(t.Context(), "ada@example.com")
	_, write := a.CreateUser(t.Context(), adapter.User{})
	for call, err := range map[string]error{"GetUser": read, "GetUserByEmail": byIndex, "CreateUser": write} {
		if !errors.Is(err, adapter.ErrSetup) || errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrUnavailable) ||
			!strings.Contains(err.Error(), table+" in the region us-east-1") || !errors.As(err, new(*types.ResourceNotFoundException)) {
			t.Errorf("%s: got %v, want that there is no table", call, err)
		}
	}
}

// Names of tables are case-sensitive, or an ARN; the names of keys can be given in the URL.
func TestTheTableThatAURLNames(t *testing.T) {
	table := "Test-" + newTable()
	o := dynamodb.Options{Table: table, PartitionKey: "key", SortKey: "range", Index: "byKey", IndexPartitionKey: "a", IndexSortKey: "b"}
	u, err := withIndex.newStore(t, o).CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	made, err := newClient(t).DescribeTable(t.Context(), &awsdynamodb.DescribeTableInput{TableName: &table})
	check(t, err)
	for _, name := range []string{table, "/" + *made.Table.TableArn} {
		a, err := adapter.Open(t.Context(), "dynamodb://"+name+"?region=local&partition_key=key&sort_key=range&index=byKey&index_partition_key=a&index_sort_key=b&endpoint="+
			url.QueryEscape(engine.DynamoDB(t).URL))
		check(t, err)
		got, err := a.GetUserByEmail(t.Context(), "ada@example.com")
		check(t, err)
		same(t, "the user", got, u)
		s, err := a.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
		check(t, err)
		_, got, err = a.GetSessionAndUser(t.Context(), s.SessionToken)
		check(t, err)
		same(t, "the session's user", got, u)
		check(t, a.DeleteSessions(t.Context(), u.ID))
		if got, _ := problems(t, a); got != "" {
			t.Errorf("%s: got the problems %q, want none", name, got)
		}
		check(t, a.Close())
	}
}

// Nothing of a deleted user comes to the next user with the ID: neither what a deletion that
// was cut after its first step left, nor what was written since.
func TestAnIDStartsWithNothing(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			var faults fault.Injector
			table := newTable()
			a := l.newStore(t, dynamodb.Options{Table: table}, steps(&faults))
			ctx, hour := t.Context(), time.Now().Add(time.Hour)
			_, err := a.CreateUser(ctx, adapter.User{ID: "u", Email: "ada@example.com"})
			check(t, err)
			var tokens []string
			session := func(token string) {
				s, err := a.CreateSession(ctx, adapter.Session{UserID: "u", SessionToken: token, Expires: hour})
				check(t, err)
				tokens = append(tokens, s.SessionToken)
			}
			const records = 60 // more than one transaction has room for
			keys := make([]adapter.AccountKey, records)
			for i := range records {
				session("")
				keys[i] = adapter.AccountKey{Provider: "github", ProviderAccountID: strings.Repeat("x", 1+i)}
				_, err := a.LinkAccount(ctx, adapter.Account{UserID: "u", Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: keys[i].ProviderAccountID})
				check(t, err)
			}
			session("elsewhere")
			faults.Arm(fault.Plan{Step: 3, Mode: fault.LoseCommand})
			if err := a.DeleteUser(ctx, "u"); !errors.Is(err, adapter.ErrUnavailable) {
				t.Fatalf("got %v from a deletion that was cut, want ErrUnavailable", err)
			}
			faults.Disarm()
			session("")
			session("later")
			_, err = a.LinkAccount(ctx, adapter.Account{UserID: "u", Type: adapter.AccountOAuth, Provider: "gitlab", ProviderAccountID: "later"})
			check(t, err)

			u, err := a.CreateUser(ctx, adapter.User{ID: "u", Email: "ada@example.com"})
			check(t, err)
			for _, token := range tokens {
				if _, _, err := a.GetSessionAndUser(ctx, token); !errors.Is(err, adapter.ErrNotFound) {
					t.Errorf("a session of the first user: got %v, want ErrNotFound", err)
				}
			}
			for _, key := range append(keys, adapter.AccountKey{Provider: "gitlab", ProviderAccountID: "later"}) {
				if _, err := a.GetUserByAccount(ctx, key); !errors.Is(err, adapter.ErrNotFound) {
					t.Errorf("an account of the first user: got %v, want ErrNotFound", err)
				}
				_, err := a.LinkAccount(ctx, adapter.Account{UserID: "u", Type: adapter.AccountOAuth, Provider: key.Provider, ProviderAccountID: key.ProviderAccountID})
				check(t, err)
			}
			check(t, a.DeleteUser(ctx, u.ID))
			left, err := dump(ctx, newClient(t), table)
			check(t, err)
			for _, it := range left {
				if !strings.Contains(it, "sk: TOMBSTONE") {
					t.Errorf("got %s left, want tombstones only", it)
				}
			}
		})
	}
}

// A record that is too large for an item is refused before the request.
func TestItemsThatAreTooLarge(t *testing.T) {
	var m meter
	a := withIndex.newStore(t, dynamodb.Options{Table: newTable()}, metered(&m))
	long := strings.Repeat("é", 32<<10)
	account := adapter.Account{
		UserID: "u", Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1", RefreshToken: long, AccessToken: long,
		TokenType: long, Scope: long, IDToken: long, SessionState: long,
	}
	large := account
	large.Attributes = adapter.Attributes{"a": long[:60<<10]}
	if _, err := a.LinkAccount(t.Context(), large); !isInvalid(err) {
		t.Errorf("got %v for an account of more than 400 KB, want ErrInvalid", err)
	}
	if m.calls != 0 {
		t.Errorf("got %d calls, want it refused before", m.calls)
	}
	_, err := a.LinkAccount(t.Context(), account)
	check(t, err) // 384 KB
	_, err = a.UpdateAccount(t.Context(), account.Key(), adapter.AccountUpdate{Attributes: large.Attributes})
	if !isInvalid(err) {
		t.Errorf("UpdateAccount: got %v, want ErrInvalid", err)
	}
	u, err := a.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	s, err := a.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	var userErr, sessionErr error
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		attributes := adapter.Attributes{name: long[:60<<10]}
		_, userErr = a.UpdateUser(t.Context(), u.ID, adapter.UserUpdate{Attributes: attributes})
		_, sessionErr = a.UpdateSession(t.Context(), s.SessionToken, adapter.SessionUpdate{Attributes: attributes})
	}
	if !isInvalid(userErr) || !isInvalid(sessionErr) {
		t.Errorf("updates beyond 400 KB: got %v and %v, want ErrInvalid", userErr, sessionErr)
	}
	if _, err := a.UpdateUser(t.Context(), u.ID, adapter.UserUpdate{Email: new("new@example.com"), Attributes: adapter.Attributes{"g": long[:60<<10]}}); !isInvalid(err) {
		t.Errorf("UpdateUser with an address: got %v, want ErrInvalid", err)
	}
}

// An update may have more attributes than fit into an update expression.
func TestManyAttributesAtOnce(t *testing.T) {
	a := withIndex.newStore(t, dynamodb.Options{Table: newTable()})
	many := adapter.Attributes{}
	for i := range 2000 {
		many["n"+strconv.Itoa(i)] = int64(i)
	}
	u, err := a.CreateUser(t.Context(), adapter.User{Attributes: adapter.Attributes{"role": "admin"}})
	check(t, err)
	u, err = a.UpdateUser(t.Context(), u.ID, adapter.UserUpdate{Attributes: many})
	check(t, err)
	s, err := a.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour), Attributes: adapter.Attributes{"role": "admin"}})
	check(t, err)
	s, err = a.UpdateSession(t.Context(), s.SessionToken, adapter.SessionUpdate{Attributes: many})
	check(t, err)
	gotSession, gotUser, err := a.GetSessionAndUser(t.Context(), s.SessionToken)
	check(t, err)
	same(t, "the session", gotSession, s)
	same(t, "the user", gotUser, u)
	if len(s.Attributes) != 1+len(many) || len(u.Attributes) != 1+len(many) {
		t.Errorf("got %d and %d attributes, want %d", len(s.Attributes), len(u.Attributes), 1+len(many))
	}
	check(t, a.DeleteSession(t.Context(), s.SessionToken))
	if _, err := a.UpdateSession(t.Context(), s.SessionToken, adapter.SessionUpdate{Attributes: many}); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("UpdateSession of nothing: got %v, want ErrNotFound", err)
	}
}

var _ dynamodb.Client = (*awsdynamodb.Client)(nil)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, o := range map[string]dynamodb.Options{
		"one name for two keys":       {PartitionKey: "GSI1PK"},
		"a key named as a field":      {SortKey: "email"},
		"a key named as an addition":  {IndexSortKey: "authstoreStamp"},
		"units for reading only":      {Schema: dynamodb.SchemaOptions{ReadUnits: 5}},
		"less than no units at all":   {Schema: dynamodb.SchemaOptions{ReadUnits: -1, WriteUnits: -1}},
		"a key named as a credential": {PartitionKey: "credentialID"},
		"a key named as a value":      {SortKey: "value"},
		"a key of an older account":   {IndexSortKey: "providerId"},
		"a key escaped as a stamp":    {PartitionKey: "Stamp"},
		"a key escaped as a mark":     {SortKey: "Time.of"},
		"a table without a name":      {Table: "a/b"},
		"less than no time":           {RequestTimeout: -time.Second},
		"less than no requests":       {BatchesInFlight: -1},
		"less than no reads":          {BatchSize: -1},
		"more keys than a request":    {BatchSize: 51},
	} {
		if a, err := dynamodb.New(newClient(t), o); !isInvalid(err) || a != nil {
			t.Errorf("%s: got %v, %v, want ErrInvalid", name, a, err)
		}
	}
	for _, client := range []dynamodb.Client{nil, (*awsdynamodb.Client)(nil)} {
		if a, err := dynamodb.New(client, dynamodb.Options{}); !isInvalid(err) || a != nil {
			t.Errorf("no client: got %v, %v, want ErrInvalid", a, err)
		}
	}
}

func isInvalid(err error) bool { return errors.Is(err, adapter.ErrInvalid) }
