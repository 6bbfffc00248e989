package adapter

import (
	"testing"
	"testing/synctest"
	"time"
)

// The zero Options have the time of the system, as records hold it.
func TestNowOfNoClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got, want := (Options{}).Now(), Milliseconds(time.Now()); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	at := time.Date(2030, 1, 2, 3, 4, 5, 6_789_000, time.FixedZone("", 3600))
	if got := (Options{Clock: func() time.Time { return at }}).Now(); got != time.Date(2030, 1, 2, 2, 4, 5, 6_000_000, time.UTC) {
		t.Errorf("got %v", got)
	}
}
