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

// failure gives an error of the driver its kind.
func failure(err error) error {
	if err == nil {
		return nil
	}
	answer, fromServer := serverError(err)
	switch {
	case !fromServer:
		return driver.Caused(transportFailure(err), err)
	case answer == nil: // the response was empty, and the driver's error has no text
		return driver.Caused(adapter.ErrUnavailable, err)
	}
	switch answer.StatusCode {
	case http.StatusConflict, http.StatusTooManyRequests, statusTimeOut, http.StatusInternalServerError, http.StatusServiceUnavailable:
		return driver.Caused(adapter.ErrUnavailable, err)
	}
	return driver.Caused(refusal(answer), err)
}

// refusal returns the kind of an answer that every repetition of the query would get.
func refusal(answer *fauna.ErrFauna) error {
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return adapter.Setup("the server refuses the secret", "check that the secret is that of a key in a database of this server, and that both still exist")
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
		return adapter.Setup("a collection or an index is missing or not ready ("+answer.Code+")", "run CheckSchema and ApplySchema")
	}
	if answer.Code == "invalid_request" {
		return adapter.Setup("the document or the transaction is too large for the server (invalid_request)", "keep less in one record")
	}
	return adapter.Setup("the server refuses the query ("+answer.Code+")", "check the server's version and its limits")
}

var errRole = adapter.Setup("the secret's role may not do this",
	"give it the role server, or one with read, write, create and delete on the five collections, and for the schema create and write on Collection")

// constraintFailed returns a conflict, or ErrSetup with the operator's own constraint that the
// record breaks. The text contains names of fields, and no values.
func constraintFailed(answer *fauna.ErrFauna) error {
	if field := takenField(answer); field != "" {
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
		"drop or relax the unique constraint, the type or the check")
}

// remedies say what to do where no query reaches a server.
var remedies = cause.Remedies{
	cause.NotTLS:    "use fauna+http:// or http:// if that is intended",
	cause.SpeaksTLS: "use fauna:// or https://",
	cause.Authority: "check the host, or add its authority to those of the system (SSL_CERT_FILE)",
}

// transportFailure returns the kind of an error that is not the server's: of the network, or of
// a response that is not an answer.
func transportFailure(err error) error {
	var (
		foreign *wire.ForeignAnswer
		request *url.Error
		badTime *time.ParseError
	)
	switch {
	case errors.As(err, &foreign):
		return adapter.Setup(fmt.Sprintf("this is not a Fauna server (it answers with status %d, %q)", foreign.Status, foreign.ContentType),
			"check host, port and path, and whether it expects TLS: fauna:// uses it, fauna+http:// does not")
	case cause.Of(err) == cause.Unknown && errors.As(err, &request) && strings.Contains(request.Error(), "malformed HTTP"):
		return adapter.Setup("the server does not speak HTTP", "check the port, and whether it expects TLS: fauna:// uses it, fauna+http:// does not")
	case errors.As(err, &badTime):
		return adapter.Setup("a document has a time beyond the year 9999, which the driver cannot read", "correct it, or make the client with ClientOptions and no HTTPClient after them")
	}
	return cause.Explain(err, remedies)
}

// statusTimeOut is the HTTP status of a query that exceeded its time limit.
const statusTimeOut = 440

// serverError returns the server's error in an error of the driver, and whether there is one. The
// driver's types embed it, where errors.As does not find it.
func serverError(err error) (*fauna.ErrFauna, bool) {
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

// contended reports whether the server says that a transaction conflicted with others. It was
// not applied then.
func contended(err error) bool {
	answer, _ := serverError(err)
	return answer != nil && answer.StatusCode == http.StatusConflict && answer.Code == "contended_transaction"
}

// tooLarge reports whether a smaller transaction may succeed: this one was too large, or took
// too long.
func tooLarge(err error) bool {
	answer, _ := serverError(err)
	return answer != nil && (answer.StatusCode == statusTimeOut || answer.Code == "invalid_request")
}
