// Package lenient reads what another program stored in a field of the contract, in
// another form than this one has. It is the same on every store:
//
//   - a date: a date; text in the forms that JavaScript's Date takes, without a zone in
//     UTC; a number of milliseconds since 1970;
//   - text: text; a number in decimal; a bool;
//   - seconds: a whole number, also as text or with a fraction, which is cut; a date;
//   - words (scopes, transports): text; a list of text.
//
// What it does not take is absent where the contract can do without it, and else an
// adapter.RecordError. Values have the types of adapter.Attributes.
package lenient

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// layouts are the forms of text that JavaScript's Date takes, beside those of RFC 3339:
// ECMA-262 "Date Time String Format", toString, toUTCString, and what V8 takes beside
// them. A fraction of a second is taken everywhere by time.Parse.
var layouts = []string{
	time.RFC3339,
	"2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05Z07", "2006-01-02 15:04:05Z0700",
	"2006-01-02 15:04:05 Z0700", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05", "2006-01-02 15:04",
	"2006-01-02", "2006-01", "2006",
	"Mon, 02 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05 MST", "Mon, 02 Jan 2006 15:04:05 Z0700",
	"Mon Jan 02 2006 15:04:05 Z0700", "Mon Jan 02 2006 15:04:05", "Mon Jan 02 2006", "Mon Jan _2 15:04:05 2006",
	"Jan 2, 2006 15:04:05 MST", "Jan 2, 2006 15:04:05", "Jan 2, 2006, 3:04:05 PM", "Jan 2, 2006 15:04", "Jan 2, 2006", "Jan 2 2006",
	"January 2, 2006 15:04:05 MST", "January 2, 2006 15:04:05", "January 2, 2006", "January 2 2006",
	"2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05 Z0700", "2 Jan 2006 15:04:05", "2 Jan 2006", "2 January 2006 15:04:05", "2 January 2006",
	"2006/01/02 15:04:05", "2006/01/02", "2006/1/2", "1/2/2006, 3:04:05 PM", "1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/2006",
}

// zoneName is what Date's toString has at its end, in parentheses.
var zoneName = regexp.MustCompile(` \([^()]*\)$`)

var offset = regexp.MustCompile(`GMT([+-]\d{4})$`)

// Time reads a date.
func Time(v any) (t time.Time, ok bool) {
	switch v := v.(type) {
	case time.Time:
		return inRange(v)
	case int64:
		return fromMillis(float64(v))
	case float64:
		return fromMillis(v)
	case string:
		return parse(v)
	}
	return time.Time{}, false
}

// maxMillis is the end of the year 9999.
const maxMillis = 253402300800000

func fromMillis(ms float64) (time.Time, bool) {
	if math.IsNaN(ms) || math.Abs(ms) >= maxMillis {
		return time.Time{}, false
	}
	return inRange(time.UnixMilli(int64(math.Trunc(ms))))
}

func parse(s string) (time.Time, bool) {
	s = zoneName.ReplaceAllString(strings.TrimSpace(s), "")
	s = offset.ReplaceAllString(s, "$1") // time.Parse takes GMT+0200 for a zone's name
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return inRange(t)
		}
	}
	return time.Time{}, false
}

func inRange(t time.Time) (time.Time, bool) {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return time.Time{}, false
	}
	return adapter.Milliseconds(t), true
}

// Text reads text.
func Text(v any) (s string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return number(v)
	}
	return "", false
}

// number returns a number as JavaScript writes it, for those that it writes without an
// exponent.
func number(v float64) (string, bool) {
	if abs := math.Abs(v); math.IsNaN(v) || abs >= 1e21 || abs != 0 && abs < 1e-6 {
		return "", false
	}
	if v == 0 {
		v = 0 // JavaScript has no sign there
	}
	return strconv.FormatFloat(v, 'f', -1, 64), true
}

// Seconds reads seconds since 1970. What is negative or past the year 9999 is none.
func Seconds(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case int64:
		n, ok = v, true
	case float64:
		n, ok = whole(v)
	case time.Time:
		n, ok = v.Unix(), true
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err == nil {
			n, ok = whole(f)
		} else if t, isTime := parse(v); isTime {
			n, ok = t.Unix(), true
		}
	}
	if !ok || n < 0 || n >= maxMillis/1000 {
		return 0, false
	}
	return n, true
}

func whole(v float64) (int64, bool) {
	if math.IsNaN(v) || math.Abs(v) >= maxMillis {
		return 0, false
	}
	return int64(v), true
}

// Words reads several words: a list of text, or text in which they are kept apart by
// separator or by white space.
func Words(v any, separator string) (words []string, ok bool) {
	switch v := v.(type) {
	case string:
		return strings.Fields(strings.ReplaceAll(v, separator, " ")), true
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			words = append(words, s)
		}
		return words, true
	}
	return nil, false
}

// Verified reads emailVerified: a date, or a bool, where true is since when the user is
// there, or 1970 if that is not known. Anything else is not verified.
func Verified(v any, created time.Time) time.Time {
	if v, isBool := v.(bool); isBool {
		switch {
		case !v:
			return time.Time{}
		case created.IsZero():
			return time.UnixMilli(0).UTC()
		}
		return created
	}
	t, _ := Time(v)
	return t
}
