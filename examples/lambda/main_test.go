package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdaurl"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/memory"
)

const secret = "0123456789abcdef0123456789abcdef"

// TestMain is the function itself where Lambda's runtime is: see freeze_test.go.
func TestMain(m *testing.M) {
	if os.Getenv(runtimeVariable) != "" {
		main()
		return
	}
	engine.Main(m)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// event is what Lambda makes of a request to a Function URL.
func event(method, path string, header map[string]string, body string) *events.LambdaFunctionURLRequest {
	e := &events.LambdaFunctionURLRequest{Version: "2.0", RawPath: path, Headers: header, Body: body}
	e.RequestContext.DomainName = "id.lambda-url.eu-central-1.on.aws"
	e.RequestContext.HTTP = events.LambdaFunctionURLRequestContextHTTPDescription{Method: method, Path: path, SourceIP: "203.0.113.7"}
	return e
}

// called is the event of a call of the adapter service.
func called(method, key, arguments string) *events.LambdaFunctionURLRequest {
	return event("POST", "/v1/"+method, map[string]string{
		"authorization": "Bearer " + secret, "content-type": "application/json", "idempotency-key": key, "x-forwarded-for": "203.0.113.7",
	}, arguments)
}

// answer is what a function sends back.
type answer struct {
	StatusCode int
	Headers    map[string]string
	body       string
}

// answerOf reads what Lambda reads: status and headers, eight zero bytes, the body.
func answerOf(t testing.TB, stream io.Reader) (a answer) {
	t.Helper()
	all, err := io.ReadAll(stream)
	check(t, err)
	head, body, ok := bytes.Cut(all, make([]byte, 8))
	if !ok {
		t.Fatalf("got %q, want an answer with a head", all)
	}
	check(t, json.Unmarshal(head, &a))
	a.body = string(body)
	return a
}

// ask has a handler answer an event.
func ask(t testing.TB, h http.Handler, e *events.LambdaFunctionURLRequest) answer {
	t.Helper()
	stream, err := lambdaurl.Wrap(h)(t.Context(), e)
	check(t, err)
	return answerOf(t, stream)
}

// environment is one of a function.
func environment(variables ...string) func(string) string {
	return func(name string) string {
		for _, v := range variables {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// signIn makes a user and a session by calls of the service, and returns the user's ID.
func signIn(t testing.TB, call func(*events.LambdaFunctionURLRequest) answer, token string) string {
	t.Helper()
	made := call(called("createUser", "key-of-user-"+token, `[{"name": "Ada", "email": "ada@example.com", "emailVerified": null}]`))
	var user struct{ ID string }
	check(t, json.Unmarshal([]byte(made.body), &user))
	if made.StatusCode != 200 || user.ID == "" {
		t.Fatalf("createUser: got %+v", made)
	}
	if a := call(called("createSession", "key-of-"+token, sessionOf(user.ID, token))); a.StatusCode != 200 {
		t.Fatalf("createSession: got %+v", a)
	}
	return user.ID
}

// sessionOf is the argument of createSession.
func sessionOf(user, token string) string {
	expires := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")
	return fmt.Sprintf(`[{"sessionToken": %q, "userId": %q, "expires": {"$date": %q}}]`, token, user, expires)
}

func TestAdapterFunction(t *testing.T) {
	h, err := setUp(t.Context(), environment("AUTHSTORE_FUNCTION=adapter", "AUTHSTORE_URL=memory:", "AUTHSTORE_SECRET="+secret))
	check(t, err)
	id := signIn(t, func(e *events.LambdaFunctionURLRequest) answer { return ask(t, h, e) }, "made-by-auth.js")

	a := ask(t, h, called("getSessionAndUser", "", `["made-by-auth.js"]`))
	if a.StatusCode != 200 || a.Headers["Authstore-Version"] != "1" || !strings.Contains(a.body, `"`+id+`"`) {
		t.Errorf("a session: got %+v", a)
	}
	if a := ask(t, h, called("getSessionAndUser", "", `["forged"]`)); a.StatusCode != 200 || a.body != "null" {
		t.Errorf("a forged token: got %+v, want null", a)
	}
	stranger := called("getSessionAndUser", "", `["made-by-auth.js"]`)
	stranger.Headers["authorization"] = "Bearer " + strings.Repeat("x", 32)
	if a := ask(t, h, stranger); a.StatusCode != 401 {
		t.Errorf("another secret: got %+v, want 401", a)
	}
	coded := called("getSessionAndUser", "", "WyJtYWRlLWJ5LWF1dGguanMiXQ==")
	coded.IsBase64Encoded = true
	if a := ask(t, h, coded); a.StatusCode != 200 || !strings.Contains(a.body, id) {
		t.Errorf("a body in base64: got %+v", a)
	}
}

// sessionsOf is a store whose sessions are read by a function.
type sessionsOf struct {
	adapter.Sessions
	get func(context.Context) error
}

func (s sessionsOf) GetSessionAndUser(ctx context.Context, _ string) (adapter.Session, adapter.User, error) {
	return adapter.Session{}, adapter.User{}, s.get(ctx)
}

func TestSessionFunction(t *testing.T) {
	store := memory.New(memory.Options{})
	defer store.Close()
	u, err := store.CreateUser(t.Context(), adapter.User{Name: "Ada", Email: "ada@example.com"})
	check(t, err)
	s, err := store.CreateSession(t.Context(), adapter.Session{SessionToken: "made-by-auth.js", UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	down := sessionsOf{get: func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the store has no deadline")
		}
		return adapter.ErrUnavailable
	}}
	ada, nobody := fmt.Sprintf(`{"email":"ada@example.com","id":%q,"name":"Ada"}`+"\n", u.ID), "please sign in\n"
	for name, test := range map[string]struct {
		store  adapter.Sessions
		header map[string]string
		status int
		body   string
	}{
		"cookie":           {store, map[string]string{"cookie": "a=b; __Secure-authjs.session-token=" + s.SessionToken}, 200, ada},
		"bearer token":     {store, map[string]string{"authorization": "Bearer " + s.SessionToken}, 200, ada},
		"nothing":          {store, nil, 401, nobody},
		"forged token":     {store, map[string]string{"authorization": "Bearer forged"}, 401, nobody},
		"store is down":    {down, map[string]string{"authorization": "Bearer " + s.SessionToken}, 503, "please try again in a moment\n"},
		"nobody, and down": {down, nil, 401, nobody},
	} {
		t.Run(name, func(t *testing.T) {
			a := ask(t, sessionCheck(test.store), event("GET", "/", test.header, ""))
			if a.StatusCode != test.status || a.body != test.body || a.Headers["Cache-Control"] != "no-store" {
				t.Errorf("got %+v, want %d %q, not to be stored", a, test.status, test.body)
			}
		})
	}
}

// What a person has to mend ends the start, and says what it is.
func TestSetUpSaysWhatIsMissing(t *testing.T) {
	for _, test := range []struct {
		variables []string
		want      string
	}{
		{nil, "AUTHSTORE_URL is not set"},
		{[]string{"AUTHSTORE_URL=elsewhere://127.0.0.1"}, "import the backend's package"},
		{[]string{"AUTHSTORE_URL=memory:"}, `AUTHSTORE_FUNCTION is ""`},
		{[]string{"AUTHSTORE_URL=memory:", "AUTHSTORE_FUNCTION=adapter"}, "AUTHSTORE_SECRET is not set"},
		{[]string{"AUTHSTORE_URL=memory:", "AUTHSTORE_FUNCTION=adapter", "AUTHSTORE_SECRET=short"}, "at least 32 characters"},
	} {
		if _, err := setUp(t.Context(), environment(test.variables...)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want it to say %q", test.variables, err, test.want)
		}
	}
}

// pinged is a store whose ping has one answer.
type pinged struct {
	adapter.Adapter
	err error
}

func (p pinged) Ping(context.Context) error { return p.err }

// A store that does not answer at the start is told, and does not end the function, which answers
// 503 until it does.
func TestStoreThatCannotBeReached(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	if err := ping(t.Context(), pinged{err: &adapter.Error{Backend: "dynamodb", Op: "Ping", Err: adapter.ErrUnavailable}}); err != nil {
		t.Errorf("got %v, want a start", err)
	}
	if text := log.String(); !strings.Contains(text, "the store does not answer") || !strings.Contains(text, `"code":"unavailable"`) {
		t.Errorf("the log is %q", text)
	}
	missing := adapter.Setup("the table does not exist", "make it")
	if err := ping(t.Context(), pinged{err: missing}); err != missing {
		t.Errorf("got %v, want %v", err, missing)
	}
}
