package interop

import (
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
)

// record is a case on every store that has what it needs.
type record struct {
	direction, name string
	needs           func(*store) bool
	run             func(*scene)
}

func cases() []record {
	var all []record
	for _, part := range [][]record{userCases, accountCases, sessionCases, linkCases, passkeyCases} {
		all = append(all, part...)
	}
	return all
}

// deletesUsers: with other key names deleteUser of the DynamoDB adapter asks for items
// without a key, which is refused.
func deletesUsers(s *store) bool { return !(s.js == dynamoStore.js && s.custom) }

// guard has Go make the guards of what JavaScript has written, where it has any.
func (s *scene) guard() {
	s.Helper()
	if !s.store.guards {
		return
	}
	r, ok := adapter.As[adapter.Repairer](s.Adapter)
	if !ok {
		s.Fatal("the adapter is no adapter.Repairer")
	}
	_, err := r.Repair(ctx(s.T), false)
	s.ok(err)
}

func hasPasskeys(s *store) bool { return s.passkeys }
func hasAccount(s *store) bool  { return s.account }

var userCases = []record{
	{jsToGo, "a user with everything is read", nil, func(s *scene) {
		_, want := s.jsUser()
		s.isUser(want)
	}},
	{jsToGo, "users without e-mail address are read", nil, func(s *scene) {
		for range 2 {
			made := s.call("createUser", object{"id": s.token(), "name": "Ada", "email": undefined{}, "emailVerified": nil, "image": nil}).(object)
			s.isUser(adapter.User{ID: made["id"].(string), Name: "Ada"})
		}
	}},
	{jsToGo, "a user as the e-mail flow makes it is read", nil, func(s *scene) {
		email := s.email()
		made := s.call("createUser", object{"id": s.token(), "email": email, "emailVerified": noon}).(object)
		s.isUser(adapter.User{ID: made["id"].(string), Email: email, EmailVerified: noon})
	}},
	{jsToGo, "a taken address is a conflict", nil, func(s *scene) {
		_, u := s.jsUser()
		s.guard()
		_, err := s.CreateUser(ctx(s.T), adapter.User{Email: u.Email})
		if !errors.Is(err, adapter.ErrConflict) {
			s.Errorf("CreateUser: got %v, want ErrConflict", err)
		}
	}},
	{jsToGo, "a user is updated", nil, func(s *scene) {
		js, u := s.jsUser()
		got, err := s.UpdateUser(ctx(s.T), u.ID, adapter.UserUpdate{
			Name: new("Countess"), Image: new(""), EmailVerified: new(noon.Add(time.Millisecond)),
			Attributes: adapter.Attributes{"role": "owner", "seen": noon, "list": []any{int64(1), "two"}}, RemoveAttributes: []string{"logins"},
		})
		s.ok(err)
		u.Name, u.Image, u.EmailVerified, u.UpdatedAt = "Countess", "", noon.Add(time.Millisecond), got.UpdatedAt
		u.Attributes["role"], u.Attributes["seen"], u.Attributes["list"] = "owner", noon, []any{int64(1), "two"}
		delete(u.Attributes, "logins")
		s.same("UpdateUser", got, u)
		s.isUser(u)
		js["name"], js["image"], js["emailVerified"], js["role"], js["seen"], js["list"] = "Countess", nil, u.EmailVerified, "owner", noon, []any{1, "two"}
		delete(js, "logins")
		s.seesUser(js)
	}},
	{jsToGo, "a change of address is seen", nil, func(s *scene) {
		js, u := s.jsUser()
		old, email := u.Email, s.email()
		got, err := s.UpdateUser(ctx(s.T), u.ID, adapter.UserUpdate{Email: &email})
		s.ok(err)
		u.Email, u.UpdatedAt, js["email"] = email, got.UpdatedAt, email
		s.isUser(u)
		s.seesUser(js)
		_, err = s.GetUserByEmail(ctx(s.T), old)
		s.missing("GetUserByEmail of the old address", err)
		s.nothing("getUserByEmail of the old address", s.call("getUserByEmail", old))
	}},
	{jsToGo, "an address is taken away", nil, func(s *scene) {
		js, u := s.jsUser()
		_, err := s.UpdateUser(ctx(s.T), u.ID, adapter.UserUpdate{Email: new(""), EmailVerified: &time.Time{}})
		s.ok(err)
		s.nothing("getUserByEmail", s.call("getUserByEmail", u.Email))
		js["email"], js["emailVerified"] = nil, nil
		s.seesUser(js)
	}},
	{jsToGo, "a user is deleted with all that it has", nil, func(s *scene) {
		_, u := s.jsUser()
		a := s.jsAccount(u.ID)
		s.jsAccount(u.ID)
		sessions := []adapter.Session{s.jsSession(u.ID), s.jsSession(u.ID), s.goSession(u.ID), s.jsSession(u.ID)}
		_, other := s.jsUser()
		theirs := s.jsSession(other.ID)
		s.ok(s.DeleteUser(ctx(s.T), u.ID))
		s.gone(u, a, sessions...)
		s.isUser(other)
		s.isSession(theirs)
	}},
	{goToJS, "a user with everything is read", nil, func(s *scene) {
		js, _ := s.goUser()
		s.seesUser(js)
	}},
	{goToJS, "users without e-mail address are read", nil, func(s *scene) {
		for range 2 {
			u, err := s.CreateUser(ctx(s.T), adapter.User{Name: "Ada"})
			s.ok(err)
			s.seesUser(object{"id": u.ID, "name": "Ada", "email": nil, "emailVerified": nil, "image": nil})
		}
	}},
	{goToJS, "a user is updated", nil, func(s *scene) {
		js, u := s.goUser()
		s.call("updateUser", object{"id": u.ID, "name": "Countess", "emailVerified": noon.Add(time.Millisecond), "role": "owner", "seen": noon})
		u.Name, u.EmailVerified = "Countess", noon.Add(time.Millisecond)
		u.Attributes["role"], u.Attributes["seen"] = "owner", noon
		s.isUser(u)
		js["name"], js["emailVerified"], js["role"], js["seen"] = "Countess", u.EmailVerified, "owner", noon
		s.seesUser(js)
	}},
	{goToJS, "names of prototypes give a user nothing that nobody stored", nil, func(s *scene) {
		admin := map[string]any{"admin": true}
		attributes := adapter.Attributes{
			"__proto__": admin, "constructor": map[string]any{"prototype": admin}, "prototype": admin, "toString": "text",
			"deep": map[string]any{"__proto__": admin, "kept": "deep"}, "list": []any{map[string]any{"__proto__": admin}},
		}
		u, err := s.CreateUser(ctx(s.T), adapter.User{Name: "Ada", Email: s.email(), Attributes: attributes})
		s.ok(err)
		a := s.goAccount(u.ID)
		session, err := s.CreateSession(ctx(s.T), adapter.Session{UserID: u.ID, SessionToken: s.token(), Expires: noon, Attributes: attributes})
		s.ok(err)
		check := func() {
			s.Helper()
			s.nothingStrange("getUser", u.ID)
			s.nothingStrange("getUserByEmail", u.Email)
			s.nothingStrange("getUserByAccount", object{"provider": a.Provider, "providerAccountId": a.ProviderAccountID})
			s.nothingStrange("getSessionAndUser", session.SessionToken)
			s.isUser(u)
		}
		check()
		seen := s.call("getUser", u.ID).(object)
		if deep, ok := seen["deep"].(object); !ok || deep["kept"] != "deep" {
			s.Errorf("JavaScript sees %v, want the other attributes", seen)
		}
		u, err = s.UpdateUser(ctx(s.T), u.ID, adapter.UserUpdate{Attributes: attributes})
		s.ok(err)
		s.call("updateUser", object{"id": u.ID, "name": "Countess"})
		u.Name = "Countess"
		if s.store.js == "unstorage" { // it parses JSON by destr, which drops a constructor that has a prototype
			delete(u.Attributes, "constructor")
		}
		check()
	}},
	{goToJS, "a change of address is seen", nil, func(s *scene) {
		_, u := s.goUser()
		old, email := u.Email, s.email()
		s.call("updateUser", object{"id": u.ID, "email": email})
		got, err := s.GetUser(ctx(s.T), u.ID)
		s.ok(err)
		u.Email = email
		s.same("GetUser", got, u)
		_, err = s.GetUserByEmail(ctx(s.T), old)
		s.missing("GetUserByEmail of the old address", err)
		if s.store.movesEmail {
			s.isUser(u)
		}
	}},
	{goToJS, "a user is deleted", deletesUsers, func(s *scene) {
		_, u := s.goUser()
		a := s.goAccount(u.ID)
		sessions := []adapter.Session{s.goSession(u.ID), s.goSession(u.ID), s.jsSession(u.ID)}
		s.call("deleteUser", u.ID)
		s.gone(u, a, sessions...)
	}},
}

// accountID returns the ID that JavaScript reads of an account, nil if it has none.
func (s *scene) accountID(a adapter.Account) any {
	if s.store.js != unstorageStore.js {
		return nil
	}
	return a.Provider + ":" + a.ProviderAccountID
}

var accountCases = []record{
	{jsToGo, "an account is read and listed", nil, func(s *scene) {
		_, u := s.jsUser()
		want := s.jsAccount(u.ID)
		got, err := s.GetAccount(ctx(s.T), want.Key())
		s.ok(err)
		s.same("GetAccount", got, want)
		all, err := s.ListAccounts(ctx(s.T), u.ID)
		s.ok(err)
		s.same("ListAccounts", all, []adapter.Account{want})
		owner, err := s.GetUserByAccount(ctx(s.T), want.Key())
		s.ok(err)
		s.same("GetUserByAccount", owner, u)
	}},
	{jsToGo, "all accounts of a user are listed", nil, func(s *scene) {
		_, u := s.jsUser()
		for range 3 {
			s.jsAccount(u.ID)
		}
		s.goAccount(u.ID)
		all, err := s.ListAccounts(ctx(s.T), u.ID)
		s.ok(err)
		s.same("accounts", len(all), 4)
	}},
	{jsToGo, "a linked account is a conflict", nil, func(s *scene) {
		_, u := s.jsUser()
		a := s.jsAccount(u.ID)
		s.guard()
		_, err := s.LinkAccount(ctx(s.T), a)
		if !errors.Is(err, adapter.ErrConflict) {
			s.Errorf("LinkAccount: got %v, want ErrConflict", err)
		}
	}},
	{jsToGo, "an account is updated", nil, func(s *scene) {
		_, u := s.jsUser()
		want := s.jsAccount(u.ID)
		got, err := s.UpdateAccount(ctx(s.T), want.Key(), adapter.AccountUpdate{
			AccessToken: new("new"), ExpiresAt: new(noon.Unix() + 1), RefreshToken: new(""), Attributes: adapter.Attributes{"tenant": "t2"},
		})
		s.ok(err)
		want.AccessToken, want.ExpiresAt, want.RefreshToken, want.UpdatedAt = "new", noon.Unix()+1, "", got.UpdatedAt
		want.Attributes["tenant"] = "t2"
		s.same("UpdateAccount", got, want)
		s.sees("getUserByAccount", s.call("getUserByAccount", key(want)), s.call("getUser", u.ID).(object))
	}},
	{jsToGo, "an updated account is read", hasAccount, func(s *scene) {
		_, u := s.jsUser()
		js, a := s.account(u.ID)
		s.call("linkAccount", js)
		_, err := s.UpdateAccount(ctx(s.T), a.Key(), adapter.AccountUpdate{AccessToken: new("new"), ExpiresAt: new(noon.Unix() + 1)})
		s.ok(err)
		js["access_token"], js["expires_at"], js["id"] = "new", int(noon.Unix()+1), s.accountID(a)
		s.sees("getAccount", s.call("getAccount", a.ProviderAccountID, a.Provider), js)
	}},
	{jsToGo, "an account is unlinked", nil, func(s *scene) {
		_, u := s.jsUser()
		a := s.jsAccount(u.ID)
		s.ok(s.UnlinkAccount(ctx(s.T), a.Key()))
		s.nothing("getUserByAccount", s.call("getUserByAccount", key(a)))
		_, err := s.GetAccount(ctx(s.T), a.Key())
		s.missing("GetAccount", err)
	}},
	{goToJS, "an account leads to its user", nil, func(s *scene) {
		js, u := s.goUser()
		s.sees("getUserByAccount", s.call("getUserByAccount", key(s.goAccount(u.ID))), js)
	}},
	{goToJS, "an account is read", hasAccount, func(s *scene) {
		_, u := s.goUser()
		js, a := s.account(u.ID)
		_, err := s.LinkAccount(ctx(s.T), a)
		s.ok(err)
		js["id"] = s.accountID(a)
		s.sees("getAccount", s.call("getAccount", a.ProviderAccountID, a.Provider), js)
	}},
	{goToJS, "a sign-up leads to its user", nil, func(s *scene) {
		_, a := s.account("")
		u, _, err := s.CreateUserWithAccount(ctx(s.T), adapter.User{Email: s.email(), Name: "Ada"}, a)
		s.ok(err)
		s.sees("getUserByAccount", s.call("getUserByAccount", key(a)), object{"id": u.ID, "email": u.Email, "name": "Ada"})
	}},
	{goToJS, "an account is unlinked", nil, func(s *scene) {
		_, u := s.goUser()
		a := s.goAccount(u.ID)
		s.call("unlinkAccount", key(a))
		_, err := s.GetAccount(ctx(s.T), a.Key())
		s.missing("GetAccount", err)
		_, err = s.GetUserByAccount(ctx(s.T), a.Key())
		s.missing("GetUserByAccount", err)
		_, err = s.LinkAccount(ctx(s.T), a)
		s.ok(err)
	}},
}

var sessionCases = []record{
	{jsToGo, "a session is read", nil, func(s *scene) {
		_, u := s.jsUser()
		se := s.jsSession(u.ID)
		s.isSession(se)
		_, got, err := s.GetSessionAndUser(ctx(s.T), se.SessionToken)
		s.ok(err)
		s.same("the user of GetSessionAndUser", got, u)
	}},
	{jsToGo, "several sessions are listed", nil, func(s *scene) {
		_, u := s.jsUser()
		s.lists(u.ID, s.jsSession(u.ID), s.jsSession(u.ID), s.goSession(u.ID), s.jsSession(u.ID))
	}},
	{jsToGo, "an expired session is not there", nil, func(s *scene) {
		_, u := s.jsUser()
		token := s.token()
		s.call("createSession", object{"sessionToken": token, "userId": u.ID, "expires": time.Now().Add(-time.Second)})
		_, _, err := s.GetSessionAndUser(ctx(s.T), token)
		s.missing("GetSessionAndUser", err)
		s.lists(u.ID)
	}},
	{jsToGo, "a session is updated", nil, func(s *scene) {
		_, u := s.jsUser()
		se := s.jsSession(u.ID)
		later := noon.Add(24*time.Hour + time.Millisecond)
		got, err := s.UpdateSession(ctx(s.T), se.SessionToken, adapter.SessionUpdate{Expires: &later, Attributes: adapter.Attributes{"ip": "192.0.2.1"}})
		s.ok(err)
		se.Expires, se.Attributes, se.UpdatedAt = later, adapter.Attributes{"ip": "192.0.2.1"}, got.UpdatedAt
		s.same("UpdateSession", got, se)
		s.isSession(se)
		s.seesSession(se)
	}},
	{jsToGo, "a person is signed out", nil, func(s *scene) {
		_, u := s.jsUser()
		se, other := s.jsSession(u.ID), s.jsSession(u.ID)
		s.ok(s.DeleteSession(ctx(s.T), se.SessionToken))
		s.signedOut(se)
		s.isSession(other)
		s.seesSession(other)
	}},
	{jsToGo, "a listed session is ended", nil, func(s *scene) {
		_, u := s.jsUser()
		se, other := s.jsSession(u.ID), s.jsSession(u.ID)
		s.ok(s.DeleteSessionByID(ctx(s.T), u.ID, se.ID))
		s.signedOut(se)
		s.seesSession(other)
	}},
	{jsToGo, "a person is signed out everywhere else", nil, func(s *scene) {
		_, u := s.jsUser()
		var all []adapter.Session
		for range 5 {
			all = append(all, s.jsSession(u.ID), s.goSession(u.ID))
		}
		kept := s.jsSession(u.ID)
		_, other := s.jsUser()
		theirs := s.jsSession(other.ID)
		s.ok(s.DeleteSessions(ctx(s.T), u.ID, kept.SessionToken))
		s.signedOut(all...)
		s.seesSession(kept)
		s.seesSession(theirs)
		s.ok(s.DeleteSessions(ctx(s.T), u.ID))
		s.signedOut(kept)
	}},
	{goToJS, "a session is read", nil, func(s *scene) {
		js, u := s.goUser()
		se := s.goSession(u.ID)
		s.seesSession(se)
		s.sees("the user of getSessionAndUser", s.call("getSessionAndUser", se.SessionToken).(object)["user"], js)
	}},
	{goToJS, "a session with a token of Auth.js's form is read", nil, func(s *scene) {
		_, u := s.goUser()
		se, err := s.CreateSession(ctx(s.T), adapter.Session{
			UserID: u.ID, SessionToken: s.token(), Expires: noon, Attributes: adapter.Attributes{"ip": "192.0.2.1"},
		})
		s.ok(err)
		s.seesSession(se)
	}},
	{goToJS, "a session is updated", nil, func(s *scene) {
		_, u := s.goUser()
		se := s.goSession(u.ID)
		se.Expires = noon.Add(24*time.Hour + time.Millisecond)
		s.call("updateSession", object{"sessionToken": se.SessionToken, "expires": se.Expires})
		s.isSession(se)
		s.seesSession(se)
		s.lists(u.ID, se)
	}},
	{goToJS, "a person is signed out", nil, func(s *scene) {
		_, u := s.goUser()
		se, other := s.goSession(u.ID), s.goSession(u.ID)
		s.call("deleteSession", se.SessionToken)
		s.signedOut(se)
		s.isSession(other)
		s.lists(u.ID, other)
	}},
}

var linkCases = []record{
	{jsToGo, "a verification token is used once", nil, func(s *scene) {
		v := s.jsLink(noon)
		got, err := s.UseVerificationToken(ctx(s.T), v.Identifier, v.Token)
		s.ok(err)
		s.same("UseVerificationToken", got, v)
		s.used(v)
	}},
	{jsToGo, "an expired verification token is not usable", nil, func(s *scene) {
		v := s.jsLink(adapter.Milliseconds(time.Now().Add(-time.Second)))
		_, err := s.UseVerificationToken(ctx(s.T), v.Identifier, v.Token)
		s.missing("UseVerificationToken", err)
	}},
	{jsToGo, "earlier verification tokens become void", nil, func(s *scene) {
		v, other := s.jsLink(noon), s.jsLink(noon)
		s.call("createVerificationToken", object{"identifier": v.Identifier, "token": "second", "expires": noon})
		s.ok(s.DeleteVerificationTokens(ctx(s.T), v.Identifier))
		s.used(v)
		s.nothing("useVerificationToken", s.call("useVerificationToken", object{"identifier": v.Identifier, "token": "second"}))
		_, err := s.UseVerificationToken(ctx(s.T), other.Identifier, other.Token)
		s.ok(err)
	}},
	{goToJS, "a verification token is used once", nil, func(s *scene) {
		v, err := s.CreateVerificationToken(ctx(s.T), adapter.VerificationToken{
			Identifier: s.email(), Token: adapter.HashVerificationToken(s.token(), "secret"), Expires: noon,
		})
		s.ok(err)
		got := s.call("useVerificationToken", object{"identifier": v.Identifier, "token": v.Token})
		s.sees("useVerificationToken", got, object{"identifier": v.Identifier, "token": v.Token, "expires": s.expires(noon)})
		s.used(v)
	}},
}

// jsLink has JavaScript make a verification token.
func (s *scene) jsLink(expires time.Time) adapter.VerificationToken {
	s.Helper()
	v := adapter.VerificationToken{Identifier: s.email(), Token: adapter.HashVerificationToken(s.token(), "secret"), Expires: expires}
	s.call("createVerificationToken", object{"identifier": v.Identifier, "token": v.Token, "expires": v.Expires})
	return v
}

// used fails the case unless a verification token is gone for both sides.
func (s *scene) used(v adapter.VerificationToken) {
	s.Helper()
	_, err := s.UseVerificationToken(ctx(s.T), v.Identifier, v.Token)
	s.missing("UseVerificationToken", err)
	s.nothing("useVerificationToken", s.call("useVerificationToken", object{"identifier": v.Identifier, "token": v.Token}))
}

// passkey returns an authenticator as both sides should see it, with attributes, which no
// JavaScript adapter knows. Its ID has what base64 has beside letters and digits.
func (s *scene) passkey(userID string) (object, adapter.Authenticator) {
	id := "/" + s.unique("aB+//cd") + "/x=="
	return object{
			"credentialID": id, "userId": userID, "providerAccountId": id, "credentialPublicKey": "pQECAyYgASFYIA+/==", "counter": 7,
			"credentialDeviceType": "multiDevice", "credentialBackedUp": true, "transports": "internal,hybrid",
			"name": "Ada's phone", "flags": object{"userVerified": true, "raw": 29},
		}, adapter.Authenticator{
			CredentialID: id, UserID: userID, ProviderAccountID: id, CredentialPublicKey: "pQECAyYgASFYIA+/==", Counter: 7,
			CredentialDeviceType: "multiDevice", CredentialBackedUp: true, Transports: []string{"internal", "hybrid"},
			Attributes: adapter.Attributes{"name": "Ada's phone", "flags": map[string]any{"userVerified": true, "raw": int64(29)}},
		}
}

var passkeyCases = []record{
	{jsToGo, "a passkey is read, listed, counted and deleted", hasPasskeys, func(s *scene) {
		_, u := s.jsUser()
		js, want := s.passkey(u.ID)
		s.call("createAuthenticator", js)
		got, err := s.GetAuthenticator(ctx(s.T), want.CredentialID)
		s.ok(err)
		s.same("GetAuthenticator", got, want)
		all, err := s.ListAuthenticators(ctx(s.T), u.ID)
		s.ok(err)
		s.same("ListAuthenticators", all, []adapter.Authenticator{want})
		_, err = s.UpdateAuthenticatorCounter(ctx(s.T), want.CredentialID, 8)
		s.ok(err)
		_, err = s.UpdateAuthenticator(ctx(s.T), want.CredentialID, adapter.AuthenticatorUpdate{
			CredentialBackedUp: new(false), Transports: &[]string{"usb"}, Attributes: adapter.Attributes{"name": "key"},
		})
		s.ok(err)
		js["counter"], js["credentialBackedUp"], js["transports"], js["name"] = 8, false, "usb", "key"
		s.sees("getAuthenticator", s.call("getAuthenticator", want.CredentialID), js)
		s.ok(s.DeleteAuthenticator(ctx(s.T), want.CredentialID))
		s.nothing("getAuthenticator", s.call("getAuthenticator", want.CredentialID))
		s.same("listAuthenticatorsByUserId", len(s.call("listAuthenticatorsByUserId", u.ID).([]any)), 0)
	}},
	{goToJS, "passkeys are read, listed and counted", hasPasskeys, func(s *scene) {
		_, u := s.goUser()
		js, want := s.passkey(u.ID)
		made, err := s.CreateAuthenticator(ctx(s.T), want)
		s.ok(err)
		want.CreatedAt, want.UpdatedAt = made.CreatedAt, made.UpdatedAt
		_, second := s.passkey(u.ID)
		_, err = s.CreateAuthenticator(ctx(s.T), second)
		s.ok(err)
		s.sees("getAuthenticator", s.call("getAuthenticator", want.CredentialID), js)
		s.same("listAuthenticatorsByUserId", len(s.call("listAuthenticatorsByUserId", u.ID).([]any)), 2)
		s.call("updateAuthenticatorCounter", want.CredentialID, 9)
		want.Counter = 9
		got, err := s.GetAuthenticator(ctx(s.T), want.CredentialID)
		s.ok(err)
		s.same("GetAuthenticator", got, want)
		all, err := s.ListAuthenticators(ctx(s.T), u.ID)
		s.ok(err)
		s.same("authenticators", len(all), 2)
	}},
}
