// Lambda is two functions for AWS Lambda, behind Function URLs, from one program. AUTHSTORE_FUNCTION
// says which one it is:
//
//   - adapter: the service for applications of Auth.js, whose adapter is @authstore/authjs-adapter.
//     Its secrets are in AUTHSTORE_SECRET, separated by white space.
//   - session: says who is signed in to such an application, by its cookie or a bearer token.
//
// AUTHSTORE_URL is the store. The table, the functions and their role are in template.json, for
// CloudFormation, and in main.tf.json, for Terraform. Both want the program in a zip, as bootstrap:
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -trimpath -ldflags "-s -w" -o bootstrap .
//	zip function.zip bootstrap
//
// See docs/serverless.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdaurl"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authjshttp"
	_ "github.com/authstore/authstore/dynamodb/open" // the package of your store
)

const (
	pingTimeout = 3 * time.Second // of the ten seconds that Lambda gives to the start
	callTimeout = 8 * time.Second // less than the functions' timeout, so that a slow store is 503
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	handler, err := setUp(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("the function cannot start", "code", adapter.Code(err), "err", err)
		os.Exit(1)
	}
	lambdaurl.Start(handler)
}

// setUp returns what answers requests. It runs before the first one, when Lambda gives a function
// more of a processor than its memory is worth, and opens connections then.
func setUp(ctx context.Context, getenv func(string) string) (http.Handler, error) {
	url := getenv("AUTHSTORE_URL")
	if url == "" {
		return nil, errors.New("AUTHSTORE_URL is not set: it is the store, such as dynamodb://authstore?no_index=true")
	}
	store, err := adapter.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := ping(ctx, store); err != nil {
		return nil, err
	}
	switch name := getenv("AUTHSTORE_FUNCTION"); name {
	case "adapter":
		return service(store, strings.Fields(getenv("AUTHSTORE_SECRET")))
	case "session":
		return sessionCheck(store), nil
	default:
		return nil, fmt.Errorf("AUTHSTORE_FUNCTION is %q: it must be adapter or session", name)
	}
}

// ping connects to the store. A store that does not answer now may do so later: calls are 503
// until then. Anything else a person has to mend.
func ping(ctx context.Context, store adapter.Adapter) error {
	pinger, ok := adapter.As[adapter.Pinger](store)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := pinger.Ping(ctx)
	if errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		slog.Warn("the store does not answer: calls are 503 until it does", "code", adapter.Code(err), "err", err)
		return nil
	}
	return err
}

// service serves the store to applications of Auth.js.
func service(store adapter.Adapter, secrets []string) (http.Handler, error) {
	if len(secrets) == 0 {
		return nil, errors.New("AUTHSTORE_SECRET is not set: openssl rand -base64 32 makes one")
	}
	return authjshttp.New(store, authjshttp.Options{Secrets: secrets, Timeout: callTimeout})
}

// sessionCheck says who is signed in: 200 with the person, 401 for nobody, 503 where the store
// does not say.
func sessionCheck(store adapter.Sessions) http.Handler {
	sessions := &authhttp.Sessions{Store: store, Cookie: authhttp.AuthJSCookie(), Bearer: true}
	whoami := sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := authhttp.User(r.Context())
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]string{"id": user.ID, "name": user.Name, "email": user.Email}); err != nil {
			slog.Warn("the answer was not sent", "err", err)
		}
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		whoami.ServeHTTP(w, r.WithContext(ctx))
	})
}
