package dynamodb_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/silent"
)

// clientOf returns a client of an address that makes one attempt.
func clientOf(endpoint string, options ...func(*awsdynamodb.Options)) *awsdynamodb.Client {
	return awsdynamodb.New(awsdynamodb.Options{
		Region: "eu-central-1", Credentials: credentials, BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
	}, options...)
}

// answering is a service that gives every request the same answer.
func answering(t *testing.T, status int, contentType, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// refusing is a service that refuses every request, as DynamoDB does.
func refusing(t *testing.T, status int, code, message string) string {
	return answering(t, status, "application/x-amz-json-1.0",
		fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, message))
}

// checkCause checks the errors of several calls, and of Ping.
func checkCause(t *testing.T, client dynamodb.Client, kind error, texts ...string) {
	t.Helper()
	a := open(t, client, dynamodb.Options{Table: "users"})
	pinger, _ := adapter.As[adapter.Pinger](a)
	_, read := a.GetUser(t.Context(), "u")
	_, write := a.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(time.Hour)})
	for call, err := range map[string]error{"GetUser": read, "CreateSession": write, "Ping": pinger.Ping(t.Context())} {
		if !errors.Is(err, kind) {
			t.Errorf("%s: got %v, want %v", call, err, kind)
			continue
		}
		if errors.Is(err, adapter.ErrSetup) && errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v is of two kinds", call, err)
		}
		for _, text := range texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: got %q, want it to say %q", call, err, text)
			}
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q holds a secret", call, err)
		}
	}
}

// Refusals of the service say what a person has to mend; only what may work later is
// ErrUnavailable.
func TestRefusalsSayTheCause(t *testing.T) {
	const user = "User: arn:aws:sts::123456789012:assumed-role/app/hunter2 is not authorized to perform: "
	for _, tt := range []struct {
		code, message string
		kind          error
		want          string
	}{
		{"UnrecognizedClientException", "The security token included in the request is invalid.", adapter.ErrSetup, "not valid"},
		{"ExpiredTokenException", "The security token included in the request is expired", adapter.ErrSetup, "has expired"},
		{"MissingAuthenticationTokenException", "Request must contain either a valid (registered) AWS access key ID or X.509 certificate.", adapter.ErrSetup, "not signed"},
		{"IncompleteSignatureException", "Authorization header requires 'Signature' parameter. Authorization=hunter2", adapter.ErrSetup, "signature is refused"},
		{"InvalidSignatureException", "The request signature we calculated does not match the signature you provided. x-amz-security-token:hunter2", adapter.ErrSetup, "secret key"},
		{"InvalidSignatureException", "Signature expired: 20261127T010000Z is now earlier than 20261127T011500Z (20261127T012000Z - 5 min.)", adapter.ErrSetup, "clock"},
		{"InvalidSignatureException", "Signature not yet current: 20261127T010000Z is still later than 20261127T005000Z", adapter.ErrSetup, "clock"},
		{"InvalidSignatureException", "Credential should be scoped to a valid region, not 'us-east-1'.", adapter.ErrSetup, "another region"},
		{"AccessDeniedException", user + "dynamodb:GetItem on resource: arn:aws:dynamodb:eu-central-1:123456789012:table/users because no identity-based policy allows the dynamodb:GetItem action",
			adapter.ErrSetup, "dynamodb:GetItem on arn:aws:dynamodb:eu-central-1:123456789012:table/users is not allowed"},
		{"AccessDeniedException", user + "dynamodb:PutItem on resource: arn:aws:dynamodb:eu-central-1:123456789012:table/users with an explicit deny in a service control policy",
			adapter.ErrSetup, "denies it explicitly"},
		{"AccessDeniedException", user + "kms:Decrypt on resource: arn:aws:kms:eu-central-1:123456789012:key/abc because no resource-based policy allows the kms:Decrypt action",
			adapter.ErrSetup, "KMS key of the table cannot be used: kms:Decrypt on arn:aws:kms:eu-central-1:123456789012:key/abc"},
		{"AccessDeniedException", "", adapter.ErrSetup, "not authorized"},
		{"KMSInvalidStateException", "arn:aws:kms:… is pending deletion", adapter.ErrSetup, "KMS key"},
		{"ResourceNotFoundException", "Requested resource not found: Table: users not found", adapter.ErrSetup, "no table users in the region eu-central-1"},
		{"OptInRequired", "The AWS Access Key Id needs a subscription for the service", adapter.ErrSetup, "not signed up"},
		{"ValidationException", "The provided key element does not match the schema", adapter.ErrSetup, "Options.PartitionKey"},
		{"ValidationException", "One or more parameter values were invalid: Missing the key id in the item", adapter.ErrSetup, "partition_key"},
		{"ValidationException", "One or more parameter values were invalid: Type mismatch for Index Key GSI1PK Expected: N Actual: S IndexName: GSI1", adapter.ErrSetup, "GSI1PK"},
		{"ValidationException", "The table does not have the specified index: GSI1", adapter.ErrSetup, "no index GSI1"},
		{"ValidationException", "Cannot read from backfilling global secondary index: GSI1", adapter.ErrUnavailable, "still being built"},
	} {
		t.Run(tt.code, func(t *testing.T) {
			checkCause(t, clientOf(refusing(t, http.StatusBadRequest, tt.code, tt.message)), tt.kind, tt.want)
		})
	}
	t.Run("a fault of the service", func(t *testing.T) {
		checkCause(t, clientOf(refusing(t, http.StatusInternalServerError, "InternalServerError", "hunter2")), adapter.ErrUnavailable, "InternalServerError")
	})
}

// Throttling is waited out, and ErrUnavailable with its reason if there is no time.
func TestThrottlingIsUnavailable(t *testing.T) {
	a := open(t, clientOf(refusing(t, http.StatusBadRequest, "ProvisionedThroughputExceededException", "slow down")), dynamodb.Options{Table: "users"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.GetUser(ctx, "u"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// Answers of anything but DynamoDB are errors, whatever their status: an empty answer would be
// taken for a missing record or a successful write.
func TestForeignAnswers(t *testing.T) {
	const html = "<html><body>hunter2</body></html>"
	for name, tt := range map[string]struct {
		status     int
		kind, body string
		want       error
		says       string
	}{
		"a page":                               {200, "text/html", html, adapter.ErrSetup, "not DynamoDB"},
		"nothing":                              {200, "", "", adapter.ErrSetup, "not DynamoDB"},
		"a redirection":                        {302, "text/html", html, adapter.ErrSetup, "not DynamoDB"},
		"a page that is not there":             {404, "text/html", html, adapter.ErrSetup, "status 404"},
		"a firewall":                           {403, "text/html", html, adapter.ErrSetup, "status 403"},
		"a proxy that requires authentication": {407, "text/html", html, adapter.ErrSetup, "proxy"},
		"a gateway without service":            {502, "text/html", html, adapter.ErrUnavailable, ""},
		"a gateway that is busy":               {503, "text/plain", "", adapter.ErrUnavailable, ""},
		"a gateway that limits":                {429, "text/plain", "slow down", adapter.ErrUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			checkCause(t, clientOf(answering(t, tt.status, tt.kind, tt.body)), tt.want, tt.says)
		})
	}
	t.Run("JSON of another type", func(t *testing.T) {
		a := open(t, clientOf(answering(t, 200, "text/plain", ` {"Item":{}}`)), dynamodb.Options{Table: "users"})
		if _, err := a.GetUser(t.Context(), "u"); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	})
}

// An answer that breaks off is ErrUnavailable.
func TestAnAnswerThatBreaksOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"Item":{"pk`)
	}))
	defer server.Close()
	checkCause(t, clientOf(server.URL), adapter.ErrUnavailable)
}

// withDial makes a client connect by a function.
func withDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(*awsdynamodb.Options) {
	return func(o *awsdynamodb.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { tr.DialContext, tr.Proxy = dial, nil })
	}
}

func TestTheNetworkSaysTheCause(t *testing.T) {
	plain := answering(t, 200, "application/x-amz-json-1.0", "{}")
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	toTLS := func(config *tls.Config) func(*awsdynamodb.Options) {
		return func(o *awsdynamodb.Options) {
			o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { tr.TLSClientConfig = config })
		}
	}
	// As Go's server does, but after it has read the request: it closes a connection with bytes that it
	// has not read, which can take its answer away.
	plainRefused := listen(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	})
	alerting := listen(t, func(c net.Conn) {
		_, _ = c.Write([]byte{0x15, 3, 1, 0, 2, 2, 10}) // as a server of TLS alone answers plain text
	})
	resetting := listen(t, func(net.Conn) {})
	nowhere := silent.Dialer(t, silent.NoSuchName).DialContext
	for name, tt := range map[string]struct {
		client dynamodb.Client
		kind   error
		says   string
	}{
		"refused":                   {clientOf("http://127.0.0.1:1"), adapter.ErrUnavailable, "connection refused by 127.0.0.1:1"},
		"cut":                       {clientOf("http://" + resetting), adapter.ErrUnavailable, "the connection was closed"},
		"TLS against plain":         {clientOf(strings.Replace(plain, "http:", "https:", 1)), adapter.ErrSetup, "does not speak TLS"},
		"plain against TLS":         {clientOf("http://" + plainRefused), adapter.ErrSetup, "speaks TLS"},
		"plain against TLS alone":   {clientOf("http://" + alerting), adapter.ErrSetup, "speaks TLS"},
		"an unknown authority":      {clientOf(secure.URL), adapter.ErrSetup, "AWS_CA_BUNDLE"},
		"another host":              {clientOf(secure.URL, toTLS(&tls.Config{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "other.test"})), adapter.ErrSetup, "another host"},
		"a version that is too old": {clientOf(secure.URL, toTLS(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})), adapter.ErrSetup, "handshake"},
		"a name that is not there":  {clientOf("http://dynamodb.eu-centrl-1.test", withDial(nowhere)), adapter.ErrSetup, "no host dynamodb.eu-centrl-1.test"},
		"no region":                 {awsdynamodb.New(awsdynamodb.Options{Credentials: credentials}), adapter.ErrSetup, "no region"},
		"no scheme":                 {clientOf("dynamodb.local:8000"), adapter.ErrSetup, "endpoint"},
	} {
		t.Run(name, func(t *testing.T) { checkCause(t, tt.client, tt.kind, tt.says) })
	}
}

// listen serves connections, each of which ends when the function does.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	return silent.Serve(t, func(c net.Conn) {
		if request, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.Copy(io.Discard, request.Body)
		}
		serve(c)
	})
}

// A deadline holds while nobody resolves the name of the host or issues credentials, and is not
// mistaken for an end that somebody else asked for.
func TestADeadlineIsKept(t *testing.T) {
	nobody := func(ctx context.Context) (aws.Credentials, error) {
		<-ctx.Done()
		return aws.Credentials{}, fmt.Errorf("asked the instance: %w", context.Canceled)
	}
	for name, client := range map[string]dynamodb.Client{
		"silent names": clientOf("http://dynamodb.test", withDial(silent.Dialer(t, silent.NoAnswer).DialContext)),
		"silent credentials": clientOf("http://127.0.0.1:1", func(o *awsdynamodb.Options) {
			o.Credentials = aws.NewCredentialsCache(aws.CredentialsProviderFunc(nobody))
		}),
		"silent credentials without a cache": clientOf("http://127.0.0.1:1", func(o *awsdynamodb.Options) { o.Credentials = aws.CredentialsProviderFunc(nobody) }),
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, client, dynamodb.Options{Table: "users"})
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			begun := time.Now()
			_, err := a.GetUser(ctx, "u")
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("got an answer after %s, want it at the deadline", took)
			}
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the deadline's error alone", err)
			}
		})
	}
}

// Where nobody issues credentials in time, the error says that it is credentials that are missing.
func TestSilentCredentials(t *testing.T) {
	client := clientOf("http://127.0.0.1:1", func(o *awsdynamodb.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			<-ctx.Done()
			return aws.Credentials{}, ctx.Err()
		})
	})
	a := open(t, client, dynamodb.Options{Table: "users", RequestTimeout: 100 * time.Millisecond})
	for name, call := range map[string]func() error{
		"a read":  func() error { _, err := a.GetUser(t.Context(), "u"); return err },
		"a write": func() error { _, err := a.CreateUser(t.Context(), adapter.User{}); return err },
	} {
		if err := call(); !errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "no credentials of AWS were found in time") {
			t.Errorf("%s: got %v, want that no credentials were found in time", name, err)
		}
	}
}

// Without credentials the error says so, whatever the SDK's chain ends with.
func TestNoCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
	for name, set := range map[string]func(*testing.T){
		"nowhere":             func(t *testing.T) { t.Setenv("AWS_EC2_METADATA_DISABLED", "true") },
		"an instance without": func(t *testing.T) { t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", answering(t, 404, "text/html", "")) },
		"no instance":         func(t *testing.T) { t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1") },
		"a container without": func(t *testing.T) {
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", answering(t, 404, "text/html", "hunter2"))
		},
		"half of an access key": func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "hunter2")
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		},
	} {
		t.Run(name, func(t *testing.T) {
			set(t)
			a, err := adapter.Open(t.Context(), "dynamodb://users?region=eu-central-1&endpoint=http://127.0.0.1:1")
			check(t, err)
			defer func() { check(t, a.Close()) }()
			pinger, _ := adapter.As[adapter.Pinger](a)
			err = pinger.Ping(t.Context())
			if !errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "no credentials of AWS") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want that there are no credentials", err)
			}
		})
	}
}

// A role that cannot be assumed is named as the cause, with the code.
func TestARoleThatIsRefused(t *testing.T) {
	sts := answering(t, http.StatusForbidden, "text/xml",
		`<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>hunter2</Message></Error></ErrorResponse>`)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "errors_test.go")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	a, err := adapter.Open(t.Context(), "dynamodb://users?region=eu-central-1&endpoint=http://127.0.0.1:1")
	check(t, err)
	defer func() { check(t, a.Close()) }()
	if _, err := a.GetUser(t.Context(), "u"); !errors.Is(err, adapter.ErrSetup) || !strings.Contains(err.Error(), "AccessDenied") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want that the role is refused", err)
	}
}

// The SDK warns of replies that it had to give up. A program whose store is opened by URL has not asked for that.
func TestNothingIsPrinted(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Crc32", "1") // a wrong checksum
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	printed, err := os.CreateTemp(t.TempDir(), "")
	check(t, err)
	defer func() { check(t, printed.Close()) }()
	os.Stderr = printed
	a, err := adapter.Open(t.Context(), "dynamodb://users?region=eu-central-1&endpoint="+server.URL)
	check(t, err)
	_, err = a.GetUser(t.Context(), "u")
	os.Stderr = stderr
	check(t, a.Close())
	if err == nil {
		t.Error("a reply with a wrong checksum is taken")
	}
	if text, err := os.ReadFile(printed.Name()); err != nil || len(text) > 0 {
		t.Errorf("%q is printed, %v", text, err)
	}
}
