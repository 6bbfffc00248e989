package redis

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	err := s.createOwned(ctx, a.UserID, ownedAuthenticator(a))
	if errors.Is(err, errNoUser) {
		err = adapter.Invalid("Authenticator.UserID", "must be the ID of a user")
	}
	return a, err
}

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	id, record, _, err := s.getOwned(ctx, kindCredential, kindAuthenticators, escape(credentialID))
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return decodeAuthenticator(id, credentialID, record)
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return listOwned(ctx, s, kindAuthenticators, userID, func(field, record string) (adapter.Authenticator, error) {
		return decodeAuthenticator(userID, unescape(field), record)
	})
}

func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	result, id, record, err := s.updateOwned(ctx, counterUpdate, kindCredential, kindAuthenticators, escape(credentialID), counter, millis(s.options.Now()))
	if err != nil {
		return adapter.Authenticator{}, err
	}
	if result == "BEHIND" {
		return adapter.Authenticator{}, adapter.Conflict(adapter.FieldCounter)
	}
	return decodeAuthenticator(id, credentialID, record)
}

func (s *store) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	changes, err := encodeAuthenticatorUpdate(up, s.options.Now())
	if err != nil {
		return adapter.Authenticator{}, err
	}
	_, id, record, err := s.updateOwned(ctx, ownedUpdate, kindCredential, kindAuthenticators, escape(credentialID), changes)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return decodeAuthenticator(id, credentialID, record)
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	return s.deleteOwned(ctx, kindCredential, kindAuthenticators, escape(credentialID))
}
