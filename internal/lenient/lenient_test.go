package lenient

import (
	"math"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)

func TestTime(t *testing.T) {
	for _, v := range []any{
		noon, noon.In(time.FixedZone("", 3600)), noon.UnixMilli(), float64(noon.UnixMilli()), float64(noon.UnixMilli()) + .5,
		"2024-05-06T12:00:00.000Z", "2024-05-06T12:00:00Z", "2024-05-06T12:00:00", "2024-05-06T12:00Z", "2024-05-06T12:00", "2024-05-06T14:00:00+02:00",
		"2024-05-06T14:00:00.000+0200", "2024-05-06 12:00:00", "2024-05-06 12:00:00.000", "2024-05-06 12:00:00+00", "2024-05-06 12:00:00 UTC", "2024-05-06 14:00:00 +0200",
		"Mon, 06 May 2024 12:00:00 GMT", "Mon May 06 2024 14:00:00 GMT+0200 (Central European Summer Time)", "Mon May 06 2024 12:00:00 GMT+0000",
		"May 6, 2024 12:00:00", "May 6, 2024, 12:00:00 PM", "6 May 2024 12:00:00 GMT", "5/6/2024, 12:00:00 PM", "2024/05/06 12:00:00", " 2024-05-06T12:00:00Z ",
	} {
		if got, ok := Time(v); !ok || !got.Equal(noon) {
			t.Errorf("Time(%v) is %v, %v", v, got, ok)
		}
	}
	midnight := noon.Truncate(24 * time.Hour)
	for _, v := range []any{"2024-05-06", "Mon May 06 2024", "May 6, 2024", "6 May 2024", "5/6/2024", "2024/05/06", "2024/5/6"} {
		if got, ok := Time(v); !ok || !got.Equal(midnight) {
			t.Errorf("Time(%v) is %v, %v", v, got, ok)
		}
	}
	for _, v := range []any{nil, true, "", "soon", "Invalid Date", math.NaN(), math.Inf(1), 1e300, map[string]any{}, []any{}, int64(math.MaxInt64)} {
		if got, ok := Time(v); ok {
			t.Errorf("Time(%v) is %v", v, got)
		}
	}
}

func TestText(t *testing.T) {
	for v, want := range map[any]string{"a": "a", int64(12): "12", 12.0: "12", 1.5: "1.5", true: "true", 1e20: "100000000000000000000", math.Copysign(0, -1): "0"} {
		if got, ok := Text(v); !ok || got != want {
			t.Errorf("Text(%v) is %q, %v", v, got, ok)
		}
	}
	for _, v := range []any{nil, math.NaN(), math.Inf(-1), 1e21, 1e-7, []any{"a"}, map[string]any{}, noon} {
		if got, ok := Text(v); ok {
			t.Errorf("Text(%v) is %q", v, got)
		}
	}
}

func TestSeconds(t *testing.T) {
	for _, v := range []any{noon.Unix(), float64(noon.Unix()) + .9, noon, "1714996800", "1714996800.9", "2024-05-06T12:00:00Z"} {
		if got, ok := Seconds(v); !ok || got != noon.Unix() {
			t.Errorf("Seconds(%v) is %d, %v", v, got, ok)
		}
	}
	for _, v := range []any{nil, math.NaN(), math.Inf(1), "NaN", "soon", int64(-1), int64(math.MaxInt64), 1e300, []any{}} {
		if got, ok := Seconds(v); ok {
			t.Errorf("Seconds(%v) is %d", v, got)
		}
	}
}

func TestWords(t *testing.T) {
	for _, v := range []any{"usb,nfc", "usb, nfc", "usb nfc", []any{"usb", "nfc"}} {
		if got, ok := Words(v, ","); !ok || !slices.Equal(got, []string{"usb", "nfc"}) {
			t.Errorf("Words(%v) is %q, %v", v, got, ok)
		}
	}
	if got, ok := Words([]any{1.0}, ","); ok {
		t.Errorf("Words of a number is %q", got)
	}
}

func TestVerified(t *testing.T) {
	for _, tt := range []struct {
		v             any
		created, want time.Time
	}{
		{nil, noon, time.Time{}}, {false, noon, time.Time{}}, {true, noon, noon}, {true, time.Time{}, time.UnixMilli(0).UTC()},
		{noon, time.Time{}, noon}, {"2024-05-06T12:00:00Z", time.Time{}, noon}, {map[string]any{}, noon, time.Time{}},
	} {
		if got := Verified(tt.v, tt.created); !got.Equal(tt.want) {
			t.Errorf("Verified(%v, %v) is %v, want %v", tt.v, tt.created, got, tt.want)
		}
	}
}
