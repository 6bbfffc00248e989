package conformance

import (
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/authstore/authstore/adapter"
)

var userTests = []Test{
	{ID: "USR-001", Rule: "A user comes back from every read as it was written, field by field.", Source: "docs/contract.md R12", Run: func(t *T) {
		want := fullUser(ada)
		got, err := t.store.CreateUser(t.ctx, want)
		t.ok("CreateUser", err)
		want.ID = got.ID
		t.equal("CreateUser", got, want)
		t.account(got.ID, "github", "1")
		t.sameUser(want)
	}},
}

// sameUser fails the test unless every read of a user with an e-mail address gives
// want.
func (t *T) sameUser(want adapter.User) {
	t.Helper()
	for _, a := range t.Both() {
		got, err := a.GetUser(t.ctx, want.ID)
		t.ok("GetUser", err)
		t.equal("GetUser", got, want)
		got, err = a.GetUserByEmail(t.ctx, want.Email)
		t.ok("GetUserByEmail", err)
		t.equal("GetUserByEmail", got, want)
	}
}

var _ = cmp.Diff
var _ = cmpopts.EquateEmpty
var _ = time.Now
