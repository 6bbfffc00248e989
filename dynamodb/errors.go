package dynamodb

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// tooLarge is the refusal of an item that DynamoDB cannot hold.
func tooLarge(record string) error {
	return adapter.Invalid(record, "must be smaller than 400 KB with all its attributes")
}

// passing are the codes of errors that another time will be different.
var passing = map[string]bool{
	"TransactionConflictException": true, "TransactionInProgressException": true,
	"ProvisionedThroughputExceededException": true, "ThrottlingException": true, "RequestLimitExceeded": true,
	"ThrottlingError": true, "ProvisionedThroughputExceeded": true, "TransactionConflict": true, // reasons of a cancellation
	"LimitExceededException": true, "ReplicatedWriteConflictException": true,
}

// unavailable are the codes of a service that does not work now.
var unavailable = map[string]bool{"InternalServerError": true, "ServiceUnavailable": true, "InternalFailure": true}

// busy reports whether an error is one that passes: contention or throttling. Nothing
// was written.
func busy(err error) bool {
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		for _, r := range canceled.CancellationReasons {
			if r.Code != nil && passing[*r.Code] {
				return true
			}
		}
		return false
	}
	var api smithy.APIError
	return errors.As(err, &api) && passing[api.ErrorCode()]
}

// failure returns an error of the client as one of the contract's kinds. What has no code
// of the service is the network's.
func failure(err error) error {
	var api smithy.APIError
	switch {
	case err == nil, isKind(err):
		return err
	case busy(err):
		return driver.Caused(unavailableSince("throttled, or others write the same"), err)
	case errors.As(err, new(*smithy.SerializationError)), errors.As(err, new(smithy.InvalidParamsError)):
		return driver.Caused(errors.New("the AWS SDK does not take the request"), err)
	case !errors.As(err, &api), isServerFault(err, api):
		return driver.Caused(adapter.ErrUnavailable, err)
	}
	return driver.Caused(fmt.Errorf("the service refuses with %s", api.ErrorCode()), err)
}

// kinds are those of the contract.
var kinds = []error{
	adapter.ErrNotFound, adapter.ErrConflict, adapter.ErrInvalid, adapter.ErrUnavailable, adapter.ErrClosed, adapter.ErrSetup, adapter.ErrUnreadable,
}

// isKind reports whether an error is one of the contract's already, or the context's.
func isKind(err error) bool {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return true
		}
	}
	return ended(err)
}

// isTooLarge reports whether the service refused an item for its size.
func isTooLarge(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException" && sizeMessage.MatchString(api.ErrorMessage())
}
