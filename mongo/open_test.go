package mongo_test

import (
	"testing"
	"time"

	"github.com/authstore/authstore/mongo"
)

// Defaults take nothing away that was set, and the IDs are of the form that the options want.
func TestDefaults(t *testing.T) {
	o := mongo.Options{}.WithDefaults()
	if id := o.NewID(); len(id) != 24 || o.RequestTimeout != 10*time.Second || o.NoBatching || o.BatchesInFlight != 2 || o.BatchSize != 100 || !o.WriteConcern.Acknowledged() {
		t.Errorf("got %+v, whose IDs are like %s", o, id)
	}
	o = mongo.Options{Layout: mongo.Layout{IDs: mongo.StringIDs}, SkipSchemaCheck: true, RequestTimeout: time.Second}.WithDefaults().WithDefaults()
	if id := o.NewID(); len(id) != 36 || o.Layout.IDs != mongo.StringIDs || !o.SkipSchemaCheck || o.RequestTimeout != time.Second {
		t.Errorf("got %+v, whose IDs are like %s", o, id)
	}
}
