package conformance

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// The tests of this family write as another program does, which keeps no rule, and read
// by the contract. A record or value that the layout of a store has no place for is
// passed over.

// members are those of a foreign record.
type members map[string]any

// absent is in place of a value for a member that is not there.
type absent struct{}

// with returns a copy in which a member has a value.
func (m members) with(name string, value any) members {
	if value == (absent{}) {
		return m.without(name)
	}
	m = maps.Clone(m)
	m[name] = value
	return m
}

// without returns a copy that lacks a member.
func (m members) without(name string) members {
	m = maps.Clone(m)
	delete(m, name)
	return m
}

// theirUser returns a user as the Auth.js adapters store it.
func theirUser(id, name string) members {
	return members{"id": id, "name": "Ada", "email": email(name), "emailVerified": nil, "image": nil}
}

func theirAccount(userID, id string) members {
	return members{
		"userId": userID, "type": "oauth", "provider": "github", "providerAccountId": id,
		"access_token": "their-access", "token_type": "bearer", "scope": "user",
	}
}

func theirKey(id string) adapter.AccountKey {
	return adapter.AccountKey{Provider: "github", ProviderAccountID: id}
}

func theirSession(userID, token string) members {
	return members{"sessionToken": token, "userId": userID, "expires": Start.Add(time.Hour)}
}

func theirLink(identifier, token string) members {
	return members{"identifier": identifier, "token": adapter.HashVerificationToken(token, ""), "expires": Start.Add(time.Hour)}
}

func theirAuthenticator(userID, credentialID string) members {
	return members{
		"credentialID": credentialID, "userId": userID, "providerAccountId": credentialID, "credentialPublicKey": "pQECAyYg",
		"counter": int64(7), "credentialDeviceType": "multiDevice", "credentialBackedUp": true, "transports": "usb,nfc",
	}
}

// put writes a record as another program, and reports whether the layout has a place for
// it.
func (t *T) put(kind string, m members) bool {
	t.Helper()
	err := t.namespace.Foreign.Put(t.ctx, ForeignRecord{kind, m})
	if errors.Is(err, errors.ErrUnsupported) {
		return false
	}
	t.ok("writing a "+kind+" as another program", err)
	return true
}

// must ends the test as not provided if the layout has no place for what it needs.
func (t *T) must(stored bool) {
	t.Helper()
	if !stored {
		t.Skip(t.harness.whyNot(Foreign))
	}
}

// repairsNoPassword lets a store be repaired in which another program has stored users with one
// address: one has a password, one nothing, and one has a password where another has an account.
// A store that refuses a second one has no such users.
func repairsNoPassword(t *T) {
	optional[adapter.Repairer](t, Mend)
	password := theirUser(t.NewID(), ada).with("password", "$2b$10$7EqJtq98hPqEX7fNZaFWoO")
	t.must(t.put("User", password))
	if !t.put("User", theirUser(t.NewID(), ada)) {
		return
	}
	other := theirUser(t.NewID(), grace).with("password", "$2b$10$7EqJtq98hPqEX7fNZaFWoO")
	t.must(t.put("User", other))
	linked := theirUser(t.NewID(), grace)
	account := theirAccount(linked["id"].(string), "1")
	t.must(t.put("User", linked) && t.put("Account", account))
	for _, dryRun := range []bool{true, false, false} {
		t.repair(dryRun)
		t.has("User", password, true)
		t.has("User", other, true)
		t.has("User", linked, true)
		t.has("Account", account, true)
	}
}

// has fails the test unless a record is stored, or is not.
func (t *T) has(kind string, m members, want bool) {
	t.Helper()
	got, err := t.namespace.Foreign.Has(t.ctx, ForeignRecord{kind, m})
	t.ok("looking for a "+kind, err)
	if got != want {
		t.Errorf("whether the %s is stored that another program wrote: %s\n  got:  %v\n  want: %v", kind, brief(m), got, want)
	}
}

// each runs a test for variants of what another program writes, each with a name of its
// own. It reports whether the layout had a place for it; one at least must.
func each[V any](t *T, variants []V, test func(i int, v V) bool) {
	t.Helper()
	stored := 0
	for i, v := range variants {
		if test(i, v) {
			stored++
		}
	}
	t.must(stored > 0)
}

// theirs writes a user with an e-mail address and returns the user's ID.
func (t *T) theirs(name string) string {
	t.Helper()
	id := t.NewID()
	t.must(t.put("User", theirUser(id, name)))
	return id
}

// plain opens an adapter that has session tokens as they are, as another program has them.
func (t *T) plain() adapter.Adapter {
	t.Helper()
	o := t.Options()
	o.PlainSessionTokens = true
	return t.Open(o)
}

// unreadable fails the test unless err names a record of a user and its field, and
// nothing that is secret.
func (t *T) unreadable(doing string, err error, userID, field string, secrets ...string) {
	t.Helper()
	var r *adapter.RecordError
	if !errors.As(err, &r) || !errors.Is(err, adapter.ErrUnreadable) || errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("%s\n  got:  %v\n  want: an unreadable record", doing, err)
		return
	}
	if r.Place == "" || r.UserID != userID || r.Field != field || r.Want == "" || r.Got == "" {
		t.Errorf("%s\n  got:  %+v\n  want: the place, the user %q, the field %q, and what it should be and is", doing, *r, userID, field)
	}
	t.silent(doing, err.Error(), secrets...)
}

// repair runs Repair, if the store has one, and returns what it found.
func (t *T) repair(dryRun bool) []adapter.Repair {
	t.Helper()
	r, ok := adapter.As[adapter.Repairer](t.store)
	if !ok {
		return nil
	}
	found, err := r.Repair(t.ctx, dryRun)
	t.ok("Repair", err)
	return found
}

// silent fails the test if a text holds one of the secrets.
func (t *T) silent(doing, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%s\n  got:  a text with a token or an e-mail address in it: %s\n  want: none", doing, text)
		}
	}
}

// snapshot returns all that is stored.
func (t *T) snapshot() []string {
	t.Helper()
	all, err := t.namespace.Dump(t.ctx)
	t.ok("Dump", err)
	slices.Sort(all)
	return all
}

// marked fails the test unless every one of the texts is stored.
func (t *T) marked(doing string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !t.stored(text) {
			t.Errorf("%s\n  got:  the value %q of another program is gone\n  want: it to stay", doing, text)
		}
	}
}

// odd is a value that another program stored in a field, and what a read shows there.
type odd struct {
	field        string
	stored, want any
}

// oddDates are dates as programs store them that have no type for dates, and what is none.
func oddDates(field string) []odd {
	day := time.Date(2100, 1, 2, 0, 0, 0, 0, time.UTC)
	second := day.Add(2*time.Hour + 4*time.Minute + 5*time.Second)
	at := second.Add(678 * time.Millisecond)
	all := []odd{{field, at, at}, {field, at.UnixMilli(), at}, {field, float64(at.UnixMilli()), at}}
	for _, text := range []string{"2100-01-02T02:04:05.678Z", "2100-01-02T04:04:05.678+02:00", "2100-01-02 02:04:05.678"} {
		all = append(all, odd{field, text, at})
	}
	for _, text := range []string{
		"2100-01-02T02:04:05Z", "2100-01-02T02:04:05", "Sat, 02 Jan 2100 02:04:05 GMT",
		"Sat Jan 02 2100 03:04:05 GMT+0100 (Central European Standard Time)",
	} {
		all = append(all, odd{field, text, second})
	}
	all = append(all, odd{field, "2100-01-02", day})
	for _, v := range noDates() {
		all = append(all, odd{field, v, time.Time{}})
	}
	return all
}

// noDates are values that no program takes for a date.
func noDates() []any {
	return []any{nil, "", "soon", "Invalid Date", map[string]any{}, map[string]any{"date": "2100-01-02"}, []any{}, []any{"2100-01-02"}, notANumber, 1e120}
}

func oddTexts(field string) []odd {
	return []odd{
		{field, nil, ""}, {field, "", ""}, {field, "text", "text"}, {field, int64(42), "42"}, {field, int64(-7), "-7"}, {field, 1.5, "1.5"},
		{field, true, "true"}, {field, false, "false"}, {field, map[string]any{}, ""}, {field, map[string]any{"first": "Ada"}, ""},
		{field, []any{}, ""}, {field, []any{"Ada"}, ""}, {field, notANumber, ""},
	}
}

var oddUsers = slices.Concat(
	oddTexts("name"), oddTexts("image"), oddDates("emailVerified"), oddDates("createdAt"), oddDates("updatedAt"),
	[]odd{{"emailVerified", false, time.Time{}}, {"emailVerified", true, time.UnixMilli(0).UTC()}, {"createdAt", true, time.Time{}}, {"updatedAt", false, time.Time{}}},
)

func userField(u adapter.User, field string) any {
	return map[string]any{"name": u.Name, "image": u.Image, "emailVerified": u.EmailVerified, "createdAt": u.CreatedAt, "updatedAt": u.UpdatedAt}[field]
}

// oddUser fails the test unless a user with an odd value is read as a whole, and signs in.
func oddUser(t *T, i int, o odd) bool {
	name := numbered(ada, i)
	id := t.NewID()
	if !t.put("User", theirUser(id, name).with(o.field, o.stored)) {
		return false
	}
	s := t.session(id)
	doing := "with " + o.field + " as " + brief(o.stored)
	u, err := t.store.GetUser(t.ctx, id)
	t.among("GetUser "+doing, err)
	t.equal(o.field+" "+doing, userField(u, o.field), o.want)
	byEmail, err := t.Second().GetUserByEmail(t.ctx, email(name))
	t.among("GetUserByEmail "+doing, err)
	t.equal("GetUserByEmail "+doing, byEmail, u)
	_, bySession, err := t.Second().GetSessionAndUser(t.ctx, s.SessionToken)
	t.among("GetSessionAndUser "+doing, err)
	t.equal("the user of GetSessionAndUser "+doing, bySession, u)
	updated, err := t.store.UpdateUser(t.ctx, id, adapter.UserUpdate{Attributes: adapter.Attributes{"role": "admin"}})
	t.among("UpdateUser "+doing, err)
	if o.field != "updatedAt" {
		t.equal(o.field+" after UpdateUser "+doing, userField(updated, o.field), o.want)
	}
	return true
}

var oddAccounts = slices.Concat(
	oddTexts("access_token"), oddTexts("refresh_token"), oddTexts("id_token"), oddTexts("token_type"), oddTexts("session_state"),
	[]odd{
		{"scope", []any{"user", "repo"}, "user repo"}, {"scope", []any{}, ""}, {"scope", nil, ""}, {"scope", "user,repo", "user,repo"},
		{"scope", map[string]any{}, ""}, {"scope", true, "true"},
		{"expires_at", int64(4102444800), int64(4102444800)}, {"expires_at", 4102444800.9, int64(4102444800)}, {"expires_at", "4102444800", int64(4102444800)},
		{"expires_at", "4102444800.9", int64(4102444800)}, {"expires_at", time.Unix(4102444800, 0).UTC(), int64(4102444800)},
		{"expires_at", "2100-01-01T00:00:00.000Z", int64(4102444800)}, {"expires_at", nil, int64(0)}, {"expires_at", notANumber, int64(0)},
		{"expires_at", "NaN", int64(0)}, {"expires_at", "soon", int64(0)}, {"expires_at", "", int64(0)}, {"expires_at", int64(-1), int64(0)},
		{"expires_at", 1e120, int64(0)}, {"expires_at", map[string]any{}, int64(0)}, {"expires_at", []any{}, int64(0)}, {"expires_at", true, int64(0)},
	},
)

func accountField(a adapter.Account, field string) any {
	return map[string]any{
		"access_token": a.AccessToken, "refresh_token": a.RefreshToken, "id_token": a.IDToken, "token_type": a.TokenType,
		"session_state": a.SessionState, "scope": a.Scope, "expires_at": a.ExpiresAt, "createdAt": a.CreatedAt, "updatedAt": a.UpdatedAt,
	}[field]
}

// oddAccount fails the test unless an account with an odd value is read as a whole, and
// signs its user in.
func oddAccount(t *T, userID string, i int, o odd) bool {
	key := theirKey(numbered("a", i))
	if !t.put("Account", theirAccount(userID, key.ProviderAccountID).with(o.field, o.stored)) {
		return false
	}
	doing := "with " + o.field + " as " + brief(o.stored)
	acc, err := t.store.GetAccount(t.ctx, key)
	t.among("GetAccount "+doing, err)
	t.equal(o.field+" "+doing, accountField(acc, o.field), o.want)
	u, err := t.Second().GetUserByAccount(t.ctx, key)
	t.among("GetUserByAccount "+doing, err)
	t.equal("the user "+doing, u.ID, userID)
	updated, err := t.store.UpdateAccount(t.ctx, key, adapter.AccountUpdate{Attributes: adapter.Attributes{"tenant": "t"}})
	t.among("UpdateAccount "+doing, err)
	t.equal(o.field+" after UpdateAccount "+doing, accountField(updated, o.field), o.want)
	all, err := t.Second().ListAccounts(t.ctx, userID)
	t.among("ListAccounts "+doing, err)
	t.equal("the accounts listed "+doing, len(all), 1)
	t.ok("UnlinkAccount "+doing, t.store.UnlinkAccount(t.ctx, key))
	t.has("Account", theirAccount(userID, key.ProviderAccountID), false)
	return true
}

var foreignTests = []Test{
	{ID: "FOR-001", Rule: "What another program stored by the layout is read and signs in, and once Repair has seen it nobody else can have it.", Source: "docs/contract.md R19", Run: func(t *T) {
		id := t.theirs(ada)
		acc := theirAccount(id, "octocat")
		t.must(t.put("Account", acc))
		u, err := t.store.GetUser(t.ctx, id)
		t.ok("GetUser", err)
		t.equal("the user", []string{u.ID, u.Name, u.Email}, []string{id, "Ada", email(ada)})
		byEmail, err := t.Second().GetUserByEmail(t.ctx, email(ada))
		t.ok("GetUserByEmail", err)
		t.equal("GetUserByEmail", byEmail, u)
		byAccount, err := t.Second().GetUserByAccount(t.ctx, theirKey("octocat"))
		t.ok("GetUserByAccount", err)
		t.equal("GetUserByAccount", byAccount, u)
		got, err := t.store.GetAccount(t.ctx, theirKey("octocat"))
		t.ok("GetAccount", err)
		t.equal("the account", []string{got.UserID, got.AccessToken, got.Scope}, []string{id, "their-access", "user"})
		other := t.user(grace)
		t.repair(false)
		_, err = t.store.CreateUser(t.ctx, adapter.User{Email: email(ada)})
		t.conflict("CreateUser", err, adapter.FieldUserEmail)
		_, err = t.store.UpdateUser(t.ctx, other.ID, adapter.UserUpdate{Email: new(email(ada))})
		t.conflict("UpdateUser", err, adapter.FieldUserEmail)
		_, err = t.store.LinkAccount(t.ctx, plainAccount(other.ID, "github", "octocat"))
		t.conflict("LinkAccount", err, adapter.FieldAccount)
		_, _, err = t.store.CreateUserWithAccount(t.ctx, adapter.User{}, plainAccount("", "github", "octocat"))
		t.conflict("CreateUserWithAccount", err, adapter.FieldAccount)
		t.ok("UnlinkAccount", t.store.UnlinkAccount(t.ctx, theirKey("octocat")))
		t.has("Account", acc, false)
		t.account(other.ID, "github", "octocat")
	}},
	{ID: "FOR-002", Rule: "No value in a user's fields for display, of whatever type, keeps the user from being read, signing in and being updated.", Source: "docs/contract.md R19", Run: func(t *T) {
		each(t, oddUsers, func(i int, o odd) bool { return oddUser(t, i, o) })
	}},
	{ID: "FOR-003", Rule: "No value in an account's fields, of whatever type, keeps its user from signing in.", Source: "docs/contract.md R19", Run: func(t *T) {
		id := t.theirs(ada)
		each(t, oddAccounts, func(i int, o odd) bool { return oddAccount(t, id, i, o) })
	}},
	{ID: "FOR-004", Rule: "A provider's account ID that is a number is found by its text, taken, listed and unlinked.", Source: "docs/contract.md R19", Run: func(t *T) {
		id, other := t.theirs(ada), t.user(grace)
		numbers := []odd{{stored: int64(12345678), want: "12345678"}, {stored: 87654321.0, want: "87654321"}, {stored: int64(0), want: "0"}}
		each(t, numbers, func(_ int, o odd) bool {
			acc := theirAccount(id, "").with("providerAccountId", o.stored)
			if !t.put("Account", acc) {
				return false
			}
			t.numbered(theirKey(o.want.(string)), acc, id, other.ID)
			return true
		})
	}},
	{ID: "FOR-005", Rule: "A session in clear is listed by a digest, and opens with its token where tokens are stored as they are.", Source: "docs/contract.md R16", Run: func(t *T) {
		id := t.theirs(ada)
		const token = "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b"
		t.must(t.put("Session", theirSession(id, token)))
		plain := t.plain()
		for _, a := range []adapter.Adapter{t.store, plain} {
			all, err := a.ListSessions(t.ctx, id)
			t.ok("ListSessions", err)
			if len(all) != 1 || all[0].ID != adapter.SessionID(token) || all[0].SessionToken != "" || strings.Contains(brief(all), token) {
				t.Errorf("ListSessions\n  got:  %s\n  want: one session, by its digest, without its token", brief(all))
			}
		}
		t.signedIn(plain, token, id)
		if !t.namespace.PlainTokens {
			t.signedOut(t.store, token)
		}
		t.signedOut(t.store, adapter.SessionID(token))
		t.signedOut(plain, adapter.SessionID(token))
	}},
	{ID: "FOR-006", Rule: "A session in clear ends by its ID, with a sign-out everywhere, and with its user, whatever the options say.", Source: "docs/contract.md R14", Run: func(t *T) {
		plain := t.plain()
		var ends []func(a adapter.Adapter, id, token string) error
		ends = append(ends,
			func(a adapter.Adapter, id, token string) error {
				return a.DeleteSessionByID(t.ctx, id, adapter.SessionID(token))
			},
			func(a adapter.Adapter, id, _ string) error { return a.DeleteSessions(t.ctx, id) },
			func(a adapter.Adapter, id, _ string) error { return a.DeleteUser(t.ctx, id) },
		)
		for i, end := range ends {
			for j, a := range []adapter.Adapter{t.store, plain} {
				token := numbered(numbered("token", i), j)
				id, other := t.theirs(numbered(numbered(ada, i), j)), t.theirs(numbered(numbered(grace, i), j))
				t.must(t.put("Session", theirSession(id, token)))
				t.must(t.put("Session", theirSession(other, "other-"+token)))
				t.ok("ending a session of another program", end(a, id, token))
				t.signedOut(plain, token)
				t.has("Session", theirSession(id, token), false)
				t.signedIn(plain, "other-"+token, other)
			}
		}
	}},
	{ID: "FOR-007", Rule: "A session whose expiry cannot be read is an error that names it, from reads and updates.", Source: "docs/contract.md R19", Run: func(t *T) {
		plain := t.plain()
		each(t, noDates(), func(i int, v any) bool {
			id, token := t.theirs(numbered(ada, i)), numbered("token", i)
			if !t.put("Session", theirSession(id, token).with("expires", v)) {
				return false
			}
			_, _, err := plain.GetSessionAndUser(t.ctx, token)
			t.unreadable("GetSessionAndUser with expires as "+brief(v), err, id, "expires", token, email(ada))
			_, err = plain.UpdateSession(t.ctx, token, adapter.SessionUpdate{Attributes: adapter.Attributes{"a": "b"}})
			t.unreadable("UpdateSession with expires as "+brief(v), err, id, "expires", token, email(ada))
			return true
		})
	}},
	{ID: "FOR-008", Rule: "A session whose expiry cannot be read hides no other one, and ends like any other.", Source: "docs/contract.md R19", Run: func(t *T) {
		plain := t.plain()
		each(t, noDates(), func(i int, v any) bool { return t.endsUnreadable(plain, i, v) })
	}},
	{ID: "FOR-009", Rule: "A one-time token whose expiry cannot be read is an error that names it, and stays.", Source: "docs/contract.md R19", Run: func(t *T) {
		each(t, noDates(), func(i int, v any) bool {
			identifier, token := email(numbered(ada, i)), adapter.HashVerificationToken("token", "")
			m := theirLink(identifier, "token").with("expires", v)
			if !t.put("VerificationToken", m) {
				return false
			}
			for _, a := range t.Both() {
				_, err := a.UseVerificationToken(t.ctx, identifier, token)
				t.unreadable("UseVerificationToken with expires as "+brief(v), err, "", "expires", token, identifier)
				t.has("VerificationToken", m, true)
			}
			t.ok("DeleteVerificationTokens", t.store.DeleteVerificationTokens(t.ctx, identifier))
			t.has("VerificationToken", m, false)
			return true
		})
	}},
	{ID: "FOR-010", Rule: "A call that fails on what it reads has changed nothing.", Source: "docs/contract.md R19", Needs: []Feature{Dump}, Run: func(t *T) {
		id := t.theirs(ada)
		t.must(t.put("Session", theirSession(id, "token").with("expires", "soon")))
		t.put("VerificationToken", theirLink(email(ada), "token").with("expires", "soon"))
		before := t.snapshot()
		plain := t.plain()
		_, err := plain.UpdateSession(t.ctx, "token", adapter.SessionUpdate{Attributes: adapter.Attributes{"a": "b"}})
		t.is("UpdateSession", err, adapter.ErrUnreadable)
		_, err = plain.UpdateSession(t.ctx, "token", adapter.SessionUpdate{Expires: new(Start.Add(time.Hour))})
		t.is("UpdateSession of the expiry", err, adapter.ErrUnreadable)
		_, _, err = plain.GetSessionAndUser(t.ctx, "token")
		t.is("GetSessionAndUser", err, adapter.ErrUnreadable)
		_, _ = t.store.UseVerificationToken(t.ctx, email(ada), adapter.HashVerificationToken("token", ""))
		t.equal("what is stored", t.snapshot(), before)
	}},
	{ID: "FOR-011", Rule: "CheckSchema names a record that cannot be read, without its token or an e-mail address.", Source: "docs/contract.md R19", Run: func(t *T) {
		s := optional[adapter.Schema](t, SetUp)
		id, token := t.theirs(ada), "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b"
		named := func() int {
			problems, err := s.CheckSchema(t.ctx)
			t.ok("CheckSchema", err)
			n := 0
			for _, p := range problems {
				text := p.Object + " " + p.Detail
				t.silent("CheckSchema", text, token, email(ada))
				if strings.Contains(text, "expires") {
					n++
				}
			}
			return n
		}
		t.equal("problems of such records before there is one", named(), 0)
		t.must(t.put("Session", theirSession(id, token).with("expires", "soon")))
		t.equal("problems of such records when there is one", named(), 1)
	}},
	{ID: "FOR-012", Rule: "A deleted user takes along what another program stored of that user, and all keys are free.", Source: "docs/contract.md R14", Run: deleteTheirs},
	{ID: "FOR-013", Rule: "A user ID that is text where the store has IDs of its own is that user's ID: the account and the session are found, listed, kept by Repair, and go with the user.", Source: "docs/contract.md R19", Run: textIDs},
	{ID: "FOR-014", Rule: "An account of nobody does not stand in the way of its owner's sign-up, nor of a link.", Source: "docs/contract.md R19", Run: func(t *T) {
		id := t.theirs(grace)
		each(t, []any{nil, absent{}, "", map[string]any{}, []any{}}, func(i int, owner any) bool {
			for name, signUp := range inOrder(map[string]func(a adapter.Account) (adapter.User, error){
				"CreateUserWithAccount": func(a adapter.Account) (adapter.User, error) {
					u, _, err := t.store.CreateUserWithAccount(t.ctx, adapter.User{}, a)
					return u, err
				},
				"LinkAccount": func(a adapter.Account) (adapter.User, error) {
					a.UserID = id
					_, err := t.store.LinkAccount(t.ctx, a)
					return adapter.User{ID: id}, err
				},
			}) {
				paid := numbered(name, i)
				if !t.put("Account", theirAccount(id, paid).with("userId", owner)) {
					return false
				}
				u, err := signUp(plainAccount("", "github", paid))
				t.among(name+" beside an account whose userId is "+brief(owner), err)
				got, err := t.Second().GetUserByAccount(t.ctx, theirKey(paid))
				t.among("GetUserByAccount after "+name, err)
				t.equal("the user after "+name, got.ID, u.ID)
			}
			return true
		})
	}},
	{ID: "FOR-015", Rule: "Repair takes nothing away that somebody signs in by, whatever its fields hold.", Source: "adapter.Repairer", Run: repairsNothingOfUse},
	{ID: "FOR-016", Rule: "Records without the fields that name a record here are another program's: they are no finding, and stay.", Source: "docs/contract.md R19", Run: func(t *T) {
		optional[adapter.Repairer](t, Mend)
		others := []ForeignRecord{
			{"Session", members{"id": "Kq8-connect", "expires": Start.Add(time.Hour), "session": `{"cookie":{}}`}},
			{"Session", members{"id": "old", "expires": Start.Add(-time.Hour), "session": map[string]any{"user": "ada"}}},
			{"Account", members{"id": "acc-1", "balance": int64(7), "owner": "ada"}},
			{"VerificationToken", members{"id": "v-1", "code": "1234"}},
		}
		var stored []ForeignRecord
		each(t, others, func(_ int, r ForeignRecord) bool {
			if t.put(r.Kind, r.Members) {
				stored = append(stored, r)
				return true
			}
			return false
		})
		for _, dryRun := range []bool{true, false} {
			found := t.repair(dryRun)
			if len(found) > 0 {
				t.Errorf("Repair\n  got:  %s\n  want: no findings", brief(found))
			}
		}
		for _, r := range stored {
			t.has(r.Kind, r.Members, true)
		}
	}},
	{ID: "FOR-017", Rule: "What Repair cannot mend does not keep it from mending the rest.", Source: "adapter.Repairer", Run: func(t *T) {
		optional[adapter.Repairer](t, Mend)
		id, gone := t.theirs(ada), t.NewID()
		t.put("Account", theirAccount(id, "nobody's").without("userId"))
		t.put("Account", theirAccount(id, "odd").with("userId", map[string]any{}))
		t.put("Session", theirSession(id, "unreadable").with("expires", "soon"))
		t.put("User", theirUser(id, "odd").with("id", int64(42)))
		t.put("VerificationToken", theirLink(ada, "token").with("expires", "soon"))
		orphans := map[string]members{"Account": theirAccount(gone, "orphan"), "Session": theirSession(gone, "orphan")}
		for kind, m := range inOrder(orphans) {
			t.must(t.put(kind, m))
		}
		t.repair(true)
		for kind, m := range inOrder(orphans) {
			t.has(kind, m, true)
		}
		t.repair(false)
		for kind, m := range inOrder(orphans) {
			t.has(kind, m, false)
		}
	}},
	{ID: "FOR-018", Rule: "What another program changed in a record is what a read shows, and an update of other fields leaves it.", Source: "docs/contract.md R13", Run: changedByThem},
	{ID: "FOR-019", Rule: "A signature counter that another program moved on is the one that must grow.", Source: "docs/contract.md R17", Run: func(t *T) {
		u := t.user(ada)
		t.authenticator(u.ID, "credential") // with the counter 7
		t.must(t.put("Authenticator", theirAuthenticator(u.ID, "credential").with("counter", int64(20))))
		got, err := t.store.GetAuthenticator(t.ctx, "credential")
		t.ok("GetAuthenticator", err)
		t.equal("the counter", got.Counter, uint32(20))
		_, err = t.store.UpdateAuthenticatorCounter(t.ctx, "credential", 15)
		t.conflict("UpdateAuthenticatorCounter of a smaller one", err, adapter.FieldCounter)
		got, err = t.Second().UpdateAuthenticatorCounter(t.ctx, "credential", 21)
		t.ok("UpdateAuthenticatorCounter", err)
		t.equal("the counter", got.Counter, uint32(21))
		t.equal("the transports", got.Transports, []string{"usb", "nfc"})
	}},
	{ID: "FOR-020", Rule: "Attributes that a read of another program's record returned can be written back.", Source: "docs/contract.md R19", Run: writeBack},
	{ID: "FOR-021", Rule: "Members of a record that are no attributes stay through every update.", Source: "docs/contract.md R13", Needs: []Feature{Dump}, Run: hiddenStay},
	{ID: "FOR-022", Rule: "Attributes that another program stored keep their values and types through every update.", Source: "docs/contract.md R13", Run: attributesStay},
	{ID: "FOR-023", Rule: "A user whose ID is not of the store's form is found or named by an error, and is never left behind by a deletion that succeeds.", Source: "docs/contract.md R19", Run: oddIDs},
	{ID: "FOR-024", Rule: "A session whose expiry is a date in text opens, is listed, and ends at that time.", Source: "docs/contract.md R19", Run: func(t *T) {
		plain := t.plain()
		texts := []odd{
			{stored: "2100-01-02T04:04:05.678Z"}, {stored: "2100-01-02T06:04:05.678+02:00"}, {stored: "2100-01-02T04:04:05.678"},
			{stored: "Sat, 02 Jan 2100 04:04:05 GMT", want: -678 * time.Millisecond},
		}
		each(t, texts, func(i int, o odd) bool {
			id, token := t.theirs(numbered(ada, i)), numbered("token", i)
			if !t.put("Session", theirSession(id, token).with("expires", o.stored)) {
				return false
			}
			early, _ := o.want.(time.Duration)
			expires := Start.Add(time.Hour + early)
			s, _, err := plain.GetSessionAndUser(t.ctx, token)
			t.among("GetSessionAndUser with expires as "+brief(o.stored), err)
			t.equal("Expires of "+brief(o.stored), s.Expires, expires)
			all, err := t.store.ListSessions(t.ctx, id)
			t.among("ListSessions", err)
			t.equal("sessions listed with expires as "+brief(o.stored), len(all), 1)
			t.Clock.Advance(expires.Sub(Start) - time.Millisecond)
			t.signedIn(plain, token, id)
			t.Clock.Advance(time.Millisecond)
			t.signedOut(plain, token)
			all, err = t.store.ListSessions(t.ctx, id)
			t.among("ListSessions", err)
			t.equal("sessions listed when they have expired", len(all), 0)
			t.Clock.Advance(Start.Sub(expires))
			s, err = plain.UpdateSession(t.ctx, token, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
			t.among("UpdateSession", err)
			t.equal("the new expiry", s.Expires, Start.Add(2*time.Hour))
			t.signedIn(plain, token, id)
			return true
		})
	}},
	{ID: "FOR-025", Rule: "An account whose type is none of Auth.js's signs in, and can be updated.", Source: "docs/contract.md R19", Run: func(t *T) {
		id := t.theirs(ada)
		each(t, []any{absent{}, nil, "saml", "credentials", int64(7), map[string]any{}}, func(i int, v any) bool {
			key := theirKey(numbered("a", i))
			if !t.put("Account", theirAccount(id, key.ProviderAccountID).with("type", v)) {
				return false
			}
			u, err := t.store.GetUserByAccount(t.ctx, key)
			t.among("GetUserByAccount with type as "+brief(v), err)
			t.equal("the user with type as "+brief(v), u.ID, id)
			a, err := t.Second().UpdateAccount(t.ctx, key, adapter.AccountUpdate{AccessToken: new("new")})
			t.among("UpdateAccount with type as "+brief(v), err)
			t.equal("the access token with type as "+brief(v), a.AccessToken, "new")
			return true
		})
	}},
	{ID: "FOR-026", Rule: "A credential with odd values is read, listed, used and deleted.", Source: "docs/contract.md R19", Run: func(t *T) {
		u := t.user(ada)
		values := []odd{
			{"transports", []any{"usb", "nfc"}, []string{"usb", "nfc"}}, {"transports", "usb, nfc", []string{"usb", "nfc"}}, {"transports", nil, nil},
			{"transports", map[string]any{}, nil}, {"credentialBackedUp", "yes", nil}, {"credentialBackedUp", nil, nil}, {"credentialDeviceType", int64(1), nil},
			{"counter", "7", nil}, {"counter", 7.0, nil}, {"providerAccountId", nil, nil}, {"name", "my key", nil}, {"createdAt", "soon", nil},
		}
		each(t, values, func(i int, o odd) bool {
			id := numbered("credential", i)
			if !t.put("Authenticator", theirAuthenticator(u.ID, id).with(o.field, o.stored)) {
				return false
			}
			doing := " with " + o.field + " as " + brief(o.stored)
			got, err := t.store.GetAuthenticator(t.ctx, id)
			t.among("GetAuthenticator"+doing, err)
			if want, ok := o.want.([]string); ok {
				t.equal("the transports"+doing, got.Transports, want)
			}
			t.equal("the counter"+doing, got.Counter, uint32(7))
			all, err := t.Second().ListAuthenticators(t.ctx, u.ID)
			t.among("ListAuthenticators"+doing, err)
			t.equal("credentials listed"+doing, len(all), 1)
			_, err = t.store.UpdateAuthenticatorCounter(t.ctx, id, 8)
			t.among("UpdateAuthenticatorCounter"+doing, err)
			t.ok("DeleteAuthenticator"+doing, t.store.DeleteAuthenticator(t.ctx, id))
			t.has("Authenticator", theirAuthenticator(u.ID, id), false)
			return true
		})
	}},
	{ID: "FOR-027", Rule: "An enumeration has the users of another program, and one that it cannot read hides no other.", Source: "adapter.Enumerator", Run: enumeratesTheirs},
	{ID: "FOR-028", Rule: "A record that cannot be read harms no other read beside it.", Source: "docs/contract.md R19", Needs: []Feature{Live}, Run: func(t *T) {
		plain, all := t.plain(), t.persons(readers)
		id, token := t.theirs(grace), "unreadable"
		t.must(t.put("Session", theirSession(id, token).with("expires", "soon")))
		for i, p := range all {
			s, err := plain.CreateSession(t.ctx, adapter.Session{UserID: p.user.ID, Expires: Start.Add(time.Hour)})
			t.ok("CreateSession", err)
			all[i].session = s
		}
		for range once {
			t.besidesOn(plain, all, func(int) error {
				_, _, err := plain.GetSessionAndUser(t.ctx, token)
				if err == nil {
					err = errors.New("no error from a session that cannot be read")
				}
				return err
			}, adapter.ErrUnreadable)
		}
	}},
	{ID: "FOR-029", Rule: "Of users with one address Repair deletes none who has what another program may let somebody in by.", Source: "adapter.Repairer", Needs: []Feature{Live}, Run: repairsNoPassword},
}

// numbered fails the test unless an account is found, taken, listed and unlinked by a key.
func (t *T) numbered(key adapter.AccountKey, stored members, owner, other string) {
	t.Helper()
	u, err := t.store.GetUserByAccount(t.ctx, key)
	t.among("GetUserByAccount "+brief(key), err)
	t.equal("the user", u.ID, owner)
	acc, err := t.Second().GetAccount(t.ctx, key)
	t.among("GetAccount "+brief(key), err)
	t.equal("the key of the account", acc.Key(), key)
	t.repair(false)
	_, err = t.store.LinkAccount(t.ctx, plainAccount(other, key.Provider, key.ProviderAccountID))
	t.conflict("LinkAccount", err, adapter.FieldAccount)
	updated, err := t.store.UpdateAccount(t.ctx, key, adapter.AccountUpdate{AccessToken: new("new")})
	t.among("UpdateAccount "+brief(key), err)
	t.equal("the access token", updated.AccessToken, "new")
	all, err := t.Second().ListAccounts(t.ctx, owner)
	t.among("ListAccounts", err)
	if len(all) != 1 || all[0].Key() != key {
		t.Errorf("ListAccounts\n  got:  %s\n  want: the account %v", brief(all), key)
	}
	t.ok("UnlinkAccount", t.store.UnlinkAccount(t.ctx, key))
	t.has("Account", stored, false)
	t.account(other, key.Provider, key.ProviderAccountID)
}

// endsUnreadable fails the test unless a session with an expiry that cannot be read is ended
// in every way, and the list of sessions has the other one.
func (t *T) endsUnreadable(plain adapter.Adapter, i int, expires any) bool {
	t.Helper()
	ends := map[string]func(id, token string) error{
		"DeleteSession":     func(_, token string) error { return plain.DeleteSession(t.ctx, token) },
		"DeleteSessionByID": func(id, token string) error { return t.store.DeleteSessionByID(t.ctx, id, adapter.SessionID(token)) },
		"DeleteSessions":    func(id, _ string) error { return t.store.DeleteSessions(t.ctx, id) },
		"DeleteUser":        func(id, _ string) error { return t.store.DeleteUser(t.ctx, id) },
	}
	for name, end := range inOrder(ends) {
		token := numbered(name, i)
		id := t.theirs(token)
		m := theirSession(id, token).with("expires", expires)
		if !t.put("Session", m) {
			return false
		}
		good := t.session(id)
		all, err := t.store.ListSessions(t.ctx, id)
		t.among("ListSessions beside expires as "+brief(expires), err)
		if len(all) != 1 || all[0].ID != good.ID {
			t.Errorf("ListSessions beside expires as %s\n  got:  %s\n  want: the session that can be read", brief(expires), brief(all))
		}
		t.among(name+" with expires as "+brief(expires), end(id, token))
		t.has("Session", m, false)
		t.signedOut(plain, token)
	}
	return true
}

// deleteTheirs deletes a user of another program, with what belongs to it.
func deleteTheirs(t *T) {
	id, token := t.theirs(ada), "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b"
	stored := map[string][]members{"User": {theirUser(id, ada)}}
	put := func(kind string, m members) {
		if t.put(kind, m) {
			stored[kind] = append(stored[kind], m)
		}
	}
	put("Account", theirAccount(id, "a"))
	put("Account", theirAccount(id, "").with("providerAccountId", int64(42)))
	put("Account", theirAccount(id, "b").with("expires_at", "soon").with("scope", []any{"x"}))
	put("Session", theirSession(id, token))
	put("Session", theirSession(id, "other").with("expires", map[string]any{}))
	put("Authenticator", theirAuthenticator(id, "credential"))
	t.ok("DeleteUser", t.store.DeleteUser(t.ctx, id))
	for kind, all := range inOrder(stored) {
		for _, m := range all {
			t.has(kind, m, false)
		}
	}
	t.noUser(id)
	t.signedOut(t.plain(), token)
	heir, err := t.store.CreateUser(t.ctx, adapter.User{Email: email(ada)})
	t.ok("CreateUser with the address of a deleted user", err)
	for _, id := range []string{"a", "42", "b"} {
		t.account(heir.ID, "github", id)
	}
	t.authenticator(heir.ID, "credential")
}

// notANumber is what JavaScript has for a number that is none.
var notANumber = math.NaN()
