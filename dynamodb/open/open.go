// Package open lets [adapter.Open] open dynamodb:// URLs, whose form is in
// docs/dynamodb.md. It is imported for that alone:
//
//	import (
//		"context"
//		"log"
//
//		"github.com/authstore/authstore/adapter"
//		_ "github.com/authstore/authstore/dynamodb/open"
//	)
//
//	store, err := adapter.Open(context.Background(), "dynamodb://next-auth?region=eu-central-1")
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
// It links the config package of the AWS SDK, with the clients of the services that hand out
// credentials, which who calls dynamodb.New may not need.
package open

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	_ "github.com/authstore/authstore/dynamodb" // has the scheme
	"github.com/authstore/authstore/dynamodb/internal/awsconfig"
)

func init() { awsconfig.Load = load }

// load loads the SDK's configuration.
func load(ctx context.Context, region, profile string) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})} // it would write to the program's stderr
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, unconfigured(ctx, err, profile)
	}
	return cfg, nil
}

// unconfigured returns why the SDK's configuration cannot be loaded.
func unconfigured(ctx context.Context, err error, profile string) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, new(config.SharedConfigProfileNotExistError)):
		return driver.Caused(adapter.Setup("the AWS SDK's configuration cannot be read", "correct the shared configuration (~/.aws) and the environment's AWS variables"), err)
	case profile != "":
		return driver.Caused(adapter.Invalid("URL", "must have a profile that the AWS SDK's shared configuration has"), err)
	}
	return driver.Caused(adapter.Setup("the AWS SDK's shared configuration does not have the profile", "correct AWS_PROFILE or the configuration"), err)
}
