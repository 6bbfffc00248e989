package fauna_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	driver "github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/fauna"
	"github.com/authstore/authstore/fauna/internal/wire"
	"github.com/authstore/authstore/internal/engine"
)

func TestMain(m *testing.M) { engine.Main(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recorded is why a test is not run without a server.
const recorded = "answers are played back as a server gave them, to the same calls in the same order; AUTHSTORE_FAUNA_URL names a live one"

// bed is where tests run: in a database of their own on a server, whose answers may be
// recorded, or on recordings.
type bed struct {
	url, secret string            // "" for recordings
	transport   http.RoundTripper // to the server
	records     bool
}

// newBed returns a bed on a server if there is one, with the collections made.
func newBed(t testing.TB) *bed {
	t.Helper()
	if !engine.HasFauna(t) {
		return &bed{}
	}
	b := liveBed(t)
	b.records = os.Getenv("AUTHSTORE_FAUNA_RECORD") != ""
	return b
}

// liveBed returns a bed on a server, or ends the test as engine.Fauna does.
func liveBed(t testing.TB) *bed {
	t.Helper()
	b := &bed{url: engine.Fauna(t).URL, secret: "secret", transport: wire.New()}
	name := databaseName()
	b.run(t, `Database.create({ name: ${name} }).name`, map[string]any{"name": name})
	root := *b
	t.Cleanup(func() { root.run(t, `Database.byName(${name})!.delete()`, map[string]any{"name": name}) })
	b.secret = root.run(t, `Key.create({ role: "server", database: ${name} }).secret`, map[string]any{"name": name}).(string)
	applySchema(t, fauna.New(b.client(b.transport), fauna.Options{}))
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

func (b *bed) live() bool { return b.url != "" }

func (b *bed) client(transport http.RoundTripper) *driver.Client {
	return newClient(b.url, b.secret, transport)
}

func newClient(url, secret string, transport http.RoundTripper) *driver.Client {
	return driver.NewClient(secret, driver.Timeouts{QueryTimeout: time.Minute}, append(fauna.ClientOptions(),
		driver.URL(url), driver.HTTPClient(&http.Client{Transport: transport}))...)
}

// run runs a query beside the tests, past all recordings.
func (b *bed) run(t testing.TB, fql string, args map[string]any) any {
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

// wire returns the transport of a test, and what ends it.
func (b *bed) wire(name string) (http.RoundTripper, func() error, error) {
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
func (b *bed) empty(ctx context.Context) error {
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

// harness runs the suite. Each adapter has a client of its own, as a process has.
func (b *bed) harness() conformance.Harness {
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

func (b *bed) namespace(ctx context.Context) (conformance.Namespace, error) {
	if b.live() {
		if err := b.empty(ctx); err != nil {
			return conformance.Namespace{}, err
		}
	}
	wire, done, err := b.wire(conformance.TestID(ctx))
	if err != nil {
		return conformance.Namespace{}, err
	}
	faults := &fault.Injector{}
	return conformance.Namespace{
		Open: func(o adapter.Options) (adapter.Adapter, error) {
			return fauna.New(b.client(steps{faults, wire}), fauna.Options{Options: o}), nil
		},
		Dump:       func(ctx context.Context) ([]string, error) { return dump(ctx, b.client(wire)) },
		Foreign:    foreign(b.client(wire)),
		Faults:     faults,
		RoundTrips: faults.Count,
		Close:      done,
	}, nil
}

// steps lets every request be a step of an injector.
type steps struct {
	faults *fault.Injector
	next   http.RoundTripper
}

func (s steps) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	var answer error
	injected := s.faults.Step(req.Context(), func() error {
		resp, answer = whole(s.next.RoundTrip(req))
		return nil
	})
	if injected != nil {
		return nil, injected
	}
	return resp, answer
}

// keyFields are the fields by which another program finds its documents, but for a user.
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
			args, err := located(r)
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
			args, err := located(r)
			if err != nil {
				return false, err
			}
			has, err := run(ctx, client, foreignHas, args)
			return has == true, err
		},
	}
}

// storable reports whether a document can have a field. In an object Fauna drops what is
// null; what has a name of Auth.js's is then as if it were.
func storable(name string, v any) bool {
	object, _ := v.(map[string]any)
	for _, e := range object {
		if e == nil {
			return false
		}
	}
	return v != nil || slices.Contains(authJS, name)
}

// authJS are the names of fields that Auth.js knows.
var authJS = []string{
	"userId", "name", "email", "emailVerified", "image", "type", "provider", "providerAccountId", "refresh_token", "access_token", "expires_at",
	"token_type", "scope", "id_token", "session_state", "sessionToken", "expires", "identifier", "token", "createdAt", "updatedAt",
	"credentialID", "credentialPublicKey", "counter", "credentialDeviceType", "credentialBackedUp", "transports",
}

// located returns the arguments that find a record: its ID, or its key.
func located(r conformance.ForeignRecord) (map[string]any, error) {
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
