package dynamodb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// logged is what the SDK logs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Logf(c logging.Classification, format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, string(c)+" "+format+"\n", v...)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Conditions that are expected to fail log nothing; a wrong checksum is logged.
func TestExpectedFailuresAreNotLogged(t *testing.T) {
	var log logged
	a := withIndex.newStore(t, dynamodb.Options{Table: newTable()}, func(o *awsdynamodb.Options) { o.Logger = &log })
	ctx := t.Context()
	u, err := a.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
	check(t, err)
	token := adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: time.Now().Add(time.Hour)}
	_, err = a.CreateVerificationToken(ctx, token)
	check(t, err)
	_, taken := a.CreateUser(ctx, adapter.User{Email: "ada@example.com"})
	_, twice := a.CreateVerificationToken(ctx, token)
	_, gone := a.UseVerificationToken(ctx, "ada", "other")
	_, nobody := a.UpdateUser(ctx, "nobody", adapter.UserUpdate{Name: new("Ada")})
	for _, err := range []error{taken, twice, gone, nobody} {
		if !errors.Is(err, adapter.ErrConflict) && !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("got %v, want ErrConflict or ErrNotFound", err)
		}
	}
	check(t, a.DeleteSession(ctx, adapter.NewSessionToken(u.ID, [32]byte{})))
	if got := log.String(); got != "" {
		t.Errorf("got the log %q, want nothing", got)
	}

	const body = `{"Item":{}}`
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("X-Amz-Crc32", fmt.Sprint(1+crc32.ChecksumIEEE([]byte(body))))
		_, _ = w.Write([]byte(body))
	}))
	defer wrong.Close()
	other := open(t, clientOf(wrong.URL, func(o *awsdynamodb.Options) { o.Logger = &log }), dynamodb.Options{Table: "users"})
	_, _ = other.GetUser(ctx, "u")
	if got := log.String(); !strings.Contains(got, "WARN") {
		t.Errorf("got the log %q, want the SDK's warning of an answer that was changed", got)
	}
}

// A client that does not validate checksums works too.
func TestSumsThatAreNotChecked(t *testing.T) {
	a := withIndex.newStore(t, dynamodb.Options{Table: newTable()}, func(o *awsdynamodb.Options) { o.DisableValidateResponseChecksum = true })
	if _, err := a.GetUser(t.Context(), "u"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// forgetful is an engine that does not return the item for which a condition failed, as
// DAX and a DynamoDB Local of before 2023.
type forgetful struct {
	dynamodb.Client
	transactions bool // returns them in transactions
}

func forget(err error) error {
	if failed := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &failed) {
		failed.Item = nil
	}
	if canceled := (*types.TransactionCanceledException)(nil); errors.As(err, &canceled) {
		for i := range canceled.CancellationReasons {
			canceled.CancellationReasons[i].Item = nil
		}
	}
	return err
}

func (f forgetful) PutItem(ctx context.Context, in *awsdynamodb.PutItemInput, o ...func(*awsdynamodb.Options)) (*awsdynamodb.PutItemOutput, error) {
	out, err := f.Client.PutItem(ctx, in, o...)
	return out, forget(err)
}

func (f forgetful) UpdateItem(ctx context.Context, in *awsdynamodb.UpdateItemInput, o ...func(*awsdynamodb.Options)) (*awsdynamodb.UpdateItemOutput, error) {
	out, err := f.Client.UpdateItem(ctx, in, o...)
	return out, forget(err)
}

func (f forgetful) DeleteItem(ctx context.Context, in *awsdynamodb.DeleteItemInput, o ...func(*awsdynamodb.Options)) (*awsdynamodb.DeleteItemOutput, error) {
	out, err := f.Client.DeleteItem(ctx, in, o...)
	return out, forget(err)
}

func (f forgetful) TransactWriteItems(ctx context.Context, in *awsdynamodb.TransactWriteItemsInput, o ...func(*awsdynamodb.Options)) (*awsdynamodb.TransactWriteItemsOutput, error) {
	out, err := f.Client.TransactWriteItems(ctx, in, o...)
	if f.transactions {
		return out, err
	}
	return out, forget(err)
}

// valueless is an engine that does not return what a write found or left.
type valueless struct{ dynamodb.Client }

func (v valueless) UpdateItem(ctx context.Context, in *awsdynamodb.UpdateItemInput, o ...func(*awsdynamodb.Options)) (*awsdynamodb.UpdateItemOutput, error) {
	_, err := v.Client.UpdateItem(ctx, in, o...)
	return &awsdynamodb.UpdateItemOutput{}, err
}

func (v valueless) DeleteItem(ctx context.Context, in *awsdynamodb.DeleteItemInput, o ...func(*awsdynamodb.Options)) (*awsdynamodb.DeleteItemOutput, error) {
	_, err := v.Client.DeleteItem(ctx, in, o...)
	return &awsdynamodb.DeleteItemOutput{}, err
}

func TestAnEngineWithoutValues(t *testing.T) {
	table := newTable()
	right := withIndex.newStore(t, dynamodb.Options{Table: table})
	a := open(t, valueless{newClient(t)}, dynamodb.Options{Table: table})
	u, err := right.CreateUser(t.Context(), adapter.User{})
	check(t, err)
	_, err = right.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: time.Now().Add(time.Hour)})
	check(t, err)
	if got, err := a.UpdateUser(t.Context(), u.ID, adapter.UserUpdate{Name: new("Ada")}); !errors.Is(err, adapter.ErrSetup) && got.Name != "Ada" {
		t.Errorf("got %+v, %v, want ErrSetup or the user", got, err)
	}
	if _, err := a.UseVerificationToken(t.Context(), "ada", "t"); !errors.Is(err, adapter.ErrSetup) {
		t.Errorf("got %v, want ErrSetup", err)
	}
}

// An engine that returns no old items is noticed: a missing item would be taken for a value
// that is free, or a record that is not there.
func TestAnEngineWithoutOldItems(t *testing.T) {
	for _, transactions := range []bool{false, true} {
		t.Run(fmt.Sprintf("but in transactions %t", transactions), func(t *testing.T) {
			table := newTable()
			right := withIndex.newStore(t, dynamodb.Options{Table: table})
			o := dynamodb.Options{Table: table}
			o.Clock = func() time.Time { return time.Now().Add(2 * time.Minute) }
			u, err := right.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
			check(t, err)
			expired, err := right.CreateSession(t.Context(), adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Minute)})
			check(t, err)
			token := adapter.VerificationToken{Identifier: "ada", Token: "t", Expires: time.Now().Add(time.Hour)}
			_, err = right.CreateVerificationToken(t.Context(), token)
			check(t, err)
			calls := map[string]func(adapter.Adapter) error{
				"a token that is taken": func(a adapter.Adapter) error { _, err := a.CreateVerificationToken(t.Context(), token); return err },
				"a session that has expired": func(a adapter.Adapter) error {
					_, err := a.UpdateSession(t.Context(), expired.SessionToken, adapter.SessionUpdate{Attributes: adapter.Attributes{"a": "b"}})
					return err
				},
			}
			if !transactions {
				calls["an address that is taken"] = func(a adapter.Adapter) error {
					_, err := a.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
					return err
				}
			}
			for name, call := range calls {
				want := call(open(t, newClient(t), o))
				if errors.Is(want, adapter.ErrSetup) || want == nil {
					t.Errorf("%s: got %v of an engine that returns them", name, want)
				}
				got := call(open(t, forgetful{newClient(t), transactions}, o))
				noticed := errors.Is(got, adapter.ErrSetup) && strings.Contains(got.Error(), "ReturnValuesOnConditionCheckFailure")
				if !noticed && (got == nil || got.Error() != want.Error()) {
					t.Errorf("%s: got %v, want that the engine returns no old items, or %v", name, got, want)
				}
			}
			// What is not there is not there.
			a := open(t, forgetful{newClient(t), transactions}, dynamodb.Options{Table: table})
			if _, err := a.UpdateUser(t.Context(), "nobody", adapter.UserUpdate{Name: new("Ada")}); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		})
	}
}

// holding holds what is written after a request's body until its reply is being read.
type holding struct {
	net.Conn
	reading <-chan struct{}
}

func (c holding) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if bytes.HasSuffix(b, []byte("}")) {
		<-c.reading
	}
	return n, err
}

// early is a client whose requests have not ended when their replies come.
type early struct{ written, reading chan struct{} }

func (e early) Do(r *http.Request) (*http.Response, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		return holding{c, e.reading}, err
	}}}
	resp, err := client.Do(r)
	if err == nil {
		resp.Body = &readLate{resp.Body, e, sync.OnceFunc(func() { close(e.reading) })}
	}
	return resp, err
}

// readLate is the body of a reply that is read when its request has ended.
type readLate struct {
	io.ReadCloser
	of    early
	begin func()
}

func (b *readLate) Read(p []byte) (int, error) {
	b.begin()
	<-b.of.written
	return b.ReadCloser.Read(p)
}

// A reply that is there before its request has ended is read to its end.
func TestAnEarlyReplyIsRead(t *testing.T) {
	e := early{make(chan struct{}), make(chan struct{})}
	o := dynamodb.Options{Table: newTable()}
	a := withIndex.newStore(t, o, func(o *awsdynamodb.Options) { o.HTTPClient = e })
	b := open(t, newClient(t), o)
	token := adapter.VerificationToken{Identifier: ada, Token: "token", Value: strings.Repeat("x", 64<<10), Expires: time.Now().Add(time.Hour)}
	check(t, errOf(b.CreateVerificationToken(t.Context(), token)))
	var failed error
	got, err := a.UseVerificationToken(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			failed = info.Err
			close(e.written)
		},
	}), token.Identifier, token.Token)
	check(t, err)
	if got.Value != token.Value || failed != nil {
		t.Errorf("got a value of %d bytes; writing the request: %v", len(got.Value), failed)
	}
}
