// Package foreign reads what the tools of a store write of an Auth.js application's records:
// mongoexport, and DynamoDB's export to Amazon S3. What values mean is as the backends have it, by
// package lenient.
package foreign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/authstore/authstore/adapter"
)

// Form is how a file has its records, one in a line.
type Form string

// The forms.
const (
	MongoDB  Form = "mongoexport" // extended JSON, canonical or relaxed
	DynamoDB Form = "dynamodb"    // DynamoDB JSON
)

// Record is what a line has: one of the pointers is set, or none if the line is of nothing that
// moves, such as a verification token.
type Record struct {
	Owner         string // the ID of the user, also of one who is unreadable if it is known
	User          *adapter.User
	Account       *adapter.Account
	Authenticator *adapter.Authenticator
	Session       *adapter.Session
	// Left has the names of values that the record is without, because no field or attribute can
	// hold them.
	Left []string
}

// FormOf returns the form of a line, or "" if it has none of them.
func FormOf(line []byte) Form {
	m, err := object(line)
	switch {
	case err != nil:
		return ""
	case len(m) == 1 && m["Item"] != nil:
		return DynamoDB
	case m["_id"] != nil:
		return MongoDB
	}
	return ""
}

// Read reads a line. The errors quote nothing of it.
func (f Form) Read(line []byte) (Record, error) {
	m, err := object(line)
	if err != nil {
		return Record{}, err
	}
	switch f {
	case MongoDB:
		return readMongoDB(m)
	case DynamoDB:
		return readDynamoDB(m)
	}
	return Record{}, fmt.Errorf("there is no form %q", string(f))
}

// object returns the members of a line, numbers as they are written.
func object(line []byte) (map[string]any, error) {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&m); err != nil || m == nil || d.More() {
		return nil, errors.New("it is not one JSON object") // the cause may quote it
	}
	return m, nil
}

// only returns the only member of an object.
func only(v any) (name string, member any, ok bool) {
	m, _ := v.(map[string]any)
	if len(m) != 1 {
		return "", nil, false
	}
	for name, member = range m {
	}
	return name, member, true
}

// unusable is a value of a type that no attribute can have, or has one inside.
type unusable struct{}

// whole returns a list or an object, unless a value in it is unusable.
func whole[T any](v T, members func(yield func(any) bool)) any {
	if slices.Contains(slices.Collect(members), any(unusable{})) {
		return unusable{}
	}
	return v
}
