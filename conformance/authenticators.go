package conformance

import (
	"math"
	"slices"
	"strings"

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
		want := adapter.Authenticator{CredentialID: "c", UserID: t.user(ada).ID, CredentialPublicKey: "key"}
		given := want
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
	{ID: "PKY-006", Rule: "A counter that grows is stored, and nothing else changes.", Source: "docs/contract.md R17", Run: func(t *T) {
		want := t.authenticator(t.user(ada).ID, "c")
		for _, counter := range []uint32{8, 9, 1000, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
			got, err := t.store.UpdateAuthenticatorCounter(t.ctx, "c", counter)
			t.ok("UpdateAuthenticatorCounter", err)
			want.Counter = counter
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
