package repair

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
)

// What cannot be mended is left to a person, in words that quote nothing, and the rest is
// mended.
func TestOneBadRecordStopsNothing(t *testing.T) {
	done := 0
	bad := New("bad", "is bad", "mended", func(context.Context) error { return errors.New("the value hunter2") })
	good := New("good", "is bad", "mended", func(context.Context) error { done++; return nil })
	all, err := All(t.Context(), []Finding{bad, good}, false)
	if err != nil || done != 1 || len(all) != 2 {
		t.Fatalf("got %v, %v after %d mends, want both and no error", all, err, done)
	}
	if all[0].Action != "" || !all[0].Blocking || strings.Contains(all[0].Detail, "hunter2") || !strings.Contains(all[0].Detail, "could not") {
		t.Errorf("got %+v, want that a person has to", all[0])
	}
	if all[1].Action != "mended" {
		t.Errorf("got %+v, want it mended", all[1])
	}
}

// A store that is not available is not asked for each record.
func TestAStoreThatIsNotAvailableStopsARepair(t *testing.T) {
	tries := 0
	bad := New("bad", "is bad", "mended", func(context.Context) error { tries++; return adapter.ErrUnavailable })
	if _, err := All(t.Context(), []Finding{bad, bad}, false); !errors.Is(err, adapter.ErrUnavailable) || tries != 1 {
		t.Errorf("got %v after %d tries, want ErrUnavailable after one", err, tries)
	}
}
