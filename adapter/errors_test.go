package adapter

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestKindsAreFoundThroughAnError(t *testing.T) {
	for _, tt := range []struct {
		err  error
		is   []error
		text string
	}{
		{ErrExpired, []error{ErrExpired, ErrNotFound}, "authstore: b: Op: expired: not found"},
		{Conflict(FieldUserEmail), []error{ErrConflict}, "authstore: b: Op: conflict: User.Email is taken"},
		{Conflict(FieldCounter), []error{ErrConflict}, "authstore: b: Op: conflict: Authenticator.Counter did not grow (a cloned authenticator?)"},
		{Invalid("Session.Expires", "must be set"), []error{ErrInvalid}, "authstore: b: Op: invalid: Session.Expires must be set"},
		{Caused(ErrUnavailable, io.ErrUnexpectedEOF), []error{ErrUnavailable, io.ErrUnexpectedEOF},
			"authstore: b: Op: store unavailable, try again (*errors.errorString)"},
		{ErrClosed, []error{ErrClosed}, "authstore: b: Op: adapter is closed"},
	} {
		err := WrapError(t.Context(), "b", "Op", tt.err)
		if err.Error() != tt.text {
			t.Errorf("got text %q, want %q", err, tt.text)
		}
		for _, kind := range []error{ErrNotFound, ErrExpired, ErrConflict, ErrInvalid, ErrUnavailable, ErrClosed} {
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
		err := WrapError(t.Context(), "b", "Op", cause)
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
	err := WrapError(t.Context(), "b", "Op", context.DeadlineExceeded)
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable: the caller's context has not ended", err)
	}
}

func TestAnEndedContextNamesTheError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, cause := range []error{context.Canceled, io.EOF, Caused(ErrUnavailable, io.EOF)} {
		err := WrapError(ctx, "b", "Op", cause)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v: got %v, want context.Canceled", cause, err)
		}
	}
	if err := WrapError(ctx, "b", "Op", ErrNotFound); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want the answer that the store gave: ErrNotFound", err)
	}
}

func TestAnErrorIsWrappedOnce(t *testing.T) {
	inner := WrapError(t.Context(), "inner", "GetUser", ErrNotFound)
	if outer := WrapError(t.Context(), "outer", "GetUser", inner); outer != inner {
		t.Errorf("got %v, want the error of the backend itself", outer)
	}
	if err := WrapError(t.Context(), "b", "Op", nil); err != nil {
		t.Errorf("got %v for nil, want nil", err)
	}
}

func TestWhatAPersonHasToMend(t *testing.T) {
	setup := WrapError(t.Context(), "b", "Ping", Setup("authentication failed", "check the password"))
	if want := "authstore: b: Ping: authentication failed: check the password"; setup.Error() != want {
		t.Errorf("got %q, want %q", setup, want)
	}
	record := WrapError(t.Context(), "b", "GetSessionAndUser", &RecordError{Place: "sessions abc", UserID: "u\n1", Field: "expires", Want: "a date", Got: "string"})
	want := `authstore: b: GetSessionAndUser: unreadable record sessions abc of the user "u\n1": the field expires should be a date, not string: correct the record`
	if record.Error() != want {
		t.Errorf("got %q, want %q", record, want)
	}
	nobodys := &RecordError{Place: "sessions abc", Field: "expires", Want: "a date", Got: "string"}
	if strings.Contains(nobodys.Error(), "user") {
		t.Errorf("%q names a user", nobodys)
	}
	for err, kind := range map[error]error{setup: ErrSetup, record: ErrUnreadable} {
		for _, other := range []error{ErrNotFound, ErrConflict, ErrInvalid, ErrUnavailable, ErrSetup, ErrUnreadable, ErrClosed} {
			if errors.Is(err, other) != (other == kind) {
				t.Errorf("%v is %v: %v", err, other, errors.Is(err, other))
			}
		}
	}
	var s *SetupError
	var r *RecordError
	if !errors.As(setup, &s) || s.Remedy != "check the password" || !errors.As(record, &r) || r.Field != "expires" {
		t.Errorf("got %+v and %+v", s, r)
	}
}

// A call that waited for its deadline on a store that is not set up says both, and a
// record that cannot be read is one whatever became of the context.
func TestAnEndedContextHidesNoReason(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	setup := WrapError(ctx, "b", "Op", Caused(Setup("no such host", "check the address"), io.EOF))
	if !errors.Is(setup, context.Canceled) || !errors.Is(setup, ErrSetup) || !strings.Contains(setup.Error(), "check the address") {
		t.Errorf("got %v, want the end of the context and the reason", setup)
	}
	record := WrapError(ctx, "b", "Op", &RecordError{Place: "here", Field: "expires"})
	if errors.Is(record, context.Canceled) || !errors.Is(record, ErrUnreadable) {
		t.Errorf("got %v, want the answer that the store gave", record)
	}
}

// Drivers call their own limits a context's end, and one end by the name of the other.
func TestACauseIsNotTheCallersContext(t *testing.T) {
	cause := errors.Join(&driverError{"x"}, context.Canceled, context.DeadlineExceeded)
	err := WrapError(t.Context(), "b", "Op", Caused(ErrUnavailable, cause))
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable alone", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	err = WrapError(ctx, "b", "Op", Caused(ErrUnavailable, cause))
	if errors.Is(err, context.Canceled) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded alone", err)
	}
	var e *driverError
	if !errors.As(err, &e) {
		t.Errorf("the driver's error cannot be reached through %v", err)
	}
}
