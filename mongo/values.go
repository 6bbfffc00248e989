package mongo

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/lenient"
)

// reader reads the fields of a document, whoever wrote it. It keeps the first error, which
// is that of a field that the contract needs and that cannot be read.
type reader struct {
	*store
	*shape
	doc bson.Raw
	err error
}

// each calls f for every field of the record, by its name in Auth.js, and adds the others to
// the attributes, but for the user that was joined.
func (r *reader) each(f func(field string, v bson.RawValue), attributes *adapter.Attributes) {
	eachOf(r.doc, func(name string, v bson.RawValue) {
		switch field, own := r.fieldOf[name]; {
		case own && field != "":
			f(field, v)
		case own, name == userField, attributes == nil:
		case name == "_id":
			f(name, v)
		default:
			r.addAttribute(attributes, name, v)
		}
	})
}

// whole returns the value of a field and its form: what is beside it if its form cannot hold it,
// unless another program has changed the field since.
func (r *reader) whole(field string, v bson.RawValue) (whole bson.RawValue, form Form) {
	form = r.form[field]
	if form == AsInAuthJS {
		return v, form
	}
	beside := r.doc.Lookup(exact(field))
	if beside.IsZero() {
		return v, form
	}
	stored, _ := form.of(plain(beside))
	if t, data, err := bson.MarshalValue(stored); err != nil || !(bson.RawValue{Type: t, Value: data}).Equal(v) {
		return v, form
	}
	return beside, AsInAuthJS
}

// plain returns a value as form.of takes it.
func plain(v bson.RawValue) any {
	if date, ok := v.DateTimeOK(); ok {
		return bson.DateTime(date)
	}
	if v.Type == bson.TypeArray {
		words, _ := lenient.Words(lenientValue(v), ",")
		return words
	}
	return lenientValue(v)
}

// of returns a value in a form, and whether the form holds all of it.
func (f Form) of(v any) (stored any, whole bool) {
	switch v := v.(type) {
	case bson.DateTime:
		if f == Boolean {
			return true, false
		}
	case int64:
		if f == Date && int64(firstDate)/1000 < v && v < int64(endOfTime)/1000 {
			return bson.DateTime(v * 1000), true
		}
	case string:
		switch f {
		case Commas:
			return strings.ReplaceAll(v, " ", ","), !strings.Contains(v, ",")
		case Base64URL:
			return base64URL(v), true
		}
	case []string:
		if f == Commas {
			return strings.Join(v, ","), !slices.ContainsFunc(v, func(w string) bool { return w == "" || strings.ContainsAny(w, ", ") })
		}
	}
	return v, true
}

// eachOf does something with each element of a document, which is a valid one: the server sends no
// others. Unlike Elements it makes no list of them.
func eachOf(doc bson.Raw, f func(name string, v bson.RawValue)) {
	_, rest, ok := bsoncore.ReadLength(doc)
	for element := bsoncore.Element(nil); ok; {
		if element, rest, ok = bsoncore.ReadElement(rest); ok {
			e := bson.RawElement(element)
			f(e.Key(), e.Value())
		}
	}
}

func (r *reader) fail(field, want string, v bson.RawValue) {
	if r.err != nil {
		return
	}
	owner, _ := r.ownerText(r.owner(r.doc))
	got := "nothing"
	if stored := r.in(field); stored != field && stored != "" {
		want += ", stored as " + stored
	}
	if !v.IsZero() {
		got = v.Type.String()
	}
	r.err = &adapter.RecordError{Place: r.placeOf(r.doc), UserID: owner, Field: field, Want: want, Got: got}
}

func isNull(v bson.RawValue) bool {
	return v.IsZero() || v.Type == bson.TypeNull || v.Type == bson.TypeUndefined
}

// userID reads the _id of a user.
func (r *reader) userID(v bson.RawValue) string {
	text, ok := keyText(v)
	if !ok || !isValidID(text) {
		r.fail("_id", "an ObjectID, a UUID, a number or a string without control characters", v)
	}
	return text
}

// ownerID reads the ID of the user that a record belongs to, or "" if it belongs to none.
func (r *reader) ownerID(v bson.RawValue) string {
	text, ok := r.ownerText(v)
	if !ok {
		r.fail("userId", "an ObjectID, or its text in lower case", v)
	}
	return text
}

// key reads the text by which a record is found.
func (r *reader) key(field string, v bson.RawValue) string {
	text, ok := v.StringValueOK()
	if !ok || text == "" {
		r.fail(field, "a string", v)
	}
	return text
}

// accountID reads an account's ID at its provider.
func (r *reader) accountID(field string, v bson.RawValue) string {
	text, ok := accountText(v)
	if !ok {
		r.fail(field, "a string or a number", v)
	}
	return text
}

// date reads a date that the contract needs.
func (r *reader) date(field string, v bson.RawValue) time.Time {
	t, ok := lenient.Time(lenientValue(v))
	if !ok {
		r.fail(field, "a date", v)
	}
	return t
}

// counter reads a signature counter.
func (r *reader) counter(field string, v bson.RawValue) uint32 {
	if isNull(v) {
		return 0
	}
	n, ok := wholeNumber(v)
	if text, isText := v.StringValueOK(); isText {
		parsed, err := strconv.ParseInt(text, 10, 64)
		n, ok = parsed, err == nil
	}
	if !ok || n < 0 || n > math.MaxUint32 {
		r.fail(field, "a whole number from 0 to 4294967295", v)
	}
	return uint32(n)
}

// wholeNumber returns a number of any type that has no fraction.
func wholeNumber(v bson.RawValue) (int64, bool) {
	switch v.Type {
	case bson.TypeInt32:
		return int64(v.Int32()), true
	case bson.TypeInt64:
		return v.Int64(), true
	case bson.TypeDouble:
		f := v.Double()
		return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<63
	case bson.TypeDecimal128:
		n, err := strconv.ParseInt(decimalText(v.Decimal128()), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// What the contract can do without is absent if it cannot be read.

func text(v bson.RawValue) string {
	if s, ok := v.StringValueOK(); ok {
		return s
	}
	s, _ := lenient.Text(lenientValue(v))
	return s
}

func date(v bson.RawValue) time.Time {
	t, _ := lenient.Time(lenientValue(v))
	return t
}

func seconds(v bson.RawValue) int64 {
	n, _ := lenient.Seconds(lenientValue(v))
	return n
}

// base64URL returns base64 as base64url without padding. Text that is none stays as it is, but
// for one character in front of it if it would be read as such: each text is read as itself.
func base64URL(text string) string {
	data, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err == nil && base64.StdEncoding.EncodeToString(data) == text:
		return base64.RawURLEncoding.EncodeToString(data)
	case fromBase64URL(text) == text:
		return text
	}
	return "=" + text
}

// fromBase64URL returns the text of which base64URL made another.
func fromBase64URL(stored string) string {
	if text, marked := strings.CutPrefix(stored, "="); marked {
		return text
	}
	data, err := base64.RawURLEncoding.DecodeString(stored)
	if err != nil || base64.RawURLEncoding.EncodeToString(data) != stored {
		return stored
	}
	return base64.StdEncoding.EncodeToString(data)
}

// wordList reads words that are separated by spaces, or by commas, or a list of them.
func wordList(v bson.RawValue, form Form) string {
	switch {
	case v.Type == bson.TypeArray:
	case form == Commas:
		return strings.ReplaceAll(text(v), ",", " ")
	default:
		return text(v)
	}
	all, _ := lenient.Words(lenientValue(v), " ")
	return strings.Join(all, " ")
}

func flag(v bson.RawValue) bool {
	switch v := lenientValue(v).(type) {
	case bool:
		return v
	case int64:
		return v == 1
	case string:
		return v == "true"
	}
	return false
}

// lenientValue returns a value for package lenient, or nil if it has no use for it.
func lenientValue(v bson.RawValue) any {
	switch v.Type {
	case bson.TypeString:
		return v.StringValue()
	case bson.TypeDateTime:
		return time.UnixMilli(v.DateTime()).UTC()
	case bson.TypeTimestamp: // internal to replication, but a time all the same
		seconds, _ := v.Timestamp()
		return time.Unix(int64(seconds), 0).UTC()
	case bson.TypeDecimal128:
		if n, ok := wholeNumber(v); ok {
			return n
		}
		f, err := strconv.ParseFloat(v.Decimal128().String(), 64)
		if err != nil {
			return nil
		}
		return f
	}
	usable, _ := attributeValue(v)
	return usable
}

// addAttribute adds a field to the attributes if it can be one.
func (s *shape) addAttribute(a *adapter.Attributes, stored string, v bson.RawValue) {
	name, named := s.attributeName(stored)
	usable, ok := attributeValue(v)
	if _, there := (*a)[name]; !named || !ok || there && name == stored {
		return // this name is another program's if the stored form exists too
	}
	if *a == nil {
		*a = adapter.Attributes{}
	}
	(*a)[name] = usable
}

// attributeValue returns the value of an attribute, and false for a value that an attribute
// cannot have. BSON types without a counterpart in Go are text: an ObjectID, a UUID, a
// decimal, a symbol, and other binary data in base64. The stored value stays what it is.
func attributeValue(v bson.RawValue) (any, bool) {
	switch v.Type {
	case bson.TypeNull, bson.TypeUndefined:
		return nil, true
	case bson.TypeString:
		return v.StringValue(), true
	case bson.TypeSymbol:
		return v.Symbol(), true
	case bson.TypeBoolean:
		return v.Boolean(), true
	case bson.TypeInt32:
		return int64(v.Int32()), true
	case bson.TypeInt64:
		return v.Int64(), true
	case bson.TypeDouble:
		return numberValue(v.Double()), true
	case bson.TypeDateTime:
		return time.UnixMilli(v.DateTime()).UTC(), true
	case bson.TypeArray:
		return listValue(v)
	case bson.TypeEmbeddedDocument:
		return objectValue(v.Document())
	case bson.TypeObjectID:
		return v.ObjectID().Hex(), true
	case bson.TypeDecimal128:
		return v.Decimal128().String(), true
	case bson.TypeBinary:
		return binaryText(v), true
	}
	return nil, false
}

func listValue(v bson.RawValue) (any, bool) {
	all, readable := []any{}, true
	eachOf(bson.Raw(v.Array()), func(_ string, v bson.RawValue) {
		e, ok := attributeValue(v)
		all, readable = append(all, e), readable && ok
	})
	return all, readable
}

func objectValue(doc bson.Raw) (any, bool) {
	all, readable := map[string]any{}, true
	eachOf(doc, func(name string, v bson.RawValue) {
		member, named := memberName(name)
		e, ok := attributeValue(v)
		all[member], readable = e, readable && named && ok
	})
	return all, readable
}

func binaryText(v bson.RawValue) string {
	if text, ok := uuidText(v); ok {
		return text
	}
	_, data := v.Binary()
	return base64.StdEncoding.EncodeToString(data)
}

// numberValue returns a whole number as int64. JavaScript's driver stores one beyond 32
// bits as a double, and the type in Go should not depend on its size.
func numberValue(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 {
		return int64(f)
	}
	return f
}

// clone returns a value that remains valid when the cursor moves on.
func clone(v bson.RawValue) bson.RawValue {
	v.Value = slices.Clone(v.Value)
	return v
}
