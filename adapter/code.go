package adapter

import (
	"context"
	"errors"
)

// codes are those of the kinds. Of the kinds that an error has, the first counts: an expired
// token is also not found, and a key that no record can have is also invalid.
var codes = []struct {
	kind error
	code string
}{
	{ErrExpired, "expired"},
	{ErrNotFound, "not_found"},
	{ErrConflict, "conflict"},
	{ErrInvalid, "invalid"},
	{ErrUnreadable, "unreadable"},
	{ErrUnsupported, "unsupported"},
	{ErrClosed, "closed"},
	{ErrSetup, "setup"},
	{context.Canceled, "canceled"},
	{context.DeadlineExceeded, "deadline_exceeded"},
	{ErrUnavailable, "unavailable"},
}

// caused is an error of a kind with that of a store's driver behind it: see package driver.
type caused interface {
	error
	Kind() error
}

// Code returns a code for the kind of an error, which does not change from one version to
// the next: for logs, metrics, and clients that are told no more.
//
//	expired            [ErrExpired]
//	not_found          [ErrNotFound], also for a key that no record can have
//	conflict           [ErrConflict]
//	invalid            [ErrInvalid]
//	unreadable         [ErrUnreadable]
//	unsupported        [ErrUnsupported]
//	closed             [ErrClosed]
//	setup              [ErrSetup], also if it was found out too late for the call's context
//	canceled           [context.Canceled]
//	deadline_exceeded  [context.DeadlineExceeded]
//	unavailable        [ErrUnavailable]
//	unexpected         any other error
//
// Without an error it is "".
func Code(err error) string {
	if err == nil {
		return ""
	}
	for caused := caused(nil); errors.As(err, &caused); {
		err = caused.Kind() // what a driver has behind it is of no kind here
	}
	for _, c := range codes {
		if errors.Is(err, c.kind) {
			return c.code
		}
	}
	return "unexpected"
}
