package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

var accountTests = []Test{
	{ID: "ACC-001", Rule: "An account comes back from every read as it was written, field by field.", Source: "docs/contract.md R12", Run: func(t *T) {
		want := fullAccount(t.user(ada).ID, "github", "1")
		got, err := t.store.LinkAccount(t.ctx, want)
		t.ok("LinkAccount", err)
		t.equal("LinkAccount", got, want)
		t.sameAccount(want)
	}},
	{ID: "ACC-002", Rule: "What an account does not have comes back as the zero value.", Source: "docs/contract.md R12", Run: func(t *T) {
		u := t.user(ada)
		got := t.account(u.ID, "github", "1")
		want := plainAccount(u.ID, "github", "1")
		want.CreatedAt, want.UpdatedAt = Start, Start
		t.equal("LinkAccount", got, want)
		t.sameAccount(want)
	}},
	{ID: "ACC-003", Rule: "An account that is not there is ErrNotFound from reads and updates, which create nothing.", Source: "docs/contract.md R1", Run: func(t *T) {
		t.account(t.user(ada).ID, "github", "1")
		key := adapter.AccountKey{Provider: "github", ProviderAccountID: "2"}
		got, err := t.store.UpdateAccount(t.ctx, key, adapter.AccountUpdate{AccessToken: new("ghost")})
		t.is("UpdateAccount", err, adapter.ErrNotFound)
		t.equal("UpdateAccount", got, adapter.Account{})
		t.noAccount("github", "2")
	}},
	{ID: "ACC-004", Rule: "An account has one owner for ever: linking it again is a conflict and changes nothing.", Source: "docs/contract.md R5", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		want := t.account(u.ID, "github", "1")
		for _, owner := range []string{other.ID, u.ID} {
			_, err := t.Second().LinkAccount(t.ctx, fullAccount(owner, "github", "1"))
			t.conflict("LinkAccount", err, adapter.FieldAccount)
		}
		t.sameAccount(want)
		t.accounts(other.ID)
	}},
	{ID: "ACC-005", Rule: "An update changes the fields that it names and no other.", Source: "docs/contract.md R13", Run: func(t *T) {
		updates := map[string]adapter.AccountUpdate{
			"RefreshToken": {RefreshToken: new("r")},
			"AccessToken":  {AccessToken: new("a")},
			"ExpiresAt":    {ExpiresAt: new(int64(4102448400))},
			"TokenType":    {TokenType: new("dpop")},
			"Scope":        {Scope: new("openid")},
			"IDToken":      {IDToken: new("i")},
			"SessionState": {SessionState: new("s")},
			"Attributes":   {Attributes: adapter.Attributes{"level": int64(4), "new": true}, RemoveAttributes: []string{"tenant"}},
			"nothing":      {},
		}
		u := t.user(ada)
		for name, up := range inOrder(updates) {
			acc, err := t.store.LinkAccount(t.ctx, fullAccount(u.ID, "github", name))
			t.ok("LinkAccount", err)
			t.Clock.Advance(time.Second)
			want := acc
			up.Apply(&want, t.Clock.Now())
			got, err := t.store.UpdateAccount(t.ctx, acc.Key(), up)
			t.ok("UpdateAccount of "+name, err)
			t.equal("UpdateAccount of "+name, got, want)
			t.sameAccount(want)
		}
	}},
	{ID: "ACC-006", Rule: "An update to the zero value removes a field.", Source: "adapter.AccountUpdate", Run: func(t *T) {
		acc, err := t.store.LinkAccount(t.ctx, fullAccount(t.user(ada).ID, "github", "1"))
		t.ok("LinkAccount", err)
		got, err := t.store.UpdateAccount(t.ctx, acc.Key(), adapter.AccountUpdate{
			RefreshToken: new(""), AccessToken: new(""), ExpiresAt: new(int64(0)), TokenType: new(""),
			Scope: new(""), IDToken: new(""), SessionState: new(""), RemoveAttributes: []string{"tenant", "level"},
		})
		t.ok("UpdateAccount", err)
		want := plainAccount(acc.UserID, "github", "1")
		want.Type, want.CreatedAt, want.UpdatedAt = acc.Type, acc.CreatedAt, Start
		t.equal("UpdateAccount", got, want)
		t.sameAccount(want)
	}},
	{ID: "ACC-007", Rule: "An unlinked account is gone from every read, and its key is free for anybody.", Source: "adapter.Accounts.UnlinkAccount", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		acc, stays := t.account(u.ID, "github", "1"), t.account(u.ID, "github", "2")
		t.ok("UnlinkAccount", t.Second().UnlinkAccount(t.ctx, acc.Key()))
		t.noAccount("github", "1")
		t.accounts(u.ID, stays)
		t.sameUser(u)
		t.sameAccount(t.account(other.ID, "github", "1"))
	}},
	{ID: "ACC-008", Rule: "Unlinking an account that is not there is no error.", Source: "docs/contract.md R1", Run: func(t *T) {
		acc := t.account(t.user(ada).ID, "github", "1")
		t.ok("UnlinkAccount of nothing", t.store.UnlinkAccount(t.ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "2"}))
		t.ok("UnlinkAccount", t.store.UnlinkAccount(t.ctx, acc.Key()))
		t.ok("UnlinkAccount again", t.store.UnlinkAccount(t.ctx, acc.Key()))
	}},
	{ID: "ACC-009", Rule: "A list has all accounts of a user and nobody else's.", Source: "adapter.Accounts.ListAccounts", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		var mine []adapter.Account
		for i := range 3 {
			mine = append(mine, t.account(u.ID, "github", numbered("a", i)), t.account(u.ID, numbered("p", i), "1"))
		}
		theirs := t.account(other.ID, "github", "b")
		t.accounts(u.ID, mine...)
		t.accounts(other.ID, theirs)
	}},
	{ID: "ACC-010", Rule: "The list of a user without accounts, and of nobody, is empty and no error.", Source: "docs/contract.md R1", Run: func(t *T) {
		t.accounts(t.user(ada).ID)
		t.accounts(t.NewID())
	}},
	{ID: "ACC-011", Rule: "The same ID at two providers is two accounts.", Source: "docs/contract.md R5", Run: func(t *T) {
		a, b := t.user(ada), t.user(grace)
		first, second := t.account(a.ID, "github", "1"), t.account(b.ID, "gitlab", "1")
		t.sameAccount(first)
		t.sameAccount(second)
	}},
	{ID: "ACC-012", Rule: "Three tokens of 64 KiB in one account are kept.", Source: "adapter, Limits", Run: func(t *T) {
		acc := fullAccount(t.user(ada).ID, "github", "1")
		acc.AccessToken = strings.Repeat("a", 64<<10)
		acc.RefreshToken = strings.Repeat("r", 64<<10)
		acc.IDToken = strings.Repeat("i", 64<<10)
		_, err := t.store.LinkAccount(t.ctx, acc)
		t.ok("LinkAccount", err)
		t.sameAccount(acc)
		up := adapter.AccountUpdate{AccessToken: &acc.RefreshToken, RefreshToken: &acc.IDToken, IDToken: &acc.AccessToken}
		up.Apply(&acc, Start)
		_, err = t.store.UpdateAccount(t.ctx, acc.Key(), up)
		t.ok("UpdateAccount", err)
		t.sameAccount(acc)
		_, err = t.store.UpdateAccount(t.ctx, acc.Key(), adapter.AccountUpdate{IDToken: new(acc.IDToken + "i")})
		t.invalid("UpdateAccount", err, "Account.IDToken")
		t.sameAccount(acc)
	}},
	{ID: "ACC-013", Rule: "An account of a user that is not there is refused, or leads to nobody.", Source: "docs/contract.md R8", Run: func(t *T) {
		_, err := t.store.LinkAccount(t.ctx, plainAccount(t.NewID(), "github", "1"))
		if err != nil {
			t.invalid("LinkAccount", err, "Account.UserID")
			t.noAccount("github", "1")
			return
		}
		_, err = t.store.GetUserByAccount(t.ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
		t.is("GetUserByAccount", err, adapter.ErrNotFound)
	}},
	{ID: "ACC-014", Rule: "Every type of account is kept, and no other is taken.", Source: "adapter.AccountType", Run: func(t *T) {
		u := t.user(ada)
		for _, typ := range []adapter.AccountType{adapter.AccountOAuth, adapter.AccountOIDC, adapter.AccountEmail, adapter.AccountWebAuthn} {
			acc := fullAccount(u.ID, "github", string(typ))
			acc.Type = typ
			_, err := t.store.LinkAccount(t.ctx, acc)
			t.ok("LinkAccount", err)
			t.sameAccount(acc)
		}
		for _, typ := range []adapter.AccountType{"", "saml", "OAuth"} {
			acc := fullAccount(u.ID, "github", "bad")
			acc.Type = typ
			_, err := t.store.LinkAccount(t.ctx, acc)
			t.invalid("LinkAccount", err, "Account.Type")
		}
		t.noAccount("github", "bad")
	}},
	{ID: "ACC-015", Rule: "ExpiresAt is kept to the second, and refused outside of the years 1970 to 9999.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		for _, at := range []int64{0, 1, 2147483647, 2147483648, 253402300799} {
			acc := fullAccount(u.ID, "github", numbered("ok", int(at)))
			acc.ExpiresAt = at
			_, err := t.store.LinkAccount(t.ctx, acc)
			t.ok("LinkAccount", err)
			t.sameAccount(acc)
		}
		for _, at := range []int64{-1, 253402300800} {
			acc := fullAccount(u.ID, "github", "bad")
			acc.ExpiresAt = at
			_, err := t.store.LinkAccount(t.ctx, acc)
			t.invalid("LinkAccount", err, "Account.ExpiresAt")
		}
		t.noAccount("github", "bad")
	}},
	{ID: "ACC-016", Rule: "A user who is found by an account is the user as it is now.", Source: "docs/contract.md R4", Run: func(t *T) {
		u := t.user(ada)
		acc := t.account(u.ID, "github", "1")
		want, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: new("Ada"), Email: new(email(grace))})
		t.ok("UpdateUser", err)
		got, err := t.Second().GetUserByAccount(t.ctx, acc.Key())
		t.ok("GetUserByAccount", err)
		t.equal("GetUserByAccount", got, want)
	}},
}

// sameAccount fails the test unless both adapters read an account as want, alone
// and in its owner's list, and find its owner by it.
func (t *T) sameAccount(want adapter.Account) {
	t.Helper()
	for _, a := range t.Both() {
		got, err := a.GetAccount(t.ctx, want.Key())
		t.ok("GetAccount", err)
		t.equal("GetAccount", got, want)
		all, err := a.ListAccounts(t.ctx, want.UserID)
		t.ok("ListAccounts", err)
		i := slices.IndexFunc(all, func(acc adapter.Account) bool { return acc.Key() == want.Key() })
		if i < 0 {
			t.Errorf("ListAccounts\n  got:  no account with the key\n  want: the account")
			continue
		}
		t.equal("the account in ListAccounts", all[i], want)
		u, err := a.GetUserByAccount(t.ctx, want.Key())
		t.ok("GetUserByAccount", err)
		t.equal("the ID of GetUserByAccount", u.ID, want.UserID)
	}
}

// noAccount fails the test if any read finds an account.
func (t *T) noAccount(provider, id string) {
	t.Helper()
	key := adapter.AccountKey{Provider: provider, ProviderAccountID: id}
	for _, a := range t.Both() {
		_, err := a.GetAccount(t.ctx, key)
		t.is("GetAccount", err, adapter.ErrNotFound)
		_, err = a.GetUserByAccount(t.ctx, key)
		t.is("GetUserByAccount", err, adapter.ErrNotFound)
	}
}

// accounts fails the test unless a user's list is want, in any order.
func (t *T) accounts(userID string, want ...adapter.Account) {
	t.Helper()
	for _, a := range t.Both() {
		got, err := a.ListAccounts(t.ctx, userID)
		t.ok("ListAccounts", err)
		byKey := func(a, b adapter.Account) int {
			return strings.Compare(a.Provider+"\x00"+a.ProviderAccountID, b.Provider+"\x00"+b.ProviderAccountID)
		}
		t.equal("ListAccounts", slices.SortedFunc(slices.Values(got), byKey), slices.SortedFunc(slices.Values(want), byKey))
	}
}
