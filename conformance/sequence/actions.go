package sequence

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
)

// actions returns every write of the contract, and the clock. The reads follow each
// of them: see compare.
func (s *sequence) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"CreateUser":                  s.createUser,
		"CreateUserWithAccount":       s.createUserWithAccount,
		"CreateUserWithAuthenticator": s.createUserWithAuthenticator,
		"UpdateUser":                  s.updateUser,
		"DeleteUser":                  s.deleteUser,
		"LinkAccount":                 s.linkAccount,
		"UpdateAccount":               s.updateAccount,
		"UnlinkAccount":               s.unlinkAccount,
		"CreateSession":               s.createSession,
		"UpdateSession":               s.updateSession,
		"DeleteSession":               s.deleteSession,
		"DeleteSessionByID":           s.deleteSessionByID,
		"DeleteSessions":              s.deleteSessions,
		"CreateVerificationToken":     s.createVerificationToken,
		"UseVerificationToken":        s.useVerificationToken,
		"DeleteVerificationTokens":    s.deleteVerificationTokens,
		"CreateAuthenticator":         s.createAuthenticator,
		"UpdateAuthenticatorCounter":  s.updateAuthenticatorCounter,
		"UpdateAuthenticator":         s.updateAuthenticator,
		"DeleteAuthenticator":         s.deleteAuthenticator,
		"the clock moves":             s.advance,
	}
}

func (s *sequence) advance(rt *rapid.T) {
	s.clock.Advance(draw(rt, "by", time.Millisecond, 30*time.Minute, time.Hour))
}

// begin has one user sign up, for an empty store has little to say.
func (s *sequence) begin(rt *rapid.T) {
	s.addUser(rt, adapter.User{ID: s.ids[0], Email: s.emails[0]})
	s.addAccount(rt, adapter.Account{
		UserID: s.ids[0], Type: adapter.AccountOAuth, Provider: s.accounts[0].Provider, ProviderAccountID: s.accounts[0].ProviderAccountID,
	})
	for _, token := range s.tokens {
		s.addSession(rt, adapter.Session{UserID: s.ids[0], SessionToken: token, Expires: s.clock.Now().Add(time.Hour)})
	}
	s.addAuthenticator(rt, adapter.Authenticator{UserID: s.ids[0], CredentialID: s.credentials[0], CredentialPublicKey: "key"})
}

// draw draws one of the values.
func draw[V any](rt *rapid.T, label string, values ...V) V {
	return rapid.SampledFrom(values).Draw(rt, label)
}

// maybe draws one of the values, or none.
func maybe[V any](rt *rapid.T, label string, values ...V) *V {
	return rapid.Ptr(rapid.SampledFrom(values), true).Draw(rt, label)
}

func (s *sequence) attributes(rt *rapid.T) adapter.Attributes {
	return draw(rt, "attributes", nil,
		adapter.Attributes{"role": "admin"}, adapter.Attributes{"role": nil, "n": int64(1)},
		adapter.Attributes{"n": 2.5, "tags": []any{"a", int64(2), map[string]any{"deep": false}}})
}

// removed draws names of attributes to remove that are not set.
func (s *sequence) removed(rt *rapid.T, set adapter.Attributes) []string {
	var names []string
	if name := maybe(rt, "removed", "role", "n", "tags"); name != nil {
		if _, both := set[*name]; !both {
			names = append(names, *name)
		}
	}
	return names
}

// expires draws when something expires, which may be at once.
func (s *sequence) expires(rt *rapid.T) time.Time {
	return s.clock.Now().Add(draw(rt, "expires in", time.Hour, time.Millisecond, 0, -time.Hour, 90*time.Minute))
}

// there returns what a call for a record may answer.
func there(is bool) string {
	if is {
		return success
	}
	return notFound
}

func (s *sequence) user(rt *rapid.T) string { return draw(rt, "user", s.ids...) }

// email draws an address in one of its spellings, or none.
func (s *sequence) email(rt *rapid.T) string {
	email := draw(rt, "email", append(s.emails, "")...)
	if draw(rt, "in capitals", false, true) {
		return strings.ToUpper(email)
	}
	return email
}

func (s *sequence) newUser(rt *rapid.T) adapter.User {
	return adapter.User{
		ID: draw(rt, "user", append(s.ids[:len(s.ids):len(s.ids)], "")...), Name: "new", Email: s.email(rt), Attributes: s.attributes(rt),
	}
}

// identify returns a user with the ID that the store gave it.
func (s *sequence) identify(u adapter.User, id string) adapter.User {
	if u.ID == "" {
		u.ID = id
		s.ids = append(s.ids, id)
	}
	return u
}

// answersTo returns what a create may answer, that has these conflicts.
func answersTo(conflicts []string) []string {
	if len(conflicts) == 0 {
		return []string{success}
	}
	return conflicts
}

func (s *sequence) createUser(rt *rapid.T) { s.addUser(rt, s.newUser(rt)) }

func (s *sequence) addUser(rt *rapid.T, u adapter.User) {
	got, err := s.one(rt).CreateUser(s.ctx, u)
	if s.answered(rt, "CreateUser", err, answersTo(s.model.conflicts(u))...) {
		s.same(rt, "CreateUser", got, s.model.addUser(s.identify(u, got.ID)))
	}
}

func (s *sequence) createUserWithAccount(rt *rapid.T) {
	u, a := s.newUser(rt), s.newAccount(rt, "")
	conflicts := s.model.conflicts(u)
	if _, taken := s.model.accounts[a.Key()]; taken {
		conflicts = append(conflicts, conflictOn(adapter.FieldAccount))
	}
	got, gotAccount, err := s.one(rt).CreateUserWithAccount(s.ctx, u, a)
	if s.answered(rt, "CreateUserWithAccount", err, answersTo(conflicts)...) {
		u = s.identify(u, got.ID)
		a.UserID = u.ID
		s.same(rt, "CreateUserWithAccount", got, s.model.addUser(u))
		s.same(rt, "CreateUserWithAccount", gotAccount, s.model.addAccount(a))
	}
}

func (s *sequence) createUserWithAuthenticator(rt *rapid.T) {
	u, a := s.newUser(rt), s.newAuthenticator(rt, "")
	conflicts := s.model.conflicts(u)
	if _, taken := s.model.authenticators[a.CredentialID]; taken {
		conflicts = append(conflicts, conflictOn(adapter.FieldCredentialID))
	}
	got, gotAuthenticator, err := s.one(rt).CreateUserWithAuthenticator(s.ctx, u, a)
	if s.answered(rt, "CreateUserWithAuthenticator", err, answersTo(conflicts)...) {
		u = s.identify(u, got.ID)
		a.UserID = u.ID
		s.same(rt, "CreateUserWithAuthenticator", got, s.model.addUser(u))
		s.same(rt, "CreateUserWithAuthenticator", gotAuthenticator, s.model.addAuthenticator(a))
	}
}

func (s *sequence) updateUser(rt *rapid.T) {
	id := s.user(rt)
	up := adapter.UserUpdate{
		Name:          new(draw(rt, "name", "", "Ada", "Grace")), // so that no update is empty
		EmailVerified: maybe(rt, "verified", time.Time{}, conformance.Start),
		Image:         maybe(rt, "image", "", "https://example.com/i.png"),
		Attributes:    s.attributes(rt),
	}
	if draw(rt, "new address", false, true) {
		up.Email = new(s.email(rt))
	}
	up.RemoveAttributes = s.removed(rt, up.Attributes)
	_, is := s.model.users[id]
	may := there(is)
	if up.Email != nil && is {
		if owner, taken := s.model.userByEmail(*up.Email); taken == success && owner.ID != id {
			may = conflictOn(adapter.FieldUserEmail)
		}
	}
	got, err := s.one(rt).UpdateUser(s.ctx, id, up)
	if s.answered(rt, "UpdateUser", err, may) {
		s.same(rt, "UpdateUser", got, s.model.updateUser(id, up))
	}
}

func (s *sequence) deleteUser(rt *rapid.T) {
	id := s.user(rt)
	s.answered(rt, "DeleteUser", s.one(rt).DeleteUser(s.ctx, id), success)
	s.model.deleteUser(id)
}

func (s *sequence) newAccount(rt *rapid.T, userID string) adapter.Account {
	key := draw(rt, "account", s.accounts...)
	return adapter.Account{
		UserID: userID, Type: draw(rt, "type", adapter.AccountOAuth, adapter.AccountOIDC), Provider: key.Provider, ProviderAccountID: key.ProviderAccountID,
		AccessToken: "new", Attributes: s.attributes(rt),
	}
}

// ofNobody reports whether a create was for a user who is not there. The store
// refuses it, or takes a record that leads nowhere; such a record is removed again.
func (s *sequence) ofNobody(rt *rapid.T, op, userID, field string, err error, conflicts []string, undo func() error) bool {
	if _, is := s.model.users[userID]; is {
		return false
	}
	may := append(conflicts, invalid(field))
	if len(conflicts) == 0 {
		may = append(may, success)
	}
	if s.answered(rt, op+" of nobody", err, may...) {
		s.answered(rt, "undoing "+op, undo(), success)
	}
	return true
}

func (s *sequence) linkAccount(rt *rapid.T) { s.addAccount(rt, s.newAccount(rt, s.user(rt))) }

func (s *sequence) addAccount(rt *rapid.T, a adapter.Account) {
	var conflicts []string
	if _, taken := s.model.accounts[a.Key()]; taken {
		conflicts = append(conflicts, conflictOn(adapter.FieldAccount))
	}
	store := s.one(rt)
	got, err := store.LinkAccount(s.ctx, a)
	if s.ofNobody(rt, "LinkAccount", a.UserID, "Account.UserID", err, conflicts, func() error {
		_, err := store.GetUserByAccount(s.ctx, a.Key())
		s.answered(rt, "GetUserByAccount", err, notFound)
		return store.UnlinkAccount(s.ctx, a.Key())
	}) {
		return
	}
	if s.answered(rt, "LinkAccount", err, answersTo(conflicts)...) {
		s.same(rt, "LinkAccount", got, s.model.addAccount(a))
	}
}

func (s *sequence) updateAccount(rt *rapid.T) {
	key := draw(rt, "account", s.accounts...)
	up := adapter.AccountUpdate{
		AccessToken:  new(draw(rt, "access token", "", "a", "b")),
		RefreshToken: maybe(rt, "refresh token", "", "r"),
		ExpiresAt:    maybe(rt, "expires at", int64(0), 5000000000),
		Scope:        maybe(rt, "scope", "", "openid"),
		Attributes:   s.attributes(rt),
	}
	up.RemoveAttributes = s.removed(rt, up.Attributes)
	_, is := s.model.accounts[key]
	got, err := s.one(rt).UpdateAccount(s.ctx, key, up)
	if s.answered(rt, "UpdateAccount", err, there(is)) {
		s.same(rt, "UpdateAccount", got, s.model.updateAccount(key, up))
	}
}

func (s *sequence) unlinkAccount(rt *rapid.T) {
	key := draw(rt, "account", s.accounts...)
	s.answered(rt, "UnlinkAccount", s.one(rt).UnlinkAccount(s.ctx, key), success)
	delete(s.model.accounts, key)
}

func (s *sequence) createSession(rt *rapid.T) {
	s.addSession(rt, adapter.Session{
		UserID: s.user(rt), SessionToken: draw(rt, "token", append(s.tokens[:2:2], "")...), Expires: s.expires(rt), Attributes: s.attributes(rt),
	})
}

func (s *sequence) addSession(rt *rapid.T, session adapter.Session) {
	var conflicts, may []string
	if old, taken := s.model.sessions[session.SessionToken]; taken {
		conflicts = append(conflicts, conflictOn(adapter.FieldSessionToken))
		if !s.clock.Now().Before(old.Expires) {
			may = append(may, success) // the store may have removed it
		}
	}
	store := s.one(rt)
	got, err := store.CreateSession(s.ctx, session)
	if s.ofNobody(rt, "CreateSession", session.UserID, "Session.UserID", err, slices.Concat(conflicts, may), func() error {
		_, _, err := store.GetSessionAndUser(s.ctx, got.SessionToken)
		s.answered(rt, "GetSessionAndUser", err, notFound)
		delete(s.model.sessions, got.SessionToken)
		return store.DeleteSession(s.ctx, got.SessionToken)
	}) {
		return
	}
	if s.answered(rt, "CreateSession", err, append(may, answersTo(conflicts)...)...) {
		if session.SessionToken == "" {
			session.SessionToken = got.SessionToken
			s.tokens = append(s.tokens, got.SessionToken)
		}
		s.same(rt, "CreateSession", got, s.model.addSession(session))
	}
}

func (s *sequence) updateSession(rt *rapid.T) {
	token := draw(rt, "token", s.tokens...)
	up := adapter.SessionUpdate{Attributes: s.attributes(rt)}
	up.RemoveAttributes = s.removed(rt, up.Attributes)
	if draw(rt, "new expiry", true, false) || len(up.Attributes)+len(up.RemoveAttributes) == 0 {
		up.Expires = new(s.expires(rt))
	}
	_, may := s.model.session(token)
	got, err := s.one(rt).UpdateSession(s.ctx, token, up)
	if s.answered(rt, "UpdateSession", err, may) {
		s.same(rt, "UpdateSession", got, s.model.updateSession(token, up))
	}
}

func (s *sequence) deleteSession(rt *rapid.T) {
	token := draw(rt, "token", s.tokens...)
	s.answered(rt, "DeleteSession", s.one(rt).DeleteSession(s.ctx, token), success)
	delete(s.model.sessions, token)
}

func (s *sequence) deleteSessionByID(rt *rapid.T) {
	userID, token := s.user(rt), draw(rt, "token", s.tokens...)
	s.answered(rt, "DeleteSessionByID", s.one(rt).DeleteSessionByID(s.ctx, userID, adapter.SessionID(token)), success)
	if s.model.sessions[token].UserID == userID {
		delete(s.model.sessions, token)
	}
}

func (s *sequence) deleteSessions(rt *rapid.T) {
	id := s.user(rt)
	keep := rapid.SliceOfNDistinct(rapid.SampledFrom(s.tokens), 0, 2, rapid.ID).Draw(rt, "kept")
	s.answered(rt, "DeleteSessions", s.one(rt).DeleteSessions(s.ctx, id, keep...), success)
	s.model.deleteSessions(id, keep)
}

func (s *sequence) link(rt *rapid.T) linkKey {
	return linkKey{draw(rt, "identifier", s.identifiers...), draw(rt, "link", s.links...)}
}

func (s *sequence) createVerificationToken(rt *rapid.T) {
	key := s.link(rt)
	v := adapter.VerificationToken{Identifier: key.identifier, Token: key.token, Value: draw(rt, "value", "", "v"), Expires: s.expires(rt)}
	may := []string{success}
	if _, taken := s.model.links[key]; taken {
		may = append(may, conflictOn(adapter.FieldVerificationToken))
	}
	got, err := s.one(rt).CreateVerificationToken(s.ctx, v)
	if s.answered(rt, "CreateVerificationToken", err, may...) {
		s.same(rt, "CreateVerificationToken", got, s.model.addLink(v))
	}
}

func (s *sequence) useVerificationToken(rt *rapid.T) { s.use(rt, s.link(rt)) }

func (s *sequence) use(rt *rapid.T, key linkKey) {
	want, may := s.model.useLink(key)
	got, err := s.one(rt).UseVerificationToken(s.ctx, key.identifier, key.token)
	if s.answered(rt, "UseVerificationToken", err, may) {
		s.same(rt, "UseVerificationToken", got, want)
	}
}

func (s *sequence) deleteVerificationTokens(rt *rapid.T) {
	identifier := draw(rt, "identifier", s.identifiers...)
	s.answered(rt, "DeleteVerificationTokens", s.one(rt).DeleteVerificationTokens(s.ctx, identifier), success)
	for _, link := range s.links {
		delete(s.model.links, linkKey{identifier, link})
	}
}

func (s *sequence) newAuthenticator(rt *rapid.T, userID string) adapter.Authenticator {
	return adapter.Authenticator{
		CredentialID: draw(rt, "credential", s.credentials...), UserID: userID, CredentialPublicKey: "key",
		Counter: draw[uint32](rt, "counter", 0, 1, 7), CredentialBackedUp: draw(rt, "backed up", false, true),
		Transports: draw(rt, "transports", nil, []string{"usb"}, []string{"internal", "hybrid"}), Attributes: s.attributes(rt),
	}
}

func (s *sequence) createAuthenticator(rt *rapid.T) {
	s.addAuthenticator(rt, s.newAuthenticator(rt, s.user(rt)))
}

func (s *sequence) addAuthenticator(rt *rapid.T, a adapter.Authenticator) {
	var conflicts []string
	if _, taken := s.model.authenticators[a.CredentialID]; taken {
		conflicts = append(conflicts, conflictOn(adapter.FieldCredentialID))
	}
	store := s.one(rt)
	got, err := store.CreateAuthenticator(s.ctx, a)
	if s.ofNobody(rt, "CreateAuthenticator", a.UserID, "Authenticator.UserID", err, conflicts, func() error {
		return store.DeleteAuthenticator(s.ctx, a.CredentialID)
	}) {
		return
	}
	if s.answered(rt, "CreateAuthenticator", err, answersTo(conflicts)...) {
		s.same(rt, "CreateAuthenticator", got, s.model.addAuthenticator(a))
	}
}

func (s *sequence) updateAuthenticatorCounter(rt *rapid.T) {
	id, counter := draw(rt, "credential", s.credentials...), rapid.Uint32Range(0, 9).Draw(rt, "counter")
	a, is := s.model.authenticators[id]
	may := there(is)
	if is && counter <= a.Counter && (counter != 0 || a.Counter != 0) {
		may = conflictOn(adapter.FieldCounter)
	}
	got, err := s.one(rt).UpdateAuthenticatorCounter(s.ctx, id, counter)
	if s.answered(rt, "UpdateAuthenticatorCounter", err, may) {
		s.same(rt, "UpdateAuthenticatorCounter", got, s.model.count(id, counter))
	}
}

func (s *sequence) updateAuthenticator(rt *rapid.T) {
	id := draw(rt, "credential", s.credentials...)
	up := adapter.AuthenticatorUpdate{
		CredentialBackedUp: new(draw(rt, "backed up", false, true)),
		Transports:         maybe(rt, "transports", nil, []string{"usb"}),
		Attributes:         s.attributes(rt),
	}
	up.RemoveAttributes = s.removed(rt, up.Attributes)
	_, is := s.model.authenticators[id]
	got, err := s.one(rt).UpdateAuthenticator(s.ctx, id, up)
	if s.answered(rt, "UpdateAuthenticator", err, there(is)) {
		s.same(rt, "UpdateAuthenticator", got, s.model.updateAuthenticator(id, up))
	}
}

func (s *sequence) deleteAuthenticator(rt *rapid.T) {
	id := draw(rt, "credential", s.credentials...)
	s.answered(rt, "DeleteAuthenticator", s.one(rt).DeleteAuthenticator(s.ctx, id), success)
	delete(s.model.authenticators, id)
}
