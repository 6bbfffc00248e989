// Package codec writes attributes as bytes, and reads them with their types, for a backend
// whose store knows neither times nor 64-bit integers.
//
//	import (
//		"fmt"
//		"log"
//
//		"github.com/authstore/authstore/adapter"
//		"github.com/authstore/authstore/adapter/codec"
//	)
//
//	packed, err := codec.Append(nil, adapter.Attributes{"role": "admin"})
//	if err != nil {
//		log.Fatal(err)
//	}
//	attributes, err := codec.Attributes(packed)
//	fmt.Println(attributes, err)
//
// The bytes are MessagePack: integers, float 64, str, bool, nil, array and map, and for a
// time the extension type 5 of github.com/tinylib/msgp, with seconds and nanoseconds. Other
// implementations of MessagePack read all but the times. What is appended must be what
// driver.Guard hands to a backend: values in their normal form (see adapter.Attributes).
package codec

import (
	"errors"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/authstore/authstore/adapter"
)

// Append appends attributes, or the value of one, to b.
func Append(b []byte, v any) ([]byte, error) {
	if a, ok := v.(adapter.Attributes); ok {
		v = map[string]any(a)
	}
	return msgp.AppendIntf(b, v)
}

// Value returns the value that b is, with the types that adapter.Attributes can have. An
// error if there is no such value, or something behind it.
func Value(b []byte) (any, error) {
	v, rest, err := msgp.ReadIntfBytes(b)
	if err == nil && len(rest) > 0 {
		err = errTrailing
	}
	if err != nil {
		return nil, err
	}
	return normal(v), nil
}

var (
	errTrailing = errors.New("codec: something is behind the value")
	errNoMap    = errors.New("codec: not a map")
)

// Attributes returns the attributes that b is. None are nil.
func Attributes(b []byte) (adapter.Attributes, error) {
	v, err := Value(b)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errNoMap
	}
	if len(m) == 0 {
		return nil, nil
	}
	return m, nil
}

// normal brings what msgp reads into the types of adapter.Attributes.
func normal(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC()
	case uint64:
		return int64(v)
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = normal(v[name])
		}
	}
	return v
}
