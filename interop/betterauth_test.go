package interop

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/mongo"
)

const onMongo = "Better Auth, MongoDB"

// TestInteropBetterAuth has an application of Better Auth and Go on one database.
func TestInteropBetterAuth(t *testing.T) {
	o := startOracle(t)
	t.Cleanup(func() { writeReport(t) })
	for name, ids := range map[string]mongo.IDForm{onMongo: mongo.ObjectIDs, onMongo + ", UUIDs": mongo.UUIDs} {
		t.Run(name, func(t *testing.T) {
			for _, c := range betterAuthCases {
				try(t, name, c.direction, c.name, func(t *testing.T) { c.run(newAppScene(t, o, ids, object{})) })
			}
		})
	}
}

// appScene is an application of Better Auth and Go's store on its database.
type appScene struct {
	*testing.T
	o        *oracle
	app      any
	store    adapter.Adapter
	sessions *authhttp.Sessions
}

// newAppScene starts an application. more is what else it is told.
func newAppScene(t *testing.T, o *oracle, ids mongo.IDForm, more object) *appScene {
	t.Helper()
	url, name := engine.Mongo(t).URL, newName()
	client, err := driver.Connect(options.Client().ApplyURI(url))
	check(t, err)
	s := &appScene{T: t, o: o}
	settings := object{"url": url, "name": name, "secret": appSecret, "uuids": ids == mongo.UUIDs}
	maps.Copy(settings, more)
	s.app = o.ask(t, "betterAuthOnMongo", settings)
	layout := mongo.BetterAuth()
	layout.IDs = ids
	s.store, err = mongo.New(client.Database(name), mongo.Options{Layout: layout})
	check(t, err)
	schema, _ := adapter.As[adapter.Schema](s.store)
	check(t, schema.ApplySchema(t.Context()))
	s.sessions = &authhttp.Sessions{Store: s.store, Cookie: authhttp.BetterAuthCookie(appSecret)}
	t.Cleanup(func() {
		o.ask(t, "close", object{"handle": s.app})
		check(t, s.store.Close())
		check(t, client.Database(name).Drop(context.Background()))
		check(t, client.Disconnect(context.Background()))
	})
	return s
}

// ask sends a request to the application, and returns the body, the cookies that it sets, and
// the status. A body makes it a POST.
func (s *appScene) ask(path, header, body string) (answer, cookies string, status int) {
	s.Helper()
	request := object{"handle": s.app, "path": path}
	if header != "" {
		request["header"] = header
	}
	if body != "" {
		request["body"] = body
	}
	got := s.o.ask(s.T, "betterAuthFetch", request).(object)
	return got["body"].(string), got["header"].(string), int(got["status"].(float64))
}

// must is ask for what has to work. It fills in v from the answer.
func (s *appScene) must(path, header, body string, v any) (cookies string) {
	s.Helper()
	answer, cookies, status := s.ask(path, header, body)
	if status != http.StatusOK {
		s.Fatalf("%s: %d %s", path, status, answer)
	}
	if v != nil {
		check(s.T, json.Unmarshal([]byte(answer), v))
	}
	return cookies
}

const (
	adasEmail    = "ada@example.com"
	adasPassword = "a long password"
)

func signInBody(email string) string {
	return `{"email":"` + email + `","password":"` + adasPassword + `"}`
}

// signUp signs Ada up in the application, and returns her cookies and what Go has of her.
func (s *appScene) signUp() (cookies string, u adapter.User) {
	s.Helper()
	cookies = s.must("/sign-up/email", "", `{"name":"Ada","email":"`+adasEmail+`","password":"`+adasPassword+`"}`, nil)
	return cookies, s.byEmail(adasEmail)
}

func (s *appScene) byEmail(email string) adapter.User {
	s.Helper()
	u, err := s.store.GetUserByEmail(s.Context(), email)
	check(s.T, err)
	return u
}

// seen is a session as the application returns it.
type seen struct {
	User struct {
		ID, Name, Email string
		EmailVerified   bool
	}
	Session struct{ Token, UserID string }
}

// whom returns whose session the application takes cookies for: nil for nobody's.
func (s *appScene) whom(cookies string) (who *seen) {
	s.Helper()
	s.must("/get-session", cookies, "", &who)
	return who
}

func (s *appScene) name(cookies string) string {
	s.Helper()
	if who := s.whom(cookies); who != nil {
		return who.User.Name
	}
	return ""
}

// theToken returns the session token that cookies have.
func (s *appScene) theToken(cookies string) string {
	s.Helper()
	who := s.whom(cookies)
	if who == nil {
		s.Fatal("the application knows nobody by these cookies")
	}
	return who.Session.Token
}

func (s *appScene) isNobodys(what, token string) {
	s.Helper()
	if _, _, err := s.store.GetSessionAndUser(s.Context(), token); !errors.Is(err, adapter.ErrNotFound) {
		s.Errorf("%s: got %v, want that there is none", what, err)
	}
}

type appCase struct {
	direction, name string
	run             func(*appScene)
}

var betterAuthCases = []appCase{
	{jsToGo, "a sign-up with a password", func(s *appScene) {
		cookies, u := s.signUp()
		same(s.T, "who it is to Go", person(s.T, s.sessions, cookies, ""), "Ada")
		if u.CreatedAt.IsZero() || u.UpdatedAt.IsZero() || !u.EmailVerified.IsZero() || len(u.Attributes) > 0 {
			s.Errorf("the user: %+v", u)
		}
		session, _, err := s.store.GetSessionAndUser(s.Context(), s.theToken(cookies))
		check(s.T, err)
		if _, there := session.Attributes["userAgent"]; !there || session.UserID != u.ID || time.Until(session.Expires) < 6*24*time.Hour {
			s.Errorf("the session: %+v", session)
		}
		accounts, err := s.store.ListAccounts(s.Context(), u.ID)
		check(s.T, err)
		if len(accounts) != 1 || accounts[0].Provider != "credential" || accounts[0].ProviderAccountID != u.ID || accounts[0].Attributes["password"] == "" {
			s.Errorf("the accounts: %+v", accounts)
		}
	}},
	{jsToGo, "a magic link", func(s *appScene) {
		s.must("/sign-in/magic-link", "", `{"email":"grace@example.com","name":"Grace"}`, nil)
		links := s.o.ask(s.T, "betterAuthLinks", object{"handle": s.app}).([]any)
		_, query, _ := strings.Cut(links[0].(string), "?")
		cookies := s.must("/magic-link/verify?"+strings.Split(query, "&")[0], "", "", nil)
		same(s.T, "who it is to Go", person(s.T, s.sessions, cookies, ""), "Grace")
		if u := s.byEmail("grace@example.com"); u.EmailVerified.IsZero() {
			s.Errorf("the address is not verified: %+v", u)
		}
	}},
	{jsToGo, "a sign-out", func(s *appScene) {
		cookies, _ := s.signUp()
		token := s.theToken(cookies)
		s.must("/sign-out", cookies, "{}", nil)
		s.isNobodys("the session", token)
	}},
	{jsToGo, "an update", func(s *appScene) {
		cookies, u := s.signUp()
		s.must("/update-user", cookies, `{"name":"Countess","image":"https://example.com/a.png"}`, nil)
		got, err := s.store.GetUser(s.Context(), u.ID)
		check(s.T, err)
		same(s.T, "the name", got.Name, "Countess")
		same(s.T, "the image", got.Image, "https://example.com/a.png")
	}},
	{jsToGo, "a change of the address", func(s *appScene) {
		cookies, u := s.signUp()
		s.must("/change-email", cookies, `{"newEmail":"lovelace@example.com"}`, nil)
		same(s.T, "who has the new address", s.byEmail("lovelace@example.com").ID, u.ID)
		if _, err := s.store.GetUserByEmail(s.Context(), adasEmail); !errors.Is(err, adapter.ErrNotFound) {
			s.Errorf("who has the old address: %v", err)
		}
	}},
	{jsToGo, "a deletion", func(s *appScene) {
		cookies, u := s.signUp()
		token, key := s.theToken(cookies), newPasskey(s.T).record(u.ID)
		_, err := s.store.CreateAuthenticator(s.Context(), key)
		check(s.T, err)
		s.must("/delete-user", cookies, `{"password":"`+adasPassword+`"}`, nil)
		s.isNobodys("the session", token)
		if _, err := s.store.GetUser(s.Context(), u.ID); !errors.Is(err, adapter.ErrNotFound) {
			s.Errorf("the user: %v", err)
		}
		repairer, _ := adapter.As[adapter.Repairer](s.store)
		left, err := repairer.Repair(s.Context(), false)
		check(s.T, err)
		same(s.T, "what Repair removes: the passkey", len(left), 1)
		if _, err := s.store.CreateAuthenticator(s.Context(), key); err != nil {
			s.Errorf("the credential is not free: %v", err)
		}
	}},
	{jsToGo, "a passkey", func(s *appScene) {
		cookies, u := s.signUp()
		key := newPasskey(s.T)
		options, challenge, _ := s.ask("/passkey/generate-register-options", cookies, "")
		asked, err := virtualwebauthn.ParseAttestationOptions(options)
		check(s.T, err)
		made := virtualwebauthn.CreateAttestationResponse(appOfPasskeys, key.authenticator, key.Credential, *asked)
		s.must("/passkey/verify-registration", cookies+"; "+challenge, `{"name":"a key","response":`+made+`}`, nil)
		got, err := s.store.GetAuthenticator(s.Context(), key.record(u.ID).CredentialID)
		check(s.T, err)
		if got.CredentialPublicKey != key.record(u.ID).CredentialPublicKey || got.UserID != u.ID || got.Attributes["name"] != "a key" {
			s.Errorf("the passkey: %+v", got)
		}
	}},
	{goToJS, "a session", func(s *appScene) {
		cookies, u := s.signUp()
		header, session := signedIn(s.T, s.sessions, u)
		same(s.T, "who it is to the application", s.name(header), "Ada")
		var all []struct{ Token string }
		s.must("/list-sessions", cookies, "", &all)
		if len(all) != 2 || !slices.ContainsFunc(all, func(e struct{ Token string }) bool { return e.Token == session.SessionToken }) {
			s.Errorf("the application lists %d sessions, want two, with the one that Go made", len(all))
		}
		s.must("/sign-out", header, "{}", nil)
		s.isNobodys("the session after a sign-out in the application", session.SessionToken)
	}},
	{goToJS, "a sign-out", func(s *appScene) {
		cookies, _ := s.signUp()
		check(s.T, s.store.DeleteSession(s.Context(), s.theToken(cookies)))
		same(s.T, "who it is to the application", s.name(cookies), "")
	}},
	{goToJS, "a sign-out everywhere else", func(s *appScene) {
		first, u := s.signUp()
		second := s.must("/sign-in/email", "", signInBody(adasEmail), nil)
		check(s.T, s.store.DeleteSessions(s.Context(), u.ID, s.theToken(second)))
		same(s.T, "who the first one is", s.name(first), "")
		same(s.T, "who the second one is", s.name(second), "Ada")
	}},
	{goToJS, "the end of a session by its ID", func(s *appScene) {
		cookies, u := s.signUp()
		all, err := s.store.ListSessions(s.Context(), u.ID)
		check(s.T, err)
		same(s.T, "how many sessions Go lists", len(all), 1)
		check(s.T, s.store.DeleteSessionByID(s.Context(), u.ID, all[0].ID))
		same(s.T, "who it is to the application", s.name(cookies), "")
	}},
	{goToJS, "a change of the address", func(s *appScene) {
		_, u := s.signUp()
		_, err := s.store.UpdateUser(s.Context(), u.ID, adapter.UserUpdate{Email: new("lovelace@example.com"), EmailVerified: new(time.Now())})
		check(s.T, err)
		cookies := s.must("/sign-in/email", "", signInBody("lovelace@example.com"), nil)
		who := s.whom(cookies)
		same(s.T, "the address", who.User.Email, "lovelace@example.com")
		same(s.T, "whether it is verified", who.User.EmailVerified, true)
		_, _, status := s.ask("/sign-in/email", "", signInBody(adasEmail))
		same(s.T, "the status of a sign-in by the old address", status, http.StatusUnauthorized)
	}},
	{goToJS, "a verification that the application takes back", func(s *appScene) {
		cookies, u := s.signUp()
		verified := adapter.Milliseconds(time.Now().Add(-time.Hour))
		_, err := s.store.UpdateUser(s.Context(), u.ID, adapter.UserUpdate{EmailVerified: &verified})
		check(s.T, err)
		same(s.T, "since when to Go", s.byEmail(adasEmail).EmailVerified, verified)
		same(s.T, "whether it is verified", s.whom(cookies).User.EmailVerified, true)
		_, err = s.store.UpdateUser(s.Context(), u.ID, adapter.UserUpdate{EmailVerified: new(time.Time{})})
		check(s.T, err)
		same(s.T, "whether it is verified", s.whom(cookies).User.EmailVerified, false)
		s.must("/change-email", cookies, `{"newEmail":"lovelace@example.com"}`, nil)
		if got := s.byEmail("lovelace@example.com"); !got.EmailVerified.IsZero() {
			s.Errorf("the new address is verified to Go: %v", got.EmailVerified)
		}
	}},
	{goToJS, "a deletion", func(s *appScene) {
		cookies, u := s.signUp()
		check(s.T, s.store.DeleteUser(s.Context(), u.ID))
		same(s.T, "who it is to the application", s.name(cookies), "")
		_, _, status := s.ask("/sign-in/email", "", signInBody(adasEmail))
		same(s.T, "the status of a sign-in", status, http.StatusUnauthorized)
		s.signUp() // the address is free
	}},
	{goToJS, "a user with an account", func(s *appScene) {
		u, _, err := s.store.CreateUserWithAccount(s.Context(), adapter.User{Email: adasEmail, EmailVerified: time.Now()}, adapter.Account{
			Type: "oidc", Provider: "google", ProviderAccountID: "117", Scope: "openid email", AccessToken: "a", ExpiresAt: time.Now().Add(time.Hour).Unix(),
		})
		check(s.T, err)
		header, _ := signedIn(s.T, s.sessions, u)
		who := s.whom(header)
		if who == nil || who.User.ID != u.ID || who.User.Name != "" || !who.User.EmailVerified {
			s.Fatalf("who it is to the application: %+v", who)
		}
		var accounts []struct {
			ProviderID, AccountID string
			Scopes                []string
		}
		s.must("/list-accounts", header, "", &accounts)
		if len(accounts) != 1 || accounts[0].ProviderID != "google" || accounts[0].AccountID != "117" || !slices.Equal(accounts[0].Scopes, []string{"openid", "email"}) {
			s.Errorf("the application lists the accounts %+v", accounts)
		}
	}},
	{goToJS, "an account of a user of the application", func(s *appScene) {
		cookies, u := s.signUp()
		_, err := s.store.LinkAccount(s.Context(), adapter.Account{UserID: u.ID, Type: "oauth", Provider: "github", ProviderAccountID: "42"})
		check(s.T, err)
		var accounts []struct{ ID, AccountID string }
		s.must("/list-accounts", cookies, "", &accounts)
		i := slices.IndexFunc(accounts, func(e struct{ ID, AccountID string }) bool { return e.AccountID == "42" })
		if i < 0 {
			s.Fatalf("the application lists the accounts %+v", accounts)
		}
		s.must("/unlink-account", cookies, `{"accountId":"`+accounts[i].ID+`"}`, nil)
		if _, err := s.store.GetAccount(s.Context(), adapter.AccountKey{Provider: "github", ProviderAccountID: "42"}); !errors.Is(err, adapter.ErrNotFound) {
			s.Errorf("the account after the application unlinked it: %v", err)
		}
	}},
	{goToJS, "a passkey", func(s *appScene) {
		_, u := s.signUp()
		key := newPasskey(s.T)
		_, err := s.store.CreateAuthenticator(s.Context(), key.record(u.ID))
		check(s.T, err)
		options, challenge, _ := s.ask("/passkey/generate-authenticate-options", "", "")
		asked, err := virtualwebauthn.ParseAssertionOptions(options)
		check(s.T, err)
		key.Counter = 7
		signed := virtualwebauthn.CreateAssertionResponse(appOfPasskeys, key.authenticator, key.Credential, *asked)
		cookies := s.must("/passkey/verify-authentication", challenge, `{"response":`+signed+`}`, nil)
		same(s.T, "who it is to the application", s.name(cookies), "Ada")
		same(s.T, "who it is to Go", person(s.T, s.sessions, cookies, ""), "Ada")
		got, err := s.store.GetAuthenticator(s.Context(), key.record(u.ID).CredentialID)
		check(s.T, err)
		same(s.T, "the counter", got.Counter, uint32(7))
	}},
	{goToJS, "a token that is none of the application's", func(s *appScene) {
		link := adapter.VerificationToken{Identifier: adasEmail, Token: "secret", Value: `{"email":"` + adasEmail + `"}`, Expires: time.Now().Add(time.Hour)}
		_, err := s.store.CreateVerificationToken(s.Context(), link)
		check(s.T, err)
		for _, guess := range []string{adasEmail, "secret"} {
			if answer, cookies, _ := s.ask("/magic-link/verify?token="+guess, "", ""); strings.Contains(cookies, "session_token") {
				s.Errorf("%s signs somebody in: %s", guess, answer)
			}
		}
		_, err = s.store.UseVerificationToken(s.Context(), link.Identifier, link.Token)
		check(s.T, err)
	}},
	{broken, "the schema beside the application's indexes", func(s *appScene) {
		s.signUp()
		schema, _ := adapter.As[adapter.Schema](s.store)
		problems, err := schema.CheckSchema(s.Context())
		check(s.T, err)
		if len(problems) > 0 {
			s.Errorf("CheckSchema: %v", problems)
		}
		if _, _, status := s.ask("/sign-up/email", "", `{"name":"Eve","email":"`+adasEmail+`","password":"`+adasPassword+`"}`); status == http.StatusOK {
			s.Error("a second user has the address")
		}
	}},
}

// appOfPasskeys is the application to a passkey.
var appOfPasskeys = virtualwebauthn.RelyingParty{ID: "site.example", Name: "The site", Origin: "https://site.example"}

// passkey is a credential and what holds it.
type passkey struct {
	virtualwebauthn.Credential
	authenticator virtualwebauthn.Authenticator
	cose          []byte
}

// newPasskey makes a credential whose coordinates begin with no zero byte: virtualwebauthn
// (v1.0.3) leaves such bytes out, which is no COSE key then (RFC 9053, section 7.1.1).
func newPasskey(t *testing.T) *passkey {
	t.Helper()
	for {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(t, err)
		point, err := key.PublicKey.Bytes() // 4, X, Y (SEC 1, section 2.3.3)
		check(t, err)
		if point[1] == 0 || point[33] == 0 {
			continue
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		check(t, err)
		head, middle := []byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, []byte{0x22, 0x58, 32} // COSE, RFC 9053
		return &passkey{
			virtualwebauthn.NewCredentialWithImportedKey(virtualwebauthn.KeyTypeEC2, der), virtualwebauthn.NewAuthenticator(),
			slices.Concat(head, point[1:33], middle, point[33:]),
		}
	}
}

// record is the passkey as Auth.js has it.
func (k *passkey) record(userID string) adapter.Authenticator {
	text := base64.StdEncoding.EncodeToString
	return adapter.Authenticator{
		CredentialID: text(k.ID), UserID: userID, ProviderAccountID: text(k.ID), CredentialPublicKey: text(k.cose),
		CredentialDeviceType: "singleDevice", Transports: []string{"usb"},
	}
}
