package conformance

import (
	"time"

	"github.com/authstore/authstore/adapter"
)

var valueTests = []Test{
	{ID: "VAL-001", Rule: "A record that was handed in can be changed afterwards without changing the store.", Source: "docs/contract.md R12", Run: func(t *T) {
		given := fullAttributes()
		u, err := t.store.CreateUser(t.ctx, adapter.User{Email: email(ada), Attributes: given})
		t.ok("CreateUser", err)
		acc := plainAccount(u.ID, "github", "1")
		acc.Attributes = given
		_, err = t.store.LinkAccount(t.ctx, acc)
		t.ok("LinkAccount", err)
		s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour), Attributes: given})
		t.ok("CreateSession", err)
		both, bothAccount, err := t.store.CreateUserWithAccount(t.ctx, adapter.User{Attributes: given}, adapter.Account{
			Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "2", Attributes: given,
		})
		t.ok("CreateUserWithAccount", err)
		spoil(given)
		t.unspoiled(u.ID, acc.Key(), s.SessionToken)
		t.unspoiled(both.ID, bothAccount.Key(), s.SessionToken)
	}},
	{ID: "VAL-002", Rule: "An update that was handed in can be changed afterwards without changing the store.", Source: "docs/contract.md R12", Run: func(t *T) {
		u := t.user(ada)
		acc, s := t.account(u.ID, "github", "1"), t.session(u.ID)
		given := fullAttributes()
		_, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Attributes: given})
		t.ok("UpdateUser", err)
		_, err = t.store.UpdateAccount(t.ctx, acc.Key(), adapter.AccountUpdate{Attributes: given})
		t.ok("UpdateAccount", err)
		_, err = t.store.UpdateSession(t.ctx, s.SessionToken, adapter.SessionUpdate{Attributes: given})
		t.ok("UpdateSession", err)
		spoil(given)
		t.unspoiled(u.ID, acc.Key(), s.SessionToken)
	}},
	{ID: "VAL-003", Rule: "A record that was returned can be changed without changing the store.", Source: "docs/contract.md R12", Run: func(t *T) {
		u, acc, err := t.store.CreateUserWithAccount(t.ctx, adapter.User{Email: email(ada), Attributes: fullAttributes()}, adapter.Account{
			Type: adapter.AccountOAuth, Provider: "github", ProviderAccountID: "1", Attributes: fullAttributes(),
		})
		t.ok("CreateUserWithAccount", err)
		s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour), Attributes: fullAttributes()})
		t.ok("CreateSession", err)
		for _, a := range []adapter.Attributes{u.Attributes, acc.Attributes, s.Attributes} {
			spoil(a)
		}
		t.unspoiled(u.ID, acc.Key(), s.SessionToken)
		for _, read := range t.attributesOfReads(u.ID, acc.Key(), s.SessionToken) {
			spoil(read)
		}
		t.unspoiled(u.ID, acc.Key(), s.SessionToken)
	}},
	{ID: "VAL-004", Rule: "Transports and attributes of authenticators are values too.", Source: "docs/contract.md R12", Run: func(t *T) {
		u := t.user(ada)
		given := fullAuthenticator(u.ID, "c")
		returned, err := t.store.CreateAuthenticator(t.ctx, given)
		t.ok("CreateAuthenticator", err)
		for _, a := range []adapter.Authenticator{given, returned} {
			a.Transports[0], a.Attributes["name"] = "spoiled", "spoiled"
		}
		t.sameAuthenticator(fullAuthenticator(u.ID, "c"))
		got, err := t.store.GetAuthenticator(t.ctx, "c")
		t.ok("GetAuthenticator", err)
		got.Transports[0], got.Attributes["name"] = "spoiled", "spoiled"
		all, err := t.store.ListAuthenticators(t.ctx, u.ID)
		t.ok("ListAuthenticators", err)
		all[0].Transports[0], all[0].Attributes["name"] = "spoiled", "spoiled"
		updated, err := t.store.UpdateAuthenticatorCounter(t.ctx, "c", 8)
		t.ok("UpdateAuthenticatorCounter", err)
		updated.Transports[0], updated.Attributes["name"] = "spoiled", "spoiled"
		want := fullAuthenticator(u.ID, "c")
		want.Counter, want.UpdatedAt = 8, t.Clock.Now()
		t.sameAuthenticator(want)
	}},
	{ID: "VAL-005", Rule: "What is handed in is not changed by the call.", Source: "docs/contract.md R12", Run: func(t *T) {
		given := adapter.Attributes{"int": 1, "strings": []string{"a"}, "time": Start.In(time.FixedZone("east", 3600)), "nested": map[string]any{"int": 2}}
		u, err := t.store.CreateUser(t.ctx, adapter.User{Attributes: given})
		t.ok("CreateUser", err)
		_, err = t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Attributes: given})
		t.ok("UpdateUser", err)
		t.equal("the attributes handed in", given, adapter.Attributes{
			"int": 1, "strings": []string{"a"}, "time": Start, "nested": map[string]any{"int": 2},
		})
	}},
}

// spoil changes attributes at every level.
func spoil(a adapter.Attributes) {
	a["groups"].([]any)[0] = "spoiled"
	a["groups"].([]any)[3].(map[string]any)["deep"] = "spoiled"
	a["address"].(map[string]any)["city"] = "spoiled"
	a["address"].(map[string]any)["geo"].([]any)[0] = "spoiled"
	a["role"] = "spoiled"
	a["spoiled"] = true
	delete(a, "active")
}

// unspoiled fails the test unless every read of the records has fullAttributes.
func (t *T) unspoiled(userID string, key adapter.AccountKey, token string) {
	t.Helper()
	for what, got := range t.attributesOfReads(userID, key, token) {
		t.equal("the attributes of "+what, got, fullAttributes())
	}
}

// attributesOfReads returns the attributes that every read of the records returns.
func (t *T) attributesOfReads(userID string, key adapter.AccountKey, token string) map[string]adapter.Attributes {
	t.Helper()
	reads := map[string]adapter.Attributes{}
	u, err := t.store.GetUser(t.ctx, userID)
	t.ok("GetUser", err)
	reads["GetUser"] = u.Attributes
	u, err = t.store.GetUserByAccount(t.ctx, key)
	t.ok("GetUserByAccount", err)
	reads["GetUserByAccount"] = u.Attributes
	u, err = t.store.UpdateUser(t.ctx, userID, adapter.UserUpdate{})
	t.ok("UpdateUser", err)
	reads["UpdateUser"] = u.Attributes
	acc, err := t.store.GetAccount(t.ctx, key)
	t.ok("GetAccount", err)
	reads["GetAccount"] = acc.Attributes
	accounts, err := t.store.ListAccounts(t.ctx, acc.UserID)
	t.ok("ListAccounts", err)
	reads["ListAccounts"] = accounts[0].Attributes
	acc, err = t.store.UpdateAccount(t.ctx, key, adapter.AccountUpdate{})
	t.ok("UpdateAccount", err)
	reads["UpdateAccount"] = acc.Attributes
	s, su, err := t.store.GetSessionAndUser(t.ctx, token)
	t.ok("GetSessionAndUser", err)
	reads["GetSessionAndUser"], reads["the user of GetSessionAndUser"] = s.Attributes, su.Attributes
	sessions, err := t.store.ListSessions(t.ctx, s.UserID)
	t.ok("ListSessions", err)
	reads["ListSessions"] = sessions[0].Attributes
	s, err = t.store.UpdateSession(t.ctx, token, adapter.SessionUpdate{})
	t.ok("UpdateSession", err)
	reads["UpdateSession"] = s.Attributes
	return reads
}
