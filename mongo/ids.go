package mongo

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/lenient"
)

// Go knows a user by a text, which the store may have in several forms: as an ObjectID,
// as text, as a UUID, as a number. Other programs use what they like for an _id, and not
// always the same in userId. All forms of one text are one user.

// objectID returns the ObjectID whose text it is, in lower case: two texts would be one
// ID.
func objectID(text string) (bson.ObjectID, bool) {
	oid, err := bson.ObjectIDFromHex(text)
	return oid, err == nil && oid.Hex() == text
}

// ids returns what the _id of a user can be, its usual form first: see isUsual.
func (s *store) ids(text string) bson.A {
	all := bson.A{text}
	if oid, ok := objectID(text); ok && s.stringIDs {
		all = append(all, oid)
	} else if ok {
		all = bson.A{oid, text}
	}
	if data, ok := uuidData(text); ok {
		all = append(all, bson.Binary{Subtype: bson.TypeBinaryUUID, Data: data}, bson.Binary{Subtype: bson.TypeBinaryUUIDOld, Data: data})
	}
	return append(all, numbers(text)...)
}

// isUsual reports whether the form of an _id is the one that comes first among those of
// its text.
func (s *store) isUsual(id bson.RawValue) bool {
	if s.stringIDs || id.Type != bson.TypeString {
		return id.Type == s.usualType()
	}
	_, ok := objectID(id.StringValue())
	return !ok
}

// usualType is the type of the IDs that are made here.
func (s *store) usualType() bson.Type {
	if s.stringIDs {
		return bson.TypeString
	}
	return bson.TypeObjectID
}

// usualName is the server's name of that type.
func (s *store) usualName() string {
	if s.stringIDs {
		return "string"
	}
	return "objectId"
}

// byUser matches what belongs to a user, in any form of its ID. Text in upper case is an
// ObjectID for JavaScript too.
func (s *store) byUser(text string) bson.D {
	all := s.ids(text)
	if _, ok := objectID(text); ok && !s.stringIDs && strings.ToUpper(text) != text {
		all = append(all, strings.ToUpper(text))
	}
	return bson.D{{Key: "userId", Value: oneOf(all)}}
}

// ownerText returns the ID of the user that a record with this userId belongs to: "" for
// a value that names nobody. It is false for text in mixed case, which JavaScript takes for
// an ObjectID and byUser does not find.
func (s *store) ownerText(v bson.RawValue) (string, bool) {
	text, _ := keyText(v)
	lower := strings.ToLower(text)
	if _, isHex := objectID(lower); !isHex || s.stringIDs || text == lower {
		return text, true
	}
	return lower, text == strings.ToUpper(text)
}

// oneOf matches one of several values.
func oneOf(all bson.A) any {
	if len(all) == 1 {
		return all[0]
	}
	return bson.D{{Key: "$in", Value: all}}
}

// newID returns an ID for a new record, or why it cannot be one.
func (s *store) newID(field, id string) (any, error) {
	if s.stringIDs {
		return id, nil
	}
	oid, ok := objectID(id)
	if !ok {
		return nil, adapter.Invalid(field, "must be an ObjectID in 24 lower-case hexadecimal digits, unless Options.StringIDs is set")
	}
	return oid, nil
}

// keyText returns the text by which Go knows a value that names something, and false if
// there is none.
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

// accountText returns the text of an ID at a provider, which is text or a number.
func accountText(v bson.RawValue) (text string, ok bool) {
	if text, ok = v.StringValueOK(); !ok {
		text = numberText(v)
	}
	return text, text != ""
}

// accountForms returns what the ID at a provider can be in the store.
func accountForms(text string) bson.A { return append(bson.A{text}, numbers(text)...) }

// numberText returns a number as JavaScript writes it: "" for what is none.
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

// maxDigits is how many a decimal of BSON has.
const maxDigits = 34

// decimalText returns a decimal without an exponent: "" if it has too many digits.
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

// numbers returns those whose text it is: the server compares them without regard to their
// type, but not all doubles are what JavaScript writes for them.
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

// uuidText returns a UUID in its usual form.
func uuidText(v bson.RawValue) (string, bool) {
	subtype, data, ok := v.BinaryOK()
	if !ok || len(data) != 16 || subtype != bson.TypeBinaryUUID && subtype != bson.TypeBinaryUUIDOld {
		return "", false
	}
	h := hex.EncodeToString(data)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-"), true
}

// uuidData returns the data of a UUID in its usual form.
func uuidData(text string) ([]byte, bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return nil, false
	}
	h := strings.ReplaceAll(text, "-", "")
	data, err := hex.DecodeString(h)
	return data, err == nil && len(data) == 16 && strings.ToLower(h) == h
}

// maxID is how long an ID can be (package adapter), in bytes.
const maxID = 255

// isKey reports whether a text can be handed in as the ID of a user.
func isKey(text string) bool {
	return text != "" && len(text) <= maxID && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
