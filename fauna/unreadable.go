package fauna

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authstore/authstore/adapter"
)

// takeExpiry returns when a document of a collection expires, which the contract requires.
func (d doc) takeExpiry(collection, id, userID string) (time.Time, error) {
	v := d.take(fieldExpires)
	expires, ok := parseDate(v)
	if !ok {
		return time.Time{}, &adapter.RecordError{Place: collection + " " + id, UserID: userID, Field: fieldExpires, Want: "a Time of the years 1 to 9999", Got: typeName(v)}
	}
	return expires, nil
}

// typeName returns what a value is, in FQL's words.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "String"
	case bool:
		return "Boolean"
	case int64, float64:
		return "Number"
	case *time.Time:
		return "a time that is out of range"
	case []any:
		return "Array"
	case map[string]any:
		return "Object"
	}
	return "a value of another type"
}

// unreadableProblem returns an *adapter.RecordError as a problem of the schema.
func unreadableProblem(err error) adapter.SchemaProblem {
	var r *adapter.RecordError
	if !errors.As(err, &r) {
		return adapter.SchemaProblem{Detail: err.Error(), Blocking: true}
	}
	return adapter.SchemaProblem{
		Object: r.Place, Blocking: true,
		Detail: fmt.Sprintf("cannot be read, since its field %s should be %s, not %s: correct or delete it", r.Field, r.Want, r.Got),
	}
}

// maxChecked is how many documents of a collection CheckSchema reads.
const maxChecked = 10_000

// unreadableExpiries returns the sessions and verification tokens, among the first maxChecked,
// whose expiry cannot be read.
func (s *store) unreadableExpiries(ctx context.Context) (problems []adapter.SchemaProblem, err error) {
	for _, collection := range []string{s.names.Sessions, s.names.VerificationTokens} {
		a, checked := args{"name": collection, "n": pageSize}, 0
		r, err := s.query(ctx, checkExpiries, a)
		for ; err == nil; r, err = s.query(ctx, nextPage, a) {
			records, after := page(r)
			for _, d := range records {
				if _, err := d.takeExpiry(collection, d.takeText(fieldID), d.takeID(fieldUserID)); err != nil {
					problems = append(problems, unreadableProblem(err))
				}
			}
			if checked += len(records); after == "" || checked >= maxChecked {
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
