package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	of := args{"authenticator": encodeAuthenticator(a), "credentialID": a.CredentialID}
	return a, s.own(ctx, createAuthenticator, a.UserID, "Authenticator", adapter.FieldCredentialID, of)
}

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	d, err := s.one(ctx, getAuthenticator, args{"credentialID": credentialID}, "authenticator")
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return decodeAuthenticator(d, s.names.Authenticators)
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	if !isID(userID) {
		return nil, nil
	}
	return list(ctx, s, listAuthenticators, args{"id": userID}, func(d doc) (adapter.Authenticator, bool) {
		a, err := decodeAuthenticator(d, s.names.Authenticators)
		return a, err == nil
	})
}

func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	r, err := s.query(ctx, updateCounter, args{"credentialID": credentialID, "counter": counter})
	if err != nil {
		return adapter.Authenticator{}, err
	}
	d := fields(r["authenticator"])
	if d == nil {
		return adapter.Authenticator{}, adapter.ErrNotFound
	}
	a, err := decodeAuthenticator(d, s.names.Authenticators)
	if err == nil && r["grows"] != true {
		err = adapter.Conflict(adapter.FieldCounter)
	}
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return a, nil
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	_, err := s.query(ctx, deleteAuthenticator, args{"credentialID": credentialID})
	return err
}
