package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	xdriver "go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// passing are the codes of answers that another time will be different (the server's
// error_codes.yml: elections, shutdown, time limits, overload).
var passing = []int{
	6, 7, 89, 9001, // between servers of a cluster
	91, 189, 10107, 11600, 11602, 13435, 13436, // no primary, or not any more
	24, 46, 50, 112, 134, 262, 462, // locks, time limits and load
	64, // the write was applied, but the majority has not confirmed it in time
}

// kinds are those of the contract, in which an error needs no translation.
var kinds = []error{
	adapter.ErrNotFound, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrUnavailable, adapter.ErrSetup,
	adapter.ErrUnreadable, adapter.ErrClosed,
}

// failure returns an error of the driver as one of the contract's kinds.
func failure(err error) error {
	switch {
	case err == nil, slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }):
		return err
	case errors.Is(err, mongo.ErrNoDocuments):
		return adapter.ErrNotFound
	case errors.Is(err, mongo.ErrClientDisconnected):
		return driver.Caused(adapter.ErrClosed, err)
	}
	if mend := diagnose(err); mend != nil {
		return driver.Caused(mend, err)
	}
	switch {
	case isPassing(err):
		return driver.Caused(unavailable(err), err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return driver.Caused(refusal(err), err)
}

func isPassing(err error) bool {
	var (
		selection topology.ServerSelectionError
		conn      topology.ConnectionError
		pool      xdriver.RetryablePoolError
	)
	return mongo.IsTimeout(err) || errors.As(err, &selection) || errors.As(err, &conn) || errors.As(err, &pool) || isRepeatable(err)
}

// isRepeatable reports whether a command got no answer, or one that another primary will
// not give.
func isRepeatable(err error) bool {
	var server mongo.ServerError
	return mongo.IsNetworkError(err) ||
		errors.As(err, &server) && (slices.ContainsFunc(passing, server.HasErrorCode) || server.HasErrorLabel("RetryableWriteError"))
}

// reply is what the server says of a command or a write that failed.
type reply struct {
	code    int
	name    string
	message string // may quote data
	raw     bson.Raw
	ofWrite bool // of the document to be written, not of the command
}

// replyOf returns what the server says in an error.
func replyOf(err error) (reply, bool) {
	if write := (mongo.WriteException{}); errors.As(err, &write) && len(write.WriteErrors) > 0 {
		e := write.WriteErrors[0]
		return reply{code: e.Code, message: e.Message, raw: e.Raw, ofWrite: true}, true
	}
	if bulk := (mongo.BulkWriteException{}); errors.As(err, &bulk) && len(bulk.WriteErrors) > 0 {
		e := bulk.WriteErrors[0]
		return reply{code: e.Code, message: e.Message, raw: e.Raw, ofWrite: true}, true
	}
	if command := (mongo.CommandError{}); errors.As(err, &command) {
		return reply{code: int(command.Code), name: command.Name, message: command.Message, raw: command.Raw}, true
	}
	return reply{}, false
}

// Codes of answers about a document.
const (
	codeInvalidDocument = 121 // by the collection's validator
	codeDuplicate       = 11000
)

// isRefused reports whether the server will not write a document for what is in it: a
// unique index or a validator is against it, or it is too large.
func isRefused(err error) bool {
	r, ok := replyOf(err)
	return ok && !isRepeatable(err) && (r.ofWrite || r.code == codeInvalidDocument || r.code == codeDuplicate)
}

// refusal says what the server refused with, in a text that holds no data.
func refusal(err error) error {
	switch r, ok := replyOf(err); {
	case ok && r.name != "":
		return fmt.Errorf("the server refuses with %s (%d)", r.name, r.code)
	case ok:
		return fmt.Errorf("the server refuses the write with the code %d", r.code)
	}
	return errors.New("unexpected error of the MongoDB driver")
}

// duplicate is a unique index that has refused a write.
type duplicate struct {
	collection, index string
	fields            []string
	collated          bool // it compares texts by other rules than byte by byte
}

// duplicateOf returns the unique index that has refused a write, or would have.
func duplicateOf(err error) (duplicate, bool) {
	if form := (*formError)(nil); errors.As(err, &form) {
		return duplicate{fields: form.key}, true
	}
	if !mongo.IsDuplicateKeyError(err) {
		return duplicate{}, false
	}
	r, _ := replyOf(err)
	_, place, _ := strings.Cut(r.message, " collection: ")
	place, _, _ = strings.Cut(place, " dup key: ")
	place, _, collated := strings.Cut(place, " collation: ")
	namespace, index, _ := strings.Cut(place, " index: ")
	_, collection, _ := strings.Cut(namespace, ".")
	d := duplicate{collection: collection, index: index, collated: collated}
	if _, err := r.raw.LookupErr("collation"); err == nil {
		d.collated = true
	}
	pattern, _ := r.raw.Lookup("keyPattern").DocumentOK()
	elements, _ := pattern.Elements()
	for _, e := range elements {
		d.fields = append(d.fields, e.Key())
	}
	return d, true
}

// covers reports whether documents that the index finds alike are so in these fields.
func (d duplicate) covers(fields ...string) bool {
	for _, field := range fields {
		if !slices.Contains(d.fields, field) {
			return false
		}
	}
	return !d.collated
}

// setup says what to do about an index that is none of this package's.
func (d duplicate) setup() error {
	how := ""
	if d.collated {
		how = ", which compares by a collation,"
	}
	return adapter.Setup(
		fmt.Sprintf("the unique index %q of the collection %s on %s%s refuses a document", d.index, d.collection, strings.Join(d.fields, ", "), how),
		"it is not one of those that the package needs: drop it, or let it have only documents that have the field (partialFilterExpression)")
}

// invalidDocument is a document that the validator of a collection refuses. The server
// does not say of which one.
type invalidDocument struct {
	collection string
	err        error
}

func (e *invalidDocument) Error() string { return e.err.Error() }
func (e *invalidDocument) Unwrap() error { return e.err }

// at adds the collection's name to an error in which the server leaves it out.
func at(c *mongo.Collection, err error) error {
	if r, ok := replyOf(err); ok && r.code == codeInvalidDocument {
		return &invalidDocument{c.Name(), err}
	}
	return err
}

// setup says what to do about a validator.
func (e *invalidDocument) setup() error {
	of := ""
	if e.collection != "" {
		of = " of the collection " + e.collection
	}
	which := ""
	if r, ok := replyOf(e.err); ok {
		if names := unsatisfied(r.raw.Lookup("errInfo")); len(names) > 0 {
			which = ", for " + strings.Join(names, ", ")
		}
	}
	return adapter.Setup("the validator"+of+" refuses a document"+which,
		"let it take the fields that the package comment lists, and documents that lack some of them")
}

// unsatisfied returns the names of the fields for which a validator refuses a document:
// the schema has a list of each kind. Their values are there too, and are left.
func unsatisfied(v bson.RawValue) (names []string) {
	elements := func(v bson.RawValue) []bson.RawElement {
		switch v.Type {
		case bson.TypeEmbeddedDocument:
			all, _ := v.Document().Elements()
			return all
		case bson.TypeArray:
			all, _ := bson.Raw(v.Array()).Elements()
			return all
		}
		return nil
	}
	for _, e := range elements(v) {
		switch e.Key() {
		case "consideredValue", "consideredValues", "specifiedAs":
		case "missingProperties", "additionalProperties":
			for _, name := range elements(e.Value()) {
				if s, ok := name.Value().StringValueOK(); ok {
					names = append(names, s)
				}
			}
		case "propertyName":
			if s, ok := e.Value().StringValueOK(); ok {
				names = append(names, s)
			}
		default:
			names = append(names, unsatisfied(e.Value())...)
		}
	}
	return names
}
