package dynamodb_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// BenchmarkRaw measures every operation beside the bare SDK doing the least that could
// work for it, on the same table, the two in turns: the median of a call made alone,
// its allocations, and the calls a second of 16 goroutines. Run it with -benchtime=1x.
func BenchmarkRaw(b *testing.B) {
	for _, row := range pairs {
		b.Run(row.name, func(b *testing.B) {
			e := newPair(b)
			ours, raw := row.ours(e), row.raw(e)
			for b.Loop() {
				e.compare(b, ours, raw)
			}
		})
	}
}

// pair is a store with one user, and the same records for bare calls.
type pair struct {
	client  *awsdynamodb.Client
	table   string
	store   adapter.Adapter
	user    adapter.User
	account adapter.Account
	session adapter.Session
	passkey adapter.Authenticator
	expires time.Time
	count   atomic.Int64
	spare   sync.Pool // accounts to update, so that no two calls race for one
}

func newPair(b *testing.B) *pair {
	e := &pair{client: newClient(b), table: newTable(), expires: time.Now().Add(24 * time.Hour)}
	withoutIndex.newStore(b, dynamodb.Options{Table: e.table})
	e.store = dynamodb.New(e.client, dynamodb.Options{Table: e.table, NoIndex: true})
	ctx := b.Context()
	var err error
	e.user, e.account, err = e.store.CreateUserWithAccount(ctx, typicalUser("ada"), typicalAccount("1"))
	check(b, err)
	e.session, err = e.store.CreateSession(ctx, adapter.Session{UserID: e.user.ID, Expires: e.expires})
	check(b, err)
	e.passkey, err = e.store.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: "c", UserID: e.user.ID, CredentialPublicKey: "key"})
	check(b, err)
	return e
}

func typicalUser(name string) adapter.User {
	return adapter.User{Name: "Ada Lovelace", Email: name + "@example.com", EmailVerified: time.Now(), Image: "https://example.com/avatars/ada.png"}
}

func typicalAccount(id string) adapter.Account {
	return adapter.Account{
		Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: id, TokenType: "bearer", Scope: "read:user,user:email",
		AccessToken: "gho_16C7e42F292c6912E7710c838347Ae178B4a",
	}
}

func (e *pair) name() string { return "n" + strconv.FormatInt(e.count.Add(1), 10) }

const (
	rounds      = 16
	serialTime  = 150 * time.Millisecond
	loadTime    = 100 * time.Millisecond
	concurrency = 16
)

// compare measures both sides in turns and reports the figures and their ratios.
func (e *pair) compare(b *testing.B, ours, raw call) {
	sides := [2]side{{call: ours}, {call: raw}}
	for round := range rounds {
		for end := time.Now().Add(serialTime); time.Now().Before(end); {
			sides[0].once(b)
			sides[1].once(b)
		}
		for i := range sides { // neither always comes first
			sides[(i+round)%2].load(b)
		}
	}
	our, bare := &sides[0], &sides[1]
	ourAllocs, bareAllocs := our.allocs(b), bare.allocs(b)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(our.p50(), "p50-µs")
	b.ReportMetric(bare.p50(), "raw-p50-µs")
	b.ReportMetric(our.perSecond(), "calls/s")
	b.ReportMetric(bare.perSecond(), "raw-calls/s")
	b.ReportMetric(ourAllocs, "allocs")
	b.ReportMetric(bareAllocs, "raw-allocs")
	b.ReportMetric(our.perSecond()/bare.perSecond(), "throughput-ratio")
	b.ReportMetric(bare.p50()/our.p50(), "p50-ratio")
	b.ReportMetric(ourAllocs/bareAllocs, "allocs-ratio")
}

// side is a call and what was measured of it.
type side struct {
	call  call
	took  []time.Duration // each call made alone
	calls atomic.Int64    // by many at once
}

// once makes one call alone.
func (s *side) once(b *testing.B) {
	start := time.Now()
	check(b, s.call(b.Context()))
	s.took = append(s.took, time.Since(start))
}

// p50 is the median of the calls made alone, in microseconds.
func (s *side) p50() float64 {
	slices.Sort(s.took)
	return float64(s.took[len(s.took)/2].Nanoseconds()) / 1000
}

// perSecond is how many calls many make.
func (s *side) perSecond() float64 { return float64(s.calls.Load()) / (rounds * loadTime.Seconds()) }

// allocs is how many allocations a call makes.
func (s *side) allocs(b *testing.B) float64 {
	return testing.AllocsPerRun(20, func() { check(b, s.call(b.Context())) })
}

// load makes calls in many goroutines.
func (s *side) load(b *testing.B) {
	var running sync.WaitGroup
	end := time.Now().Add(loadTime)
	for range concurrency {
		running.Go(func() {
			for time.Now().Before(end) {
				if err := s.call(b.Context()); err != nil {
					b.Error(err)
					return
				}
				s.calls.Add(1)
			}
		})
	}
	running.Wait()
}

type call = func(context.Context) error

// spareAccount returns an account that no other call has, until it is put back.
func (e *pair) spareAccount(ctx context.Context) (adapter.Account, error) {
	if a, ok := e.spare.Get().(adapter.Account); ok {
		return a, nil
	}
	a := typicalAccount(e.name())
	a.UserID = e.user.ID
	return e.store.LinkAccount(ctx, a)
}

// The bare calls.

func (e *pair) key(pk, sk string) map[string]types.AttributeValue {
	return item{"pk": pk, "sk": sk}.attributes()
}

func (e *pair) userKey() map[string]types.AttributeValue {
	return e.key("USER#"+e.user.ID, "USER#"+e.user.ID)
}

func (e *pair) get(ctx context.Context, k map[string]types.AttributeValue) error {
	_, err := e.client.GetItem(ctx, &awsdynamodb.GetItemInput{TableName: &e.table, Key: k, ConsistentRead: aws.Bool(true)})
	return err
}

func (e *pair) query(ctx context.Context, prefix string) error {
	_, err := e.client.Query(ctx, &awsdynamodb.QueryInput{
		TableName: &e.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk=:p AND begins_with(sk,:s)"),
		ExpressionAttributeValues: item{":p": "USER#" + e.user.ID, ":s": prefix}.attributes(),
	})
	return err
}

func (e *pair) batchGet(ctx context.Context, keys ...map[string]types.AttributeValue) error {
	_, err := e.client.BatchGetItem(ctx, &awsdynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		e.table: {Keys: keys, ConsistentRead: aws.Bool(true)},
	}})
	return err
}

var absent = aws.String("attribute_not_exists(pk)")

func (e *pair) put(ctx context.Context, i item) error {
	_, err := e.client.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: &e.table, Item: i.attributes(), ConditionExpression: absent})
	return err
}

func (e *pair) puts(ctx context.Context, items ...item) error {
	in := &awsdynamodb.TransactWriteItemsInput{}
	for _, i := range items {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{
			Put: &types.Put{TableName: &e.table, Item: i.attributes(), ConditionExpression: absent},
		})
	}
	_, err := e.client.TransactWriteItems(ctx, in)
	return err
}

func (e *pair) deletes(ctx context.Context, keys ...map[string]types.AttributeValue) error {
	in := &awsdynamodb.TransactWriteItemsInput{}
	for _, k := range keys {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Delete: &types.Delete{TableName: &e.table, Key: k}})
	}
	_, err := e.client.TransactWriteItems(ctx, in)
	return err
}

// updates changes one field of two items that are there, in one transaction.
func (e *pair) updates(ctx context.Context, name, value string, keys ...map[string]types.AttributeValue) error {
	in := &awsdynamodb.TransactWriteItemsInput{}
	for _, k := range keys {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: &types.Update{
			TableName: &e.table, Key: k, UpdateExpression: aws.String("SET #n=:v"), ConditionExpression: aws.String("attribute_exists(pk)"),
			ExpressionAttributeNames: map[string]string{"#n": name}, ExpressionAttributeValues: item{":v": value}.attributes(),
		}})
	}
	_, err := e.client.TransactWriteItems(ctx, in)
	return err
}

func (e *pair) update(ctx context.Context, k map[string]types.AttributeValue, name string, value any) error {
	_, err := e.client.UpdateItem(ctx, &awsdynamodb.UpdateItemInput{
		TableName: &e.table, Key: k, UpdateExpression: aws.String("SET #n=:v"), ConditionExpression: aws.String("attribute_exists(pk)"),
		ExpressionAttributeNames: map[string]string{"#n": name}, ExpressionAttributeValues: item{":v": value}.attributes(),
		ReturnValues: types.ReturnValueAllNew,
	})
	return err
}

func (e *pair) deleteOne(ctx context.Context, k map[string]types.AttributeValue) error {
	_, err := e.client.DeleteItem(ctx, &awsdynamodb.DeleteItemInput{
		TableName: &e.table, Key: k, ConditionExpression: aws.String("attribute_exists(pk)"), ReturnValues: types.ReturnValueAllOld,
	})
	return err
}

func (e *pair) rawUser(id string) item {
	i := theirUser(id, id+"@example.com")
	delete(i, "GSI1PK")
	delete(i, "GSI1SK")
	i["createdAt"], i["updatedAt"] = "2100-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z"
	return i
}

func (e *pair) rawAccount(userID, id string) item {
	i := theirAccount(userID, "github", id)
	delete(i, "GSI1PK")
	delete(i, "GSI1SK")
	i["createdAt"], i["updatedAt"] = "2100-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z"
	return i
}

func (e *pair) rawSession(token string) item {
	i := theirSession(e.user.ID, token, 4102444800)
	delete(i, "GSI1PK")
	delete(i, "GSI1SK")
	i["createdAt"], i["updatedAt"] = "2100-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z"
	return i
}

func guard(pk, userID string) item { return item{"pk": pk, "sk": "GUARD", "userId": userID} }

// pairs has each operation and the bare calls that a careful application would make in
// its place: the same items to read and write, atomic where the operation must be, with
// nothing checked beyond what the calls check.
var pairs = []struct {
	name      string
	ours, raw func(*pair) call
}{
	{"GetSessionAndUser", func(e *pair) call {
		return func(ctx context.Context) error {
			_, _, err := e.store.GetSessionAndUser(ctx, e.session.SessionToken)
			return err
		}
	}, func(e *pair) call {
		session := e.key("USER#"+e.user.ID, "SESSION#"+e.session.ID)
		return func(ctx context.Context) error { return e.batchGet(ctx, session, e.userKey()) }
	}},
	{"GetUser", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetUser(ctx, e.user.ID); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.get(ctx, e.userKey()) }
	}},
	{"GetUserByEmail", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetUserByEmail(ctx, e.user.Email); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			if err := e.get(ctx, e.key("EMAIL#"+e.user.Email, "GUARD")); err != nil {
				return err
			}
			return e.get(ctx, e.userKey())
		}
	}},
	{"GetUserByAccount", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetUserByAccount(ctx, e.account.Key()); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			if err := e.get(ctx, e.key("ACCOUNT#github#1", "GUARD")); err != nil {
				return err
			}
			return e.get(ctx, e.userKey())
		}
	}},
	{"CreateUser", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.CreateUser(ctx, typicalUser(e.name())); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			id := "raw-" + e.name()
			return e.puts(ctx, e.rawUser(id), guard("EMAIL#"+id, id))
		}
	}},
	{"CreateUserWithAccount", func(e *pair) call {
		return func(ctx context.Context) error {
			name := e.name()
			_, _, err := e.store.CreateUserWithAccount(ctx, typicalUser(name), typicalAccount(name))
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			id := "raw-" + e.name()
			return e.puts(ctx, e.rawUser(id), guard("EMAIL#"+id, id), e.rawAccount(id, id), guard("ACCOUNT#github#"+id, id))
		}
	}},
	{"UpdateUser", func(e *pair) call {
		return func(ctx context.Context) error {
			_, err := e.store.UpdateUser(ctx, e.user.ID, adapter.UserUpdate{Name: new(e.name())})
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.update(ctx, e.userKey(), "name", e.name()) }
	}},
	{"CreateUser+DeleteUser", func(e *pair) call {
		return func(ctx context.Context) error {
			u, err := e.store.CreateUser(ctx, typicalUser(e.name()))
			if err != nil {
				return err
			}
			return e.store.DeleteUser(ctx, u.ID)
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			id := "raw-" + e.name()
			if err := e.puts(ctx, e.rawUser(id), guard("EMAIL#"+id, id)); err != nil {
				return err
			}
			_, err := e.client.Query(ctx, &awsdynamodb.QueryInput{
				TableName: &e.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk=:p"),
				ExpressionAttributeValues: item{":p": "USER#" + id}.attributes(),
			})
			if err != nil {
				return err
			}
			return e.deletes(ctx, e.key("USER#"+id, "USER#"+id), e.key("EMAIL#"+id, "GUARD"))
		}
	}},
	{"LinkAccount+UnlinkAccount", func(e *pair) call {
		return func(ctx context.Context) error {
			a := typicalAccount(e.name())
			a.UserID = e.user.ID
			if _, err := e.store.LinkAccount(ctx, a); err != nil {
				return err
			}
			return e.store.UnlinkAccount(ctx, a.Key())
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			id := "raw-" + e.name()
			if err := e.puts(ctx, e.rawAccount(e.user.ID, id), guard("ACCOUNT#github#"+id, e.user.ID)); err != nil {
				return err
			}
			if err := e.get(ctx, e.key("ACCOUNT#github#"+id, "GUARD")); err != nil {
				return err
			}
			return e.deletes(ctx, e.key("USER#"+e.user.ID, "ACCOUNT#github#"+id), e.key("ACCOUNT#github#"+id, "GUARD"))
		}
	}},
	{"GetAccount", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetAccount(ctx, e.account.Key()); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.get(ctx, e.key("ACCOUNT#github#1", "GUARD")) }
	}},
	{"ListAccounts", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.ListAccounts(ctx, e.user.ID); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.query(ctx, "ACCOUNT#") }
	}},
	{"UpdateAccount", func(e *pair) call {
		return func(ctx context.Context) error {
			a, err := e.spareAccount(ctx)
			if err == nil {
				_, err = e.store.UpdateAccount(ctx, a.Key(), adapter.AccountUpdate{AccessToken: new(e.name())})
				e.spare.Put(a)
			}
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			a, err := e.spareAccount(ctx)
			if err != nil {
				return err
			}
			defer e.spare.Put(a)
			id := a.ProviderAccountID
			if err := e.get(ctx, e.key("ACCOUNT#github#"+id, "GUARD")); err != nil {
				return err
			}
			return e.updates(ctx, "access_token", e.name(), e.key("USER#"+e.user.ID, "ACCOUNT#github#"+id), e.key("ACCOUNT#github#"+id, "GUARD"))
		}
	}},
	{"CreateSession", func(e *pair) call {
		return func(ctx context.Context) error {
			_, err := e.store.CreateSession(ctx, adapter.Session{UserID: e.user.ID, Expires: e.expires})
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.put(ctx, e.rawSession("raw-"+e.name())) }
	}},
	{"UpdateSession", func(e *pair) call {
		return func(ctx context.Context) error {
			_, err := e.store.UpdateSession(ctx, e.session.SessionToken, adapter.SessionUpdate{Expires: &e.expires})
			return err
		}
	}, func(e *pair) call {
		session := e.key("USER#"+e.user.ID, "SESSION#"+e.session.ID)
		return func(ctx context.Context) error { return e.update(ctx, session, "expires", int(e.expires.Unix())) }
	}},
	{"CreateSession+DeleteSession", func(e *pair) call {
		return func(ctx context.Context) error {
			s, err := e.store.CreateSession(ctx, adapter.Session{UserID: e.user.ID, Expires: e.expires})
			if err != nil {
				return err
			}
			return e.store.DeleteSession(ctx, s.SessionToken)
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			token := "raw-" + e.name()
			if err := e.put(ctx, e.rawSession(token)); err != nil {
				return err
			}
			return e.deleteOne(ctx, e.key("USER#"+e.user.ID, "SESSION#"+token))
		}
	}},
	{"ListSessions", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.ListSessions(ctx, e.user.ID); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.query(ctx, "SESSION#") }
	}},
	{"CreateVerificationToken", func(e *pair) call {
		return func(ctx context.Context) error {
			_, err := e.store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: e.name(), Token: "t", Expires: e.expires})
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.put(ctx, rawToken("raw-"+e.name())) }
	}},
	{"CreateVerificationToken+UseVerificationToken", func(e *pair) call {
		return func(ctx context.Context) error {
			name := e.name()
			if _, err := e.store.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: name, Token: "t", Expires: e.expires}); err != nil {
				return err
			}
			_, err := e.store.UseVerificationToken(ctx, name, "t")
			return err
		}
	}, func(e *pair) call {
		return func(ctx context.Context) error {
			name := "raw-" + e.name()
			if err := e.put(ctx, rawToken(name)); err != nil {
				return err
			}
			return e.deleteOne(ctx, e.key("VT#"+name, "VT#t"))
		}
	}},
	{"GetAuthenticator", func(e *pair) call {
		return func(ctx context.Context) error { _, err := e.store.GetAuthenticator(ctx, "c"); return err }
	}, func(e *pair) call {
		return func(ctx context.Context) error { return e.get(ctx, e.key("AUTHENTICATOR#c", "GUARD")) }
	}},
}

func rawToken(identifier string) item {
	return item{
		"pk": "VT#" + identifier, "sk": "VT#t", "type": "VT", "identifier": identifier, "token": "t", "expires": 4102444800,
		"createdAt": "2100-01-01T00:00:00.000Z",
	}
}
