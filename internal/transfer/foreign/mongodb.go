package foreign

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

// readMongoDB reads a document of one of the adapter's collections. It does not say of which one:
// its fields do.
func readMongoDB(doc map[string]any) (Record, error) {
	f := &fields{values: make(map[string]any, len(doc)), attribute: documentAttribute}
	for name, v := range doc {
		f.values[name] = extended(v)
	}
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return f.values[name] == nil })
	}
	owner, damaged := id(f.values["userId"]), !isUser(doc) && (has("userId", "provider") || has("userId", "providerAccountId"))
	switch {
	case has("identifier", "token", "expires"):
		return Record{}, nil
	case has("userId", "credentialID"):
		return f.result(owner, f.authenticator(owner, textIn(f.values["credentialID"])))
	case damaged, has("userId", "provider", "providerAccountId"):
		return f.result(owner, f.account(owner, textIn(f.values["provider"]), id(f.values["providerAccountId"])))
	case has("userId", "sessionToken"):
		expires, ok := lenient.Time(f.values["expires"])
		return f.result(owner, f.session(owner, f.documentSession(), expires, ok))
	case !isUser(doc):
		return Record{Owner: owner}, errors.New("it is none of the records of Auth.js")
	}
	return f.documentUser()
}

func (f *fields) documentUser() (Record, error) {
	owner := id(f.values["_id"])
	f.need("_id", "an ID", owner != "")
	if f.values[own] != nil {
		return Record{Owner: owner}, errors.New("its sign-up or its deletion was under way")
	}
	return f.result(owner, f.user(owner))
}

// isUser reports whether a document has a field that each user has, null or not.
func isUser(doc map[string]any) bool {
	for _, name := range []string{"email", "emailVerified", "name", own} {
		if _, there := doc[name]; there {
			return true
		}
	}
	return false
}

// documentSession returns the ID of a session. Its token is stored, or its digest.
func (f *fields) documentSession() string {
	stored := textIn(f.values["sessionToken"])
	if f.values[own+"Digest"] == true || stored == "" {
		return stored
	}
	return adapter.SessionID(stored)
}

// documentAttribute returns the name of an attribute, "" for what is none.
func documentAttribute(stored string, v any) (string, any) {
	name := attribute.Name(plain(stored))
	if stored == "_id" || strings.HasPrefix(name, own) {
		return "", nil
	}
	return name, v
}

// escape is what package mongo stores in a name for a ".", and for a "$" at its beginning.
var escape = regexp.MustCompile(`%(25)*2E|^%(25)*24`)

// plain returns a name without such escapes.
func plain(stored string) string {
	return escape.ReplaceAllStringFunc(stored, func(s string) string {
		switch s {
		case "%2E":
			return "."
		case "%24":
			return "$"
		}
		return "%" + s[3:]
	})
}

// extended returns the value that is written as extended JSON
// (https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/), as package mongo reads it.
func extended(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(v.String())
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = extended(e)
		}
		return whole(list, slices.Values(list))
	case map[string]any:
		if name, inner, ok := only(v); ok && strings.HasPrefix(name, "$") {
			return typed(name, inner)
		}
		m := make(map[string]any, len(v))
		for name, e := range v {
			m[attribute.Name(plain(name))] = extended(e)
		}
		return whole(m, maps.Values(m))
	}
	return v
}

// typed returns a value whose type has a name. ObjectIDs, UUIDs, decimals and binary data are text.
func typed(name string, v any) any {
	text, isText := v.(string)
	switch {
	case name == "$date":
		return date(v)
	case name == "$binary":
		return binary(v)
	case name == "$undefined":
		return nil
	case !isText:
	case name == "$oid", name == "$uuid", name == "$symbol", name == "$numberDecimal":
		return text
	case name == "$numberInt", name == "$numberLong", name == "$numberDouble":
		return number(text)
	}
	return unusable{}
}

// number returns a whole number as int64, also one that is written with a fraction of 0.
func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return unusable{}
	case f == math.Trunc(f) && math.Abs(f) <= 1<<53:
		return int64(f)
	}
	return f
}

// date returns a time, which is text or a number of milliseconds.
func date(v any) any {
	if name, inner, ok := only(v); ok && name == "$numberLong" {
		v = extended(map[string]any{name: inner})
	}
	if n, ok := v.(json.Number); ok {
		v = number(n.String())
	}
	if t, ok := lenient.Time(v); ok {
		return t
	}
	return unusable{}
}

// binary returns a UUID as its text, and other data in base64.
func binary(v any) any {
	m, _ := v.(map[string]any)
	text, _ := m["base64"].(string)
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || m == nil {
		return unusable{}
	}
	if subType := m["subType"]; (subType == "04" || subType == "03") && len(data) == 16 {
		h := hex.EncodeToString(data)
		return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	}
	return text
}
