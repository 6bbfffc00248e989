package conformance

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// textIDs lets accounts and sessions name their user by text.
func textIDs(t *T) {
	id := t.theirs(ada)
	const token = "4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b"
	acc := theirAccount(id, "octocat").with("userId", ForeignText(id))
	se := theirSession(id, token).with("userId", ForeignText(id))
	t.must(t.put("Account", acc))
	t.must(t.put("Session", se))
	plain := t.plain()
	check := func() {
		t.Helper()
		u, err := t.store.GetUserByAccount(t.ctx, theirKey("octocat"))
		t.among("GetUserByAccount", err)
		t.equal("the user", u.ID, id)
		t.signedIn(plain, token, id)
		b, err := t.belongings(t.Second(), id)
		t.ok("the lists of the user", err)
		t.equal("accounts, sessions and authenticators listed", b.counts(), [3]int{1, 1, 0})
	}
	check()
	t.repair(false)
	check()
	_, err := t.store.UpdateAccount(t.ctx, theirKey("octocat"), adapter.AccountUpdate{AccessToken: new("new")})
	t.ok("UpdateAccount", err)
	_, err = plain.UpdateSession(t.ctx, token, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
	t.ok("UpdateSession", err)
	check()
	_, err = t.store.LinkAccount(t.ctx, plainAccount(t.user(grace).ID, "github", "octocat"))
	t.conflict("LinkAccount", err, adapter.FieldAccount)
	t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, id))
	t.has("Session", se, false)
	t.must(t.put("Session", se))
	t.ok("DeleteSessionByID", t.store.DeleteSessionByID(t.ctx, id, adapter.SessionID(token)))
	t.has("Session", se, false)
	t.must(t.put("Session", se))
	t.ok("DeleteUser", t.store.DeleteUser(t.ctx, id))
	t.has("Session", se, false)
	t.has("Account", acc, false)
	t.signedOut(plain, token)
}

// repairsNothingOfUse lets a store be repaired in which every record is odd, and each
// signs somebody in.
func repairsNothingOfUse(t *T) {
	optional[adapter.Repairer](t, Mend)
	plain := t.plain()
	var checks []func()
	user := func(name string, m members) {
		if !t.put("User", m) {
			return
		}
		checks = append(checks, func() {
			u, err := t.store.GetUserByEmail(t.ctx, email(name))
			t.among("GetUserByEmail of "+brief(m), err)
			t.equal("the user "+brief(m), u.ID, m["id"])
		})
	}
	for i, v := range []any{absent{}, nil, "admin", "SESSION", int64(1), true, map[string]any{}} {
		name := numbered("typed", i)
		user(name, theirUser(t.NewID(), name).with("type", v))
		name = numbered("bare", i)
		user(name, members{"id": t.NewID(), "email": email(name)}.with("type", v))
	}
	for i, field := range []string{"name", "image", "emailVerified", "createdAt", "updatedAt", "custom", "data", "ttl", "expires_in"} {
		for j, v := range []any{nil, int64(1), map[string]any{}, []any{"x"}, notANumber, "soon"} {
			name := numbered(numbered("odd", i), j)
			user(name, theirUser(t.NewID(), name).with(field, v))
		}
	}
	id := t.theirs(ada)
	account := func(m members) {
		key := theirKey(fmt.Sprint(m["providerAccountId"]))
		if !t.put("Account", m) {
			return
		}
		checks = append(checks, func() {
			u, err := t.store.GetUserByAccount(t.ctx, key)
			t.among("GetUserByAccount of "+brief(m), err)
			t.equal("the user of "+brief(m), u.ID, id)
		})
	}
	account(theirAccount(id, "").with("providerAccountId", int64(42)))
	account(theirAccount(id, "text").with("userId", ForeignText(id)))
	for i, field := range []string{"type", "access_token", "expires_at", "scope", "createdAt", "custom", "password"} {
		for j, v := range []any{absent{}, nil, int64(-1), map[string]any{}, []any{"x"}, notANumber, "soon"} {
			account(theirAccount(id, numbered(numbered("a", i), j)).with(field, v))
		}
	}
	for i, field := range []string{"createdAt", "custom", "ip", "type"} {
		for j, v := range []any{nil, int64(1), map[string]any{}, []any{"x"}, "soon"} {
			token := numbered(numbered("token", i), j)
			if t.put("Session", theirSession(id, token).with(field, v)) {
				checks = append(checks, func() { t.signedIn(plain, token, id) })
			}
		}
	}
	for _, dryRun := range []bool{true, false, false} {
		t.repair(dryRun)
		for _, check := range checks {
			check()
		}
	}
}

// changedByThem changes records that were made here, as another program does.
func changedByThem(t *T) {
	u := t.user(ada)
	t.account(u.ID, "github", "octocat")
	for round, text := range []string{"second", "third"} {
		t.must(t.put("Account", theirAccount(u.ID, "octocat").with("access_token", text).with("refresh_token", text).with("custom", text)))
		for _, a := range t.Both() {
			got, err := a.GetAccount(t.ctx, theirKey("octocat"))
			t.ok("GetAccount", err)
			t.equal("the account that another program changed", []any{got.AccessToken, got.RefreshToken, got.Attributes["custom"]}, []any{text, text, text})
		}
		got, err := t.store.UpdateAccount(t.ctx, theirKey("octocat"), adapter.AccountUpdate{Scope: new(numbered("scope", round))})
		t.ok("UpdateAccount", err)
		t.equal("the account after UpdateAccount", []any{got.AccessToken, got.RefreshToken, got.Attributes["custom"]}, []any{text, text, text})
		got, err = t.Second().GetAccount(t.ctx, theirKey("octocat"))
		t.ok("GetAccount", err)
		t.equal("the account after UpdateAccount", []any{got.AccessToken, got.Scope, got.Attributes["custom"]}, []any{text, numbered("scope", round), text})
		all, err := t.Second().ListAccounts(t.ctx, u.ID)
		t.ok("ListAccounts", err)
		if len(all) != 1 || all[0].AccessToken != text {
			t.Errorf("ListAccounts\n  got:  %s\n  want: the access token %q", brief(all), text)
		}
	}
	id, plain := t.theirs(grace), t.plain()
	t.must(t.put("Session", theirSession(id, "token")))
	t.signedIn(plain, "token", id)
	t.must(t.put("Session", theirSession(id, "token").with("expires", Start.Add(time.Minute))))
	t.Clock.Advance(time.Minute - time.Millisecond)
	t.signedIn(plain, "token", id)
	t.Clock.Advance(time.Millisecond)
	t.signedOut(plain, "token")
	t.must(t.put("User", theirUser(id, grace).with("name", "Grace").with("role", "admin")))
	got, err := t.store.UpdateUser(t.ctx, id, adapter.UserUpdate{Image: new("i")})
	t.ok("UpdateUser", err)
	t.equal("the user after UpdateUser", []any{got.Name, got.Image, got.Attributes["role"]}, []any{"Grace", "i", "admin"})
}

// hiddenNames are names that no attribute can have, and some that JavaScript means
// something by. Those in which a store has something of its own are not among them.
var hiddenNames = []string{"data", "ttl", "ts", "coll", "a.b", "@type", "__proto__", "constructor", "\u0001x", strings.Repeat("n", 300), "toString"}

// hidden returns members with texts in them by which they are found in the store.
func (m members) hidden(mark string) (all members, marks []string) {
	for i, name := range hiddenNames {
		marks = append(marks, fmt.Sprintf("%s-%d.", mark, i))
		m = m.with(name, marks[i])
	}
	marks = append(marks, mark+"-deep.", mark+"-list.")
	m = m.with("nested", map[string]any{"a.b": mark + "-deep.", "list": []any{map[string]any{"$x": mark + "-list."}}})
	return m, marks
}

// stores writes a record with as many of the hidden members as the store takes, and
// returns the texts by which they are found.
func (t *T) stores(kind string, m members, mark string) []string {
	t.Helper()
	all, marks := m.hidden(mark)
	if t.put(kind, all) {
		return marks
	}
	t.must(t.put(kind, m.with("data", mark+"-0.")))
	return []string{mark + "-0."}
}

// writeBack updates records with the attributes that a read returned.
func writeBack(t *T) {
	id, plain := t.theirs(ada), t.plain()
	odd := members{"type": "admin", "userId": id, "expires_in": int64(7), "custom": "kept", "not": notANumber}
	put := func(kind string, m members) {
		for name, v := range inOrder(odd) {
			if _, there := m[name]; !there && t.put(kind, m.with(name, v)) {
				m = m.with(name, v)
			}
		}
		t.stores(kind, m, kind)
	}
	put("User", theirUser(id, ada))
	put("Account", theirAccount(id, "octocat"))
	put("Session", theirSession(id, "token"))
	u, err := t.store.GetUser(t.ctx, id)
	t.ok("GetUser", err)
	updated, err := t.store.UpdateUser(t.ctx, id, adapter.UserUpdate{Attributes: u.Attributes})
	t.among("UpdateUser with the attributes of GetUser", err)
	t.equal("the attributes of the user", updated.Attributes, u.Attributes)
	t.equal("an attribute of the user", u.Attributes["custom"], any("kept"))
	a, err := t.store.GetAccount(t.ctx, theirKey("octocat"))
	t.ok("GetAccount", err)
	changed, err := t.store.UpdateAccount(t.ctx, theirKey("octocat"), adapter.AccountUpdate{Attributes: a.Attributes})
	t.among("UpdateAccount with the attributes of GetAccount", err)
	t.equal("the attributes of the account", changed.Attributes, a.Attributes)
	t.equal("an attribute of the account", a.Attributes["custom"], any("kept"))
	s, _, err := plain.GetSessionAndUser(t.ctx, "token")
	t.ok("GetSessionAndUser", err)
	extended, err := plain.UpdateSession(t.ctx, "token", adapter.SessionUpdate{Attributes: s.Attributes})
	t.among("UpdateSession with the attributes of GetSessionAndUser", err)
	t.equal("the attributes of the session", extended.Attributes, s.Attributes)
	t.equal("an attribute of the session", s.Attributes["custom"], any("kept"))
	all, err := t.store.ListSessions(t.ctx, id)
	t.ok("ListSessions", err)
	if len(all) != 1 {
		t.Errorf("ListSessions\n  got:  %s\n  want: one session", brief(all))
		return
	}
	t.equal("the attributes in ListSessions", all[0].Attributes, s.Attributes)
	if !t.put("Authenticator", theirAuthenticator(id, "c").with("custom", "kept").with("createdAt", "soon")) {
		return
	}
	c, err := t.store.GetAuthenticator(t.ctx, "c")
	t.ok("GetAuthenticator", err)
	renamed, err := t.store.UpdateAuthenticator(t.ctx, "c", adapter.AuthenticatorUpdate{Attributes: c.Attributes})
	t.among("UpdateAuthenticator with the attributes of GetAuthenticator", err)
	t.equal("the attributes of the credential", renamed.Attributes, c.Attributes)
	t.equal("an attribute of the credential", c.Attributes["custom"], any("kept"))
}

// hiddenStay updates records that have members which are no attributes.
func hiddenStay(t *T) {
	id, plain := t.NewID(), t.plain()
	user := t.stores("User", theirUser(id, ada), "user")
	account := t.stores("Account", theirAccount(id, "octocat"), "account")
	session := t.stores("Session", theirSession(id, "token"), "session")
	var passkey []string
	if m, marks := theirAuthenticator(id, "c").hidden("passkey"); t.put("Authenticator", m) {
		passkey = marks
		_, err := t.store.UpdateAuthenticatorCounter(t.ctx, "c", 8)
		t.ok("UpdateAuthenticatorCounter", err)
		_, err = t.store.UpdateAuthenticator(t.ctx, "c", adapter.AuthenticatorUpdate{
			CredentialBackedUp: new(false), Transports: &[]string{}, Attributes: adapter.Attributes{"role": "spare"}, RemoveAttributes: []string{"none"},
		})
		t.ok("UpdateAuthenticator", err)
		t.marked("UpdateAuthenticator", passkey...)
	}
	for i, up := range []adapter.UserUpdate{
		{Name: new("new")}, {Email: new(email(grace))}, {EmailVerified: new(Start)}, {Attributes: adapter.Attributes{"role": "admin"}},
		{RemoveAttributes: []string{"role"}}, {Email: new("")}, {Name: new(""), Image: new("")},
	} {
		_, err := t.store.UpdateUser(t.ctx, id, up)
		t.ok("UpdateUser", err)
		t.marked(numbered("UpdateUser", i), user...)
	}
	for i, up := range []adapter.AccountUpdate{
		{AccessToken: new("new")}, {ExpiresAt: new(int64(7))}, {Attributes: adapter.Attributes{"tenant": "t"}}, {RemoveAttributes: []string{"tenant"}, Scope: new("")},
	} {
		_, err := t.store.UpdateAccount(t.ctx, theirKey("octocat"), up)
		t.ok("UpdateAccount", err)
		t.marked(numbered("UpdateAccount", i), account...)
	}
	for i, up := range []adapter.SessionUpdate{
		{Expires: new(Start.Add(2 * time.Hour))}, {Attributes: adapter.Attributes{"ip": "::1"}}, {RemoveAttributes: []string{"ip"}},
	} {
		_, err := plain.UpdateSession(t.ctx, "token", up)
		t.ok("UpdateSession", err)
		t.marked(numbered("UpdateSession", i), session...)
	}
	t.repair(false)
	t.marked("Repair", user...)
	t.marked("Repair", account...)
	t.marked("Repair", session...)
	t.marked("Repair", passkey...)
}

// attributesStay updates records of another program that have attributes of every type.
func attributesStay(t *T) {
	id, plain := t.NewID(), t.plain()
	want := fullAttributes()
	delete(want, "seen") // not every program has a type for times
	put := func(kind string, m members) {
		for name, v := range inOrder(want) {
			m = m.with(name, v)
		}
		t.must(t.put(kind, m))
	}
	put("User", theirUser(id, ada))
	put("Account", theirAccount(id, "octocat"))
	put("Session", theirSession(id, "token"))
	u, err := t.store.GetUser(t.ctx, id)
	t.ok("GetUser", err)
	t.equal("the attributes of the user", u.Attributes, want)
	u, err = t.store.UpdateUser(t.ctx, id, adapter.UserUpdate{Name: new("new"), Email: new(email(grace))})
	t.ok("UpdateUser", err)
	t.equal("the attributes of the user after UpdateUser", u.Attributes, want)
	a, err := t.store.UpdateAccount(t.ctx, theirKey("octocat"), adapter.AccountUpdate{AccessToken: new("new")})
	t.ok("UpdateAccount", err)
	t.equal("the attributes of the account after UpdateAccount", a.Attributes, want)
	s, err := plain.UpdateSession(t.ctx, "token", adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
	t.ok("UpdateSession", err)
	t.equal("the attributes of the session after UpdateSession", s.Attributes, want)
	passkeyStays(t, id, want)
	want["role"] = "user"
	delete(want, "active")
	u, err = t.store.UpdateUser(t.ctx, id, adapter.UserUpdate{Attributes: adapter.Attributes{"role": "user"}, RemoveAttributes: []string{"active"}})
	t.ok("UpdateUser of attributes", err)
	t.equal("the attributes of the user after UpdateUser of attributes", u.Attributes, want)
	u, err = t.Second().GetUser(t.ctx, id)
	t.ok("GetUser", err)
	t.equal("the attributes of the user", u.Attributes, want)
}

// passkeyStays updates a credential of another program that has attributes.
func passkeyStays(t *T, userID string, want adapter.Attributes) {
	m := theirAuthenticator(userID, "c")
	for name, v := range inOrder(want) {
		m = m.with(name, v)
	}
	if !t.put("Authenticator", m) {
		return
	}
	a, err := t.store.UpdateAuthenticatorCounter(t.ctx, "c", 8)
	t.ok("UpdateAuthenticatorCounter", err)
	t.equal("the attributes of the credential after UpdateAuthenticatorCounter", a.Attributes, want)
	a, err = t.store.UpdateAuthenticator(t.ctx, "c", adapter.AuthenticatorUpdate{CredentialBackedUp: new(false), Transports: &[]string{"ble"}})
	t.ok("UpdateAuthenticator", err)
	t.equal("the attributes of the credential after UpdateAuthenticator", a.Attributes, want)
	a, err = t.Second().GetAuthenticator(t.ctx, "c")
	t.ok("GetAuthenticator", err)
	t.equal("the credential", []any{a.Attributes, a.Counter, a.CredentialBackedUp, a.Transports}, []any{want, uint32(8), false, []string{"ble"}})
}

// enumeratesTheirs enumerates users whom another program stored, some in odd forms.
func enumeratesTheirs(t *T) {
	e := optional[adapter.Enumerator](t, Enumerate)
	var names []string
	for i, v := range []any{nil, int64(1), true, map[string]any{}, []any{"x"}, "soon"} {
		for j, field := range []string{"name", "emailVerified", "type", "custom"} {
			name := numbered(numbered(ada, i), j)
			if t.put("User", theirUser(t.NewID(), name).with(field, v)) {
				names = append(names, name)
			}
		}
	}
	t.put("User", theirUser("", "odd").with("id", int64(42)))
	t.must(len(names) > 0)
	want := map[string]adapter.User{}
	for _, name := range names {
		u, err := t.store.GetUserByEmail(t.ctx, email(name))
		t.ok("GetUserByEmail", err)
		want[u.ID] = u
	}
	var cursor string
	for range maxPages {
		page, err := e.EnumerateUsers(t.ctx, cursor, 5)
		t.ok("EnumerateUsers", err)
		for _, u := range page.Users {
			if u.Email != email("odd") {
				t.equal("a user of EnumerateUsers", u, want[u.ID])
			}
		}
		for _, u := range page.Users {
			delete(want, u.ID)
		}
		for _, err := range page.Unreadable {
			t.is("what EnumerateUsers cannot read", err, adapter.ErrUnreadable)
			t.silent("EnumerateUsers", err.Error(), email("odd"))
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	t.equal("the cursor at the end", cursor, "")
	t.equal("users that EnumerateUsers left out", len(want), 0)
}

// oddIDs reads and deletes users whose IDs another program chose.
func oddIDs(t *T) {
	ids := []odd{
		{stored: "alice", want: "alice"}, {stored: "8d7d5a2e-54b5-4b0e-8f6c-0a4a3a0f5f10", want: "8d7d5a2e-54b5-4b0e-8f6c-0a4a3a0f5f10"},
		{stored: "65a0c0de0000000000000abc", want: "65a0c0de0000000000000abc"}, {stored: int64(42), want: "42"}, {stored: "clx3k9v0a0000", want: "clx3k9v0a0000"},
	}
	each(t, ids, func(i int, o odd) bool {
		name, id := numbered(ada, i), o.want.(string)
		m := theirUser(id, name).with("id", o.stored)
		if !t.put("User", m) {
			return false
		}
		typed := []error{adapter.ErrUnreadable, adapter.ErrInvalid}
		doing := " of the user with the ID " + brief(o.stored)
		u, err := t.store.GetUser(t.ctx, id)
		t.among("GetUser"+doing, err, typed...)
		if err == nil {
			t.equal("the ID", u.ID, id)
		}
		byEmail, err := t.Second().GetUserByEmail(t.ctx, email(name))
		t.among("GetUserByEmail"+doing, err, typed...)
		if err == nil {
			t.equal("the ID"+doing, byEmail.ID, id)
		}
		err = t.store.DeleteUser(t.ctx, id)
		t.among("DeleteUser"+doing, err, typed...)
		t.has("User", m, err != nil)
		if err == nil {
			_, err = t.store.GetUser(t.ctx, id)
			t.is("GetUser of a deleted user", err, adapter.ErrNotFound)
		} else if errors.Is(err, adapter.ErrUnavailable) {
			t.Errorf("DeleteUser%s\n  got:  %v\n  want: an error that a retry does not mend", doing, err)
		}
		return true
	})
}
