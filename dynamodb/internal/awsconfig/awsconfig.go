// Package awsconfig is where dynamodb/open puts what dynamodb must not link by itself.
package awsconfig

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Load loads the SDK's configuration for a region and a profile, "" for those that the
// configuration has itself. It is nil unless dynamodb/open is imported.
var Load func(ctx context.Context, region, profile string) (aws.Config, error)
