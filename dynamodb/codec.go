package dynamodb

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

// The stored names of fields, in the layout of the Auth.js adapter.
const (
	fieldType    = "type"
	fieldID      = "id"
	fieldUserID  = "userId"
	fieldExpires = "expires" // epoch seconds, the table's TTL attribute
	fieldCreated = "createdAt"
	fieldUpdated = "updatedAt"

	userName     = "name"
	userEmail    = "email"
	userVerified = "emailVerified"
	userImage    = "image"

	accountProvider     = "provider"
	accountID           = "providerAccountId"
	accountRefreshToken = "refresh_token"
	accountAccessToken  = "access_token"
	accountExpiresAt    = "expires_at"
	accountTokenType    = "token_type"
	accountScope        = "scope"
	accountIDToken      = "id_token"
	accountSessionState = "session_state"

	// Before version 4 of NextAuth.js.
	accountProviderV3 = "providerId"
	accountTypeV3     = "providerType"

	sessionToken = "sessionToken"

	tokenIdentifier = "identifier"
	tokenToken      = "token"
	tokenValue      = "value"

	credentialID         = "credentialID"
	credentialPublicKey  = "credentialPublicKey"
	credentialCounter    = "counter"
	credentialDeviceType = "credentialDeviceType"
	credentialBackedUp   = "credentialBackedUp"
	credentialTransports = "transports"
)

// The names that this package adds. No attribute of a record begins like them.
const (
	reserved    = "authstore"
	fieldStamp  = reserved + "Stamp"   // of the last write
	fieldMillis = reserved + "Expires" // the expiry in milliseconds
	fieldGuard  = reserved + "Guard"   // there if a session has a guard
	fieldTimes  = reserved + "Time."   // and a name: where times are in that attribute, see marks
)

// The values of the attribute type, beside those of adapter.AccountType.
const (
	typeUser    = "USER"
	typeSession = "SESSION"
	typeToken   = "VT"
)

// isField reports whether a name is the stored name of some field, or would be with the
// escape of attributes, so that no key attribute can have it.
func isField(name string) bool {
	for _, r := range []driver.Record{driver.UserRecord, driver.AccountRecord, driver.SessionRecord, driver.AuthenticatorRecord} {
		if driver.Reserved(r, name) {
			return true
		}
	}
	switch name {
	case tokenIdentifier, tokenToken, tokenValue, accountProviderV3, accountTypeV3:
		return true
	}
	switch escaped := reserved + name; escaped {
	case fieldStamp, fieldMillis, fieldGuard:
		return true
	default:
		return strings.HasPrefix(escaped, fieldTimes)
	}
}

// layout tells which names items need for themselves where attributes are: those of keys,
// of the type, of the expiry, by which the service deletes an item whatever it is, and of
// what an older account has in place of a field.
func (s *store) layout(r driver.Record) attribute.Layout {
	return func(name string) bool {
		return s.keys[name] || name == fieldType || name == fieldExpires || name == accountProviderV3 && r == driver.AccountRecord
	}
}

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

// isoTime is how JavaScript writes a time (Date.prototype.toISOString).
const isoTime = "2006-01-02T15:04:05.000Z"

func timestamp(t time.Time) types.AttributeValue { return str(t.Format(isoTime)) }

// seconds returns the first whole second that is not before a time: the TTL, which
// must not remove what is live.
func seconds(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

// writer puts fields into an item. Empty ones are left out.
type writer struct{ item item }

func (w writer) text(name, v string) {
	if v != "" {
		w.item[name] = str(v)
	}
}

func (w writer) time(name string, t time.Time) {
	if !t.IsZero() {
		w.item[name] = timestamp(t)
	}
}

func (w writer) expires(t time.Time) {
	w.item[fieldExpires], w.item[fieldMillis] = number(seconds(t)), number(t.UnixMilli())
}

// encodeAttributes adds the attributes of a record.
func (s *store) encodeAttributes(r driver.Record, a adapter.Attributes, into item) {
	for name, v := range a {
		into[s.layout(r).Stored(name)] = encodeValue(v)
		if m := marks(v); m != nil {
			into[fieldTimes+name] = m
		}
	}
}

// encodeValue returns the value of an attribute. A time is the text that JavaScript
// takes for a date.
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

// marks returns what an attribute needs to come back with its types. The Auth.js adapter
// stores a date as text, and takes text that looks like one for a date, but not within
// lists and objects: so an attribute that is a time needs no mark, a text that looks
// like one is marked false, and lists and objects have those of times.
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

// times returns where in a value times are: true for a time, a map by index or name
// for what has one in it. Nil: there is none.
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

// decodeValue undoes encodeValue; marks is what times returned. It takes all that a
// table can hold: sets are lists. Bytes are of no type that an attribute can have.
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

// decodeNumber returns an int64 if a number is one, else a float64.
func decodeNumber(v string) any {
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(v, 64)
	return f
}

// What a field is that another program wrote is said by package lenient. Each of these
// reads what this package and the Auth.js adapter write first.

// display returns text that the contract can do without: converted, or absent.
func display(v types.AttributeValue) string {
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

// displayTime returns a time that the contract can do without.
func displayTime(v types.AttributeValue) time.Time {
	t, _ := timeOf(v)
	return t
}

func timeOf(v types.AttributeValue) (time.Time, bool) {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		if t, err := time.Parse(isoTime, s.Value); err == nil {
			return adapter.Milliseconds(t), true
		}
	}
	return lenient.Time(decodeValue(v, nil))
}

// verified returns when an address was verified.
func verified(v types.AttributeValue, created time.Time) time.Time {
	if t, ok := timeOf(v); ok {
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
	return display(v)
}

// truth returns true or false.
func truth(v types.AttributeValue) bool {
	if b, ok := v.(*types.AttributeValueMemberBOOL); ok {
		return b.Value
	}
	s := display(v)
	return s == "true" || s == "1"
}

// whole returns a number from 0 to most.
func whole(v types.AttributeValue, most int64) (int64, bool) {
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

// expiry returns the expiry of an item, which every record that has one must have: to the
// millisecond if this package wrote it last, else as the Auth.js adapter wrote it, in
// seconds with or without a fraction. A number that is too large for that is one of
// milliseconds.
func expiry(it item) (t time.Time, ok bool) {
	n, isNumber := it[fieldExpires].(*types.AttributeValueMemberN)
	if !isNumber {
		t, ok = timeOf(it[fieldExpires])
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

// unreadable returns the error for a field of a record that the contract needs.
func (s *store) unreadable(it item, field, want string) error {
	k := s.keyOf(it)
	e := &adapter.RecordError{Place: "table " + s.options.Table + ", " + s.describe(it), Field: field, Want: want, Got: typeName(it[field])}
	if !strings.HasPrefix(k.partition, prefixToken) {
		e.UserID = inPartitionOf(k)
	}
	return e
}

// describe returns where an item is, without a token or an e-mail address.
func (s *store) describe(it item) string {
	switch k := s.keyOf(it); {
	case strings.HasPrefix(k.partition, prefixToken):
		return "verification token with the SHA-256 digest " + adapter.SessionID(strings.TrimPrefix(k.sort, prefixToken))
	case hasPrefix(k, prefixSession):
		return "session " + s.sessionIDOf(it)
	case hasPrefix(k, prefixAccount), hasPrefix(k, prefixAuthenticator):
		kind, id, _ := strings.Cut(k.sort, "#")
		return strings.ToLower(kind) + " " + unmailed(id)
	}
	return "user"
}

// unmailed returns a text without the e-mail address that it may be.
func unmailed(text string) string {
	if strings.Contains(text, "@") {
		return "%" + digest(text)
	}
	return text
}

// typeName returns what a value is, for people.
func typeName(v types.AttributeValue) string {
	switch v.(type) {
	case nil:
		return "absent"
	case *types.AttributeValueMemberS:
		return "other text"
	case *types.AttributeValueMemberN:
		return "another number"
	case *types.AttributeValueMemberBOOL:
		return "true or false"
	case *types.AttributeValueMemberNULL:
		return "null"
	case *types.AttributeValueMemberM:
		return "a map"
	case *types.AttributeValueMemberL:
		return "a list"
	case *types.AttributeValueMemberB:
		return "bytes"
	}
	return "a set"
}

// attribute adds a value that is of no field to the attributes of a record.
func (s *store) attribute(r driver.Record, it item, stored string, v types.AttributeValue, into *adapter.Attributes) {
	layout := s.layout(r)
	name := layout.Name(stored)
	if layout(stored) || strings.HasPrefix(name, reserved) {
		return
	}
	if *into == nil {
		*into = adapter.Attributes{}
	}
	marks := it[fieldTimes+name]
	if marks == nil && looksLikeTime(text(v)) {
		marks = boolean(true)
	}
	(*into)[name] = decodeValue(v, marks)
}

// maxItem is what an item may have, 400 KB, less what rounding may add.
const maxItem = 400 << 10

var sizeMessage = regexp.MustCompile(`(?i)item size|maximum allowed size`)

// checkSize refuses an item that is too large, before it is sent.
func checkSize(record string, it item) error {
	if size(it) > maxItem {
		return tooLarge(record)
	}
	return nil
}

// size returns how large an item is, as DynamoDB counts: the bytes of names and
// values, and three more for each list or map and one for each value in it.
func size(it item) int {
	n := 0
	for name, v := range it {
		n += len(name) + sizeOf(v)
	}
	return n
}

func sizeOf(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return len(v.Value)/2 + 2
	case *types.AttributeValueMemberL:
		n := 3
		for _, e := range v.Value {
			n += 1 + sizeOf(e)
		}
		return n
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + size(v.Value)
	}
	return 1
}
