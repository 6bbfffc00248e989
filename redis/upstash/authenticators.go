package upstash

import (
	"context"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	b, err := s.ownedAuthenticator(a)
	if err != nil {
		return a, err
	}
	return a, s.createOwned(ctx, a.UserID, b)
}

func (s *store) ownedAuthenticator(a adapter.Authenticator) (ownedRecord, error) {
	r := record{}
	setAuthenticator(r, a)
	value, err := r.WithAttributes(a.Attributes, nil)
	return ownedRecord{
		record: driver.AuthenticatorRecord, field: adapter.FieldCredentialID,
		keys: s.authenticatorKeys(a), list: s.layout.key(authenticatorList, a.UserID), value: value, credential: a.CredentialID,
	}, err
}

func (s *store) authenticatorKeys(a adapter.Authenticator) []string {
	return s.layout.authenticator(a.CredentialID)
}

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	f, err := s.getOwned(ctx, s.layout.authenticator(credentialID), credentialID)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return s.authenticatorWithID(credentialID, f.value)
}

// authenticatorWithID reads an authenticator. A record with another ID in it is not the
// authenticator.
func (s *store) authenticatorWithID(id, value string) (adapter.Authenticator, error) {
	a, err := s.layout.decodeAuthenticator(s.layout.authenticator(id)[0], value)
	if err == nil && a.CredentialID != id {
		err = adapter.ErrNotFound
	}
	return a, err
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return listOwned(ctx, s, authenticators, userID, s.layout.decodeAuthenticator, s.authenticatorKeys)
}

func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	return s.updateAuthenticator(ctx, credentialID, adapter.AuthenticatorUpdate{}, func(a *adapter.Authenticator) error {
		if !driver.CounterGrows(a.Counter, counter) {
			return adapter.Conflict(adapter.FieldCounter)
		}
		a.Counter = counter
		return nil
	})
}

func (s *store) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	return s.updateAuthenticator(ctx, credentialID, up, func(*adapter.Authenticator) error { return nil })
}

// updateAuthenticator applies change and an update to an authenticator.
func (s *store) updateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate, change func(*adapter.Authenticator) error) (adapter.Authenticator, error) {
	var a adapter.Authenticator
	err := s.updateOwned(ctx, s.layout.authenticator(credentialID), credentialID, func(value string) (after string, _ time.Time, err error) {
		if a, err = s.authenticatorWithID(credentialID, value); err != nil {
			return "", time.Time{}, err
		}
		oldFields, newFields := record{}, record{}
		setAuthenticator(oldFields, a)
		if err = change(&a); err != nil {
			return "", time.Time{}, err
		}
		up.Apply(&a, s.options.Now())
		setAuthenticator(newFields, a)
		after, err = jsonrecord.Changed(value, oldFields, newFields, up.Attributes, up.RemoveAttributes, nil)
		return after, time.Time{}, err
	})
	return a, err
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	return s.deleteOwned(ctx, s.layout.authenticator(credentialID), "credentialID", credentialID, authenticatorList)
}
