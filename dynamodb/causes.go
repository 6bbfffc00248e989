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

// cause returns an error of a request as what a person has to mend, or as ErrUnavailable
// with its reason, if it is one of these. No text of the service or the SDK is part of it
// but names of the operator's own: a message can quote a token that signs requests.
func (r *requests) cause(ctx context.Context, err error) error {
	switch {
	case err == nil, ctx.Err() != nil && ended(err):
		return err
	case errors.Is(err, adapter.ErrUnavailable): // attempt's
		return driver.Caused(late(err), err)
	}
	for _, of := range []func(error) error{ofCredentials, r.ofAnswer, ofConfiguration, ofTransport} {
		if kind := of(err); kind != nil {
			return driver.Caused(kind, err)
		}
	}
	return err
}

// late explains a request that had no answer in time.
func late(err error) error {
	if mentions(err, identity...) {
		return adapter.Setup("no credentials of AWS were found in time", credentials)
	}
	return unavailableSince("no answer in time")
}

// unavailableSince is ErrUnavailable with its reason.
func unavailableSince(reason string) error {
	return fmt.Errorf("%w: %s", adapter.ErrUnavailable, reason)
}

// identity are texts of errors of a request for want of what signs it.
var identity = []string{"get identity: ", "no identity resolver", "failed to sign request", "could not select an auth scheme"}

// credentials is what to do about it.
const credentials = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role of the machine, as the AWS SDK's chain takes them"

// ofCredentials explains an error of a request for want of what signs it.
func ofCredentials(err error) error {
	if !mentions(err, identity...) {
		return nil
	}
	var api smithy.APIError
	switch {
	case !errors.As(err, &api), api.ErrorCode() == "" && !isServerFault(err, api):
		if kind := ofTransport(err); kind != nil && ofService(err, "STS", "SSO", "SSO OIDC") {
			return kind
		}
		return adapter.Setup("no credentials of AWS were found", credentials)
	case passing[api.ErrorCode()] || isServerFault(err, api):
		return unavailableSince("the service that hands out credentials cannot now")
	}
	return adapter.Setup("the role or the login of the AWS SDK's configuration gives no credentials ("+api.ErrorCode()+")",
		"correct the role's trust policy, or renew the login (aws sso login)")
}

// mentions reports whether the text of an error, or of one behind it, has one of these:
// the SDK has no types for them.
func mentions(err error, texts ...string) bool {
	all := err.Error()
	for _, text := range texts {
		if strings.Contains(all, text) {
			return true
		}
	}
	return false
}

// ofService reports whether it is an operation of one of these services that failed.
func ofService(err error, services ...string) bool {
	for operation := (*smithy.OperationError)(nil); errors.As(err, &operation); err = operation.Err {
		if slices.Contains(services, operation.ServiceID) {
			return true
		}
	}
	return false
}

// ofAnswer explains an error that the service answered, or whatever did.
func (r *requests) ofAnswer(err error) error {
	var foreign *foreignAnswer
	if errors.As(err, &foreign) {
		return foreign.kind()
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		for _, reason := range canceled.CancellationReasons {
			if kind := r.ofCode(aws.ToString(reason.Code), aws.ToString(reason.Message)); kind != nil {
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
		return unavailableSince("the service answers " + api.ErrorCode())
	}
	return r.ofCode(api.ErrorCode(), api.ErrorMessage())
}

func (e *foreignAnswer) kind() error {
	switch {
	case e.wantsTLS:
		return adapter.Setup("the server speaks TLS, and was called in plain text", remedies[cause.SpeaksTLS])
	case e.status == http.StatusProxyAuthRequired:
		return adapter.Setup("a proxy wants a login", "correct HTTPS_PROXY, or call the endpoint without the proxy (NO_PROXY)")
	}
	return adapter.Setup(fmt.Sprintf("what answers at the endpoint, with the status %d, is not DynamoDB", e.status),
		"check the endpoint, and the proxies before it")
}

// isServerFault reports whether a service failed, and not the request.
func isServerFault(err error, api smithy.APIError) bool {
	var response *smithyhttp.ResponseError
	return unavailable[api.ErrorCode()] || errors.As(err, &response) && response.Response != nil && passes(response.HTTPStatusCode())
}

// What is wrong with the credentials, by the codes for it.
var refusedCredentials = map[string]error{}

func init() {
	for _, of := range []struct {
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
		for _, code := range of.codes {
			refusedCredentials[code] = adapter.Setup(of.problem, of.remedy)
		}
	}
}

// ofCode explains a code and a message of the service.
func (r *requests) ofCode(code, message string) error {
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
		return ofKey(message)
	case isRefusal(code):
		return notAuthorized(message)
	case code == "ValidationException" || code == "ValidationError":
		return r.ofRequest(message)
	}
	return nil
}

var clockMessage = regexp.MustCompile(`Signature (expired|not yet current)`)

func isRefusal(code string) bool {
	return code == "AccessDeniedException" || code == "AccessDenied" || code == "UnauthorizedOperation" || code == "NotAuthorized"
}

// noTable says where the table was looked for.
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

// missingPrivilege returns what a message says to be not allowed.
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

// ofKey explains a refusal for the table's key of encryption.
func ofKey(message string) error {
	problem := "the KMS key of the table cannot be used"
	if privilege := missingPrivilege(message); privilege != "the call" {
		problem += ": " + privilege + " is not allowed"
	}
	return adapter.Setup(problem, "enable the key, and allow kms:Decrypt, kms:DescribeKey and kms:CreateGrant by its policy")
}

// The messages for a table that is made otherwise.
var (
	indexMessage    = regexp.MustCompile(`does not have the specified index`)
	buildingMessage = regexp.MustCompile(`(?i)backfilling`)
	keyMessage      = regexp.MustCompile(`(?i)does not match the schema|Missing the key |missed key schema element|Type mismatch for (Index )?Key|number of conditions on the keys|required keys was not given|does not match schema type|key schema`)
	projectMessage  = regexp.MustCompile(`(?i)not projected|does not project`)
)

// ofRequest explains why the service does not take a request that is right for the table
// that it should be.
func (r *requests) ofRequest(message string) error {
	o := r.options
	switch {
	case indexMessage.MatchString(message):
		return adapter.Setup("the table "+o.Table+" has no index "+o.Index,
			"make it by ApplySchema, name it by Options.Index (index=… in the URL), or do without it: Options.NoIndex (no_index=true)")
	case buildingMessage.MatchString(message):
		return unavailableSince("the index " + o.Index + " is still being built")
	case projectMessage.MatchString(message):
		return adapter.Setup("the index "+o.Index+" does not hold all attributes", "delete the index, and make it by ApplySchema")
	case keyMessage.MatchString(message):
		return adapter.Setup(fmt.Sprintf("the keys of the table %s are not %s and %s, or those of its index not %s and %s, all strings", o.Table, o.PartitionKey, o.SortKey, o.IndexPartitionKey, o.IndexSortKey),
			"name them by Options.PartitionKey, SortKey, IndexPartitionKey and IndexSortKey (partition_key=… and so on in the URL): CheckSchema says which they are")
	case strings.Contains(message, "KMS"):
		return ofKey(message)
	}
	return nil
}

// ofConfiguration explains an error of a request that the SDK could not make.
func ofConfiguration(err error) error {
	switch {
	case mentions(err, "Missing Region", "could not find region", "missing region"):
		return errNoRegion
	case mentions(err, "endpoint rule error", "failed to resolve service endpoint", "unsupported protocol scheme", "Custom endpoint"):
		return adapter.Setup("no address follows from the region and the endpoint", "correct them: the region is such as eu-central-1, the endpoint such as http://127.0.0.1:8000")
	}
	return nil
}

// remedies are for what keeps requests from an endpoint.
var remedies = cause.Remedies{
	cause.NoHost:         "check the region and the endpoint",
	cause.NotTLS:         "give the endpoint as http://…, if it need not be secure, or correct the port",
	cause.SpeaksTLS:      "give the endpoint as https://…",
	cause.Authority:      "name its certificates by AWS_CA_BUNDLE, or have the system trust them",
	cause.OtherHost:      "check the endpoint, and the proxies before it",
	cause.BadCertificate: "check the endpoint, and the proxies before it",
}

// ofTransport explains an error of the network.
func ofTransport(err error) error {
	switch {
	case mentions(err, "Proxy Authentication Required"):
		return (&foreignAnswer{status: http.StatusProxyAuthRequired}).kind()
	case cause.Of(err) == cause.Unknown:
		return nil
	}
	return cause.Explain(err, remedies)
}

// ended reports whether an error is the end of a context, or of the SDK's waiting on one.
func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
