package adapter

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Attributes are the properties of a record that have no field of their own
// (role, phone, locale, …). Stores keep them beside the named fields. They survive
// reads and updates by code that does not know them, and keep their type:
//
//	string, bool, int64, float64, time.Time, nil, []any, map[string]any
//
// Go's other integers are taken and kept as int64, []string as []any. A
// whole-numbered float64 may come back as int64, for some stores have one number
// type. A float64 is 0 or has a magnitude from 1e-130 to below 1e126 (DynamoDB's
// range).
//
// A name is at most 255 bytes, does not begin with "$" or "@", has no "." and no
// control character, also inside nested maps; it is neither the stored name of a
// field of the record, nor a name that a store needs for itself (see
// [ReservedAttribute]).
type Attributes map[string]any

// Limits on attributes.
const (
	maxAttributeName  = 255
	maxAttributeDepth = 16
	maxAttributeBytes = 64 << 10
	minFloat          = 1e-130
	maxFloat          = 1e126
)

// Record names a type of record, for the names that are reserved in it.
type Record string

// The records that have attributes.
const (
	UserRecord    Record = "User"
	AccountRecord Record = "Account"
	SessionRecord Record = "Session"
)

// reserved are the stored names of each record's fields, in the layouts of the
// Auth.js adapters, and under "" the names that stores need in every record.
var reserved = map[Record]map[string]bool{
	"": setOf("id", "_id", "userId", "createdAt", "updatedAt", "expires", "type",
		"pk", "sk", "GSI1PK", "GSI1SK", "coll", "data", "ts", "ttl"),
	UserRecord: setOf("name", "email", "emailVerified", "image"),
	AccountRecord: setOf("provider", "providerAccountId", "refresh_token", "access_token", "expires_at",
		"token_type", "scope", "id_token", "session_state"),
	SessionRecord: setOf("sessionToken"),
}

func setOf(names ...string) map[string]bool {
	all := make(map[string]bool, len(names))
	for _, n := range names {
		all[n] = true
	}
	return all
}

// reservedPrefix begins the names that backends add for themselves.
const reservedPrefix = "authstore"

// ReservedAttribute reports whether a record cannot have an attribute of this
// name: it is the stored name of a field, a name that some store needs, or begins
// with "authstore".
func ReservedAttribute(r Record, name string) bool {
	return strings.HasPrefix(name, reservedPrefix) || reserved[""][name] || reserved[r][name]
}

// Writable removes from a, and returns it, what an update of the record would refuse:
// reserved names, names and values that an attribute cannot have, at any depth. Backends
// call it on what another program may have written, so that what is read can be written
// back. No attributes are nil.
func (a Attributes) Writable(r Record) Attributes {
	for name, v := range a {
		n := normalizer{left: maxAttributeBytes}
		if ReservedAttribute(r, name) || n.check(name, v, 1) != nil {
			delete(a, name)
		}
	}
	if len(a) == 0 {
		return nil
	}
	return a
}

// check is member without the copy.
func (n *normalizer) check(name string, v any, depth int) error {
	if err := errors.Join(checkAttributeName(name), n.take(len(name))); err != nil {
		return err
	}
	return n.checkValue(v, depth)
}

func (n *normalizer) checkValue(v any, depth int) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := n.take(1); err != nil {
				return err
			}
			if err := n.checkValue(e, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, e := range v {
			if err := n.check(name, e, depth+1); err != nil {
				return err
			}
		}
	default:
		_, err := n.value(v, depth)
		return err
	}
	if depth > maxAttributeDepth {
		return errDepth
	}
	return nil
}

// Clone returns a deep copy.
func (a Attributes) Clone() Attributes {
	if a == nil {
		return nil
	}
	c := make(Attributes, len(a))
	for name, v := range a {
		c[name] = cloneValue(v)
	}
	return c
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = cloneValue(e)
		}
		return c
	case map[string]any:
		return map[string]any(Attributes(v).Clone())
	}
	return v
}

// normalizer checks attributes and copies them into their normal form.
type normalizer struct {
	left int // bytes that may still come
}

// normalizeAttributes returns a deep copy in normal form. No attributes are nil.
func normalizeAttributes(r Record, a Attributes) (Attributes, error) {
	if len(a) == 0 {
		return nil, nil
	}
	n := normalizer{left: maxAttributeBytes}
	out := make(Attributes, len(a))
	for name, v := range a {
		if ReservedAttribute(r, name) {
			return nil, fmt.Errorf("must not use the reserved name %q", name)
		}
		c, err := n.member(name, v, 1)
		if errors.Is(err, errSize) {
			return nil, at(shown(a.largest()), errSize)
		}
		if err != nil {
			return nil, err
		}
		out[name] = c
	}
	return out, nil
}

// largest returns the name of the attribute that takes the most bytes.
func (a Attributes) largest() (name string) {
	least := math.MaxInt
	for _, other := range slices.Sorted(maps.Keys(a)) {
		n := normalizer{left: math.MaxInt}
		_ = n.check(other, a[other], 1)
		if n.left < least {
			name, least = other, n.left
		}
	}
	return name
}

// attributeError says which attribute breaks a rule.
type attributeError struct {
	path   string // names and indexes, as JavaScript writes them
	reason error
}

func (e *attributeError) Error() string { return e.reason.Error() + ", unlike " + e.path }
func (e *attributeError) Unwrap() error { return e.reason }

// at returns an error as that of what is at a step of the path to it.
func at(step string, err error) error {
	if inner, ok := err.(*attributeError); ok {
		if strings.HasPrefix(inner.path, "[") {
			return &attributeError{step + inner.path, inner.reason}
		}
		return &attributeError{step + "." + inner.path, inner.reason}
	}
	return &attributeError{step, err}
}

// shown returns a name as an error shows it. One that may be somebody's address, or a
// token, is not shown.
func shown(name string) string {
	const long = 40
	if len(name) > long || strings.LastIndex(name, "@") > 0 {
		return "…"
	}
	return strconv.Quote(name)
}

func (n *normalizer) member(name string, v any, depth int) (any, error) {
	err := checkAttributeName(name)
	if err == nil {
		err = n.take(len(name))
	}
	if err == nil {
		v, err = n.value(v, depth)
	}
	if err != nil {
		return nil, at(shown(name), err)
	}
	return v, nil
}

func checkAttributeName(name string) error {
	switch {
	case name == "" || len(name) > maxAttributeName:
		return fmt.Errorf("must have names of 1 to %d bytes", maxAttributeName)
	case checkText(name) != nil, strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("must have names that are UTF-8 without control characters")
	case name[0] == '$', name[0] == '@', strings.Contains(name, "."):
		return fmt.Errorf(`must have names that do not begin with "$" or "@" and have no "."`)
	}
	return nil
}

var (
	errDepth = fmt.Errorf("must be nested at most %d deep", maxAttributeDepth)
	errSize  = fmt.Errorf("must be at most %d bytes together", maxAttributeBytes)
)

func (n *normalizer) take(bytes int) error {
	if n.left -= bytes; n.left < 0 {
		return errSize
	}
	return nil
}

// value returns v in normal form. Scalars count as 8 bytes.
func (n *normalizer) value(v any, depth int) (any, error) {
	if depth > maxAttributeDepth {
		return nil, errDepth
	}
	switch v := v.(type) {
	case string:
		if err := checkText(v); err != nil {
			return nil, err
		}
		return v, n.take(len(v))
	case []any:
		return n.list(v, depth)
	case []string:
		return n.list(anys(v), depth)
	case map[string]any:
		return n.object(v, depth)
	case Attributes:
		return n.object(v, depth)
	}
	if err := n.take(8); err != nil {
		return nil, err
	}
	return scalar(v)
}

func (n *normalizer) list(v []any, depth int) (any, error) {
	out := make([]any, len(v))
	for i, e := range v {
		if err := n.take(1); err != nil {
			return nil, err
		}
		c, err := n.value(e, depth+1)
		if err != nil {
			return nil, at(fmt.Sprintf("[%d]", i), err)
		}
		out[i] = c
	}
	return out, nil
}

func (n *normalizer) object(v map[string]any, depth int) (any, error) {
	out := make(map[string]any, len(v))
	for name, e := range v {
		c, err := n.member(name, e, depth+1)
		if err != nil {
			return nil, err
		}
		out[name] = c
	}
	return out, nil
}

func anys(v []string) []any {
	out := make([]any, len(v))
	for i, s := range v {
		out[i] = s
	}
	return out
}

func scalar(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64:
		return v, nil
	case time.Time:
		return Milliseconds(v), checkTime(v)
	case float64:
		return v, checkFloat(v)
	case float32:
		return float64(v), checkFloat(float64(v))
	case int:
		return int64(v), nil
	case int8:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case uint8:
		return int64(v), nil
	case uint16:
		return int64(v), nil
	case uint32:
		return int64(v), nil
	case uint:
		return unsigned(uint64(v))
	case uint64:
		return unsigned(v)
	}
	return nil, fmt.Errorf(
		"must hold only string, bool, int64, float64, time.Time, nil, []any and map[string]any, not %T", v)
}

func unsigned(v uint64) (any, error) {
	if v > math.MaxInt64 {
		return nil, fmt.Errorf("must hold whole numbers that fit an int64")
	}
	return int64(v), nil
}

func checkFloat(v float64) error {
	abs := math.Abs(v)
	if v == 0 || abs >= minFloat && abs < maxFloat {
		return nil
	}
	return fmt.Errorf("must hold numbers that are 0 or of a magnitude from %g to below %g", minFloat, maxFloat)
}
