package driver

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/authstore/authstore/adapter"
)

func TestCodes(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for want, errs := range map[string][]error{
		"":                  {nil},
		"expired":           {adapter.ErrExpired},
		"not_found":         {adapter.ErrNotFound, knownUser("")},
		"conflict":          {adapter.ErrConflict, adapter.Conflict(adapter.FieldUserEmail)},
		"invalid":           {adapter.ErrInvalid, adapter.Invalid("User.Name", "must be text")},
		"unreadable":        {&adapter.RecordError{Place: "sessions abc", Field: "expires"}},
		"unsupported":       {adapter.ErrUnsupported},
		"closed":            {adapter.ErrClosed, Caused(adapter.ErrClosed, errors.New("driver"))},
		"setup":             {adapter.Setup("no table", "make it"), Caused(adapter.Setup("no table", "make it"), adapter.ErrNotFound), Wrap(ended, "b", "Op", Caused(adapter.Setup("no table", "make it"), errors.New("driver")))},
		"canceled":          {context.Canceled, Wrap(ended, "b", "Op", errors.New("driver")), Wrap(ended, "b", "Op", Caused(adapter.ErrUnavailable, errors.New("driver")))},
		"deadline_exceeded": {context.DeadlineExceeded},
		"unavailable":       {adapter.ErrUnavailable, Caused(adapter.ErrUnavailable, context.DeadlineExceeded), Caused(fmt.Errorf("%w: refused", adapter.ErrUnavailable), adapter.ErrConflict)},
		"unexpected":        {errors.New("driver"), Wrap(t.Context(), "b", "Op", errors.New("driver"))},
	} {
		for _, err := range errs {
			if got := adapter.Code(err); got != want {
				t.Errorf("%v: got %q, want %q", err, got, want)
			}
			wrapped := fmt.Errorf("sign in: %w", Wrap(t.Context(), "b", "Op", err))
			if got := adapter.Code(wrapped); err != nil && got != want && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: got %q, want %q", wrapped, got, want)
			}
		}
	}
}
