package conformance

import "github.com/authstore/authstore/adapter"

// restartTests kill the store.
var restartTests = []Test{
	{ID: "CRS-001", Rule: "What a call that returned nil has written is there after the store was killed and started again.", Source: "docs/contract.md R4", Run: func(t *T) {
		s := t.newStage(ada)
		u, err := t.store.UpdateUser(t.ctx, s.user.ID, adapter.UserUpdate{Name: new("changed"), Attributes: fullAttributes()})
		t.ok("UpdateUser", err)
		signedUp, acc, err := t.store.CreateUserWithAccount(t.ctx, fullUser(grace), fullAccount("", "gitlab", "1"))
		t.ok("CreateUserWithAccount", err)
		t.restart()
		t.sameUser(u)
		t.sameUser(signedUp)
		t.sameAccount(acc)
		t.sameAccount(s.account)
		t.sameAuthenticator(s.authenticator)
		t.signedIn(t.store, s.session.SessionToken, u.ID)
		t.equal("usable", t.usable(t.ctx, t.store, s.link.Identifier, s.link.Token), true)
		_, err = t.Second().CreateUser(t.ctx, adapter.User{Email: email(grace)})
		t.conflict("CreateUser", err, adapter.FieldUserEmail)
	}},
	{ID: "CRS-002", Rule: "What has ended, was used or deleted stays so when the store is killed and started again.", Source: "docs/contract.md R4", Run: func(t *T) {
		s, other := t.newStage(ada), t.newStage(grace)
		t.equal("usable", t.usable(t.ctx, t.store, s.link.Identifier, s.link.Token), true)
		t.ok("DeleteSession", t.store.DeleteSession(t.ctx, s.session.SessionToken))
		t.ok("UnlinkAccount", t.store.UnlinkAccount(t.ctx, s.account.Key()))
		t.ok("DeleteAuthenticator", t.store.DeleteAuthenticator(t.ctx, s.authenticator.CredentialID))
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, other.user.ID))
		t.restart()
		t.equal("usable", t.usable(t.ctx, t.store, s.link.Identifier, s.link.Token), false)
		t.signedOut(t.store, s.session.SessionToken)
		t.nothing(universe{
			users: []string{other.user.ID}, emails: []string{other.user.Email}, accounts: []adapter.AccountKey{s.account.Key(), other.account.Key()},
			sessions: []string{s.session.SessionToken, other.session.SessionToken}, credentials: []string{s.authenticator.CredentialID, other.authenticator.CredentialID},
		})
		t.sameUser(s.user)
	}},
}

// restart kills the store, starts it again, and gives the test new adapters.
func (t *T) restart() {
	t.Helper()
	t.ok("the harness restarts the store", t.namespace.Restart(t.ctx))
	t.store, t.second = t.Open(t.Options()), nil
}
