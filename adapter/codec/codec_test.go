package codec_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/codec"
)

func TestEveryValueComesBack(t *testing.T) {
	at := time.Date(2100, 1, 2, 3, 4, 5, 678e6, time.UTC)
	want := adapter.Attributes{
		"text": "é\x00", "empty": "", "true": true, "nil": nil, "zero": int64(0), "max": int64(math.MaxInt64), "min": int64(math.MinInt64),
		"small": int64(-1), "f": 0.1, "whole": 3.0, "tiny": 1e-130, "time": at, "before": time.Date(1, 1, 1, 0, 0, 0, 1e6, time.UTC), "list": []any{}, "map": map[string]any{},
		"nested": []any{nil, at, int64(7), []any{"a", map[string]any{"a.b": at, "": 2.5}}},
	}
	packed, err := codec.Append(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.Attributes(packed)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v, want %#v", got, err, want)
	}
	for name, v := range want {
		packed, err := codec.Append([]byte("before"), v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := codec.Value(packed[len("before"):])
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%s: got %#v, %v, want %#v", name, got, err, v)
		}
	}
}

func TestNoAttributesAreNil(t *testing.T) {
	for _, none := range []adapter.Attributes{nil, {}} {
		packed, err := codec.Append(nil, none)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := codec.Attributes(packed); err != nil || got != nil {
			t.Errorf("got %#v, %v, want nil", got, err)
		}
	}
}

func TestWhatIsNoValueIsAnError(t *testing.T) {
	whole, _ := codec.Append(nil, adapter.Attributes{"role": "admin", "list": []any{"a", int64(1)}})
	for end := range whole {
		if _, err := codec.Attributes(whole[:end]); err == nil {
			t.Errorf("the first %d bytes of %d are taken for attributes", end, len(whole))
		}
	}
	if _, err := codec.Attributes(append(whole, 0)); err == nil {
		t.Error("a byte behind them is not noticed")
	}
	text, _ := codec.Append(nil, "text")
	if _, err := codec.Attributes(text); err == nil {
		t.Error("a text is taken for attributes")
	}
	if _, err := codec.Append(nil, func() {}); err == nil {
		t.Error("a function is taken for a value")
	}
}
