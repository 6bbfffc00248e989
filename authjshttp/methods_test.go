package authjshttp

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
)

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func with(o object, more object) object {
	o = maps.Clone(o)
	maps.Copy(o, more)
	return o
}

var ada = object{"name": "Ada", "email": "Ada@Example.com", "emailVerified": date(past), "image": "https://example.com/ada.png"}

func id(user any) string { return user.(object)["id"].(string) }

func TestUsers(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	roles := object{"https://example.com/roles": []any{"admin", object{"since": date(past), "$date": "text"}}, "age": 37.5, "none": nil}
	u := s.call("createUser", with(with(ada, roles), object{"id": "of Auth.js"}))
	want := with(with(ada, roles), object{"id": id(u), "email": "ada@example.com"})
	same(t, "createUser", u, want)
	if id(u) == "of Auth.js" {
		t.Error("the ID of Auth.js was taken")
	}
	same(t, "getUser", s.call("getUser", id(u)), want)
	same(t, "getUserByEmail", s.call("getUserByEmail", "ADA@example.com"), want)
	want["name"], want["age"] = nil, 38.0
	same(t, "updateUser", s.call("updateUser", object{"id": id(u), "name": nil, "age": 38}), want)
	same(t, "getUser", s.call("getUser", id(u)), want)
	same(t, "deleteUser", s.call("deleteUser", id(u)), nil)
	same(t, "deleteUser again", s.call("deleteUser", id(u)), nil)
	same(t, "getUser", s.call("getUser", id(u)), nil)
	same(t, "getUserByEmail", s.call("getUserByEmail", "ada@example.com"), nil)
	s.fails(http.StatusNotFound, "not_found", "updateUser", object{"id": id(u), "name": "Ada"})

	bare := s.call("createUser", object{"email": "$object", "$object": object{"a": 1.0}})
	same(t, "a user of one name and a tag", bare.(object)["$object"], object{"a": 1.0})
	same(t, "what is not set", bare.(object)["emailVerified"], nil)
}

// A tag that is the only member of an object is another object's.
func TestObjectsThatLookLikeTags(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	inner := object{"$object": object{"$date": "text"}}
	u := s.call("createUser", with(ada, object{"odd": inner, "odder": object{"$object": object{"$object": 1.0}}}))
	same(t, "odd", u.(object)["odd"], inner)
	same(t, "odder", u.(object)["odder"], object{"$object": object{"$object": 1.0}})
}

func TestAccounts(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	u := s.call("createUser", ada)
	key := object{"provider": "github", "providerAccountId": "42"}
	account := with(key, object{
		"userId": id(u), "type": "oauth", "access_token": "a", "expires_at": 1e9, "refresh_token": "r", "id_token": "i",
		"scope": "s", "token_type": "bearer", "session_state": "t", "custom": true,
	})
	same(t, "linkAccount", s.call("linkAccount", account), account)
	same(t, "getAccount", s.call("getAccount", "42", "github"), account)
	same(t, "getAccount, the other way round", s.call("getAccount", "github", "42"), nil)
	same(t, "getUserByAccount", s.call("getUserByAccount", key), u)
	same(t, "unlinkAccount", s.call("unlinkAccount", key), nil)
	same(t, "getUserByAccount", s.call("getUserByAccount", key), nil)

	// What providers send: numbers, and digits.
	w := s.send(request("linkAccount", `[{"userId":"`+id(u)+`","type":"oauth","provider":"github","providerAccountId":42,"expires_at":"1000000000","id":"x","scope":null}]`))
	same(t, "status", w.Code, http.StatusOK)
	linked := s.call("getAccount", "42", "github")
	same(t, "a linked account", linked, with(key, object{"userId": id(u), "type": "oauth", "expires_at": 1e9}))
}

func TestSessions(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	u := s.call("createUser", ada)
	session := object{"sessionToken": "made by Auth.js", "userId": id(u), "expires": date(future)}
	same(t, "createSession", s.call("createSession", session), session)
	same(t, "getSessionAndUser", s.call("getSessionAndUser", "made by Auth.js"), object{"session": session, "user": u})
	session["expires"] = date("2121-01-02T03:04:05.678Z")
	same(t, "updateSession", s.call("updateSession", with(session, object{"device": "x"})), with(session, object{"device": "x"}))
	s.fails(http.StatusUnprocessableEntity, "invalid", "updateSession", object{"sessionToken": "made by Auth.js", "userId": "another"})
	same(t, "deleteSession", s.call("deleteSession", "made by Auth.js"), with(session, object{"device": "x"}))
	same(t, "deleteSession again", s.call("deleteSession", "made by Auth.js"), nil)
	same(t, "getSessionAndUser", s.call("getSessionAndUser", "made by Auth.js"), nil)
	same(t, "updateSession of none", s.call("updateSession", session), nil)
	s.call("createSession", with(session, object{"expires": date(past)}))
	same(t, "a session that has expired", s.call("getSessionAndUser", "made by Auth.js"), nil)
}

func TestVerificationTokens(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	token := object{"identifier": "ada@example.com", "token": "hashed", "expires": date(future)}
	which := object{"identifier": "ada@example.com", "token": "hashed"}
	same(t, "createVerificationToken", s.call("createVerificationToken", token), token)
	same(t, "another token", s.call("useVerificationToken", with(which, object{"token": "other"})), nil)
	same(t, "no identifier", s.call("useVerificationToken", object{"token": "hashed"}), nil)
	same(t, "useVerificationToken", s.call("useVerificationToken", which), token)
	same(t, "used again", s.call("useVerificationToken", which), nil)
	s.call("createVerificationToken", with(token, object{"expires": date(past)}))
	same(t, "one that has expired", s.call("useVerificationToken", which), nil)
	s.fails(http.StatusUnprocessableEntity, "invalid", "createVerificationToken", with(token, object{"role": "admin"}))
}

func TestAuthenticators(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	u := s.call("createUser", ada)
	a := object{
		"credentialID": "c", "userId": id(u), "providerAccountId": "c", "credentialPublicKey": "k", "counter": 1.0,
		"credentialDeviceType": "multiDevice", "credentialBackedUp": true, "transports": "internal,hybrid", "name": "phone",
	}
	same(t, "createAuthenticator", s.call("createAuthenticator", a), a)
	same(t, "getAuthenticator", s.call("getAuthenticator", "c"), a)
	same(t, "listAuthenticatorsByUserId", s.call("listAuthenticatorsByUserId", id(u)), []any{a})
	a["counter"] = 2.0
	same(t, "updateAuthenticatorCounter", s.call("updateAuthenticatorCounter", "c", 2), a)
	same(t, "the field", s.fails(http.StatusConflict, "conflict", "updateAuthenticatorCounter", "c", 2)["field"], "Authenticator.Counter")
	s.fails(http.StatusNotFound, "not_found", "updateAuthenticatorCounter", "other", 2)
	s.fails(http.StatusUnprocessableEntity, "invalid", "updateAuthenticatorCounter", "c", -1)
	same(t, "getAuthenticator of none", s.call("getAuthenticator", "other"), nil)
	same(t, "list of nobody", s.call("listAuthenticatorsByUserId", "nobody"), []any{})
	bare := object{"credentialID": "d", "userId": id(u), "credentialPublicKey": "k", "counter": 0.0, "credentialBackedUp": false, "transports": nil}
	same(t, "one without transports", s.call("createAuthenticator", bare), bare)
}

func TestDeletingAUserTakesAllWithIt(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	u := s.call("createUser", ada)
	s.call("linkAccount", object{"userId": id(u), "type": "oauth", "provider": "p", "providerAccountId": "a"})
	s.call("createSession", object{"sessionToken": "t", "userId": id(u), "expires": date(future)})
	s.call("createAuthenticator", object{"credentialID": "c", "userId": id(u), "credentialPublicKey": "k", "counter": 0.0, "credentialBackedUp": false, "transports": nil})
	s.call("deleteUser", id(u))
	same(t, "its session", s.call("getSessionAndUser", "t"), nil)
	same(t, "its account", s.call("getAccount", "a", "p"), nil)
	same(t, "its passkey", s.call("getAuthenticator", "c"), nil)
	s.call("createUser", ada)
}

func TestSignUpIsOneStep(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	u := s.call("newUser", with(ada, object{"emailVerified": nil, "role": "x"}))
	same(t, "newUser", u, with(ada, object{"id": id(u), "email": "ada@example.com", "emailVerified": nil, "role": "x"}))
	same(t, "what newUser has stored", s.call("getUser", id(u)), nil)
	account := object{"userId": id(u), "type": "oauth", "provider": "p", "providerAccountId": "a"}
	same(t, "signUp", s.call("signUp", u, account), u)
	same(t, "the account", s.call("getAccount", "a", "p"), account)
	same(t, "the user", s.call("getUserByAccount", object{"provider": "p", "providerAccountId": "a"}), u)
	other := s.call("newUser", ada)
	same(t, "the field", s.fails(http.StatusConflict, "conflict", "signUp", other, with(account, object{"userId": id(other), "providerAccountId": "b"}))["field"], "User.Email")
	same(t, "the account of a sign-up that was refused", s.call("getAccount", "b", "p"), nil)
	ben := s.call("newUser", object{"email": "ben@example.com"})
	same(t, "signUp without an account", s.call("signUp", ben, nil), ben)
	same(t, "the user", s.call("getUser", id(ben)), ben)
	s.fails(http.StatusUnprocessableEntity, "invalid", "signUp", object{"email": "cleo@example.com"}, nil)
}

func TestUserOfAVerifiedAddress(t *testing.T) {
	s := newService(t, newStore(t), Options{})
	first := s.call("createVerifiedUser", ada)
	same(t, "the second click", s.call("createVerifiedUser", with(ada, object{"emailVerified": date(future)})), first)
	s.call("createUser", object{"email": "ben@example.com", "name": "Ben"})
	ben := s.call("createVerifiedUser", object{"email": "Ben@example.com", "emailVerified": date(past)})
	same(t, "when the address of one who was there is verified", ben.(object)["emailVerified"], date(past))
	same(t, "the rest", ben.(object)["name"], "Ben")
	s.fails(http.StatusUnprocessableEntity, "invalid", "createVerifiedUser", object{"email": "cleo@example.com"})
	same(t, "an address that is not verified", s.call("getUserByEmail", "cleo@example.com"), nil)
}

func TestMalformedRequestsWriteNothing(t *testing.T) {
	store := &hooked{Adapter: newStore(t)}
	s := newService(t, store, Options{MaxBody: 200})
	for _, test := range []struct {
		name, method, body string
		status             int
		kind               string
	}{
		{"nothing", "createUser", ``, 400, "malformed"},
		{"no array", "createUser", `{"email":"a@example.com"}`, 400, "malformed"},
		{"null", "createUser", `null`, 400, "malformed"},
		{"cut", "createUser", `[{"email":"a@example.com"}`, 400, "malformed"},
		{"something after it", "createUser", `[{"email":"a@example.com"}] []`, 400, "malformed"},
		{"no arguments", "createUser", `[]`, 400, "malformed"},
		{"too many", "createUser", `[{"email":"a@example.com"},{}]`, 400, "malformed"},
		{"not UTF-8", "createUser", "[{\"email\":\"\xff@example.com\"}]", 400, "malformed"},
		{"half a character", "createUser", `[{"email":"\ud800@example.com"}]`, 400, "malformed"},
		{"the other half", "createUser", `[{"email":"\\\udc00@example.com"}]`, 400, "malformed"},
		{"no date", "createUser", `[{"emailVerified":{"$date":"yesterday"}}]`, 400, "malformed"},
		{"no number", "createUser", `[{"age":1e999}]`, 400, "malformed"},
		{"too large", "createUser", `[{"email":"` + string(make([]byte, 200)) + `"}]`, 413, "too_large"},
		{"no object", "createUser", `["a@example.com"]`, 422, "invalid"},
		{"no text", "createUser", `[{"email":["a@example.com"]}]`, 422, "invalid"},
		{"a date in text", "createUser", `[{"emailVerified":"2020-01-02T03:04:05.678Z"}]`, 422, "invalid"},
		{"a number as a key", "getUser", `[true]`, 422, "invalid"},
		{"unknown", "dropUsers", `[]`, 404, "unknown_method"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.t = t
			s.failed(test.status, test.kind, s.send(request(test.method, test.body)))
		})
	}
	same(t, "calls of the store", store.calls, 0)
	// Both halves are one.
	u := s.send(request("createUser", `[{"name":"\ud83d\ude00 \\ud800"}]`))
	same(t, "the name", parse(t, u.Body.Bytes()).(object)["name"], "\U0001f600 \\ud800")
}

func TestOnlyPostsOfJSON(t *testing.T) {
	store := &hooked{Adapter: newStore(t)}
	s := newService(t, store, Options{})
	get := request("createUser", `[{}]`)
	get.Method = http.MethodGet
	s.failed(http.StatusMethodNotAllowed, "malformed", s.send(get))
	form := request("createUser", `[{}]`)
	form.Header.Set("Content-Type", "text/plain")
	s.failed(http.StatusUnsupportedMediaType, "malformed", s.send(form))
	s.failed(http.StatusNotFound, "unknown_method", s.send(httptest.NewRequest(http.MethodGet, "/", nil)))
	same(t, "calls of the store", store.calls, 0)
}
