package adapter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestCodes(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for want, errs := range map[string][]error{
		"":                  {nil},
		"expired":           {ErrExpired},
		"not_found":         {ErrNotFound, knownUser("")},
		"conflict":          {ErrConflict, Conflict(FieldUserEmail)},
		"invalid":           {ErrInvalid, Invalid("User.Name", "must be text")},
		"unreadable":        {&RecordError{Place: "sessions abc", Field: "expires"}},
		"closed":            {ErrClosed, Caused(ErrClosed, errors.New("driver"))},
		"setup":             {Setup("no table", "make it"), Caused(Setup("no table", "make it"), ErrNotFound), WrapError(ended, "b", "Op", Caused(Setup("no table", "make it"), errors.New("driver")))},
		"canceled":          {context.Canceled, WrapError(ended, "b", "Op", errors.New("driver")), WrapError(ended, "b", "Op", Caused(ErrUnavailable, errors.New("driver")))},
		"deadline_exceeded": {context.DeadlineExceeded},
		"unavailable":       {ErrUnavailable, Caused(ErrUnavailable, context.DeadlineExceeded), Caused(fmt.Errorf("%w: refused", ErrUnavailable), ErrConflict)},
		"unexpected":        {errors.New("driver"), WrapError(t.Context(), "b", "Op", errors.New("driver"))},
	} {
		for _, err := range errs {
			if got := Code(err); got != want {
				t.Errorf("%v: got %q, want %q", err, got, want)
			}
			wrapped := fmt.Errorf("sign in: %w", WrapError(t.Context(), "b", "Op", err))
			if got := Code(wrapped); err != nil && got != want && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: got %q, want %q", wrapped, got, want)
			}
		}
	}
}

// The contract has each code, and no kind has none.
func TestCodesAreInTheContract(t *testing.T) {
	contract, err := os.ReadFile("../docs/contract.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range codes {
		if !strings.Contains(string(contract), "`"+c.code+"`") || seen[c.code] {
			t.Errorf("the contract lacks the code %s, or it is there twice", c.code)
		}
		seen[c.code] = true
	}
	for _, kind := range []error{ErrNotFound, ErrExpired, ErrConflict, ErrInvalid, ErrUnavailable, ErrSetup, ErrUnreadable, ErrClosed} {
		if Code(kind) == "unexpected" {
			t.Errorf("%v has no code", kind)
		}
	}
}
