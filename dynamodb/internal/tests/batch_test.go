package dynamodb_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/measure"
)

// turn is how long the reader takes to answer.
const turn = 10 * time.Millisecond

// reader is a service that reads items out of memory, as DynamoDB does.
type reader struct {
	mu    sync.Mutex
	items map[string]string // as JSON, by their keys
	busy  map[string]int    // how often it refuses to read a key from now on
	hangs int               // how many requests it does not answer from now on
	room  int               // bytes of a reply
	asked []request
}

// request is one that the reader got.
type request struct {
	operation  string
	keys       []string
	consistent bool
}

// wireItem is an item as it is sent.
type wireItem map[string]map[string]any

func (i wireItem) key() string { return fmt.Sprint(i["pk"]["S"], " ", i["sk"]["S"]) }

func onWireAs(t *testing.T, i item) (key, text string) {
	t.Helper()
	all := wireItem{}
	for name, v := range i {
		switch v := v.(type) {
		case string:
			all[name] = map[string]any{"S": v}
		case int:
			all[name] = map[string]any{"N": fmt.Sprint(v)}
		case nil:
			all[name] = map[string]any{"NULL": true}
		default:
			t.Fatalf("the attribute %s is a %T", name, v)
		}
	}
	encoded, err := json.Marshal(all)
	check(t, err)
	return all.key(), string(encoded)
}

func (r *reader) put(t *testing.T, items ...item) {
	t.Helper()
	for _, i := range items {
		key, text := onWireAs(t, i)
		r.items[key] = text
	}
}

func (r *reader) Do(req *http.Request) (*http.Response, error) {
	var in struct {
		Key            wireItem
		ConsistentRead bool
		RequestItems   map[string]struct {
			Keys           []wireItem
			ConsistentRead bool
		}
	}
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		return nil, err
	}
	_, operation, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	got, keys := request{operation: operation, consistent: in.ConsistentRead}, []wireItem{in.Key}
	for _, all := range in.RequestItems {
		got.consistent, keys = all.ConsistentRead, all.Keys
	}
	for _, k := range keys {
		got.keys = append(got.keys, k.key())
	}
	hangs := r.note(got)
	select {
	case <-time.After(turn):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if hangs {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return r.answer(got, keys), nil
}

func (r *reader) note(got request) (hangs bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, got)
	r.hangs--
	return r.hangs >= 0
}

// take returns the requests since the last time.
func (r *reader) take() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.asked
	r.asked = nil
	return all
}

// answer reads as many keys as it is not too busy for, and as the reply has room for.
func (r *reader) answer(got request, keys []wireItem) *http.Response {
	r.mu.Lock()
	defer r.mu.Unlock()
	const most = 100
	distinct := slices.Compact(slices.Sorted(slices.Values(got.keys)))
	if len(keys) > most || len(distinct) != len(keys) {
		return reply(http.StatusBadRequest, `{"__type":"com.amazon.coral.validate#ValidationException","message":"too many keys, or one twice"}`)
	}
	var found []string
	left, size := []wireItem{}, 0
	for _, k := range keys {
		text, there := r.items[k.key()]
		switch {
		case r.busy[k.key()] > 0:
			r.busy[k.key()]--
			left = append(left, k)
		case size+len(text) > r.room:
			left = append(left, k)
		case there:
			size += len(text)
			found = append(found, text)
		}
	}
	if len(left) == len(keys) {
		return throttled()
	}
	if got.operation == "GetItem" {
		return reply(http.StatusOK, `{"Item":`+strings.Join(append(found, "null")[:1], "")+`}`)
	}
	unprocessed := map[string]any{}
	if len(left) > 0 {
		unprocessed["users"] = map[string]any{"Keys": left, "ConsistentRead": got.consistent}
	}
	encoded, err := json.Marshal(unprocessed)
	if err != nil {
		panic(err)
	}
	return reply(http.StatusOK, `{"Responses":{"users":[`+strings.Join(found, ",")+`]},"UnprocessedKeys":`+string(encoded)+`}`)
}

func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// tokenOf returns the token of a user's session.
func tokenOf(userID string) string { return adapter.NewSessionToken(userID, [32]byte{}) }

func sessionKeyOf(userID string) string {
	return "USER#" + userID + " SESSION#" + adapter.SessionID(tokenOf(userID))
}

func userKeyOf(userID string) string { return "USER#" + userID + " USER#" + userID }

// ourSession is a session whose token is generated.
func ourSession(userID string) item {
	return item{"pk": "USER#" + userID, "sk": "SESSION#" + adapter.SessionID(tokenOf(userID)), "type": "SESSION", "userId": userID, "expires": 4102444800}
}

// reading runs a test by a clock of its own, on an adapter whose service is a reader with a
// number of users: u0, u1, … with a session, an account github/u0, a credential u0.
func reading(t *testing.T, users int, o dynamodb.Options, f func(t *testing.T, r *reader, a adapter.Adapter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &reader{items: map[string]string{}, busy: map[string]int{}, room: 16 << 20}
		for i := range users {
			id := fmt.Sprint("u", i)
			r.put(t, theirUser(id, id+"@example.com"), ourSession(id), guard("EMAIL#"+id+"@example.com", id),
				theirAccount(id, "github", id), guard("ACCOUNT#github#"+id, id),
				item{"pk": "USER#" + id, "sk": "AUTHENTICATOR#" + id, "credentialID": id, "credentialPublicKey": "key", "counter": 1}, guard("AUTHENTICATOR#"+id, id))
		}
		a := r.open(t, o)
		defer func() { check(t, a.Close()) }()
		f(t, r, a)
	})
}

// open returns an adapter on the reader, with the SDK's own retries.
func (r *reader) open(t *testing.T, o dynamodb.Options) adapter.Adapter {
	t.Helper()
	o.Table, o.NoIndex = "users", true
	return open(t, awsdynamodb.New(awsdynamodb.Options{
		Region: "us-east-1", Credentials: credentials, BaseEndpoint: aws.String("http://127.0.0.1:1"), HTTPClient: r,
	}), o)
}

// one is an option: one request at a time.
var one = dynamodb.Options{BatchesInFlight: 1}

// outcome is how a call ended, and when.
type outcome struct {
	err   error
	after time.Duration
}

// inTurn makes calls, one after the other, none of which waits for the one before it.
func inTurn(calls ...func() error) (wait func() []outcome) {
	all, begun := make([]outcome, len(calls)), time.Now()
	var running sync.WaitGroup
	for i, call := range calls {
		running.Go(func() {
			err := call()
			all[i] = outcome{err, time.Since(begun)}
		})
		synctest.Wait()
	}
	return func() []outcome {
		running.Wait()
		return all
	}
}

// session returns a call that reads the session of a user.
func session(ctx context.Context, a adapter.Adapter, id string) func() error {
	return func() error {
		s, u, err := a.GetSessionAndUser(ctx, tokenOf(id))
		if err == nil && (s.UserID != id || s.SessionToken != tokenOf(id) || u.ID != id || u.Email != id+"@example.com") {
			err = fmt.Errorf("got the session of %q and the user %q, want %q", s.UserID, u.ID, id)
		}
		return err
	}
}

// sessions returns calls that read the sessions of the users from a number to another.
func sessions(ctx context.Context, a adapter.Adapter, from, to int) (calls []func() error) {
	for i := from; i < to; i++ {
		calls = append(calls, session(ctx, a, fmt.Sprint("u", i)))
	}
	return calls
}

// in checks that calls were successful, and when they ended.
func (o outcome) in(t *testing.T, what string, after time.Duration) {
	t.Helper()
	if o.err != nil || o.after != after {
		t.Errorf("%s: got %v after %s, want success after %s", what, o.err, o.after, after)
	}
}

// Those who come while a request is on its way share the next one, whatever they look for. Who
// is alone makes the request that was always made.
func TestReadsShareRequests(t *testing.T) {
	reading(t, 60, one, func(t *testing.T, r *reader, a adapter.Adapter) {
		ctx := t.Context()
		all := append(sessions(ctx, a, 0, 8), session(ctx, a, "u7"),
			func() error { return errOf(a.GetUser(ctx, "u1")) },
			func() error { return errOf(a.GetUser(ctx, "u8")) })
		for i, o := range inTurn(all...)() {
			o.in(t, fmt.Sprint("call ", i), time.Duration(1+min(i, 1))*turn)
		}
		got := r.take()
		if len(got) != 2 || got[0].operation != "BatchGetItem" || len(got[0].keys) != 2 || got[1].operation != "BatchGetItem" || len(got[1].keys) != 15 {
			t.Errorf("got the requests %+v, want one of two keys and one of the others' fifteen", got)
		}

		check(t, errOf(a.GetUser(ctx, "u1")))
		if got := r.take(); len(got) != 1 || got[0].operation != "GetItem" {
			t.Errorf("got the requests %+v of a user alone, want one GetItem", got)
		}

		for i, o := range inTurn(sessions(ctx, a, 0, 60)...)() {
			o.in(t, fmt.Sprint("session ", i), time.Duration(1+(i+49)/50)*turn)
		}
		var sizes []int
		for _, got := range r.take() {
			sizes = append(sizes, len(got.keys))
		}
		if !slices.Equal(sizes, []int{2, 100, 18}) {
			t.Errorf("got requests of %v keys, want 2, 100 and 18", sizes)
		}

		inTurn(
			func() error { return errOf(a.GetUserByEmail(ctx, "u1@example.com")) },
			func() error {
				return errOf(a.GetUserByAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "u2"}))
			},
			func() error {
				return errOf(a.GetAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "u3"}))
			},
			func() error { return errOf(a.GetAuthenticator(ctx, "u4")) },
		)()
		if got := r.take(); len(got) > 4 {
			t.Errorf("got %d requests of four reads of two steps, want 4 at most: %+v", len(got), got)
		}
	})
}

// Reads that may be stale and those that may not share no request.
func TestConsistentReadsShareNoRequestWithOthers(t *testing.T) {
	o := one
	o.EventuallyConsistent = true
	reading(t, 20, o, func(t *testing.T, r *reader, a adapter.Adapter) {
		ctx := t.Context()
		all := sessions(ctx, a, 0, 10)
		for i := range 10 {
			all = append(all, func() error { return errOf(a.GetUser(ctx, fmt.Sprint("u", i))) })
		}
		for i, o := range inTurn(all...)() {
			o.in(t, fmt.Sprint("call ", i), time.Duration(1+min(i%10, 1))*turn)
		}
		for _, got := range r.take() {
			if ofSessions := strings.Contains(strings.Join(got.keys, " "), "SESSION#"); ofSessions == got.consistent {
				t.Errorf("got a request whose consistency is %t for %q", got.consistent, got.keys)
			}
		}
	})
}

// What the service leaves unprocessed delays those who want it, and is all that is asked for again.
func TestUnprocessedKeysAreAskedForAgain(t *testing.T) {
	reading(t, 10, one, func(t *testing.T, r *reader, a adapter.Adapter) {
		r.busy[userKeyOf("u3")], r.busy[sessionKeyOf("u4")], r.busy[userKeyOf("u4")] = 2, 2, 1
		for i, o := range inTurn(sessions(t.Context(), a, 0, 10)...)() {
			switch {
			case i != 3 && i != 4:
				o.in(t, fmt.Sprint("session ", i), time.Duration(1+min(i, 1))*turn)
			case o.err != nil || o.after < 4*turn || o.after > 2*time.Second:
				t.Errorf("session %d: got %v after %s, want it after two more requests", i, o.err, o.after)
			}
		}
		for _, got := range r.take()[2:] {
			for _, k := range got.keys {
				if k != userKeyOf("u3") && k != userKeyOf("u4") && k != sessionKeyOf("u4") {
					t.Errorf("got %q once more, want only what was left", k)
				}
			}
		}
	})
}

// Who waits for a part of the service that is busy waits as long as its context, and for 30 seconds at
// most, beside others who have their answers at once.
func TestAThrottledPartHarmsNobodyElse(t *testing.T) {
	reading(t, 30, one, func(t *testing.T, r *reader, a adapter.Adapter) {
		r.busy[userKeyOf("u1")] = 1 << 30
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		hot := inTurn(
			session(ctx, a, "u1"),
			func() error { return errOf(a.GetUser(t.Context(), "u1")) },
			func() error { return errOf(a.GetUser(ctx, "u1")) },
		)
		time.Sleep(time.Second)
		for range 20 { // whenever the busy part is asked for, alone or not
			for i, o := range inTurn(sessions(t.Context(), a, 2, 30)...)() {
				if o.err != nil || o.after > 3*turn {
					t.Errorf("another session, %d: got %v after %s, want it after three turns at most", i, o.err, o.after)
				}
			}
		}
		got := hot()
		for _, i := range []int{0, 2} {
			if !errors.Is(got[i].err, context.DeadlineExceeded) || got[i].after != 3*time.Second {
				t.Errorf("got %v after %s, want the context's error at its end", got[i].err, got[i].after)
			}
		}
		if !errors.Is(got[1].err, adapter.ErrUnavailable) || got[1].after < 30*time.Second || got[1].after > 32*time.Second {
			t.Errorf("got %v after %s, want ErrUnavailable after 30 seconds", got[1].err, got[1].after)
		}
	})
}

// A reply holds 16 MB, and what has no room in it is asked for again.
func TestSharedRequestsOfLargeItems(t *testing.T) {
	reading(t, 60, one, func(t *testing.T, r *reader, a adapter.Adapter) {
		for i := range 60 {
			user := theirUser(fmt.Sprint("u", i), fmt.Sprint("u", i, "@example.com"))
			user["large"] = strings.Repeat("x", 390<<10)
			r.put(t, user)
		}
		for i, o := range inTurn(sessions(t.Context(), a, 0, 60)...)() {
			if o.err != nil || o.after > time.Second {
				t.Errorf("session %d: got %v after %s, want it within a second", i, o.err, o.after)
			}
		}
		if got := r.take(); len(got) < 4 || len(got) > 30 {
			t.Errorf("got %d requests, want those for 23 MB", len(got))
		}
	})
}

// Calls that share a request answer as they do alone, whatever other programs have stored.
func TestSharedRequestsAnswerAsThoseOfOneCall(t *testing.T) {
	reading(t, 3, one, func(t *testing.T, r *reader, batched adapter.Adapter) {
		plain := r.open(t, dynamodb.Options{NoBatching: true})
		odd := func(id, name string, v any) item {
			s := ourSession(id)
			s[name] = v
			return s
		}
		r.put(t,
			ourSession("gone"), odd("unreadable", "expires", "soon"), theirUser("unreadable", ""), odd("past", "expires", 1), theirUser("past", ""),
			odd("token", "sessionToken", "another"), theirUser("token", ""), theirUser("alone", "alone@example.com"), guard("EMAIL#moved@example.com", "alone"),
			guard("ACCOUNT#github#nobody", "nobody"), guard("ACCOUNT#github#unlinked", "alone"), theirAccount("gone", "github", "orphan"), guard("ACCOUNT#github#orphan", "gone"),
			item{"pk": "USER#alone", "sk": "AUTHENTICATOR#odd", "credentialID": "odd", "counter": "many"}, guard("AUTHENTICATOR#odd", "alone"),
			guard("EMAIL#gone@example.com", "gone"))
		ctx := t.Context()
		answer := func(records ...any) string { return fmt.Sprintf("%+v", records) }
		keys := []string{"u0", "u1", "u2", "gone", "unreadable", "past", "token", "alone", "moved", "nobody", "unlinked", "orphan", "odd"}
		for op, call := range map[string]func(a adapter.Adapter, key string) string{
			"GetSessionAndUser": func(a adapter.Adapter, key string) string { return answer(a.GetSessionAndUser(ctx, tokenOf(key))) },
			"GetUser":           func(a adapter.Adapter, key string) string { return answer(a.GetUser(ctx, key)) },
			"GetUserByEmail":    func(a adapter.Adapter, key string) string { return answer(a.GetUserByEmail(ctx, key+"@example.com")) },
			"GetUserByAccount": func(a adapter.Adapter, key string) string {
				return answer(a.GetUserByAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: key}))
			},
			"GetAccount": func(a adapter.Adapter, key string) string {
				return answer(a.GetAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: key}))
			},
			"GetAuthenticator": func(a adapter.Adapter, key string) string { return answer(a.GetAuthenticator(ctx, key)) },
		} {
			got := make([]string, len(keys))
			var calls []func() error
			for i, key := range keys {
				calls = append(calls, func() error { got[i] = call(batched, key); return nil })
			}
			r.take()
			inTurn(calls...)()
			if sent := len(r.take()); sent > 5 {
				t.Errorf("%s: got %d requests for %d calls, want at most 5", op, sent, len(keys))
			}
			for i, key := range keys {
				if want := call(plain, key); got[i] != want {
					t.Errorf("%s of %s\n  got:  %s\n  want: %s", op, key, got[i], want)
				}
			}
		}
		check(t, plain.Close())
	})
}

// A request that hangs holds up those who come later for as long as its callers wait for it.
func TestAHangingRequestHoldsUpNobodyForLong(t *testing.T) {
	reading(t, 3, one, func(t *testing.T, r *reader, a adapter.Adapter) {
		r.hangs = 1
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		// The second attempt, after half of the time, is not behind the first.
		for i, o := range inTurn(session(ctx, a, "u0"), session(t.Context(), a, "u1"), session(t.Context(), a, "u2"))() {
			if o.err != nil || o.after > time.Second/2+2*turn {
				t.Errorf("session %d: got %v after %s, want it after half of a second", i, o.err, o.after)
			}
		}
	})
}

// Who leaves a request that others share ends alone.
func TestWhoLeavesASharedRequestEndsAlone(t *testing.T) {
	reading(t, 3, one, func(t *testing.T, _ *reader, a adapter.Adapter) {
		ctx, cancel := context.WithTimeout(t.Context(), turn+turn/2)
		defer cancel()
		all := inTurn(session(t.Context(), a, "u0"), session(ctx, a, "u1"), session(t.Context(), a, "u2"))()
		all[0].in(t, "the read before", turn)
		all[2].in(t, "the read that stays", 2*turn)
		if !errors.Is(all[1].err, context.DeadlineExceeded) || all[1].after != turn+turn/2 {
			t.Errorf("the read that leaves: got %v after %s, want its context's error at its end", all[1].err, all[1].after)
		}
	})
}

// Those who wait get ErrClosed, and the request that is on its way its answer.
func TestCloseWhileReadsWait(t *testing.T) {
	reading(t, 3, one, func(t *testing.T, r *reader, a adapter.Adapter) {
		wait := inTurn(sessions(t.Context(), a, 0, 3)...)
		check(t, a.Close())
		for i, o := range wait() {
			if i == 0 {
				o.in(t, "the read on its way", turn)
			} else if !errors.Is(o.err, adapter.ErrClosed) || o.after != 0 {
				t.Errorf("a read that waits: got %v after %s, want ErrClosed at once", o.err, o.after)
			}
		}
	})
}

// Reads cost what docs/dynamodb.md says, however many share a request.
func TestSharedReadsCostTheSame(t *testing.T) {
	const callers = 40
	page := measure.PageTable(t, page, "Costs")
	var m meter
	a := withoutIndex.newStore(t, dynamodb.Options{Table: newTable(), BatchesInFlight: 1}, metered(&m))
	ctx := t.Context()
	var users []adapter.User
	var tokens []string
	for i := range callers {
		name := fmt.Sprint("u", i)
		u, _, err := a.CreateUserWithAccount(ctx, adapter.User{Email: name + "@example.com"}, adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: name})
		check(t, err)
		s, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: time.Now().Add(time.Hour)})
		check(t, err)
		check(t, errOf(a.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: name, UserID: u.ID, CredentialPublicKey: "key"})))
		users, tokens = append(users, u), append(tokens, s.SessionToken)
	}
	key := func(i int) adapter.AccountKey {
		return adapter.AccountKey{Provider: "github", ProviderAccountID: fmt.Sprint("u", i)}
	}
	for op, call := range map[string]func(i int) error{
		"GetSessionAndUser": func(i int) error { _, _, err := a.GetSessionAndUser(ctx, tokens[i]); return err },
		"GetUser":           func(i int) error { return errOf(a.GetUser(ctx, users[i].ID)) },
		"GetUserByEmail":    func(i int) error { return errOf(a.GetUserByEmail(ctx, users[i].Email)) },
		"GetUserByAccount":  func(i int) error { return errOf(a.GetUserByAccount(ctx, key(i))) },
		"GetAccount":        func(i int) error { return errOf(a.GetAccount(ctx, key(i))) },
		"GetAuthenticator":  func(i int) error { return errOf(a.GetAuthenticator(ctx, fmt.Sprint("u", i))) },
	} {
		m.cost = cost{}
		var running sync.WaitGroup
		for i := range callers {
			running.Go(func() {
				if err := call(i); err != nil {
					t.Errorf("%s: %v", op, err)
				}
			})
		}
		running.Wait()
		if want := callers * page[op][1]; m.read != want || m.calls >= callers {
			t.Errorf("%s by %d callers: got %v read units and %d requests, want %v units and fewer requests than callers", op, callers, m.read, m.calls, want)
		}
	}
}
