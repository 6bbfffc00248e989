package authjshttp

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

// lost is a store's answer that did not arrive.
var lost = &adapter.Error{Backend: "memory", Op: "Op", Err: adapter.ErrUnavailable}

// creations are the calls that may be repeated with a key, in an order in which each finds what it needs.
func creations(s *service) []struct {
	method string
	args   []any
	other  any // the answer to the same call with another key: nil, or the field of a conflict
} {
	u := s.call("createUser", object{"email": "ben@example.com"})
	signingUp := s.call("newUser", object{"email": "cleo@example.com"})
	account := object{"userId": id(u), "type": "oauth", "provider": "p", "providerAccountId": "a"}
	token := object{"identifier": "ada@example.com", "token": "hashed", "expires": date(future)}
	return []struct {
		method string
		args   []any
		other  any
	}{
		{"createUser", []any{ada}, "User.Email"},
		{"createVerifiedUser", []any{object{"email": "dora@example.com", "emailVerified": date(past)}}, object{}},
		{"signUp", []any{signingUp, with(account, object{"userId": id(signingUp), "providerAccountId": "b"})}, object{}},
		{"signUp", []any{s.call("newUser", object{"email": "eve@example.com"}), nil}, object{}},
		{"linkAccount", []any{account}, object{}},
		{"createSession", []any{object{"sessionToken": "t", "userId": id(u), "expires": date(future)}}, object{}},
		{"createVerificationToken", []any{token}, object{}},
		{"useVerificationToken", []any{object{"identifier": "ada@example.com", "token": "hashed"}}, nil},
		{"createAuthenticator", []any{object{
			"credentialID": "c", "userId": id(u), "credentialPublicKey": "k", "counter": 1.0, "credentialBackedUp": false, "transports": nil,
		}}, object{}},
		{"updateAuthenticatorCounter", []any{"c", 2}, "Authenticator.Counter"},
	}
}

// A repetition has the answer of the first call, in another process, and once more; another
// request has its own.
func TestRepetitions(t *testing.T) {
	store := newStore(t)
	s := newService(t, store, Options{})
	tried := map[string]bool{}
	for _, c := range creations(s) {
		tried[c.method] = true
		first := s.repeat("key", c.method, c.args...)
		for range 2 {
			same(t, c.method+" repeated", newService(t, store, Options{}).repeat("key", c.method, c.args...), first)
		}
		if field, conflict := c.other.(string); conflict {
			same(t, c.method+" with another key", s.fails(http.StatusConflict, "conflict", c.method, c.args...)["field"], field)
		} else if other := s.repeat("another key", c.method, c.args...); c.other == nil && other != nil {
			t.Errorf("%s with another key: got %v", c.method, other)
		}
	}
	for name, m := range methods {
		if m.creating != tried[name] {
			t.Errorf("%s: was it tried? %v", name, tried[name])
		}
	}
}

// The store has done it, but its answer is lost: the repetition has the answer.
func TestAnswersOfTheStoreThatAreLost(t *testing.T) {
	// Nothing can tell who used up a token whose use was not answered, or stored a counter.
	unknown := map[string]bool{"useVerificationToken": true, "updateAuthenticatorCounter": true}
	for i := range 10 {
		store := &hooked{Adapter: newStore(t)}
		s := newService(t, store, Options{})
		all := creations(s)
		for _, c := range all[:i] {
			s.call(c.method, c.args...)
		}
		c, cut := all[i], false
		if unknown[c.method] {
			continue
		}
		store.after = func(string) error {
			if cut {
				return nil
			}
			cut = true
			return lost
		}
		body := string(must(json.Marshal(c.args)))
		w := s.send(withKey(request(c.method, body), "key"))
		s.failed(http.StatusServiceUnavailable, "unavailable", w)
		same(t, "Retry-After", w.Header().Get("Retry-After"), "1")
		if answer := s.repeat("key", c.method, c.args...); answer == nil {
			t.Errorf("%s repeated: got null", c.method)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A link whose answer did not reach the client is not burnt, and is used by nobody else.
func TestUseThatIsNotHeard(t *testing.T) {
	store := newStore(t)
	s := newService(t, store, Options{})
	token := object{"identifier": "ada@example.com", "token": "hashed", "expires": date(future)}
	which := object{"identifier": "ada@example.com", "token": "hashed"}
	s.call("createVerificationToken", token)
	var wg sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]any{}
	for _, key := range []string{"a", "a", "b", "b", "c"} {
		wg.Go(func() {
			w := newService(t, store, Options{})
			v := w.repeat(key, "useVerificationToken", which)
			mu.Lock()
			defer mu.Unlock()
			if v != nil {
				answers[key] = v
			}
		})
	}
	wg.Wait()
	if len(answers) != 1 {
		t.Fatalf("%d keys have used the token", len(answers))
	}
	for _, key := range []string{"a", "b", "c"} {
		same(t, "the answer to "+key, s.repeat(key, "useVerificationToken", which), answers[key])
	}
}

// A store that is away when a repetition asks is not absence.
func TestRepetitionsOnAStoreThatIsAway(t *testing.T) {
	store := &hooked{Adapter: newStore(t)}
	s := newService(t, store, Options{})
	uses := 0
	store.before = func(op string) error {
		if op == "UseVerificationToken" {
			if uses++; uses == 2 {
				return lost
			}
		}
		return nil
	}
	s.fails(http.StatusServiceUnavailable, "unavailable", "useVerificationToken", object{"identifier": "x", "token": "y"})
}

// The same request twice at once is made once.
func TestRepetitionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		store := &hooked{Adapter: newStore(t), before: func(string) error { <-leave; return nil }}
		s := newService(t, store, Options{})
		answers := make([]any, 3)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i] = s.repeat("key", "createUser", ada) })
		}
		synctest.Wait()
		close(leave)
		wg.Wait()
		same(t, "calls of the store", store.calls, 1)
		same(t, "the second answer", answers[1], answers[0])
		same(t, "the third answer", answers[2], answers[0])
	})
}

// Who waits for a call that panics gets an error.
func TestPanicsAreNoAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		store := &hooked{Adapter: newStore(t), before: func(string) error { <-leave; panic("a bug") }}
		s := newService(t, store, Options{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { same(t, "the panic", recover(), "a bug") }()
			s.send(withKey(request("createUser", `[{}]`), "key"))
		})
		synctest.Wait()
		wg.Go(func() {
			s.failed(http.StatusInternalServerError, "unexpected", s.send(withKey(request("createUser", `[{}]`), "key")))
		})
		synctest.Wait()
		close(leave)
		wg.Wait()
		same(t, "calls under way", len(s.flights.all), 0)
	})
}

// A client that leaves does not cut a call short that it will repeat.
func TestClientsThatLeave(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	r := withKey(request("createUser", `[{"email":"ada@example.com"}]`), "key")
	ctx, leave := context.WithCancel(t.Context())
	leave()
	same(t, "status", s.send(r.WithContext(ctx)).Code, http.StatusOK)
	if s.call("getUserByEmail", "ada@example.com") == nil {
		t.Error("the user was not made")
	}
}

func TestIDsHaveTheFormOfTheStore(t *testing.T) {
	again := repetitionOf("createUser", "key", []byte("[]"))
	for like, want := range map[string]string{
		"0f0e0d0c-0b0a-4908-8706-050403020100": `^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"507f1f77bcf86cd799439011":             `^[0-9a-f]{24}$`,
		"1234567890123456789":                  `^[4-9][0-9]{18}$`,
	} {
		if got := again.id(like); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("like %s: got %s", like, got)
		}
	}
	same(t, "the ID of a form that is not known", again.id("user-1"), "")
	if again == repetitionOf("createUser", "key", []byte("[ ]")) {
		t.Error("another request with the key is the same")
	}
}

// A store whose IDs have a form of their own makes them, and an address that is taken is a conflict.
func TestIDsOfAFormThatIsNotKnown(t *testing.T) {
	n := 0
	s := newService(t, memory.New(memory.Options{Options: adapter.Options{NewID: func() string { n++; return string(rune('a' + n)) }}}), Options{})
	s.repeat("key", "createUser", ada)
	body := string(must(json.Marshal([]any{ada})))
	s.failed(http.StatusConflict, "conflict", s.send(withKey(request("createUser", body), "key")))
}
