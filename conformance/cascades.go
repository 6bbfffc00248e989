package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// The lists that these tests read and remove are longer than what any store takes
// or gives at once: in records, and in bytes, which is why the records are large.
const (
	manyAccounts       = 120
	manyAuthenticators = 120
)

var (
	largeAttributes = adapter.Attributes{"agent": strings.Repeat("agent ", 250)} // 1.5 KB: 1.5 MB of sessions
	largeIDToken    = strings.Repeat("claims ", 2500)                            // 17 KB: 2 MB of accounts
)

var cascadeTests = []Test{
	{ID: "CAS-001", Rule: "A deleted user takes every session, account and authenticator along, however many there are, and nothing of anybody else.", Source: "docs/contract.md R14", Run: deleteLargeUser},
	{ID: "CAS-002", Rule: "Signing out everywhere else ends every session but those that are kept, however many there are.", Source: "docs/contract.md R14", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		theirs := t.session(other.ID)
		w := universe{users: []string{u.ID}, sessions: t.createSessions(u.ID, *manySessions)}
		kept := []string{w.sessions[*manySessions/2], w.sessions[*manySessions-1]}
		t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID, kept...))
		v := t.look(w)
		t.equal("sessions that open", len(v.sessions), len(kept))
		for _, token := range kept {
			t.signedIn(t.Second(), token, u.ID)
		}
		t.consistent(w)
		t.signedIn(t.Second(), theirs.SessionToken, other.ID)
		t.ok("DeleteSessions", t.Second().DeleteSessions(t.ctx, u.ID))
		t.nothing(universe{users: []string{u.ID}, sessions: kept})
		t.signedIn(t.Second(), theirs.SessionToken, other.ID)
	}},
	{ID: "CAS-003", Rule: "Deleting a user twice is deleting it once, and deleting one who never was is nothing.", Source: "docs/contract.md R1", Run: func(t *T) {
		var w universe
		w.add(t.newStage(ada))
		other := t.newStage(grace)
		for _, a := range t.Both() {
			t.ok("DeleteUser of nobody", a.DeleteUser(t.ctx, t.NewID()))
		}
		for _, a := range t.Both() {
			t.ok("DeleteUser", a.DeleteUser(t.ctx, w.users[0]))
			t.gone(w)
		}
		t.whole(other)
	}},
	{ID: "CAS-004", Rule: "A user with the ID and the e-mail address of a deleted one inherits nothing.", Source: "docs/contract.md R14", Run: func(t *T) {
		var w universe
		s := t.newStage(ada)
		w.add(s)
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, s.user.ID))
		u, err := t.Second().CreateUser(t.ctx, adapter.User{ID: s.user.ID, Email: s.user.Email})
		t.ok("CreateUser with the ID of a deleted user", err)
		t.nothing(w)
		t.sameUser(u)
		for _, err := range []error{
			t.store.DeleteSession(t.ctx, s.session.SessionToken), t.store.UnlinkAccount(t.ctx, s.account.Key()),
			t.store.DeleteAuthenticator(t.ctx, s.authenticator.CredentialID),
		} {
			t.ok("deleting what a deleted user had", err)
		}
		t.session(u.ID)
		t.account(u.ID, s.account.Provider, s.account.ProviderAccountID)
		t.authenticator(u.ID, s.authenticator.CredentialID)
		t.signedOut(t.Second(), s.session.SessionToken)
		w.sessions = nil
		t.consistent(w)
	}},
	{ID: "CAS-005", Rule: "Nothing that a deleted user had can be updated.", Source: "docs/contract.md R14", Run: func(t *T) {
		s := t.newStage(ada)
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, s.user.ID))
		for _, a := range t.Both() {
			_, err := a.UpdateUser(t.ctx, s.user.ID, adapter.UserUpdate{Name: new("ghost")})
			t.is("UpdateUser", err, adapter.ErrNotFound)
			_, err = a.UpdateSession(t.ctx, s.session.SessionToken, adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour))})
			t.is("UpdateSession", err, adapter.ErrNotFound)
			_, err = a.UpdateAccount(t.ctx, s.account.Key(), adapter.AccountUpdate{Scope: new("ghost")})
			t.is("UpdateAccount", err, adapter.ErrNotFound)
			_, err = a.UpdateAuthenticatorCounter(t.ctx, s.authenticator.CredentialID, 100)
			t.is("UpdateAuthenticatorCounter", err, adapter.ErrNotFound)
		}
		var w universe
		w.add(s)
		t.gone(w)
	}},
	{ID: "CAS-006", Rule: "Deleting a user leaves alone those whose IDs or addresses begin or end like the user's.", Source: "docs/contract.md R14", Run: func(t *T) {
		u := t.newStage(ada)
		others := []stage{t.newStage("ad"), t.newStage("adaa"), t.newStage("aada"), t.newStage("ada-ada")}
		id := u.user.ID
		var likeIDs []adapter.User
		for i, like := range []string{id + "0", "0" + id, id[:len(id)-1], id[1:], strings.ToUpper(id) + "X", id + "#", id + "*", id + ":x"} {
			got, err := t.store.CreateUser(t.ctx, adapter.User{ID: like, Email: email(numbered("like", i))})
			t.among("CreateUser with an ID of a form that the store may not have", err, adapter.ErrInvalid)
			if err == nil {
				likeIDs = append(likeIDs, got)
			}
		}
		t.ok("DeleteUser", t.Second().DeleteUser(t.ctx, id))
		for _, s := range others {
			t.whole(s)
		}
		for _, like := range likeIDs {
			t.sameUser(like)
		}
	}},
	{ID: "CAS-007", Rule: "After the deletion of a user nothing that is stored mentions the user's ID or e-mail address.", Source: "docs/contract.md R14", Needs: []Feature{Dump}, Run: func(t *T) {
		u, other := t.someone(ada), t.someone(grace)
		_, err := t.store.UpdateUser(t.ctx, other.ID, adapter.UserUpdate{Email: new(email(alan))})
		t.ok("UpdateUser", err)
		t.equal("whether the harness's Dump shows an address that was given up", t.stored(other.Email), false)
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		t.forgotten(u)
		t.equal("whether the harness's Dump shows another user", []bool{t.stored(other.ID), t.stored(email(alan))}, []bool{true, true})
	}},
	{ID: "CAS-008", Rule: "A list of sessions has every live one, however many there are.", Source: "adapter.Sessions.ListSessions", Run: func(t *T) {
		u := t.user(ada)
		tokens := t.createSessions(u.ID, *manySessions)
		all, err := t.Second().ListSessions(t.ctx, u.ID)
		t.ok("ListSessions", err)
		listed := map[string]bool{}
		for _, s := range all {
			listed[s.ID] = true
			if s.UserID != u.ID || s.Attributes["agent"] != largeAttributes["agent"] {
				t.Fatalf("ListSessions\n  got:  %s\n  want: a session as it was made", brief(s))
			}
		}
		for _, token := range tokens {
			if !listed[adapter.SessionID(token)] {
				t.Fatalf("ListSessions\n  got:  %d sessions, and one is missing\n  want: all %d", len(all), len(tokens))
			}
		}
		t.equal("sessions listed", []int{len(all), len(listed)}, []int{len(tokens), len(tokens)})
	}},
	{ID: "CAS-009", Rule: "A list of accounts or authenticators has every one, however many there are.", Source: "adapter.Accounts.ListAccounts", Run: func(t *T) {
		var w universe
		w.users = []string{t.user(ada).ID}
		w.accounts = t.manyAccounts(w.users[0], "github", manyAccounts)
		w.credentials = t.manyAuthenticators(w.users[0], "credential", manyAuthenticators)
		v := t.look(w)
		t.equal("accounts, sessions and authenticators listed", v.owned[w.users[0]].counts(), [3]int{manyAccounts, 0, manyAuthenticators})
		t.consistent(w)
	}},
	{ID: "CAS-010", Rule: "Expired sessions are not listed, and hide no live one, however many they are.", Source: "docs/contract.md R3", Run: func(t *T) {
		u := t.user(ada)
		var want []string
		for n := range 5 {
			want = append(want, t.session(u.ID).SessionToken)
			t.expiring(u.ID, 100)
			t.equal("sessions listed before any expires", t.countSessions(u.ID), 101*(n+1))
		}
		t.Clock.Advance(time.Minute)
		t.equal("sessions listed when most have expired", t.countSessions(u.ID), len(want))
		t.consistent(universe{users: []string{u.ID}, sessions: want})
		t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID, want[0]))
		t.equal("sessions listed", t.countSessions(u.ID), 1)
		t.signedIn(t.Second(), want[0], u.ID)
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		t.nothing(universe{users: []string{u.ID}, sessions: want})
	}},
	{ID: "CAS-011", Rule: "Making the tokens of an identifier void reaches every one, however many there are, and none of another identifier.", Source: "docs/contract.md R15", Run: func(t *T) {
		const many = 300
		others := []string{"ad", "adaa", "aada", "ADA", "ada "}
		for _, other := range others {
			t.link(other, numbered("token", 1))
		}
		t.ok("CreateVerificationToken", t.parallel(many, func(i int) error {
			_, err := t.store.CreateVerificationToken(t.ctx, adapter.VerificationToken{Identifier: ada, Token: numbered("token", i), Expires: Start.Add(time.Hour)})
			return err
		}))
		t.ok("DeleteVerificationTokens", t.Second().DeleteVerificationTokens(t.ctx, ada))
		t.ok("UseVerificationToken", t.parallel(many, func(i int) error {
			if t.usable(t.ctx, t.store, ada, numbered("token", i)) {
				return fmt.Errorf("token %d of %d is not void", i, many)
			}
			return nil
		}))
		for _, other := range others {
			t.equal("whether the token of another identifier can be used", t.usable(t.ctx, t.store, other, numbered("token", 1)), true)
		}
	}},
	{ID: "CAS-012", Rule: "Sessions whose tokens were made elsewhere go with their user, and with a sign-out everywhere.", Source: "docs/contract.md R14", Run: func(t *T) {
		u := t.user(ada)
		w := universe{users: []string{u.ID}, sessions: []string{"4ce6a1f5-6b3c-4a3e-9f4e-7d0b1f1c2a3b", u.ID, u.ID + ".", u.ID + ".short", "." + u.ID}}
		create := func() {
			for _, token := range w.sessions {
				_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: token, Expires: Start.Add(time.Hour)})
				t.ok("CreateSession with a token made elsewhere", err)
				t.signedIn(t.Second(), token, u.ID)
			}
		}
		create()
		t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID, w.sessions[1]))
		t.signedIn(t.Second(), w.sessions[1], u.ID)
		t.nothing(universe{sessions: slices.Concat(w.sessions[:1], w.sessions[2:])})
		t.ok("DeleteSessions", t.store.DeleteSessions(t.ctx, u.ID))
		create()
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		t.nothing(w)
	}},
}

// deleteLargeUser deletes a user with many records beside one with a few.
func deleteLargeUser(t *T) {
	other := t.newStage(grace)
	u := t.user(ada)
	w := universe{
		users: []string{u.ID}, emails: []string{u.Email},
		accounts:    t.manyAccounts(u.ID, "gitlab", manyAccounts),
		sessions:    t.createSessions(u.ID, *manySessions),
		credentials: t.manyAuthenticators(u.ID, "many", manyAuthenticators),
	}
	t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
	t.gone(w)
	t.whole(other)
	t.ok("DeleteUser of the other", t.Second().DeleteUser(t.ctx, other.user.ID))
	t.noUser(other.user.ID)
}

// whole fails the test unless every record of a stage is there, as it was made. It
// uses up the verification token.
func (t *T) whole(s stage) {
	t.Helper()
	t.sameUser(s.user)
	t.sameAccount(s.account)
	t.opens(s.session)
	t.hasAuthenticator(s.authenticator)
	var w universe
	w.add(s)
	t.consistent(w)
	t.equal("whether the verification token can be used", t.usable(t.ctx, t.store, s.link.Identifier, s.link.Token), true)
}

// createSessions creates large sessions, some at once, and returns their tokens.
func (t *T) createSessions(userID string, n int) []string {
	t.Helper()
	tokens := make([]string, n)
	t.ok("CreateSession", t.parallel(n, func(i int) error {
		s, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: userID, Expires: Start.Add(time.Hour), Attributes: largeAttributes})
		tokens[i] = s.SessionToken
		return err
	}))
	return tokens
}

// expiring creates sessions that live for a minute.
func (t *T) expiring(userID string, n int) {
	t.Helper()
	t.ok("CreateSession", t.parallel(n, func(int) error {
		_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: userID, Expires: t.Clock.Now().Add(time.Minute), Attributes: largeAttributes})
		return err
	}))
}

func (t *T) countSessions(userID string) int {
	t.Helper()
	all, err := t.Second().ListSessions(t.ctx, userID)
	t.ok("ListSessions", err)
	return len(all)
}

// manyAccounts links large accounts, some at once, and returns their keys.
func (t *T) manyAccounts(userID, provider string, n int) []adapter.AccountKey {
	t.Helper()
	keys := make([]adapter.AccountKey, n)
	t.ok("LinkAccount", t.parallel(n, func(i int) error {
		a := plainAccount(userID, provider, numbered("a", i))
		a.IDToken = largeIDToken
		keys[i] = a.Key()
		_, err := t.store.LinkAccount(t.ctx, a)
		return err
	}))
	return keys
}

// manyAuthenticators creates credentials, some at once, and returns their IDs.
func (t *T) manyAuthenticators(userID, name string, n int) []string {
	t.Helper()
	ids := make([]string, n)
	t.ok("CreateAuthenticator", t.parallel(n, func(i int) error {
		ids[i] = numbered(name, i)
		_, err := t.store.CreateAuthenticator(t.ctx, fullAuthenticator(userID, ids[i]))
		return err
	}))
	return ids
}
