package fauna

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/fauna/internal/wire"
	"github.com/authstore/authstore/internal/cause"
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
	answer, isServers := answered(err)
	switch {
	case !isServers:
		return driver.Caused(unanswered(err), err)
	case answer == nil: // the driver found nothing in it, and its error has no text
		return driver.Caused(adapter.ErrUnavailable, err)
	}
	switch answer.StatusCode {
	case http.StatusConflict, http.StatusTooManyRequests, statusTimeOut, http.StatusInternalServerError, http.StatusServiceUnavailable:
		return driver.Caused(adapter.ErrUnavailable, err)
	}
	return driver.Caused(refusal(answer), err)
}

// refusal returns the kind of an answer that the same query will always get.
func refusal(answer *fauna.ErrFauna) error {
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return adapter.Setup("the server refuses the secret", "check that the secret is that of a key in a database of this server, and that both are there still")
	case http.StatusForbidden:
		return errRole
	case http.StatusGone:
		return adapter.Setup("the database is gone or disabled", "check which database the secret is for")
	}
	switch answer.Code {
	case "constraint_failure":
		return constraintFailed(answer)
	case "document_id_exists":
		return adapter.Conflict(adapter.FieldUserID)
	case "permission_denied", "forbidden":
		return errRole
	case "invalid_query", "invalid_argument", "invalid_index_invocation", "invalid_function_invocation":
		return adapter.Setup("a collection or an index is missing or not ready ("+answer.Code+")", "check the schema, and apply it")
	}
	if answer.Code == "invalid_request" {
		return adapter.Setup("the document or the transaction is too large for the server (invalid_request)", "keep less in one record")
	}
	return adapter.Setup("the server refuses the query ("+answer.Code+")", "check the server's version and its limits")
}

var errRole = adapter.Setup("the secret's role may not do this",
	"give it the role server, or one with read, write, create and delete on the five collections, and for the schema create and write on Collection")

// constraintFailed returns the field that is taken, or which of the operator's own rules a
// record breaks. Names of fields are the operator's, values are not in them.
func constraintFailed(answer *fauna.ErrFauna) error {
	if field := taken(answer); field != "" {
		return adapter.Conflict(field)
	}
	var names []string
	for _, f := range answer.ConstraintFailures {
		if name, ok := strings.CutPrefix(f.Message, "Document failed check constraint "); ok {
			names = append(names, strings.Trim(name, "`"))
		}
		for _, path := range f.Paths {
			names = append(names, strings.Trim(fmt.Sprint(path), "[]"))
		}
	}
	return adapter.Setup(fmt.Sprintf("the collection has a constraint of its own, which the record does not meet: %q", names),
		"drop or loosen what is unique, has a type or is checked there")
}

// remedies are for what keeps queries from a server.
var remedies = cause.Remedies{
	cause.NotTLS:    "use fauna+http:// or http:// if that is meant",
	cause.SpeaksTLS: "use fauna:// or https://",
	cause.Authority: "check the host, or add its authority to those of the system (SSL_CERT_FILE)",
}

// unanswered returns the kind of an error in which the server has said nothing: the network's,
// or that of a response which is no answer.
func unanswered(err error) error {
	var (
		foreign *wire.ForeignAnswer
		request *url.Error
		far     *time.ParseError
	)
	switch {
	case errors.As(err, &foreign):
		return adapter.Setup(fmt.Sprintf("this is no Fauna server (it answers with status %d, %q)", foreign.Status, foreign.ContentType),
			"check host, port and path, and whether it wants TLS: fauna:// has it, fauna+http:// has not")
	case cause.Of(err) == cause.Unknown && errors.As(err, &request) && strings.Contains(request.Error(), "malformed HTTP"):
		return adapter.Setup("the server does not speak HTTP", "check the port, and whether it wants TLS: fauna:// has it, fauna+http:// has not")
	case errors.As(err, &far):
		return adapter.Setup("a document has a time beyond the year 9999, which the driver cannot read", "correct it, or make the client with ClientOptions and no HTTPClient after them")
	}
	return cause.Explain(err, remedies)
}

// statusTimeOut is the status of a query that took longer than it may.
const statusTimeOut = 440

// answered returns what an error of the driver says that the server answered, and whether it
// did. The driver's errors embed it, where errors.As does not look.
func answered(err error) (*fauna.ErrFauna, bool) {
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
		return check.ErrFauna, true
	case errors.As(err, &runtime):
		return runtime.ErrFauna, true
	case errors.As(err, &request):
		return request.ErrFauna, true
	case errors.As(err, &abort):
		return abort.ErrFauna, true
	case errors.As(err, &contended):
		return contended.ErrFauna, true
	case errors.As(err, &secret):
		return secret.ErrFauna, true
	case errors.As(err, &permission):
		return permission.ErrFauna, true
	case errors.As(err, &throttled):
		return throttled.ErrFauna, true
	case errors.As(err, &slow):
		return slow.ErrFauna, true
	case errors.As(err, &internal):
		return internal.ErrFauna, true
	case errors.As(err, &service):
		return service.ErrFauna, true
	}
	return nil, false
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
	answer, _ := answered(err)
	return answer != nil && answer.StatusCode == http.StatusConflict && answer.Code == "contended_transaction"
}

// tooMuch reports whether a smaller transaction may succeed: this one was too large, or
// took too long.
func tooMuch(err error) bool {
	answer, _ := answered(err)
	return answer != nil && (answer.StatusCode == statusTimeOut || answer.Code == "invalid_request")
}
