package dynamodb

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

func str(v string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: v} }
func boolean(v bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: v} }

func number(v int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
}

// text returns the string that a value is, "" if it is none.
func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// isoTime is the format in which JavaScript writes a time (Date.prototype.toISOString).
const isoTime = "2006-01-02T15:04:05.000Z"

func timestamp(t time.Time) types.AttributeValue { return str(t.Format(isoTime)) }

// seconds returns the first whole second that is not before a time: the time to live, which
// must not remove what is live.
func seconds(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

// encodeValue returns the stored value of an attribute. A time is text that JavaScript takes
// for a date.
func encodeValue(v any) types.AttributeValue {
	switch v := v.(type) {
	case string:
		return str(v)
	case bool:
		return boolean(v)
	case int64:
		return number(v)
	case float64:
		return &types.AttributeValueMemberN{Value: strconv.FormatFloat(v, 'g', -1, 64)}
	case time.Time:
		return timestamp(v)
	case []any:
		list := make([]types.AttributeValue, len(v))
		for i, e := range v {
			list[i] = encodeValue(e)
		}
		return &types.AttributeValueMemberL{Value: list}
	case map[string]any:
		m := make(item, len(v))
		for name, e := range v {
			m[attribute.Stored(name)] = encodeValue(e)
		}
		return &types.AttributeValueMemberM{Value: m}
	}
	return &types.AttributeValueMemberNULL{Value: true}
}

// marks returns what has to be stored beside an attribute to restore its types, nil for
// nothing. The Auth.js adapter stores a date as text, and reads text that looks like a date as
// one, but not within lists and objects. So an attribute that is a time needs no mark, a text
// that looks like a time is marked false, and lists and objects are marked where they have
// times.
func marks(v any) types.AttributeValue {
	switch v := v.(type) {
	case time.Time:
		return nil
	case string:
		if looksLikeTime(v) {
			return boolean(false)
		}
		return nil
	}
	return times(v)
}

// looksLikeTime reports whether a text is one that timestamp writes.
func looksLikeTime(text string) bool {
	t, err := time.Parse(isoTime, text)
	return err == nil && t.Format(isoTime) == text
}

// times returns where a value has times: true for a time, and for a list or object that has
// some a map by index or name. Nil: it has none.
func times(v any) types.AttributeValue {
	m := item{}
	switch v := v.(type) {
	case time.Time:
		return boolean(true)
	case []any:
		for i, e := range v {
			if t := times(e); t != nil {
				m[strconv.Itoa(i)] = t
			}
		}
	case map[string]any:
		for name, e := range v {
			if t := times(e); t != nil {
				m[attribute.Stored(name)] = t
			}
		}
	}
	if len(m) == 0 {
		return nil
	}
	return &types.AttributeValueMemberM{Value: m}
}

// decodeValue is the inverse of encodeValue; marks is what times returned. It accepts every
// type that a table can hold: sets become lists. Bytes are of no type that an attribute can
// have.
func decodeValue(v, marks types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		if isTime, ok := marks.(*types.AttributeValueMemberBOOL); ok && isTime.Value {
			if t, err := time.Parse(time.RFC3339Nano, v.Value); err == nil {
				return adapter.Milliseconds(t)
			}
		}
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return v.Value
	case *types.AttributeValueMemberN:
		return decodeNumber(v.Value)
	case *types.AttributeValueMemberL:
		inside, list := marksIn(marks), make([]any, len(v.Value))
		for i, e := range v.Value {
			var m types.AttributeValue
			if inside != nil {
				m = inside[strconv.Itoa(i)]
			}
			list[i] = decodeValue(e, m)
		}
		return list
	case *types.AttributeValueMemberM:
		inside, m := marksIn(marks), make(map[string]any, len(v.Value))
		for name, e := range v.Value {
			m[attribute.Name(name)] = decodeValue(e, inside[name])
		}
		return m
	case *types.AttributeValueMemberSS:
		return decodeSet(v.Value, func(e string) any { return e })
	case *types.AttributeValueMemberNS:
		return decodeSet(v.Value, decodeNumber)
	case *types.AttributeValueMemberBS:
		return v.Value
	case *types.AttributeValueMemberB:
		return v.Value
	}
	return nil
}

func decodeSet[E any](set []E, decode func(E) any) []any {
	list := make([]any, len(set))
	for i, e := range set {
		list[i] = decode(e)
	}
	return list
}

func marksIn(marks types.AttributeValue) item {
	m, _ := marks.(*types.AttributeValueMemberM)
	if m == nil {
		return nil
	}
	return m.Value
}

// decodeNumber returns an int64 if a number is one, and a float64 otherwise.
func decodeNumber(v string) any {
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(v, 64)
	return f
}

// Package lenient says what values of other programs mean. Each of these functions first tries
// the form that this package and the Auth.js adapter write.

// optionalText returns text that a record can do without: converted, or "".
func optionalText(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		if strings.Trim(v.Value, "-0123456789") == "" {
			return v.Value // of up to 38 digits
		}
	}
	s, _ := lenient.Text(decodeValue(v, nil))
	return s
}

// optionalTime returns a time that a record can do without.
func optionalTime(v types.AttributeValue) time.Time {
	t, _ := decodeTime(v)
	return t
}

func decodeTime(v types.AttributeValue) (time.Time, bool) {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		if t, err := time.Parse(isoTime, s.Value); err == nil {
			return adapter.Milliseconds(t), true
		}
	}
	return lenient.Time(decodeValue(v, nil))
}

// verified returns when an address was verified.
func verified(v types.AttributeValue, created time.Time) time.Time {
	if t, ok := decodeTime(v); ok {
		return t
	}
	return lenient.Verified(decodeValue(v, nil), created)
}

// scopes returns text that may be stored as a list.
func scopes(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	if words, ok := lenient.Words(decodeValue(v, nil), " "); ok {
		return strings.Join(words, " ")
	}
	return optionalText(v)
}

// decodeBool returns whether a value means true.
func decodeBool(v types.AttributeValue) bool {
	if b, ok := v.(*types.AttributeValueMemberBOOL); ok {
		return b.Value
	}
	s := optionalText(v)
	return s == "true" || s == "1"
}

// decodeWhole returns a whole number from 0 to most.
func decodeWhole(v types.AttributeValue, most int64) (int64, bool) {
	var text string
	switch v := v.(type) {
	case *types.AttributeValueMemberN:
		text = v.Value
	case *types.AttributeValueMemberS:
		text = v.Value
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, 0 <= n && n <= most
	}
	n, err := strconv.ParseFloat(text, 64)
	return int64(n), err == nil && 0 <= n && n <= float64(most)
}

// maxSeconds is the last second of the year 9999.
const maxSeconds = 253402300799

// expiry returns the expiry of an item: to the millisecond if this package wrote it last,
// otherwise as the Auth.js adapter wrote it, in seconds with or without a fraction. A number
// that is too large for that is one of milliseconds.
func expiry(it item) (t time.Time, ok bool) {
	n, isNumber := it[fieldExpires].(*types.AttributeValueMemberN)
	if !isNumber {
		t, ok = decodeTime(it[fieldExpires])
		return t, ok
	}
	s, err := strconv.ParseFloat(n.Value, 64)
	switch {
	case err != nil:
		return time.Time{}, false
	case math.Abs(s) > maxSeconds:
		return lenient.Time(s)
	}
	t = time.UnixMilli(int64(math.Round(s * 1000))).UTC()
	if ms, ok := it[fieldMillis].(*types.AttributeValueMemberN); ok {
		if n, err := strconv.ParseInt(ms.Value, 10, 64); err == nil {
			if exact := time.UnixMilli(n).UTC(); seconds(exact) == t.Unix() && t.Nanosecond() == 0 {
				return exact, true
			}
		}
	}
	return t, true
}

// maxItem is the largest size of an item, in bytes.
const maxItem = 400 << 10

var sizeMessage = regexp.MustCompile(`(?i)item size|maximum allowed size`)

// checkSize returns an error for an item that is too large.
func checkSize(record string, it item) error {
	if size(it) > maxItem {
		return tooLarge(record)
	}
	return nil
}

// size returns the size of an item, as DynamoDB counts it: the bytes of names and values, three
// more for each list or map, and one for each value in it.
func size(it item) int {
	n := 0
	for name, v := range it {
		n += len(name) + valueSize(v)
	}
	return n
}

func valueSize(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return len(v.Value)/2 + 2
	case *types.AttributeValueMemberL:
		n := 3
		for _, e := range v.Value {
			n += 1 + valueSize(e)
		}
		return n
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + size(v.Value)
	}
	return 1
}
