package fauna_test

import (
	"errors"
	"strings"
	"testing"

	driver "github.com/fauna/fauna-go/v3"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna"
)

// TestStatuses has each kind of response that is not an answer, including those that the driver
// treats as success or panics on.
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
			a, _ := scripted(t, scriptedAnswer{status: test.status, body: test.body})
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

// The error names the application's own unique field, type or check that a record violates.
func TestConstraintsOfTheApplication(t *testing.T) {
	s := newFixture(t, "constraints", fauna.Options{Collections: names})
	ctx := t.Context()
	s.fql(`
		Collection.create({ name: "People", constraints: [{ unique: [".phone"] }, { check: { name: "adult", body: "(u) => u.age == null || u.age >= 18" } }] })
		null`, nil)
	check(t, schemaOf(t, s).ApplySchema(ctx))
	u, err := s.CreateUser(ctx, adapter.User{Attributes: adapter.Attributes{"phone": "555", "age": 20}})
	check(t, err)
	other, err := s.CreateUser(ctx, adapter.User{})
	check(t, err)
	setup := func(op string, err error, words string) {
		t.Helper()
		if !errors.Is(err, adapter.ErrSetup) || errors.Is(err, adapter.ErrConflict) || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "555") {
			t.Errorf("%s: got %v, want ErrSetup that names %s", op, err, words)
		}
	}
	_, err = s.CreateUser(ctx, adapter.User{Attributes: adapter.Attributes{"phone": "555"}})
	setup("CreateUser", err, "phone")
	_, err = s.UpdateUser(ctx, other.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"phone": "555"}})
	setup("UpdateUser", err, "phone")
	_, err = s.UpdateUser(ctx, other.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"age": 7}})
	setup("UpdateUser", err, "adult")
	_, _, err = s.CreateUserWithAccount(ctx, adapter.User{Attributes: adapter.Attributes{"phone": "555"}}, typicalAccount("1"))
	setup("CreateUserWithAccount", err, "phone")
	_, err = s.GetAccount(ctx, typicalAccount("1").Key())
	absent(t, "GetAccount after a sign-up that was refused", err)
	check(t, s.DeleteUser(ctx, u.ID))
	_, err = s.UpdateUser(ctx, other.ID, adapter.UserUpdate{Attributes: adapter.Attributes{"phone": "555"}})
	check(t, err)
}
