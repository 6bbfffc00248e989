package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/authstore/authstore/adapter"
)

// errUnexpected stands for a driver's error that is of no kind.
var errUnexpected = errors.New("unexpected error of the store's driver")

// Caused returns kind with a driver's error behind it, which errors.Is and
// errors.As find. The cause's text is not printed, since it may quote data; its
// type is. A kind of the backend's own says what a person can do about it. The kind
// alone says whether a context has ended: drivers call any end of waiting a context's.
func Caused(kind, cause error) error { return &causedError{kind: kind, cause: cause} }

type causedError struct{ kind, cause error }

// Kind returns the kind, for [adapter.Code].
func (e *causedError) Kind() error     { return e.kind }
func (e *causedError) Error() string   { return fmt.Sprintf("%v (%T)", e.kind, e.cause) }
func (e *causedError) Unwrap() []error { return []error{e.kind, behind{e.cause}} }

// behind is a cause without the context's errors in it.
type behind struct{ err error }

func (b behind) Error() string      { return b.err.Error() }
func (b behind) As(target any) bool { return errors.As(b.err, target) }
func (b behind) Is(target error) bool {
	return target != context.Canceled && target != context.DeadlineExceeded && errors.Is(b.err, target)
}

// Wrap returns err as the [*adapter.Error] of an operation, and nil for nil. An error
// that is of no kind is the context's if the context has ended, since drivers name
// that in many ways. [Guard] calls it for every operation; it is exported for what stands
// in front of an adapter and has errors of its own.
func Wrap(ctx context.Context, backend, op string, err error) error {
	if err == nil {
		return nil
	}
	if _, wrapped := err.(*adapter.Error); wrapped {
		return err
	}
	return &adapter.Error{Backend: backend, Op: op, Err: classify(ctx, err)}
}

// answers are the kinds that hold even if the context ended meanwhile.
var answers = []error{adapter.ErrNotFound, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrUnreadable, adapter.ErrUnsupported, adapter.ErrClosed}

func classify(ctx context.Context, err error) error {
	for _, kind := range answers {
		if errors.Is(err, kind) {
			return err
		}
	}
	if ended := ctx.Err(); ended != nil {
		if err == ended {
			return err
		}
		if errors.Is(err, adapter.ErrSetup) {
			return &causedError{kind: fmt.Errorf("%w: %w", ended, err), cause: err} // the reason why it took so long
		}
		return Caused(ended, err)
	}
	switch {
	case errors.Is(err, adapter.ErrUnavailable), errors.Is(err, adapter.ErrSetup):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Caused(adapter.ErrUnavailable, err) // a limit of the driver's own
	}
	if _, safe := err.(*causedError); safe {
		return err // its kind is the backend's own words
	}
	return Caused(errUnexpected, err)
}
