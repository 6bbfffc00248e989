package engine

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

var dynamoDB = &kind{
	name:    "DynamoDB",
	address: "AUTHSTORE_DYNAMODB_URL",
	image:   "dynamodb",
	port:    8000,
	command: func(string) []string { return append(dynamoDBLocal(), "-inMemory") },
	url:     httpURL,
	probe:   dynamoDBVersion,
}

var dynamoDBDurable = &kind{
	name:       "DynamoDB with a file",
	address:    "AUTHSTORE_DYNAMODB_DURABLE_URL",
	image:      "dynamodb",
	port:       8000,
	entrypoint: shell(superviseScript, "java"),
	command:    func(string) []string { return append(dynamoDBLocal(), "-dbPath", "/tmp") },
	url:        httpURL,
	probe:      dynamoDBVersion,
}

// dynamoDBLocal returns the arguments of java.
func dynamoDBLocal() []string {
	return []string{"-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-sharedDb"}
}

func dynamoDBVersion(ctx context.Context, s Server) (string, error) {
	// Without a signature it says 400, which is an answer.
	if err := answers(ctx, s.URL, http.StatusBadRequest); err != nil || s.container == nil {
		return "", err
	}
	// It tells its version at its start, and no one later.
	_, version, _ := strings.Cut(s.container.tail(), "Version:")
	version, _, _ = strings.Cut(strings.TrimSpace(version), "\n")
	return version, nil
}

var fauna = &kind{
	name:    "Fauna",
	address: "AUTHSTORE_FAUNA_URL",
	image:   "fauna",
	port:    8443,
	command: func(string) []string { return nil },
	url:     httpURL,
	probe: func(ctx context.Context, s Server) (string, error) {
		return "", answers(ctx, strings.TrimSuffix(s.URL, "/")+"/ping", http.StatusOK)
	},
}

func httpURL(hosts []string) string { return "http://" + join(hosts) }

// answers fails unless a GET is answered with this status.
func answers(ctx context.Context, url string, status int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		return fmt.Errorf("%s is answered with %s", url, resp.Status)
	}
	return nil
}
