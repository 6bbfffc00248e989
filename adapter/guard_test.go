package adapter

import (
	"context"
	"testing"
)

// heard keeps whether the ID of the last user was a new one.
type heard struct {
	Adapter
	id    string
	isNew bool
}

func (h *heard) CreateUser(ctx context.Context, u User) (User, error) {
	h.id, h.isNew = u.ID, IsNewID(ctx)
	return u, nil
}

func (h *heard) CreateUserWithAccount(ctx context.Context, u User, a Account) (User, Account, error) {
	h.id, h.isNew = u.ID, IsNewID(ctx)
	return u, a, nil
}

func TestABackendHearsWhetherAnIDIsNew(t *testing.T) {
	inner := &heard{}
	a := Guard(inner, "b", Options{NewID: func() string { return "made" }})
	account := Account{Type: AccountOAuth, Provider: "github", ProviderAccountID: "1"}
	for _, given := range []string{"", "given"} {
		for name, create := range map[string]func() error{
			"CreateUser": func() error { _, err := a.CreateUser(t.Context(), User{ID: given}); return err },
			"CreateUserWithAccount": func() error {
				_, _, err := a.CreateUserWithAccount(t.Context(), User{ID: given}, account)
				return err
			},
		} {
			if err := create(); err != nil {
				t.Fatal(err)
			}
			if inner.isNew != (given == "") || inner.isNew != (inner.id == "made") {
				t.Errorf("%s with the ID %q: the backend is given %q, new: %t", name, given, inner.id, inner.isNew)
			}
		}
	}
}
