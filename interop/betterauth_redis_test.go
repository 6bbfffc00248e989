package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/memory"
	"github.com/authstore/authstore/mongo"
	"github.com/authstore/authstore/redis/betterauth"
)

// betterAuthSite is an application of Better Auth with its sessions in Redis, and Go beside it. Its
// users are in memory, and made on both sides, or in one database on MongoDB.
type betterAuthSite struct {
	*testing.T
	o        *oracle
	app      any
	redis    *goredis.Client
	prefix   string
	users    adapter.Adapter
	onMongo  bool
	store    adapter.Adapter
	sessions *authhttp.Sessions
	user     adapter.User // of the last sign-up, on both sides
}

func newBetterAuthSite(t *testing.T, o *oracle, onMongo bool) *betterAuthSite {
	t.Helper()
	url, prefix := engine.Redis(t).URL, newName()+":"
	s := &betterAuthSite{T: t, o: o, redis: newRedis(t, url), prefix: prefix}
	if onMongo {
		app := newAppScene(t, o, mongo.ObjectIDs, object{"redis": url, "prefix": prefix})
		s.app, s.users = app.app, app.store
	} else {
		s.app = o.ask(t, "betterAuth", object{"secret": appSecret, "redis": url, "prefix": prefix})
		t.Cleanup(func() { o.ask(t, "close", object{"handle": s.app}) })
		s.users = memory.New(memory.Options{})
		t.Cleanup(func() { _ = s.users.Close() })
	}
	s.onMongo = onMongo
	var err error
	s.store, err = betterauth.New(s.redis, s.users, betterauth.Options{KeyPrefix: prefix})
	check(t, err)
	t.Cleanup(func() { _ = s.store.Close() })
	s.sessions = &authhttp.Sessions{Store: s.store, Cookie: authhttp.BetterAuthCookie(appSecret)}
	return s
}

// fetch asks the application, and returns the status, the body and the cookies that it sets.
func (s *betterAuthSite) fetch(path, header string, body any) (status int, text, cookies string) {
	s.Helper()
	request := object{"handle": s.app, "path": path, "header": header}
	if body != nil {
		raw, err := json.Marshal(body)
		check(s.T, err)
		request["body"] = string(raw)
	}
	answer := s.o.ask(s.T, "betterAuthFetch", request).(object)
	return int(answer["status"].(float64)), answer["body"].(string), answer["header"].(string)
}

// signUp has somebody sign up in the application, and returns their cookies. In Go they have a role.
func (s *betterAuthSite) signUp(name string) string {
	s.Helper()
	email := strings.ToLower(name) + "@example.com"
	status, text, header := s.fetch("/sign-up/email", "", map[string]any{"name": name, "email": email, "password": "a long password"})
	if status != http.StatusOK {
		s.Fatalf("a sign-up: %d, %s", status, text)
	}
	role := adapter.Attributes{"role": "admin"}
	var err error
	if s.onMongo {
		s.user, err = s.users.GetUserByEmail(s.Context(), email)
		check(s.T, err)
		s.user, err = s.users.UpdateUser(s.Context(), s.user.ID, adapter.UserUpdate{Attributes: role})
	} else {
		all := s.o.ask(s.T, "betterAuthUsers", object{"handle": s.app}).([]any)
		made := all[len(all)-1].(object)
		s.user, err = s.users.CreateUser(s.Context(), adapter.User{ID: made["id"].(string), Name: name, Email: email, Attributes: role})
	}
	check(s.T, err)
	return header
}

// signIn has the last one who signed up sign in to the application once more.
func (s *betterAuthSite) signIn() string {
	s.Helper()
	status, text, header := s.fetch("/sign-in/email", "", map[string]any{"email": s.user.Email, "password": "a long password"})
	if status != http.StatusOK {
		s.Fatalf("a sign-in: %d, %s", status, text)
	}
	return header
}

// whom returns the address of who the application takes a browser for, "" for nobody.
func (s *betterAuthSite) whom(header string) string {
	s.Helper()
	_, text, _ := s.fetch("/get-session", header, nil)
	var got *struct{ User struct{ Email string } }
	check(s.T, json.Unmarshal([]byte(text), &got))
	if got == nil {
		return ""
	}
	return got.User.Email
}

// count returns how many sessions the application lists.
func (s *betterAuthSite) count(header string) int {
	s.Helper()
	_, text, _ := s.fetch("/list-sessions", header, nil)
	var all []any
	check(s.T, json.Unmarshal([]byte(text), &all))
	return len(all)
}

// token returns the session token in a browser's cookies.
func (s *betterAuthSite) token(header string) string {
	s.Helper()
	token, _, _ := strings.Cut(valueOf(header, s.sessions.Cookie), ".")
	if len(token) != 32 {
		s.Fatalf("the token %q", token)
	}
	return token
}

func (s *betterAuthSite) list() []adapter.Session {
	s.Helper()
	all, err := s.store.ListSessions(s.Context(), s.user.ID)
	check(s.T, err)
	return all
}

// nobody checks that a browser is signed in on neither side.
func (s *betterAuthSite) nobody(header string) {
	s.Helper()
	same(s.T, "who it is to the application", s.whom(header), "")
	same(s.T, "who it is to Go", person(s.T, s.sessions, header, ""), "")
}

// TestInteropBetterAuthRedis has an application of Better Auth and Go on the same sessions in Redis.
func TestInteropBetterAuthRedis(t *testing.T) {
	o := startOracle(t)
	t.Cleanup(func() { writeReport(t) })
	for direction, tests := range map[string]map[string]func(*betterAuthSite){
		jsToGo: {
			"a sign-up": func(s *betterAuthSite) {
				header := s.signUp("Ada")
				same(s.T, "who", person(s.T, s.sessions, header, ""), "Ada")
				session, user, err := s.store.GetSessionAndUser(s.Context(), s.token(header))
				check(s.T, err)
				same(s.T, "the user's role", user.Attributes["role"], "admin")
				same(s.T, "the browser", session.Attributes["userAgent"], "Firefox")
				if left := time.Until(session.Expires); left < 6*24*time.Hour || left > 7*24*time.Hour || time.Since(session.CreatedAt) > time.Minute {
					s.Errorf("the session is %+v", session)
				}
			},
			"the list of sessions": func(s *betterAuthSite) {
				first, second := s.signUp("Ada"), s.signIn()
				ids := map[string]bool{}
				for _, session := range s.list() {
					ids[session.ID] = true
				}
				same(s.T, "how many", len(ids), 2)
				same(s.T, "the first", ids[adapter.SessionID(s.token(first))], true)
				same(s.T, "the second", ids[adapter.SessionID(s.token(second))], true)
			},
			"a sign-out": func(s *betterAuthSite) {
				header := s.signUp("Ada")
				s.fetch("/sign-out", header, map[string]any{})
				s.nobody(header)
				same(s.T, "how many", len(s.list()), 0)
			},
			"sessions that are revoked": func(s *betterAuthSite) {
				first, second := s.signUp("Ada"), s.signIn()
				s.fetch("/revoke-other-sessions", second, map[string]any{})
				s.nobody(first)
				same(s.T, "who, in the other browser", person(s.T, s.sessions, second, ""), "Ada")
				s.fetch("/revoke-sessions", second, map[string]any{})
				s.nobody(second)
			},
			"a user who is changed": func(s *betterAuthSite) {
				header := s.signUp("Ada")
				_, _, err := s.store.GetSessionAndUser(s.Context(), s.token(header))
				check(s.T, err)
				status, text, _ := s.fetch("/update-user", header, map[string]any{"name": "Ada L."})
				same(s.T, text, status, http.StatusOK)
				renewed, err := s.store.UpdateSession(s.Context(), s.token(header), adapter.SessionUpdate{
					Expires: new(time.Now().Add(20 * 24 * time.Hour)), Attributes: adapter.Attributes{"device": "laptop"},
				})
				check(s.T, err)
				_, text, _ = s.fetch("/get-session", header, nil)
				for _, want := range []string{`"Ada L."`, `"Firefox"`, renewed.Expires.Format("2006-01-02T15:04:05.000Z")} {
					same(s.T, "whether the application has "+want, strings.Contains(text, want), true)
				}
				same(s.T, "how many sessions the application has", s.count(header), 1)
			},
		},
		goToJS: {
			"a session": func(s *betterAuthSite) {
				s.signUp("Ada")
				header, session := signedIn(s.T, s.sessions, s.user)
				same(s.T, "who it is to the application", s.whom(header), "ada@example.com")
				same(s.T, "how many sessions the application has", s.count(header), 2)
				s.fetch("/revoke-session", header, map[string]any{"token": session.SessionToken})
				s.nobody(header)
				same(s.T, "how many sessions Go has", len(s.list()), 1)
			},
			"a sign-out": func(s *betterAuthSite) {
				first, second := s.signUp("Ada"), s.signIn()
				r := httptest.NewRequestWithContext(s.Context(), http.MethodPost, "https://site.example/", nil)
				r.Header.Set("Cookie", first)
				check(s.T, s.sessions.SignOut(httptest.NewRecorder(), r))
				s.nobody(first)
				same(s.T, "how many sessions the application has", s.count(second), 1)
			},
			"a session that is ended by its ID": func(s *betterAuthSite) {
				first, second := s.signUp("Ada"), s.signIn()
				check(s.T, s.store.DeleteSessionByID(s.Context(), s.user.ID, adapter.SessionID(s.token(first))))
				s.nobody(first)
				same(s.T, "how many sessions the application has", s.count(second), 1)
			},
			"signing out elsewhere and everywhere": func(s *betterAuthSite) {
				first, second := s.signUp("Ada"), s.signIn()
				check(s.T, s.store.DeleteSessions(s.Context(), s.user.ID, s.token(second)))
				s.nobody(first)
				same(s.T, "who it is to the application", s.whom(second), "ada@example.com")
				check(s.T, s.store.DeleteSessions(s.Context(), s.user.ID))
				s.nobody(second)
				same(s.T, "who it is to the application after a new sign-in", s.whom(s.signIn()), "ada@example.com")
			},
			"a new address": func(s *betterAuthSite) {
				first, second := s.signUp("Ada"), s.signIn()
				_, err := s.store.UpdateUser(s.Context(), s.user.ID, adapter.UserUpdate{Email: new("ada@example.org")})
				check(s.T, err)
				same(s.T, "who it is to the application", s.whom(first), "ada@example.org")
				same(s.T, "who, in the other browser", s.whom(second), "ada@example.org")
			},
			"a user who is deleted": func(s *betterAuthSite) {
				header := s.signUp("Ada")
				check(s.T, s.store.DeleteUser(s.Context(), s.user.ID))
				s.nobody(header)
			},
			"a verification row": func(s *betterAuthSite) {
				s.signUp("Ada")
				token := adapter.HashVerificationToken("a token", appSecret)
				_, err := s.store.CreateVerificationToken(s.Context(), adapter.VerificationToken{
					Identifier: "reset-password", Token: token, Value: s.user.ID, Expires: time.Now().Add(time.Hour),
				})
				check(s.T, err)
				reset := func() int {
					status, _, _ := s.fetch("/reset-password", "", map[string]any{"newPassword": "another password", "token": token})
					return status
				}
				same(s.T, "the status", reset(), http.StatusOK)
				same(s.T, "the status of using it again", reset(), http.StatusBadRequest)
			},
			// What the application was about to write when all sessions were ended counts for nobody,
			// and a session that is not in the list neither.
			"a refresh under way, and a list that has lost an entry": func(s *betterAuthSite) {
				first, second := s.signUp("Ada"), s.signIn()
				key := s.prefix + s.token(first)
				before, err := s.redis.Get(s.Context(), key).Result()
				check(s.T, err)
				check(s.T, s.redis.Set(s.Context(), s.prefix+"active-sessions-"+s.user.ID,
					fmt.Sprintf(`[{"token":%q,"expiresAt":%d}]`, s.token(first), time.Now().Add(time.Hour).UnixMilli()), time.Hour).Err())
				check(s.T, s.store.DeleteSessions(s.Context(), s.user.ID))
				check(s.T, s.redis.Set(s.Context(), key, before, time.Hour).Err())
				s.nobody(first)
				s.nobody(second)
			},
			// The limit: of a single session there is no such time.
			"a refresh under way undoes the end of one session": func(s *betterAuthSite) {
				header := s.signUp("Ada")
				key := s.prefix + s.token(header)
				before, err := s.redis.Get(s.Context(), key).Result()
				check(s.T, err)
				check(s.T, s.store.DeleteSession(s.Context(), s.token(header)))
				s.nobody(header)
				check(s.T, s.redis.Set(s.Context(), key, before, time.Hour).Err())
				same(s.T, "who it is to the application", s.whom(header), "ada@example.com")
				same(s.T, "who it is to Go", person(s.T, s.sessions, header, ""), "Ada")
			},
		},
	} {
		for name, test := range tests {
			try(t, "Better Auth, Redis", direction, name, func(t *testing.T) { test(newBetterAuthSite(t, o, false)) })
			try(t, "Better Auth, MongoDB and Redis", direction, name, func(t *testing.T) { test(newBetterAuthSite(t, o, true)) })
		}
	}
}
