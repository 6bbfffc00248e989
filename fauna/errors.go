package fauna

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
)

// unique is how the server says that a value is taken.
const unique = "unique constraint"

// conflicts has the field of each unique constraint, by the name of its last field.
var conflicts = map[string]string{
	"email":             adapter.FieldUserEmail,
	"providerAccountId": adapter.FieldAccount,
	"sessionToken":      adapter.FieldSessionToken,
	"token":             adapter.FieldVerificationToken,
	"credentialID":      adapter.FieldCredentialID,
}

// failure returns an error of the driver as one of the contract's kinds.
func failure(err error) error {
	if err == nil {
		return nil
	}
	answer := answered(err)
	if answer == nil {
		return adapter.Caused(adapter.ErrUnavailable, err) // no answer: the network, or a response that is none
	}
	switch answer.StatusCode {
	case http.StatusConflict, http.StatusTooManyRequests, statusTimeOut, http.StatusInternalServerError, http.StatusServiceUnavailable:
		return adapter.Caused(adapter.ErrUnavailable, err)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusGone:
		return adapter.Caused(errors.New("the server refuses the secret"), err)
	}
	switch answer.Code {
	case "constraint_failure":
		if field := taken(answer); field != "" {
			return adapter.Caused(adapter.Conflict(field), err)
		}
	case "document_id_exists":
		return adapter.Caused(adapter.Conflict(adapter.FieldUserID), err)
	case "invalid_query", "invalid_argument", "invalid_index_invocation", "invalid_function_invocation":
		return adapter.Caused(fmt.Errorf("the server refuses with %s: check the schema", answer.Code), err)
	}
	return adapter.Caused(fmt.Errorf("the server refuses with %s", answer.Code), err)
}

// statusTimeOut is the status of a query that took longer than it may.
const statusTimeOut = 440

// answered returns what an error of the driver says that the server answered, nil if it
// did not. The driver's errors embed it, where errors.As does not look.
func answered(err error) *fauna.ErrFauna {
	var (
		check      *fauna.ErrQueryCheck
		runtime    *fauna.ErrQueryRuntime
		request    *fauna.ErrInvalidRequest
		abort      *fauna.ErrAbort
		contended  *fauna.ErrContendedTransaction
		secret     *fauna.ErrAuthentication
		permission *fauna.ErrAuthorization
		throttled  *fauna.ErrThrottling
		slow       *fauna.ErrQueryTimeout
		internal   *fauna.ErrServiceInternal
		service    *fauna.ErrServiceTimeout
	)
	switch {
	case errors.As(err, &check):
		return check.ErrFauna
	case errors.As(err, &runtime):
		return runtime.ErrFauna
	case errors.As(err, &request):
		return request.ErrFauna
	case errors.As(err, &abort):
		return abort.ErrFauna
	case errors.As(err, &contended):
		return contended.ErrFauna
	case errors.As(err, &secret):
		return secret.ErrFauna
	case errors.As(err, &permission):
		return permission.ErrFauna
	case errors.As(err, &throttled):
		return throttled.ErrFauna
	case errors.As(err, &slow):
		return slow.ErrFauna
	case errors.As(err, &internal):
		return internal.ErrFauna
	case errors.As(err, &service):
		return service.ErrFauna
	}
	return nil
}

// taken returns the field whose value is taken, "" if another constraint has failed.
func taken(answer *fauna.ErrFauna) string {
	for _, f := range answer.ConstraintFailures {
		if !strings.Contains(strings.ToLower(f.Message), unique) {
			continue
		}
		for _, path := range f.Paths {
			names, _ := path.([]any)
			if len(names) == 0 {
				continue
			}
			if name, _ := names[len(names)-1].(string); conflicts[name] != "" {
				return conflicts[name]
			}
		}
	}
	return ""
}

// contended reports whether the server says that others got in the way of a transaction,
// of which it then has applied nothing.
func contended(err error) bool {
	answer := answered(err)
	return answer != nil && answer.StatusCode == http.StatusConflict && answer.Code == "contended_transaction"
}

// tooMuch reports whether a smaller transaction may succeed: this one was too large, or
// took too long.
func tooMuch(err error) bool {
	answer := answered(err)
	return answer != nil && (answer.StatusCode == statusTimeOut || answer.Code == "invalid_request")
}
