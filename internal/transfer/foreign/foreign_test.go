package foreign

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
)

var noon = time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)

const oid = "65a0c0de0000000000000001"

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read reads a line, whose form it knows.
func read(t *testing.T, form Form, line string) Record {
	t.Helper()
	if got := FormOf([]byte(line)); got != form {
		t.Fatalf("got the form %q of %s", got, line)
	}
	r, err := form.Read([]byte(line))
	check(t, err)
	return r
}

// What MongoDB's own library writes of each type, in both modes, is read as package mongo has it.
func TestExtendedJSON(t *testing.T) {
	id, err := bson.ObjectIDFromHex(oid)
	check(t, err)
	decimal, err := bson.ParseDecimal128("12.50")
	check(t, err)
	uuid := []byte{0x18, 0x15, 0xc0, 0xde, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}
	values := bson.D{
		{Key: "int32", Value: int32(-7)}, {Key: "int64", Value: int64(1<<62 + 1)}, {Key: "double", Value: 2.5}, {Key: "whole", Value: 3.0},
		{Key: "text", Value: "<&>\u2028"}, {Key: "yes", Value: true}, {Key: "none", Value: nil}, {Key: "undefined", Value: bson.Undefined{}},
		{Key: "date", Value: noon.Add(123 * time.Millisecond)}, {Key: "early", Value: time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Key: "oid", Value: id}, {Key: "uuid", Value: bson.Binary{Subtype: 4, Data: uuid}}, {Key: "bytes", Value: bson.Binary{Data: []byte{1, 2}}},
		{Key: "decimal", Value: decimal}, {Key: "symbol", Value: bson.Symbol("s")},
		{Key: "list", Value: bson.A{int32(1), bson.A{noon}}}, {Key: "object", Value: bson.D{{Key: "a%2Eb", Value: noon}, {Key: "c", Value: id}}},
		{Key: "regex", Value: bson.Regex{Pattern: "x"}}, {Key: "timestamp", Value: bson.Timestamp{T: 1}}, {Key: "deep", Value: bson.A{bson.D{{Key: "x", Value: bson.MinKey{}}}}},
		{Key: "a%2Eb", Value: "dot"}, {Key: "authstore__proto__", Value: "p"}, {Key: "authstoreOther", Value: "ours"}, {Key: "year10000", Value: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	want := adapter.Attributes{
		"int32": int64(-7), "int64": int64(1<<62 + 1), "double": 2.5, "whole": int64(3), "text": "<&>\u2028", "yes": true, "none": nil, "undefined": nil,
		"date": noon.Add(123 * time.Millisecond), "early": time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC), "oid": oid, "uuid": "1815c0de-0000-4000-8000-000000000001",
		"bytes": "AQI=", "decimal": "12.50", "symbol": "s", "list": []any{int64(1), []any{noon}}, "object": map[string]any{"a.b": noon, "c": oid},
		"a.b": "dot", "__proto__": "p",
	}
	for _, canonical := range []bool{true, false} {
		line, err := bson.MarshalExtJSON(append(bson.D{{Key: "_id", Value: id}, {Key: "email", Value: nil}}, values...), canonical, false)
		check(t, err)
		r := read(t, MongoDB, string(line))
		if r.User == nil || r.User.ID != oid || !reflect.DeepEqual(r.User.Attributes, want) {
			t.Errorf("canonical %t: got %#v, want %#v", canonical, r.User, want)
		}
		if want := []string{"deep", "regex", "timestamp", "year10000"}; !slices.Equal(r.Left, want) {
			t.Errorf("canonical %t: left %q, want %q", canonical, r.Left, want)
		}
	}
}

// Each type of DynamoDB JSON.
func TestDynamoDBJSON(t *testing.T) {
	r := read(t, DynamoDB, `{"Item":{"pk":{"S":"USER#u#1"},"sk":{"S":"USER#u#1"},"type":{"S":"USER"},"id":{"S":"u#1"},"GSI1PK":{"S":"USER#a@example.com"},"GSI1SK":{"S":"USER#a@example.com"},
		"email":{"S":"a@example.com"},"emailVerified":{"S":"2024-05-06T12:00:00.000Z"},"name":{"NULL":true},
		"whole":{"N":"9007199254740993"},"part":{"N":"2.5"},"yes":{"BOOL":true},"none":{"NULL":true},"iso":{"S":"2024-05-06T12:00:00.000Z"},
		"text":{"S":"2024-05-06T12:00:00.000Z"},"authstoreTime.text":{"BOOL":false},"list":{"L":[{"N":"1"},{"M":{"a":{"S":"2024-05-06T12:00:00.000Z"},"b":{"S":"2024-05-06T12:00:00.000Z"}}}]},
		"authstoreTime.list":{"M":{"1":{"M":{"a":{"BOOL":true}}}}},"words":{"SS":["a","b"]},"numbers":{"NS":["1","2.5"]},"authstoretype":{"S":"mine"},"authstoreStamp":{"S":"x"},
		"bytes":{"B":"AQI="},"blobs":{"BS":["AQI="]},"inside":{"L":[{"B":"AQI="}]},"odd":{"S":1},"empty":{"L":[]}}}`)
	want := &adapter.User{ID: "u#1", Email: "a@example.com", EmailVerified: noon, Attributes: adapter.Attributes{
		"whole": int64(9007199254740993), "part": 2.5, "yes": true, "none": nil, "iso": noon, "text": "2024-05-06T12:00:00.000Z",
		"list":  []any{int64(1), map[string]any{"a": noon, "b": "2024-05-06T12:00:00.000Z"}},
		"words": []any{"a", "b"}, "numbers": []any{int64(1), 2.5}, "type": "mine", "empty": []any{},
	}}
	if !reflect.DeepEqual(r.User, want) {
		t.Errorf("got %#v, want %#v", r.User, want)
	}
	if want := []string{"blobs", "bytes", "inside", "odd"}; !slices.Equal(r.Left, want) {
		t.Errorf("left %q, want %q", r.Left, want)
	}
}

// item returns an item of attributes that are text, numbers or bools.
func item(t *testing.T, attributes map[string]any) string {
	t.Helper()
	all := map[string]any{}
	for name, v := range attributes {
		kind := "S"
		switch v.(type) {
		case bool:
			kind = "BOOL"
		case json.Number:
			kind = "N"
		}
		all[name] = map[string]any{kind: v}
	}
	line, err := json.Marshal(map[string]any{"Item": all})
	check(t, err)
	return strings.ReplaceAll(string(line), `{"N":1714996800}`, `{"N":"1714996800"}`)
}

// Sessions are known by the digests of their tokens, whoever stored them.
func TestSessions(t *testing.T) {
	digest := adapter.SessionID("token")
	for name, tt := range map[string]struct {
		form Form
		line string
	}{
		"Auth.js, MongoDB": {MongoDB, `{"_id":{"$oid":"` + oid + `"},"sessionToken":"token","userId":{"$oid":"` + oid + `"},"expires":{"$date":"2024-05-06T12:00:00Z"}}`},
		"mongo":            {MongoDB, `{"_id":{"$oid":"` + oid + `"},"sessionToken":"` + digest + `","authstoreDigest":true,"userId":{"$oid":"` + oid + `"},"expires":{"$date":"2024-05-06T12:00:00Z"}}`},
		"Auth.js, DynamoDB": {DynamoDB, item(t, map[string]any{
			"pk": "USER#" + oid, "sk": "SESSION#token", "GSI1PK": "SESSION#token", "GSI1SK": "SESSION#token", "type": "SESSION",
			"sessionToken": "token", "userId": oid, "expires": json.Number("1714996800"),
		})},
		"dynamodb": {DynamoDB, item(t, map[string]any{
			"pk": "USER#" + oid, "sk": "SESSION#" + digest, "type": "SESSION", "userId": oid, "expires": json.Number("1714996800"), "authstoreStamp": "x",
		})},
	} {
		r := read(t, tt.form, tt.line)
		want := &adapter.Session{ID: digest, UserID: oid, Expires: noon}
		if !reflect.DeepEqual(r.Session, want) || r.Owner != oid || len(r.Left) > 0 {
			t.Errorf("%s: got %+v, want %+v", name, r, want)
		}
	}
	r := read(t, DynamoDB, `{"Item":{"pk":{"S":"USER#u"},"sk":{"S":"SESSION#t"},"expires":{"N":"1714996801"},"authstoreExpires":{"N":"1714996800123"}}}`)
	if want := noon.Add(123 * time.Millisecond); r.Session == nil || !r.Session.Expires.Equal(want) {
		t.Errorf("got %+v, want %v", r.Session, want)
	}
}

// What is no record that moves is nothing, and what is no record is an error that quotes nothing.
func TestOthers(t *testing.T) {
	const id = `"_id":{"$oid":"` + oid + `"}`
	for _, tt := range []struct {
		form       Form
		line, want string // "": no error
	}{
		{MongoDB, `{` + id + `,"identifier":"a@example.com","token":"hunter2","expires":{"$date":"2024-05-06T12:00:00Z"}}`, ""},
		{DynamoDB, `{"Item":{"pk":{"S":"VT#a@example.com"},"sk":{"S":"VT#hunter2"},"type":{"S":"VT"}}}`, ""},
		{DynamoDB, `{"Item":{"pk":{"S":"EMAIL#a@example.com"},"sk":{"S":"GUARD"}}}`, ""},
		{DynamoDB, `{"Item":{"pk":{"S":"DELETED#x"},"sk":{"S":"TOMBSTONE"}}}`, ""},
		{MongoDB, `{` + id + `,"password":"hunter2"}`, "none of the records"},
		{MongoDB, `{` + id + `,"email":"hunter2","authstore":{"deleted":true}}`, "under way"},
		{MongoDB, `{"_id":{"$minKey":1},"email":"hunter2"}`, "_id is not"},
		{MongoDB, `{` + id + `,"userId":true,"provider":"hunter2","providerAccountId":"1"}`, "userId is not"},
		{MongoDB, `{` + id + `,"userId":"u","provider":"hunter2"}`, "providerAccountId is not"},
		{MongoDB, `{` + id + `,"userId":"u","providerAccountId":"hunter2"}`, "provider is not"},
		{MongoDB, `{` + id + `,"userId":"u","sessionToken":"hunter2"}`, "expires is not"},
		{MongoDB, `{` + id + `,"userId":"u","sessionToken":7,"expires":"2024-05-06"}`, "sessionToken is not"},
		{MongoDB, `{` + id + `,"userId":"u","credentialID":"hunter2","counter":-1}`, "counter is not"},
		{MongoDB, `{` + id + `,"email":"hunter2`, "one JSON object"},
		{MongoDB, `{` + id + `,"email":"hunter2"} {}`, "one JSON object"},
		{MongoDB, `[{"email":"hunter2"}]`, "one JSON object"},
		{DynamoDB, `{"Keys":{"pk":{"S":"hunter2"}},"NewImage":{}}`, "full export"},
		{DynamoDB, `{"Item":{"pk":{"S":"USER#u"},"sk":{"S":"ORDER#hunter2"}}}`, "pk and sk"},
		{DynamoDB, `{"Item":{"id":{"S":"hunter2"}}}`, "pk and sk"},
		{DynamoDB, `{"Item":{"pk":{"S":"USER#u"},"sk":{"S":"SESSION#hunter2"},"expires":{"S":"soon"}}}`, "expires is not"},
		{DynamoDB, `{"Item":{"pk":{"S":"USER#u"},"sk":{"S":"ACCOUNT#%hunter2#1"}}}`, "provider is not"},
		{"else", `{}`, "no form"},
	} {
		r, err := tt.form.Read([]byte(tt.line))
		switch {
		case r.User != nil || r.Account != nil || r.Session != nil || r.Authenticator != nil:
			t.Errorf("%s: got %+v", tt.line, r)
		case tt.want == "":
			check(t, err)
		case err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: got %v, want %q", tt.line, err, tt.want)
		}
	}
}

// A field in a form that it cannot have is named, if the record can do without it.
func TestOddFields(t *testing.T) {
	r := read(t, MongoDB, `{"_id":7,"name":{"first":"Ada"},"emailVerified":"soon","image":{"$regularExpression":{"pattern":"x","options":""}},"userId":"an attribute","provider":"too"}`)
	if r.User == nil || r.User.ID != "7" || !slices.Equal(r.Left, []string{"emailVerified", "image", "name"}) ||
		!slices.Equal(slices.Sorted(maps.Keys(r.User.Attributes)), []string{"provider", "userId"}) {
		t.Errorf("got %+v, %+v", r, r.User)
	}
	r = read(t, MongoDB, `{"_id":8,"email":"a@example.com","emailVerified":true,"createdAt":{"$date":"2024-05-06T12:00:00Z"}}`)
	if r.User == nil || !r.User.EmailVerified.Equal(noon) {
		t.Errorf("got %+v", r.User)
	}
	r = read(t, MongoDB, `{"_id":9,"userId":7,"provider":"github","providerAccountId":1815,"type":"oauth","scope":["a","b"],"expires_at":"soon"}`)
	if r.Account == nil || r.Account.ProviderAccountID != "1815" || r.Account.Scope != "a b" || r.Owner != "7" || !slices.Equal(r.Left, []string{"expires_at"}) {
		t.Errorf("got %+v, %+v", r, r.Account)
	}
}
