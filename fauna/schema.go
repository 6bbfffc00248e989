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

// collection is what the adapter requires of a collection.
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
		{s.names.VerificationTokens, []string{verificationIdentifier, verificationToken}, map[string][]string{
			"byIdentifierAndToken": {verificationIdentifier, verificationToken}, "byIdentifier": {verificationIdentifier}}},
		{s.names.Authenticators, []string{authenticatorID}, map[string][]string{"byCredentialID": {authenticatorID}, "byUserId": byUser}},
	}
}

const (
	checkCollections = `
		{ collections: ${names}.map(n => Collection.byName(n) { indexes, constraints }) }`

	// checkExpiries returns documents with no other fields than the expiry and the user's ID. An
	// expiry that is a Time is valid, and is replaced by a short value.
	checkExpiries = `
		{ page: Collection(${name}).all().map(d => {
			let d: Any = d
			let expires: Any = if (d.expires isa Time) Time.epoch(0, "seconds") else d.expires
			{ id: d.id, data: { userId: d.userId, expires: expires } }
		}).pageSize(${n}) }`

	createCollection = `
		if (!Collection.byName(${name}).exists()) Collection.create({ name: ${name}, indexes: ${indexes}, constraints: ${constraints} })
		{ done: true }`

	// extendCollection keeps the existing indexes and constraints.
	extendCollection = `
		let c: Any = Collection.byName(${name})
		let old = if (c.constraints == null) [] else c.constraints
		c.update({ indexes: ${indexes}, constraints: old.concat(${constraints}) })
		{ done: true }`
)

// difference is what a collection lacks of what is required.
type difference struct {
	collection
	absent   bool // there is no such collection
	problems []adapter.SchemaProblem
	blocked  bool // an index of a required name has other terms
}

// CheckSchema implements adapter.Schema. An index that is still being built is a problem that
// goes away by itself.
func (s *store) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	differences, err := s.differences(ctx)
	if err != nil {
		return nil, err
	}
	var problems []adapter.SchemaProblem
	for _, d := range differences {
		problems = append(problems, d.problems...)
	}
	if len(problems) > 0 {
		return problems, nil
	}
	return s.unreadableExpiries(ctx)
}

// differences compares the collections with what is required.
func (s *store) differences(ctx context.Context) ([]difference, error) {
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
	differences := make([]difference, len(schema))
	for i, c := range schema {
		definition, _ := found[i].(map[string]any)
		differences[i] = c.compare(definition)
	}
	return differences, nil
}

// compare returns what a collection lacks; its definition is nil if it does not exist. The
// indexes and the constraint in the result are those to be created.
func (c collection) compare(definition map[string]any) difference {
	d := difference{collection: c, absent: definition == nil}
	if d.absent {
		d.problem("is missing: run ApplySchema")
		return d
	}
	d.indexes = map[string][]string{}
	indexes, _ := definition["indexes"].(map[string]any)
	for name, terms := range c.indexes {
		index, exists := indexes[name].(map[string]any)
		switch {
		case !exists:
			d.indexes[name] = terms
			d.problem("has no index %s: run ApplySchema", name)
		case !slices.Equal(paths(index["terms"]), terms):
			d.blocked = true
			d.problem("has an index %s of other fields than %q: drop it, and run ApplySchema", name, terms)
		case index["queryable"] != true:
			d.problem("is still building the index %s: wait", name)
		}
	}
	d.compareUnique(definition["constraints"])
	return d
}

func (d *difference) compareUnique(constraints any) {
	all, _ := constraints.([]any)
	for _, v := range all {
		constraint, _ := v.(map[string]any)
		if !slices.Equal(paths(constraint["unique"]), d.unique) {
			continue
		}
		if constraint["status"] != "active" {
			d.problem("does not check yet that %q is unique: wait", d.unique)
		}
		d.unique = nil
		return
	}
	d.problem("does not check that %q is unique: run ApplySchema", d.unique)
}

func (d *difference) problem(format string, a ...any) {
	d.problems = append(d.problems, adapter.SchemaProblem{
		Object: "collection " + d.name, Detail: fmt.Sprintf(format, a...), Blocking: d.blocked,
	})
}

// paths returns the names of the fields in a definition, in which a field is ".name" or an object
// that contains it.
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

// errBuilding means that indexes are not ready yet.
var errBuilding = errors.New("fauna: indexes are still being built")

// ApplySchema implements adapter.Schema. It waits until the indexes are built and the
// unique constraints are checked, which they are at once where there are few documents.
func (s *store) ApplySchema(ctx context.Context) error {
	// These queries take longer than those for a record. A deadline of their own replaces the
	// usual limit.
	ctx, cancel := context.WithTimeout(ctx, buildTime+time.Minute)
	defer cancel()
	for end := time.Now().Add(buildTime); time.Now().Before(end); {
		differences, err := s.differences(ctx)
		if err != nil {
			return err
		}
		ready := true
		for _, d := range differences {
			ready = ready && len(d.problems) == 0
			if err := s.apply(ctx, d); err != nil {
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

// apply creates what a collection lacks.
func (s *store) apply(ctx context.Context, d difference) error {
	if d.blocked {
		return adapter.Setup("the collection "+d.name+" has an index with a required name on other fields", "CheckSchema says which: drop it, or name another collection in Options.Collections")
	}
	a := args{"name": d.name, "indexes": definitions(d.indexes), "constraints": constraint(d.unique)}
	var err error
	switch {
	case d.absent:
		_, err = s.query(ctx, createCollection, a)
	case len(d.indexes) > 0 || d.unique != nil:
		_, err = s.query(ctx, extendCollection, a)
	}
	return err
}

// definitions returns indexes in the form of a collection's definition.
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

// constraint returns a unique constraint in the form of a collection's definition, in a list.
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
