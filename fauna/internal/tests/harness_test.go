package fauna_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	driver "github.com/fauna/fauna-go/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/authjs"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/fauna"
	"github.com/authstore/authstore/fauna/internal/wire"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/silent"
)

func TestMain(m *testing.M) { engine.Main(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open returns an adapter on a client.
func open(t testing.TB, client *driver.Client, o fauna.Options) adapter.Adapter {
	t.Helper()
	a, err := fauna.New(client, o)
	check(t, err)
	return a
}

// recorded is the reason why some tests need a server.
const recorded = "answers are played back as a server gave them, to the same calls in the same order; AUTHSTORE_FAUNA_URL names a live one"

// testbed is what tests run on: a database of their own on a server, whose answers may be
// recorded, or recordings.
type testbed struct {
	url, secret string            // "" for recordings
	transport   http.RoundTripper // to the server
	records     bool
}

// newTestbed returns a testbed on a server if there is one, with the collections created.
func newTestbed(t testing.TB) *testbed {
	t.Helper()
	if !engine.HasFauna(t) {
		return &testbed{}
	}
	b := liveTestbed(t)
	b.records = os.Getenv("AUTHSTORE_FAUNA_RECORD") != ""
	return b
}

// liveTestbed returns a testbed on a server, or ends the test as engine.Fauna does.
func liveTestbed(t testing.TB) *testbed {
	t.Helper()
	b := &testbed{url: engine.Fauna(t).URL, secret: "secret", transport: wire.New()}
	name := databaseName()
	b.run(t, `Database.create({ name: ${name} }).name`, map[string]any{"name": name})
	root := *b
	t.Cleanup(func() { root.run(t, `Database.byName(${name})!.delete()`, map[string]any{"name": name}) })
	b.secret = root.run(t, `Key.create({ role: "server", database: ${name} }).secret`, map[string]any{"name": name}).(string)
	applySchema(t, open(t, b.client(b.transport), fauna.Options{}))
	return b
}

func applySchema(t testing.TB, a adapter.Adapter) {
	t.Helper()
	schema, ok := adapter.As[adapter.Schema](a)
	if !ok {
		t.Fatal("no Schema")
	}
	check(t, schema.ApplySchema(t.Context()))
}

var databases atomic.Int64

func databaseName() string { return fmt.Sprintf("authstore_%d_%d", os.Getpid(), databases.Add(1)) }

func transport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Second}
}

func (b *testbed) live() bool { return b.url != "" }

func (b *testbed) client(transport http.RoundTripper) *driver.Client {
	return newClient(b.url, b.secret, transport)
}

func newClient(url, secret string, transport http.RoundTripper) *driver.Client {
	return driver.NewClient(secret, driver.Timeouts{QueryTimeout: time.Minute}, append(fauna.ClientOptions(),
		driver.URL(url), driver.HTTPClient(&http.Client{Transport: transport}))...)
}

// run runs a query that is not recorded.
func (b *testbed) run(t testing.TB, fql string, args map[string]any) any {
	t.Helper()
	v, err := run(context.Background(), b.client(b.transport), fql, args) // also in a cleanup
	check(t, err)
	return v
}

func run(ctx context.Context, client *driver.Client, fql string, args map[string]any) (any, error) {
	q, err := driver.FQL(fql, args)
	if err != nil {
		return nil, err
	}
	for {
		r, err := client.Query(q, driver.QueryContext(ctx))
		var contended *driver.ErrContendedTransaction // such as one with another test's database
		switch {
		case err == nil:
			return r.Data, nil
		case !errors.As(err, &contended):
			return nil, err
		}
	}
}

// recording returns the transport of a test, and a function that ends it.
func (b *testbed) recording(name string) (http.RoundTripper, func() error, error) {
	switch {
	case !b.live():
		t, err := play(name)
		if err != nil {
			return nil, nil, err
		}
		return t, t.done, nil
	case b.records:
		t := record(name, b.transport)
		return t, t.done, nil
	}
	return b.transport, func() error { return nil }, nil
}

var collections = []string{"User", "Account", "Session", "VerificationToken", "Authenticator"}

// empty deletes all documents.
func (b *testbed) empty(ctx context.Context) error {
	client := b.client(b.transport)
	for {
		more, err := run(ctx, client, `
			let docs = ${names}.flatMap(name => Collection(name).all().take(500).toArray())
			docs.forEach(d => d.delete())
			docs.length > 0`, map[string]any{"names": collections})
		if err != nil || more != true {
			return err
		}
	}
}

// newID returns the n-th ID of a test.
func newID(n uint64) string { return fmt.Sprintf("1%018d", n) }

// harness runs the suite. Each adapter has a client of its own, like a process.
func (b *testbed) harness() conformance.Harness {
	h := conformance.Harness{
		Backend: "fauna",
		Engine:  "Fauna, open source of 2025",
		NewID:   newID,
		LeftOut: map[conformance.Feature]string{
			conformance.Purge:   "Fauna removes what has expired by itself",
			conformance.Foreign: "Fauna stores no null in an object",
			conformance.Restart: "no server that could be killed can be had",
			conformance.ByURL:   "what a URL opens has a client of its own, whose calls are not recorded",
			conformance.Mend:    "its unique constraints bind every program that writes to it",
		},
		Namespace: b.namespace,
	}
	if !b.live() || b.records {
		h.LeftOut[conformance.Live] = recorded
	}
	if !b.live() {
		h.Engine += ", recorded"
	}
	return h
}

func (b *testbed) namespace(ctx context.Context) (conformance.Namespace, error) {
	if b.live() {
		if err := b.empty(ctx); err != nil {
			return conformance.Namespace{}, err
		}
	}
	wire, done, err := b.recording(conformance.TestID(ctx))
	if err != nil {
		return conformance.Namespace{}, err
	}
	faults := &fault.Injector{}
	return conformance.Namespace{
		Open: func(o adapter.Options) (adapter.Adapter, error) {
			return fauna.New(b.client(steps{faults, wire}), fauna.Options{Options: o})
		},
		Dump:       func(ctx context.Context) ([]string, error) { return dump(ctx, b.client(wire)) },
		Foreign:    foreign(b.client(wire)),
		Faults:     faults,
		RoundTrips: faults.Count,
		Close:      done,
	}, nil
}

// steps makes every request a step of an injector.
type steps struct {
	faults *fault.Injector
	next   http.RoundTripper
}

func (s steps) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	var answer error
	injected := s.faults.Step(req.Context(), func(ctx context.Context) error {
		resp, answer = silent.Whole(s.next.RoundTrip(req.Clone(ctx)))
		return nil
	})
	if injected != nil {
		return nil, injected
	}
	return resp, answer
}

// keyFields are the fields by which another program finds its documents, except for a user.
var keyFields = map[string][]string{
	"User":              {},
	"Account":           {"provider", "providerAccountId"},
	"Session":           {"sessionToken"},
	"VerificationToken": {"identifier", "token"},
	"Authenticator":     {"credentialID"},
}

const (
	foreignPut = `
		let found: Any = if (${id} != null) [Collection(${name}).byId(${id})] else Collection(${name}).all().where(d => ${key}.every(field => Object.select(d.data, [field[0]]) == field[1])).toArray()
		found.filter(d => d.exists()).forEach(d => d.delete())
		let d: Any = if (${id} != null) Collection(${name}).create({ id: ${id} }) else Collection(${name}).create({})
		d.replaceData(Object.fromEntries(${document}))
		{ done: true }`

	foreignHas = `
		let found: Any = if (${id} != null) [Collection(${name}).byId(${id})] else Collection(${name}).all().where(d => ${key}.every(field => Object.select(d.data, [field[0]]) == field[1])).toArray()
		found.filter(d => d.exists()).length > 0`
)

// foreign returns another program on the store, which writes as the Auth.js adapter does.
func foreign(client *driver.Client) *conformance.ForeignWriter {
	return &conformance.ForeignWriter{
		Put: func(ctx context.Context, r conformance.ForeignRecord) error {
			args, err := locate(r)
			if err != nil {
				return err
			}
			document := []any{} // the driver takes some names of fields for tags
			for _, name := range slices.Sorted(maps.Keys(r.Members)) {
				if name == "id" {
					continue
				}
				if !storable(name, r.Members[name]) {
					return fmt.Errorf("Fauna has no %s of this kind: %w", name, errors.ErrUnsupported)
				}
				document = append(document, []any{name, r.Members[name]})
			}
			args["document"] = document
			_, err = run(ctx, client, foreignPut, args)
			return err
		},
		Has: func(ctx context.Context, r conformance.ForeignRecord) (bool, error) {
			args, err := locate(r)
			if err != nil {
				return false, err
			}
			has, err := run(ctx, client, foreignHas, args)
			return has == true, err
		},
	}
}

// storable reports whether a document can have a field. Fauna drops nulls from objects; a missing
// field of Auth.js means the same as null.
func storable(name string, v any) bool {
	object, _ := v.(map[string]any)
	for _, e := range object {
		if e == nil {
			return false
		}
	}
	return v != nil || slices.Contains(authJS, name)
}

// authJS are the names of fields whose absence means null.
var authJS = slices.Concat(authjs.UserFields(), authjs.AccountFields(), authjs.SessionFields(), authjs.VerificationTokenFields(), authjs.AuthenticatorFields(),
	[]string{"createdAt", "updatedAt"})

// locate returns the arguments that find a record: its ID, or its key.
func locate(r conformance.ForeignRecord) (map[string]any, error) {
	key := []any{}
	for _, name := range keyFields[r.Kind] {
		key = append(key, []any{name, r.Members[name]})
	}
	id := r.Members["id"]
	if id != nil {
		if n, err := strconv.ParseInt(fmt.Sprint(id), 10, 64); err != nil || n < 0 {
			return nil, fmt.Errorf("a document has no such ID: %w", errors.ErrUnsupported)
		}
	}
	return map[string]any{"name": r.Kind, "id": id, "key": key}, nil
}

const dumpQuery = `Collection(${name}).all().pageSize(500) { id, data }`

// dump returns every document of every collection.
func dump(ctx context.Context, client *driver.Client) ([]string, error) {
	var all []string
	for _, name := range collections {
		q, err := driver.FQL(dumpQuery, map[string]any{"name": name})
		if err != nil {
			return nil, err
		}
		for pages := client.Paginate(q, driver.QueryContext(ctx)); pages.HasNext(); {
			page, err := pages.Next()
			if err != nil {
				return nil, err
			}
			for _, d := range page.Data {
				all = append(all, strings.ReplaceAll(fmt.Sprint(name, " ", d), "map", ""))
			}
		}
	}
	return all, nil
}

// options returns options of an adapter whose calls are the same in every run.
func (b *testbed) options() adapter.Options {
	ids, secrets := uint64(0), byte(0)
	return adapter.Options{
		Clock:     func() time.Time { return conformance.Start },
		NewID:     func() string { ids++; return newID(ids) },
		NewSecret: func() [32]byte { secrets++; return [32]byte{secrets} },
	}
}

// fixture is a store with empty collections, and the bare driver on the same database.
type fixture struct {
	adapter.Adapter
	client *driver.Client
	t      *testing.T
}

// newFixture returns a fixture whose queries are recorded under a name.
func newFixture(t *testing.T, name string, o fauna.Options) fixture {
	t.Helper()
	b := newTestbed(t)
	wire, done, err := b.recording(name)
	check(t, err)
	t.Cleanup(func() { check(t, done()) })
	if reflect.DeepEqual(o.Options, adapter.Options{}) {
		o.Options = b.options()
	}
	client := b.client(wire)
	return fixture{open(t, client, o), client, t}
}

// newPlainFixture returns a fixture that stores session tokens as they are.
func newPlainFixture(t *testing.T, name string) fixture {
	o := fauna.Options{Options: new(testbed).options()}
	o.PlainSessionTokens = true
	return newFixture(t, name, o)
}

// fql runs a query of a test's own, the same in every run.
func (s fixture) fql(query string, args map[string]any) any {
	s.t.Helper()
	v, err := run(s.t.Context(), s.client, query, args)
	check(s.t, err)
	return v
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func absent(t *testing.T, op string, err error) {
	t.Helper()
	if !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("%s: got %v, want ErrNotFound", op, err)
	}
}

func takenField(t *testing.T, op string, err error, field string) {
	t.Helper()
	var conflict *adapter.ConflictError
	if !errors.As(err, &conflict) || conflict.Field != field {
		t.Errorf("%s: got %v, want %s taken", op, err, field)
	}
}

func users(t testing.TB, a adapter.Adapter) adapter.Enumerator {
	t.Helper()
	e, ok := adapter.As[adapter.Enumerator](a)
	if !ok {
		t.Fatal("no Enumerator")
	}
	return e
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func answered(req *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Request: req, Body: io.NopCloser(strings.NewReader(body))}
}

// scripted returns an adapter whose requests get these answers in turn, the last one repeatedly,
// and the number of requests.
func scripted(t testing.TB, answers ...scriptedAnswer) (adapter.Adapter, *atomic.Int64) {
	count := new(atomic.Int64)
	client := newClient("http://fauna.test", "s3cret", roundTrip(func(req *http.Request) (*http.Response, error) {
		n := int(count.Add(1)) - 1
		a := answers[min(n, len(answers)-1)]
		if a.err != nil {
			return nil, a.err
		}
		return answered(req, a.status, a.body), nil
	}))
	return open(t, client, fauna.Options{}), count
}

type scriptedAnswer struct {
	status int
	body   string
	err    error
}

const (
	nobody    = `{"data": {"user": null}, "stats": {}}`
	contended = `{"error": {"code": "contended_transaction", "message": "Transaction was aborted due to detection of concurrent modification."}}`
)

func failing(code string) string {
	return fmt.Sprintf(`{"error": {"code": %q, "message": "s3cret"}}`, code)
}

func passkey(userID, id string) adapter.Authenticator {
	return adapter.Authenticator{CredentialID: id, UserID: userID, CredentialPublicKey: "pQECAyYgASFYIA+/==", Counter: 1, CredentialDeviceType: "multiDevice", Transports: []string{"internal"}}
}

func typicalUser(name string) adapter.User {
	return adapter.User{Name: "Ada Lovelace", Email: name + "@example.com", Image: "https://example.com/avatars/ada.png"}
}

func typicalAccount(id string) adapter.Account {
	return adapter.Account{
		Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: id, TokenType: "bearer", Scope: "read:user,user:email",
		AccessToken: "gho_16C7e42F292c6912E7710c838347Ae178B4a",
	}
}
