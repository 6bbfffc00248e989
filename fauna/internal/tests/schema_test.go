package fauna_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/fauna"
)

// names are the collections of the tests of the schema.
var names = fauna.Collections{Users: "People", Accounts: "Links", Sessions: "Visits", VerificationTokens: "Mails", Authenticators: "Keys"}

func schemaOf(t *testing.T, s fixture) adapter.Schema {
	t.Helper()
	schema, ok := adapter.As[adapter.Schema](s.Adapter)
	if !ok {
		t.Fatal("no Schema")
	}
	return schema
}

// problems fails the test unless CheckSchema returns problems that contain these words, one each.
func problems(t *testing.T, schema adapter.Schema, blocking bool, want ...string) {
	t.Helper()
	got, err := schema.CheckSchema(t.Context())
	check(t, err)
	if len(got) != len(want) {
		t.Errorf("got %+v, want %q", got, want)
	}
	for _, part := range want {
		found := false
		for _, p := range got {
			found = found || strings.Contains(p.Object+" "+p.Detail, part) && p.Blocking == blocking
		}
		if !found {
			t.Errorf("got %+v, want %q with Blocking %t", got, part, blocking)
		}
	}
}

func TestSchemaIsMade(t *testing.T) {
	s := newFixture(t, "schema", fauna.Options{Collections: names})
	schema := schemaOf(t, s)
	problems(t, schema, false, "People is missing", "Links is missing", "Visits is missing", "Mails is missing", "Keys is missing")
	_, err := s.GetUserByEmail(t.Context(), "ada@example.com")
	if errors.Is(err, adapter.ErrNotFound) || err == nil || !strings.Contains(err.Error(), "ApplySchema") {
		t.Errorf("got %v, want what to do about the schema", err)
	}
	check(t, schema.ApplySchema(t.Context()))
	problems(t, schema, false)
	_, err = s.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	check(t, err)
	_, err = s.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
	if !errors.Is(err, adapter.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
}

// The collections of the Auth.js adapter are extended, and keep what they have.
func TestSchemaIsExtended(t *testing.T) {
	s := newFixture(t, "schema-extended", fauna.Options{Collections: names})
	schema := schemaOf(t, s)
	s.fql(`
		Collection.create({ name: "People", indexes: { byEmail: { terms: [{ field: ".email" }] }, byRole: { terms: [{ field: ".role" }] } }, constraints: [{ unique: [".email"] }, { unique: [".phone"] }] })
		Collection.create({ name: "Links", indexes: { byUserId: { terms: [{ field: ".userId" }] } } })
		null`, nil)
	s.fql(`
		Collection("People").create({ email: "ada@example.com", phone: "1" })
		null`, nil)
	problems(t, schema, false, "Links has no index byProviderAndProviderAccountId", "Links does not check", "Visits is missing", "Mails is missing", "Keys is missing")
	check(t, schema.ApplySchema(t.Context()))
	problems(t, schema, false)
	kept := s.fql(`
		let people = Collection.byName("People")!
		{ role: people.indexes.byRole != null, constraints: people.constraints.length, documents: Collection("People").all().count() }`, nil)
	same(t, "what there was", kept, map[string]any{"role": true, "constraints": int64(2), "documents": int64(1)})
}

// An index with a required name on other fields has to be dropped by a person.
func TestSchemaIsBlocked(t *testing.T) {
	s := newFixture(t, "schema-blocked", fauna.Options{Collections: names})
	schema := schemaOf(t, s)
	check(t, schema.ApplySchema(t.Context()))
	s.fql(`
		Collection.byName("People")!.replace({ name: "People", indexes: { byEmail: { terms: [{ field: ".mail" }] } }, constraints: [{ unique: [".email"] }] })
		null`, nil)
	problems(t, schema, true, "People has an index byEmail of other fields")
	if err := schema.ApplySchema(t.Context()); !errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "collection People") {
		t.Errorf("got %v, want ErrSetup that names the collection", err)
	}
}

// schemaAtOnce is a test of the suite, which knows that it cannot be played back.
func schemaAtOnce(b *testbed) conformance.Test {
	return conformance.Test{
		ID:     "FAU-001",
		Rule:   "Processes that start at once make one schema.",
		Source: "adapter.Schema",
		Needs:  []conformance.Feature{conformance.Live},
		Run: func(t *conformance.T) {
			var calls sync.WaitGroup
			for range 8 {
				calls.Go(func() {
					a, err := fauna.New(b.client(b.transport), fauna.Options{Collections: names})
					if err != nil {
						t.Errorf("New: %v", err)
						return
					}
					schema, _ := adapter.As[adapter.Schema](a)
					if err := schema.ApplySchema(t.Context()); err != nil {
						t.Errorf("ApplySchema: %v", err)
					}
					if got, err := schema.CheckSchema(t.Context()); err != nil || len(got) > 0 {
						t.Errorf("CheckSchema: %v, %v", got, err)
					}
				})
			}
			calls.Wait()
		},
	}
}
