package dynamodb_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/silent"
)

// wire is a transport whose requests are steps of an injector, below the SDK's own
// retries: what is lost here the SDK sends again.
type wire struct {
	faults *fault.Injector
}

func (w wire) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body) // which may be sent after this call
	if err = errors.Join(err, req.Body.Close()); err != nil {
		return nil, err
	}
	var resp *http.Response
	var answer error
	injected := w.faults.Step(req.Context(), func(ctx context.Context) error {
		req := req.Clone(ctx)
		req.Body = io.NopCloser(bytes.NewReader(body))
		resp, answer = silent.Whole(sharedHTTP.Do(req))
		return nil
	})
	if injected != nil {
		return nil, injected
	}
	return resp, answer
}

// onWire makes a client send its requests through a wire, with short waits.
func onWire(faults *fault.Injector) func(*awsdynamodb.Options) {
	return func(o *awsdynamodb.Options) {
		o.HTTPClient = wire{faults}
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
		})
	}
}

// TestCutsOnTheWire runs the suite's cuts and repetitions below the SDK's retries, so that its own
// repetition of a request is part of what is tested (R7).
func TestCutsOnTheWire(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			h := l.harness(t)
			h.Namespace = func(ctx context.Context) (conformance.Namespace, error) {
				faults := &fault.Injector{}
				return l.namespace(ctx, engine.DynamoDB(t), faults, newClient(t, onWire(faults)))
			}
			var cuts []conformance.Test
			for _, test := range conformance.Tests() {
				if strings.HasPrefix(test.ID, "CUT-") || strings.HasPrefix(test.ID, "REP-") {
					cuts = append(cuts, test)
				}
			}
			if len(cuts) == 0 {
				t.Error("the suite has no cuts")
			}
			for _, r := range conformance.Check(t.Context(), h, cuts...).Results {
				if r.Status != conformance.Passed {
					t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Detail)
				}
			}
		})
	}
}
