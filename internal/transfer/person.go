package transfer

import (
	"context"
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
)

// person is a user with all that belongs to it and can be listed.
type person struct {
	user           adapter.User
	accounts       []adapter.Account
	authenticators []adapter.Authenticator
	sessions       []adapter.Session
}

// read returns a user with what belongs to it.
func read(ctx context.Context, store adapter.Adapter, u adapter.User) (p person, err error) {
	p.user = u
	if p.accounts, err = store.ListAccounts(ctx, u.ID); err != nil {
		return p, err
	}
	if p.authenticators, err = store.ListAuthenticators(ctx, u.ID); err != nil {
		return p, err
	}
	p.sessions, err = store.ListSessions(ctx, u.ID)
	return p, err
}

// find returns the person with an ID, and false if there is none.
func find(ctx context.Context, store adapter.Adapter, id string) (person, bool, error) {
	u, err := store.GetUser(ctx, id)
	if errors.Is(err, adapter.ErrNotFound) {
		return person{}, false, nil
	}
	if err != nil {
		return person{}, false, err
	}
	p, err := read(ctx, store, u)
	return p, err == nil, err
}

// live leaves out the sessions that have expired: one store may have listed them just before,
// and the other one not any more.
func (p person) live(now time.Time) person {
	var live []adapter.Session
	for _, s := range p.sessions {
		if now.Before(s.Expires) {
			live = append(live, s)
		}
	}
	p.sessions = live
	return p
}

// written reports whether anything of the person was written at a time or later. What has no
// time of writing, because a program without the contract wrote it, may have been.
func (p person) written(since time.Time) bool {
	newer := func(t time.Time) bool { return t.IsZero() || !t.Before(since) }
	if newer(p.user.UpdatedAt) {
		return true
	}
	for _, a := range p.accounts {
		if newer(a.UpdatedAt) {
			return true
		}
	}
	for _, a := range p.authenticators {
		if newer(a.UpdatedAt) {
			return true
		}
	}
	for _, s := range p.sessions {
		if newer(s.UpdatedAt) {
			return true
		}
	}
	return false
}
