package fauna

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// collection is what the adapter needs of a collection.
type collection struct {
	name    string
	unique  []string            // the fields that are unique together
	indexes map[string][]string // the terms of each
}

// schema returns the collections.
func (s *store) schema() []collection {
	byUser := []string{fieldUserID}
	return []collection{
		{s.names.Users, []string{userEmail}, map[string][]string{"byEmail": {userEmail}}},
		{s.names.Accounts, []string{accountProvider, accountID}, map[string][]string{
			"byProviderAndProviderAccountId": {accountProvider, accountID}, "byUserId": byUser}},
		{s.names.Sessions, []string{sessionToken}, map[string][]string{"bySessionToken": {sessionToken}, "byUserId": byUser}},
		{s.names.VerificationTokens, []string{linkIdentifier, linkToken}, map[string][]string{
			"byIdentifierAndToken": {linkIdentifier, linkToken}, "byIdentifier": {linkIdentifier}}},
		{s.names.Authenticators, []string{authenticatorID}, map[string][]string{"byCredentialID": {authenticatorID}, "byUserId": byUser}},
	}
}

const (
	checkCollections = `
		{ collections: ${names}.map(n => Collection.byName(n) { indexes, constraints }) }`

	// checkExpiries answers with documents that have nothing but what their expiry is
	// known by. One that is a time needs not be looked at.
	checkExpiries = `
		{ page: Collection(${name}).all().map(d => {
			let d: Any = d
			let expires: Any = if (d.expires isa Time) Time.epoch(0, "seconds") else d.expires
			{ id: d.id, data: { userId: d.userId, expires: expires } }
		}).pageSize(${n}) }`

	createCollection = `
		if (!Collection.byName(${name}).exists()) Collection.create({ name: ${name}, indexes: ${indexes}, constraints: ${constraints} })
		{ done: true }`

	// extendCollection keeps the indexes and constraints that there are.
	extendCollection = `
		let c: Any = Collection.byName(${name})
		let old = if (c.constraints == null) [] else c.constraints
		c.update({ indexes: ${indexes}, constraints: old.concat(${constraints}) })
		{ done: true }`
)

// lack is what a collection lacks.
type lack struct {
	collection
	absent   bool // all of it
	problems []adapter.SchemaProblem
	blocked  bool // an index of a name that is needed has other terms
}

// CheckSchema implements adapter.Schema. An index that is still being built is a
// problem, which passes.
func (s *store) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	lacks, err := s.lacks(ctx)
	if err != nil {
		return nil, err
	}
	var problems []adapter.SchemaProblem
	for _, l := range lacks {
		problems = append(problems, l.problems...)
	}
	if len(problems) > 0 {
		return problems, nil
	}
	return s.unreadable(ctx)
}

// lookedAt is how many documents of a collection CheckSchema looks at.
const lookedAt = 10_000

// unreadable returns the documents that no read can use, and a sign-in fails on, among the
// first of those that expire.
func (s *store) unreadable(ctx context.Context) (problems []adapter.SchemaProblem, err error) {
	for _, collection := range []string{s.names.Sessions, s.names.VerificationTokens} {
		a, looked := args{"name": collection, "n": pageSize}, 0
		r, err := s.query(ctx, checkExpiries, a)
		for ; err == nil; r, err = s.query(ctx, nextPage, a) {
			records, after := page(r)
			for _, d := range records {
				if _, err := d.takeExpiry(collection, d.takeText(fieldID), d.takeID(fieldUserID)); err != nil {
					problems = append(problems, unreadable(err))
				}
			}
			if looked += len(records); after == "" || looked >= lookedAt {
				break
			}
			a = args{"after": after}
		}
		if err != nil {
			return nil, err
		}
	}
	return problems, nil
}

// unreadable returns the problem of an *adapter.RecordError.
func unreadable(err error) adapter.SchemaProblem {
	var r *adapter.RecordError
	if !errors.As(err, &r) {
		return adapter.SchemaProblem{Detail: err.Error(), Blocking: true}
	}
	return adapter.SchemaProblem{
		Object: r.Place, Blocking: true,
		Detail: fmt.Sprintf("cannot be read, since its field %s should be %s, not %s: correct or delete it", r.Field, r.Want, r.Got),
	}
}

// lacks compares the collections with what they should be.
func (s *store) lacks(ctx context.Context) ([]lack, error) {
	schema := s.schema()
	names := make([]string, len(schema))
	for i, c := range schema {
		names[i] = c.name
	}
	r, err := s.query(ctx, checkCollections, args{"names": names})
	if err != nil {
		return nil, err
	}
	found, _ := r["collections"].([]any)
	if len(found) != len(schema) {
		return nil, driver.Caused(adapter.ErrUnavailable, errNoAnswer)
	}
	lacks := make([]lack, len(schema))
	for i, c := range schema {
		definition, _ := found[i].(map[string]any)
		lacks[i] = c.compare(definition)
	}
	return lacks, nil
}

// compare returns what a collection lacks. No definition is no collection. What is
// left in the lack's indexes and unique is what has to be made.
func (c collection) compare(definition map[string]any) lack {
	l := lack{collection: c, absent: definition == nil}
	if l.absent {
		l.problem("is missing: apply the schema")
		return l
	}
	l.indexes = map[string][]string{}
	indexes, _ := definition["indexes"].(map[string]any)
	for name, terms := range c.indexes {
		index, there := indexes[name].(map[string]any)
		switch {
		case !there:
			l.indexes[name] = terms
			l.problem("has no index %s: apply the schema", name)
		case !slices.Equal(paths(index["terms"]), terms):
			l.blocked = true
			l.problem("has an index %s of other fields than %q: drop it, and apply the schema", name, terms)
		case index["queryable"] != true:
			l.problem("is building the index %s: wait", name)
		}
	}
	l.compareUnique(definition["constraints"])
	return l
}

func (l *lack) compareUnique(constraints any) {
	all, _ := constraints.([]any)
	for _, v := range all {
		constraint, _ := v.(map[string]any)
		if !slices.Equal(paths(constraint["unique"]), l.unique) {
			continue
		}
		if constraint["status"] != "active" {
			l.problem("does not check yet that %q is unique: wait", l.unique)
		}
		l.unique = nil
		return
	}
	l.problem("does not check that %q is unique: apply the schema", l.unique)
}

func (l *lack) problem(format string, a ...any) {
	l.problems = append(l.problems, adapter.SchemaProblem{
		Object: "collection " + l.name, Detail: fmt.Sprintf(format, a...), Blocking: l.blocked,
	})
}

// paths returns the names of fields in a definition, where a field is ".name" or an
// object with that.
func paths(v any) []string {
	all, _ := v.([]any)
	names := make([]string, len(all))
	for i, f := range all {
		if object, is := f.(map[string]any); is {
			f = object["field"]
		}
		name, _ := f.(string)
		names[i] = strings.TrimPrefix(name, ".")
	}
	return names
}

// buildTime is how long indexes may take to be built before ApplySchema stops waiting.
const buildTime = 10 * time.Minute

// errBuilding says that indexes are not ready yet.
var errBuilding = errors.New("fauna: indexes are still being built")

// ApplySchema implements adapter.Schema. It waits until the indexes are built and the
// unique constraints are checked, which they are at once where there are few documents.
func (s *store) ApplySchema(ctx context.Context) error {
	// Schema takes longer than a record. With a deadline of its own a query is not limited
	// as others are.
	ctx, cancel := context.WithTimeout(ctx, buildTime+time.Minute)
	defer cancel()
	for end := time.Now().Add(buildTime); time.Now().Before(end); {
		lacks, err := s.lacks(ctx)
		if err != nil {
			return err
		}
		ready := true
		for _, l := range lacks {
			ready = ready && len(l.problems) == 0
			if err := s.supply(ctx, l); err != nil {
				return err
			}
		}
		if ready {
			return nil
		}
		if err := sleep(ctx, lastPause); err != nil {
			return err
		}
	}
	return driver.Caused(adapter.ErrUnavailable, errBuilding)
}

// supply makes what a collection lacks.
func (s *store) supply(ctx context.Context, l lack) error {
	if l.blocked {
		return adapter.Setup("the collection "+l.name+" has an index of a name that is needed on other fields", "CheckSchema says which: drop it, or name another collection by Options.Collections")
	}
	a := args{"name": l.name, "indexes": definitions(l.indexes), "constraints": constraint(l.unique)}
	var err error
	switch {
	case l.absent:
		_, err = s.query(ctx, createCollection, a)
	case len(l.indexes) > 0 || l.unique != nil:
		_, err = s.query(ctx, extendCollection, a)
	}
	return err
}

// definitions returns indexes as the server has them defined.
func definitions(indexes map[string][]string) map[string]any {
	all := map[string]any{}
	for name, fields := range indexes {
		terms := make([]any, len(fields))
		for i, f := range fields {
			terms[i] = map[string]any{"field": "." + f}
		}
		all[name] = map[string]any{"terms": terms}
	}
	return all
}

// constraint returns a unique constraint as the server has it defined, in a list.
func constraint(unique []string) []any {
	if unique == nil {
		return []any{}
	}
	fields := make([]any, len(unique))
	for i, f := range unique {
		fields[i] = "." + f
	}
	return []any{map[string]any{"unique": fields}}
}
