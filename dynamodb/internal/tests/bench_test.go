package dynamodb_test

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/measure"
)

// BenchmarkRaw measures every operation beside the bare SDK, without the index. Run it
// with -benchtime=1x.
func BenchmarkRaw(b *testing.B) {
	measure.Beside(b, func(b *testing.B) (*measure.Stage, map[string]measure.Call) {
		p := newPair(b)
		return p.Stage, p.bare()
	})
}

// BenchmarkCallers measures the look-up of a session by more and more callers at once, beside the
// bare SDK. Run it with -benchtime=1x.
func BenchmarkCallers(b *testing.B) { measure.Callers(b, "DynamoDB Local", sides(b)...) }

// BenchmarkColdStart measures a process that makes one call. Run it with -benchtime=1x.
func BenchmarkColdStart(b *testing.B) { measure.ColdStart(b, "DynamoDB Local", sides(b)...) }

// sides are the ways to look up the sessions of a crowd.
func sides(b *testing.B) []measure.Side {
	o := dynamodb.Options{Table: newTable(), NoIndex: true}
	crowd := measure.NewCrowd(b, withoutIndex.newStore(b, o), measure.CrowdSize)
	store := func(o dynamodb.Options) func(b *testing.B) (measure.Read, func()) {
		return func(b *testing.B) (measure.Read, func()) {
			client, closing := ownClient(b)
			store := open(b, client, o)
			return crowd.Sessions(store), func() {
				check(b, store.Close())
				closing()
			}
		}
	}
	alone := o
	alone.NoBatching = true
	return []measure.Side{
		{Name: measure.Default, Open: store(o)},
		{Name: measure.Unshared, Open: store(alone)},
		{Name: measure.Raw, Open: func(b *testing.B) (measure.Read, func()) {
			client, closing := ownClient(b)
			p := &pair{client: client, table: o.Table}
			return func(ctx context.Context, i int) error {
				user := "USER#" + crowd.Users[i].ID
				return p.batchGet(ctx, p.key(user, "SESSION#"+adapter.SessionID(crowd.Tokens[i])), p.key(user, user))
			}, closing
		}},
	}
}

// ownClient returns a client that keeps a connection for each of 256 callers, and what closes them.
func ownClient(b *testing.B, with ...func(*http.Transport)) (*awsdynamodb.Client, func()) {
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	for _, f := range with {
		f(transport)
	}
	return newClient(b, func(o *awsdynamodb.Options) { o.HTTPClient = &http.Client{Transport: transport} }), transport.CloseIdleConnections
}

// BenchmarkScale measures the median of every operation with many users and with a thousand. Run it
// with -benchtime=1x, and more of them by -measure.users=200000.
func BenchmarkScale(b *testing.B) {
	measure.Scale(b, func(size int) *measure.Crowd {
		o := dynamodb.Options{Table: newTable(), NoIndex: true}
		store := withoutIndex.newStore(b, o)
		return measure.Copies(b, store, size, rand.Text, func() measure.Bulk { return copies(b, o.Table) })
	})
}

// copies returns what writes copies of the items that are in a table.
func copies(b *testing.B, table string) measure.Bulk {
	client := newClient(b)
	out, err := client.Scan(b.Context(), &awsdynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	check(b, err)
	return func(ctx context.Context, renames []measure.Rename) error {
		var puts []types.WriteRequest
		for _, rename := range renames {
			for _, original := range out.Items {
				puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: renamed(original, rename)}})
			}
		}
		for some := range slices.Chunk(puts, 25) {
			for left := map[string][]types.WriteRequest{table: some}; len(left) > 0; {
				out, err := client.BatchWriteItem(ctx, &awsdynamodb.BatchWriteItemInput{RequestItems: left})
				if err != nil {
					return err
				}
				left = out.UnprocessedItems
			}
		}
		return nil
	}
}

func renamed(original map[string]types.AttributeValue, rename measure.Rename) map[string]types.AttributeValue {
	it := maps.Clone(original)
	for name, v := range it {
		if s, ok := v.(*types.AttributeValueMemberS); ok {
			it[name] = &types.AttributeValueMemberS{Value: rename(s.Value)}
		}
	}
	return it
}

// BenchmarkSoak has 64 callers call everything, for ten seconds or -measure.soak, and fails if memory,
// goroutines or connections grow. Run it with -benchtime=1x.
func BenchmarkSoak(b *testing.B) {
	var connections measure.Connections
	o := dynamodb.Options{Table: newTable(), NoIndex: true}
	withoutIndex.newStore(b, o)
	client, closing := ownClient(b, func(t *http.Transport) { t.DialContext = connections.DialContext })
	b.Cleanup(closing)
	measure.Soak(b, measure.NewCrowd(b, open(b, client, o), measure.CrowdSize), &connections)
}

// pair is a store with one user, and a bare client of the same table.
type pair struct {
	*measure.Stage
	client *awsdynamodb.Client
	table  string
}

func newPair(b *testing.B) *pair {
	p := &pair{client: newClient(b), table: newTable()}
	withoutIndex.newStore(b, dynamodb.Options{Table: p.table})
	p.Stage = measure.NewStage(b, open(b, p.client, dynamodb.Options{Table: p.table, NoIndex: true}))
	return p
}

// The bare calls.

func (p *pair) key(pk, sk string) map[string]types.AttributeValue {
	return item{"pk": pk, "sk": sk}.attributes()
}

func (p *pair) userKey() map[string]types.AttributeValue {
	return p.key("USER#"+p.User.ID, "USER#"+p.User.ID)
}

func (p *pair) get(ctx context.Context, k map[string]types.AttributeValue) error {
	_, err := p.client.GetItem(ctx, &awsdynamodb.GetItemInput{TableName: &p.table, Key: k, ConsistentRead: aws.Bool(true)})
	return err
}

func (p *pair) query(ctx context.Context, userID, prefix string) error {
	_, err := p.client.Query(ctx, &awsdynamodb.QueryInput{
		TableName: &p.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk=:p AND begins_with(sk,:s)"),
		ExpressionAttributeValues: item{":p": "USER#" + userID, ":s": prefix}.attributes(),
	})
	return err
}

func (p *pair) batchGet(ctx context.Context, keys ...map[string]types.AttributeValue) error {
	_, err := p.client.BatchGetItem(ctx, &awsdynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		p.table: {Keys: keys, ConsistentRead: aws.Bool(true)},
	}})
	return err
}

var absent = aws.String("attribute_not_exists(pk)")

func (p *pair) put(ctx context.Context, i item) error {
	_, err := p.client.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: &p.table, Item: i.attributes(), ConditionExpression: absent})
	return err
}

func (p *pair) puts(ctx context.Context, items ...item) error {
	in := &awsdynamodb.TransactWriteItemsInput{}
	for _, i := range items {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{
			Put: &types.Put{TableName: &p.table, Item: i.attributes(), ConditionExpression: absent},
		})
	}
	_, err := p.client.TransactWriteItems(ctx, in)
	return err
}

func (p *pair) deletes(ctx context.Context, keys ...map[string]types.AttributeValue) error {
	in := &awsdynamodb.TransactWriteItemsInput{}
	for _, k := range keys {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Delete: &types.Delete{TableName: &p.table, Key: k}})
	}
	_, err := p.client.TransactWriteItems(ctx, in)
	return err
}

func (p *pair) update(ctx context.Context, k map[string]types.AttributeValue, name string, value any) error {
	_, err := p.client.UpdateItem(ctx, &awsdynamodb.UpdateItemInput{
		TableName: &p.table, Key: k, UpdateExpression: aws.String("SET #n=:v,updatedAt=:u"), ConditionExpression: aws.String("attribute_exists(pk)"),
		ExpressionAttributeNames:  map[string]string{"#n": name},
		ExpressionAttributeValues: item{":v": value, ":u": time.Now().UTC().Format(time.RFC3339Nano)}.attributes(),
		ReturnValues:              types.ReturnValueAllNew,
	})
	return err
}

// prolong changes the expiry of a session that has not expired.
func (p *pair) prolong(ctx context.Context, k map[string]types.AttributeValue) error {
	_, err := p.client.UpdateItem(ctx, &awsdynamodb.UpdateItemInput{
		TableName: &p.table, Key: k, UpdateExpression: aws.String("SET expires=:e,updatedAt=:u"), ConditionExpression: aws.String("expires>:n"),
		ExpressionAttributeValues: item{":e": int(p.Expires.Unix()), ":n": int(time.Now().Unix()), ":u": time.Now().UTC().Format(time.RFC3339Nano)}.attributes(),
		ReturnValues:              types.ReturnValueAllNew,
	})
	return err
}

func (p *pair) deleteOne(ctx context.Context, k map[string]types.AttributeValue) error {
	_, err := p.client.DeleteItem(ctx, &awsdynamodb.DeleteItemInput{
		TableName: &p.table, Key: k, ConditionExpression: aws.String("attribute_exists(pk)"), ReturnValues: types.ReturnValueAllOld,
	})
	return err
}

// bare returns an item of the Auth.js adapter's without its keys in the index, and with
// the times that ours have.
func bare(i item) item {
	delete(i, "GSI1PK")
	delete(i, "GSI1SK")
	i["createdAt"], i["updatedAt"] = "2100-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z"
	return i
}

func (p *pair) rawUser(id string) item {
	return bare(theirUser(id, id+"@example.com"))
}

func (p *pair) rawAccount(userID, id string) item {
	return bare(theirAccount(userID, "github", id))
}

func (p *pair) rawSession(token string) item {
	return bare(theirSession(p.User.ID, token, 4102444800))
}

func guard(pk, userID string) item { return item{"pk": pk, "sk": "GUARD", "userId": userID} }

// bare returns the calls that a careful application would make in place of each operation: they
// read and write the same items, atomically where the operation must be atomic, and check
// nothing else.
func (p *pair) bare() map[string]measure.Call {
	session := p.key("USER#"+p.User.ID, "SESSION#"+p.Session.ID)
	account, passkey := p.key("ACCOUNT#github#1", "GUARD"), p.key("AUTHENTICATOR#c", "GUARD")
	owned, credential := p.key("USER#"+p.User.ID, "ACCOUNT#github#1"), p.key("USER#"+p.User.ID, "AUTHENTICATOR#c")
	return map[string]measure.Call{
		"GetSessionAndUser": func(ctx context.Context) error { return p.batchGet(ctx, session, p.userKey()) },
		"GetUser":           func(ctx context.Context) error { return p.get(ctx, p.userKey()) },
		"GetUserByEmail": func(ctx context.Context) error {
			return firstError(p.get(ctx, p.key("EMAIL#"+p.User.Email, "GUARD")), func() error { return p.get(ctx, p.userKey()) })
		},
		"GetUserByAccount": func(ctx context.Context) error {
			return firstError(p.get(ctx, account), func() error { return p.get(ctx, p.userKey()) })
		},
		"CreateUser": func(ctx context.Context) error {
			id := "raw-" + p.Name()
			return p.puts(ctx, p.rawUser(id), guard("EMAIL#"+id, id))
		},
		"CreateUserWithAccount": func(ctx context.Context) error {
			id := "raw-" + p.Name()
			return p.puts(ctx, p.rawUser(id), guard("EMAIL#"+id, id), p.rawAccount(id, id), guard("ACCOUNT#github#"+id, id))
		},
		"UpdateUser": func(ctx context.Context) error { return p.update(ctx, p.userKey(), "name", p.Name()) },
		"CreateUser+DeleteUser": func(ctx context.Context) error {
			id := "raw-" + p.Name()
			return firstError(p.puts(ctx, p.rawUser(id), guard("EMAIL#"+id, id)), func() error {
				return firstError(p.query(ctx, id, "USER#"), func() error {
					return p.deletes(ctx, p.key("USER#"+id, "USER#"+id), p.key("EMAIL#"+id, "GUARD"))
				})
			})
		},
		"LinkAccount+UnlinkAccount": func(ctx context.Context) error {
			id := "raw-" + p.Name()
			return firstError(p.puts(ctx, p.rawAccount(p.User.ID, id), guard("ACCOUNT#github#"+id, p.User.ID)), func() error {
				return firstError(p.get(ctx, p.key("ACCOUNT#github#"+id, "GUARD")), func() error {
					return p.deletes(ctx, p.key("USER#"+p.User.ID, "ACCOUNT#github#"+id), p.key("ACCOUNT#github#"+id, "GUARD"))
				})
			})
		},
		"GetAccount": func(ctx context.Context) error {
			return firstError(p.get(ctx, account), func() error { return p.get(ctx, owned) })
		},
		"ListAccounts": func(ctx context.Context) error { return p.query(ctx, p.User.ID, "ACCOUNT#") },
		"UpdateAccount": func(ctx context.Context) error {
			return firstError(p.get(ctx, account), func() error { return p.update(ctx, owned, "access_token", p.Name()) })
		},
		"CreateSession": func(ctx context.Context) error { return p.put(ctx, p.rawSession("raw-"+p.Name())) },
		"UpdateSession": func(ctx context.Context) error { return p.prolong(ctx, session) },
		"CreateSession+DeleteSession": func(ctx context.Context) error {
			token := "raw-" + p.Name()
			return firstError(p.put(ctx, p.rawSession(token)), func() error { return p.deleteOne(ctx, p.key("USER#"+p.User.ID, "SESSION#"+token)) })
		},
		"ListSessions":            func(ctx context.Context) error { return p.query(ctx, p.User.ID, "SESSION#") },
		"CreateVerificationToken": func(ctx context.Context) error { return p.put(ctx, rawToken("raw-"+p.Name())) },
		"CreateVerificationToken+UseVerificationToken": func(ctx context.Context) error {
			name := "raw-" + p.Name()
			return firstError(p.put(ctx, rawToken(name)), func() error { return p.deleteOne(ctx, p.key("VT#"+name, "VT#t")) })
		},
		"GetAuthenticator": func(ctx context.Context) error {
			return firstError(p.get(ctx, passkey), func() error { return p.get(ctx, credential) })
		},
		"UpdateAuthenticatorCounter": func(ctx context.Context) error {
			return firstError(p.get(ctx, passkey), func() error { return p.update(ctx, credential, "counter", 1) })
		},
	}
}

// firstError returns the error of a call, and of the next one if there was none.
func firstError(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}

func rawToken(identifier string) item {
	return item{
		"pk": "VT#" + identifier, "sk": "VT#t", "type": "VT", "identifier": identifier, "token": "t", "expires": 4102444800,
		"createdAt": "2100-01-01T00:00:00.000Z",
	}
}
