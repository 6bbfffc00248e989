package authjshttp

import (
	"errors"
	"net/http"

	"github.com/authstore/authstore/adapter"
)

// The kinds of errors that are the protocol's own. The others are those of [adapter.Code].
const (
	kindUnauthorized  = "unauthorized"
	kindMalformed     = "malformed"
	kindTooLarge      = "too_large"
	kindUnknownMethod = "unknown_method"
)

// failure is an answer that is an error.
type failure struct {
	status  int
	kind    string
	field   string // of a conflict or an invalid argument
	message string
}

func (f *failure) Error() string { return f.message }

func (f *failure) object() map[string]any {
	o := map[string]any{"kind": f.kind, "message": f.message, "field": nil}
	if f.field != "" {
		o["field"] = f.field
	}
	return o
}

func refused(status int, kind, message string) *failure {
	return &failure{status: status, kind: kind, message: message}
}

// statuses are those of the kinds of the store's errors. Any other kind is 500: a retry changes
// nothing about it.
var statuses = map[string]int{
	"conflict":          http.StatusConflict,
	"not_found":         http.StatusNotFound,
	"expired":           http.StatusNotFound,
	"invalid":           http.StatusUnprocessableEntity,
	"unavailable":       http.StatusServiceUnavailable,
	"closed":            http.StatusServiceUnavailable,
	"canceled":          http.StatusServiceUnavailable,
	"deadline_exceeded": http.StatusServiceUnavailable,
	"setup":             http.StatusInternalServerError,
	"unreadable":        http.StatusInternalServerError,
	"unsupported":       http.StatusInternalServerError,
	"unexpected":        http.StatusInternalServerError,
}

// failureOf returns the answer for an error of a call. The texts of the store's errors have no
// secret; what nobody expected is in the log alone.
func failureOf(err error) *failure {
	if own, ok := errors.AsType[*failure](err); ok {
		return own
	}
	kind := adapter.Code(err)
	f := &failure{status: statuses[kind], kind: kind, message: err.Error()}
	if conflict, ok := errors.AsType[*adapter.ConflictError](err); ok {
		f.field = conflict.Field
	}
	if invalid, ok := errors.AsType[*adapter.InvalidError](err); ok {
		f.field = invalid.Field
	}
	if kind == "unexpected" {
		f.message = "the store's answer was not expected: the log of the service has it"
	}
	return f
}
