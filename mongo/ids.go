package mongo

import (
	"context"
	"encoding/hex"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/lenient"
)

// In Go a user's ID is text. In the store it may be an ObjectID, text, a UUID or a number:
// other programs use what they like for _id, and not always the same in userId. All forms
// of one text are one user.

// objectID returns the ObjectID of a text in lower case. In upper case it would be a second
// text for the same ID.
func objectID(text string) (bson.ObjectID, bool) {
	oid, err := bson.ObjectIDFromHex(text)
	return oid, err == nil && oid.Hex() == text
}

// ids returns all forms that the _id of a user can have, the usual one first: see isUsual.
func (s *store) ids(text string) bson.A {
	all := bson.A{text}
	if oid, ok := objectID(text); ok {
		all = s.usualFirst(ObjectIDs, all, oid)
	}
	if data, ok := uuidData(text); ok {
		all = s.usualFirst(UUIDs, all, bson.Binary{Subtype: bson.TypeBinaryUUID, Data: data})
		all = append(all, bson.Binary{Subtype: bson.TypeBinaryUUIDOld, Data: data})
	}
	return append(all, numbers(text)...)
}

// usualFirst adds the ID of a form to others: in front of them if new IDs have that form.
func (s *store) usualFirst(form IDForm, others bson.A, id any) bson.A {
	if s.idForm == form {
		return append(bson.A{id}, others...)
	}
	return append(others, id)
}

// isUsual reports whether an _id has the form that comes first among those of its text.
func (s *store) isUsual(id bson.RawValue) bool {
	text, isText := id.StringValueOK()
	switch {
	case s.idForm == StringIDs:
		return isText
	case s.idForm == ObjectIDs && isText:
		_, ok := objectID(text)
		return !ok
	case isText:
		_, ok := uuidData(text)
		return !ok
	case s.idForm == ObjectIDs:
		return id.Type == bson.TypeObjectID
	}
	subtype, _, ok := id.BinaryOK()
	return ok && subtype == bson.TypeBinaryUUID
}

// usualName is the server's name of the type of generated IDs.
func (s *store) usualName() string {
	return [...]string{ObjectIDs: "objectId", StringIDs: "string", UUIDs: "binData"}[s.idForm]
}

// oneOf matches one of several values.
func oneOf(all bson.A) any {
	if len(all) == 1 {
		return all[0]
	}
	return bson.D{{Key: "$in", Value: all}}
}

// storedID returns an ID as a new record stores it, or an error if it cannot be one.
func (s *store) storedID(field, id string) (any, error) {
	switch s.idForm {
	case StringIDs:
		return id, nil
	case UUIDs:
		data, ok := uuidData(id)
		if !ok {
			return nil, adapter.Invalid(field, "must be a UUID in lower case, as Options.Layout says")
		}
		return bson.Binary{Subtype: bson.TypeBinaryUUID, Data: data}, nil
	}
	oid, ok := objectID(id)
	if !ok {
		return nil, adapter.Invalid(field, "must be an ObjectID in 24 lower-case hexadecimal digits, unless Options.Layout has other IDs")
	}
	return oid, nil
}

// newUUID returns a random UUID.
var newUUID = adapter.Options{}.WithDefaults().NewID

// recordID returns an ID for a new record.
func (s *store) recordID() any {
	id := bson.NewObjectID()
	switch s.idForm {
	case StringIDs:
		return id.Hex()
	case UUIDs:
		data, _ := uuidData(newUUID())
		return bson.Binary{Subtype: bson.TypeBinaryUUID, Data: data}
	}
	return id
}

// keyText returns the text for a value that identifies something, and false if there is
// none.
func keyText(v bson.RawValue) (text string, ok bool) {
	switch v.Type {
	case bson.TypeString:
		text = v.StringValue()
	case bson.TypeSymbol:
		text = v.Symbol()
	case bson.TypeObjectID:
		text = v.ObjectID().Hex()
	case bson.TypeBinary:
		text, _ = uuidText(v)
	default:
		text = numberText(v)
	}
	return text, text != ""
}

// accountText returns the text for an account's ID at its provider, which is text or a
// number.
func accountText(v bson.RawValue) (text string, ok bool) {
	if text, ok = v.StringValueOK(); !ok {
		text = numberText(v)
	}
	return text, text != ""
}

// accountForms returns all forms that an account's ID at its provider can have.
func accountForms(text string) bson.A { return append(bson.A{text}, numbers(text)...) }

// numberText returns a number as JavaScript writes it, or "" for other values.
func numberText(v bson.RawValue) string {
	switch v.Type {
	case bson.TypeInt32:
		return strconv.Itoa(int(v.Int32()))
	case bson.TypeInt64:
		return strconv.FormatInt(v.Int64(), 10)
	case bson.TypeDouble:
		text, _ := lenient.Text(v.Double())
		return text
	case bson.TypeDecimal128:
		return decimalText(v.Decimal128())
	}
	return ""
}

// maxDigits is the precision of a BSON decimal.
const maxDigits = 34

// decimalText returns a decimal without an exponent, or "" if it has too many digits.
func decimalText(d bson.Decimal128) string {
	digits, exponent, err := d.BigInt()
	if err != nil {
		return "" // NaN or infinite
	}
	if exponent > maxDigits || exponent < -maxDigits {
		return ""
	}
	number := new(big.Rat).SetInt(digits)
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil))
	if exponent < 0 {
		power.Inv(power)
	}
	text := number.Mul(number, power).FloatString(max(0, -exponent))
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if len(strings.TrimLeft(text, "-")) > maxDigits {
		return ""
	}
	return text
}

// numbers returns the numbers that are written as a text. The server compares numbers
// without regard to their type, but JavaScript writes not every double as its decimal text.
func numbers(text string) bson.A {
	if text == "" || len(text) > maxDigits || strings.Trim(text, "-.0123456789") != "" {
		return nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && max(n, -n) <= 1<<53 {
		if strconv.FormatInt(n, 10) != text {
			return nil
		}
		return bson.A{n}
	}
	var all bson.A
	if d, err := bson.ParseDecimal128(text); err == nil && decimalText(d) == text {
		all = append(all, d)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if written, ok := lenient.Text(f); ok && written == text {
			all = append(all, f)
		}
	}
	return all
}

// uuidText returns the text of a UUID.
func uuidText(v bson.RawValue) (string, bool) {
	subtype, data, ok := v.BinaryOK()
	if !ok || len(data) != 16 || subtype != bson.TypeBinaryUUID && subtype != bson.TypeBinaryUUIDOld {
		return "", false
	}
	h := hex.EncodeToString(data)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-"), true
}

// uuidData returns the bytes of a UUID from its text.
func uuidData(text string) ([]byte, bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return nil, false
	}
	h := strings.ReplaceAll(text, "-", "")
	data, err := hex.DecodeString(h)
	return data, err == nil && len(data) == 16 && strings.ToLower(h) == h
}

// maxID is the maximum length of an ID in bytes (package adapter).
const maxID = 255

// isValidID reports whether a text is accepted as the ID of a user.
func isValidID(text string) bool {
	return text != "" && len(text) <= maxID && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func byID(id any) bson.D { return bson.D{{Key: "_id", Value: id}} }

// formsOfID returns all forms of an ID that has the usual one.
func (s *store) formsOfID(id any) bson.A {
	t, data, _ := bson.MarshalValue(id)
	text, _ := keyText(bson.RawValue{Type: t, Value: data})
	return s.ids(text)
}

// rank returns the index of a user's _id among several forms.
func rank(ids bson.A, user bson.Raw) int {
	id := user.Lookup("_id")
	return slices.IndexFunc(ids, func(v any) bool {
		t, data, err := bson.MarshalValue(v)
		form := bson.RawValue{Type: t, Value: data}
		return err == nil && (form.Equal(id) || form.IsNumber() && id.IsNumber())
	})
}

// checkShadowed returns an error if a user is shadowed: another user has the same ID in a
// form that comes first, and calls by this ID mean that one.
func (s *store) checkShadowed(ctx context.Context, c *collections, user bson.Raw) error {
	id := user.Lookup("_id")
	if s.isUsual(id) {
		return nil
	}
	text, ok := keyText(id)
	if !ok {
		return nil // decodeUser returns an error
	}
	ids := s.ids(text)
	before := ids[:max(rank(ids, user), 0)]
	if len(before) == 0 {
		return nil
	}
	if err := beside(ctx); err != nil {
		return err
	}
	another, err := has(ctx, c.users, append(byID(oneOf(before)), bson.E{Key: stateField, Value: nil}))
	if err == nil && another {
		err = s.shadowedError(user)
	}
	return err
}

// firstForms looks for users with the IDs of the given ones in a form that comes earlier,
// and returns the rank of the first such form by the ID's text.
func (s *store) firstForms(ctx context.Context, coll *collection, users []bson.Raw) (map[string]int, error) {
	before := bson.A{}
	for _, user := range users {
		if text, ok := keyText(user.Lookup("_id")); ok && !s.isUsual(user.Lookup("_id")) {
			ids := s.ids(text)
			before = append(before, ids[:max(rank(ids, user), 0)]...)
		}
	}
	first := map[string]int{}
	if len(before) == 0 {
		return first, nil
	}
	filter := append(byID(oneOf(before)), bson.E{Key: stateField, Value: nil})
	return first, eachFound(ctx, func(ctx context.Context) (*mongo.Cursor, error) {
		return coll.Find(ctx, filter, options.Find().SetProjection(byID(1)).SetBatchSize(turn))
	}, func(user bson.Raw) error {
		text, _ := keyText(user.Lookup("_id"))
		form := rank(s.ids(text), user)
		if known, ok := first[text]; !ok || form < known {
			first[text] = form
		}
		return nil
	})
}

// isShadowed reports whether another user has the ID of this one in a form that comes
// earlier, from the result of firstForms.
func (s *store) isShadowed(user bson.Raw, first map[string]int) bool {
	text, _ := keyText(user.Lookup("_id"))
	form, ok := first[text]
	return ok && form < rank(s.ids(text), user)
}
