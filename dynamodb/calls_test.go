package dynamodb

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// A service that is busy for too long is unavailable, with the reason.
func TestPatienceEnds(t *testing.T) {
	r := newRetrier()
	if left := time.Until(r.until); left < patience-time.Second || left > patience {
		t.Errorf("got %v of patience, want %v", left, patience)
	}
	r.until = time.Now().Add(-time.Millisecond)
	err := r.again(t.Context(), &types.ThrottlingException{})
	if !errors.Is(err, adapter.ErrUnavailable) || !errors.As(err, new(*types.ThrottlingException)) {
		t.Errorf("got %v, want ErrUnavailable and the service's error behind it", err)
	}
}

// Waits grow.
func TestWaitsGrow(t *testing.T) {
	r := newRetrier()
	r.wait = time.Nanosecond
	for range 10 {
		if err := r.again(t.Context(), errUnprocessed); err != nil {
			t.Fatal(err)
		}
	}
	if r.wait != 1024*time.Nanosecond {
		t.Errorf("got a wait of up to %v after ten, want it doubled by each", r.wait)
	}
}

// A request that failed because of the set-up was not applied, whatever the cause behind it
// says.
func TestARefusedRequestIsNotLost(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false,
		driver.Caused(adapter.Setup("no credentials", "give some"), io.ErrUnexpectedEOF): false,
		adapter.Setup("there is no table", "make it"):                                    false,
		&net.OpError{Op: "dial", Err: io.EOF}:                                            false,
		&types.InternalServerError{}:                                                     true,
		io.ErrUnexpectedEOF:                                                              true,
	} {
		if got := lost(err); got != want {
			t.Errorf("lost(%v) is %t, want %t", err, got, want)
		}
	}
}
