package adapter

import (
	"errors"
	"fmt"
	"strconv"
)

// The kinds of errors, for [errors.Is].
var (
	// ErrNotFound: there is no such record, or it is not live any more.
	ErrNotFound = errors.New("not found")
	// ErrExpired: there was such a one-time token until it expired. It is an
	// [ErrNotFound] too. A session that has expired is [ErrNotFound] alone, since the
	// store may have removed it already.
	ErrExpired = fmt.Errorf("expired: %w", ErrNotFound)
	// ErrConflict: the value of a unique field is taken. Its field is in
	// [*ConflictError].
	ErrConflict = errors.New("conflict")
	// ErrInvalid: the input breaks a rule; nothing was written. Its field and
	// reason are in [*InvalidError].
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable: the store did not answer, or answered that it cannot now.
	// The call is worth a retry; whether a write was applied is not known.
	ErrUnavailable = errors.New("store unavailable, try again")
	// ErrSetup: the store cannot serve as it is set up, and a retry changes nothing:
	// wrong credentials, a missing privilege, table or index, TLS against plain, a name
	// that does not exist, memory that is full. What is wrong and what a person can do
	// about it is in [*SetupError].
	ErrSetup = errors.New("store not set up")
	// ErrUnreadable: a stored record has something in a field that the contract needs
	// which that field cannot have; another program wrote it. Which record is in
	// [*RecordError]. Nothing was written.
	ErrUnreadable = errors.New("unreadable record")
	// ErrUnsupported: the store cannot do this.
	ErrUnsupported = errors.New("not supported by this store")
	// ErrClosed: the adapter was closed.
	ErrClosed = errors.New("adapter is closed")
)

// The fields that a [ConflictError] names.
const (
	FieldUserID            = "User.ID"
	FieldUserEmail         = "User.Email"
	FieldAccount           = "Account.ProviderAccountID"
	FieldSessionToken      = "Session.SessionToken"
	FieldVerificationToken = "VerificationToken.Token"
	FieldCredentialID      = "Authenticator.CredentialID"
	FieldCounter           = "Authenticator.Counter"
)

// Error is every error that an adapter returns.
type Error struct {
	Backend string // "mongo", "redis", …
	Op      string // the method: "CreateUser"
	Err     error  // its kind, with the cause behind it
}

// Error says backend, operation and kind, and nothing of the data.
func (e *Error) Error() string {
	return "authstore: " + e.Backend + ": " + e.Op + ": " + e.Err.Error()
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Err }

// ConflictError is an [ErrConflict] with the field whose value is taken.
type ConflictError struct {
	Field string // one of the Field constants
}

// Conflict returns the error for a taken value of a field.
func Conflict(field string) error { return &ConflictError{Field: field} }

// Error names the field, not its value.
func (e *ConflictError) Error() string {
	if e.Field == FieldCounter {
		return "conflict: " + e.Field + " did not grow (a cloned authenticator?)"
	}
	return "conflict: " + e.Field + " is taken"
}

// Is makes the error an [ErrConflict].
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// InvalidError is an [ErrInvalid] with the field that breaks a rule.
type InvalidError struct {
	Field  string // record and field: "Session.Expires"
	Reason string // what the field must be, without its value
}

// Invalid returns the error for a field that breaks a rule. The reason must not
// hold the value.
func Invalid(field, reason string) error { return &InvalidError{Field: field, Reason: reason} }

// Error names the field and the rule, not the value.
func (e *InvalidError) Error() string { return "invalid: " + e.Field + " " + e.Reason }

// Is makes the error an [ErrInvalid].
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// SetupError is an [ErrSetup]: what keeps the store from serving, for an operator.
// Neither text holds a secret, or a name that is not the operator's own.
type SetupError struct {
	Problem string // what is wrong: "authentication failed"
	Remedy  string // what to do about it: "check the user name and the password"
}

// Setup returns the error for what a person has to mend.
func Setup(problem, remedy string) error { return &SetupError{Problem: problem, Remedy: remedy} }

// Error says what is wrong and what to do.
func (e *SetupError) Error() string { return e.Problem + ": " + e.Remedy }

// Is makes the error an [ErrSetup].
func (e *SetupError) Is(target error) bool { return target == ErrSetup }

// RecordError is an [ErrUnreadable] with the record that cannot be read.
type RecordError struct {
	// Place is where the record is, without a token or an e-mail address: collection
	// and _id, or the key in the store, a session by its [Session.ID].
	Place  string
	UserID string // whose it is; "" if that is not known
	Field  string // its stored name: "expires"
	Want   string // what it should be: "a date"
	Got    string // what it is, not its value: "string"
}

// Error names the record and the field, not the value.
func (e *RecordError) Error() string {
	owner := ""
	if e.UserID != "" {
		owner = " of the user " + strconv.Quote(e.UserID)
	}
	return fmt.Sprintf("unreadable record %s%s: the field %s should be %s, not %s: correct the record", e.Place, owner, e.Field, e.Want, e.Got)
}

// Is makes the error an [ErrUnreadable].
func (e *RecordError) Is(target error) bool { return target == ErrUnreadable }
