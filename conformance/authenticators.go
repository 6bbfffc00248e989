package conformance

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

var authenticatorTests = []Test{
	{ID: "PKY-001", Rule: "An authenticator comes back from every read as it was written, field by field.", Source: "docs/contract.md R12", Run: func(t *T) {
		want := fullAuthenticator(t.user(ada).ID, "q83vEjRWeJ+/0123456789AB==")
		got, err := t.store.CreateAuthenticator(t.ctx, want)
		t.ok("CreateAuthenticator", err)
		t.equal("CreateAuthenticator", got, want)
		t.sameAuthenticator(want)
	}},
	{ID: "PKY-002", Rule: "What an authenticator does not have comes back as the zero value.", Source: "docs/contract.md R12", Run: func(t *T) {
		given := plainAuthenticator(t.user(ada).ID, "c")
		want := given
		want.CreatedAt, want.UpdatedAt = Start, Start
		given.Transports = []string{}
		got, err := t.store.CreateAuthenticator(t.ctx, given)
		t.ok("CreateAuthenticator", err)
		t.equal("CreateAuthenticator", got, want)
		t.sameAuthenticator(want)
	}},
	{ID: "PKY-003", Rule: "An authenticator that is not there is ErrNotFound from reads and updates, which create nothing.", Source: "docs/contract.md R1", Run: func(t *T) {
		t.authenticator(t.user(ada).ID, "c")
		got, err := t.store.UpdateAuthenticatorCounter(t.ctx, "d", 1)
		t.is("UpdateAuthenticatorCounter", err, adapter.ErrNotFound)
		t.equal("UpdateAuthenticatorCounter", got, adapter.Authenticator{})
		t.noAuthenticator("d")
		got, err = t.store.UpdateAuthenticator(t.ctx, "d", adapter.AuthenticatorUpdate{CredentialBackedUp: new(true)})
		t.is("UpdateAuthenticator", err, adapter.ErrNotFound)
		t.equal("UpdateAuthenticator", got, adapter.Authenticator{})
		t.noAuthenticator("d")
	}},
	{ID: "PKY-004", Rule: "A taken credential ID is a conflict, and the first authenticator stays as it is.", Source: "docs/contract.md R5", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		first := t.authenticator(u.ID, "c")
		for _, owner := range []string{other.ID, u.ID} {
			again := fullAuthenticator(owner, "c")
			again.CredentialPublicKey = "another key"
			_, err := t.Second().CreateAuthenticator(t.ctx, again)
			t.conflict("CreateAuthenticator", err, adapter.FieldCredentialID)
		}
		t.sameAuthenticator(first)
		t.authenticators(other.ID)
	}},
	{ID: "PKY-005", Rule: "A list has all authenticators of a user and nobody else's.", Source: "adapter.Authenticators.ListAuthenticators", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		mine := []adapter.Authenticator{t.authenticator(u.ID, "a"), t.authenticator(u.ID, "b"), t.authenticator(u.ID, "c")}
		theirs := t.authenticator(other.ID, "d")
		t.authenticators(u.ID, mine...)
		t.authenticators(other.ID, theirs)
		t.authenticators(t.NewID())
	}},
	{ID: "PKY-006", Rule: "A counter that grows is stored, with the time, and nothing else changes.", Source: "docs/contract.md R17", Run: func(t *T) {
		want := t.authenticator(t.user(ada).ID, "c")
		for _, counter := range []uint32{8, 9, 1000, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
			got, err := t.store.UpdateAuthenticatorCounter(t.ctx, "c", counter)
			t.ok("UpdateAuthenticatorCounter", err)
			want.Counter, want.UpdatedAt = counter, t.Clock.Now()
			t.equal("UpdateAuthenticatorCounter", got, want)
			t.sameAuthenticator(want)
		}
	}},
	{ID: "PKY-007", Rule: "A counter that does not grow is a conflict, and the stored one stays.", Source: "docs/contract.md R17", Run: func(t *T) {
		want := t.authenticator(t.user(ada).ID, "c")
		for _, counter := range []uint32{7, 6, 1, 0} {
			_, err := t.Second().UpdateAuthenticatorCounter(t.ctx, "c", counter)
			t.conflict("UpdateAuthenticatorCounter", err, adapter.FieldCounter)
			t.sameAuthenticator(want)
		}
	}},
	{ID: "PKY-008", Rule: "An authenticator without a counter says 0 each time, which is no conflict until it once said more.", Source: "docs/contract.md R17", Run: func(t *T) {
		a := fullAuthenticator(t.user(ada).ID, "c")
		a.Counter = 0
		_, err := t.store.CreateAuthenticator(t.ctx, a)
		t.ok("CreateAuthenticator", err)
		for range 2 {
			got, err := t.store.UpdateAuthenticatorCounter(t.ctx, "c", 0)
			t.ok("UpdateAuthenticatorCounter from 0 to 0", err)
			a.UpdatedAt = Start
			t.equal("UpdateAuthenticatorCounter", got, a)
		}
		_, err = t.store.UpdateAuthenticatorCounter(t.ctx, "c", 1)
		t.ok("UpdateAuthenticatorCounter", err)
		_, err = t.store.UpdateAuthenticatorCounter(t.ctx, "c", 0)
		t.conflict("UpdateAuthenticatorCounter back to 0", err, adapter.FieldCounter)
	}},
	{ID: "PKY-009", Rule: "A deleted authenticator is gone from every read, its ID free, and deleting it again is no error.", Source: "adapter.Authenticators.DeleteAuthenticator", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		t.authenticator(u.ID, "c")
		stays := t.authenticator(u.ID, "d")
		t.ok("DeleteAuthenticator", t.Second().DeleteAuthenticator(t.ctx, "c"))
		t.noAuthenticator("c")
		t.authenticators(u.ID, stays)
		t.ok("DeleteAuthenticator again", t.store.DeleteAuthenticator(t.ctx, "c"))
		t.sameAuthenticator(t.authenticator(other.ID, "c"))
	}},
	{ID: "PKY-010", Rule: "An authenticator of a user that is not there is refused, or in no user's list.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		_, err := t.store.CreateAuthenticator(t.ctx, fullAuthenticator(t.NewID(), "c"))
		if err != nil {
			t.invalid("CreateAuthenticator", err, "Authenticator.UserID")
			t.noAuthenticator("c")
		}
		t.authenticators(u.ID)
	}},
	{ID: "PKY-011", Rule: "Transports keep their order, and are refused where they could not be told apart.", Source: "docs/contract.md R8", Run: func(t *T) {
		u := t.user(ada)
		a := fullAuthenticator(u.ID, "c")
		a.Transports = []string{"usb", "nfc", "ble", "internal", "hybrid", "smart-card"}
		_, err := t.store.CreateAuthenticator(t.ctx, a)
		t.ok("CreateAuthenticator", err)
		t.sameAuthenticator(a)
		for _, transports := range [][]string{{"usb,nfc"}, {""}, {"usb", ""}, {"\x00"}} {
			bad := fullAuthenticator(u.ID, "d")
			bad.Transports = transports
			_, err := t.store.CreateAuthenticator(t.ctx, bad)
			t.invalid("CreateAuthenticator", err, "Authenticator.Transports")
			t.noAuthenticator("d")
		}
	}},
	{ID: "PKY-012", Rule: "Credential IDs of up to 1,364 bytes and public keys of 64 KiB are kept, exactly; credential IDs compare case-sensitively.", Source: "adapter, Limits", Run: func(t *T) {
		u := t.user(ada)
		for _, id := range []string{strings.Repeat("A", 1364), strings.Repeat("a", 1364), "A", "a", "A=", "+/", "-_"} {
			a := fullAuthenticator(u.ID, id)
			a.CredentialPublicKey = strings.Repeat("k", 64<<10-len(id)) + id
			_, err := t.store.CreateAuthenticator(t.ctx, a)
			t.ok("CreateAuthenticator", err)
			t.sameAuthenticator(a)
		}
		_, err := t.store.CreateAuthenticator(t.ctx, fullAuthenticator(u.ID, strings.Repeat("A", 1365)))
		t.invalid("CreateAuthenticator with a longer ID", err, adapter.FieldCredentialID)
	}},
	{ID: "PKY-013", Rule: "An update of an authenticator changes what it names, and the time, and nothing else.", Source: "docs/contract.md R13", Run: func(t *T) {
		want := t.authenticator(t.user(ada).ID, "c")
		other := t.authenticator(want.UserID, "d")
		for _, up := range []adapter.AuthenticatorUpdate{
			{CredentialBackedUp: new(false)}, {CredentialBackedUp: new(true)},
			{Transports: &[]string{"usb", "nfc"}}, {Transports: &[]string{}}, {Transports: &[]string{"ble"}, CredentialBackedUp: new(false)},
			{Attributes: adapter.Attributes{"name": "old phone", "lastUsed": Start}}, {RemoveAttributes: []string{"name", "flags", "absent"}}, {},
		} {
			t.Clock.Advance(time.Second)
			got, err := t.Second().UpdateAuthenticator(t.ctx, "c", up)
			t.ok("UpdateAuthenticator", err)
			up.Apply(&want, t.Clock.Now())
			t.equal("UpdateAuthenticator", got, want)
			t.sameAuthenticator(want)
		}
		got, err := t.store.UpdateAuthenticatorCounter(t.ctx, "c", 8)
		t.ok("UpdateAuthenticatorCounter", err)
		want.Counter = 8
		t.equal("UpdateAuthenticatorCounter after the updates", got, want)
		t.sameAuthenticator(other)
	}},
	{ID: "PKY-014", Rule: "An update of an authenticator that breaks a rule is refused, and nothing is changed.", Source: "docs/contract.md R8", Run: func(t *T) {
		want := t.authenticator(t.user(ada).ID, "c")
		for field, up := range map[string]adapter.AuthenticatorUpdate{
			"Authenticator.Transports":       {CredentialBackedUp: new(false), Transports: &[]string{"usb,nfc"}},
			"Authenticator.Attributes":       {CredentialBackedUp: new(false), Attributes: adapter.Attributes{"counter": int64(0)}},
			"Authenticator.RemoveAttributes": {CredentialBackedUp: new(false), RemoveAttributes: []string{"credentialPublicKey"}},
		} {
			_, err := t.store.UpdateAuthenticator(t.ctx, "c", up)
			t.invalid("UpdateAuthenticator", err, field)
			t.sameAuthenticator(want)
		}
	}},
	{ID: "PKY-015", Rule: "Authenticators keep their attributes as users do.", Source: "adapter.Attributes", Run: func(t *T) {
		a := plainAuthenticator(t.user(ada).ID, "c")
		a.Attributes = fullAttributes()
		_, err := t.store.CreateAuthenticator(t.ctx, a)
		t.ok("CreateAuthenticator", err)
		_, err = t.Second().UpdateAuthenticator(t.ctx, "c", adapter.AuthenticatorUpdate{Attributes: adapter.Attributes{"role": "user"}, RemoveAttributes: []string{"active"}})
		t.ok("UpdateAuthenticator", err)
		want := changed(fullAttributes(), adapter.Attributes{"role": "user"}, []string{"active"})
		for _, s := range t.Both() {
			got, err := s.GetAuthenticator(t.ctx, "c")
			t.ok("GetAuthenticator", err)
			t.equal("Attributes", got.Attributes, want)
		}
	}},
	{ID: "PKY-016", Rule: "A sign-up with a passkey stores the user and the authenticator, which may name the new user.", Source: "adapter.Users.CreateUserWithAuthenticator", Run: func(t *T) {
		u, a := fullUser(ada), fullAuthenticator("", "c")
		gotUser, got, err := t.store.CreateUserWithAuthenticator(t.ctx, u, a)
		t.ok("CreateUserWithAuthenticator", err)
		u.ID, a.UserID = gotUser.ID, gotUser.ID
		t.equal("the user of CreateUserWithAuthenticator", gotUser, u)
		t.equal("the authenticator of CreateUserWithAuthenticator", got, a)
		t.sameUser(u)
		t.sameAuthenticator(a)
		id := t.NewID()
		gotUser, got, err = t.Second().CreateUserWithAuthenticator(t.ctx, adapter.User{ID: id}, plainAuthenticator(id, "d"))
		t.ok("CreateUserWithAuthenticator", err)
		t.equal("IDs", []string{gotUser.ID, got.UserID}, []string{id, id})
		t.sameAuthenticator(got)
	}},
	{ID: "PKY-017", Rule: "A sign-up with a passkey of which anything is taken is a conflict that names the field, and nothing of it is written.", Source: "docs/contract.md R5", Run: func(t *T) {
		u := t.user(ada)
		first := t.authenticator(u.ID, "c")
		id := t.NewID()
		_, _, err := t.Second().CreateUserWithAuthenticator(t.ctx, adapter.User{ID: id, Email: email(grace)}, plainAuthenticator("", "c"))
		t.conflict("CreateUserWithAuthenticator", err, adapter.FieldCredentialID)
		_, _, err = t.Second().CreateUserWithAuthenticator(t.ctx, adapter.User{ID: id, Email: email(ada)}, plainAuthenticator("", "d"))
		t.conflict("CreateUserWithAuthenticator", err, adapter.FieldUserEmail)
		t.noUser(id)
		_, _, err = t.Second().CreateUserWithAuthenticator(t.ctx, adapter.User{ID: u.ID, Email: email(grace)}, plainAuthenticator("", "d"))
		t.conflict("CreateUserWithAuthenticator", err, adapter.FieldUserID)
		t.noAuthenticator("d")
		t.freeEmail(email(grace))
		t.sameUser(u)
		t.sameAuthenticator(first)
		t.authenticators(u.ID, first)
		_, a, err := t.store.CreateUserWithAuthenticator(t.ctx, adapter.User{ID: id, Email: email(alan)}, plainAuthenticator("", "d"))
		t.ok("CreateUserWithAuthenticator", err)
		t.sameAuthenticator(a)
	}},
	{ID: "PKY-018", Rule: "A sign-up with a passkey that breaks a rule is refused, and nothing of it is written.", Source: "docs/contract.md R8", Run: func(t *T) {
		id := t.NewID()
		for field, a := range map[string]adapter.Authenticator{
			"Authenticator.UserID":              plainAuthenticator(t.NewID(), "c"),
			"Authenticator.CredentialPublicKey": {CredentialID: "c"},
			"Authenticator.Transports":          {CredentialID: "c", CredentialPublicKey: "key", Transports: []string{"a,b"}},
			adapter.FieldCredentialID:           {CredentialPublicKey: "key"},
		} {
			_, _, err := t.store.CreateUserWithAuthenticator(t.ctx, adapter.User{ID: id, Email: email(ada)}, a)
			t.invalid("CreateUserWithAuthenticator", err, field)
			t.noUser(id)
			t.noAuthenticator("c")
		}
		t.freeEmail(email(ada))
	}},
	{ID: "PKY-019", Rule: "A passkey of a sign-up goes with its user, and its credential ID is free again.", Source: "docs/contract.md R14", Run: func(t *T) {
		u, _, err := t.store.CreateUserWithAuthenticator(t.ctx, adapter.User{Email: email(ada)}, plainAuthenticator("", "c"))
		t.ok("CreateUserWithAuthenticator", err)
		t.ok("DeleteUser", t.Second().DeleteUser(t.ctx, u.ID))
		t.noAuthenticator("c")
		_, a, err := t.store.CreateUserWithAuthenticator(t.ctx, adapter.User{Email: email(ada)}, plainAuthenticator("", "c"))
		t.ok("CreateUserWithAuthenticator", err)
		t.sameAuthenticator(a)
	}},
}

// sameAuthenticator fails the test unless both adapters read an authenticator as
// want, alone and in its user's list.
func (t *T) sameAuthenticator(want adapter.Authenticator) {
	t.Helper()
	for _, a := range t.Both() {
		got, err := a.GetAuthenticator(t.ctx, want.CredentialID)
		t.ok("GetAuthenticator", err)
		t.equal("GetAuthenticator", got, want)
		all, err := a.ListAuthenticators(t.ctx, want.UserID)
		t.ok("ListAuthenticators", err)
		i := slices.IndexFunc(all, func(a adapter.Authenticator) bool { return a.CredentialID == want.CredentialID })
		if i < 0 {
			t.Errorf("ListAuthenticators\n  got:  none with the credential ID\n  want: the authenticator")
			continue
		}
		t.equal("the authenticator in ListAuthenticators", all[i], want)
	}
}

// noAuthenticator fails the test if there is an authenticator with an ID.
func (t *T) noAuthenticator(credentialID string) {
	t.Helper()
	for _, a := range t.Both() {
		_, err := a.GetAuthenticator(t.ctx, credentialID)
		t.is("GetAuthenticator", err, adapter.ErrNotFound)
	}
}

// authenticators fails the test unless a user's list is want, in any order.
func (t *T) authenticators(userID string, want ...adapter.Authenticator) {
	t.Helper()
	byID := func(a, b adapter.Authenticator) int { return strings.Compare(a.CredentialID, b.CredentialID) }
	for _, a := range t.Both() {
		got, err := a.ListAuthenticators(t.ctx, userID)
		t.ok("ListAuthenticators", err)
		t.equal("ListAuthenticators", slices.SortedFunc(slices.Values(got), byID), slices.SortedFunc(slices.Values(want), byID))
	}
}
