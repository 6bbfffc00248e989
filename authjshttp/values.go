package authjshttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Members by which an object stands for another value. An object that has nothing but one of them
// is written as {"$object": {…}}.
const (
	dateTag   = "$date"
	objectTag = "$object"
)

const dateForm = "2006-01-02T15:04:05.000Z"

// encode returns the JSON text of a value: nil, bool, string, int64, float64, time.Time, []any
// and map[string]any.
func encode(v any) []byte { return appendValue(make([]byte, 0, 512), v) }

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendText(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case time.Time:
		return append(v.UTC().AppendFormat(append(b, `{"`+dateTag+`":"`...), dateForm), `"}`...)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, e)
		}
		return append(b, ']')
	case map[string]any:
		if isTag(v) {
			return append(appendObject(append(b, `{"`+objectTag+`":`...), v), '}')
		}
		return appendObject(b, v)
	}
	text, err := json.Marshal(v)
	if err != nil { // NaN, infinities: what JSON.stringify writes
		return append(b, "null"...)
	}
	return append(b, text...)
}

func appendObject(b []byte, o map[string]any) []byte {
	var most [16]string // members of most objects, which need no memory of the heap
	names := slices.AppendSeq(most[:0], maps.Keys(o))
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(append(appendText(b, name), ':'), o[name])
	}
	return append(b, '}')
}

// appendText appends a text that needs no escape as it is, since most are such.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // text alone
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// isTag reports whether an object has one member, which is a tag.
func isTag(o map[string]any) bool {
	if len(o) != 1 {
		return false
	}
	_, date := o[dateTag]
	_, object := o[objectTag]
	return date || object
}

// decodeArguments returns the arguments of a call, an array of the types of encode.
func decodeArguments(body []byte) ([]any, error) {
	if !utf8.Valid(body) || hasLoneSurrogate(body) {
		return nil, errors.New("the body is not Unicode text")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var args []any
	if err := d.Decode(&args); err != nil || args == nil {
		return nil, errors.New("the body is not a JSON array")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("the body has something after its JSON array")
	}
	for i, arg := range args {
		v, err := untagged(arg)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	return args, nil
}

func untagged(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case []any:
		for i, e := range v {
			e, err := untagged(e)
			if err != nil {
				return nil, err
			}
			v[i] = e
		}
	case map[string]any:
		return untaggedObject(v)
	}
	return v, nil
}

func untaggedObject(o map[string]any) (any, error) {
	if isTag(o) {
		if inner, ok := o[objectTag].(map[string]any); ok {
			return untaggedMembers(inner)
		}
		text, _ := o[dateTag].(string)
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, fmt.Errorf("a date is not of the form {%q: %q}", dateTag, dateForm)
		}
		return t.UTC(), nil
	}
	return untaggedMembers(o)
}

func untaggedMembers(o map[string]any) (any, error) {
	for name, e := range o {
		e, err := untagged(e)
		if err != nil {
			return nil, err
		}
		o[name] = e
	}
	return o, nil
}

// number returns an int64 where the number is one, as JavaScript has one type for both.
func number(n json.Number) (any, error) {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, errors.New("a number is too large")
	}
	return f, nil
}

// hasLoneSurrogate reports whether an escape stands for half a character, in place of which the
// decoder would put another one.
func hasLoneSurrogate(body []byte) bool {
	for {
		i := bytes.IndexByte(body, '\\')
		if i < 0 || i+1 == len(body) {
			return false
		}
		unit := escapedUnit(body[i:])
		body = body[i+2:]
		if unit < 0xd800 || unit > 0xdfff {
			continue
		}
		body = body[4:]
		if low := escapedUnit(body); unit > 0xdbff || low < 0xdc00 || low > 0xdfff {
			return true
		}
		body = body[6:]
	}
}

// escapedUnit returns the UTF-16 code unit of an escape at the beginning of a text, 0 for any
// other text.
func escapedUnit(text []byte) uint64 {
	if len(text) < 6 || !strings.HasPrefix(string(text[:2]), `\u`) {
		return 0
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return unit
}
