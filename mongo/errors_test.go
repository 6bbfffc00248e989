package mongo

import (
	"context"
	"errors"
	"io"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/description"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/authstore/authstore/adapter"
)

// A write that was applied, and that the majority has not confirmed in time, may be lost.
func TestAWriteConcernThatTimesOutIsUnavailable(t *testing.T) {
	failed := &mongo.WriteConcernError{Name: "WriteConcernFailed", Code: 64, Message: "waiting for replication timed out"}
	for _, err := range []error{
		mongo.WriteException{WriteConcernError: failed}, mongo.BulkWriteException{WriteConcernError: failed},
		mongo.CommandError{Code: 64, Name: "WriteConcernFailed"},
	} {
		if got := failure(err); !errors.Is(got, adapter.ErrUnavailable) {
			t.Errorf("%T: got %v, want ErrUnavailable", err, got)
		}
	}
}

// The driver now and then reports a connection that the other side closes as a check that was
// cancelled: what is known of the server by then is the cause all the same.
func TestACancelledCheckSaysNothing(t *testing.T) {
	var known health
	known.note("127.0.0.1:27017[-1]", io.EOF)
	known.note("127.0.0.1:27017[-2]", context.Canceled)
	selection := topology.ServerSelectionError{Wrapped: context.DeadlineExceeded, Desc: description.Topology{
		Servers: []description.Server{{LastError: context.Canceled}},
	}}
	if got := known.explain(failure(selection)); !errors.Is(got, errWantsTLS) {
		t.Errorf("got %v, want %v", got, errWantsTLS)
	}
	known.note("127.0.0.1:27017[-3]", nil)
	if got := known.explain(failure(selection)); !errors.Is(got, adapter.ErrUnavailable) {
		t.Errorf("after an answer: got %v, want ErrUnavailable", got)
	}
}
