package driver

import (
	"context"
	"errors"
	"testing"

	"github.com/authstore/authstore/adapter"
)

// heard keeps what the backend was given.
type heard struct {
	adapter.Adapter
	options adapter.Options
	user    adapter.User
	isNew   bool
}

func (h *heard) CreateUser(_ context.Context, u adapter.User) (_ adapter.User, err error) {
	h.isNew, err = Identify(h.options, &u)
	h.user = u
	return u, err
}

func TestABackendKnowsWhetherAnIDIsNew(t *testing.T) {
	for given, want := range map[string]string{"": "made", "given": "given"} {
		o := adapter.Options{NewID: func() string { return "made" }}
		inner := &heard{options: o}
		u, err := Guard(inner, "b", o, nil).CreateUser(t.Context(), adapter.User{ID: given})
		if err != nil || u.ID != want || inner.isNew != (given == "") {
			t.Errorf("with the ID %q: got %q, %v, new: %t", given, u.ID, err, inner.isNew)
		}
	}
}

func TestAnIDThatCannotBeIsRefused(t *testing.T) {
	o := adapter.Options{NewID: func() string { return "" }}
	_, err := Guard(&heard{options: o}, "b", o, nil).CreateUser(t.Context(), adapter.User{})
	if !errors.Is(err, adapter.ErrInvalid) {
		t.Errorf("got %v, want it refused", err)
	}
}

// failing is a backend that returns errors of its driver, and has an optional interface.
type failing struct{ adapter.Adapter }

var errDriver = errors.New("hunter2 is wrong")

func (failing) GetUser(context.Context, string) (adapter.User, error) {
	return adapter.User{}, errDriver
}
func (failing) DeleteUser(context.Context, string) error { return errDriver }
func (failing) ListAccounts(context.Context, string) ([]adapter.Account, error) {
	return nil, errDriver
}
func (failing) Ping(context.Context) error { return errDriver }
func (failing) Close() error               { return errDriver }

func TestEveryErrorOfABackendIsOfAKind(t *testing.T) {
	a := Guard(failing{}, "b", adapter.Options{}, func(err error) error { return Caused(adapter.ErrUnavailable, err) })
	pinger, ok := adapter.As[adapter.Pinger](a)
	if !ok {
		t.Fatal("no Pinger found")
	}
	_, get := a.GetUser(t.Context(), "u")
	_, list := a.ListAccounts(t.Context(), "u")
	for op, err := range map[string]error{"GetUser": get, "ListAccounts": list, "DeleteUser": a.DeleteUser(t.Context(), "u"), "Ping": pinger.Ping(t.Context()), "Close": a.Close()} {
		var e *adapter.Error
		if !errors.As(err, &e) || e.Op != op || !errors.Is(err, adapter.ErrUnavailable) || !errors.Is(err, errDriver) {
			t.Errorf("%s: got %v, want it unavailable", op, err)
		}
	}
	if err := pinger.Ping(t.Context()); !errors.Is(err, adapter.ErrClosed) {
		t.Errorf("Ping after Close: got %v", err)
	}
}
