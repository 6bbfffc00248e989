package upstash

import (
	"context"
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	r := record{}
	r.setAuthenticator(a)
	value, err := r.String()
	if err != nil {
		return a, err
	}
	err = s.own(ctx, a.UserID, s.authenticatorKeys(a), s.layout.key(authenticatorList, a.UserID), value, time.Time{}, a.CredentialID)
	switch {
	case errors.Is(err, errAbsent):
		err = adapter.Invalid("Authenticator.UserID", "must be the ID of a user")
	case errors.Is(err, errHeld):
		err = adapter.Conflict(adapter.FieldCredentialID)
	}
	return a, err
}

func (s *store) authenticatorKeys(a adapter.Authenticator) []string {
	return s.layout.authenticator(a.CredentialID)
}

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	f, err := s.owned(ctx, s.layout.authenticator(credentialID), credentialID)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return s.authenticatorWithID(credentialID, f.value)
}

// authenticatorWithID reads an authenticator: what has another ID is not it.
func (s *store) authenticatorWithID(id, value string) (adapter.Authenticator, error) {
	a, err := s.layout.decodeAuthenticator(s.layout.authenticator(id)[0], value)
	if err == nil && a.CredentialID != id {
		err = adapter.ErrNotFound
	}
	return a, err
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return owns(ctx, s, authenticators, userID, s.layout.decodeAuthenticator, s.authenticatorKeys)
}

func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	var a adapter.Authenticator
	err := s.update(ctx, s.layout.authenticator(credentialID), credentialID, func(value string) (after string, _ time.Time, err error) {
		if a, err = s.authenticatorWithID(credentialID, value); err != nil {
			return "", time.Time{}, err
		}
		if !adapter.CounterGrows(a.Counter, counter) {
			return "", time.Time{}, adapter.Conflict(adapter.FieldCounter)
		}
		was, is := record{}, record{}
		was.set("counter", a.Counter)
		is.set("counter", counter)
		a.Counter = counter
		after, err = changed(value, was, is, nil, nil)
		return after, time.Time{}, err
	})
	return a, err
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	return s.disown(ctx, s.layout.authenticator(credentialID), "credentialID", credentialID, authenticatorList)
}
