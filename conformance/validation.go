package conformance

import (
	"errors"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// badKeys are keys that no record may have, for a limit of 1,364 bytes and less.
var badKeys = map[string]string{
	"empty":        "",
	"NUL":          "a\x00b",
	"newline":      "a\nb",
	"not UTF-8":    "a\xffb",
	"half a rune":  "a\xc3",
	"a surrogate":  "\xed\xa0\x80",
	"delete":       "a\x7fb",
	"a C1 control": "a\u0085b",
	"too long":     strings.Repeat("k", 1365),
}

var validationTests = []Test{
	{ID: "INV-001", Rule: "A user with an impossible ID or e-mail address is refused, and nothing is written.", Source: "docs/contract.md R8", Run: func(t *T) {
		for name, key := range badKeys {
			if key == "" { // an ID is generated, and no address is valid
				continue
			}
			_, err := t.store.CreateUser(t.ctx, adapter.User{ID: key, Email: email(ada)})
			t.invalid("CreateUser with an ID that is "+name, err, adapter.FieldUserID)
			id := t.NewID()
			_, err = t.store.CreateUser(t.ctx, adapter.User{ID: id, Email: key})
			t.invalid("CreateUser with an address that is "+name, err, adapter.FieldUserEmail)
			t.noUser(id)
		}
		t.freeEmail(email(ada))
		u := t.user(ada)
		for name, key := range badKeys {
			if key == "" {
				continue
			}
			_, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: new("changed"), Email: new(key)})
			t.invalid("UpdateUser with an address that is "+name, err, adapter.FieldUserEmail)
		}
		t.sameUser(u)
	}},
	{ID: "INV-002", Rule: "White space alone is no e-mail address.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		for _, blank := range []string{" ", "\t", "\u00a0"} {
			_, err := t.store.CreateUser(t.ctx, adapter.User{Email: blank})
			t.invalid("CreateUser", err, adapter.FieldUserEmail)
			_, err = t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: new(blank)})
			t.invalid("UpdateUser", err, adapter.FieldUserEmail)
		}
		t.sameUser(u)
	}},
	{ID: "INV-003", Rule: "An account with an impossible key is refused, and nothing is written.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		for name, key := range badKeys {
			_, err := t.store.LinkAccount(t.ctx, plainAccount(key, "github", "1"))
			t.invalid("LinkAccount of a user ID that is "+name, err, "Account.UserID")
			_, err = t.store.LinkAccount(t.ctx, plainAccount(u.ID, key, "1"))
			t.invalid("LinkAccount of a provider that is "+name, err, "Account.Provider")
			_, err = t.store.LinkAccount(t.ctx, plainAccount(u.ID, "github", key))
			t.invalid("LinkAccount of an ID that is "+name, err, adapter.FieldAccount)
			id := t.NewID()
			_, _, err = t.store.CreateUserWithAccount(t.ctx, adapter.User{ID: id}, plainAccount("", "github", key))
			t.invalid("CreateUserWithAccount of an ID that is "+name, err, adapter.FieldAccount)
			t.noUser(id)
		}
		t.accounts(u.ID)
	}},
	{ID: "INV-004", Rule: "A session with an impossible key is refused, and nothing is written.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		for name, key := range badKeys {
			_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: key, SessionToken: "token", Expires: Start.Add(time.Hour)})
			t.invalid("CreateSession of a user ID that is "+name, err, "Session.UserID")
			if key == "" { // a token is generated
				continue
			}
			_, err = t.store.CreateSession(t.ctx, adapter.Session{UserID: u.ID, SessionToken: key, Expires: Start.Add(time.Hour)})
			t.invalid("CreateSession of a token that is "+name, err, adapter.FieldSessionToken)
		}
		t.sessions(u.ID)
	}},
	{ID: "INV-005", Rule: "A verification token with an impossible key is refused, and nothing is written.", Source: "docs/contract.md R8", Run: func(t *T) {
		for name, key := range badKeys {
			_, err := t.store.CreateVerificationToken(t.ctx, adapter.VerificationToken{Identifier: key, Token: "token", Expires: Start.Add(time.Hour)})
			t.invalid("CreateVerificationToken of an identifier that is "+name, err, "VerificationToken.Identifier")
			_, err = t.store.CreateVerificationToken(t.ctx, adapter.VerificationToken{Identifier: email(ada), Token: key, Expires: Start.Add(time.Hour)})
			t.invalid("CreateVerificationToken of a token that is "+name, err, adapter.FieldVerificationToken)
			t.equal("usable", t.usable(t.ctx, t.store, key, "token"), false)
			t.equal("usable", t.usable(t.ctx, t.store, email(ada), key), false)
		}
	}},
	{ID: "INV-006", Rule: "An authenticator with an impossible key is refused, and nothing is written.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		for name, key := range badKeys {
			a := fullAuthenticator(u.ID, "c")
			a.CredentialID = key
			_, err := t.store.CreateAuthenticator(t.ctx, a)
			t.invalid("CreateAuthenticator of an ID that is "+name, err, adapter.FieldCredentialID)
			_, err = t.store.CreateAuthenticator(t.ctx, fullAuthenticator(key, "c"))
			t.invalid("CreateAuthenticator of a user ID that is "+name, err, "Authenticator.UserID")
		}
		noKey := fullAuthenticator(u.ID, "c")
		noKey.CredentialPublicKey = ""
		_, err := t.store.CreateAuthenticator(t.ctx, noKey)
		t.invalid("CreateAuthenticator without a public key", err, "Authenticator.CredentialPublicKey")
		t.noAuthenticator("c")
		t.authenticators(u.ID)
	}},
	{ID: "INV-007", Rule: "Text with NUL, or that is not UTF-8, is refused in every field, and nothing is written.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		acc := t.account(u.ID, "github", "1")
		for _, bad := range []string{"a\x00b", "a\xffb"} {
			users := map[string]adapter.User{"User.Name": {Name: bad}, "User.Image": {Image: bad}}
			for field, v := range users {
				v.ID = t.NewID()
				_, err := t.store.CreateUser(t.ctx, v)
				t.invalid("CreateUser", err, field)
				t.noUser(v.ID)
			}
			accounts := map[string]adapter.AccountUpdate{
				"Account.RefreshToken": {RefreshToken: &bad}, "Account.AccessToken": {AccessToken: &bad}, "Account.TokenType": {TokenType: &bad},
				"Account.Scope": {Scope: &bad}, "Account.IDToken": {IDToken: &bad}, "Account.SessionState": {SessionState: &bad},
			}
			for field, up := range accounts {
				_, err := t.store.UpdateAccount(t.ctx, acc.Key(), up)
				t.invalid("UpdateAccount", err, field)
				created := plainAccount(u.ID, "github", "2")
				up.Apply(&created, Start)
				_, err = t.store.LinkAccount(t.ctx, created)
				t.invalid("LinkAccount", err, field)
			}
			device := fullAuthenticator(u.ID, "c")
			device.CredentialDeviceType = bad
			_, err := t.store.CreateAuthenticator(t.ctx, device)
			t.invalid("CreateAuthenticator", err, "Authenticator.CredentialDeviceType")
		}
		t.accounts(u.ID, acc)
		t.authenticators(u.ID)
	}},
	{ID: "INV-008", Rule: "A key that no record can have is absent to reads and updates, and nothing to deletes.", Source: "docs/contract.md R8", Run: func(t *T) {
		s := t.newStage(ada)
		for name, key := range badKeys {
			for what, err := range t.readByKey(key) {
				t.is(what+" by a key that is "+name, err, adapter.ErrNotFound)
				if !errors.Is(err, adapter.ErrInvalid) {
					t.Errorf("%s by a key that is %s\n  got:  %v\n  want: the reason too, as an ErrInvalid", what, name, err)
				}
			}
			for what, err := range t.deleteByKey(key) {
				t.ok(what+" by a key that is "+name, err)
			}
		}
		t.sameUser(s.user)
		t.accounts(s.user.ID, s.account)
		t.sessions(s.user.ID, s.session)
		t.authenticators(s.user.ID, s.authenticator)
		t.equal("usable", t.usable(t.ctx, t.store, s.link.Identifier, s.link.Token), true)
	}},
	{ID: "INV-009", Rule: "What is refused is refused before a record with that key is looked for.", Source: "docs/contract.md R8", Run: func(t *T) {
		bad := "\x00"
		_, err := t.store.UpdateUser(t.ctx, t.NewID(), adapter.UserUpdate{Name: &bad})
		t.invalid("UpdateUser", err, "User.Name")
		_, err = t.store.UpdateAccount(t.ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"}, adapter.AccountUpdate{Scope: &bad})
		t.invalid("UpdateAccount", err, "Account.Scope")
		_, err = t.store.UpdateSession(t.ctx, "token", adapter.SessionUpdate{Expires: new(time.Time{})})
		t.invalid("UpdateSession", err, "Session.Expires")
	}},
}

// readByKey returns what every read and update says to a key.
func (t *T) readByKey(key string) map[string]error {
	errs := map[string]error{}
	account := adapter.AccountKey{Provider: key, ProviderAccountID: "1"}
	_, errs["GetUser"] = t.store.GetUser(t.ctx, key)
	_, errs["GetUserByEmail"] = t.store.GetUserByEmail(t.ctx, key)
	_, errs["GetUserByAccount"] = t.store.GetUserByAccount(t.ctx, account)
	_, errs["UpdateUser"] = t.store.UpdateUser(t.ctx, key, adapter.UserUpdate{Name: new("changed")})
	_, errs["GetAccount"] = t.store.GetAccount(t.ctx, account)
	_, errs["GetAccount by ID"] = t.store.GetAccount(t.ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: key})
	_, errs["UpdateAccount"] = t.store.UpdateAccount(t.ctx, account, adapter.AccountUpdate{Scope: new("changed")})
	_, _, errs["GetSessionAndUser"] = t.store.GetSessionAndUser(t.ctx, key)
	_, errs["UpdateSession"] = t.store.UpdateSession(t.ctx, key, adapter.SessionUpdate{})
	_, errs["UseVerificationToken"] = t.store.UseVerificationToken(t.ctx, key, "token")
	_, errs["UseVerificationToken by token"] = t.store.UseVerificationToken(t.ctx, email(ada), key)
	_, errs["GetAuthenticator"] = t.store.GetAuthenticator(t.ctx, key)
	_, errs["UpdateAuthenticatorCounter"] = t.store.UpdateAuthenticatorCounter(t.ctx, key, 1<<31)
	return errs
}

// deleteByKey returns what every delete and list says to a key.
func (t *T) deleteByKey(key string) map[string]error {
	errs := map[string]error{
		"DeleteUser":               t.store.DeleteUser(t.ctx, key),
		"UnlinkAccount":            t.store.UnlinkAccount(t.ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: key}),
		"DeleteSession":            t.store.DeleteSession(t.ctx, key),
		"DeleteSessionByID":        t.store.DeleteSessionByID(t.ctx, key, key),
		"DeleteSessions":           t.store.DeleteSessions(t.ctx, key),
		"DeleteVerificationTokens": t.store.DeleteVerificationTokens(t.ctx, key),
		"DeleteAuthenticator":      t.store.DeleteAuthenticator(t.ctx, key),
	}
	_, errs["ListAccounts"] = t.store.ListAccounts(t.ctx, key)
	_, errs["ListSessions"] = t.store.ListSessions(t.ctx, key)
	_, errs["ListAuthenticators"] = t.store.ListAuthenticators(t.ctx, key)
	return errs
}
