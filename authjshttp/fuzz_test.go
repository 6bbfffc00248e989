package authjshttp

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"

	"github.com/authstore/authstore/memory"
)

// FuzzArguments checks that what is decoded comes back from its encoding, in one form.
func FuzzArguments(f *testing.F) {
	for _, body := range []string{
		`[]`, `["t"]`, `[{"emailVerified":{"$date":"2020-01-02T03:04:05.678Z"}}]`, `[{"$object":{"$date":"x"}}]`, `[{"$object":1}]`,
		`[1e2,-0,0.5,9223372036854775807,9223372036854775808]`, `["\ud83d\ude00"]`, `["\ud800"]`, `["\\ud800"]`, "[\"\xff\"]", `[[[{}]]]`, `null`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		args, err := decodeArguments(slices.Clone(body))
		if err != nil {
			return
		}
		text := encode(args)
		again, err := decodeArguments(text)
		if err != nil {
			t.Fatalf("%q, encoded as %q: %v", body, text, err)
		}
		if twice := encode(again); !bytes.Equal(twice, text) || !reflect.DeepEqual(kinds(again), kinds(args)) {
			t.Errorf("%q: encoded as %q, and then as %q", body, text, twice)
		}
	})
}

// kinds are the types of values; those of numbers may change, since JavaScript has one.
func kinds(v any) any {
	switch v := v.(type) {
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = kinds(e)
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for name, e := range v {
			all[name] = kinds(e)
		}
		return all
	case int64, float64:
		return reflect.Float64
	}
	return reflect.TypeOf(v)
}

// FuzzCalls checks that no request is an error of the service's own.
func FuzzCalls(f *testing.F) {
	names := slices.Sorted(maps.Keys(methods))
	for i := range names {
		f.Add(uint8(i), []byte(`[{"id":"1","userId":"1","email":"a@example.com","expires":{"$date":"2120-01-02T03:04:05.678Z"}}]`), "")
		f.Add(uint8(i), []byte(`["a","b"]`), "key")
	}
	f.Fuzz(func(t *testing.T, i uint8, body []byte, key string) {
		h, err := New(memory.New(memory.Options{}), Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		r := request(names[int(i)%len(names)], string(body))
		r.Header.Set(keyHeader, key)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%s %q: got %d %s", r.URL.Path, body, w.Code, w.Body)
		}
	})
}
