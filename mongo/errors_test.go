package mongo

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"

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
