package interop

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/authjs"
)

// scene is a case at work: its own people on a pair.
type scene struct {
	*testing.T
	*pair
	n int
}

// noon is a time with milliseconds, in the future.
var noon = time.Date(2041, 5, 6, 12, 0, 0, 678e6, time.UTC)

// unique returns a text that no other case has.
func (s *scene) unique(what string) string {
	s.n++
	name := strings.NewReplacer("/", "-", " ", "-", "_", "-", ",", "", ":", "").Replace(strings.ToLower(s.Name()))
	return fmt.Sprintf("%s-%s-%d", what, name[strings.LastIndex(name, "-to-")+1:], s.n)
}

func (s *scene) email() string { return s.unique("ada") + "@example.com" }

// token returns a session token as Auth.js makes them, a random UUID.
func (s *scene) token() string { return adapter.Options{}.WithDefaults().NewID() }

// call calls the JavaScript adapter.
func (s *scene) call(method string, args ...any) any {
	s.Helper()
	return s.js(s.T, method, args...)
}

// nothingStrange fails the case if JavaScript answers a call with properties that nobody
// stored: those of a prototype.
func (s *scene) nothingStrange(method string, args ...any) {
	s.Helper()
	names, err := s.oracle.do("strange", object{"handle": s.handle, "method": method, "args": args})
	s.ok(err)
	if all, ok := names.([]any); !ok || len(all) > 0 {
		s.Errorf("JavaScript: %s has these properties: %v", method, names)
	}
}

// ok fails the case at once if there is an error.
func (s *scene) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// missing fails the case unless err says that there is no such record.
func (s *scene) missing(what string, err error) {
	s.Helper()
	if !errors.Is(err, adapter.ErrNotFound) {
		s.Errorf("%s: got %v, want ErrNotFound", what, err)
	}
}

// nothing fails the case unless JavaScript has found nothing.
func (s *scene) nothing(what string, got any) {
	s.Helper()
	if got != nil && got != (undefined{}) {
		s.Errorf("JavaScript: %s: got %v, want null", what, got)
	}
}

// same fails the case unless Go's value is as wanted.
func (s *scene) same(what string, got, want any) {
	s.Helper()
	options := cmp.Options{cmpopts.EquateEmpty()}
	if s.store.stamps {
		options = append(options, cmp.FilterPath(isStamp, cmp.Ignore()))
	}
	if diff := cmp.Diff(want, got, options); diff != "" {
		s.Errorf("%s: (-want +got)\n%s", what, diff)
	}
}

// isStamp reports whether a path is to a record's time of creation or change.
func isStamp(p cmp.Path) bool {
	name := p.Last().String()
	return name == ".CreatedAt" || name == ".UpdatedAt"
}

// added are the members that JavaScript may see beside those that it would have written
// itself, with the types of their values.
var added = map[string]any{"createdAt": time.Time{}, "updatedAt": time.Time{}}

// sees fails the case unless a JavaScript object has the members that are wanted, with
// their types, and beside them only those that are added or empty.
func (s *scene) sees(what string, got any, want object) {
	s.Helper()
	o, ok := got.(object)
	if !ok {
		s.Errorf("JavaScript: %s: got %v, want an object", what, got)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		have, want := o[name], numbers(want[name])
		if want == nil && empty(o, name) {
			continue
		}
		if diff := cmp.Diff(want, have); diff != "" {
			s.Errorf("JavaScript: %s: %s: (-want +got)\n%s", what, name, diff)
		}
	}
	for name, v := range o {
		if _, wanted := want[name]; wanted || empty(o, name) {
			continue
		}
		if slices.ContainsFunc(s.store.adds, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) || s.store.custom && slices.Contains(s.store.addsWithOtherNames, name) {
			continue
		}
		if kind, known := added[name]; !known || reflect.TypeOf(v) != reflect.TypeOf(kind) {
			s.Errorf("JavaScript: %s: got the member %s = %v, which it would not have written", what, name, v)
		}
	}
}

// empty reports whether a member is not there, null or undefined, which are one to
// Auth.js.
func empty(o object, name string) bool {
	v, there := o[name]
	return !there || v == nil || v == undefined{}
}

// numbers returns v with every number as JavaScript has it.
func numbers(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = numbers(e)
		}
		return all
	case object:
		all := object{}
		for name, e := range v {
			all[name] = numbers(e)
		}
		return all
	}
	return v
}

// attributes are those that an application might add to a user, as JavaScript has them
// and as Go has them.
func (s *scene) attributes() (object, adapter.Attributes) {
	js := object{
		"role": "admin", "logins": 42, "balance": -2.5, "big": float64(1<<53 - 1), "active": true, "manager": nil, "born": noon.AddDate(-50, 0, 0),
		"empty": "", "zip": "08001", "notADate": "2041-05-06", "groups": []any{"staff", 7, nil, []any{}, object{"deep": true}},
		"address": object{"city": "Zürich 👩‍💻", "geo": []any{47.5, 8.25}, "zip": nil, "none": object{}},
	}
	gO := adapter.Attributes{
		"role": "admin", "logins": int64(42), "balance": -2.5, "big": int64(1<<53 - 1), "active": true, "manager": nil, "born": noon.AddDate(-50, 0, 0),
		"empty": "", "zip": "08001", "notADate": "2041-05-06", "groups": []any{"staff", int64(7), nil, []any{}, map[string]any{"deep": true}},
		"address": map[string]any{"city": "Zürich 👩‍💻", "geo": []any{47.5, 8.25}, "zip": nil, "none": map[string]any{}},
	}
	if s.store.nestedDates {
		js["address"].(object)["since"] = noon
		gO["address"].(map[string]any)["since"] = noon
	}
	if s.store.noEmptyText {
		js["empty"], gO["empty"] = nil, nil
	}
	return js, gO
}

// read returns what JavaScript reads of what it has written, or Go has.
func (s *scene) read(js object) object {
	all := maps.Clone(js)
	if address, ok := all["address"].(object); ok {
		address = maps.Clone(address)
		if since, ok := address["since"].(time.Time); ok {
			address["since"] = s.store.nested(since)
		}
		all["address"] = address
	}
	return all
}

// jsUser has JavaScript make a user with everything, as Auth.js calls its adapter, and
// returns it as both sides should see it.
func (s *scene) jsUser() (object, adapter.User) {
	s.Helper()
	email := s.email()
	js, attributes := s.attributes()
	maps.Copy(js, object{
		"id": adapter.Options{}.WithDefaults().NewID(), "name": "Ada 👩‍💻 Lovelace, עדה", "email": email, "emailVerified": noon, "image": "https://example.com/a?b=1&c#d",
	})
	made, ok := s.call("createUser", js).(object)
	if !ok {
		s.Fatal("JavaScript: createUser: got no object")
	}
	id, ok := made["id"].(string)
	if !ok {
		s.Fatalf("JavaScript: createUser: got the ID %v", made["id"])
	}
	js["id"] = id
	return s.read(js), adapter.User{
		ID: id, Name: js["name"].(string), Email: email, EmailVerified: noon, Image: js["image"].(string), Attributes: attributes,
	}
}

// goUser has Go make the same.
func (s *scene) goUser() (object, adapter.User) {
	s.Helper()
	js, attributes := s.attributes()
	u, err := s.CreateUser(ctx(s.T), adapter.User{
		Name: "Ada 👩‍💻 Lovelace, עדה", Email: s.email(), EmailVerified: noon, Image: "https://example.com/a?b=1&c#d", Attributes: attributes,
	})
	s.ok(err)
	maps.Copy(js, authjs.User(u))
	return s.read(js), u
}

// isUser fails the case unless Go reads a user as wanted, by ID and by address. What
// JavaScript does not write, Go has as the zero value.
func (s *scene) isUser(want adapter.User) {
	s.Helper()
	got, err := s.GetUser(ctx(s.T), want.ID)
	s.ok(err)
	s.same("GetUser", got, want)
	if want.Email != "" {
		got, err = s.GetUserByEmail(ctx(s.T), want.Email)
		s.ok(err)
		s.same("GetUserByEmail", got, want)
	}
}

// seesUser fails the case unless JavaScript reads a user as wanted, by ID and by
// address.
func (s *scene) seesUser(want object) {
	s.Helper()
	s.sees("getUser", s.call("getUser", want["id"]), want)
	if want["email"] != nil {
		s.sees("getUserByEmail", s.call("getUserByEmail", want["email"]), want)
	}
}

// account returns an account as both sides should see it.
func (s *scene) account(userID string) (object, adapter.Account) {
	id := s.unique("octocat")
	js := object{
		"userId": userID, "type": "oidc", "provider": "github", "providerAccountId": id, "refresh_token": "refresh-" + id, "access_token": "access-" + id,
		"expires_at": int(noon.Unix()), "token_type": "bearer", "scope": "openid profile", "id_token": "e30.e30.x", "session_state": "state",
		"tenant": "t1", "refresh_token_expires_in": 15897600,
	}
	return js, adapter.Account{
		UserID: userID, Type: adapter.AccountOIDC, Provider: "github", ProviderAccountID: id, RefreshToken: "refresh-" + id, AccessToken: "access-" + id,
		ExpiresAt: noon.Unix(), TokenType: "bearer", Scope: "openid profile", IDToken: "e30.e30.x", SessionState: "state",
		Attributes: adapter.Attributes{"tenant": "t1", "refresh_token_expires_in": int64(15897600)},
	}
}

// jsAccount has JavaScript link an account.
func (s *scene) jsAccount(userID string) adapter.Account {
	s.Helper()
	js, want := s.account(userID)
	s.call("linkAccount", js)
	return want
}

func (s *scene) goAccount(userID string) adapter.Account {
	s.Helper()
	_, a := s.account(userID)
	a, err := s.LinkAccount(ctx(s.T), a)
	s.ok(err)
	return a
}

func key(a adapter.Account) object {
	return object{"provider": a.Provider, "providerAccountId": a.ProviderAccountID}
}

// jsSession has JavaScript make a session.
func (s *scene) jsSession(userID string) adapter.Session {
	s.Helper()
	token := s.token()
	s.call("createSession", object{"sessionToken": token, "userId": userID, "expires": noon})
	return adapter.Session{ID: adapter.SessionID(token), SessionToken: token, UserID: userID, Expires: noon}
}

// goSession has Go make one with a token of its own form.
func (s *scene) goSession(userID string) adapter.Session {
	s.Helper()
	se, err := s.CreateSession(ctx(s.T), adapter.Session{UserID: userID, Expires: noon})
	s.ok(err)
	return se
}

// isSession fails the case unless a session opens to Go, as wanted.
func (s *scene) isSession(want adapter.Session) {
	s.Helper()
	got, u, err := s.GetSessionAndUser(ctx(s.T), want.SessionToken)
	s.ok(err)
	s.same("GetSessionAndUser", got, want)
	s.same("the user of GetSessionAndUser", u.ID, want.UserID)
}

// seesSession fails the case unless a session opens to JavaScript.
func (s *scene) seesSession(se adapter.Session) {
	s.Helper()
	both, ok := s.call("getSessionAndUser", se.SessionToken).(object)
	if !ok {
		s.Errorf("JavaScript: getSessionAndUser: got null")
		return
	}
	want := authjs.Session(se)
	want["id"] = both["session"].(object)["id"]
	if rounded := s.expires(se.Expires); both["session"].(object)["expires"] == any(rounded) {
		want["expires"] = rounded // where Go wrote it last
	}
	for name, v := range se.Attributes {
		want[name] = v
	}
	s.sees("the session of getSessionAndUser", both["session"], want)
	s.same("the user of JavaScript's getSessionAndUser", both["user"].(object)["id"], any(se.UserID))
}

// expires returns the time of expiry that JavaScript reads where Go has written it, or
// itself if JavaScript may have.
func (s *scene) expires(t time.Time) time.Time {
	if !s.store.wholeSeconds {
		return t
	}
	return t.Add(time.Second - 1).Truncate(time.Second)
}

// signedOut fails the case unless sessions open to nobody.
func (s *scene) signedOut(all ...adapter.Session) {
	s.Helper()
	for _, se := range all {
		_, _, err := s.GetSessionAndUser(ctx(s.T), se.SessionToken)
		s.missing("GetSessionAndUser", err)
		s.nothing("getSessionAndUser", s.call("getSessionAndUser", se.SessionToken))
	}
}

// lists fails the case unless Go lists these sessions of a user.
func (s *scene) lists(userID string, want ...adapter.Session) {
	s.Helper()
	got, err := s.ListSessions(ctx(s.T), userID)
	s.ok(err)
	for i := range want {
		want[i].SessionToken = ""
	}
	byID := func(a, b adapter.Session) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(got, byID)
	slices.SortFunc(want, byID)
	s.same("ListSessions", got, want)
}

// gone fails the case unless nothing of a user can be reached from either side.
func (s *scene) gone(u adapter.User, a adapter.Account, sessions ...adapter.Session) {
	s.Helper()
	_, err := s.GetUser(ctx(s.T), u.ID)
	s.missing("GetUser", err)
	_, err = s.GetUserByEmail(ctx(s.T), u.Email)
	s.missing("GetUserByEmail", err)
	_, err = s.GetUserByAccount(ctx(s.T), a.Key())
	s.missing("GetUserByAccount", err)
	accounts, err := s.ListAccounts(ctx(s.T), u.ID)
	s.ok(err)
	s.same("ListAccounts", len(accounts), 0)
	s.lists(u.ID)
	s.signedOut(sessions...)
	s.nothing("getUser", s.call("getUser", u.ID))
	s.nothing("getUserByEmail", s.call("getUserByEmail", u.Email))
	s.nothing("getUserByAccount", s.call("getUserByAccount", key(a)))

	// All of it is free again.
	heir, err := s.CreateUser(ctx(s.T), adapter.User{Email: u.Email})
	s.ok(err)
	_, err = s.LinkAccount(ctx(s.T), adapter.Account{UserID: heir.ID, Type: a.Type, Provider: a.Provider, ProviderAccountID: a.ProviderAccountID})
	s.ok(err)
}
