package fauna_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/fauna"
	"github.com/authstore/authstore/internal/silent"
)

// Tests of documents that other programs have written, with values of Fauna's own types. The
// suite tests what is the same on every store.

// ada is the ID of a user that another program has made.
const ada = "412345678901234567"

// Values of Fauna's own types do not prevent a sign-in, and stay as they are.
func TestValuesOfFaunasOwnTypes(t *testing.T) {
	s := newPlainFixture(t, "own-types")
	ctx := t.Context()
	s.fql(`
		let gone = Collection("User").create({ id: "400000000000000001" })
		gone.delete()
		let team = Collection("User").create({ id: "400000000000000002", name: Bytes("AQID"), email: Date("2099-01-02"), image: gone, emailVerified: Date("2099-01-02"), createdAt: gone })
		Collection("User").create({
			id: ${id}, name: Date("2099-01-02"), image: team, email: "ada@example.com", emailVerified: Date("2099-01-02"), createdAt: Bytes("AQID"), updatedAt: gone,
			birthday: Date("2001-02-03"), team: team, gone: gone, key: Bytes("AQID"), teams: [team], nested: { team: team }, precise: Time("2099-01-02T03:04:05.678901234Z"), role: "admin" })
		Collection("Account").create({ userId: ${id}, type: team, provider: "github", providerAccountId: "1", access_token: Bytes("AQID"), expires_at: Date("2100-01-01"), scope: gone, refresh_token: team, id_token: Date("2099-01-02") })
		Collection("Session").create({ userId: ${id}, sessionToken: "token", expires: Date("2101-01-01"), createdAt: team })
		null`, map[string]any{"id": ada})
	day := time.Date(2099, 1, 2, 0, 0, 0, 0, time.UTC)
	want := adapter.User{
		ID: ada, Email: "ada@example.com", EmailVerified: day,
		Attributes: adapter.Attributes{"birthday": time.Date(2001, 2, 3, 0, 0, 0, 0, time.UTC), "precise": day.Add(3*time.Hour + 4*time.Minute + 5678*time.Millisecond), "role": "admin"},
	}
	session, u, err := s.GetSessionAndUser(ctx, "token")
	check(t, err)
	same(t, "the user", u, want)
	same(t, "the expiry", session.Expires, time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC))
	u, err = s.GetUserByAccount(ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
	check(t, err)
	same(t, "the account's user", u, want)
	accounts, err := s.ListAccounts(ctx, ada)
	check(t, err)
	same(t, "the accounts", accounts, []adapter.Account{{UserID: ada, Provider: "github", ProviderAccountID: "1", ExpiresAt: 4102444800}})
	_, err = s.GetUser(ctx, "400000000000000002")
	check(t, err)

	_, err = s.UpdateUser(ctx, ada, adapter.UserUpdate{Attributes: u.Attributes})
	check(t, err)
	_, err = s.UpdateSession(ctx, "token", adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "192.0.2.1"}})
	check(t, err)
	same(t, "what an update leaves", s.fql(`
		let u: Any = Collection("User").byId(${id})
		let s: Any = Collection("Session").all().first()
		[u.team == Collection("User").byId("400000000000000002"), u.teams[0].id.toString(), u.nested.team.id.toString(), u.key == Bytes("AQID"), u.name == Date("2099-01-02"), s.expires == Date("2101-01-01")]`,
		map[string]any{"id": ada}), []any{true, "400000000000000002", "400000000000000002", true, true, true})
}

// A userId may be a reference to the user, which is how applications model it that use Fauna for
// more than authentication.
func TestReferencesToUsers(t *testing.T) {
	s := newPlainFixture(t, "references")
	ctx := t.Context()
	make := func(id string) {
		s.fql(`
			let u: Any = Collection("User").create({ id: ${id}, email: ${id} + "@example.com" })
			Collection("Account").create({ userId: u, type: "oauth", provider: "github", providerAccountId: ${id} })
			Collection("Session").create({ userId: u, sessionToken: "a" + ${id}, expires: Time("2101-01-01T00:00:00Z") })
			Collection("Session").create({ userId: u, sessionToken: "b" + ${id}, expires: Time("2101-01-01T00:00:00Z") })
			Collection("Authenticator").create({ userId: u, credentialID: ${id}, credentialPublicKey: "k", counter: 1 })
			null`, map[string]any{"id": id})
	}
	make(ada)
	other := "412345678901234568"
	make(other)
	key := adapter.AccountKey{Provider: "github", ProviderAccountID: ada}
	u, err := s.GetUserByAccount(ctx, key)
	check(t, err)
	same(t, "the account's user", u.ID, ada)
	account, err := s.GetAccount(ctx, key)
	check(t, err)
	same(t, "the account's owner", account.UserID, ada)
	session, u, err := s.GetSessionAndUser(ctx, "a"+ada)
	check(t, err)
	same(t, "the session's owners", []string{session.UserID, u.ID}, []string{ada, ada})
	session, err = s.UpdateSession(ctx, "a"+ada, adapter.SessionUpdate{Expires: new(conformance.Start.Add(time.Hour))})
	check(t, err)
	same(t, "the updated session's owner", session.UserID, ada)
	passkey, err := s.UpdateAuthenticatorCounter(ctx, ada, 2)
	check(t, err)
	same(t, "the passkey's owner", passkey.UserID, ada)

	counts := func(id string) []int {
		accounts, err := s.ListAccounts(ctx, id)
		check(t, err)
		sessions, err := s.ListSessions(ctx, id)
		check(t, err)
		passkeys, err := s.ListAuthenticators(ctx, id)
		check(t, err)
		return []int{len(accounts), len(sessions), len(passkeys)}
	}
	same(t, "what is listed", counts(ada), []int{1, 2, 1})
	check(t, s.DeleteSessionByID(ctx, other, adapter.SessionID("a"+ada)))
	same(t, "what is listed after another user's try", counts(ada), []int{1, 2, 1})
	check(t, s.DeleteSessionByID(ctx, ada, adapter.SessionID("a"+ada)))
	same(t, "what is listed after one session has ended", counts(ada), []int{1, 1, 1})
	check(t, s.DeleteSessions(ctx, ada))
	same(t, "what is listed after a sign-out everywhere", counts(ada), []int{1, 0, 1})
	check(t, s.DeleteUser(ctx, other))
	same(t, "what is left of a deleted user", s.fql(`
		[Collection("Account").all().count(), Collection("Session").all().count(), Collection("Authenticator").all().count()]`, nil), []any{int64(1), int64(0), int64(1)})
	_, err = s.CreateUser(ctx, adapter.User{ID: other})
	check(t, err)
}

// A reference to a document that is not a user finds no user, nor does text that is not an ID.
func TestOwnersThatAreNone(t *testing.T) {
	s := newPlainFixture(t, "no-owners")
	ctx := t.Context()
	s.fql(`
		let session: Any = Collection("Session").create({ sessionToken: "nobody", expires: Time("2101-01-01T00:00:00Z") })
		Set.single(session).toArray().concat([null, true, 7, 1.5, "", "ada", "99999999999999999999", "-1", Time("2101-01-01T00:00:00Z"), {}, []]).forEach(owner => {
			let n = Collection("Session").all().count().toString()
			Collection("Session").create({ userId: owner, sessionToken: "t" + n, expires: Time("2101-01-01T00:00:00Z") })
			Collection("Account").create({ userId: owner, type: "oauth", provider: "github", providerAccountId: "a" + n })
		})
		null`, nil)
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
		_, _, err := s.GetSessionAndUser(ctx, "t"+n)
		absent(t, "GetSessionAndUser "+n, err)
		_, err = s.UpdateSession(ctx, "t"+n, adapter.SessionUpdate{})
		absent(t, "UpdateSession "+n, err)
		key := adapter.AccountKey{Provider: "github", ProviderAccountID: "a" + n}
		_, err = s.GetUserByAccount(ctx, key)
		absent(t, "GetUserByAccount "+n, err)
		_, err = s.GetAccount(ctx, key)
		check(t, err)
		check(t, s.UnlinkAccount(ctx, key))
		check(t, s.DeleteSession(ctx, "t"+n))
	}
	same(t, "what is left", s.fql(`Collection("Account").all().count() + Collection("Session").all().count()`, nil), int64(1))
}

// An account whose user another program has deleted does not reserve its key: it is replaced.
func TestAbandonedAccountsMakeRoom(t *testing.T) {
	s := newPlainFixture(t, "abandoned")
	ctx := t.Context()
	s.fql(`
		let gone: Any = Collection("User").create({ id: "400000000000000001" })
		Collection("User").create({ id: ${id} })
		let make = (id, owner) => Collection("Account").create({ userId: owner, type: "oauth", provider: "github", providerAccountId: id })
		make("text", "400000000000000001")
		make("reference", gone)
		make("nobody", null)
		make(1, "400000000000000001")
		make("held", ${id})
		make(2, ${id})
		make("held by reference", Collection("User").byId(${id}))
		make("unknown", "ada")
		gone.delete()
		null`, map[string]any{"id": ada})
	account := func(id string) adapter.Account {
		return adapter.Account{UserID: ada, Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: id}
	}
	for _, id := range []string{"text", "reference", "nobody", "1"} {
		_, err := s.LinkAccount(ctx, account(id))
		check(t, err)
		u, err := s.GetUserByAccount(ctx, account(id).Key())
		check(t, err)
		same(t, "the owner of "+id, u.ID, ada)
	}
	for _, id := range []string{"held", "2", "held by reference", "unknown"} {
		_, err := s.LinkAccount(ctx, account(id))
		takenField(t, "LinkAccount "+id, err, adapter.FieldAccount)
		_, _, err = s.CreateUserWithAccount(ctx, adapter.User{}, typicalAccount(id))
		takenField(t, "CreateUserWithAccount "+id, err, adapter.FieldAccount)
	}
	same(t, "the documents", s.fql(`[Collection("Account").all().count(), Collection("User").all().count()]`, nil), []any{int64(8), int64(1)})
	s.fql(`
		Collection("Account").all().forEach(a => a.update({ userId: "400000000000000001" }))
		null`, nil)
	s.fql(`
		Collection("Authenticator").create({ userId: "400000000000000001", credentialID: "c" })
		null`, nil)
	_, err := s.CreateAuthenticator(ctx, passkey(ada, "c"))
	check(t, err)
	_, err = s.CreateAuthenticator(ctx, passkey(ada, "c"))
	takenField(t, "CreateAuthenticator", err, adapter.FieldCredentialID)
	_, _, err = s.CreateUserWithAuthenticator(ctx, adapter.User{}, passkey("", "c"))
	takenField(t, "CreateUserWithAuthenticator", err, adapter.FieldCredentialID)
	s.fql(`
		Collection("Authenticator").create({ userId: "400000000000000001", credentialID: "d" })
		null`, nil)
	u, _, err := s.CreateUserWithAuthenticator(ctx, adapter.User{}, passkey("", "d"))
	check(t, err)
	passkeys, err := s.ListAuthenticators(ctx, u.ID)
	check(t, err)
	same(t, "how many passkeys the user has who signed up with one", len(passkeys), 1)
	_, _, err = s.CreateUserWithAccount(ctx, adapter.User{}, typicalAccount("2"))
	check(t, err)
	_, err = s.LinkAccount(ctx, account("2"))
	takenField(t, "LinkAccount of what was signed up with", err, adapter.FieldAccount)
}

// An expiry in another form counts, for sessions and for one-time tokens.
func TestExpiriesInOtherForms(t *testing.T) {
	s := newPlainFixture(t, "expiries")
	ctx := t.Context()
	s.fql(`
		Collection("User").create({ id: ${id} })
		null`, map[string]any{"id": ada})
	at := time.Date(2101, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for n, test := range []struct {
		expires any
		want    time.Time // zero: it has passed
	}{
		{"2101-01-02T03:04:05.678Z", at}, {at.UnixMilli(), at}, {float64(at.UnixMilli()) + 0.5, at}, {"2101-01-02", at.Truncate(24 * time.Hour)},
		{"Sun, 02 Jan 2101 03:04:05 GMT", at.Truncate(time.Second)}, {"1999-01-01", time.Time{}}, {0, time.Time{}},
	} {
		token := fmt.Sprint("token", n)
		s.put(ada, token, test.expires)
		session, _, err := s.GetSessionAndUser(ctx, token)
		updated, updateErr := s.UpdateSession(ctx, token, adapter.SessionUpdate{Attributes: adapter.Attributes{"ip": "192.0.2.1"}})
		used, useErr := s.UseVerificationToken(ctx, "ada", adapter.HashVerificationToken(token, ""))
		if test.want.IsZero() {
			absent(t, "GetSessionAndUser", err)
			absent(t, "UpdateSession", updateErr)
			if !errors.Is(useErr, adapter.ErrExpired) {
				t.Errorf("UseVerificationToken: got %v, want ErrExpired", useErr)
			}
		} else {
			check(t, errors.Join(err, updateErr, useErr))
			same(t, fmt.Sprint("the expiries of ", test.expires), []time.Time{session.Expires, updated.Expires, used.Expires}, []time.Time{test.want, test.want, test.want})
		}
		_, err = s.UseVerificationToken(ctx, "ada", adapter.HashVerificationToken(token, ""))
		if !errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrExpired) {
			t.Errorf("UseVerificationToken again: got %v, want ErrNotFound", err)
		}
	}
	all, err := s.ListSessions(ctx, ada)
	check(t, err)
	same(t, "how many sessions are listed", len(all), 5)
	moved, err := s.UpdateSession(ctx, "token0", adapter.SessionUpdate{Expires: new(conformance.Start.Add(time.Hour))})
	check(t, err)
	same(t, "the new expiry", moved.Expires, conformance.Start.Add(time.Hour))
	same(t, "what is stored", s.fql(`Collection("Session").bySessionToken("token0").first()!.expires`, nil), new(conformance.Start.Add(time.Hour)))
}

// put stores a session and a verification token with the same expiry.
func (s fixture) put(userID, token string, expires any) {
	s.t.Helper()
	s.fql(`
		Collection("Session").create({ userId: ${id}, sessionToken: ${token}, expires: ${expires} })
		Collection("VerificationToken").create({ identifier: "ada", token: ${hash}, expires: ${expires} })
		null`, map[string]any{"id": userID, "token": token, "hash": adapter.HashVerificationToken(token, ""), "expires": expires})
}

// An expiry that cannot be read is an error that names the document, and affects no other call.
func TestExpiriesThatCannotBeRead(t *testing.T) {
	s := newPlainFixture(t, "unreadable")
	ctx := t.Context()
	s.fql(`
		Collection("User").create({ id: ${id} })
		null`, map[string]any{"id": ada})
	unreadable := func(op string, err error, userID string) {
		t.Helper()
		var r *adapter.RecordError
		if !errors.As(err, &r) {
			t.Errorf("%s: got %v, want an *adapter.RecordError", op, err)
			return
		}
		id := strings.TrimPrefix(strings.TrimPrefix(r.Place, "Session "), "VerificationToken ")
		if _, bad := strconv.ParseUint(id, 10, 63); bad != nil || r.UserID != userID || r.Field != "expires" || strings.Contains(err.Error(), "token") {
			t.Errorf("%s: got %+v, want collection, document and user", op, *r)
		}
	}
	values := []any{nil, "soon", "", true, map[string]any{}, []any{"2101-01-01"}, math.NaN(), 1e300, []byte{1}}
	for n, expires := range values {
		s.put(ada, fmt.Sprint("token", n), expires)
	}
	good, err := s.CreateSession(ctx, adapter.Session{UserID: ada, Expires: conformance.Start.Add(time.Hour)})
	check(t, err)
	for n := range values {
		token := fmt.Sprint("token", n)
		_, _, err := s.GetSessionAndUser(ctx, token)
		unreadable("GetSessionAndUser", err, ada)
		_, err = s.UpdateSession(ctx, token, adapter.SessionUpdate{Expires: new(conformance.Start.Add(time.Hour))})
		unreadable("UpdateSession", err, ada)
		_, err = s.UseVerificationToken(ctx, "ada", adapter.HashVerificationToken(token, ""))
		unreadable("UseVerificationToken", err, "")
	}
	all, err := s.ListSessions(ctx, ada)
	check(t, err)
	if len(all) != 1 || all[0].ID != good.ID {
		t.Errorf("got %+v, want the one session that can be read", all)
	}
	schema, _ := adapter.As[adapter.Schema](s.Adapter)
	problems, err := schema.CheckSchema(ctx)
	check(t, err)
	same(t, "how many problems CheckSchema finds", len(problems), 2*len(values))
	for _, p := range problems {
		if !p.Blocking || !strings.Contains(p.Detail, "expires") || strings.Contains(p.Object+p.Detail, "token") {
			t.Errorf("got %+v, want the field, and no token", p)
		}
	}
	check(t, schema.ApplySchema(ctx))
	check(t, s.DeleteSession(ctx, "token0"))
	check(t, s.DeleteSessionByID(ctx, ada, adapter.SessionID("token1")))
	same(t, "the sessions that are left", s.fql(`Collection("Session").all().count()`, nil), int64(len(values)-1))
	check(t, s.DeleteSessions(ctx, ada))
	check(t, s.DeleteVerificationTokens(ctx, "ada"))
	same(t, "what is left", s.fql(`Collection("Session").all().count() + Collection("VerificationToken").all().count()`, nil), int64(0))
}

// A counter in another form counts; one that cannot be read is an error, which changes
// nothing.
func TestCountersInOtherForms(t *testing.T) {
	s := newPlainFixture(t, "counters")
	ctx := t.Context()
	s.fql(`
		Collection("User").create({ id: ${id} })
		null`, map[string]any{"id": ada})
	put := func(id string, counter any) {
		s.fql(`
			Collection("Authenticator").create({ userId: ${user}, credentialID: ${id}, credentialPublicKey: "key", counter: ${counter} })
			null`, map[string]any{"user": ada, "id": id, "counter": counter})
	}
	up := adapter.AuthenticatorUpdate{CredentialBackedUp: new(true)}
	for n, test := range []struct {
		counter any
		want    uint32
	}{{nil, 0}, {"7", 7}, {7.0, 7}, {int64(4294967295), 4294967295}} {
		id := fmt.Sprint("good", n)
		put(id, test.counter)
		got, err := s.UpdateAuthenticator(ctx, id, up)
		check(t, err)
		same(t, fmt.Sprintf("the counter %v and the backup state", test.counter), []any{got.Counter, got.CredentialBackedUp}, []any{test.want, true})
	}
	for n, counter := range []any{"many", -1, int64(4294967296), true, math.NaN(), []any{}} {
		id := fmt.Sprint("bad", n)
		put(id, counter)
		_, err := s.UpdateAuthenticator(ctx, id, up)
		_, counterErr := s.UpdateAuthenticatorCounter(ctx, id, math.MaxUint32)
		for _, err := range []error{err, counterErr} {
			var r *adapter.RecordError
			if !errors.As(err, &r) || r.Field != "counter" || r.UserID != ada {
				t.Errorf("the counter %v: got %v, want an *adapter.RecordError", counter, err)
			}
		}
		same(t, "whether it is as it was", s.fql(`
			let a: Any = Collection("Authenticator").byCredentialID(${id}).first()
			a.credentialBackedUp == null && a.updatedAt == null`, map[string]any{"id": id}), true)
	}
}

// interloper is a transport that lets another call run after its first request.
type interloper struct {
	http.RoundTripper
	do func()
}

func (m *interloper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := silent.Whole(m.RoundTripper.RoundTrip(req))
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return resp, err
}

// A document whose expiry has another form is changed by a second query, which respects what other
// calls have done since the first: R13, R15.
func TestOthersBetweenTwoQueries(t *testing.T) {
	b := newTestbed(t)
	wire, done, err := b.recording("between")
	check(t, err)
	t.Cleanup(func() { check(t, done()) })
	o := b.options()
	o.PlainSessionTokens = true
	between := &interloper{RoundTripper: wire}
	slow := open(t, b.client(between), fauna.Options{Options: o})
	s := fixture{open(t, b.client(wire), fauna.Options{Options: o}), b.client(wire), t}
	ctx := t.Context()
	s.fql(`
		Collection("User").create({ id: ${id} })
		null`, map[string]any{"id": ada})
	const expires = "2101-01-02T03:04:05.678Z"
	attributes := adapter.SessionUpdate{Attributes: adapter.Attributes{"a": "b"}}
	for name, test := range map[string]struct {
		meanwhile func(token string)
		session   error // nil: the update is done
		link      error
	}{
		"deleted": {func(token string) {
			check(t, s.DeleteSession(ctx, token))
			check(t, s.DeleteVerificationTokens(ctx, "ada"))
		}, adapter.ErrNotFound, adapter.ErrNotFound},
		"ended": {func(token string) {
			s.fql(`
				Collection("Session").bySessionToken(${token}).first()!.update({ expires: "1999-01-01" })
				Collection("VerificationToken").byIdentifier("ada").first()!.update({ expires: "1999-01-01" })
				null`, map[string]any{"token": token})
		}, adapter.ErrNotFound, adapter.ErrExpired},
		"spoilt": {func(token string) {
			s.fql(`
				Collection("Session").bySessionToken(${token}).first()!.update({ expires: "soon" })
				Collection("VerificationToken").byIdentifier("ada").first()!.update({ expires: "soon" })
				null`, map[string]any{"token": token})
		}, adapter.ErrUnreadable, adapter.ErrUnreadable},
		"changed": {func(token string) {
			s.fql(`
				Collection("Session").bySessionToken(${token}).first()!.update({ agent: "x" })
				Collection("VerificationToken").byIdentifier("ada").first()!.update({ agent: "x" })
				null`, map[string]any{"token": token})
		}, nil, nil},
		"used": {func(token string) {
			_, err := s.UseVerificationToken(ctx, "ada", adapter.HashVerificationToken(token, ""))
			check(t, err)
		}, nil, adapter.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			s.put(ada, name+"-session", expires)
			between.do = func() { test.meanwhile(name + "-session") }
			session, err := slow.UpdateSession(ctx, name+"-session", attributes)
			if !errors.Is(err, test.session) || err == nil && session.Attributes["a"] != "b" {
				t.Errorf("UpdateSession: got %+v, %v, want %v", session, err, test.session)
			}
			if name == "changed" && session.Attributes["agent"] != "x" {
				t.Errorf("the other change is lost: %+v", session)
			}
			check(t, s.DeleteVerificationTokens(ctx, "ada"))
			s.put(ada, name+"-link", expires)
			between.do = func() { test.meanwhile(name + "-link") }
			if _, err := slow.UseVerificationToken(ctx, "ada", adapter.HashVerificationToken(name+"-link", "")); !errors.Is(err, test.link) {
				t.Errorf("UseVerificationToken: got %v, want %v", err, test.link)
			}
			check(t, s.DeleteVerificationTokens(ctx, "ada"))
		})
	}
}

// An update accepts whatever a read returns, and what it cannot accept stays in the store.
func TestAttributesCanBeWrittenBack(t *testing.T) {
	s := newPlainFixture(t, "written-back")
	ctx := t.Context()
	s.fql(`
		let odd = {
			type: "x", userId: "x", expires: "x", pk: "x", _id: "x", "a.b": 1, "$$ref": 1, "@at": 1, "": 1, nested: { "a.b": 1 }, list: [{ "$$ref": 1 }],
			nan: Math.NaN, huge: 1e300, long: "x", fine: { a: [1, "x", null] }, authstoreX: 1, sessionToken: "x", provider: "x", emailVerified: null }
		Collection("User").create(Object.assign({ id: ${id} }, odd))
		Collection("Account").create(Object.assign(Object.assign({}, odd), { userId: ${id}, type: "oauth", provider: "github", providerAccountId: "1" }))
		Collection("Session").create(Object.assign(Object.assign({}, odd), { userId: ${id}, sessionToken: "token", expires: Time("2101-01-01T00:00:00Z") }))
		Collection("Authenticator").create(Object.assign(Object.assign({}, odd), { userId: ${id}, credentialID: "c", credentialPublicKey: "key" }))
		null`, map[string]any{"id": ada})
	u, err := s.GetUser(ctx, ada)
	check(t, err)
	_, err = s.UpdateUser(ctx, ada, adapter.UserUpdate{Attributes: u.Attributes})
	check(t, err)
	key := adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}
	account, err := s.GetAccount(ctx, key)
	check(t, err)
	_, err = s.UpdateAccount(ctx, key, adapter.AccountUpdate{Attributes: account.Attributes})
	check(t, err)
	session, _, err := s.GetSessionAndUser(ctx, "token")
	check(t, err)
	_, err = s.UpdateSession(ctx, "token", adapter.SessionUpdate{Attributes: session.Attributes})
	check(t, err)
	passkey, err := s.GetAuthenticator(ctx, "c")
	check(t, err)
	_, err = s.UpdateAuthenticator(ctx, "c", adapter.AuthenticatorUpdate{Attributes: passkey.Attributes})
	check(t, err)
	for name, a := range map[string]adapter.Attributes{"user": u.Attributes, "account": account.Attributes, "session": session.Attributes, "passkey": passkey.Attributes} {
		if a["fine"] == nil || a["long"] != "x" || a["a.b"] != int64(1) || a["@at"] != int64(1) || a["$ref"] != int64(1) {
			t.Errorf("%s: got %v, want what can be an attribute", name, a)
		}
	}
	same(t, "what stays", s.fql(`
		["User", "Account", "Session", "Authenticator"].map(name => { let d: Any = Collection(name).all().first(); [d["a.b"], d["@at"], d.nested["a.b"], d.huge, d.pk] })`, nil),
		[]any{[]any{int64(1), int64(1), int64(1), 1e300, "x"}, []any{int64(1), int64(1), int64(1), 1e300, "x"}, []any{int64(1), int64(1), int64(1), 1e300, "x"}, []any{int64(1), int64(1), int64(1), 1e300, "x"}})
}
