package driver

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
)

func TestKindsAreFoundThroughAnError(t *testing.T) {
	for _, tt := range []struct {
		err  error
		is   []error
		text string
	}{
		{adapter.ErrExpired, []error{adapter.ErrExpired, adapter.ErrNotFound}, "authstore: b: Op: expired: not found"},
		{adapter.Conflict(adapter.FieldUserEmail), []error{adapter.ErrConflict}, "authstore: b: Op: conflict: User.Email is taken"},
		{adapter.Conflict(adapter.FieldCounter), []error{adapter.ErrConflict}, "authstore: b: Op: conflict: Authenticator.Counter did not grow (a cloned authenticator?)"},
		{adapter.Invalid("Session.Expires", "must be set"), []error{adapter.ErrInvalid}, "authstore: b: Op: invalid: Session.Expires must be set"},
		{Caused(adapter.ErrUnavailable, io.ErrUnexpectedEOF), []error{adapter.ErrUnavailable, io.ErrUnexpectedEOF},
			"authstore: b: Op: store unavailable, try again (*errors.errorString)"},
		{adapter.ErrClosed, []error{adapter.ErrClosed}, "authstore: b: Op: adapter is closed"},
	} {
		err := Wrap(t.Context(), "b", "Op", tt.err)
		if err.Error() != tt.text {
			t.Errorf("got text %q, want %q", err, tt.text)
		}
		for _, kind := range []error{adapter.ErrNotFound, adapter.ErrExpired, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrUnavailable, adapter.ErrClosed} {
			want := false
			for _, is := range tt.is {
				want = want || is == kind
			}
			if errors.Is(err, kind) != want {
				t.Errorf("%v is %v: got %v, want %v", err, kind, !want, want)
			}
		}
		for _, is := range tt.is {
			if !errors.Is(err, is) {
				t.Errorf("%v is not %v", err, is)
			}
		}
	}
}

// driverError is what a driver may say: it quotes data.
type driverError struct{ data string }

func (e *driverError) Error() string { return "duplicate key: " + e.data }

func TestADriversErrorIsReachableButNotPrinted(t *testing.T) {
	for name, cause := range map[string]error{
		"unknown":            &driverError{"hunter2"},
		"a limit of its own": errors.Join(&driverError{"hunter2"}, context.DeadlineExceeded),
	} {
		err := Wrap(t.Context(), "b", "Op", cause)
		var e *driverError
		if !errors.As(err, &e) {
			t.Errorf("%s: the driver's error cannot be reached through %v", name, err)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the text %q quotes data", name, err)
		}
	}
}

func TestADriversOwnTimeLimitIsUnavailable(t *testing.T) {
	err := Wrap(t.Context(), "b", "Op", context.DeadlineExceeded)
	if !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable: the caller's context has not ended", err)
	}
}

func TestAnEndedContextNamesTheError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, cause := range []error{context.Canceled, io.EOF, Caused(adapter.ErrUnavailable, io.EOF)} {
		err := Wrap(ctx, "b", "Op", cause)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v: got %v, want context.Canceled", cause, err)
		}
	}
	if err := Wrap(ctx, "b", "Op", adapter.ErrNotFound); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("got %v, want the answer that the store gave: ErrNotFound", err)
	}
}

func TestAnErrorIsWrappedOnce(t *testing.T) {
	inner := Wrap(t.Context(), "inner", "GetUser", adapter.ErrNotFound)
	if outer := Wrap(t.Context(), "outer", "GetUser", inner); outer != inner {
		t.Errorf("got %v, want the error of the backend itself", outer)
	}
	if err := Wrap(t.Context(), "b", "Op", nil); err != nil {
		t.Errorf("got %v for nil, want nil", err)
	}
}

func TestWhatAPersonHasToMend(t *testing.T) {
	setup := Wrap(t.Context(), "b", "Ping", adapter.Setup("authentication failed", "check the password"))
	if want := "authstore: b: Ping: authentication failed: check the password"; setup.Error() != want {
		t.Errorf("got %q, want %q", setup, want)
	}
	record := Wrap(t.Context(), "b", "GetSessionAndUser", &adapter.RecordError{Place: "sessions abc", UserID: "u\n1", Field: "expires", Want: "a date", Got: "string"})
	want := `authstore: b: GetSessionAndUser: unreadable record sessions abc of the user "u\n1": the field expires should be a date, not string: correct the record`
	if record.Error() != want {
		t.Errorf("got %q, want %q", record, want)
	}
	nobodys := &adapter.RecordError{Place: "sessions abc", Field: "expires", Want: "a date", Got: "string"}
	if strings.Contains(nobodys.Error(), "user") {
		t.Errorf("%q names a user", nobodys)
	}
	for err, kind := range map[error]error{setup: adapter.ErrSetup, record: adapter.ErrUnreadable} {
		for _, other := range []error{adapter.ErrNotFound, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrUnavailable, adapter.ErrSetup, adapter.ErrUnreadable, adapter.ErrClosed} {
			if errors.Is(err, other) != (other == kind) {
				t.Errorf("%v is %v: %v", err, other, errors.Is(err, other))
			}
		}
	}
	var s *adapter.SetupError
	var r *adapter.RecordError
	if !errors.As(setup, &s) || s.Remedy != "check the password" || !errors.As(record, &r) || r.Field != "expires" {
		t.Errorf("got %+v and %+v", s, r)
	}
}

// A call that waited for its deadline on a store that is not set up says both, and a
// record that cannot be read is one whatever became of the context.
func TestAnEndedContextHidesNoReason(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	setup := Wrap(ctx, "b", "Op", Caused(adapter.Setup("no such host", "check the address"), io.EOF))
	if !errors.Is(setup, context.Canceled) || !errors.Is(setup, adapter.ErrSetup) || !strings.Contains(setup.Error(), "check the address") {
		t.Errorf("got %v, want the end of the context and the reason", setup)
	}
	record := Wrap(ctx, "b", "Op", &adapter.RecordError{Place: "here", Field: "expires"})
	if errors.Is(record, context.Canceled) || !errors.Is(record, adapter.ErrUnreadable) {
		t.Errorf("got %v, want the answer that the store gave", record)
	}
}

// Drivers call their own limits a context's end, and one end by the name of the other.
func TestACauseIsNotTheCallersContext(t *testing.T) {
	cause := errors.Join(&driverError{"x"}, context.Canceled, context.DeadlineExceeded)
	err := Wrap(t.Context(), "b", "Op", Caused(adapter.ErrUnavailable, cause))
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable alone", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	err = Wrap(ctx, "b", "Op", Caused(adapter.ErrUnavailable, cause))
	if errors.Is(err, context.Canceled) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded alone", err)
	}
	var e *driverError
	if !errors.As(err, &e) {
		t.Errorf("the driver's error cannot be reached through %v", err)
	}
}
