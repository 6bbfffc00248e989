// Package jsonrecord reads and writes records that are JSON objects, which JavaScript writes too:
// members that nobody sets stay as they were written, and attributes keep their types.
package jsonrecord

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

// Record is a JSON object. Its members stay as they were written, unless they are set.
type Record map[string]json.RawMessage

// textMember is the member with the JSON Pointers (RFC 6901) of those texts in the
// attributes that look like a time and are not one. It is stored only if there are any.
const textMember = "authstoreText"

// Parse returns the record in a value.
func Parse(value string) (Record, error) {
	var r Record
	if err := json.Unmarshal([]byte(value), &r); err != nil || r == nil {
		return nil, &adapter.RecordError{Field: "(all of it)", Want: "a JSON object", Got: "another value"}
	}
	return r, nil
}

// Encode returns the JSON of v, without the escapes that encoding/json adds for HTML.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// String returns the JSON of the record.
func (r Record) String() (string, error) {
	b, err := Encode(r)
	return string(b), err
}

// WithAttributes returns the JSON of a record with attributes.
func (r Record) WithAttributes(a adapter.Attributes, names attribute.Layout) (string, error) {
	if err := r.SetAttributes(a, nil, names); err != nil {
		return "", err
	}
	return r.String()
}

// Set sets a member. nil removes it.
func (r Record) Set(name string, v any) {
	if v == nil {
		delete(r, name)
		return
	}
	b, err := Encode(v)
	if err != nil {
		panic(err) // v is a string, a number or a bool, or a list of strings
	}
	r[name] = b
}

// SetText sets a member to a text. An empty text is not stored.
func (r Record) SetText(name, v string) {
	if v == "" {
		delete(r, name)
		return
	}
	r.Set(name, v)
}

// TimeForm is the format of times, that of JavaScript's Date.prototype.toJSON.
const TimeForm = "2006-01-02T15:04:05.000Z"

var timePattern = regexp.MustCompile(`^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$`)

// SetTime sets a member to a time. None is not stored.
func (r Record) SetTime(name string, t time.Time) {
	if t.IsZero() {
		delete(r, name)
		return
	}
	r.Set(name, t.Format(TimeForm))
}

// Reader reads the members of a record and keeps the first error. A null is a missing
// member. What Auth.js writes is read as it is; what only another program can have written
// is read as package lenient says.
type Reader struct {
	Record Record
	Names  attribute.Layout // which names of attributes the record needs for itself; nil: none
	Err    error
}

// Raw returns the JSON of a member, nil if it is missing.
func (r *Reader) Raw(name string) json.RawMessage {
	if raw := r.Record[name]; string(raw) != "null" {
		return raw
	}
	return nil
}

// Value decodes a member into the types of adapter.Attributes.
func (r *Reader) Value(name string) any {
	v, err := decodeJSON(r.Raw(name))
	if err != nil {
		return nil
	}
	v, _ = toAttribute(v, "", nil)
	return v
}

// decodeJSON decodes JSON, with its numbers as they are written.
func decodeJSON(raw json.RawMessage) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// Unreadable records that a member which the contract needs cannot be read.
func (r *Reader) Unreadable(name, want string) {
	if r.Err == nil {
		r.Err = &adapter.RecordError{Field: name, Want: want, Got: kindOfJSON(r.Record[name])}
	}
}

// Text reads text for display. What is not text is missing.
func (r *Reader) Text(name string) string {
	raw := r.Raw(name)
	if len(raw) > 0 && raw[0] == '"' {
		var v string
		_ = json.Unmarshal(raw, &v) // it was parsed with its record
		return v
	}
	v, _ := lenient.Text(r.Value(name))
	return v
}

// Key reads a key, or what names one, as JavaScript has it in a key: its numbers have 53
// bits. A missing key is "".
func (r *Reader) Key(name string) string {
	raw := r.Raw(name)
	if len(raw) == 0 || raw[0] == '"' {
		return r.Text(name)
	}
	v := r.Value(name)
	if n, isInt := v.(int64); isInt {
		v = float64(n)
	}
	key, ok := lenient.Text(v)
	if !ok {
		r.Unreadable(name, "text")
	}
	return key
}

// Date reads a time, and reports whether there is one.
func (r *Reader) Date(name string) (time.Time, bool) {
	raw := r.Raw(name)
	if len(raw) == len(`""`)+len(TimeForm) && raw[0] == '"' {
		if t, err := time.Parse(time.RFC3339, string(raw[1:len(raw)-1])); err == nil && t.Year() > 0 {
			return t.UTC(), true
		}
	}
	if len(raw) == 0 {
		return time.Time{}, false
	}
	v := r.Value(name)
	if t, isTime := v.(time.Time); isTime {
		return t, true
	}
	return lenient.Time(v)
}

// Time reads a time for display. What is not a time is missing.
func (r *Reader) Time(name string) time.Time {
	t, _ := r.Date(name)
	return t
}

// Expiry reads when a record expires. Without it nobody can tell whether the record is
// live.
func (r *Reader) Expiry(name string) time.Time {
	t, ok := r.Date(name)
	if !ok {
		r.Unreadable(name, "a date")
	}
	return t
}

// Seconds reads a number of seconds, with or without a fraction.
func (r *Reader) Seconds(name string) int64 {
	v, _ := lenient.Seconds(r.Value(name))
	return v
}

// Words reads a list of words.
func (r *Reader) Words(name, separator string) []string {
	v, _ := lenient.Words(r.Value(name), separator)
	return v
}

// Attributes reads all members except the fields of a kind of record. What an attribute
// cannot be is left out.
func (r *Reader) Attributes(kind driver.Record) adapter.Attributes {
	var all adapter.Attributes
	var texts []string
	for stored, raw := range r.Record {
		name := r.Names.Name(stored)
		if name == stored && (driver.Reserved(kind, name) || r.Names.Takes(name)) {
			continue
		}
		if _, ours := r.Record[r.Names.Stored(name)]; ours && stored != r.Names.Stored(name) {
			continue // another program's, of the same name as one of ours
		}
		if all == nil {
			all, texts = adapter.Attributes{}, r.texts()
		}
		v, err := decodeJSON(raw)
		if err == nil {
			v, err = toAttribute(v, pointer("", stored), texts)
		}
		if err == nil {
			all[name] = v
		}
	}
	return driver.Writable(all, kind)
}

// texts returns the JSON Pointers of the texts that look like a time.
func (r *Reader) texts() (texts []string) {
	if raw := r.Raw(textMember); raw != nil && json.Unmarshal(raw, &texts) != nil {
		return nil
	}
	return texts
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func pointer(parent, name string) string { return parent + "/" + pointerEscaper.Replace(name) }

// toAttribute converts decoded JSON to the types of adapter.Attributes. texts are the JSON
// Pointers of texts that look like a time and are not one.
func toAttribute(v any, path string, texts []string) (_ any, err error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, nil
		}
		return v.Float64()
	case string:
		if !timePattern.MatchString(v) || slices.Contains(texts, path) {
			return v, nil
		}
		if t, err := time.Parse(TimeForm, v); err == nil && t.Year() > 0 {
			return t.UTC(), nil
		}
	case []any:
		for i := range v {
			if v[i], err = toAttribute(v[i], fmt.Sprintf("%s/%d", path, i), texts); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		return toAttributeObject(v, path, texts)
	}
	return v, nil
}

func toAttributeObject(v map[string]any, path string, texts []string) (any, error) {
	all := make(map[string]any, len(v))
	for stored, e := range v {
		e, err := toAttribute(e, pointer(path, stored), texts)
		if err != nil {
			return nil, err
		}
		name := attribute.Name(stored)
		if _, ours := v[attribute.Stored(name)]; !ours || stored == attribute.Stored(name) {
			all[name] = e
		}
	}
	return all, nil
}

// fromAttribute converts an attribute to what JSON can hold, and adds the JSON Pointers of
// texts that look like a time to texts.
func fromAttribute(v any, path string, texts *[]string) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(TimeForm)
	case string:
		if timePattern.MatchString(v) {
			*texts = append(*texts, path)
		}
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = fromAttribute(e, fmt.Sprintf("%s/%d", path, i), texts)
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for name, e := range v {
			name = attribute.Stored(name)
			all[name] = fromAttribute(e, pointer(path, name), texts)
		}
		return all
	}
	return v
}

// SetAttributes sets some attributes and removes others. All others stay as they were
// written.
func (r Record) SetAttributes(set adapter.Attributes, removed []string, names attribute.Layout) error {
	reader := Reader{Record: r}
	texts := reader.texts()
	remove := func(name string) {
		path := pointer("", names.Stored(name))
		texts = slices.DeleteFunc(texts, func(t string) bool { return t == path || strings.HasPrefix(t, path+"/") })
		if !names.Takes(name) {
			delete(r, name) // under the name that another program gave it
		}
		delete(r, names.Stored(name))
	}
	for _, name := range removed {
		remove(name)
	}
	for name, v := range set {
		remove(name)
		stored := names.Stored(name)
		b, err := Encode(fromAttribute(v, pointer("", stored), &texts))
		if err != nil {
			return err
		}
		r[stored] = b
	}
	delete(r, textMember)
	if len(texts) > 0 {
		slices.Sort(texts)
		r.Set(textMember, texts)
	}
	return nil
}

// SetTimestamps sets when a record was made and changed.
func (r Record) SetTimestamps(created, updated time.Time) {
	r.SetTime("createdAt", created)
	r.SetTime("updatedAt", updated)
}

// SetFields sets the fields of a record in Auth.js. Those that have no value are removed.
func (r Record) SetFields(names []string, values map[string]any) {
	for _, name := range names {
		v, isSet := values[name]
		switch v := v.(type) {
		case nil:
			delete(r, name)
			if isSet {
				r[name] = json.RawMessage("null")
			}
		case time.Time:
			r.SetTime(name, v)
		default:
			r.Set(name, v)
		}
	}
}

// Changed returns a record with the fields that differ between before and after, and some
// attributes, changed. Everything else stays as it was written, including fields that are
// written otherwise than here.
func Changed(value string, before, after Record, set adapter.Attributes, removed []string, names attribute.Layout) (string, error) {
	r, err := Parse(value)
	if err != nil {
		return "", err
	}
	if err := r.Change(before, after, set, removed, names); err != nil {
		return "", err
	}
	return r.String()
}

// Change is Changed of a record that was parsed.
func (r Record) Change(before, after Record, set adapter.Attributes, removed []string, names attribute.Layout) error {
	for name := range before {
		if _, stays := after[name]; !stays {
			delete(r, name)
		}
	}
	for name, v := range after {
		if string(v) != string(before[name]) {
			r[name] = v
		}
	}
	return r.SetAttributes(set, removed, names)
}

// kindOfJSON names the type of a member.
func kindOfJSON(raw json.RawMessage) string {
	switch {
	case len(raw) == 0:
		return "missing"
	case raw[0] == '"':
		return "text"
	case raw[0] == '{':
		return "an object"
	case raw[0] == '[':
		return "a list"
	case raw[0] == 't', raw[0] == 'f':
		return "a bool"
	case raw[0] == 'n':
		return "null"
	}
	return "a number"
}
