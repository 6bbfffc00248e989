package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/authstore/authstore/adapter"
)

// FieldError is a stored value that cannot be what its field should be. Its document
// was written by something else.
type FieldError struct {
	Collection string
	Field      string
	Want       string    // what it should be: "a date"
	Got        bson.Type // what it is
}

// Error names the place, not the value.
func (e *FieldError) Error() string {
	return fmt.Sprintf("the field %s of a document in the collection %s should be %s and is of the BSON type %s: correct the document",
		e.Field, e.Collection, e.Want, e.Got)
}

// passing are the codes of answers that another time will be different (the server's
// error_codes.yml: elections, shutdown, time limits, overload).
var passing = []int{
	6, 7, 89, 9001, // between servers of a cluster
	91, 189, 10107, 11600, 11602, 13435, 13436, // no primary, or not any more
	24, 46, 50, 112, 134, 262, 462, // locks, time limits and load
	64, // the write was applied, but the majority has not confirmed it in time
}

// failure returns an error of the driver as one of the contract's kinds.
func failure(err error) error {
	var (
		field   *FieldError
		schema  *SchemaError
		blocked *blockedError
	)
	switch {
	case err == nil, errors.Is(err, adapter.ErrNotFound), errors.Is(err, adapter.ErrConflict), errors.Is(err, adapter.ErrInvalid),
		errors.Is(err, adapter.ErrUnavailable), errors.Is(err, adapter.ErrClosed), errors.Is(err, errURL),
		errors.As(err, &schema), errors.As(err, &blocked):
		return err
	case errors.Is(err, mongo.ErrNoDocuments):
		return adapter.ErrNotFound
	case errors.As(err, &field):
		return adapter.Caused(field, field)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, mongo.ErrClientDisconnected):
		return adapter.Caused(adapter.ErrClosed, err)
	case isPassing(err):
		return adapter.Caused(adapter.ErrUnavailable, err)
	}
	return adapter.Caused(refusal(err), err)
}

func isPassing(err error) bool {
	var (
		selection topology.ServerSelectionError
		conn      topology.ConnectionError
		pool      driver.RetryablePoolError
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

// refusal says what the server refused with, in a text that holds no data.
func refusal(err error) error {
	if command := (mongo.CommandError{}); errors.As(err, &command) {
		return fmt.Errorf("the server refuses with %s (%d)", command.Name, command.Code)
	}
	if write := (mongo.WriteException{}); errors.As(err, &write) && len(write.WriteErrors) > 0 {
		return fmt.Errorf("the server refuses the write with the code %d", write.WriteErrors[0].Code)
	}
	return errors.New("unexpected error of the MongoDB driver")
}

// isDuplicate reports whether a unique index has refused a write, and the first field
// of the index.
func isDuplicate(err error) (field string, ok bool) {
	if !mongo.IsDuplicateKeyError(err) {
		return "", false
	}
	var raw bson.Raw
	if command := (mongo.CommandError{}); errors.As(err, &command) {
		raw = command.Raw
	}
	if write := (mongo.WriteException{}); errors.As(err, &write) && len(write.WriteErrors) > 0 {
		raw = write.WriteErrors[0].Raw
	}
	pattern, _ := raw.Lookup("keyPattern").DocumentOK()
	first, err := pattern.IndexErr(0)
	return first.Key(), err == nil
}
