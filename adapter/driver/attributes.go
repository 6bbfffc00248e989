package driver

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

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/authjs"
)

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
	UserRecord          Record = "User"
	AccountRecord       Record = "Account"
	SessionRecord       Record = "Session"
	AuthenticatorRecord Record = "Authenticator"
)

// reserved are the names of each record's fields in Auth.js, and under "" those that every
// record has.
var reserved = map[Record]map[string]bool{
	"":                  setOf("id", "createdAt", "updatedAt"),
	UserRecord:          setOf(authjs.UserFields()...),
	AccountRecord:       setOf(authjs.AccountFields()...),
	SessionRecord:       setOf(authjs.SessionFields()...),
	AuthenticatorRecord: setOf(authjs.AuthenticatorFields()...),
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

// Reserved reports whether a record cannot have an attribute of this
// name: it is the name of a field that the record has in Auth.js, or begins with
// "authstore".
func Reserved(r Record, name string) bool {
	return strings.HasPrefix(name, reservedPrefix) || reserved[""][name] || reserved[r][name]
}

// Writable removes from attributes, and returns them, what an update of the record would refuse:
// reserved names, names and values that an attribute cannot have, at any depth. Backends
// call it on what another program may have written, so that what is read can be written
// back. No attributes are nil.
func Writable(a adapter.Attributes, r Record) adapter.Attributes {
	for name, v := range a {
		n := normalizer{left: maxAttributeBytes}
		if Reserved(r, name) || n.check(name, v, 1) != nil {
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

// normalizer checks attributes and copies them into their normal form.
type normalizer struct {
	left int // bytes that may still come
}

// normalizeAttributes returns a deep copy in normal form. No attributes are nil.
func normalizeAttributes(r Record, a adapter.Attributes) (adapter.Attributes, error) {
	if len(a) == 0 {
		return nil, nil
	}
	n := normalizer{left: maxAttributeBytes}
	out := make(adapter.Attributes, len(a))
	for name, v := range a {
		if Reserved(r, name) {
			return nil, fmt.Errorf("must not use the reserved name %q", name)
		}
		c, err := n.member(name, v, 1)
		if errors.Is(err, errSize) {
			return nil, at(shown(largest(a)), errSize)
		}
		if err != nil {
			return nil, err
		}
		out[name] = c
	}
	return out, nil
}

// largest returns the name of the attribute that takes the most bytes.
func largest(a adapter.Attributes) (name string) {
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
	case adapter.Attributes:
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
		return adapter.Milliseconds(v), checkTime(v)
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
