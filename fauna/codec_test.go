package fauna

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// dropNulls returns a value as the server keeps it: without the nulls in objects.
func dropNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, e := range v {
			if e != nil {
				kept[name] = dropNulls(e)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i, e := range v {
			kept[i] = dropNulls(e)
		}
		return kept
	case time.Time:
		return &v
	}
	return v
}

func TestNullsComeBack(t *testing.T) {
	for _, a := range []adapter.Attributes{
		{"a": nil},
		{"a": nil, "b": int64(1)},
		{"a": map[string]any{"b": nil}},
		{"a": map[string]any{}},
		{"a": []any{}},
		{"a": []any{nil, map[string]any{"b": nil}, []any{[]any{map[string]any{"c": nil, "d": "x"}}}}},
		{"a": map[string]any{"b": map[string]any{"c": nil}, "0": nil, "1": []any{nil}}, "b": []any{map[string]any{"a": nil}}},
		{"ttl": nil, "exists": map[string]any{"ttl": nil, "__proto__": nil}, "__proto__": nil},
		{"nulls": nil, "authstorf": nil, "a:b": map[string]any{"c:d": nil}},
	} {
		d := doc{}
		d.attributes(a, nil)
		stored := doc(dropNulls(map[string]any(d.withoutNil())).(map[string]any))
		if diff := cmp.Diff(a, stored.takeAttributes(driver.UserRecord)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", a, diff)
		}
	}
}

// What another program has changed meanwhile counts more than where there were nulls.
func TestNullsYield(t *testing.T) {
	for name, test := range map[string]struct {
		stored doc
		want   adapter.Attributes
	}{
		"a value since":          {doc{"a": "x", nullsPrefix + "a": []any{[]any{}}}, adapter.Attributes{"a": "x"}},
		"a field since":          {doc{"a": map[string]any{"b": "x"}, nullsPrefix + "a": []any{[]any{"b"}}}, adapter.Attributes{"a": map[string]any{"b": "x"}}},
		"of another type since":  {doc{"a": "x", nullsPrefix + "a": []any{[]any{"b"}, []any{int64(1)}}}, adapter.Attributes{"a": "x"}},
		"a shorter list since":   {doc{"a": []any{}, nullsPrefix + "a": []any{[]any{int64(3), "b"}, []any{int64(-1), "b"}}}, adapter.Attributes{"a": []any{}}},
		"gone since":             {doc{nullsPrefix + "a": []any{[]any{"b"}}}, nil},
		"a name of the server's": {doc{"ttl": "theirs", "authstorettl": "ours", "data": "theirs"}, adapter.Attributes{"ttl": "ours"}},
		"not of our own writing": {doc{"b": true, nullsPrefix + "a": "x", nullsPrefix + "c": []any{"d", []any{true}}}, adapter.Attributes{"b": true}},
	} {
		if diff := cmp.Diff(test.want, test.stored.takeAttributes(driver.UserRecord)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// An attribute that is set anew, or removed, leaves no trace of its nulls.
func TestAnUpdateForgetsNulls(t *testing.T) {
	d := encodeUserUpdate(adapter.UserUpdate{Attributes: adapter.Attributes{"a": "x"}, RemoveAttributes: []string{"b"}}, time.Time{})
	for _, name := range []string{nullsPrefix + "a", nullsPrefix + "b", "b"} {
		if v, there := d[name]; !there || v != nil {
			t.Errorf("%q is not removed: %v", name, d)
		}
	}
}

// A signature counter that none can be is no counter, which any other would be above or
// below.
func TestCountersThatCannotBe(t *testing.T) {
	for _, counter := range []any{int64(-1), int64(1) << 32, "many"} {
		_, err := decodeAuthenticator(doc{authenticatorID: "c", fieldUserID: "1", authenticatorCounter: counter}, "Authenticator")
		if !errors.Is(err, adapter.ErrUnreadable) {
			t.Errorf("%v: got %v, want ErrUnreadable", counter, err)
		}
	}
}
