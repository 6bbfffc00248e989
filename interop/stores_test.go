package interop

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	goredis "github.com/redis/go-redis/v9"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/mongo"
	"github.com/authstore/authstore/redis/upstash"
)

func TestMain(m *testing.M) { engine.Main(m) }

// store is a kind of store that both sides know.
type store struct {
	name   string // in the report
	js     string // in stores.mjs
	server func(testing.TB) engine.Server
	// open returns Go's adapter on a fresh part of the server, with the default names or
	// others, and the options with which JavaScript has the same.
	open func(t testing.TB, url string, custom bool) (adapter.Adapter, object)

	passkeys bool // the JavaScript adapter has them
	account  bool // the JavaScript adapter has getAccount

	// nestedDates: JavaScript can store a Date within an object or a list. nested is what
	// it reads then, and what Go stored there.
	nestedDates bool
	nested      func(time.Time) any
	// noEmptyText: JavaScript stores null for an empty text.
	noEmptyText bool
	// What JavaScript leaves in such a store: an index entry of an address that was given
	// up, a user that an update of nobody made, what a deleted user had.
	leavesOldEmail, makesGhosts, leavesSessions bool
	// twoOwners: an account that JavaScript gives to a second owner has both.
	twoOwners bool
	// linksTwice: one that it gives to its owner again is there twice.
	linksTwice bool
	// reaps: the server soon removes what has expired, whoever wrote it.
	reaps bool
	// guards: Go keeps guards of what is unique, which JavaScript does not write: what it
	// has made is not taken to Go until they are made by Repair.
	guards bool
	// adds is what members begin with that Go adds to records, beside those in added, and
	// addsWithOtherNames those that show with other names.
	adds, addsWithOtherNames []string
	custom                   bool // with other names
	// wholeSeconds: JavaScript reads the next whole second of an expiry that Go wrote.
	wholeSeconds bool
	// guarded: the store refuses what breaks a rule once the schema was applied.
	guarded bool
	// stamps: what JavaScript has made or changed has times, by the clock of the service.
	stamps bool
	// movesEmail: Go finds a user by an address that JavaScript has changed.
	movesEmail bool
}

var stores = []store{mongoStore, dynamoStore, upstashStore, unstorageStore}

var mongoStore = store{
	name: "MongoDB", js: "mongodb", server: engine.Mongo,
	open: func(t testing.TB, url string, custom bool) (adapter.Adapter, object) {
		o, name := mongo.Options{Options: adapter.Options{PlainSessionTokens: true}}, newName()
		js := object{"databaseName": name}
		if custom {
			o.Layout = mongo.Layout{
				Users: mongo.Record{Collection: "people"}, Accounts: mongo.Record{Collection: "links"},
				Sessions: mongo.Record{Collection: "browsers"}, VerificationTokens: mongo.Record{Collection: "mails"},
			}
			js["collections"] = object{"Users": "people", "Accounts": "links", "Sessions": "browsers", "VerificationTokens": "mails"}
		}
		client, err := driver.Connect(options.Client().ApplyURI(url))
		check(t, err)
		db := client.Database(name)
		t.Cleanup(func() {
			check(t, db.Drop(context.Background()))
			check(t, client.Disconnect(context.Background()))
		})
		store, err := mongo.New(db, o)
		check(t, err)
		return store, js
	},
	nestedDates: true,
	nested:      func(v time.Time) any { return v },
	movesEmail:  true,
	guarded:     true,
	twoOwners:   true, linksTwice: true, reaps: true,
}

var dynamoStore = store{
	name: "DynamoDB", js: "dynamodb", server: engine.DynamoDB,
	open: func(t testing.TB, url string, custom bool) (adapter.Adapter, object) {
		o := dynamodb.Options{Options: adapter.Options{PlainSessionTokens: true}, Table: newName()}
		js := object{"tableName": o.Table}
		if custom {
			o.PartitionKey, js["partitionKey"] = "partition", "partition"
			o.SortKey, js["sortKey"] = "sort", "sort"
			o.Index, js["indexName"] = "other-index", "other-index"
			o.IndexPartitionKey, js["indexPartitionKey"] = "indexPartition", "indexPartition"
			o.IndexSortKey, js["indexSortKey"] = "indexSort", "indexSort"
		}
		client := awsdynamodb.New(awsdynamodb.Options{
			Region: "us-east-1", BaseEndpoint: &url,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
			}),
		})
		t.Cleanup(func() {
			_, err := client.DeleteTable(context.Background(), &awsdynamodb.DeleteTableInput{TableName: &o.Table})
			check(t, err)
		})
		a, err := dynamodb.New(client, o)
		check(t, err)
		return a, js
	},
	noEmptyText: true, // the setting that the adapter's manual asks for
	guards:      true, twoOwners: true,
	leavesOldEmail: true, makesGhosts: true, leavesSessions: true, reaps: true,
	adds:         []string{"authstore"},
	wholeSeconds: true,
	// With other names the JavaScript adapter hands its keys on to the application.
	addsWithOtherNames: []string{"partition", "sort", "indexPartition", "indexSort", "type"},
}

var upstashStore = store{
	name: "Upstash Redis", js: "upstash", server: engine.Redis,
	open: func(t testing.TB, url string, custom bool) (adapter.Adapter, object) {
		o, js := upstash.Options{BaseKeyPrefix: newName() + ":"}, object{}
		if custom {
			o.UserKeyPrefix, js["userKeyPrefix"] = "person/", "person/"
			o.EmailKeyPrefix, js["emailKeyPrefix"] = "mail/", "mail/"
			o.AccountKeyPrefix, js["accountKeyPrefix"] = "account/", "account/"
			o.AccountByUserIDPrefix, js["accountByUserIdPrefix"] = "account-of/", "account-of/"
			o.SessionKeyPrefix, js["sessionKeyPrefix"] = "session/", "session/"
			o.SessionByUserIDKeyPrefix, js["sessionByUserIdKeyPrefix"] = "session-of/", "session-of/"
			o.VerificationTokenKeyPrefix, js["verificationTokenKeyPrefix"] = "link/", "link/"
		}
		js["baseKeyPrefix"] = o.BaseKeyPrefix
		return openUpstash(t, url, o), js
	},
	nestedDates: true,
	nested:      func(v time.Time) any { return v.Format("2006-01-02T15:04:05.000Z") }, // JSON
	movesEmail:  true,

	leavesOldEmail: true, makesGhosts: true, leavesSessions: true,
}

// unstorageStore is the adapter that adds passkeys to the layout of Upstash's.
var unstorageStore = store{
	name: "unstorage on Redis", js: "unstorage", server: engine.Redis,
	open: func(t testing.TB, url string, custom bool) (adapter.Adapter, object) {
		o, js := upstash.Options{BaseKeyPrefix: newName() + ":"}, object{}
		if custom { // unstorage has ":" only between the parts of a key
			o.UserKeyPrefix, js["userKeyPrefix"] = "person:", "person:"
			o.EmailKeyPrefix, js["emailKeyPrefix"] = "mail:", "mail:"
			o.AccountKeyPrefix, js["accountKeyPrefix"] = "account:", "account:"
			o.AccountByUserIDPrefix, js["accountByUserIdPrefix"] = "account-of:", "account-of:"
			o.SessionKeyPrefix, js["sessionKeyPrefix"] = "session:", "session:"
			o.SessionByUserIDKeyPrefix, js["sessionByUserIdKeyPrefix"] = "session-of:", "session-of:"
			o.VerificationTokenKeyPrefix, js["verificationTokenKeyPrefix"] = "link:", "link:"
			o.AuthenticatorKeyPrefix, js["authenticatorKeyPrefix"] = "passkey:", "passkey:"
			o.AuthenticatorUserKeyPrefix, js["authenticatorUserKeyPrefix"] = "passkeys-of:", "passkeys-of:"
		}
		js["baseKeyPrefix"] = o.BaseKeyPrefix
		return openUpstash(t, url, o), js
	},
	passkeys: true, account: true,
	nestedDates: true,
	nested:      upstashStore.nested,
	movesEmail:  true,

	leavesOldEmail: true, makesGhosts: true, leavesSessions: true,
}

func openUpstash(t testing.TB, url string, o upstash.Options) adapter.Adapter {
	t.Helper()
	a, err := upstash.New(newRedis(t, url), o)
	check(t, err)
	return a
}

func newRedis(t testing.TB, url string) *goredis.Client {
	o, err := goredis.ParseURL(url)
	check(t, err)
	c := goredis.NewClient(o)
	t.Cleanup(func() { check(t, c.Close()) })
	return c
}

var names atomic.Int64

// newName returns a name that no other test uses.
func newName() string { return fmt.Sprintf("interop-%d-%d", os.Getpid(), names.Add(1)) }

// pair is one store, open on both sides.
type pair struct {
	store *store
	adapter.Adapter
	oracle *oracle
	handle any
}

// openBoth opens a fresh part of a store on both sides. apply: its schema is
// applied.
func (s *store) openBoth(t testing.TB, o *oracle, custom, apply bool) *pair {
	t.Helper()
	url := s.server(t).URL
	a, options := s.open(t, url, custom)
	t.Cleanup(func() { check(t, a.Close()) })
	if schema, ok := adapter.As[adapter.Schema](a); ok && apply {
		check(t, schema.ApplySchema(t.Context()))
	}
	handle, err := o.do("open", object{"store": s.js, "url": url, "options": options})
	check(t, err)
	t.Cleanup(func() {
		_, err := o.do("close", object{"handle": handle})
		check(t, err)
	})
	return &pair{s, a, o, handle}
}

// js calls a method of the JavaScript adapter, which must not throw.
func (p *pair) js(t *testing.T, method string, args ...any) any {
	t.Helper()
	v, err := p.oracle.do("call", object{"handle": p.handle, "method": method, "args": args})
	if err != nil {
		t.Fatalf("JavaScript: %s: %v", method, err)
	}
	return v
}

// racing makes a call many times at once in JavaScript, and returns what did not throw.
func (p *pair) racing(t *testing.T, method string, args ...[]any) []any {
	t.Helper()
	all := make([]any, len(args))
	for i := range args {
		all[i] = args[i]
	}
	v, err := p.oracle.do("calls", object{"handle": p.handle, "method": method, "args": all})
	if err != nil {
		t.Fatalf("JavaScript: %s: %v", method, err)
	}
	return slices.DeleteFunc(v.([]any), func(v any) bool { return v == nil })
}

func ctx(t *testing.T) context.Context { return t.Context() }
