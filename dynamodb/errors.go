package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/cause"
)

// tooLarge is the error for an item that exceeds DynamoDB's limit.
func tooLarge(record string) error {
	return adapter.Invalid(record, "must be smaller than 400 KB with all its attributes")
}

// transientCodes are the codes of contention and throttling: nothing was written.
var transientCodes = map[string]bool{
	"TransactionConflictException": true, "TransactionInProgressException": true,
	"ProvisionedThroughputExceededException": true, "ThrottlingException": true, "RequestLimitExceeded": true,
	"ThrottlingError": true, "ProvisionedThroughputExceeded": true, "TransactionConflict": true, // reasons of a cancellation
	"LimitExceededException": true, "ReplicatedWriteConflictException": true,
}

// faultCodes are the codes of faults of the service.
var faultCodes = map[string]bool{"InternalServerError": true, "ServiceUnavailable": true, "InternalFailure": true}

// busy reports whether an error is contention or throttling. Nothing was written.
func busy(err error) bool {
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		for _, r := range canceled.CancellationReasons {
			if r.Code != nil && transientCodes[*r.Code] {
				return true
			}
		}
		return false
	}
	var api smithy.APIError
	return errors.As(err, &api) && transientCodes[api.ErrorCode()]
}

// failure returns an error of the client as one of the contract's kinds. Without a code of the
// service, it is an error of the network.
func failure(err error) error {
	var api smithy.APIError
	switch {
	case err == nil, isKind(err):
		return err
	case busy(err):
		return driver.Caused(unavailableBecause("throttled, or others write to the same items"), err)
	case errors.As(err, new(*smithy.SerializationError)), errors.As(err, new(smithy.InvalidParamsError)):
		return driver.Caused(errors.New("the AWS SDK rejects the request"), err)
	case !errors.As(err, &api), isServerFault(err, api):
		return driver.Caused(adapter.ErrUnavailable, err)
	}
	return driver.Caused(fmt.Errorf("the service refuses with %s", api.ErrorCode()), err)
}

// kinds are those of the contract.
var kinds = []error{
	adapter.ErrNotFound, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrUnavailable, adapter.ErrClosed, adapter.ErrSetup, adapter.ErrUnreadable,
}

// isKind reports whether an error already is of one of the contract's kinds, or the context's.
func isKind(err error) bool {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return true
		}
	}
	return isContextError(err)
}

// isTooLarge reports whether the service refused an item because of its size.
func isTooLarge(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException" && sizeMessage.MatchString(api.ErrorMessage())
}

// cause returns an error of a request as ErrSetup, or as ErrUnavailable with its reason, if the
// reason is known. Of the texts of the service and the SDK it keeps only the operator's own
// names: a message can quote a token that signs requests.
func (r *requests) cause(ctx context.Context, err error) error {
	switch {
	case err == nil, ctx.Err() != nil && isContextError(err):
		return err
	case errors.Is(err, adapter.ErrUnavailable): // attempt's
		return driver.Caused(explainTimeout(err), err)
	}
	for _, explain := range []func(error) error{explainCredentials, r.explainAnswer, explainConfiguration, explainTransport} {
		if kind := explain(err); kind != nil {
			return driver.Caused(kind, err)
		}
	}
	return err
}

// explainTimeout explains a request without an answer in time.
func explainTimeout(err error) error {
	if mentions(err, identity...) {
		return adapter.Setup("no credentials of AWS were found in time", credentials)
	}
	return unavailableBecause("no answer in time")
}

// unavailableBecause is ErrUnavailable with its reason.
func unavailableBecause(reason string) error {
	return fmt.Errorf("%w: %s", adapter.ErrUnavailable, reason)
}

// identity are texts of errors of requests that could not be signed.
var identity = []string{"get identity: ", "no identity resolver", "failed to sign request", "could not select an auth scheme"}

// credentials is the remedy.
const credentials = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role of the machine, as the AWS SDK's chain takes them"

// explainCredentials explains a request that could not be signed.
func explainCredentials(err error) error {
	if !mentions(err, identity...) {
		return nil
	}
	var api smithy.APIError
	switch {
	case !errors.As(err, &api), api.ErrorCode() == "" && !isServerFault(err, api):
		if kind := explainTransport(err); kind != nil && isFromService(err, "STS", "SSO", "SSO OIDC") {
			return kind
		}
		return adapter.Setup("no credentials of AWS were found", credentials)
	case transientCodes[api.ErrorCode()] || isServerFault(err, api):
		return unavailableBecause("the service that issues credentials is not available")
	}
	return adapter.Setup("the role or login of the AWS SDK's configuration gives no credentials ("+api.ErrorCode()+")",
		"correct the role's trust policy, or renew the login (aws sso login)")
}

// mentions reports whether the text of an error has one of these: the SDK has no types for
// them.
func mentions(err error, texts ...string) bool {
	all := err.Error()
	if operation := (*smithy.OperationError)(nil); errors.As(err, &operation) {
		all = operation.Error() // which an error of attempt's does not print
	}
	for _, text := range texts {
		if strings.Contains(all, text) {
			return true
		}
	}
	return false
}

// isFromService reports whether an operation of one of these services failed.
func isFromService(err error, services ...string) bool {
	for operation := (*smithy.OperationError)(nil); errors.As(err, &operation); err = operation.Err {
		if slices.Contains(services, operation.ServiceID) {
			return true
		}
	}
	return false
}

// explainAnswer explains an error that the service answered, or something in its place.
func (r *requests) explainAnswer(err error) error {
	var foreign *foreignAnswer
	if errors.As(err, &foreign) {
		return foreign.kind()
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		for _, reason := range canceled.CancellationReasons {
			if kind := r.explainCode(aws.ToString(reason.Code), aws.ToString(reason.Message)); kind != nil {
				return kind
			}
		}
		return nil
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return nil
	}
	if isServerFault(err, api) {
		return unavailableBecause("the service answers " + api.ErrorCode())
	}
	return r.explainCode(api.ErrorCode(), api.ErrorMessage())
}

func (e *foreignAnswer) kind() error {
	switch {
	case e.wantsTLS:
		return adapter.Setup("the server speaks TLS, and was called in plain text", remedies[cause.SpeaksTLS])
	case e.status == http.StatusProxyAuthRequired:
		return adapter.Setup("a proxy requires authentication", "correct HTTPS_PROXY, or call the endpoint without the proxy (NO_PROXY)")
	}
	return adapter.Setup(fmt.Sprintf("the server at the endpoint, which answers with status %d, is not DynamoDB", e.status),
		"check the endpoint, and the proxies before it")
}

// isServerFault reports whether the service failed, not the request.
func isServerFault(err error, api smithy.APIError) bool {
	var response *smithyhttp.ResponseError
	return faultCodes[api.ErrorCode()] || errors.As(err, &response) && response.Response != nil && isTransientStatus(response.HTTPStatusCode())
}

// The errors for codes that refuse the credentials.
var refusedCredentials = map[string]error{}

func init() {
	for _, refusal := range []struct {
		problem, remedy string
		codes           []string
	}{
		{"the access key or the session token is not valid", "check the AWS access key, and that it is one of this account and partition",
			[]string{"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure", "InvalidToken"}},
		{"the session token of the AWS credentials has expired", "get new credentials",
			[]string{"ExpiredTokenException", "ExpiredToken", "TokenRefreshRequired"}},
		{"the request is not signed", "give the client credentials",
			[]string{"MissingAuthenticationTokenException", "MissingAuthenticationToken", "MissingAuthenticationException"}},
		{"the signature is refused", "check the AWS secret key, and proxies that change requests",
			[]string{"IncompleteSignatureException", "IncompleteSignature", "InvalidSignatureException", "SignatureDoesNotMatch"}},
		{"the clock of this machine is wrong, so that its signatures have expired or are not valid yet", "set the clock (NTP)",
			[]string{"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"}},
		{"the AWS account is not signed up for DynamoDB, or the region is not enabled", "enable it in the account",
			[]string{"OptInRequired", "SubscriptionRequiredException", "NotSignedUp"}},
	} {
		for _, code := range refusal.codes {
			refusedCredentials[code] = adapter.Setup(refusal.problem, refusal.remedy)
		}
	}
}

// explainCode explains a code and a message of the service.
func (r *requests) explainCode(code, message string) error {
	switch {
	case code == "InvalidSignatureException" && clockMessage.MatchString(message):
		return refusedCredentials["RequestTimeTooSkewed"]
	case code == "InvalidSignatureException" && strings.Contains(message, "scoped to a valid region"):
		return adapter.Setup("the request is signed for another region than the endpoint's", "correct the region or the endpoint")
	case refusedCredentials[code] != nil:
		return refusedCredentials[code]
	case code == "ResourceNotFoundException" || code == "TableNotFoundException":
		return r.noTable()
	case strings.HasPrefix(code, "KMS") || code == "InaccessibleEncryptionCredentialsException", isRefusal(code) && strings.Contains(message, " kms:"):
		return explainKMS(message)
	case isRefusal(code):
		return notAuthorized(message)
	case code == "ValidationException" || code == "ValidationError":
		return r.explainRequest(message)
	}
	return nil
}

var clockMessage = regexp.MustCompile(`Signature (expired|not yet current)`)

func isRefusal(code string) bool {
	return code == "AccessDeniedException" || code == "AccessDenied" || code == "UnauthorizedOperation" || code == "NotAuthorized"
}

// noTable is the error for a missing table.
func (r *requests) noTable() error {
	where := ""
	if region := r.region(); region != "" {
		where = " in the region " + region + " of this account"
	}
	return adapter.Setup("there is no table "+r.options.Table+where+", or it is still being made",
		"check the name and the region, or make it: ApplySchema, CloudFormation, Terraform")
}

// refusedAction is how IAM names what is not allowed.
var refusedAction = regexp.MustCompile(`not authorized to perform: ([\w-]+:\w+)(?: on resource: (arn:[^\s"']+))?`)

// missingPrivilege returns the privilege that a message says is missing.
func missingPrivilege(message string) string {
	found := refusedAction.FindStringSubmatch(message)
	if found == nil {
		return "the call"
	}
	if found[2] == "" {
		return found[1]
	}
	return found[1] + " on " + found[2]
}

func notAuthorized(message string) error {
	remedy := "allow it in the IAM policy of the credentials: Policy prints the least that the adapter needs"
	if strings.Contains(message, "explicit deny") {
		remedy = "a policy denies it explicitly: change that one (of the identity, the table, the VPC endpoint or the organization)"
	}
	return adapter.Setup("not authorized: "+missingPrivilege(message)+" is not allowed", remedy)
}

// explainKMS explains that the table's encryption key was refused.
func explainKMS(message string) error {
	problem := "the KMS key of the table cannot be used"
	if privilege := missingPrivilege(message); privilege != "the call" {
		problem += ": " + privilege + " is not allowed"
	}
	return adapter.Setup(problem, "enable the key, and allow kms:Decrypt, kms:DescribeKey and kms:CreateGrant by its policy")
}

// The messages for a table that has other keys or indexes.
var (
	indexMessage    = regexp.MustCompile(`does not have the specified index`)
	buildingMessage = regexp.MustCompile(`(?i)backfilling`)
	keyMessage      = regexp.MustCompile(`(?i)does not match the schema|Missing the key |missed key schema element|Type mismatch for (Index )?Key|number of conditions on the keys|required keys was not given|does not match schema type|key schema`)
	projectMessage  = regexp.MustCompile(`(?i)not projected|does not project`)
)

// explainRequest explains why the service rejects a request that suits the table as it should
// be.
func (r *requests) explainRequest(message string) error {
	o := r.options
	switch {
	case indexMessage.MatchString(message):
		return adapter.Setup("the table "+o.Table+" has no index "+o.Index,
			"make it by ApplySchema, name it by Options.Index (index=… in the URL), or do without it: Options.NoIndex (no_index=true)")
	case buildingMessage.MatchString(message):
		return unavailableBecause("the index " + o.Index + " is still being built")
	case projectMessage.MatchString(message):
		return adapter.Setup("the index "+o.Index+" does not project all attributes", "delete the index, and make it by ApplySchema")
	case keyMessage.MatchString(message):
		return adapter.Setup(fmt.Sprintf("the keys of the table %s are not %s and %s, or those of its index not %s and %s, all strings", o.Table, o.PartitionKey, o.SortKey, o.IndexPartitionKey, o.IndexSortKey),
			"name them by Options.PartitionKey, SortKey, IndexPartitionKey and IndexSortKey (partition_key=… and so on in the URL): CheckSchema says which they are")
	case strings.Contains(message, "KMS"):
		return explainKMS(message)
	}
	return nil
}

// explainConfiguration explains a request that the SDK could not make.
func explainConfiguration(err error) error {
	switch {
	case mentions(err, "Missing Region", "could not find region", "missing region"):
		return errNoRegion
	case mentions(err, "endpoint rule error", "failed to resolve service endpoint", "unsupported protocol scheme", "Custom endpoint"):
		return adapter.Setup("the region and the endpoint give no address", "correct them: the region is such as eu-central-1, the endpoint such as http://127.0.0.1:8000")
	}
	return nil
}

// remedies are for what keeps requests from reaching the endpoint.
var remedies = cause.Remedies{
	cause.NoHost:         "check the region and the endpoint",
	cause.NotTLS:         "give the endpoint as http://…, if it need not be secure, or correct the port",
	cause.SpeaksTLS:      "give the endpoint as https://…",
	cause.Authority:      "name its certificates by AWS_CA_BUNDLE, or have the system trust them",
	cause.OtherHost:      "check the endpoint, and the proxies before it",
	cause.BadCertificate: "check the endpoint, and the proxies before it",
}

// explainTransport explains an error of the network.
func explainTransport(err error) error {
	switch {
	case mentions(err, "Proxy Authentication Required"):
		return (&foreignAnswer{status: http.StatusProxyAuthRequired}).kind()
	case cause.Of(err) == cause.Unknown:
		return nil
	}
	return cause.Explain(err, remedies)
}

// isContextError reports whether a context has ended, or the SDK stopped waiting because of it.
func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// absence returns nil for ErrNotFound, and other errors unchanged.
func absence(err error) error {
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	return err
}
