package dynamodb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/measure"
)

// script is a transport that decides what becomes of requests that write, which it counts from
// 1 for each operation.
type script struct {
	mu   sync.Mutex
	play func(write int, send func() (*http.Response, error)) (*http.Response, error) // nil: they are sent
	sent int
	look func(operation string, body []byte) // at every request

	forget, forgot bool // the service knows the tokens of transactions no longer
}

// token finds the token of a transaction.
var token = regexp.MustCompile(`"ClientRequestToken":"[^"]*"`)

func (s *script) set(play func(int, func() (*http.Response, error)) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.play, s.sent = play, 0
}

func (s *script) Do(req *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if s.look != nil {
		s.look(operation, body)
	}
	if s.forget {
		body = token.ReplaceAllFunc(body, func(found []byte) []byte {
			s.forgot = true
			other := []byte(`"ClientRequestToken":"` + strings.Repeat("x", len(found)))
			other[len(found)-1] = '"'
			return other[:len(found)]
		})
	}
	send := func() (*http.Response, error) {
		again := req.Clone(context.WithoutCancel(req.Context())) // it goes on when the client has given up
		again.Body = io.NopCloser(bytes.NewReader(body))
		return sharedHTTP.Do(again)
	}
	s.mu.Lock()
	play := s.play
	if operation == "Query" || operation == "GetItem" || operation == "BatchGetItem" {
		play = nil
	}
	if play != nil {
		s.sent++
	}
	write := s.sent
	s.mu.Unlock()
	if play == nil {
		return send()
	}
	return play(write, send)
}

// lose applies the first write, does something after it, and loses the reply.
func (s *script) lose(t *testing.T, after func()) {
	s.set(func(write int, send func() (*http.Response, error)) (*http.Response, error) {
		resp, err := send()
		if write > 1 || err != nil {
			return resp, err
		}
		check(t, resp.Body.Close())
		after()
		return nil, fault.ErrInjected
	})
}

// late makes a call whose first write is on its way when it fails, does something then, and returns a function that has it
// arrive.
func (s *script) late(t *testing.T, call func() error, meanwhile func()) (arrive func(), err error) {
	var late func() (*http.Response, error)
	s.set(func(write int, send func() (*http.Response, error)) (*http.Response, error) {
		if write == 1 {
			late = send
			meanwhile()
			return nil, fault.ErrInjected
		}
		return send()
	})
	err = call()
	return func() {
		resp, err := late()
		check(t, err)
		check(t, resp.Body.Close())
	}, err
}

// throttled is the answer of a busy service.
func throttled() *http.Response {
	return &http.Response{
		StatusCode: http.StatusBadRequest, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(`{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"busy"}`)),
	}
}

// scripted returns an adapter with a script and one without, on one table.
func (l layout) scripted(t *testing.T) (s *script, a, b adapter.Adapter) {
	s = &script{}
	o := l.options
	o.Table = newTable()
	a = l.newStore(t, o, onWire(&fault.Injector{}), func(o *awsdynamodb.Options) { o.HTTPClient = s })
	return s, a, open(t, newClient(t), o)
}

// scene is a user with a record of each kind.
type scene struct {
	user    adapter.User
	session adapter.Session
}

func newScene(t *testing.T, a adapter.Adapter) (s scene) {
	var err error
	s.user, _, err = a.CreateUserWithAccount(t.Context(), adapter.User{Email: ada}, adapter.Account{Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	s.session, err = a.CreateSession(t.Context(), adapter.Session{UserID: s.user.ID, Expires: time.Now().Add(time.Hour)})
	check(t, err)
	_, err = a.CreateAuthenticator(t.Context(), adapter.Authenticator{CredentialID: "c", UserID: s.user.ID, CredentialPublicKey: "key", Counter: 1})
	check(t, err)
	return s
}

// A write that was applied and whose reply was lost is success, also if the service is busy
// then; its repetition does not conflict with the first attempt.
func TestALostReplyIsSuccess(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			s, a, _ := l.scripted(t)
			ctx, sc, hour := t.Context(), newScene(t, a), time.Now().Add(time.Hour)
			for name, call := range map[string]func() error{
				"CreateUser": func() error { return errOf(a.CreateUser(ctx, adapter.User{ID: "v", Email: "v@example.com"})) },
				"LinkAccount": func() error {
					return errOf(a.LinkAccount(ctx, adapter.Account{UserID: sc.user.ID, Type: adapter.AccountOAuth, Provider: "gitlab", ProviderAccountID: "1"}))
				},
				"UnlinkAccount": func() error { return a.UnlinkAccount(ctx, accountKey) },
				"CreateAuthenticator": func() error {
					return errOf(a.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: "d", UserID: sc.user.ID, CredentialPublicKey: "key"}))
				},
				"UpdateAuthenticatorCounter": func() error { return errOf(a.UpdateAuthenticatorCounter(ctx, "c", 7)) },
				"CreateSession (made elsewhere)": func() error {
					return errOf(a.CreateSession(ctx, adapter.Session{UserID: sc.user.ID, SessionToken: theirToken, Expires: hour}))
				},
				"CreateSession": func() error { return errOf(a.CreateSession(ctx, adapter.Session{UserID: sc.user.ID, Expires: hour})) },
				"UpdateSession": func() error {
					return errOf(a.UpdateSession(ctx, sc.session.SessionToken, adapter.SessionUpdate{Expires: new(hour.Add(time.Hour))}))
				},
				"UpdateUser": func() error { return errOf(a.UpdateUser(ctx, sc.user.ID, adapter.UserUpdate{Name: new("Ada")})) },
				"UpdateUser (e-mail)": func() error {
					return errOf(a.UpdateUser(ctx, sc.user.ID, adapter.UserUpdate{Email: new("new@example.com")}))
				},
				"CreateVerificationToken": func() error {
					return errOf(a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: ada, Token: "t", Expires: hour}))
				},
			} {
				s.lose(t, func() {
					s.set(func(write int, send func() (*http.Response, error)) (*http.Response, error) {
						if write <= 4 { // the SDK's two other attempts, and two of ours
							return throttled(), nil
						}
						return send()
					})
				})
				if err := call(); err != nil {
					t.Errorf("%s: got %v, want that it is done", name, err)
				}
			}
		})
	}
}

// What somebody else wrote after a write whose reply was lost stays: the write is not applied a
// second time. The error says that it may have been applied.
func TestAWriteIsNotMadeTwice(t *testing.T) {
	s, a, b := withIndex.scripted(t)
	ctx, sc, hour := t.Context(), newScene(t, a), time.Now().Add(time.Hour)
	made := adapter.NewSessionToken(sc.user.ID, [32]byte{1})
	for _, tt := range []struct {
		name  string
		call  func() error
		other func() error
		holds func() bool
	}{
		{"UpdateUser", func() error { return errOf(a.UpdateUser(ctx, sc.user.ID, adapter.UserUpdate{Name: new("A")})) },
			func() error { return errOf(b.UpdateUser(ctx, sc.user.ID, adapter.UserUpdate{Name: new("B")})) },
			func() bool { u, err := b.GetUser(ctx, sc.user.ID); return err == nil && u.Name == "B" }},
		{"UpdateAccount", func() error { return errOf(a.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Scope: new("A")})) },
			func() error { return errOf(b.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Scope: new("B")})) },
			func() bool { got, err := b.GetAccount(ctx, accountKey); return err == nil && got.Scope == "B" }},
		{"UpdateSession", func() error {
			return errOf(a.UpdateSession(ctx, sc.session.SessionToken, adapter.SessionUpdate{Attributes: adapter.Attributes{"by": "A"}}))
		},
			func() error {
				return errOf(b.UpdateSession(ctx, sc.session.SessionToken, adapter.SessionUpdate{Attributes: adapter.Attributes{"by": "B"}}))
			},
			func() bool {
				got, _, err := b.GetSessionAndUser(ctx, sc.session.SessionToken)
				return err == nil && got.Attributes["by"] == "B"
			}},
		{"UpdateAuthenticatorCounter", func() error { return errOf(a.UpdateAuthenticatorCounter(ctx, "c", 7)) },
			func() error { return errOf(b.UpdateAuthenticatorCounter(ctx, "c", 8)) },
			func() bool { got, err := b.GetAuthenticator(ctx, "c"); return err == nil && got.Counter == 8 }},
		{"CreateSession", func() error {
			return errOf(a.CreateSession(ctx, adapter.Session{UserID: sc.user.ID, SessionToken: made, Expires: hour}))
		},
			func() error { return b.DeleteSession(ctx, made) },
			func() bool { _, _, err := b.GetSessionAndUser(ctx, made); return errors.Is(err, adapter.ErrNotFound) }},
		{"CreateVerificationToken", func() error {
			return errOf(a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: ada, Token: "t", Expires: hour}))
		},
			func() error { return errOf(b.UseVerificationToken(ctx, ada, "t")) },
			func() bool { return errors.Is(errOf(b.UseVerificationToken(ctx, ada, "t")), adapter.ErrNotFound) }},
	} {
		s.lose(t, func() { check(t, tt.other()) })
		if err := tt.call(); !errors.Is(err, adapter.ErrUnavailable) {
			t.Errorf("%s: got %v, want that nobody knows", tt.name, err)
		}
		if !tt.holds() {
			t.Errorf("%s: what somebody else wrote since is undone", tt.name)
		}
		if s.sent != 1 {
			t.Errorf("%s: got %d writes, want one", tt.name, s.sent)
		}
	}
}

// If the repetition is refused, the first attempt may still be applied when the obstacle is
// gone.
func TestARefusalAfterALostReplyIsNotKnown(t *testing.T) {
	s, a, b := withIndex.scripted(t)
	ctx, sc := t.Context(), newScene(t, a)
	key := adapter.AccountKey{Provider: "gitlab", ProviderAccountID: "2"}
	link := func(by adapter.Adapter, userID string) error {
		return errOf(by.LinkAccount(ctx, adapter.Account{UserID: userID, Type: adapter.AccountOAuth, Provider: key.Provider, ProviderAccountID: key.ProviderAccountID}))
	}
	rival, err := b.CreateUser(ctx, adapter.User{})
	check(t, err)
	for name, tt := range map[string]struct{ call, rival func() error }{
		"CreateUser": {
			func() error { return errOf(a.CreateUser(ctx, adapter.User{ID: "v", Email: "v@example.com"})) },
			func() error { return errOf(b.CreateUser(ctx, adapter.User{Email: "v@example.com"})) },
		},
		"LinkAccount": {func() error { return link(a, sc.user.ID) }, func() error { return link(b, rival.ID) }},
	} {
		s.set(func(write int, send func() (*http.Response, error)) (*http.Response, error) {
			if write == 1 { // which is on its way still
				return nil, fault.ErrInjected
			}
			if write == 2 {
				check(t, tt.rival())
			}
			return send()
		})
		if err := tt.call(); !errors.Is(err, adapter.ErrUnavailable) {
			t.Errorf("%s: got %v, want that nobody knows", name, err)
		}
	}
}

// A write that arrives after the client has given it up brings nothing back that was deleted
// since.
func TestAWriteThatComesLateBringsNothingBack(t *testing.T) {
	s, a, b := withIndex.scripted(t)
	ctx, sc, hour := t.Context(), newScene(t, a), time.Now().Add(time.Hour)
	made := adapter.NewSessionToken(sc.user.ID, [32]byte{1})
	key := adapter.AccountKey{Provider: "gitlab", ProviderAccountID: "2"}
	for _, tt := range []struct {
		name         string
		call, remove func() error
		find         func() error
	}{
		{"CreateUser", func() error { return errOf(a.CreateUser(ctx, adapter.User{ID: "v", Email: "v@example.com"})) },
			func() error { return b.DeleteUser(ctx, "v") }, func() error { return errOf(b.GetUser(ctx, "v")) }},
		{"LinkAccount", func() error {
			return errOf(a.LinkAccount(ctx, adapter.Account{UserID: sc.user.ID, Type: adapter.AccountOAuth, Provider: "gitlab", ProviderAccountID: "2"}))
		},
			func() error { return b.UnlinkAccount(ctx, key) }, func() error { return errOf(b.GetUserByAccount(ctx, key)) }},
		{"CreateSession", func() error {
			return errOf(a.CreateSession(ctx, adapter.Session{UserID: sc.user.ID, SessionToken: made, Expires: hour}))
		},
			func() error { return b.DeleteSession(ctx, made) }, func() error { _, _, err := b.GetSessionAndUser(ctx, made); return err }},
		{"CreateVerificationToken", func() error {
			return errOf(a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: ada, Token: "t", Expires: hour}))
		},
			func() error { return errOf(b.UseVerificationToken(ctx, ada, "t")) }, func() error { return errOf(b.UseVerificationToken(ctx, ada, "t")) }},
	} {
		arrive, err := s.late(t, tt.call, func() {})
		switch {
		case errors.Is(err, adapter.ErrUnavailable):
			continue // it may be done at any time
		case err != nil:
			t.Errorf("%s: got %v, want that it is done, or that nobody knows", tt.name, err)
		}
		check(t, tt.remove())
		arrive()
		if err := tt.find(); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("%s: got %v after it came late, want ErrNotFound", tt.name, err)
		}
	}
}

// A deletion that arrives after the client has given it up does not take what was made since, whoever deleted it first.
func TestALateDeletionTakesNothingNewer(t *testing.T) {
	s, a, b := withIndex.scripted(t)
	ctx, sc, hour := t.Context(), newScene(t, a), time.Now().Add(time.Hour)
	made := adapter.NewSessionToken(sc.user.ID, [32]byte{1})
	session := func(token string) func() error {
		return func() error {
			return errOf(b.CreateSession(ctx, adapter.Session{UserID: sc.user.ID, SessionToken: token, Expires: hour}))
		}
	}
	finds := func(token string) func() error {
		return func() error { _, _, err := b.GetSessionAndUser(ctx, token); return err }
	}
	for _, tt := range []struct {
		name       string
		make, find func() error
		call       func(by adapter.Adapter) error
	}{
		{"UnlinkAccount", func() error {
			return errOf(b.LinkAccount(ctx, adapter.Account{UserID: sc.user.ID, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"}))
		},
			func() error { return errOf(b.GetUserByAccount(ctx, accountKey)) }, func(by adapter.Adapter) error { return by.UnlinkAccount(ctx, accountKey) }},
		{"DeleteAuthenticator", func() error {
			return errOf(b.CreateAuthenticator(ctx, adapter.Authenticator{CredentialID: "c", UserID: sc.user.ID, CredentialPublicKey: "key"}))
		},
			func() error { return errOf(b.GetAuthenticator(ctx, "c")) }, func(by adapter.Adapter) error { return by.DeleteAuthenticator(ctx, "c") }},
		{"DeleteSession", session(made), finds(made), func(by adapter.Adapter) error { return by.DeleteSession(ctx, made) }},
		{"DeleteSessionByID", session(made), finds(made), func(by adapter.Adapter) error { return by.DeleteSessionByID(ctx, sc.user.ID, adapter.SessionID(made)) }},
		{"DeleteSessions", session(made), finds(made), func(by adapter.Adapter) error { return by.DeleteSessions(ctx, sc.user.ID) }},
		{"DeleteSession (made elsewhere)", session(theirToken), finds(theirToken), func(by adapter.Adapter) error { return by.DeleteSession(ctx, theirToken) }},
		{"DeleteSessions (made elsewhere)", session(theirToken), finds(theirToken), func(by adapter.Adapter) error { return by.DeleteSessions(ctx, sc.user.ID) }},
		{"DeleteVerificationTokens", func() error {
			return errOf(b.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: ada, Token: "t", Expires: hour}))
		},
			func() error { return errOf(b.UseVerificationToken(ctx, ada, "t")) }, func(by adapter.Adapter) error { return by.DeleteVerificationTokens(ctx, ada) }},
		{"DeleteUser", func() error { return errOf(b.CreateUser(ctx, adapter.User{ID: "v", Email: "v@example.com"})) },
			func() error { return errOf(b.GetUserByEmail(ctx, "v@example.com")) }, func(by adapter.Adapter) error { return by.DeleteUser(ctx, "v") }},
	} {
		for _, meanwhile := range []func(){func() {}, func() { check(t, tt.call(b)) }} {
			if err := tt.make(); !errors.Is(err, adapter.ErrConflict) { // it is there
				check(t, err)
			}
			arrive, err := s.late(t, func() error { return tt.call(a) }, meanwhile)
			switch {
			case errors.Is(err, adapter.ErrUnavailable):
				arrive() // it may be done at any time
				continue
			case err != nil:
				t.Errorf("%s: got %v, want that it is done, or that nobody knows", tt.name, err)
			}
			check(t, tt.make())
			arrive()
			if err := tt.find(); err != nil {
				t.Errorf("%s: got %v: it took what was made since", tt.name, err)
			}
		}
	}
}

// A write is repeated if it was certainly not applied.
func TestAWriteThatWasRefusedIsRepeated(t *testing.T) {
	s, a, _ := withIndex.scripted(t)
	sc := newScene(t, a)
	s.set(func(write int, send func() (*http.Response, error)) (*http.Response, error) {
		if write < 3 {
			return throttled(), nil
		}
		return send()
	})
	check(t, errOf(a.UpdateUser(t.Context(), sc.user.ID, adapter.UserUpdate{Name: new("Ada")})))
	if s.sent != 3 {
		t.Errorf("got %d writes, want two that are refused and one", s.sent)
	}
}

// A one-time token is taken by one request: with a second one nobody could tell who took it.
func TestAOneTimeTokenIsTakenOnce(t *testing.T) {
	s, a, b := withIndex.scripted(t)
	check(t, errOf(b.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: ada, Token: "t", Expires: time.Now().Add(time.Hour)})))
	s.lose(t, func() {})
	if err := errOf(a.UseVerificationToken(t.Context(), ada, "t")); !errors.Is(err, adapter.ErrUnavailable) || s.sent != 1 {
		t.Errorf("got %v after %d requests, want ErrUnavailable after one", err, s.sent)
	}
}

// Every read is consistent, except those of the index, which cannot be.
func TestReadsAreConsistent(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			s, a, _ := l.scripted(t)
			reads := map[string]int{}
			s.look = func(operation string, body []byte) {
				if strings.Contains(operation, "Write") {
					return
				}
				var in struct {
					ConsistentRead *bool
					IndexName      string
					RequestItems   map[string]struct{ ConsistentRead *bool }
				}
				check(t, json.Unmarshal(body, &in))
				said := []*bool{in.ConsistentRead}
				switch operation {
				default:
					return
				case "BatchGetItem":
					said = nil
					for _, keys := range in.RequestItems {
						said = append(said, keys.ConsistentRead)
					}
				case "GetItem", "Query", "Scan":
				}
				reads[operation]++
				for _, consistent := range said {
					if in.IndexName == "" && (consistent == nil || !*consistent) {
						t.Errorf("got a %s that is not consistent: %s", operation, body)
					}
				}
			}
			for _, op := range measure.Operations(t, a, "ada") {
				check(t, op.Call(t.Context()))
			}
			repairer, _ := adapter.As[adapter.Repairer](a)
			_, err := repairer.Repair(t.Context(), true)
			check(t, err)
			for _, operation := range []string{"GetItem", "Query", "BatchGetItem", "Scan"} {
				if reads[operation] == 0 {
					t.Errorf("got no %s, want every kind of read", operation)
				}
			}
		})
	}
}

// What is written for a user who is being deleted, or was, blocks nobody: account, credential
// and token can be taken again, and nothing of the deleted user is left.
func TestTheDeadHoldNothing(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			o := l.options
			o.Table = newTable()
			a := l.newStore(t, o)
			ctx, hour := t.Context(), time.Now().Add(time.Hour)
			check(t, errOf(a.CreateUser(ctx, adapter.User{ID: "dead"})))
			check(t, a.DeleteUser(ctx, "dead"))
			account := adapter.Account{UserID: "dead", Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1"}
			credential := adapter.Authenticator{CredentialID: "c", UserID: "dead", CredentialPublicKey: "key"}
			session := adapter.Session{UserID: "dead", SessionToken: theirToken, Expires: hour}
			write := func(userID string) {
				t.Helper()
				account.UserID, credential.UserID, session.UserID = userID, userID, userID
				check(t, errOf(a.LinkAccount(ctx, account)))
				check(t, errOf(a.CreateAuthenticator(ctx, credential)))
				check(t, errOf(a.CreateSession(ctx, session)))
			}
			write("dead")
			for what, err := range map[string]error{
				"GetUserByAccount": errOf(a.GetUserByAccount(ctx, accountKey)), "GetAccount": errOf(a.GetAccount(ctx, accountKey)),
				"GetAuthenticator": errOf(a.GetAuthenticator(ctx, "c")),
			} {
				if !errors.Is(err, adapter.ErrNotFound) {
					t.Errorf("%s of a dead user: got %v, want ErrNotFound", what, err)
				}
			}
			account.UserID = ""
			u, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: "u"}, account)
			check(t, err)
			check(t, a.UnlinkAccount(ctx, accountKey))
			write(u.ID)
			got, err := a.GetUserByAccount(ctx, accountKey)
			check(t, err)
			_, by, err := a.GetSessionAndUser(ctx, theirToken)
			check(t, err)
			if got.ID != "u" || by.ID != "u" {
				t.Errorf("got the users %q and %q, want u", got.ID, by.ID)
			}
			if err := errOf(a.LinkAccount(ctx, account)); !errors.Is(err, adapter.ErrConflict) {
				t.Errorf("an account of the living: got %v, want ErrConflict", err)
			}
			left, err := a.ListAccounts(ctx, "dead")
			check(t, err)
			if len(left) != 0 {
				t.Errorf("got %d accounts of the dead user, want none", len(left))
			}
			// The dead user's ID itself.
			check(t, a.DeleteUser(ctx, "u"))
			write("u")
			account.UserID = ""
			_, _, err = a.CreateUserWithAccount(ctx, adapter.User{ID: "u"}, account)
			check(t, err)
			before, err := a.ListAuthenticators(ctx, "u")
			check(t, err)
			if len(before) != 0 {
				t.Errorf("got %d credentials of the user of before, want none", len(before))
			}
		})
	}
}

// Linking an account while its user is deleted blocks nothing.
func TestALinkThatRacesADeletionLocksNothing(t *testing.T) {
	o := dynamodb.Options{Table: newTable()}
	a := withIndex.newStore(t, o)
	ctx := t.Context()
	for i := range 25 {
		u, err := a.CreateUser(ctx, adapter.User{})
		check(t, err)
		account := adapter.Account{UserID: u.ID, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: fmt.Sprint(i)}
		var both sync.WaitGroup
		both.Go(func() { _, _ = a.LinkAccount(ctx, account) })
		both.Go(func() { check(t, a.DeleteUser(ctx, u.ID)) })
		both.Wait()
		account.UserID = ""
		_, _, err = a.CreateUserWithAccount(ctx, adapter.User{}, account)
		check(t, err)
	}
}

// Records that grow until the service refuses: the error is clear, and the data stays and can
// be deleted.
func TestRecordsGrowUntilTheyAreFull(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			o := l.options
			o.Table = newTable()
			a := l.newStore(t, o)
			ctx, sc := t.Context(), newScene(t, a)
			for name, grow := range map[string]func(adapter.Attributes) error{
				"User": func(more adapter.Attributes) error {
					return errOf(a.UpdateUser(ctx, sc.user.ID, adapter.UserUpdate{Attributes: more}))
				},
				"User, with its address": func(more adapter.Attributes) error {
					return errOf(a.UpdateUser(ctx, sc.user.ID, adapter.UserUpdate{Email: new("new@example.com"), Attributes: more}))
				},
				"Account": func(more adapter.Attributes) error {
					return errOf(a.UpdateAccount(ctx, accountKey, adapter.AccountUpdate{Attributes: more}))
				},
				"Session": func(more adapter.Attributes) error {
					return errOf(a.UpdateSession(ctx, sc.session.SessionToken, adapter.SessionUpdate{Attributes: more}))
				},
			} {
				var err error
				for i := 0; err == nil && i < 10; i++ {
					err = grow(adapter.Attributes{fmt.Sprint("a", i): strings.Repeat("x", 60<<10)})
				}
				if !errors.Is(err, adapter.ErrInvalid) || !strings.Contains(err.Error(), "400 KB") {
					t.Errorf("%s: got %v, want ErrInvalid that says how large", name, err)
				}
			}
			_, u, err := a.GetSessionAndUser(ctx, sc.session.SessionToken)
			check(t, err)
			account, err := a.GetAccount(ctx, accountKey)
			check(t, err)
			if len(u.Attributes) < 5 || len(account.Attributes) < 5 {
				t.Errorf("got %d and %d attributes, want what was taken", len(u.Attributes), len(account.Attributes))
			}
			check(t, a.DeleteUser(ctx, sc.user.ID))
			if _, _, err := a.GetSessionAndUser(ctx, sc.session.SessionToken); !errors.Is(err, adapter.ErrNotFound) {
				t.Errorf("got %v after the deletion, want ErrNotFound", err)
			}
		})
	}
}
