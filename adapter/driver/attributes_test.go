package driver

import (
	"errors"
	"maps"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// deep returns a value that is nested so deep.
func deep(n int) any {
	var v any = "leaf"
	for range n {
		v = map[string]any{"d": v}
	}
	return v
}

func TestARefusedAttributeIsNamed(t *testing.T) {
	const secret = "hunter2"
	for name, tt := range map[string]struct {
		attributes adapter.Attributes
		want       string // what the reason ends with
	}{
		"reserved":             {adapter.Attributes{"ok": 1, "email": secret}, `must not use the reserved name "email"`},
		"deeper":               {adapter.Attributes{"app": map[string]any{"list": []any{1, map[string]any{"x\t": secret}}}}, `without control characters, unlike "app"."list"[1]."x\t"`},
		"a control character":  {adapter.Attributes{"a\n": secret}, `without control characters, unlike "a\n"`},
		"no name":              {adapter.Attributes{"": secret}, `of 1 to 255 bytes, unlike ""`},
		"a long name":          {adapter.Attributes{strings.Repeat("n", 300): secret}, `of 1 to 255 bytes, unlike …`},
		"an address as a name": {adapter.Attributes{"by": map[string]any{"ada@example.com\n": secret}}, `without control characters, unlike "by".…`},
		"a type":               {adapter.Attributes{"f": []any{func() {}}}, `not func(), unlike "f"[0]`},
		"a number":             {adapter.Attributes{"n": map[string]any{"x": math.NaN()}}, `to below 1e+126, unlike "n"."x"`},
		"a large integer":      {adapter.Attributes{"n": uint64(math.MaxUint64)}, `fit an int64, unlike "n"`},
		"a year":               {adapter.Attributes{"at": []any{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}, `in the years 1 to 9999, unlike "at"[0]`},
		"no text":              {adapter.Attributes{"s": "\xff" + secret}, `must be valid UTF-8, unlike "s"`},
		"NUL":                  {adapter.Attributes{"s": "\x00" + secret}, `must not hold NUL, unlike "s"`},
		"depth":                {adapter.Attributes{"d": deep(20)}, `.…`},
		"size":                 {adapter.Attributes{"small": "s", "large": strings.Repeat(secret, 10000), "other": 1}, `65536 bytes together, unlike "large"`},
		"size of many":         {adapter.Attributes{"a": strings.Repeat("a", 40000), "b": strings.Repeat("b", 40001)}, `65536 bytes together, unlike "b"`},
	} {
		_, err := normalizeUser(adapter.Options{}.WithDefaults(), adapter.User{Attributes: tt.attributes})
		var invalid *adapter.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "User.Attributes" {
			t.Errorf("%s: got %v, want User.Attributes refused", name, err)
			continue
		}
		if name == "depth" {
			tt.want = `16 deep, unlike "d"` + strings.Repeat(`."d"`, 16)
		}
		if !strings.HasSuffix(invalid.Reason, tt.want) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "example.com") {
			t.Errorf("%s: got %q, want …%s and no value", name, invalid.Reason, tt.want)
		}
	}
	_, err := normalizeUserUpdate(adapter.UserUpdate{RemoveAttributes: []string{"a\n"}})
	if err == nil || !strings.HasSuffix(err.Error(), `unlike "a\n"`) {
		t.Errorf("RemoveAttributes: got %v, want the name", err)
	}
}

// What is writable is what an update takes: by both, for every value.
func TestWritableIsWhatAnUpdateTakes(t *testing.T) {
	for _, r := range []Record{UserRecord, AccountRecord, SessionRecord, AuthenticatorRecord} {
		for name, v := range map[string]any{
			"role": "admin", "n": int64(1), "f": 1.5, "t": time.Unix(1, 0), "nil": nil, "list": []any{"a", int64(1), []any{}}, "map": map[string]any{"a": nil},
			"type": "x", "data": "x", "userId": "x", "name": "x", "email": "x", "scope": "x", "sessionToken": "x", "authstoreX": "x", "a.b": "x", "$a": "x", "@a": "x", "": "x",
			strings.Repeat("n", 256): "x", "nan": math.NaN(), "inf": math.Inf(1), "big": 1e300, "bad": "\xff", "nul": "\x00", "far": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
			"inner": map[string]any{"a.b": 1}, "inList": []any{map[string]any{"$a": 1}}, "control": []any{map[string]any{"a\n": 1}}, "credentialID": "x", "c\x7f": "x", "deep15": deep(15), "deep16": deep(16), "huge": strings.Repeat("x", 65536),
			"type of Go": struct{}{}, "__proto__": map[string]any{"admin": true}, "constructor": "x",
		} {
			a := adapter.Attributes{name: v}
			_, err := normalizeAttributes(r, a)
			left := Writable(maps.Clone(a), r)
			if (err == nil) != (len(left) == 1) {
				t.Errorf("%s %.40q: an update says %v, and writable is %v", r, name, err, len(left) == 1)
			}
		}
	}
	kept := Writable(adapter.Attributes{"a": "1", "email": "x", "b": []any{"2"}}, UserRecord)
	if !reflect.DeepEqual(kept, adapter.Attributes{"a": "1", "b": []any{"2"}}) {
		t.Errorf("got %v, want a and b", kept)
	}
	if Writable(adapter.Attributes{"email": "x"}, UserRecord) != nil || Writable(adapter.Attributes(nil), UserRecord) != nil {
		t.Error("no attributes are not nil")
	}
}
