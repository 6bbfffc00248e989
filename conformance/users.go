package conformance

import (
	"strings"
	"time"

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
		for _, a := range t.Both() {
			got, err := a.GetUserByAccount(t.ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
			t.ok("GetUserByAccount", err)
			t.equal("GetUserByAccount", got, want)
			_, got, err = a.GetSessionAndUser(t.ctx, t.session(want.ID).SessionToken)
			t.ok("GetSessionAndUser", err)
			t.equal("the user of GetSessionAndUser", got, want)
		}
	}},
	{ID: "USR-002", Rule: "A user without an ID gets one that no other user has.", Source: "adapter.Users.CreateUser", Run: func(t *T) {
		seen := map[string]bool{"": true}
		for i := range 5 {
			u := t.user(numbered(ada, i))
			if seen[u.ID] {
				t.Errorf("CreateUser\n  got:  the ID %q\n  want: a new one", u.ID)
			}
			seen[u.ID] = true
		}
	}},
	{ID: "USR-032", Rule: "NewID returns an ID that no user has, with which a user can be made.", Source: "adapter.Users.NewID", Run: func(t *T) {
		seen := map[string]bool{"": true}
		for i := range 5 {
			id := t.Both()[i%2].NewID()
			if seen[id] {
				t.Errorf("NewID\n  got:  %q\n  want: a new one", id)
			}
			seen[id] = true
			u, err := t.store.CreateUser(t.ctx, adapter.User{ID: id, Email: email(numbered(ada, i))})
			t.ok("CreateUser", err)
			t.equal("ID", u.ID, id)
			t.sameUser(u)
		}
	}},
	{ID: "USR-003", Rule: "A user with an ID keeps it.", Source: "adapter.Users.CreateUser", Run: func(t *T) {
		id := t.NewID()
		got, err := t.store.CreateUser(t.ctx, adapter.User{ID: id, Email: email(ada)})
		t.ok("CreateUser", err)
		t.equal("ID", got.ID, id)
		t.sameUser(got)
	}},
	{ID: "USR-004", Rule: "What a user does not have comes back as the zero value.", Source: "docs/contract.md R12", Run: func(t *T) {
		got := t.user(ada)
		want := adapter.User{ID: got.ID, Email: email(ada), CreatedAt: Start, UpdatedAt: Start}
		t.equal("CreateUser", got, want)
		t.sameUser(want)
	}},
	{ID: "USR-005", Rule: "Any number of users may have no e-mail address, and none of them is found by one.", Source: "docs/contract.md R5", Run: func(t *T) {
		for range 3 {
			u, err := t.store.CreateUser(t.ctx, adapter.User{Name: "nobody"})
			t.ok("CreateUser", err)
			got, err := t.Second().GetUser(t.ctx, u.ID)
			t.ok("GetUser", err)
			t.equal("GetUser", got, u)
		}
		_, err := t.store.GetUserByEmail(t.ctx, "")
		t.is("GetUserByEmail of nothing", err, adapter.ErrNotFound)
	}},
	{ID: "USR-006", Rule: "A user that is not there is ErrNotFound from every read, with the zero value.", Source: "docs/contract.md R1", Run: func(t *T) {
		t.user(ada)
		u, err := t.store.GetUser(t.ctx, t.NewID())
		t.is("GetUser", err, adapter.ErrNotFound)
		t.equal("GetUser", u, adapter.User{})
		u, err = t.store.GetUserByEmail(t.ctx, email(grace))
		t.is("GetUserByEmail", err, adapter.ErrNotFound)
		t.equal("GetUserByEmail", u, adapter.User{})
		u, err = t.store.GetUserByAccount(t.ctx, adapter.AccountKey{Provider: "github", ProviderAccountID: "1"})
		t.is("GetUserByAccount", err, adapter.ErrNotFound)
		t.equal("GetUserByAccount", u, adapter.User{})
	}},
	{ID: "USR-007", Rule: "A taken e-mail address is a conflict that names the field, and nothing is written.", Source: "docs/contract.md R5", Run: func(t *T) {
		first, id := t.user(ada), t.NewID()
		_, err := t.Second().CreateUser(t.ctx, adapter.User{ID: id, Email: email(ada), Name: "other"})
		t.conflict("CreateUser", err, adapter.FieldUserEmail)
		t.noUser(id)
		t.sameUser(first)
	}},
	{ID: "USR-008", Rule: "E-mail addresses that differ in case only are the same address.", Source: "adapter.NormalizeEmail", Run: func(t *T) {
		first := t.user(ada)
		_, err := t.store.CreateUser(t.ctx, adapter.User{Email: "ADA@Example.COM"})
		t.conflict("CreateUser", err, adapter.FieldUserEmail)
		got, err := t.store.GetUserByEmail(t.ctx, "aDa@EXAMPLE.com")
		t.ok("GetUserByEmail", err)
		t.equal("GetUserByEmail", got, first)
	}},
	{ID: "USR-009", Rule: "An e-mail address is kept in lower case and without white space around it.", Source: "adapter.NormalizeEmail", Run: func(t *T) {
		got, err := t.store.CreateUser(t.ctx, adapter.User{Email: " Ada.ÉLAN@Example.COM\t"})
		t.ok("CreateUser", err)
		t.equal("Email", got.Email, "ada.élan@example.com")
		t.sameUser(got)
		_, err = t.store.CreateUser(t.ctx, adapter.User{Email: "ADA.Élan@example.com"})
		t.conflict("CreateUser", err, adapter.FieldUserEmail)
	}},
	{ID: "USR-010", Rule: "A letter that only looks like an ASCII letter is another address.", Source: "adapter.NormalizeEmail", Run: func(t *T) {
		for _, alike := range [][2]string{{"kate@example.com", "\u212aate@example.com"}, {"ian@example.com", "\u0130an@example.com"}} {
			u, err := t.store.CreateUser(t.ctx, adapter.User{Email: alike[0]})
			t.ok("CreateUser", err)
			_, err = t.store.GetUserByEmail(t.ctx, alike[1])
			t.is("GetUserByEmail of the one that looks alike", err, adapter.ErrNotFound)
			other, err := t.store.CreateUser(t.ctx, adapter.User{Email: alike[1]})
			t.ok("CreateUser of the one that looks alike", err)
			t.sameUser(u)
			t.sameUser(other)
		}
	}},
	{ID: "USR-030", Rule: "An address with other dots in it, or with something after a plus sign, is another address.", Source: "adapter.NormalizeEmail", Run: func(t *T) {
		u := t.user(ada)
		for _, address := range []string{"a.da@example.com", "ada.@example.com", "ada+tag@example.com", "ada+@example.com", "ada@example.com.", "ada@sub.example.com"} {
			t.freeEmail(address)
		}
		t.sameUser(u)
	}},
	{ID: "USR-031", Rule: "An e-mail address is found, and taken by a sign-up, in every form that is the same address.", Source: "adapter.NormalizeEmail", Run: func(t *T) {
		u, _, err := t.store.CreateUserWithAccount(t.ctx, adapter.User{Email: " Ada.\u00c9LAN@Example.COM\t"}, plainAccount("", "github", "1"))
		t.ok("CreateUserWithAccount", err)
		t.equal("Email", u.Email, "ada.\u00e9lan@example.com")
		for i, form := range []string{u.Email, "ADA.\u00c9LAN@EXAMPLE.COM", "ada.\u00c9lan@example.com", " " + u.Email, u.Email + "\n"} {
			got, err := t.Second().GetUserByEmail(t.ctx, form)
			t.ok("GetUserByEmail", err)
			t.equal("GetUserByEmail", got, u)
			_, _, err = t.store.CreateUserWithAccount(t.ctx, adapter.User{Email: form}, plainAccount("", "gitlab", numbered("a", i)))
			t.conflict("CreateUserWithAccount", err, adapter.FieldUserEmail)
		}
	}},
	{ID: "USR-011", Rule: "A taken ID is a conflict that names the field, and nothing is written: the e-mail address stays free.", Source: "docs/contract.md R5", Run: func(t *T) {
		first := t.user(ada)
		_, err := t.Second().CreateUser(t.ctx, adapter.User{ID: first.ID, Email: email(grace)})
		t.conflict("CreateUser", err, adapter.FieldUserID)
		t.sameUser(first)
		t.freeEmail(email(grace))
	}},
	{ID: "USR-012", Rule: "A sign-up stores the user and its account.", Source: "adapter.Users.CreateUserWithAccount", Run: func(t *T) {
		u, acc := fullUser(ada), fullAccount("", "github", "1")
		gotUser, gotAccount, err := t.store.CreateUserWithAccount(t.ctx, u, acc)
		t.ok("CreateUserWithAccount", err)
		u.ID, acc.UserID = gotUser.ID, gotUser.ID
		t.equal("the user of CreateUserWithAccount", gotUser, u)
		t.equal("the account of CreateUserWithAccount", gotAccount, acc)
		t.sameUser(u)
		t.sameAccount(acc)
	}},
	{ID: "USR-013", Rule: "A sign-up may give both records the new user's ID.", Source: "adapter.Users.CreateUserWithAccount", Run: func(t *T) {
		id := t.NewID()
		u, acc, err := t.store.CreateUserWithAccount(t.ctx, adapter.User{ID: id}, plainAccount(id, "github", "1"))
		t.ok("CreateUserWithAccount", err)
		t.equal("IDs", []string{u.ID, acc.UserID}, []string{id, id})
	}},
	{ID: "USR-014", Rule: "A sign-up with a taken account leaves no user behind.", Source: "adapter.Users.CreateUserWithAccount", Run: func(t *T) {
		first := t.user(ada)
		acc, id := t.account(first.ID, "github", "1"), t.NewID()
		_, _, err := t.Second().CreateUserWithAccount(t.ctx, adapter.User{ID: id, Email: email(grace)}, plainAccount("", "github", "1"))
		t.conflict("CreateUserWithAccount", err, adapter.FieldAccount)
		t.noUser(id)
		t.freeEmail(email(grace))
		t.sameAccount(acc)
	}},
	{ID: "USR-015", Rule: "A sign-up with a taken e-mail address or ID leaves no account behind.", Source: "adapter.Users.CreateUserWithAccount", Run: func(t *T) {
		first := t.user(ada)
		_, _, err := t.store.CreateUserWithAccount(t.ctx, adapter.User{Email: email(ada)}, plainAccount("", "github", "1"))
		t.conflict("CreateUserWithAccount", err, adapter.FieldUserEmail)
		_, _, err = t.store.CreateUserWithAccount(t.ctx, adapter.User{ID: first.ID, Email: email(grace)}, plainAccount("", "github", "2"))
		t.conflict("CreateUserWithAccount", err, adapter.FieldUserID)
		t.account(first.ID, "github", "1")
		t.account(first.ID, "github", "2")
		t.freeEmail(email(grace))
	}},
	{ID: "USR-016", Rule: "A sign-up whose account names another user is refused.", Source: "docs/contract.md R8", Run: func(t *T) {
		first := t.user(ada)
		_, _, err := t.store.CreateUserWithAccount(t.ctx, adapter.User{Email: email(grace)}, plainAccount(first.ID, "github", "1"))
		t.invalid("CreateUserWithAccount", err, "Account.UserID")
		t.freeEmail(email(grace))
		t.noAccount("github", "1")
	}},
	{ID: "USR-017", Rule: "An update changes the fields that it names and no other.", Source: "docs/contract.md R13", Run: func(t *T) {
		updates := map[string]adapter.UserUpdate{
			"Name":          {Name: new("Grace")},
			"Email":         {Email: new(email(grace))},
			"EmailVerified": {EmailVerified: new(Start)},
			"Image":         {Image: new("https://example.com/grace.png")},
			"Attributes":    {Attributes: adapter.Attributes{"role": "user", "new": int64(1)}, RemoveAttributes: []string{"active"}},
			"nothing":       {},
		}
		for name, up := range inOrder(updates) {
			u, err := t.store.CreateUser(t.ctx, fullUser(ada))
			t.ok("CreateUser", err)
			t.Clock.Advance(time.Second)
			want := u
			up.Apply(&want, t.Clock.Now())
			got, err := t.store.UpdateUser(t.ctx, u.ID, up)
			t.ok("UpdateUser of "+name, err)
			t.equal("UpdateUser of "+name, got, want)
			t.sameUser(want)
			t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		}
	}},
	{ID: "USR-018", Rule: "An update to the zero value removes a field.", Source: "adapter.UserUpdate", Run: func(t *T) {
		u, err := t.store.CreateUser(t.ctx, fullUser(ada))
		t.ok("CreateUser", err)
		got, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: new(""), Email: new(""), EmailVerified: new(time.Time{}), Image: new("")})
		t.ok("UpdateUser", err)
		want := adapter.User{ID: u.ID, Attributes: u.Attributes, CreatedAt: u.CreatedAt, UpdatedAt: Start}
		t.equal("UpdateUser", got, want)
		got, err = t.Second().GetUser(t.ctx, u.ID)
		t.ok("GetUser", err)
		t.equal("GetUser", got, want)
		t.freeEmail(email(ada))
	}},
	{ID: "USR-019", Rule: "An update of a user that is not there is ErrNotFound and creates nothing.", Source: "docs/contract.md R13", Run: func(t *T) {
		id := t.NewID()
		for _, up := range []adapter.UserUpdate{{Name: new("ghost")}, {Email: new(email(ada))}, {}} {
			_, err := t.store.UpdateUser(t.ctx, id, up)
			t.is("UpdateUser", err, adapter.ErrNotFound)
			t.noUser(id)
		}
		t.freeEmail(email(ada))
	}},
	{ID: "USR-020", Rule: "A user with a new e-mail address is found by it and not by the old one, which is free.", Source: "docs/contract.md R5", Run: func(t *T) {
		u := t.user(ada)
		got, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: new(email(grace))})
		t.ok("UpdateUser", err)
		t.sameUser(got)
		t.freeEmail(email(ada))
		_, err = t.Second().CreateUser(t.ctx, adapter.User{Email: email(grace)})
		t.conflict("CreateUser with the new address", err, adapter.FieldUserEmail)
	}},
	{ID: "USR-021", Rule: "A change to a taken e-mail address is a conflict and changes nothing, the other fields of the update included.", Source: "docs/contract.md R5", Run: func(t *T) {
		u, other := t.user(ada), t.user(grace)
		_, err := t.Second().UpdateUser(t.ctx, u.ID, adapter.UserUpdate{
			Name: new("changed"), Email: new(strings.ToUpper(email(grace))), Attributes: adapter.Attributes{"role": "admin"},
		})
		t.conflict("UpdateUser", err, adapter.FieldUserEmail)
		t.sameUser(u)
		t.sameUser(other)
	}},
	{ID: "USR-022", Rule: "A user may be given its own e-mail address, in any case.", Source: "docs/contract.md R5", Run: func(t *T) {
		u := t.user(ada)
		got, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: new("ADA@example.com"), Name: new("Ada")})
		t.ok("UpdateUser", err)
		u.Name = "Ada"
		t.equal("UpdateUser", got, u)
		t.sameUser(u)
	}},
	{ID: "USR-023", Rule: "An e-mail address can be taken away and given again, and is unique each time.", Source: "docs/contract.md R5", Run: func(t *T) {
		u := t.user(ada)
		_, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: new("")})
		t.ok("UpdateUser to none", err)
		other := t.user(ada)
		_, err = t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: new(email(ada))})
		t.conflict("UpdateUser to the address that is another's now", err, adapter.FieldUserEmail)
		got, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: new(email(grace))})
		t.ok("UpdateUser to a free address", err)
		t.sameUser(got)
		t.sameUser(other)
	}},
	{ID: "USR-024", Rule: "E-mail addresses can be handed round, and there and back.", Source: "docs/contract.md R5", Run: func(t *T) {
		a, b := t.user(ada), t.user(grace)
		move := func(u *adapter.User, name string) {
			got, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Email: new(email(name))})
			t.ok("UpdateUser", err)
			*u = got
		}
		for range 3 {
			move(&a, alan)
			move(&b, ada)
			move(&a, grace)
			t.sameUser(a)
			t.sameUser(b)
			t.freeEmail(email(alan))
			move(&a, alan)
			move(&b, grace)
			move(&a, ada)
		}
		t.sameUser(a)
		t.sameUser(b)
	}},
	{ID: "USR-025", Rule: "A deleted user is gone from every read, and its e-mail address, ID and accounts are free.", Source: "docs/contract.md R14", Run: func(t *T) {
		u := t.user(ada)
		acc := t.account(u.ID, "github", "1")
		t.ok("DeleteUser", t.Second().DeleteUser(t.ctx, u.ID))
		t.noUser(u.ID)
		t.noAccount(acc.Provider, acc.ProviderAccountID)
		_, err := t.store.GetUserByEmail(t.ctx, email(ada))
		t.is("GetUserByEmail", err, adapter.ErrNotFound)
		again, err := t.store.CreateUser(t.ctx, adapter.User{ID: u.ID, Email: email(ada)})
		t.ok("CreateUser with the same ID and address", err)
		t.account(again.ID, "github", "1")
	}},
	{ID: "USR-026", Rule: "Deleting a user that is not there is no error.", Source: "docs/contract.md R1", Run: func(t *T) {
		u := t.user(ada)
		t.ok("DeleteUser of nobody", t.store.DeleteUser(t.ctx, t.NewID()))
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
		t.ok("DeleteUser again", t.store.DeleteUser(t.ctx, u.ID))
	}},
	{ID: "USR-027", Rule: "CreatedAt and UpdatedAt are the clock's time where none is given; an update moves UpdatedAt only.", Source: "adapter.User", Run: func(t *T) {
		u := t.user(ada)
		t.equal("times of CreateUser", []time.Time{u.CreatedAt, u.UpdatedAt}, []time.Time{Start, Start})
		t.Clock.Advance(1500 * time.Millisecond)
		u, err := t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: new("Ada")})
		t.ok("UpdateUser", err)
		t.equal("times of UpdateUser", []time.Time{u.CreatedAt, u.UpdatedAt}, []time.Time{Start, Start.Add(1500 * time.Millisecond)})
		t.sameUser(u)
		past := Start.Add(-time.Hour)
		u, err = t.store.CreateUser(t.ctx, adapter.User{CreatedAt: past})
		t.ok("CreateUser with CreatedAt", err)
		t.equal("times", []time.Time{u.CreatedAt, u.UpdatedAt}, []time.Time{past, past})
	}},
	{ID: "USR-028", Rule: "Long texts of 64 KiB are kept, longer ones refused.", Source: "adapter, Limits", Run: func(t *T) {
		long := strings.Repeat("0123456789abcdé", 4096) // 16 bytes each
		u, err := t.store.CreateUser(t.ctx, adapter.User{Name: long, Image: long, Email: email(ada)})
		t.ok("CreateUser", err)
		t.equal("long texts kept", u.Name == long && u.Image == long, true)
		t.sameUser(u)
		other := t.user(grace)
		got, err := t.store.UpdateUser(t.ctx, other.ID, adapter.UserUpdate{Name: &long, Image: &long})
		t.ok("UpdateUser", err)
		t.equal("long texts kept by an update", got.Name == long && got.Image == long, true)
		t.sameUser(got)
		_, err = t.store.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Image: new(long + "!")})
		t.invalid("UpdateUser", err, "User.Image")
		_, err = t.store.CreateUser(t.ctx, adapter.User{Name: long + "!"})
		t.invalid("CreateUser", err, "User.Name")
		t.sameUser(u)
	}},
	{ID: "USR-029", Rule: "What one adapter wrote, another one on the same store sees at once.", Source: "docs/contract.md R4", Run: func(t *T) {
		u := t.user(ada)
		for i := range 10 {
			writer, reader := t.Both()[i%2], t.Both()[(i+1)%2]
			got, err := writer.UpdateUser(t.ctx, u.ID, adapter.UserUpdate{Name: new(numbered("name", i)), Email: new(email(numbered("e", i)))})
			t.ok("UpdateUser", err)
			seen, err := reader.GetUserByEmail(t.ctx, got.Email)
			t.ok("GetUserByEmail by the other adapter", err)
			t.equal("GetUserByEmail by the other adapter", seen, got)
		}
	}},
}

// sameUser fails the test unless both adapters read a user as want.
func (t *T) sameUser(want adapter.User) {
	t.Helper()
	for _, a := range t.Both() {
		got, err := a.GetUser(t.ctx, want.ID)
		t.ok("GetUser", err)
		t.equal("GetUser", got, want)
		if want.Email == "" {
			continue
		}
		got, err = a.GetUserByEmail(t.ctx, want.Email)
		t.ok("GetUserByEmail", err)
		t.equal("GetUserByEmail", got, want)
	}
}

// noUser fails the test if there is a user with an ID.
func (t *T) noUser(id string) {
	t.Helper()
	for _, a := range t.Both() {
		_, err := a.GetUser(t.ctx, id)
		t.is("GetUser", err, adapter.ErrNotFound)
	}
}

// freeEmail fails the test unless an address leads to nobody and can be taken. It
// is free again after it.
func (t *T) freeEmail(address string) {
	t.Helper()
	_, err := t.Second().GetUserByEmail(t.ctx, address)
	t.is("GetUserByEmail of a free address", err, adapter.ErrNotFound)
	u, err := t.store.CreateUser(t.ctx, adapter.User{Email: address})
	t.ok("CreateUser with a free address", err)
	t.ok("DeleteUser", t.store.DeleteUser(t.ctx, u.ID))
}
