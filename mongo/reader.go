package mongo

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/lenient"
)

// reader reads the fields of a document, whoever wrote it. It keeps the first error: that
// a field which the contract needs cannot be read.
type reader struct {
	*store
	collection string
	doc        bson.Raw
	err        error
}

// each calls f for every field.
func (r *reader) each(f func(name string, v bson.RawValue)) { eachOf(r.doc, f) }

func eachOf(doc bson.Raw, f func(name string, v bson.RawValue)) {
	elements, _ := doc.Elements() // the server sends none that is broken
	for _, e := range elements {
		f(e.Key(), e.Value())
	}
}

func (r *reader) fail(field, want string, v bson.RawValue) {
	if r.err != nil {
		return
	}
	owner, _ := r.ownerText(r.doc.Lookup("userId"))
	got := "nothing"
	if !v.IsZero() {
		got = v.Type.String()
	}
	r.err = &adapter.RecordError{Place: r.placeOf(r.collection, r.doc), UserID: owner, Field: field, Want: want, Got: got}
}

// placeOf names a document, without a token or an e-mail address: other programs may have
// made an _id of either.
func (s *store) placeOf(collection string, doc bson.Raw) string {
	id := doc.Lookup("_id")
	if _, isObjectID := id.ObjectIDOK(); !isObjectID && collection == s.names.Sessions {
		if session := sessionID(doc); session != "" {
			return collection + ", session " + session
		}
	}
	return collection + ", _id " + shown(id)
}

// shown returns an _id for a text that people read.
func shown(id bson.RawValue) string {
	text, ok := keyText(id)
	switch {
	case !ok:
		return "of the type " + id.Type.String()
	case strings.Contains(text, "@"):
		return "with an @"
	case id.Type == bson.TypeString:
		return strconv.Quote(text)
	}
	return text
}

func isNull(v bson.RawValue) bool {
	return v.IsZero() || v.Type == bson.TypeNull || v.Type == bson.TypeUndefined
}

// userID reads the _id of a user.
func (r *reader) userID(v bson.RawValue) string {
	text, ok := keyText(v)
	if !ok || !isKey(text) {
		r.fail("_id", "an ObjectID, a UUID, a number or a string without control characters", v)
	}
	return text
}

// owner reads the ID of the user that a record belongs to: "" if it belongs to nobody.
func (r *reader) owner(v bson.RawValue) string {
	text, ok := r.ownerText(v)
	if !ok {
		r.fail("userId", "an ObjectID, or its text in lower case", v)
	}
	return text
}

// key reads text by which a record is found.
func (r *reader) key(field string, v bson.RawValue) string {
	text, ok := v.StringValueOK()
	if !ok || text == "" {
		r.fail(field, "a string", v)
	}
	return text
}

// accountID reads the ID of a person at a provider.
func (r *reader) accountID(field string, v bson.RawValue) string {
	text, ok := accountText(v)
	if !ok {
		r.fail(field, "a string or a number", v)
	}
	return text
}

// date reads a date that has to be one.
func (r *reader) date(field string, v bson.RawValue) time.Time {
	t, ok := lenient.Time(loose(v))
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
	n, ok := whole(v)
	if text, isText := v.StringValueOK(); isText {
		parsed, err := strconv.ParseInt(text, 10, 64)
		n, ok = parsed, err == nil
	}
	if !ok || n < 0 || n > math.MaxUint32 {
		r.fail(field, "a whole number from 0 to 4294967295", v)
	}
	return uint32(n)
}

// whole returns a number that is a whole one, of any type.
func whole(v bson.RawValue) (int64, bool) {
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
	s, _ := lenient.Text(loose(v))
	return s
}

func date(v bson.RawValue) time.Time {
	t, _ := lenient.Time(loose(v))
	return t
}

func seconds(v bson.RawValue) int64 {
	n, _ := lenient.Seconds(loose(v))
	return n
}

// words reads words between spaces, or a list of them.
func words(v bson.RawValue) string {
	if v.Type != bson.TypeArray {
		return text(v)
	}
	all, _ := lenient.Words(loose(v), " ")
	return strings.Join(all, " ")
}

func flag(v bson.RawValue) bool {
	switch v := loose(v).(type) {
	case bool:
		return v
	case int64:
		return v == 1
	case string:
		return v == "true"
	}
	return false
}

// loose returns a value of another program as package lenient takes it: nil for what that
// has no use for.
func loose(v bson.RawValue) any {
	switch v.Type {
	case bson.TypeString:
		return v.StringValue()
	case bson.TypeDateTime:
		return time.UnixMilli(v.DateTime()).UTC()
	case bson.TypeTimestamp: // of the server's replication, but a time all the same
		seconds, _ := v.Timestamp()
		return time.Unix(int64(seconds), 0).UTC()
	case bson.TypeDecimal128:
		if n, ok := whole(v); ok {
			return n
		}
		f, err := strconv.ParseFloat(v.Decimal128().String(), 64)
		if err != nil {
			return nil
		}
		return f
	}
	usable, _ := known(v)
	return usable
}

// attributed adds a field that is no named one to the attributes, if an attribute can be
// what is in it.
func attributed(a *adapter.Attributes, stored string, v bson.RawValue) {
	name, named := attributeName(stored)
	usable, ok := known(v)
	if _, there := (*a)[name]; !named || !ok || there && name == stored {
		return // beside the stored form, this name is another program's
	}
	if *a == nil {
		*a = adapter.Attributes{}
	}
	(*a)[name] = usable
}

// known returns an attribute, and false for what none can be. Those BSON types that Go
// code has no use for are strings: an ObjectID, a UUID and a decimal as they are written,
// other binary data in base64, a symbol. What is stored stays what it is.
func known(v bson.RawValue) (any, bool) {
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
		return number(v.Double()), true
	case bson.TypeDateTime:
		return time.UnixMilli(v.DateTime()).UTC(), true
	case bson.TypeArray:
		return elements(v)
	case bson.TypeEmbeddedDocument:
		return object(v.Document())
	case bson.TypeObjectID:
		return v.ObjectID().Hex(), true
	case bson.TypeDecimal128:
		return v.Decimal128().String(), true
	case bson.TypeBinary:
		return binary(v), true
	}
	return nil, false
}

func elements(v bson.RawValue) (any, bool) {
	all, readable := []any{}, true
	eachOf(bson.Raw(v.Array()), func(_ string, v bson.RawValue) {
		e, ok := known(v)
		all, readable = append(all, e), readable && ok
	})
	return all, readable
}

func object(doc bson.Raw) (any, bool) {
	all, readable := map[string]any{}, true
	eachOf(doc, func(name string, v bson.RawValue) {
		member, named := memberName(name)
		e, ok := known(v)
		all[member], readable = e, readable && named && ok
	})
	return all, readable
}

func binary(v bson.RawValue) string {
	if text, ok := uuidText(v); ok {
		return text
	}
	_, data := v.Binary()
	return base64.StdEncoding.EncodeToString(data)
}

// number returns a whole number as int64. JavaScript's driver stores one beyond 32 bits as
// a double, and its type here should not depend on its size.
func number(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 {
		return int64(f)
	}
	return f
}
