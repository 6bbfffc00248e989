package foreign

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/lenient"
)

// The attributes of the keys, by their names in the table of Auth.js.
const (
	partitionKey = "pk"
	sortKey      = "sk"
)

// readDynamoDB reads an item of the adapter's table. What it is is in its keys.
func readDynamoDB(line map[string]any) (Record, error) {
	raw, ok := line["Item"].(map[string]any)
	if !ok {
		return Record{}, errors.New("it has no Item: only a full export is read, in DynamoDB JSON")
	}
	item := make(map[string]any, len(raw))
	for name, v := range raw {
		item[name] = described(v)
	}
	pk, sk := textIn(item[partitionKey]), textIn(item[sortKey])
	owner, ofUser := strings.CutPrefix(pk, "USER#")
	kind, rest, _ := strings.Cut(sk, "#")
	f := &fields{values: item, attribute: func(stored string, v any) (string, any) { return itemAttribute(item, kind, stored, v) }}
	switch {
	case strings.HasPrefix(pk, "VT#"), sk == "GUARD", sk == "TOMBSTONE":
		return Record{}, nil // a token, or what package dynamodb keeps beside records
	case !ofUser || owner == "":
	case kind == "USER":
		return f.result(owner, f.user(owner))
	case kind == "ACCOUNT":
		provider, accountID, _ := strings.Cut(rest, "#")
		if item["type"] == nil {
			item["type"] = item["providerType"] // of NextAuth.js 3
		}
		return f.result(owner, f.account(owner, cmp.Or(textIn(item["provider"], item["providerId"]), plainPart(provider)),
			cmp.Or(textIn(item["providerAccountId"]), plainPart(accountID))))
	case kind == "SESSION":
		expires, ok := itemExpiry(item)
		return f.result(owner, f.session(owner, itemSession(item, rest), expires, ok))
	case kind == "AUTHENTICATOR":
		return f.result(owner, f.authenticator(owner, cmp.Or(textIn(item["credentialID"]), plainPart(rest))))
	}
	return Record{}, errors.New("pk and sk are not those of a record of Auth.js")
}

// plainPart returns a part of a key, or "" if package dynamodb has a digest there.
func plainPart(part string) string {
	if strings.HasPrefix(part, "%") {
		return ""
	}
	return part
}

// itemSession returns the ID of a session. The token is stored, or its digest in the key alone.
func itemSession(item map[string]any, stored string) string {
	if token := textIn(item["sessionToken"]); token != "" {
		return adapter.SessionID(token)
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(stored)
	if item[own+"Stamp"] != nil && err == nil && len(sum) == sha256.Size || stored == "" {
		return stored
	}
	return adapter.SessionID(stored)
}

// maxSeconds is the end of the year 9999.
const maxSeconds = 253402300799

// itemExpiry returns when a session ends: in seconds, with or without a fraction, or in milliseconds
// if it is too large for that. Package dynamodb has milliseconds beside it.
func itemExpiry(item map[string]any) (time.Time, bool) {
	var s float64
	switch v := item["expires"].(type) {
	case int64:
		s = float64(v)
	case float64:
		s = v
	default:
		return lenient.Time(v)
	}
	if math.Abs(s) > maxSeconds {
		return lenient.Time(s)
	}
	if ms, ok := item[own+"Expires"].(int64); ok && math.Ceil(float64(ms)/1000) == s {
		return time.UnixMilli(ms).UTC(), true
	}
	return time.UnixMilli(int64(math.Round(s * 1000))).UTC(), true
}

// itemAttribute returns the name and the value of an attribute, "" for what is none. Auth.js stores
// a time as the text that JavaScript writes for it, and so does package dynamodb, which notes where in
// a value there are others.
func itemAttribute(item map[string]any, kind, stored string, v any) (string, any) {
	taken := attribute.Layout(func(name string) bool {
		switch name {
		case partitionKey, sortKey, "GSI1PK", "GSI1SK", "type", "expires":
			return true
		}
		return kind == "ACCOUNT" && (name == "providerId" || name == "providerType")
	})
	name := taken.Name(stored)
	if taken(stored) || strings.HasPrefix(name, own) {
		return "", nil
	}
	note, noted := item[own+"Time."+name]
	if text, _ := v.(string); !noted && isISO(text) {
		note = true
	}
	return name, restored(v, note)
}

const isoTime = "2006-01-02T15:04:05.000Z"

func isISO(text string) bool {
	t, err := time.Parse(isoTime, text)
	return err == nil && t.Format(isoTime) == text
}

// restored returns a value with the times that a note says: true, or notes by index or name.
func restored(v, note any) any {
	inside, _ := note.(map[string]any)
	switch v := v.(type) {
	case string:
		if t, ok := lenient.Time(v); ok && note == true {
			return t
		}
	case []any:
		for i := range v {
			v[i] = restored(v[i], inside[strconv.Itoa(i)])
		}
	case map[string]any:
		for name := range v {
			v[name] = restored(v[name], inside[name])
		}
	}
	return v
}

// described returns a value of DynamoDB JSON, whose only member names its type
// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html).
// Sets are lists.
func described(v any) any {
	kind, v, _ := only(v)
	switch v := v.(type) {
	case string:
		switch kind {
		case "S":
			return v
		case "N":
			return decimal(v)
		}
	case bool:
		switch kind {
		case "BOOL":
			return v
		case "NULL":
			return nil
		}
	case []any:
		return list(kind, v)
	case map[string]any:
		if kind == "M" {
			m := make(map[string]any, len(v))
			for name, e := range v {
				m[attribute.Name(name)] = described(e)
			}
			return whole(m, maps.Values(m))
		}
	}
	return unusable{}
}

func list(kind string, v []any) any {
	all := make([]any, len(v))
	for i, e := range v {
		switch kind {
		case "SS", "NS":
			e = map[string]any{kind[:1]: e}
		case "L":
		default:
			return unusable{}
		}
		all[i] = described(e)
	}
	return whole(all, slices.Values(all))
}

// decimal returns an int64 if a number is one.
func decimal(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return unusable{}
	}
	return f
}
