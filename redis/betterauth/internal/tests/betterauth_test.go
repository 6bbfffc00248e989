package betterauth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/memory"
	"github.com/authstore/authstore/redis/betterauth"
)

// site is an adapter with Ada in its store of users, and a look at what is stored.
type site struct {
	*testing.T
	adapter.Adapter
	client *goredis.Client
	prefix string
	ada    adapter.User
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, client: newClient(t), prefix: newPrefix()}
	t.Cleanup(func() { check(t, redistest.Remove(s.client, s.prefix)) })
	users := memory.New(memory.Options{})
	t.Cleanup(func() { _ = users.Close() })
	var err error
	s.ada, err = users.CreateUser(t.Context(), adapter.User{Name: "Ada", Email: "ada@example.com"})
	check(t, err)
	s.Adapter, err = betterauth.New(s.client, users, betterauth.Options{KeyPrefix: s.prefix})
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s *site) put(key, value string) {
	s.Helper()
	check(s.T, s.client.Set(s.Context(), s.prefix+key, value, time.Hour).Err())
}

func (s *site) stored(key string) string {
	s.Helper()
	value, err := s.client.Get(s.Context(), s.prefix+key).Result()
	if err != nil && !errors.Is(err, goredis.Nil) {
		s.Fatal(err)
	}
	return value
}

// session stores a session as an application does, with some more members.
func (s *site) session(token, more string) {
	s.Helper()
	soon := time.Now().Add(time.Hour)
	s.put(token, `{"session":{"id":"1","userId":"`+s.ada.ID+`","token":"`+token+`","expiresAt":"`+soon.UTC().Format("2006-01-02T15:04:05.000Z")+
		`","createdAt":"2026-01-02T03:04:05.678Z","ipAddress":"203.0.113.1"`+more+`},"user":{"id":"`+s.ada.ID+`","name":"Ada"`+more+`},"version":1}`)
	s.put("active-sessions-"+s.ada.ID, `[{"token":"`+token+`","expiresAt":`+soon.Format("20060102")+`99999,"more":[]}]`)
}

func TestNewRefuses(t *testing.T) {
	client, users := newClient(t), memory.New(memory.Options{})
	for name, open := range map[string]func() (adapter.Adapter, error){
		"no client": func() (adapter.Adapter, error) { return betterauth.New(nil, users, betterauth.Options{}) },
		"no users":  func() (adapter.Adapter, error) { return betterauth.New(client, nil, betterauth.Options{}) },
		"a negative timeout": func() (adapter.Adapter, error) {
			return betterauth.New(client, users, betterauth.Options{RequestTimeout: -1})
		},
	} {
		if _, err := open(); !errors.Is(err, adapter.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What Go does not know stays as the application has written it.
func TestForeignMembersStay(t *testing.T) {
	const more = `,"list":[],"null":null,"big":12345678901234567890,"small":1e-7,"object":{},"text":"<\u2028>"`
	s := newSite(t)
	s.session("t", more)
	_, err := s.UpdateSession(t.Context(), "t", adapter.SessionUpdate{Attributes: adapter.Attributes{"device": "laptop"}})
	check(t, err)
	_, err = s.UpdateUser(t.Context(), s.ada.ID, adapter.UserUpdate{Name: new("Ada L.")})
	check(t, err)
	value := s.stored("t")
	for _, want := range append(strings.Split(more, ",")[1:], `"version":1`, `"device":"laptop"`, `"Ada L."`, `"203.0.113.1"`) {
		if n := strings.Count(value, want); n < 1 || strings.Contains(more, want) && n != 2 {
			t.Errorf("%s is there %d times: %s", want, n, value)
		}
	}
	session, user, err := s.GetSessionAndUser(t.Context(), "t")
	check(t, err)
	if session.Attributes["device"] != "laptop" || session.Attributes["ipAddress"] != "203.0.113.1" || user.Name != "Ada L." {
		t.Errorf("got %+v, %+v", session, user)
	}
	if list := s.stored("active-sessions-" + s.ada.ID); !strings.Contains(list, `"t"`) {
		t.Errorf("the list is %s", list)
	}
}

// The user comes from the store of users, whatever the copy says.
func TestTheCopyIsNotBelieved(t *testing.T) {
	s := newSite(t)
	s.session("t", `,"email":"mallory@example.com"`)
	_, user, err := s.GetSessionAndUser(t.Context(), "t")
	check(t, err)
	if user.Email != "ada@example.com" {
		t.Errorf("the user is %+v", user)
	}
}

// A token that is the rest of another key is nobody's, and takes nothing away.
func TestOtherKeysAreNoSessions(t *testing.T) {
	s := newSite(t)
	s.session("t", "")
	link := adapter.VerificationToken{Identifier: "a", Token: adapter.HashVerificationToken("x", ""), Expires: time.Now().Add(time.Hour)}
	_, err := s.CreateVerificationToken(t.Context(), link)
	check(t, err)
	s.put("203.0.113.1|/sign-in", `{"count":1}`) // the application's limit of requests
	check(t, s.client.SAdd(t.Context(), s.prefix+"set", "x").Err())
	for _, token := range []string{
		"active-sessions-" + s.ada.ID, "revoked-sessions-before-" + s.ada.ID, "verification:a:" + link.Token, "authstore:tokens:a", "203.0.113.1|/sign-in", "set",
	} {
		if _, _, err := s.GetSessionAndUser(t.Context(), token); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("%s: %v", token, err)
		}
		check(t, s.DeleteSession(t.Context(), token))
		_, err := s.CreateSession(t.Context(), adapter.Session{UserID: s.ada.ID, SessionToken: token, Expires: time.Now().Add(time.Hour)})
		if !errors.Is(err, adapter.ErrInvalid) && !errors.Is(err, adapter.ErrConflict) {
			t.Errorf("a session with the token %s: %v", token, err)
		}
	}
	_, err = s.UseVerificationToken(t.Context(), "a", link.Token)
	check(t, err)
	if all, err := s.ListSessions(t.Context(), s.ada.ID); err != nil || len(all) != 1 || s.stored("203.0.113.1|/sign-in") == "" {
		t.Errorf("got %v, %v", all, err)
	}
}

// What cannot be read is an error that names it without its token, breaks no list, and ends.
func TestUnreadableSessions(t *testing.T) {
	for name, value := range map[string]string{
		"no JSON": "a secret", "no expiry": `{"session":{"token":"broken","userId":"x"}}`, "an expiry that is none": `{"session":{"token":"broken","userId":"x","expiresAt":"soon"}}`,
	} {
		s := newSite(t)
		s.session("t", "")
		s.put("broken", value)
		_, _, err := s.GetSessionAndUser(t.Context(), "broken")
		if !errors.Is(err, adapter.ErrUnreadable) || strings.Contains(err.Error(), "broken") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		s.put("active-sessions-"+s.ada.ID, `[{"token":"broken","expiresAt":9999999999999},7,{"token":"t","expiresAt":9999999999999},{"token":"t","expiresAt":9999999999999}]`)
		if all, err := s.ListSessions(t.Context(), s.ada.ID); err != nil || len(all) != 1 {
			t.Errorf("%s: got %v, %v", name, all, err)
		}
		check(t, s.DeleteSession(t.Context(), "broken"))
		if s.stored("broken") != "" {
			t.Errorf("%s: it is still there", name)
		}
	}
	s := newSite(t)
	s.session("t", "")
	s.put("active-sessions-"+s.ada.ID, "no JSON")
	if all, err := s.ListSessions(t.Context(), s.ada.ID); err != nil || len(all) != 0 {
		t.Errorf("a list that is none: %v, %v", all, err)
	}
	check(t, s.DeleteSessions(t.Context(), s.ada.ID))
	if _, _, err := s.GetSessionAndUser(t.Context(), "t"); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("a session that no list has: %v", err)
	}
}

// All that is stored expires, and what ends leaves nothing behind but when all were ended.
func TestKeysExpire(t *testing.T) {
	s := newSite(t)
	soon := time.Now().Add(time.Hour)
	session, err := s.CreateSession(t.Context(), adapter.Session{UserID: s.ada.ID, Expires: soon})
	check(t, err)
	_, err = s.CreateVerificationToken(t.Context(), adapter.VerificationToken{Identifier: "a", Token: "x", Expires: soon})
	check(t, err)
	keys, err := s.client.Keys(t.Context(), s.prefix+"*").Result()
	check(t, err)
	for _, key := range keys {
		if left := s.client.PTTL(t.Context(), key).Val(); left <= 0 || left > time.Hour {
			t.Errorf("%s expires in %v", key, left)
		}
	}
	check(t, s.DeleteSession(t.Context(), session.SessionToken))
	check(t, s.DeleteVerificationTokens(t.Context(), "a"))
	check(t, s.DeleteUser(t.Context(), s.ada.ID))
	keys, err = s.client.Keys(t.Context(), s.prefix+"*").Result()
	check(t, err)
	for _, key := range keys {
		if !strings.Contains(key, "authstore:reply:") && !strings.Contains(key, "revoked-sessions-before-") {
			t.Errorf("%s is still there", key)
		}
	}
}

func TestPing(t *testing.T) {
	s := newSite(t)
	p, ok := adapter.As[adapter.Pinger](s.Adapter)
	if !ok {
		t.Fatal("it is no Pinger")
	}
	check(t, p.Ping(t.Context()))
	if _, ok := adapter.As[adapter.Enumerator](s.Adapter); ok {
		t.Error("it enumerates users that it does not have")
	}
}
