package fauna_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driver "github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna"
)

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func answered(req *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Request: req, Body: io.NopCloser(strings.NewReader(body))}
}

// scripted returns an adapter whose requests get answers one after the other, the last
// one again and again, and the count of requests.
func scripted(answers ...scriptedAnswer) (adapter.Adapter, *atomic.Int64) {
	count := new(atomic.Int64)
	client := newClient("http://fauna.test", "s3cret", roundTrip(func(req *http.Request) (*http.Response, error) {
		n := int(count.Add(1)) - 1
		a := answers[min(n, len(answers)-1)]
		if a.err != nil {
			return nil, a.err
		}
		return answered(req, a.status, a.body), nil
	}))
	return fauna.New(client, fauna.Options{}), count
}

type scriptedAnswer struct {
	status int
	body   string
	err    error
}

const (
	nobody    = `{"data": {"user": null}, "stats": {}}`
	contended = `{"error": {"code": "contended_transaction", "message": "Transaction was aborted due to detection of concurrent modification."}}`
)

func failing(code string) string {
	return fmt.Sprintf(`{"error": {"code": %q, "message": "s3cret"}}`, code)
}

// TestStatuses has each kind of response that is no answer, those included that the
// driver takes for success or breaks on.
func TestStatuses(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		kind   error
		driver any // what errors.As finds
	}{
		"not found, as the driver has it":       {404, `{"error": {"code": "not_found"}}`, adapter.ErrUnavailable, nil},
		"a body without anything":               {404, `{}`, adapter.ErrUnavailable, nil},
		"data that is null, and its cost":       {404, `{"data": null, "stats": {}}`, adapter.ErrUnavailable, nil},
		"data that is null":                     {404, `{"data": null}`, adapter.ErrUnavailable, nil},
		"too large":                             {413, failing("request_size_exceeded"), adapter.ErrUnavailable, nil},
		"a gateway's page":                      {502, `<html>Bad Gateway</html>`, adapter.ErrUnavailable, nil},
		"a gateway's object":                    {502, `{"data": null, "message": "bad gateway"}`, adapter.ErrUnavailable, nil},
		"processing time":                       {540, failing("time_out"), adapter.ErrUnavailable, nil},
		"an answer to something else":           {200, `{"data": "pong", "stats": {}}`, adapter.ErrUnavailable, nil},
		"null":                                  {200, `null`, adapter.ErrUnavailable, nil},
		"a tag with a value of the wrong type":  {200, `{"data": {"user": {"@int": 7}}}`, adapter.ErrUnavailable, nil},
		"nothing":                               {200, ``, adapter.ErrUnavailable, nil},
		"throttled":                             {429, failing("limit_exceeded"), adapter.ErrUnavailable, new(*driver.ErrThrottling)},
		"timed out":                             {440, failing("time_out"), adapter.ErrUnavailable, new(*driver.ErrQueryTimeout)},
		"an internal error":                     {500, failing("internal_error"), adapter.ErrUnavailable, new(*driver.ErrServiceInternal)},
		"unavailable":                           {503, failing("time_out"), adapter.ErrUnavailable, new(*driver.ErrServiceTimeout)},
		"unavailable, without a reason":         {503, `{}`, adapter.ErrUnavailable, nil},
		"a conflict that is no contention":      {409, failing("conflict"), adapter.ErrUnavailable, new(*driver.ErrContendedTransaction)},
		"a secret that is refused":              {401, failing("unauthorized"), adapter.ErrSetup, new(*driver.ErrAuthentication)},
		"a role that may not":                   {403, failing("forbidden"), adapter.ErrSetup, new(*driver.ErrAuthorization)},
		"a database that is gone":               {410, failing("forbidden"), adapter.ErrSetup, new(*driver.ErrAuthorization)},
		"a query that is refused":               {400, failing("invalid_query"), adapter.ErrSetup, new(*driver.ErrQueryCheck)},
		"a collection that is not there":        {400, failing("invalid_argument"), adapter.ErrSetup, new(*driver.ErrQueryRuntime)},
		"a constraint that is not unique":       {400, `{"error": {"code": "constraint_failure", "constraint_failures": [{"paths": [["email"]], "message": "Expected String"}]}}`, adapter.ErrSetup, new(*driver.ErrQueryRuntime)},
		"a document that is too large":          {400, failing("invalid_request"), adapter.ErrSetup, new(*driver.ErrInvalidRequest)},
		"a unique field of somebody else's":     {400, `{"error": {"code": "constraint_failure", "constraint_failures": [{"paths": [["phone"]], "message": "Failed unique constraint"}]}}`, adapter.ErrSetup, new(*driver.ErrQueryRuntime)},
		"an index that is not there":            {400, failing("invalid_function_invocation"), adapter.ErrSetup, new(*driver.ErrInvalidRequest)},
		"a bad request without an error in it":  {400, `{}`, adapter.ErrSetup, new(*driver.ErrQueryRuntime)},
		"an abort, which no query of ours does": {400, failing("abort"), adapter.ErrSetup, new(*driver.ErrAbort)},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := scripted(scriptedAnswer{status: test.status, body: test.body})
			_, err := a.GetUserByEmail(t.Context(), "ada@example.com")
			if err == nil || errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrConflict) {
				t.Fatalf("got %v, want an error that says nothing of the record", err)
			}
			for _, kind := range []error{adapter.ErrUnavailable, adapter.ErrSetup} {
				if errors.Is(err, kind) != (kind == test.kind) {
					t.Errorf("got %v, want %v", err, test.kind)
				}
			}
			if test.driver != nil && !errors.As(err, test.driver) {
				t.Errorf("got %v, in which there is no %T", err, test.driver)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%q says what the server said", err)
			}
		})
	}
}

func TestContentionIsWaitedOut(t *testing.T) {
	refused := scriptedAnswer{status: 409, body: contended}
	a, count := scripted(refused, refused, refused, scriptedAnswer{status: 200, body: nobody})
	if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) || count.Load() != 4 {
		t.Errorf("got %v after %d requests, want ErrNotFound after 4", err, count.Load())
	}

	a, _ = scripted(refused)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := a.GetUserByEmail(ctx, "ada@example.com")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 2*time.Second {
		t.Errorf("got %v after %v, want the context's error at its deadline", err, time.Since(start))
	}
}

// A request whose reply was lost is not sent again, by nobody: what it did is not known.
func TestNothingIsRepeatedBlindly(t *testing.T) {
	lost := errors.New("connection reset by peer")
	a, count := scripted(scriptedAnswer{err: lost})
	ids := func(n uint64) string { return newID(n) }
	hour := time.Now().Add(time.Hour)
	for op, call := range map[string]func(context.Context) error{
		"CreateUser": func(ctx context.Context) error {
			_, err := a.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
			return err
		},
		"CreateUserWithAuthenticator": func(ctx context.Context) error {
			_, _, err := a.CreateUserWithAuthenticator(ctx, adapter.User{}, passkey("", "c"))
			return err
		},
		"UpdateAuthenticator": func(ctx context.Context) error {
			_, err := a.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{CredentialBackedUp: new(true)})
			return err
		},
		"UpdateUser": func(ctx context.Context) error {
			_, err := a.UpdateUser(ctx, ids(1), adapter.UserUpdate{Name: new("Ada")})
			return err
		},
		"DeleteUser": func(ctx context.Context) error { return a.DeleteUser(ctx, ids(1)) },
		"CreateSession": func(ctx context.Context) error {
			_, err := a.CreateSession(ctx, adapter.Session{UserID: ids(1), Expires: hour})
			return err
		},
		"UseVerificationToken": func(ctx context.Context) error {
			_, err := a.UseVerificationToken(ctx, "ada", "t")
			return err
		},
		"UpdateAuthenticatorCounter": func(ctx context.Context) error {
			_, err := a.UpdateAuthenticatorCounter(ctx, "c", 1)
			return err
		},
	} {
		before := count.Load()
		err := call(t.Context())
		if !errors.Is(err, adapter.ErrUnavailable) || !errors.Is(err, lost) || count.Load() != before+1 {
			t.Errorf("%s: got %v after %d requests, want ErrUnavailable with its cause after one", op, err, count.Load()-before)
		}
	}
}

// Where a transaction is too large for the server, the next one is smaller, and one of a
// single document is the server's last word.
func TestDeletesShrink(t *testing.T) {
	var sizes []string
	client := newClient("http://fauna.test", "secret", roundTrip(func(req *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(req.Body)
		_, n, _ := strings.Cut(string(body), `.take(",{"value":{"@int":"`)
		n, _, _ = strings.Cut(n, `"`)
		sizes = append(sizes, n)
		if len(n) > 2 {
			return answered(req, 400, failing("invalid_request")), nil
		}
		return answered(req, 200, fmt.Sprintf(`{"data": {"more": %t}, "stats": {}}`, len(sizes) < 5)), nil
	}))
	check(t, fauna.New(client, fauna.Options{}).DeleteVerificationTokens(t.Context(), "ada"))
	if got := strings.Join(sizes, " "); got != "500 125 31 31 31" {
		t.Errorf("got pages of %s, want 500 125 31 31 31", got)
	}

	a, count := scripted(scriptedAnswer{status: 440, body: failing("time_out")})
	if err := a.DeleteUser(t.Context(), newID(1)); !errors.Is(err, adapter.ErrUnavailable) || count.Load() != 5 {
		t.Errorf("got %v after %d requests, want ErrUnavailable after 500, 125, 31, 7 and 1", err, count.Load())
	}
}

// The driver does not guard what it keeps of its first query. The race detector would
// see it here.
func TestAClientMayBeSharedAtOnce(t *testing.T) {
	a, count := scripted(scriptedAnswer{status: 200, body: nobody})
	var calls sync.WaitGroup
	for range 32 {
		calls.Go(func() {
			if _, err := a.GetUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		})
	}
	calls.Wait()
	if count.Load() != 32 {
		t.Errorf("%d requests for 32 calls: New must send nothing", count.Load())
	}
}
