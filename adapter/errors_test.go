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
