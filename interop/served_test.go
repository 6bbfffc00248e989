package interop

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authjshttp"
	"github.com/authstore/authstore/dynamodb"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/memory"
	"github.com/authstore/authstore/mongo"
	"github.com/authstore/authstore/redis"
)

const serviceSecret = "zGx1Vn0Q7c6sJmWbE2RkT9yHuLpA4dfo"

// served returns a store behind the service, with the adapter of npm as the JavaScript side. It is set
// up as Go alone would have it: with digests of tokens.
func served(name string, signed bool, open func(t testing.TB) adapter.Adapter) store {
	return store{
		name: name + " over HTTP", js: "authstore",
		server: func(testing.TB) engine.Server { return engine.Server{} }, // open starts it
		open: func(t testing.TB, _ string, _ bool) (adapter.Adapter, object) {
			a := open(t)
			return a, object{"url": serve(t, a, signed), "secret": serviceSecret, "signed": signed}
		},
		passkeys: true, account: true, nestedDates: true, movesEmail: true, guarded: true, stamps: true,
		nested: func(v time.Time) any { return v },
	}
}

// serve starts a service of a store, and returns its URL.
func serve(t testing.TB, a adapter.Adapter, signed bool) string {
	t.Helper()
	h, err := authjshttp.New(a, authjshttp.Options{
		Secrets: []string{serviceSecret}, Signed: signed, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	check(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

var servedStores = []store{
	served("memory", true, func(testing.TB) adapter.Adapter { return memory.New(memory.Options{}) }),
	served("Redis", false, func(t testing.TB) adapter.Adapter {
		a, err := redis.New(newRedis(t, engine.Redis(t).URL), redis.Options{Prefix: newName()})
		check(t, err)
		return a
	}),
	served("MongoDB", false, newMongo),
	served("DynamoDB", false, newDynamoDB),
}

func newMongo(t testing.TB) adapter.Adapter {
	client, err := driver.Connect(options.Client().ApplyURI(engine.Mongo(t).URL))
	check(t, err)
	db := client.Database(newName())
	t.Cleanup(func() {
		check(t, db.Drop(context.Background()))
		check(t, client.Disconnect(context.Background()))
	})
	a, err := mongo.New(db, mongo.Options{})
	check(t, err)
	return a
}

func newDynamoDB(t testing.TB) adapter.Adapter {
	endpoint, table := engine.DynamoDB(t).URL, newName()
	client := awsdynamodb.New(awsdynamodb.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
	t.Cleanup(func() {
		_, err := client.DeleteTable(context.Background(), &awsdynamodb.DeleteTableInput{TableName: &table})
		check(t, err)
	})
	a, err := dynamodb.New(client, dynamodb.Options{Table: table})
	check(t, err)
	return a
}

// served is the direction of cases in which the application has no other way to the store.
const overHTTP = "over HTTP"

// TestServed runs all cases with the adapter of npm on the service, and applications of @auth/core on it.
func TestServed(t *testing.T) {
	o := startOracle(t)
	for _, s := range servedStores {
		t.Run(s.name, func(t *testing.T) {
			p := s.openBoth(t, o, false, true)
			for _, c := range slices.Concat(cases(), methodCases) {
				try(t, s.name, c.direction, c.name, func(t *testing.T) { c.run(&scene{T: t, pair: p}) })
			}
			signInCases(t, p)
			for _, c := range flowCases {
				try(t, s.name, overHTTP, c.name, func(t *testing.T) { c.run(&scene{T: t, pair: p}) })
			}
		})
	}
}

// methodCases are what Auth.js wants of an adapter, method by method, beside what records_test.go has.
var methodCases = []record{
	{overHTTP, "it has every method", nil, func(s *scene) {
		v, err := s.oracle.do("methods", object{"handle": s.handle})
		s.ok(err)
		var names []string
		for _, name := range v.([]any) {
			names = append(names, name.(string))
		}
		slices.Sort(names)
		s.same("methods", names, []string{
			"createAuthenticator", "createSession", "createUser", "createVerificationToken", "deleteSession", "deleteUser",
			"getAccount", "getAuthenticator", "getSessionAndUser", "getUser", "getUserByAccount", "getUserByEmail", "linkAccount",
			"listAuthenticatorsByUserId", "unlinkAccount", "updateAuthenticatorCounter", "updateSession", "updateUser", "useVerificationToken",
		})
	}},
	{overHTTP, "answers are the records and nothing else", nil, func(s *scene) {
		user := object{"id": "of Auth.js", "name": "Ada", "email": s.email(), "image": "https://example.com/a", "emailVerified": noon}
		made := s.call("createUser", user).(object)
		user["id"] = made["id"]
		s.same("createUser", made, user)
		s.same("getUser", s.call("getUser", user["id"]), any(user))
		s.same("getUserByEmail", s.call("getUserByEmail", user["email"]), any(user))
		user["name"] = "Countess"
		s.same("updateUser", s.call("updateUser", object{"id": user["id"], "name": "Countess"}), any(user))

		session := object{"sessionToken": s.token(), "userId": user["id"], "expires": noon}
		s.same("createSession", s.call("createSession", session), any(session))
		s.same("getSessionAndUser", s.call("getSessionAndUser", session["sessionToken"]), any(object{"session": session, "user": user}))
		session["expires"] = noon.Add(time.Hour)
		s.same("updateSession", s.call("updateSession", session), any(session))
		s.same("deleteSession", s.call("deleteSession", session["sessionToken"]), any(session))
		s.same("updateSession of none", s.call("updateSession", session), nil)

		account, _ := s.account(user["id"].(string))
		s.same("linkAccount", s.call("linkAccount", account), numbers(account))
		s.same("getAccount", s.call("getAccount", account["providerAccountId"], account["provider"]), numbers(account))
		which := object{"provider": account["provider"], "providerAccountId": account["providerAccountId"]}
		s.same("getUserByAccount", s.call("getUserByAccount", which), any(user))
		s.call("unlinkAccount", which)
		s.same("getUserByAccount of none", s.call("getUserByAccount", which), nil)

		token := object{"identifier": s.email(), "token": adapter.HashVerificationToken(s.token(), "secret"), "expires": noon}
		s.same("createVerificationToken", s.call("createVerificationToken", token), any(token))
		link := object{"identifier": token["identifier"], "token": token["token"]}
		s.same("useVerificationToken without an identifier", s.call("useVerificationToken", object{"identifier": undefined{}, "token": token["token"]}), nil)
		s.same("useVerificationToken", s.call("useVerificationToken", link), any(token))
		s.same("useVerificationToken again", s.call("useVerificationToken", link), nil)

		passkey, _ := s.passkey(user["id"].(string))
		s.same("createAuthenticator", s.call("createAuthenticator", passkey), numbers(passkey))
		s.same("getAuthenticator", s.call("getAuthenticator", passkey["credentialID"]), numbers(passkey))
		s.same("listAuthenticatorsByUserId", s.call("listAuthenticatorsByUserId", user["id"]), any([]any{numbers(passkey)}))
		passkey["counter"] = 8
		s.same("updateAuthenticatorCounter", s.call("updateAuthenticatorCounter", passkey["credentialID"], 8), numbers(passkey))

		s.call("deleteUser", user["id"])
		for method, key := range map[string]any{
			"getUser": user["id"], "getUserByEmail": user["email"], "getSessionAndUser": session["sessionToken"], "getAuthenticator": passkey["credentialID"],
		} {
			s.same(method+" of none", s.call(method, key), nil)
		}
		s.same("listAuthenticatorsByUserId of nobody", s.call("listAuthenticatorsByUserId", user["id"]), any([]any{}))
	}},
	{overHTTP, "what must be there and is not throws", nil, func(s *scene) {
		for _, call := range []struct {
			method string
			args   []any
		}{
			{"updateUser", []any{object{"id": s.NewID(), "name": "Ada"}}},
			{"updateAuthenticatorCounter", []any{"none", 1}},
		} {
			if v, err := s.oracle.do("call", object{"handle": s.handle, "method": call.method, "args": call.args}); err == nil {
				s.Errorf("%s: got %v, want an error", call.method, v)
			}
		}
	}},
}

// signUp signs somebody in by the OpenID provider, in a new browser, and returns it.
func (a *app) signUp(person string) *browser {
	a.Helper()
	b := a.browser()
	b.withProvider(person)
	return b
}

// withProvider goes to the provider and back.
func (b *browser) withProvider(person string) {
	b.Helper()
	res, err := b.client.PostForm(b.url+"/signin/openid", url.Values{"csrfToken": {b.csrf()}})
	b.ok(err)
	for range 2 { // to the provider, and back
		b.ok(res.Body.Close())
		next, err := res.Location()
		b.ok(err)
		if res, err = b.client.Get(next.String() + "&person=" + url.QueryEscape(person)); err != nil {
			b.Fatal(err)
		}
	}
	b.ok(res.Body.Close())
}

func (b *browser) signOut() {
	b.Helper()
	if status, _ := b.get(b.url+"/signout", url.Values{"csrfToken": {b.csrf()}}); status != http.StatusFound {
		b.Fatalf("signing out: got the status %d", status)
	}
}

// flowCases are applications of @auth/core.
var flowCases = []record{
	{name: "somebody signs up by a provider, in again, and out", run: func(s *scene) {
		a, person := startApp(s, object{}), s.unique("ada")
		first := a.signUp(person)
		u := a.accepted(first.token())
		a.same("the address", u.Email, person+"@example.com")
		a.same("who it is", first.person(), u.ID)
		all, err := a.ListAccounts(ctx(a.T), u.ID)
		a.ok(err)
		a.same("accounts", len(all), 1)
		second := a.signUp(person)
		a.same("who it is the second time", second.person(), u.ID)
		token := second.token()
		second.signOut()
		a.same("who it is after signing out", second.person(), "")
		_, _, err = a.GetSessionAndUser(ctx(a.T), token)
		a.missing("GetSessionAndUser", err)
		ended, err := a.oracle.do("signedOut", object{"app": a.handle})
		a.ok(err)
		a.same("the session that the event has", ended.([]any)[0].(object)["sessionToken"], any(token))
		a.same("the other browser", first.person(), u.ID)
	}},
	{name: "an address that somebody has is not linked", run: func(s *scene) {
		a, person := startApp(s, object{}), s.unique("ada")
		_, err := a.CreateUser(ctx(a.T), adapter.User{Email: person + "@example.com"})
		a.ok(err)
		a.same("who it is", a.signUp(person).person(), "")
	}},
	{name: "a sign-up that is cut between its two steps locks nobody out", run: func(s *scene) {
		a, person := startApp(s, object{"cut": true}), s.unique("ada")
		a.same("who it is, cut", a.signUp(person).person(), "")
		_, err := a.GetUserByEmail(ctx(a.T), person+"@example.com")
		a.missing("GetUserByEmail", err)
		_, err = a.oracle.do("uncut", object{"app": a.handle})
		a.ok(err)
		if a.signUp(person).person() == "" {
			a.Error("the person is locked out")
		}
	}},
	{name: "of two first clicks at once neither is lost", run: func(s *scene) {
		a, email := startApp(s, object{"meet": 2}), s.email()
		browsers := []*browser{a.browser(), a.browser()}
		links := []string{browsers[0].ask(email), browsers[1].ask(email)}
		var wg sync.WaitGroup
		for i, b := range browsers {
			wg.Go(func() {
				if res, err := b.client.Get(links[i]); err == nil {
					_ = res.Body.Close()
				} else {
					s.Error(err)
				}
			})
		}
		wg.Wait()
		u, err := a.GetUserByEmail(ctx(a.T), email)
		a.ok(err)
		for _, b := range browsers {
			a.same("who it is", b.person(), u.ID)
		}
	}},
	{name: "two first sign-ins by a provider at once lock nobody out", run: func(s *scene) {
		a, person := startApp(s, object{"meet": 2}), s.unique("ada")
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { a.signUp(person) })
		}
		wg.Wait()
		if a.signUp(person).person() == "" {
			a.Error("the person is locked out")
		}
	}},
	{name: "a service that is away signs nobody out", run: func(s *scene) {
		store := memory.New(memory.Options{})
		h, err := authjshttp.New(store, authjshttp.Options{Secrets: []string{serviceSecret}, Logger: slog.New(slog.DiscardHandler)})
		s.ok(err)
		away := false
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if away {
				http.NotFound(w, r)
				return
			}
			h.ServeHTTP(w, r)
		}))
		s.Cleanup(server.Close)
		handle, err := s.oracle.do("open", object{"store": "authstore", "url": server.URL, "options": object{"secret": serviceSecret}})
		s.ok(err)
		a := startApp(&scene{T: s.T, pair: &pair{s.store, store, s.oracle, handle}}, object{})
		b := a.signIn(s.email())
		token := b.token()
		away = true
		b.get(b.url+"/session", nil)
		a.same("the cookie", b.token(), token)
		away = false
		if b.person() == "" {
			a.Error("the person was signed out")
		}
	}},
}
